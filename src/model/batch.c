// SPDX-License-Identifier: Apache-2.0
// Batches: columns in one allocation, rows filled in place.
#include "model/batch.h"

#include <stdlib.h>
#include <string.h>

static size_t value_bytes(enum column_type type)
{
    return type == COLUMN_TEXT || type == COLUMN_BYTES ? sizeof(struct slice) : 8;
}

// Memory is not cleared and so not touched before it is used: a batch with room for many rows costs what the rows in it need.
struct batch *batch_new(const struct row_type *type, uint32_t capacity)
{
    enum { PADDING = 16 };
    size_t bytes = type->column_count * sizeof(struct column) + PADDING + 2 * ((size_t)capacity * 8 + PADDING);
    for (uint32_t i = 0; i < type->column_count; i++) bytes += (size_t)capacity * (value_bytes(type->columns[i].type) + 1) + 2 * PADDING;
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch) abort();
    batch->type = type;
    batch->capacity = capacity;
    arena_init(&batch->storage, bytes);
    batch->columns = arena_alloc(&batch->storage, type->column_count * sizeof *batch->columns);
    batch->source = arena_alloc(&batch->storage, (size_t)capacity * sizeof *batch->source);
    batch->offset = arena_alloc(&batch->storage, (size_t)capacity * sizeof *batch->offset);
    for (uint32_t i = 0; i < type->column_count; i++) {
        batch->columns[i].values = arena_alloc(&batch->storage, (size_t)capacity * value_bytes(type->columns[i].type));
        batch->columns[i].null = arena_alloc(&batch->storage, capacity);
    }
    arena_init(&batch->arena, 32 << 10);
    return batch;
}

void batch_free(struct batch *batch)
{
    if (!batch) return;
    arena_fini(&batch->storage);
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

void batch_row_copy(struct batch *batch, const struct batch *from, uint32_t row)
{
    uint32_t to = batch->rows++;
    for (uint32_t i = 0; i < batch->type->column_count; i++) {
        batch->columns[i].null[to] = from->columns[i].null[row];
        if (value_bytes(batch->type->columns[i].type) == sizeof(struct slice))
            batch->columns[i].text[to] = from->columns[i].text[row];
        else
            batch->columns[i].int64[to] = from->columns[i].int64[row];
    }
    batch->source[to] = from->source[row];
    batch->offset[to] = from->offset[row];
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
