// SPDX-License-Identifier: Apache-2.0
// Clocks, deadlines, and instants as text.
#include "base/clock.h"

#include <time.h>

#include "../unit.h"

static const char *formatted(int64_t us)
{
    static char text[CLOCK_TEXT_BYTES];
    return clock_format(us, text);
}

static int64_t parsed(const char *text)
{
    int64_t us;
    if (!clock_parse(slice_of(text), &us)) fail_msg("\"%s\" was refused", text);
    return us;
}

static void test_now_agrees_with_the_system(void **state)
{
    (void)state;
    int64_t seconds = (int64_t)time(NULL), us = clock_now_us();
    assert_in_range(us / SECOND_US, seconds, seconds + 5);
    int64_t first = clock_mono_ns();
    assert_true(clock_mono_ns() >= first);
}

static void test_deadlines(void **state)
{
    (void)state;
    assert_in_range(clock_left_ms(clock_deadline_ms(5000)), 4000, 5000);
    assert_int_equal(clock_left_ms(clock_mono_ns() - 1), 0);
    assert_int_equal(clock_left_ms(INT64_MIN), 0);
    assert_int_equal(clock_left_ms(0), 0);
    assert_int_equal(clock_left_ms(INT64_MAX), 3600000);
    assert_true(clock_deadline_ms(INT64_MAX) == INT64_MAX);
    assert_true(clock_deadline_ms(-1000) < clock_mono_ns());
}

static void test_left_is_rounded_up(void **state)
{
    (void)state;
    // Never 0 before the deadline: a poll(2) loop would spin.
    int64_t deadline = clock_mono_ns() + 3 * MS_NS;
    while (clock_mono_ns() < deadline) {
        int left = clock_left_ms(deadline);
        assert_true(left > 0 || clock_mono_ns() >= deadline);
    }
}

static void test_sleep_until_the_deadline(void **state)
{
    (void)state;
    int64_t deadline = clock_mono_ns() + 5 * MS_NS;
    clock_sleep_until(deadline);
    assert_true(clock_mono_ns() >= deadline);
    clock_sleep_until(deadline);
    clock_sleep_until(-1);
}

static void test_format_shows_as_many_decimals_as_there_are(void **state)
{
    (void)state;
    assert_string_equal(formatted(0), "1970-01-01T00:00:00Z");
    assert_string_equal(formatted(1786622589 * SECOND_US), "2026-08-13T12:03:09Z");
    assert_string_equal(formatted(1786622589 * SECOND_US + 120000), "2026-08-13T12:03:09.120Z");
    assert_string_equal(formatted(1786622589 * SECOND_US + 120001), "2026-08-13T12:03:09.120001Z");
    assert_string_equal(formatted(-1), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(formatted(951782400 * SECOND_US), "2000-02-29T00:00:00Z");
    assert_string_equal(formatted(INT64_C(253402300799999999)), "9999-12-31T23:59:59.999999Z");
}

static void test_format_of_any_number_fits(void **state)
{
    (void)state;
    assert_true(strlen(formatted(INT64_MAX)) < CLOCK_TEXT_BYTES);
    assert_string_equal(formatted(INT64_MAX), "294247-01-10T04:00:54.775807Z");
    assert_true(strlen(formatted(INT64_MIN)) < CLOCK_TEXT_BYTES);
}

static void test_parse_takes_the_forms_that_are_met(void **state)
{
    (void)state;
    int64_t us = 1786622589 * SECOND_US;
    assert_int_equal(parsed("2026-08-13T12:03:09Z"), us);
    assert_int_equal(parsed("2026-08-13 12:03:09"), us);
    assert_int_equal(parsed("2026-08-13t12:03:09z"), us);
    assert_int_equal(parsed("2026-08-13T12:03:09.5Z"), us + 500000);
    assert_int_equal(parsed("2026-08-13T12:03:09.123456789Z"), us + 123456);
    assert_int_equal(parsed("2026-08-13T12:03Z"), us - 9 * SECOND_US);
    assert_int_equal(parsed("2026-08-13T14:03:09+02:00"), us);
    assert_int_equal(parsed("2026-08-13T08:33:09-0330"), us);
    assert_int_equal(parsed("2026-08-13T13:03:09+01"), us);
    assert_int_equal(parsed("2026-08-13T12:03:09-00:00"), us);
    assert_int_equal(parsed("2026-08-13"), us - (12 * 3600 + 3 * 60 + 9) * SECOND_US);
    assert_int_equal(parsed("1969-12-31T23:59:59.999999Z"), -1);
    assert_int_equal(parsed("0001-01-01"), INT64_C(-62135596800) * SECOND_US);
    assert_int_equal(parsed("9999-12-31T23:59:59.999999Z"), INT64_C(253402300799999999));
    assert_int_equal(parsed("2024-02-29"), INT64_C(1709164800) * SECOND_US);
}

static void test_parse_refuses_everything_else(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-08",
        "2026-8-13",
        "2026-13-01",
        "2026-00-01",
        "2026-08-32",
        "2026-08-00",
        "2025-02-29",
        "1900-02-29",
        "0000-01-01",
        "2026-08-13T",
        "2026-08-13T12",
        "2026-08-13T12:",
        "2026-08-13T12:3",
        "2026-08-13T24:00:00",
        "2026-08-13T12:60:00",
        "2026-08-13T12:03:60",
        "2026-08-13T12:03:09.",
        "2026-08-13T12:03:09.Z",
        "2026-08-13T12:03.5",
        "2026-08-13T12:03:",
        "2026-08-13Z",
        "2026-08-13T12:03:09ZZ",
        "2026-08-13T12:03:09Z ",
        " 2026-08-13",
        "2026-08-13T12:03:09+",
        "2026-08-13T12:03:09+1",
        "2026-08-13T12:03:09+24:00",
        "2026-08-13T12:03:09+01:60",
        "2026-08-13T12:03:09+01:",
        "2026-08-13T12:03:09 +01:00",
        "+2026-08-13",
        "2026-08-13_12:03:09",
        "2026/08/13",
        "1786622589",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t us = 42;
        if (clock_parse(slice_of(bad[i]), &us)) fail_msg("\"%s\" was taken", bad[i]);
    }
    int64_t us;
    assert_false(clock_parse((struct slice){NULL, 0}, &us));
}

static void test_format_and_parse_agree(void **state)
{
    (void)state;
    // Steps that are prime to days and years, over all years that can be parsed.
    for (int64_t us = INT64_C(-62135596800000000); us <= INT64_C(253402300799999999);
         us += INT64_C(7919 * 86400) * SECOND_US + 3661000001) {
        if (parsed(formatted(us)) != us) fail_msg("%s", formatted(us));
        // The calendar of the C library, for comparison.
        time_t seconds = (time_t)(us >= 0 ? us / SECOND_US : -((-us + SECOND_US - 1) / SECOND_US));
        struct tm tm;
        gmtime_r(&seconds, &tm);
        char text[32];
        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                 tm.tm_sec);
        assert_memory_equal(formatted(us), text, 19);
    }
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"250ms", 250}, {"10s", 10000}, {"5m", 300000}, {"2h", 7200000}, {"7d", 604800000}, {"3", 3000}, {"0", 0}, {"0ms", 0}};
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(clock_parse_duration(slice_of(good[i].text), &ms));
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const bad[] = {
        "", "s", "-5s", "+5s", "5 s", "5S", "5min", "1.5s", "5s5m", "99999999999999999999s", "9223372036854775807d", "9223372036854775807"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (clock_parse_duration(slice_of(bad[i]), &ms)) fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_now_agrees_with_the_system),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_left_is_rounded_up),
        cmocka_unit_test(test_sleep_until_the_deadline),
        cmocka_unit_test(test_format_shows_as_many_decimals_as_there_are),
        cmocka_unit_test(test_format_of_any_number_fits),
        cmocka_unit_test(test_parse_takes_the_forms_that_are_met),
        cmocka_unit_test(test_parse_refuses_everything_else),
        cmocka_unit_test(test_format_and_parse_agree),
        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
