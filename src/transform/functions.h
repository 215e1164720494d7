// SPDX-License-Identifier: Apache-2.0
// The functions that a route may call: deterministic ones, so that a replay repeats, in time that grows no faster than their texts.
//
// Most are SQLite's. In place of SQLite's own stand: instr, replace and trim with two arguments, which there take time by the product
// of their lengths; and the date functions, which there know "now" and the machine's time zone. Two are ours: iso8601(us) and
// timestamp(text).
#ifndef FDP_TRANSFORM_FUNCTIONS_H
#define FDP_TRANSFORM_FUNCTIONS_H

#include <sqlite3.h>

#include "base/err.h"

enum {
    FUNCTIONS_VALUE_BYTES = 64 << 10, // longest text or blob that an expression may take or make
    FUNCTIONS_TRIM_BYTES = 64,        // longest set of characters for trim
    FUNCTIONS_DATE_KINDS = 6,
    FUNCTIONS_DATE_ARGS = 7,
};

// One date function, and the statements that run SQLite's own one, by number of arguments; prepared when first needed.
struct date_function {
    const char *name;
    sqlite3 **db;
    sqlite3_stmt *calls[FUNCTIONS_DATE_ARGS + 1];
};

// Lives as long as the connection that it is registered on.
struct functions {
    sqlite3 *db; // a second connection, where the date functions are SQLite's
    struct date_function dates[FUNCTIONS_DATE_KINDS];
};

// Fails only for want of memory. functions_fini after the connection is closed, also when this failed.
enum status functions_init(struct functions *functions, sqlite3 *db, struct err *err) MUST_CHECK;
void functions_fini(struct functions *functions);

// All names that a route may call.
const char *const *functions_names(size_t *count);

#endif
