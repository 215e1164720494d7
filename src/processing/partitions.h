// SPDX-License-Identifier: Apache-2.0
// The partitions that a worker owns: claimed from the store, checked against the stream, advanced batch by batch.
//
// The reader's thread owns it once it is claimed.
#ifndef FDP_PROCESSING_PARTITIONS_H
#define FDP_PROCESSING_PARTITIONS_H

#include "processing/pipeline.h"
#include "storage/sink.h"
#include "streaming/stream.h"

struct partitions {
    uint32_t count;
    struct sink_partition *claims;   // as the store answered
    struct pipeline_source *sources; // the same partitions, for the pipeline
    int64_t *read_offset;            // of each: the next offset that the reader expects
};

// Claims every partition of the pipeline's topics, and refuses those whose stored position does not fit the stream: a topic that was
// recreated, a log that is shorter, retention that passed by. Then begins to read them. `backlog` is the number of offsets that wait.
enum status partitions_claim(struct partitions *partitions, const struct pipeline *pipeline, struct stream *stream, struct sink *sink,
                             const struct config *config, uint64_t *backlog, struct err *err) MUST_CHECK;
void partitions_fini(struct partitions *partitions);

// From the fates of the work's records: how far each partition moves. `advances` has room for all partitions; returns how many it used,
// ordered by id. The read offsets move with it.
uint32_t partitions_advance(struct partitions *partitions, const struct work *work, struct sink_advance *advances);

// True when everything below the stream's present high watermarks has been read.
enum status partitions_drained(const struct partitions *partitions, const struct pipeline *pipeline, struct stream *stream, bool *drained,
                               struct err *err) MUST_CHECK;

#endif
