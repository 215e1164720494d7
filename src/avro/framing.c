// SPDX-License-Identifier: Apache-2.0
// Wire framing.
#include "avro/framing.h"

enum status avro_unframe(struct slice value, int32_t *schema_id, struct slice *datum, struct err *err)
{
    const unsigned char *bytes = (const unsigned char *)value.data;
    if (value.size < AVRO_FRAME_BYTES)
        return err_set(err, REJECT, ERR_STREAM, "a value of %zu bytes is too short for a schema id", value.size);
    if (bytes[0] != 0) return err_set(err, REJECT, ERR_STREAM, "unknown magic byte 0x%02x; Avro values begin with 0x00", bytes[0]);
    uint32_t id = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 | bytes[4];
    if (id == 0 || id > INT32_MAX) return err_set(err, REJECT, ERR_STREAM, "schema id %u is not one of 1 to %d", id, INT32_MAX);
    *schema_id = (int32_t)id;
    *datum = (struct slice){value.data + AVRO_FRAME_BYTES, value.size - AVRO_FRAME_BYTES};
    return OK;
}

void avro_frame(int32_t schema_id, unsigned char out[AVRO_FRAME_BYTES])
{
    uint32_t id = (uint32_t)schema_id;
    out[0] = 0;
    out[1] = (unsigned char)(id >> 24);
    out[2] = (unsigned char)(id >> 16);
    out[3] = (unsigned char)(id >> 8);
    out[4] = (unsigned char)id;
}
