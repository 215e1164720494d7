// SPDX-License-Identifier: Apache-2.0
// Looking for rows in tables that no route leads to, in SQL that every store understands.
#include "storage/elsewhere.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "storage/dialect.h"

// --- Tables ---

struct listing {
    const char *const *routed;
    uint32_t routed_count;
    struct arena *arena;
    const char **names;
    uint32_t count, capacity;
};

static bool take_table(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    struct listing *listing = context;
    for (uint32_t i = 0; i < listing->routed_count; i++)
        if (slice_is(cells[0].text, listing->routed[i])) return true;
    if (listing->count == listing->capacity) {
        listing->capacity = 2 * listing->capacity + 16;
        listing->names = memory_grow(listing->names, listing->capacity, sizeof *listing->names);
    }
    listing->names[listing->count++] = arena_copy(listing->arena, cells[0].text.data, cells[0].text.size);
    return true;
}

enum status elsewhere_tables(struct sink *sink, const char *const *routed, uint32_t routed_count, struct arena *arena, const char ***out,
                             uint32_t *count, struct err *err)
{
    struct listing listing = {.routed = routed, .routed_count = routed_count, .arena = arena};
    enum status status = sink->ops->query(sink, dialect_tables(sink), take_table, &listing, err);
    *out = arena_calloc(arena, listing.count + 1, sizeof **out);
    if (listing.count) memcpy(*out, listing.names, listing.count * sizeof **out);
    *count = listing.count;
    free(listing.names);
    return status;
}

// --- Rows ---

struct look {
    const char *table; // that is looked at
    struct elsewhere *found;
    uint32_t count, capacity;
};

static bool take_found(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    struct look *look = context;
    if (look->count == look->capacity) {
        look->capacity = 2 * look->capacity + 16;
        look->found = memory_grow(look->found, look->capacity, sizeof *look->found);
    }
    look->found[look->count++] = (struct elsewhere){look->table, cells[0].integer, cells[1].integer, cells[2].integer};
    return true;
}

static void append_within(struct buf *sql, const char *table)
{
    buf_append_text(sql, "SELECT r._source, r._offset FROM ");
    dialect_append_name(sql, table);
    buf_append_text(sql, " r JOIN fdp_meant m ON r._source = m.source AND r._offset >= m.first_offset AND r._offset < m.end_offset");
}

static void append_look(struct buf *sql, const char *table, const char *const *routed, uint32_t routed_count,
                        const struct sink_range *ranges, uint32_t range_count)
{
    dialect_append_ranges(sql, ranges, range_count);
    buf_append_text(sql, ", fdp_there (source, at) AS (");
    append_within(sql, table);
    buf_append_text(sql, "), fdp_alone (source, at) AS (SELECT source, at FROM fdp_there\nEXCEPT ");
    append_within(sql, "fdp_quarantine");
    buf_append_text(sql, " WHERE r.state <> 'redriven'");
    for (uint32_t i = 0; i < routed_count; i++) {
        buf_append_text(sql, "\nEXCEPT ");
        append_within(sql, routed[i]);
    }
    buf_append_text(sql, ") SELECT source, MAX(alone), MAX(there) FROM (SELECT source, 0 AS alone, COUNT(*) AS there FROM fdp_there"
                         " GROUP BY source UNION ALL SELECT source, COUNT(*), 0 FROM fdp_alone GROUP BY source) AS found"
                         " GROUP BY source ORDER BY source");
    buf_append_byte(sql, '\0');
}

enum status elsewhere_look(struct sink *sink, const char *const *routed, uint32_t routed_count, const struct sink_range *ranges,
                           uint32_t range_count, struct arena *arena, struct elsewhere **out, uint32_t *count, struct err *err)
{
    struct buf sql;
    struct look look = {0};
    const char **tables = NULL;
    uint32_t table_count = 0;
    enum status status = range_count ? elsewhere_tables(sink, routed, routed_count, arena, &tables, &table_count, err) : OK;
    buf_init(&sql, BUF_MAX_WRITE);
    for (uint32_t i = 0; i < table_count && status == OK; i++) {
        look.table = tables[i];
        buf_reset(&sql);
        append_look(&sql, tables[i], routed, routed_count, ranges, range_count);
        status = sql.full ? err_set(err, FATAL, ERR_STORAGE, "these are too many partitions for one question; name a topic with --topic")
                          : sink->ops->query(sink, sql.data, take_found, &look, err);
    }
    *out = arena_calloc(arena, look.count + 1, sizeof **out);
    if (look.count) memcpy(*out, look.found, look.count * sizeof **out);
    *count = look.count;
    free(look.found);
    buf_fini(&sql);
    return status;
}
