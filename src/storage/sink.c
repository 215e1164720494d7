// SPDX-License-Identifier: Apache-2.0
// What all stores share: picking one by URL, and the row type of quarantined records.
#include "storage/sink.h"

#include <string.h>

static const struct row_column reject_columns[REJECT_COLUMNS] = {
    [REJECT_KEY] = {.name = "key", .type = COLUMN_BYTES},
    [REJECT_VALUE] = {.name = "value", .type = COLUMN_BYTES},
    [REJECT_HEADERS] = {.name = "headers", .type = COLUMN_BYTES},
    [REJECT_TIMESTAMP] = {.name = "timestamp", .type = COLUMN_TIMESTAMP},
    [REJECT_SCHEMA_ID] = {.name = "schema_id", .type = COLUMN_INT64},
    [REJECT_RULE] = {.name = "rule", .type = COLUMN_TEXT, .required = true},
    [REJECT_ERROR] = {.name = "error", .type = COLUMN_TEXT, .required = true},
};

const struct row_type reject_row_type = {"reject", REJECT_COLUMNS, reject_columns};

static const struct {
    const char *scheme;
    const struct sink_ops *ops;
} back_ends[] = {{"sqlite", &sink_sqlite}, {"postgresql", &sink_postgres}, {"postgres", &sink_postgres}};

enum status sink_open(struct sink **out, const struct sink_params *params, struct err *err)
{
    const char *url = params->config->storage.url;
    size_t length = strcspn(url, ":");
    *out = NULL;
    for (size_t i = 0; i < sizeof back_ends / sizeof *back_ends && url[length]; i++)
        if (strlen(back_ends[i].scheme) == length && !strncmp(url, back_ends[i].scheme, length))
            return back_ends[i].ops->open(out, params, err);
    char shown[TEXT_URL_BYTES];
    return err_set(err, FATAL, ERR_CONFIG, "storage.url is \"%s\": this program knows sqlite:, sqlite:FILE and postgresql://...",
                   text_url_shown(url, shown, sizeof shown));
}

void sink_close(struct sink *sink)
{
    if (sink) sink->ops->close(sink);
}
