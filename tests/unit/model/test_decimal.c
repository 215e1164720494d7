// SPDX-License-Identifier: Apache-2.0
// Shortest decimals, against the slow way: printing with more and more digits until the text reads back.
#include "model/decimal.h"

#include <float.h>
#include <math.h>

#include "../unit.h"

enum { RANDOM_FLOATS = 300000, RANDOM_DOUBLES = 100000 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

// Of all decimals with as many digits as the shortest that reads back, the nearest: the C library's, or, for a power of two (whose
// neighbour below is nearer than the one above), perhaps the next one up.
static double slow_decimal_from_float(float value)
{
    for (int precision = 0; precision < FLT_DECIMAL_DIG; precision++) {
        char text[64];
        snprintf(text, sizeof text, "%.*e", precision, (double)value);
        if (strtof(text, NULL) == value) return strtod(text, NULL);
        char *exponent = strchr(text, 'e');
        char digits[32], up[64];
        size_t count = 0;
        for (char *p = text; p < exponent; p++)
            if (*p >= '0' && *p <= '9') digits[count++] = *p;
        digits[count] = '\0';
        snprintf(up, sizeof up, "%s%llde%ld", value < 0 ? "-" : "", strtoll(digits, NULL, 10) + 1,
                 strtol(exponent + 1, NULL, 10) - precision);
        int binary;
        if (fabsf(frexpf(value, &binary)) == 0.5F && strtof(up, NULL) == value) return strtod(up, NULL);
    }
    fail_msg("%a has no decimal of %d digits", (double)value, FLT_DECIMAL_DIG);
    return 0;
}

static void assert_like_slow_way(float value)
{
    if (!isfinite(value) || value == 0) return;
    double fast = decimal_from_float(value), slow = slow_decimal_from_float(value);
    if (!same_bits(fast, slow)) fail_msg("%a: %.17g is not %.17g", (double)value, fast, slow);
}

static void test_from_float_gives_the_decimal_people_wrote(void **state)
{
    (void)state;
    static const double prices[] = {305.76, 191,      94745.08, 0.1,          1.15327, 159.355,      0.0010700226,
                                    1e-12,  123456.5, 16777216, 3.4028235e38, 1e-45,   1.1754944e-38};
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
        assert_true(same_bits(decimal_from_float((float)prices[i]), prices[i]));
        assert_true(same_bits(decimal_from_float((float)-prices[i]), -prices[i]));
    }
}

static void test_from_float_keeps_zeros_infinities_and_nan(void **state)
{
    (void)state;
    assert_true(same_bits(decimal_from_float(0.0F), 0.0));
    assert_true(same_bits(decimal_from_float(-0.0F), -0.0));
    assert_true(decimal_from_float(INFINITY) == (double)INFINITY);
    assert_true(decimal_from_float(-INFINITY) == -(double)INFINITY);
    assert_true(isnan(decimal_from_float(NAN)));
}

static void test_from_float_is_exact_at_every_exponent(void **state)
{
    (void)state;
    static const uint32_t mantissas[] = {0, 1, 2, 3, 0x3fffff, 0x400000, 0x400001, 0x555555, 0x7ffffe, 0x7fffff};
    for (uint32_t exponent = 0; exponent < 255; exponent++)
        for (size_t i = 0; i < sizeof mantissas / sizeof *mantissas; i++)
            assert_like_slow_way(float_of_bits(exponent << 23 | mantissas[i]));
}

static void test_from_float_is_exact_for_random_floats(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < RANDOM_FLOATS; i++) assert_like_slow_way(float_of_bits((uint32_t)next_random(&seed)));
}

static void test_from_float_is_exact_for_random_prices_and_changes(void **state)
{
    (void)state;
    uint64_t seed = 362436069362436069u;
    for (int i = 0; i < RANDOM_FLOATS / 2; i++) {
        float price = (float)((double)(next_random(&seed) % 10000000) / 100),
              before = (float)((double)(next_random(&seed) % 10000000) / 100);
        assert_like_slow_way(price);
        assert_like_slow_way(price - before);
        assert_like_slow_way(100 * (price - before) / (before + 1));
    }
}

static void test_from_float_is_exact_at_ties(void **state)
{
    (void)state;
    // Halves, quarters and eighths: many lie exactly between two decimals of fewer digits. Above 2^24 every float is an integer.
    for (uint32_t i = 1; i < 200000; i += 7) {
        assert_like_slow_way((float)i + 0.5F);
        assert_like_slow_way((float)i + 0.25F);
        assert_like_slow_way((float)i + 0.125F);
        assert_like_slow_way((float)i * 128.0F + 16777216.0F);
        assert_like_slow_way((float)i * 1048576.0F + 3e15F);
    }
}

static void assert_format(double value, const char *expected)
{
    char text[DECIMAL_TEXT_BYTES];
    assert_int_equal(decimal_format(value, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void test_format_spells_ordinary_numbers_plainly(void **state)
{
    (void)state;
    assert_format(305.76, "305.76");
    assert_format(191, "191");
    assert_format(-0.05101013, "-0.05101013");
    assert_format(0.1, "0.1");
    assert_format(100, "100");
    assert_format(0.000001, "0.000001");
    assert_format(1876726640000, "1876726640000");
    assert_format(9007199254740993.0, "9007199254740992");
    assert_format(123456789012345680000.0, "123456789012345680000");
    assert_format(1e20, "100000000000000000000");
}

static void test_format_spells_extremes_with_an_exponent(void **state)
{
    (void)state;
    assert_format(1e21, "1e+21");
    assert_format(1e300, "1e+300");
    assert_format(1e-7, "1e-7");
    assert_format(-1.5e-7, "-1.5e-7");
    assert_format(5e-324, "5e-324");
    assert_format(DBL_MAX, "1.7976931348623157e+308");
    assert_format(0x1p-44, "5.684341886080802e-14"); // the nearest of 16 digits does not read back, the one above does
}

static void test_format_names_what_is_no_number(void **state)
{
    (void)state;
    assert_format(0.0, "0");
    assert_format(-0.0, "-0");
    assert_format((double)INFINITY, "inf");
    assert_format(-(double)INFINITY, "-inf");
    assert_format((double)NAN, "nan");
}

static void test_format_reads_back_and_no_shorter_text_would(void **state)
{
    (void)state;
    uint64_t seed = 521288629521288629u;
    for (int i = 0; i < RANDOM_DOUBLES; i++) {
        uint64_t bits = next_random(&seed);
        double value, coarse = (double)(bits % 100000000000u) / 1e6;
        memcpy(&value, &bits, sizeof value);
        if (i % 2) value = coarse;
        if (!isfinite(value) || value == 0) continue;
        char text[DECIMAL_TEXT_BYTES], shorter[64];
        decimal_format(value, text);
        assert_true(same_bits(strtod(text, NULL), value));
        int digits = 0, zeros = 0;
        for (char *p = text; *p && *p != 'e'; p++) {
            if (*p < '0' || *p > '9' || (!digits && *p == '0')) continue;
            digits++;
            zeros = *p == '0' ? zeros + 1 : 0;
        }
        if (digits - zeros < 2) continue;
        snprintf(shorter, sizeof shorter, "%.*e", digits - zeros - 2, value);
        if (strtod(shorter, NULL) == value) fail_msg("%s is not the shortest: %s", text, shorter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_float_gives_the_decimal_people_wrote),
        cmocka_unit_test(test_from_float_keeps_zeros_infinities_and_nan),
        cmocka_unit_test(test_from_float_is_exact_at_every_exponent),
        cmocka_unit_test(test_from_float_is_exact_for_random_floats),
        cmocka_unit_test(test_from_float_is_exact_for_random_prices_and_changes),
        cmocka_unit_test(test_from_float_is_exact_at_ties),
        cmocka_unit_test(test_format_spells_ordinary_numbers_plainly),
        cmocka_unit_test(test_format_spells_extremes_with_an_exponent),
        cmocka_unit_test(test_format_names_what_is_no_number),
        cmocka_unit_test(test_format_reads_back_and_no_shorter_text_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
