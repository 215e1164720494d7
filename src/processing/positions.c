// SPDX-License-Identifier: Apache-2.0
// Positions of partitions, and their advance by a batch.
#include "processing/positions.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/memory.h"

void positions_fini(struct positions *self)
{
    free(self->items);
    free(self->sources);
    *self = (struct positions){0};
}

struct position *positions_find(const struct positions *self, int64_t id)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->items[i].id == id) return &self->items[i];
    return NULL;
}

void positions_put(struct positions *self, const struct sink_partition *claim, uint32_t topic)
{
    struct position *position = positions_find(self, claim->id);
    if (!position) {
        if (self->count == self->capacity) {
            self->capacity = self->capacity ? 2 * self->capacity : 8;
            self->items = memory_grow(self->items, self->capacity, sizeof *self->items);
            self->sources = memory_grow(self->sources, self->capacity, sizeof *self->sources);
        }
        position = &self->items[self->count++];
    }
    *position = (struct position){claim->id, claim->epoch, claim->next_offset};
    self->sources[position - self->items] = (struct pipeline_source){claim->id, topic, claim->partition};
}

void positions_drop(struct positions *self, int64_t id)
{
    struct position *position = positions_find(self, id);
    if (!position) return;
    self->count--;
    self->sources[position - self->items] = self->sources[self->count];
    *position = self->items[self->count];
}

uint32_t position_crc(const struct batch *records, uint32_t row)
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

void positions_sort(struct sink_advance *advances, uint32_t count)
{
    if (count > 1) qsort(advances, count, sizeof *advances, by_id); // there may be no array
}

// The advance of a partition among the `count` ones, begun when it is new, with a record of that time.
static struct sink_advance *advance_of(const struct position *position, int64_t timestamp_us, struct sink_advance *advances,
                                       uint32_t *count)
{
    uint32_t at = 0;
    while (at < *count && advances[at].id != position->id) at++;
    if (at == *count)
        advances[(*count)++] = (struct sink_advance){.id = position->id,
                                                     .epoch = position->epoch,
                                                     .from_offset = position->next_offset,
                                                     .to_offset = position->next_offset,
                                                     .first_timestamp_us = timestamp_us};
    return &advances[at];
}

uint32_t positions_advance(const struct positions *self, const struct work *work, struct sink_advance *advances)
{
    const struct batch *records = work->records;
    uint32_t count = 0;
    struct sink_advance *advance = NULL;
    for (uint32_t row = 0; row < records->rows; row++) {
        int64_t id = records->source[row];
        // Records of a partition come in runs.
        if (!advance || advance->id != id) {
            const struct position *position = positions_find(self, id);
            if (!position) abort(); // by contract
            advance = advance_of(position, records->columns[RECORD_TIMESTAMP].int64[row], advances, &count);
        }
        advance->skipped += records->offset[row] - advance->to_offset;
        advance->to_offset = records->offset[row] + 1;
        count_fate(advance, work->fate[row]);
        bool last_of_run = row + 1 == records->rows || records->source[row + 1] != id;
        if (last_of_run) {
            advance->last_timestamp_us = records->columns[RECORD_TIMESTAMP].int64[row];
            advance->last_crc = position_crc(records, row);
        }
    }
    positions_sort(advances, count);
    return count;
}

void positions_move(struct positions *self, const struct sink_advance *advances, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct position *position = positions_find(self, advances[i].id);
        if (position) position->next_offset = advances[i].to_offset;
    }
}
