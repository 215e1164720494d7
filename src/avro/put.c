// SPDX-License-Identifier: Apache-2.0
// Single values on their way out.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "avro/encode.h"
#include "avro/names.h"
#include "avro/scaled.h"

bool avro_output_fail(struct avro_output *output, const char *format, ...)
{
    if (!output->err) return false;
    char text[ERR_TEXT_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)err_set(output->err, REJECT, ERR_STREAM, "%s", text);
    return false;
}

void avro_put_long(struct buf *out, int64_t value)
{
    uint64_t bits = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    char bytes[10];
    size_t size = 0;
    for (; bits >= 0x80; bits >>= 7) bytes[size++] = (char)(bits | 0x80);
    bytes[size++] = (char)bits;
    buf_append(out, bytes, size);
}

static bool put_bytes(struct buf *out, struct slice bytes)
{
    avro_put_long(out, (int64_t)bytes.size);
    buf_append(out, bytes.data, bytes.size);
    return true;
}

static bool put_integer(struct avro_output *output, const struct avro_type *type, int64_t value)
{
    if (avro_shape_of(type) == SHAPE_TIMESTAMP) {
        int64_t per_second = avro_ticks_per_second(type->logical), us_per_tick = 1000000 / per_second;
        // Finer than the type's tick: cut, always towards the past.
        if (per_second < 1000000)
            value = value / us_per_tick - (value % us_per_tick < 0);
        else if (__builtin_mul_overflow(value, per_second / 1000000, &value))
            return false;
    }
    if (type->kind == AVRO_INT && (value < INT32_MIN || value > INT32_MAX)) return false;
    avro_put_long(output->out, value);
    return true;
}

static bool put_real(struct avro_output *output, const struct avro_type *type, double value)
{
    float narrow = (float)value;
    if (!isfinite(value) || (type->kind == AVRO_FLOAT && !isfinite(narrow))) return false;
    if (type->kind == AVRO_FLOAT)
        buf_append(output->out, &narrow, sizeof narrow);
    else
        buf_append(output->out, &value, sizeof value);
    return true;
}

static bool put_enum(struct avro_output *output, const struct avro_type *type, struct slice symbol)
{
    for (uint32_t i = 0; i < type->count; i++) {
        if (!slice_is(symbol, type->symbols[i])) continue;
        avro_put_long(output->out, i);
        return true;
    }
    return false;
}

static bool put_decimal(struct avro_output *output, const struct avro_type *type, struct slice text)
{
    unsigned char bytes[SCALED_MAX_BYTES];
    size_t size;
    if (!scaled_from_text(text, type->precision, type->scale, bytes, &size)) return false;
    if (type->kind == AVRO_BYTES) return put_bytes(output->out, (struct slice){(const char *)bytes, size});
    if (size > type->count) return false;
    for (size_t i = size; i < type->count; i++) buf_append_byte(output->out, bytes[0] & 0x80 ? '\xff' : '\0');
    buf_append(output->out, bytes, size);
    return true;
}

static bool put_uuid(struct avro_output *output, struct slice text)
{
    unsigned char bytes[UUID_BYTES];
    if (!uuid_from_text(text, bytes)) return false;
    buf_append(output->out, bytes, sizeof bytes);
    return true;
}

static bool put_value(struct avro_output *output, const struct avro_type *type, const struct avro_cell *cell)
{
    switch (avro_shape_of(type)) {
    case SHAPE_BOOL:
        if (cell->int64 != 0 && cell->int64 != 1) return false;
        buf_append_byte(output->out, (char)cell->int64);
        return true;
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_DATE:
    case SHAPE_TIMESTAMP: return put_integer(output, type, cell->int64);
    case SHAPE_FLOAT:
    case SHAPE_DOUBLE: return put_real(output, type, cell->float64);
    case SHAPE_TEXT:
    case SHAPE_BYTES: return put_bytes(output->out, cell->text);
    case SHAPE_ENUM: return put_enum(output, type, cell->text);
    case SHAPE_DECIMAL: return put_decimal(output, type, cell->text);
    case SHAPE_UUID: return put_uuid(output, cell->text);
    case SHAPE_FIXED:
        if (cell->text.size != type->count) return false;
        buf_append(output->out, cell->text.data, cell->text.size);
        return true;
    case SHAPE_NULL:
    case SHAPE_NESTED: break;
    }
    return false;
}

bool avro_put_cell(struct avro_output *output, const struct avro_type *type, const struct avro_cell *cell)
{
    return put_value(output, type, cell) || avro_output_fail(output, "a value that does not fit %s", avro_shape_name(avro_shape_of(type)));
}

bool avro_put_converted(struct avro_output *output, const struct avro_type *type, enum avro_shape from, struct avro_cell cell)
{
    struct avro_leaf leaf = {.from = from, .to = avro_shape_of(type), .reader = type, .writer = type};
    // The default of an enum is for readers: what is written must be a symbol.
    bool fits = avro_shape_converts(leaf.from, leaf.to) &&
                (leaf.to == SHAPE_ENUM ? cell.type == COLUMN_TEXT : avro_leaf_convert(&leaf, &cell, output->arena));
    if (!fits) return avro_output_fail(output, "%s that does not fit %s", avro_shape_name(from), avro_shape_name(leaf.to));
    return avro_put_cell(output, type, &cell);
}
