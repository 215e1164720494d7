// SPDX-License-Identifier: Apache-2.0
// Bounded queue: a ring under one mutex.
#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/wait.h"

struct queue {
    pthread_mutex_t mutex; // guards everything below
    pthread_cond_t not_full, not_empty;
    bool closed;
    size_t first, fill, capacity;
    void *items[];
};

struct queue *queue_new(size_t capacity)
{
    struct queue *queue = calloc(1, sizeof *queue + capacity * sizeof(void *));
    if (!queue) abort();
    queue->capacity = capacity;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->not_full, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    return queue;
}

void queue_free(struct queue *queue)
{
    if (!queue) return;
    pthread_cond_destroy(&queue->not_full);
    pthread_cond_destroy(&queue->not_empty);
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

enum status queue_push(struct queue *queue, void *item, int64_t deadline_ns)
{
    pthread_mutex_lock(&queue->mutex);
    bool in_time = true;
    while (!queue->closed && queue->fill == queue->capacity && in_time)
        in_time = wait_condition(&queue->not_full, &queue->mutex, deadline_ns);
    enum status status = queue->closed ? FATAL : queue->fill == queue->capacity ? AGAIN : OK;
    if (status == OK) {
        queue->items[(queue->first + queue->fill++) % queue->capacity] = item;
        pthread_cond_signal(&queue->not_empty);
    }
    pthread_mutex_unlock(&queue->mutex);
    return status;
}

enum status queue_pop(struct queue *queue, void **item, int64_t deadline_ns)
{
    pthread_mutex_lock(&queue->mutex);
    bool in_time = true;
    while (!queue->closed && queue->fill == 0 && in_time) in_time = wait_condition(&queue->not_empty, &queue->mutex, deadline_ns);
    enum status status = queue->fill ? OK : queue->closed ? FATAL : AGAIN;
    if (status == OK) {
        *item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->fill--;
        pthread_cond_signal(&queue->not_full);
    }
    pthread_mutex_unlock(&queue->mutex);
    return status;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_full);
    pthread_cond_broadcast(&queue->not_empty);
    pthread_mutex_unlock(&queue->mutex);
}

size_t queue_fill(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    size_t fill = queue->fill;
    pthread_mutex_unlock(&queue->mutex);
    return fill;
}
