// SPDX-License-Identifier: Apache-2.0
// Open addressing over numbers; the table doubles when it is half full.
#include "base/map.h"

#include <stdlib.h>

void map_init(struct map *map, uint32_t max)
{
    *map = (struct map){.max = max < MAP_NONE ? max : MAP_NONE - 1};
    arena_init(&map->arena, 8192);
}

void map_fini(struct map *map)
{
    free(map->names);
    free(map->slots);
    arena_fini(&map->arena);
    *map = (struct map){.max = map->max};
}

static uint32_t hash_of(struct slice name)
{
    return (uint32_t)text_hash(name.data, name.size);
}

// The slot that holds the name, or the free one where it belongs.
static struct map_slot *probe(const struct map *map, struct slice name, uint32_t hash)
{
    uint32_t at = hash & (map->slot_count - 1);
    for (;; at = (at + 1) & (map->slot_count - 1)) {
        struct map_slot *slot = &map->slots[at];
        if (!slot->number_plus_1) return slot;
        if (slot->hash == hash && slice_equal(map->names[slot->number_plus_1 - 1], name)) return slot;
    }
}

static void grow(struct map *map)
{
    uint32_t slot_count = map->slot_count ? 2 * map->slot_count : 64;
    free(map->slots);
    map->slots = calloc(slot_count, sizeof *map->slots);
    map->names = realloc(map->names, slot_count / 2 * sizeof *map->names);
    if (!map->slots || !map->names) abort();
    map->slot_count = slot_count;
    for (uint32_t i = 0; i < map->count; i++) {
        uint32_t hash = hash_of(map->names[i]);
        *probe(map, map->names[i], hash) = (struct map_slot){hash, i + 1};
    }
}

uint32_t map_find(const struct map *map, struct slice name)
{
    if (!map->slot_count) return MAP_NONE;
    const struct map_slot *slot = probe(map, name, hash_of(name));
    return slot->number_plus_1 ? slot->number_plus_1 - 1 : MAP_NONE;
}

uint32_t map_add(struct map *map, struct slice name)
{
    uint32_t number = map_find(map, name);
    if (number != MAP_NONE || map->count == map->max) return number;
    if (map->count == map->slot_count / 2) grow(map);
    number = map->count++;
    map->names[number] = (struct slice){arena_copy(&map->arena, name.data, name.size), name.size};
    uint32_t hash = hash_of(name);
    *probe(map, name, hash) = (struct map_slot){hash, number + 1};
    return number;
}
