// SPDX-License-Identifier: Apache-2.0
// A connection on which only routes can be compiled: SELECTs that read one batch, row by row, with harmless functions.
#ifndef FDP_TRANSFORM_CHECK_H
#define FDP_TRANSFORM_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "transform/functions.h"
#include "transform/vtab.h"

enum {
    CHECK_EXPRESSION_DEPTH = 200,
    CHECK_LIKE_BYTES = 256, // longest pattern of LIKE and GLOB
    CHECK_CALLS = 256,      // function calls, concatenations and conversions in one route
};

// In place: SQLite keeps pointers into it.
struct sandbox {
    sqlite3 *db;
    struct vtab vtab; // the batch that statements read
    struct functions functions;
    char refusal[256]; // why the authorizer said no to the statement that is being prepared
};

enum status sandbox_open(struct sandbox *sandbox, const struct row_type *type, struct err *err) MUST_CHECK;
// After all its statements are finalized. Also after sandbox_open failed.
void sandbox_close(struct sandbox *sandbox);

// Compiles one SELECT and proves that it is row-wise: every row that it gives comes from one row of the batch, in order, and no row
// costs more than a bounded amount of work. `steps` is the number of instructions of its byte code. FATAL / ERR_CONFIG says what is
// wrong, what is allowed and what to do.
enum status sandbox_prepare(struct sandbox *sandbox, const char *sql, size_t size, sqlite3_stmt **out, uint32_t *steps,
                            struct err *err) MUST_CHECK;

#endif
