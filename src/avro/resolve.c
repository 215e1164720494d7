// SPDX-License-Identifier: Apache-2.0
// Resolution: what a writer's type means to a reader, compiled into nodes and steps.
//
// Names of records do not count outside of unions (nor do they in Avro Java); fields go by name, then by the reader's aliases.
#include "avro/decode.h"
#include "avro/json.h"
#include "avro/names.h"

static const struct avro_node *compile(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader);

static struct avro_node *node_new(struct avro_compiler *compiler, enum avro_node_op op, const struct avro_type *writer)
{
    struct avro_node *node = arena_calloc(&compiler->plan->arena, 1, sizeof *node);
    node->op = op;
    node->writer = writer;
    compiler->count++;
    return node;
}

static const struct avro_node *error_new(struct avro_compiler *compiler, const char *reason)
{
    struct avro_node *node = node_new(compiler, NODE_ERROR, NULL);
    node->reason = reason;
    return node;
}

// Looks at `hint` first: most fields stand where they stood.
static int field_find(const struct avro_type *record, const char *name, uint32_t hint)
{
    if (hint < record->count && !strcmp(record->fields[hint].name, name)) return (int)hint;
    for (uint32_t i = 0; i < record->count; i++)
        if (!strcmp(record->fields[i].name, name)) return (int)i;
    return -1;
}

int *avro_fields_match(struct arena *arena, const struct avro_type *writer, const struct avro_type *reader)
{
    int *sources = arena_calloc(arena, reader->count, sizeof *sources);
    bool *taken = arena_calloc(arena, writer->count, sizeof *taken);
    for (uint32_t i = 0; i < reader->count; i++) {
        const struct avro_field *field = &reader->fields[i];
        sources[i] = field_find(writer, field->name, i);
        if (sources[i] >= 0) taken[sources[i]] = true;
    }
    // A field of the writer that has a reader by name is not taken away by somebody's alias.
    for (uint32_t i = 0; i < reader->count; i++) {
        const struct avro_field *field = &reader->fields[i];
        for (uint32_t j = 0; j < field->alias_count && sources[i] < 0; j++) {
            int source = field_find(writer, field->aliases[j], i);
            if (source >= 0 && !taken[source]) taken[sources[i] = source] = true;
        }
    }
    return sources;
}

static struct slice label_of(struct arena *arena, const char *name)
{
    struct buf text;
    buf_init(&text, 8 * BUF_MAX_SCHEMA_TEXT);
    json_print_text(slice_of(name), &text);
    buf_append_byte(&text, ':');
    struct slice label = {arena_copy(arena, text.data, text.size), text.size};
    buf_fini(&text);
    return label;
}

// The reader's side of a record: labels, and texts of the defaults that are needed. A reason when one is missing.
static const char *compile_slots(struct avro_compiler *compiler, const struct avro_type *reader, const int *sources, struct avro_node *node)
{
    struct arena *arena = &compiler->plan->arena;
    struct avro_slot *slots = arena_calloc(arena, reader->count, sizeof *slots);
    node->label_bytes = strlen("{}") + reader->count;
    for (uint32_t i = 0; i < reader->count; i++) {
        const struct avro_field *field = &reader->fields[i];
        slots[i].label = label_of(arena, field->name);
        if (sources[i] < 0) {
            struct err err;
            if (!field->default_value) return arena_printf(arena, "the writer has no field \"%s\", and it has no default", field->name);
            if (avro_default_text(compiler, field, &slots[i].fallback, &err) != OK) return arena_copy(arena, err.text, strlen(err.text));
        }
        node->label_bytes += slots[i].label.size + slots[i].fallback.size;
    }
    node->slots = slots;
    node->slot_count = reader->count;
    return NULL;
}

static const struct avro_node *compile_record(struct avro_compiler *compiler, const struct avro_type *writer,
                                              const struct avro_type *reader)
{
    struct avro_node *node = pairs_find(&compiler->nodes, writer, reader);
    if (node) return node;
    node = node_new(compiler, NODE_RECORD, writer);
    pairs_add(&compiler->nodes, writer, reader, node);
    struct arena *arena = &compiler->plan->arena;
    const int *sources = avro_fields_match(arena, writer, reader);
    struct avro_input *inputs = arena_calloc(arena, writer->count, sizeof *inputs);
    for (uint32_t i = 0; i < writer->count; i++) inputs[i].type = writer->fields[i].type;
    const char *reason = compile_slots(compiler, reader, sources, node);
    for (uint32_t i = 0; i < reader->count && !reason; i++) {
        if (sources[i] < 0) continue;
        struct avro_input *input = &inputs[sources[i]];
        input->slot = i;
        input->node = compile(compiler, input->type, reader->fields[i].type);
        if (input->node->op == NODE_ERROR) reason = arena_printf(arena, "field \"%s\": %s", reader->fields[i].name, input->node->reason);
    }
    node->inputs = inputs;
    node->count = writer->count;
    if (reason) {
        node->op = NODE_ERROR;
        node->reason = reason;
    }
    return node;
}

static const struct avro_node *compile_collection(struct avro_compiler *compiler, const struct avro_type *writer,
                                                  const struct avro_type *reader)
{
    // Items that can never be read are no harm as long as there are none.
    struct avro_node *node = node_new(compiler, writer->kind == AVRO_ARRAY ? NODE_ARRAY : NODE_MAP, writer);
    const struct avro_node **items = arena_calloc(&compiler->plan->arena, 1, sizeof *items);
    items[0] = compile(compiler, writer->items, reader->items);
    node->items = items;
    return node;
}

static const struct avro_node *compile_writer_union(struct avro_compiler *compiler, const struct avro_type *writer,
                                                    const struct avro_type *reader)
{
    struct avro_node *node = node_new(compiler, NODE_UNION, writer);
    const struct avro_node **items = arena_calloc(&compiler->plan->arena, writer->count, sizeof *items);
    bool any = false;
    for (uint32_t i = 0; i < writer->count; i++) {
        items[i] = compile(compiler, writer->branches[i], reader);
        any |= items[i]->op != NODE_ERROR;
    }
    if (writer->count && !any) return items[0];
    node->items = items;
    node->count = writer->count;
    return node;
}

static bool has_name(const struct avro_type *reader, const char *full_name)
{
    if (!strcmp(reader->full_name, full_name)) return true;
    for (uint32_t i = 0; i < reader->alias_count; i++)
        if (!strcmp(reader->aliases[i], full_name)) return true;
    return false;
}

static bool promotes(enum avro_kind from, enum avro_kind to)
{
    switch (from) {
    case AVRO_INT: return to == AVRO_LONG || to == AVRO_FLOAT || to == AVRO_DOUBLE;
    case AVRO_LONG: return to == AVRO_FLOAT || to == AVRO_DOUBLE;
    case AVRO_FLOAT: return to == AVRO_DOUBLE;
    case AVRO_STRING: return to == AVRO_BYTES;
    case AVRO_BYTES: return to == AVRO_STRING;
    case AVRO_NULL:
    case AVRO_BOOLEAN:
    case AVRO_DOUBLE:
    case AVRO_RECORD:
    case AVRO_ENUM:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION:
    case AVRO_FIXED: return false;
    }
    return false;
}

// How good a branch is, best first; the first branch of the best kind wins.
enum match { MATCH_NAME, MATCH_LAST_NAME, MATCH_STRUCTURE, MATCH_PROMOTION, MATCH_CONVERSION, MATCH_NONE };

static enum match branch_match(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *branch)
{
    struct avro_leaf leaf;
    if (writer->kind == branch->kind) {
        if (!writer->full_name || has_name(branch, writer->full_name)) return MATCH_NAME;
        bool fits = compile(compiler, writer, branch)->op != NODE_ERROR;
        if (fits && !strcmp(writer->name, branch->name)) return MATCH_LAST_NAME;
        return fits ? MATCH_STRUCTURE : MATCH_NONE;
    }
    if (promotes(writer->kind, branch->kind)) return MATCH_PROMOTION;
    if (avro_shape_of(writer) == SHAPE_NESTED || avro_shape_of(branch) == SHAPE_NESTED) return MATCH_NONE;
    return avro_leaf_compile(&leaf, writer, branch, &compiler->plan->arena) ? MATCH_NONE : MATCH_CONVERSION;
}

static const struct avro_node *compile_reader_union(struct avro_compiler *compiler, const struct avro_type *writer,
                                                    const struct avro_type *reader)
{
    const struct avro_type *best = NULL;
    enum match best_match = MATCH_NONE;
    for (uint32_t i = 0; i < reader->count && best_match != MATCH_NAME; i++) {
        if (compiler->count > AVRO_PLAN_MAX_NODES) break;
        enum match match = branch_match(compiler, writer, reader->branches[i]);
        if (match >= best_match) continue;
        best = reader->branches[i];
        best_match = match;
    }
    if (best) return compile(compiler, writer, best);
    return error_new(compiler, arena_printf(&compiler->plan->arena, "no branch of the reader's union takes %s",
                                            writer->full_name ? writer->full_name : avro_kind_name(writer->kind)));
}

static const struct avro_node *compile_leaf(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader)
{
    struct avro_leaf leaf;
    const char *reason = avro_leaf_compile(&leaf, writer, reader, &compiler->plan->arena);
    if (reason) return error_new(compiler, reason);
    struct avro_node *node = node_new(compiler, NODE_LEAF, writer);
    node->leaf = leaf;
    return node;
}

static const struct avro_node *compile(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader)
{
    enum { MAX_DEPTH = 1000 }; // of types that mention each other; data stop far earlier
    if (compiler->count > AVRO_PLAN_MAX_NODES || compiler->depth > MAX_DEPTH)
        return error_new(compiler, "the schemas have too many types to resolve");
    const struct avro_node *node;
    compiler->depth++;
    if (writer->kind == AVRO_UNION)
        node = compile_writer_union(compiler, writer, reader);
    else if (reader->kind == AVRO_UNION)
        node = compile_reader_union(compiler, writer, reader);
    else if (writer->kind == AVRO_NULL && reader->kind == AVRO_NULL)
        node = node_new(compiler, NODE_NULL, writer);
    else if (writer->kind == reader->kind && writer->kind == AVRO_RECORD)
        node = compile_record(compiler, writer, reader);
    else if (writer->kind == reader->kind && (writer->kind == AVRO_ARRAY || writer->kind == AVRO_MAP))
        node = compile_collection(compiler, writer, reader);
    else
        node = compile_leaf(compiler, writer, reader);
    compiler->depth--;
    return node;
}

const struct avro_node *avro_node_compile(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader)
{
    return compile(compiler, writer, reader);
}
