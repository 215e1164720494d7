// SPDX-License-Identifier: Apache-2.0
// Commands that try a configuration without running it: check and preview.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/tool.h"
#include "ingestion/publish.h"
#include "ingestion/source.h"
#include "processing/pipeline.h"
#include "simulator/simulator.h"

// A file that this user cannot see is not one that is still to be made.
static bool may_be_there(const char *path)
{
    return !access(path, F_OK) || errno != ENOENT;
}

// The store to check routes against: the configured one, or, when it has not been made yet, an empty one in memory.
static enum status open_store(const struct app *app, struct config *empty, struct sink **out, bool *is_there, struct err *err)
{
    char path[4096];
    const char *url = app->config->storage.url, *file = strchr(url, ':') ? strchr(url, ':') + 1 : "";
    snprintf(path, sizeof path, "%s%s", *file ? file : app->config->data, *file ? "" : "/store.db");
    *is_there = strncmp(url, "sqlite:", 7) || may_be_there(path);
    if (*is_there) return tool_sink(app, out, err);
    *empty = *app->config;
    empty->storage.url = "sqlite::memory:";
    struct sink_params params = {.config = empty, .log = &app->log};
    TRY(sink_open(out, &params, err));
    return (*out)->ops->migrate(*out, err);
}

// --- check ---

struct check {
    struct app *app;
    uint32_t problems;
};

static const char *origin_of(const struct app *app, const char *option)
{
    for (size_t i = 0; i < config_options.count; i++)
        if (!strcmp(config_options.rows[i].name, option)) return app->values.origins[i];
    return "default";
}

static void problem(void *context, const char *option, const char *text)
{
    struct check *check = context;
    check->problems++;
    char shown[4 * ERR_TEXT_BYTES];
    printf("problem  %s (%s): %s\n", option, origin_of(check->app, option), text_shown(text, shown, sizeof shown));
}

static void result(struct check *check, enum status status, const char *option, const char *fine, const struct err *err)
{
    if (status == OK)
        printf("ok       %s\n", fine);
    else
        problem(check, option, err->text);
}

static void check_ingestion(struct check *check)
{
    struct err err;
    struct publisher *publisher = NULL;
    result(check, publisher_new(&publisher, check->app->config, NULL, &err), "ingestion.routes", "routes of ingestion", &err);
    publisher_free(publisher);
}

// The market of `fdp up` stands in for one that runs: only the options are judged here.
static void check_source(struct check *check)
{
    static const char *const market[] = {"AAPL"};
    struct err err;
    struct source source;
    enum status status = source_open(&source, check->app->config, "ws://127.0.0.1/", market, 1, &err);
    result(check, status, "ingestion.source", "source and symbols", &err);
    source_fini(&source);
}

static void check_replay(struct check *check)
{
    struct err err;
    if (!*check->app->config->simulator.replay) return;
    result(check, simulator_check_replay(check->app->config, &err), "simulator.replay", "recorded prices", &err);
}

static void check_processing(struct check *check)
{
    struct err err;
    struct config empty;
    struct sink *sink = NULL;
    struct pipeline *pipeline = NULL;
    bool is_there = false;
    enum status status = open_store(check->app, &empty, &sink, &is_there, &err);
    result(check, status, "storage.url", is_there ? "store" : "store (will be made at the first start)", &err);
    if (status == OK) {
        struct pipeline_params params = {check->app->config, NULL, sink};
        result(check, pipeline_new(&pipeline, &params, &err), "processing.routes", "routes of processing, against the tables", &err);
    }
    pipeline_free(pipeline);
    sink_close(sink);
}

// A log that is not there yet is no problem: the first start makes it.
static void check_stream(struct check *check)
{
    struct err err;
    char path[4096];
    struct stream *stream = NULL;
    const char *url = check->app->config->streaming.url, *folder = strchr(url, ':') ? strchr(url, ':') + 1 : "";
    snprintf(path, sizeof path, "%s/stream.db", *folder ? folder : check->app->config->data);
    bool made = strncmp(url, "embedded:", 9) || may_be_there(path);
    enum status status = made ? tool_stream(check->app, &stream, &err) : OK;
    result(check, status, "streaming.url", made ? "stream" : "stream (will be made at the first start)", &err);
    stream_close(stream);
}

int cmd_check(struct app *app)
{
    struct check check = {.app = app};
    config_check(app->config, problem, &check);
    if (!check.problems) printf("ok       configuration\n");
    check_source(&check);
    check_replay(&check);
    check_ingestion(&check);
    check_processing(&check);
    check_stream(&check);
    if (check.problems) printf("%u problem%s found\n", check.problems, check.problems == 1 ? "" : "s");
    return check.problems ? EXIT_PROBLEMS : EXIT_DONE;
}

// --- preview ---

static void print_position(const struct batch *records, uint32_t row, const char *outcome)
{
    printf("{\"partition\":%lld,\"offset\":%lld,\"outcome\":\"%s\"", (long long)records->source[row], (long long)records->offset[row],
           outcome);
}

static bool same_record(const struct batch *batch, uint32_t row, const struct batch *records, uint32_t record)
{
    return batch->source[row] == records->source[record] && batch->offset[row] == records->offset[record];
}

static void print_stored(const struct pipeline *pipeline, const struct work *work, uint32_t record)
{
    const char *const *tables;
    uint32_t count = pipeline_tables(pipeline, &tables);
    for (uint32_t t = 0; t < count; t++)
        for (uint32_t row = 0; row < work->rows[t]->rows; row++) {
            if (!same_record(work->rows[t], row, work->records, record)) continue;
            struct buf line;
            buf_init(&line, BUF_MAX_HTTP_REPLY);
            output_append_row(&line, work->rows[t], row, true);
            printf(",\"table\":\"%s\",\"row\":%.*s", tables[t], SLICE_ARG(buf_slice(&line)));
            buf_fini(&line);
        }
}

static void print_reject(const struct work *work, uint32_t record)
{
    const struct batch *rejects = work->rejects;
    for (uint32_t row = 0; row < rejects->rows; row++) {
        if (!same_record(rejects, row, work->records, record)) continue;
        struct buf line;
        struct slice rule = rejects->columns[REJECT_RULE].text[row], error = rejects->columns[REJECT_ERROR].text[row];
        buf_init(&line, BUF_MAX_HTTP_REPLY);
        buf_append_json(&line, error.data, error.size);
        printf(",\"rule\":\"%.*s\",\"error\":%.*s", SLICE_ARG(rule), SLICE_ARG(buf_slice(&line)));
        buf_fini(&line);
    }
}

static void print_fates(const struct pipeline *pipeline, const struct work *work)
{
    static const char *const names[] = {[FATE_FILTERED] = "filtered", [FATE_STORED] = "stored", [FATE_QUARANTINED] = "quarantined"};
    for (uint32_t record = 0; record < work->records->rows; record++) {
        print_position(work->records, record, names[work->fate[record]]);
        if (work->fate[record] == FATE_STORED) print_stored(pipeline, work, record);
        if (work->fate[record] == FATE_QUARANTINED) print_reject(work, record);
        puts("}");
    }
}

static enum status topic_index(const struct pipeline *pipeline, const char *name, uint32_t *index, struct err *err)
{
    const char *const *topics;
    uint32_t count = pipeline_topics(pipeline, &topics);
    for (*index = 0; *index < count; ++*index)
        if (!strcmp(topics[*index], name)) return OK;
    return err_set(err, FATAL, ERR_USAGE, "no route of processing reads the topic %s", name);
}

static enum status preview(struct app *app, struct pipeline *pipeline, struct stream *stream, uint32_t limit, struct err *err)
{
    struct stream_topic topic;
    uint32_t index;
    TRY(tool_find_topic(stream, app->words[0], &topic, err));
    TRY(topic_index(pipeline, topic.name, &index, err));
    struct batch *records;
    TRY(tool_last_records(stream, &topic, limit, &records, err));
    struct pipeline_source *sources = calloc((size_t)topic.partitions, sizeof *sources);
    if (!sources) abort();
    for (int32_t p = 0; p < topic.partitions; p++) sources[p] = (struct pipeline_source){p, index, p};
    struct work *work = pipeline_work_new(pipeline, limit);
    batch_free(work->records);
    work->records = records;
    enum status status = pipeline_run(pipeline, work, sources, (uint32_t)topic.partitions, err);
    if (status == OK) print_fates(pipeline, work);
    pipeline_work_free(pipeline, work);
    free(sources);
    return status;
}

int cmd_preview(struct app *app)
{
    struct err err;
    int64_t limit;
    if (!app_flag_number(app, "n", 1, 10000, 10, &limit)) return ERR_USAGE;
    struct tool_registry registry;
    struct stream *stream = NULL;
    struct sink *sink = NULL;
    struct pipeline *pipeline = NULL;
    struct config empty;
    bool is_there;
    if (tool_registry_open(app, &registry, &err) != OK) return app_fail(app, &err);
    enum status status = tool_stream(app, &stream, &err);
    if (status == OK) status = open_store(app, &empty, &sink, &is_there, &err);
    struct pipeline_params params = {app->config, registry.client, sink};
    if (status == OK) status = pipeline_new(&pipeline, &params, &err);
    if (status == OK) status = preview(app, pipeline, stream, (uint32_t)limit, &err);
    pipeline_free(pipeline);
    sink_close(sink);
    stream_close(stream);
    tool_registry_close(&registry);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}
