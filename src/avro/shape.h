// SPDX-License-Identifier: Apache-2.0
// What a value of an Avro type is to us: its shape, and the column that a field of that type becomes.
#ifndef FDP_AVRO_SHAPE_H
#define FDP_AVRO_SHAPE_H

#include "avro/schema.h"
#include "model/batch.h"

// Every type has one shape; those before SHAPE_NESTED are single values.
enum avro_shape {
    SHAPE_NULL,
    SHAPE_BOOL,      // INT64 0 or 1
    SHAPE_INT32,     // int, time-millis: INT64
    SHAPE_INT64,     // long, time-micros: INT64
    SHAPE_DATE,      // days since 1970: INT64
    SHAPE_TIMESTAMP, // TIMESTAMP
    SHAPE_FLOAT,     // DOUBLE
    SHAPE_DOUBLE,    // DOUBLE
    SHAPE_TEXT,      // string: TEXT
    SHAPE_ENUM,      // TEXT
    SHAPE_DECIMAL,   // of bytes or fixed: TEXT
    SHAPE_UUID,      // of a fixed: TEXT
    SHAPE_BYTES,     // BYTES
    SHAPE_FIXED,     // BYTES
    SHAPE_NESTED,    // record, array, map, union: TEXT holding JSON
};

enum avro_shape avro_shape_of(const struct avro_type *type);
// The shape that counts when the type's own logical type does not.
enum avro_shape avro_plain_shape_of(const struct avro_type *type);
// "an integer", "text", ...: for messages.
const char *avro_shape_name(enum avro_shape shape);
// The column of a shape.
enum column_type avro_shape_column(enum avro_shape shape);

// Ticks of a timestamp type in a second: 1000, 1000000 or 1000000000.
int64_t avro_ticks_per_second(enum avro_logical logical);

// The column that a field becomes.
struct avro_column {
    enum column_type type;
    bool nullable;
    bool json;                     // TEXT that holds JSON
    const struct avro_type *value; // the type of what is not null; of a JSON column the field's whole type
};
struct avro_column avro_column_of(const struct avro_type *type);

// The null branch of a union, or -1.
int avro_null_branch(const struct avro_type *type);

// One value in the terms of a column.
struct avro_cell {
    bool null;
    enum column_type type;
    union {
        int64_t int64; // also a timestamp
        double float64;
        struct slice text; // also bytes
    };
};

#endif
