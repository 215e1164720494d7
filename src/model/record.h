// SPDX-License-Identifier: Apache-2.0
// A record of a stream as a row type: what ingestion appends and processing reads, whatever the back end.
//
// Provenance of a row that was read: (source given at seek, offset in its partition).
#ifndef FDP_MODEL_RECORD_H
#define FDP_MODEL_RECORD_H

#include "base/buf.h"
#include "model/batch.h"

enum record_column {
    RECORD_KEY,       // bytes, may be null
    RECORD_VALUE,     // bytes, may be null (a tombstone)
    RECORD_HEADERS,   // bytes, null when there are none; written and read with record_headers_*
    RECORD_TIMESTAMP, // microseconds; Kafka keeps milliseconds of it
    RECORD_COLUMNS,
};

extern const struct row_type record_row_type;

// Headers in one run of bytes: per header, length of the name (4 bytes, little-endian), the name, length of the value (4 bytes;
// -1 for null), the value.
void record_headers_append(struct buf *headers, const char *name, struct slice value);

// Walks over headers; start with *at = 0. False at the end, or when the rest is malformed. value.data is NULL for a null value.
bool record_headers_next(struct slice headers, size_t *at, struct slice *name, struct slice *value);
// The value of the last header of that name; {NULL, 0} when there is none.
struct slice record_header(struct slice headers, const char *name);

// The partition that Kafka's default partitioner (murmur2) gives a key: the same key lands on the same number everywhere.
int32_t record_partition(struct slice key, int32_t partitions);

#endif
