// SPDX-License-Identifier: Apache-2.0
// Nested values as JSON in a column: in, with resolution, and out again.
#include "fixture.h"

#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define MAP(values) "{\"type\":\"map\",\"values\":" values "}"
#define NAMED(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define A "{\"name\":\"a\",\"type\":\"int\"}"
#define B "{\"name\":\"b\",\"type\":\"string\"}"

#define assert_becomes(writer, reader, hex, json) assert_decodes(FIELD(writer), FIELD(reader), hex, "f='" json "'")

static void test_json_of_every_type(void **state)
{
    (void)state;
    assert_becomes(ARRAY("\"boolean\""), ARRAY("\"boolean\""), "04 01 00 00", "[true,false]");
    assert_becomes(ARRAY("\"long\""), ARRAY("\"long\""), "02 ff ff ff ff ff ff ff ff ff 01 00", "[-9223372036854775808]");
    assert_becomes(ARRAY("\"double\""), ARRAY("\"double\""), "02 00 00 00 00 00 00 f8 3f 00", "[1.5]");
    assert_becomes(ARRAY("\"float\""), ARRAY("\"float\""), "02 48 e1 98 43 00", "[305.76]");
    assert_becomes(ARRAY("\"string\""), ARRAY("\"string\""), "02 0c 22 5c 0a c3 a9 2f 00", "[\"\\\"\\\\\\né/\"]");
    assert_becomes(ARRAY("\"bytes\""), ARRAY("\"bytes\""), "02 0a 00 0a 22 7f ff 00", "[\"\\u0000\\n\\\"\x7fÿ\"]");
    assert_becomes(ARRAY("[\"null\",\"int\"]"), ARRAY("[\"null\",\"int\"]"), "04 00 02 02 00", "[null,1]");
    assert_becomes(ARRAY("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"),
                   ARRAY("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"), "02 02 00", "[1000]");
    assert_becomes(ARRAY("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":2}"),
                   ARRAY("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":2}"), "02 02 7b 00", "[\"1.23\"]");
    assert_becomes(NAMED("Q", A "," B), NAMED("Q", A "," B), "02 02 78", "{\"a\":1,\"b\":\"x\"}");
    assert_becomes(NAMED("Q", ""), NAMED("Q", ""), "", "{}");
    assert_becomes(MAP(NAMED("Q", A)), MAP(NAMED("Q", A)), "02 02 78 02 00", "{\"x\":{\"a\":1}}");
    assert_becomes("[\"null\",\"int\",\"string\"]", "[\"null\",\"int\",\"string\"]", "04 02 78", "\"x\"");
}

static void test_nested_null_is_null(void **state)
{
    (void)state;
    assert_decodes(FIELD("[\"null\"," ARRAY("\"int\"") "]"), FIELD("[\"null\"," ARRAY("\"int\"") "]"), "00", "f=null");
    assert_decodes(FIELD("[\"null\",\"int\",\"string\"]"), FIELD("[\"null\",\"int\",\"string\"]"), "00", "f=null");
}

static void test_nested_records_take_the_readers_order(void **state)
{
    (void)state;
    assert_becomes(NAMED("Q", A "," B), NAMED("Q", B "," A), "02 02 78", "{\"b\":\"x\",\"a\":1}");
    assert_becomes(NAMED("Q", A "," B), NAMED("Other", "{\"name\":\"n\",\"type\":\"long\",\"default\":7}," B), "02 02 78",
                   "{\"n\":7,\"b\":\"x\"}");
    assert_becomes(NAMED("Q", A "," B), NAMED("Q", "{\"name\":\"c\",\"type\":\"int\",\"aliases\":[\"a\"]}"), "02 02 78", "{\"c\":1}");
    assert_becomes(ARRAY(NAMED("Q", A "," B)), ARRAY(NAMED("Q", B "," A)), "04 02 02 78 04 02 79 00",
                   "[{\"b\":\"x\",\"a\":1},{\"b\":\"y\",\"a\":2}]");
    assert_becomes(ARRAY("\"int\""), ARRAY("\"double\""), "02 02 00", "[1]");
    assert_becomes(MAP("\"int\""), MAP("\"string\""), "02 02 78 02 00", "{\"x\":\"1\"}");
}

static void test_nested_records_without_a_default(void **state)
{
    (void)state;
    assert_no_plan(FIELD(NAMED("Q", A)), FIELD(NAMED("Q", A "," B)), "no field \"b\", and it has no default");
    assert_no_plan(FIELD(NAMED("Q", A)), FIELD(NAMED("Q", "{\"name\":\"a\",\"type\":" ARRAY("\"int\"") "}")), "field \"a\"");
    // In an array that is empty nothing is missed.
    assert_becomes(ARRAY(NAMED("Q", A)), ARRAY(NAMED("Q", A "," B)), "00", "[]");
    assert_rejects(FIELD(ARRAY(NAMED("Q", A))), FIELD(ARRAY(NAMED("Q", A "," B))), "02 02 00", "no field \"b\"");
}

static void test_branches_of_records_go_by_name_then_by_structure(void **state)
{
    (void)state;
    static const char reader[] = "[\"null\"," NAMED("n.P", A ",{\"name\":\"p\",\"type\":\"int\",\"default\":0}") "," NAMED(
        "n.Q", A ",{\"name\":\"q\",\"type\":\"int\",\"default\":0}") "]";
    struct codec codec;
    static const char *const cases[][2] = {
        {NAMED("n.Q", A), "f='{\"a\":1,\"q\":0}'"}, // the full name
        {NAMED("m.Q", A), "f='{\"a\":1,\"q\":0}'"}, // the last part
        {NAMED("Z", A), "f='{\"a\":1,\"p\":0}'"},   // the first that fits
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char writer[256], whole[1024];
        snprintf(writer, sizeof writer, FIELD("%s"), cases[i][0]);
        snprintf(whole, sizeof whole, FIELD("%s"), reader);
        assert_int_equal(codec_open(&codec, writer, whole), OK);
        assert_int_equal(codec_decode(&codec, "\2", 1), OK);
        assert_string_equal(codec.text.data, cases[i][1]);
        codec_close(&codec);
    }
}

static void test_recursive_types(void **state)
{
    (void)state;
    static const char tree[] = RECORD("{\"name\":\"v\",\"type\":\"int\"},{\"name\":\"kids\",\"type\":" ARRAY("\"R\"") "}");
    static const char wider[] =
        RECORD("{\"name\":\"kids\",\"type\":" ARRAY("\"R\"") "},{\"name\":\"v\",\"type\":\"long\"},"
                                                             "{\"name\":\"n\",\"type\":[\"null\",\"R\"],\"default\":null}");
    assert_decodes(tree, wider, "02 04 04 02 06 00 00 08 00 00",
                   "kids='[{\"kids\":[{\"kids\":[],\"v\":3,\"n\":null}],\"v\":2,\"n\":null},"
                   "{\"kids\":[],\"v\":4,\"n\":null}]' v=1 n=null");
}

// What a row of one TEXT column becomes in the schema, as hexadecimal; or the reason of a reject.
static const char *encoded(const char *type, const char *json)
{
    static char out[4096];
    static const struct row_column column = {.name = "f", .type = COLUMN_TEXT};
    const struct row_type row_type = {"row", 1, &column};
    char text[2048];
    struct avro_encode_plan *plan;
    struct err err;
    struct buf buf, hex;
    snprintf(text, sizeof text, FIELD("%s"), type);
    struct avro_schema *schema = schema_of(text, AVRO_LENIENT);
    assert_ok(avro_encode_plan_new(&row_type, schema, &plan, &err), &err);
    struct batch *batch = batch_new(&row_type, 1);
    batch_set_slice(batch, 0, batch_row_begin(batch), slice_of(json));
    buf_init(&buf, 4096);
    buf_init(&hex, sizeof out - 1);
    if (avro_encode(plan, batch, 0, &buf, &err) == OK)
        print_hex(buf.data, buf.size, &hex);
    else
        buf_append_text(&hex, err.text);
    memcpy(out, hex.data, hex.size);
    out[hex.size] = '\0';
    buf_fini(&buf);
    buf_fini(&hex);
    batch_free(batch);
    avro_encode_plan_free(plan);
    avro_schema_free(schema);
    return out;
}

static void test_encode_json_of_every_type(void **state)
{
    (void)state;
    assert_string_equal(encoded(ARRAY("\"int\""), "[1, -1]"), "04020100");
    assert_string_equal(encoded(ARRAY("\"int\""), "[]"), "00");
    assert_string_equal(encoded(MAP("\"boolean\""), "{\"a\":true}"), "0202610100");
    assert_string_equal(encoded(ARRAY("\"bytes\""), "[\"\\u0000ÿA\"]"), "020600ff4100");
    assert_string_equal(encoded(ARRAY("\"double\""), "[1.5]"), "02000000000000f83f00");
    assert_string_equal(encoded(ARRAY("\"double\""), "[\"1.5\"]"), "02000000000000f83f00");
    assert_string_equal(encoded(ARRAY("\"string\""), "[1.50]"), "0208312e353000");
    assert_string_equal(encoded(ARRAY("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"), "[1999,\"1970-01-01T00:00:01Z\"]"),
                        "0402d00f00");
    assert_string_equal(encoded(ARRAY("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":2}"), "[\"1.23\",7]"),
                        "04027b0402bc00");
    assert_string_equal(encoded(NAMED("Q", A "," B), "{\"b\":\"x\",\"a\":1}"), "020278");
    assert_string_equal(encoded(NAMED("Q", A ",{\"name\":\"d\",\"type\":\"int\",\"default\":7}"), "{\"a\":1}"), "020e");
    assert_string_equal(encoded(ARRAY("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\",\"Y\"],\"default\":\"X\"}"), "[\"Y\"]"),
                        "020200");
}

static void test_encode_json_picks_the_branch_that_reads_back(void **state)
{
    (void)state;
    static const char many[] = "[\"null\",\"int\",\"float\",\"double\",\"string\",\"boolean\"," ARRAY("\"int\"") "]";
    assert_string_equal(encoded(many, "null"), "00");
    assert_string_equal(encoded(many, "7"), "020e");
    assert_string_equal(encoded(many, "3000000000"), "045ed0324f"); // 3e9 is a float to the letter
    assert_string_equal(encoded(many, "0.1"), "04cdcccc3d");
    assert_string_equal(encoded(many, "0.12345678901"), "061f624437dd9abf3f");
    assert_string_equal(encoded(many, "\"7\""), "080237");
    assert_string_equal(encoded(many, "true"), "0a01");
    assert_string_equal(encoded(many, "[7]"), "0c020e00");
    // Records: the one whose fields are the members; a map takes any names.
    static const char records[] = "[" NAMED("P", A) "," NAMED("Q", A "," B) "," MAP("\"int\"") "]";
    assert_string_equal(encoded(records, "{\"a\":1}"), "0002");
    assert_string_equal(encoded(records, "{\"a\":1,\"b\":\"x\"}"), "02020278");
    assert_string_equal(encoded(records, "{\"z\":1}"), "0402027a0200");
}

static void test_encode_json_rejects(void **state)
{
    (void)state;
    assert_contains(encoded(ARRAY("\"int\""), "[1"), "field \"f\": JSON, line 1");
    assert_contains(encoded(ARRAY("\"int\""), "1"), "not an array");
    assert_contains(encoded(ARRAY("\"int\""), "[3000000000]"), "does not fit an int");
    assert_contains(encoded(ARRAY("\"int\""), "[1.5]"), "does not fit an int");
    assert_contains(encoded(ARRAY("\"int\""), "[null]"), "not an int");
    assert_contains(encoded(ARRAY("\"string\""), "[\"\\u0000\"]"), "NUL");
    assert_contains(encoded(MAP("\"int\""), "{\"\\u0000\":1}"), "NUL");
    assert_contains(encoded(ARRAY("\"bytes\""), "[\"€\"]"), "does not stand for bytes");
    assert_contains(encoded(NAMED("Q", A "," B), "{\"a\":1}"), "record Q needs \"b\"");
    assert_contains(encoded(NAMED("Q", A), "{\"a\":1,\"b\":2}"), "members that are no fields of record Q");
    assert_contains(encoded("[\"int\"," ARRAY("\"int\"") "]", "{}"), "no branch of the union");
    assert_contains(encoded(ARRAY("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\"],\"default\":\"X\"}"), "[\"Z\"]"),
                    "does not fit an enum");
    assert_contains(encoded(ARRAY("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}"), "[\"abc\"]"), "does not fit a fixed");
}

static void test_encode_json_work_is_limited(void **state)
{
    (void)state;
    // Each level of a value that fits nowhere could be tried as either record: 2^60 ways.
    struct buf json;
    buf_init(&json, 4096);
    for (int i = 0; i < 60; i++) buf_append_text(&json, "{\"x\":");
    buf_append_text(&json, "true");
    for (int i = 0; i < 60; i++) buf_append_text(&json, "}");
    buf_append_byte(&json, '\0');
    static const char either[] =
        NAMED("P", "{\"name\":\"x\",\"type\":[\"null\",\"P\"," NAMED("Q", "{\"name\":\"x\",\"type\":[\"null\",\"P\",\"Q\"]}") "]}");
    assert_contains(encoded(either, json.data), "more than 2097152 values");
    buf_fini(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_of_every_type),
        cmocka_unit_test(test_nested_null_is_null),
        cmocka_unit_test(test_nested_records_take_the_readers_order),
        cmocka_unit_test(test_nested_records_without_a_default),
        cmocka_unit_test(test_branches_of_records_go_by_name_then_by_structure),
        cmocka_unit_test(test_recursive_types),
        cmocka_unit_test(test_encode_json_of_every_type),
        cmocka_unit_test(test_encode_json_picks_the_branch_that_reads_back),
        cmocka_unit_test(test_encode_json_rejects),
        cmocka_unit_test(test_encode_json_work_is_limited),
    };
    return cmocka_run_group_tests_name("nested", tests, NULL, NULL);
}
