// SPDX-License-Identifier: Apache-2.0
// Table of pairs: open addressing, at most half full.
#include "avro/pairs.h"

#include <stdlib.h>

#include "base/text.h"

static struct pair *slot_of(const struct pairs *pairs, const void *first, const void *second)
{
    const void *key[2] = {first, second};
    uint32_t mask = pairs->capacity - 1, at = (uint32_t)text_hash(key, sizeof key) & mask;
    while (pairs->slots[at].value && (pairs->slots[at].first != first || pairs->slots[at].second != second)) at = (at + 1) & mask;
    return &pairs->slots[at];
}

void *pairs_find(const struct pairs *pairs, const void *first, const void *second)
{
    return pairs->capacity ? slot_of(pairs, first, second)->value : NULL;
}

void pairs_add(struct pairs *pairs, const void *first, const void *second, void *value)
{
    if (2 * (pairs->count + 1) > pairs->capacity) {
        struct pairs wider = {.capacity = pairs->capacity ? 2 * pairs->capacity : 16, .count = pairs->count};
        wider.slots = calloc(wider.capacity, sizeof *wider.slots);
        if (!wider.slots) abort();
        for (uint32_t i = 0; i < pairs->capacity; i++)
            if (pairs->slots[i].value) *slot_of(&wider, pairs->slots[i].first, pairs->slots[i].second) = pairs->slots[i];
        free(pairs->slots);
        *pairs = wider;
    }
    *slot_of(pairs, first, second) = (struct pair){first, second, value};
    pairs->count++;
}

void pairs_fini(struct pairs *pairs)
{
    free(pairs->slots);
    *pairs = (struct pairs){0};
}
