// SPDX-License-Identifier: Apache-2.0
// Batches: columns in one allocation, rows filled in place.
#include "model/batch.h"

#include <stdlib.h>
#include <string.h>

static size_t value_bytes(enum column_type type)
{
    return type == COLUMN_TEXT || type == COLUMN_BYTES ? sizeof(struct slice) : 8;
}

struct batch *batch_new(const struct row_type *type, uint32_t capacity)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch) abort();
    batch->type = type;
    batch->capacity = capacity;
    batch->columns = calloc(type->column_count ? type->column_count : 1, sizeof *batch->columns);
    batch->source = calloc(capacity ? capacity : 1, sizeof *batch->source);
    batch->offset = calloc(capacity ? capacity : 1, sizeof *batch->offset);
    if (!batch->columns || !batch->source || !batch->offset) abort();
    for (uint32_t i = 0; i < type->column_count; i++) {
        batch->columns[i].values = calloc(capacity ? capacity : 1, value_bytes(type->columns[i].type));
        batch->columns[i].null = malloc(capacity ? capacity : 1);
        if (!batch->columns[i].values || !batch->columns[i].null) abort();
        memset(batch->columns[i].null, 1, capacity);
    }
    arena_init(&batch->arena, 32 << 10);
    return batch;
}

void batch_free(struct batch *batch)
{
    if (!batch) return;
    for (uint32_t i = 0; i < batch->type->column_count; i++) {
        free(batch->columns[i].values);
        free(batch->columns[i].null);
    }
    free(batch->columns);
    free(batch->source);
    free(batch->offset);
    arena_fini(&batch->arena);
    free(batch);
}

void batch_reset(struct batch *batch)
{
    batch->rows = 0;
    arena_reset(&batch->arena);
}

uint32_t batch_row_begin(struct batch *batch)
{
    uint32_t row = batch->rows;
    for (uint32_t i = 0; i < batch->type->column_count; i++) batch->columns[i].null[row] = 1;
    batch->source[row] = 0;
    batch->offset[row] = 0;
    return row;
}

static void column_cut(struct column *column, enum column_type type, const uint8_t *keep, uint32_t rows)
{
    uint32_t to = 0;
    for (uint32_t from = 0; from < rows; from++) {
        if (!keep[from]) continue;
        column->null[to] = column->null[from];
        if (value_bytes(type) == sizeof(struct slice))
            column->text[to] = column->text[from];
        else
            column->int64[to] = column->int64[from];
        to++;
    }
}

void batch_cut(struct batch *batch, const uint8_t *keep)
{
    for (uint32_t i = 0; i < batch->type->column_count; i++)
        column_cut(&batch->columns[i], batch->type->columns[i].type, keep, batch->rows);
    uint32_t to = 0;
    for (uint32_t from = 0; from < batch->rows; from++) {
        if (!keep[from]) continue;
        batch->source[to] = batch->source[from];
        batch->offset[to++] = batch->offset[from];
    }
    batch->rows = to;
}

int row_type_column(const struct row_type *type, struct slice name)
{
    for (uint32_t i = 0; i < type->column_count; i++)
        if (slice_is(name, type->columns[i].name)) return (int)i;
    return -1;
}

const char *column_type_name(enum column_type type)
{
    switch (type) {
    case COLUMN_INT64: return "integer";
    case COLUMN_DOUBLE: return "double";
    case COLUMN_TEXT: return "text";
    case COLUMN_BYTES: return "bytes";
    case COLUMN_TIMESTAMP: return "timestamp";
    }
    return "unknown";
}
