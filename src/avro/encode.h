// SPDX-License-Identifier: Apache-2.0
// Inside the encode plan: single values and JSON to Avro's binary form.
#ifndef FDP_AVRO_ENCODE_H
#define FDP_AVRO_ENCODE_H

#include "avro/decode.h"
#include "avro/json.h"

// One datum on its way out.
struct avro_output {
    struct buf *out;
    struct arena *arena;    // for texts that are made on the way
    unsigned depth, values; // against the limits
    struct err *err;        // NULL while branches of a union are tried
};

// REJECT; returns false.
bool avro_output_fail(struct avro_output *output, const char *format, ...) PRINTF_LIKE(2, 3);

void avro_put_long(struct buf *out, int64_t value);
// A value that is in the terms of the column of `type`, a single type. False when it does not fit.
bool avro_put_cell(struct avro_output *output, const struct avro_type *type, const struct avro_cell *cell);
// The same for a cell of any column: converted first.
bool avro_put_converted(struct avro_output *output, const struct avro_type *type, enum avro_shape from, struct avro_cell cell);

// What a JSON value means: a default as the specification has it (bytes for decimals, ticks for timestamps), a value as columns have it
// (and what converts to it), or the latter to the letter: what decoding gives back is the same text.
enum avro_meaning { MEANS_DEFAULT, MEANS_VALUE, MEANS_EXACTLY };

// Any type. Branches of a union are tried in order, first to the letter.
bool avro_put_json(struct avro_output *output, const struct avro_type *type, const struct json *json, enum avro_meaning meaning);

// The datum of a default. REJECT / ERR_REGISTRY when it is no value of the type; then `out` may hold a part of it.
enum status avro_encode_default(const struct avro_type *type, const struct json *json, struct buf *out, struct err *err) MUST_CHECK;

#endif
