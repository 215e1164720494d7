// SPDX-License-Identifier: Apache-2.0
// The one thing that flows: up to `capacity` rows of one row type, in columns, with the memory they point into.
//
// Owner: one thread at a time; a batch is handed on whole, through a queue. Its texts and bytes live in its own arena (or in memory
// that outlives it by contract). Nothing in it is counted or locked.
//
// Filling a row: batch_row_begin gives its index with every column null; set what there is; batch_row_commit keeps it (or
// batch_row_begin again takes it back).
#ifndef FDP_MODEL_BATCH_H
#define FDP_MODEL_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"

enum column_type {
    COLUMN_INT64,
    COLUMN_DOUBLE, // finite
    COLUMN_TEXT,   // UTF-8 without NUL
    COLUMN_BYTES,
    COLUMN_TIMESTAMP, // int64: microseconds since 1970 UTC
};

struct row_column {
    const char *name;
    enum column_type type;
    bool required;        // null is not allowed
    bool hidden;          // readable by name in SQL, not part of *
    bool flag;            // of COLUMN_INT64: 0 and 1 only
    bool absent;          // of a table: no route gives it, so that its default may take the place
    const char *declared; // of a table that takes values of the column's type only: that type in the store's words; else NULL
};

// The columns of a kind of row. Immutable once made; batches point at it.
struct row_type {
    const char *name; // also the table's name in a transform: "quote", "tick"
    uint32_t column_count;
    const struct row_column *columns;
};

// One column of a batch: one of the arrays, by the type in the row type, and a byte per row that is 1 where the value is null.
struct column {
    union {
        int64_t *int64;
        double *float64;
        struct slice *text;
        void *values;
    };
    uint8_t *null;
};

struct batch {
    const struct row_type *type;
    uint32_t rows, capacity;
    struct column *columns; // type->column_count of them
    int64_t *source;        // provenance of each row: the number of its partition, given when reading began ...
    int64_t *offset;        // ... and its offset there
    struct arena arena;     // texts and bytes of the rows
    struct arena storage;   // the arrays above
};

// A batch with room for `capacity` rows. Free with batch_free.
struct batch *batch_new(const struct row_type *type, uint32_t capacity);
void batch_free(struct batch *batch);
// No rows; the memory stays for the next use.
void batch_reset(struct batch *batch);

static inline bool batch_full(const struct batch *batch)
{
    return batch->rows == batch->capacity;
}

// The index of a new row at the end, all columns null, provenance (0, 0). Not counted until batch_row_commit. The batch must not be full.
uint32_t batch_row_begin(struct batch *batch);
static inline void batch_row_commit(struct batch *batch)
{
    batch->rows++;
}

static inline void batch_set_int64(struct batch *batch, uint32_t column, uint32_t row, int64_t value)
{
    batch->columns[column].int64[row] = value;
    batch->columns[column].null[row] = 0;
}
static inline void batch_set_double(struct batch *batch, uint32_t column, uint32_t row, double value)
{
    batch->columns[column].float64[row] = value;
    batch->columns[column].null[row] = 0;
}
// The bytes are not copied: they must live as long as the batch (arena_copy(&batch->arena, ...) when they do not).
static inline void batch_set_slice(struct batch *batch, uint32_t column, uint32_t row, struct slice value)
{
    batch->columns[column].text[row] = value;
    batch->columns[column].null[row] = 0;
}

static inline bool batch_is_null(const struct batch *batch, uint32_t column, uint32_t row)
{
    return batch->columns[column].null[row] != 0;
}

// Adds row `row` of `from`, of the same type; its texts stay where they are and must live as long. The batch must not be full.
void batch_row_copy(struct batch *batch, const struct batch *from, uint32_t row);

// Cut: keeps only the rows for which keep[row] is not 0, in order. The one way that rows leave a batch.
void batch_cut(struct batch *batch, const uint8_t *keep);

// The number of the column with that name, or -1.
int row_type_column(const struct row_type *type, struct slice name);

// "integer", "double", "text", "bytes", "timestamp".
const char *column_type_name(enum column_type type);

#endif
