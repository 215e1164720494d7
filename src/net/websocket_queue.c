// SPDX-License-Identifier: Apache-2.0
// Send queue: frames in one run of memory.
#include "net/websocket_queue.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

enum { HEADER_MAX = 14, MASK_BYTES = 4, MASKED = 0x80, FINAL = 0x80, LENGTH_16 = 126, LENGTH_64 = 127, FIRST_CAPACITY = 4096 };

void websocket_queue_init(struct websocket_queue *queue, size_t max)
{
    *queue = (struct websocket_queue){.max = max};
}

void websocket_queue_fini(struct websocket_queue *queue)
{
    free(queue->data);
    *queue = (struct websocket_queue){.max = queue->max};
}

void websocket_queue_clear(struct websocket_queue *queue)
{
    queue->head = queue->tail = 0;
}

// Room for `size` bytes behind the tail: moves what waits to the front, or grows.
static bool make_room(struct websocket_queue *queue, size_t size)
{
    size_t waiting = websocket_queue_bytes(queue);
    if (size > queue->max || waiting > queue->max - size) return false;
    if (size <= queue->capacity - queue->tail) return true;
    // Moving pays when it frees at least as much as it moves; else every frame would move the rest.
    if (queue->head < waiting || waiting + size > queue->capacity) {
        size_t capacity = queue->capacity ? queue->capacity : FIRST_CAPACITY;
        while (capacity < 2 * (waiting + size)) capacity *= 2;
        char *data = malloc(capacity);
        if (!data) abort();
        if (waiting) memcpy(data, queue->data + queue->head, waiting);
        free(queue->data);
        queue->data = data;
        queue->capacity = capacity;
    } else {
        memmove(queue->data, queue->data + queue->head, waiting);
    }
    queue->head = 0;
    queue->tail = waiting;
    return true;
}

static size_t write_header(unsigned char *to, enum websocket_opcode opcode, size_t size, bool mask)
{
    unsigned char masked = mask ? MASKED : 0;
    to[0] = (unsigned char)(FINAL | opcode);
    if (size < LENGTH_16) {
        to[1] = (unsigned char)(size | masked);
        return 2;
    }
    size_t bytes = size <= UINT16_MAX ? 2 : 8;
    to[1] = (unsigned char)((bytes == 2 ? LENGTH_16 : LENGTH_64) | masked);
    for (size_t i = 0; i < bytes; i++) to[2 + i] = (unsigned char)(size >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

// The length of the whole frame that begins there.
static size_t frame_bytes(const char *frame)
{
    const unsigned char *p = (const unsigned char *)frame;
    size_t size = p[1] & 0x7f, header = 2;
    if (size >= LENGTH_16) {
        size_t bytes = size == LENGTH_16 ? 2 : 8;
        size = 0;
        for (size_t i = 0; i < bytes; i++) size = size << 8 | p[2 + i];
        header += bytes;
    }
    if (p[1] & MASKED) header += MASK_BYTES;
    return header + size;
}

static void write_masked(unsigned char *to, struct slice payload)
{
    // Never fails for so few bytes once the system is up; before that it waits.
    if (getrandom(to, MASK_BYTES, 0) != MASK_BYTES) abort();
    for (size_t i = 0; i < payload.size; i++) to[MASK_BYTES + i] = (unsigned char)payload.data[i] ^ to[i % MASK_BYTES];
}

bool websocket_queue_add(struct websocket_queue *queue, enum websocket_opcode opcode, struct slice payload, bool mask)
{
    if (payload.size > queue->max || !make_room(queue, payload.size + HEADER_MAX)) return false;
    unsigned char *to = (unsigned char *)queue->data + queue->tail;
    size_t header = write_header(to, opcode, payload.size, mask);
    if (mask)
        write_masked(to + header, payload);
    else if (payload.size)
        memcpy(to + header, payload.data, payload.size);
    queue->tail += header + (mask ? MASK_BYTES : 0) + payload.size;
    return true;
}

struct slice websocket_queue_front(const struct websocket_queue *queue, size_t limit)
{
    size_t waiting = websocket_queue_bytes(queue), size = 0;
    if (!waiting) return (struct slice){0};
    const char *front = queue->data + queue->head;
    if (waiting <= limit) return (struct slice){front, waiting};
    for (size_t next = frame_bytes(front); next <= limit; next += frame_bytes(front + next)) size = next;
    return (struct slice){front, size ? size : frame_bytes(front)};
}

void websocket_queue_take(struct websocket_queue *queue, size_t size)
{
    queue->head += size;
    if (queue->head == queue->tail) queue->head = queue->tail = 0;
}

bool websocket_queue_drop(struct websocket_queue *queue)
{
    if (!websocket_queue_bytes(queue)) return false;
    websocket_queue_take(queue, frame_bytes(queue->data + queue->head));
    return true;
}
