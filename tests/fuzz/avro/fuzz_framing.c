// SPDX-License-Identifier: Apache-2.0
// Wire framing: what is taken apart goes together again, and is refused for a reason otherwise.
#include <stdlib.h>
#include <string.h>

#include "avro/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct slice datum;
    int32_t id;
    if (avro_unframe((struct slice){(const char *)data, size}, &id, &datum, &err) == OK) {
        unsigned char frame[AVRO_FRAME_BYTES];
        avro_frame(id, frame);
        if (id < 1 || memcmp(frame, data, sizeof frame) != 0 || datum.size != size - sizeof frame) abort();
        if ((const uint8_t *)datum.data != data + sizeof frame) abort();
    } else if (err.status != REJECT || !err.text[0]) {
        abort();
    }
    return 0;
}
