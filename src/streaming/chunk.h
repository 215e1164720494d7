// SPDX-License-Identifier: Apache-2.0
// Records of one partition packed into one run of bytes: what the embedded log stores in a row.
//
// Per record: length + 1 of key, value and headers (0 is null), the timestamp less that of the first record (zigzag), all as varints;
// then the bytes of key, value and headers. Reading trusts nothing: every length is checked against what is left.
#ifndef FDP_STREAMING_CHUNK_H
#define FDP_STREAMING_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/record.h"

enum {
    CHUNK_CLOSE_BYTES = 128 << 10, // a chunk of that size takes no more records
    CHUNK_CLOSE_RECORDS = 4096,
    CHUNK_RECORD_OVERHEAD = 3 * 5 + 10,
    CHUNK_MAX_BYTES = CHUNK_CLOSE_BYTES + BUF_MAX_RECORD + CHUNK_RECORD_OVERHEAD,
};

struct chunk_record {
    struct slice field[RECORD_TIMESTAMP]; // RECORD_KEY, RECORD_VALUE, RECORD_HEADERS
    bool null[RECORD_TIMESTAMP];
    int64_t timestamp_us;
};

struct chunk_writer {
    struct buf data;
    uint32_t records;
    int64_t base_us, newest_us;
};

void chunk_writer_init(struct chunk_writer *writer);
void chunk_writer_fini(struct chunk_writer *writer);
// Empties it; the memory stays.
void chunk_writer_reset(struct chunk_writer *writer);
bool chunk_writer_closed(const struct chunk_writer *writer);
// The writer must not be closed and the fields together must be at most BUF_MAX_RECORD.
void chunk_writer_add(struct chunk_writer *writer, const struct chunk_record *record);

struct chunk_reader {
    const char *at, *end;
    int64_t base_us;
};

// The next record; its fields point into the chunk. False at the end and on malformed bytes.
bool chunk_reader_next(struct chunk_reader *reader, struct chunk_record *record);

#endif
