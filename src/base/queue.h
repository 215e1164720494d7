// SPDX-License-Identifier: Apache-2.0
// A bounded queue of pointers between two threads: the only way that stages hand batches to each other.
//
// What is pushed belongs to the queue until it is popped. Full and empty are waits with a deadline, which is how back pressure
// travels from a sink to a feed. Any thread may call any function.
#ifndef FDP_BASE_QUEUE_H
#define FDP_BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct queue;

// A queue for at most `capacity` pointers.
struct queue *queue_new(size_t capacity);
// The queue must be empty or its contents owned elsewhere: they are not freed.
void queue_free(struct queue *queue);

// OK, AGAIN when it is still full at the deadline (a time of clock_mono_ns), FATAL when it is closed.
enum status queue_push(struct queue *queue, void *item, int64_t deadline_ns) MUST_CHECK;
// OK, AGAIN when it is still empty at the deadline, FATAL when it is closed and empty.
enum status queue_pop(struct queue *queue, void **item, int64_t deadline_ns) MUST_CHECK;
// No more pushes; what is inside can still be popped. Wakes everyone.
void queue_close(struct queue *queue);

size_t queue_fill(struct queue *queue);

#endif
