// SPDX-License-Identifier: Apache-2.0
// Any bytes as a protobuf message; what decodes is encoded again and must decode to the same row.
#include "quote.pb-c.h"
#include "quote_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct batch *batch, uint32_t row, const uint8_t *data, size_t size)
{
    struct err err;
    Fdp__PricingData *quote = fdp__pricing_data__unpack(NULL, size, data);
    if (!quote) abort();
    // Without unknown fields: the library does not write all of them as it reads them, and a row has none.
    unsigned unknown = quote->base.n_unknown_fields;
    quote->base.n_unknown_fields = 0;
    size_t packed = fdp__pricing_data__get_packed_size(quote);
    uint8_t *bytes = malloc(packed ? packed : 1);
    if (!bytes || fdp__pricing_data__pack(quote, bytes) != packed) abort();
    uint32_t again = batch_row_begin(batch);
    if (quote_decode_message((struct slice){(const char *)bytes, packed}, batch, again, &err) != OK) abort();
    check_same(batch, row, again);
    free(bytes);
    quote->base.n_unknown_fields = unknown;
    fdp__pricing_data__free_unpacked(quote, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct batch *batch = batch_new(&quote_row_type, 2);
    struct err err;
    uint32_t row = batch_row_begin(batch);
    enum status status = quote_decode_message((struct slice){(const char *)data, size}, batch, row, &err);
    if (status == OK) {
        check_row(batch, row);
        batch_row_commit(batch);
        round_trip(batch, row, data, size);
    } else {
        check_refused(status, &err);
        if (batch->arena.used_bytes) abort();
    }
    batch_free(batch);
    return 0;
}
