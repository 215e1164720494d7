// SPDX-License-Identifier: Apache-2.0
// SQL in the words of each store.
#include "storage/dialect.h"

#include <string.h>

#include "base/clock.h"

static const char sqlite_tables[] =
    "SELECT name FROM sqlite_schema t WHERE type = 'table' AND name <> 'fdp_quarantine'"
    " AND 2 = (SELECT COUNT(*) FROM pragma_table_info(t.name) c WHERE c.name IN ('_source', '_offset')) ORDER BY name";

// On the search_path, where routes find them; rows of a partition belong to the table that it is a part of.
static const char postgres_tables[] =
    "SELECT t.relname::text FROM pg_class t WHERE t.relkind IN ('r', 'p') AND t.relname <> 'fdp_quarantine' AND pg_table_is_visible(t.oid)"
    " AND has_table_privilege(t.oid, 'SELECT') AND NOT EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = t.oid)"
    " AND 2 = (SELECT COUNT(*) FROM pg_attribute c WHERE c.attrelid = t.oid AND c.attname IN ('_source', '_offset')"
    " AND c.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)) ORDER BY 1";

static const struct dialect {
    const char *scheme;
    bool times_are_integers;
    const char *patience, *join, *tables;
    const char *types[COLUMN_TIMESTAMP + 1];
} dialects[] = {
    {"sqlite", true, "", "LEFT JOIN", sqlite_tables, {"INTEGER", "DOUBLE", "TEXT", "BLOB", "TIMESTAMP"}},
    {"postgresql",
     false,
     "SET LOCAL statement_timeout = 0;\n",
     "FULL JOIN",
     postgres_tables,
     {"bigint", "double precision", "text", "bytea", "timestamp with time zone"}},
};

static const struct dialect *dialect_of(const struct sink *sink)
{
    const struct dialect *dialect = dialects;
    while (strcmp(dialect->scheme, sink->ops->scheme)) dialect++;
    return dialect;
}

static void append_quoted(struct buf *sql, const char *text, char quote)
{
    buf_append_byte(sql, quote);
    for (; *text; text++) {
        if (*text == quote) buf_append_byte(sql, quote);
        buf_append_byte(sql, *text);
    }
    buf_append_byte(sql, quote);
}

void dialect_append_name(struct buf *sql, const char *name)
{
    append_quoted(sql, name, '"');
}

void dialect_append_text(struct buf *sql, const char *text)
{
    append_quoted(sql, text, '\'');
}

void dialect_append_time(struct buf *sql, const struct sink *sink, int64_t us)
{
    char text[CLOCK_TEXT_BYTES];
    if (dialect_of(sink)->times_are_integers)
        buf_printf(sql, "%lld", (long long)us);
    else
        buf_printf(sql, "'%s'", clock_format(us, text));
}

const char *sink_type_name(const struct sink *sink, enum column_type type)
{
    return dialect_of(sink)->types[type];
}

// The values of a column, ready for a cast to the type that is wanted: PostgreSQL has none from everything to everything.
static void append_castable(struct buf *sql, const struct row_column *column, enum column_type wanted)
{
    bool number = column->type == COLUMN_INT64 || column->type == COLUMN_DOUBLE;
    const char *before = "", *after = "";
    if (column->flag)
        after = "::integer";
    else if (column->type == COLUMN_BYTES)
        before = "convert_from(", after = ", 'UTF8')";
    else if (number && wanted == COLUMN_TIMESTAMP)
        before = "to_timestamp(", after = ")";
    else if (column->type == COLUMN_TIMESTAMP && wanted != COLUMN_TEXT)
        before = "extract(epoch FROM ", after = ")";
    buf_append_text(sql, before);
    dialect_append_name(sql, column->name);
    buf_append_text(sql, after);
}

void sink_append_retype(struct buf *sql, const struct sink *sink, const char *table, const struct row_column *column,
                        enum column_type wanted)
{
    const char *type = sink_type_name(sink, wanted);
    buf_append_text(sql, "ALTER TABLE ");
    dialect_append_name(sql, table);
    buf_append_text(sql, " ALTER COLUMN ");
    dialect_append_name(sql, column->name);
    buf_printf(sql, " TYPE %s USING ", type);
    append_castable(sql, column, wanted);
    buf_printf(sql, "::%s", type);
}

const char *dialect_patience(const struct sink *sink)
{
    return dialect_of(sink)->patience;
}

const char *dialect_join(const struct sink *sink)
{
    return dialect_of(sink)->join;
}

const char *dialect_tables(const struct sink *sink)
{
    return dialect_of(sink)->tables;
}

void dialect_append_targets(struct buf *sql, const int64_t *sources, const int64_t *offsets, uint32_t count)
{
    buf_append_text(sql, "WITH fdp_target (source, from_offset) AS (VALUES ");
    for (uint32_t i = 0; i < count; i++) buf_printf(sql, "%s(%lld, %lld)", i ? ", " : "", (long long)sources[i], (long long)offsets[i]);
    buf_append_text(sql, ")");
}

void dialect_append_ranges(struct buf *sql, const struct sink_range *ranges, uint32_t count)
{
    buf_append_text(sql, "WITH fdp_meant (source, first_offset, end_offset) AS (VALUES ");
    for (uint32_t i = 0; i < count; i++)
        buf_printf(sql, "%s(%lld, %lld, %lld)", i ? ", " : "", (long long)ranges[i].source, (long long)ranges[i].from_offset,
                   (long long)ranges[i].to_offset);
    buf_append_text(sql, ")");
}
