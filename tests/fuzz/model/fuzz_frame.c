// SPDX-License-Identifier: Apache-2.0
// Any bytes as a frame: a row that keeps its promises, another type, or a reason; and a bare message means the same inside an envelope.
#include "base/buf.h"
#include "quote_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct batch *batch = batch_new(&quote_row_type, 2);
    struct slice frame = {(const char *)data, size};
    enum quote_frame kind;
    struct err err;
    uint32_t row = batch_row_begin(batch);
    enum status status = quote_decode_frame(frame, batch, row, &kind, &err);
    if (status != OK) {
        check_refused(status, &err);
        if (batch->arena.used_bytes) abort();
    } else if (kind == QUOTE_FRAME_QUOTE) {
        check_row(batch, row);
        quote_set_event_id(batch, row);
        batch_row_commit(batch);
        if (size && data[0] != '{' && size < BUF_MAX_FRAME - 64) {
            struct buf envelope;
            buf_init(&envelope, 2 * BUF_MAX_FRAME);
            buf_append_text(&envelope, "{\"type\":\"pricing\",\"message\":\"");
            buf_append(&envelope, data, size);
            buf_append_text(&envelope, "\"}");
            uint32_t again = batch_row_begin(batch);
            if (data[0] > ' ' && quote_decode_frame(buf_slice(&envelope), batch, again, &kind, &err) != OK) abort();
            if (data[0] > ' ') check_same(batch, row, again);
            buf_fini(&envelope);
        }
    }
    batch_free(batch);
    return 0;
}
