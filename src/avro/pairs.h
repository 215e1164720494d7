// SPDX-License-Identifier: Apache-2.0
// A table from pairs of pointers to a value: what walks over two schemas at once remembers where it has been.
#ifndef FDP_AVRO_PAIRS_H
#define FDP_AVRO_PAIRS_H

#include <stdint.h>

struct pair {
    const void *first, *second;
    void *value; // not NULL
};

// Starts as {0}; free with pairs_fini.
struct pairs {
    struct pair *slots;
    uint32_t capacity, count;
};

// The value of a pair, or NULL.
void *pairs_find(const struct pairs *pairs, const void *first, const void *second);
// Adds a pair that is not there yet.
void pairs_add(struct pairs *pairs, const void *first, const void *second, void *value);
void pairs_fini(struct pairs *pairs);

#endif
