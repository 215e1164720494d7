// SPDX-License-Identifier: Apache-2.0
// Any JSON as an envelope: what a JSON library reads from it is what the decoder must have understood, also on its fast path.
#include <jansson.h>

#include "base/buf.h"
#include "quote_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_against_library(struct batch *batch, uint32_t row, struct slice frame, enum status status, enum quote_frame kind)
{
    struct err err;
    json_t *root = json_loadb(frame.data, frame.size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *type = json_object_get(root, "type"), *message = json_object_get(root, "message");
    bool typed = json_is_string(type), pricing = typed && !strcmp(json_string_value(type), "pricing");
    if (!typed) {
        if (status == OK) abort();
    } else if (!pricing) {
        if (status != OK || kind != QUOTE_FRAME_OTHER) abort();
    } else if (!json_is_string(message)) {
        if (status == OK) abort();
    } else if (json_string_length(message)) {
        // The inside alone, as version 1 sends it, unless it would itself be taken for JSON.
        struct slice inside = {json_string_value(message), json_string_length(message)};
        uint32_t again = batch_row_begin(batch);
        enum quote_frame other;
        if (!strchr("{ \t\r\n", inside.data[0])) {
            if (quote_decode_frame(inside, batch, again, &other, &err) != status) abort();
            if (status == OK) check_same(batch, row, again);
        }
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // Every input is an object, so that the fuzzer does not spend its time on how it begins.
    struct buf frame;
    buf_init(&frame, BUF_MAX_FRAME);
    buf_append_byte(&frame, '{');
    buf_append(&frame, data, size);
    if (!frame.full) {
        struct batch *batch = batch_new(&quote_row_type, 2);
        enum quote_frame kind = QUOTE_FRAME_QUOTE;
        struct err err;
        uint32_t row = batch_row_begin(batch);
        enum status status = quote_decode_frame(buf_slice(&frame), batch, row, &kind, &err);
        if (status != OK)
            check_refused(status, &err);
        else
            batch_row_commit(batch);
        check_against_library(batch, row, buf_slice(&frame), status, kind);
        batch_free(batch);
    }
    buf_fini(&frame);
    return 0;
}
