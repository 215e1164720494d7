// SPDX-License-Identifier: Apache-2.0
// Printing what a query gives.
#include "cli/listing.h"

#include "cli/tool.h"

bool listing_row(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    struct listing *listing = context;
    if (!listing->output) listing->output = output_new(stdout, listing->format, count, names);
    output_row(listing->output, cells);
    listing->rows++;
    return !ferror(stdout);
}

static void list_nothing(const struct listing *listing)
{
    if (listing->format == OUTPUT_JSON) puts("[]");
    if (listing->format == OUTPUT_TABLE && listing->empty) puts(listing->empty);
}

enum status listing_print(const struct app *app, const char *sql, struct listing *listing, struct err *err)
{
    struct sink *sink;
    TRY(tool_sink(app, &sink, err));
    listing->format = tool_format(app);
    enum status status = sink->ops->query(sink, sql, listing->row, listing, err);
    if (listing->output)
        output_end(listing->output, listing->empty);
    else if (status == OK && !listing->rows)
        list_nothing(listing);
    sink_close(sink);
    return status;
}
