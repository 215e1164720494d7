// SPDX-License-Identifier: Apache-2.0
// The embedded store: rows, rejects and positions in one SQLite transaction.
//
// Opened with synchronous=NORMAL: after a power cut it may be behind the log and catches up from there, never the reverse.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/database.h"
#include "base/memory.h"
#include "storage/sink.h"

enum { MAX_TABLES = 32, BUSY_MS = 1000 };

// A prepared INSERT, found again by its text: table and columns.
struct insert {
    char *sql;
    sqlite3_stmt *statement;
};

struct sqlite_sink {
    struct sink sink; // first: a struct sink is a pointer to it
    sqlite3 *db;
    struct insert inserts[MAX_TABLES];
    uint32_t insert_count;
    sqlite3_stmt *reject, *advance, *redrive_entry, *redrive_count, *claim_first, *claim, *truth;
};

static struct sqlite_sink *of(struct sink *sink)
{
    return (struct sqlite_sink *)sink;
}

static enum status prepare(struct sqlite_sink *self, sqlite3_stmt **statement, const char *sql, struct err *err)
{
    return *statement ? OK : database_prepare(self->db, sql, statement, ERR_STORAGE, err);
}

static enum status exec(struct sqlite_sink *self, const char *sql, struct err *err)
{
    return database_exec(self->db, sql, "write to the store", ERR_STORAGE, err);
}

// Ends a transaction: what it did stays when `status` is OK.
static enum status finish(struct sqlite_sink *self, enum status status, struct err *err)
{
    if (status == OK) status = exec(self, "COMMIT", err);
    if (status != OK) sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

// --- Opening ---

static void insert_fini(struct insert *insert)
{
    sqlite3_finalize(insert->statement);
    sqlite3_free(insert->sql);
}

static void sqlite_close(struct sink *sink)
{
    struct sqlite_sink *self = of(sink);
    for (uint32_t i = 0; i < self->insert_count; i++) insert_fini(&self->inserts[i]);
    sqlite3_stmt *const statements[] = {self->reject,      self->advance, self->redrive_entry, self->redrive_count,
                                        self->claim_first, self->claim,   self->truth};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) sqlite3_finalize(statements[i]);
    database_close(self->db);
    free(self);
}

static enum status sqlite_open(struct sink **out, const struct sink_params *params, struct err *err)
{
    char path[4096];
    const char *file = strchr(params->config->storage.url, ':') + 1;
    int length = *file ? snprintf(path, sizeof path, "%s", file) : snprintf(path, sizeof path, "%s/store.db", params->config->data);
    if (length >= (int)sizeof path) return err_set(err, FATAL, ERR_CONFIG, "the path of the store is too long");
    struct database_params database = {path, DATABASE_STORE, params->read_only, DATABASE_SYNC_NORMAL, BUSY_MS, ERR_STORAGE};
    sqlite3 *db;
    TRY(database_open(&db, &database, err));
    struct sqlite_sink *self = memory_new(1, sizeof *self);
    self->sink.ops = &sink_sqlite;
    self->db = db;
    *out = &self->sink;
    return OK;
}

static enum status sqlite_migrate(struct sink *sink, struct err *err)
{
    return database_migrate(of(sink)->db, "sql/sqlite", ERR_STORAGE, err);
}

// --- Claim ---

static const char claim_first_sql[] =
    "INSERT INTO fdp_offsets (consumer_group, topic, partition, owner_epoch, first_offset, next_offset, updated_at)"
    " VALUES (?1, ?2, ?3, 0, ?4, ?4, ?5) ON CONFLICT DO NOTHING";
#define CLAIM_RETURNING                                                                                                                    \
    " RETURNING id, owner_epoch, first_offset, next_offset, stored, quarantined, filtered, skipped, last_timestamp, last_crc"
static const char claim_sql[] =
    "UPDATE fdp_offsets SET owner_epoch = owner_epoch + 1 WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3" CLAIM_RETURNING;
static const char truth_sql[] =
    "UPDATE fdp_offsets SET owner_epoch = owner_epoch WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3" CLAIM_RETURNING;

static void bind_partition(sqlite3_stmt *statement, const struct sink_partition *partition)
{
    sqlite3_bind_text(statement, 1, partition->group, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, partition->topic, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 3, partition->partition);
}

static void read_partition(sqlite3_stmt *statement, struct sink_partition *partition)
{
    partition->id = sqlite3_column_int64(statement, 0);
    partition->epoch = sqlite3_column_int64(statement, 1);
    partition->first_offset = sqlite3_column_int64(statement, 2);
    partition->next_offset = sqlite3_column_int64(statement, 3);
    partition->stored = sqlite3_column_int64(statement, 4);
    partition->quarantined = sqlite3_column_int64(statement, 5);
    partition->filtered = sqlite3_column_int64(statement, 6);
    partition->skipped = sqlite3_column_int64(statement, 7);
    partition->last_timestamp_us = sqlite3_column_int64(statement, 8);
    partition->last_crc = (uint32_t)sqlite3_column_int64(statement, 9);
}

static enum status claim_in_transaction(struct sqlite_sink *self, struct sink_partition *partition, struct err *err)
{
    bool take = partition->epoch == 0;
    if (take) {
        TRY(prepare(self, &self->claim_first, claim_first_sql, err));
        bind_partition(self->claim_first, partition);
        sqlite3_bind_int64(self->claim_first, 4, partition->next_offset);
        sqlite3_bind_int64(self->claim_first, 5, clock_now_us());
        TRY(database_step(self->db, self->claim_first, "claim a partition", ERR_STORAGE, err));
        TRY(prepare(self, &self->claim, claim_sql, err));
    } else {
        TRY(prepare(self, &self->truth, truth_sql, err));
    }
    sqlite3_stmt *statement = take ? self->claim : self->truth;
    bind_partition(statement, partition);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) read_partition(statement, partition);
    enum status status = rc == SQLITE_ROW || rc == SQLITE_DONE ? OK : database_err(self->db, "claim a partition", ERR_STORAGE, err);
    sqlite3_reset(statement);
    if (status == OK && rc == SQLITE_DONE)
        return err_set(
            err, FATAL, ERR_STORAGE,
            "partition %d of %s is not in fdp_offsets any more: it was removed there. Before anything is processed again, put it back, or remove what "
            "it had stored, which fdp reconcile --deep tells how",
            partition->partition, partition->topic);
    return status;
}

static enum status sqlite_claim(struct sink *sink, struct sink_partition *partition, struct err *err)
{
    struct sqlite_sink *self = of(sink);
    TRY(exec(self, "BEGIN IMMEDIATE", err));
    return finish(self, claim_in_transaction(self, partition, err), err);
}

// --- Write ---

// INSERT INTO "stocks" ("id", ..., _source, _offset) VALUES (?, ...), for the visible columns of the type. Free with sqlite3_free.
static char *insert_text(struct sqlite_sink *self, const char *table, const struct row_type *type)
{
    sqlite3_str *sql = sqlite3_str_new(self->db);
    sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (", table);
    for (uint32_t i = 0; i < type->column_count; i++) sqlite3_str_appendf(sql, "\"%w\", ", type->columns[i].name);
    sqlite3_str_appendall(sql, "_source, _offset) VALUES (");
    for (uint32_t i = 0; i < type->column_count; i++) sqlite3_str_appendall(sql, "?, ");
    sqlite3_str_appendall(sql, "?, ?)");
    char *text = sqlite3_str_finish(sql);
    if (!text) abort();
    return text;
}

static const char *type_to_add(enum column_type type)
{
    switch (type) {
    case COLUMN_INT64: return "INTEGER";
    case COLUMN_DOUBLE: return "DOUBLE";
    case COLUMN_TEXT: return "TEXT";
    case COLUMN_BYTES: return "BLOB";
    case COLUMN_TIMESTAMP: return "TIMESTAMP";
    }
    return "TEXT";
}

// An INSERT that cannot be made, or not any more: what the table lacks, and the statement that would help.
static enum status table_err(struct sqlite_sink *self, const struct sink_table *table, struct sink_fault *fault, struct err *err)
{
    char why[512];
    snprintf(why, sizeof why, "%s", sqlite3_errmsg(self->db));
    fault->kind = SINK_FAULT_TABLE;
    for (uint32_t i = 0; i < table->rows->type->column_count; i++) {
        const struct row_column *column = &table->rows->type->columns[i];
        sqlite3_stmt *statement = NULL;
        char *sql =
            sqlite3_mprintf("SELECT count(*) AND NOT sum(name = %Q COLLATE NOCASE) FROM pragma_table_info(%Q)", column->name, table->name);
        bool missing = sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW &&
                       sqlite3_column_int(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_free(sql);
        if (missing)
            return err_set(err, REJECT, ERR_STORAGE, "table %s has no column %s; run: ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s", table->name,
                           column->name, table->name, column->name, type_to_add(column->type));
    }
    return err_set(err, REJECT, ERR_STORAGE, "cannot write to table %s: %s", table->name, why);
}

static enum status insert_find(struct sqlite_sink *self, const struct sink_table *table, struct insert **out, struct sink_fault *fault,
                               struct err *err)
{
    char *sql = insert_text(self, table->name, table->rows->type);
    struct insert *insert = self->inserts, *end = insert + self->insert_count;
    while (insert < end && strcmp(insert->sql, sql)) insert++;
    *out = insert;
    if (insert < end) {
        sqlite3_free(sql);
        return OK;
    }
    enum status status = OK;
    if (self->insert_count == MAX_TABLES)
        status = err_set(err, FATAL, ERR_STORAGE, "more than %d tables are written to", MAX_TABLES);
    else
        status = database_prepare(self->db, sql, &insert->statement, ERR_STORAGE, err);
    if (status == OK) {
        insert->sql = sql;
        self->insert_count++;
        return OK;
    }
    sqlite3_free(sql);
    return (sqlite3_errcode(self->db) & 0xff) == SQLITE_ERROR ? table_err(self, table, fault, err) : status;
}

static void bind_column(sqlite3_stmt *statement, int at, const struct batch *batch, uint32_t column, uint32_t row)
{
    const struct column *values = &batch->columns[column];
    if (values->null[row]) {
        sqlite3_bind_null(statement, at);
        return;
    }
    switch (batch->type->columns[column].type) {
    case COLUMN_INT64:
    case COLUMN_TIMESTAMP: sqlite3_bind_int64(statement, at, values->int64[row]); break;
    case COLUMN_DOUBLE: sqlite3_bind_double(statement, at, values->float64[row]); break;
    case COLUMN_TEXT: sqlite3_bind_text64(statement, at, values->text[row].data, values->text[row].size, SQLITE_STATIC, SQLITE_UTF8); break;
    case COLUMN_BYTES:
        // A NULL pointer would bind NULL: an empty value is not an absent one.
        sqlite3_bind_blob64(statement, at, values->text[row].data ? values->text[row].data : "", values->text[row].size, SQLITE_STATIC);
        break;
    }
}

// A column that was added to the table and that rows of this type never have: no row could be stored.
static bool lacks_column(struct sqlite_sink *self, const struct row_type *type)
{
    const char *text = sqlite3_errmsg(self->db), *column = strrchr(text, '.');
    return sqlite3_extended_errcode(self->db) == SQLITE_CONSTRAINT_NOTNULL && column && row_type_column(type, slice_of(column + 1)) < 0;
}

// Why a row was not stored.
static enum status row_err(struct sqlite_sink *self, const struct sink_table *table, struct sink_fault *fault, struct err *err)
{
    int rc = sqlite3_errcode(self->db) & 0xff;
    if (rc == SQLITE_ERROR || lacks_column(self, table->rows->type)) return table_err(self, table, fault, err); // it was altered
    enum status status = database_err(self->db, "store a row", ERR_STORAGE, err);
    if (rc == SQLITE_TOOBIG || rc == SQLITE_MISMATCH) err->status = status = REJECT;
    if (status == REJECT) fault->kind = SINK_FAULT_ROW;
    return status;
}

static enum status write_rows(struct sqlite_sink *self, const struct sink_table *table, struct sink_fault *fault, struct err *err)
{
    const struct batch *batch = table->rows;
    if (!batch->rows) return OK;
    struct insert *insert;
    TRY(insert_find(self, table, &insert, fault, err));
    int columns = (int)batch->type->column_count;
    for (fault->row = 0; fault->row < batch->rows; fault->row++) {
        for (int i = 0; i < columns; i++) bind_column(insert->statement, i + 1, batch, (uint32_t)i, fault->row);
        sqlite3_bind_int64(insert->statement, columns + 1, batch->source[fault->row]);
        sqlite3_bind_int64(insert->statement, columns + 2, batch->offset[fault->row]);
        enum status status = sqlite3_step(insert->statement) == SQLITE_DONE ? OK : row_err(self, table, fault, err);
        sqlite3_reset(insert->statement);
        if (status != OK) return status;
    }
    return OK;
}

static const char reject_sql[] =
    "INSERT INTO fdp_quarantine (key, value, headers, timestamp, schema_id, rule, error, _source, _offset, quarantined_at, topic, partition)"
    " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, topic, partition FROM fdp_offsets WHERE id = ?8";

static enum status write_rejects(struct sqlite_sink *self, const struct batch *rejects, struct sink_fault *fault, struct err *err)
{
    if (!rejects || !rejects->rows) return OK;
    TRY(prepare(self, &self->reject, reject_sql, err));
    int64_t now = clock_now_us();
    for (uint32_t row = 0; row < rejects->rows; row++) {
        for (uint32_t i = 0; i < REJECT_COLUMNS; i++) bind_column(self->reject, (int)i + 1, rejects, i, row);
        sqlite3_bind_int64(self->reject, REJECT_COLUMNS + 1, rejects->source[row]);
        sqlite3_bind_int64(self->reject, REJECT_COLUMNS + 2, rejects->offset[row]);
        sqlite3_bind_int64(self->reject, REJECT_COLUMNS + 3, now);
        enum status status = database_step(self->db, self->reject, "quarantine a record", ERR_STORAGE, err);
        if (status == REJECT) *fault = (struct sink_fault){.kind = SINK_FAULT_REJECT, .row = row};
        if (status != OK) return status;
    }
    return OK;
}

static const char redrive_entry_sql[] = "UPDATE fdp_quarantine SET state = 'redriven', changed_at = ?2 WHERE id = ?1 AND state = 'waiting'";
static const char redrive_count_sql[] =
    "UPDATE fdp_offsets SET quarantined = quarantined - 1, filtered = filtered + ?2, stored = stored + 1 - ?2, updated_at = ?3"
    " WHERE id = (SELECT _source FROM fdp_quarantine WHERE id = ?1)";

static enum status write_redrive(struct sqlite_sink *self, const struct sink_redrive *redrive, struct sink_fault *fault, struct err *err)
{
    TRY(prepare(self, &self->redrive_entry, redrive_entry_sql, err));
    TRY(prepare(self, &self->redrive_count, redrive_count_sql, err));
    int64_t now = clock_now_us();
    sqlite3_bind_int64(self->redrive_entry, 1, redrive->entry);
    sqlite3_bind_int64(self->redrive_entry, 2, now);
    TRY(database_step(self->db, self->redrive_entry, "redrive an entry", ERR_STORAGE, err));
    if (sqlite3_changes(self->db) != 1) {
        *fault = (struct sink_fault){.kind = SINK_FAULT_FENCED};
        return err_set(err, RETRY, ERR_STORAGE, "entry %lld of the quarantine is not waiting any more", (long long)redrive->entry);
    }
    sqlite3_bind_int64(self->redrive_count, 1, redrive->entry);
    sqlite3_bind_int(self->redrive_count, 2, redrive->filtered);
    sqlite3_bind_int64(self->redrive_count, 3, now);
    return database_step(self->db, self->redrive_count, "redrive an entry", ERR_STORAGE, err);
}

static const char advance_sql[] =
    "UPDATE fdp_offsets SET next_offset = ?4, stored = stored + ?5, quarantined = quarantined + ?6, filtered = filtered + ?7,"
    " skipped = skipped + ?8, last_timestamp = ?9, last_crc = ?10, updated_at = ?11"
    " WHERE id = ?1 AND owner_epoch = ?2 AND next_offset = ?3";

static enum status write_advance(struct sqlite_sink *self, const struct sink_advance *advance, struct sink_fault *fault, struct err *err)
{
    const int64_t values[] = {advance->id,          advance->epoch,    advance->from_offset, advance->to_offset,         advance->stored,
                              advance->quarantined, advance->filtered, advance->skipped,     advance->last_timestamp_us, advance->last_crc,
                              clock_now_us()};
    TRY(prepare(self, &self->advance, advance_sql, err));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) sqlite3_bind_int64(self->advance, (int)i + 1, values[i]);
    TRY(database_step(self->db, self->advance, "advance a position", ERR_STORAGE, err));
    if (sqlite3_changes(self->db) == 1) return OK;
    *fault = (struct sink_fault){.kind = SINK_FAULT_FENCED};
    return err_set(err, RETRY, ERR_STORAGE, "partition %lld was taken over, or is not at offset %lld any more", (long long)advance->id,
                   (long long)advance->from_offset);
}

static enum status write_all(struct sqlite_sink *self, const struct sink_write *write, struct sink_fault *fault, struct err *err)
{
    for (uint32_t i = 0; i < write->table_count; i++) {
        fault->table = i;
        TRY(write_rows(self, &write->tables[i], fault, err));
    }
    TRY(write_rejects(self, write->rejects, fault, err));
    for (uint32_t i = 0; i < write->redrive_count; i++) TRY(write_redrive(self, &write->redrives[i], fault, err));
    // Last, so that a failed compare-and-swap undoes everything before it.
    for (uint32_t i = 0; i < write->advance_count; i++) TRY(write_advance(self, &write->advances[i], fault, err));
    return OK;
}

static enum status sqlite_write(struct sink *sink, const struct sink_write *write, struct sink_fault *fault, struct err *err)
{
    struct sqlite_sink *self = of(sink);
    *fault = (struct sink_fault){0};
    TRY(exec(self, "BEGIN IMMEDIATE", err));
    enum status status = finish(self, write_all(self, write, fault, err), err);
    if (fault->kind == SINK_FAULT_NONE) *fault = (struct sink_fault){0}; // not where it happened to be
    return status;
}

// --- Looking ---

// By SQLite's own rules of affinity, but for TIMESTAMP.
static enum column_type type_of_declaration(const char *declared)
{
    if (!sqlite3_stricmp(declared, "TIMESTAMP")) return COLUMN_TIMESTAMP;
    if (!sqlite3_strlike("%INT%", declared, 0)) return COLUMN_INT64;
    if (!sqlite3_strlike("%DOUBLE%", declared, 0) || !sqlite3_strlike("%REAL%", declared, 0) || !sqlite3_strlike("%FLOA%", declared, 0))
        return COLUMN_DOUBLE;
    return sqlite3_strlike("%BLOB%", declared, 0) ? COLUMN_TEXT : COLUMN_BYTES;
}

static bool is_view(struct sqlite_sink *self, const char *name)
{
    sqlite3_stmt *statement = NULL;
    bool view = false;
    if (sqlite3_prepare_v2(self->db, "SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = ?1", -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        view = sqlite3_step(statement) == SQLITE_ROW;
    }
    sqlite3_finalize(statement);
    return view;
}

static enum status sqlite_table(struct sink *sink, const char *name, struct arena *arena, struct row_type **out, struct err *err)
{
    enum { MAX_COLUMNS = 2000 }; // SQLite's own limit
    sqlite3_stmt *statement;
    TRY(database_prepare(of(sink)->db, "SELECT name, type, \"notnull\" FROM pragma_table_info(?1)", &statement, ERR_STORAGE, err));
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    struct row_column *columns = NULL;
    uint32_t count = 0, provenance = 0;
    while (sqlite3_step(statement) == SQLITE_ROW && count < MAX_COLUMNS) {
        const char *column = (const char *)sqlite3_column_text(statement, 0);
        if (!strcmp(column, "_source") || !strcmp(column, "_offset")) {
            provenance++;
            continue;
        }
        if (!columns) columns = arena_calloc(arena, MAX_COLUMNS, sizeof *columns);
        columns[count++] = (struct row_column){
            .name = arena_copy(arena, column, strlen(column)),
            .type = type_of_declaration((const char *)sqlite3_column_text(statement, 1)),
            .required = sqlite3_column_int(statement, 2) != 0,
        };
    }
    sqlite3_finalize(statement);
    if (!count) return err_set(err, REJECT, ERR_STORAGE, "the store has no table %s", name);
    if (is_view(of(sink), name)) return err_set(err, REJECT, ERR_STORAGE, "%s is a view: rows cannot be stored in it", name);
    if (provenance != 2)
        return err_set(
            err, REJECT, ERR_STORAGE,
            "table %s has no column _source or _offset, which tell where a row came from; run: ALTER TABLE \"%s\" ADD COLUMN _source"
            " INTEGER; ALTER TABLE \"%s\" ADD COLUMN _offset INTEGER",
            name, name, name);
    *out = arena_alloc(arena, sizeof **out);
    **out = (struct row_type){arena_copy(arena, name, strlen(name)), count, columns};
    return OK;
}

static struct sink_cell cell(sqlite3_stmt *statement, int column)
{
    struct sink_cell cell = {.type = SINK_NULL};
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER: cell.type = SINK_INTEGER, cell.integer = sqlite3_column_int64(statement, column); break;
    case SQLITE_FLOAT: cell.type = SINK_DOUBLE, cell.float64 = sqlite3_column_double(statement, column); break;
    case SQLITE_TEXT:
    case SQLITE_BLOB:
        cell.type = sqlite3_column_type(statement, column) == SQLITE_TEXT ? SINK_TEXT : SINK_BYTES;
        cell.text.data = sqlite3_column_blob(statement, column);
        cell.text.size = (size_t)sqlite3_column_bytes(statement, column);
        break;
    default: break;
    }
    return cell;
}

// What the statement has brought upon itself is REJECT; trouble with the store is that.
static enum status query_err(struct sqlite_sink *self, struct err *err)
{
    switch (sqlite3_extended_errcode(self->db)) {
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_AUTH: return err_set(err, REJECT, ERR_STORAGE, "the store does not take this statement: %s", sqlite3_errmsg(self->db));
    default: return database_err(self->db, "run the query", ERR_STORAGE, err);
    }
}

static enum status each_row(struct sqlite_sink *self, sqlite3_stmt *statement, sink_row_fn *row, void *context, struct err *err)
{
    int columns = sqlite3_column_count(statement), rc;
    const char **names = memory_new((size_t)columns, sizeof *names);
    struct sink_cell *cells = memory_new((size_t)columns, sizeof *cells);
    for (int i = 0; i < columns; i++) names[i] = sqlite3_column_name(statement, i);
    bool more = true;
    while (more && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < columns; i++) cells[i] = cell(statement, i);
        more = row(context, (uint32_t)columns, names, cells);
    }
    free(names);
    free(cells);
    return !more || rc == SQLITE_DONE ? OK : query_err(self, err);
}

static enum status sqlite_query(struct sink *sink, const char *sql, sink_row_fn *row, void *context, struct err *err)
{
    struct sqlite_sink *self = of(sink);
    sqlite3_stmt *statement;
    const char *rest;
    if (sqlite3_prepare_v2(self->db, sql, -1, &statement, &rest) != SQLITE_OK) return query_err(self, err);
    enum status status = OK;
    if (!statement)
        status = err_set(err, REJECT, ERR_STORAGE, "there is no statement; give one, such as 'SELECT COUNT(*) FROM finance_data_ingress'");
    else if (!sqlite3_stmt_readonly(statement))
        status = err_set(err, REJECT, ERR_STORAGE, "this statement would change the store; only reading is allowed here");
    else if (!sqlite3_column_count(statement))
        status = err_set(err, REJECT, ERR_STORAGE, "this statement gives no rows; only reading is allowed here");
    else if (rest[strspn(rest, " \t\r\n;")])
        status = err_set(err, REJECT, ERR_STORAGE, "there is more than one statement; give them one by one");
    else
        status = each_row(self, statement, row, context, err);
    sqlite3_finalize(statement);
    return status;
}

static enum status sqlite_exec(struct sink *sink, const char *sql, struct err *err)
{
    struct sqlite_sink *self = of(sink);
    TRY(exec(self, "BEGIN IMMEDIATE", err));
    return finish(self, database_exec(self->db, sql, "change the store", ERR_STORAGE, err), err);
}

const struct sink_ops sink_sqlite = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .migrate = sqlite_migrate,
    .claim = sqlite_claim,
    .write = sqlite_write,
    .table = sqlite_table,
    .query = sqlite_query,
    .exec = sqlite_exec,
    .close = sqlite_close,
};
