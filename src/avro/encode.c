// SPDX-License-Identifier: Apache-2.0
// Encode plans: one pass that measures what has no fixed size, one reservation, one pass that writes.
#include "avro/encode.h"

#include <stdlib.h>

#include "avro/names.h"

enum encode_op {
    ENCODE_INT,
    ENCODE_LONG,   // also timestamps in microseconds
    ENCODE_MILLIS, // from microseconds
    ENCODE_DOUBLE,
    ENCODE_TEXT,     // string, bytes
    ENCODE_CONSTANT, // a default
    ENCODE_VALUE,    // any other single value
    ENCODE_JSON,     // nested
    ENCODE_NULL,     // a field that is always null
};

enum { MAX_VARINT = 10, MAX_PREFIX = 4 };

// The index of a union's branch, ready to write; of no union: empty.
struct prefix {
    uint8_t size;
    unsigned char bytes[MAX_PREFIX];
};

struct encode_step {
    uint8_t op;
    bool nullable;
    uint32_t column;
    struct prefix value, null;
    const struct avro_type *type; // single: of the branch; nested: of the field
    enum avro_shape from;         // of the column
    struct slice constant;
    const char *name;
};

struct avro_encode_plan {
    struct arena arena, scratch; // of the plan; of one record
    const struct row_type *type;
    uint32_t step_count;
    struct encode_step *steps;
    size_t room;       // the most that everything but texts, values and nested ones can take
    struct buf made;   // values and nested ones of one record, one after the other
    size_t *made_ends; // by step
};

static struct prefix prefix_of(int branch)
{
    struct prefix prefix = {0};
    for (unsigned bits = (unsigned)branch << 1;; bits >>= 7) {
        prefix.bytes[prefix.size++] = (unsigned char)(bits < 0x80 ? bits : (bits & 0x7f) | 0x80);
        if (bits < 0x80) return prefix;
    }
}

static enum avro_shape shape_of_column(enum column_type type)
{
    switch (type) {
    case COLUMN_INT64: return SHAPE_INT64;
    case COLUMN_DOUBLE: return SHAPE_DOUBLE;
    case COLUMN_TEXT: return SHAPE_TEXT;
    case COLUMN_BYTES: return SHAPE_BYTES;
    case COLUMN_TIMESTAMP: return SHAPE_TIMESTAMP;
    }
    return SHAPE_NESTED;
}

static int column_of_field(const struct row_type *type, const struct avro_field *field)
{
    int column = row_type_column(type, slice_of(field->name));
    for (uint32_t i = 0; column < 0 && i < field->alias_count; i++) column = row_type_column(type, slice_of(field->aliases[i]));
    return column;
}

static enum encode_op op_of(enum avro_shape from, const struct avro_type *type)
{
    enum avro_shape to = avro_shape_of(type);
    if (from == SHAPE_INT64 && to == SHAPE_INT32) return ENCODE_INT;
    if (from == SHAPE_INT64 && to == SHAPE_INT64) return ENCODE_LONG;
    if (from == SHAPE_DOUBLE && to == SHAPE_DOUBLE) return ENCODE_DOUBLE;
    if ((from == SHAPE_TEXT && to == SHAPE_TEXT) || (from == SHAPE_BYTES && to == SHAPE_BYTES)) return ENCODE_TEXT;
    if (from == SHAPE_TIMESTAMP && to == SHAPE_TIMESTAMP) {
        if (avro_ticks_per_second(type->logical) == 1000) return ENCODE_MILLIS;
        if (avro_ticks_per_second(type->logical) == 1000000) return ENCODE_LONG;
    }
    return ENCODE_VALUE;
}

// The branch that a column's values go to: one of the column's own type, else the first that they convert to; -1 when there is none.
static int branch_for(const struct avro_type *type, enum column_type column)
{
    enum avro_shape from = shape_of_column(column);
    int convertible = -1;
    for (uint32_t i = 0; i < type->count; i++) {
        enum avro_shape to = avro_shape_of(type->branches[i]);
        if (to == SHAPE_NULL || to == SHAPE_NESTED || !avro_shape_converts(from, to)) continue;
        if (avro_shape_column(to) == column) return (int)i;
        if (convertible < 0) convertible = (int)i;
    }
    return convertible;
}

static enum status compile_constant(struct avro_encode_plan *plan, const struct avro_field *field, struct encode_step *step,
                                    struct err *err)
{
    struct buf bytes;
    if (!field->default_value)
        return err_set(err, REJECT, ERR_REGISTRY, "no column \"%s\" in %s, and the field has no default", field->name, plan->type->name);
    buf_init(&bytes, BUF_MAX_RECORD);
    enum status status = avro_encode_default(field->type, field->default_value, &bytes, err);
    if (status == OK) {
        step->op = ENCODE_CONSTANT;
        step->constant = (struct slice){arena_copy(&plan->arena, bytes.data, bytes.size), bytes.size};
        plan->room += bytes.size;
    } else {
        err_context(err, "the default of field \"%s\"", field->name);
    }
    buf_fini(&bytes);
    return status;
}

static enum status compile_step(struct avro_encode_plan *plan, const struct avro_field *field, struct encode_step *step, struct err *err)
{
    int number = column_of_field(plan->type, field), null_branch = avro_null_branch(field->type), branch = -1;
    step->name = field->name;
    step->type = field->type;
    if (number < 0) return compile_constant(plan, field, step, err);
    enum column_type column = plan->type->columns[number].type;
    step->column = (uint32_t)number;
    step->from = shape_of_column(column);
    step->nullable = field->type->kind == AVRO_NULL || null_branch >= 0;
    if (null_branch >= 0) step->null = prefix_of(null_branch);
    plan->room += MAX_PREFIX + MAX_VARINT;
    if (avro_column_of(field->type).json && column == COLUMN_TEXT) {
        step->op = ENCODE_JSON;
        return OK;
    }
    bool always_null = avro_shape_of(avro_column_of(field->type).value) == SHAPE_NULL;
    if (field->type->kind == AVRO_UNION && !always_null) {
        branch = branch_for(field->type, column);
        step->value = prefix_of(branch < 0 ? 0 : branch);
        if (branch >= 0) step->type = field->type->branches[branch];
    }
    step->op = (uint8_t)(always_null ? ENCODE_NULL : op_of(step->from, step->type));
    if (step->op == ENCODE_VALUE && !avro_shape_converts(step->from, avro_shape_of(step->type)))
        return err_set(err, REJECT, ERR_REGISTRY, "column \"%s\" of %s is %s, which cannot become the field's %s", field->name,
                       plan->type->name, column_type_name(column), avro_kind_name(step->type->kind));
    return OK;
}

enum status avro_encode_plan_new(const struct row_type *type, const struct avro_schema *writer, struct avro_encode_plan **out,
                                 struct err *err)
{
    *out = NULL;
    const struct avro_type *record = writer->root;
    if (record->kind != AVRO_RECORD)
        return err_set(err, REJECT, ERR_REGISTRY, "rows need a schema that is a record; this one is %s", avro_kind_name(record->kind));
    struct avro_encode_plan *plan = calloc(1, sizeof *plan);
    if (!plan) abort();
    plan->type = type;
    plan->step_count = record->count;
    arena_init(&plan->arena, 4096);
    arena_init(&plan->scratch, 4096);
    buf_init(&plan->made, BUF_MAX_RECORD);
    plan->steps = arena_calloc(&plan->arena, record->count, sizeof *plan->steps);
    plan->made_ends = arena_calloc(&plan->arena, record->count, sizeof *plan->made_ends);
    enum status status = OK;
    for (uint32_t i = 0; i < record->count && status == OK; i++) status = compile_step(plan, &record->fields[i], &plan->steps[i], err);
    if (status != OK) {
        avro_encode_plan_free(plan);
        return status;
    }
    *out = plan;
    return OK;
}

void avro_encode_plan_free(struct avro_encode_plan *plan)
{
    if (!plan) return;
    arena_fini(&plan->arena);
    arena_fini(&plan->scratch);
    buf_fini(&plan->made);
    free(plan);
}

static struct avro_cell cell_of(const struct batch *batch, uint32_t column, uint32_t row)
{
    struct avro_cell cell = {.type = batch->type->columns[column].type};
    switch (cell.type) {
    case COLUMN_INT64:
    case COLUMN_TIMESTAMP: cell.int64 = batch->columns[column].int64[row]; break;
    case COLUMN_DOUBLE: cell.float64 = batch->columns[column].float64[row]; break;
    case COLUMN_TEXT:
    case COLUMN_BYTES: cell.text = batch->columns[column].text[row]; break;
    }
    return cell;
}

static bool make_json(struct avro_output *output, const struct encode_step *step, struct slice text)
{
    const struct json *json;
    struct err why;
    if (json_parse(text, JSON_PLAIN, output->arena, &json, &why) != OK) return avro_output_fail(output, "%s", why.text);
    return avro_put_json(output, step->type, json, MEANS_VALUE);
}

// Values that need more than a copy are made aside, one after the other.
static enum status make_values(struct avro_encode_plan *plan, const struct batch *batch, uint32_t row, struct err *err)
{
    struct err why = {.status = REJECT};
    struct avro_output output = {.out = &plan->made, .arena = &plan->scratch, .depth = 1, .err = &why};
    buf_reset(&plan->made);
    arena_reset(&plan->scratch);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct encode_step *step = &plan->steps[i];
        if ((step->op != ENCODE_VALUE && step->op != ENCODE_JSON) || batch_is_null(batch, step->column, row)) continue;
        struct avro_cell cell = cell_of(batch, step->column, row);
        bool done =
            step->op == ENCODE_JSON ? make_json(&output, step, cell.text) : avro_put_converted(&output, step->type, step->from, cell);
        if (!done) return err_set(err, REJECT, ERR_STREAM, "field \"%s\": %s", step->name, why.text);
        if (plan->made.full) return err_set(err, REJECT, ERR_STREAM, "field \"%s\": more than %zu bytes", step->name, plan->made.max);
        plan->made_ends[i] = plan->made.size;
    }
    return OK;
}

static size_t text_bytes(const struct avro_encode_plan *plan, const struct batch *batch, uint32_t row)
{
    size_t size = 0;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct encode_step *step = &plan->steps[i];
        if (step->op == ENCODE_TEXT && !batch_is_null(batch, step->column, row)) size += batch->columns[step->column].text[row].size;
    }
    return size;
}

static inline unsigned char *put_long(unsigned char *to, int64_t value)
{
    uint64_t bits = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    for (; bits >= 0x80; bits >>= 7) *to++ = (unsigned char)(bits | 0x80);
    *to++ = (unsigned char)bits;
    return to;
}

static inline unsigned char *put_prefix(unsigned char *to, const struct prefix *prefix)
{
    memcpy(to, prefix->bytes, MAX_PREFIX);
    return to + prefix->size;
}

static inline unsigned char *put_bytes(unsigned char *to, const char *data, size_t size)
{
    if (size) memcpy(to, data, size);
    return to + size;
}

// Writes one field; NULL when its value does not fit.
static inline unsigned char *put_field(const struct encode_step *step, const struct column *column, uint32_t row, unsigned char *to)
{
    int64_t number;
    double real;
    if (step->value.size) to = put_prefix(to, &step->value);
    switch ((enum encode_op)step->op) {
    case ENCODE_INT: number = column->int64[row]; return number >= INT32_MIN && number <= INT32_MAX ? put_long(to, number) : NULL;
    case ENCODE_LONG: return put_long(to, column->int64[row]);
    case ENCODE_MILLIS: number = column->int64[row]; return put_long(to, number / 1000 - (number % 1000 < 0));
    case ENCODE_DOUBLE: real = column->float64[row]; return wire_is_finite(real) ? put_bytes(to, (const char *)&real, sizeof real) : NULL;
    case ENCODE_TEXT:
        to = put_long(to, (int64_t)column->text[row].size);
        return put_bytes(to, column->text[row].data, column->text[row].size);
    case ENCODE_CONSTANT:
    case ENCODE_VALUE:
    case ENCODE_JSON:
    case ENCODE_NULL: break;
    }
    return NULL;
}

enum status avro_encode(struct avro_encode_plan *plan, const struct batch *batch, uint32_t row, struct buf *out, struct err *err)
{
    TRY(make_values(plan, batch, row, err));
    bool was_full = out->full;
    unsigned char *start = (unsigned char *)buf_reserve(out, plan->room + text_bytes(plan, batch, row) + plan->made.size), *to = start;
    if (!start) {
        out->full = was_full;
        return err_set(err, REJECT, ERR_STREAM, "the Avro datum does not fit a buffer of %zu bytes", out->max);
    }
    size_t made = 0;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct encode_step *step = &plan->steps[i];
        if (step->op == ENCODE_CONSTANT) {
            to = put_bytes(to, step->constant.data, step->constant.size);
        } else if (batch_is_null(batch, step->column, row)) {
            if (!step->nullable)
                return err_set(err, REJECT, ERR_STREAM, "field \"%s\": null in a field that must have a value", step->name);
            to = put_prefix(to, &step->null);
        } else if (step->op == ENCODE_VALUE || step->op == ENCODE_JSON) {
            to = put_prefix(to, &step->value);
            to = put_bytes(to, plan->made.data + made, plan->made_ends[i] - made);
            made = plan->made_ends[i];
        } else if (!(to = put_field(step, &batch->columns[step->column], row, to))) {
            return err_set(err, REJECT, ERR_STREAM, "field \"%s\": a value that does not fit", step->name);
        }
    }
    out->size += (size_t)(to - start);
    return OK;
}
