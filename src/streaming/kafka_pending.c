// SPDX-License-Identifier: Apache-2.0
// Records that wait outside the Kafka client, and headers between our form and the client's.
#include <stdlib.h>

#include "streaming/kafka.h"

void kafka_pending_add(struct kafka_producer *producer, uint64_t number, struct kafka_topic *topic, int64_t timestamp_ms,
                       const struct slice field[RECORD_TIMESTAMP])
{
    size_t size = 0;
    for (int i = 0; i < RECORD_TIMESTAMP; i++) size += field[i].size + 1;
    struct kafka_pending *record = malloc(sizeof *record + size);
    if (!record) abort();
    *record = (struct kafka_pending){.number = number, .topic = topic, .timestamp_ms = timestamp_ms};
    char *to = (char *)(record + 1);
    for (int i = 0; i < RECORD_TIMESTAMP; i++) {
        if (!field[i].data) continue;
        record->field[i] = (struct slice){to, field[i].size};
        memcpy(to, field[i].data, field[i].size);
        to += field[i].size + 1; // so that an empty field has an address of its own
    }
    if (producer->pending_count == producer->pending_capacity) {
        producer->pending_capacity = producer->pending_capacity ? 2 * producer->pending_capacity : 64;
        producer->pending = realloc(producer->pending, producer->pending_capacity * sizeof *producer->pending);
        if (!producer->pending) abort();
    }
    if (producer->pending_count && producer->pending[producer->pending_count - 1]->number > number) producer->unsorted = true;
    producer->pending[producer->pending_count++] = record;
}

static int by_number(const void *a, const void *b)
{
    const struct kafka_pending *p = *(struct kafka_pending *const *)a, *q = *(struct kafka_pending *const *)b;
    return p->number < q->number ? -1 : p->number > q->number;
}

void kafka_pending_sort(struct kafka_producer *producer)
{
    if (producer->unsorted) qsort(producer->pending, producer->pending_count, sizeof *producer->pending, by_number);
    producer->unsorted = false;
}

void kafka_pending_drop(struct kafka_producer *producer, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) free(producer->pending[i]);
    producer->pending_count -= count;
    if (count) memmove(producer->pending, producer->pending + count, producer->pending_count * sizeof *producer->pending);
}

rd_kafka_headers_t *kafka_headers_make(struct slice headers)
{
    rd_kafka_headers_t *made = NULL;
    struct slice name, value;
    for (size_t at = 0; record_headers_next(headers, &at, &name, &value);) {
        if (!made) made = rd_kafka_headers_new(4);
        rd_kafka_header_add(made, name.data, (ssize_t)name.size, value.data, value.data ? (ssize_t)value.size : 0);
    }
    return made;
}

void kafka_headers_read(const rd_kafka_headers_t *from, struct buf *out)
{
    const char *name;
    const void *value;
    size_t size;
    buf_reset(out);
    for (size_t i = 0; rd_kafka_header_get_all(from, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        record_headers_append(out, name, (struct slice){value, value ? size : 0});
}
