// SPDX-License-Identifier: Apache-2.0
// Inside the decode plan: what a (writer type, reader type) pair is compiled to, and the state of one run.
//
//   plan    the steps of a record: one per field of the writer, then one per default that is not null
//   step    one value of the writer into one column (or skipped)
//   leaf    one single value: how it is read, and how it becomes the reader's
//   node    a value inside nested ones, on its way to JSON text
#ifndef FDP_AVRO_DECODE_H
#define FDP_AVRO_DECODE_H

#include "avro/pairs.h"
#include "avro/plan.h"
#include "avro/shape.h"
#include "avro/wire.h"

struct avro_leaf {
    enum avro_shape from, to;
    const struct avro_type *writer, *reader; // their kinds; for sizes, units, symbols, scale
    enum avro_logical logical;               // of the value as it is read: the writer's or, where it has none, the reader's
    const int32_t *symbols;                  // enum to enum: the reader's symbol per writer's, -1 for none
};

enum avro_node_op { NODE_NULL, NODE_LEAF, NODE_RECORD, NODE_ARRAY, NODE_MAP, NODE_UNION, NODE_ERROR };

// A field of the reader, on output.
struct avro_slot {
    struct slice label;    // "name": with quotes and colon
    struct slice fallback; // JSON text of the default; where the writer has the field: {NULL, 0}
};

// A field of the writer, on input.
struct avro_input {
    const struct avro_node *node; // NULL: skipped
    const struct avro_type *type; // the writer's
    uint32_t slot;                // of the reader
};

struct avro_node {
    enum avro_node_op op;
    struct avro_leaf leaf;
    uint32_t count;                  // inputs, branches
    const struct avro_input *inputs; // of a record
    uint32_t slot_count;
    const struct avro_slot *slots;        // of a record
    size_t label_bytes;                   // of a record: all labels, fallbacks and punctuation
    const struct avro_node *const *items; // branches of a union; items[0] of an array or map
    const struct avro_type *writer;
    const char *reason; // of NODE_ERROR
};

// What a step does; those up to STEP_BYTES do with a column what most fields need, without a call.
enum avro_step_op {
    STEP_INT,    // int32 into an INT64 column
    STEP_LONG,   // int64 as it is
    STEP_MILLIS, // to microseconds
    STEP_DOUBLE,
    STEP_FLOAT, // to the double of the same shortest decimal
    STEP_TEXT,
    STEP_BYTES,
    STEP_LEAF, // any other single value
    STEP_JSON, // nested
    STEP_NULL,
    STEP_UNION, // one step per branch
    STEP_SKIP,
    STEP_CONSTANT, // a default
    STEP_ERROR,
};

enum { NO_UNION = 255 };

struct avro_step {
    uint8_t op;
    uint8_t null_branch; // of a union of null and one other: 0 or 1; else NO_UNION
    bool required;       // null is a reject
    uint32_t column;
    uint32_t count; // of branches
    const struct avro_step *branches;
    struct avro_leaf leaf;        // also of the simple ones
    const struct avro_node *node; // of STEP_JSON
    const struct avro_type *type; // the writer's, without its null
    struct avro_cell constant;
    const char *name;   // of the field, for messages
    const char *reason; // of STEP_ERROR
};

// A piece of JSON text that was made for a field, and a key of a map.
struct avro_piece {
    size_t start, end;
};

struct avro_decode_plan {
    struct arena arena;
    const struct row_type *type;
    uint32_t step_count;
    struct avro_step *steps;
    struct buf json; // of the nested value in the making
    struct avro_piece *pieces;
    size_t piece_count, piece_capacity;
    struct slice *keys;
    size_t key_count, key_capacity;
};

// One datum on its way.
struct avro_run {
    struct wire in;
    struct avro_decode_plan *plan;
    struct arena *arena;             // where texts that must be made are made
    unsigned depth, values, empties; // against the limits
    struct err *err;
};

// REJECT with the position; returns false.
bool avro_run_fail(struct avro_run *run, const char *format, ...) PRINTF_LIKE(2, 3);

// Describes how a writer's single value becomes a reader's. NULL, or a reason why it cannot.
const char *avro_leaf_compile(struct avro_leaf *leaf, const struct avro_type *writer, const struct avro_type *reader, struct arena *arena);
bool avro_leaf_read(struct avro_run *run, const struct avro_leaf *leaf, struct avro_cell *out);
// From a cell as `from` gives it to one as `to` wants it (a part of reading). False when the value does not fit.
bool avro_leaf_convert(const struct avro_leaf *leaf, struct avro_cell *cell, struct arena *arena);
// True when there are values of one shape that become values of the other.
bool avro_shape_converts(enum avro_shape from, enum avro_shape to);
// A cell as JSON.
void avro_cell_print(const struct avro_cell *cell, enum avro_shape shape, struct buf *out);

// Reads past a value.
bool avro_skip(struct avro_run *run, const struct avro_type *type);
// Begins the next block of an array or map: how many items (0: it is over), and where it ends when the writer says so (else NULL).
bool avro_next_block(struct avro_run *run, const struct avro_type *collection, uint64_t *count, const unsigned char **end);
// Counts a value, or a level of nesting, against the limits.
bool avro_count_value(struct avro_run *run);
bool avro_enter(struct avro_run *run);

// Appends the JSON text of a nested value to the plan's buffer.
bool avro_node_run(struct avro_run *run, const struct avro_node *node);
// Whatever a step reads, as a cell.
bool avro_step_run(struct avro_run *run, const struct avro_step *step, struct avro_cell *out);

// Compiles (writer, reader) into nodes; never NULL, but NODE_ERROR when they do not fit.
struct avro_compiler {
    struct avro_decode_plan *plan;
    struct pairs nodes; // (writer record, reader record) -> node
    unsigned count;     // of nodes
    unsigned depth;
};
const struct avro_node *avro_node_compile(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader);
// The step for a value of `writer` into the column of a reader's field; may be a STEP_ERROR.
void avro_step_compile(struct avro_compiler *compiler, const struct avro_type *writer, const struct avro_type *reader,
                       struct avro_step *step);
// For each field of the reader the number of the writer's field that it reads, or -1: by name, else by alias.
int *avro_fields_match(struct arena *arena, const struct avro_type *writer, const struct avro_type *reader);

// The value of a field's default, as a cell or as JSON text. REJECT / ERR_REGISTRY when it is no value of the field's type.
enum status avro_default_cell(struct avro_compiler *compiler, const struct avro_field *field, struct avro_cell *out,
                              struct err *err) MUST_CHECK;
enum status avro_default_text(struct avro_compiler *compiler, const struct avro_field *field, struct slice *out,
                              struct err *err) MUST_CHECK;

#endif
