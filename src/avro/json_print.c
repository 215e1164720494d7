// SPDX-License-Identifier: Apache-2.0
// Printing and comparing JSON as the Java world does, so that texts agree byte for byte.
#include "avro/json.h"

#include <math.h>
#include <stdlib.h>

#include "model/decimal.h"

static bool is_integer(struct slice number)
{
    for (size_t i = 0; i < number.size; i++)
        if (number.data[i] == '.' || number.data[i] == 'e' || number.data[i] == 'E') return false;
    return true;
}

// "-0" is the integer 0.
static struct slice integer_text(struct slice number)
{
    return slice_is(number, "-0") ? SLICE("0") : number;
}

double json_double(const struct json *number)
{
    char copy[JSON_MAX_NUMBER + 1];
    size_t size = number->text.size < JSON_MAX_NUMBER ? number->text.size : JSON_MAX_NUMBER;
    memcpy(copy, number->text.data, size);
    copy[size] = '\0';
    return strtod(copy, NULL);
}

bool json_int64(const struct json *number, int64_t *value)
{
    return text_to_int64(number->text, value);
}

// The digits of the shortest decimal and the power of ten of the first: 305.76 is "30576" and 2.
static int shortest_digits(double value, char digits[DECIMAL_TEXT_BYTES], int *power)
{
    char text[DECIMAL_TEXT_BYTES];
    size_t size = decimal_format(value, text);
    int count = 0, before_point = -1;
    int64_t exponent = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.') {
            before_point = count;
        } else if (text[i] == 'e') {
            (void)text_to_int64((struct slice){text + i + 1, size - i - 1}, &exponent);
            break;
        } else {
            digits[count++] = text[i];
        }
    }
    if (before_point < 0) before_point = count;
    int zeros = 0;
    while (zeros < count - 1 && digits[zeros] == '0') zeros++;
    memmove(digits, digits + zeros, (size_t)(count - zeros));
    *power = before_point - zeros - 1 + (int)exponent;
    count -= zeros;
    while (count > 1 && digits[count - 1] == '0') count--;
    return count;
}

void json_print_double(double value, struct buf *out)
{
    char digits[DECIMAL_TEXT_BYTES];
    if (isnan(value) || isinf(value)) {
        buf_append_text(out, isnan(value) ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
        return;
    }
    if (signbit(value)) buf_append_byte(out, '-');
    if (value == 0) {
        buf_append_text(out, "0.0");
        return;
    }
    int power, count = shortest_digits(fabs(value), digits, &power);
    // Java: plain from 10^-3 to below 10^7, else one digit, a point, and an exponent; always a digit behind the point.
    if (power < -3 || power >= 7) {
        buf_printf(out, "%c.%.*sE%d", digits[0], count > 1 ? count - 1 : 1, count > 1 ? digits + 1 : "0", power);
    } else if (power < 0) {
        buf_printf(out, "0.%.*s%.*s", -power - 1, "00", count, digits);
    } else if (count <= power + 1) {
        buf_printf(out, "%.*s%.*s.0", count, digits, power + 1 - count, "000000");
    } else {
        buf_printf(out, "%.*s.%.*s", power + 1, digits, count - power - 1, digits + power + 1);
    }
}

void json_print_characters(struct slice text, struct buf *out)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    size_t start = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        buf_append(out, text.data + start, i - start);
        start = i + 1;
        const char *known = c ? strchr(escaped, c) : NULL;
        if (known)
            buf_append(out, (char[]){'\\', letters[known - escaped]}, 2);
        else
            buf_printf(out, "\\u%04X", c);
    }
    if (text.size > start) buf_append(out, text.data + start, text.size - start);
}

void json_print_text(struct slice text, struct buf *out)
{
    buf_append_byte(out, '"');
    json_print_characters(text, out);
    buf_append_byte(out, '"');
}

static void print_number(const struct json *json, struct buf *out)
{
    if (is_integer(json->text)) {
        struct slice digits = integer_text(json->text);
        buf_append(out, digits.data, digits.size);
    } else {
        json_print_double(json_double(json), out);
    }
}

void json_print(const struct json *json, struct buf *out)
{
    switch (json->kind) {
    case JSON_NULL: buf_append_text(out, "null"); break;
    case JSON_BOOL: buf_append_text(out, json->boolean ? "true" : "false"); break;
    case JSON_NUMBER: print_number(json, out); break;
    case JSON_TEXT: json_print_text(json->text, out); break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        buf_append_byte(out, json->kind == JSON_ARRAY ? '[' : '{');
        for (uint32_t i = 0; i < json->count; i++) {
            if (i) buf_append_byte(out, ',');
            if (json->kind == JSON_OBJECT) {
                json_print_text(json->items[i].name, out);
                buf_append_byte(out, ':');
            }
            json_print(&json->items[i], out);
        }
        buf_append_byte(out, json->kind == JSON_ARRAY ? ']' : '}');
        break;
    }
}

static int compare_members(const void *a, const void *b)
{
    const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
    if (x->name.size != y->name.size) return x->name.size < y->name.size ? -1 : 1;
    return x->name.size ? memcmp(x->name.data, y->name.data, x->name.size) : 0;
}

bool json_name_in(struct slice name, const char *const *names)
{
    for (; names && *names; names++)
        if (slice_is(name, *names)) return true;
    return false;
}

static const struct json **sorted_members(const struct json *object, const char *const *except, uint32_t *count)
{
    const struct json **members = malloc((object->count ? object->count : 1) * sizeof *members);
    if (!members) abort();
    *count = 0;
    for (uint32_t i = 0; i < object->count; i++)
        if (!json_name_in(object->items[i].name, except)) members[(*count)++] = &object->items[i];
    qsort(members, *count, sizeof *members, compare_members);
    return members;
}

bool json_members_equal(const struct json *a, const struct json *b, const char *const *except)
{
    uint32_t a_count, b_count;
    const struct json **x = sorted_members(a, except, &a_count), **y = sorted_members(b, except, &b_count);
    bool equal = a_count == b_count;
    for (uint32_t i = 0; equal && i < a_count; i++) equal = slice_equal(x[i]->name, y[i]->name) && json_equal(x[i], y[i]);
    free(x);
    free(y);
    return equal;
}

static bool numbers_equal(const struct json *a, const struct json *b)
{
    if (is_integer(a->text) != is_integer(b->text)) return false;
    if (is_integer(a->text)) return slice_equal(integer_text(a->text), integer_text(b->text));
    double x = json_double(a), y = json_double(b);
    return x == y && signbit(x) == signbit(y);
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (a->kind != b->kind || a->count != b->count) return false;
    switch (a->kind) {
    case JSON_NULL: return true;
    case JSON_BOOL: return a->boolean == b->boolean;
    case JSON_NUMBER: return numbers_equal(a, b);
    case JSON_TEXT: return slice_equal(a->text, b->text);
    case JSON_OBJECT: return json_members_equal(a, b, NULL);
    case JSON_ARRAY:
        for (uint32_t i = 0; i < a->count; i++)
            if (!json_equal(&a->items[i], &b->items[i])) return false;
        return true;
    }
    return false;
}
