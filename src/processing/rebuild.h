// SPDX-License-Identifier: Apache-2.0
// Makes the rows of a stretch of the stream once more, with the present routes, into a table of their own.
#ifndef FDP_PROCESSING_REBUILD_H
#define FDP_PROCESSING_REBUILD_H

#include "processing/pipeline.h"
#include "streaming/stream.h"

// The stretch of one partition: from_offset up to, not with, to_offset.
struct rebuild_partition {
    char topic[STREAM_TOPIC_MAX + 1];
    uint32_t route_topic; // index of pipeline_topics
    int32_t partition;
    int64_t source; // that its rows carry
    int64_t from_offset, to_offset;
};

struct rebuild_params {
    struct stream *stream; // reads nothing else meanwhile
    struct pipeline *pipeline;
    struct sink *sink;
    const char *into; // a table with the columns of those that the routes of these topics lead to
    const struct rebuild_partition *partitions;
    uint32_t partition_count;
    uint32_t batch_rows;
    void (*progress)(void *context, int64_t done, int64_t total); // in offsets; may be NULL
    void *context;
};

struct rebuild_summary {
    int64_t read, stored, filtered, refused;
    char why[256]; // the first was refused; "" when none was
};

// FATAL when it cannot go on; rows are left in the table then. RETRY: the same, and the last rows may be there or not.
enum status rebuild(const struct rebuild_params *params, struct rebuild_summary *summary, struct err *err) MUST_CHECK;

#endif
