// SPDX-License-Identifier: Apache-2.0
// The option table as part of a manual page (mdoc).
#include "base/option_write.h"

#include "base/text.h"

enum { MAN_COLUMNS = 78 };

// Text as mdoc text lines: each sentence begins a line, as mdoc wants it.
static void write_text(const char *text, struct buf *out)
{
    struct buf sentence;
    buf_init(&sentence, 8192);
    while (*text) {
        size_t length = 0;
        while (text[length] && !(length > 0 && text[length] == ' ' && strchr(".?!", text[length - 1]))) length++;
        buf_reset(&sentence);
        // A line must not look like a request, and a backslash is mdoc's escape.
        if (*text == '.' || *text == '\'') buf_append_text(&sentence, "\\&");
        for (size_t i = 0; i < length; i++) {
            if (text[i] == '\\')
                buf_append_text(&sentence, "\\e");
            else
                buf_append_byte(&sentence, text[i]);
        }
        buf_append_byte(&sentence, '\0');
        option_wrap(sentence.data, 0, "", 0, MAN_COLUMNS, out);
        text += length;
        while (*text == ' ') text++;
    }
    buf_fini(&sentence);
}

static void write_facts(const struct option_row *row, struct buf *out)
{
    struct buf facts;
    buf_init(&facts, 2048);
    option_facts(row, &facts);
    buf_append_byte(&facts, '\0');
    write_text(facts.data, out);
    buf_fini(&facts);
}

static void write_default(const struct option_row *row, const void *at, struct buf *out)
{
    if (row->flags & OPTION_REQUIRED) {
        buf_append_text(out, "Required.\n");
        return;
    }
    buf_append_text(out, "Default:\n");
    struct buf value;
    buf_init(&value, BUF_MAX_CONFIG_FILE);
    if (at)
        option_value_write(row, at, true, &value);
    else
        buf_append_text(&value, row->fallback ? row->fallback : "\"\"");
    buf_append_byte(&value, '\0');
    if (row->type == OPTION_OBJECTS) {
        buf_append_text(out, ".Bd -literal -compact\n");
        option_block(row, row->name + option_section_length(row->name) + 1, at, 0, MAN_COLUMNS - 10, out);
        buf_append_text(out, ".Ed\n");
    } else {
        // The argument of a macro stands in quotes, and quotes inside it are doubled.
        buf_append_text(out, ".Ql \"");
        for (const char *p = value.data; *p; p++) buf_append_text(out, *p == '"' ? "\"\"" : *p == '\\' ? "\\e" : (char[]){*p, 0});
        buf_append_text(out, "\" .\n");
    }
    buf_fini(&value);
}

static void write_item(const struct option_row *row, const void *at, struct buf *out)
{
    buf_printf(out, ".It Ic %s Pq %s\n", row->name, option_type_name(row->type));
    write_text(row->help, out);
    write_facts(row, out);
    write_default(row, at, out);
    if (row->type != OPTION_OBJECTS) return;
    buf_append_text(out, "Each has:\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < row->element->count; i++) write_item(&row->element->rows[i], NULL, out);
    buf_append_text(out, ".El\n");
}

void option_write_man(const struct option_table *table, const void *values, struct buf *out)
{
    const char *section = NULL;
    size_t length = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        size_t next = option_section_length(row->name);
        if (!section || next != length || strncmp(section, row->name, next)) {
            if (section) buf_append_text(out, ".El\n");
            if (next) buf_printf(out, ".Ss %.*s\n", (int)next, row->name);
            write_text(option_section_help(table, row->name, next), out);
            buf_append_text(out, ".Bl -tag -width Ds\n");
            section = row->name;
            length = next;
        }
        write_item(row, (const char *)values + row->at, out);
    }
    if (section) buf_append_text(out, ".El\n");
}
