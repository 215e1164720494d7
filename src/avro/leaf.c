// SPDX-License-Identifier: Apache-2.0
// Single values: reading them, and converting them from the writer's type to the reader's.
//
// Reading gives a value in the terms of the writer's own column (a timestamp in microseconds, a decimal as text); converting goes from
// there to the reader's column. What Avro resolves is a part of what can be converted.
#include "avro/decode.h"
#include "avro/names.h"
#include "avro/scaled.h"
#include "model/convert.h"
#include "model/decimal.h"

static bool is_number(enum avro_shape shape)
{
    return shape == SHAPE_INT32 || shape == SHAPE_INT64 || shape == SHAPE_FLOAT || shape == SHAPE_DOUBLE;
}

// The shape that a writer's value is read as: its own; the reader's, where only the reader says what plain bytes mean; or a bare number,
// where the reader asks for one.
static enum avro_shape shape_read(const struct avro_type *writer, const struct avro_type *reader, enum avro_logical *logical)
{
    enum avro_shape from = avro_shape_of(writer), to = avro_shape_of(reader);
    *logical = writer->logical;
    if ((from == SHAPE_BYTES || from == SHAPE_FIXED) && (to == SHAPE_DECIMAL || (to == SHAPE_UUID && writer->count == UUID_BYTES))) {
        *logical = reader->logical;
        return to;
    }
    bool time = from == SHAPE_TIMESTAMP || from == SHAPE_DATE;
    bool bytes = from == SHAPE_DECIMAL || from == SHAPE_UUID;
    if ((time && (is_number(to) || to == from) && to != SHAPE_TIMESTAMP) || (bytes && (to == SHAPE_BYTES || to == SHAPE_FIXED)))
        return avro_plain_shape_of(writer);
    return from;
}

bool avro_shape_converts(enum avro_shape from, enum avro_shape to)
{
    bool to_number = is_number(to) || to == SHAPE_DECIMAL;
    switch (from) {
    case SHAPE_BOOL: return to == SHAPE_BOOL || to == SHAPE_INT32 || to == SHAPE_INT64 || to == SHAPE_TEXT;
    case SHAPE_INT32:
    case SHAPE_INT64: return to_number || to == SHAPE_BOOL || to == SHAPE_DATE || to == SHAPE_TIMESTAMP || to == SHAPE_TEXT;
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE: return to_number || to == SHAPE_TIMESTAMP || to == SHAPE_TEXT;
    case SHAPE_DATE:
    case SHAPE_TIMESTAMP: return to == SHAPE_TIMESTAMP || to == SHAPE_TEXT;
    case SHAPE_TEXT: return to != SHAPE_NULL && to != SHAPE_NESTED;
    case SHAPE_ENUM: return to == SHAPE_ENUM || to == SHAPE_TEXT;
    case SHAPE_DECIMAL: return to_number || to == SHAPE_TEXT;
    case SHAPE_UUID: return to == SHAPE_UUID || to == SHAPE_TEXT;
    case SHAPE_BYTES:
    case SHAPE_FIXED: return to == SHAPE_BYTES || to == SHAPE_FIXED || to == SHAPE_TEXT;
    case SHAPE_NULL:
    case SHAPE_NESTED: return false;
    }
    return false;
}

static int32_t symbol_index(const struct avro_type *type, struct slice symbol)
{
    for (uint32_t i = 0; i < type->count; i++)
        if (slice_is(symbol, type->symbols[i])) return (int32_t)i;
    return type->default_symbol;
}

const char *avro_leaf_compile(struct avro_leaf *leaf, const struct avro_type *writer, const struct avro_type *reader, struct arena *arena)
{
    *leaf = (struct avro_leaf){.writer = writer, .reader = reader, .to = avro_shape_of(reader)};
    leaf->from = shape_read(writer, reader, &leaf->logical);
    if (!avro_shape_converts(leaf->from, leaf->to))
        return arena_printf(arena, "the writer's %s cannot become the reader's %s", avro_kind_name(writer->kind),
                            avro_kind_name(reader->kind));
    if (leaf->from == SHAPE_FIXED && leaf->to == SHAPE_FIXED && writer->count != reader->count)
        return arena_printf(arena, "a fixed of %u bytes cannot become one of %u", writer->count, reader->count);
    if (leaf->from == SHAPE_ENUM && leaf->to == SHAPE_ENUM) {
        int32_t *symbols = arena_calloc(arena, writer->count, sizeof *symbols);
        for (uint32_t i = 0; i < writer->count; i++) symbols[i] = symbol_index(reader, slice_of(writer->symbols[i]));
        leaf->symbols = symbols;
    }
    return NULL;
}

// A whole number of ticks as microseconds. Nanoseconds are cut, always towards the past.
static bool ticks_to_us(int64_t ticks, enum avro_logical logical, int64_t *us)
{
    int64_t per_second = avro_ticks_per_second(logical), back;
    if (per_second == 1000000000) {
        *us = ticks / 1000 - (ticks % 1000 < 0);
        return !__builtin_mul_overflow(*us, 1000, &back);
    }
    return !__builtin_mul_overflow(ticks, 1000000 / per_second, us);
}

static bool read_text(struct avro_run *run, struct avro_cell *out)
{
    out->type = COLUMN_TEXT;
    if (!wire_take_bytes(&run->in, &out->text)) return avro_run_fail(run, "a string is longer than what is left");
    if (!wire_is_text(out->text)) return avro_run_fail(run, "a string is not UTF-8 or has NUL in it");
    return true;
}

static bool read_bytes(struct avro_run *run, const struct avro_leaf *leaf, struct avro_cell *out)
{
    out->type = COLUMN_BYTES;
    bool taken = leaf->writer->kind == AVRO_FIXED ? wire_take_fixed(&run->in, leaf->writer->count, &out->text)
                                                  : wire_take_bytes(&run->in, &out->text);
    return taken || avro_run_fail(run, "bytes are longer than what is left");
}

static bool read_decimal(struct avro_run *run, const struct avro_leaf *leaf, struct avro_cell *out)
{
    const struct avro_type *type = leaf->writer->logical == AVRO_DECIMAL ? leaf->writer : leaf->reader;
    char text[SCALED_TEXT_BYTES];
    if (!read_bytes(run, leaf, out)) return false;
    size_t size = scaled_to_text((const unsigned char *)out->text.data, out->text.size, type->precision, type->scale, text);
    if (!size) return avro_run_fail(run, "a decimal that is empty or has more than %d digits", type->precision);
    out->type = COLUMN_TEXT;
    out->text = (struct slice){arena_copy(run->arena, text, size), size};
    return true;
}

static bool read_uuid(struct avro_run *run, const struct avro_leaf *leaf, struct avro_cell *out)
{
    if (!read_bytes(run, leaf, out)) return false;
    if (out->text.size != UUID_BYTES) return avro_run_fail(run, "a uuid of %zu bytes", out->text.size);
    char *text = arena_alloc(run->arena, UUID_TEXT_BYTES);
    uuid_to_text((const unsigned char *)out->text.data, text);
    out->type = COLUMN_TEXT;
    out->text = (struct slice){text, UUID_TEXT_BYTES};
    return true;
}

static bool read_enum(struct avro_run *run, const struct avro_leaf *leaf, struct avro_cell *out)
{
    uint32_t index;
    if (!wire_take_index(&run->in, leaf->writer->count, &index)) return avro_run_fail(run, "no symbol of the enum has that index");
    const char *symbol = leaf->writer->symbols[index];
    if (leaf->symbols) {
        if (leaf->symbols[index] < 0) return avro_run_fail(run, "the reader's enum has no symbol \"%s\" and no default", symbol);
        symbol = leaf->reader->symbols[leaf->symbols[index]];
    }
    size_t size = strlen(symbol);
    out->type = COLUMN_TEXT;
    out->text = (struct slice){arena_copy(run->arena, symbol, size), size};
    return true;
}

static bool read_integer(struct avro_run *run, const struct avro_leaf *leaf, struct avro_cell *out)
{
    out->type = COLUMN_INT64;
    bool taken = leaf->writer->kind == AVRO_INT ? wire_take_int(&run->in, &out->int64) : wire_take_long(&run->in, &out->int64);
    if (!taken) return avro_run_fail(run, "malformed %s", avro_kind_name(leaf->writer->kind));
    if (leaf->from == SHAPE_TIMESTAMP) {
        out->type = COLUMN_TIMESTAMP;
        if (!ticks_to_us(out->int64, leaf->logical, &out->int64)) return avro_run_fail(run, "a timestamp is out of range");
    }
    return true;
}

static bool read_double(struct avro_run *run, const struct avro_leaf *leaf, struct avro_cell *out)
{
    float narrow;
    out->type = COLUMN_DOUBLE;
    if (leaf->writer->kind == AVRO_FLOAT) {
        if (!wire_take_float(&run->in, &narrow)) return avro_run_fail(run, "a float needs 4 bytes");
        out->float64 = decimal_from_float(narrow);
    } else if (!wire_take_double(&run->in, &out->float64)) {
        return avro_run_fail(run, "a double needs 8 bytes");
    }
    return wire_is_finite(out->float64) || avro_run_fail(run, "a number is NaN or infinite");
}

static bool read_bool(struct avro_run *run, struct avro_cell *out)
{
    struct slice byte;
    if (!wire_take_fixed(&run->in, 1, &byte) || (unsigned char)byte.data[0] > 1) return avro_run_fail(run, "malformed boolean");
    out->type = COLUMN_INT64;
    out->int64 = byte.data[0];
    return true;
}

static bool read_value(struct avro_run *run, const struct avro_leaf *leaf, struct avro_cell *out)
{
    switch (leaf->from) {
    case SHAPE_BOOL: return read_bool(run, out);
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_DATE:
    case SHAPE_TIMESTAMP: return read_integer(run, leaf, out);
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE: return read_double(run, leaf, out);
    case SHAPE_TEXT: return read_text(run, out);
    case SHAPE_ENUM: return read_enum(run, leaf, out);
    case SHAPE_DECIMAL: return read_decimal(run, leaf, out);
    case SHAPE_UUID: return read_uuid(run, leaf, out);
    case SHAPE_BYTES:
    case SHAPE_FIXED: return read_bytes(run, leaf, out);
    case SHAPE_NULL:
    case SHAPE_NESTED: break;
    }
    return false;
}

static bool to_text(const struct avro_leaf *leaf, struct avro_cell *cell, struct arena *arena)
{
    int64_t us;
    switch (cell->type) {
    case COLUMN_TEXT: return true;
    case COLUMN_BYTES:
        if (!wire_is_text(cell->text)) return false;
        break;
    case COLUMN_DOUBLE: cell->text = convert_double_to_text(cell->float64, arena); break;
    case COLUMN_TIMESTAMP: cell->text = convert_timestamp_to_text(cell->int64, arena); break;
    case COLUMN_INT64:
        if (leaf->from == SHAPE_BOOL)
            cell->text = cell->int64 ? SLICE("true") : SLICE("false");
        else if (leaf->from == SHAPE_DATE && !__builtin_mul_overflow(cell->int64, INT64_C(86400000000), &us) &&
                 (cell->text = convert_timestamp_to_text(us, arena), memchr(cell->text.data, 'T', cell->text.size)))
            cell->text.size = strlen("2026-08-13");
        else
            cell->text = convert_int64_to_text(cell->int64, arena);
        break;
    }
    cell->type = COLUMN_TEXT;
    return true;
}

static bool to_int64(const struct avro_leaf *leaf, struct avro_cell *cell)
{
    if (cell->type == COLUMN_TEXT) {
        if (leaf->to == SHAPE_BOOL && (slice_is(cell->text, "true") || slice_is(cell->text, "false")))
            cell->int64 = cell->text.size == strlen("true");
        else if (!convert_text_to_int64(cell->text, &cell->int64))
            return false;
    } else if (cell->type == COLUMN_DOUBLE && !convert_double_to_int64(cell->float64, &cell->int64)) {
        return false;
    }
    cell->type = COLUMN_INT64;
    if (leaf->to == SHAPE_BOOL) return cell->int64 == 0 || cell->int64 == 1;
    return leaf->to == SHAPE_INT64 || (cell->int64 >= INT32_MIN && cell->int64 <= INT32_MAX);
}

static bool to_double(const struct avro_leaf *leaf, struct avro_cell *cell)
{
    if (cell->type == COLUMN_TEXT) {
        if (!convert_text_to_double(cell->text, &cell->float64)) return false;
    } else if (cell->type == COLUMN_INT64) {
        cell->float64 = leaf->to == SHAPE_FLOAT ? (double)(float)cell->int64 : (double)cell->int64;
    }
    cell->type = COLUMN_DOUBLE;
    if (leaf->to == SHAPE_FLOAT) cell->float64 = decimal_from_float((float)cell->float64);
    return wire_is_finite(cell->float64);
}

static bool to_timestamp(const struct avro_leaf *leaf, struct avro_cell *cell)
{
    int64_t number = cell->int64;
    switch (cell->type) {
    case COLUMN_TIMESTAMP: return true;
    case COLUMN_TEXT:
        if (!convert_text_to_timestamp(cell->text, &cell->int64)) return false;
        break;
    case COLUMN_DOUBLE:
        if (!convert_double_to_int64(cell->float64, &number) || !convert_int64_to_timestamp(number, &cell->int64)) return false;
        break;
    case COLUMN_INT64:
        // A bare number of a telling length says its unit; any other is in the reader's, as Avro has it.
        if (leaf->from == SHAPE_DATE) {
            if (__builtin_mul_overflow(number, INT64_C(86400000000), &cell->int64)) return false;
        } else if (!convert_int64_to_timestamp(number, &cell->int64) && !ticks_to_us(number, leaf->reader->logical, &cell->int64)) {
            return false;
        }
        break;
    case COLUMN_BYTES: return false;
    }
    cell->type = COLUMN_TIMESTAMP;
    return true;
}

static bool to_enum(const struct avro_leaf *leaf, struct avro_cell *cell, struct arena *arena)
{
    int32_t index = symbol_index(leaf->reader, cell->text);
    if (index < 0) return false;
    size_t size = strlen(leaf->reader->symbols[index]);
    cell->text = (struct slice){arena_copy(arena, leaf->reader->symbols[index], size), size};
    return true;
}

// A decimal keeps the writer's scale; any other number must fit the reader's.
static bool to_decimal(const struct avro_leaf *leaf, struct avro_cell *cell, struct arena *arena)
{
    unsigned char bytes[SCALED_MAX_BYTES];
    char text[SCALED_TEXT_BYTES];
    size_t size;
    if (leaf->from == SHAPE_DECIMAL) return true;
    if (!to_text(leaf, cell, arena)) return false;
    if (!scaled_from_text(cell->text, leaf->reader->precision, leaf->reader->scale, bytes, &size)) return false;
    size = scaled_to_text(bytes, size, leaf->reader->precision, leaf->reader->scale, text);
    cell->text = (struct slice){arena_copy(arena, text, size), size};
    return true;
}

static bool to_uuid(const struct avro_leaf *leaf, struct avro_cell *cell, struct arena *arena)
{
    unsigned char uuid[UUID_BYTES];
    if (leaf->from == SHAPE_UUID) return true;
    if (!uuid_from_text(cell->text, uuid)) return false;
    char *text = arena_alloc(arena, UUID_TEXT_BYTES);
    uuid_to_text(uuid, text);
    cell->text = (struct slice){text, UUID_TEXT_BYTES};
    return true;
}

bool avro_leaf_convert(const struct avro_leaf *leaf, struct avro_cell *cell, struct arena *arena)
{
    switch (leaf->to) {
    case SHAPE_BOOL:
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_DATE: return to_int64(leaf, cell);
    case SHAPE_TIMESTAMP: return to_timestamp(leaf, cell);
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE: return to_double(leaf, cell);
    case SHAPE_TEXT: return to_text(leaf, cell, arena);
    case SHAPE_ENUM: return leaf->from == SHAPE_ENUM || to_enum(leaf, cell, arena);
    case SHAPE_DECIMAL: return to_decimal(leaf, cell, arena);
    case SHAPE_UUID: return to_uuid(leaf, cell, arena);
    case SHAPE_BYTES:
    case SHAPE_FIXED: cell->type = COLUMN_BYTES; return leaf->to == SHAPE_BYTES || cell->text.size == leaf->reader->count;
    case SHAPE_NULL:
    case SHAPE_NESTED: break;
    }
    return false;
}

// The beginning of a text for a message, cut between characters.
static struct slice excerpt(struct slice text)
{
    enum { LONGEST = 60 };
    if (text.size > LONGEST) {
        text.size = LONGEST;
        while (text.size && (text.data[text.size] & 0xc0) == 0x80) text.size--;
    }
    return text;
}

bool avro_leaf_read(struct avro_run *run, const struct avro_leaf *leaf, struct avro_cell *out)
{
    out->null = false;
    if (!read_value(run, leaf, out)) return false;
    struct avro_cell value = *out;
    if (avro_leaf_convert(leaf, out, run->arena)) return true;
    if (value.type == COLUMN_TEXT)
        return avro_run_fail(run, "\"%.*s\" does not become %s", SLICE_ARG(excerpt(value.text)), avro_shape_name(leaf->to));
    return avro_run_fail(run, "%s that does not fit %s", avro_shape_name(leaf->from), avro_shape_name(leaf->to));
}
