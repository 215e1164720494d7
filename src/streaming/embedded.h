// SPDX-License-Identifier: Apache-2.0
// Inside the embedded log: one handle (one thread, one SQLite connection) and what its files share.
//
// embedded.c opens and closes, embedded_topic.c keeps topics and positions, embedded_append.c writes, embedded_read.c reads,
// embedded_group.c plays a consumer group of one, embedded_retain.c deletes. See docs/internals/log.md.
#ifndef FDP_STREAMING_EMBEDDED_H
#define FDP_STREAMING_EMBEDDED_H

#include <limits.h>
#include <sqlite3.h>

#include "streaming/bell.h"
#include "streaming/chunk.h"
#include "streaming/stream.h"

enum {
    EMBEDDED_OFFSET_BITS = 44,         // of a chunk's id; the rest is the partition's number
    EMBEDDED_PENDING_BYTES = 64 << 20, // appended and not flushed
    EMBEDDED_POLL_BYTES = 8 << 20,     // of one poll, give or take a chunk
    EMBEDDED_BUSY_TRIES = 400,         // about 1 s of waiting for another writer
};
#define EMBEDDED_PARTITION_MAX ((INT64_C(1) << (63 - EMBEDDED_OFFSET_BITS)) - 1)
#define EMBEDDED_OFFSET_MAX ((INT64_C(1) << EMBEDDED_OFFSET_BITS) - 1)

enum embedded_statement {
    EMBEDDED_BEGIN_READ,
    EMBEDDED_BEGIN_WRITE,
    EMBEDDED_COMMIT,
    EMBEDDED_ROLLBACK,
    EMBEDDED_TOPIC_LIST,
    EMBEDDED_TOPIC_FIND,
    EMBEDDED_TOPIC_INSERT,
    EMBEDDED_TOPIC_UPDATE,
    EMBEDDED_TOPIC_DELETE,
    EMBEDDED_PARTITION_INSERT,
    EMBEDDED_PARTITION_LIST,
    EMBEDDED_PARTITION_GET,
    EMBEDDED_PARTITION_ADVANCE,
    EMBEDDED_PARTITION_ORPHAN,
    EMBEDDED_PARTITION_RETAIN,
    EMBEDDED_PARTITION_ALL,
    EMBEDDED_PARTITION_DELETE,
    EMBEDDED_CHUNK_INSERT,
    EMBEDDED_CHUNK_SCAN,
    EMBEDDED_CHUNK_AT,
    EMBEDDED_CHUNK_OLDEST,
    EMBEDDED_CHUNK_DELETE,
    EMBEDDED_POSITION_PUT,
    EMBEDDED_POSITION_LIST,
    EMBEDDED_POSITION_DELETE,
    EMBEDDED_STATEMENTS,
};

// A partition that this handle appends to: the chunks that wait for the next flush.
struct embedded_target {
    int64_t id;
    struct chunk_writer *chunks; // `made` of them are initialised, the first `used` hold records
    uint32_t used, made;
};

// A topic that this handle appends to.
struct embedded_topic {
    char name[STREAM_TOPIC_MAX + 1];
    int64_t id;
    uint32_t count;
    struct embedded_target *targets;
    uint32_t turn;           // where records without a key go
    uint64_t pending;        // records that wait for the next flush
    struct metric *appended; // NULL without metrics
};

// A partition that this handle reads.
struct embedded_reader {
    char topic[STREAM_TOPIC_MAX + 1];
    int32_t number;
    int64_t partition, source;
    int64_t position;  // offset of the next record to hand out
    int64_t chunk;     // id of the chunk that holds it, or would
    int64_t available; // of the poll under way
};

struct embedded {
    struct stream base;
    sqlite3 *db;
    sqlite3_stmt *statements[EMBEDDED_STATEMENTS];
    char folder[PATH_MAX];
    bool read_only;
    struct bell bell;
    struct embedded_topic *topics;
    uint32_t topic_count;
    size_t pending_bytes;
    struct embedded_reader *readers;
    uint32_t reader_count, turn;
    struct stream_change *given; // since join: all partitions of its topics; NULL when it has not joined
    uint32_t given_count;
    struct stream_change *changes; // not told yet: those from next_change on
    uint32_t change_count, next_change;
    struct metric_registry *metrics; // may be NULL
    struct metric *flushes, *polled; // NULL without metrics
};

static inline struct embedded *embedded_of(struct stream *stream)
{
    return (struct embedded *)(void *)stream;
}

// The row of a partition.
struct embedded_partition {
    int64_t id, low, next, bytes, peak_us;
};

static inline int64_t embedded_chunk_id(int64_t partition, int64_t offset)
{
    return partition << EMBEDDED_OFFSET_BITS | offset;
}

// A statement, reset, ready to be bound.
sqlite3_stmt *embedded_statement(struct embedded *log, enum embedded_statement which);
// Steps to the next row; *row is false after the last, when the statement is reset by itself.
enum status embedded_row(struct embedded *log, sqlite3_stmt *statement, bool *row, const char *doing, struct err *err) MUST_CHECK;
// Runs a statement for its effect.
enum status embedded_run(struct embedded *log, sqlite3_stmt *statement, const char *doing, struct err *err) MUST_CHECK;
enum status embedded_begin(struct embedded *log, enum embedded_statement which, const char *doing, struct err *err) MUST_CHECK;
// Commits when `status` is OK; otherwise, or when that fails, rolls back. Returns the first failure.
enum status embedded_end(struct embedded *log, enum status status, const char *doing, struct err *err) MUST_CHECK;

// FATAL / ERR_STREAM when there is no such topic. `count` is its number of partitions.
enum status embedded_topic_find(struct embedded *log, const char *name, int64_t *id, int32_t *count, struct err *err) MUST_CHECK;
// The number of a partition, from its topic's name.
enum status embedded_partition_find(struct embedded *log, const char *topic, int32_t number, struct embedded_partition *out,
                                    struct err *err) MUST_CHECK;
// The row of a partition by its number; FATAL when its topic was deleted (`topic` is for the message).
enum status embedded_partition_get(struct embedded *log, int64_t id, const char *topic, struct embedded_partition *out,
                                   struct err *err) MUST_CHECK;

enum status embedded_topic_create(struct stream *stream, const struct stream_topic *topic, struct err *err) MUST_CHECK;
enum status embedded_topic_delete(struct stream *stream, const char *topic, struct err *err) MUST_CHECK;
enum status embedded_topics(struct stream *stream, struct arena *arena, struct stream_topic **out, uint32_t *count,
                            struct err *err) MUST_CHECK;
enum status embedded_position_hint(struct stream *stream, const struct stream_position *positions, uint32_t count,
                                   struct err *err) MUST_CHECK;
enum status embedded_positions(struct stream *stream, struct arena *arena, struct stream_position **out, uint32_t *count,
                               struct err *err) MUST_CHECK;

enum status embedded_append(struct stream *stream, const char *topic, const struct batch *records, struct err *err) MUST_CHECK;
enum status embedded_flush(struct stream *stream, int64_t deadline_ns, struct err *err) MUST_CHECK;
void embedded_append_fini(struct embedded *log);

enum status embedded_seek(struct stream *stream, const char *topic, int32_t partition, int64_t source, int64_t offset,
                          struct err *err) MUST_CHECK;
enum status embedded_unseek(struct stream *stream, const char *topic, int32_t partition, struct err *err) MUST_CHECK;
enum status embedded_poll(struct stream *stream, struct batch *records, int64_t deadline_ns, struct err *err) MUST_CHECK;
enum status embedded_end_offset(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err) MUST_CHECK;
enum status embedded_trouble(struct stream *stream, const char *topic, int32_t partition, struct err *err) MUST_CHECK;
void embedded_wake(struct stream *stream);
enum status embedded_high(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err) MUST_CHECK;
enum status embedded_watermarks(struct stream *stream, const char *topic, int32_t partition, struct stream_watermarks *out,
                                struct err *err) MUST_CHECK;
enum status embedded_offset_at(struct stream *stream, const char *topic, int32_t partition, int64_t us, int64_t *offset,
                               struct err *err) MUST_CHECK;

enum status embedded_join(struct stream *stream, const char *group, const char *const *topics, uint32_t count, struct err *err) MUST_CHECK;
void embedded_leave(struct stream *stream);
bool embedded_change(struct stream *stream, struct stream_change *out);
enum status embedded_groups(struct stream *stream, struct arena *arena, struct stream_group **out, uint32_t *count,
                            struct err *err) MUST_CHECK;

enum status embedded_retain(struct stream *stream, int64_t now_us, uint64_t *deleted, struct err *err) MUST_CHECK;

// The folder that "embedded:" or "embedded:DIR" means. FATAL / ERR_CONFIG when the name is too long.
enum status embedded_folder(const struct config *config, char out[PATH_MAX], struct err *err) MUST_CHECK;

#endif
