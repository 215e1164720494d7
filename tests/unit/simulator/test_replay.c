// SPDX-License-Identifier: Apache-2.0
// Recorded quotes from CSV: what is read, and what is refused with the line and column that are wrong.
#include "simulator/replay.h"

#include <unistd.h>

#include "../unit.h"
#include "quote.pb-c.h"

struct fixture {
    char path[64];
    struct replay *replay;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/fdp-test-replay-XXXXXX");
    close(mkstemp(f->path));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    replay_close(f->replay);
    unlink(f->path);
    free(f);
    return 0;
}

static enum status open_bytes(struct fixture *f, const char *data, size_t size)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
    replay_close(f->replay);
    f->replay = NULL;
    return replay_open(&f->replay, f->path, &f->err);
}

static enum status open_text(struct fixture *f, const char *text)
{
    return open_bytes(f, text, strlen(text));
}

static void test_rows_come_with_all_their_fields(void **state)
{
    struct fixture *f = *state;
    struct replay_row row;
    assert_int_equal(open_text(f, "time,id,price,change,quote_type,market_hours,day_volume,short_name,market_cap\r\n"
                                  "1786622589000,AAPL,307.2,-2.18,8,0,5422202,\"Apple, \"\"Inc.\"\"\",4.5e12\r\n"
                                  "\n"
                                  "2026-08-13T12:03:10Z,EURUSD=X,1.15327,,14,,,,\n"
                                  "1786622590,AAPL,307.25,0,8,1,,,"),
                     OK);
    assert_int_equal(replay_symbols(f->replay)->count, 2);
    assert_int_equal(replay_next(f->replay, &row, &f->err), OK);
    assert_true(row.time_ms == 1786622589000 && row.quote->time == 1786622589000);
    assert_int_equal(row.symbol, 0);
    assert_true(row.quote->price == 307.2F && row.quote->change == -2.18F && row.quote->day_volume == 5422202);
    assert_true(row.quote->has_market_hours && row.quote->market_hours == 0 && row.quote->market_cap == 4.5e12);
    assert_int_equal(row.quote->short_name.len, 13);
    assert_memory_equal(row.quote->short_name.data, "Apple, \"Inc.\"", 13);
    assert_false(row.quote->has_exchange && row.quote->exchange.len != 3);
    assert_int_equal(replay_next(f->replay, &row, &f->err), OK);
    assert_int_equal(row.symbol, 1);
    assert_true(row.time_ms == 1786622590000 && !row.quote->has_change && !row.quote->has_market_hours);
    assert_int_equal(replay_next(f->replay, &row, &f->err), OK);
    assert_true(row.time_ms == 1786622590000 && row.symbol == 0 && row.quote->has_change);
    assert_int_equal(replay_next(f->replay, &row, &f->err), AGAIN);
}

static void test_the_spelling_of_a_symbol_tells_its_class_when_the_file_does_not(void **state)
{
    struct fixture *f = *state;
    struct replay_row row;
    assert_int_equal(open_text(f, "id,time,price\nBTC-USD,1786622589000,1\nJPY=X,1786622589000,2\nSPY,1786622589000,3\n"), OK);
    static const struct {
        int type;
        const char *exchange;
    } expected[] = {{41, "CCC"}, {14, "CCY"}, {20, "PCX"}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(replay_next(f->replay, &row, &f->err), OK);
        assert_int_equal(row.quote->quote_type, expected[i].type);
        assert_memory_equal(row.quote->exchange.data, expected[i].exchange, 3);
    }
}

static void test_open_says_which_line_and_column_are_wrong(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"", "is empty"},
        {"time,id\n", "line 1, column price: missing"},
        {"time,id,price,prise\n", "line 1, column prise: there is no such field"},
        {"time,id,price,indices\n", "line 1, column indices: there is no such field"},
        {"time,id,price,price\n", "line 1, column price: named twice"},
        {"time,id,price\n", "holds no quotes"},
        {"time,id,price\n1786622589,AAPL,1\n1786622590,AAPL,x\n", "line 3, column price: not a number"},
        {"time,id,price\n1786622589,AAPL,nan\n", "line 2, column price: not a number"},
        {"time,id,price\n1786622589,AAPL,1e39\n", "line 2, column price: out of range"},
        {"time,id,price\nyesterday,AAPL,1\n", "line 2, column time: neither"},
        {"time,id,price\n17866225,AAPL,1\n", "line 2, column time: neither"},
        {"time,id,price\n1786622590,AAPL,1\n1786622589,AAPL,1\n", "line 3, column time: earlier"},
        {"time,id,price\n1786622590,,1\n", "line 2: time, id and price must not be empty"},
        {"time,id,price\n1786622590,AAPL\n", "line 2: fewer cells"},
        {"time,id,price\n1786622590,AAPL,1,2\n", "line 2: more cells"},
        {"time,id,price\n1786622590,\"AAPL,1\n", "line 2: a quoted cell does not end"},
        {"time,id,price\n1786622590,\"AAPL\"x,1\n", "line 2: something stands behind"},
        {"time,id,price\n1786622590,caf\xe9,1\n", "line 2, column id: not UTF-8"},
        {"time,id,price,quote_type\n1786622590,A,1,3000000000\n", "line 2, column quote_type: out of range"},
        {"time,id,price,day_volume\n1786622590,A,1,1.5\n", "line 2, column day_volume: not an integer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(open_text(f, cases[i].text), FATAL);
        assert_int_equal(f->err.code, ERR_FEED);
        assert_contains(f->err.text, f->path);
        assert_contains(f->err.text, cases[i].what);
    }
}

static void test_byte_order_mark_is_no_part_of_a_name(void **state)
{
    struct fixture *f = *state;
    if (open_text(f, "\xef\xbb\xbftime,id,price\n1786622589,AAPL,307.2\n") != OK) fail_msg("%s", f->err.text);
}

static void test_open_refuses_lines_without_end_and_nul(void **state)
{
    struct fixture *f = *state;
    static char text[40000];
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "time,id,price\n", 14);
    assert_int_equal(open_text(f, text), FATAL);
    assert_contains(f->err.text, "line 2: the line is longer");
    static const char nul[] = "time,id,price\n1786622590,A\0APL,1\n1786622590,AAPL,1\n";
    assert_int_equal(open_bytes(f, nul, sizeof nul - 1), FATAL);
    assert_contains(f->err.text, "line 2: the line is longer than 16 KiB, or holds a NUL");
    assert_int_equal(replay_open(&f->replay, "/no/such/file.csv", &f->err), FATAL);
    assert_contains(f->err.text, "cannot read /no/such/file.csv");
    assert_int_equal(replay_open(&f->replay, "/tmp", &f->err), FATAL);
    assert_contains(f->err.text, "cannot read /tmp to replay it: Is a directory");
}

static void test_next_says_when_the_file_has_changed_for_the_worse(void **state)
{
    struct fixture *f = *state;
    struct replay_row row;
    // Longer than what the C library reads at a time, so that the change is seen.
    static char text[200000];
    size_t size = (size_t)snprintf(text, sizeof text, "time,id,price\n");
    while (size < sizeof text - 100) size += (size_t)snprintf(text + size, sizeof text - size, "1786622590,AAPL,1.25\n");
    assert_int_equal(open_text(f, text), OK);
    memset(text + size / 2, 'z', 64);
    FILE *file = fopen(f->path, "r+");
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
    enum status status;
    while ((status = replay_next(f->replay, &row, &f->err)) == OK) continue;
    assert_int_equal(status, FATAL);
    assert_contains(f->err.text, "line ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_rows_come_with_all_their_fields),           TEST(test_the_spelling_of_a_symbol_tells_its_class_when_the_file_does_not),
        TEST(test_open_says_which_line_and_column_are_wrong), TEST(test_byte_order_mark_is_no_part_of_a_name),
        TEST(test_open_refuses_lines_without_end_and_nul),    TEST(test_next_says_when_the_file_has_changed_for_the_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
