// SPDX-License-Identifier: Apache-2.0
// The command groups reset: where a group is to go on, and what of its rows goes with the move.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/folder_lock.h"
#include "cli/tool.h"
#include "storage/rewind.h"

struct reset {
    struct app *app;
    const char *group, *topic, *to;
    int64_t partition; // -1: all
    bool fresh, leave, yes;
    struct stream *stream;
    struct sink *sink;
    struct arena arena;
    struct folder_lock lock;
    struct rewind_partition *partitions;
    struct stream_watermarks *marks;
    uint32_t count;
    const char **tables; // whose rows are removed
    uint32_t table_count;
    struct elsewhere *others; // what other tables have of the records that will be read again
    uint32_t other_count;
};

static bool is_chosen(const struct reset *self, const struct sink_partition *at)
{
    return (!self->topic || !strcmp(at->topic, self->topic)) && (self->partition < 0 || at->partition == self->partition);
}

static enum status choose(struct reset *self, struct err *err)
{
    struct sink_partition *known;
    uint32_t count;
    TRY(rewind_positions(self->sink, self->group, &self->arena, &known, &count, err));
    if (!count)
        return err_set(err, FATAL, ERR_USAGE, "the store has no positions of a group \"%s\"; fdp groups list shows them", self->group);
    self->partitions = arena_calloc(&self->arena, count, sizeof *self->partitions);
    self->marks = arena_calloc(&self->arena, count, sizeof *self->marks);
    for (uint32_t i = 0; i < count; i++)
        if (is_chosen(self, &known[i])) self->partitions[self->count++].position = known[i];
    if (self->count) return OK;
    char partition[32] = "";
    if (self->partition >= 0) snprintf(partition, sizeof partition, "partition %d of ", (int)self->partition);
    return err_set(err, FATAL, ERR_USAGE, "the group %s has no position in %s%s; fdp groups describe %s shows those it has", self->group,
                   partition, self->topic, self->group);
}

static enum status target(const struct reset *self, struct rewind_partition *partition, const struct stream_watermarks *marks,
                          struct err *err)
{
    int64_t us;
    const struct sink_partition *at = &partition->position;
    if (!strcmp(self->to, "earliest")) return partition->to_offset = marks->low, OK;
    if (!strcmp(self->to, "latest")) return partition->to_offset = marks->high, OK;
    if (text_to_int64(slice_of(self->to), &partition->to_offset)) {
        if (partition->to_offset >= marks->low && partition->to_offset <= marks->high) return OK;
        return err_set(err, FATAL, ERR_USAGE, "partition %d of %s has the offsets %lld to %lld; --to %s is not among them", at->partition,
                       at->topic, (long long)marks->low, (long long)marks->high, self->to);
    }
    if (clock_parse(slice_of(self->to), &us))
        return self->stream->ops->offset_at(self->stream, at->topic, at->partition, us, &partition->to_offset, err);
    return err_set(err, FATAL, ERR_USAGE, "--to wants earliest, latest, an offset, or a time such as 2026-08-13T12:03:09Z, not \"%s\"",
                   self->to);
}

// Such a position can only be given up: a whole topic at a time, since none of its partitions is the same any more.
static enum status refuse_gone(const struct sink_partition *at, struct err *err)
{
    return err_set(err, FATAL, ERR_STREAM,
                   "the stream has no partition %d of %s any more. fdp groups reset %s --topic %s --to earliest --fresh keeps its rows,"
                   " gives up its position, and begins anew with what the topic has now",
                   at->partition, at->topic, at->group, at->topic);
}

static enum status find_targets(struct reset *self, struct err *err)
{
    struct stream_topic *topics;
    uint32_t count;
    TRY(self->stream->ops->topics(self->stream, &self->arena, &topics, &count, err));
    for (uint32_t i = 0; i < self->count; i++) {
        struct rewind_partition *partition = &self->partitions[i];
        const struct stream_topic *topic = stream_topic_find(topics, count, partition->position.topic);
        bool listed = topic && partition->position.partition < topic->partitions;
        // A broker that has just come up may not list it yet; this waits for it a little.
        enum status status =
            self->stream->ops->watermarks(self->stream, partition->position.topic, partition->position.partition, &self->marks[i], err);
        partition->gone = !listed && status == FATAL;
        if (partition->gone && (!self->fresh || !self->topic)) return refuse_gone(&partition->position, err);
        if (partition->gone) continue;
        TRY(status);
        TRY(target(self, partition, &self->marks[i], err));
    }
    return OK;
}

static enum status refuse_other(const struct sink_partition *at, const char *why, struct err *err)
{
    return err_set(err, FATAL, ERR_STREAM,
                   "partition %d of %s %s: it is not the topic any more that the rows came from, and they could not be made again; --fresh"
                   " keeps them and begins anew",
                   at->partition, at->topic, why);
}

// The records that were stored last, as the stream has them now, of those partitions that it can be asked for; `of` has their indices.
static enum status find_last(const struct reset *self, struct tool_stamp *last, uint32_t *of, uint32_t *count, struct err *err)
{
    *count = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        const struct sink_partition *at = &self->partitions[i].position;
        bool known = at->next_offset > at->first_offset && at->last_timestamp_us;
        if (!known || at->next_offset > self->marks[i].high || at->next_offset - 1 < self->marks[i].low) continue;
        of[*count] = i;
        last[(*count)++] = (struct tool_stamp){at->topic, at->partition, at->next_offset - 1, -1, ""};
    }
    return *count ? tool_stamps(self->stream, last, *count, err) : OK;
}

static enum status compare_last(const struct reset *self, const struct rewind_partition *partition, int64_t us, struct err *err)
{
    const struct sink_partition *at = &partition->position;
    if (self->fresh && us == at->last_timestamp_us)
        return err_set(err, FATAL, ERR_STREAM,
                       "partition %d of %s holds the record that was stored last: it is the same topic still, whose records --fresh would"
                       " store a second time; without --fresh their rows are removed first",
                       at->partition, at->topic);
    if (!self->fresh && partition->to_offset < at->next_offset && us >= 0 && us != at->last_timestamp_us)
        return refuse_other(at, "holds another record than the last that was stored", err);
    return OK;
}

// Rows are removed only when the stream has what they were made of, and kept only when it has not.
static enum status check_same(struct reset *self, struct err *err)
{
    struct tool_stamp *last = arena_calloc(&self->arena, self->count, sizeof *last);
    uint32_t *of = arena_calloc(&self->arena, self->count, sizeof *of), count;
    for (uint32_t i = 0; i < self->count && !self->fresh; i++) {
        const struct sink_partition *at = &self->partitions[i].position;
        bool back = self->partitions[i].to_offset < at->next_offset && at->next_offset > at->first_offset;
        if (back && at->next_offset > self->marks[i].high) return refuse_other(at, "ends before the stored position", err);
    }
    TRY(find_last(self, last, of, &count, err));
    for (uint32_t i = 0; i < count; i++) TRY(compare_last(self, &self->partitions[of[i]], last[i].us, err));
    return OK;
}

// --- Rows in other tables ---

static enum status look_elsewhere(struct reset *self, struct err *err)
{
    struct sink_range *ranges = arena_calloc(&self->arena, self->count, sizeof *ranges);
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        const struct rewind_partition *partition = &self->partitions[i];
        if (partition->to_offset < partition->position.next_offset)
            ranges[count++] = (struct sink_range){partition->position.id, partition->to_offset, INT64_MAX};
    }
    return elsewhere_look(self->sink, self->tables, self->table_count, ranges, count, &self->arena, &self->others, &self->other_count, err);
}

// A record whose row is in another table has two, once it has been read again: somebody has to say what that one is.
static enum status judge_others(const struct reset *self, struct err *err)
{
    char counted[TOOL_OTHERS_BYTES], named[TOOL_OTHERS_BYTES];
    if (self->leave || !tool_others(self->others, self->other_count, counted, named)) return OK;
    return err_set(err, FATAL, ERR_STORAGE,
                   "records that will be read again have their rows in tables that no route leads to now: %s. If earlier routes led there,"
                   " --also %s removes those rows too; --leave-others leaves them, beside what will be made anew",
                   counted, named);
}

static int64_t elsewhere_of(const struct reset *self, int64_t source)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < self->other_count; i++) sum += self->others[i].source == source ? self->others[i].alone : 0;
    return sum;
}

static void say_left(const struct reset *self)
{
    for (uint32_t i = 0; i < self->other_count;) {
        const char *table = self->others[i].table;
        int64_t rows = 0;
        for (; i < self->other_count && !strcmp(self->others[i].table, table); i++) rows += self->others[i].rows;
        app_say("fdp groups reset: the table %s, to which no route leads now, has %lld rows of these records; they are left\n", table,
                (long long)rows);
    }
}

// --- The move ---

static void print_plan(const struct reset *self)
{
    static const char *const names[] = {"topic",           "partition", "from",           "to",     "rows_removed",
                                        "entries_removed", "again",     "rows_elsewhere", "skipped"};
    struct output *output = output_new(stdout, tool_format(self->app), sizeof names / sizeof *names, names);
    for (uint32_t i = 0; i < self->count; i++) {
        const struct rewind_partition *partition = &self->partitions[i];
        const struct sink_partition *at = &partition->position;
        int64_t forward = self->fresh ? 0 : partition->to_offset - at->next_offset;
        int64_t again = self->fresh ? self->marks[i].high - partition->to_offset : -forward;
        struct sink_cell cells[] = {output_text(at->topic),
                                    output_number(at->partition),
                                    output_number(at->next_offset),
                                    partition->gone ? (struct sink_cell){.type = SINK_NULL} : output_number(partition->to_offset),
                                    output_number(partition->rows),
                                    output_number(partition->entries),
                                    output_number(again > 0 ? again : 0),
                                    output_number(elsewhere_of(self, at->id)),
                                    output_number(forward > 0 ? forward : 0)};
        output_row(output, cells);
    }
    output_end(output, NULL);
}

// What is where it is to be is left alone: its worker need not notice anything.
static enum status apply(struct reset *self, struct err *err)
{
    enum { TRIES = 10, WAIT_MS = 1000 };
    struct rewind_partition *moved = arena_calloc(&self->arena, self->count, sizeof *moved);
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->count; i++)
        if (self->fresh || self->partitions[i].to_offset != self->partitions[i].position.next_offset) moved[count++] = self->partitions[i];
    enum status status = AGAIN;
    for (int i = 0; i < TRIES && status == AGAIN; i++) {
        if (i) clock_sleep_until(clock_deadline_ms(WAIT_MS));
        status = self->fresh ? rewind_afresh(self->sink, moved, count, err)
                             : rewind_apply(self->sink, self->tables, self->table_count, moved, count, err);
    }
    return status;
}

static void say_done(const struct reset *self, bool refused)
{
    if (tool_format(self->app) != OUTPUT_TABLE) return;
    if (!self->yes)
        puts(refused ? "nothing was changed" : "nothing was changed; --yes does it");
    else
        printf("moved; a worker of the group %s goes on there%s\n", self->group,
               self->stream->ops->shares ? "" : ", once it is started: one that was running has stopped");
}

static enum status reset(struct reset *self, bool *problems, struct err *err)
{
    TRY(self->yes ? tool_sink_writer(self->app, &self->sink, err) : tool_sink(self->app, &self->sink, err));
    TRY(tool_stream(self->app, &self->stream, err));
    // A stream that does not share partitions out has one worker, which stops when its position is moved.
    if (self->yes && !self->stream->ops->shares) TRY(folder_lock_take(&self->lock, self->app->config->data, err));
    TRY(choose(self, err));
    TRY(find_targets(self, err));
    TRY(tool_tables(self->app, self->sink, &self->arena, &self->tables, &self->table_count, err));
    TRY(check_same(self, err));
    if (!self->fresh) TRY(rewind_look(self->sink, self->tables, self->table_count, self->partitions, self->count, err));
    if (!self->fresh) TRY(look_elsewhere(self, err));
    enum status others = judge_others(self, err);
    if (self->yes) TRY(others);
    if (self->yes) TRY(apply(self, err));
    print_plan(self);
    if (others == OK)
        say_left(self);
    else
        app_say("fdp groups reset: with --yes it would be refused: %s\n", err->text);
    *problems = others != OK;
    say_done(self, *problems);
    return OK;
}

int cmd_groups_reset(struct app *app)
{
    struct err err;
    struct reset self = {.app = app,
                         .group = app->words[0],
                         .topic = app_flag(app, "topic"),
                         .to = app_flag(app, "to"),
                         .fresh = app_flag(app, "fresh") != NULL,
                         .leave = app_flag(app, "leave-others") != NULL,
                         .yes = app_flag(app, "yes") != NULL,
                         .lock.fd = -1};
    if (!app_flag_number(app, "partition", 0, STREAM_PARTITIONS_MAX - 1, -1, &self.partition)) return ERR_USAGE;
    if (!self.to) return app_usage(app, "where to? give --to earliest, latest, an offset, or a time such as 2026-08-13T12:03:09Z");
    if (self.partition >= 0 && !self.topic) return app_usage(app, "--partition goes with --topic");
    arena_init(&self.arena, 4096);
    bool problems = false;
    enum status status = reset(&self, &problems, &err);
    folder_lock_release(&self.lock);
    stream_close(self.stream);
    sink_close(self.sink);
    arena_fini(&self.arena);
    if (status != OK) return app_fail(app, &err);
    return problems ? EXIT_PROBLEMS : EXIT_DONE;
}
