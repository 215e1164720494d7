// SPDX-License-Identifier: Apache-2.0
// Running the whole pipeline as a child process and reading its summary.
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/bench.h"
#include "net/http_client.h"

extern char **environ;

struct child {
    pid_t pid;
    FILE *output;
    char monitor[512]; // its address
    int64_t began_ns;
};

static enum status spawn_child(const char *const *arguments, struct child *child, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return err_set(err, FATAL, ERR_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    child->began_ns = clock_mono_ns();
    int why = posix_spawn(&child->pid, "/proc/self/exe", &actions, NULL, (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    child->output = fdopen(ends[0], "r");
    if (!child->output) abort();
    return why ? err_set(err, FATAL, ERR_INTERNAL, "cannot start the pipeline: %s", strerror(why)) : OK;
}

static enum status find_address(struct child *child, struct err *err)
{
    static const char mark[] = "monitoring: listening on ";
    char line[512];
    while (fgets(line, sizeof line, child->output)) {
        if (strncmp(line, mark, sizeof mark - 1)) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(child->monitor, sizeof child->monitor, "%s", line + sizeof mark - 1);
        return OK;
    }
    return err_set(err, FATAL, ERR_INTERNAL, "the pipeline did not start");
}

static enum status wait_ready(const struct child *child, struct err *err)
{
    struct http_client *client = http_client_new(2000);
    struct buf body;
    char url[600];
    int status = 0;
    int64_t deadline_ns = clock_deadline_ms(15000);
    buf_init(&body, BUF_MAX_HTTP_REPLY);
    snprintf(url, sizeof url, "%sreadyz", child->monitor);
    while (status != 200 && clock_mono_ns() < deadline_ns) {
        buf_reset(&body);
        if (http_client_request(client, "GET", url, NULL, (struct slice){0}, &status, &body, ERR_INTERNAL, err) != OK) status = 0;
        if (status != 200) clock_sleep_until(clock_deadline_ms(1));
    }
    buf_fini(&body);
    http_client_free(client);
    return status == 200 ? OK : err_set(err, FATAL, ERR_INTERNAL, "the pipeline did not get ready within 15 seconds");
}

static enum status read_summary(struct child *child, struct bench_run *out, struct err *err)
{
    char line[2048] = "", last[2048] = "";
    while (fgets(line, sizeof line, child->output)) memcpy(last, line, sizeof last);
    json_t *summary = json_loads(last, 0, NULL);
    if (!summary) return err_set(err, FATAL, ERR_INTERNAL, "the pipeline printed no summary");
    out->received = (uint64_t)json_integer_value(json_object_get(summary, "received"));
    out->stored = (uint64_t)json_integer_value(json_object_get(summary, "stored"));
    out->lost = json_integer_value(json_object_get(summary, "lost"));
    out->p50_ms = json_number_value(json_object_get(summary, "p50_ms"));
    out->p99_ms = json_number_value(json_object_get(summary, "p99_ms"));
    json_decref(summary);
    return OK;
}

// Reads what it has to say, and its end.
static enum status finish(struct child *child, struct bench_run *out, struct err *err)
{
    enum status status = read_summary(child, out, err);
    struct rusage usage;
    int code;
    while (wait4(child->pid, &code, 0, &usage) < 0 && errno == EINTR) {
    }
    out->resident_mib = (double)usage.ru_maxrss / 1024;
    out->cpu_seconds =
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    if (status == OK && code) status = err_set(err, FATAL, ERR_INTERNAL, "the pipeline ended with status %d", code);
    return status;
}

static enum status follow(const struct bench_load *load, struct child *child, struct bench_run *out, struct err *err)
{
    TRY(find_address(child, err));
    TRY(wait_ready(child, err));
    out->ready_ms = (double)(clock_mono_ns() - child->began_ns) / 1e6;
    int64_t feed_ns = clock_mono_ns();
    clock_sleep_until(clock_deadline_ms(load->ms));
    int64_t stop_ns = clock_mono_ns();
    kill(child->pid, SIGTERM);
    TRY(finish(child, out, err));
    out->seconds = (double)(stop_ns - feed_ns) / 1e9;
    out->stop_ms = (double)(clock_mono_ns() - stop_ns) / 1e6;
    return OK;
}

enum status bench_run(const struct bench *bench, const struct bench_load *load, struct bench_run *out, struct err *err)
{
    char data[128], rate_set[64], instruments_set[64];
    static int runs;
    snprintf(data, sizeof data, "data=%s/run%d", bench->folder, runs++);
    snprintf(rate_set, sizeof rate_set, "simulator.rate=%lld", (long long)load->rate);
    snprintf(instruments_set, sizeof instruments_set, "simulator.instruments=%lld", (long long)load->instruments);
    const char *const arguments[] = {"fdp",         "up",
                                     "--for",       "1h",
                                     "--log-level", "error",
                                     "--set",       data,
                                     "--set",       rate_set,
                                     "--set",       instruments_set,
                                     "--set",       "simulator.listen=127.0.0.1:0",
                                     "--set",       "streaming.registry.listen=127.0.0.1:0",
                                     "--set",       "monitoring.listen=127.0.0.1:0",
                                     NULL};
    struct child child = {0};
    TRY(spawn_child(arguments, &child, err));
    enum status status = follow(load, &child, out, err);
    if (status != OK) {
        kill(child.pid, SIGKILL);
        waitpid(child.pid, NULL, 0);
    }
    fclose(child.output);
    return status;
}
