// SPDX-License-Identifier: Apache-2.0
// What ingestion remembers of symbols, what sources mean, and how rejects are made.
#include "../support.h"

#include "base/clock.h"
#include "ingestion/reject.h"
#include "ingestion/source.h"
#include "ingestion/symbols.h"
#include "model/record.h"

#define A "0123456789abcdef"
#define B "fedcba9876543210"

static bool repeated(struct symbols *symbols, const char *symbol, const char *event_id, int64_t time_us, int64_t market_state)
{
    return symbols_repeated(symbols, &(struct symbols_quote){slice_of(symbol), slice_of(event_id), time_us, market_state});
}

static void test_symbols_repeated_only_the_last_of_the_same_symbol(void **state)
{
    (void)state;
    struct metric_registry *metrics = metric_registry_new();
    struct symbols *symbols = symbols_new(metrics, 10);
    assert_false(repeated(symbols, "AAPL", A, 1, 1));
    assert_true(repeated(symbols, "AAPL", A, 1, 1));
    assert_false(repeated(symbols, "MSFT", A, 1, 1));
    assert_false(repeated(symbols, "AAPL", B, 2, 1));
    assert_false(repeated(symbols, "AAPL", A, 1, 1)); // seen before, but not the last
    symbols_free(symbols);
    metric_registry_free(metrics);
}

static void test_symbols_freshness_never_goes_back(void **state)
{
    (void)state;
    struct metric_registry *metrics = metric_registry_new();
    struct symbols *symbols = symbols_new(metrics, 10);
    assert_false(repeated(symbols, "AAPL", A, 5000000, 1));
    assert_false(repeated(symbols, "AAPL", B, 3000000, 1));
    struct metric *gauge = metric_gauge(metrics, "fdp_symbol_newest_tick_timestamp_seconds", "symbol=\"AAPL\"", "");
    assert_float_equal(metric_value(gauge), 5.0, 0);
    symbols_free(symbols);
    metric_registry_free(metrics);
}

static void test_symbols_market_is_that_of_the_newest_quote(void **state)
{
    (void)state;
    struct metric_registry *metrics = metric_registry_new();
    struct symbols *symbols = symbols_new(metrics, 1);
    assert_false(repeated(symbols, "AAPL", A, 1000000, -1));
    assert_null(metric_find(metrics, "fdp_symbol_market_state", "symbol=\"AAPL\"")); // nothing is known
    assert_false(repeated(symbols, "AAPL", B, 5000000, 1));
    const struct metric *gauge = metric_find(metrics, "fdp_symbol_market_state", "symbol=\"AAPL\"");
    assert_non_null(gauge);
    assert_float_equal(metric_value(gauge), 1, 0);
    assert_false(repeated(symbols, "AAPL", A, 3000000, 0)); // an old snapshot
    assert_float_equal(metric_value(gauge), 1, 0);
    assert_false(repeated(symbols, "AAPL", B, 6000000, 2));
    assert_false(repeated(symbols, "AAPL", A, 7000000, -1));
    assert_float_equal(metric_value(gauge), 2, 0);
    assert_false(repeated(symbols, "MSFT", A, 1000000, 4)); // one more than there are gauges
    assert_float_equal(metric_value(metric_find(metrics, "fdp_symbol_market_state", "symbol=\"other\"")), 4, 0);
    symbols_free(symbols);
    metric_registry_free(metrics);
}

static void test_symbols_many_are_all_remembered(void **state)
{
    (void)state;
    struct metric_registry *metrics = metric_registry_new();
    struct symbols *symbols = symbols_new(metrics, 3);
    char name[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            snprintf(name, sizeof name, "S%d", i);
            assert_int_equal(repeated(symbols, name, A, 1, 1), round == 1);
        }
    symbols_free(symbols);
    metric_registry_free(metrics);
}

static void test_source_simulator_takes_the_market(void **state)
{
    struct bed *bed = *state;
    struct err err;
    struct source source;
    const char *market[] = {"X", "Y"};
    assert_ok(source_open(&source, bed->config, "ws://127.0.0.1:1/?version=2", market, 2, &err), &err);
    assert_string_equal(source.url, "ws://127.0.0.1:1/?version=2");
    assert_string_equal(source.source_api, "simulator");
    assert_int_equal(source.symbol_count, 2);
    source_fini(&source);
    assert_status(source_open(&source, bed->config, NULL, NULL, 0, &err), FATAL, &err, "fdp up");
    source_fini(&source);
}

static void test_source_yahoo_has_well_known_symbols(void **state)
{
    struct bed *bed = *state;
    struct err err;
    struct source source;
    bed->config->ingestion.source = "yahoo:";
    assert_ok(source_open(&source, bed->config, NULL, NULL, 0, &err), &err);
    assert_int_equal(source.symbol_count, 50);
    assert_string_equal(source.source_api, "yahoo-stream");
    source_fini(&source);
    bed->config->ingestion.source = "gopher://x";
    assert_status(source_open(&source, bed->config, NULL, NULL, 0, &err), FATAL, &err, "wss://");
    source_fini(&source);
}

static void test_source_symbols_of_option_and_file_each_once(void **state)
{
    struct bed *bed = *state;
    struct err err;
    struct source source;
    char path[128];
    snprintf(path, sizeof path, "%s/symbols", bed->folder);
    FILE *file = fopen(path, "w");
    fputs("# mine\nAAPL\n  BTC-USD  # crypto\n\r\n", file);
    fclose(file);
    const char *listed[] = {"AAPL", "EURUSD=X"};
    bed->config->ingestion.source = "yahoo:";
    bed->config->ingestion.symbols = (struct config_text_list){2, listed};
    bed->config->ingestion.symbols_file = path;
    assert_ok(source_open(&source, bed->config, NULL, NULL, 0, &err), &err);
    assert_int_equal(source.symbol_count, 3);
    assert_string_equal(source.symbols[2], "BTC-USD");
    source_fini(&source);

    file = fopen(path, "w");
    fputs("AAPL\nTWO WORDS\n", file);
    fclose(file);
    assert_status(source_open(&source, bed->config, NULL, NULL, 0, &err), FATAL, &err, "symbols:2");
    source_fini(&source);
    bed->config->ingestion.symbols_file = "/nowhere/symbols";
    assert_status(source_open(&source, bed->config, NULL, NULL, 0, &err), FATAL, &err, "/nowhere/symbols");
    source_fini(&source);
}

static void test_reject_keeps_the_frame_and_says_why(void **state)
{
    (void)state;
    struct batch *rejects = batch_new(&record_row_type, 2);
    char frame[] = "not json";
    ingestion_reject(rejects, (struct slice){0}, (struct slice){frame, 8}, "no envelope", "yahoo-stream", 1786622589000000);
    memset(frame, 'x', 8); // it was copied
    assert_int_equal(rejects->rows, 1);
    assert_true(batch_is_null(rejects, RECORD_KEY, 0));
    assert_true(slice_is(rejects->columns[RECORD_VALUE].text[0], "not json"));
    struct slice headers = rejects->columns[RECORD_HEADERS].text[0];
    assert_true(slice_is(record_header(headers, "reason"), "no envelope"));
    assert_true(slice_is(record_header(headers, "source"), "yahoo-stream"));
    assert_true(slice_is(record_header(headers, "received"), "2026-08-13T12:03:09Z"));
    batch_free(rejects);
}

static int set_up(void **state)
{
    struct bed *bed = calloc(1, sizeof *bed);
    bed_open(bed);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    bed_close(*state);
    free(*state);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbols_repeated_only_the_last_of_the_same_symbol),
        cmocka_unit_test(test_symbols_freshness_never_goes_back),
        cmocka_unit_test(test_symbols_market_is_that_of_the_newest_quote),
        cmocka_unit_test(test_symbols_many_are_all_remembered),
        TEST(test_source_simulator_takes_the_market),
        TEST(test_source_yahoo_has_well_known_symbols),
        TEST(test_source_symbols_of_option_and_file_each_once),
        cmocka_unit_test(test_reject_keeps_the_frame_and_says_why),
    };
    return cmocka_run_group_tests_name("ingestion/symbols", tests, NULL, NULL);
}
