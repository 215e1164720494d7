// SPDX-License-Identifier: Apache-2.0
// What the files of the PostgreSQL store share: one connection and its answers, errors, plans of tables.
//
// Owner: one thread. libpq is used without blocking, so that every wait has a deadline: a server that is stopped, or a network that
// swallows everything, ends a call. After a lost connection the next call makes a new one.
#ifndef FDP_STORAGE_POSTGRES_H
#define FDP_STORAGE_POSTGRES_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "base/buf.h"
#include "storage/sink.h"

enum {
    POSTGRES_PIECE_BYTES = 64 << 10, // of a COPY stream; the server works on one while the next is encoded
    POSTGRES_MAX_TABLES = 64,
};

// How a value is written into a COPY.
enum postgres_form {
    FORM_TEXT, // and bytes: as they are
    FORM_FLOAT8,
    FORM_TIME,
    FORM_INT4,
    FORM_INT8,
    FORM_INT2,
    FORM_FLOAT4,
    FORM_BOOL,
};

// One field of the rows of a COPY. `null` and `values` belong to the batch that is written now; `null` may be NULL: never null.
struct postgres_field {
    enum postgres_form form;
    int32_t column; // of the batch, or one of the below
    const uint8_t *null;
    const void *values;
    const char *name, *type; // of the column in the table; its type as people write it
    bool has_default;
};

enum { FIELD_SOURCE = -1, FIELD_OFFSET = -2, FIELD_TOPIC = -3, FIELD_PARTITION = -4 };

// How rows of one row type go into a table. Made once per table and connection; made anew after an error.
struct postgres_plan {
    char *table;
    struct arena arena;          // all below
    struct row_type type;        // that it was made for: a copy, the caller's may be gone
    struct postgres_field *all;  // a field per column of the type, _source, _offset
    struct postgres_field *used; // those that have values in the COPY that runs now
    uint32_t all_count, used_count;
    size_t fixed_bytes; // most that a row takes without its texts
    uint32_t shape;     // number of the prepared statement that fails when the table is another than it was; 0: the plan may be old
    int64_t defaults;   // that the table had: what it is executed with
};

struct postgres_partition {
    int64_t id;
    int32_t partition;
    struct slice topic;
};

struct postgres {
    struct sink sink; // first: a struct sink is a pointer to it
    char *url;        // may hold a password: never in a text
    char *password_file;
    bool read_only;
    bool patient; // this call waits for an answer as long as the connection lives; else a server may be silent for so long only
    int64_t statement_timeout_ms, connect_timeout_ms;
    PGconn *conn;  // NULL: there is none now
    char why[512]; // the last one was lost
    bool locked;   // the last error was TROUBLE_LOCKED

    struct postgres_plan plans[POSTGRES_MAX_TABLES];
    uint32_t plan_count, shapes;
    struct postgres_plan quarantine;       // always the same, but for what it is bound to
    struct postgres_partition *partitions; // that were claimed or written to, sorted by id
    uint32_t partition_count;
    struct arena names; // of their topics

    struct arena scratch; // of one call
    struct buf sql;
    char *piece; // POSTGRES_PIECE_BYTES
};

static inline struct postgres *postgres_of(struct sink *sink)
{
    return (struct postgres *)sink;
}

// --- Connection (postgres_connection.c) ---

// A connection that works as far as can be known without asking. RETRY: there is none now; FATAL: there will be none with this URL.
enum status postgres_ready(struct postgres *self, struct err *err) MUST_CHECK;
void postgres_drop(struct postgres *self);
// The same after an error of libpq's, of which self->why keeps the text.
void postgres_lose(struct postgres *self);
// Sends what libpq holds. False when the connection was lost.
bool postgres_flush(struct postgres *self) MUST_CHECK;
// The next result of what was sent; NULL at its end, and when the connection was lost (then self->conn is NULL).
PGresult *postgres_next(struct postgres *self);
// Everything that is left of the answer.
void postgres_drain(struct postgres *self);
// Statements without parameters, in one transaction unless they say otherwise; results are dropped.
enum status postgres_run(struct postgres *self, const char *doing, const char *sql, struct err *err) MUST_CHECK;
// One statement with parameters, as texts. Its rows are in *out (free with PQclear).
enum status postgres_ask(struct postgres *self, const char *doing, const char *sql, int count, const char *const *values, PGresult **out,
                         struct err *err) MUST_CHECK;

// --- Errors (postgres_error.c) ---

enum postgres_trouble {
    TROUBLE_ROW,      // a row's own fault
    TROUBLE_CANCELED, // by the statement timeout or by a person
    TROUBLE_WAIT,     // passes by itself: restart, deadlock, disk full, read-only standby
    TROUBLE_LOCKED,   // another session holds a lock for longer than is waited
    TROUBLE_ROLE,     // we are not let in
    TROUBLE_FENCED,   // FD001
    TROUBLE_LIMIT,    // a row is too large for a page or an index, or a statement too complex
    TROUBLE_ALTERED,  // a table is not what the plan was made for, perhaps
    TROUBLE_OTHER,
};
enum postgres_trouble postgres_trouble(const PGresult *result);
// The server's message, detail, hint and SQLSTATE in one line.
const char *postgres_text(const PGresult *result, struct arena *arena);
// The line that the context of an error in a COPY into `table` names, counted from 1; 0 when it names none.
int64_t postgres_line(const PGresult *result, const char *table);
// Errors of calls other than write: AGAIN what passes by itself, RETRY a lost connection and a role that is not ready, else FATAL.
// `result` is NULL when the connection was lost. `doing` completes "cannot ...".
enum status postgres_err(struct postgres *self, const PGresult *result, const char *doing, struct err *err);
// REJECT: `table` is locked, as the server's `text` says, and how to find out by whom.
enum status postgres_err_locked(const char *table, const char *text, struct err *err);

// --- Tables (postgres_table.c) ---

void postgres_append_name(struct buf *sql, const char *name);
enum status postgres_table(struct sink *sink, const char *name, struct arena *arena, struct row_type **out, struct err *err) MUST_CHECK;
// The plan for `table`, bound to its rows. REJECT when rows of that type cannot go into that table, with the statement that would help.
enum status postgres_plan(struct postgres *self, const struct sink_table *table, struct postgres_plan **out, struct err *err) MUST_CHECK;
// After an error, whether the plan was at fault. OK: the table is what the plan says. AGAIN: it was altered, the plan is another now.
// REJECT as above.
enum status postgres_plan_check(struct postgres *self, struct postgres_plan *plan, const struct sink_table *table,
                                struct err *err) MUST_CHECK;
void postgres_plans_fini(struct postgres *self);

// --- Partitions and rejects (postgres_claim.c) ---

enum status postgres_claim(struct sink *sink, struct sink_partition *partition, struct err *err) MUST_CHECK;
// self->quarantine, bound to the rejects. REJECT when one belongs to a partition that is not there.
enum status postgres_plan_rejects(struct postgres *self, const struct batch *rejects, struct err *err) MUST_CHECK;

// --- The COPY format (postgres_encode.c) ---

// Appends one row at `at`; there must be plan->fixed_bytes of memory past `end`. Returns the end of the row; NULL when it does not fit, or
// when a value does not fit into its column: then *bad is the field.
char *postgres_encode_row(const struct postgres_plan *plan, uint32_t row, char *at, const char *end, const struct postgres_field **bad);
// The same for a row of any length: each part is handed to `put`, texts as they are. False when `put` said so or a value does not fit.
typedef bool postgres_put_fn(void *context, const void *data, size_t size);
bool postgres_encode_long_row(const struct postgres_plan *plan, uint32_t row, postgres_put_fn *put, void *context,
                              const struct postgres_field **bad);
// "column market_hours is integer, and 5000000000 does not fit"
void postgres_describe_bad(const struct postgres_field *bad, uint32_t row, char *out, size_t size);

// --- Calls of the seam in files of their own ---

enum status postgres_migrate(struct sink *sink, struct err *err) MUST_CHECK;
// Number of the last migration that the database has seen; 0: it has none of our tables.
enum status postgres_version(struct postgres *self, int *version, struct err *err) MUST_CHECK;
enum status postgres_write(struct sink *sink, const struct sink_write *write, struct sink_fault *fault, struct err *err) MUST_CHECK;
enum status postgres_query(struct sink *sink, const char *sql, sink_row_fn *row, void *context, struct err *err) MUST_CHECK;

#endif
