// SPDX-License-Identifier: Apache-2.0
// Decoding with one schema on both sides: every type into its column, and bytes that nobody should trust.
#include "fixture.h"

#define LONG_AS(logical) "{\"type\":\"long\",\"logicalType\":\"" logical "\"}"
#define INT_AS(logical) "{\"type\":\"int\",\"logicalType\":\"" logical "\"}"
#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define MAP(values) "{\"type\":\"map\",\"values\":" values "}"
#define FIXED(size, more) "{\"type\":\"fixed\",\"name\":\"F\",\"size\":" size more "}"
#define DECIMAL(precision, scale) ",\"logicalType\":\"decimal\",\"precision\":" precision ",\"scale\":" scale
#define ENUM "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"

#define assert_value(type, hex, value) assert_decodes(FIELD(type), FIELD(type), hex, "f=" value)
#define assert_bad(type, hex, reason) assert_rejects(FIELD(type), FIELD(type), hex, reason)

static void test_decode_numbers(void **state)
{
    (void)state;
    assert_value("\"boolean\"", "01", "1");
    assert_value("\"int\"", "00", "0");
    assert_value("\"int\"", "ff ff ff ff 0f", "-2147483648");
    assert_value("\"int\"", "fe ff ff ff 0f", "2147483647");
    assert_value("\"int\"", "82 80 80 00", "1"); // longer than needed
    assert_value("\"long\"", "ff ff ff ff ff ff ff ff ff 01", "-9223372036854775808");
    assert_value("\"long\"", "fe ff ff ff ff ff ff ff ff 01", "9223372036854775807");
    assert_value("\"double\"", "00 00 00 00 00 00 f8 3f", "1.5");
    assert_value("\"double\"", "00 00 00 00 00 00 00 80", "-0");
    assert_value("\"float\"", "48 e1 98 43", "305.76");
    assert_value("\"float\"", "00 00 c0 3f", "1.5");
}

static void test_decode_text_and_bytes(void **state)
{
    (void)state;
    assert_value("\"string\"", "00", "''");
    assert_value("\"string\"", "0e c3 a9 e2 82 ac 41 42", "'é€AB'");
    assert_value("\"bytes\"", "06 00 ff 7f", "x00ff7f");
    assert_value(FIXED("3", ""), "00 ff 7f", "x00ff7f");
    assert_value(FIXED("0", ""), "", "x");
    assert_value(ENUM, "02", "'B'");
}

static void test_decode_logical_types(void **state)
{
    (void)state;
    assert_value(LONG_AS("timestamp-millis"), "02", "1000");
    assert_value(LONG_AS("timestamp-micros"), "02", "1");
    assert_value(LONG_AS("timestamp-nanos"), "e8 0f", "1");
    assert_value(LONG_AS("timestamp-nanos"), "01", "-1"); // one nanosecond before: cut towards the past
    assert_value(LONG_AS("local-timestamp-millis"), "01", "-1000");
    assert_value(INT_AS("date"), "02", "1");
    assert_value(INT_AS("time-millis"), "02", "1");
    assert_value(LONG_AS("time-micros"), "02", "1");
    assert_value("{\"type\":\"string\",\"logicalType\":\"uuid\"}", "02 78", "'x'");
    assert_value("{\"type\":\"bytes\"" DECIMAL("4", "2") "}", "04 ff 85", "'-1.23'");
    assert_value(FIXED("2", DECIMAL("4", "2")), "00 7b", "'1.23'");
    assert_value(FIXED("16", ",\"logicalType\":\"uuid\""), "6ba7b8109dad11d180b400c04fd430c8", "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'");
    assert_value(FIXED("12", ",\"logicalType\":\"duration\""), "010000000200000003000000", "x010000000200000003000000");
}

static void test_decode_nullable(void **state)
{
    (void)state;
    assert_value("[\"null\",\"int\"]", "00", "null");
    assert_value("[\"null\",\"int\"]", "02 02", "1");
    assert_value("[\"int\",\"null\"]", "02", "null");
    assert_value("[\"int\",\"null\"]", "00 02", "1");
    assert_value("[\"int\",\"null\"]", "80 00 02", "1"); // an index longer than needed
    assert_value("[\"string\"]", "00 02 78", "'x'");
    assert_value("\"null\"", "", "null");
    assert_value("[\"null\"]", "00", "null");
    assert_value("[\"null\"," ENUM "]", "02 00", "'A'");
}

static void test_decode_row_type(void **state)
{
    (void)state;
    struct codec codec;
    assert_int_equal(codec_open(&codec,
                                RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":[\"string\",\"null\"]},"
                                       "{\"name\":\"c\",\"type\":\"null\"},{\"name\":\"d\",\"type\":[\"null\",\"int\",\"string\"]},"
                                       "{\"name\":\"e\",\"type\":[\"int\",\"string\"]},{\"name\":\"g\",\"type\":" ARRAY("\"int\"") "}"),
                                RECORD("")),
                     OK);
    struct row_type *type;
    assert_ok(avro_row_type(codec.writer, "tick", &codec.arena, &type, &codec.err), &codec.err);
    static const struct row_column expected[] = {{.name = "a", .type = COLUMN_INT64, .required = true},
                                                 {.name = "b", .type = COLUMN_TEXT},
                                                 {.name = "c", .type = COLUMN_TEXT},
                                                 {.name = "d", .type = COLUMN_TEXT},
                                                 {.name = "e", .type = COLUMN_TEXT, .required = true},
                                                 {.name = "g", .type = COLUMN_TEXT, .required = true}};
    assert_string_equal(type->name, "tick");
    assert_int_equal(type->column_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(type->columns[i].name, expected[i].name);
        assert_int_equal(type->columns[i].type, expected[i].type);
        assert_int_equal(type->columns[i].required, expected[i].required);
        assert_false(type->columns[i].hidden);
    }
    codec_close(&codec);
    struct avro_schema *schema = schema_of("\"int\"", AVRO_STRICT);
    struct err err;
    assert_int_equal(avro_row_type(schema, "x", &codec.arena, &type, &err), REJECT);
    assert_contains(err.text, "this one is int");
    avro_schema_free(schema);
}

static void test_decode_malformed_numbers(void **state)
{
    (void)state;
    assert_bad("\"boolean\"", "02", "malformed boolean");
    assert_bad("\"int\"", "80 80 80 80 10", "malformed int"); // 2^31
    assert_bad("\"int\"", "ff ff ff ff ff ff ff ff ff 01", "malformed int");
    assert_bad("\"long\"", "ff ff ff ff ff ff ff ff ff 02", "malformed long");    // a 65th bit
    assert_bad("\"long\"", "80 80 80 80 80 80 80 80 80 80 00", "malformed long"); // eleven bytes
    assert_bad("\"double\"", "00 00 00 00 00 00 f0 7f", "NaN or infinite");
    assert_bad("\"double\"", "01 00 00 00 00 00 f0 ff", "NaN or infinite");
    assert_bad("\"float\"", "00 00 80 ff", "NaN or infinite");
    assert_bad("\"float\"", "00 00 c0 7f", "NaN or infinite");
    assert_bad(ARRAY("\"double\""), "02 00 00 00 00 00 00 f8 7f 00", "NaN or infinite");
    assert_bad(LONG_AS("timestamp-millis"), "fe ff ff ff ff ff ff ff ff 01", "out of range");
    assert_bad(LONG_AS("timestamp-nanos"), "ff ff ff ff ff ff ff ff ff 01", "out of range");
    assert_bad("{\"type\":\"bytes\"" DECIMAL("4", "2") "}", "00", "a decimal that is empty");
    assert_bad("{\"type\":\"bytes\"" DECIMAL("4", "2") "}", "06 7f ff ff", "more than 4 digits");
}

static void test_decode_lengths_beyond_the_end(void **state)
{
    (void)state;
    static const char *const types[] = {"\"string\"", "\"bytes\"", MAP("\"int\"")};
    for (size_t i = 0; i < 3; i++) {
        // In a map the length is that of the first key.
        const char *before = i == 2 ? "02 " : "";
        static const char *const lengths[] = {
            "02", "01", "03", "fe ff ff ff ff ff ff ff ff 01", "ff ff ff ff ff ff ff ff ff 01", "80 80 80 80 10", "80"};
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            char type[128], hex[128];
            snprintf(type, sizeof type, FIELD("%s"), types[i]);
            snprintf(hex, sizeof hex, "%s%s", before, lengths[j]);
            assert_rejects(type, type, hex, "");
        }
    }
    assert_bad("\"double\"", "00 00 00 00 00 00 f8", "longer than what is left");
    assert_bad(FIXED("4", ""), "00 00 00", "longer than what is left");
}

static void test_decode_malformed_text(void **state)
{
    (void)state;
    assert_bad("\"string\"", "02 ff", "not UTF-8 or has NUL");
    assert_bad("\"string\"", "06 61 00 62", "not UTF-8 or has NUL");
    assert_bad("\"string\"", "10 61 62 63 64 65 66 67 00", "not UTF-8 or has NUL");
    assert_bad("\"string\"", "22 61 62 63 64 65 66 67 68 61 62 63 64 65 66 67 68 00", "not UTF-8 or has NUL");
    assert_bad("\"string\"", "04 ed a0", "not UTF-8 or has NUL");
    assert_bad(MAP("\"int\""), "02 02 00 02 00", "malformed key");
    assert_bad(ARRAY("\"string\""), "02 02 00 00", "not UTF-8 or has NUL");
}

static void test_decode_indexes_out_of_range(void **state)
{
    (void)state;
    assert_bad(ENUM, "04", "no symbol of the enum");
    assert_bad(ENUM, "01", "no symbol of the enum");
    assert_bad(ENUM, "fe ff ff ff ff ff ff ff ff 01", "no symbol of the enum");
    assert_bad("[\"null\",\"int\"]", "04", "no branch of the union");
    assert_bad("[\"null\",\"int\"]", "01", "no branch of the union");
    assert_bad("[\"null\",\"int\",\"string\"]", "06", "no branch of the union");
    assert_no_plan(FIELD("[]"), FIELD("[]"), "no branches");
    assert_bad("[\"string\"]", "02", "no branch of the union");
    assert_bad(ARRAY("[\"null\",\"int\"]"), "02 04 00", "no branch of the union");
}

static void test_decode_counts_beyond_what_is_left(void **state)
{
    (void)state;
    assert_bad(ARRAY("\"int\""), "04 02 00", "malformed count"); // two announced; one and the end are there
    assert_bad(ARRAY("\"int\""), "06 02 00", "more items than what is left");
    assert_bad(ARRAY("\"double\""), "04 00 00 00 00 00 00 f8 3f 00", "more items than what is left");
    assert_bad(ARRAY("\"int\""), "fe ff ff ff ff ff ff ff ff 01", "more items than what is left");
    assert_bad(MAP("\"double\""), "02 00 00 00 00 00 00 00 f0", "more items than what is left");
    assert_bad(ARRAY("\"int\""), "ff ff ff ff ff ff ff ff ff 01 00", "malformed count");
    assert_bad(ARRAY("\"int\""), "01 fe ff ff ff ff ff ff ff ff 01", "a block is longer");
    assert_bad(ARRAY("\"int\""), "01 01 02 00", "a block is longer");
    assert_bad(ARRAY("\"int\""), "", "malformed count");
    assert_bad(ARRAY("\"int\""), "02 02", "malformed count"); // no end
}

static void test_decode_items_without_content_are_few(void **state)
{
    (void)state;
    assert_value(ARRAY("\"null\""), "06 00", "'[null,null,null]'");
    assert_bad(ARRAY("\"null\""), "80 80 80 80 01 00", "more than 1024 items without content");
    assert_bad(ARRAY("\"null\""), "82 10 00", "more than 1024 items without content");
    // The limit holds for the datum, not for each array: 1000 and 1000.
    assert_rejects(RECORD("{\"name\":\"a\",\"type\":" ARRAY(FIXED("0", "")) "},{\"name\":\"b\",\"type\":" ARRAY("\"F\"") "}"),
                   RECORD("{\"name\":\"a\",\"type\":" ARRAY(FIXED("0", "")) "},{\"name\":\"b\",\"type\":" ARRAY("\"F\"") "}"),
                   "d0 0f 00 d0 0f 00", "more than 1024 items without content");
    // Also for what is only skipped, ...
    assert_rejects(FIELD(ARRAY("\"null\"")), RECORD(""), "80 80 80 80 01 00", "more than 1024 items without content");
    // ... and when a block says how long it is.
    assert_bad(ARRAY("\"null\""), "ff ff ff ff 0f 00 00", "more than 1024 items without content");
}

static void test_decode_blocks(void **state)
{
    (void)state;
    assert_value(ARRAY("\"int\""), "00", "'[]'");
    assert_value(ARRAY("\"int\""), "02 02 04 04 06 00", "'[1,2,3]'");
    assert_value(ARRAY("\"int\""), "03 04 02 04 02 06 00", "'[1,2,3]'"); // a block of two items in two bytes
    assert_value(MAP("\"int\""), "01 06 02 61 02 02 02 62 04 00", "'{\"a\":1,\"b\":2}'");
    assert_bad(ARRAY("\"int\""), "03 02 02 04 00", "does not have the length that it states");
    assert_bad(ARRAY("\"int\""), "03 06 02 04 00", "does not have the length that it states");
    assert_decodes(FIELD(ARRAY("\"int\"")), RECORD(""), "03 04 02 04 02 06 00", "");
}

static void test_decode_a_key_twice(void **state)
{
    (void)state;
    assert_bad(MAP("\"int\""), "04 02 61 02 02 61 04 00", "the same key twice");
    assert_bad(MAP("\"int\""), "02 02 61 02 02 02 61 04 00", "the same key twice");
    assert_value(ARRAY(MAP("\"int\"")), "04 02 02 61 02 00 02 02 61 04 00 00", "'[{\"a\":1},{\"a\":2}]'");
}

static void test_decode_nesting_is_limited(void **state)
{
    (void)state;
    static const char list[] = RECORD("{\"name\":\"next\",\"type\":[\"null\",\"R\"]}");
    struct codec codec;
    unsigned char data[8192];
    assert_int_equal(codec_open(&codec, list, list), OK);
    memset(data, 2, sizeof data);
    data[AVRO_DATUM_MAX_DEPTH - 1] = 0;
    assert_int_equal(codec_decode(&codec, data, AVRO_DATUM_MAX_DEPTH), OK);
    data[AVRO_DATUM_MAX_DEPTH - 1] = 2;
    data[AVRO_DATUM_MAX_DEPTH] = 0;
    assert_int_equal(codec_decode(&codec, data, AVRO_DATUM_MAX_DEPTH + 1), REJECT);
    assert_contains(codec.err.text, "nest more than 64 deep");
    assert_int_equal(codec_decode(&codec, data, sizeof data), REJECT);
    codec_close(&codec);
    // The same when it is only skipped.
    assert_int_equal(codec_open(&codec, list, RECORD("")), OK);
    data[AVRO_DATUM_MAX_DEPTH] = 2;
    assert_int_equal(codec_decode(&codec, data, sizeof data), REJECT);
    assert_contains(codec.err.text, "nest more than 64 deep");
    codec_close(&codec);
}

static void test_decode_work_is_limited(void **state)
{
    (void)state;
    // Records that hold two of the next: one datum of no bytes would be 2^40 values.
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_append_text(&text, RECORD("{\"name\":\"u\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"R0\",\"fields\":[]}"));
    text.size -= strlen("]}");
    for (int i = 1; i <= 40; i++)
        buf_printf(
            &text,
            ",{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":\"R%d\"},{\"name\":\"b\",\"type\":\"R%d\"}]}", i,
            i - 1, i - 1);
    buf_append(&text, "]}]}", 5);
    struct codec codec;
    assert_int_equal(codec_open(&codec, text.data, RECORD("")), OK);
    assert_int_equal(codec_decode(&codec, "\x52", 1), REJECT); // branch 41
    assert_contains(codec.err.text, "more than 2097152 values");
    codec_close(&codec);
    assert_int_equal(codec_open(&codec, text.data, text.data), OK);
    assert_int_equal(codec_decode(&codec, "\x52", 1), REJECT);
    codec_close(&codec);
    buf_fini(&text);
}

static void test_decode_json_is_limited(void **state)
{
    (void)state;
    struct codec codec;
    // One item of almost 2^20 zero bytes, and the end: each byte becomes six characters.
    static const unsigned char head[] = {2, 0xe0, 0xff, 0x7f};
    size_t size = sizeof head + (1 << 20) - 16;
    unsigned char *data = calloc(1, size + 1);
    assert_non_null(data);
    memcpy(data, head, sizeof head);
    assert_int_equal(codec_open(&codec, FIELD(ARRAY("\"bytes\"")), FIELD(ARRAY("\"bytes\""))), OK);
    assert_int_equal(codec_decode(&codec, data, size + 1), REJECT);
    assert_contains(codec.err.text, "more than 4194304 bytes of JSON");
    // The plan is as good as before.
    assert_int_equal(codec_decode(&codec, "\2\4ab\0", 5), OK);
    assert_string_equal(codec.text.data, "f='[\"ab\"]'");
    codec_close(&codec);
    free(data);
}

static void test_decode_trailing_bytes(void **state)
{
    (void)state;
    assert_bad("\"int\"", "02 00", "1 bytes follow the end");
    assert_rejects(RECORD(""), RECORD(""), "00", "1 bytes follow the end");
    assert_decodes(RECORD(""), RECORD(""), "", "");
}

static void test_decode_names_the_field(void **state)
{
    (void)state;
    static const char two[] = RECORD("{\"name\":\"first\",\"type\":\"int\"},{\"name\":\"second\",\"type\":\"string\"}");
    assert_rejects(two, two, "02 06 61", "field \"second\"");
    assert_rejects(two, RECORD(""), "02 06 61", "field \"second\"");
}

static void test_decode_every_truncation_is_a_reject(void **state)
{
    (void)state;
    static const char all[] = RECORD(
        "{\"name\":\"a\",\"type\":\"long\"},{\"name\":\"b\",\"type\":\"double\"},{\"name\":\"c\",\"type\":[\"null\",\"string\"]},"
        "{\"name\":\"d\",\"type\":" MAP(ARRAY(ENUM)) "},{\"name\":\"e\",\"type\":[\"int\",\"bytes\",\"R\"]},"
                                                     "{\"name\":\"f\",\"type\":" FIXED("4", "") "},{\"name\":\"g\",\"type\":\"float\"}");
    struct codec codec;
    unsigned char data[256];
    size_t size = bytes_of("8080 8010 000000000000f83f 02 06616263 02 026b 0400 02 00 00 02 0401 02 61626364 0000c03f", data);
    assert_int_equal(codec_open(&codec, all, all), OK);
    assert_int_equal(codec_decode(&codec, data, size), OK);
    assert_string_equal(codec.text.data, "a=16777216 b=1.5 c='abc' d='{\"k\":[\"A\",\"B\"]}' e='\"\\u0001\\u0002\"' f=x61626364 g=1.5");
    for (size_t i = 0; i < size; i++) assert_int_equal(codec_decode(&codec, data, i), REJECT);
    codec_close(&codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_numbers),
        cmocka_unit_test(test_decode_text_and_bytes),
        cmocka_unit_test(test_decode_logical_types),
        cmocka_unit_test(test_decode_nullable),
        cmocka_unit_test(test_decode_row_type),
        cmocka_unit_test(test_decode_malformed_numbers),
        cmocka_unit_test(test_decode_lengths_beyond_the_end),
        cmocka_unit_test(test_decode_malformed_text),
        cmocka_unit_test(test_decode_indexes_out_of_range),
        cmocka_unit_test(test_decode_counts_beyond_what_is_left),
        cmocka_unit_test(test_decode_items_without_content_are_few),
        cmocka_unit_test(test_decode_blocks),
        cmocka_unit_test(test_decode_a_key_twice),
        cmocka_unit_test(test_decode_nesting_is_limited),
        cmocka_unit_test(test_decode_work_is_limited),
        cmocka_unit_test(test_decode_json_is_limited),
        cmocka_unit_test(test_decode_trailing_bytes),
        cmocka_unit_test(test_decode_names_the_field),
        cmocka_unit_test(test_decode_every_truncation_is_a_reject),
    };
    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
