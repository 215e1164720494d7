// SPDX-License-Identifier: Apache-2.0
// Conversions of values between the types of columns.
#include "model/convert.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "model/decimal.h"

// Instants that clock_format writes and clock_parse reads: 0001-01-01 to 9999-12-31, in microseconds.
static const int64_t first_instant = INT64_C(-62135596800) * SECOND_US;
static const int64_t last_instant = INT64_C(253402300800) * SECOND_US - 1;

bool convert_double_to_int64(double value, int64_t *out)
{
    // 2^63 is a double, INT64_MAX is not. NaN fails the first comparison.
    if (!(value >= -0x1p63 && value < 0x1p63) || value != trunc(value)) return false;
    *out = (int64_t)value;
    return true;
}

bool convert_text_to_int64(struct slice text, int64_t *value)
{
    if (text_to_int64(text, value)) return true;
    double number;
    // Above 2^53 a double no longer says which integer was written.
    if (!text_to_double(text, &number) || fabs(number) > 0x1p53) return false;
    return convert_double_to_int64(number, value);
}

bool convert_text_to_double(struct slice text, double *value)
{
    return text_to_double(text, value);
}

bool convert_int64_to_timestamp(int64_t number, int64_t *us)
{
    uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    if (size >= 1000000000 && size < 10000000000)
        *us = number * SECOND_US;
    else if (size >= 1000000000000 && size < 10000000000000)
        *us = number * 1000;
    else if (size >= 1000000000000000 && size < 10000000000000000)
        *us = number;
    else
        return false;
    return true;
}

bool convert_text_to_timestamp(struct slice text, int64_t *us)
{
    int64_t number;
    if (text_to_int64(text, &number)) return convert_int64_to_timestamp(number, us);
    return clock_parse(text, us);
}

struct slice convert_int64_to_text(int64_t value, struct arena *arena)
{
    // By hand: printf would be a third of what a quote costs on its way through SQL.
    char digits[24], *end = digits + sizeof digits, *at = end;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0) *--at = '-';
    return (struct slice){arena_copy(arena, at, (size_t)(end - at)), (size_t)(end - at)};
}

struct slice convert_double_to_text(double value, struct arena *arena)
{
    char digits[DECIMAL_TEXT_BYTES];
    size_t size = decimal_format(value, digits);
    return (struct slice){arena_copy(arena, digits, size), size};
}

struct slice convert_timestamp_to_text(int64_t us, struct arena *arena)
{
    if (us < first_instant || us > last_instant) return convert_int64_to_text(us, arena);
    char text[CLOCK_TEXT_BYTES];
    size_t size = strlen(clock_format(us, text));
    return (struct slice){arena_copy(arena, text, size), size};
}

bool convert_text_is_valid(struct slice text)
{
    return text.size == 0 || (!memchr(text.data, '\0', text.size) && text_is_utf8(text.data, text.size));
}
