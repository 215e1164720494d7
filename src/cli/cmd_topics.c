// SPDX-License-Identifier: Apache-2.0
// Commands that look at topics: list, describe, tail.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/record_printer.h"
#include "cli/tool.h"

static enum status totals(struct stream *stream, const struct stream_topic *topic, int64_t *records, int64_t *written, struct err *err)
{
    *records = *written = 0;
    for (int32_t p = 0; p < topic->partitions; p++) {
        struct stream_watermarks marks;
        TRY(stream->ops->watermarks(stream, topic->name, p, &marks, err));
        *records += marks.high - marks.low;
        *written += marks.high;
    }
    return OK;
}

static enum status list_topics(struct app *app, struct stream *stream, struct arena *arena, struct err *err)
{
    static const char *const names[] = {"topic", "partitions", "records", "written"};
    struct stream_topic *topics;
    uint32_t count;
    TRY(stream->ops->topics(stream, arena, &topics, &count, err));
    struct output *output = output_new(stdout, tool_format(app), 4, names);
    enum status status = OK;
    for (uint32_t i = 0; i < count && status == OK; i++) {
        int64_t records, written;
        status = totals(stream, &topics[i], &records, &written, err);
        struct sink_cell cells[] = {output_text(topics[i].name), output_number(topics[i].partitions), output_number(records),
                                    output_number(written)};
        if (status == OK) output_row(output, cells);
    }
    output_end(output, "there are no topics yet");
    return status;
}

int cmd_topics_list(struct app *app)
{
    struct err err;
    struct stream *stream;
    if (tool_stream(app, &stream, &err) != OK) return app_fail(app, &err);
    struct arena arena;
    arena_init(&arena, 4096);
    enum status status = list_topics(app, stream, &arena, &err);
    arena_fini(&arena);
    stream_close(stream);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

// For people, above the partitions.
static void print_heading(const struct stream_topic *topic)
{
    printf("%s: %d partition%s", topic->name, topic->partitions, topic->partitions == 1 ? "" : "s");
    if (topic->compacted) fputs(", compacted: the last record of each key stays", stdout);
    if (topic->retention_ms > 0) printf(", records are kept for %.6g hours", (double)topic->retention_ms / 3.6e6);
    if (topic->retention_bytes > 0) printf(", up to %.6g MiB per partition", (double)topic->retention_bytes / 1048576);
    putchar('\n');
}

static struct sink_cell limit_cell(int64_t limit)
{
    return limit > 0 ? output_number(limit) : output_text(NULL);
}

static enum status describe(struct app *app, struct stream *stream, struct err *err)
{
    static const char *const names[] = {"partition", "low", "high", "records", "topic", "retention_ms", "retention_bytes", "compacted"};
    enum { FOR_PEOPLE = 4, ALL = 8 };
    struct stream_topic topic;
    TRY(tool_find_topic(stream, app->words[0], &topic, err));
    bool people = tool_format(app) == OUTPUT_TABLE;
    if (people) print_heading(&topic);
    struct output *output = output_new(stdout, tool_format(app), people ? FOR_PEOPLE : ALL, names);
    enum status status = OK;
    for (int32_t p = 0; p < topic.partitions && status == OK; p++) {
        struct stream_watermarks marks;
        status = stream->ops->watermarks(stream, topic.name, p, &marks, err);
        struct sink_cell cells[] = {output_number(p),
                                    output_number(marks.low),
                                    output_number(marks.high),
                                    output_number(marks.high - marks.low),
                                    output_text(topic.name),
                                    limit_cell(topic.retention_ms),
                                    limit_cell(topic.retention_bytes),
                                    output_number(topic.compacted)};
        if (status == OK) output_row(output, cells);
    }
    output_end(output, NULL);
    return status;
}

int cmd_topics_describe(struct app *app)
{
    struct err err;
    struct stream *stream;
    if (tool_stream(app, &stream, &err) != OK) return app_fail(app, &err);
    enum status status = describe(app, stream, &err);
    stream_close(stream);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

// --- tail ---

enum { TAIL_MAX = 100000, TAIL_BATCH = 500 };

struct tail {
    struct app *app;
    struct stream *stream;
    struct stream_topic topic;
    struct record_printer *printer;
    int64_t *end; // per partition: where a tail that does not follow stops; 0 once it is there
    bool ended;
    int64_t limit, printed;
    bool follow;
};

static void print_rows(struct tail *self, const struct batch *records)
{
    for (uint32_t row = 0; row < records->rows && self->printed < self->limit; row++, self->printed++)
        record_printer_print(self->printer, records, row, (int32_t)records->source[row]);
    fflush(stdout);
}

static enum status start_offset(const struct tail *self, int32_t partition, const char *from, const struct stream_watermarks *marks,
                                int64_t *offset, struct err *err)
{
    int64_t us;
    *offset = marks->high;
    if (!strcmp(from, "latest")) return OK;
    if (!strcmp(from, "earliest")) return *offset = marks->low, OK;
    if (clock_parse(slice_of(from), &us)) return self->stream->ops->offset_at(self->stream, self->topic.name, partition, us, offset, err);
    return err_set(err, FATAL, ERR_USAGE, "--from wants earliest, latest or a time such as 2026-08-13T12:03:09Z, not \"%s\"", from);
}

static enum status seek_all(struct tail *self, const char *from, struct err *err)
{
    for (int32_t p = 0; p < self->topic.partitions; p++) {
        struct stream_watermarks marks;
        int64_t offset;
        TRY(self->stream->ops->watermarks(self->stream, self->topic.name, p, &marks, err));
        TRY(start_offset(self, p, from, &marks, &offset, err));
        self->end[p] = offset < marks.high ? marks.high : 0;
        TRY(self->stream->ops->seek(self->stream, self->topic.name, p, p, offset, err));
    }
    return OK;
}

// In the order in which they come, to the end or for ever.
static enum status print_from(struct tail *self, const char *from, struct err *err)
{
    TRY(seek_all(self, from, err));
    struct batch *records = batch_new(&record_row_type, TAIL_BATCH);
    int64_t patience_ns = clock_deadline_ms(TOOL_PATIENCE_MS);
    enum status status = tool_reached(self->stream, &self->topic, self->end, &self->ended, err);
    while (status == OK && (self->follow || (!self->ended && clock_mono_ns() < patience_ns)) && self->printed < self->limit &&
           !ferror(stdout)) {
        batch_reset(records);
        status = self->stream->ops->poll(self->stream, records, clock_deadline_ms(1000), err);
        if (status == AGAIN || (status == RETRY && self->follow)) status = OK;
        if (status != OK) break;
        print_rows(self, records); // to one who pages through it, this takes as long as that
        if (records->rows) patience_ns = clock_deadline_ms(TOOL_PATIENCE_MS);
        if (!self->follow) status = tool_reached(self->stream, &self->topic, self->end, &self->ended, err);
    }
    batch_free(records);
    bool cut_short = !self->follow && !self->ended && self->printed < self->limit && !ferror(stdout);
    if (status == OK && cut_short) status = tool_incomplete(&self->topic, err);
    return status;
}

static enum status tail(struct tail *self, struct err *err)
{
    const char *from = app_flag(self->app, "from");
    TRY(tool_find_topic(self->stream, self->app->words[0], &self->topic, err));
    self->end = calloc((size_t)self->topic.partitions, sizeof *self->end);
    if (!self->end) abort();
    if (!from) {
        struct batch *records;
        TRY(tool_last_records(self->stream, &self->topic, (uint32_t)self->limit, &records, err));
        print_rows(self, records);
        batch_free(records);
        if (!self->follow) return OK;
    }
    if (!from || !app_flag(self->app, "n")) self->limit = INT64_MAX;
    return print_from(self, from ? from : "latest", err);
}

int cmd_topics_tail(struct app *app)
{
    struct err err;
    struct tail self = {.app = app, .follow = app_flag(app, "follow") != NULL};
    if (!app_flag_number(app, "n", 1, TAIL_MAX, 10, &self.limit)) return ERR_USAGE;
    struct tool_registry registry;
    if (tool_registry_open(app, &registry, &err) != OK) return app_fail(app, &err);
    enum status status = tool_stream(app, &self.stream, &err);
    if (status == OK) {
        self.printer = record_printer_new(registry.client, stdout);
        status = tail(&self, &err);
        record_printer_free(self.printer);
        stream_close(self.stream);
    }
    free(self.end);
    tool_registry_close(&registry);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}
