// SPDX-License-Identifier: Apache-2.0
// Documents made from the option table: the sample file and the list of keys; what all of them share.
#include "base/option_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/option_yaml.h"
#include "base/text.h"

enum { SAMPLE_COLUMNS = 120 };

static void pad(struct buf *out, int columns)
{
    for (int i = 0; i < columns; i++) buf_append_byte(out, ' ');
}

void option_wrap(const char *text, int indent, const char *mark, int hang, int width, struct buf *out)
{
    size_t left = strlen(text);
    while (left > 0 && text[left - 1] == ' ') left--;
    for (bool first = true; left > 0; first = false) {
        int before = indent + (int)strlen(mark) + (first ? 0 : hang);
        // The longest run of words that fits; a word that is longer stands alone.
        size_t end = left, room = before < width ? (size_t)(width - before) : 0;
        if (end > room) {
            end = room;
            while (end > 0 && text[end] != ' ') end--;
            if (end == 0) end = strcspn(text, " ");
            if (end > left) end = left;
        }
        pad(out, indent);
        buf_append_text(out, mark);
        if (!first) pad(out, hang);
        buf_append(out, text, end);
        buf_append_byte(out, '\n');
        for (text += end, left -= end; left > 0 && *text == ' '; text++) left--;
    }
}

void option_facts(const struct option_row *row, struct buf *out)
{
    const char *gap = "";
    if (row->type == OPTION_WORD || (option_type_is_scalar(row->type) && (row->min < 0 || row->max > 0))) {
        struct buf expects;
        buf_init(&expects, 1024);
        option_expects(row, &expects);
        buf_append_byte(&expects, '\0');
        // Only the limits: "from 1 to 100", "one of: a, b".
        const char *limits = row->type == OPTION_WORD ? expects.data : strstr(expects.data, "from ");
        buf_append_byte(out, row->type == OPTION_WORD ? 'O' : 'F');
        buf_append_text(out, limits + 1);
        if (row->unit) buf_printf(out, " %s", row->unit);
        buf_append_byte(out, '.');
        buf_fini(&expects);
        gap = " ";
    }
    if ((row->flags & OPTION_SECRET) && row->type == OPTION_TEXT) {
        const char *dot = strrchr(row->name, '.');
        buf_printf(out, "%sA secret: %s-file names a file that holds it.", gap, dot ? dot + 1 : row->name);
        gap = " ";
    }
    if (row->flags & OPTION_RELOADABLE) buf_printf(out, "%sTakes effect without a restart.", gap);
}

// Text that a folded block gives back as it is: words with one space between them.
static bool foldable(const char *text)
{
    if (*text == ' ' || *text == '\0' || text[strlen(text) - 1] == ' ' || strstr(text, "  ")) return false;
    for (const char *p = text; *p; p++)
        if (*p < 0x20 || *p > 0x7e) return false;
    return true;
}

static void write_elements(const struct option_row *row, const struct option_array *array, int indent, int width, struct buf *out)
{
    for (uint32_t i = 0; i < array->count; i++) {
        const char *element = (const char *)array->items + i * row->element->struct_bytes;
        for (size_t j = 0; j < row->element->count; j++) {
            const struct option_row *member = &row->element->rows[j];
            size_t start = out->size;
            option_block(member, member->name, element + member->at, indent + 2, width, out);
            if (j == 0 && !out->full) out->data[start + (size_t)indent] = '-';
        }
    }
}

void option_block(const struct option_row *row, const char *name, const void *at, int indent, int width, struct buf *out)
{
    pad(out, indent);
    buf_printf(out, "%s:", name);
    const struct option_array *array = at;
    if (row->type == OPTION_OBJECTS && array->count > 0) {
        buf_append_byte(out, '\n');
        write_elements(row, array, indent + 2, width, out);
        return;
    }
    struct buf value;
    buf_init(&value, BUF_MAX_CONFIG_FILE);
    option_value_write(row, at, true, &value);
    if (row->type == OPTION_TEXT && indent + (int)strlen(name) + 2 + (int)value.size > width && foldable(*(const char *const *)at)) {
        buf_append_text(out, " >-\n");
        option_wrap(*(const char *const *)at, indent + 2, "", 0, width, out);
    } else {
        buf_append_byte(out, ' ');
        buf_append(out, value.data, value.size);
        buf_append_byte(out, '\n');
    }
    buf_fini(&value);
}

const char *option_section_help(const struct option_table *table, const char *name, size_t length)
{
    for (size_t i = 0; i < table->section_count; i++)
        if (slice_is((struct slice){name, length}, table->sections[i].name)) return table->sections[i].help;
    return "";
}

size_t option_section_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : 0;
}

static int depth_of(const char *name, size_t length)
{
    int depth = 0;
    for (size_t i = 0; i < length; i++) depth += name[i] == '.';
    return depth;
}

// Opens the sections of `name` that `before` was not in.
static void open_sections(const struct option_table *table, const char *before, const char *name, struct buf *out)
{
    size_t length = option_section_length(name), start = 0;
    for (size_t end; start < length; start = end + 1) {
        end = start + strcspn(name + start, ".");
        if (!strncmp(before, name, end) && before[end] == '.') continue;
        int indent = 2 * depth_of(name, end);
        buf_append_byte(out, '\n');
        option_wrap(option_section_help(table, name, end), indent, "# ", 0, SAMPLE_COLUMNS, out);
        pad(out, indent);
        buf_append(out, name + start, end - start);
        buf_append_text(out, ":\n");
    }
}

static void write_sample_row(const struct option_row *row, const char *values, bool first, struct buf *out)
{
    size_t length = option_section_length(row->name);
    const char *name = row->name + length + (length > 0);
    int indent = length ? 2 * (depth_of(row->name, length) + 1) : 0;
    if (!first) buf_append_byte(out, '\n');
    struct buf text;
    buf_init(&text, 8192);
    buf_printf(&text, "%s ", row->help);
    option_facts(row, &text);
    buf_append_byte(&text, '\0');
    option_wrap(text.data, indent, "# ", 0, SAMPLE_COLUMNS, out);
    for (size_t i = 0; row->type == OPTION_OBJECTS && i < row->element->count; i++) {
        const struct option_row *member = &row->element->rows[i];
        buf_reset(&text);
        buf_printf(&text, "%s: %s ", member->name, member->help);
        option_facts(member, &text);
        if (member->fallback) buf_printf(&text, "%sDefault: %s.", text.data[text.size - 1] == ' ' ? "" : " ", member->fallback);
        buf_append_byte(&text, '\0');
        option_wrap(text.data, indent, "#   ", 2, SAMPLE_COLUMNS, out);
    }
    buf_fini(&text);
    option_block(row, name, values + row->at, indent, SAMPLE_COLUMNS, out);
}

static void write_sample(const struct option_table *table, const char *values, struct buf *out)
{
    buf_append_text(out, "# SPDX-License-Identifier: Apache-2.0\n");
    option_wrap(
        "Every option with its default; a file of yours needs to name only what differs. Stronger than the file are the environment "
        "(FDP_SECTION_KEY, dots and dashes as underscores) and the command line (--set section.key=value). A list in the file replaces "
        "the default list whole. Durations: 250ms, 10s, 5m, 2h, 7d. Sizes: 64KiB, 10MiB, 1GiB.",
        0, "# ", 0, SAMPLE_COLUMNS, out);
    const char *before = "";
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        size_t size = out->size;
        open_sections(table, before, row->name, out);
        write_sample_row(row, values, out->size != size, out);
        before = row->name;
    }
}

static void write_range(const struct option_row *row, struct buf *out)
{
    if (row->type == OPTION_WORD) {
        for (const char *p = row->words; *p; p++) buf_append_byte(out, *p == ' ' ? '|' : *p);
    } else if (row->min < 0 || row->max > 0) {
        option_number_write(row->type, row->min, out);
        buf_append_text(out, "..");
        option_number_write(row->type, row->max, out);
    } else {
        buf_append_byte(out, '-');
    }
}

// One line; `prefix` is "" or "streaming.topics[].".
static void write_key(const char *prefix, const struct option_row *row, const void *at, struct buf *out)
{
    buf_printf(out, "%s%s\t%s\t", prefix, row->name, option_type_name(row->type));
    if (row->flags & OPTION_REQUIRED)
        buf_append_text(out, "(required)");
    else if (at)
        option_value_write(row, at, true, out);
    else
        buf_append_text(out, row->fallback ? row->fallback : "\"\"");
    buf_append_byte(out, '\t');
    write_range(row, out);
    buf_printf(out, "\t%s", row->help);
    if (row->unit) buf_printf(out, " In %s.", row->unit);
    buf_append_byte(out, '\n');
    if (row->type != OPTION_OBJECTS) return;
    char inner[256];
    snprintf(inner, sizeof inner, "%s%s[].", prefix, row->name);
    for (size_t i = 0; i < row->element->count; i++) write_key(inner, &row->element->rows[i], NULL, out);
}

void option_write(const struct option_table *table, enum option_document document, struct buf *out)
{
    struct option_values defaults;
    // A table whose defaults do not load is a mistake in the program, not in what it was given.
    if (option_load_defaults(table, &defaults, NULL) != OK) abort();
    const char *values = defaults.values;
    switch (document) {
    case OPTION_SAMPLE_FILE: write_sample(table, values, out); break;
    case OPTION_KEYS:
        for (size_t i = 0; i < table->count; i++) write_key("", &table->rows[i], values + table->rows[i].at, out);
        break;
    case OPTION_JSON_SCHEMA: option_write_schema(table, values, out); break;
    case OPTION_MAN: option_write_man(table, values, out); break;
    }
    option_values_fini(&defaults);
}
