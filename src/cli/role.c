// SPDX-License-Identifier: Apache-2.0
// Starting, waiting, stopping.
#include "cli/role.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/status_line.h"

enum {
    TICK_MS = 200,          // how often the loop turns
    DRAIN_LIMIT_MS = 20000, // after a signal; a second one ends at once
    DESCRIPTORS = 10000,    // that a process may have open: the servers' connections, and some
};

const char *role_registry_url(const struct config *config, char out[512])
{
    if (*config->streaming.registry.url) return config->streaming.registry.url;
    snprintf(out, 512, "http://%s", config->streaming.registry.listen);
    return out;
}

// --- Starting ---

static bool registry_part_ready(const void *part, const char **why)
{
    return registry_server_ready(part, why);
}

static enum status start_registry(struct role *role, struct err *err)
{
    struct registry_server_params params = {.config = role->app->config, .log = &role->app->log, .metrics = role->app->metrics};
    TRY(registry_server_start(&role->registry, &params, err));
    health_add(role->health, "registry", registry_part_ready, role->registry);
    return OK;
}

static const char *registry_url(const struct role *role, char out[512])
{
    return role->registry ? registry_server_url(role->registry) : role_registry_url(role->app->config, out);
}

static bool process_part_ready(const void *part, const char **why)
{
    return process_ready(part, why);
}

static bool simulator_part_ready(const void *part, const char **why)
{
    return simulator_ready(part, why);
}

static enum status start_simulator(struct role *role, struct err *err)
{
    TRY(simulator_start(&role->simulator, role->app->config, &role->app->log, role->app->metrics, err));
    health_add(role->health, "simulator", simulator_part_ready, role->simulator);
    return OK;
}

static bool signal_waits(void)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM);
}

// Asked again and again while a part waits for something outside: meanwhile the role is alive.
static bool asked_to_stop(void *context)
{
    struct role *role = context;
    health_beat(role->health);
    return signal_waits() || clock_mono_ns() >= role->end_ns;
}

// The registry of this process may have to be elected as the writer first.
static enum status load_schemas(struct role *role, struct err *err)
{
    struct registry_client *client;
    uint32_t loaded = 0;
    TRY(registry_client_open(&client, registry_server_url(role->registry), &role->app->log, role->app->metrics, err));
    enum status status;
    while ((status = registry_load(client, role->app->config->streaming.schemas, &role->app->log, &loaded, err)) == RETRY) {
        if (asked_to_stop(role)) break;
        clock_sleep_until(clock_deadline_ms(TICK_MS / 4));
    }
    registry_client_close(client);
    return status;
}

static void stored(void *context, const char *table, const struct batch *rows)
{
    struct role *role = context;
    board_update(role->board, table, rows);
}

static enum status start_process(struct role *role, bool alone, struct err *err)
{
    char url[512];
    struct process_params params = {.config = role->app->config,
                                    .registry_url = registry_url(role, url),
                                    .log = &role->app->log,
                                    .metrics = role->app->metrics,
                                    .alone = alone,
                                    .stopping = asked_to_stop,
                                    .stored = stored,
                                    .context = role};
    TRY(process_start(&role->process, &params, err));
    health_add(role->health, "processing", process_part_ready, role->process);
    return OK;
}

static enum status start_console(struct role *role, struct err *err)
{
    char url[512];
    struct watch_params params = {.config = role->app->config,
                                  .registry_url = registry_url(role, url),
                                  .log = &role->app->log,
                                  .metrics = role->app->metrics,
                                  .seen = board_update,
                                  .context = role->board};
    TRY(watch_start(&role->watch, &params, err));
    health_add(role->health, "console", watch_ready, role->watch);
    return OK;
}

static bool ingest_part_ready(const void *part, const char **why)
{
    const struct role *role = part;
    *why = "waits for the schema registry and its schemas";
    return atomic_load(&role->ingest_made) && ingest_ready(role->ingest, why);
}

static enum status make_ingest(struct role *role, struct err *err)
{
    char url[512];
    struct ingest_params params = {.config = role->app->config,
                                   .registry_url = registry_url(role, url),
                                   .log = &role->app->log,
                                   .metrics = role->app->metrics,
                                   .stopping = asked_to_stop,
                                   .context = role};
    if (role->simulator) {
        params.market_url = simulator_url(role->simulator);
        params.market_symbol_count = simulator_symbols(role->simulator, &params.market_symbols);
    }
    health_add(role->health, "ingestion", ingest_part_ready, role);
    TRY(ingest_new(&role->ingest, &params, err));
    atomic_store(&role->ingest_made, true);
    return OK;
}

// The servers' own limits on connections should be met before the system's on descriptors, which databases need too. None of our libraries
// uses select(2), for whose sake the soft limit is as low as 1024.
static void allow_descriptors(const struct log *log)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS) return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS) return;
    log_warn(log, "role", "few files may be open, so few connections are taken; raise the limit (ulimit -n)", "at-most",
             log_number((int64_t)limit.rlim_cur), "wanted", log_number(DESCRIPTORS));
}

// Each role has a port of its own unless the configuration names one, so that all of them can run on one machine.
static const char *monitor_address(const struct config *config, unsigned parts)
{
    if (*config->monitoring.listen) return config->monitoring.listen;
    switch (parts) {
    case ROLE_INGEST | ROLE_MONITOR: return "127.0.0.1:8083";
    case ROLE_PROCESS | ROLE_MONITOR: return "127.0.0.1:8084";
    case ROLE_SIMULATOR | ROLE_MONITOR: return "127.0.0.1:8085";
    default: return "127.0.0.1:8080";
    }
}

static enum status start_monitor(struct role *role, unsigned parts, struct err *err)
{
    const struct app *app = role->app;
    struct monitor_params params = {.listen = monitor_address(app->config, parts),
                                    .token = app->config->monitoring.token,
                                    .metrics = app->metrics,
                                    .health = role->health,
                                    .board = parts & (ROLE_PROCESS | ROLE_CONSOLE) ? role->board : NULL};
    return monitor_start(&role->monitor, &params, err);
}

// Everything that can fail comes first and the claim of the worker after it: a start that is refused takes nothing from a pipeline that
// runs. The worker before the feed, so that its backlog is what waited at the start.
static enum status start(struct role *role, unsigned parts, struct err *err)
{
    const struct app *app = role->app;
    if (parts & ROLE_LOCK) TRY(folder_lock_take(&role->lock, app->config->data, err));
    if (parts & ROLE_MONITOR) TRY(start_monitor(role, parts, err));
    if (parts & ROLE_REGISTRY) TRY(start_registry(role, err));
    if (parts & ROLE_REGISTRY && parts & ROLE_PROCESS) TRY(load_schemas(role, err));
    if (parts & ROLE_SIMULATOR) TRY(start_simulator(role, err));
    if (parts & ROLE_INGEST) TRY(make_ingest(role, err));
    if (parts & ROLE_PROCESS) TRY(start_process(role, parts & ROLE_INGEST, err));
    if (parts & ROLE_INGEST) ingest_run(role->ingest);
    if (parts & ROLE_CONSOLE) TRY(start_console(role, err));
    health_started(role->health);
    return OK;
}

static void say_addresses(const struct role *role)
{
    if (role->simulator) printf("simulator: listening on %s\n", simulator_url(role->simulator));
    if (role->registry) printf("registry: listening on %s\n", registry_server_url(role->registry));
    if (role->monitor) printf("monitoring: listening on %s/\n", monitor_url(role->monitor));
    if (isatty(STDOUT_FILENO)) printf("%sCtrl-C stops it.\n", role->monitor ? "Open that page in a browser. " : "");
    fflush(stdout);
}

// --- Waiting ---

static bool part_failed(const struct role *role)
{
    if (folder_lock_lost(&role->lock)) {
        log_error(&role->app->log, "up", "the data folder was removed or replaced; what comes now would be lost", "folder",
                  role->app->config->data);
        return true;
    }
    return (role->ingest && ingest_failed(role->ingest)) || (role->process && process_failed(role->process));
}

// Returns when it is time to stop.
static void wait_for_the_end(struct role *role, const sigset_t *signals)
{
    struct status_line line;
    status_line_open(&line, role->app->metrics, role->ingest || role->process);
    while (!part_failed(role) && clock_mono_ns() < role->end_ns) {
        health_beat(role->health);
        status_line_show(&line);
        struct timespec tick = {.tv_nsec = TICK_MS * MS_NS};
        int got = sigtimedwait(signals, NULL, &tick);
        if (got == SIGINT || got == SIGTERM) break;
        reload_look(&role->reload, got == SIGHUP, role->ingest, role->process);
    }
    status_line_close(&line);
}

// --- Stopping ---

static int stop(struct role *role)
{
    struct err err;
    int code = folder_lock_lost(&role->lock) ? ERR_STORAGE : EXIT_DONE;
    int64_t deadline_ns = clock_deadline_ms(DRAIN_LIMIT_MS);
    health_stopping(role->health);
    if (ingest_stop(role->ingest, deadline_ns, &role->ingested, &err) != OK) code = app_fail(role->app, &err);
    simulator_stop(role->simulator);
    if (process_stop(role->process, deadline_ns, &role->processed, &err) != OK) code = app_fail(role->app, &err);
    watch_stop(role->watch);
    monitor_stop(role->monitor);
    registry_server_stop(role->registry);
    folder_lock_release(&role->lock);
    reload_fini(&role->reload);
    board_free(role->board);
    health_free(role->health);
    return code;
}

int role_run(struct role *role, struct app *app, unsigned parts)
{
    *role = (struct role){.app = app, .lock.fd = -1, .health = health_new(), .board = board_new()};
    vitals_init(&role->vitals, app->metrics, role->health);
    reload_init(&role->reload, app);
    int64_t for_ms = 0;
    const char *duration = app_flag(app, "for");
    if (duration && (!clock_parse_duration(slice_of(duration), &for_ms) || for_ms > INT64_C(366) * 86400000)) {
        stop(role);
        return app_usage(app, "--for wants a duration such as 500ms, 10s or 5m, not \"%s\"", duration);
    }
    role->end_ns = duration ? clock_deadline_ms(for_ms) : INT64_MAX;
    // Blocked in every thread; the loop takes them one by one.
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, &before);

    allow_descriptors(&app->log);
    struct err err;
    int code = EXIT_DONE;
    enum status status = start(role, parts, &err);
    if (status == OK) {
        role->started = true;
        say_addresses(role);
        if (duration) role->end_ns = clock_deadline_ms(for_ms);
        wait_for_the_end(role, &signals);
    } else if (signal_waits()) {
        sigtimedwait(&signals, NULL, &(struct timespec){0}); // taken, so that it does not end the program below
    } else {
        code = app_fail(app, &err);
    }
    // From here on a second Ctrl-C ends the program at once.
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    int stopped = stop(role);
    return code ? code : stopped;
}
