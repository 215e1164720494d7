// SPDX-License-Identifier: Apache-2.0
// Protobuf, base64, envelope.
#include "simulator/frame.h"

#include "quote.pb-c.h"

static const struct slice start = SLICE("{\"type\":\"pricing\",\"message\":\""), end = SLICE("\"}");

bool frame_encode(struct frame *frame, const struct Fdp__PricingData *quote)
{
    uint8_t bytes[FRAME_MESSAGE_MAX] __attribute__((uninitialized));
    if (fdp__pricing_data__get_packed_size(quote) > sizeof bytes) return false;
    size_t size = fdp__pricing_data__pack(quote, bytes);
    memcpy(frame->text, start.data, start.size);
    text_base64_encode(bytes, size, frame->text + start.size);
    frame->size = start.size + text_base64_bytes(size);
    memcpy(frame->text + frame->size, end.data, end.size);
    frame->size += end.size;
    return true;
}

struct slice frame_version1(const struct frame *frame)
{
    return (struct slice){frame->text + start.size, frame->size - start.size - end.size};
}

struct slice frame_version2(const struct frame *frame)
{
    return (struct slice){frame->text, frame->size};
}
