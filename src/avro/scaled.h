// SPDX-License-Identifier: Apache-2.0
// Values of the logical types decimal and uuid as text: "-12.30", "6ba7b810-9dad-11d1-80b4-00c04fd430c8".
#ifndef FDP_AVRO_SCALED_H
#define FDP_AVRO_SCALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
    SCALED_MAX_PRECISION = 1000,                        // decimal digits; a schema that asks for more has plain bytes
    SCALED_MAX_BYTES = 512,                             // of the integer: enough for that many digits
    SCALED_TEXT_BYTES = 2 * SCALED_MAX_PRECISION + 300, // a text of scaled_to_text with its NUL
    UUID_BYTES = 16,
    UUID_TEXT_BYTES = 36,
};

// Two's complement integer, big-endian, times 10^-scale, with exactly `scale` digits behind the point. Returns the length of the text,
// or 0 when the integer is empty, or has more digits than the precision.
size_t scaled_to_text(const unsigned char *bytes, size_t size, int32_t precision, int32_t scale, char out[SCALED_TEXT_BYTES]);

// The reverse: the shortest integer for a decimal number in text (an exponent is allowed). False when it is no number, has digits that
// the scale cannot hold, or more digits than the precision.
bool scaled_from_text(struct slice text, int32_t precision, int32_t scale, unsigned char out[SCALED_MAX_BYTES], size_t *size);

// Lower case; without NUL.
void uuid_to_text(const unsigned char bytes[UUID_BYTES], char out[UUID_TEXT_BYTES]);
bool uuid_from_text(struct slice text, unsigned char out[UUID_BYTES]);

#endif
