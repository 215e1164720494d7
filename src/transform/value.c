// SPDX-License-Identifier: Apache-2.0
// Values between SQL and columns.
#include "transform/value.h"

#include <math.h>

#include "model/convert.h"
#include "transform/lexer.h"

struct value value_of_column(const struct batch *batch, uint32_t column, uint32_t row)
{
    const struct column *values = &batch->columns[column];
    if (values->null[row]) return (struct value){.type = SQLITE_NULL};
    switch (batch->type->columns[column].type) {
    case COLUMN_INT64:
    case COLUMN_TIMESTAMP: return (struct value){.type = SQLITE_INTEGER, .int64 = values->int64[row]};
    case COLUMN_DOUBLE: return (struct value){.type = SQLITE_FLOAT, .float64 = values->float64[row]};
    case COLUMN_TEXT: return (struct value){.type = SQLITE_TEXT, .text = values->text[row]};
    case COLUMN_BYTES: return (struct value){.type = SQLITE_BLOB, .text = values->text[row]};
    }
    return (struct value){.type = SQLITE_NULL};
}

struct value value_of_result(sqlite3_stmt *statement, uint32_t column)
{
    sqlite3_value *result = sqlite3_column_value(statement, (int)column);
    struct value value = {.type = sqlite3_value_type(result), .fleeting = true};
    switch (value.type) {
    case SQLITE_INTEGER: value.int64 = sqlite3_value_int64(result); break;
    case SQLITE_FLOAT: value.float64 = sqlite3_value_double(result); break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: // as a blob texts, too: sqlite3_value_text would copy them to put a NUL behind
        value.text.data = sqlite3_value_blob(result);
        value.text.size = (size_t)sqlite3_value_bytes(result);
        break;
    default: break;
    }
    return value;
}

static bool to_int64(const struct value *value, int64_t *out)
{
    switch (value->type) {
    case SQLITE_INTEGER: *out = value->int64; return true;
    case SQLITE_FLOAT: return convert_double_to_int64(value->float64, out);
    case SQLITE_TEXT: return convert_text_to_int64(value->text, out);
    default: return false;
    }
}

// A number is in microseconds already; a text is what the contract takes for an instant.
static bool to_timestamp(const struct value *value, int64_t *out)
{
    return value->type == SQLITE_TEXT ? convert_text_to_timestamp(value->text, out) : to_int64(value, out);
}

static bool to_double(const struct value *value, double *out)
{
    switch (value->type) {
    case SQLITE_INTEGER: *out = (double)value->int64; return true;
    case SQLITE_FLOAT: *out = value->float64; return isfinite(value->float64);
    case SQLITE_TEXT: return convert_text_to_double(value->text, out);
    default: return false;
    }
}

static struct slice kept(const struct value *value, struct arena *arena)
{
    if (!value->fleeting) return value->text;
    return (struct slice){arena_copy(arena, value->text.data, value->text.size), value->text.size};
}

static bool to_text(const struct value *value, struct arena *arena, struct slice *out)
{
    switch (value->type) {
    case SQLITE_INTEGER: *out = convert_int64_to_text(value->int64, arena); return true;
    case SQLITE_FLOAT:
        if (!isfinite(value->float64)) return false;
        *out = convert_double_to_text(value->float64, arena);
        return true;
    case SQLITE_TEXT:
        if (value->fleeting && !convert_text_is_valid(value->text)) return false;
        *out = kept(value, arena);
        return true;
    default: return false;
    }
}

static bool to_bytes(const struct value *value, struct arena *arena, struct slice *out)
{
    if (value->type != SQLITE_BLOB && value->type != SQLITE_TEXT) return false;
    *out = kept(value, arena);
    return true;
}

bool value_store(const struct value *value, struct batch *batch, uint32_t number, uint32_t row)
{
    const struct row_column *type = &batch->type->columns[number];
    struct column *column = &batch->columns[number];
    bool null = value->type == SQLITE_NULL;
    column->null[row] = null;
    if (null) return !type->required;
    switch (type->type) {
    case COLUMN_INT64: return to_int64(value, &column->int64[row]);
    case COLUMN_TIMESTAMP: return to_timestamp(value, &column->int64[row]);
    case COLUMN_DOUBLE: return to_double(value, &column->float64[row]);
    case COLUMN_TEXT: return to_text(value, &batch->arena, &column->text[row]);
    case COLUMN_BYTES: return to_bytes(value, &batch->arena, &column->text[row]);
    }
    return false;
}

static const char *describe(const struct value *value, struct arena *arena)
{
    switch (value->type) {
    case SQLITE_INTEGER: return arena_printf(arena, "the integer %lld", (long long)value->int64);
    case SQLITE_FLOAT:
        return isfinite(value->float64) ? arena_printf(arena, "the number %s", convert_double_to_text(value->float64, arena).data)
                                        : "an infinite number";
    case SQLITE_TEXT: break;
    default: return arena_printf(arena, "a blob of %zu bytes", value->text.size);
    }
    if (!convert_text_is_valid(value->text)) return "a text with NUL or broken UTF-8";
    const char *text = arena_copy(arena, value->text.data, value->text.size);
    return arena_printf(arena, "the text \"%.*s\"", lexer_quote(text), text);
}

const char *value_refusal(const struct value *value, const struct row_column *column, struct arena *arena)
{
    if (value->type == SQLITE_NULL) return arena_printf(arena, "column %s is null and must not be", column->name);
    return arena_printf(arena, "column %s: %s does not convert to %s", column->name, describe(value, arena),
                        column_type_name(column->type));
}
