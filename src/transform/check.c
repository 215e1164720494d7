// SPDX-License-Identifier: Apache-2.0
// What a route may do: authorizer, limits, and the proof from SQLite's own plan and byte code that a statement is row-wise.
#include "transform/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "transform/dates.h"
#include "transform/lexer.h"

enum { MAX_NAMES = 256 }; // that are compared for a slip of the finger

#define ROW_WISE "a row of the output comes from one row of the batch"

static int refuse(struct sandbox *sandbox, const char *format, ...) PRINTF_LIKE(2, 3);
static int refuse(struct sandbox *sandbox, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!sandbox->refusal[0]) vsnprintf(sandbox->refusal, sizeof sandbox->refusal, format, args);
    va_end(args);
    return SQLITE_DENY;
}

static int authorize_function(struct sandbox *sandbox, const char *name)
{
    size_t count;
    const char *const *names = functions_names(&count);
    for (size_t i = 0; i < count; i++)
        if (sqlite3_stricmp(names[i], name) == 0) return SQLITE_OK;
    if (!sqlite3_stricmp(name, "printf") || !sqlite3_stricmp(name, "format"))
        return refuse(sandbox,
                      "the function %s() is not allowed: a width such as %%1000000d would cost as much as it says for every row; use "
                      "round(), || and substr()",
                      name);
    return refuse(
        sandbox,
        "the function %.40s() is not allowed: a route works row by row (no aggregates, no window functions) and repeats in a replay (no "
        "random numbers, no clock); docs/internals/transform.md lists the functions",
        name);
}

static int authorize_read(struct sandbox *sandbox, const char *table, const char *column)
{
    const struct row_type *type = sandbox->vtab.type;
    if (sqlite3_stricmp(table, type->name) != 0) return refuse(sandbox, "a route reads FROM %s, not from %.60s", type->name, table);
    if (strcmp(column, "ROWID") == 0)
        return refuse(sandbox, "%s has no rowid: the number of a row in its batch is another one in a replay", type->name);
    return SQLITE_OK;
}

static int authorize(void *context, int action, const char *first, const char *second, const char *database, const char *inner)
{
    (void)database, (void)inner;
    switch (action) {
    case SQLITE_SELECT: return SQLITE_OK;
    case SQLITE_READ: return authorize_read(context, first ? first : "", second ? second : "");
    case SQLITE_FUNCTION: return authorize_function(context, second ? second : "");
    default:
        return refuse(context, "a route only reads the batch: SELECT columns FROM %s [WHERE condition]",
                      ((struct sandbox *)context)->vtab.type->name);
    }
}

// " (did you mean price?)", or nothing. A name that is there, but not for this place, is no suggestion.
static void suggest(const char *name, const char *const *names, size_t count, char out[128])
{
    const char *nearest = text_nearest(name, names, count);
    if (nearest && sqlite3_stricmp(nearest, name) != 0) snprintf(out, 128, " (did you mean %s?)", nearest);
}

static void suggest_column(const struct row_type *type, const char *name, char out[128])
{
    const char *names[MAX_NAMES];
    size_t count = 0;
    for (; count < type->column_count && count < MAX_NAMES; count++) names[count] = type->columns[count].name;
    const char *dot = strrchr(name, '.');
    suggest(dot ? dot + 1 : name, names, count, out);
}

// SQLite's message, with what it does not know: the names that are there.
static enum status prepare_err(struct sandbox *sandbox, const char *sql, struct err *err)
{
    const char *text = sqlite3_errmsg(sandbox->db);
    const struct row_type *type = sandbox->vtab.type;
    char hint[128] = "";
    size_t count;
    const char *const *names = functions_names(&count);
    if (strncmp(text, "no such column: ", 16) == 0) suggest_column(type, text + 16, hint);
    if (strncmp(text, "no such function: ", 18) == 0) suggest(text + 18, names, count, hint);
    if (strncmp(text, "no such table: ", 15) == 0) snprintf(hint, sizeof hint, " (a route reads FROM %s)", type->name);
    if (sandbox->refusal[0]) text = sandbox->refusal;
    int at = sqlite3_error_offset(sandbox->db);
    const char *near = at >= 0 ? sql + at : sql;
    return err_set(err, FATAL, ERR_CONFIG, "%s%s, at \"%.*s\"", text, hint, lexer_quote(near), near);
}

// Runs EXPLAIN or EXPLAIN QUERY PLAN of a statement that is known to compile.
static enum status explain(struct sandbox *sandbox, const char *prefix, const char *sql, sqlite3_stmt **out, struct err *err)
{
    char *text = sqlite3_mprintf("%s %s", prefix, sql);
    if (!text) return err_set(err, FATAL, ERR_INTERNAL, "out of memory while a route was compiled");
    int rc = sqlite3_prepare_v2(sandbox->db, text, -1, out, NULL);
    sqlite3_free(text);
    if (rc != SQLITE_OK) return err_set(err, FATAL, ERR_INTERNAL, "SQLite cannot explain a route: %s", sqlite3_errmsg(sandbox->db));
    return OK;
}

static const char *explained(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

// Quotes the statement from the first word that stands for the clause; the whole, when there is none.
static enum status refuse_clause(const char *clause, const char *word, const char *sql, struct err *err)
{
    const char *at = lexer_find(sql, word);
    return err_set(err, FATAL, ERR_CONFIG,
                   "%s cannot be in a route: " ROW_WISE "; take it out (the store can do it later: fdp sql), at \"%.*s\"", clause,
                   lexer_quote(at), at);
}

static enum status check_plan_step(const char *sql, uint32_t step, const char *detail, struct err *err)
{
    const char *sorted = strstr(detail, "USE TEMP B-TREE FOR ");
    if (sorted && strstr(sorted, "GROUP BY")) return refuse_clause("GROUP BY", "GROUP", sql, err);
    if (sorted && strstr(sorted, "DISTINCT")) return refuse_clause("DISTINCT", "DISTINCT", sql, err);
    if (sorted) return refuse_clause("ORDER BY", "ORDER", sql, err);
    if (strncmp(detail, "SCAN ", 5) != 0) return refuse_clause("a step of its own in SQLite's plan", "FROM", sql, err);
    if (!strstr(detail, " VIRTUAL TABLE INDEX 0:")) return err_set(err, FATAL, ERR_CONFIG, "FROM is missing: " ROW_WISE);
    return step == 0 ? OK : refuse_clause("a join", "FROM", sql, err);
}

// The plan must be one scan of the batch.
static enum status check_plan(struct sandbox *sandbox, const char *sql, struct err *err)
{
    sqlite3_stmt *plan;
    TRY(explain(sandbox, "EXPLAIN QUERY PLAN", sql, &plan, err));
    enum status status = OK;
    uint32_t steps = 0;
    while (status == OK && sqlite3_step(plan) == SQLITE_ROW) status = check_plan_step(sql, steps++, explained(plan, 3), err);
    sqlite3_finalize(plan);
    if (status == OK && steps != 1) return err_set(err, FATAL, ERR_CONFIG, "FROM is missing: " ROW_WISE);
    return status;
}

// What the byte code of a statement holds.
struct program {
    uint32_t steps, scans, results, calls;
    bool aggregates, limits, loops, present;
    // The registers with constants such as 'now': a date function with one among its arguments depends on when and where it runs.
    int64_t words[16];
    uint32_t word_count;
};

static bool has_word(const struct program *program, int64_t first, int64_t count)
{
    for (uint32_t i = 0; i < program->word_count; i++)
        if (program->words[i] >= first && program->words[i] < first + count) return true;
    return false;
}

static void read_call(struct program *program, sqlite3_stmt *row)
{
    const char *function = explained(row, 5); // "strftime(2)"; -1 for SQLite's own date functions, which take any number
    char name[32];
    size_t size = strcspn(function, "(");
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : 0), function);
    int64_t first = sqlite3_column_int64(row, 3), count = function[size] ? strtol(function + size + 1, NULL, 10) : 0;
    if (dates_is_function(name) && (count < 0 || has_word(program, first, count))) program->present = true;
    program->calls++;
}

static void read_instruction(struct program *program, sqlite3_stmt *row)
{
    static const char *const loops[] = {"Next",  "Prev",    "SorterOpen", "SorterNext", "Yield",
                                        "Gosub", "Program", "VUpdate",    "OpenRead",   "OpenWrite"};
    const char *name = explained(row, 1);
    program->steps++;
    program->scans += strcmp(name, "VFilter") == 0;
    program->results += strcmp(name, "ResultRow") == 0;
    program->aggregates |= strncmp(name, "Agg", 3) == 0;
    program->limits |= strcmp(name, "DecrJumpZero") == 0;
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) program->loops |= strcmp(name, loops[i]) == 0;
    program->calls += strcmp(name, "Concat") == 0 || strcmp(name, "Cast") == 0;
    if (strcmp(name, "Function") == 0 || strcmp(name, "PureFunc") == 0) read_call(program, row);
}

// Constants are loaded ahead of the calls that use them, yet often stand behind them in the code: they are gathered first.
static void read_constant(struct program *program, sqlite3_stmt *row)
{
    if (strcmp(explained(row, 1), "String8") != 0 || !dates_is_refused(explained(row, 5))) return;
    if (program->word_count < sizeof program->words / sizeof *program->words)
        program->words[program->word_count++] = sqlite3_column_int64(row, 3);
}

static enum status check_program(struct sandbox *sandbox, const char *sql, uint32_t *steps, struct err *err)
{
    struct program program = {0};
    sqlite3_stmt *code;
    TRY(explain(sandbox, "EXPLAIN", sql, &code, err));
    while (sqlite3_step(code) == SQLITE_ROW) read_constant(&program, code);
    sqlite3_reset(code);
    while (sqlite3_step(code) == SQLITE_ROW) read_instruction(&program, code);
    sqlite3_finalize(code);
    *steps = program.steps;
    if (program.aggregates) return refuse_clause("an aggregate or window function", "SELECT", sql, err);
    if (program.limits) return refuse_clause("LIMIT", "LIMIT", sql, err);
    if (program.present)
        return err_set(err, FATAL, ERR_CONFIG,
                       "a date function takes a time and at most %d arguments, and not 'now', 'localtime' or 'utc': a replay must give "
                       "the same rows; use the row's own times, such as datetime(time / 1000000, 'unixepoch')",
                       FUNCTIONS_DATE_ARGS);
    if (program.calls > CHECK_CALLS)
        return err_set(err, FATAL, ERR_CONFIG, "the route calls %u functions (|| and CAST count, too); at most %d are allowed",
                       program.calls, CHECK_CALLS);
    // The plan explains what is wrong with more words, so it is asked first.
    TRY(check_plan(sandbox, sql, err));
    if (program.scans != 1 || program.results != 1 || program.loops) return refuse_clause("a loop in SQLite's byte code", "FROM", sql, err);
    return OK;
}

enum status sandbox_prepare(struct sandbox *sandbox, const char *sql, size_t size, sqlite3_stmt **out, uint32_t *steps, struct err *err)
{
    sandbox->refusal[0] = '\0';
    char *copy = strndup(sql, size);
    if (!copy) abort();
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v3(sandbox->db, copy, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    enum status status = OK;
    if (rc != SQLITE_OK)
        status = prepare_err(sandbox, copy, err);
    else
        status = check_program(sandbox, copy, steps, err);
    free(copy);
    if (status == OK)
        *out = statement;
    else
        sqlite3_finalize(statement);
    return status;
}

static void set_limits(sqlite3 *db)
{
    static const int limits[][2] = {
        {SQLITE_LIMIT_LENGTH, FUNCTIONS_VALUE_BYTES},
        {SQLITE_LIMIT_EXPR_DEPTH, CHECK_EXPRESSION_DEPTH},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, CHECK_LIKE_BYTES},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 0},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) sqlite3_limit(db, limits[i][0], limits[i][1]);
    static const int switches[][2] = {
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0}, // else a misspelt "column" would be a text
    };
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) sqlite3_db_config(db, switches[i][0], switches[i][1], NULL);
}

enum status sandbox_open(struct sandbox *sandbox, const struct row_type *type, struct err *err)
{
    *sandbox = (struct sandbox){.vtab = {.type = type}};
    int rc = sqlite3_open_v2(":memory:", &sandbox->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) return err_set(err, FATAL, ERR_INTERNAL, "SQLite cannot be started: %s", sqlite3_errstr(rc));
    set_limits(sandbox->db);
    TRY(functions_init(&sandbox->functions, sandbox->db, err));
    rc = vtab_register(sandbox->db, &sandbox->vtab);
    // SQLite declares the table when it is first named, which the authorizer would take for an attempt to make one.
    char *first = sqlite3_mprintf("SELECT 1 FROM \"%w\"", type->name);
    if (rc == SQLITE_OK) rc = sqlite3_exec(sandbox->db, first, NULL, NULL, NULL);
    sqlite3_free(first);
    if (rc == SQLITE_OK) rc = sqlite3_set_authorizer(sandbox->db, authorize, sandbox);
    if (rc != SQLITE_OK)
        return err_set(err, FATAL, ERR_CONFIG, "the table %s of SQL cannot be made: %s", type->name, sqlite3_errmsg(sandbox->db));
    return OK;
}

void sandbox_close(struct sandbox *sandbox)
{
    sqlite3_close(sandbox->db);
    functions_fini(&sandbox->functions);
}
