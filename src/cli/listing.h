// SPDX-License-Identifier: Apache-2.0
// The rows of a query of the store, printed as --json, --csv or a table.
#ifndef FDP_CLI_LISTING_H
#define FDP_CLI_LISTING_H

#include "cli/command.h"
#include "cli/output.h"

struct listing {
    sink_row_fn *row;  // called with the listing; listing_row, or one that ends in it
    const char *empty; // said instead of a table without rows; NULL: nothing is
    enum output_format format;
    struct output *output; // made with the first row, when the names are known
    uint64_t rows;
};

bool listing_row(void *listing, uint32_t count, const char *const *names, const struct sink_cell *cells);
// Runs the query and prints what it gives.
enum status listing_print(const struct app *app, const char *sql, struct listing *listing, struct err *err) MUST_CHECK;

#endif
