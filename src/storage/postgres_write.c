// SPDX-License-Identifier: Apache-2.0
// One write is one simple Query message, and that is one transaction: a COPY per table, a COPY for the quarantine, a check that the tables
// are still what their plans say, the redrives, and last the advance of the positions.
//
// Nothing can be committed before the last byte of the message has been sent: a connection that is lost before leaves no doubt.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "storage/postgres.h"

enum { QUARANTINE = UINT32_MAX }; // as a table's number

// One statement of the message.
struct step {
    enum { STEP_COPY, STEP_SHAPE, STEP_REST } kind;
    uint32_t table; // of write->tables, or QUARANTINE
    struct postgres_plan *plan;
    const struct batch *rows;
};

struct writing {
    struct postgres *self;
    const struct sink_write *write;
    struct sink_fault *fault;
    struct err *err;
    struct step *steps;
    uint32_t step_count, copy_count; // every COPY comes first
    uint32_t done;                   // steps that the server has finished
    bool taking;                     // the server takes the data of the COPY that runs
    bool in_doubt;                   // all of the message may have been sent
    PGresult *refusal;               // the server's, of steps[done]
    size_t size;                     // of self->piece
    int64_t began_ns;
};

// --- The message ---

static void append_copy(struct buf *sql, const struct postgres_plan *plan)
{
    buf_append_text(sql, "COPY ");
    postgres_append_name(sql, plan->table);
    for (uint32_t i = 0; i < plan->used_count; i++) {
        buf_append_text(sql, i ? ", " : " (");
        postgres_append_name(sql, plan->used[i].name);
    }
    buf_append_text(sql, ") FROM STDIN (FORMAT binary);");
}

static void append_numbers(struct buf *sql, const struct sink_write *write, size_t member, size_t size)
{
    buf_append_text(sql, "'{");
    for (uint32_t i = 0; i < write->advance_count; i++) {
        const char *at = (const char *)&write->advances[i] + member;
        int64_t wide = 0;
        uint32_t narrow = 0;
        if (size == sizeof wide)
            memcpy(&wide, at, sizeof wide);
        else
            memcpy(&narrow, at, sizeof narrow);
        buf_printf(sql, i ? ",%lld" : "%lld", (long long)(wide + narrow));
    }
    buf_append_text(sql, "}'");
}

static void append_advance(struct buf *sql, const struct sink_write *write)
{
#define MEMBER(name)                                                                                                                       \
    {                                                                                                                                      \
        offsetof(struct sink_advance, name), sizeof((struct sink_advance *)0)->name                                                        \
    }
    static const struct {
        size_t at, size;
    } members[] = {MEMBER(id),          MEMBER(epoch),    MEMBER(from_offset), MEMBER(to_offset),         MEMBER(stored),
                   MEMBER(quarantined), MEMBER(filtered), MEMBER(skipped),     MEMBER(last_timestamp_us), MEMBER(last_crc)};
#undef MEMBER
    buf_append_text(sql, "SELECT fdp_advance(");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (i) buf_append_byte(sql, ',');
        append_numbers(sql, write, members[i].at, members[i].size);
    }
    buf_append_text(sql, ")");
}

static void append_redrives(struct buf *sql, const struct sink_write *write)
{
    buf_append_text(sql, "SELECT fdp_redrive('{");
    for (uint32_t i = 0; i < write->redrive_count; i++) buf_printf(sql, i ? ",%lld" : "%lld", (long long)write->redrives[i].entry);
    buf_append_text(sql, "}','{");
    for (uint32_t i = 0; i < write->redrive_count; i++) {
        if (i) buf_append_byte(sql, ',');
        buf_append_byte(sql, write->redrives[i].filtered ? 't' : 'f');
    }
    buf_append_text(sql, "}');");
}

static void add_step(struct writing *w, struct step step)
{
    w->steps[w->step_count++] = step;
}

static enum status plan_copies(struct writing *w)
{
    const struct sink_write *write = w->write;
    for (uint32_t i = 0; i < write->table_count; i++) {
        if (!write->tables[i].rows->rows) continue;
        struct postgres_plan *plan;
        w->fault->table = i;
        TRY(postgres_plan(w->self, &write->tables[i], &plan, w->err));
        add_step(w, (struct step){STEP_COPY, i, plan, write->tables[i].rows});
    }
    if (write->rejects && write->rejects->rows) {
        w->fault->table = QUARANTINE;
        TRY(postgres_plan_rejects(w->self, write->rejects, w->err));
        add_step(w, (struct step){STEP_COPY, QUARANTINE, &w->self->quarantine, write->rejects});
    }
    w->copy_count = w->step_count;
    return OK;
}

static enum status compose(struct writing *w)
{
    struct buf *sql = &w->self->sql;
    TRY(plan_copies(w));
    buf_reset(sql); // planning has used it
    for (uint32_t i = 0; i < w->copy_count; i++) append_copy(sql, w->steps[i].plan);
    for (uint32_t i = 0; i < w->copy_count; i++) {
        if (w->steps[i].table == QUARANTINE) continue;
        buf_printf(sql, "EXECUTE fdp_shape_%u(%lld);", w->steps[i].plan->shape, (long long)w->steps[i].plan->defaults);
        struct step shape = w->steps[i];
        shape.kind = STEP_SHAPE;
        add_step(w, shape);
    }
    if (w->write->redrive_count) {
        append_redrives(sql, w->write);
        add_step(w, (struct step){.kind = STEP_REST});
    }
    if (w->write->advance_count) {
        append_advance(sql, w->write);
        add_step(w, (struct step){.kind = STEP_REST});
    }
    buf_append_byte(sql, '\0');
    return sql->full ? err_set(w->err, FATAL, ERR_STORAGE, "a write of %u partitions and %u redrives is too much for one statement",
                               w->write->advance_count, w->write->redrive_count)
                     : OK;
}

// --- Sending ---

// A COPY has ended. A BEFORE trigger may have dropped rows without a word.
static void count_kept(struct writing *w, PGresult *result)
{
    const struct step *step = &w->steps[w->done];
    if (step->table < POSTGRES_MAX_TABLES && strtoll(PQcmdTuples(result), NULL, 10) < step->rows->rows)
        w->fault->dropping |= UINT64_C(1) << step->table;
}

// Reads answers until the server takes the next COPY, or until the end. False when it refused or is gone.
static bool await(struct writing *w, bool copy)
{
    PGresult *result;
    while (!w->refusal && (result = postgres_next(w->self))) {
        ExecStatusType kind = PQresultStatus(result);
        if (kind == PGRES_COPY_IN || kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK) {
            if (kind == PGRES_COMMAND_OK && w->done < w->copy_count) count_kept(w, result);
            PQclear(result);
            if (kind == PGRES_COPY_IN) return copy;
            w->done++;
        } else {
            w->refusal = result;
        }
    }
    return !copy && !w->refusal && w->self->conn;
}

static bool send_data(struct writing *w, const void *data, size_t size)
{
    // What was handed to libpq before must be on its way, so that not more than a piece is ever held.
    if (!w->taking) w->taking = await(w, true);
    if (!w->taking || !postgres_flush(w->self)) return false;
    if (PQputCopyData(w->self->conn, data, (int)size) == 1) return true;
    postgres_lose(w->self);
    return false;
}

static bool send_piece(struct writing *w)
{
    size_t size = w->size;
    w->size = 0;
    return !size || send_data(w, w->self->piece, size);
}

// For rows that are longer than a piece.
static bool put(void *context, const void *data, size_t size)
{
    struct writing *w = context;
    const char *from = data;
    while (size) {
        if (w->size == POSTGRES_PIECE_BYTES && !send_piece(w)) return false;
        size_t part = POSTGRES_PIECE_BYTES - w->size < size ? POSTGRES_PIECE_BYTES - w->size : size;
        memcpy(w->self->piece + w->size, from, part);
        w->size += part;
        from += part;
        size -= part;
    }
    return true;
}

// The server's transaction is ended by failing its COPY.
static void refuse_value(struct writing *w, const struct step *step, uint32_t row, const struct postgres_field *bad)
{
    char what[512];
    postgres_describe_bad(bad, row, what, sizeof what);
    if (!w->taking) w->taking = await(w, true);
    if (!w->taking) return; // something else failed before
    if (PQputCopyEnd(w->self->conn, "a value does not fit its column") < 0) postgres_lose(w->self);
    w->fault->kind = step->table == QUARANTINE ? SINK_FAULT_REJECT : SINK_FAULT_ROW;
    w->fault->table = step->table;
    w->fault->row = row;
    err_set(w->err, REJECT, ERR_STORAGE, "cannot store a row in %s: %s", step->plan->table, what);
}

static bool send_rows(struct writing *w, const struct step *step)
{
    const struct postgres_plan *plan = step->plan;
    const char *end = w->self->piece + POSTGRES_PIECE_BYTES - plan->fixed_bytes;
    const struct postgres_field *bad = NULL;
    for (uint32_t row = 0; row < step->rows->rows; row++) {
        char *at = w->self->piece + w->size, *next = postgres_encode_row(plan, row, at, end, &bad);
        if (!next && !bad) {
            if (!send_piece(w)) return false;
            at = w->self->piece;
            next = postgres_encode_row(plan, row, at, end, &bad);
        }
        if (next)
            w->size = (size_t)(next - w->self->piece);
        else if (!bad && !postgres_encode_long_row(plan, row, put, w, &bad) && !bad)
            return false;
        if (bad) {
            refuse_value(w, step, row, bad);
            return false;
        }
    }
    return true;
}

static bool send_copy(struct writing *w, const struct step *step)
{
    static const char header[19] = "PGCOPY\n\377\r\n", trailer[2] = {'\377', '\377'};
    w->taking = false;
    w->size = 0;
    if (!put(w, header, sizeof header) || !send_rows(w, step) || !put(w, trailer, sizeof trailer) || !send_piece(w)) return false;
    if (step == &w->steps[w->copy_count - 1]) w->in_doubt = true;
    if (PQputCopyEnd(w->self->conn, NULL) != 1) postgres_lose(w->self);
    return w->self->conn != NULL;
}

static bool send_all(struct writing *w)
{
    w->began_ns = clock_mono_ns();
    w->in_doubt = !w->copy_count;
    if (!PQsendQuery(w->self->conn, w->self->sql.data)) {
        postgres_lose(w->self);
        return false;
    }
    for (uint32_t i = 0; i < w->copy_count; i++)
        if (!send_copy(w, &w->steps[i])) return false;
    return await(w, false);
}

// --- What went wrong ---

static enum status fault(struct writing *w, enum sink_fault_kind kind, uint32_t row)
{
    uint32_t table = w->done < w->step_count ? w->steps[w->done].table : 0;
    *w->fault = (struct sink_fault){.kind = kind, .table = table == QUARANTINE ? 0 : table, .row = row};
    return w->err->status;
}

static bool too_slow(const struct writing *w)
{
    return clock_mono_ns() - w->began_ns >= w->self->statement_timeout_ms * MS_NS;
}

// A row's own fault: which row?
static enum status row_fault(struct writing *w, const struct step *step, const char *text)
{
    int64_t line = postgres_line(w->refusal, step->plan->table);
    bool known = line >= 1 && line <= step->rows->rows;
    if (!known && step->rows->rows == 1) {
        known = true;
        line = 1;
    }
    err_set(w->err, REJECT, ERR_STORAGE, "cannot store a row in %s: %s", step->plan->table, text);
    if (!known) return fault(w, SINK_FAULT_SOME, 0);
    return fault(w, step->table == QUARANTINE ? SINK_FAULT_REJECT : SINK_FAULT_ROW, (uint32_t)line - 1);
}

static enum status table_fault(struct writing *w, const struct step *step, const char *text)
{
    const char *state = PQresultErrorField(w->refusal, PG_DIAG_SQLSTATE), *table = step->plan->table;
    if (step->table == QUARANTINE) // without it no bad record can be set aside: everything waits until somebody has mended it
        return err_set(w->err, AGAIN, ERR_STORAGE, "cannot write to %s: %s; once it is as it was, all goes on by itself", table, text);
    if (state && !strcmp(state, "42501"))
        err_set(w->err, REJECT, ERR_STORAGE, "cannot write to table %s: %s; run: GRANT SELECT, INSERT ON \"%s\" TO \"%s\"", table, text,
                table, PQuser(w->self->conn));
    else
        err_set(w->err, REJECT, ERR_STORAGE, "cannot write to table %s: %s", table, text);
    return fault(w, SINK_FAULT_TABLE, 0);
}

// The COPY into a table failed for a reason that is not the server's: the row's, or the table's, which may have been altered.
static enum status judge_copy(struct writing *w, const struct step *step, enum postgres_trouble trouble, const char *text)
{
    bool named = postgres_line(w->refusal, step->plan->table) > 0;
    if (trouble == TROUBLE_ROW || (named && (trouble == TROUBLE_ALTERED || trouble == TROUBLE_LIMIT))) return row_fault(w, step, text);
    return table_fault(w, step, text);
}

// One question, where a row was refused, rather than a new plan: rows may be refused by the thousand. A null in a column that the rows do
// not have is no fault of theirs.
static bool still_fits(struct writing *w, const struct step *step)
{
    const char *column = PQresultErrorField(w->refusal, PG_DIAG_COLUMN_NAME);
    if (postgres_trouble(w->refusal) != TROUBLE_ROW || (column && row_type_column(&step->plan->type, slice_of(column)) < 0)) return false;
    char sql[64];
    struct err ignored;
    snprintf(sql, sizeof sql, "EXECUTE fdp_shape_%u(%lld)", step->plan->shape, (long long)step->plan->defaults);
    return postgres_run(w->self, "look whether a table was altered", sql, &ignored) == OK;
}

static enum status check_plan(struct writing *w, const struct step *step)
{
    if (step->table == QUARANTINE || still_fits(w, step)) return OK;
    const struct sink_table *table = &w->write->tables[step->table];
    enum status status = postgres_plan_check(w->self, step->plan, table, w->err);
    if (status == REJECT) return fault(w, SINK_FAULT_TABLE, 0);
    return status == RETRY ? (w->err->status = AGAIN) : status; // the transaction was undone before the connection was lost
}

static enum status judge(struct writing *w)
{
    struct postgres *self = w->self;
    const char *text = postgres_text(w->refusal, &self->scratch);
    enum postgres_trouble trouble = postgres_trouble(w->refusal);
    const struct step *step = w->done < w->step_count ? &w->steps[w->done] : NULL;
    bool of_table = step && step->kind != STEP_REST;
    switch (trouble) {
    case TROUBLE_FENCED: err_set(w->err, RETRY, ERR_STORAGE, "%s", text); return fault(w, SINK_FAULT_FENCED, 0);
    case TROUBLE_CANCELED:
        if (!too_slow(w)) return err_set(w->err, AGAIN, ERR_STORAGE, "somebody canceled the write to PostgreSQL: %s", text);
        err_set(w->err, REJECT, ERR_STORAGE, "PostgreSQL took longer than storage.statement-timeout: %s", text);
        return fault(w, SINK_FAULT_SLOW, 0);
    case TROUBLE_LOCKED:
        if (!of_table || step->table == QUARANTINE)
            return err_set(w->err, AGAIN, ERR_STORAGE, "PostgreSQL does not take rows now: %s", text);
        postgres_err_locked(step->plan->table, text, w->err);
        return fault(w, SINK_FAULT_TABLE, 0);
    case TROUBLE_WAIT:
        // A standby, see there (postgres_connection.c).
        if (!strcmp(PQresultErrorField(w->refusal, PG_DIAG_SQLSTATE), "25006")) postgres_drop(self);
        return err_set(w->err, AGAIN, ERR_STORAGE, "PostgreSQL does not take rows now: %s", text);
    case TROUBLE_ROLE: return err_set(w->err, AGAIN, ERR_STORAGE, "the role is not ready: %s; check user, password and pg_hba.conf", text);
    case TROUBLE_ROW:
    case TROUBLE_LIMIT:
    case TROUBLE_ALTERED:
    case TROUBLE_OTHER: break;
    }
    if (of_table) {
        TRY(check_plan(w, step));
        return judge_copy(w, step, trouble, text);
    }
    // At the end of all: a constraint or a trigger that is checked only then, or our own functions.
    err_set(w->err, trouble == TROUBLE_ROW ? REJECT : AGAIN, ERR_STORAGE, "cannot store: %s", text);
    return trouble == TROUBLE_ROW ? fault(w, SINK_FAULT_SOME, 0) : AGAIN;
}

static enum status conclude(struct writing *w, bool sent)
{
    struct postgres *self = w->self;
    bool refused_here = w->fault->kind == SINK_FAULT_ROW || w->fault->kind == SINK_FAULT_REJECT;
    postgres_drain(self);
    if (sent && self->conn) return OK;
    if (!self->conn && w->in_doubt)
        return err_set(w->err, RETRY, ERR_STORAGE, "the connection to PostgreSQL was lost while it committed: %s", self->why);
    if (refused_here) return REJECT;
    if (w->refusal) return judge(w);
    return err_set(w->err, AGAIN, ERR_STORAGE, "the connection to PostgreSQL was lost, nothing was written: %s", self->why);
}

static enum status write_steps(struct writing *w)
{
    enum status status = compose(w);
    if (status == REJECT && w->fault->table == QUARANTINE) {
        w->fault->kind = SINK_FAULT_FENCED;
        w->err->status = status = RETRY;
    } else if (status == REJECT) {
        w->fault->kind = SINK_FAULT_TABLE;
    }
    if (status == RETRY && w->fault->kind == SINK_FAULT_NONE) w->err->status = status = AGAIN; // nothing has been sent yet
    if (status != OK || !w->step_count) return status;
    w->fault->table = 0;
    status = conclude(w, send_all(w));
    PQclear(w->refusal);
    return status;
}

enum status postgres_write(struct sink *sink, const struct sink_write *write, struct sink_fault *out, struct err *err)
{
    struct postgres *self = postgres_of(sink);
    struct err own;
    if (!err) err = &own;
    *out = (struct sink_fault){0};
    enum status status = postgres_ready(self, err);
    if (status == RETRY) return err->status = AGAIN;
    if (status != OK) return status;
    arena_reset(&self->scratch);
    struct writing w = {.self = self, .write = write, .fault = out, .err = err};
    w.steps = arena_calloc(&self->scratch, 2 * (size_t)write->table_count + 3, sizeof *w.steps);
    return write_steps(&w);
}
