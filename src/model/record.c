// SPDX-License-Identifier: Apache-2.0
// Stream records: row type, headers, partitioner.
#include "model/record.h"

static const struct row_column columns[RECORD_COLUMNS] = {
    [RECORD_KEY] = {.name = "key", .type = COLUMN_BYTES},
    [RECORD_VALUE] = {.name = "value", .type = COLUMN_BYTES},
    [RECORD_HEADERS] = {.name = "headers", .type = COLUMN_BYTES},
    [RECORD_TIMESTAMP] = {.name = "timestamp", .type = COLUMN_TIMESTAMP, .required = true},
};

const struct row_type record_row_type = {"record", RECORD_COLUMNS, columns};

static void append_length(struct buf *buf, uint32_t length)
{
    unsigned char bytes[4] = {(unsigned char)length, (unsigned char)(length >> 8), (unsigned char)(length >> 16),
                              (unsigned char)(length >> 24)};
    buf_append(buf, bytes, sizeof bytes);
}

void record_headers_append(struct buf *headers, const char *name, struct slice value)
{
    append_length(headers, (uint32_t)strlen(name));
    buf_append_text(headers, name);
    append_length(headers, value.data ? (uint32_t)value.size : UINT32_MAX);
    if (value.data) buf_append(headers, value.data, value.size);
}

// A length and that many bytes; a null value only where `nullable`.
static bool take(struct slice headers, size_t *at, bool nullable, struct slice *out)
{
    if (headers.size - *at < 4) return false;
    const unsigned char *p = (const unsigned char *)headers.data + *at;
    uint32_t length = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    *at += 4;
    *out = (struct slice){0};
    if (length == UINT32_MAX) return nullable;
    if (length > headers.size - *at) return false;
    *out = (struct slice){headers.data + *at, length};
    *at += length;
    return true;
}

bool record_headers_next(struct slice headers, size_t *at, struct slice *name, struct slice *value)
{
    return *at < headers.size && take(headers, at, false, name) && take(headers, at, true, value);
}

struct slice record_header(struct slice headers, const char *name)
{
    struct slice found = {0}, key, value;
    for (size_t at = 0; record_headers_next(headers, &at, &key, &value);)
        if (slice_is(key, name)) found = value;
    return found;
}

// org.apache.kafka.common.utils.Utils.murmur2.
static uint32_t murmur2(struct slice key)
{
    const uint32_t m = 0x5bd1e995;
    const unsigned char *p = (const unsigned char *)key.data;
    size_t size = key.size;
    uint32_t h = 0x9747b28c ^ (uint32_t)size;
    for (; size >= 4; size -= 4, p += 4) {
        uint32_t k = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = h * m ^ k;
    }
    if (size) {
        uint32_t tail = p[0];
        if (size > 1) tail |= (uint32_t)p[1] << 8;
        if (size > 2) tail |= (uint32_t)p[2] << 16;
        h = (h ^ tail) * m;
    }
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

int32_t record_partition(struct slice key, int32_t partitions)
{
    return (int32_t)(murmur2(key) & 0x7fffffff) % partitions;
}
