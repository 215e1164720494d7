// SPDX-License-Identifier: Apache-2.0
// Arena: bump allocation in blocks; in checked builds one malloc per piece.
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *older;
    size_t bytes;
    _Alignas(16) char data[];
};

static struct arena_block *block_new(size_t bytes, struct arena_block *older)
{
    if (bytes > SIZE_MAX - sizeof(struct arena_block)) abort();
    struct arena_block *block = malloc(sizeof *block + bytes);
    if (!block) abort();
    block->older = older;
    block->bytes = bytes;
    return block;
}

static void blocks_free(struct arena_block *block)
{
    while (block) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
}

void arena_init(struct arena *arena, size_t block_bytes)
{
    *arena = (struct arena){.block_bytes = block_bytes ? block_bytes : 4096};
}

void arena_fini(struct arena *arena)
{
    blocks_free(arena->blocks);
    *arena = (struct arena){.block_bytes = arena->block_bytes};
}

#ifdef FDP_ARENA_CHECKED

void arena_reset(struct arena *arena)
{
    blocks_free(arena->blocks);
    arena->blocks = NULL;
    arena->used_bytes = 0;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
    (void)align;
    arena->blocks = block_new(size, arena->blocks);
    arena->used_bytes += size;
    return arena->blocks->data;
}

#else

void arena_reset(struct arena *arena)
{
    struct arena_block *keep = arena->blocks;
    if (!keep) return;
    size_t wanted = arena->used_bytes + arena->used_bytes / 8;
    if (wanted > ARENA_BLOCK_MAX) wanted = ARENA_BLOCK_MAX;
    bool grow = keep->older && wanted > arena->block_bytes;
    if (grow) arena->block_bytes = wanted;
    if (grow || keep->bytes > arena->block_bytes) {
        blocks_free(keep);
        arena->blocks = NULL;
        arena->next = arena->end = NULL;
    } else {
        blocks_free(keep->older);
        keep->older = NULL;
        arena->next = keep->data;
    }
    arena->used_bytes = 0;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
    size_t left = (size_t)(arena->end - arena->next), pad = (size_t)(-(uintptr_t)arena->next) & (align - 1);
    arena->used_bytes += size + pad;
    if (arena->blocks && size > arena->block_bytes) {
        // A large piece is a block of its own, behind the one that is being filled.
        arena->blocks->older = block_new(size, arena->blocks->older);
        return arena->blocks->older->data;
    }
    if (!arena->blocks || size > left || pad > left - size) {
        arena->blocks = block_new(size > arena->block_bytes ? size : arena->block_bytes, arena->blocks);
        arena->next = arena->blocks->data;
        arena->end = arena->next + arena->blocks->bytes;
        pad = 0;
    }
    char *piece = arena->next + pad;
    arena->next = piece + size;
    return piece;
}

#endif

void *arena_alloc(struct arena *arena, size_t size)
{
    return take(arena, size, 16);
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) abort();
    return memset(arena_alloc(arena, bytes), 0, bytes);
}

char *arena_copy(struct arena *arena, const void *data, size_t size)
{
    if (size == SIZE_MAX) abort();
    char *copy = take(arena, size + 1, 1);
    if (size) memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) abort();
    char *text = take(arena, (size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}
