// SPDX-License-Identifier: Apache-2.0
// Versions of the tables, as the migrations leave them.
#include "storage/version.h"

#include <stdlib.h>
#include <string.h>

#include "base/asset.h"

// What each store is asked until it answers with a row; each answer is a number.
static const struct {
    const char *scheme, *folder, *made, *version;
} stores[] = {
    {"sqlite", "sql/sqlite/", "SELECT 1", "SELECT user_version FROM pragma_user_version"},
    {"postgresql", "sql/postgres/", "SELECT 1 WHERE to_regclass('fdp_schema_version') IS NOT NULL",
     "SELECT COALESCE(MAX(version), 0) FROM fdp_schema_version"},
};

static bool take_number(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    *(int64_t *)context = cells[0].integer;
    return true;
}

enum status sink_version(struct sink *sink, int *version, int *newest, struct err *err)
{
    int64_t made = 0, number = 0;
    size_t store = 0;
    while (strcmp(stores[store].scheme, sink->ops->scheme) != 0) store++;
    size_t length = strlen(stores[store].folder);
    *newest = 0;
    for (size_t i = 0; i < asset_count; i++) {
        if (strncmp(assets[i].name, stores[store].folder, length) != 0) continue;
        int file = (int)strtol(assets[i].name + length, NULL, 10);
        if (file > *newest) *newest = file;
    }
    TRY(sink->ops->query(sink, stores[store].made, take_number, &made, err));
    if (made) TRY(sink->ops->query(sink, stores[store].version, take_number, &number, err));
    *version = (int)number;
    return OK;
}
