// SPDX-License-Identifier: Apache-2.0
// Encoding rows: every column type into every type that takes it, defaults, nulls, rejects.
#include "fixture.h"

#include <math.h>

#define LONG_AS(logical) "{\"type\":\"long\",\"logicalType\":\"" logical "\"}"
#define DECIMAL(precision, scale) "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" precision ",\"scale\":" scale "}"

struct row {
    enum column_type type;
    bool null;
    int64_t int64;
    double float64;
    struct slice text;
};

#define INT64(value) ((struct row){.type = COLUMN_INT64, .int64 = (value)})
#define TIMESTAMP(value) ((struct row){.type = COLUMN_TIMESTAMP, .int64 = (value)})
#define DOUBLE(value) ((struct row){.type = COLUMN_DOUBLE, .float64 = (value)})
#define TEXT(value) ((struct row){.type = COLUMN_TEXT, .text = SLICE(value)})
#define BYTES(value) ((struct row){.type = COLUMN_BYTES, .text = SLICE(value)})
#define NULL_OF(column) ((struct row){.type = column, .null = true})

// A row of one column "f" as data of a schema with one field: hexadecimal, "no plan: why" or "reject: why".
static const char *encoded_as(const char *schema_text, struct row row)
{
    static char out[4096];
    struct row_column column = {"f", row.type, false, false};
    struct row_type type = {"row", 1, &column};
    struct avro_schema *schema = schema_of(schema_text, AVRO_LENIENT);
    struct avro_encode_plan *plan;
    struct buf buf, text;
    struct err err;
    buf_init(&buf, 1024);
    buf_init(&text, sizeof out - 1);
    buf_append_text(&buf, "before");
    if (avro_encode_plan_new(&type, schema, &plan, &err) != OK) {
        assert_null(plan);
        buf_printf(&text, "no plan: %s", err.text);
    } else {
        struct batch *batch = batch_new(&type, 1);
        uint32_t at = batch_row_begin(batch);
        if (row.null)
            assert_true(batch_is_null(batch, 0, at));
        else if (row.type == COLUMN_INT64 || row.type == COLUMN_TIMESTAMP)
            batch_set_int64(batch, 0, at, row.int64);
        else if (row.type == COLUMN_DOUBLE)
            batch_set_double(batch, 0, at, row.float64);
        else
            batch_set_slice(batch, 0, at, row.text);
        if (avro_encode(plan, batch, at, &buf, &err) == OK) {
            print_hex(buf.data + 6, buf.size - 6, &text);
        } else {
            assert_int_equal(buf.size, 6);
            buf_printf(&text, "reject: %s", err.text);
        }
        batch_free(batch);
    }
    assert_memory_equal(buf.data, "before", 6);
    assert_false(buf.full);
    memcpy(out, text.data ? text.data : "", text.size);
    out[text.size] = '\0';
    buf_fini(&buf);
    buf_fini(&text);
    avro_encode_plan_free(plan);
    avro_schema_free(schema);
    return out;
}

#define assert_encodes(type, row, hex) assert_string_equal(encoded_as(FIELD(type), row), hex)
#define assert_rejects_row(type, row, reason)                                                                                              \
    do {                                                                                                                                   \
        assert_contains(encoded_as(FIELD(type), row), "reject: ");                                                                         \
        assert_contains(encoded_as(FIELD(type), row), "field \"f\"");                                                                      \
        assert_contains(encoded_as(FIELD(type), row), reason);                                                                             \
    } while (0)
#define assert_no_plan_for(type, row) assert_contains(encoded_as(FIELD(type), row), "no plan: column \"f\" of row")

static void test_encode_numbers(void **state)
{
    (void)state;
    assert_encodes("\"int\"", INT64(-1), "01");
    assert_encodes("\"int\"", INT64(INT32_MIN), "ffffffff0f");
    assert_encodes("\"long\"", INT64(INT64_MIN), "ffffffffffffffffff01");
    assert_encodes("\"long\"", INT64(64), "8001");
    assert_encodes("\"boolean\"", INT64(1), "01");
    assert_encodes("\"double\"", DOUBLE(1.5), "000000000000f83f");
    assert_encodes("\"float\"", DOUBLE(305.76), "48e19843");
    assert_encodes("\"double\"", INT64(2), "0000000000000040");
    assert_encodes("\"long\"", DOUBLE(2), "04");
    assert_rejects_row("\"int\"", INT64(INT64_C(1) << 31), "does not fit");
    assert_rejects_row("\"int\"", INT64(INT32_MIN - INT64_C(1)), "does not fit");
    assert_rejects_row("\"boolean\"", INT64(2), "does not fit a boolean");
    assert_rejects_row("\"long\"", DOUBLE(2.5), "does not fit a long");
    assert_rejects_row("\"float\"", DOUBLE(1e300), "does not fit a float");
    assert_rejects_row("\"double\"", DOUBLE((double)NAN), "does not fit");
    assert_rejects_row("\"double\"", DOUBLE((double)INFINITY), "does not fit");
}

static void test_encode_text_and_bytes(void **state)
{
    (void)state;
    assert_encodes("\"string\"", TEXT("é"), "04c3a9");
    assert_encodes("\"string\"", TEXT(""), "00");
    assert_encodes("\"bytes\"", BYTES("\0\xff"), "0400ff");
    assert_encodes("\"bytes\"", TEXT("x"), "0278");
    assert_encodes("\"string\"", BYTES("x"), "0278");
    assert_rejects_row("\"string\"", BYTES("\xff"), "bytes that does not fit a string");
    assert_encodes("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", BYTES("ab"), "6162");
    assert_rejects_row("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", BYTES("abc"), "does not fit a fixed");
    assert_encodes("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", TEXT("B"), "02");
    assert_rejects_row("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"],\"default\":\"A\"}", TEXT("C"), "does not fit an enum");
    assert_encodes("\"string\"", INT64(-7), "042d37");
    assert_encodes("\"string\"", DOUBLE(1.5), "06312e35");
    assert_encodes("\"int\"", TEXT("-7"), "0d");
    assert_rejects_row("\"int\"", TEXT("x"), "does not fit an int");
}

static void test_encode_timestamps(void **state)
{
    (void)state;
    assert_encodes(LONG_AS("timestamp-millis"), TIMESTAMP(1999), "02");
    assert_encodes(LONG_AS("timestamp-millis"), TIMESTAMP(-1), "01"); // cut towards the past
    assert_encodes(LONG_AS("timestamp-micros"), TIMESTAMP(-1), "01");
    assert_encodes(LONG_AS("timestamp-nanos"), TIMESTAMP(1), "d00f");
    assert_encodes("\"string\"", TIMESTAMP(0), "28313937302d30312d30315430303a30303a30305a");
    assert_encodes(LONG_AS("timestamp-millis"), TEXT("1970-01-01T00:00:00.005Z"), "0a");
    assert_encodes(LONG_AS("timestamp-millis"), INT64(1786622589), "90e189b0ff67");
    assert_rejects_row(LONG_AS("timestamp-nanos"), TIMESTAMP(INT64_MAX), "does not fit a timestamp");
    assert_no_plan_for("\"long\"", TIMESTAMP(0));
}

static void test_encode_decimals_and_uuids(void **state)
{
    (void)state;
    assert_encodes(DECIMAL("4", "2"), TEXT("-1.23"), "0285");
    assert_encodes(DECIMAL("4", "2"), DOUBLE(1.5), "040096");
    assert_encodes("{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\",\"precision\":4,\"scale\":2}", TEXT("-1.23"),
                   "ffffff85");
    assert_rejects_row(DECIMAL("4", "2"), TEXT("1.234"), "does not fit a decimal");
    assert_rejects_row(DECIMAL("4", "2"), TEXT("100.00"), "does not fit a decimal");
    assert_encodes("{\"type\":\"fixed\",\"name\":\"F\",\"size\":16,\"logicalType\":\"uuid\"}", TEXT("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
                   "6ba7b8109dad11d180b400c04fd430c8");
    assert_rejects_row("{\"type\":\"fixed\",\"name\":\"F\",\"size\":16,\"logicalType\":\"uuid\"}", TEXT("x"), "does not fit a uuid");
}

static void test_encode_nulls(void **state)
{
    (void)state;
    assert_encodes("[\"null\",\"int\"]", NULL_OF(COLUMN_INT64), "00");
    assert_encodes("[\"null\",\"int\"]", INT64(1), "0202");
    assert_encodes("[\"int\",\"null\"]", NULL_OF(COLUMN_INT64), "02");
    assert_encodes("[\"int\",\"null\"]", INT64(1), "0002");
    assert_encodes("[\"int\"]", INT64(1), "0002");
    assert_encodes("\"null\"", NULL_OF(COLUMN_TEXT), "");
    assert_encodes("[\"null\"]", NULL_OF(COLUMN_TEXT), "00");
    assert_encodes("[\"int\",\"string\",\"null\"]", NULL_OF(COLUMN_TEXT), "04");
    assert_rejects_row("\"int\"", NULL_OF(COLUMN_INT64), "null in a field that must have a value");
    assert_rejects_row("[\"int\",\"string\"]", NULL_OF(COLUMN_TEXT), "null in a field that must have a value");
    assert_rejects_row("\"null\"", TEXT("x"), "does not fit");
}

static void test_encode_into_a_union_of_many(void **state)
{
    (void)state;
    // A column that is not text goes to the branch of its own type, else to the first that it converts to.
    assert_encodes("[\"null\",\"string\",\"long\"]", INT64(1), "0402");
    assert_encodes("[\"null\",\"string\",\"boolean\"]", DOUBLE(1.5), "0206312e35");
    assert_no_plan_for("[\"null\",\"bytes\",\"boolean\"]", DOUBLE(1.5));
    // Text is JSON, as decoding makes it.
    assert_encodes("[\"null\",\"string\",\"long\"]", TEXT("\"x\""), "020278");
    assert_encodes("[\"null\",\"string\",\"long\"]", TEXT("7"), "040e");
    assert_rejects_row("[\"null\",\"string\",\"long\"]", TEXT("x"), "JSON");
}

static void test_encode_what_cannot_be(void **state)
{
    (void)state;
    assert_no_plan_for("\"int\"", BYTES(""));
    assert_no_plan_for("\"bytes\"", INT64(1));
    assert_no_plan_for("{\"type\":\"array\",\"items\":\"int\"}", INT64(1));
    assert_contains(encoded_as("\"int\"", INT64(1)), "no plan: rows need a schema that is a record");
}

static void test_encode_fields_without_a_column(void **state)
{
    (void)state;
    assert_string_equal(
        encoded_as(RECORD("{\"name\":\"other\",\"type\":\"int\",\"default\":7},{\"name\":\"f\",\"type\":\"int\"}"), INT64(1)), "0e02");
    assert_string_equal(encoded_as(RECORD("{\"name\":\"other\",\"type\":[\"string\",\"null\"],\"default\":null}"), INT64(1)), "02");
    assert_string_equal(encoded_as(RECORD("{\"name\":\"n\",\"type\":\"int\",\"aliases\":[\"z\",\"f\"]}"), INT64(1)), "02");
    assert_string_equal(encoded_as(RECORD(""), INT64(1)), "");
    assert_contains(encoded_as(RECORD("{\"name\":\"other\",\"type\":\"int\"}"), INT64(1)), "no plan: no column \"other\" in row");
    assert_contains(encoded_as(RECORD("{\"name\":\"other\",\"type\":\"int\",\"default\":\"x\"}"), INT64(1)),
                    "no plan: the default of field \"other\"");
}

static void test_encode_a_full_buffer_is_a_reject(void **state)
{
    (void)state;
    static const struct row_column column = {.name = "f", .type = COLUMN_TEXT, .required = true};
    const struct row_type type = {"row", 1, &column};
    struct avro_schema *schema = schema_of(FIELD("\"string\""), AVRO_STRICT);
    struct avro_encode_plan *plan;
    struct buf buf;
    struct err err;
    assert_ok(avro_encode_plan_new(&type, schema, &plan, &err), &err);
    struct batch *batch = batch_new(&type, 1);
    batch_set_slice(batch, 0, batch_row_begin(batch), SLICE("0123456789012345678901234567890123456789"));
    buf_init(&buf, 30);
    assert_int_equal(avro_encode(plan, batch, 0, &buf, &err), REJECT);
    assert_contains(err.text, "a buffer of 30 bytes");
    assert_int_equal(buf.size, 0);
    assert_false(buf.full);
    buf_fini(&buf);
    batch_free(batch);
    avro_encode_plan_free(plan);
    avro_schema_free(schema);
}

static void test_encode_index_of_a_far_branch(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_append_text(&text, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":[\"null\"");
    for (int i = 0; i < 200; i++) buf_printf(&text, ",{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":%d}", i, i);
    buf_append(&text, ",\"double\"]}]}", 14);
    assert_string_equal(encoded_as(text.data, DOUBLE(1.5)), "9203000000000000f83f"); // branch 201
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode_numbers),
        cmocka_unit_test(test_encode_text_and_bytes),
        cmocka_unit_test(test_encode_timestamps),
        cmocka_unit_test(test_encode_decimals_and_uuids),
        cmocka_unit_test(test_encode_nulls),
        cmocka_unit_test(test_encode_into_a_union_of_many),
        cmocka_unit_test(test_encode_what_cannot_be),
        cmocka_unit_test(test_encode_fields_without_a_column),
        cmocka_unit_test(test_encode_a_full_buffer_is_a_reject),
        cmocka_unit_test(test_encode_index_of_a_far_branch),
    };
    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
