// SPDX-License-Identifier: Apache-2.0
// One schema written, another read: Avro's rules, and what is converted by field name beyond them.
#include "fixture.h"

#define LONG_AS(logical) "{\"type\":\"long\",\"logicalType\":\"" logical "\"}"
#define INT_AS(logical) "{\"type\":\"int\",\"logicalType\":\"" logical "\"}"
#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define ENUM(name, symbols) "{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "]}"
#define ENUM_DEFAULT(name, symbols, symbol) "{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "],\"default\":\"" symbol "\"}"
#define DECIMAL(precision, scale) "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" precision ",\"scale\":" scale "}"
#define UUID_FIXED "{\"type\":\"fixed\",\"name\":\"U\",\"size\":16,\"logicalType\":\"uuid\"}"
#define A "{\"name\":\"a\",\"type\":\"int\"}"
#define B "{\"name\":\"b\",\"type\":\"string\"}"
#define C "{\"name\":\"c\",\"type\":\"double\"}"

#define assert_becomes(writer, reader, hex, value) assert_decodes(FIELD(writer), FIELD(reader), hex, "f=" value)
#define assert_does_not_become(writer, reader, hex, reason) assert_rejects(FIELD(writer), FIELD(reader), hex, reason)
#define assert_never(writer, reader) assert_no_plan(FIELD(writer), FIELD(reader), "field \"f\"")

static void test_fields_go_by_name_in_any_order(void **state)
{
    (void)state;
    assert_decodes(RECORD(A "," B), RECORD(B "," A), "02 02 78", "b='x' a=1");
    assert_decodes(RECORD(A "," B "," C), RECORD(A), "02 02 78 000000000000f83f", "a=1");
    assert_decodes(RECORD(A "," B), RECORD(""), "02 02 78", "");
    // The name of the record at the top does not count.
    assert_decodes("{\"type\":\"record\",\"name\":\"x.Y\",\"fields\":[" A "]}", RECORD(A), "02", "a=1");
}

static void test_fields_go_by_alias(void **state)
{
    (void)state;
    static const char renamed[] = RECORD("{\"name\":\"n\",\"type\":\"int\",\"aliases\":[\"z\",\"a\"]}");
    assert_decodes(RECORD(A), renamed, "02", "n=1");
    // The name comes before the alias.
    assert_decodes(RECORD(A ",{\"name\":\"n\",\"type\":\"int\"}"), renamed, "02 04", "n=2");
    // A field that somebody reads by name is not taken away by an alias.
    assert_no_plan(RECORD(A), RECORD("{\"name\":\"n\",\"type\":\"int\",\"aliases\":[\"a\"]}," A), "no field \"n\"");
}

static void test_missing_fields_take_their_defaults(void **state)
{
    (void)state;
    assert_no_plan(RECORD(A), RECORD(A "," B), "the writer schema has no field \"b\"");
    assert_decodes(RECORD(""), FIELD_DEFAULT("\"int\"", "-7"), "", "f=-7");
    assert_decodes(RECORD(""), FIELD_DEFAULT("\"boolean\"", "true"), "", "f=1");
    assert_decodes(RECORD(""), FIELD_DEFAULT("\"float\"", "305.76"), "", "f=305.76");
    assert_decodes(RECORD(""), FIELD_DEFAULT("\"double\"", "\"1.5\""), "", "f=1.5");
    assert_decodes(RECORD(""), FIELD_DEFAULT("\"string\"", "\"é\""), "", "f='é'");
    assert_decodes(RECORD(""), FIELD_DEFAULT("\"bytes\"", "\"\\u0000ÿ\""), "", "f=x00ff");
    assert_decodes(RECORD(""), FIELD_DEFAULT("[\"null\",\"int\"]", "null"), "", "f=null");
    assert_decodes(RECORD(""), FIELD_DEFAULT("[\"null\",\"int\"]", "7"), "", "f=7");
    assert_decodes(RECORD(""), FIELD_DEFAULT("[\"int\",\"null\"]", "null"), "", "f=null");
    assert_decodes(RECORD(""), FIELD_DEFAULT(LONG_AS("timestamp-millis"), "5"), "", "f=5000");
    assert_decodes(RECORD(""), FIELD_DEFAULT(DECIMAL("4", "2"), "\"\\u007b\""), "", "f='1.23'");
    assert_decodes(RECORD(""), FIELD_DEFAULT(ENUM("E", "\"A\",\"B\""), "\"B\""), "", "f='B'");
    assert_decodes(RECORD(""), FIELD_DEFAULT(ARRAY("\"int\""), "[1,2]"), "", "f='[1,2]'");
    assert_decodes(RECORD(""),
                   FIELD_DEFAULT("{\"type\":\"record\",\"name\":\"Q\",\"fields\":[" A
                                 ",{\"name\":\"b\",\"type\":\"string\",\"default\":\"x\"}]}",
                                 "{\"a\":1}"),
                   "", "f='{\"a\":1,\"b\":\"x\"}'");
}

static void test_defaults_that_are_no_values_of_their_type(void **state)
{
    (void)state;
    // A lenient parse takes them; a plan that needs them does not.
    assert_no_plan(RECORD(""), FIELD_DEFAULT("\"int\"", "\"x\""), "the default of field \"f\"");
    assert_no_plan(RECORD(""), FIELD_DEFAULT("\"double\"", "\"NaN\""), "the default of field \"f\"");
    assert_no_plan(RECORD(""), FIELD_DEFAULT(ENUM("E", "\"A\""), "\"B\""), "the default of field \"f\"");
    assert_no_plan(RECORD(""), FIELD_DEFAULT("\"string\"", "\"a\\u0000\""), "the default of field \"f\"");
    assert_no_plan(RECORD(""), FIELD_DEFAULT("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "\"abc\""), "the default of field \"f\"");
    assert_decodes(FIELD("\"int\""), FIELD_DEFAULT("\"int\"", "\"x\""), "02", "f=1");
}

static void test_promotions(void **state)
{
    (void)state;
    assert_becomes("\"int\"", "\"long\"", "03", "-2");
    assert_becomes("\"int\"", "\"float\"", "82 80 80 10", "16777216"); // 16777217 has no float
    assert_becomes("\"int\"", "\"double\"", "82 80 80 10", "16777217");
    assert_becomes("\"long\"", "\"float\"", "03", "-2");
    assert_becomes("\"long\"", "\"double\"", "03", "-2");
    assert_becomes("\"float\"", "\"double\"", "48 e1 98 43", "305.76");
    assert_becomes("\"string\"", "\"bytes\"", "04 c3 a9", "xc3a9");
    assert_becomes("\"bytes\"", "\"string\"", "04 c3 a9", "'é'");
    assert_does_not_become("\"bytes\"", "\"string\"", "02 ff", "bytes that does not fit a string");
    assert_does_not_become("\"bytes\"", "\"string\"", "02 00", "bytes that does not fit a string");
}

static void test_number_to_text_and_text_to_number(void **state)
{
    (void)state;
    assert_becomes("\"long\"", "\"string\"", "03", "'-2'");
    assert_becomes("\"float\"", "\"string\"", "48 e1 98 43", "'305.76'");
    assert_becomes("\"double\"", "\"string\"", "00 00 00 00 00 00 f8 3f", "'1.5'");
    assert_becomes("\"boolean\"", "\"string\"", "01", "'true'");
    assert_becomes("\"string\"", "\"int\"", "04 2d 37", "-7");
    assert_becomes("\"string\"", "\"long\"", "06 37 2e 30", "7");
    assert_becomes("\"string\"", "\"double\"", "08 2d 31 2e 35", "-1.5");
    assert_becomes("\"string\"", "\"boolean\"", "08 74 72 75 65", "1");
    assert_does_not_become("\"string\"", "\"int\"", "02 78", "\"x\" does not become an int");
    assert_does_not_become("\"string\"", "\"int\"", "00", "does not become an int");
    assert_does_not_become("\"string\"", "\"int\"", "14 39393939393939393939", "does not become an int");
    assert_does_not_become("\"string\"", "\"double\"", "06 6e 61 6e", "does not become a double");
}

static void test_number_to_number_against_the_rules_only_without_loss(void **state)
{
    (void)state;
    assert_becomes("\"long\"", "\"int\"", "03", "-2");
    assert_becomes("\"double\"", "\"long\"", "00 00 00 00 00 00 00 40", "2");
    assert_becomes("\"double\"", "\"float\"", "00 00 00 00 00 00 f8 3f", "1.5");
    assert_becomes("\"boolean\"", "\"int\"", "01", "1");
    assert_does_not_become("\"long\"", "\"int\"", "80 80 80 80 10", "does not fit an int");
    assert_does_not_become("\"double\"", "\"long\"", "00 00 00 00 00 00 f8 3f", "does not fit a long");
    assert_does_not_become("\"double\"", "\"float\"", "00 00 00 00 00 00 e0 7f", "does not fit a float");
    assert_does_not_become("\"int\"", "\"boolean\"", "04", "does not fit a boolean");
}

static void test_to_timestamp(void **state)
{
    (void)state;
    // Text: an integer of 10, 13, 16 digits, or ISO 8601.
    assert_becomes("\"string\"", LONG_AS("timestamp-millis"), "14 31373836363232353839", "1786622589000000");
    assert_becomes("\"string\"", LONG_AS("timestamp-micros"), "1a 31373836363232353839313233", "1786622589123000");
    assert_becomes("\"string\"", LONG_AS("timestamp-millis"), "28 323032362d30382d31335431323a30333a30395a", "1786622589000000");
    assert_does_not_become("\"string\"", LONG_AS("timestamp-millis"), "02 78", "\"x\" does not become a timestamp");
    // A bare number: by its digits, else in the reader's unit.
    assert_becomes("\"long\"", LONG_AS("timestamp-millis"), "fac9eda70d", "1786622589000000");
    assert_becomes("\"long\"", LONG_AS("timestamp-millis"), "0a", "5000");
    assert_becomes("\"int\"", LONG_AS("timestamp-micros"), "0a", "5");
    assert_becomes("\"double\"", LONG_AS("timestamp-millis"), "0000409f6c9fda41", "1786622589000000");
    assert_does_not_become("\"double\"", LONG_AS("timestamp-millis"), "00 00 00 00 00 00 f8 3f", "does not fit a timestamp");
    // Between units, each in its own.
    assert_becomes(LONG_AS("timestamp-millis"), LONG_AS("timestamp-micros"), "0a", "5000");
    assert_becomes(LONG_AS("timestamp-micros"), LONG_AS("timestamp-millis"), "0a", "5");
    assert_becomes(INT_AS("date"), LONG_AS("timestamp-millis"), "02", "86400000000");
    // Back to a bare number as Avro has it, to text as people write it.
    assert_becomes(LONG_AS("timestamp-millis"), "\"long\"", "0a", "5");
    assert_becomes(LONG_AS("timestamp-millis"), "\"double\"", "0a", "5");
    assert_becomes(LONG_AS("timestamp-millis"), "\"string\"", "0a", "'1970-01-01T00:00:00.005Z'");
    assert_becomes(INT_AS("date"), "\"string\"", "02", "'1970-01-02'");
    assert_becomes(INT_AS("date"), "\"int\"", "02", "1");
}

static void test_decimals_and_uuids(void **state)
{
    (void)state;
    assert_becomes(DECIMAL("4", "2"), "\"string\"", "02 7b", "'1.23'");
    assert_becomes(DECIMAL("4", "2"), "\"double\"", "02 7b", "1.23");
    assert_becomes(DECIMAL("4", "2"), "\"bytes\"", "02 7b", "x7b");
    assert_becomes("\"bytes\"", DECIMAL("4", "2"), "02 7b", "'1.23'");
    // A decimal of another scale keeps its value: what Avro's own checks are blind to.
    assert_becomes(DECIMAL("4", "2"), DECIMAL("8", "4"), "02 7b", "'1.23'");
    assert_becomes("\"int\"", DECIMAL("4", "2"), "0e", "'7.00'");
    assert_becomes("\"string\"", DECIMAL("4", "2"), "06 31 2e 35", "'1.50'");
    assert_does_not_become("\"string\"", DECIMAL("4", "2"), "0a 31 2e 32 33 34", "does not become a decimal");
    assert_becomes(UUID_FIXED, "\"string\"", "6ba7b8109dad11d180b400c04fd430c8", "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'");
    assert_becomes("\"string\"", UUID_FIXED, "48 36424137423831302d396461642d313164312d383062342d303063303466643433306338",
                   "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'");
    assert_does_not_become("\"string\"", UUID_FIXED, "02 78", "does not become a uuid");
}

static void test_enums(void **state)
{
    (void)state;
    assert_becomes(ENUM("E", "\"A\",\"B\""), ENUM("E", "\"B\",\"C\",\"A\""), "02", "'B'");
    assert_becomes(ENUM("E", "\"A\",\"B\""), ENUM_DEFAULT("E", "\"A\",\"C\"", "C"), "02", "'C'");
    assert_does_not_become(ENUM("E", "\"A\",\"B\""), ENUM("E", "\"A\""), "02", "no symbol \"B\" and no default");
    assert_becomes(ENUM("E", "\"A\",\"B\""), "\"string\"", "02", "'B'");
    assert_becomes("\"string\"", ENUM("E", "\"A\",\"B\""), "02 42", "'B'");
    assert_becomes("\"string\"", ENUM_DEFAULT("E", "\"A\",\"B\"", "A"), "02 43", "'A'");
    assert_does_not_become("\"string\"", ENUM("E", "\"A\""), "02 42", "\"B\" does not become an enum");
}

static void test_unions_of_the_writer(void **state)
{
    (void)state;
    assert_becomes("[\"null\",\"int\"]", "\"long\"", "02 02", "1");
    assert_does_not_become("[\"null\",\"int\"]", "\"long\"", "00", "field \"f\": null in a field that must have a value");
    assert_becomes("[\"string\",\"null\"]", "[\"null\",\"string\"]", "00 02 78", "'x'");
    assert_becomes("[\"string\",\"null\"]", "[\"null\",\"string\"]", "02", "null");
    assert_becomes("[\"int\",\"string\",\"null\"]", "[\"null\",\"double\"]", "02 06 31 2e 35", "1.5");
    assert_becomes("[\"int\",\"string\",\"null\"]", "[\"null\",\"double\"]", "04", "null");
    assert_becomes("[\"int\",\"string\",\"null\"]", "[\"null\",\"double\"]", "00 02", "1");
    // What only some branches can be is an error only when it comes.
    assert_becomes("[\"int\"," ARRAY("\"int\"") "]", "\"int\"", "00 02", "1");
    assert_does_not_become("[\"int\"," ARRAY("\"int\"") "]", "\"int\"", "02 00", "the writer's array cannot become the reader's int");
    assert_becomes("[\"null\"," ARRAY("\"int\"") "]", "[\"null\",\"int\"]", "00", "null");
    assert_does_not_become("[\"null\"," ARRAY("\"int\"") "]", "[\"null\",\"int\"]", "02 00", "the writer's array cannot become");
}

static void test_unions_of_the_reader(void **state)
{
    (void)state;
    assert_becomes("\"int\"", "[\"null\",\"int\"]", "02", "1");
    assert_becomes("\"null\"", "[\"null\",\"int\"]", "", "null");
    // Several branches: JSON. The same type first, then a promotion, then a conversion.
    assert_becomes("\"int\"", "[\"null\",\"string\",\"double\",\"int\"]", "02", "'1'");
    assert_becomes("\"long\"", "[\"null\",\"string\",\"double\"]", "02", "'1'");
    assert_becomes("\"double\"", "[\"null\",\"string\",\"bytes\"]", "00 00 00 00 00 00 f8 3f", "'\"1.5\"'");
    assert_becomes("\"null\"", "[\"int\",\"null\",\"string\"]", "", "null");
}

static void test_what_never_resolves_has_no_plan(void **state)
{
    (void)state;
    assert_never("\"null\"", "\"int\"");
    assert_never("\"bytes\"", "\"int\"");
    assert_never("\"boolean\"", "\"double\"");
    assert_never("\"double\"", INT_AS("date"));
    assert_never(ARRAY("\"int\""), "\"string\"");
    assert_never("\"string\"", ARRAY("\"int\""));
    assert_never("{\"type\":\"record\",\"name\":\"Q\",\"fields\":[]}", ARRAY("\"int\""));
    assert_never("[\"bytes\"," ARRAY("\"int\"") "]", "\"int\"");
    assert_never("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}");
    assert_no_plan("\"int\"", RECORD(A), "writer is int, reader is record");
}

static void test_columns_of_another_row_type(void **state)
{
    (void)state;
    static const struct row_column some[] = {{.name = "b", .type = COLUMN_TEXT}, {.name = "_topic", .type = COLUMN_TEXT, .hidden = true}};
    static const struct row_column wrong[] = {{.name = "a", .type = COLUMN_TEXT}};
    static const struct row_column more[] = {{.name = "z", .type = COLUMN_TEXT, .required = true}};
    const struct row_type some_type = {"some", 2, some}, wrong_type = {"wrong", 1, wrong}, more_type = {"more", 1, more};
    struct avro_schema *schema = schema_of(RECORD(A "," B), AVRO_STRICT);
    struct avro_decode_plan *plan;
    struct err err;
    // Columns that the reader has not stay null; fields without a column are read past.
    assert_ok(avro_decode_plan_new(schema, schema, &some_type, &plan, &err), &err);
    struct batch *batch = batch_new(&some_type, 1);
    assert_int_equal(batch_row_begin(batch), 0);
    assert_ok(avro_decode(plan, "\2\2x", 3, batch, 0, &err), &err);
    assert_true(slice_is(batch->columns[0].text[0], "x"));
    assert_true(batch_is_null(batch, 1, 0));
    batch_free(batch);
    avro_decode_plan_free(plan);
    assert_int_equal(avro_decode_plan_new(schema, schema, &wrong_type, &plan, &err), REJECT);
    assert_contains(err.text, "column \"a\" of wrong is text, but the reader schema's field gives integer");
    assert_null(plan);
    assert_int_equal(avro_decode_plan_new(schema, schema, &more_type, &plan, &err), REJECT);
    assert_contains(err.text, "column \"z\" of more must have a value");
    avro_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_go_by_name_in_any_order),
        cmocka_unit_test(test_fields_go_by_alias),
        cmocka_unit_test(test_missing_fields_take_their_defaults),
        cmocka_unit_test(test_defaults_that_are_no_values_of_their_type),
        cmocka_unit_test(test_promotions),
        cmocka_unit_test(test_number_to_text_and_text_to_number),
        cmocka_unit_test(test_number_to_number_against_the_rules_only_without_loss),
        cmocka_unit_test(test_to_timestamp),
        cmocka_unit_test(test_decimals_and_uuids),
        cmocka_unit_test(test_enums),
        cmocka_unit_test(test_unions_of_the_writer),
        cmocka_unit_test(test_unions_of_the_reader),
        cmocka_unit_test(test_what_never_resolves_has_no_plan),
        cmocka_unit_test(test_columns_of_another_row_type),
    };
    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
