// SPDX-License-Identifier: Apache-2.0
// Making and comparing shadow tables, in SQL that every store understands.
#include "storage/shadow.h"

#include <string.h>

#include "storage/dialect.h"

// --- Making ---

bool shadow_alike(const struct row_type *a, const struct row_type *b)
{
    if (a->column_count != b->column_count) return false;
    for (uint32_t i = 0; i < a->column_count; i++) {
        if (strcmp(a->columns[i].name, b->columns[i].name) != 0 || a->columns[i].type != b->columns[i].type) return false;
    }
    return true;
}

static enum status create(struct sink *sink, const char *name, const struct row_type *like, struct err *err)
{
    struct buf sql;
    buf_init(&sql, BUF_MAX_SQL);
    buf_append_text(&sql, "CREATE TABLE ");
    dialect_append_name(&sql, name);
    buf_append_text(&sql, " (");
    for (uint32_t i = 0; i < like->column_count; i++) {
        dialect_append_name(&sql, like->columns[i].name);
        buf_printf(&sql, " %s%s, ", sink_type_name(sink, like->columns[i].type), like->columns[i].required ? " NOT NULL" : "");
    }
    buf_append_text(&sql, "_source INTEGER NOT NULL, _offset BIGINT NOT NULL)");
    buf_append_byte(&sql, '\0');
    enum status status =
        sql.full ? err_set(err, FATAL, ERR_STORAGE, "table %s has too many columns", like->name) : sink->ops->exec(sink, sql.data, err);
    buf_fini(&sql);
    return status == OK ? OK
                        : err_context(err, "cannot make the table %s; where there is something of that name choose another name", name);
}

static bool take_number(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    *(int64_t *)context = cells[0].integer;
    return true;
}

static enum status take_over(struct sink *sink, const char *name, bool empty_it, struct err *err)
{
    struct buf sql;
    int64_t rows = 0;
    buf_init(&sql, BUF_MAX_SQL);
    buf_append_text(&sql, "SELECT COUNT(*) FROM (SELECT 1 FROM ");
    dialect_append_name(&sql, name);
    buf_append_text(&sql, " LIMIT 1) AS first_row");
    buf_append_byte(&sql, '\0');
    enum status status = sink->ops->query(sink, sql.data, take_number, &rows, err);
    if (status == OK && rows && !empty_it)
        status = err_set(err, REJECT, ERR_STORAGE, "the table %s has rows already; choose another name, or remove them with --yes", name);
    if (status == OK && rows) {
        buf_reset(&sql);
        buf_append_text(&sql, dialect_patience(sink));
        buf_append_text(&sql, "DELETE FROM ");
        dialect_append_name(&sql, name);
        buf_append_byte(&sql, '\0');
        status = sink->ops->exec(sink, sql.data, err);
    }
    buf_fini(&sql);
    return status;
}

enum status shadow_make(struct sink *sink, const char *name, const char *like, bool empty_it, struct err *err)
{
    struct arena arena;
    struct row_type *wanted, *there;
    struct err absent;
    arena_init(&arena, 4096);
    enum status status = sink->ops->table(sink, like, &arena, &wanted, err);
    if (status == OK) {
        status = sink->ops->table(sink, name, &arena, &there, &absent);
        if (status == REJECT)
            status = create(sink, name, wanted, err);
        else if (status != OK)
            *err = absent;
        else if (!shadow_alike(wanted, there))
            status = err_set(err, REJECT, ERR_STORAGE, "there is a table %s with other columns than %s; choose another name", name, like);
        else
            status = take_over(sink, name, empty_it, err);
    }
    arena_fini(&arena);
    return status;
}

// --- Comparing ---

struct comparison {
    struct sink *sink;
    const char *name;
    const char *const *tables;
    uint32_t table_count;
    const struct sink_range *ranges;
    uint32_t range_count;
    const struct row_type *type;
    struct buf sql;
    uint32_t examples;
    shadow_fn *each;
    void *context;
    enum shadow_kind kind; // of the examples that are read now
};

static void append_rows_of(struct comparison *self, const char *table)
{
    struct buf *sql = &self->sql;
    buf_append_text(sql, "SELECT r._source, r._offset");
    for (uint32_t i = 0; i < self->type->column_count; i++) {
        buf_append_text(sql, ", r.");
        dialect_append_name(sql, self->type->columns[i].name);
    }
    buf_append_text(sql, " FROM ");
    dialect_append_name(sql, table);
    buf_append_text(sql, " r JOIN fdp_meant m ON r._source = m.source AND r._offset >= m.first_offset AND r._offset < m.end_offset");
}

static void append_columns(struct buf *sql, const char *prefix, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) buf_printf(sql, ", %s%u", prefix, i);
}

// The two sides: the rows within the ranges, of the tables and of the shadow.
static void append_sides(struct comparison *self)
{
    struct buf *sql = &self->sql;
    buf_reset(sql);
    dialect_append_ranges(sql, self->ranges, self->range_count);
    buf_append_text(sql, ", fdp_live (source, at");
    append_columns(sql, "l", self->type->column_count);
    buf_append_text(sql, ") AS (");
    for (uint32_t i = 0; i < self->table_count; i++) {
        if (i) buf_append_text(sql, "\nUNION ALL ");
        append_rows_of(self, self->tables[i]);
    }
    buf_append_text(sql, "), fdp_again (source, at");
    append_columns(sql, "s", self->type->column_count);
    buf_append_text(sql, ") AS (");
    append_rows_of(self, self->name);
    buf_append_text(sql, ")\n");
}

// One side joined with the other; their rows that match are at the same offset of the same partition.
static void append_joined(struct comparison *self, const char *from, const char *with)
{
    buf_printf(&self->sql, " FROM fdp_%s %s %s fdp_%s %s ON live.source = again.source AND live.at = again.at WHERE ", from, from,
               dialect_join(self->sink), with, with);
}

// Rows of both sides all columns of which are the same, or one is not. What would be null is asked for in a way that leaves the join as it
// is: a condition that no null meets makes an inner one of it.
static void append_matching(struct comparison *self, bool same)
{
    append_joined(self, "live", "again");
    buf_append_text(&self->sql, "COALESCE(live.at = again.at, FALSE) AND (");
    for (uint32_t i = 0; i < self->type->column_count; i++)
        buf_printf(&self->sql, "%sl%u IS %sDISTINCT FROM s%u", !i ? "" : same ? " AND " : " OR ", i, same ? "NOT " : "", i);
    buf_append_byte(&self->sql, ')');
}

// What is asked of the two sides, by kind.
static void append_kind(struct comparison *self, enum shadow_kind kind)
{
    switch (kind) {
    case SHADOW_MISSING: append_joined(self, "live", "again"), buf_append_text(&self->sql, "again.at IS NULL"); return;
    case SHADOW_EXTRA: append_joined(self, "again", "live"), buf_append_text(&self->sql, "live.at IS NULL"); return;
    case SHADOW_DIFFERENT: append_matching(self, false); return;
    }
}

static enum status ask(struct comparison *self, sink_row_fn *row, void *context, struct err *err)
{
    buf_append_byte(&self->sql, '\0');
    if (self->sql.full) return err_set(err, FATAL, ERR_STORAGE, "the tables have too many columns to compare");
    return self->sink->ops->query(self->sink, self->sql.data, row, context, err);
}

static bool same_cell(const struct sink_cell *a, const struct sink_cell *b)
{
    if (a->type != b->type) return false;
    switch (a->type) {
    case SINK_NULL: return true;
    case SINK_INTEGER:
    case SINK_BOOLEAN: return a->integer == b->integer;
    case SINK_DOUBLE: return a->float64 == b->float64;
    case SINK_DECIMAL:
    case SINK_TEXT:
    case SINK_BYTES: return slice_equal(a->text, b->text);
    }
    return false;
}

static bool take_example(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    struct comparison *self = context;
    const struct sink_cell *live = cells + 2, *shadow = live + self->type->column_count;
    uint32_t column = 0;
    if (self->kind != SHADOW_DIFFERENT) {
        self->each(self->context, self->kind, cells[0].integer, cells[1].integer, NULL, NULL, NULL);
        return true;
    }
    while (column + 1 < self->type->column_count && same_cell(&live[column], &shadow[column])) column++;
    self->each(self->context, self->kind, cells[0].integer, cells[1].integer, self->type->columns[column].name, &live[column],
               &shadow[column]);
    return true;
}

static enum status compare_kind(struct comparison *self, enum shadow_kind kind, int64_t *rows, struct err *err)
{
    append_sides(self);
    buf_append_text(&self->sql, "SELECT COUNT(*)");
    append_kind(self, kind);
    TRY(ask(self, take_number, rows, err));
    if (!*rows || !self->examples) return OK;

    const char *side = kind == SHADOW_EXTRA ? "again" : "live";
    self->kind = kind;
    append_sides(self);
    buf_printf(&self->sql, "SELECT %s.source, %s.at", side, side);
    if (kind == SHADOW_DIFFERENT) {
        append_columns(&self->sql, "l", self->type->column_count);
        append_columns(&self->sql, "s", self->type->column_count);
    }
    append_kind(self, kind);
    buf_printf(&self->sql, " ORDER BY 1, 2 LIMIT %u", self->examples);
    return ask(self, take_example, self, err);
}

static enum status compare_all(struct comparison *self, struct shadow_compared *out, struct err *err)
{
    for (int kind = SHADOW_MISSING; kind <= SHADOW_DIFFERENT; kind++)
        TRY(compare_kind(self, (enum shadow_kind)kind, &out->differing[kind], err));
    append_sides(self);
    buf_append_text(&self->sql, "SELECT COUNT(*)");
    append_matching(self, true);
    return ask(self, take_number, &out->same, err);
}

enum status shadow_compare(struct sink *sink, const char *name, const char *const *tables, uint32_t table_count,
                           const struct sink_range *ranges, uint32_t range_count, uint32_t examples, shadow_fn *each, void *context,
                           struct shadow_compared *out, struct err *err)
{
    struct arena arena;
    struct row_type *type;
    *out = (struct shadow_compared){0};
    if (!range_count) return OK;
    arena_init(&arena, 4096);
    enum status status = sink->ops->table(sink, tables[0], &arena, &type, err);
    if (status == OK) {
        struct comparison self = {.sink = sink,
                                  .name = name,
                                  .tables = tables,
                                  .table_count = table_count,
                                  .ranges = ranges,
                                  .range_count = range_count,
                                  .type = type,
                                  .examples = examples,
                                  .each = each,
                                  .context = context};
        buf_init(&self.sql, BUF_MAX_WRITE);
        status = compare_all(&self, out, err);
        buf_fini(&self.sql);
    }
    arena_fini(&arena);
    return status;
}
