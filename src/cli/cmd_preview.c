// SPDX-License-Identifier: Apache-2.0
// The command preview: what the worker would do with the last records of a topic.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/tool.h"
#include "processing/pipeline.h"

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
    const char *why;
    if (tool_registry_open(app, &registry, &err) != OK) return app_fail(app, &err);
    enum status status = tool_stream(app, &stream, &err);
    if (status == OK) status = tool_sink_or_empty(app, &empty, &sink, &why, &err);
    struct pipeline_params params = {app->config, registry.client, sink};
    if (status == OK) status = pipeline_new(&pipeline, &params, &err);
    if (status == OK) status = preview(app, pipeline, stream, (uint32_t)limit, &err);
    pipeline_free(pipeline);
    sink_close(sink);
    stream_close(stream);
    tool_registry_close(&registry);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}
