// SPDX-License-Identifier: Apache-2.0
// Conversions between the types of columns, one value at a time: the rules that records of other schemas, and the results of SQL,
// go through on their way into a column.
//
// Pure. A false means that the value does not convert; then the output is untouched. Texts are taken whole: no spaces around them.
#ifndef FDP_MODEL_CONVERT_H
#define FDP_MODEL_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

// An integer in decimal ("12", "-3") within int64; or another decimal whose value is integral ("12.0", "1e3"), up to 2^53.
bool convert_text_to_int64(struct slice text, int64_t *value) MUST_CHECK;
// A decimal number ("305.76", "-1e-3"); not NaN, infinity, hexadecimal or one beyond the range of double.
bool convert_text_to_double(struct slice text, double *value) MUST_CHECK;
// An instant, in microseconds since 1970 UTC: an integer of 10, 13 or 16 digits (seconds, milliseconds, microseconds; a minus in
// front is allowed), or ISO 8601 as clock_parse takes it (UTC where no zone is given).
bool convert_text_to_timestamp(struct slice text, int64_t *us) MUST_CHECK;

// Only when it is integral and within int64: nothing is rounded.
bool convert_double_to_int64(double value, int64_t *out) MUST_CHECK;

// A bare number that means an instant: 10, 13 or 16 digits are seconds, milliseconds, microseconds; any other count is no instant.
// (Not for what SQL gives for a timestamp column: that is in microseconds already.)
bool convert_int64_to_timestamp(int64_t number, int64_t *us) MUST_CHECK;

// Text made in `arena`, with a NUL behind it. The shortest decimal that reads back as the same double; `value` must be finite.
struct slice convert_int64_to_text(int64_t value, struct arena *arena);
struct slice convert_double_to_text(double value, struct arena *arena);
// "2026-08-13T12:03:09.123Z"; an instant outside the years 0001 to 9999 is written as its integer of microseconds.
struct slice convert_timestamp_to_text(int64_t us, struct arena *arena);

// What a text column may hold: well-formed UTF-8 without NUL.
bool convert_text_is_valid(struct slice text);

#endif
