// SPDX-License-Identifier: Apache-2.0
// The functions of SQL that are not SQLite's own: against SQLite's own where there is one.
#include "fixture.h"

#include <sqlite3.h>

#include "transform/functions.h"

struct connections {
    sqlite3 *ours, *plain;
    struct functions functions;
};

static int connections_open(void **state)
{
    struct connections *c = calloc(1, sizeof *c);
    struct err err;
    if (!c || sqlite3_open(":memory:", &c->ours) != SQLITE_OK || sqlite3_open(":memory:", &c->plain) != SQLITE_OK) return -1;
    if (functions_init(&c->functions, c->ours, &err) != OK) return -1;
    *state = c;
    return 0;
}

static int connections_close(void **state)
{
    struct connections *c = *state;
    sqlite3_close(c->ours);
    sqlite3_close(c->plain);
    functions_fini(&c->functions);
    free(c);
    return 0;
}

// The type and the value of an expression, or its error, as a text.
static void evaluate(sqlite3 *db, const char *expression, char *out, size_t size)
{
    char *sql = sqlite3_mprintf("SELECT typeof(x), hex(x), x FROM (SELECT %s AS x)", expression);
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    if (sqlite3_step(statement) == SQLITE_ROW)
        snprintf(out, size, "%s %s", (const char *)sqlite3_column_text(statement, 0), (const char *)sqlite3_column_text(statement, 1));
    else
        snprintf(out, size, "error: %s", sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    sqlite3_free(sql);
}

static void assert_same(const struct connections *c, const char *expression)
{
    char ours[4096], plain[4096];
    evaluate(c->ours, expression, ours, sizeof ours);
    evaluate(c->plain, expression, plain, sizeof plain);
    if (strcmp(ours, plain) != 0) fail_msg("%s\nours:     %s\nSQLite's: %s", expression, ours, plain);
}

static void assert_error(const struct connections *c, const char *expression, const char *error)
{
    char ours[4096];
    evaluate(c->ours, expression, ours, sizeof ours);
    if (strncmp(ours, "error: ", 7) != 0) fail_msg("%s gives %s", expression, ours);
    assert_contains(ours, error);
}

static const char *const values[] = {"NULL",     "''",      "'a'",   "'aa'",      "'aaaa'",
                                     "'abcabc'", "'ÄÖ€Ö😀'", "'Ö'",   "'€'",       "x''",
                                     "x'61'",    "x'c384'", "x'00'", "x'00ff61'", "'a' || char(0) || 'a'",
                                     "12",       "2",       "1.5",   "-1",        "' a '"};
enum { VALUES = sizeof values / sizeof *values };

static void test_text_functions_are_those_of_sqlite(void **state)
{
    char expression[256];
    for (int a = 0; a < VALUES; a++) {
        for (int b = 0; b < VALUES; b++) {
            static const char *const two[] = {"instr", "trim", "ltrim", "rtrim"};
            for (size_t f = 0; f < 4; f++) {
                snprintf(expression, sizeof expression, "%s(%s, %s)", two[f], values[a], values[b]);
                assert_same(*state, expression);
            }
            for (int k = 0; k < VALUES; k++) {
                snprintf(expression, sizeof expression, "replace(%s, %s, %s)", values[a], values[b], values[k]);
                assert_same(*state, expression);
            }
        }
        snprintf(expression, sizeof expression, "trim(%s)", values[a]);
        assert_same(*state, expression);
    }
}

static void test_date_functions_are_those_of_sqlite(void **state)
{
    static const char *const expressions[] = {
        "date('2026-08-13')",
        "datetime(1786622589, 'unixepoch')",
        "datetime(1786622589.123, 'unixepoch', '+1 day', 'start of day', 'weekday 0')",
        "strftime('%Y-%m-%dT%H:%M:%f', 1786622589, 'unixepoch', '-1 month')",
        "strftime('now %% utc', '2026-08-13')",
        "julianday('2026-08-13 12:00')",
        "time('12:03')",
        "unixepoch('2026-08-13')",
        "date('no time')",
        "date(NULL)",
        "date('2026-08-13', NULL)",
        "strftime(NULL, '2026-08-13')",
        "typeof(unixepoch(x'00'))",
        "date('2026-08-13', 'no modifier')",
        "date(2460000.5, '+1 day', '+1 day', '+1 day', '+1 day', '+1 day', '+1 day')",
    };
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++)
        for (int again = 0; again < 2; again++) assert_same(*state, expressions[i]);
}

static void test_date_functions_know_neither_the_present_nor_a_place(void **state)
{
    assert_error(*state, "date('now')", "date: 'now' is not allowed, because a replay must give the same rows");
    assert_error(*state, "datetime('NoW')", "'now'");
    assert_error(*state, "datetime(x'6e6f77')", "'now'");
    assert_error(*state, "datetime('now' || char(0) || 'x')", "'now'");
    assert_error(*state, "strftime('%s', 'now')", "'now'");
    assert_error(*state, "unixepoch('subsec')", "'subsec'");
    assert_error(*state, "datetime(0, 'unixepoch', 'localtime')", "'localtime'");
    assert_error(*state, "time(0, 'utc')", "'utc'");
}

static void test_iso8601_and_timestamp_are_inverse(void **state)
{
    static const struct {
        const char *expression, *value;
    } rows[] = {
        {"iso8601(1786622589123000) = '2026-08-13T12:03:09.123Z'", "integer 31"},
        {"iso8601(0) = '1970-01-01T00:00:00Z'", "integer 31"},
        {"timestamp(iso8601(1786622589123456)) = 1786622589123456", "integer 31"},
        {"timestamp('2026-08-13') = 1786579200000000", "integer 31"},
        {"timestamp('2026-08-13 14:03+02:00') = 1786622580000000", "integer 31"},
        {"timestamp(1786622589) = 1786622589000000", "integer 31"},
        {"timestamp('1786622589123') = 1786622589123000", "integer 31"},
        {"iso8601(NULL)", "null "},
        {"timestamp(NULL)", "null "},
    };
    const struct connections *c = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[256];
        evaluate(c->ours, rows[i].expression, got, sizeof got);
        if (strcmp(got, rows[i].value) != 0) fail_msg("%s gives %s", rows[i].expression, got);
    }
    assert_error(c, "iso8601('2026-08-13')", "iso8601 takes a timestamp");
    assert_error(c, "iso8601(9223372036854775807)", "within the years 1 to 9999");
    assert_error(c, "iso8601(-9223372036854775807 - 1)", "within the years 1 to 9999");
    assert_error(c, "timestamp('yesterday')", "timestamp takes ISO 8601");
    assert_error(c, "timestamp(12)", "timestamp takes ISO 8601");
}

static void test_text_functions_take_time_by_the_sum_of_lengths(void **state)
{
    const struct connections *c = *state;
    // By the product of the lengths these would be 10^9 steps and more, each.
    for (int i = 0; i < 20; i++) {
        assert_same(c, "instr(printf('%.*c', 60000, 'a'), printf('%.*c', 30000, 'a') || 'b')");
        assert_same(c, "length(replace(printf('%.*c', 60000, 'a'), printf('%.*c', 30000, 'a') || 'b', ''))");
    }
    assert_error(c, "trim('x', printf('%.*c', 65, 'a'))", "trim takes at most 64 bytes of characters");
    assert_error(c, "replace(printf('%.*c', 60000, 'a'), 'a', 'bb')", "too big");
}

static void test_functions_names_are_all_there(void **state)
{
    const struct connections *c = *state;
    size_t count;
    const char *const *names = functions_names(&count);
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(c->ours, "SELECT count(*) FROM pragma_function_list WHERE name = ?", -1, &statement, NULL),
                     SQLITE_OK);
    for (size_t i = 0; i < count; i++) {
        sqlite3_bind_text(statement, 1, names[i], -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        if (sqlite3_column_int(statement, 0) == 0) fail_msg("SQLite has no function %s", names[i]);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_functions_are_those_of_sqlite, connections_open, connections_close),
        cmocka_unit_test_setup_teardown(test_date_functions_are_those_of_sqlite, connections_open, connections_close),
        cmocka_unit_test_setup_teardown(test_date_functions_know_neither_the_present_nor_a_place, connections_open, connections_close),
        cmocka_unit_test_setup_teardown(test_iso8601_and_timestamp_are_inverse, connections_open, connections_close),
        cmocka_unit_test_setup_teardown(test_text_functions_take_time_by_the_sum_of_lengths, connections_open, connections_close),
        cmocka_unit_test_setup_teardown(test_functions_names_are_all_there, connections_open, connections_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
