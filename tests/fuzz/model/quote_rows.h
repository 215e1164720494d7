// SPDX-License-Identifier: Apache-2.0
// What every decoded quote must keep, whatever the bytes were.
#ifndef FDP_FUZZ_QUOTE_ROWS_H
#define FDP_FUZZ_QUOTE_ROWS_H

#include <math.h>
#include <stdlib.h>

#include "model/quote.h"

// Texts are UTF-8 without NUL, numbers are finite.
static void check_row(const struct batch *batch, uint32_t row)
{
    for (uint32_t i = 0; i < QUOTE_FIELDS; i++) {
        if (batch_is_null(batch, i, row)) continue;
        const struct column *column = &batch->columns[i];
        enum column_type type = quote_row_type.columns[i].type;
        if (type == COLUMN_DOUBLE && !isfinite(column->float64[row])) abort();
        if (type != COLUMN_TEXT) continue;
        struct slice text = column->text[row];
        if (!text_is_utf8(text.data, text.size) || memchr(text.data, '\0', text.size)) abort();
    }
}

static void check_same(const struct batch *batch, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < QUOTE_FIELDS; i++) {
        const struct column *column = &batch->columns[i];
        if (column->null[a] != column->null[b]) abort();
        if (column->null[a]) continue;
        if (quote_row_type.columns[i].type == COLUMN_TEXT) {
            if (!slice_equal(column->text[a], column->text[b])) abort();
        } else if (column->int64[a] != column->int64[b]) {
            abort();
        }
    }
}

// A refusal has a reason and leaves nothing behind.
static void check_refused(enum status status, const struct err *err)
{
    if (status != REJECT || err->code != ERR_FEED || !*err->text) abort();
}

#endif
