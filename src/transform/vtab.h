// SPDX-License-Identifier: Apache-2.0
// The batch as a table of SQLite: an eponymous virtual table that shows rows of a batch where they are, without a copy.
//
// A column's SQL type follows its type in the row type: INTEGER for integers and timestamps (microseconds), REAL, TEXT, BLOB. Hidden
// columns are HIDDEN. There is no rowid: a row's number depends on how the rows were cut into batches. One thread at a time.
#ifndef FDP_TRANSFORM_VTAB_H
#define FDP_TRANSFORM_VTAB_H

#include <sqlite3.h>

#include "model/batch.h"

// What the table shows, and where its cursor is. A row-wise statement has one cursor, so its position lives here, where it can still
// be read after the statement has failed and closed it.
struct vtab {
    const struct row_type *type;
    const struct batch *batch;
    const uint32_t *rows; // the numbers of the rows to show, ascending
    uint32_t row_count;
    uint32_t start; // index in `rows` where the next scan begins
    uint32_t at;    // index in `rows` of the cursor; row_count or above when it is on no row
};

// Makes the table, under its type's name. `vtab` must outlive the connection. Returns SQLite's result code.
int vtab_register(sqlite3 *db, struct vtab *vtab);

#endif
