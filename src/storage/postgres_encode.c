// SPDX-License-Identifier: Apache-2.0
// Rows in the format of COPY (FORMAT binary): a count of fields, then each field's length and bytes, big-endian; length -1 is null.
#include <endian.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "storage/postgres.h"

#define EPOCH_US INT64_C(946684800000000)      // PostgreSQL counts from 2000 ...
#define OLDEST_US INT64_C(-210866803200000000) // ... and begins in 4714 BC; it ends after int64 does
enum { LONGEST_FIELD = 0x3fffffff };           // 1 GiB, PostgreSQL's own limit

static char *put16(char *at, uint16_t value)
{
    value = htobe16(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *put32(char *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *put64(char *at, uint64_t value)
{
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline bool is_null(const struct postgres_field *field, uint32_t row)
{
    return field->null && field->null[row];
}

static inline char *put_double(double value, char *at)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put64(put32(at, 8), bits);
}

static char *put_float4(double value, char *at)
{
    float small = (float)value;
    uint32_t bits;
    if (isinf(small) || (small == 0 && value != 0)) return NULL;
    memcpy(&bits, &small, sizeof bits);
    return put32(put32(at, 4), bits);
}

static char *put_bool(int64_t value, char *at)
{
    if (value != 0 && value != 1) return NULL;
    at = put32(at, 1);
    *at = (char)value;
    return at + 1;
}

// A field that is not null and no text. NULL when the value does not fit its column.
static inline char *put_number(const struct postgres_field *field, uint32_t row, char *at)
{
    const int64_t *integers = field->values;
    const double *doubles = field->values;
    switch (field->form) {
    case FORM_FLOAT8: return put_double(doubles[row], at);
    case FORM_TIME: return integers[row] >= OLDEST_US ? put64(put32(at, 8), (uint64_t)(integers[row] - EPOCH_US)) : NULL;
    case FORM_INT4: return integers[row] == (int32_t)integers[row] ? put32(put32(at, 4), (uint32_t)integers[row]) : NULL;
    case FORM_INT8: return put64(put32(at, 8), (uint64_t)integers[row]);
    case FORM_INT2: return integers[row] == (int16_t)integers[row] ? put16(put32(at, 2), (uint16_t)integers[row]) : NULL;
    case FORM_FLOAT4: return put_float4(doubles[row], at);
    case FORM_BOOL: return put_bool(integers[row], at);
    case FORM_TEXT: break; // has been dealt with
    }
    return NULL;
}

// Most texts are shorter than what a call of memcpy costs.
static inline void copy_text(char *to, const char *from, size_t size)
{
    if (size > 16) {
        memcpy(to, from, size);
    } else if (size >= 8) { // two halves that may overlap
        uint64_t first, last;
        memcpy(&first, from, 8);
        memcpy(&last, from + size - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + size - 8, &last, 8);
    } else if (size >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + size - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + size - 4, &last, 4);
    } else {
        for (size_t i = 0; i < size; i++) to[i] = from[i];
    }
}

char *postgres_encode_row(const struct postgres_plan *plan, uint32_t row, char *at, const char *end, const struct postgres_field **bad)
{
    *bad = NULL;
    if (at > end) return NULL;
    at = put16(at, (uint16_t)plan->used_count);
    for (const struct postgres_field *field = plan->used, *last = field + plan->used_count; field < last; field++) {
        if (is_null(field, row)) {
            at = put32(at, UINT32_MAX);
        } else if (field->form == FORM_TEXT) {
            struct slice text = ((const struct slice *)field->values)[row];
            // Fields before this one are part of fixed_bytes too, so `at` may have passed `end` by now.
            if (at > end || text.size > (size_t)(end - at)) return NULL;
            at = put32(at, (uint32_t)text.size);
            copy_text(at, text.data, text.size);
            at += text.size;
        } else {
            char *next = put_number(field, row, at);
            if (!next) {
                *bad = field;
                return NULL;
            }
            at = next;
        }
    }
    return at;
}

bool postgres_encode_long_row(const struct postgres_plan *plan, uint32_t row, postgres_put_fn *put, void *context,
                              const struct postgres_field **bad)
{
    char small[16];
    *bad = NULL;
    if (!put(context, small, (size_t)(put16(small, (uint16_t)plan->used_count) - small))) return false;
    for (const struct postgres_field *field = plan->used, *last = field + plan->used_count; field < last; field++) {
        const struct slice *text = !is_null(field, row) && field->form == FORM_TEXT ? &((const struct slice *)field->values)[row] : NULL;
        char *next = NULL;
        if (is_null(field, row))
            next = put32(small, UINT32_MAX);
        else if (!text)
            next = put_number(field, row, small);
        else if (text->size <= LONGEST_FIELD)
            next = put32(small, (uint32_t)text->size);
        if (!next) {
            *bad = field;
            return false;
        }
        if (!put(context, small, (size_t)(next - small)) || (text && !put(context, text->data, text->size))) return false;
    }
    return true;
}

void postgres_describe_bad(const struct postgres_field *bad, uint32_t row, char *out, size_t size)
{
    char value[64];
    if (bad->form == FORM_TEXT)
        snprintf(value, sizeof value, "a value of %zu bytes", ((const struct slice *)bad->values)[row].size);
    else if (bad->form == FORM_FLOAT4)
        snprintf(value, sizeof value, "%.17g", ((const double *)bad->values)[row]);
    else if (bad->form == FORM_TIME)
        snprintf(value, sizeof value, "a time before 4714 BC (%lld microseconds)", (long long)((const int64_t *)bad->values)[row]);
    else
        snprintf(value, sizeof value, "%lld", (long long)((const int64_t *)bad->values)[row]);
    snprintf(out, size, "column %s is %s, and %s does not fit", bad->name, bad->type, value);
}
