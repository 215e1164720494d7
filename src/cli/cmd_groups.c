// SPDX-License-Identifier: Apache-2.0
// Commands that show consumer groups and how far they are.
#include "cli/commands.h"
#include "cli/lag.h"
#include "cli/tool.h"

static struct sink_cell number_or_null(int64_t number)
{
    return number < 0 ? (struct sink_cell){.type = SINK_NULL} : output_number(number);
}

static struct sink_cell seconds_or_null(int64_t us)
{
    return us < 0 ? (struct sink_cell){.type = SINK_NULL} : (struct sink_cell){.type = SINK_DOUBLE, .float64 = (double)(us / 1000) / 1000};
}

static void print_groups(const struct app *app, const struct lag_group *groups, uint32_t count)
{
    static const char *const names[] = {"group", "state", "members", "partitions", "lag", "lag_seconds", "position"};
    struct output *output = output_new(stdout, tool_format(app), sizeof names / sizeof *names, names);
    for (uint32_t i = 0; i < count; i++) {
        const struct lag_group *group = &groups[i];
        struct sink_cell cells[] = {output_text(group->name),
                                    *group->state ? output_text(group->state) : output_text(NULL),
                                    *group->state ? output_number(group->members) : output_text(NULL),
                                    output_number(group->partition_count),
                                    number_or_null(group->records),
                                    seconds_or_null(group->us),
                                    output_text(group->stored ? "stored" : "hint")};
        output_row(output, cells);
    }
    output_end(output, "no group has read anything yet");
}

static void print_partitions(const struct app *app, const struct lag_group *group)
{
    static const char *const names[] = {"topic", "partition", "stored", "hint", "low", "high", "lag", "lag_seconds", "member", "note"};
    struct output *output = output_new(stdout, tool_format(app), sizeof names / sizeof *names, names);
    for (uint32_t i = 0; i < group->partition_count; i++) {
        const struct lag_partition *at = &group->partitions[i];
        struct sink_cell cells[] = {output_text(at->topic),
                                    output_number(at->partition),
                                    number_or_null(at->stored),
                                    number_or_null(at->hint),
                                    number_or_null(at->there ? at->marks.low : -1),
                                    number_or_null(at->there ? at->marks.high : -1),
                                    number_or_null(at->records),
                                    seconds_or_null(at->us),
                                    output_text(at->member),
                                    output_text(at->note)};
        output_row(output, cells);
    }
    output_end(output, NULL);
}

static enum status show(struct app *app, struct stream *stream, struct sink *sink, struct arena *arena, struct err *err)
{
    struct lag_group *groups;
    uint32_t count;
    const char *only = app->word_count ? app->words[0] : NULL;
    TRY(lag_groups(stream, sink, only, arena, &groups, &count, err));
    if (!only)
        print_groups(app, groups, count);
    else if (count)
        print_partitions(app, groups);
    else
        return err_set(err, FATAL, ERR_USAGE, "there is no group \"%s\"; fdp groups list shows them", only);
    return OK;
}

int cmd_groups_list(struct app *app)
{
    struct err err;
    struct stream *stream = NULL;
    struct sink *sink = NULL;
    struct arena arena;
    arena_init(&arena, 4096);
    enum status status = tool_sink(app, &sink, &err);
    if (status == OK) status = tool_stream(app, &stream, &err);
    if (status == OK) status = show(app, stream, sink, &arena, &err);
    stream_close(stream);
    sink_close(sink);
    arena_fini(&arena);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

int cmd_groups_describe(struct app *app)
{
    return cmd_groups_list(app);
}
