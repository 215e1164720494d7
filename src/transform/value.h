// SPDX-License-Identifier: Apache-2.0
// One value on its way into a column: as SQL knows it, with the contract's conversions by the type of the column.
#ifndef FDP_TRANSFORM_VALUE_H
#define FDP_TRANSFORM_VALUE_H

#include <sqlite3.h>

#include "base/arena.h"
#include "model/batch.h"

struct value {
    int type;      // SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB or SQLITE_NULL
    bool fleeting; // the bytes live only until the statement's next step
    union {
        int64_t int64;
        double float64;
        struct slice text;
    };
};

// Points into the batch.
struct value value_of_column(const struct batch *batch, uint32_t column, uint32_t row);
struct value value_of_result(sqlite3_stmt *statement, uint32_t column);

// Stores the value in the batch's column, converted; what is made or fleeting goes into the batch's arena. False when it does not
// convert, or is null and may not be.
bool value_store(const struct value *value, struct batch *batch, uint32_t column, uint32_t row);

// Why value_store said no, in words, made in `arena`.
const char *value_refusal(const struct value *value, const struct row_column *column, struct arena *arena);

#endif
