// SPDX-License-Identifier: Apache-2.0
// The embedded log has no consumer groups: whoever joins is the only member and gets everything.
#include <stdio.h>
#include <stdlib.h>

#include "streaming/embedded.h"

static void *grow(void *items, uint32_t count, size_t size)
{
    void *bigger = realloc(items, count * size);
    if (!bigger) abort();
    return bigger;
}

static void add_change(struct embedded *log, const struct stream_change *partition, bool given)
{
    log->changes = grow(log->changes, log->change_count + 1, sizeof *log->changes);
    log->changes[log->change_count] = *partition;
    log->changes[log->change_count++].given = given;
}

static enum status give_topic(struct embedded *log, const char *topic, struct err *err)
{
    int64_t id;
    int32_t count;
    TRY(embedded_topic_find(log, topic, &id, &count, err));
    log->given = grow(log->given, log->given_count + (uint32_t)count, sizeof *log->given);
    for (int32_t i = 0; i < count; i++) {
        struct stream_change *partition = &log->given[log->given_count++];
        *partition = (struct stream_change){.given = true, .partition = i};
        snprintf(partition->topic, sizeof partition->topic, "%s", topic);
    }
    return OK;
}

enum status embedded_join(struct stream *stream, const char *group, const char *const *topics, uint32_t count, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    if (log->given) return err_set(err, FATAL, ERR_INTERNAL, "this handle has joined a group already; \"%s\" has to wait for leave", group);
    enum status status = OK;
    for (uint32_t i = 0; i < count && status == OK; i++) status = give_topic(log, topics[i], err);
    if (status == OK) {
        for (uint32_t i = 0; i < log->given_count; i++) add_change(log, &log->given[i], true);
        return OK;
    }
    free(log->given);
    log->given = NULL;
    log->given_count = 0;
    return status;
}

void embedded_leave(struct stream *stream)
{
    struct embedded *log = embedded_of(stream);
    for (uint32_t i = 0; i < log->given_count; i++) {
        struct err err;
        add_change(log, &log->given[i], false);
        enum status status = embedded_unseek(stream, log->given[i].topic, log->given[i].partition, &err);
        (void)status; // it cannot fail
    }
    free(log->given);
    log->given = NULL;
    log->given_count = 0;
}

bool embedded_change(struct stream *stream, struct stream_change *out)
{
    struct embedded *log = embedded_of(stream);
    if (log->next_change == log->change_count) {
        log->next_change = log->change_count = 0;
        return false;
    }
    *out = log->changes[log->next_change++];
    return true;
}

// Those that have left a position; who reads is not known.
enum status embedded_groups(struct stream *stream, struct arena *arena, struct stream_group **out, uint32_t *count, struct err *err)
{
    struct stream_position *positions;
    uint32_t position_count;
    TRY(embedded_positions(stream, arena, &positions, &position_count, err));
    struct stream_group *groups = arena_calloc(arena, position_count + 1, sizeof *groups);
    *count = 0;
    for (uint32_t i = 0; i < position_count; i++) { // sorted by group
        if (*count && !strcmp(groups[*count - 1].name, positions[i].group)) continue;
        struct stream_group *group = &groups[(*count)++];
        snprintf(group->name, sizeof group->name, "%s", positions[i].group);
        group->state = "";
    }
    *out = groups;
    return OK;
}
