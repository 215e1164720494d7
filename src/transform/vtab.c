// SPDX-License-Identifier: Apache-2.0
// A virtual table over the rows of a batch.
#include "transform/vtab.h"

#include <stdlib.h>

#include "base/buf.h"

// SQLite's idea of the table, and of a cursor; it fills in `base`.
struct connected {
    sqlite3_vtab base;
    struct vtab *vtab;
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct vtab *vtab;
};

static const char *declared_type(enum column_type type)
{
    switch (type) {
    case COLUMN_INT64:
    case COLUMN_TIMESTAMP: return "INTEGER";
    case COLUMN_DOUBLE: return "REAL";
    case COLUMN_TEXT: return "TEXT";
    case COLUMN_BYTES: return "BLOB";
    }
    return "BLOB";
}

static void append_quoted(struct buf *sql, const char *name)
{
    buf_append_byte(sql, '"');
    for (const char *c = name; *c; c++) {
        if (*c == '"') buf_append_byte(sql, '"');
        buf_append_byte(sql, *c);
    }
    buf_append_byte(sql, '"');
}

static int declare(sqlite3 *db, const struct row_type *type)
{
    struct buf sql;
    buf_init(&sql, BUF_MAX_SQL);
    buf_append_text(&sql, "CREATE TABLE t(");
    for (uint32_t i = 0; i < type->column_count; i++) {
        if (i) buf_append_byte(&sql, ',');
        append_quoted(&sql, type->columns[i].name);
        buf_printf(&sql, " %s%s", declared_type(type->columns[i].type), type->columns[i].hidden ? " HIDDEN" : "");
    }
    buf_append(&sql, ")", 2);
    int rc = sql.full ? SQLITE_TOOBIG : sqlite3_declare_vtab(db, sql.data);
    buf_fini(&sql);
    return rc;
}

static int table_connect(sqlite3 *db, void *vtab, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
    (void)argc, (void)argv;
    struct vtab *self = vtab;
    int rc = declare(db, self->type);
    if (rc != SQLITE_OK) {
        *message = sqlite3_mprintf("the columns of %s cannot be declared: %s", self->type->name, sqlite3_errmsg(db));
        return rc;
    }
    struct connected *connected = sqlite3_malloc64(sizeof *connected);
    if (!connected) return SQLITE_NOMEM;
    *connected = (struct connected){.vtab = self};
    *out = &connected->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

// There is one way through a batch: from its start to its end. Conditions are left to SQLite, whose rules of comparison they need.
static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    info->estimatedCost = 1000;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct cursor *cursor = sqlite3_malloc64(sizeof *cursor);
    if (!cursor) return SQLITE_NOMEM;
    *cursor = (struct cursor){.vtab = ((struct connected *)base)->vtab};
    *out = &cursor->base;
    return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int number, const char *name, int argc, sqlite3_value **argv)
{
    (void)number, (void)name, (void)argc, (void)argv;
    struct vtab *vtab = ((struct cursor *)base)->vtab;
    vtab->at = vtab->start;
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
    ((struct cursor *)base)->vtab->at++;
    return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
    const struct vtab *vtab = ((struct cursor *)base)->vtab;
    return vtab->at >= vtab->row_count;
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int number)
{
    const struct vtab *vtab = ((struct cursor *)base)->vtab;
    const struct column *column = &vtab->batch->columns[number];
    uint32_t row = vtab->rows[vtab->at];
    if (column->null[row]) return SQLITE_OK; // a result that is not set is NULL
    struct slice value;
    switch (vtab->type->columns[number].type) {
    case COLUMN_INT64:
    case COLUMN_TIMESTAMP: sqlite3_result_int64(context, column->int64[row]); break;
    case COLUMN_DOUBLE: sqlite3_result_double(context, column->float64[row]); break;
    case COLUMN_TEXT: // SQLite takes a NULL pointer for NULL, an empty slice may have one
        value = column->text[row];
        sqlite3_result_text64(context, value.size ? value.data : "", value.size, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case COLUMN_BYTES:
        value = column->text[row];
        sqlite3_result_blob64(context, value.size ? value.data : "", value.size, SQLITE_STATIC);
        break;
    }
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = 0;
    base->pVtab->zErrMsg = sqlite3_mprintf("a batch has no rowid");
    return SQLITE_ERROR;
}

int vtab_register(sqlite3 *db, struct vtab *vtab)
{
    // Without xCreate it is eponymous: there without CREATE VIRTUAL TABLE, and cannot be made by one.
    static const sqlite3_module module = {
        .xConnect = table_connect,
        .xDisconnect = table_disconnect,
        .xBestIndex = table_best_index,
        .xOpen = cursor_open,
        .xClose = cursor_close,
        .xFilter = cursor_filter,
        .xNext = cursor_next,
        .xEof = cursor_eof,
        .xColumn = cursor_column,
        .xRowid = cursor_rowid,
    };
    return sqlite3_create_module_v2(db, vtab->type->name, &module, vtab, NULL);
}
