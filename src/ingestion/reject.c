// SPDX-License-Identifier: Apache-2.0
// Making reject records.
#include "ingestion/reject.h"

#include "base/clock.h"
#include "model/record.h"

static struct slice copied(struct batch *batch, struct slice bytes)
{
    return (struct slice){arena_copy(&batch->arena, bytes.data, bytes.size), bytes.size};
}

void ingestion_reject(struct batch *rejects, struct slice key, struct slice frame, const char *reason, const char *source,
                      int64_t received_us)
{
    char received[CLOCK_TEXT_BYTES];
    struct buf headers;
    buf_init(&headers, BUF_MAX_RECORD);
    record_headers_append(&headers, "reason", slice_of(reason));
    record_headers_append(&headers, "source", slice_of(source));
    record_headers_append(&headers, "received", slice_of(clock_format(received_us, received)));

    uint32_t row = batch_row_begin(rejects);
    if (key.size) batch_set_slice(rejects, RECORD_KEY, row, copied(rejects, key));
    batch_set_slice(rejects, RECORD_VALUE, row, copied(rejects, frame));
    batch_set_slice(rejects, RECORD_HEADERS, row, copied(rejects, buf_slice(&headers)));
    batch_set_int64(rejects, RECORD_TIMESTAMP, row, received_us);
    batch_row_commit(rejects);
    buf_fini(&headers);
}
