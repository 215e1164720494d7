// SPDX-License-Identifier: Apache-2.0
// The registry as a server: replays _schemas, follows it with a thread of its own, serves the routes over HTTP.
//
// A change is answered only when this server's own reader has applied it: what a reply says has come back from the log. Several
// registries may share one embedded log: a lock on a file beside it lets one write at a time, after it has caught up with the others.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "streaming/embedded.h"
#include "streaming/registry.h"
#include "streaming/registry/routes.h"

enum {
    WRITE_TIMEOUT_MS = 5000, // for each of: the turn to write, catching up, reading back
    REPLAY_TIMEOUT_MS = 60000,
    POLL_MS = 1000,   // how often the follower's loop turns at least
    ALIVE_MS = 10000, // it is stuck when it has not turned for so long
    BATCH_ROWS = 256,
};

struct registry_server {
    const struct log *log;
    struct registry_state *state;
    struct registry_router router;
    struct http_server *http;
    struct metric_registry *metrics; // may be NULL, then so are these
    struct metric *requests[6], *latency, *skipped, *subjects, *schemas;

    struct stream *reader; // the follower's
    struct batch *batch;
    pthread_t follower;
    bool following;
    _Atomic bool stopping;
    _Atomic int64_t turned_ns;

    pthread_mutex_t mutex; // guards the three below
    pthread_cond_t moved;
    int64_t applied; // offset after the last record that the state has
    bool broken;     // the follower has ended with an error
    struct err why;

    pthread_mutex_t writing; // whoever holds it owns the three below
    struct stream *writer;
    struct batch *outgoing;
    int lock_fd; // -1 where the log needs none
};

// --- following the log

static void count_state(struct registry_server *server)
{
    if (!server->metrics) return;
    registry_state_lock(server->state);
    uint32_t live = 0;
    for (uint32_t i = 0; i < registry_state_subject_count(server->state); i++)
        live += registry_subject_latest(registry_state_subject_at(server->state, i), false) != NULL;
    metric_set(server->subjects, live);
    metric_set(server->schemas, registry_state_schema_count(server->state));
    registry_state_unlock(server->state);
}

static struct slice column_of(const struct batch *batch, enum record_column column, uint32_t row)
{
    return batch_is_null(batch, column, row) ? (struct slice){0} : batch->columns[column].text[row];
}

static void apply_batch(struct registry_server *server)
{
    const struct batch *batch = server->batch;
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (registry_state_apply(server->state, column_of(batch, RECORD_KEY, row), column_of(batch, RECORD_VALUE, row))) continue;
        if (server->metrics) metric_add(server->skipped, 1);
        log_warn(server->log, "registry", "record of " REGISTRY_TOPIC " skipped", "offset", log_number(batch->offset[row]));
    }
    count_state(server);
    pthread_mutex_lock(&server->mutex);
    server->applied = batch->offset[batch->rows - 1] + 1;
    pthread_cond_broadcast(&server->moved);
    pthread_mutex_unlock(&server->mutex);
}

static enum status follow_once(struct registry_server *server, int64_t deadline_ns, struct err *err)
{
    batch_reset(server->batch);
    enum status status = server->reader->ops->poll(server->reader, server->batch, deadline_ns, err);
    if (status == OK) apply_batch(server);
    atomic_store(&server->turned_ns, clock_mono_ns());
    return status;
}

static void *follow(void *context)
{
    struct registry_server *server = context;
    struct err err;
    while (!atomic_load(&server->stopping)) {
        enum status status = follow_once(server, clock_deadline_ms(POLL_MS), &err);
        if (status == RETRY) clock_sleep_until(clock_deadline_ms(100));
        if (status != FATAL && status != REJECT) continue;
        log_err(server->log, LOG_ERROR, "registry", "cannot follow " REGISTRY_TOPIC, &err);
        pthread_mutex_lock(&server->mutex);
        server->broken = true;
        server->why = err;
        pthread_cond_broadcast(&server->moved);
        pthread_mutex_unlock(&server->mutex);
        break;
    }
    return NULL;
}

// Waits until the state has everything before `offset`.
static enum status wait_applied(struct registry_server *server, int64_t offset, struct err *err)
{
    int64_t deadline = clock_deadline_ms(WRITE_TIMEOUT_MS);
    struct timespec until = {.tv_sec = deadline / SECOND_NS, .tv_nsec = deadline % SECOND_NS};
    int rc = 0;
    pthread_mutex_lock(&server->mutex);
    while (server->applied < offset && !server->broken && !rc) rc = pthread_cond_timedwait(&server->moved, &server->mutex, &until);
    bool broken = server->broken, applied = server->applied >= offset;
    if (broken && err) *err = server->why;
    pthread_mutex_unlock(&server->mutex);
    if (applied) return OK;
    if (broken) return err_context(err, "the registry no longer follows " REGISTRY_TOPIC "; restart it");
    return err_set(err, RETRY, ERR_REGISTRY, REGISTRY_TOPIC " was not read up to offset %lld within %d ms; try again", (long long)offset,
                   WRITE_TIMEOUT_MS);
}

// --- writing

static enum status catch_up(struct registry_server *server, struct err *err)
{
    struct stream_watermarks marks;
    TRY(server->writer->ops->watermarks(server->writer, REGISTRY_TOPIC, 0, &marks, err));
    return wait_applied(server, marks.high, err);
}

static enum status lock_file(const struct registry_server *server, struct err *err)
{
    for (int64_t deadline = clock_deadline_ms(WRITE_TIMEOUT_MS); server->lock_fd >= 0 && flock(server->lock_fd, LOCK_EX | LOCK_NB);) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_set(err, FATAL, ERR_REGISTRY, "cannot lock registry.lock beside the log: %s", strerror(errno));
        if (clock_mono_ns() > deadline)
            return err_set(err, RETRY, ERR_REGISTRY, "another registry on the same log has been writing for %d ms; try again",
                           WRITE_TIMEOUT_MS);
        clock_sleep_until(clock_mono_ns() + MS_NS);
    }
    return OK;
}

static void write_end(void *context)
{
    struct registry_server *server = context;
    if (server->lock_fd >= 0) flock(server->lock_fd, LOCK_UN);
    pthread_mutex_unlock(&server->writing);
}

static enum status write_begin(void *context, struct err *err)
{
    struct registry_server *server = context;
    pthread_mutex_lock(&server->writing);
    enum status status = lock_file(server, err);
    if (status == OK) status = catch_up(server, err);
    if (status != OK) write_end(server);
    return status;
}

static void add_record(struct batch *batch, const struct registry_record *record, struct buf *scratch)
{
    uint32_t row = batch_row_begin(batch);
    buf_reset(scratch);
    registry_record_key(record, scratch);
    batch_set_slice(batch, RECORD_KEY, row, (struct slice){arena_copy(&batch->arena, scratch->data, scratch->size), scratch->size});
    buf_reset(scratch);
    registry_record_value(record, scratch);
    if (scratch->size)
        batch_set_slice(batch, RECORD_VALUE, row, (struct slice){arena_copy(&batch->arena, scratch->data, scratch->size), scratch->size});
    batch_set_int64(batch, RECORD_TIMESTAMP, row, clock_now_us());
    batch_row_commit(batch);
}

static enum status write_commit(void *context, const struct registry_record *records, uint32_t count, struct err *err)
{
    struct registry_server *server = context;
    struct buf scratch;
    buf_init(&scratch, BUF_MAX_RECORD);
    batch_reset(server->outgoing);
    for (uint32_t i = 0; i < count && !scratch.full; i++) add_record(server->outgoing, &records[i], &scratch);
    bool full = scratch.full;
    buf_fini(&scratch);
    if (full) return err_set(err, REJECT, ERR_REGISTRY, "the record of this schema would be larger than %d bytes", BUF_MAX_RECORD);
    TRY(server->writer->ops->append(server->writer, REGISTRY_TOPIC, server->outgoing, err));
    enum status status = server->writer->ops->flush(server->writer, clock_deadline_ms(WRITE_TIMEOUT_MS), err);
    if (status == AGAIN)
        return err_set(err, RETRY, ERR_REGISTRY, "the stream did not acknowledge the change in time; ask whether it is there, or send it again");
    if (status == RETRY) status = err->status = AGAIN; // nothing of it is there: a failure of the store, not a doubt
    TRY(status);
    return catch_up(server, err);
}

// --- serving

static void plain(struct http_reply *reply, int status, const char *text)
{
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    buf_append_text(&reply->body, text);
}

static void serve_ready(struct registry_server *server, struct http_reply *reply)
{
    pthread_mutex_lock(&server->mutex);
    bool broken = server->broken;
    plain(reply, broken ? 503 : 200, broken ? server->why.text : "ready");
    pthread_mutex_unlock(&server->mutex);
    buf_append_byte(&reply->body, '\n');
}

static void serve_metrics(struct registry_server *server, const struct http_request *request, struct http_reply *reply)
{
    const char *accept = http_header(request, "Accept");
    bool open_metrics = accept && strstr(accept, "application/openmetrics-text");
    reply->content_type =
        open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
    if (server->metrics) metric_write(server->metrics, open_metrics ? METRIC_OPENMETRICS : METRIC_PROMETHEUS, &reply->body);
}

static void handle(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct registry_server *server = context;
    int64_t started = clock_mono_ns();
    bool get = !strcmp(request->method, "GET");
    if (get && !strcmp(request->path, "/livez")) {
        bool alive = started - atomic_load(&server->turned_ns) < ALIVE_MS * MS_NS;
        plain(reply, alive ? 200 : 503, alive ? "alive\n" : "the loop of the registry has not turned for ten seconds\n");
    } else if (get && !strcmp(request->path, "/readyz")) {
        serve_ready(server, reply);
    } else if (get && !strcmp(request->path, "/metrics")) {
        serve_metrics(server, request, reply);
    } else {
        registry_route(&server->router, request, reply);
        if (!server->metrics) return;
        metric_add(server->requests[reply->status / 100 % 6], 1);
        metric_observe_ns(server->latency, clock_mono_ns() - started);
    }
}

// --- starting and stopping

static void make_metrics(struct registry_server *server)
{
    struct metric_registry *metrics = server->metrics;
    if (!metrics) return;
    for (int i = 0; i < 6; i++) {
        char labels[16];
        snprintf(labels, sizeof labels, "code=\"%dxx\"", i);
        if (i >= 2 && i != 3)
            server->requests[i] =
                metric_counter(metrics, "fdp_registry_requests_total", labels, "Requests to the schema registry by outcome");
    }
    server->requests[0] = server->requests[1] = server->requests[3] = server->requests[5];
    server->latency = metric_histogram(metrics, "fdp_registry_request_seconds", NULL, "Time to answer a request to the schema registry");
    server->skipped =
        metric_counter(metrics, "fdp_registry_skipped_records_total", NULL, "Records of " REGISTRY_TOPIC " that were not understood");
    server->subjects = metric_gauge(metrics, "fdp_registry_subjects", NULL, "Subjects with a version that is not deleted");
    server->schemas = metric_gauge(metrics, "fdp_registry_schemas", NULL, "Schemas that a version has");
}

static enum status open_lock(struct registry_server *server, const struct config *config, struct err *err)
{
    char folder[PATH_MAX], path[PATH_MAX + 16];
    if (strcmp(server->writer->ops->scheme, stream_embedded.scheme) != 0) return OK;
    TRY(embedded_folder(config, folder, err));
    snprintf(path, sizeof path, "%s/registry.lock", folder);
    server->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (server->lock_fd >= 0) return OK;
    return err_set(err, FATAL, ERR_REGISTRY, "cannot open %s: %s; %s", path, strerror(errno),
                   errno == EMFILE ? "raise the limit on open files (ulimit -n)" : "the folder of the log must be writable");
}

// Reads the topic from its start to the end that it has now.
static enum status replay(struct registry_server *server, struct err *err)
{
    struct stream_watermarks marks;
    TRY(server->reader->ops->watermarks(server->reader, REGISTRY_TOPIC, 0, &marks, err));
    TRY(server->reader->ops->seek(server->reader, REGISTRY_TOPIC, 0, 0, marks.low, err));
    server->applied = marks.low;
    atomic_store(&server->turned_ns, clock_mono_ns());
    for (int64_t deadline = clock_deadline_ms(REPLAY_TIMEOUT_MS); server->applied < marks.high;) {
        enum status status = follow_once(server, deadline, err);
        if (status == AGAIN && clock_mono_ns() >= deadline)
            return err_set(err, FATAL, ERR_REGISTRY,
                           REGISTRY_TOPIC " could not be read to its end, offset %lld, within %d s; it stopped at %lld",
                           (long long)marks.high, REPLAY_TIMEOUT_MS / 1000, (long long)server->applied);
        if (status != OK && status != AGAIN) return status;
    }
    return OK;
}

static enum status start(struct registry_server *server, const struct registry_server_params *params, struct err *err)
{
    struct stream_params stream_params = {params->config, params->log, params->metrics, false};
    struct stream_topic topic = {.name = REGISTRY_TOPIC, .partitions = 1, .retention_ms = -1, .retention_bytes = -1, .compacted = true};
    TRY(stream_open(&server->reader, &stream_params, err));
    TRY(stream_open(&server->writer, &stream_params, err));
    TRY(server->writer->ops->topic_create(server->writer, &topic, err));
    TRY(open_lock(server, params->config, err));
    TRY(replay(server, err));
    count_state(server);
    if (pthread_create(&server->follower, NULL, follow, server))
        return err_set(err, FATAL, ERR_REGISTRY, "cannot start a thread; raise the limit on processes");
    server->following = true;
    if (http_server_start(&server->http, params->config->streaming.registry.listen, handle, server, ERR_REGISTRY, err) == OK) return OK;
    return err_context(err, "streaming.registry.listen");
}

enum status registry_server_start(struct registry_server **out, const struct registry_server_params *params, struct err *err)
{
    struct registry_server *server = calloc(1, sizeof *server);
    if (!server) abort();
    *server = (struct registry_server){.log = params->log, .metrics = params->metrics, .lock_fd = -1};
    server->state = registry_state_new();
    server->router = (struct registry_router){server->state, {server, write_begin, write_commit, write_end}};
    server->batch = batch_new(&record_row_type, BATCH_ROWS);
    server->outgoing = batch_new(&record_row_type, REGISTRY_COMMIT_MAX);
    pthread_mutex_init(&server->mutex, NULL);
    pthread_mutex_init(&server->writing, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    make_metrics(server);
    enum status status = start(server, params, err);
    if (status == OK)
        *out = server;
    else
        registry_server_stop(server);
    return status;
}

const char *registry_server_url(const struct registry_server *server)
{
    return http_server_url(server->http);
}

void registry_server_stop(struct registry_server *server)
{
    if (!server) return;
    http_server_stop(server->http);
    atomic_store(&server->stopping, true);
    if (server->following) {
        server->reader->ops->wake(server->reader);
        pthread_join(server->follower, NULL);
    }
    stream_close(server->reader);
    stream_close(server->writer);
    if (server->lock_fd >= 0) close(server->lock_fd);
    batch_free(server->batch);
    batch_free(server->outgoing);
    registry_state_free(server->state);
    pthread_cond_destroy(&server->moved);
    pthread_mutex_destroy(&server->mutex);
    pthread_mutex_destroy(&server->writing);
    free(server);
}
