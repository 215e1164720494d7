// SPDX-License-Identifier: Apache-2.0
// The seam to a store: rows, rejects and positions in one transaction, and the claim that fences former owners.
//
// Invariant per partition at all times: next_offset - first_offset = stored + quarantined + filtered + skipped, and the rows and
// quarantine entries that carry its id are as many, each offset once.
#ifndef FDP_STORAGE_SINK_H
#define FDP_STORAGE_SINK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/batch.h"
#include "model/config.h"

struct sink_params {
    const struct config *config; // storage.*, data
    const struct log *log;
    struct metric_registry *metrics; // may be NULL
    bool read_only;                  // a tool that looks: creates and changes nothing
};

// A partition as its store knows it: one row of fdp_offsets.
struct sink_partition {
    char group[256], topic[250];
    int32_t partition;
    int64_t id; // the number that rows carry as _source
    int64_t epoch;
    int64_t first_offset, next_offset;
    int64_t stored, quarantined, filtered, skipped;
    int64_t last_timestamp_us; // identity of the record at next_offset - 1: its timestamp ...
    uint32_t last_crc;         // ... and CRC-32 of key and value; both 0 while nothing was read
};

// A stretch of a partition's offsets: up to, not with, to_offset.
struct sink_range {
    int64_t source, from_offset, to_offset;
};

// How far one partition moves in a write.
struct sink_advance {
    int64_t id, epoch;
    int64_t from_offset, to_offset; // compare with and swap to
    int64_t stored, quarantined, filtered, skipped;
    int64_t first_timestamp_us; // of its first record, when it has any; for who measures, not stored
    int64_t last_timestamp_us;
    uint32_t last_crc;
};

// Columns of a quarantined record; its provenance is that of the record.
enum reject_column {
    REJECT_KEY,       // bytes
    REJECT_VALUE,     // bytes
    REJECT_HEADERS,   // bytes, as in record.h
    REJECT_TIMESTAMP, // of the record
    REJECT_SCHEMA_ID,
    REJECT_RULE,  // text: "decode", "schema", "transform", "constraint", "ingestion"
    REJECT_ERROR, // text, for people
    REJECT_COLUMNS,
};
extern const struct row_type reject_row_type;

struct sink_table {
    const char *name;
    const struct batch *rows;
};

// A quarantined record that was processed again after a fix: its entry is done, and its partition counts it anew.
struct sink_redrive {
    int64_t entry; // fdp_quarantine.id, in state waiting
    bool filtered; // no route takes it now; else it is among the rows
};

struct sink_write {
    const struct sink_table *tables;
    uint32_t table_count;
    const struct batch *rejects; // of reject_row_type; may be NULL
    const struct sink_advance *advances;
    uint32_t advance_count;              // sorted by id
    const struct sink_redrive *redrives; // sorted by entry; an entry that is not waiting any more is SINK_FAULT_FENCED
    uint32_t redrive_count;
};

// What stood in the way of a write, so that the caller can cut it out and go on with the rest.
enum sink_fault_kind {
    SINK_FAULT_NONE,
    SINK_FAULT_ROW,    // `row` of table `table` cannot be stored (constraint, range, length)
    SINK_FAULT_REJECT, // `row` of the rejects cannot be stored
    SINK_FAULT_SOME,   // some row cannot, and it is not known which: write parts of it to find out
    SINK_FAULT_SLOW,   // it took longer than storage.statement-timeout: write less at a time
    SINK_FAULT_TABLE,  // table `table` cannot be written to at all now (missing, a column missing, no permission, locked)
    SINK_FAULT_FENCED, // a position was not what the caller believed: claim again to learn the truth
};

struct sink_fault {
    enum sink_fault_kind kind;
    uint32_t table, row;
    uint64_t dropping; // after OK: tables that did not keep all of their rows, a bit for each: triggers can do that
};

struct sink {
    const struct sink_ops *ops;
};

enum sink_cell_type {
    SINK_NULL,
    SINK_INTEGER,
    SINK_DOUBLE,
    SINK_DECIMAL, // a number that neither of the above holds, as text: -0.10, never with an exponent
    SINK_BOOLEAN, // `integer` is 1 or 0
    SINK_TEXT,
    SINK_BYTES
};

struct sink_cell {
    enum sink_cell_type type;
    int64_t integer; // also of a time that comes as text: microseconds since 1970 UTC
    double float64;
    struct slice text; // of SINK_DECIMAL, SINK_TEXT and SINK_BYTES; valid during the call
};

// Called once per row of a query; columns are named by `names`. Return false to stop.
typedef bool sink_row_fn(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells);

struct sink_ops {
    const char *scheme; // "sqlite", "postgresql"
    enum status (*open)(struct sink **out, const struct sink_params *params, struct err *err) MUST_CHECK;
    // Brings the tables up to the version of this program; safe when several start at once.
    enum status (*migrate)(struct sink *sink, struct err *err) MUST_CHECK;
    // Takes over a partition: raises its epoch, so that the former owner's writes fail, and fills id, epoch, offsets and counts. It waits
    // for a transaction of the former owner that is just committing. A first claim inserts the partition with first_offset = next_offset =
    // partition->next_offset as given. With `epoch` not 0 it takes nothing: it fills in the truth, after doubt; an epoch that differs from
    // the caller's means that another has taken the partition over.
    enum status (*claim)(struct sink *sink, struct sink_partition *partition, struct err *err) MUST_CHECK;
    // All of it durable, or none of it. REJECT: see fault->kind (ROW, REJECT, SOME, SLOW, TABLE), nothing was written. AGAIN: nothing was
    // written, the store is busy or full. RETRY: nobody knows whether it was written (connection lost), or fault->kind is FENCED and
    // nothing was: claim again before going on.
    enum status (*write)(struct sink *sink, const struct sink_write *write, struct sink_fault *fault, struct err *err) MUST_CHECK;
    // The columns of a table as a row type in `arena`, without _source and _offset. REJECT / ERR_STORAGE when there is no such table.
    enum status (*table)(struct sink *sink, const char *name, struct arena *arena, struct row_type **out, struct err *err) MUST_CHECK;
    // Reads. REJECT / ERR_STORAGE with the store's own words when the statement is wrong or would write.
    enum status (*query)(struct sink *sink, const char *sql, sink_row_fn *row, void *context, struct err *err) MUST_CHECK;
    // Statements of this program that write, all of them or none; in SQL that every store understands.
    enum status (*exec)(struct sink *sink, const char *sql, struct err *err) MUST_CHECK;
    void (*close)(struct sink *sink);
};

extern const struct sink_ops sink_sqlite, sink_postgres;

// Opens the back end that storage.url names.
enum status sink_open(struct sink **out, const struct sink_params *params, struct err *err) MUST_CHECK;
void sink_close(struct sink *sink);

// A type of column in the store's own SQL, as ALTER TABLE wants it.
const char *sink_type_name(const struct sink *sink, enum column_type type);
// Appends the statement that makes a column of a table one of another type, with its values.
void sink_append_retype(struct buf *sql, const struct sink *sink, const char *table, const struct row_column *column,
                        enum column_type wanted);

#endif
