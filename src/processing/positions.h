// SPDX-License-Identifier: Apache-2.0
// Where a worker is in each of its partitions, and how far a batch of records moves it.
//
// The reader and the writer of a worker have one each: how far was read, and how far was stored. Owner: that thread.
#ifndef FDP_PROCESSING_POSITIONS_H
#define FDP_PROCESSING_POSITIONS_H

#include "processing/pipeline.h"
#include "storage/sink.h"

struct position {
    int64_t id, epoch; // of the partition in the store
    int64_t next_offset;
};

struct positions {
    uint32_t count, capacity;
    struct position *items;          // in no order
    struct pipeline_source *sources; // the same partitions, for the pipeline
};

void positions_fini(struct positions *positions);
// NULL when it is not there. The answer moves with the next put or drop.
struct position *positions_find(const struct positions *positions, int64_t id);
// Adds it, or replaces the one with the same id. `topic` is an index of pipeline_topics.
void positions_put(struct positions *positions, const struct sink_partition *claim, uint32_t topic);
void positions_drop(struct positions *positions, int64_t id);

// From the fates of the work's records, all of partitions that are there and in order of their offsets: how far each partition is to move.
// `advances` has room for all partitions; returns how many it used, ordered by id.
uint32_t positions_advance(const struct positions *positions, const struct work *work, struct sink_advance *advances);
void positions_sort(struct sink_advance *advances, uint32_t count); // by id
// Moves the positions so far.
void positions_move(struct positions *positions, const struct sink_advance *advances, uint32_t count);

// Identity of a record: with its timestamp, enough to tell whether a topic is still the same one.
uint32_t position_crc(const struct batch *records, uint32_t row);

#endif
