// SPDX-License-Identifier: Apache-2.0
// Topics of the embedded log, their partitions, and the positions that consumer groups report.
#include <stdio.h>

#include "streaming/embedded.h"

static bool name_is_valid(const char *name)
{
    size_t length = strlen(name);
    if (!length || length > STREAM_TOPIC_MAX || !strcmp(name, ".") || !strcmp(name, "..")) return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

// *id is 0 when there is none.
static enum status topic_look(struct embedded *log, const char *name, int64_t *id, int32_t *count, struct err *err)
{
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_TOPIC_FIND);
    bind_text(statement, 1, name);
    bool row;
    TRY(embedded_row(log, statement, &row, "look for a topic", err));
    *id = row ? sqlite3_column_int64(statement, 0) : 0;
    *count = row ? sqlite3_column_int(statement, 1) : 0;
    sqlite3_reset(statement);
    return OK;
}

enum status embedded_topic_find(struct embedded *log, const char *name, int64_t *id, int32_t *count, struct err *err)
{
    TRY(topic_look(log, name, id, count, err));
    if (*id && *count >= 1 && *count <= STREAM_PARTITIONS_MAX) return OK;
    return err_set(err, FATAL, ERR_STREAM, "there is no topic \"%.*s\" in %s; make it with: fdp topics create", STREAM_TOPIC_MAX, name,
                   log->folder);
}

enum status embedded_partition_get(struct embedded *log, int64_t id, const char *topic, struct embedded_partition *out, struct err *err)
{
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_PARTITION_GET);
    sqlite3_bind_int64(statement, 1, id);
    bool row;
    TRY(embedded_row(log, statement, &row, "read the state of a partition", err));
    if (!row)
        return err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" was deleted while it was in use; restart to use the one of that name now",
                       topic);
    *out = (struct embedded_partition){id, sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                                       sqlite3_column_int64(statement, 2), sqlite3_column_int64(statement, 3)};
    sqlite3_reset(statement);
    if (out->low >= 0 && out->next >= out->low && out->next <= EMBEDDED_OFFSET_MAX) return OK;
    return err_set(err, FATAL, ERR_STREAM, "the log in %s is damaged: topic \"%s\" says offsets %lld to %lld", log->folder, topic,
                   (long long)out->low, (long long)out->next);
}

enum status embedded_partition_find(struct embedded *log, const char *topic, int32_t number, struct embedded_partition *out,
                                    struct err *err)
{
    int64_t id;
    int32_t count;
    TRY(embedded_topic_find(log, topic, &id, &count, err));
    if (number < 0 || number >= count)
        return err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" has partitions 0 to %d, not %d", topic, count - 1, number);
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_PARTITION_LIST);
    sqlite3_bind_int64(statement, 1, id);
    bool row = true;
    for (int32_t i = 0; i <= number && row; i++) TRY(embedded_row(log, statement, &row, "look for a partition", err));
    int64_t partition = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return embedded_partition_get(log, partition, topic, out, err);
}

static enum status insert_partitions(struct embedded *log, int64_t topic, int32_t count, struct err *err)
{
    for (int32_t i = 0; i < count; i++) {
        sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_PARTITION_INSERT);
        sqlite3_bind_int64(statement, 1, topic);
        sqlite3_bind_int(statement, 2, i);
        TRY(embedded_run(log, statement, "make a partition", err));
    }
    if (sqlite3_last_insert_rowid(log->db) <= EMBEDDED_PARTITION_MAX) return OK;
    return err_set(err, FATAL, ERR_STREAM, "the log in %s has had all the partitions that it can number; start another folder",
                   log->folder);
}

// Inside a write transaction.
static enum status create(struct embedded *log, const struct stream_topic *topic, struct err *err)
{
    int64_t id;
    int32_t count;
    TRY(topic_look(log, topic->name, &id, &count, err));
    if (id && !stream_topic_fits(topic, count, err)) return FATAL;
    sqlite3_stmt *statement = embedded_statement(log, id ? EMBEDDED_TOPIC_UPDATE : EMBEDDED_TOPIC_INSERT);
    int at = 1;
    if (id) {
        sqlite3_bind_int64(statement, at++, id);
    } else {
        bind_text(statement, at++, topic->name);
        sqlite3_bind_int(statement, at++, topic->partitions);
    }
    // The last record of each key is to stay: all of them do.
    sqlite3_bind_int64(statement, at++, topic->compacted || topic->retention_ms < 0 ? -1 : topic->retention_ms);
    sqlite3_bind_int64(statement, at, topic->compacted || topic->retention_bytes < 0 ? -1 : topic->retention_bytes);
    TRY(embedded_run(log, statement, "make a topic", err));
    return id ? OK : insert_partitions(log, sqlite3_last_insert_rowid(log->db), topic->partitions, err);
}

// A topic that exists takes over the retention that is given, so that a changed configuration takes effect.
enum status embedded_topic_create(struct stream *stream, const struct stream_topic *topic, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    if (!name_is_valid(topic->name))
        return err_set(err, FATAL, ERR_STREAM, "\"%s\" cannot name a topic: 1 to %d letters, digits, '.', '_' and '-'", topic->name,
                       STREAM_TOPIC_MAX);
    if (topic->partitions < 1 || topic->partitions > STREAM_PARTITIONS_MAX)
        return err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" cannot have %d partitions: 1 to %d", topic->name, topic->partitions,
                       STREAM_PARTITIONS_MAX);
    TRY(embedded_begin(log, EMBEDDED_BEGIN_WRITE, "make a topic", err));
    return embedded_end(log, create(log, topic, err), "make a topic", err);
}

static enum status delete_topic(struct embedded *log, const char *topic, struct err *err)
{
    int64_t id;
    int32_t count;
    TRY(embedded_topic_find(log, topic, &id, &count, err));
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_PARTITION_ORPHAN);
    sqlite3_bind_int64(statement, 1, id);
    TRY(embedded_run(log, statement, "delete a topic", err));
    statement = embedded_statement(log, EMBEDDED_TOPIC_DELETE);
    sqlite3_bind_int64(statement, 1, id);
    TRY(embedded_run(log, statement, "delete a topic", err));
    statement = embedded_statement(log, EMBEDDED_POSITION_DELETE);
    bind_text(statement, 1, topic);
    return embedded_run(log, statement, "delete a topic", err);
}

// At once for everyone; the records' space comes back with the next calls of retain.
enum status embedded_topic_delete(struct stream *stream, const char *topic, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    TRY(embedded_begin(log, EMBEDDED_BEGIN_WRITE, "delete a topic", err));
    TRY(embedded_end(log, delete_topic(log, topic, err), "delete a topic", err));
    bell_ring(&log->bell); // readers of it are to notice
    return OK;
}

// Room for one more in an array that lives in an arena.
static void *grow(struct arena *arena, void *items, uint32_t count, size_t size)
{
    if (count & (count - 1)) return items; // grows at the powers of two
    void *bigger = arena_calloc(arena, count ? 2 * (size_t)count : 1, size);
    if (count) memcpy(bigger, items, count * size);
    return bigger;
}

static void copy_text(char *to, size_t room, sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    snprintf(to, room, "%s", text ? text : "");
}

enum status embedded_topics(struct stream *stream, struct arena *arena, struct stream_topic **out, uint32_t *count, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_TOPIC_LIST);
    struct stream_topic *topics = NULL;
    bool row;
    *count = 0;
    for (;;) {
        TRY(embedded_row(log, statement, &row, "list the topics", err));
        if (!row) break;
        topics = grow(arena, topics, *count, sizeof *topics);
        struct stream_topic *topic = &topics[(*count)++];
        copy_text(topic->name, sizeof topic->name, statement, 0);
        topic->partitions = sqlite3_column_int(statement, 1);
        topic->retention_ms = sqlite3_column_int64(statement, 2);
        topic->retention_bytes = sqlite3_column_int64(statement, 3);
    }
    *out = topics;
    return OK;
}

static enum status put_positions(struct embedded *log, const struct stream_position *positions, uint32_t count, struct err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_POSITION_PUT);
        bind_text(statement, 1, positions[i].group);
        bind_text(statement, 2, positions[i].topic);
        sqlite3_bind_int(statement, 3, positions[i].partition);
        sqlite3_bind_int64(statement, 4, positions[i].next_offset);
        sqlite3_bind_int64(statement, 5, positions[i].updated_us);
        TRY(embedded_run(log, statement, "keep a consumer's position", err));
    }
    return OK;
}

enum status embedded_position_hint(struct stream *stream, const struct stream_position *positions, uint32_t count, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    TRY(embedded_begin(log, EMBEDDED_BEGIN_WRITE, "keep a consumer's position", err));
    return embedded_end(log, put_positions(log, positions, count, err), "keep a consumer's position", err);
}

enum status embedded_positions(struct stream *stream, struct arena *arena, struct stream_position **out, uint32_t *count, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_POSITION_LIST);
    struct stream_position *positions = NULL;
    bool row;
    *count = 0;
    for (;;) {
        TRY(embedded_row(log, statement, &row, "list the consumers' positions", err));
        if (!row) break;
        positions = grow(arena, positions, *count, sizeof *positions);
        struct stream_position *position = &positions[(*count)++];
        copy_text(position->group, sizeof position->group, statement, 0);
        copy_text(position->topic, sizeof position->topic, statement, 1);
        position->partition = sqlite3_column_int(statement, 2);
        position->next_offset = sqlite3_column_int64(statement, 3);
        position->updated_us = sqlite3_column_int64(statement, 4);
    }
    *out = positions;
    return OK;
}
