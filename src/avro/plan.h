// SPDX-License-Identifier: Apache-2.0
// Compiled Avro: flat plans that move between Avro binary and the columns of a batch. Pure, no I/O.
//
// A decode plan is made once per (writer schema, reader schema); after that a record costs one pass over its bytes. Avro's resolution
// rules apply (promotion, projection, fields by name or alias, defaults, unions, enums with default), and beyond them conversion by
// field name: number to text, text to number, text to timestamp (an integer of 10, 13 or 16 digits is seconds, milliseconds or
// microseconds; ISO 8601, UTC where no zone is given). An Avro float read into a double becomes the double whose shortest decimal is
// the float's. The whole table of conversions is in docs/internals/avro.md.
//
// How a reader's fields become columns (avro_row_type): int, long -> INT64; float, double -> DOUBLE; string, enum, uuid, decimal ->
// TEXT; bytes, fixed -> BYTES; timestamp-* -> TIMESTAMP; boolean -> INT64 0/1; date, time-* -> INT64; a union of one of these with null
// is that column, nullable; everything else (record, array, map, other unions) -> TEXT holding JSON, in which a branch of a union stands
// without its name, bytes are the characters U+0000 to U+00FF, and all else is as in columns. local-timestamp-* counts as timestamp-*.
//
// Plans point into the schemas and the row type that they are made from: those must outlive them.
//
// Hostile bytes: every length, count, index and depth is checked before use; the result is rows or REJECT with a reason. NaN,
// infinities, text with NUL or malformed UTF-8 are rejects.
#ifndef FDP_AVRO_PLAN_H
#define FDP_AVRO_PLAN_H

#include "avro/schema.h"
#include "model/batch.h"

enum {
    AVRO_DATUM_MAX_DEPTH = 64,           // nesting of values
    AVRO_DATUM_MAX_EMPTY_ITEMS = 1024,   // per datum: elements that take no bytes (null, empty record)
    AVRO_DATUM_MAX_VALUES = 2 << 20,     // nested or skipped
    AVRO_DATUM_MAX_JSON_BYTES = 4 << 20, // of one nested value as JSON
    AVRO_PLAN_MAX_NODES = 200000,        // pairs of types that a plan may have to tell apart
};

// The visible columns that a reader schema (a record) means, allocated in `arena`. Not-null fields are `required`.
enum status avro_row_type(const struct avro_schema *reader, const char *name, struct arena *arena, struct row_type **out,
                          struct err *err) MUST_CHECK;

struct avro_decode_plan;

// `type` is the row type to fill: columns are found by the reader's field names; columns that the reader has not are left null.
// Errors: REJECT / ERR_REGISTRY when the schemas can never resolve (the text names the field).
enum status avro_decode_plan_new(const struct avro_schema *writer, const struct avro_schema *reader, const struct row_type *type,
                                 struct avro_decode_plan **out, struct err *err) MUST_CHECK;
void avro_decode_plan_free(struct avro_decode_plan *plan);

// Decodes one datum into row `row` (begun, not committed) of `batch`, whose type is the plan's. Texts and bytes point into `data`,
// which must outlive the batch, or are made in the batch's arena. All of `size` must be used up. REJECT leaves the row half filled:
// begin it again. A plan may be used by one thread at a time.
enum status avro_decode(struct avro_decode_plan *plan, const void *data, size_t size, struct batch *batch, uint32_t row,
                        struct err *err) MUST_CHECK;

struct avro_encode_plan;

// From rows of `type` to data of `writer`: columns are found by field name or alias; a field without a column takes its default. Values
// convert as in decoding; a TEXT column is JSON where the field is nested (see above), each union taking the first branch that reads
// back as the same JSON, else the first that fits.
enum status avro_encode_plan_new(const struct row_type *type, const struct avro_schema *writer, struct avro_encode_plan **out,
                                 struct err *err) MUST_CHECK;
void avro_encode_plan_free(struct avro_encode_plan *plan);

// Appends the datum of one row to `out`. REJECT when a value does not fit its field (null in a required one, out of range, not in the
// enum), or the datum might not fit the buffer's maximum; then `out` is as it was. A timestamp finer than the field's unit is cut.
enum status avro_encode(struct avro_encode_plan *plan, const struct batch *batch, uint32_t row, struct buf *out,
                        struct err *err) MUST_CHECK;

#endif
