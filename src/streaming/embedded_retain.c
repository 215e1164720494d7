// SPDX-License-Identifier: Apache-2.0
// Retention in the embedded log: the oldest chunks go, in transactions so small that an appender hardly waits.
#include <limits.h>

#include "base/clock.h"
#include "streaming/embedded.h"

enum {
    RETAIN_STEP_CHUNKS = 256,    // deleted in one transaction, at most so many ...
    RETAIN_STEP_BYTES = 4 << 20, // ... and hardly more than so much: each page of a chunk is visited
    RETAIN_CALL_MS = 20,         // after that long the rest is left to the next call
};

struct retention {
    int64_t partition, bytes, max_age_ms, max_bytes;
    bool orphan; // of a deleted topic: everything goes, and then the partition itself
};

// The next partition after `after` that retention concerns. *found is false at the end.
static enum status next_partition(struct embedded *log, int64_t after, struct retention *out, bool *found, struct err *err)
{
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_PARTITION_ALL);
    sqlite3_bind_int64(statement, 1, after);
    TRY(embedded_row(log, statement, found, "apply retention", err));
    if (!*found) return OK;
    *out = (struct retention){sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1), sqlite3_column_int64(statement, 2),
                              sqlite3_column_int64(statement, 3), sqlite3_column_type(statement, 2) == SQLITE_NULL};
    sqlite3_reset(statement);
    return OK;
}

struct step {
    int64_t end_offset; // first offset that stays
    int64_t bytes;      // of what goes
    uint64_t records;
    uint32_t chunks;
    bool more; // perhaps
};

// How far the oldest chunks may go.
static enum status plan_step(struct embedded *log, const struct retention *retention, int64_t now_us, struct step *step, struct err *err)
{
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_CHUNK_OLDEST);
    sqlite3_bind_int64(statement, 1, embedded_chunk_id(retention->partition, 0));
    sqlite3_bind_int64(statement, 2, embedded_chunk_id(retention->partition + 1, 0));
    sqlite3_bind_int(statement, 3, RETAIN_STEP_CHUNKS);
    int64_t oldest_us = INT64_MIN;
    if (retention->max_age_ms >= 0 && __builtin_sub_overflow(now_us, retention->max_age_ms * 1000, &oldest_us)) oldest_us = INT64_MIN;
    *step = (struct step){0};
    while (step->bytes < RETAIN_STEP_BYTES) {
        bool row;
        TRY(embedded_row(log, statement, &row, "apply retention", err));
        if (!row) break;
        int64_t bytes = sqlite3_column_int64(statement, 3);
        bool old = retention->max_age_ms >= 0 && sqlite3_column_int64(statement, 2) < oldest_us;
        bool large = retention->max_bytes >= 0 && retention->bytes - step->bytes - bytes >= retention->max_bytes;
        if (!retention->orphan && !old && !large) break;
        int64_t first = sqlite3_column_int64(statement, 0) - embedded_chunk_id(retention->partition, 0);
        step->end_offset = first + sqlite3_column_int64(statement, 1);
        step->records += (uint64_t)sqlite3_column_int64(statement, 1);
        step->bytes += bytes;
        step->chunks++;
    }
    sqlite3_reset(statement);
    step->more = step->chunks == RETAIN_STEP_CHUNKS || step->bytes >= RETAIN_STEP_BYTES;
    return OK;
}

static enum status delete_chunks(struct embedded *log, const struct retention *retention, const struct step *step, struct err *err)
{
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_CHUNK_DELETE);
    sqlite3_bind_int64(statement, 1, embedded_chunk_id(retention->partition, 0));
    sqlite3_bind_int64(statement, 2, embedded_chunk_id(retention->partition, step->end_offset));
    TRY(embedded_run(log, statement, "apply retention", err));
    statement = embedded_statement(log, EMBEDDED_PARTITION_RETAIN);
    sqlite3_bind_int64(statement, 1, retention->partition);
    sqlite3_bind_int64(statement, 2, step->end_offset);
    sqlite3_bind_int64(statement, 3, retention->bytes - step->bytes);
    return embedded_run(log, statement, "apply retention", err);
}

// Inside the write transaction, so that the partition's state is the newest.
static enum status write_step(struct embedded *log, int64_t partition, int64_t now_us, struct step *step, struct err *err)
{
    struct retention retention;
    bool found;
    TRY(next_partition(log, partition - 1, &retention, &found, err));
    *step = (struct step){0};
    if (!found || retention.partition != partition) return OK; // retention was switched off meanwhile
    TRY(plan_step(log, &retention, now_us, step, err));
    if (step->chunks) TRY(delete_chunks(log, &retention, step, err));
    if (!retention.orphan || step->more) return OK;
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_PARTITION_DELETE);
    sqlite3_bind_int64(statement, 1, partition);
    return embedded_run(log, statement, "apply retention", err);
}

// Looks without the write lock first: nearly always there is nothing to do.
static enum status is_due(struct embedded *log, const struct retention *retention, int64_t now_us, bool *due, struct err *err)
{
    struct step step;
    TRY(plan_step(log, retention, now_us, &step, err));
    *due = step.chunks > 0 || retention->orphan;
    return OK;
}

enum status embedded_retain(struct stream *stream, int64_t now_us, uint64_t *deleted, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    int64_t deadline = clock_deadline_ms(RETAIN_CALL_MS);
    struct retention retention = {0};
    if (deleted) *deleted = 0;
    for (;;) {
        bool found, due;
        TRY(next_partition(log, retention.partition, &retention, &found, err));
        if (!found) return OK;
        TRY(is_due(log, &retention, now_us, &due, err));
        struct step step = {.more = due};
        while (step.more) {
            TRY(embedded_begin(log, EMBEDDED_BEGIN_WRITE, "apply retention", err));
            TRY(embedded_end(log, write_step(log, retention.partition, now_us, &step, err), "apply retention", err));
            if (deleted) *deleted += step.records;
            if (clock_mono_ns() > deadline) return OK;
        }
    }
}
