// SPDX-License-Identifier: Apache-2.0
// Running routes: outcomes, provenance, conversions, and going on after a row that fails.
#include "fixture.h"

#include "model/quote.h"

static void test_transform_run_copies_named_columns_and_provenance(void **state)
{
    (void)state;
    struct transform *transform = compile(&tick_type, "SELECT * FROM tick", &stocks_type);
    struct batch *input = three_ticks(), *output = batch_new(&stocks_type, 3);
    struct told told;
    run_route(transform, input, output, &told);
    assert_string_equal(told.text, "TTT");
    assert_int_equal(output->rows, 3);
    for (uint32_t row = 0; row < 3; row++) {
        assert_int_equal(output->source[row], 7);
        assert_int_equal(output->offset[row], 100 + row);
        assert_int_equal(told.outcomes[row].route, 0);
    }
    assert_text(output, TICK_ID, 1, "BTC-USD");
    assert_true(output->columns[TICK_PRICE].float64[1] == 63391.56);
    assert_int_equal(output->columns[TICK_TIME].int64[0], AAPL_TIME);
    assert_text(output, TICK_EXCHANGE, 0, "NMS");
    assert_true(batch_is_null(output, TICK_EXCHANGE, 2));
    assert_true(batch_is_null(output, TICK_CHANGE, 0));
    // Texts are not copied.
    assert_ptr_equal(output->columns[TICK_ID].text[0].data, input->columns[TICK_ID].text[0].data);
    batch_free(input);
    batch_free(output);
    transform_free(transform);
}

static void test_transform_run_keeps_provenance_of_the_rows_that_it_takes(void **state)
{
    (void)state;
    struct transform *transform =
        compile(&tick_type, "SELECT id, price, time, iso8601(time) AS price_hint FROM tick WHERE id <> 'BTC-USD'", &stocks_type);
    struct batch *input = three_ticks(), *output = batch_new(&stocks_type, 3);
    struct told told;
    run_route(transform, input, output, &told);
    assert_string_equal(told.text, "T-T");
    assert_int_equal(output->offset[0], 100);
    assert_int_equal(output->offset[1], 102);
    assert_int_equal(output->source[1], 7);
    assert_text(output, TICK_PRICE_HINT, 1, "2026-08-13T12:03:11.123Z");
    batch_free(input);
    batch_free(output);
    transform_free(transform);
}

// A value of each kind into a column of each type.
static void test_transform_run_converts_by_the_type_of_the_column(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *n, *d, *t, *b, *ts; // NULL: does not convert
    } rows[] = {
        {"NULL", "null", "null", "null", "null", "null"},
        {"12", "12", "12", "12", NULL, "12"},
        {"-9223372036854775807 - 1", "-9223372036854775808", "-9.223372036854776e+18", "-9223372036854775808", NULL,
         "-9223372036854775808"},
        {"305.76", NULL, "305.76", "305.76", NULL, NULL},
        {"3e0", "3", "3", "3", NULL, "3"},
        {"1e300", NULL, "1e+300", "1e+300", NULL, NULL},
        {"1e999", NULL, NULL, NULL, NULL, NULL},
        {"-1e999", NULL, NULL, NULL, NULL, NULL},
        {"1e999 - 1e999", "null", "null", "null", "null", "null"}, // NaN is null in SQL
        {"''", NULL, NULL, "", "", NULL},
        {"'12'", "12", "12", "12", "12", NULL},
        {"'12.5'", NULL, "12.5", "12.5", "12.5", NULL},
        {"'12 '", NULL, NULL, "12 ", "12 ", NULL},
        {"'0x10'", NULL, NULL, "0x10", "0x10", NULL},
        {"'nan'", NULL, NULL, "nan", "nan", NULL},
        {"'9223372036854775808'", NULL, "9223372036854775808", "9223372036854775808", "9223372036854775808", NULL},
        {"'1786622589'", "1786622589", "1786622589", "1786622589", "1786622589", "1786622589000000"},
        {"'2026-08-13T12:03:09.123Z'", NULL, NULL, "2026-08-13T12:03:09.123Z", "2026-08-13T12:03:09.123Z", "1786622589123000"},
        {"x'4142'", NULL, NULL, NULL, "AB", NULL},
        {"x''", NULL, NULL, NULL, "", NULL},
        {"time", "1786622589123000", "1786622589123000", "1786622589123000", NULL, "1786622589123000"},
        {"+time", "1786622589123000", "1786622589123000", "1786622589123000", NULL, "1786622589123000"},
        {"id", NULL, NULL, "AAPL", "AAPL", NULL},
        {"price", NULL, "305.76", "305.76", NULL, NULL},
        {"+price", NULL, "305.76", "305.76", NULL, NULL},
        {"price > 1", "1", "1", "1", NULL, "1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *expected[] = {rows[i].n, rows[i].d, rows[i].t, rows[i].b, rows[i].ts};
        for (uint32_t column = 0; column < loose_type.column_count; column++) {
            char sql[256], got[64] = "null";
            snprintf(sql, sizeof sql, "SELECT %s AS %s FROM tick", rows[i].value, loose_columns[column].name);
            struct transform *transform = compile(&tick_type, sql, &loose_type);
            struct batch *input = batch_new(&tick_type, 1), *output = batch_new(&loose_type, 1);
            struct told told;
            add_tick(input, "AAPL", 305.76, 8, "NMS");
            run_route(transform, input, output, &told);
            const struct column *values = &output->columns[column];
            if (told.text[0] == 'T' && !values->null[0]) {
                if (column == LOOSE_D)
                    snprintf(got, sizeof got, "%.16g", values->float64[0]);
                else if (column == LOOSE_T || column == LOOSE_B)
                    snprintf(got, sizeof got, "%.*s", SLICE_ARG(values->text[0]));
                else
                    snprintf(got, sizeof got, "%lld", (long long)values->int64[0]);
            }
            if (!expected[column]) {
                if (told.text[0] != 'R') fail_msg("%s gives %s", sql, got);
                assert_contains(told.outcomes[0].reason, loose_columns[column].name);
                assert_contains(told.outcomes[0].reason, column_type_name(loose_columns[column].type));
            } else {
                if (told.text[0] != 'T') fail_msg("%s is rejected: %s", sql, told.outcomes[0].reason);
                if (column == LOOSE_D && strcmp(got, "null") != 0 && strcmp(expected[column], "null") != 0)
                    assert_true(strtod(got, NULL) == strtod(expected[column], NULL));
                else if (strcmp(got, expected[column]) != 0)
                    fail_msg("%s gives %s, not %s", sql, got, expected[column]);
            }
            batch_free(input);
            batch_free(output);
            transform_free(transform);
        }
    }
}

// The reasons are for people who look into the quarantine.
static void test_transform_run_gives_the_reason_of_a_reject(void **state)
{
    (void)state;
    static const struct {
        const char *select, *reason;
    } rows[] = {
        {"SELECT id AS d FROM tick", "column d: the text \"AAPL\" does not convert to double"},
        {"SELECT price AS n FROM tick", "column n: the number 305.76 does not convert to integer"},
        {"SELECT 5 AS b FROM tick", "column b: the integer 5 does not convert to bytes"},
        {"SELECT x'0001' AS t FROM tick", "column t: a blob of 2 bytes does not convert to text"},
        {"SELECT char(0) AS t FROM tick", "column t: a text with NUL or broken UTF-8 does not convert to text"},
        {"SELECT price * 1e308 AS d FROM tick", "column d: an infinite number does not convert to double"},
        {"SELECT abs(-9223372036854775807 - 1) AS n FROM tick", "integer overflow"},
        {"SELECT json(id) AS t FROM tick", "malformed JSON"},
        {"SELECT hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(id))))))))))))))) AS t FROM tick",
         "an expression took or made a text or blob of more than 65536 bytes"},
        {"SELECT date('no' || 'w') AS t FROM tick", "date: 'now' is not allowed, because a replay must give the same rows"},
        {"SELECT json_extract('{}', char(0xc4, 0x24)) AS t FROM tick", "JSON path error"},
        {"SELECT json_extract('{}', CAST(x'ff' AS TEXT)) AS t FROM tick", "SQL logic error"}, // SQLite's own words would not be UTF-8
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct transform *transform = compile(&tick_type, rows[i].select, &loose_type);
        struct batch *input = batch_new(&tick_type, 1), *output = batch_new(&loose_type, 1);
        struct told told;
        add_tick(input, "AAPL", 305.76, 8, NULL);
        run_route(transform, input, output, &told);
        if (told.text[0] != 'R') fail_msg("%s is not rejected", rows[i].select);
        assert_contains(told.outcomes[0].reason, rows[i].reason);
        assert_int_equal(output->rows, 0);
        batch_free(input);
        batch_free(output);
        transform_free(transform);
    }
}

static void test_transform_run_rejects_null_in_a_required_column(void **state)
{
    (void)state;
    static const char *const selects[] = {
        "SELECT id, price, time FROM tick",
        "SELECT id, price, time FROM tick WHERE quote_type <> 0",
        "SELECT id, +price AS price, time FROM tick",
        "SELECT id, nullif(price, 63391.56) AS price, time FROM tick",
    };
    for (size_t i = 0; i < sizeof selects / sizeof *selects; i++) {
        struct transform *transform = compile(&tick_type, selects[i], &stocks_type);
        struct batch *input = three_ticks(), *output = batch_new(&stocks_type, 3);
        struct told told;
        input->columns[TICK_PRICE].null[1] = 1;
        run_route(transform, input, output, &told);
        assert_string_equal(told.text, "TRT");
        assert_string_equal(told.outcomes[1].reason, "column price is null and must not be");
        assert_int_equal(output->rows, 2);
        assert_text(output, TICK_ID, 0, "AAPL");
        assert_text(output, TICK_ID, 1, "EURUSD=X");
        assert_int_equal(output->offset[1], 102);
        batch_free(input);
        batch_free(output);
        transform_free(transform);
    }
}

// Fails on rows whose price is below 0, whether the failure is SQLite's or a conversion's, in a condition or in a column.
static const char *const failing[] = {
    "SELECT id AS t, abs(iif(price < 0, -9223372036854775807 - 1, 1)) AS n FROM tick",
    "SELECT id AS t, iif(price < 0, 'x', 1) AS n FROM tick",
    "SELECT id AS t FROM tick WHERE abs(iif(price < 0, -9223372036854775807 - 1, 1)) = 1",
    "SELECT id AS t, json(iif(price < 0, id, '1')) AS n FROM tick WHERE id IN ('', id)",
};

static void test_transform_run_goes_on_behind_a_row_that_fails(void **state)
{
    (void)state;
    enum { ROWS = 5 };
    for (size_t i = 0; i < sizeof failing / sizeof *failing; i++) {
        struct transform *transform = compile(&tick_type, failing[i], &loose_type);
        // Every combination of rows that fail: first, middle, last, neighbours, all, none.
        for (unsigned bad = 0; bad < 1u << ROWS; bad++) {
            struct batch *input = batch_new(&tick_type, ROWS), *output = batch_new(&loose_type, ROWS);
            struct told told;
            for (unsigned row = 0; row < ROWS; row++) add_tick(input, "AAPL", bad >> row & 1 ? -1 : 1, 8, NULL);
            run_route(transform, input, output, &told);
            uint32_t taken = 0;
            for (unsigned row = 0; row < ROWS; row++) {
                assert_int_equal(told.text[row], bad >> row & 1 ? 'R' : 'T');
                if (bad >> row & 1) continue;
                assert_int_equal(output->offset[taken], 100 + row);
                assert_text(output, LOOSE_T, taken++, "AAPL");
            }
            assert_int_equal(output->rows, taken);
            batch_free(input);
            batch_free(output);
        }
        transform_free(transform);
    }
}

static void test_transform_run_gives_each_row_to_the_first_route_that_takes_it(void **state)
{
    (void)state;
    const struct transform_route routes[] = {
        {"processing.routes[0]", "SELECT id AS t, abs(iif(id = 'BAD', -9223372036854775807 - 1, 1)) AS n FROM tick WHERE quote_type = 41",
         &loose_type},
        {"processing.routes[1]", "SELECT id, price, time FROM tick WHERE quote_type IN (14, 41)", &stocks_type},
        {"processing.routes[2]", "SELECT id AS t, 3 AS n FROM tick WHERE price > 0", &loose_type},
    };
    struct transform *transform;
    struct err err;
    assert_int_equal(transform_new(&tick_type, routes, 3, &transform, &err), OK);
    struct batch *input = batch_new(&tick_type, 6), *loose = batch_new(&loose_type, 6), *stocks = batch_new(&stocks_type, 6);
    add_tick(input, "AAPL", 1, 8, NULL);
    add_tick(input, "BTC-USD", 1, 41, NULL);
    add_tick(input, "BAD", 1, 41, NULL); // rejected by the first route: no later one may have it
    add_tick(input, "EURUSD=X", 1, 14, NULL);
    add_tick(input, "NONE", -1, 8, NULL);
    add_tick(input, "MSFT", 1, 8, NULL);
    struct told told;
    run_routes(transform, input, (struct batch *[]){loose, stocks, loose}, &told);
    assert_string_equal(told.text, "TTRT-T");
    static const uint32_t by[] = {2, 0, 0, 1, 0, 2};
    for (uint32_t row = 0; row < 6; row++)
        if (told.text[row] != '-') assert_int_equal(told.outcomes[row].route, by[row]);
    // Two routes share one batch: its rows stand in the order of the routes.
    assert_int_equal(loose->rows, 3);
    assert_text(loose, LOOSE_T, 0, "BTC-USD");
    assert_text(loose, LOOSE_T, 1, "AAPL");
    assert_text(loose, LOOSE_T, 2, "MSFT");
    assert_int_equal(loose->columns[LOOSE_N].int64[0], 1);
    assert_int_equal(loose->columns[LOOSE_N].int64[1], 3);
    assert_int_equal(loose->offset[2], 105);
    assert_int_equal(stocks->rows, 1);
    assert_text(stocks, TICK_ID, 0, "EURUSD=X");
    assert_int_equal(stocks->offset[0], 103);
    assert_true(batch_is_null(stocks, TICK_PRICE_HINT, 0)); // not given
    batch_free(input);
    batch_free(loose);
    batch_free(stocks);
    transform_free(transform);
}

// Each row is taken, rejected or left by each of two routes: all nine combinations in one batch, in every order of two neighbours.
static void test_transform_run_has_one_outcome_per_row_in_all_combinations(void **state)
{
    (void)state;
    // price = 10 * (what route 0 does) + (what route 1 does); 0 leaves, 1 takes, 2 rejects
    const struct transform_route routes[] = {
        {"r[0]", "SELECT json(iif(price >= 20, 'x', 1)) AS n FROM tick WHERE price >= 10", &loose_type},
        {"r[1]", "SELECT json(iif(price % 10 = 2, 'x', 1)) AS n FROM tick WHERE price % 10 > 0", &loose_type},
    };
    struct transform *transform;
    struct err err;
    assert_int_equal(transform_new(&tick_type, routes, 2, &transform, &err), OK);
    static const int prices[] = {0, 1, 2, 10, 11, 12, 20, 21, 22};
    enum { KINDS = 9 };
    for (int a = 0; a < KINDS; a++) {
        for (int b = 0; b < KINDS; b++) {
            struct batch *input = batch_new(&tick_type, 2), *output = batch_new(&loose_type, 2);
            add_tick(input, "A", prices[a], 8, NULL);
            add_tick(input, "B", prices[b], 8, NULL);
            struct told told;
            run_routes(transform, input, (struct batch *[]){output, output}, &told);
            uint32_t taken = 0;
            for (uint32_t row = 0; row < 2; row++) {
                int kind = prices[row == 0 ? a : b], first = kind / 10, second = kind % 10;
                int decided = first ? first : second;
                assert_int_equal(told.text[row], "-TR"[decided]);
                if (decided) assert_int_equal(told.outcomes[row].route, first ? 0 : 1);
                taken += decided == 1;
            }
            assert_int_equal(output->rows, taken);
            batch_free(input);
            batch_free(output);
        }
    }
    transform_free(transform);
}

static void test_transform_run_takes_an_empty_batch(void **state)
{
    (void)state;
    struct transform *transform = compile(&tick_type, "SELECT id AS t FROM tick WHERE id IN ('a', 'b', 'c')", &loose_type);
    struct batch *input = batch_new(&tick_type, 0), *output = batch_new(&loose_type, 0);
    struct told told;
    run_route(transform, input, output, &told);
    assert_int_equal(output->rows, 0);
    batch_free(input);
    batch_free(output);
    transform_free(transform);
}

static void test_transform_run_fills_a_batch_to_the_brim_and_refuses_less_room(void **state)
{
    (void)state;
    struct transform *transform = compile(&tick_type, "SELECT +id AS t FROM tick", &loose_type);
    struct batch *input = three_ticks(), *output = batch_new(&loose_type, 7);
    struct told told;
    run_route(transform, input, output, &told);
    run_route(transform, input, output, &told);
    assert_int_equal(output->rows, 6);
    assert_text(output, LOOSE_T, 5, "EURUSD=X");
    struct err err;
    assert_int_equal(transform_run(transform, input, &output, told.outcomes, &err), FATAL);
    assert_contains(err.text, "room for 1 rows, 3 may come");
    assert_int_equal(output->rows, 6);
    batch_reset(output);
    run_route(transform, input, output, &told);
    assert_string_equal(told.text, "TTT");
    batch_free(input);
    batch_free(output);
    transform_free(transform);
}

static void test_transform_run_refuses_batches_of_other_types(void **state)
{
    (void)state;
    struct transform *transform = compile(&tick_type, "SELECT * FROM tick", &stocks_type);
    struct batch *input = three_ticks(), *stocks = batch_new(&stocks_type, 3), *loose = batch_new(&loose_type, 3);
    struct transform_outcome outcomes[3];
    struct err err;
    assert_int_equal(transform_run(transform, stocks, &stocks, outcomes, &err), FATAL);
    assert_contains(err.text, "a transform of tick was given a batch of stocks");
    assert_int_equal(transform_run(transform, input, &loose, outcomes, &err), FATAL);
    assert_contains(err.text, "its batch is of loose");
    assert_int_equal(err.code, ERR_INTERNAL);
    batch_free(input);
    batch_free(stocks);
    batch_free(loose);
    transform_free(transform);
}

// One transform, many batches of all sizes, with failures between them; and the input's memory is gone before the next.
static void test_transform_run_serves_many_batches(void **state)
{
    (void)state;
    struct transform *transform = compile(&tick_type, failing[3], &loose_type);
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t rows = (round * 37) % 50;
        struct batch *input = batch_new(&tick_type, rows), *output = batch_new(&loose_type, rows);
        uint32_t good = 0;
        for (uint32_t row = 0; row < rows; row++) {
            bool bad = (row + round) % 7 == 0;
            good += !bad;
            char *id = arena_printf(&input->arena, "S%u.%u", round, row);
            add_tick(input, id, bad ? -1 : 1, 8, NULL);
        }
        struct told told;
        run_route(transform, input, output, &told);
        assert_int_equal(output->rows, good);
        for (uint32_t row = 0, taken = 0; row < rows; row++) {
            char id[32];
            snprintf(id, sizeof id, "S%u.%u", round, row);
            if (told.text[row] == 'T') assert_text(output, LOOSE_T, taken++, id);
        }
        batch_free(input);
        batch_free(output);
    }
    transform_free(transform);
}

// What an expression makes is kept in the output's memory; what is only named stays where it was.
static void test_transform_run_keeps_computed_texts_with_the_output(void **state)
{
    (void)state;
    struct transform *transform = compile(&tick_type, "SELECT lower(id) AS t, CAST(upper(id) AS BLOB) AS b FROM tick", &loose_type);
    struct batch *input = three_ticks(), *output = batch_new(&loose_type, 3);
    struct told told;
    run_route(transform, input, output, &told);
    batch_free(input);
    transform_free(transform);
    assert_text(output, LOOSE_T, 0, "aapl");
    assert_text(output, LOOSE_T, 2, "eurusd=x");
    assert_text(output, LOOSE_B, 1, "BTC-USD");
    batch_free(output);
}

// A text that is longer than an expression may see passes where it is only named.
static void test_transform_run_passes_long_texts_that_are_only_named(void **state)
{
    (void)state;
    struct transform *plain = compile(&tick_type, "SELECT id AS t FROM tick", &loose_type);
    struct transform *computed = compile(&tick_type, "SELECT upper(id) AS t FROM tick", &loose_type);
    struct batch *input = batch_new(&tick_type, 2), *output = batch_new(&loose_type, 4);
    char *text = malloc(100001);
    assert_non_null(text);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    add_tick(input, text, 1, 8, NULL);
    text[65535] = '\0';
    add_tick(input, text, 1, 8, NULL);
    struct told told;
    run_route(plain, input, output, &told);
    assert_string_equal(told.text, "TT");
    assert_int_equal(output->columns[LOOSE_T].text[0].size, 100000);
    run_route(computed, input, output, &told);
    assert_string_equal(told.text, "RT");
    batch_free(input);
    batch_free(output);
    free(text);
    transform_free(plain);
    transform_free(computed);
}

static void test_transform_run_gives_empty_texts_not_null(void **state)
{
    (void)state;
    struct transform *transform =
        compile(&tick_type, "SELECT id || '' AS t, exchange AS b, length(id) AS n FROM tick WHERE id = '' AND exchange = ''", &loose_type);
    struct batch *input = batch_new(&tick_type, 1), *output = batch_new(&loose_type, 1);
    add_tick(input, "", 1, 8, "");
    input->columns[TICK_ID].text[0] = (struct slice){NULL, 0};
    struct told told;
    run_route(transform, input, output, &told);
    assert_string_equal(told.text, "T");
    assert_text(output, LOOSE_T, 0, "");
    assert_text(output, LOOSE_B, 0, "");
    assert_int_equal(output->columns[LOOSE_N].int64[0], 0);
    batch_free(input);
    batch_free(output);
    transform_free(transform);
}

// The default routes of ingestion, over the feed's quotes: integers become texts, other quotes are left.
static void test_transform_run_routes_quotes(void **state)
{
    (void)state;
#define FIELDS                                                                                                                             \
    "SELECT id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, event_id, quote_type, ingestion_ts "  \
    "FROM quote "
    const struct transform_route routes[] = {
        {"ingestion.routes[0]", FIELDS "WHERE quote_type = 41", &stocks_type},
        {"ingestion.routes[1]", FIELDS "WHERE quote_type = 14", &stocks_type},
        {"ingestion.routes[2]", FIELDS "WHERE quote_type IS NOT NULL AND quote_type NOT IN (0, 5, 7, 14, 41)", &stocks_type},
    };
    struct transform *transform;
    struct err err;
    assert_int_equal(transform_new(&quote_row_type, routes, 3, &transform, &err), OK);
    static const int types[] = {8, 41, 14, 0, 5, 7, -1, 9, 100};
    enum { ROWS = sizeof types / sizeof *types };
    struct batch *input = batch_new(&quote_row_type, ROWS), *outputs[3];
    for (uint32_t i = 0; i < 3; i++) outputs[i] = batch_new(&stocks_type, ROWS);
    int price_hint = row_type_column(&quote_row_type, SLICE("price_hint"));
    assert_true(price_hint >= 0);
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t row = batch_row_begin(input);
        batch_set_slice(input, QUOTE_ID, row, SLICE("AAPL"));
        batch_set_double(input, QUOTE_PRICE, row, 305.76);
        batch_set_int64(input, QUOTE_TIME, row, AAPL_TIME);
        if (types[i] >= 0) batch_set_int64(input, QUOTE_QUOTE_TYPE, row, types[i]);
        batch_set_int64(input, (uint32_t)price_hint, row, 2);
        batch_row_commit(input);
    }
    struct told told;
    run_routes(transform, input, outputs, &told);
    assert_string_equal(told.text, "TTT----TT");
    assert_int_equal(outputs[0]->rows, 1);
    assert_int_equal(outputs[1]->rows, 1);
    assert_int_equal(outputs[2]->rows, 3);
    assert_text(outputs[2], TICK_PRICE_HINT, 2, "2");
    for (uint32_t i = 0; i < 3; i++) batch_free(outputs[i]);
    batch_free(input);
    transform_free(transform);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transform_run_copies_named_columns_and_provenance),
        cmocka_unit_test(test_transform_run_keeps_provenance_of_the_rows_that_it_takes),
        cmocka_unit_test(test_transform_run_converts_by_the_type_of_the_column),
        cmocka_unit_test(test_transform_run_gives_the_reason_of_a_reject),
        cmocka_unit_test(test_transform_run_rejects_null_in_a_required_column),
        cmocka_unit_test(test_transform_run_goes_on_behind_a_row_that_fails),
        cmocka_unit_test(test_transform_run_gives_each_row_to_the_first_route_that_takes_it),
        cmocka_unit_test(test_transform_run_has_one_outcome_per_row_in_all_combinations),
        cmocka_unit_test(test_transform_run_takes_an_empty_batch),
        cmocka_unit_test(test_transform_run_fills_a_batch_to_the_brim_and_refuses_less_room),
        cmocka_unit_test(test_transform_run_refuses_batches_of_other_types),
        cmocka_unit_test(test_transform_run_serves_many_batches),
        cmocka_unit_test(test_transform_run_keeps_computed_texts_with_the_output),
        cmocka_unit_test(test_transform_run_passes_long_texts_that_are_only_named),
        cmocka_unit_test(test_transform_run_gives_empty_texts_not_null),
        cmocka_unit_test(test_transform_run_routes_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
