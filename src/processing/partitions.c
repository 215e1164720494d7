// SPDX-License-Identifier: Apache-2.0
// Claiming, checking and advancing partitions.
#include "processing/partitions.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/clock.h"

// Identity of a record: with its timestamp, enough to tell whether a topic is still the same one.
static uint32_t record_crc(const struct batch *records, uint32_t row)
{
    uLong crc = crc32(0, NULL, 0);
    static const uint32_t hashed[] = {RECORD_KEY, RECORD_VALUE};
    for (size_t i = 0; i < 2; i++) {
        if (batch_is_null(records, hashed[i], row)) continue;
        struct slice bytes = records->columns[hashed[i]].text[row];
        crc = crc32(crc, (const Bytef *)bytes.data, (uInt)bytes.size);
    }
    return (uint32_t)crc;
}

// --- Claiming ---

// What to do is the same for every way in which a position and a log can disagree.
#define ADVICE "; if the log was replaced on purpose, start on a new data folder, or remove the row of this partition from fdp_offsets"

static enum status check_last_record(struct stream *stream, const char *topic, const struct sink_partition *claim, struct err *err)
{
    int64_t last = claim->next_offset - 1;
    TRY(stream->ops->seek(stream, topic, claim->partition, claim->id, last, err));
    struct batch *records = batch_new(&record_row_type, 1);
    enum status status = stream->ops->poll(stream, records, clock_deadline_ms(5000), err);
    // An offset without a record (compacted, or a control record) cannot be compared.
    if (status == OK && records->offset[0] == last &&
        (records->columns[RECORD_TIMESTAMP].int64[0] != claim->last_timestamp_us || record_crc(records, 0) != claim->last_crc))
        status =
            err_set(err, FATAL, ERR_STREAM,
                    "partition %d of %s holds another record at offset %lld than the one that was stored: the topic is not the same" ADVICE,
                    claim->partition, topic, (long long)last);
    batch_free(records);
    if (status == AGAIN) status = OK;
    if (status == OK) status = stream->ops->unseek(stream, topic, claim->partition, err);
    return status;
}

static enum status check_position(struct stream *stream, const char *topic, const struct sink_partition *claim,
                                  const struct stream_watermarks *marks, struct err *err)
{
    if (claim->next_offset > marks->high)
        return err_set(err, FATAL, ERR_STREAM,
                       "partition %d of %s ends at offset %lld, but the store is at %lld already: the log is shorter" ADVICE,
                       claim->partition, topic, (long long)marks->high, (long long)claim->next_offset);
    if (claim->next_offset < marks->low)
        return err_set(
            err, FATAL, ERR_STREAM,
            "partition %d of %s begins at offset %lld, but the store is only at %lld: retention has removed records in between" ADVICE,
            claim->partition, topic, (long long)marks->low, (long long)claim->next_offset);
    if (claim->next_offset == marks->low || claim->next_offset == claim->first_offset) return OK;
    return check_last_record(stream, topic, claim, err);
}

static bool read_position(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    struct sink_partition *partition = context;
    partition->first_offset = cells[0].integer;
    partition->next_offset = cells[1].integer;
    partition->last_timestamp_us = cells[2].integer;
    partition->last_crc = (uint32_t)cells[3].integer;
    partition->id = cells[4].integer;
    return false;
}

// The stored position without taking it: a start that has to be refused must not fence a worker that works. `partition->id` stays 0 when
// there is none yet.
static enum status look(struct sink *sink, struct sink_partition *partition, struct err *err)
{
    struct buf sql;
    buf_init(&sql, 2048);
    buf_printf(&sql,
               "SELECT first_offset, next_offset, last_timestamp, last_crc, id FROM fdp_offsets"
               " WHERE consumer_group = '%s' AND topic = '%s' AND partition = %d",
               partition->group, partition->topic, partition->partition);
    buf_append_byte(&sql, '\0');
    enum status status = sink->ops->query(sink, sql.data, read_position, partition, err);
    buf_fini(&sql);
    return status;
}

static enum status claim_partition(struct partitions *self, const char *topic, uint32_t topic_index, int32_t partition,
                                   struct stream *stream, struct sink *sink, const struct config *config, uint64_t *backlog,
                                   struct err *err)
{
    struct stream_watermarks marks;
    TRY(stream->ops->watermarks(stream, topic, partition, &marks, err));
    struct sink_partition *claim = &self->claims[self->count];
    *claim = (struct sink_partition){.partition = partition};
    snprintf(claim->group, sizeof claim->group, "%s", config->processing.group);
    snprintf(claim->topic, sizeof claim->topic, "%s", topic);
    claim->next_offset = strcmp(config->processing.start, "latest") ? marks.low : marks.high;
    TRY(sink->ops->claim(sink, claim, err));
    TRY(check_position(stream, topic, claim, &marks, err)); // it may have moved since the look
    self->sources[self->count] = (struct pipeline_source){claim->id, topic_index, partition};
    self->read_offset[self->count] = claim->next_offset;
    self->count++;
    *backlog += (uint64_t)(marks.high - claim->next_offset);
    return OK;
}

static enum status check_partition(const char *topic, int32_t partition, struct stream *stream, struct sink *sink,
                                   const struct config *config, struct err *err)
{
    struct stream_watermarks marks;
    struct sink_partition stored = {.partition = partition};
    snprintf(stored.group, sizeof stored.group, "%s", config->processing.group);
    snprintf(stored.topic, sizeof stored.topic, "%s", topic);
    TRY(look(sink, &stored, err));
    if (!stored.id) return OK;
    TRY(stream->ops->watermarks(stream, topic, partition, &marks, err));
    return check_position(stream, topic, &stored, &marks, err);
}

static int32_t partitions_of(const struct stream_topic *topics, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(topics[i].name, name)) return topics[i].partitions;
    return 0;
}

enum status partitions_claim(struct partitions *self, const struct pipeline *pipeline, struct stream *stream, struct sink *sink,
                             const struct config *config, uint64_t *backlog, struct err *err)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct stream_topic *topics;
    uint32_t topic_count, total = 0;
    const char *const *names;
    uint32_t name_count = pipeline_topics(pipeline, &names);
    enum status status = stream->ops->topics(stream, &arena, &topics, &topic_count, err);
    for (uint32_t i = 0; i < name_count && status == OK; i++) {
        int32_t partitions = partitions_of(topics, topic_count, names[i]);
        total += (uint32_t)partitions;
        if (!partitions)
            status = err_set(err, FATAL, ERR_CONFIG,
                             "a route of processing reads the topic %s, which does not exist; add it to streaming.topics", names[i]);
    }
    *self = (struct partitions){0};
    *backlog = 0;
    self->claims = calloc(total + 1, sizeof *self->claims);
    self->sources = calloc(total + 1, sizeof *self->sources);
    self->read_offset = calloc(total + 1, sizeof *self->read_offset);
    if (!self->claims || !self->sources || !self->read_offset) abort();
    for (uint32_t i = 0; i < name_count && status == OK; i++)
        for (int32_t p = 0; p < partitions_of(topics, topic_count, names[i]) && status == OK; p++)
            status = check_partition(names[i], p, stream, sink, config, err);
    for (uint32_t i = 0; i < name_count && status == OK; i++)
        for (int32_t p = 0; p < partitions_of(topics, topic_count, names[i]) && status == OK; p++)
            status = claim_partition(self, names[i], i, p, stream, sink, config, backlog, err);
    for (uint32_t i = 0; i < self->count && status == OK; i++)
        status = stream->ops->seek(stream, names[self->sources[i].topic], self->sources[i].partition, self->sources[i].id,
                                   self->read_offset[i], err);
    arena_fini(&arena);
    return status;
}

void partitions_fini(struct partitions *self)
{
    free(self->claims);
    free(self->sources);
    free(self->read_offset);
    *self = (struct partitions){0};
}

// --- Advancing ---

static uint32_t index_of(const struct partitions *self, int64_t id)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->sources[i].id == id) return i;
    abort(); // a stream only gives records of what was sought
}

static void count_fate(struct sink_advance *advance, enum fate fate)
{
    switch (fate) {
    case FATE_FILTERED: advance->filtered++; break;
    case FATE_STORED: advance->stored++; break;
    case FATE_QUARANTINED: advance->quarantined++; break;
    }
}

static int by_id(const void *a, const void *b)
{
    const struct sink_advance *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

uint32_t partitions_advance(struct partitions *self, const struct work *work, struct sink_advance *advances)
{
    const struct batch *records = work->records;
    uint32_t count = 0, at = 0; // at: index in advances of the partition of the last record
    uint32_t index = 0;
    for (uint32_t row = 0; row < records->rows; row++) {
        int64_t id = records->source[row];
        if (!count || advances[at].id != id) {
            index = index_of(self, id);
            for (at = 0; at < count && advances[at].id != id;) at++;
            if (at == count)
                advances[count++] = (struct sink_advance){.id = id,
                                                          .epoch = self->claims[index].epoch,
                                                          .from_offset = self->read_offset[index],
                                                          .to_offset = self->read_offset[index]};
        }
        struct sink_advance *advance = &advances[at];
        advance->skipped += records->offset[row] - advance->to_offset;
        advance->to_offset = records->offset[row] + 1;
        self->read_offset[index] = advance->to_offset;
        count_fate(advance, work->fate[row]);
        bool last_of_run = row + 1 == records->rows || records->source[row + 1] != id;
        if (last_of_run) {
            advance->last_timestamp_us = records->columns[RECORD_TIMESTAMP].int64[row];
            advance->last_crc = record_crc(records, row);
        }
    }
    qsort(advances, count, sizeof *advances, by_id);
    return count;
}

enum status partitions_drained(const struct partitions *self, const struct pipeline *pipeline, struct stream *stream, bool *drained,
                               struct err *err)
{
    const char *const *names;
    pipeline_topics(pipeline, &names);
    *drained = true;
    for (uint32_t i = 0; i < self->count && *drained; i++) {
        struct stream_watermarks marks;
        TRY(stream->ops->watermarks(stream, names[self->sources[i].topic], self->sources[i].partition, &marks, err));
        *drained = self->read_offset[i] >= marks.high;
    }
    return OK;
}
