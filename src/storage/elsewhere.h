// SPDX-License-Identifier: Apache-2.0
// Rows in tables that no route leads to now. Earlier routes led there, or somebody has copied rows, as fdp replay does: from the rows
// alone it cannot be told. What can is whether a record has a row there only.
#ifndef FDP_STORAGE_ELSEWHERE_H
#define FDP_STORAGE_ELSEWHERE_H

#include "storage/sink.h"

// The tables beside `routed` whose rows say which record they were made of, by name; in `arena`.
enum status elsewhere_tables(struct sink *sink, const char *const *routed, uint32_t routed_count, struct arena *arena, const char ***out,
                             uint32_t *count, struct err *err) MUST_CHECK;

// What such a table has of a partition.
struct elsewhere {
    const char *table;
    int64_t source;
    int64_t alone; // records that have neither a row in the routed tables nor an entry in the quarantine, other than a redriven one
    int64_t rows;  // all there are
};

// Looks for rows within the ranges; gives what has any, by table and source; in `arena`.
enum status elsewhere_look(struct sink *sink, const char *const *routed, uint32_t routed_count, const struct sink_range *ranges,
                           uint32_t range_count, struct arena *arena, struct elsewhere **out, uint32_t *count, struct err *err) MUST_CHECK;

#endif
