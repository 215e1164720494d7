// SPDX-License-Identifier: Apache-2.0
// Files that travel inside the program: SQL, schemas, the default configuration, the web page. Made by tools/embed.py at build.
#ifndef FDP_BASE_ASSET_H
#define FDP_BASE_ASSET_H

#include <stddef.h>

#include "base/text.h"

struct asset {
    const char *name; // path in the source tree: "sql/sqlite/001_tables.sql"
    struct slice content;
};

// All of them, sorted by name.
extern const struct asset assets[];
extern const size_t asset_count;

// The content of one, or {NULL, 0}.
static inline struct slice asset_find(const char *name)
{
    for (size_t i = 0; i < asset_count; i++)
        if (!strcmp(assets[i].name, name)) return assets[i].content;
    return (struct slice){0};
}

#endif
