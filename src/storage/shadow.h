// SPDX-License-Identifier: Apache-2.0
// A shadow of live tables: made like one of them, filled with what is made anew of the same records, and compared.
#ifndef FDP_STORAGE_SHADOW_H
#define FDP_STORAGE_SHADOW_H

#include "storage/sink.h"

// Makes the table `name` with the columns of the table `like`, or takes an empty one that is there and has them. With `empty_it` rows that
// are there are removed; without it they are REJECT / ERR_STORAGE, as is a table with other columns.
enum status shadow_make(struct sink *sink, const char *name, const char *like, bool empty_it, struct err *err) MUST_CHECK;

enum shadow_kind {
    SHADOW_MISSING,   // in a live table, not in the shadow
    SHADOW_EXTRA,     // in the shadow alone
    SHADOW_DIFFERENT, // in both, with other values
};

struct shadow_compared {
    int64_t same, differing[SHADOW_DIFFERENT + 1]; // rows, by kind
};

// Called for the first `examples` rows of each kind, by partition and offset; `column`, `live` and `shadow` tell the first column that
// differs, of SHADOW_DIFFERENT.
typedef void shadow_fn(void *context, enum shadow_kind kind, int64_t source, int64_t offset, const char *column,
                       const struct sink_cell *live, const struct sink_cell *shadow);

// Compares the shadow with the rows of all `tables` together, which have the same columns, within the ranges, by (_source, _offset).
enum status shadow_compare(struct sink *sink, const char *name, const char *const *tables, uint32_t table_count,
                           const struct sink_range *ranges, uint32_t range_count, uint32_t examples, shadow_fn *each, void *context,
                           struct shadow_compared *out, struct err *err) MUST_CHECK;

// True when rows of the one fit into the other: the same columns with the same types, in the same order.
bool shadow_alike(const struct row_type *a, const struct row_type *b);

#endif
