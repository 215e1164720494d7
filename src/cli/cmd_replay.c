// SPDX-License-Identifier: Apache-2.0
// The command replay: rows made once more from the stream, beside the live ones, and compared with them.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/tool.h"
#include "processing/rebuild.h"
#include "storage/rewind.h"
#include "storage/shadow.h"

enum { NAME_MAX_BYTES = 63, BATCH_ROWS = 5000, EXAMPLES = 10 };

struct replay {
    struct app *app;
    const char *topic, *into; // topic: NULL for all that routes read
    int64_t from_us, to_us;
    struct tool_registry registry;
    struct stream *stream;
    struct sink *sink;
    struct pipeline *pipeline;
    struct arena arena;
    const char **tables; // that routes of the topics lead to
    uint32_t table_count;
    struct rebuild_partition *partitions;
    struct sink_partition **stored; // per partition: what the store knows of it; NULL: nothing
    uint32_t count, capacity;
    struct progress progress;
    struct rebuild_summary summary;
    struct shadow_compared compared;
    struct output *differences;
};

// --- What is meant ---

static bool time_flag(const struct app *app, const char *name, int64_t *us)
{
    const char *text = app_flag(app, name);
    if (text && clock_parse(slice_of(text), us)) return true;
    app_usage(app, "--%s wants a time such as 2026-08-13T12:03:09Z%s%s%s", name, text ? ", not \"" : "", text ? text : "",
              text ? "\"" : "");
    return false;
}

static bool is_name(const char *name)
{
    size_t length = strlen(name);
    if (!length || length > NAME_MAX_BYTES || isdigit((unsigned char)*name)) return false;
    if (!strncmp(name, "fdp_", 4) || !strncmp(name, "pg_", 3)) return false; // ours, and PostgreSQL's own
    for (const char *c = name; *c; c++)
        if (*c != '_' && !islower((unsigned char)*c) && !isdigit((unsigned char)*c)) return false;
    return true;
}

static bool choose(struct replay *self)
{
    const struct app *app = self->app;
    self->topic = app_flag(app, "topic");
    self->into = app_flag(app, "into");
    if (!time_flag(app, "from", &self->from_us) || !time_flag(app, "to", &self->to_us)) return false;
    if (self->from_us >= self->to_us) {
        app_usage(app, "--from must be before --to");
        return false;
    }
    if (self->into && is_name(self->into)) return true;
    app_usage(app, "--into wants the name of a table to make, of lower-case letters, digits and _, not beginning with fdp_ or pg_");
    return false;
}

// The tables that the chosen topics lead to: all with the same columns, none of them the shadow.
static enum status find_tables(struct replay *self, struct err *err)
{
    const struct config *config = self->app->config;
    struct row_type *first, *other;
    self->tables = arena_calloc(&self->arena, config->processing.routes.count + 1, sizeof *self->tables);
    for (uint32_t i = 0; i < config->processing.routes.count; i++) {
        const struct config_route *route = &config->processing.routes.items[i];
        if (!strcmp(route->table, self->into))
            return err_set(err, FATAL, ERR_USAGE, "%s is a live table; choose another name for --into", self->into);
        if (!self->topic || !strcmp(route->topic, self->topic)) text_number(self->tables, &self->table_count, route->table);
    }
    if (!self->table_count) return err_set(err, FATAL, ERR_USAGE, "no route of processing reads the topic %s", self->topic);
    TRY(self->sink->ops->table(self->sink, self->tables[0], &self->arena, &first, err));
    for (uint32_t i = 1; i < self->table_count; i++) {
        TRY(self->sink->ops->table(self->sink, self->tables[i], &self->arena, &other, err));
        if (!shadow_alike(first, other))
            return err_set(err, FATAL, ERR_USAGE, "the tables %s and %s have different columns; choose one topic with --topic",
                           self->tables[0], self->tables[i]);
    }
    return OK;
}

static enum status add_partition(struct replay *self, const char *topic, uint32_t route_topic, int32_t number,
                                 struct sink_partition *stored, struct err *err)
{
    if (self->count == self->capacity) {
        self->capacity = 2 * self->capacity + 16;
        self->partitions = memory_grow(self->partitions, self->capacity, sizeof *self->partitions);
        self->stored = memory_grow(self->stored, self->capacity, sizeof *self->stored);
    }
    struct rebuild_partition *at = &self->partitions[self->count];
    // What the group has never read has no number in the store: rows carry one that none of its own has.
    *at = (struct rebuild_partition){
        .route_topic = route_topic, .partition = number, .source = stored ? stored->id : -1 - (int64_t)self->count};
    snprintf(at->topic, sizeof at->topic, "%s", topic);
    self->stored[self->count++] = stored;
    TRY(self->stream->ops->offset_at(self->stream, topic, number, self->from_us, &at->from_offset, err));
    return self->stream->ops->offset_at(self->stream, topic, number, self->to_us, &at->to_offset, err);
}

static enum status add_topic(struct replay *self, const char *name, uint32_t route_topic, struct sink_partition *known,
                             uint32_t known_count, struct err *err)
{
    struct stream_topic topic;
    TRY(tool_find_topic(self->stream, name, &topic, err));
    for (int32_t p = 0; p < topic.partitions; p++) {
        struct sink_partition *stored = NULL;
        for (uint32_t i = 0; i < known_count; i++)
            if (known[i].partition == p && !strcmp(known[i].topic, name)) stored = &known[i];
        TRY(add_partition(self, name, route_topic, p, stored, err));
    }
    return OK;
}

static enum status find_partitions(struct replay *self, struct err *err)
{
    const char *const *topics;
    struct sink_partition *known;
    uint32_t known_count, count = pipeline_topics(self->pipeline, &topics);
    TRY(rewind_positions(self->sink, self->app->config->processing.group, &self->arena, &known, &known_count, err));
    for (uint32_t i = 0; i < count; i++) {
        if (self->topic ? strcmp(topics[i], self->topic) != 0 : !strcmp(topics[i], STREAM_REJECTED_TOPIC)) continue;
        TRY(add_topic(self, topics[i], i, known, known_count, err));
    }
    return OK;
}

// --- The comparison ---

static const struct rebuild_partition *partition_of(const struct replay *self, int64_t source)
{
    const struct rebuild_partition *partition = self->partitions;
    while (partition->source != source) partition++;
    return partition;
}

static void print_difference(void *context, enum shadow_kind kind, int64_t source, int64_t offset, const char *column,
                             const struct sink_cell *live, const struct sink_cell *shadow)
{
    static const char *const kinds[] = {[SHADOW_MISSING] = "missing", [SHADOW_EXTRA] = "extra", [SHADOW_DIFFERENT] = "different"};
    static const struct sink_cell none = {.type = SINK_NULL};
    struct replay *self = context;
    const struct rebuild_partition *partition = partition_of(self, source);
    struct sink_cell cells[] = {output_text(kinds[kind]), output_text(partition->topic), output_number(partition->partition),
                                output_number(offset),    output_text(column),           live ? *live : none,
                                shadow ? *shadow : none};
    output_row(self->differences, cells);
}

// Over what the group has processed: live rows are not to be expected beyond it.
static enum status compare(struct replay *self, struct err *err)
{
    static const char *const names[] = {"difference", "topic", "partition", "offset", "column", "live", "replayed"};
    struct sink_range *ranges = arena_calloc(&self->arena, self->count + 1, sizeof *ranges);
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        const struct rebuild_partition *at = &self->partitions[i];
        const struct sink_partition *stored = self->stored[i];
        if (!stored) continue;
        struct sink_range range = {at->source, at->from_offset > stored->first_offset ? at->from_offset : stored->first_offset,
                                   at->to_offset < stored->next_offset ? at->to_offset : stored->next_offset};
        if (range.from_offset < range.to_offset) ranges[count++] = range;
    }
    if (!count)
        return err_set(err, FATAL, ERR_USAGE, "the group %s has processed nothing of that time: there is nothing to compare with",
                       self->app->config->processing.group);
    self->differences = output_new(stdout, tool_format(self->app), sizeof names / sizeof *names, names);
    enum status status = shadow_compare(self->sink, self->into, self->tables, self->table_count, ranges, count, EXAMPLES, print_difference,
                                        self, &self->compared, err);
    output_end(self->differences, status == OK ? "no differences" : "");
    return status;
}

// --- The command ---

static void show_progress(void *context, int64_t done, int64_t total)
{
    progress_show(context, done, total);
}

static enum status open_all(struct replay *self, struct err *err)
{
    struct app *app = self->app;
    TRY(tool_registry_open(app, &self->registry, err));
    TRY(tool_stream(app, &self->stream, err));
    TRY(tool_sink_writer(app, &self->sink, err));
    return tool_pipeline(app, self->registry.client, self->sink, &self->pipeline, err);
}

static enum status replay(struct replay *self, struct err *err)
{
    TRY(open_all(self, err));
    TRY(find_tables(self, err));
    TRY(find_partitions(self, err));
    TRY(shadow_make(self->sink, self->into, self->tables[0], app_flag(self->app, "yes") != NULL, err));
    struct rebuild_params params = {.stream = self->stream,
                                    .pipeline = self->pipeline,
                                    .sink = self->sink,
                                    .into = self->into,
                                    .partitions = self->partitions,
                                    .partition_count = self->count,
                                    .batch_rows = BATCH_ROWS,
                                    .progress = show_progress,
                                    .context = &self->progress};
    progress_open(&self->progress, "offsets");
    enum status status = rebuild(&params, &self->summary, err);
    progress_close(&self->progress);
    if (status == OK && app_flag(self->app, "diff")) status = compare(self, err);
    return status;
}

static void say_summary(const struct replay *self, bool compared)
{
    const struct rebuild_summary *summary = &self->summary;
    const int64_t *differing = self->compared.differing;
    FILE *out = compared && tool_format(self->app) != OUTPUT_TABLE ? stderr : stdout;
    if (self->app->common.json && !compared) {
        printf("{\"read\":%lld,\"stored\":%lld,\"filtered\":%lld,\"refused\":%lld}\n", (long long)summary->read, (long long)summary->stored,
               (long long)summary->filtered, (long long)summary->refused);
        return;
    }
    fprintf(out, "%lld records read: %lld rows in %s, %lld filtered, %lld refused%s%s%s\n", (long long)summary->read,
            (long long)summary->stored, self->into, (long long)summary->filtered, (long long)summary->refused, *summary->why ? " (" : "",
            summary->why, *summary->why ? ")" : "");
    if (compared)
        fprintf(out, "%lld rows are the same, %lld are missing, %lld extra, %lld different\n", (long long)self->compared.same,
                (long long)differing[SHADOW_MISSING], (long long)differing[SHADOW_EXTRA], (long long)differing[SHADOW_DIFFERENT]);
}

int cmd_replay(struct app *app)
{
    struct err err;
    struct replay self = {.app = app};
    bool compared = app_flag(app, "diff") != NULL;
    if (!choose(&self)) return ERR_USAGE;
    arena_init(&self.arena, 4096);
    enum status status = replay(&self, &err);
    if (status == OK) say_summary(&self, compared);
    pipeline_free(self.pipeline);
    sink_close(self.sink);
    stream_close(self.stream);
    tool_registry_close(&self.registry);
    arena_fini(&self.arena);
    free(self.partitions);
    free(self.stored);
    if (status != OK) return app_fail(app, &err);
    const int64_t *differing = self.compared.differing;
    return differing[SHADOW_MISSING] || differing[SHADOW_EXTRA] || differing[SHADOW_DIFFERENT] ? EXIT_PROBLEMS : EXIT_DONE;
}
