// SPDX-License-Identifier: Apache-2.0
// Option values: parsing of scalars, writing of all types as YAML on one line.
#include "base/option_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/option_yaml.h"

struct unit {
    const char *name;
    int64_t factor;
};

// Largest first: writing takes the first that divides.
static const struct unit size_units[] = {
    {"TiB", INT64_C(1) << 40}, {"GiB", INT64_C(1) << 30}, {"MiB", INT64_C(1) << 20}, {"KiB", INT64_C(1) << 10}, {"", 1},
};
static const struct unit duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

bool option_type_is_scalar(enum option_type type)
{
    return type != OPTION_LIST && type != OPTION_MAP && type != OPTION_OBJECTS;
}

const char *option_type_name(enum option_type type)
{
    switch (type) {
    case OPTION_TEXT: return "text";
    case OPTION_WORD: return "word";
    case OPTION_BOOL: return "boolean";
    case OPTION_INT: return "integer";
    case OPTION_DOUBLE: return "number";
    case OPTION_DURATION: return "duration";
    case OPTION_SIZE: return "size";
    case OPTION_LIST: return "list";
    case OPTION_MAP: return "map";
    case OPTION_OBJECTS: return "objects";
    }
    return "unknown";
}

static bool parse_word(const struct option_row *row, struct slice text)
{
    for (const char *word = row->words; *word;) {
        size_t length = strcspn(word, " ");
        if (slice_equal(text, (struct slice){word, length})) return true;
        word += length;
        word += *word == ' ';
    }
    return false;
}

static bool parse_bool(struct slice text, bool *value)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) != text.size || strncasecmp(words[i], text.data, text.size)) continue;
        *value = i % 2 == 0;
        return true;
    }
    return false;
}

static bool parse_size(struct slice text, int64_t *bytes)
{
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') digits++;
    int64_t number;
    if (!text_to_int64((struct slice){text.data, digits}, &number)) return false;
    struct slice name = {text.data + digits, text.size - digits};
    for (size_t i = 0; i < sizeof size_units / sizeof *size_units; i++)
        if (slice_is(name, size_units[i].name)) return !__builtin_mul_overflow(number, size_units[i].factor, bytes);
    return false;
}

static bool limited(const struct option_row *row)
{
    return row->min < 0 || row->max > 0;
}

static bool in_range(const struct option_row *row, double number)
{
    return !limited(row) || (number >= row->min && number <= row->max);
}

static bool parse_integer(const struct option_row *row, struct slice text, int64_t *value)
{
    bool parsed = row->type == OPTION_INT      ? text_to_int64(text, value)
                : row->type == OPTION_DURATION ? clock_parse_duration(text, value)
                                               : parse_size(text, value);
    return parsed && in_range(row, (double)*value);
}

bool option_scalar_parse(const struct option_row *row, struct slice text, void *at, struct arena *arena)
{
    switch (row->type) {
    case OPTION_WORD:
        if (!parse_word(row, text)) return false;
        *(const char **)at = arena_copy(arena, text.data, text.size);
        return true;
    case OPTION_TEXT: *(const char **)at = arena_copy(arena, text.data, text.size); return true;
    case OPTION_BOOL: return parse_bool(text, at);
    case OPTION_INT:
    case OPTION_DURATION:
    case OPTION_SIZE: return parse_integer(row, text, at);
    case OPTION_DOUBLE: return text_to_double(text, at) && in_range(row, *(double *)at);
    case OPTION_LIST:
    case OPTION_MAP:
    case OPTION_OBJECTS: break;
    }
    return false;
}

static void write_with_unit(const struct unit *units, int64_t number, struct buf *out)
{
    while (units->factor > 1 && (number == 0 ? strcmp(units->name, "s") != 0 : number % units->factor != 0)) units++;
    buf_printf(out, "%lld%s", (long long)(number / units->factor), units->name);
}

static void write_double(double number, struct buf *out)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits += 2) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    buf_append_text(out, text);
}

void option_number_write(enum option_type type, double number, struct buf *out)
{
    if (type == OPTION_DURATION)
        write_with_unit(duration_units, (int64_t)number, out);
    else if (type == OPTION_SIZE)
        write_with_unit(size_units, (int64_t)number, out);
    else
        write_double(number, out);
}

void option_expects(const struct option_row *row, struct buf *out)
{
    static const char *const nouns[] = {
        [OPTION_TEXT] = "text",
        [OPTION_WORD] = "one of: ",
        [OPTION_BOOL] = "true or false",
        [OPTION_INT] = "a whole number",
        [OPTION_DOUBLE] = "a number",
        [OPTION_DURATION] = "a duration such as 250ms, 10s, 5m, 2h or 7d",
        [OPTION_SIZE] = "a size such as 65536, 64KiB, 10MiB or 1GiB",
        [OPTION_LIST] = "a list such as [A, B]",
        [OPTION_MAP] = "a map such as {name: value}",
        [OPTION_OBJECTS] = "a list of maps such as [{name: value}]",
    };
    buf_append_text(out, nouns[row->type]);
    for (const char *word = row->type == OPTION_WORD ? row->words : ""; *word; word++)
        buf_append_text(out, *word == ' ' ? ", " : (char[]){*word, 0});
    if (!option_type_is_scalar(row->type) || !limited(row)) return;
    buf_append_text(out, row->type == OPTION_INT || row->type == OPTION_DOUBLE ? " from " : ", from ");
    option_number_write(row->type, row->min, out);
    buf_append_text(out, " to ");
    option_number_write(row->type, row->max, out);
}

static void write_objects(const struct option_row *row, const struct option_array *array, bool reveal, struct buf *out)
{
    for (uint32_t i = 0; i < array->count; i++) {
        const char *element = (const char *)array->items + i * row->element->struct_bytes;
        buf_append_text(out, i ? ", {" : "{");
        for (size_t j = 0; j < row->element->count; j++) {
            const struct option_row *member = &row->element->rows[j];
            buf_printf(out, "%s%s: ", j ? ", " : "", member->name);
            option_value_write(member, element + member->at, reveal, out);
        }
        buf_append_byte(out, '}');
    }
}

bool option_pair_is_secret(const struct option_row *row, const char *name)
{
    if (!(row->flags & OPTION_SECRET)) return false;
    if (!row->words) return true;
    for (const char *word = row->words; *word;) {
        size_t length = strcspn(word, " ");
        if (memmem(name, strlen(name), word, length)) return true;
        word += length;
        word += *word == ' ';
    }
    return false;
}

static void write_text(const char *text, bool mask, struct buf *out)
{
    // Whether a secret is set at all may be seen.
    option_yaml_write(mask && *text ? SLICE("********") : slice_of(text), out);
}

static void write_url(const char *url, struct buf *out)
{
    size_t size = 2 * strlen(url) + 4; // *** may be longer than what it stands for
    char *shown = malloc(size);
    if (!shown) abort();
    option_yaml_write(slice_of(text_url_shown(url, shown, size)), out);
    free(shown);
}

static void write_pairs(const struct option_row *row, const struct option_array *array, bool reveal, struct buf *out)
{
    const struct option_pair *pairs = array->items;
    for (uint32_t i = 0; i < array->count; i++) {
        if (i) buf_append_text(out, ", ");
        option_yaml_write(slice_of(pairs[i].name), out);
        buf_append_text(out, ": ");
        write_text(pairs[i].value, !reveal && option_pair_is_secret(row, pairs[i].name), out);
    }
}

static void write_list(const struct option_array *array, bool mask, struct buf *out)
{
    const char *const *items = array->items;
    for (uint32_t i = 0; i < array->count; i++) {
        if (i) buf_append_text(out, ", ");
        write_text(items[i], mask, out);
    }
}

void option_value_write(const struct option_row *row, const void *at, bool reveal, struct buf *out)
{
    bool mask = !reveal && (row->flags & OPTION_SECRET);
    if (!reveal && (row->flags & OPTION_URL)) {
        write_url(*(const char *const *)at, out);
        return;
    }
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_WORD: write_text(*(const char *const *)at, mask, out); break;
    case OPTION_BOOL: buf_append_text(out, *(const bool *)at ? "true" : "false"); break;
    case OPTION_INT: buf_printf(out, "%lld", (long long)*(const int64_t *)at); break;
    case OPTION_DURATION: write_with_unit(duration_units, *(const int64_t *)at, out); break;
    case OPTION_SIZE: write_with_unit(size_units, *(const int64_t *)at, out); break;
    case OPTION_DOUBLE: write_double(*(const double *)at, out); break;
    case OPTION_LIST:
        buf_append_byte(out, '[');
        write_list(at, mask, out);
        buf_append_byte(out, ']');
        break;
    case OPTION_MAP:
        buf_append_byte(out, '{');
        write_pairs(row, at, reveal, out);
        buf_append_byte(out, '}');
        break;
    case OPTION_OBJECTS:
        buf_append_byte(out, '[');
        write_objects(row, at, reveal, out);
        buf_append_byte(out, ']');
        break;
    }
}

void option_value_text(const struct option_row *row, const void *values, struct buf *out)
{
    option_value_write(row, (const char *)values + row->at, false, out);
}

bool option_value_same(const struct option_row *row, const void *values, const void *others)
{
    struct buf one, other;
    buf_init(&one, BUF_MAX_CONFIG_FILE);
    buf_init(&other, BUF_MAX_CONFIG_FILE);
    option_value_write(row, (const char *)values + row->at, true, &one);
    option_value_write(row, (const char *)others + row->at, true, &other);
    bool same = slice_equal(buf_slice(&one), buf_slice(&other));
    buf_fini(&one);
    buf_fini(&other);
    return same;
}
