// SPDX-License-Identifier: Apache-2.0
// Confluent's wire framing of a record's value: 0x00, schema id (4 bytes, big-endian), Avro. Knows nothing else.
#ifndef FDP_AVRO_FRAMING_H
#define FDP_AVRO_FRAMING_H

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

enum { AVRO_FRAME_BYTES = 5 };

// Splits a value into schema id and Avro bytes. REJECT when it is too short, starts with another byte, or the id is not 1..2^31-1.
enum status avro_unframe(struct slice value, int32_t *schema_id, struct slice *datum, struct err *err) MUST_CHECK;

// Writes the five bytes.
void avro_frame(int32_t schema_id, unsigned char out[AVRO_FRAME_BYTES]);

#endif
