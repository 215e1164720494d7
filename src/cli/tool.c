// SPDX-License-Identifier: Apache-2.0
// Handles for commands that look.
#include "cli/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/role.h"
#include "storage/version.h"

enum { WAIT_STEP_MS = 500 };

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

// A file that this user cannot see is not one that is still to be made.
static bool may_be_there(const char *path)
{
    return !access(path, F_OK) || errno != ENOENT;
}

bool tool_stream_is_made(const struct app *app)
{
    char path[4096];
    const char *url = app->config->streaming.url, *folder = strchr(url, ':') ? strchr(url, ':') + 1 : "";
    snprintf(path, sizeof path, "%s/stream.db", *folder ? folder : app->config->data);
    return strncmp(url, "embedded:", 9) || may_be_there(path);
}

enum status tool_sink_or_empty(const struct app *app, struct config *empty, struct sink **out, const char **why, struct err *err)
{
    char path[4096];
    int version, newest;
    const char *url = app->config->storage.url, *file = strchr(url, ':') ? strchr(url, ':') + 1 : "";
    snprintf(path, sizeof path, "%s%s", *file ? file : app->config->data, *file ? "" : "/store.db");
    *why = "will be made at the first start";
    bool server = strncmp(url, "sqlite:", 7) != 0;
    if (server || may_be_there(path)) {
        // To look at a database without our tables is refused; to change it is not, until it is.
        struct sink_params params = {.config = app->config, .log = &app->log, .read_only = !server};
        TRY(sink_open(out, &params, err));
        enum status status = sink_version(*out, &version, &newest, err);
        if (status == OK && version >= newest) return *why = NULL, OK;
        if (version) *why = "the next start brings its tables up to date";
        sink_close(*out);
        *out = NULL;
        TRY(status);
    }
    *empty = *app->config;
    empty->storage.url = "sqlite::memory:";
    struct sink_params params = {.config = empty, .log = &app->log};
    TRY(sink_open(out, &params, err));
    return (*out)->ops->migrate(*out, err);
}

enum status tool_pipeline(const struct app *app, struct registry_client *registry, struct sink *sink, struct pipeline **out,
                          struct err *err)
{
    int version, newest;
    TRY(sink_version(sink, &version, &newest, err));
    if (version < newest)
        return err_set(err, FATAL, ERR_STORAGE,
                       "the tables are of an older version than this program; start fdp up or fdp process once, which"
                       " brings them up to date");
    struct pipeline_params params = {app->config, registry, sink};
    return pipeline_new(out, &params, err);
}

enum status tool_stream_writer(const struct app *app, struct stream **out, struct err *err)
{
    TRY(tool_stream(app, out, err)); // to say plainly when there is none: it would be made
    stream_close(*out);
    struct stream_params params = {.config = app->config, .log = &app->log};
    return stream_open(out, &params, err);
}

enum status tool_sink_writer(const struct app *app, struct sink **out, struct err *err)
{
    enum { HOUR_MS = 3600000 };
    TRY(tool_sink(app, out, err)); // as above
    sink_close(*out);
    struct config patient = *app->config;
    if (patient.storage.statement_timeout_ms < HOUR_MS) patient.storage.statement_timeout_ms = HOUR_MS;
    struct sink_params params = {.config = &patient, .log = &app->log};
    return sink_open(out, &params, err);
}

static enum status start_private(const struct app *app, struct tool_registry *self, struct err *err)
{
    struct stream *stream; // only to say plainly when there is no pipeline: a registry would make one
    TRY(tool_stream(app, &stream, err));
    stream_close(stream);
    self->config = *app->config;
    self->config.streaming.registry.listen = "127.0.0.1:0";
    struct registry_server_params params = {.config = &self->config, .log = &app->log, .metrics = app->metrics, .read_only = true};
    return registry_server_start(&self->server, &params, err);
}

enum status tool_registry_open(const struct app *app, struct tool_registry *out, struct err *err)
{
    char address[512];
    *out = (struct tool_registry){0};
    const char *url = role_registry_url(app->config, address);
    if (!*app->config->streaming.registry.url) {
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

static enum status refuse_table(const char *name, const char *const *others, uint32_t count, struct err *err)
{
    const char *nearest = text_nearest(name, others, count);
    struct buf list;
    buf_init(&list, ERR_TEXT_BYTES / 2);
    for (uint32_t i = 0; i < count && list.size < 300; i++) buf_printf(&list, "%s%s", i ? ", " : "; there are ", others[i]);
    err_set(err, FATAL, ERR_USAGE, "--also: no table \"%s\" has columns _source and _offset%s%s%s%.*s", name,
            nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "", SLICE_ARG(buf_slice(&list)));
    buf_fini(&list);
    return FATAL;
}

// Of a list with commas. `tables` has room for all of them.
static enum status add_tables(const char *list, struct sink *sink, struct arena *arena, const char **tables, uint32_t *count,
                              struct err *err)
{
    const char **others;
    uint32_t other_count;
    TRY(elsewhere_tables(sink, NULL, 0, arena, &others, &other_count, err));
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        const char *name = arena_copy(arena, at, strcspn(at, ","));
        uint32_t i = 0;
        while (i < other_count && strcmp(others[i], name) != 0) i++;
        if (i == other_count) return refuse_table(name, others, other_count, err);
        text_number(tables, count, name);
    }
    return OK;
}

enum status tool_tables(const struct app *app, struct sink *sink, struct arena *arena, const char ***tables, uint32_t *count,
                        struct err *err)
{
    const struct config *config = app->config;
    const char *also = app_flag(app, "also");
    size_t room = config->processing.routes.count + 1;
    for (const char *at = also; at; at = strchr(at + 1, ',')) room++;
    *tables = arena_calloc(arena, room, sizeof **tables);
    *count = 0;
    for (uint32_t i = 0; i < config->processing.routes.count; i++) text_number(*tables, count, config->processing.routes.items[i].table);
    return also ? add_tables(also, sink, arena, *tables, count, err) : OK;
}

bool tool_others(const struct elsewhere *found, uint32_t count, char counted[TOOL_OTHERS_BYTES], char named[TOOL_OTHERS_BYTES])
{
    size_t length = 0, name_length = 0;
    *counted = *named = '\0';
    for (uint32_t i = 0; i < count;) {
        const char *table = found[i].table;
        int64_t alone = 0;
        for (; i < count && !strcmp(found[i].table, table); i++) alone += found[i].alone;
        if (!alone || length >= TOOL_OTHERS_BYTES - 80 || name_length >= TOOL_OTHERS_BYTES - 80)
            continue; // so many are a list to begin with
        length +=
            (size_t)snprintf(counted + length, TOOL_OTHERS_BYTES - length, "%s%s (%lld)", length ? ", " : "", table, (long long)alone);
        name_length += (size_t)snprintf(named + name_length, TOOL_OTHERS_BYTES - name_length, "%s%s", name_length ? "," : "", table);
    }
    return length;
}

bool tool_asks(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool tool_confirm(const char *question)
{
    char answer[16];
    fprintf(stderr, "%s [y/N] ", question);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

bool tool_wait_init(const struct app *app, struct tool_wait *wait)
{
    const char *duration = app_flag(app, "wait");
    int64_t ms = 0;
    if (duration && !clock_parse_duration(slice_of(duration), &ms)) {
        app_usage(app, "--wait wants a duration such as 30s or 5m, not \"%s\"", duration);
        return false;
    }
    *wait = (struct tool_wait){.deadline_ns = duration ? clock_deadline_ms(ms) : 0};
    return true;
}

bool tool_wait_more(struct tool_wait *wait, enum status status, const struct err *err)
{
    if ((status != AGAIN && status != RETRY) || clock_mono_ns() >= wait->deadline_ns) return false;
    if (!wait->said) app_say("not yet: %s\n", err->text);
    wait->said = true;
    clock_sleep_until(clock_deadline_ms(WAIT_STEP_MS));
    return true;
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
        uint32_t at;
        const struct stream_topic *topic = stream_topic_find(topics, count, name);
        if (topic) {
            *out = *topic;
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
