// SPDX-License-Identifier: Apache-2.0
// Packing and unpacking of records.
#include "streaming/chunk.h"

static char *put_varint(char *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

static bool get_varint(struct chunk_reader *reader, uint64_t *value)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        unsigned char byte = (unsigned char)*reader->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = number;
            return shift < 63 || byte <= 1;
        }
    }
    return false;
}

void chunk_writer_init(struct chunk_writer *writer)
{
    *writer = (struct chunk_writer){0};
    buf_init(&writer->data, CHUNK_MAX_BYTES);
}

void chunk_writer_fini(struct chunk_writer *writer)
{
    buf_fini(&writer->data);
}

void chunk_writer_reset(struct chunk_writer *writer)
{
    buf_reset(&writer->data);
    writer->records = 0;
}

bool chunk_writer_closed(const struct chunk_writer *writer)
{
    return writer->data.size >= CHUNK_CLOSE_BYTES || writer->records >= CHUNK_CLOSE_RECORDS;
}

void chunk_writer_add(struct chunk_writer *writer, const struct chunk_record *record)
{
    size_t size = 0;
    for (int i = 0; i < RECORD_TIMESTAMP; i++)
        if (!record->null[i]) size += record->field[i].size;
    char *to = size <= BUF_MAX_RECORD ? buf_reserve(&writer->data, size + CHUNK_RECORD_OVERHEAD) : NULL;
    if (!to) return;
    if (!writer->records) writer->base_us = writer->newest_us = record->timestamp_us;
    if (record->timestamp_us > writer->newest_us) writer->newest_us = record->timestamp_us;

    for (int i = 0; i < RECORD_TIMESTAMP; i++) to = put_varint(to, record->null[i] ? 0 : record->field[i].size + 1);
    uint64_t delta = (uint64_t)record->timestamp_us - (uint64_t)writer->base_us;
    to = put_varint(to, delta << 1 ^ -(delta >> 63));
    for (int i = 0; i < RECORD_TIMESTAMP; i++) {
        if (record->null[i] || !record->field[i].size) continue;
        memcpy(to, record->field[i].data, record->field[i].size);
        to += record->field[i].size;
    }
    writer->data.size = (size_t)(to - writer->data.data);
    writer->records++;
}

bool chunk_reader_next(struct chunk_reader *reader, struct chunk_record *record)
{
    uint64_t lengths[RECORD_TIMESTAMP], zigzag;
    for (int i = 0; i < RECORD_TIMESTAMP; i++)
        if (!get_varint(reader, &lengths[i])) return false;
    if (!get_varint(reader, &zigzag)) return false;
    record->timestamp_us = (int64_t)((uint64_t)reader->base_us + (zigzag >> 1 ^ -(zigzag & 1)));
    for (int i = 0; i < RECORD_TIMESTAMP; i++) {
        record->null[i] = !lengths[i];
        record->field[i] = (struct slice){reader->at, 0};
        if (record->null[i]) continue;
        if (lengths[i] - 1 > (uint64_t)(reader->end - reader->at)) return false;
        record->field[i].size = lengths[i] - 1;
        reader->at += record->field[i].size;
    }
    return true;
}
