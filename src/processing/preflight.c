// SPDX-License-Identifier: Apache-2.0
// Trying routes.
#include "processing/preflight.h"

#include <string.h>

#include "processing/tick.h"

// --- What a table lacks ---

static bool has_column(const struct row_type *type, const char *name)
{
    for (uint32_t i = 0; i < type->column_count; i++)
        if (!strcasecmp(type->columns[i].name, name)) return true;
    return false;
}

static bool compiles(const struct row_type *input, const struct transform_route *route, const struct row_type *output)
{
    struct err ignored;
    struct transform *transform;
    struct transform_route tried = *route;
    tried.output = output;
    if (transform_new(input, &tried, 1, &transform, &ignored) != OK) return false;
    transform_free(transform);
    return true;
}

// The table with what it lacks of the input, behind its own columns.
static struct row_type widen(const struct row_type *table, const struct row_type *input, struct arena *arena)
{
    struct row_column *columns = arena_calloc(arena, table->column_count + input->column_count, sizeof *columns);
    struct row_type wide = {table->name, table->column_count, columns};
    memcpy(columns, table->columns, table->column_count * sizeof *columns);
    for (uint32_t i = 0; i < input->column_count; i++) {
        if (input->columns[i].hidden || has_column(table, input->columns[i].name)) continue;
        columns[wide.column_count] = input->columns[i];
        columns[wide.column_count++].required = false;
    }
    return wide;
}

static struct row_type without(const struct row_type *type, uint32_t column, struct arena *arena)
{
    struct row_column *columns = arena_calloc(arena, type->column_count, sizeof *columns);
    memcpy(columns, type->columns, column * sizeof *columns);
    memcpy(columns + column, type->columns + column + 1, (type->column_count - column - 1) * sizeof *columns);
    return (struct row_type){type->name, type->column_count - 1, columns};
}

enum status preflight_explain(const struct row_type *input, const struct transform_route *route, const struct sink *sink, struct err *err)
{
    struct arena arena;
    struct buf names, statements;
    const struct row_type *table = route->output;
    arena_init(&arena, 4096);
    buf_init(&names, ERR_TEXT_BYTES);
    buf_init(&statements, ERR_TEXT_BYTES);
    struct row_type wide = widen(table, input, &arena);
    bool wide_enough = compiles(input, route, &wide);
    for (uint32_t i = table->column_count; i < wide.column_count && wide_enough; i++) {
        struct row_type narrower = without(&wide, i, &arena);
        if (compiles(input, route, &narrower)) continue;
        const struct row_column *column = &wide.columns[i];
        buf_printf(&names, "%s%s", names.size ? ", " : "", column->name);
        buf_printf(&statements, "%sALTER TABLE \"%s\" ADD COLUMN \"%s\" %s", statements.size ? "; " : "", table->name, column->name,
                   sink_type_name(sink, column->type));
    }
    if (names.size)
        err_set(err, err->status, err->code, "%s: the table %s lacks the column%s %.*s, which the SELECT gives; run: %.*s", route->name,
                table->name, memchr(names.data, ',', names.size) ? "s" : "", SLICE_ARG(buf_slice(&names)),
                SLICE_ARG(buf_slice(&statements)));
    buf_fini(&names);
    buf_fini(&statements);
    arena_fini(&arena);
    return err->status;
}

// --- What is of another type ---

// What says in a SELECT that a column is to be stored as another type.
static const char *as_given(enum column_type from, const struct row_column *to)
{
    if (to->flag) return "%s <> 0";
    switch (to->type) {
    case COLUMN_INT64: return "CAST(%s AS INTEGER)";
    case COLUMN_DOUBLE: return "CAST(%s AS REAL)";
    case COLUMN_BYTES: return "CAST(%s AS BLOB)";
    case COLUMN_TEXT: return from == COLUMN_TIMESTAMP ? "iso8601(%s)" : "CAST(%s AS TEXT)";
    case COLUMN_TIMESTAMP: return "timestamp(%s)";
    }
    return "%s";
}

static enum status refuse_type(const struct row_column *from, const struct row_column *to, const struct transform_route *route,
                               const struct sink *sink, struct err *err)
{
    struct buf sql, given;
    buf_init(&sql, ERR_TEXT_BYTES / 3);
    buf_init(&given, ERR_TEXT_BYTES / 4);
    sink_append_retype(&sql, sink, route->output->name, to, from->type);
    for (const char *c = as_given(from->type, to); *c; c++) {
        if (*c != '%') {
            buf_append_byte(&given, *c);
            continue;
        }
        buf_append_text(&given, from->name);
        c++;
    }
    err_set(
        err, FATAL, ERR_CONFIG,
        "%s: column %s of table %s is of type %s, and the records have a value of type %s; run: %.*s; or, if it is to be so, give %.*s AS"
        " %s in the SELECT",
        route->name, to->name, route->output->name, to->declared, column_type_name(from->type), SLICE_ARG(buf_slice(&sql)),
        SLICE_ARG(buf_slice(&given)), to->name);
    buf_fini(&sql);
    buf_fini(&given);
    return FATAL;
}

enum status preflight_types(const struct row_type *input, const struct transform *transform, uint32_t number,
                            const struct transform_route *route, const struct sink *sink, struct err *err)
{
    uint32_t from, to;
    for (uint32_t i = 0; transform_named(transform, number, i, &from, &to); i++) {
        const struct row_column *there = &route->output->columns[to], *here = &input->columns[from];
        if (!there->declared || strcasecmp(here->name, there->name) != 0) continue;
        if (here->type != there->type || here->flag != there->flag) return refuse_type(here, there, route, sink, err);
    }
    return OK;
}

// --- All routes ---

static enum status try_route(const struct config *config, uint32_t index, struct tick_decoder *decoder, struct sink *sink, struct err *err)
{
    struct arena arena;
    struct row_type *table;
    struct transform *transform;
    const struct config_route *route = &config->processing.routes.items[index];
    arena_init(&arena, 4096);
    enum status status = sink->ops->table(sink, route->table, &arena, &table, err);
    if (status != OK) {
        err_set(err, err->status, err->code, "processing.routes[%u] leads to the table %s, but %.600s; make it, or correct the route",
                index, route->table, arena_printf(&arena, "%s", err->text));
    } else {
        struct transform_route tried = {arena_printf(&arena, "processing.routes[%u]", index), route->select, table};
        status = transform_new(tick_decoder_type(decoder), &tried, 1, &transform, err);
        if (status == OK) {
            status = preflight_types(tick_decoder_type(decoder), transform, 0, &tried, sink, err);
            transform_free(transform);
        } else {
            preflight_explain(tick_decoder_type(decoder), &tried, sink, err);
        }
    }
    arena_fini(&arena);
    return status;
}

static enum status try_with_schemas(const struct config *config, uint32_t index, struct sink *sink, struct err *err)
{
    struct tick_decoder *decoder = NULL;
    enum status status = tick_decoder_new(&decoder, config->streaming.schemas, config->processing.routes.items[index].topic, NULL, err);
    if (status == OK) status = try_route(config, index, decoder, sink, err);
    tick_decoder_free(decoder);
    return status;
}

uint32_t preflight_routes(const struct config *config, struct sink *sink, preflight_fn *problem, void *context)
{
    uint32_t problems = 0;
    for (uint32_t i = 0; i < config->processing.routes.count; i++) {
        struct err err;
        if (try_with_schemas(config, i, sink, &err) == OK) continue;
        problem(context, i, err.text);
        problems++;
    }
    return problems;
}

enum status preflight_table(const struct config *config, const char *table, struct sink *sink, struct err *err)
{
    for (uint32_t i = 0; i < config->processing.routes.count; i++)
        if (!strcmp(config->processing.routes.items[i].table, table)) TRY(try_with_schemas(config, i, sink, err));
    return OK;
}
