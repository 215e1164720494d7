// SPDX-License-Identifier: Apache-2.0
// What the documents made from an option table have in common. Used by option_write.c, option_man.c and option_schema.c only.
#ifndef FDP_BASE_OPTION_WRITE_H
#define FDP_BASE_OPTION_WRITE_H

#include "base/option.h"
#include "base/option_value.h"

// Breaks `text` at spaces so that lines, each with `indent` spaces and `mark` in front, have at most `width` columns where words allow.
// All lines but the first have `hang` spaces more.
void option_wrap(const char *text, int indent, const char *mark, int hang, int width, struct buf *out);

// "From 1 to 100 ticks per second. Takes effect without a restart.", or nothing.
void option_facts(const struct option_row *row, struct buf *out);

// "name:" and the value at `at` as a block of YAML lines with that indent; long text is folded into lines of at most `width` columns.
void option_block(const struct option_row *row, const char *name, const void *at, int indent, int width, struct buf *out);

// The help of a section, or "".
const char *option_section_help(const struct option_table *table, const char *name, size_t length);

// Length of the section in front of a name: 9 of "streaming.url", 0 of "data".
size_t option_section_length(const char *name);

// The documents that have files of their own. `values` holds the defaults.
void option_write_schema(const struct option_table *table, const void *values, struct buf *out);
void option_write_man(const struct option_table *table, const void *values, struct buf *out);

#endif
