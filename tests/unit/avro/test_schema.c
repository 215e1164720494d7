// SPDX-License-Identifier: Apache-2.0
// Parsing schemas: types, names, references, logical types, defaults, limits; strict and lenient.
#include "fixture.h"

#include "avro/names.h"

static enum status parse(const char *text, enum avro_strictness strictness, struct err *err)
{
    struct avro_schema *schema;
    enum status status = avro_schema_parse(text, strlen(text), strictness, NULL, 0, &schema, err);
    if (status != OK) assert_null(schema);
    avro_schema_free(schema);
    return status;
}

#define assert_valid(schema_text)                                                                                                          \
    do {                                                                                                                                   \
        struct err assert_err;                                                                                                             \
        if (parse(schema_text, AVRO_STRICT, &assert_err) != OK) fail_msg("strict: %s", assert_err.text);                                   \
        if (parse(schema_text, AVRO_LENIENT, &assert_err) != OK) fail_msg("lenient: %s", assert_err.text);                                 \
    } while (0)

static void check_invalid(int line, const char *text, enum avro_strictness strictness, const char *reason)
{
    struct err err;
    if (parse(text, strictness, &err) != REJECT) fail_msg("line %d: accepted", line);
    assert_int_equal(err.code, ERR_REGISTRY);
    if (!strstr(err.text, reason)) fail_msg("line %d: \"%s\" does not say \"%s\"", line, err.text, reason);
}

// Wrong in both modes; wrong for a new schema only.
#define assert_invalid(schema_text, reason)                                                                                                \
    do {                                                                                                                                   \
        check_invalid(__LINE__, schema_text, AVRO_STRICT, reason);                                                                         \
        check_invalid(__LINE__, schema_text, AVRO_LENIENT, reason);                                                                        \
    } while (0)
#define assert_invalid_when_new(schema_text, reason)                                                                                       \
    do {                                                                                                                                   \
        struct err assert_err;                                                                                                             \
        check_invalid(__LINE__, schema_text, AVRO_STRICT, reason);                                                                         \
        if (parse(schema_text, AVRO_LENIENT, &assert_err) != OK) fail_msg("lenient: %s", assert_err.text);                                 \
    } while (0)

#define ENUM(name, symbols) "{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "]}"
#define FIXED(name, size) "{\"type\":\"fixed\",\"name\":\"" name "\",\"size\":" size "}"

static void test_parse_every_kind_of_type(void **state)
{
    (void)state;
    struct avro_schema *schema =
        schema_of("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"doc\":\"why\",\"aliases\":[\"Old\",\"x.Older\"],\"fields\":["
                  "{\"name\":\"n\",\"type\":\"null\",\"doc\":\"nothing\"},{\"name\":\"b\",\"type\":{\"type\":\"boolean\"}},"
                  "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"long\"},\"aliases\":[\"mm\"]},"
                  "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"float\",\"double\"]}},"
                  "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"c.E\",\"symbols\":[\"X\",\"Y\"],\"default\":\"Y\"}},"
                  "{\"name\":\"f\",\"type\":" FIXED("F", "7") "},{\"name\":\"s\",\"type\":\"string\",\"default\":\"d\"}]}",
                  AVRO_STRICT);
    const struct avro_type *root = schema->root;
    assert_int_equal(root->kind, AVRO_RECORD);
    assert_string_equal(root->name, "R");
    assert_string_equal(root->full_name, "a.b.R");
    assert_int_equal(root->alias_count, 2);
    assert_string_equal(root->aliases[0], "a.b.Old");
    assert_string_equal(root->aliases[1], "x.Older");
    assert_int_equal(root->count, 7);
    assert_string_equal(root->fields[0].doc, "nothing");
    assert_null(root->fields[1].doc);
    assert_int_equal(root->fields[1].type->kind, AVRO_BOOLEAN);
    assert_int_equal(root->fields[2].type->items->kind, AVRO_LONG);
    assert_string_equal(root->fields[2].aliases[0], "mm");
    assert_int_equal(root->fields[3].type->items->count, 2);
    assert_int_equal(root->fields[3].type->items->branches[1]->kind, AVRO_DOUBLE);
    assert_string_equal(root->fields[4].type->full_name, "c.E");
    assert_int_equal(root->fields[4].type->default_symbol, 1);
    assert_string_equal(root->fields[5].type->full_name, "a.b.F");
    assert_int_equal(root->fields[5].type->count, 7);
    assert_null(root->fields[5].default_value);
    assert_non_null(root->fields[6].default_value);
    avro_schema_free(schema);
}

static void test_parse_least_bytes_of_types(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t bytes;
    } cases[] = {
        {"\"null\"", 0},
        {"\"double\"", 8},
        {FIXED("F", "5"), 5},
        {FIXED("F", "0"), 0},
        {RECORD(""), 0},
        {"[\"null\",\"int\"]", 1},
        {"[\"float\",\"int\"]", 2},
        {"{\"type\":\"array\",\"items\":\"double\"}", 1},
        {FIELD("\"float\""), 4},
        {RECORD("{\"name\":\"next\",\"type\":[\"null\",\"R\"]},{\"name\":\"v\",\"type\":\"string\"}"), 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct avro_schema *schema = schema_of(cases[i].text, AVRO_STRICT);
        assert_int_equal(schema->root->min_bytes, cases[i].bytes);
        avro_schema_free(schema);
    }
}

static void test_parse_mentions_find_types_by_namespace(void **state)
{
    (void)state;
    // A mention without dots means the enclosing namespace first, then a type without namespace.
    struct avro_schema *schema =
        schema_of(RECORD("{\"name\":\"e\",\"type\":" ENUM(
                      "E", "\"A\"") "},"
                                    "{\"name\":\"r\",\"type\":{\"type\":\"record\",\"name\":\"n.Q\",\"fields\":["
                                    "{\"name\":\"a\",\"type\":\"E\"},{\"name\":\"b\",\"type\":" ENUM(
                                        "E", "\"B\"") "},"
                                                      "{\"name\":\"c\",\"type\":\"E\"},{\"name\":\"d\",\"type\":\"n.E\"},"
                                                      "{\"name\":\"q\",\"type\":[\"null\",\"Q\"]}]}}"),
                  AVRO_STRICT);
    const struct avro_type *inner = schema->root->fields[1].type;
    assert_ptr_equal(inner->fields[0].type, schema->root->fields[0].type);
    assert_string_equal(inner->fields[1].type->full_name, "n.E");
    assert_ptr_equal(inner->fields[2].type, inner->fields[1].type);
    assert_ptr_equal(inner->fields[3].type, inner->fields[1].type);
    assert_ptr_equal(inner->fields[4].type->branches[1], inner);
    avro_schema_free(schema);
    assert_invalid(FIELD("\"Nowhere\""), "no type named \"Nowhere\"");
    assert_invalid(RECORD("{\"name\":\"a\",\"type\":\"E\"},{\"name\":\"b\",\"type\":" ENUM("E", "\"A\"") "}"), "no type named \"E\"");
}

static void test_parse_empty_namespace_means_none(void **state)
{
    (void)state;
    struct avro_schema *schema =
        schema_of("{\"type\":\"record\",\"name\":\"n.R\",\"namespace\":\"ignored\",\"fields\":[{\"name\":\"f\",\"type\":"
                  "{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"\",\"size\":1}}]}",
                  AVRO_STRICT);
    assert_string_equal(schema->root->full_name, "n.R");
    assert_string_equal(schema->root->fields[0].type->full_name, "F");
    avro_schema_free(schema);
}

static void test_parse_names(void **state)
{
    (void)state;
    assert_valid(ENUM("_a1", "\"_\",\"A9\""));
    assert_valid("{\"type\":\"record\",\"name\":\"int\",\"namespace\":\"x\",\"fields\":[]}");
    assert_invalid_when_new(ENUM("1a", "\"A\""), "not a valid name");
    assert_invalid_when_new(ENUM("a-b", "\"A\""), "not a valid name");
    assert_invalid_when_new(ENUM("a..b", "\"A\""), "not a valid name");
    assert_invalid_when_new(ENUM("E", "\"a-b\""), "not a valid symbol");
    assert_invalid_when_new(RECORD("{\"name\":\"é\",\"type\":\"int\"}"), "not a valid name of a field");
    assert_valid(RECORD("{\"name\":\"f\",\"type\":\"int\",\"aliases\":[\"a b\",\"\"]}"));
    assert_invalid(RECORD("{\"name\":\"f\",\"type\":\"int\",\"aliases\":[\"a\\u0000b\"]}"), "not a valid alias");
    assert_invalid_when_new("{\"type\":\"fixed\",\"name\":\"F\",\"size\":1,\"aliases\":[\"a b\"]}", "not a valid alias");
    assert_invalid(ENUM("", "\"A\""), "not a valid name");
    assert_invalid(ENUM(".a", "\"A\""), "not a valid name");
    assert_invalid(ENUM("a.", "\"A\""), "not a valid name");
    assert_invalid(ENUM("a\\u0000b", "\"A\""), "NUL");
    assert_invalid(ENUM("int", "\"A\""), "primitive");
    assert_invalid(ENUM("E", "\"A\\u0000\""), "not a valid symbol");
    assert_invalid("{\"type\":\"enum\",\"symbols\":[\"A\"]}", "without a \"name\"");
    assert_invalid(RECORD("{\"name\":\"\",\"type\":\"int\"}"), "not a valid name of a field");
}

static void test_parse_refuses_what_is_declared_twice(void **state)
{
    (void)state;
    assert_invalid(ENUM("E", "\"A\",\"B\",\"A\""), "the symbol \"A\" twice");
    assert_invalid(RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"long\"}"),
                   "the field \"a\" twice");
    assert_invalid("[\"int\",\"string\",\"int\"]", "\"int\" twice");
    assert_invalid("[{\"type\":\"map\",\"values\":\"int\"},{\"type\":\"map\",\"values\":\"long\"}]", "\"map\" twice");
    assert_invalid("[\"int\",[\"string\"]]", "a union directly inside a union");
    assert_valid("[" FIXED("F", "1") "," FIXED("G", "1") "]");
    // The same declaration again is a mention, as in Avro Java; a different one is an error.
    assert_valid(RECORD("{\"name\":\"a\",\"type\":" ENUM("E", "\"A\"") "},{\"name\":\"b\",\"type\":" ENUM("E", "\"A\"") "}"));
    assert_invalid(RECORD("{\"name\":\"a\",\"type\":" ENUM("E", "\"A\"") "},{\"name\":\"b\",\"type\":" ENUM("E", "\"B\"") "}"),
                   "declared twice");
    assert_invalid(RECORD("{\"name\":\"a\",\"type\":" FIELD("\"int\"") "}"), "declared inside itself");
}

static void test_parse_refuses_malformed_types(void **state)
{
    (void)state;
    assert_invalid("", "JSON");
    assert_invalid("7", "a schema is a name");
    assert_invalid("null", "a schema is a name");
    assert_invalid("{}", "\"type\" is missing");
    assert_invalid("{\"type\":{\"type\":\"int\"}}", "\"type\" is missing or no text");
    assert_invalid("\"integer\"", "no type named \"integer\"");
    assert_invalid("{\"type\":\"array\"}", "no \"items\"");
    assert_invalid("{\"type\":\"map\",\"items\":\"int\"}", "no \"values\"");
    assert_invalid("{\"type\":\"record\",\"name\":\"R\"}", "no \"fields\"");
    assert_invalid(RECORD("{\"name\":\"f\"}"), "no \"type\"");
    assert_invalid(RECORD("{\"type\":\"int\"}"), "no \"name\"");
    assert_invalid(RECORD("7"), "no \"name\"");
    assert_invalid("{\"type\":\"enum\",\"name\":\"E\"}", "no \"symbols\"");
    assert_invalid(ENUM("E", "1"), "not a valid symbol");
    assert_invalid("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}", "none of its symbols");
    assert_invalid(FIXED("F", "-1"), "needs a \"size\"");
    assert_invalid(FIXED("F", "1.0"), "needs a \"size\"");
    assert_invalid(FIXED("F", "3000000000"), "needs a \"size\"");
    assert_invalid("{\"type\":\"fixed\",\"name\":\"F\"}", "needs a \"size\"");
    assert_invalid(RECORD("{\"name\":\"f\",\"type\":\"int\",\"order\":\"up\"}"), "\"order\" must be");
    assert_invalid(RECORD("{\"name\":\"f\",\"type\":\"int\",\"aliases\":\"g\"}"), "\"aliases\" must be");
    assert_invalid(RECORD("{\"name\":\"f\",\"type\":\"int\",\"aliases\":[7]}"), "not a valid alias");
    assert_valid(RECORD("{\"name\":\"f\",\"type\":\"int\",\"order\":\"DESCENDING\"}"));
    assert_valid("[]");
    assert_valid("/* comments */ \"int\" // are taken");
}

static void test_parse_error_says_where(void **state)
{
    (void)state;
    check_invalid(__LINE__, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[\n  {\"name\":\"f\",\n   \"type\":\"nope\"}]}", AVRO_STRICT,
                  "line 3 column 11");
}

static void test_parse_defaults_are_checked_when_strict(void **state)
{
    (void)state;
    assert_valid(FIELD_DEFAULT("\"int\"", "7"));
    assert_valid(FIELD_DEFAULT("\"double\"", "7"));
    assert_valid(FIELD_DEFAULT("\"float\"", "\"1.5\""));
    assert_valid(FIELD_DEFAULT("\"double\"", "\"NaN\""));
    assert_valid(FIELD_DEFAULT("\"bytes\"", "\"\\u0000\\u00ff\""));
    assert_valid(FIELD_DEFAULT("\"null\"", "null"));
    assert_valid(FIELD_DEFAULT("{\"type\":\"array\",\"items\":\"int\"}", "[1,2]"));
    assert_valid(FIELD_DEFAULT("{\"type\":\"map\",\"values\":\"boolean\"}", "{\"a\":true}"));
    assert_valid(FIELD_DEFAULT("{\"type\":\"record\",\"name\":\"Q\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
                               "{\"name\":\"b\",\"type\":\"int\",\"default\":2}]}",
                               "{\"a\":1}"));
    assert_invalid_when_new(FIELD_DEFAULT("\"int\"", "\"x\""), "the default of field \"f\"");
    assert_invalid_when_new(FIELD_DEFAULT("\"int\"", "3000000000"), "the default of field \"f\"");
    assert_invalid_when_new(FIELD_DEFAULT("\"long\"", "1.0"), "the default of field \"f\"");
    assert_invalid_when_new(FIELD_DEFAULT("\"string\"", "null"), "the default of field \"f\"");
    assert_invalid_when_new(FIELD_DEFAULT("\"boolean\"", "1"), "the default of field \"f\"");
    assert_invalid_when_new(FIELD_DEFAULT("{\"type\":\"array\",\"items\":\"int\"}", "[1,\"2\"]"), "the default of field \"f\"");
    assert_invalid_when_new(FIELD_DEFAULT("{\"type\":\"map\",\"values\":\"int\"}", "[]"), "the default of field \"f\"");
    assert_invalid_when_new(FIELD_DEFAULT("{\"type\":\"record\",\"name\":\"Q\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}", "{}"),
                            "the default of field \"f\"");
    assert_invalid(FIELD_DEFAULT("\"double\"", "\"x\""), "no number");
}

static void test_parse_default_of_a_union_may_match_any_branch(void **state)
{
    (void)state;
    assert_valid(FIELD_DEFAULT("[\"null\",\"int\"]", "null"));
    assert_valid(FIELD_DEFAULT("[\"string\",\"null\"]", "null"));
    assert_valid(FIELD_DEFAULT("[\"null\",\"int\"]", "7"));
    assert_invalid_when_new(FIELD_DEFAULT("[\"null\",\"int\"]", "\"x\""), "the default of field \"f\"");
}

static void test_parse_default_that_unfolds_without_end(void **state)
{
    (void)state;
    // The default of a record's field is a record whose own default is a record ...
    assert_invalid_when_new(RECORD("{\"name\":\"f\",\"type\":\"R\",\"default\":{}}"), "the default of field \"f\"");
    // ... or doubles at each of many levels.
    struct buf text;
    struct err err;
    buf_init(&text, 1 << 16);
    buf_append_text(&text, "[{\"type\":\"record\",\"name\":\"R0\",\"fields\":[]}");
    for (int i = 1; i < 60; i++)
        buf_printf(&text,
                   ",{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":\"R%d\",\"default\":{}},"
                   "{\"name\":\"b\",\"type\":\"R%d\",\"default\":{}}]}",
                   i, i - 1, i - 1);
    buf_append(&text, "]", 2);
    assert_int_equal(parse(text.data, AVRO_STRICT, &err), REJECT);
    assert_int_equal(parse(text.data, AVRO_LENIENT, &err), OK);
    buf_fini(&text);
}

static void test_parse_logical_types(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum avro_logical logical;
    } cases[] = {
        {"{\"type\":\"int\",\"logicalType\":\"date\"}", AVRO_DATE},
        {"{\"type\":\"int\",\"logicalType\":\"time-millis\"}", AVRO_TIME_MILLIS},
        {"{\"type\":\"long\",\"logicalType\":\"time-micros\"}", AVRO_TIME_MICROS},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", AVRO_TIMESTAMP_MILLIS},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", AVRO_TIMESTAMP_MICROS},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}", AVRO_TIMESTAMP_NANOS},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}", AVRO_LOCAL_TIMESTAMP_MILLIS},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}", AVRO_LOCAL_TIMESTAMP_MICROS},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-nanos\"}", AVRO_LOCAL_TIMESTAMP_NANOS},
        {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", AVRO_UUID},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":16,\"logicalType\":\"uuid\"}", AVRO_UUID},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":12,\"logicalType\":\"duration\"}", AVRO_DURATION},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}", AVRO_DECIMAL},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9}", AVRO_DECIMAL},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\",\"precision\":9}", AVRO_DECIMAL},
        // Ill-formed or unknown: ignored.
        {"{\"type\":\"long\",\"logicalType\":\"date\"}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"int\",\"logicalType\":\"timestamp-millis\"}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"int\",\"logicalType\":7}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"int\",\"logicalType\":\"temperature\"}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":15,\"logicalType\":\"uuid\"}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"string\",\"logicalType\":\"decimal\",\"precision\":9}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\"}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":0}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":\"9\"}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":3}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":-1}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":1001}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\",\"precision\":10}", AVRO_LOGICAL_NONE},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":0,\"logicalType\":\"decimal\",\"precision\":1}", AVRO_LOGICAL_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct avro_schema *schema = schema_of(cases[i].text, AVRO_STRICT);
        if (schema->root->logical != cases[i].logical) fail_msg("%s: %d", cases[i].text, (int)schema->root->logical);
        avro_schema_free(schema);
    }
}

static void test_parse_with_references(void **state)
{
    (void)state;
    struct err err;
    struct avro_schema *inner = schema_of(ENUM("x.E", "\"A\""), AVRO_STRICT), *middle, *outer;
    const char *middle_text = "{\"type\":\"record\",\"name\":\"x.M\",\"fields\":[{\"name\":\"e\",\"type\":\"E\"}]}";
    const char *outer_text =
        "{\"type\":\"record\",\"name\":\"x.O\",\"fields\":[{\"name\":\"m\",\"type\":\"M\"},{\"name\":\"e\",\"type\":\"x.E\"}]}";
    const struct avro_schema *references[1] = {inner};
    assert_ok(avro_schema_parse(middle_text, strlen(middle_text), AVRO_STRICT, references, 1, &middle, &err), &err);
    // Types of references' references are known, too.
    references[0] = middle;
    assert_ok(avro_schema_parse(outer_text, strlen(outer_text), AVRO_STRICT, references, 1, &outer, &err), &err);
    assert_ptr_equal(outer->root->fields[0].type, middle->root);
    assert_ptr_equal(outer->root->fields[1].type, inner->root);
    avro_schema_free(outer);
    // A reference's type may not be declared differently.
    const char *again = ENUM("x.E", "\"B\"");
    assert_int_equal(avro_schema_parse(again, strlen(again), AVRO_STRICT, references, 1, &outer, &err), REJECT);
    assert_contains(err.text, "declared twice");
    avro_schema_free(middle);
    avro_schema_free(inner);
}

static void repeat(struct buf *text, const char *part, int times)
{
    for (int i = 0; i < times; i++) buf_append_text(text, part);
}

static void test_parse_limits(void **state)
{
    (void)state;
    struct buf text;
    struct err err;
    buf_init(&text, 4 << 20);
    for (int depth = AVRO_SCHEMA_MAX_DEPTH; depth <= AVRO_SCHEMA_MAX_DEPTH + 1; depth++) {
        buf_reset(&text);
        repeat(&text, "{\"type\":\"array\",\"items\":", depth - 1);
        buf_append_text(&text, "\"int\"");
        repeat(&text, "}", depth - 1);
        buf_append(&text, "", 1);
        assert_int_equal(parse(text.data, AVRO_LENIENT, &err), depth > AVRO_SCHEMA_MAX_DEPTH ? REJECT : OK);
    }
    assert_contains(err.text, "64 deep");
    buf_reset(&text);
    buf_append_text(&text, "[\"null\"");
    for (int i = 0; i <= AVRO_SCHEMA_MAX_TYPES; i++) buf_printf(&text, ",{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":1}", i);
    buf_append(&text, "]", 2);
    assert_int_equal(parse(text.data, AVRO_LENIENT, &err), REJECT);
    assert_contains(err.text, "more than 10000 types");
    buf_reset(&text);
    repeat(&text, "                ", BUF_MAX_SCHEMA_TEXT / 16);
    buf_append(&text, "\"int\"", 6);
    assert_int_equal(parse(text.data, AVRO_LENIENT, &err), REJECT);
    assert_contains(err.text, "at most 1048576");
    buf_fini(&text);
}

static void test_parse_hostile_names_in_great_number_end_soon(void **state)
{
    (void)state;
    struct buf text;
    struct err err;
    buf_init(&text, BUF_MAX_SCHEMA_TEXT);
    buf_append_text(&text, "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"S\"");
    for (int i = 0; i < 90000; i++) buf_printf(&text, ",\"s%d\"", i);
    buf_append(&text, "]}", 3);
    assert_false(text.full);
    assert_int_equal(parse(text.data, AVRO_STRICT, &err), OK);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_every_kind_of_type),
        cmocka_unit_test(test_parse_least_bytes_of_types),
        cmocka_unit_test(test_parse_mentions_find_types_by_namespace),
        cmocka_unit_test(test_parse_empty_namespace_means_none),
        cmocka_unit_test(test_parse_names),
        cmocka_unit_test(test_parse_refuses_what_is_declared_twice),
        cmocka_unit_test(test_parse_refuses_malformed_types),
        cmocka_unit_test(test_parse_error_says_where),
        cmocka_unit_test(test_parse_defaults_are_checked_when_strict),
        cmocka_unit_test(test_parse_default_of_a_union_may_match_any_branch),
        cmocka_unit_test(test_parse_default_that_unfolds_without_end),
        cmocka_unit_test(test_parse_logical_types),
        cmocka_unit_test(test_parse_with_references),
        cmocka_unit_test(test_parse_limits),
        cmocka_unit_test(test_parse_hostile_names_in_great_number_end_soon),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
