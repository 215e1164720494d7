// SPDX-License-Identifier: Apache-2.0
// Reading some records of a stream, for commands that look.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/tool.h"
#include "model/record.h"

enum status tool_stamps(struct stream *stream, struct tool_stamp *stamps, uint32_t count, struct err *err)
{
    enum { ROWS = 256, PATIENCE_MS = 5000 };
    struct batch *records = batch_new(&record_row_type, ROWS);
    int64_t deadline_ns = clock_deadline_ms(PATIENCE_MS);
    enum status status = OK;
    uint32_t open = 0;
    for (uint32_t i = 0; i < count; i++) stamps[i].us = -1, *stamps[i].why = '\0';
    for (; open < count && status == OK; open++)
        status = stream->ops->seek(stream, stamps[open].topic, stamps[open].partition, open, stamps[open].offset, err);
    uint32_t left = count;
    while (left && (status == OK || status == AGAIN) && clock_mono_ns() < deadline_ns) {
        batch_reset(records);
        status = stream->ops->poll(stream, records, deadline_ns, err);
        for (uint32_t row = 0; row < records->rows && status == OK; row++) {
            struct tool_stamp *stamp = &stamps[records->source[row]];
            if (stamp->us >= 0) continue;
            stamp->us = records->columns[RECORD_TIMESTAMP].int64[row];
            status = stream->ops->unseek(stream, stamp->topic, stamp->partition, err);
            left--;
        }
    }
    for (uint32_t i = 0; i < open; i++) {
        struct err own; // what is returned is the first failure
        if (stamps[i].us >= 0) continue;
        if (stream->ops->trouble(stream, stamps[i].topic, stamps[i].partition, &own) != OK)
            snprintf(stamps[i].why, sizeof stamps[i].why, "%s", own.text);
        (void)!stream->ops->unseek(stream, stamps[i].topic, stamps[i].partition, &own);
    }
    batch_free(records);
    return status == AGAIN ? OK : status;
}

static int by_timestamp(const void *a, const void *b, void *context)
{
    const struct batch *records = context;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    int64_t x = records->columns[RECORD_TIMESTAMP].int64[left], y = records->columns[RECORD_TIMESTAMP].int64[right];
    if (x != y) return x < y ? -1 : 1;
    return left < right ? -1 : 1;
}

// The last `limit` rows of `from` by time, in a batch of their own that shares nothing with it.
static struct batch *newest(struct batch *from, uint32_t limit)
{
    uint32_t *order = calloc(from->rows + 1, sizeof *order);
    if (!order) abort();
    for (uint32_t i = 0; i < from->rows; i++) order[i] = i;
    qsort_r(order, from->rows, sizeof *order, by_timestamp, from);
    struct batch *to = batch_new(&record_row_type, limit);
    for (uint32_t i = from->rows > limit ? from->rows - limit : 0; i < from->rows; i++) {
        uint32_t row = batch_row_begin(to), old = order[i];
        for (uint32_t c = RECORD_KEY; c <= RECORD_HEADERS; c++) {
            if (batch_is_null(from, c, old)) continue;
            struct slice bytes = from->columns[c].text[old];
            batch_set_slice(to, c, row, (struct slice){arena_copy(&to->arena, bytes.data, bytes.size), bytes.size});
        }
        batch_set_int64(to, RECORD_TIMESTAMP, row, from->columns[RECORD_TIMESTAMP].int64[old]);
        to->source[row] = from->source[old];
        to->offset[row] = from->offset[old];
        batch_row_commit(to);
    }
    free(order);
    return to;
}

enum status tool_reached(struct stream *stream, const struct stream_topic *topic, int64_t *ends, bool *all, struct err *err)
{
    *all = true;
    for (int32_t p = 0; p < topic->partitions; p++) {
        int64_t end;
        if (!ends[p]) continue;
        TRY(stream->ops->end(stream, topic->name, p, &end, err));
        if (end >= ends[p])
            ends[p] = 0;
        else
            *all = false;
    }
    return OK;
}

static enum status seek_last(struct stream *stream, const struct stream_topic *topic, uint32_t limit, int64_t *ends, int64_t *waiting,
                             struct err *err)
{
    for (int32_t p = 0; p < topic->partitions; p++) {
        struct stream_watermarks marks;
        TRY(stream->ops->watermarks(stream, topic->name, p, &marks, err));
        int64_t from = marks.high - limit > marks.low ? marks.high - limit : marks.low;
        if (from >= marks.high) continue;
        TRY(stream->ops->seek(stream, topic->name, p, p, from, err));
        ends[p] = marks.high;
        *waiting += marks.high - from;
    }
    return OK;
}

enum status tool_incomplete(const struct stream_topic *topic, struct err *err)
{
    return err_set(err, RETRY, ERR_STREAM,
                   "%s: for %d s no record has come, and its end is not reached: this is not all of it; see that the stream is well, and"
                   " try again",
                   topic->name, TOOL_PATIENCE_MS / 1000);
}

// Offsets without a record make it fewer than `waiting`.
static enum status read_last(struct stream *stream, const struct stream_topic *topic, int64_t *ends, struct batch *all, struct err *err)
{
    bool done;
    int64_t patience_ns = clock_deadline_ms(TOOL_PATIENCE_MS);
    TRY(tool_reached(stream, topic, ends, &done, err));
    while (!done && !batch_full(all) && clock_mono_ns() < patience_ns) {
        uint32_t before = all->rows;
        enum status status = stream->ops->poll(stream, all, clock_deadline_ms(500), err);
        if (status != OK && status != AGAIN) return status;
        if (all->rows > before) patience_ns = clock_deadline_ms(TOOL_PATIENCE_MS);
        TRY(tool_reached(stream, topic, ends, &done, err));
    }
    return done || batch_full(all) ? OK : tool_incomplete(topic, err);
}

enum status tool_last_records(struct stream *stream, const struct stream_topic *topic, uint32_t limit, struct batch **out, struct err *err)
{
    int64_t waiting = 0, *ends = calloc((size_t)topic->partitions, sizeof *ends);
    if (!ends) abort();
    *out = NULL;
    enum status status = seek_last(stream, topic, limit, ends, &waiting, err);
    if (status == OK) {
        struct batch *all = batch_new(&record_row_type, (uint32_t)waiting + 1);
        status = read_last(stream, topic, ends, all, err);
        if (status == OK) *out = newest(all, limit);
        batch_free(all);
    }
    for (int32_t p = 0; p < topic->partitions; p++) {
        struct err ignored; // of one that was never sought, or after a failure that is told
        (void)!stream->ops->unseek(stream, topic->name, p, &ignored);
    }
    free(ends);
    return status;
}
