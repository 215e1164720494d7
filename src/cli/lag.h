// SPDX-License-Identifier: Apache-2.0
// How far consumer groups are behind: what the store and the stream know of them, together.
#ifndef FDP_CLI_LAG_H
#define FDP_CLI_LAG_H

#include "storage/sink.h"
#include "streaming/stream.h"

struct lag_partition {
    const char *topic;
    int32_t partition;
    int64_t stored;                 // position in the store; -1: none
    int64_t hint;                   // position in the stream; -1: none
    bool there;                     // the stream has it
    struct stream_watermarks marks; // when it has
    int64_t records;                // from the position on (the stored one, where there is one); -1: not known
    int64_t us;                     // how old the record at the position is; 0: none waits; -1: not known
    const char *member;             // that reads it; NULL: not known
    const char *note;               // what is wrong; NULL: nothing
};

struct lag_group {
    const char *name, *state; // state as the stream says
    bool stored;              // the store has positions of it
    uint32_t members;
    struct lag_partition *partitions; // by topic and partition
    uint32_t partition_count;
    int64_t records, us; // of all partitions: the sum, and the most; -1: not known
};

// All groups, or the one of that name (none when nobody knows it), in `arena`, by name.
enum status lag_groups(struct stream *stream, struct sink *sink, const char *only, struct arena *arena, struct lag_group **out,
                       uint32_t *count, struct err *err) MUST_CHECK;

#endif
