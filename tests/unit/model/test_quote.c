// SPDX-License-Identifier: Apache-2.0
// Recorded frames decode to the stated values and encode again byte for byte; nothing that is cut or bent gets through unnoticed.
#include "model/quote.h"

#include <math.h>
#include <openssl/sha.h>

#include "../unit.h"
#include "base/buf.h"
#include "quote.pb-c.h"

enum { VECTORS_MAX = 32, FIELDS_MAX = 48, LINE_MAX_BYTES = 4096 };

struct vector {
    char line[LINE_MAX_BYTES];
    char *name, *base64, *fields[FIELDS_MAX];
    size_t field_count;
};

struct fixture {
    struct vector vectors[VECTORS_MAX];
    size_t count;
    struct batch *batch;
    struct err err;
};

static int read_vectors(struct fixture *f)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/case/yahoo-frames.tsv", getenv("FDP_SOURCE"));
    FILE *file = fopen(path, "r");
    if (!file) return fprintf(stderr, "cannot read %s\n", path), -1;
    while (f->count < VECTORS_MAX && fgets(f->vectors[f->count].line, LINE_MAX_BYTES, file)) {
        struct vector *vector = &f->vectors[f->count];
        vector->line[strcspn(vector->line, "\n")] = '\0';
        if (vector->line[0] == '#') continue;
        char *rest = vector->line;
        vector->name = strsep(&rest, "\t");
        vector->base64 = strsep(&rest, "\t");
        vector->field_count = 0;
        while (rest && vector->field_count < FIELDS_MAX) vector->fields[vector->field_count++] = strsep(&rest, "\t");
        f->count++;
    }
    fclose(file);
    return f->count == 13 ? 0 : -1;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->batch = batch_new(&quote_row_type, 8);
    return read_vectors(f);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    batch_free(f->batch);
    free(f);
    return 0;
}

static enum status decode(struct fixture *f, struct slice frame, uint32_t *row)
{
    enum quote_frame kind;
    batch_reset(f->batch);
    *row = batch_row_begin(f->batch);
    enum status status = quote_decode_frame(frame, f->batch, *row, &kind, &f->err);
    if (status == OK) assert_int_equal(kind, QUOTE_FRAME_QUOTE);
    return status;
}

static void assert_column(const struct batch *batch, uint32_t row, const char *name, const char *value)
{
    int column = row_type_column(&quote_row_type, slice_of(name));
    assert_true(column >= 0);
    assert_false(batch_is_null(batch, (uint32_t)column, row));
    const struct column *c = &batch->columns[column];
    switch (quote_row_type.columns[column].type) {
    case COLUMN_INT64: assert_int_equal(c->int64[row], strtoll(value, NULL, 10)); return;
    case COLUMN_TIMESTAMP: assert_int_equal(c->int64[row], strtoll(value, NULL, 10) * 1000); return;
    case COLUMN_DOUBLE: assert_true(c->float64[row] == strtod(value, NULL)); return;
    case COLUMN_TEXT:
    case COLUMN_BYTES: assert_true(slice_is(c->text[row], value)); return;
    }
}

static size_t present(const struct batch *batch, uint32_t row)
{
    size_t count = 0;
    for (uint32_t column = 0; column < QUOTE_FIELDS; column++) count += !batch_is_null(batch, column, row);
    return count;
}

static void assert_decodes_to_stated_values(struct fixture *f, const struct vector *vector, struct slice frame)
{
    uint32_t row;
    assert_int_equal(decode(f, frame, &row), OK);
    for (size_t i = 0; i < vector->field_count; i++) {
        char pair[256];
        snprintf(pair, sizeof pair, "%s", vector->fields[i]);
        char *value = strchr(pair, '=');
        *value++ = '\0';
        assert_column(f->batch, row, pair, value);
    }
    assert_int_equal(present(f->batch, row), vector->field_count);
    assert_true(slice_equal(f->batch->columns[QUOTE_FRAME].text[row], frame));
}

static void test_decode_frame_gives_the_stated_values_of_every_recorded_frame(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->count; i++) assert_decodes_to_stated_values(f, &f->vectors[i], slice_of(f->vectors[i].base64));
}

static void test_decode_frame_gives_the_same_in_every_spelling_of_the_envelope(void **state)
{
    struct fixture *f = *state;
    static const char *const spellings[] = {
        "{\"type\":\"pricing\",\"message\":\"%s\"}",         "{\"type\": \"pricing\", \"message\": \"%s\"}",
        "{\"message\":\"%s\",\"type\":\"pricing\"}",         " {\"type\":\"pricing\",\"message\":\"%s\"}\n",
        "{\"type\":\"pricing\",\"message\":\"%s\",\"n\":1}", "{\"t\\u0079pe\":\"pricing\",\"message\":\"%s\"}",
    };
    for (size_t i = 0; i < f->count; i++) {
        for (size_t j = 0; j < sizeof spellings / sizeof *spellings; j++) {
            struct buf frame;
            buf_init(&frame, BUF_MAX_FRAME);
            for (const char *p = spellings[j]; *p; p++) {
                if (*p == '%')
                    buf_append_text(&frame, f->vectors[i].base64), p++;
                else
                    buf_append_byte(&frame, *p);
            }
            assert_decodes_to_stated_values(f, &f->vectors[i], buf_slice(&frame));
            buf_fini(&frame);
        }
    }
}

static void test_encode_gives_back_every_recorded_frame_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->count; i++) {
        const char *base64 = f->vectors[i].base64;
        unsigned char bytes[1024], again[1024];
        ptrdiff_t size = text_base64_decode(base64, strlen(base64), bytes);
        assert_true(size > 0);
        Fdp__PricingData *quote = fdp__pricing_data__unpack(NULL, (size_t)size, bytes);
        assert_non_null(quote);
        assert_int_equal(fdp__pricing_data__pack(quote, again), size);
        assert_memory_equal(bytes, again, (size_t)size);
        char text[2048];
        text_base64_encode(again, (size_t)size, text);
        assert_string_equal(text, base64);
        fdp__pricing_data__free_unpacked(quote, NULL);
    }
}

// Every truncation is either refused with a reason, or decodes to the fields that came whole.
static void test_decode_frame_survives_every_truncation(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->count; i++) {
        const char *base64 = f->vectors[i].base64;
        char v2[2048];
        snprintf(v2, sizeof v2, "{\"type\":\"pricing\",\"message\":\"%s\"}", base64);
        uint32_t row;
        for (size_t size = 0; size < strlen(base64); size++) {
            char *exact = malloc(size ? size : 1); // so that a sanitizer sees one byte too far
            memcpy(exact, base64, size);
            if (decode(f, (struct slice){exact, size}, &row) == OK)
                assert_true(size % 4 == 0 && present(f->batch, row) < f->vectors[i].field_count);
            else
                assert_true(*f->err.text && f->err.status == REJECT && f->err.code == ERR_FEED);
            free(exact);
        }
        for (size_t size = 0; size < strlen(v2); size++) assert_int_equal(decode(f, (struct slice){v2, size}, &row), REJECT);
    }
}

static void test_decode_message_survives_every_truncation(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->count; i++) {
        unsigned char bytes[1024];
        ptrdiff_t whole = text_base64_decode(f->vectors[i].base64, strlen(f->vectors[i].base64), bytes);
        for (size_t size = 0; size < (size_t)whole; size++) {
            unsigned char *exact = malloc(size ? size : 1);
            memcpy(exact, bytes, size);
            batch_reset(f->batch);
            uint32_t row = batch_row_begin(f->batch);
            if (quote_decode_message((struct slice){(char *)exact, size}, f->batch, row, &f->err) == OK)
                assert_true(present(f->batch, row) < f->vectors[i].field_count);
            free(exact);
        }
    }
}

static void assert_rejected(struct fixture *f, const char *frame, const char *reason)
{
    uint32_t row;
    assert_int_equal(decode(f, slice_of(frame), &row), REJECT);
    assert_int_equal(f->err.code, ERR_FEED);
    assert_contains(f->err.text, reason);
    assert_int_equal(f->batch->arena.used_bytes, 0); // nothing is kept of what is refused
}

static void test_decode_frame_rejects_what_is_no_frame(void **state)
{
    struct fixture *f = *state;
    assert_rejected(f, "", "empty");
    assert_rejected(f, "invalid_base64_string", "base64");
    assert_rejected(f, "not json", "base64");
    assert_rejected(f, "CgRBQVBMFQAAP0M", "base64");  // padding missing
    assert_rejected(f, "CgRBQVBMFQAAP0N=", "base64"); // bits left over
    assert_rejected(f, "CgRBQVBM\nFQAAP0M=", "base64");
    assert_rejected(f, "{", "not JSON");
    assert_rejected(f, "{}", "no type");
    assert_rejected(f, "{\"message\":\"CgRBQVBMFQAAP0M=\"}", "no type");
    assert_rejected(f, "{\"type\":8,\"message\":\"CgRBQVBMFQAAP0M=\"}", "no type");
    assert_rejected(f, "{\"type\":\"pricing\"}", "no message");
    assert_rejected(f, "{\"type\":\"pricing\",\"message\":null}", "no message");
    assert_rejected(f, "{\"type\":\"pricing\",\"message\":\"x\"}", "base64");
    assert_rejected(f, "{\"type\":\"pricing\",\"message\":\"CgRBQVBMFQAAP0M=\"}}", "not JSON");
    assert_rejected(f, "{\"type\":\"pricing\",\"message\":\"\",\"message\":\"CgRBQVBMFQAAP0M=\"}", "not JSON");
    assert_rejected(f, "CgRBQVBMFQAAPw==", "protobuf"); // a float of three bytes
}

static void test_decode_frame_takes_an_empty_message_for_a_quote_without_fields(void **state)
{
    struct fixture *f = *state;
    uint32_t row;
    assert_int_equal(decode(f, SLICE("{\"type\":\"pricing\",\"message\":\"\"}"), &row), OK);
    assert_int_equal(present(f->batch, row), 0);
}

static void test_decode_frame_leaves_other_types_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const others[] = {"{\"type\":\"heartbeat\"}", "{\"type\":\"static\",\"message\":\"???\"}",
                                         "{\"message\":{},\"type\":\"\"}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        enum quote_frame kind = QUOTE_FRAME_QUOTE;
        batch_reset(f->batch);
        assert_int_equal(quote_decode_frame(slice_of(others[i]), f->batch, batch_row_begin(f->batch), &kind, &f->err), OK);
        assert_int_equal(kind, QUOTE_FRAME_OTHER);
        assert_int_equal(f->batch->arena.used_bytes, 0);
    }
}

static void test_decode_frame_refuses_a_frame_past_the_limit(void **state)
{
    struct fixture *f = *state;
    char *big = malloc(BUF_MAX_FRAME + 4);
    memset(big, 'A', BUF_MAX_FRAME + 4);
    uint32_t row;
    assert_int_equal(decode(f, (struct slice){big, BUF_MAX_FRAME + 4}, &row), REJECT);
    assert_contains(f->err.text, "65536");
    free(big);
}

// Encodes a quote and decodes it again from the protobuf message.
static enum status round_trip(struct fixture *f, const Fdp__PricingData *quote, uint32_t *row)
{
    static unsigned char bytes[BUF_MAX_FRAME];
    batch_reset(f->batch);
    *row = batch_row_begin(f->batch);
    size_t size = fdp__pricing_data__pack(quote, bytes);
    return quote_decode_message((struct slice){(char *)bytes, size}, f->batch, *row, &f->err);
}

#define BYTES(literal) ((ProtobufCBinaryData){sizeof(literal) - 1, (uint8_t *)(uintptr_t)(literal)})

static void test_decode_message_keeps_absent_apart_from_zero(void **state)
{
    struct fixture *f = *state;
    Fdp__PricingData quote = FDP__PRICING_DATA__INIT;
    quote.has_market_hours = quote.has_change = quote.has_day_volume = quote.has_exchange = 1;
    quote.exchange = BYTES("");
    uint32_t row;
    assert_int_equal(round_trip(f, &quote, &row), OK);
    assert_int_equal(present(f->batch, row), 4);
    assert_column(f->batch, row, "market_hours", "0");
    assert_column(f->batch, row, "change", "0");
    assert_column(f->batch, row, "day_volume", "0");
    assert_column(f->batch, row, "exchange", "");
    assert_true(batch_is_null(f->batch, QUOTE_PRICE, row));
}

static void test_decode_message_passes_unknown_enumeration_values(void **state)
{
    struct fixture *f = *state;
    Fdp__PricingData quote = FDP__PRICING_DATA__INIT;
    quote.has_market_hours = quote.has_quote_type = 1;
    quote.market_hours = 99;
    quote.quote_type = -7;
    uint32_t row;
    assert_int_equal(round_trip(f, &quote, &row), OK);
    assert_column(f->batch, row, "market_hours", "99");
    assert_column(f->batch, row, "quote_type", "-7");
}

static void test_decode_message_ignores_unknown_fields(void **state)
{
    struct fixture *f = *state;
    // Field 100 as a varint, 101 as bytes, then id.
    static const char message[] = "\xa0\x06\x05\xaa\x06\x03xyz\x0a\x04"
                                  "AAPL";
    batch_reset(f->batch);
    uint32_t row = batch_row_begin(f->batch);
    assert_int_equal(quote_decode_message((struct slice){message, sizeof message - 1}, f->batch, row, &f->err), OK);
    assert_column(f->batch, row, "id", "AAPL");
    assert_int_equal(present(f->batch, row), 1);
}

static void test_decode_message_survives_thousands_of_unknown_fields(void **state)
{
    struct fixture *f = *state;
    static char message[48000];
    for (size_t i = 0; i < sizeof message; i += 3) memcpy(message + i, "\xa0\x06\x05", 3);
    batch_reset(f->batch);
    uint32_t row = batch_row_begin(f->batch);
    assert_int_equal(quote_decode_message((struct slice){message, sizeof message}, f->batch, row, &f->err), OK);
    assert_int_equal(present(f->batch, row), 0);
}

static void test_decode_message_joins_repeated_indices(void **state)
{
    struct fixture *f = *state;
    ProtobufCBinaryData indices[] = {BYTES("^GSPC"), BYTES(""), BYTES("^NDX")};
    Fdp__PricingData quote = FDP__PRICING_DATA__INIT;
    quote.n_indices = 3;
    quote.indices = indices;
    uint32_t row;
    assert_int_equal(round_trip(f, &quote, &row), OK);
    assert_column(f->batch, row, "indices", "^GSPC,,^NDX");
}

static void test_decode_message_rejects_bad_values(void **state)
{
    struct fixture *f = *state;
    uint32_t row;
    Fdp__PricingData nan_price = FDP__PRICING_DATA__INIT, infinite = FDP__PRICING_DATA__INIT, bad_text = FDP__PRICING_DATA__INIT,
                     with_nul = FDP__PRICING_DATA__INIT, far_time = FDP__PRICING_DATA__INIT;
    nan_price.has_price = infinite.has_market_cap = bad_text.has_short_name = with_nul.has_id = far_time.has_time = 1;
    nan_price.price = NAN;
    infinite.market_cap = -(double)INFINITY;
    bad_text.short_name = BYTES("caf\xe9");
    with_nul.id = BYTES("AA\0PL");
    far_time.time = INT64_MAX / 1000 + 1;
    char longest[QUOTE_ID_MAX_BYTES + 1];
    memset(longest, 'A', sizeof longest);
    Fdp__PricingData long_id = FDP__PRICING_DATA__INIT;
    long_id.has_id = 1;
    long_id.id = (ProtobufCBinaryData){sizeof longest, (uint8_t *)longest};
    assert_int_equal(round_trip(f, &long_id, &row), REJECT);
    assert_contains(f->err.text, "id is no symbol: it has 65 bytes");
    long_id.id.len--;
    assert_int_equal(round_trip(f, &long_id, &row), OK);
    assert_int_equal(round_trip(f, &nan_price, &row), REJECT);
    assert_contains(f->err.text, "price is not a number");
    assert_int_equal(round_trip(f, &infinite, &row), REJECT);
    assert_contains(f->err.text, "market_cap is infinite");
    assert_int_equal(round_trip(f, &bad_text, &row), REJECT);
    assert_contains(f->err.text, "short_name is not UTF-8");
    assert_int_equal(round_trip(f, &with_nul, &row), REJECT);
    assert_contains(f->err.text, "id holds a NUL");
    assert_int_equal(round_trip(f, &far_time, &row), REJECT);
    assert_contains(f->err.text, "time is out of range");
}

static void assert_event_id_of(struct fixture *f, uint32_t row, const char *text)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char expected[17];
    SHA256((const unsigned char *)text, strlen(text), digest);
    text_hex(digest, 8, expected);
    quote_set_event_id(f->batch, row);
    assert_column(f->batch, row, "event_id", expected);
}

static void test_event_id_is_the_hash_of_the_named_fields(void **state)
{
    struct fixture *f = *state;
    uint32_t row;
    assert_int_equal(decode(f, slice_of(f->vectors[0].base64), &row), OK);
    batch_set_slice(f->batch, QUOTE_SOURCE_API, row, SLICE("yahoo-stream"));
    assert_event_id_of(f, row, "yahoo-stream|BTC-USD|1736509140000|94745.08|1431.8906|1|59712028672");
}

static void test_event_id_takes_an_absent_field_as_empty(void **state)
{
    struct fixture *f = *state;
    batch_reset(f->batch);
    uint32_t row = batch_row_begin(f->batch);
    assert_event_id_of(f, row, "||||||");
    batch_set_slice(f->batch, QUOTE_ID, row, SLICE("AAPL"));
    batch_set_double(f->batch, QUOTE_CHANGE, row, 0);
    batch_set_int64(f->batch, QUOTE_MARKET_HOURS, row, 0);
    assert_event_id_of(f, row, "|AAPL|||0|0|");
    batch_set_int64(f->batch, QUOTE_TIME, row, INT64_MIN);
    batch_set_int64(f->batch, QUOTE_DAY_VOLUME, row, INT64_MIN);
    assert_event_id_of(f, row, "|AAPL|-9223372036854775||0|0|-9223372036854775808");
}

static void test_row_type_names_the_fields_of_the_protocol(void **state)
{
    (void)state;
    assert_int_equal(quote_row_type.column_count, QUOTE_COLUMNS);
    for (unsigned i = 0; i < fdp__pricing_data__descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &fdp__pricing_data__descriptor.fields[i];
        assert_string_equal(quote_row_type.columns[field->id - 1].name, field->name);
    }
    assert_int_equal(fdp__pricing_data__descriptor.n_fields, QUOTE_FIELDS);
    assert_string_equal(quote_row_type.columns[QUOTE_PRICE_HINT].name, "price_hint");
    assert_string_equal(quote_row_type.columns[QUOTE_FRAME].name, "_frame");
    assert_true(quote_row_type.columns[QUOTE_FRAME].hidden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_frame_gives_the_stated_values_of_every_recorded_frame),
        cmocka_unit_test(test_decode_frame_gives_the_same_in_every_spelling_of_the_envelope),
        cmocka_unit_test(test_encode_gives_back_every_recorded_frame_byte_for_byte),
        cmocka_unit_test(test_decode_frame_survives_every_truncation),
        cmocka_unit_test(test_decode_message_survives_every_truncation),
        cmocka_unit_test(test_decode_frame_rejects_what_is_no_frame),
        cmocka_unit_test(test_decode_frame_takes_an_empty_message_for_a_quote_without_fields),
        cmocka_unit_test(test_decode_frame_leaves_other_types_alone),
        cmocka_unit_test(test_decode_frame_refuses_a_frame_past_the_limit),
        cmocka_unit_test(test_decode_message_keeps_absent_apart_from_zero),
        cmocka_unit_test(test_decode_message_passes_unknown_enumeration_values),
        cmocka_unit_test(test_decode_message_ignores_unknown_fields),
        cmocka_unit_test(test_decode_message_survives_thousands_of_unknown_fields),
        cmocka_unit_test(test_decode_message_joins_repeated_indices),
        cmocka_unit_test(test_decode_message_rejects_bad_values),
        cmocka_unit_test(test_event_id_is_the_hash_of_the_named_fields),
        cmocka_unit_test(test_event_id_takes_an_absent_field_as_empty),
        cmocka_unit_test(test_row_type_names_the_fields_of_the_protocol),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
