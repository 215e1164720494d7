// SPDX-License-Identifier: Apache-2.0
// Nested values: from the writer's bytes to JSON text, with the reader's fields in the reader's order.
//
// A branch of a union stands for itself, without its name; bytes are a string of the characters U+0000 to U+00FF (as in Avro's own
// JSON); timestamps are microseconds, decimals and uuids text, as in columns.
#include <stdlib.h>

#include "avro/decode.h"
#include "avro/json.h"
#include "model/decimal.h"

static void print_bytes(struct slice bytes, struct buf *out)
{
    buf_append_byte(out, '"');
    for (size_t i = 0, start = 0; i <= bytes.size && !out->full; i++) {
        unsigned char c = i < bytes.size ? (unsigned char)bytes.data[i] : 0x80;
        if (c < 0x80) continue;
        json_print_characters((struct slice){bytes.data + start, i - start}, out);
        if (i < bytes.size) buf_append(out, (char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 63))}, 2);
        start = i + 1;
    }
    buf_append_byte(out, '"');
}

void avro_cell_print(const struct avro_cell *cell, enum avro_shape shape, struct buf *out)
{
    char digits[DECIMAL_TEXT_BYTES];
    switch (cell->type) {
    case COLUMN_INT64:
    case COLUMN_TIMESTAMP:
        if (shape == SHAPE_BOOL)
            buf_append_text(out, cell->int64 ? "true" : "false");
        else
            buf_printf(out, "%lld", (long long)cell->int64);
        break;
    case COLUMN_DOUBLE: buf_append(out, digits, decimal_format(cell->float64, digits)); break;
    case COLUMN_TEXT: json_print_text(cell->text, out); break;
    case COLUMN_BYTES: print_bytes(cell->text, out); break;
    }
}

static void push_piece(struct avro_decode_plan *plan, struct avro_piece piece)
{
    if (plan->piece_count == plan->piece_capacity) {
        plan->piece_capacity = plan->piece_capacity ? 2 * plan->piece_capacity : 64;
        plan->pieces = realloc(plan->pieces, plan->piece_capacity * sizeof *plan->pieces);
        if (!plan->pieces) abort();
    }
    plan->pieces[plan->piece_count++] = piece;
}

static void push_key(struct avro_decode_plan *plan, struct slice key)
{
    if (plan->key_count == plan->key_capacity) {
        plan->key_capacity = plan->key_capacity ? 2 * plan->key_capacity : 64;
        plan->keys = realloc(plan->keys, plan->key_capacity * sizeof *plan->keys);
        if (!plan->keys) abort();
    }
    plan->keys[plan->key_count++] = key;
}

// Puts the pieces of a record, made from `start` on in the writer's order, into the reader's.
static void assemble(struct avro_run *run, const struct avro_node *node, size_t start, size_t base)
{
    struct buf *json = &run->plan->json;
    size_t made = json->size - start;
    if (!buf_reserve(json, made + node->label_bytes)) return;
    size_t from = json->size;
    buf_append_byte(json, '{');
    for (uint32_t i = 0; i < node->slot_count; i++) {
        const struct avro_slot *slot = &node->slots[i];
        struct avro_piece piece = run->plan->pieces[base + i];
        if (i) buf_append_byte(json, ',');
        buf_append(json, slot->label.data, slot->label.size);
        if (slot->fallback.data)
            buf_append(json, slot->fallback.data, slot->fallback.size);
        else
            buf_append(json, json->data + piece.start, piece.end - piece.start);
    }
    buf_append_byte(json, '}');
    memmove(json->data + start, json->data + from, json->size - from);
    json->size = start + (json->size - from);
}

static bool run_record(struct avro_run *run, const struct avro_node *node)
{
    struct avro_decode_plan *plan = run->plan;
    size_t base = plan->piece_count, start = plan->json.size;
    if (!avro_enter(run)) return false;
    for (uint32_t i = 0; i < node->slot_count; i++) push_piece(plan, (struct avro_piece){0});
    for (uint32_t i = 0; i < node->count; i++) {
        const struct avro_input *input = &node->inputs[i];
        size_t piece = plan->json.size;
        if (!(input->node ? avro_node_run(run, input->node) : avro_skip(run, input->type))) return false;
        if (input->node) plan->pieces[base + input->slot] = (struct avro_piece){piece, plan->json.size};
    }
    assemble(run, node, start, base);
    plan->piece_count = base;
    run->depth--;
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return x->size ? memcmp(x->data, y->data, x->size) : 0;
}

// JSON with a name twice means different things to different readers.
static bool keys_are_unique(struct avro_decode_plan *plan, size_t base)
{
    size_t count = plan->key_count - base;
    if (count > 1) qsort(plan->keys + base, count, sizeof *plan->keys, compare_keys);
    plan->key_count = base;
    for (size_t i = base + 1; i < base + count; i++)
        if (slice_equal(plan->keys[i - 1], plan->keys[i])) return false;
    return true;
}

static bool run_key(struct avro_run *run)
{
    struct slice key;
    if (!wire_take_bytes(&run->in, &key) || !wire_is_text(key)) return avro_run_fail(run, "malformed key of a map");
    push_key(run->plan, key);
    json_print_text(key, &run->plan->json);
    buf_append_byte(&run->plan->json, ':');
    return true;
}

static bool run_collection(struct avro_run *run, const struct avro_node *node)
{
    bool map = node->op == NODE_MAP, first = true;
    struct buf *json = &run->plan->json;
    size_t base = run->plan->key_count;
    uint64_t count;
    const unsigned char *end;
    if (!avro_enter(run)) return false;
    buf_append_byte(json, map ? '{' : '[');
    do {
        if (!avro_next_block(run, node->writer, &count, &end)) return false;
        for (uint64_t i = 0; i < count; i++, first = false) {
            if (!first) buf_append_byte(json, ',');
            if (map && !run_key(run)) return false;
            if (!avro_node_run(run, node->items[0])) return false;
        }
        if (end && run->in.at != end) return avro_run_fail(run, "a block does not have the length that it states");
    } while (count);
    buf_append_byte(json, map ? '}' : ']');
    if (map && !keys_are_unique(run->plan, base)) return avro_run_fail(run, "a map has the same key twice");
    run->depth--;
    return true;
}

bool avro_node_run(struct avro_run *run, const struct avro_node *node)
{
    struct avro_cell cell;
    uint32_t index;
    if (!avro_count_value(run)) return false;
    if (run->plan->json.full) return avro_run_fail(run, "nested values need more than %d bytes of JSON", AVRO_DATUM_MAX_JSON_BYTES);
    switch (node->op) {
    case NODE_NULL: buf_append_text(&run->plan->json, "null"); return true;
    case NODE_LEAF:
        if (!avro_leaf_read(run, &node->leaf, &cell)) return false;
        avro_cell_print(&cell, node->leaf.to, &run->plan->json);
        return true;
    case NODE_RECORD: return run_record(run, node);
    case NODE_ARRAY:
    case NODE_MAP: return run_collection(run, node);
    case NODE_UNION:
        if (!wire_take_index(&run->in, node->count, &index)) return avro_run_fail(run, "no branch of the union has that index");
        return avro_node_run(run, node->items[index]);
    case NODE_ERROR: return avro_run_fail(run, "%s", node->reason);
    }
    return false;
}
