// SPDX-License-Identifier: Apache-2.0
// How Avro types become columns.
#include "avro/names.h"
#include "avro/plan.h"
#include "avro/shape.h"

enum avro_shape avro_plain_shape_of(const struct avro_type *type)
{
    switch (type->kind) {
    case AVRO_NULL: return SHAPE_NULL;
    case AVRO_BOOLEAN: return SHAPE_BOOL;
    case AVRO_INT: return SHAPE_INT32;
    case AVRO_LONG: return SHAPE_INT64;
    case AVRO_FLOAT: return SHAPE_FLOAT;
    case AVRO_DOUBLE: return SHAPE_DOUBLE;
    case AVRO_BYTES: return SHAPE_BYTES;
    case AVRO_STRING: return SHAPE_TEXT;
    case AVRO_ENUM: return SHAPE_ENUM;
    case AVRO_FIXED: return SHAPE_FIXED;
    case AVRO_RECORD:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION: return SHAPE_NESTED;
    }
    return SHAPE_NESTED;
}

enum avro_shape avro_shape_of(const struct avro_type *type)
{
    switch (type->logical) {
    case AVRO_DECIMAL: return SHAPE_DECIMAL;
    case AVRO_UUID: return type->kind == AVRO_FIXED ? SHAPE_UUID : SHAPE_TEXT;
    case AVRO_DATE: return SHAPE_DATE;
    case AVRO_TIMESTAMP_MILLIS:
    case AVRO_TIMESTAMP_MICROS:
    case AVRO_TIMESTAMP_NANOS:
    case AVRO_LOCAL_TIMESTAMP_MILLIS:
    case AVRO_LOCAL_TIMESTAMP_MICROS:
    case AVRO_LOCAL_TIMESTAMP_NANOS: return SHAPE_TIMESTAMP;
    case AVRO_TIME_MILLIS:
    case AVRO_TIME_MICROS:
    case AVRO_DURATION:
    case AVRO_LOGICAL_NONE: return avro_plain_shape_of(type);
    }
    return avro_plain_shape_of(type);
}

const char *avro_shape_name(enum avro_shape shape)
{
    static const char *const names[] = {
        [SHAPE_NULL] = "null",     [SHAPE_BOOL] = "a boolean",        [SHAPE_INT32] = "an int",          [SHAPE_INT64] = "a long",
        [SHAPE_DATE] = "a date",   [SHAPE_TIMESTAMP] = "a timestamp", [SHAPE_FLOAT] = "a float",         [SHAPE_DOUBLE] = "a double",
        [SHAPE_TEXT] = "a string", [SHAPE_ENUM] = "an enum",          [SHAPE_DECIMAL] = "a decimal",     [SHAPE_UUID] = "a uuid",
        [SHAPE_BYTES] = "bytes",   [SHAPE_FIXED] = "a fixed",         [SHAPE_NESTED] = "a nested value",
    };
    return names[shape];
}

enum column_type avro_shape_column(enum avro_shape shape)
{
    switch (shape) {
    case SHAPE_BOOL:
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_DATE: return COLUMN_INT64;
    case SHAPE_TIMESTAMP: return COLUMN_TIMESTAMP;
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE: return COLUMN_DOUBLE;
    case SHAPE_BYTES:
    case SHAPE_FIXED: return COLUMN_BYTES;
    case SHAPE_NULL:
    case SHAPE_TEXT:
    case SHAPE_ENUM:
    case SHAPE_DECIMAL:
    case SHAPE_UUID:
    case SHAPE_NESTED: return COLUMN_TEXT;
    }
    return COLUMN_TEXT;
}

int64_t avro_ticks_per_second(enum avro_logical logical)
{
    if (logical == AVRO_TIMESTAMP_MILLIS || logical == AVRO_LOCAL_TIMESTAMP_MILLIS) return 1000;
    if (logical == AVRO_TIMESTAMP_NANOS || logical == AVRO_LOCAL_TIMESTAMP_NANOS) return 1000000000;
    return 1000000;
}

int avro_null_branch(const struct avro_type *type)
{
    for (uint32_t i = 0; type->kind == AVRO_UNION && i < type->count; i++)
        if (type->branches[i]->kind == AVRO_NULL) return (int)i;
    return -1;
}

struct avro_column avro_column_of(const struct avro_type *type)
{
    struct avro_column column = {.value = type};
    if (type->kind == AVRO_UNION) {
        int null_branch = avro_null_branch(type);
        column.nullable = null_branch >= 0;
        if (type->count == 2 && column.nullable) column.value = type->branches[1 - null_branch];
        if (type->count == 1) column.value = type->branches[0];
    }
    enum avro_shape shape = avro_shape_of(column.value);
    if (shape == SHAPE_NULL) column.nullable = true;
    if (shape == SHAPE_NESTED) {
        column.json = true;
        column.value = type;
    }
    column.type = avro_shape_column(shape);
    return column;
}

enum status avro_row_type(const struct avro_schema *reader, const char *name, struct arena *arena, struct row_type **out, struct err *err)
{
    const struct avro_type *record = reader->root;
    if (record->kind != AVRO_RECORD)
        return err_set(err, REJECT, ERR_REGISTRY, "rows need a schema that is a record; this one is %s", avro_kind_name(record->kind));
    struct row_column *columns = arena_calloc(arena, record->count, sizeof *columns);
    for (uint32_t i = 0; i < record->count; i++) {
        const struct avro_field *field = &record->fields[i];
        struct avro_column column = avro_column_of(field->type);
        columns[i].name = arena_copy(arena, field->name, strlen(field->name));
        columns[i].type = column.type;
        columns[i].required = !column.nullable;
    }
    struct row_type *type = arena_calloc(arena, 1, sizeof *type);
    type->name = arena_copy(arena, name, strlen(name));
    type->column_count = record->count;
    type->columns = columns;
    *out = type;
    return OK;
}
