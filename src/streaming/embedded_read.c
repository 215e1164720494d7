// SPDX-License-Identifier: Apache-2.0
// Reading the embedded log: partitions in turn, chunk by chunk, straight into the caller's batch.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "streaming/embedded.h"

static struct embedded_reader *reader_find(struct embedded *log, const char *topic, int32_t number)
{
    for (uint32_t i = 0; i < log->reader_count; i++)
        if (log->readers[i].number == number && !strcmp(log->readers[i].topic, topic)) return &log->readers[i];
    return NULL;
}

static enum status check_position(const struct embedded_reader *reader, const struct embedded_partition *state, int64_t offset,
                                  struct err *err)
{
    if (offset < state->low)
        return err_set(
            err, FATAL, ERR_STREAM,
            "%s/%d: offset %lld is gone, retention has deleted everything before %lld; raise the retention, or reset the position",
            reader->topic, reader->number, (long long)offset, (long long)state->low);
    if (offset > state->next)
        return err_set(err, FATAL, ERR_STREAM,
                       "%s/%d: offset %lld is beyond the end of the log, %lld; this is another log than the position was made on",
                       reader->topic, reader->number, (long long)offset, (long long)state->next);
    return OK;
}

// The chunk that holds an offset of the partition, or where it will be.
static enum status find_chunk(struct embedded *log, int64_t partition, int64_t offset, int64_t *id, struct err *err)
{
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_CHUNK_AT);
    sqlite3_bind_int64(statement, 1, embedded_chunk_id(partition, offset));
    sqlite3_bind_int64(statement, 2, embedded_chunk_id(partition, 0));
    bool row;
    TRY(embedded_row(log, statement, &row, "look for an offset", err));
    *id = embedded_chunk_id(partition, offset);
    if (row && sqlite3_column_int64(statement, 0) + sqlite3_column_int64(statement, 1) > *id) *id = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return OK;
}

static enum status resolve(struct embedded *log, struct embedded_reader *reader, int64_t offset, struct err *err)
{
    struct embedded_partition state;
    TRY(embedded_partition_find(log, reader->topic, reader->number, &state, err));
    TRY(check_position(reader, &state, offset, err));
    reader->partition = state.id;
    reader->position = offset;
    return find_chunk(log, state.id, offset, &reader->chunk, err);
}

enum status embedded_seek(struct stream *stream, const char *topic, int32_t partition, int64_t source, int64_t offset, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    TRY(bell_watch(&log->bell, err));
    struct embedded_reader reader = {.number = partition, .source = source};
    snprintf(reader.topic, sizeof reader.topic, "%s", topic);
    TRY(embedded_begin(log, EMBEDDED_BEGIN_READ, "seek", err));
    TRY(embedded_end(log, resolve(log, &reader, offset, err), "seek", err));

    struct embedded_reader *place = reader_find(log, topic, partition);
    if (!place) {
        struct embedded_reader *readers = realloc(log->readers, (log->reader_count + 1) * sizeof *readers);
        if (!readers) abort();
        log->readers = readers;
        place = &readers[log->reader_count++];
    }
    *place = reader;
    return OK;
}

enum status embedded_unseek(struct stream *stream, const char *topic, int32_t partition, struct err *err)
{
    (void)err;
    struct embedded *log = embedded_of(stream);
    struct embedded_reader *reader = reader_find(log, topic, partition);
    if (reader) *reader = log->readers[--log->reader_count];
    return OK;
}

static enum status damaged(const struct embedded *log, const struct embedded_reader *reader, struct err *err)
{
    return err_set(err, FATAL, ERR_STREAM, "the log in %s is damaged: %s/%d does not hold together at offset %lld; restore it from a copy",
                   log->folder, reader->topic, reader->number, (long long)reader->position);
}

// Copies what is wanted of a chunk, which has `left` records from the reader's position on, into the batch: one copy of its bytes,
// records pointing into it. False when the bytes are malformed; the batch may then hold some of the rows.
static bool take_chunk(const struct embedded_reader *reader, struct chunk_reader chunk, int64_t skip, int64_t left, int64_t count,
                       struct batch *batch)
{
    struct chunk_record record;
    for (; skip > 0; skip--)
        if (!chunk_reader_next(&chunk, &record)) return false;
    struct chunk_reader end = chunk;
    for (int64_t i = 0; i < count && count < left; i++)
        if (!chunk_reader_next(&end, &record)) return false;

    size_t size = (size_t)((count < left ? end.at : chunk.end) - chunk.at);
    chunk.at = arena_copy(&batch->arena, chunk.at, size);
    chunk.end = chunk.at + size;
    for (int64_t i = 0; i < count; i++) {
        if (!chunk_reader_next(&chunk, &record)) return false;
        uint32_t row = batch_row_begin(batch);
        for (uint32_t column = 0; column < RECORD_TIMESTAMP; column++)
            if (!record.null[column]) batch_set_slice(batch, column, row, record.field[column]);
        batch_set_int64(batch, RECORD_TIMESTAMP, row, record.timestamp_us);
        batch->source[row] = reader->source;
        batch->offset[row] = reader->position + i;
        batch_row_commit(batch);
    }
    return true;
}

// Takes up to `want` records of a partition, until about `bytes`.
static enum status take_partition(struct embedded *log, struct embedded_reader *reader, int64_t want, size_t bytes, struct batch *batch,
                                  struct err *err)
{
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_CHUNK_SCAN);
    sqlite3_bind_int64(statement, 1, reader->chunk);
    sqlite3_bind_int64(statement, 2, embedded_chunk_id(reader->partition + 1, 0));
    for (size_t until = batch->arena.used_bytes + bytes; want > 0 && batch->arena.used_bytes < until;) {
        bool row;
        TRY(embedded_row(log, statement, &row, "read the log", err));
        if (!row) return damaged(log, reader, err);
        int64_t id = sqlite3_column_int64(statement, 0), first = id - embedded_chunk_id(reader->partition, 0);
        int64_t left = first + sqlite3_column_int64(statement, 1) - reader->position;
        if (first > reader->position || left <= 0) return damaged(log, reader, err);
        struct chunk_reader chunk = {.at = sqlite3_column_blob(statement, 3), .base_us = sqlite3_column_int64(statement, 2)};
        if (chunk.at) chunk.end = chunk.at + sqlite3_column_bytes(statement, 3);
        int64_t count = left < want ? left : want;
        if (!chunk.at || !take_chunk(reader, chunk, reader->position - first, left, count, batch)) return damaged(log, reader, err);
        reader->position += count;
        reader->available -= count;
        want -= count;
        reader->chunk = count == left ? embedded_chunk_id(reader->partition, reader->position) : id;
    }
    sqlite3_reset(statement);
    return OK;
}

// Learns how much there is for each reader; *busy counts those that have something.
static enum status look(struct embedded *log, uint32_t *busy, struct err *err)
{
    *busy = 0;
    for (uint32_t i = 0; i < log->reader_count; i++) {
        struct embedded_reader *reader = &log->readers[i];
        struct embedded_partition state;
        TRY(embedded_partition_get(log, reader->partition, reader->topic, &state, err));
        TRY(check_position(reader, &state, reader->position, err));
        reader->available = state.next - reader->position;
        *busy += reader->available > 0;
    }
    return OK;
}

// Inside the read transaction. Every partition with records gets an equal share; what they leave goes round once more. The first of
// the round changes from poll to poll.
static enum status take(struct embedded *log, struct batch *batch, struct err *err)
{
    uint32_t busy;
    TRY(look(log, &busy, err));
    size_t bytes = busy ? EMBEDDED_POLL_BYTES / busy : 0;
    for (int round = 0; round < 2 && busy; round++) {
        for (uint32_t i = 0; i < log->reader_count && !batch_full(batch); i++) {
            struct embedded_reader *reader = &log->readers[(log->turn + i) % log->reader_count];
            if (reader->available <= 0) continue;
            int64_t room = batch->capacity - batch->rows, share = round ? room : room / busy + (room % busy != 0);
            if (!round) busy--;
            int64_t want = share < reader->available ? share : reader->available;
            TRY(take_partition(log, reader, want, bytes, batch, err));
        }
        busy = batch->arena.used_bytes < EMBEDDED_POLL_BYTES;
    }
    if (log->reader_count) log->turn = (log->turn + 1) % log->reader_count;
    return OK;
}

// Puts back what a poll that failed half way had taken.
static void take_back(struct embedded *log, struct batch *batch, uint32_t rows, const struct embedded_reader *before)
{
    batch->rows = rows;
    if (log->reader_count) memcpy(log->readers, before, log->reader_count * sizeof *before);
}

static enum status read_once(struct embedded *log, struct batch *batch, struct err *err)
{
    uint32_t rows = batch->rows;
    struct embedded_reader *before = malloc((log->reader_count + 1) * sizeof *before);
    if (!before) abort();
    if (log->reader_count) memcpy(before, log->readers, log->reader_count * sizeof *before);
    enum status status = embedded_begin(log, EMBEDDED_BEGIN_READ, "read the log", err);
    if (status == OK) status = embedded_end(log, take(log, batch, err), "read the log", err);
    if (status != OK) take_back(log, batch, rows, before);
    free(before);
    return status;
}

enum status embedded_poll(struct stream *stream, struct batch *records, int64_t deadline_ns, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    uint32_t rows = records ? records->rows : 0;
    for (;;) {
        bool woken = bell_clear(&log->bell);
        if (records) TRY(read_once(log, records, err));
        if (records && records->rows > rows) {
            if (log->polled) metric_add(log->polled, records->rows - rows);
            return OK;
        }
        bool changed = log->next_change < log->change_count;
        if (woken || changed || !bell_wait(&log->bell, deadline_ns))
            return err_set(err, AGAIN, ERR_STREAM, "no new records in %s", log->folder);
    }
}

// Every offset holds a record here, so what was given is all that is known.
enum status embedded_end_offset(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err)
{
    const struct embedded_reader *reader = reader_find(embedded_of(stream), topic, partition);
    if (!reader) return err_set(err, AGAIN, ERR_STREAM, "%s/%d is not being read", topic, partition);
    *offset = reader->position;
    return OK;
}

// One that cannot be read is the whole log's trouble: poll tells it.
enum status embedded_trouble(struct stream *stream, const char *topic, int32_t partition, struct err *err)
{
    (void)stream, (void)topic, (void)partition, (void)err;
    return OK;
}

void embedded_wake(struct stream *stream)
{
    bell_wake(&embedded_of(stream)->bell);
}

enum status embedded_watermarks(struct stream *stream, const char *topic, int32_t partition, struct stream_watermarks *out, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    struct embedded_partition state = {0};
    TRY(embedded_begin(log, EMBEDDED_BEGIN_READ, "read watermarks", err));
    TRY(embedded_end(log, embedded_partition_find(log, topic, partition, &state, err), "read watermarks", err));
    *out = (struct stream_watermarks){state.low, state.next};
    return OK;
}

// The log is near: what it says is what was last heard.
enum status embedded_high(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err)
{
    struct stream_watermarks marks = {0};
    enum status status = embedded_watermarks(stream, topic, partition, &marks, err);
    *offset = marks.high;
    return status;
}

// The first offset of low..next whose chunk ends at or above `us` in peak: peaks rise, so halving finds it.
static enum status first_peak(struct embedded *log, const struct embedded_partition *state, int64_t us, int64_t *chunk, struct err *err)
{
    int64_t from = state->low, to = state->next;
    while (from < to) {
        sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_CHUNK_AT);
        sqlite3_bind_int64(statement, 1, embedded_chunk_id(state->id, from + (to - from) / 2));
        sqlite3_bind_int64(statement, 2, embedded_chunk_id(state->id, 0));
        bool row;
        TRY(embedded_row(log, statement, &row, "search a time", err));
        if (!row) break;
        int64_t first = sqlite3_column_int64(statement, 0) - embedded_chunk_id(state->id, 0);
        int64_t after = first + sqlite3_column_int64(statement, 1);
        bool reached = sqlite3_column_int64(statement, 2) >= us;
        sqlite3_reset(statement);
        if (reached)
            to = first < to ? first : from;
        else
            from = after > from ? after : to;
    }
    *chunk = embedded_chunk_id(state->id, from);
    return OK;
}

// From the chunk whose peak reaches `us`: it holds the record, unless a later timestamp was deleted by retention; then one after it may.
static enum status search_time(struct embedded *log, const char *topic, int32_t partition, int64_t us, int64_t *offset, struct err *err)
{
    struct embedded_partition state;
    int64_t start;
    TRY(embedded_partition_find(log, topic, partition, &state, err));
    TRY(first_peak(log, &state, us, &start, err));
    *offset = state.next;
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_CHUNK_SCAN);
    sqlite3_bind_int64(statement, 1, start);
    sqlite3_bind_int64(statement, 2, embedded_chunk_id(state.id + 1, 0));
    for (;;) {
        bool row;
        TRY(embedded_row(log, statement, &row, "search a time", err));
        if (!row) return OK;
        struct chunk_reader chunk = {.at = sqlite3_column_blob(statement, 3), .base_us = sqlite3_column_int64(statement, 2)};
        if (chunk.at) chunk.end = chunk.at + sqlite3_column_bytes(statement, 3);
        struct chunk_record record;
        for (int64_t i = 0; chunk.at && chunk_reader_next(&chunk, &record); i++) {
            if (record.timestamp_us < us) continue;
            *offset = sqlite3_column_int64(statement, 0) - embedded_chunk_id(state.id, 0) + i;
            sqlite3_reset(statement);
            return OK;
        }
    }
}

enum status embedded_offset_at(struct stream *stream, const char *topic, int32_t partition, int64_t us, int64_t *offset, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    TRY(embedded_begin(log, EMBEDDED_BEGIN_READ, "search a time", err));
    return embedded_end(log, search_time(log, topic, partition, us, offset, err), "search a time", err);
}
