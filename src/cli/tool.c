// SPDX-License-Identifier: Apache-2.0
// Handles for commands that look.
#include "cli/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/role.h"

enum status tool_stream(const struct app *app, struct stream **out, struct err *err)
{
    struct stream_params params = {.config = app->config, .log = &app->log, .read_only = true};
    return stream_open(out, &params, err);
}

enum status tool_sink(const struct app *app, struct sink **out, struct err *err)
{
    struct sink_params params = {.config = app->config, .log = &app->log, .read_only = true};
    return sink_open(out, &params, err);
}

static enum status start_private(const struct app *app, struct tool_registry *self, struct err *err)
{
    struct stream *stream; // only to say plainly when there is no pipeline: a registry would make one
    TRY(tool_stream(app, &stream, err));
    stream_close(stream);
    self->config = *app->config;
    self->config.streaming.registry.listen = "127.0.0.1:0";
    struct registry_server_params params = {&self->config, &app->log, app->metrics};
    return registry_server_start(&self->server, &params, err);
}

enum status tool_registry_open(const struct app *app, struct tool_registry *out, struct err *err)
{
    char address[512];
    *out = (struct tool_registry){0};
    const char *url = role_registry_url(app->config, address);
    if (!*app->config->streaming.registry.url && !strncmp(app->config->streaming.url, "embedded:", 9)) {
        TRY(start_private(app, out, err));
        url = registry_server_url(out->server);
    }
    snprintf(out->url, sizeof out->url, "%s", url);
    enum status status = registry_client_open(&out->client, url, &app->log, app->metrics, err);
    if (status != OK) tool_registry_close(out);
    return status;
}

void tool_registry_close(struct tool_registry *registry)
{
    registry_client_close(registry->client);
    registry_server_stop(registry->server);
    *registry = (struct tool_registry){0};
}

enum output_format tool_format(const struct app *app)
{
    if (app->common.json) return OUTPUT_JSON;
    return app_flag(app, "csv") ? OUTPUT_CSV : OUTPUT_TABLE;
}

enum status tool_find_topic(struct stream *stream, const char *name, struct stream_topic *out, struct err *err)
{
    struct arena arena;
    struct stream_topic *topics;
    uint32_t count;
    arena_init(&arena, 4096);
    enum status status = stream->ops->topics(stream, &arena, &topics, &count, err);
    if (status == OK) {
        const char *names[256];
        uint32_t at = 0;
        while (at < count && strcmp(topics[at].name, name)) at++;
        if (at < count) {
            *out = topics[at];
        } else {
            for (at = 0; at < count && at < 256; at++) names[at] = topics[at].name;
            const char *nearest = text_nearest(name, names, at);
            status = err_set(err, FATAL, ERR_USAGE, "there is no topic \"%s\"%s%s%s; fdp topics list shows them", name,
                             nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
        }
    }
    arena_fini(&arena);
    return status;
}

static int by_timestamp(const void *a, const void *b, void *context)
{
    const struct batch *records = context;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    int64_t x = records->columns[RECORD_TIMESTAMP].int64[left], y = records->columns[RECORD_TIMESTAMP].int64[right];
    if (x != y) return x < y ? -1 : 1;
    return left < right ? -1 : 1;
}

// The last `limit` rows of `from` by time, in a batch of their own that shares nothing with it.
static struct batch *newest(struct batch *from, uint32_t limit)
{
    uint32_t *order = calloc(from->rows + 1, sizeof *order);
    if (!order) abort();
    for (uint32_t i = 0; i < from->rows; i++) order[i] = i;
    qsort_r(order, from->rows, sizeof *order, by_timestamp, from);
    struct batch *to = batch_new(&record_row_type, limit);
    for (uint32_t i = from->rows > limit ? from->rows - limit : 0; i < from->rows; i++) {
        uint32_t row = batch_row_begin(to), old = order[i];
        for (uint32_t c = RECORD_KEY; c <= RECORD_HEADERS; c++) {
            if (batch_is_null(from, c, old)) continue;
            struct slice bytes = from->columns[c].text[old];
            batch_set_slice(to, c, row, (struct slice){arena_copy(&to->arena, bytes.data, bytes.size), bytes.size});
        }
        batch_set_int64(to, RECORD_TIMESTAMP, row, from->columns[RECORD_TIMESTAMP].int64[old]);
        to->source[row] = from->source[old];
        to->offset[row] = from->offset[old];
        batch_row_commit(to);
    }
    free(order);
    return to;
}

enum status tool_last_records(struct stream *stream, const struct stream_topic *topic, uint32_t limit, struct batch **out, struct err *err)
{
    int64_t waiting = 0;
    for (int32_t p = 0; p < topic->partitions; p++) {
        struct stream_watermarks marks;
        TRY(stream->ops->watermarks(stream, topic->name, p, &marks, err));
        int64_t from = marks.high - limit > marks.low ? marks.high - limit : marks.low;
        if (from < marks.high) TRY(stream->ops->seek(stream, topic->name, p, p, from, err));
        waiting += marks.high - from;
    }
    struct batch *all = batch_new(&record_row_type, (uint32_t)waiting + 1);
    enum status status = OK;
    // Offsets without a record make it fewer than expected: then a short wait ends it.
    while (all->rows < waiting && status == OK) status = stream->ops->poll(stream, all, clock_deadline_ms(1000), err);
    for (int32_t p = 0; p < topic->partitions && (status == OK || status == AGAIN); p++) {
        struct err ignored; // one that was never sought
        if (stream->ops->unseek(stream, topic->name, p, &ignored) != OK) continue;
    }
    *out = status == OK || status == AGAIN ? newest(all, limit) : NULL;
    batch_free(all);
    return status == AGAIN ? OK : status;
}
