// SPDX-License-Identifier: Apache-2.0
// Groups of the store and of the stream, put together.
#include "cli/lag.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/tool.h"
#include "storage/rewind.h"

// Everything that is known, before it is put together.
struct known {
    struct sink_partition *stored;
    struct stream_position *hints;
    struct stream_group *groups;
    struct stream_topic *topics;
    uint32_t stored_count, hint_count, group_count, topic_count;
};

static enum status ask(struct stream *stream, struct sink *sink, const char *only, struct arena *arena, struct known *out, struct err *err)
{
    TRY(rewind_positions(sink, only, arena, &out->stored, &out->stored_count, err));
    TRY(stream->ops->positions(stream, arena, &out->hints, &out->hint_count, err));
    TRY(stream->ops->groups(stream, arena, &out->groups, &out->group_count, err));
    return stream->ops->topics(stream, arena, &out->topics, &out->topic_count, err);
}

// --- Putting together ---

static struct lag_partition *partition_of(struct lag_group *group, const char *topic, int32_t number)
{
    for (uint32_t i = 0; i < group->partition_count; i++)
        if (group->partitions[i].partition == number && !strcmp(group->partitions[i].topic, topic)) return &group->partitions[i];
    struct lag_partition *partition = &group->partitions[group->partition_count++];
    *partition = (struct lag_partition){.topic = topic, .partition = number, .stored = -1, .hint = -1, .records = -1, .us = -1};
    return partition;
}

static const struct stream_topic *topic_of(const struct known *known, const char *name)
{
    return stream_topic_find(known->topics, known->topic_count, name);
}

static uint32_t most_partitions(const struct lag_group *group, const struct known *known)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < known->stored_count; i++) {
        const struct stream_topic *topic = topic_of(known, known->stored[i].topic);
        if (!strcmp(known->stored[i].group, group->name)) count += 1 + (topic ? (uint32_t)topic->partitions : 0);
    }
    for (uint32_t i = 0; i < known->hint_count; i++) count += !strcmp(known->hints[i].group, group->name);
    for (uint32_t i = 0; i < known->group_count; i++)
        for (uint32_t m = 0; m < known->groups[i].member_count && !strcmp(known->groups[i].name, group->name); m++)
            count += known->groups[i].members[m].partition_count;
    return count;
}

static const char *name_member(const struct stream_member *member, struct arena *arena)
{
    const char *client = member->client && *member->client ? member->client : member->id ? member->id : "";
    const char *host = member->host ? member->host : "";
    while (*host == '/') host++;
    return arena_printf(arena, "%s%s%s", client, *host ? "@" : "", host);
}

static void take_members(struct lag_group *group, const struct stream_group *from, struct arena *arena)
{
    group->state = from->state;
    group->members = from->member_count;
    for (uint32_t m = 0; m < from->member_count; m++) {
        const struct stream_member *member = &from->members[m];
        const char *name = name_member(member, arena);
        for (uint32_t i = 0; i < member->partition_count; i++)
            partition_of(group, member->partitions[i].topic, member->partitions[i].partition)->member = name;
    }
}

static int by_topic(const void *a, const void *b)
{
    const struct lag_partition *left = a, *right = b;
    int order = strcmp(left->topic, right->topic);
    return order ? order : (left->partition > right->partition) - (left->partition < right->partition);
}

// The partitions of which the store has a position, and with them all others of their topics: they are waiting for one.
static void take_stored(struct lag_group *group, const struct known *known)
{
    for (uint32_t i = 0; i < known->stored_count; i++) {
        const struct sink_partition *stored = &known->stored[i];
        if (strcmp(stored->group, group->name) != 0) continue;
        group->stored = true;
        partition_of(group, stored->topic, stored->partition)->stored = stored->next_offset;
        const struct stream_topic *topic = rewind_is_over(group->name) ? NULL : topic_of(known, stored->topic);
        for (int32_t number = 0; topic && number < topic->partitions; number++) partition_of(group, topic->name, number);
    }
}

static void fill_group(struct lag_group *group, const struct known *known, struct arena *arena)
{
    group->partitions = arena_calloc(arena, most_partitions(group, known) + 1, sizeof *group->partitions);
    take_stored(group, known);
    for (uint32_t i = 0; i < known->hint_count; i++)
        if (!strcmp(known->hints[i].group, group->name))
            partition_of(group, known->hints[i].topic, known->hints[i].partition)->hint = known->hints[i].next_offset;
    for (uint32_t i = 0; i < known->group_count; i++)
        if (!strcmp(known->groups[i].name, group->name)) take_members(group, &known->groups[i], arena);
    qsort(group->partitions, group->partition_count, sizeof *group->partitions, by_topic);
}

// --- Measuring ---

static bool is_there(const struct known *known, const struct lag_partition *partition)
{
    const struct stream_topic *topic = topic_of(known, partition->topic);
    return topic && partition->partition < topic->partitions;
}

static void judge(const struct lag_group *group, struct lag_partition *partition)
{
    int64_t position = partition->stored >= 0 ? partition->stored : partition->hint;
    if (group->stored && partition->stored < 0) {
        partition->note = "no worker has taken it up yet";
        position = partition->marks.low;
    }
    if (position < 0) return;
    if (position > partition->marks.high) {
        partition->note = "beyond the end of the topic: it is another one, or was cut";
        return;
    }
    partition->records = partition->marks.high - (position > partition->marks.low ? position : partition->marks.low);
    if (!partition->records) partition->us = 0;
    if (position < partition->marks.low) partition->note = "retention has removed records that were not read";
}

// The age of a partition that cannot be read stays unknown, with the reason as its note; that of others does not depend on it.
static void measure_ages(struct stream *stream, struct lag_group *group, struct arena *arena)
{
    struct tool_stamp *stamps = memory_new(group->partition_count, sizeof *stamps);
    uint32_t *of = memory_new(group->partition_count, sizeof *of), count = 0;
    for (uint32_t i = 0; i < group->partition_count; i++) {
        const struct lag_partition *partition = &group->partitions[i];
        if (partition->records <= 0) continue;
        of[count] = i;
        stamps[count++] = (struct tool_stamp){partition->topic, partition->partition, partition->marks.high - partition->records, -1, ""};
    }
    struct err ignored; // of a partition it is among the stamps; all else was answered a moment ago
    if (count) (void)!tool_stamps(stream, stamps, count, &ignored);
    int64_t now_us = clock_now_us();
    for (uint32_t i = 0; i < count; i++) {
        struct lag_partition *partition = &group->partitions[of[i]];
        if (stamps[i].us >= 0)
            partition->us = now_us > stamps[i].us ? now_us - stamps[i].us : 0;
        else if (*stamps[i].why && !partition->note)
            partition->note = arena_printf(arena, "%s", stamps[i].why);
    }
    free(stamps);
    free(of);
}

static enum status measure(struct stream *stream, const struct known *known, struct lag_group *group, struct arena *arena, struct err *err)
{
    group->records = group->us = -1;
    if (group->stored && rewind_is_over(group->name)) {
        group->state = "over";
        return OK; // the topic is another one now
    }
    for (uint32_t i = 0; i < group->partition_count; i++) {
        struct lag_partition *partition = &group->partitions[i];
        partition->there = is_there(known, partition);
        if (!partition->there) partition->note = "the stream does not have it";
        if (!partition->there) continue;
        TRY(stream->ops->watermarks(stream, partition->topic, partition->partition, &partition->marks, err));
        judge(group, partition);
    }
    measure_ages(stream, group, arena);
    if (group->partition_count) group->records = group->us = 0;
    for (uint32_t i = 0; i < group->partition_count; i++) {
        const struct lag_partition *partition = &group->partitions[i];
        if (group->records >= 0) group->records = partition->records < 0 ? -1 : group->records + partition->records;
        if (group->us >= 0) group->us = partition->us < 0 ? -1 : partition->us > group->us ? partition->us : group->us;
    }
    return OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lag_group *)a)->name, ((const struct lag_group *)b)->name);
}

static void add_name(struct lag_group *groups, uint32_t *count, const char *name, const char *only)
{
    if (only && strcmp(name, only) != 0) return;
    for (uint32_t i = 0; i < *count; i++)
        if (!strcmp(groups[i].name, name)) return;
    groups[(*count)++] = (struct lag_group){.name = name, .state = ""};
}

enum status lag_groups(struct stream *stream, struct sink *sink, const char *only, struct arena *arena, struct lag_group **out,
                       uint32_t *count, struct err *err)
{
    struct known known = {0};
    TRY(ask(stream, sink, only, arena, &known, err));
    *count = 0;
    *out = arena_calloc(arena, known.stored_count + known.hint_count + known.group_count + 1, sizeof **out);
    for (uint32_t i = 0; i < known.stored_count; i++) add_name(*out, count, known.stored[i].group, only);
    for (uint32_t i = 0; i < known.hint_count; i++) add_name(*out, count, known.hints[i].group, only);
    for (uint32_t i = 0; i < known.group_count; i++) add_name(*out, count, known.groups[i].name, only);
    qsort(*out, *count, sizeof **out, by_name);
    for (uint32_t i = 0; i < *count; i++) {
        fill_group(&(*out)[i], &known, arena);
        TRY(measure(stream, &known, &(*out)[i], arena, err));
    }
    return OK;
}
