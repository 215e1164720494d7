// SPDX-License-Identifier: Apache-2.0
// A quote as frames of the two framings.
#ifndef FDP_SIMULATOR_FRAME_H
#define FDP_SIMULATOR_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct Fdp__PricingData;

enum {
    FRAME_MESSAGE_MAX = 4096, // protobuf bytes of a quote
    FRAME_TEXT_MAX = 64 + (FRAME_MESSAGE_MAX + 2) / 3 * 4,
};

// {"type":"pricing","message":"<base64>"}, of which version 1 sends only the inside.
struct frame {
    char text[FRAME_TEXT_MAX];
    size_t size;
};

// False when the quote takes more than FRAME_MESSAGE_MAX bytes.
bool frame_encode(struct frame *frame, const struct Fdp__PricingData *quote);
struct slice frame_version1(const struct frame *frame);
struct slice frame_version2(const struct frame *frame);

#endif
