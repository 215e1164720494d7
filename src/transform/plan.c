// SPDX-License-Identifier: Apache-2.0
// Compiles a route: checks the SELECT, finds the columns that it only names, and leaves the rest of it to SQLite.
#include "transform/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "transform/lexer.h"

enum { SHOWN_NAMES = 40 }; // column names that a message lists

// One column of the SELECT.
struct given {
    int from; // the column of the batch that it names, or -1
    uint32_t to;
};

// What is known of a route while it is compiled.
struct draft {
    struct sandbox *sandbox;
    const struct row_type *input, *output;
    struct slice sql; // the SELECT, without what follows it
    sqlite3_stmt *statement;
    struct given *given;
    uint32_t given_count;
};

// SQL does not tell upper case from lower; a row type might, so the exact name comes first.
static int output_column(const struct row_type *type, const char *name)
{
    int column = row_type_column(type, slice_of(name));
    for (uint32_t i = 0; column < 0 && i < type->column_count; i++)
        if (sqlite3_stricmp(type->columns[i].name, name) == 0) column = (int)i;
    return column;
}

static enum status refuse_unknown(const struct draft *draft, const char *name, struct err *err)
{
    const char *names[SHOWN_NAMES];
    struct buf list;
    size_t count = 0;
    buf_init(&list, ERR_TEXT_BYTES / 2);
    for (; count < draft->output->column_count && count < SHOWN_NAMES; count++) {
        names[count] = draft->output->columns[count].name;
        buf_printf(&list, "%s%s", count ? ", " : "", names[count]);
    }
    const char *nearest = text_nearest(name, names, count);
    err_set(err, FATAL, ERR_CONFIG, "%s has no column \"%.*s\"%s%s%s: name it with AS, or take it out; there are %.*s", draft->output->name,
            lexer_quote(name), name, nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "",
            SLICE_ARG(buf_slice(&list)));
    buf_fini(&list);
    return FATAL;
}

static enum status map_column(struct draft *draft, uint32_t number, struct err *err)
{
    const char *name = sqlite3_column_name(draft->statement, (int)number);
    const char *origin = sqlite3_column_origin_name(draft->statement, (int)number);
    int to = name ? output_column(draft->output, name) : -1;
    if (to < 0) return refuse_unknown(draft, name ? name : "", err);
    for (uint32_t i = 0; i < number; i++)
        if (draft->given[i].to == (uint32_t)to)
            return err_set(err, FATAL, ERR_CONFIG, "the SELECT gives the column %s twice; take one out, or give it another name with AS",
                           draft->output->columns[to].name);
    draft->given[number] = (struct given){origin ? row_type_column(draft->input, slice_of(origin)) : -1, (uint32_t)to};
    return OK;
}

static bool is_given(const struct draft *draft, uint32_t to)
{
    for (uint32_t i = 0; i < draft->given_count; i++)
        if (draft->given[i].to == to) return true;
    return false;
}

static enum status map_columns(struct draft *draft, struct arena *arena, struct err *err)
{
    uint32_t count = (uint32_t)sqlite3_column_count(draft->statement);
    draft->given = arena_calloc(arena, count, sizeof *draft->given);
    draft->given_count = count;
    for (uint32_t i = 0; i < count; i++) TRY(map_column(draft, i, err));
    for (uint32_t i = 0; i < draft->output->column_count; i++)
        if (draft->output->columns[i].required && !is_given(draft, i))
            return err_set(err, FATAL, ERR_CONFIG, "the SELECT does not give %s, which %s must have; add it, if need be as \"... AS %s\"",
                           draft->output->columns[i].name, draft->output->name, draft->output->columns[i].name);
    return OK;
}

static bool is_slice(enum column_type type)
{
    return type == COLUMN_TEXT || type == COLUMN_BYTES;
}

// SQL knows a timestamp only as its integer, so the two are one here.
static bool same_values(enum column_type from, enum column_type to)
{
    return from == to || (from != COLUMN_DOUBLE && to != COLUMN_DOUBLE && !is_slice(from) && !is_slice(to));
}

static void plan_columns(struct plan *plan, const struct draft *draft, struct arena *arena)
{
    uint32_t computed = 0;
    plan->copies = arena_calloc(arena, draft->given_count, sizeof *plan->copies);
    plan->required = arena_calloc(arena, draft->given_count, sizeof *plan->required);
    plan->made = arena_calloc(arena, draft->given_count, sizeof *plan->made);
    plan->absent = arena_calloc(arena, draft->output->column_count, sizeof *plan->absent);
    for (uint32_t i = 0; i < draft->given_count; i++) {
        const struct given *given = &draft->given[i];
        const struct row_column *to = &draft->output->columns[given->to];
        if (given->from < 0) {
            plan->made[plan->made_count++] = (struct plan_made){true, computed++, given->to};
        } else if (!same_values(draft->input->columns[given->from].type, to->type)) {
            plan->made[plan->made_count++] = (struct plan_made){false, (uint32_t)given->from, given->to};
        } else {
            struct plan_copy copy = {(uint32_t)given->from, given->to};
            plan->copies[plan->copy_count++] = copy;
            if (to->required) plan->required[plan->required_count++] = copy;
        }
    }
    for (uint32_t i = 0; i < draft->output->column_count; i++)
        if (!is_given(draft, i)) plan->absent[plan->absent_count++] = i;
}

// Wraps a SELECT so that only its computed columns are left: SQLite merges the two, and never fetches the others.
static void append_reduced(struct buf *sql, struct slice select, const struct given *given, uint32_t count)
{
    uint32_t computed = 0;
    buf_append_text(sql, "WITH \"the rows\"(");
    for (uint32_t i = 0; i < count; i++) buf_printf(sql, "%sc%u", i ? "," : "", i);
    buf_append_text(sql, ") AS (");
    buf_append(sql, select.data, select.size);
    buf_append_text(sql, "\n) SELECT "); // a new line, because the SELECT may end in a comment
    for (uint32_t i = 0; i < count; i++)
        if (given[i].from < 0) buf_printf(sql, "%sc%u", computed++ ? "," : "", i);
    buf_append_text(sql, computed ? " FROM \"the rows\"" : "1 FROM \"the rows\"");
}

static enum status prepare_reduced(const struct draft *draft, struct slice select, const struct given *given, uint32_t count,
                                   sqlite3_stmt **out, uint32_t *steps, struct err *err)
{
    struct buf sql;
    buf_init(&sql, 2 * BUF_MAX_SQL); // enough: SQLite allows 2000 columns
    append_reduced(&sql, select, given, count);
    enum status status = sandbox_prepare(draft->sandbox, sql.data, sql.size, out, steps, err);
    if (status != OK) err_context(err, "the SELECT, reduced to what it computes, is too much for SQLite");
    buf_fini(&sql);
    return status;
}

// A SELECT that has no more instructions than one without a condition has no condition.
static enum status takes_all(const struct draft *draft, uint32_t steps, bool *all, struct err *err)
{
    char text[256];
    struct given none = {0, 0};
    int size = snprintf(text, sizeof text, "SELECT 1 FROM \"%s\"", draft->input->name);
    sqlite3_stmt *bare = NULL;
    uint32_t bare_steps = 0;
    enum status status = prepare_reduced(draft, (struct slice){text, (size_t)size}, &none, 1, &bare, &bare_steps, err);
    sqlite3_finalize(bare);
    *all = steps == bare_steps;
    return status;
}

// Constants are computed even where there is no row: what fails now would fail every time.
static enum status try_constants(struct sandbox *sandbox, sqlite3_stmt *statement, struct err *err)
{
    sandbox->vtab.row_count = 0;
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) return err_set(err, FATAL, ERR_INTERNAL, "SQLite gives rows of an empty batch");
    if (rc != SQLITE_DONE) return err_set(err, FATAL, ERR_CONFIG, "an expression without columns fails: %s", sqlite3_errmsg(sandbox->db));
    sqlite3_reset(statement);
    return OK;
}

static enum status plan_compile(struct plan *plan, struct draft *draft, const struct transform_route *route, struct arena *arena,
                                struct err *err)
{
    uint32_t steps;
    TRY(lexer_check(route->select, &draft->sql, err));
    TRY(sandbox_prepare(draft->sandbox, draft->sql.data, draft->sql.size, &draft->statement, &steps, err));
    TRY(map_columns(draft, arena, err));
    plan_columns(plan, draft, arena);
    TRY(prepare_reduced(draft, draft->sql, draft->given, draft->given_count, &plan->statement, &steps, err));
    TRY(try_constants(draft->sandbox, plan->statement, err));
    bool all = true;
    for (uint32_t i = 0; i < draft->given_count; i++) all &= draft->given[i].from >= 0;
    if (all) TRY(takes_all(draft, steps, &all, err));
    if (!all) return OK;
    sqlite3_finalize(plan->statement);
    plan->statement = NULL;
    return OK;
}

enum status plan_init(struct plan *plan, struct sandbox *sandbox, const struct transform_route *route, struct arena *arena, struct err *err)
{
    *plan = (struct plan){.name = arena_copy(arena, route->name, strlen(route->name)), .output = route->output};
    struct draft draft = {.sandbox = sandbox, .input = sandbox->vtab.type, .output = route->output};
    enum status status = plan_compile(plan, &draft, route, arena, err);
    sqlite3_finalize(draft.statement);
    return status == OK ? OK : err_context(err, "%s", plan->name);
}

void plan_fini(struct plan *plan)
{
    sqlite3_finalize(plan->statement);
    plan->statement = NULL;
}
