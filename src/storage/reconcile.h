// SPDX-License-Identifier: Apache-2.0
// Proof that nothing was lost and nothing doubled: the invariant of every partition, from its counters and, deep, from the rows.
#ifndef FDP_STORAGE_RECONCILE_H
#define FDP_STORAGE_RECONCILE_H

#include "storage/sink.h"

struct reconcile_partition {
    struct sink_partition position;
    int64_t rows, entries; // deep: found in the tables and in the quarantine (not redriven)
    int64_t twice;         // deep: offsets found more than once
    int64_t outside;       // deep: offsets outside first..next
};

// True when the partition's sums are right; `deep` says whether the last four members were counted.
bool reconcile_holds(const struct reconcile_partition *partition, bool deep);

typedef void reconcile_fn(void *context, const struct reconcile_partition *partition);

// Calls `each` per partition, in order of group, topic, partition. Deep reads every row of `tables`; one statement, so that a running
// pipeline does not disturb it. `strays` (may be NULL unless deep) counts rows and entries that belong to no partition.
enum status reconcile(struct sink *sink, const char *const *tables, uint32_t table_count, bool deep, reconcile_fn *each, void *context,
                      int64_t *strays, struct err *err) MUST_CHECK;

#endif
