// SPDX-License-Identifier: Apache-2.0
// Listings: a table for people, JSON or CSV for programs, from the same rows.
#ifndef FDP_CLI_OUTPUT_H
#define FDP_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "storage/sink.h"

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV };

struct output;

// `names` are copied; in JSON a name that was there before gets a number: a, a_2. A table is printed at the end, when the widths are known
// (after 1,000 rows in parts); JSON and CSV row by row.
struct output *output_new(FILE *file, enum output_format format, uint32_t columns, const char *const *names);
void output_row(struct output *output, const struct sink_cell *cells);
// Ends the listing. `empty` (may be NULL) is said instead of a table without rows; "": nothing is.
void output_end(struct output *output, const char *empty);

static inline struct sink_cell output_text(const char *text)
{
    return text ? (struct sink_cell){.type = SINK_TEXT, .text = slice_of(text)} : (struct sink_cell){.type = SINK_NULL};
}
static inline struct sink_cell output_number(int64_t number)
{
    return (struct sink_cell){.type = SINK_INTEGER, .integer = number};
}

// Appends the visible columns of a row as one JSON object, absent ones as null or not at all; timestamps as text, bytes in hexadecimal.
void output_append_row(struct buf *out, const struct batch *batch, uint32_t row, bool with_nulls);

#endif
