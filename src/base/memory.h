// SPDX-License-Identifier: Apache-2.0
// Memory that is there or ends the program: there is nothing sensible to do without a few kilobytes.
#ifndef FDP_BASE_MEMORY_H
#define FDP_BASE_MEMORY_H

#include <stdlib.h>

// Zeroed. Free with free.
static inline void *memory_new(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

// The same array with room for `count` items, at another place; what is new is not set.
static inline void *memory_grow(void *items, size_t count, size_t size)
{
    void *memory = reallocarray(items, count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

#endif
