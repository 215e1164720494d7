// SPDX-License-Identifier: Apache-2.0
// Moves stored positions, back or forward, and with them what was made of the records in between.
//
// Going back, the rows and quarantine entries of the records from the new position on are removed in the same transaction, so that what is
// made of them again is not doubled; they leave the counts of stored and quarantined records, and what is left of the way is taken from
// those of filtered ones, then of skipped ones. Going forward, the records in between count as skipped. Either way the partition's sums
// stay right, and its epoch is raised: a worker that reads it is fenced, claims again and goes on at the new position.
#ifndef FDP_STORAGE_REWIND_H
#define FDP_STORAGE_REWIND_H

#include "storage/sink.h"

// The partitions that the store knows of a group (NULL: of all), by group, topic and partition; without their epochs.
enum status rewind_positions(struct sink *sink, const char *group, struct arena *arena, struct sink_partition **out, uint32_t *count,
                             struct err *err) MUST_CHECK;

struct rewind_partition {
    struct sink_partition position; // as it is in the store
    int64_t to_offset;              // where it is to go on; below first_offset it begins there
    bool gone;                      // the stream has it no more: for rewind_afresh, which gives its position up
    // What is from there on, filled by rewind_look.
    int64_t rows, entries; // records in the tables; in the quarantine
};

// Counts what a move would remove from `tables` (those that rows of these partitions can be in) and from the quarantine.
enum status rewind_look(struct sink *sink, const char *const *tables, uint32_t table_count, struct rewind_partition *partitions,
                        uint32_t count, struct err *err) MUST_CHECK;
// Moves all of them or none, whatever a worker has done meanwhile. AGAIN: the store is busy, nothing was changed. RETRY: nobody knows.
enum status rewind_apply(struct sink *sink, const char *const *tables, uint32_t table_count, const struct rewind_partition *partitions,
                         uint32_t count, struct err *err) MUST_CHECK;

// For a topic that is not the one any more that the rows came from: keeps them, under a group of another name, and begins anew at
// to_offset, where the stream has the partition still.
enum status rewind_afresh(struct sink *sink, const struct rewind_partition *partitions, uint32_t count, struct err *err) MUST_CHECK;
// Whether that is such a name.
bool rewind_is_over(const char *group);

#endif
