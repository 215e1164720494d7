// SPDX-License-Identifier: Apache-2.0
// Looking into PostgreSQL: one statement in a transaction that cannot write, row by row.
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "storage/postgres.h"

// Types (pg_type.oid) that are more than their text.
enum {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    OID = 26,
    FLOAT4 = 700,
    FLOAT8 = 701,
    TIMESTAMP = 1114,
    TIMESTAMPTZ = 1184,
    NUMERIC = 1700
};

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

// "\x4142" in place.
static struct slice unhex(char *text, size_t size)
{
    if (size < 2 || text[0] != '\\' || text[1] != 'x') return (struct slice){text, size};
    size_t bytes = (size - 2) / 2;
    for (size_t i = 0; i < bytes; i++) text[i] = (char)(digit(text[2 + 2 * i]) << 4 | digit(text[3 + 2 * i]));
    return (struct slice){text, bytes};
}

// NaN and infinities stay texts.
static void read_double(struct sink_cell *cell)
{
    double value = strtod(cell->text.data, NULL);
    if (!isfinite(value)) return;
    cell->type = SINK_DOUBLE;
    cell->float64 = value;
}

// A numeric is an integer when it is one; sums of counts are. Of others every digit counts.
static void read_number(struct sink_cell *cell)
{
    if (text_to_int64(cell->text, &cell->integer))
        cell->type = SINK_INTEGER;
    else if (strspn(cell->text.data, "-.0123456789") == cell->text.size)
        cell->type = SINK_DECIMAL;
}

static struct sink_cell cell_at(const PGresult *row, int column)
{
    struct sink_cell cell = {.type = SINK_NULL};
    if (PQgetisnull(row, 0, column)) return cell;
    cell.type = SINK_TEXT;
    char *text = PQgetvalue(row, 0, column);
    cell.text = (struct slice){text, (size_t)PQgetlength(row, 0, column)};
    switch (PQftype(row, column)) {
    case INT2:
    case INT4:
    case INT8:
    case OID:
    case NUMERIC: read_number(&cell); break;
    case FLOAT4:
    case FLOAT8: read_double(&cell); break;
    case BOOL: cell.type = SINK_BOOLEAN, cell.integer = *text == 't'; break;
    case BYTEA: cell.type = SINK_BYTES, cell.text = unhex(text, cell.text.size); break;
    case TIMESTAMP:
    case TIMESTAMPTZ: {
        // "2026-08-13 12:03:09.5+00": the zone is always UTC.
        const char *zone = memchr(text, '+', cell.text.size);
        if (!clock_parse((struct slice){text, zone ? (size_t)(zone - text) : cell.text.size}, &cell.integer)) cell.integer = 0;
        break;
    }
    default: break;
    }
    return cell;
}

static bool give_row(const PGresult *row, sink_row_fn *each, void *context, struct arena *arena)
{
    int columns = PQnfields(row);
    const char **names = arena_calloc(arena, (size_t)columns + 1, sizeof *names);
    struct sink_cell *cells = arena_calloc(arena, (size_t)columns + 1, sizeof *cells);
    for (int i = 0; i < columns; i++) {
        names[i] = PQfname(row, i);
        cells[i] = cell_at(row, i);
    }
    bool more = each(context, (uint32_t)columns, names, cells);
    arena_reset(arena);
    return more;
}

// What the statement has brought upon itself is REJECT; trouble with the store is that.
static enum status refuse(struct postgres *self, const PGresult *result, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE), *text = postgres_text(result, &self->scratch);
    ExecStatusType kind = PQresultStatus(result);
    if (kind == PGRES_EMPTY_QUERY)
        return err_set(err, REJECT, ERR_STORAGE, "there is no statement; give one, such as 'SELECT COUNT(*) FROM finance_data_ingress'");
    if (!state) return err_set(err, REJECT, ERR_STORAGE, "this statement gives no rows; only reading is allowed here");
    if (!strcmp(state, "25006"))
        return err_set(err, REJECT, ERR_STORAGE, "this statement would change the store; only reading is allowed here (%s)", text);
    // The server takes one statement at a time when it is sent like this.
    if (!strcmp(state, "42601") && !PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION))
        return err_set(err, REJECT, ERR_STORAGE, "there is more than one statement; give them one by one (%s)", text);
    enum status status = postgres_err(self, result, "run the query", err);
    return status == FATAL ? err_set(err, REJECT, ERR_STORAGE, "the store does not take this statement: %s", text) : status;
}

// Rows until the end, an error, or until the caller has enough: then what the server would still send is not waited for.
static enum status each_row(struct postgres *self, const char *sql, sink_row_fn *each, void *context, struct err *err)
{
    if (!PQsendQueryParams(self->conn, sql, 0, NULL, NULL, NULL, NULL, 0) || !PQsetSingleRowMode(self->conn))
        return err_set(err, RETRY, ERR_STORAGE, "cannot send the query: %s", PQerrorMessage(self->conn));
    struct arena arena;
    arena_init(&arena, 0);
    enum status status = OK;
    PGresult *result;
    bool more = true, ended = false;
    while (status == OK && more && !ended && (result = postgres_next(self))) {
        ExecStatusType kind = PQresultStatus(result);
        if (kind == PGRES_SINGLE_TUPLE)
            more = give_row(result, each, context, &arena);
        else if (kind == PGRES_TUPLES_OK)
            ended = true;
        else
            status = refuse(self, result, err);
        PQclear(result);
    }
    arena_fini(&arena);
    if (!self->conn && status == OK && more) return postgres_err(self, NULL, "run the query", err);
    if (!more && (result = postgres_next(self))) {
        // One row more, or the end: nearly always the end.
        if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) postgres_drop(self);
        PQclear(result);
    }
    postgres_drain(self);
    return status;
}

enum status postgres_query(struct sink *sink, const char *sql, sink_row_fn *row, void *context, struct err *err)
{
    struct postgres *self = postgres_of(sink);
    TRY(postgres_ready(self, err));
    arena_reset(&self->scratch);
    TRY(postgres_run(self, "begin a query", "BEGIN TRANSACTION READ ONLY", err));
    enum status status = each_row(self, sql, row, context, err);
    struct err ignored;
    if (self->conn && postgres_run(self, "end a query", "ROLLBACK", &ignored) != OK) postgres_drop(self);
    return status;
}
