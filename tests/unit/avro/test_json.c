// SPDX-License-Identifier: Apache-2.0
// Reading and printing JSON: order, number text, escapes, duplicates, limits.
#include "avro/json.h"

#include "../unit.h"

// What printing gives after reading, or the error's text.
static const char *printed_in(const char *text, size_t size, enum json_dialect dialect)
{
    static char out[4096];
    struct arena arena;
    struct err err;
    const struct json *json;
    struct buf buf;
    arena_init(&arena, 1024);
    buf_init(&buf, sizeof out - 1);
    if (json_parse((struct slice){text, size}, dialect, &arena, &json, &err) != OK) {
        snprintf(out, sizeof out, "error: %s", err.text);
    } else {
        json_print(json, &buf);
        assert_false(buf.full);
        memcpy(out, buf.data, buf.size);
        out[buf.size] = '\0';
    }
    buf_fini(&buf);
    arena_fini(&arena);
    return out;
}

static const char *printed(const char *text)
{
    return printed_in(text, strlen(text), JSON_PLAIN);
}

static void test_parse_keeps_the_order_of_members(void **state)
{
    (void)state;
    assert_string_equal(printed(" { \"b\" : 1 ,\n\"a\":[ true,false , null ],\t\"c\":{} } "), "{\"b\":1,\"a\":[true,false,null],\"c\":{}}");
    assert_string_equal(printed("[]"), "[]");
    assert_string_equal(printed("\"text\""), "\"text\"");
}

static void test_parse_keeps_integers_of_any_size(void **state)
{
    (void)state;
    assert_string_equal(printed("[9223372036854775807,-9223372036854775808,123456789012345678901234567890]"),
                        "[9223372036854775807,-9223372036854775808,123456789012345678901234567890]");
    assert_string_equal(printed("-0"), "0");
}

static void test_print_writes_other_numbers_like_java(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"1.0", "1.0"},
        {"1.50", "1.5"},
        {"-0.0", "-0.0"},
        {"0.001", "0.001"},
        {"0.0001", "1.0E-4"},
        {"1e3", "1000.0"},
        {"9999999.0", "9999999.0"},
        {"1e7", "1.0E7"},
        {"12345678.9", "1.23456789E7"},
        {"305.76", "305.76"},
        {"1e-400", "0.0"},
        {"2.5e-7", "2.5E-7"},
        {"0.01234", "0.01234"},
        {"100.25", "100.25"},
        {"1.7976931348623157e308", "1.7976931348623157E308"},
        {"120.0", "120.0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_string_equal(printed(cases[i][0]), cases[i][1]);
}

static void test_print_escapes_like_jackson(void **state)
{
    (void)state;
    assert_string_equal(printed("\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\\\/\\u00e9\\u20ac\\ud83d\\ude00\x7f\""),
                        "\"\\u0000\\u001F\\b\\f\\n\\r\\t\\\"\\\\/é€😀\x7f\"");
}

static void test_parse_duplicate_name_last_value_first_place(void **state)
{
    (void)state;
    assert_string_equal(printed("{\"a\":1,\"b\":2,\"a\":3,\"c\":4,\"a\":5}"), "{\"a\":5,\"b\":2,\"c\":4}");
    assert_string_equal(printed("{\"\":1,\"\":2}"), "{\"\":2}");
    assert_string_equal(printed("{\"a\":1,\"\\u0061\":2}"), "{\"a\":2}");
}

static void test_parse_refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "[1",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "-",
        "nul",
        "NaN",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"a\nb\"",
        "[1] 2",
        "'a'",
        "\xff",
        "\"\xc3\"",
        "// only a comment",
        "[1 /* c */]",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strncmp(printed(cases[i]), "error: ", 7) != 0) fail_msg("accepted: %s", cases[i]);
    assert_contains(printed_in("\"a\0\"", 4, JSON_PLAIN), "error: ");
}

static void test_parse_error_names_line_and_column(void **state)
{
    (void)state;
    assert_contains(printed("{\"é\": 1,\n  \"b\" 2}"), "line 2 column 7: a colon was expected");
}

static void test_parse_with_comments(void **state)
{
    (void)state;
    const char *text = "// one\n{ /* two * / */ \"a\" : // three\n 1 }/**/";
    assert_string_equal(printed_in(text, strlen(text), JSON_WITH_COMMENTS), "{\"a\":1}");
    assert_contains(printed_in("[1] /* open", 11, JSON_WITH_COMMENTS), "error: ");
    assert_contains(printed_in("[1] /", 5, JSON_WITH_COMMENTS), "error: ");
}

static void test_parse_limits(void **state)
{
    (void)state;
    char deep[2 * JSON_MAX_DEPTH + 3];
    memset(deep, '[', sizeof deep);
    memset(deep + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    assert_int_not_equal(strncmp(printed_in(deep, 2 * JSON_MAX_DEPTH, JSON_PLAIN), "error", 5), 0);
    memset(deep, '[', JSON_MAX_DEPTH + 1);
    memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    assert_contains(printed_in(deep, 2 * JSON_MAX_DEPTH + 2, JSON_PLAIN), "nested too deeply");

    char *many = malloc(2 * JSON_MAX_VALUES + 8);
    assert_non_null(many);
    memset(many, ',', 2 * JSON_MAX_VALUES + 8);
    for (int i = 1; i < 2 * JSON_MAX_VALUES; i += 2) many[i] = '1';
    many[0] = '[';
    many[2 * JSON_MAX_VALUES] = ']';
    assert_contains(printed_in(many, 2 * JSON_MAX_VALUES + 1, JSON_PLAIN), "too many values");
    free(many);

    char digits[JSON_MAX_NUMBER + 1];
    memset(digits, '7', sizeof digits);
    assert_contains(printed_in(digits, sizeof digits, JSON_PLAIN), "too many digits");
    assert_int_equal(strlen(printed_in(digits, JSON_MAX_NUMBER, JSON_PLAIN)), JSON_MAX_NUMBER);
}

static void test_member_finds_by_name(void **state)
{
    (void)state;
    struct arena arena;
    struct err err;
    const struct json *json;
    int64_t number;
    arena_init(&arena, 1024);
    assert_int_equal(json_parse(SLICE("{\"a\":\"x\\u0000y\",\"b\":-7,\"c\":[1]}"), JSON_PLAIN, &arena, &json, &err), OK);
    assert_true(slice_equal(json_member(json, "a")->text, SLICE("x\0y")));
    assert_true(json_int64(json_member(json, "b"), &number));
    assert_int_equal(number, -7);
    assert_null(json_member(json, "d"));
    assert_null(json_member(json_member(json, "c"), "a"));
    assert_null(json_member(NULL, "a"));
    arena_fini(&arena);
}

static bool equal(const char *a, const char *b)
{
    struct arena arena;
    struct err err;
    const struct json *x, *y;
    arena_init(&arena, 1024);
    assert_int_equal(json_parse(slice_of(a), JSON_PLAIN, &arena, &x, &err), OK);
    assert_int_equal(json_parse(slice_of(b), JSON_PLAIN, &arena, &y, &err), OK);
    bool result = json_equal(x, y);
    assert_int_equal(json_equal(y, x), result);
    arena_fini(&arena);
    return result;
}

static void test_equal_ignores_spelling_only(void **state)
{
    (void)state;
    assert_true(equal("{\"a\":1,\"b\":[2,\"\\u0061\"]}", " { \"b\" : [2,\"a\"], \"a\":1 }"));
    assert_true(equal("[1e2,-0]", "[100.0,0]"));
    assert_false(equal("1", "1.0"));
    assert_false(equal("0.0", "-0.0"));
    assert_false(equal("[1,2]", "[2,1]"));
    assert_false(equal("{\"a\":1}", "{\"a\":1,\"b\":null}"));
    assert_false(equal("{\"a\":1}", "{\"b\":1}"));
    assert_false(equal("null", "false"));
    assert_false(equal("true", "false"));
    assert_false(equal("\"1\"", "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_keeps_the_order_of_members),
        cmocka_unit_test(test_parse_keeps_integers_of_any_size),
        cmocka_unit_test(test_print_writes_other_numbers_like_java),
        cmocka_unit_test(test_print_escapes_like_jackson),
        cmocka_unit_test(test_parse_duplicate_name_last_value_first_place),
        cmocka_unit_test(test_parse_refuses_what_is_not_json),
        cmocka_unit_test(test_parse_error_names_line_and_column),
        cmocka_unit_test(test_parse_with_comments),
        cmocka_unit_test(test_parse_limits),
        cmocka_unit_test(test_member_finds_by_name),
        cmocka_unit_test(test_equal_ignores_spelling_only),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
