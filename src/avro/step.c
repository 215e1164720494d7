// SPDX-License-Identifier: Apache-2.0
// Steps: what a value of the writer means to a column, and the values of defaults.
#include "avro/decode.h"
#include "avro/encode.h"

static void step_error(struct avro_step *step, const char *reason)
{
    step->op = STEP_ERROR;
    step->reason = reason;
}

// The simple op for a single value, where there is one.
static enum avro_step_op leaf_op(const struct avro_leaf *leaf)
{
    if (leaf->from == leaf->to) {
        switch (leaf->from) {
        case SHAPE_INT32: return STEP_INT;
        case SHAPE_INT64: return STEP_LONG;
        case SHAPE_DOUBLE: return STEP_DOUBLE;
        case SHAPE_FLOAT: return STEP_FLOAT;
        case SHAPE_TEXT: return STEP_TEXT;
        case SHAPE_BYTES: return STEP_BYTES;
        case SHAPE_TIMESTAMP:
            if (avro_ticks_per_second(leaf->logical) == 1000) return STEP_MILLIS;
            return avro_ticks_per_second(leaf->logical) == 1000000 ? STEP_LONG : STEP_LEAF;
        case SHAPE_NULL:
        case SHAPE_BOOL:
        case SHAPE_DATE:
        case SHAPE_ENUM:
        case SHAPE_DECIMAL:
        case SHAPE_UUID:
        case SHAPE_FIXED:
        case SHAPE_NESTED: return STEP_LEAF;
        }
    }
    if (leaf->from == SHAPE_INT32 && leaf->to == SHAPE_INT64) return STEP_INT;
    if (leaf->from == SHAPE_FLOAT && leaf->to == SHAPE_DOUBLE) return STEP_FLOAT;
    return STEP_LEAF;
}

static void compile_single(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader,
                           struct avro_step *step)
{
    struct avro_column column = avro_column_of(reader);
    step->type = writer;
    if (writer->kind == AVRO_NULL) {
        step->op = STEP_NULL;
        if (!column.nullable) step_error(step, "null in a field that must have a value");
    } else if (column.json) {
        step->op = STEP_JSON;
        step->node = avro_node_compile(compiler, writer, reader);
        if (step->node->op == NODE_ERROR) step_error(step, step->node->reason);
    } else {
        const char *reason = avro_leaf_compile(&step->leaf, writer, column.value, &compiler->plan->arena);
        step->op = (uint8_t)leaf_op(&step->leaf);
        if (reason) step_error(step, reason);
    }
}

static void compile_branches(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader,
                             struct avro_step *step)
{
    struct avro_step *branches = arena_calloc(&compiler->plan->arena, writer->count, sizeof *branches);
    bool any = false;
    for (uint32_t i = 0; i < writer->count; i++) {
        branches[i] = (struct avro_step){.null_branch = NO_UNION, .required = step->required, .column = step->column, .name = step->name};
        compile_single(compiler, writer->branches[i], reader, &branches[i]);
        any |= branches[i].op != STEP_ERROR;
    }
    step->op = STEP_UNION;
    step->branches = branches;
    step->count = writer->count;
    if (!any) step_error(step, writer->count ? branches[0].reason : "the writer's union has no branches");
}

void avro_step_compile(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader,
                       struct avro_step *step)
{
    int null_branch = avro_null_branch(writer);
    step->null_branch = NO_UNION;
    step->required = !avro_column_of(reader).nullable;
    if (writer->kind != AVRO_UNION) {
        compile_single(compiler, writer, reader, step);
    } else if (writer->count == 2 && null_branch >= 0) {
        compile_single(compiler, writer->branches[1 - null_branch], reader, step);
        // Where only nulls can be read, they are.
        if (step->op != STEP_ERROR || !step->required) step->null_branch = (uint8_t)null_branch;
    } else {
        compile_branches(compiler, writer, reader, step);
    }
}

static bool step_union_run(struct avro_run *run, const struct avro_step *step, struct avro_cell *out)
{
    uint32_t index;
    if (!wire_take_index(&run->in, step->count, &index)) return avro_run_fail(run, "no branch of the union has that index");
    return avro_step_run(run, &step->branches[index], out);
}

static bool step_json_run(struct avro_run *run, const struct avro_step *step, struct avro_cell *out)
{
    struct buf *json = &run->plan->json;
    buf_reset(json);
    run->plan->piece_count = run->plan->key_count = 0;
    if (!avro_node_run(run, step->node)) return false;
    if (json->full) return avro_run_fail(run, "nested values need more than %d bytes of JSON", AVRO_DATUM_MAX_JSON_BYTES);
    out->type = COLUMN_TEXT;
    out->text = (struct slice){arena_copy(run->arena, json->data, json->size), json->size};
    return true;
}

bool avro_step_run(struct avro_run *run, const struct avro_step *step, struct avro_cell *out)
{
    uint32_t branch;
    *out = (struct avro_cell){0};
    if (step->null_branch != NO_UNION) {
        if (!wire_take_index(&run->in, 2, &branch)) return avro_run_fail(run, "no branch of the union has that index");
        out->null = branch == step->null_branch;
        if (out->null) return !step->required || avro_run_fail(run, "null in a field that must have a value");
    }
    switch ((enum avro_step_op)step->op) {
    case STEP_INT:
    case STEP_LONG:
    case STEP_MILLIS:
    case STEP_DOUBLE:
    case STEP_FLOAT:
    case STEP_TEXT:
    case STEP_BYTES:
    case STEP_LEAF: return avro_leaf_read(run, &step->leaf, out);
    case STEP_JSON: return step_json_run(run, step, out);
    case STEP_UNION: return step_union_run(run, step, out);
    case STEP_NULL: out->null = true; return true;
    case STEP_SKIP: out->null = true; return avro_skip(run, step->type);
    case STEP_CONSTANT: *out = step->constant; return true;
    case STEP_ERROR: return avro_run_fail(run, "%s", step->reason);
    }
    return false;
}

// A default is encoded in the field's own type and read back, so that it goes the same way as any other value.
static enum status default_bytes(const struct avro_field *field, struct buf *bytes, struct err *err)
{
    struct err why;
    buf_init(bytes, BUF_MAX_RECORD);
    if (avro_encode_default(field->type, field->default_value, bytes, &why) == OK) return OK;
    buf_fini(bytes);
    return err_set(err, REJECT, ERR_REGISTRY, "the default of field \"%s\": %s", field->name, why.text);
}

static struct avro_run default_run(struct avro_compiler *compiler, const struct buf *bytes, struct err *err)
{
    const unsigned char *data = (const unsigned char *)bytes->data;
    return (struct avro_run){.in = {data, data, data + bytes->size}, .plan = compiler->plan, .arena = &compiler->plan->arena, .err = err};
}

enum status avro_default_cell(struct avro_compiler *compiler, const struct avro_field *field, struct avro_cell *out, struct err *err)
{
    struct buf bytes;
    struct err why;
    TRY(default_bytes(field, &bytes, err));
    struct avro_step step = {.name = field->name};
    avro_step_compile(compiler, field->type, field->type, &step);
    struct avro_run run = default_run(compiler, &bytes, &why);
    bool read = avro_step_run(&run, &step, out);
    // Text and bytes may point into what was encoded.
    if (read && !out->null && (out->type == COLUMN_TEXT || out->type == COLUMN_BYTES))
        out->text.data = arena_copy(&compiler->plan->arena, out->text.data, out->text.size);
    buf_fini(&bytes);
    return read ? OK : err_set(err, REJECT, ERR_REGISTRY, "the default of field \"%s\": %s", field->name, why.text);
}

enum status avro_default_text(struct avro_compiler *compiler, const struct avro_field *field, struct slice *out, struct err *err)
{
    struct buf bytes;
    struct err why;
    TRY(default_bytes(field, &bytes, err));
    const struct avro_node *node = avro_node_compile(compiler, field->type, field->type);
    struct avro_run run = default_run(compiler, &bytes, &why);
    struct buf *json = &compiler->plan->json;
    buf_reset(json);
    compiler->plan->piece_count = compiler->plan->key_count = 0;
    bool read = avro_node_run(&run, node) && !json->full;
    if (read) *out = (struct slice){arena_copy(&compiler->plan->arena, json->data, json->size), json->size};
    buf_fini(&bytes);
    return read ? OK : err_set(err, REJECT, ERR_REGISTRY, "the default of field \"%s\" cannot be read", field->name);
}
