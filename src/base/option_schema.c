// SPDX-License-Identifier: Apache-2.0
// The option table as a JSON Schema (draft 2020-12) with closed objects, for editors and charts.
#include "base/option_write.h"

#include <stdio.h>

#include "base/text.h"

// Ends the line before and begins a new one at that depth.
static void line(struct buf *out, int depth)
{
    buf_append_byte(out, '\n');
    for (int i = 0; i < 2 * depth; i++) buf_append_byte(out, ' ');
}

static void json_text(struct buf *out, const char *text)
{
    buf_append_json(out, text, strlen(text));
}

// "name": at the beginning of a member, with a comma behind the one before.
static void member(struct buf *out, int depth, bool first, const char *name, size_t length)
{
    if (!first) buf_append_byte(out, ',');
    line(out, depth);
    buf_append_json(out, name, length);
    buf_append_text(out, ": ");
}

static void write_limits(const struct option_row *row, struct buf *out, int depth)
{
    if (!(row->min < 0 || row->max > 0) || (row->type != OPTION_INT && row->type != OPTION_DOUBLE)) return;
    member(out, depth, false, "minimum", 7);
    option_number_write(row->type, row->min, out);
    member(out, depth, false, "maximum", 7);
    option_number_write(row->type, row->max, out);
}

static void write_members(const struct option_table *table, const char *prefix, const char *values, struct buf *out, int depth);

static void write_type(const struct option_row *row, struct buf *out, int depth)
{
    static const char *const types[] = {
        [OPTION_TEXT] = "\"type\": \"string\"",
        [OPTION_BOOL] = "\"type\": \"boolean\"",
        [OPTION_INT] = "\"type\": \"integer\"",
        [OPTION_DOUBLE] = "\"type\": \"number\"",
        [OPTION_DURATION] = "\"type\": [\"string\", \"integer\"], \"pattern\": \"^[0-9]+(ms|s|m|h|d)?$\"",
        [OPTION_SIZE] = "\"type\": [\"string\", \"integer\"], \"pattern\": \"^[0-9]+(KiB|MiB|GiB|TiB)?$\"",
        [OPTION_LIST] = "\"type\": \"array\", \"items\": {\"type\": \"string\"}",
        [OPTION_MAP] = "\"type\": \"object\", \"additionalProperties\": {\"type\": [\"string\", \"number\", \"boolean\"]}",
        [OPTION_OBJECTS] = "\"type\": \"array\"",
        [OPTION_WORD] = "\"enum\": [\"",
    };
    buf_append_text(out, types[row->type]);
    for (const char *p = row->type == OPTION_WORD ? row->words : ""; *p; p++) buf_append_text(out, *p == ' ' ? "\", \"" : (char[]){*p, 0});
    if (row->type == OPTION_WORD) buf_append_text(out, "\"]");
    write_limits(row, out, depth);
    if (row->type != OPTION_OBJECTS) return;
    member(out, depth, false, "items", 5);
    buf_append_byte(out, '{');
    line(out, depth + 1);
    buf_append_text(out, "\"type\": \"object\"");
    write_members(row->element, "", NULL, out, depth + 1);
    line(out, depth);
    buf_append_byte(out, '}');
}

static void write_json_value(const struct option_row *row, const void *at, struct buf *out, int depth);

static void write_json_objects(const struct option_row *row, const struct option_array *array, struct buf *out, int depth)
{
    for (uint32_t i = 0; i < array->count; i++) {
        const char *element = (const char *)array->items + i * row->element->struct_bytes;
        if (i) buf_append_byte(out, ',');
        line(out, depth + 1);
        buf_append_byte(out, '{');
        for (size_t j = 0; j < row->element->count; j++) {
            const struct option_row *inner = &row->element->rows[j];
            if (j) buf_append_text(out, ", ");
            json_text(out, inner->name);
            buf_append_text(out, ": ");
            write_json_value(inner, element + inner->at, out, depth + 1);
        }
        buf_append_byte(out, '}');
    }
    if (array->count) line(out, depth);
}

static void write_json_value(const struct option_row *row, const void *at, struct buf *out, int depth)
{
    const struct option_array *array = at;
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_WORD: json_text(out, *(const char *const *)at); break;
    case OPTION_DURATION:
    case OPTION_SIZE:
        buf_append_byte(out, '"');
        option_value_write(row, at, true, out);
        buf_append_byte(out, '"');
        break;
    case OPTION_BOOL:
    case OPTION_INT:
    case OPTION_DOUBLE: option_value_write(row, at, true, out); break;
    case OPTION_LIST:
        buf_append_byte(out, '[');
        for (uint32_t i = 0; i < array->count; i++) {
            if (i) buf_append_text(out, ", ");
            json_text(out, ((const char *const *)array->items)[i]);
        }
        buf_append_byte(out, ']');
        break;
    case OPTION_MAP:
        buf_append_byte(out, '{');
        for (uint32_t i = 0; i < array->count; i++) {
            const struct option_pair *pair = (const struct option_pair *)array->items + i;
            if (i) buf_append_text(out, ", ");
            json_text(out, pair->name);
            buf_append_text(out, ": ");
            json_text(out, pair->value);
        }
        buf_append_byte(out, '}');
        break;
    case OPTION_OBJECTS:
        buf_append_byte(out, '[');
        write_json_objects(row, array, out, depth);
        buf_append_byte(out, ']');
        break;
    }
}

static void write_row(const struct option_row *row, const char *name, const char *values, bool first, struct buf *out, int depth)
{
    member(out, depth, first, name, strlen(name));
    buf_append_byte(out, '{');
    line(out, depth + 1);
    write_type(row, out, depth + 1);
    member(out, depth + 1, false, "description", 11);
    json_text(out, row->help);
    if (values && !(row->flags & OPTION_REQUIRED)) {
        member(out, depth + 1, false, "default", 7);
        write_json_value(row, values + row->at, out, depth + 1);
    }
    line(out, depth);
    buf_append_byte(out, '}');
    if (!(row->flags & OPTION_SECRET) || row->type != OPTION_TEXT) return;
    char file[128];
    snprintf(file, sizeof file, "%s-file", name);
    member(out, depth, false, file, strlen(file));
    buf_append_text(out, "{\"type\": \"string\", \"description\": \"A file that holds it.\"}");
}

static void write_section(const struct option_table *table, const char *name, size_t length, const char *values, bool first,
                          struct buf *out, int depth)
{
    size_t start = length;
    while (start > 0 && name[start - 1] != '.') start--;
    member(out, depth, first, name + start, length - start);
    buf_append_byte(out, '{');
    line(out, depth + 1);
    // A section whose lines are all commented out is a null.
    buf_append_text(out, "\"type\": [\"object\", \"null\"]");
    const char *help = option_section_help(table, name, length);
    if (*help) {
        member(out, depth + 1, false, "description", 11);
        json_text(out, help);
    }
    char prefix[128];
    snprintf(prefix, sizeof prefix, "%.*s.", (int)length, name);
    write_members(table, prefix, values, out, depth + 1);
    line(out, depth);
    buf_append_byte(out, '}');
}

// Everything after "type" of an object: which members it has, and that it has no others.
static void write_members(const struct option_table *table, const char *prefix, const char *values, struct buf *out, int depth)
{
    size_t length = strlen(prefix), done = 0;
    bool first = true;
    member(out, depth, false, "additionalProperties", 20);
    buf_append_text(out, "false");
    for (size_t i = 0, required = 0; i < table->count; i++) {
        if (!(table->rows[i].flags & OPTION_REQUIRED)) continue;
        if (required++ == 0) member(out, depth, false, "required", 8);
        buf_append_text(out, required == 1 ? "[" : ", ");
        json_text(out, table->rows[i].name);
        size_t left = 0;
        for (size_t j = i + 1; j < table->count; j++) left += (table->rows[j].flags & OPTION_REQUIRED) != 0;
        if (left == 0) buf_append_byte(out, ']');
    }
    member(out, depth, false, "properties", 10);
    buf_append_byte(out, '{');
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->rows[i].name;
        if (strncmp(name, prefix, length)) continue;
        size_t end = length + strcspn(name + length, ".");
        if (!name[end]) {
            write_row(&table->rows[i], name + length, values, first, out, depth + 1);
            first = false;
        } else if (done == 0 || strncmp(table->rows[done - 1].name, name, end + 1)) {
            write_section(table, name, end, values, first, out, depth + 1);
            first = false;
        }
        done = i + 1;
    }
    line(out, depth);
    buf_append_byte(out, '}');
}

void option_write_schema(const struct option_table *table, const void *values, struct buf *out)
{
    buf_append_text(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\"");
    member(out, 1, false, "title", 5);
    json_text(out, "Configuration of fdp");
    member(out, 1, false, "type", 4);
    buf_append_text(out, "[\"object\", \"null\"]");
    write_members(table, "", values, out, 1);
    buf_append_text(out, "\n}\n");
}
