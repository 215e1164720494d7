// SPDX-License-Identifier: Apache-2.0
// The texts of a schema: Avro Java's form, Parsing Canonical Form, fingerprints; and equality by content.
#include "fixture.h"

static const char *java_form(const char *text)
{
    static char out[8192];
    struct avro_schema *schema = schema_of(text, AVRO_LENIENT);
    struct buf buf;
    buf_init(&buf, sizeof out - 1);
    avro_schema_print(schema, &buf);
    assert_false(buf.full);
    memcpy(out, buf.data, buf.size);
    out[buf.size] = '\0';
    buf_fini(&buf);
    avro_schema_free(schema);
    return out;
}

static void test_print_order_of_members(void **state)
{
    (void)state;
    assert_string_equal(
        java_form(
            "{ \"namespace\" : \"n\", \"aliases\":[\"Old\",\"n.Older\",\"x.Oldest\",\"Old\"], \"p\": [1.50, {\"b\":1,\"a\":2}], \"fields\" : ["
            "{\"zeta\":null,\"aliases\":[\"g\",\"g\"],\"order\":\"IGNORE\",\"default\":1.0,\"doc\":\"d\",\"type\":\"double\",\"name\":\"f\"},"
            "{\"type\":{\"default\":\"B\",\"symbols\":[\"A\",\"B\"],\"q\":\"r\",\"doc\":\"e\",\"name\":\"m.E\",\"type\":\"enum\"},\"name\":\"e\",\"order\":\"ascending\"},"
            "{\"name\":\"x\",\"type\":{\"size\":2,\"type\":\"fixed\",\"name\":\"F\",\"logicalType\":\"decimal\",\"precision\":3,\"aliases\":[]}},"
            "{\"name\":\"y\",\"type\":{\"items\":{\"values\":\"int\",\"type\":\"map\",\"k\":1},\"type\":\"array\",\"k\":2,\"doc\":\"gone\"}},"
            "{\"name\":\"z\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},{\"type\":\"string\"},\"m.E\",\"F\",\"n.R\"]}],"
            "\"default\":{},\"doc\":\"about\",\"type\":\"record\",\"name\":\"R\"}"),
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"doc\":\"about\",\"fields\":["
        "{\"name\":\"f\",\"type\":\"double\",\"doc\":\"d\",\"default\":1.0,\"order\":\"ignore\",\"aliases\":[\"g\"],\"zeta\":null},"
        "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"namespace\":\"m\",\"doc\":\"e\",\"symbols\":[\"A\",\"B\"],\"default\":\"B\",\"q\":\"r\"}},"
        "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2,\"logicalType\":\"decimal\",\"precision\":3}},"
        "{\"name\":\"y\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"int\",\"k\":1},\"k\":2}},"
        "{\"name\":\"z\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"string\",\"m.E\",\"F\",\"R\"]}],"
        "\"p\":[1.5,{\"b\":1,\"a\":2}],\"default\":{},\"aliases\":[\"Old\",\"Older\",\"x.Oldest\"]}");
}

static void test_print_namespaces(void **state)
{
    (void)state;
    assert_string_equal(
        java_form(
            "{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"namespace\":\"\","
            "\"name\":\"F\",\"size\":1}},{\"name\":\"g\",\"type\":\"F\"},{\"name\":\"h\",\"type\":{\"type\":\"fixed\",\"name\":\"int\",\"size\":1}},"
            "{\"name\":\"i\",\"type\":\"a.int\"}]}"),
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":[{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\","
        "\"namespace\":\"\",\"size\":1}},{\"name\":\"g\",\"type\":\"F\"},{\"name\":\"h\",\"type\":{\"type\":\"fixed\",\"name\":\"int\",\"size\":1}},"
        "{\"name\":\"i\",\"type\":\"a.int\"}]}");
    assert_string_equal(java_form("{\"type\":\"error\",\"name\":\"E\",\"fields\":[]}"),
                        "{\"type\":\"error\",\"name\":\"E\",\"fields\":[]}");
    assert_string_equal(java_form("[\"null\",{\"type\":\"int\",\"doc\":\"dropped\"}]"), "[\"null\",\"int\"]");
}

static void test_print_textual_default_of_a_number_becomes_a_number(void **state)
{
    (void)state;
    assert_string_equal(java_form(FIELD_DEFAULT("\"double\"", "\"12.50\"")), FIELD_DEFAULT("\"double\"", "12.5"));
    assert_string_equal(java_form(FIELD_DEFAULT("\"float\"", "\"-Infinity\"")), FIELD_DEFAULT("\"float\"", "\"-Infinity\""));
    assert_string_equal(java_form(FIELD_DEFAULT("\"string\"", "\"12.50\"")), FIELD_DEFAULT("\"string\"", "\"12.50\""));
    assert_string_equal(java_form(FIELD_DEFAULT("\"double\"", "100")), FIELD_DEFAULT("\"double\"", "100"));
}

static void test_print_types_of_references_by_name(void **state)
{
    (void)state;
    struct err err;
    const char *text = "{\"type\":\"record\",\"name\":\"x.O\",\"fields\":[{\"name\":\"e\",\"type\":\"E\"}]}";
    struct avro_schema *inner = schema_of("{\"type\":\"fixed\",\"name\":\"x.E\",\"size\":3}", AVRO_STRICT), *outer;
    const struct avro_schema *references[] = {inner};
    struct buf buf;
    assert_ok(avro_schema_parse(text, strlen(text), AVRO_STRICT, references, 1, &outer, &err), &err);
    buf_init(&buf, 1024);
    avro_schema_print(outer, &buf);
    assert_true(
        slice_is(buf_slice(&buf), "{\"type\":\"record\",\"name\":\"O\",\"namespace\":\"x\",\"fields\":[{\"name\":\"e\",\"type\":\"E\"}]}"));
    // The canonical form stands for itself.
    buf_reset(&buf);
    avro_schema_print_pcf(outer, &buf);
    assert_true(slice_is(buf_slice(&buf), "{\"name\":\"x.O\",\"type\":\"record\",\"fields\":[{\"name\":\"e\",\"type\":"
                                          "{\"name\":\"x.E\",\"type\":\"fixed\",\"size\":3}}]}"));
    buf_fini(&buf);
    avro_schema_free(outer);
    avro_schema_free(inner);
}

// Avro's own vectors, share/test/data/schema-tests.txt; 0: none given.
static const struct {
    const char *input, *canonical;
    int64_t fingerprint;
} vectors[] = {
    {"\"null\"", "\"null\"", INT64_C(7195948357588979594)},
    {"{\"type\":\"null\"}", "\"null\"", 0},
    {"\"boolean\"", "\"boolean\"", INT64_C(-6970731678124411036)},
    {"{\"type\":\"boolean\"}", "\"boolean\"", 0},
    {"\"int\"", "\"int\"", INT64_C(8247732601305521295)},
    {"{\"type\":\"int\"}", "\"int\"", 0},
    {"\"long\"", "\"long\"", INT64_C(-3434872931120570953)},
    {"{\"type\":\"long\"}", "\"long\"", 0},
    {"\"float\"", "\"float\"", INT64_C(5583340709985441680)},
    {"{\"type\":\"float\"}", "\"float\"", 0},
    {"\"double\"", "\"double\"", INT64_C(-8181574048448539266)},
    {"{\"type\":\"double\"}", "\"double\"", 0},
    {"\"bytes\"", "\"bytes\"", INT64_C(5746618253357095269)},
    {"{\"type\":\"bytes\"}", "\"bytes\"", 0},
    {"\"string\"", "\"string\"", INT64_C(-8142146995180207161)},
    {"{\"type\":\"string\"}", "\"string\"", 0},
    {"[  ]", "[]", INT64_C(-1241056759729112623)},
    {"[ \"int\"  ]", "[\"int\"]", INT64_C(-5232228896498058493)},
    {"[ \"int\" , {\"type\":\"boolean\"} ]", "[\"int\",\"boolean\"]", INT64_C(5392556393470105090)},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\"}", "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}",
     INT64_C(-4824392279771201922)},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"namespace\":\"x.y\"}",
     "{\"name\":\"x.y.foo\",\"type\":\"record\",\"fields\":[]}", INT64_C(5916914534497305771)},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"a.b.foo\", \"namespace\":\"x.y\"}",
     "{\"name\":\"a.b.foo\",\"type\":\"record\",\"fields\":[]}", INT64_C(-4616218487480524110)},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"doc\":\"Useful info\"}",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", INT64_C(-4824392279771201922)},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"aliases\":[\"foo\",\"bar\"]}",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", INT64_C(-4824392279771201922)},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"doc\":\"foo\", \"aliases\":[\"foo\",\"bar\"]}",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", INT64_C(-4824392279771201922)},
    {"{\"fields\":[{\"type\":{\"type\":\"boolean\"}, \"name\":\"f1\"}], \"type\":\"record\", \"name\":\"foo\"}",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\"}]}", INT64_C(7843277075252814651)},
    {"{ \"fields\":[{\"type\":\"boolean\", \"aliases\":[], \"name\":\"f1\", \"default\":true}, {\"order\":\"descending\",\"name\":\"f2\",\"doc\":\"Hello\",\"type\":\"int\"}], \"type\":\"record\", \"name\":\"foo\" }",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\"},{\"name\":\"f2\",\"type\":\"int\"}]}",
     INT64_C(-4860222112080293046)},
    {"{\"type\":\"enum\", \"name\":\"foo\", \"symbols\":[\"A1\"]}", "{\"name\":\"foo\",\"type\":\"enum\",\"symbols\":[\"A1\"]}",
     INT64_C(-6342190197741309591)},
    {"{\"namespace\":\"x.y.z\", \"type\":\"enum\", \"name\":\"foo\", \"doc\":\"foo bar\", \"symbols\":[\"A1\", \"A2\"]}",
     "{\"name\":\"x.y.z.foo\",\"type\":\"enum\",\"symbols\":[\"A1\",\"A2\"]}", INT64_C(-4448647247586288245)},
    {"{\"name\":\"foo\",\"type\":\"fixed\",\"size\":15}", "{\"name\":\"foo\",\"type\":\"fixed\",\"size\":15}",
     INT64_C(1756455273707447556)},
    {"{\"namespace\":\"x.y.z\", \"type\":\"fixed\", \"name\":\"foo\", \"doc\":\"foo bar\", \"size\":32}",
     "{\"name\":\"x.y.z.foo\",\"type\":\"fixed\",\"size\":32}", INT64_C(-3064184465700546786)},
    {"{ \"items\":{\"type\":\"null\"}, \"type\":\"array\"}", "{\"type\":\"array\",\"items\":\"null\"}", INT64_C(-589620603366471059)},
    {"{ \"values\":\"string\", \"type\":\"map\"}", "{\"type\":\"map\",\"values\":\"string\"}", INT64_C(-8732877298790414990)},
    {"{\"name\":\"PigValue\",\"type\":\"record\", \"fields\":[{\"name\":\"value\", \"type\":[\"null\", \"int\", \"long\", \"PigValue\"]}]}",
     "{\"name\":\"PigValue\",\"type\":\"record\",\"fields\":[{\"name\":\"value\",\"type\":[\"null\",\"int\",\"long\",\"PigValue\"]}]}",
     INT64_C(-1759257747318642341)},
};

static void test_pcf_and_fingerprint_of_the_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct avro_schema *schema = schema_of(vectors[i].input, AVRO_STRICT);
        struct buf buf;
        buf_init(&buf, 4096);
        avro_schema_print_pcf(schema, &buf);
        if (!slice_is(buf_slice(&buf), vectors[i].canonical)) fail_msg("%s: %.*s", vectors[i].input, SLICE_ARG(buf_slice(&buf)));
        if (vectors[i].fingerprint && (int64_t)avro_schema_fingerprint(schema) != vectors[i].fingerprint)
            fail_msg("%s: %lld", vectors[i].input, (long long)avro_schema_fingerprint(schema));
        buf_fini(&buf);
        avro_schema_free(schema);
    }
}

static bool equal(const char *a, const char *b)
{
    struct avro_schema *x = schema_of(a, AVRO_LENIENT), *y = schema_of(b, AVRO_LENIENT);
    bool result = avro_schema_equal(x, y);
    assert_int_equal(avro_schema_equal(y, x), result);
    avro_schema_free(x);
    avro_schema_free(y);
    return result;
}

static void test_equal_ignores_spelling(void **state)
{
    (void)state;
    assert_true(equal("\"int\"", "{\"type\":\"int\"}"));
    assert_true(equal(
        RECORD("{\"name\":\"f\",\"type\":\"int\",\"default\":1,\"x\":1,\"y\":2}"),
        "{\"fields\":[{\"y\":2, \"x\":1, \"default\":1, \"type\":{\"type\":\"int\"}, \"name\":\"f\",\"order\":\"ascending\"}],\"name\":\"R\",\"type\":\"record\"}"));
    assert_true(equal("{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":1,\"aliases\":[\"x\",\"y\"]}",
                      "{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"a\",\"size\":1,\"aliases\":[\"a.y\",\"x\",\"x\"]}"));
    assert_true(equal(FIELD_DEFAULT("\"double\"", "\"1.50\""), FIELD_DEFAULT("\"double\"", "1.5")));
    assert_true(equal(RECORD("{\"name\":\"n\",\"type\":[\"null\",\"R\"]}"), RECORD("{\"name\":\"n\",\"type\":[\"null\",\"R\"]}")));
}

static void test_equal_sees_every_difference(void **state)
{
    (void)state;
    static const char *const different[] = {
        RECORD("{\"name\":\"f\",\"type\":\"int\"}"),
        RECORD("{\"name\":\"g\",\"type\":\"int\"}"),
        RECORD("{\"name\":\"f\",\"type\":\"long\"}"),
        RECORD("{\"name\":\"f\",\"type\":\"int\",\"default\":1}"),
        RECORD("{\"name\":\"f\",\"type\":\"int\",\"default\":2}"),
        RECORD("{\"name\":\"f\",\"type\":\"int\",\"doc\":\"x\"}"),
        RECORD("{\"name\":\"f\",\"type\":\"int\",\"order\":\"ignore\"}"),
        RECORD("{\"name\":\"f\",\"type\":\"int\",\"aliases\":[\"g\"]}"),
        RECORD("{\"name\":\"f\",\"type\":\"int\",\"x\":1}"),
        RECORD("{\"name\":\"f\",\"type\":\"int\",\"x\":1.0}"),
        RECORD("{\"name\":\"f\",\"type\":\"int\",\"y\":1}"),
        RECORD("{\"name\":\"f\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}}"),
        RECORD("{\"name\":\"f\",\"type\":[\"int\"]}"),
        RECORD("{\"name\":\"f\",\"type\":[\"int\",\"null\"]}"),
        RECORD("{\"name\":\"f\",\"type\":[\"null\",\"int\"]}"),
        RECORD("{\"name\":\"f\",\"type\":{\"type\":\"array\",\"items\":\"int\"}}"),
        RECORD("{\"name\":\"f\",\"type\":{\"type\":\"map\",\"values\":\"int\"}}"),
        RECORD("{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}}"),
        RECORD("{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}}"),
        RECORD("{\"name\":\"f\",\"type\":{\"type\":\"enum\",\"name\":\"F\",\"symbols\":[\"A\",\"B\"]}}"),
        RECORD("{\"name\":\"f\",\"type\":{\"type\":\"enum\",\"name\":\"F\",\"symbols\":[\"B\",\"A\"]}}"),
        RECORD("{\"name\":\"f\",\"type\":{\"type\":\"enum\",\"name\":\"F\",\"symbols\":[\"A\",\"B\"],\"default\":\"A\"}}"),
        RECORD("{\"name\":\"f\",\"type\":\"int\"},{\"name\":\"g\",\"type\":\"int\"}"),
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"}]}",
        "{\"type\":\"record\",\"name\":\"R\",\"doc\":\"x\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"}]}",
        "{\"type\":\"error\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"}]}",
    };
    size_t count = sizeof different / sizeof *different;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            if (equal(different[i], different[j]) != (i == j)) fail_msg("%s\n%s", different[i], different[j]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_order_of_members),
        cmocka_unit_test(test_print_namespaces),
        cmocka_unit_test(test_print_textual_default_of_a_number_becomes_a_number),
        cmocka_unit_test(test_print_types_of_references_by_name),
        cmocka_unit_test(test_pcf_and_fingerprint_of_the_vectors),
        cmocka_unit_test(test_equal_ignores_spelling),
        cmocka_unit_test(test_equal_sees_every_difference),
    };
    return cmocka_run_group_tests_name("canonical", tests, NULL, NULL);
}
