// SPDX-License-Identifier: Apache-2.0
// Avro's binary primitives, read from bytes that nobody has checked.
//
// Each take function returns false when the bytes are too few or malformed; then the position means nothing any more.
#ifndef FDP_AVRO_WIRE_H
#define FDP_AVRO_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

struct wire {
    const unsigned char *start, *at, *end;
};

static inline size_t wire_left(const struct wire *wire)
{
    return (size_t)(wire->end - wire->at);
}

// A zig-zag varint: at most ten bytes, and the tenth may hold one bit only.
static inline bool wire_take_long(struct wire *wire, int64_t *value)
{
    uint64_t bits = 0;
    const unsigned char *at = wire->at, *end = wire->end;
    for (unsigned shift = 0;; shift += 7) {
        if (at == end) return false;
        uint64_t byte = *at++;
        bits |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (shift == 63 && byte > 1) return false;
            break;
        }
        if (shift == 63) return false;
    }
    wire->at = at;
    *value = (int64_t)(bits >> 1 ^ (0 - (bits & 1)));
    return true;
}

static inline bool wire_take_int(struct wire *wire, int64_t *value)
{
    return wire_take_long(wire, value) && *value >= INT32_MIN && *value <= INT32_MAX;
}

// A length and so many bytes, which stay where they are.
static inline bool wire_take_bytes(struct wire *wire, struct slice *value)
{
    int64_t size;
    // Nearly all texts are shorter than 64 bytes: one byte of length.
    if (wire->at < wire->end && *wire->at < 0x80) {
        size = *wire->at & 1 ? -1 : *wire->at >> 1;
        wire->at++;
    } else if (!wire_take_long(wire, &size)) {
        return false;
    }
    if (size < 0 || (uint64_t)size > wire_left(wire)) return false;
    *value = (struct slice){(const char *)wire->at, (size_t)size};
    wire->at += size;
    return true;
}

static inline bool wire_take_fixed(struct wire *wire, size_t size, struct slice *value)
{
    if (size > wire_left(wire)) return false;
    *value = (struct slice){(const char *)wire->at, size};
    wire->at += size;
    return true;
}

static inline bool wire_take_float(struct wire *wire, float *value)
{
    if (wire_left(wire) < sizeof *value) return false;
    memcpy(value, wire->at, sizeof *value);
    wire->at += sizeof *value;
    return true;
}

static inline bool wire_take_double(struct wire *wire, double *value)
{
    if (wire_left(wire) < sizeof *value) return false;
    memcpy(value, wire->at, sizeof *value);
    wire->at += sizeof *value;
    return true;
}

// Index of a union branch or enum symbol.
static inline bool wire_take_index(struct wire *wire, uint32_t count, uint32_t *index)
{
    int64_t number;
    if (!wire_take_long(wire, &number) || number < 0 || number >= (int64_t)count) return false;
    *index = (uint32_t)number;
    return true;
}

static inline bool wire_word_is_text(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
    // No byte above 0x7f, and none that is 0.
    return ((word | (word - ones)) & high) == 0;
}

// UTF-8 without NUL; short ASCII texts are told by a word or two.
static inline bool wire_is_text(struct slice text)
{
    uint64_t first, last;
    uint32_t half[2];
    if (text.size >= 8 && text.size <= 16) {
        memcpy(&first, text.data, 8);
        memcpy(&last, text.data + text.size - 8, 8);
        if (wire_word_is_text(first) && wire_word_is_text(last)) return true;
    } else if (text.size >= 4 && text.size < 8) {
        memcpy(&half[0], text.data, 4);
        memcpy(&half[1], text.data + text.size - 4, 4);
        if (wire_word_is_text((uint64_t)half[1] << 32 | half[0])) return true;
    } else if (text.size < 4) {
        first = 0x20202020;
        for (size_t i = 0; i < text.size; i++) first = first << 8 | (unsigned char)text.data[i];
        if (wire_word_is_text(first | (uint64_t)0x20202020 << 32)) return true;
    }
    return text.size == 0 || (!memchr(text.data, '\0', text.size) && text_is_utf8(text.data, text.size));
}

static inline bool wire_is_finite(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7ff0000000000000) != 0x7ff0000000000000;
}

#endif
