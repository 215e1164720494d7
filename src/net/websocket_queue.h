// SPDX-License-Identifier: Apache-2.0
// Frames that wait to be sent on one connection: laid out as they go over the wire (RFC 6455, section 5.2), bounded.
//
// Because they lie one after the other, many go out with one system call.
//
//   head                    tail             capacity
//   |frame|frame|frame|frame|    free        |
#ifndef FDP_NET_WEBSOCKET_QUEUE_H
#define FDP_NET_WEBSOCKET_QUEUE_H

#include <stdbool.h>

#include "base/text.h"

enum websocket_opcode { WEBSOCKET_TEXT = 1, WEBSOCKET_CLOSE_FRAME = 8, WEBSOCKET_PING = 9 };

struct websocket_queue {
    char *data;
    size_t head, tail, capacity, max;
};

void websocket_queue_init(struct websocket_queue *queue, size_t max);
void websocket_queue_fini(struct websocket_queue *queue);
void websocket_queue_clear(struct websocket_queue *queue);

static inline size_t websocket_queue_bytes(const struct websocket_queue *queue)
{
    return queue->tail - queue->head;
}

// Adds a whole frame, masked with fresh random bytes if asked (clients must). False when it does not fit.
bool websocket_queue_add(struct websocket_queue *queue, enum websocket_opcode opcode, struct slice payload, bool mask);
// Whole frames from the front: as many as fit into `limit` bytes, but at least one; empty when nothing waits. Valid until the next call.
struct slice websocket_queue_front(const struct websocket_queue *queue, size_t limit);
// Removes bytes that websocket_queue_front has given.
void websocket_queue_take(struct websocket_queue *queue, size_t size);
// Removes the oldest frame; false when there is none.
bool websocket_queue_drop(struct websocket_queue *queue);

#endif
