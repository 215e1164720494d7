// SPDX-License-Identifier: Apache-2.0
// What the stores spell differently in the few statements of this room that are for all of them.
#ifndef FDP_STORAGE_DIALECT_H
#define FDP_STORAGE_DIALECT_H

#include "base/buf.h"
#include "storage/sink.h"

// A name in quotes; a text as a literal.
void dialect_append_name(struct buf *sql, const char *name);
void dialect_append_text(struct buf *sql, const char *text);
// An instant as a value for a column of timestamps.
void dialect_append_time(struct buf *sql, const struct sink *sink, int64_t us);
// What begins a transaction that may take as long as it needs.
const char *dialect_patience(const struct sink *sink);

// "fdp_target": the partitions with the offset from which on they are meant, as a WITH clause: (source, from_offset).
void dialect_append_targets(struct buf *sql, const int64_t *sources, const int64_t *offsets, uint32_t count);
// "fdp_meant": the ranges as a WITH clause: (source, first_offset, end_offset).
void dialect_append_ranges(struct buf *sql, const struct sink_range *ranges, uint32_t count);

// The join that compares large tables; which of their rows have no match is for the condition to say. PostgreSQL cannot do a full one by
// nested loops, which it takes for the best there is when nobody has counted the rows yet; SQLite does not make an index for one.
const char *dialect_join(const struct sink *sink);

// A query for the names of all tables, but the quarantine, whose rows say which record they were made of; of those that may be read. (What
// may not be read was never written to either: writing needs a look at the table's columns.)
const char *dialect_tables(const struct sink *sink);

#endif
