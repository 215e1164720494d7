// SPDX-License-Identifier: Apache-2.0
// Memory that is given piece by piece and taken back all at once.
//
// Good for everything that belongs to one batch, one request or one configuration. One thread at a time. It grows by blocks and
// fails only by aborting the process: sizes that come from outside are checked by the caller before they are asked for.
// Built with FDP_ARENA_CHECKED (the sanitizer variants do) every piece is its own malloc, so that an overrun is seen.
#ifndef FDP_BASE_ARENA_H
#define FDP_BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; // newest first
    char *next, *end;           // free part of the newest block
    size_t block_bytes;         // size of an ordinary block; grows with the load
    size_t used_bytes;          // given out since the last reset
};

void arena_init(struct arena *arena, size_t block_bytes);
void arena_fini(struct arena *arena);

enum { ARENA_BLOCK_MAX = 1 << 20 };
// Takes everything back, but keeps a block of up to ARENA_BLOCK_MAX bytes. A load that needed more than one block gets a larger one next
// time: what fits into that much allocates nothing once it is steady.
void arena_reset(struct arena *arena);

// Memory for `size` bytes aligned to 16; not cleared. Never NULL.
void *arena_alloc(struct arena *arena, size_t size);
// The same, cleared; `count * size` is checked for overflow.
void *arena_calloc(struct arena *arena, size_t count, size_t size);
// A copy of `size` bytes without alignment; a NUL follows them.
char *arena_copy(struct arena *arena, const void *data, size_t size);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
