// SPDX-License-Identifier: Apache-2.0
// Numbers names: the first is 0, the next new one 1, and so on. What belongs to a name is kept by the caller, in arrays by that number.
//
// Bounded by a maximum given at birth. One thread at a time.
#ifndef FDP_BASE_MAP_H
#define FDP_BASE_MAP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"

enum { MAP_NONE = UINT32_MAX >> 1 };

struct map_slot {
    uint32_t hash, number_plus_1; // 0: free
};

struct map {
    struct arena arena;  // copies of the names
    struct slice *names; // by number; NUL-terminated
    struct map_slot *slots;
    uint32_t count, max, slot_count;
};

void map_init(struct map *map, uint32_t max);
void map_fini(struct map *map);

// The number of a name; MAP_NONE when it has none.
uint32_t map_find(const struct map *map, struct slice name);
// The same, but a new name gets the next number (map->count grows); MAP_NONE when the map is full.
uint32_t map_add(struct map *map, struct slice name);

#endif
