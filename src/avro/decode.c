// SPDX-License-Identifier: Apache-2.0
// Decode plans: made once per pair of schemas, then one pass over the bytes of each record.
#include "avro/decode.h"

#include <stdlib.h>

#include "avro/names.h"
#include "model/decimal.h"

static enum status check_columns(const struct avro_type *reader, const struct row_type *type, struct err *err)
{
    for (uint32_t i = 0; i < type->column_count; i++) {
        const struct row_column *column = &type->columns[i];
        const struct avro_field *field = NULL;
        for (uint32_t j = 0; j < reader->count && !field; j++)
            if (!strcmp(reader->fields[j].name, column->name)) field = &reader->fields[j];
        if (!field && column->required)
            return err_set(err, REJECT, ERR_REGISTRY, "column \"%s\" of %s must have a value, and the reader schema has no such field",
                           column->name, type->name);
        if (field && avro_column_of(field->type).type != column->type)
            return err_set(err, REJECT, ERR_REGISTRY, "column \"%s\" of %s is %s, but the reader schema's field gives %s", column->name,
                           type->name, column_type_name(column->type), column_type_name(avro_column_of(field->type).type));
    }
    return OK;
}

static enum status compile_default(struct avro_compiler *compiler, const struct avro_field *field, uint32_t column, struct err *err)
{
    struct avro_decode_plan *plan = compiler->plan;
    struct avro_step *step = &plan->steps[plan->step_count];
    *step = (struct avro_step){.op = STEP_CONSTANT, .null_branch = NO_UNION, .column = column, .name = field->name};
    if (!field->default_value)
        return err_set(err, REJECT, ERR_REGISTRY, "the writer schema has no field \"%s\", and the reader schema gives no default for it",
                       field->name);
    TRY(avro_default_cell(compiler, field, &step->constant, err));
    // A row begins with nulls.
    if (!step->constant.null) plan->step_count++;
    return OK;
}

static enum status compile_steps(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader,
                                 struct err *err)
{
    struct avro_decode_plan *plan = compiler->plan;
    const int *sources = avro_fields_match(&plan->arena, writer, reader);
    plan->steps = arena_calloc(&plan->arena, (size_t)writer->count + reader->count, sizeof *plan->steps);
    plan->step_count = writer->count;
    for (uint32_t i = 0; i < writer->count; i++)
        plan->steps[i] =
            (struct avro_step){.op = STEP_SKIP, .null_branch = NO_UNION, .type = writer->fields[i].type, .name = writer->fields[i].name};
    for (uint32_t i = 0; i < reader->count; i++) {
        const struct avro_field *field = &reader->fields[i];
        int column = row_type_column(plan->type, slice_of(field->name));
        if (column < 0) continue;
        if (sources[i] < 0) {
            TRY(compile_default(compiler, field, (uint32_t)column, err));
            continue;
        }
        struct avro_step *step = &plan->steps[sources[i]];
        step->column = (uint32_t)column;
        step->name = field->name;
        avro_step_compile(compiler, step->type, field->type, step);
        if (step->op == STEP_ERROR && step->null_branch == NO_UNION)
            return err_set(err, REJECT, ERR_REGISTRY, "field \"%s\": %s", field->name, step->reason);
    }
    return OK;
}

enum status avro_decode_plan_new(const struct avro_schema *writer, const struct avro_schema *reader, const struct row_type *type,
                                 struct avro_decode_plan **out, struct err *err)
{
    *out = NULL;
    if (writer->root->kind != AVRO_RECORD || reader->root->kind != AVRO_RECORD)
        return err_set(err, REJECT, ERR_REGISTRY, "rows need schemas that are records; writer is %s, reader is %s",
                       avro_kind_name(writer->root->kind), avro_kind_name(reader->root->kind));
    TRY(check_columns(reader->root, type, err));
    struct avro_decode_plan *plan = calloc(1, sizeof *plan);
    if (!plan) abort();
    plan->type = type;
    arena_init(&plan->arena, 4096);
    buf_init(&plan->json, AVRO_DATUM_MAX_JSON_BYTES);
    struct avro_compiler compiler = {.plan = plan};
    enum status status = compile_steps(&compiler, writer->root, reader->root, err);
    pairs_fini(&compiler.nodes);
    if (status != OK) {
        avro_decode_plan_free(plan);
        return status;
    }
    *out = plan;
    return OK;
}

void avro_decode_plan_free(struct avro_decode_plan *plan)
{
    if (!plan) return;
    arena_fini(&plan->arena);
    buf_fini(&plan->json);
    free(plan->pieces);
    free(plan->keys);
    free(plan);
}

// The steps that are not simple: through a cell.
static bool run_through_cell(struct avro_run *run, const struct avro_step *step, struct batch *batch, uint32_t row)
{
    struct avro_cell cell;
    if (!avro_step_run(run, step, &cell)) return false;
    if (cell.null) return true;
    if (step->op == STEP_CONSTANT && (cell.type == COLUMN_TEXT || cell.type == COLUMN_BYTES))
        cell.text.data = arena_copy(run->arena, cell.text.data, cell.text.size);
    switch (cell.type) {
    case COLUMN_INT64:
    case COLUMN_TIMESTAMP: batch_set_int64(batch, step->column, row, cell.int64); break;
    case COLUMN_DOUBLE: batch_set_double(batch, step->column, row, cell.float64); break;
    case COLUMN_TEXT:
    case COLUMN_BYTES: batch_set_slice(batch, step->column, row, cell.text); break;
    }
    return true;
}

static inline bool run_simple(struct avro_run *run, const struct avro_step *step, struct batch *batch, uint32_t row)
{
    int64_t number;
    double real;
    float narrow;
    struct slice bytes;
    switch (step->op) {
    case STEP_INT:
        if (!wire_take_int(&run->in, &number)) return avro_run_fail(run, "malformed int");
        batch_set_int64(batch, step->column, row, number);
        return true;
    case STEP_LONG:
    case STEP_MILLIS:
        if (!wire_take_long(&run->in, &number)) return avro_run_fail(run, "malformed long");
        if (step->op == STEP_MILLIS && __builtin_mul_overflow(number, 1000, &number))
            return avro_run_fail(run, "a timestamp is out of range");
        batch_set_int64(batch, step->column, row, number);
        return true;
    case STEP_DOUBLE:
    case STEP_FLOAT:
        if (step->op == STEP_DOUBLE ? !wire_take_double(&run->in, &real) : !wire_take_float(&run->in, &narrow))
            return avro_run_fail(run, "a number is longer than what is left");
        if (step->op == STEP_FLOAT) real = decimal_from_float(narrow);
        if (!wire_is_finite(real)) return avro_run_fail(run, "a number is NaN or infinite");
        batch_set_double(batch, step->column, row, real);
        return true;
    default: // STEP_TEXT, STEP_BYTES
        if (!wire_take_bytes(&run->in, &bytes)) return avro_run_fail(run, "a string is longer than what is left");
        if (step->op == STEP_TEXT && !wire_is_text(bytes)) return avro_run_fail(run, "a string is not UTF-8 or has NUL in it");
        batch_set_slice(batch, step->column, row, bytes);
        return true;
    }
}

// For a simple step: reads the branch of a union with null. False when the step has nothing more to do, or it failed.
static inline bool has_value(struct avro_run *run, const struct avro_step *step, bool *failed)
{
    uint32_t branch;
    if (step->null_branch == NO_UNION) return true;
    if (run->in.at < run->in.end && *run->in.at <= 2 && !(*run->in.at & 1)) {
        branch = *run->in.at++ >> 1;
    } else if (!wire_take_index(&run->in, 2, &branch)) {
        *failed = true;
        return avro_run_fail(run, "no branch of the union has that index");
    }
    if (branch != step->null_branch) return true;
    if (step->required) {
        *failed = true;
        return avro_run_fail(run, "null in a field that must have a value");
    }
    return false;
}

enum status avro_decode(struct avro_decode_plan *plan, const void *data, size_t size, struct batch *batch, uint32_t row, struct err *err)
{
    const unsigned char *bytes = data;
    struct avro_run run = {.in = {bytes, bytes, bytes + size}, .plan = plan, .arena = &batch->arena, .depth = 1, .err = err};
    const struct avro_step *end = plan->steps + plan->step_count;
    for (const struct avro_step *step = plan->steps; step < end; step++) {
        bool failed = false;
        if (step->op > STEP_BYTES)
            failed = !run_through_cell(&run, step, batch, row);
        else if (has_value(&run, step, &failed))
            failed = !run_simple(&run, step, batch, row);
        if (failed) {
            if (err) err_context(err, "field \"%s\"", step->name);
            return REJECT;
        }
    }
    if (run.in.at == run.in.end) return OK;
    return err_set(err, REJECT, ERR_STREAM, "%zu bytes follow the end of the Avro datum", wire_left(&run.in));
}
