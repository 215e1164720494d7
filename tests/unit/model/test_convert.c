// SPDX-License-Identifier: Apache-2.0
// Conversions of values by the rules that contract and SQL share.
#include "model/convert.h"

#include <math.h>

#include "../unit.h"

static void test_text_to_int64_takes_integers_and_integral_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"-3", -3},
        {"007", 7},
        {"12.0", 12},
        {"1e3", 1000},
        {"-2.50e1", -25},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9007199254740992.0", INT64_C(1) << 53},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 99;
        if (!convert_text_to_int64(slice_of(cases[i].text), &value)) fail_msg("refused %s", cases[i].text);
        assert_int_equal(value, cases[i].value);
    }
}

static void test_text_to_int64_refuses_the_rest_and_leaves_the_value(void **state)
{
    (void)state;
    static const char *const cases[] = {"",     " 1",  "1 ",    "1.5", "x", "0x10", "nan", "inf", "1e400", "9223372036854775808",
                                        "1e16", "--1", "1,000", "-",   "+", ".",    "1e"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 99;
        if (convert_text_to_int64(slice_of(cases[i]), &value)) fail_msg("took %s", cases[i]);
        assert_int_equal(value, 99);
    }
    int64_t value;
    assert_false(convert_text_to_int64(SLICE("1\0"), &value));
}

static void test_text_to_double(void **state)
{
    (void)state;
    double value = 9;
    assert_true(convert_text_to_double(SLICE("305.76"), &value) && value == 305.76);
    assert_true(convert_text_to_double(SLICE("-1e-3"), &value) && value == -0.001);
    assert_false(convert_text_to_double(SLICE("nan"), &value));
    assert_false(convert_text_to_double(SLICE("1e999"), &value));
    assert_false(convert_text_to_double(SLICE("0x1p3"), &value));
    assert_false(convert_text_to_double(SLICE("1 "), &value));
    assert_true(value == -0.001);
}

static void test_double_to_int64_never_rounds(void **state)
{
    (void)state;
    int64_t value = 99;
    assert_true(convert_double_to_int64(-0.0, &value) && value == 0);
    assert_true(convert_double_to_int64(-4e18, &value) && value == INT64_C(-4000000000000000000));
    assert_true(convert_double_to_int64(-0x1p63, &value) && value == INT64_MIN);
    value = 99;
    assert_false(convert_double_to_int64(0x1p63, &value));
    assert_false(convert_double_to_int64(0.5, &value));
    assert_false(convert_double_to_int64(1e300, &value));
    assert_false(convert_double_to_int64((double)NAN, &value));
    assert_false(convert_double_to_int64((double)INFINITY, &value));
    assert_int_equal(value, 99);
}

static void test_int64_to_timestamp_by_the_number_of_digits(void **state)
{
    (void)state;
    int64_t us = 99;
    assert_true(convert_int64_to_timestamp(1786622589, &us) && us == INT64_C(1786622589000000));
    assert_true(convert_int64_to_timestamp(1786622589123, &us) && us == INT64_C(1786622589123000));
    assert_true(convert_int64_to_timestamp(1786622589123456, &us) && us == INT64_C(1786622589123456));
    assert_true(convert_int64_to_timestamp(-1000000000, &us) && us == INT64_C(-1000000000000000));
    us = 99;
    static const int64_t others[] = {0,         999999999, 10000000000, 999999999999, 10000000000000, 999999999999999, 10000000000000000,
                                     INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_false(convert_int64_to_timestamp(others[i], &us));
    assert_int_equal(us, 99);
}

static void test_text_to_timestamp(void **state)
{
    (void)state;
    static const char *const same[] = {"1786622589",
                                       "1786622589000",
                                       "1786622589000000",
                                       "2026-08-13T12:03:09Z",
                                       "2026-08-13 12:03:09",
                                       "2026-08-13T14:03:09+02:00",
                                       "2026-08-13T12:03:09.000"};
    int64_t us;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        us = 0;
        if (!convert_text_to_timestamp(slice_of(same[i]), &us)) fail_msg("refused %s", same[i]);
        assert_int_equal(us, INT64_C(1786622589000000));
    }
    assert_true(convert_text_to_timestamp(SLICE("2026-08-13"), &us) && us == INT64_C(1786579200000000));
    assert_true(convert_text_to_timestamp(SLICE("2026-08-13T12:03:09.123456Z"), &us) && us == INT64_C(1786622589123456));
    static const char *const wrong[] = {"",          "yesterday",   "12:03",        "2026-13-01",
                                        "178662258", "17866225891", "1786622589.5", "2026-08-13T25:00:00Z"};
    us = 99;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (convert_text_to_timestamp(slice_of(wrong[i]), &us)) fail_msg("took %s", wrong[i]);
    assert_int_equal(us, 99);
}

static void test_values_to_text(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 256);
    assert_string_equal(convert_int64_to_text(INT64_MIN, &arena).data, "-9223372036854775808");
    assert_string_equal(convert_int64_to_text(0, &arena).data, "0");
    assert_string_equal(convert_double_to_text(305.76, &arena).data, "305.76");
    assert_string_equal(convert_double_to_text(-191, &arena).data, "-191");
    assert_string_equal(convert_timestamp_to_text(INT64_C(1786622589123000), &arena).data, "2026-08-13T12:03:09.123Z");
    assert_string_equal(convert_timestamp_to_text(INT64_C(253402300799999999), &arena).data, "9999-12-31T23:59:59.999999Z");
    assert_string_equal(convert_timestamp_to_text(INT64_C(253402300800000000), &arena).data, "253402300800000000");
    assert_string_equal(convert_timestamp_to_text(INT64_C(-62135596800000000), &arena).data, "0001-01-01T00:00:00Z");
    assert_string_equal(convert_timestamp_to_text(INT64_C(-62135596800000001), &arena).data, "-62135596800000001");
    assert_int_equal(convert_int64_to_text(-12, &arena).size, 3);
    arena_fini(&arena);
}

static void test_timestamp_text_reads_back(void **state)
{
    (void)state;
    struct arena arena;
    int64_t back;
    arena_init(&arena, 4096);
    uint64_t seed = 7;
    for (int i = 0; i < 10000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t us = (int64_t)(seed % 253402300800000000u);
        assert_true(convert_text_to_timestamp(convert_timestamp_to_text(us, &arena), &back));
        assert_int_equal(back, us);
    }
    arena_fini(&arena);
}

static void test_text_is_valid(void **state)
{
    (void)state;
    assert_true(convert_text_is_valid((struct slice){NULL, 0}));
    assert_true(convert_text_is_valid(SLICE("é€")));
    assert_false(convert_text_is_valid(SLICE("a\0b")));
    assert_false(convert_text_is_valid(SLICE("\xff")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_to_int64_takes_integers_and_integral_decimals),
        cmocka_unit_test(test_text_to_int64_refuses_the_rest_and_leaves_the_value),
        cmocka_unit_test(test_text_to_double),
        cmocka_unit_test(test_double_to_int64_never_rounds),
        cmocka_unit_test(test_int64_to_timestamp_by_the_number_of_digits),
        cmocka_unit_test(test_text_to_timestamp),
        cmocka_unit_test(test_values_to_text),
        cmocka_unit_test(test_timestamp_text_reads_back),
        cmocka_unit_test(test_text_is_valid),
    };
    return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}
