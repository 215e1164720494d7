// SPDX-License-Identifier: Apache-2.0
// The invented market: repeatable by seed, believable, with the fields per class and session that Yahoo's frames have.
#include "simulator/market.h"

#include <math.h>

#include "../unit.h"
#include "base/clock.h"
#include "quote.pb-c.h"

static const int64_t start_ms = INT64_C(1786622590) * 1000;

struct fixture {
    struct market market;
    struct frame frame;
    Fdp__PricingData *quote;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    market_init(&f->market, 1, INSTRUMENTS_KNOWN, 50, start_ms);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->quote) fdp__pricing_data__free_unpacked(f->quote, NULL);
    market_fini(&f->market);
    free(f);
    return 0;
}

static uint32_t number_of(const struct market *market, const char *symbol)
{
    for (uint32_t i = 0; i < market->count; i++)
        if (!strcmp(market->symbols[i], symbol)) return i;
    fail_msg("no %s", symbol);
    return 0;
}

static const Fdp__PricingData *quote_of(struct fixture *f, const char *symbol, enum session session)
{
    market_frame(&f->market, number_of(&f->market, symbol), session, &f->frame);
    struct slice text = frame_version1(&f->frame);
    unsigned char bytes[FRAME_MESSAGE_MAX];
    ptrdiff_t size = text_base64_decode(text.data, text.size, bytes);
    assert_true(size > 0);
    if (f->quote) fdp__pricing_data__free_unpacked(f->quote, NULL);
    f->quote = fdp__pricing_data__unpack(NULL, (size_t)size, bytes);
    assert_non_null(f->quote);
    return f->quote;
}

static void assert_always_there(const Fdp__PricingData *quote)
{
    assert_true(quote->has_id && quote->has_price && quote->has_time && quote->has_exchange && quote->has_quote_type &&
                quote->has_market_hours);
    assert_true(quote->has_change && quote->has_change_percent && quote->has_price_hint);
    assert_true(!quote->has_bid && !quote->has_ask && !quote->has_previous_close && !quote->has_short_name);
}

static void test_frames_of_stocks_have_the_fields_of_their_session(void **state)
{
    struct fixture *f = *state;
    uint32_t aapl = number_of(&f->market, "AAPL");
    int sized = 0, highs = 0, lows = 0;
    for (int i = 0; i < 2000; i++) {
        market_tick(&f->market, aapl, start_ms + i * INT64_C(1000), true);
        const Fdp__PricingData *quote = quote_of(f, "AAPL", SESSION_REGULAR);
        assert_always_there(quote);
        assert_int_equal(quote->quote_type, 8);
        assert_int_equal(quote->market_hours, 1);
        assert_int_equal(quote->price_hint, 2);
        assert_true(quote->has_day_volume && !quote->has_currency && !quote->has_vol_24hr && !quote->has_open_price);
        if (quote->has_day_high) assert_true(quote->day_high == quote->price);
        if (quote->has_day_low) assert_true(quote->day_low == quote->price);
        sized += quote->has_last_size;
        highs += quote->has_day_high;
        lows += quote->has_day_low;
    }
    assert_in_range(sized, 1, 1999);
    assert_in_range(highs + lows, 1, 1500);
    static const enum session others[] = {SESSION_PRE, SESSION_POST, SESSION_OVERNIGHT};
    for (size_t i = 0; i < 3; i++) {
        const Fdp__PricingData *quote = quote_of(f, "AAPL", others[i]);
        assert_always_there(quote);
        assert_int_equal(quote->market_hours, (int)others[i]); // pre-market is a zero that is there
        assert_true(!quote->has_day_volume && !quote->has_last_size && !quote->has_day_high && !quote->has_day_low);
    }
}

static void test_frames_of_currencies_have_few_fields(void **state)
{
    struct fixture *f = *state;
    const Fdp__PricingData *quote = quote_of(f, "EURUSD=X", SESSION_PRE);
    assert_always_there(quote);
    assert_int_equal(quote->quote_type, 14);
    assert_int_equal(quote->market_hours, 1); // around the clock
    assert_int_equal(quote->price_hint, 4);
    assert_memory_equal(quote->exchange.data, "CCY", 3);
    assert_true(!quote->has_day_volume && !quote->has_currency);
    assert_true(quote->has_full_day_change && quote->full_day_change == quote->change);
    assert_true(quote->has_full_day_change_percent && quote->full_day_change_percent == quote->change_percent);
}

static void test_frames_of_coins_repeat_the_volume_in_four_fields(void **state)
{
    struct fixture *f = *state;
    const Fdp__PricingData *quote = quote_of(f, "BTC-USD", SESSION_OVERNIGHT);
    assert_always_there(quote);
    assert_int_equal(quote->quote_type, 41);
    assert_int_equal(quote->market_hours, 1);
    assert_memory_equal(quote->exchange.data, "CCC", 3);
    assert_memory_equal(quote->currency.data, "USD", 3);
    assert_int_equal(quote->from_currency.len, 3);
    assert_memory_equal(quote->from_currency.data, "BTC", 3);
    assert_true(quote->has_open_price && quote->has_day_high && quote->has_day_low);
    assert_true(quote->has_day_volume && quote->day_volume == quote->vol_24hr && quote->day_volume == quote->vol_all_currencies &&
                quote->day_volume == quote->last_size);
    assert_true((int64_t)(float)quote->day_volume == quote->day_volume);
    assert_true(quote->circulating_supply > 1e7 && quote->market_cap > 1e11);
}

static void test_frames_of_every_instrument_are_written_as_yahoo_writes_them(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < f->market.count; i++) {
        const Fdp__PricingData *quote = quote_of(f, f->market.symbols[i], SESSION_REGULAR);
        assert_always_there(quote);
        struct slice v1 = frame_version1(&f->frame), v2 = frame_version2(&f->frame);
        char expected[FRAME_TEXT_MAX];
        int size = snprintf(expected, sizeof expected, "{\"type\":\"pricing\",\"message\":\"%.*s\"}", SLICE_ARG(v1));
        assert_int_equal(v2.size, size);
        assert_memory_equal(v2.data, expected, v2.size);
    }
}

static void test_change_is_a_float_difference_and_percent_follows_from_it(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 500; i++) {
        for (uint32_t n = 0; n < f->market.count; n++) market_tick(&f->market, n, start_ms + i * INT64_C(1000), true);
        const char *symbol = f->market.symbols[i % INSTRUMENTS_KNOWN];
        const Fdp__PricingData *quote = quote_of(f, symbol, SESSION_REGULAR);
        float reference = f->market.instruments[number_of(&f->market, symbol)].reference;
        assert_true(quote->change == quote->price - reference);
        double percent = 100 * (double)quote->change / ((double)quote->price - (double)quote->change);
        assert_true(fabs((double)quote->change_percent - percent) <= 1e-6 * fabs(percent) + 1e-9);
    }
}

static void test_the_same_seed_gives_the_same_prices_whatever_the_clock(void **state)
{
    struct fixture *f = *state;
    struct market again, other;
    market_init(&again, 1, INSTRUMENTS_KNOWN, 50, start_ms + 86400000);
    market_init(&other, 2, INSTRUMENTS_KNOWN, 50, start_ms);
    int differ = 0;
    for (int i = 0; i < 1000; i++) {
        for (uint32_t n = 0; n < INSTRUMENTS_KNOWN; n++) {
            market_tick(&f->market, n, start_ms + i, false);
            market_tick(&other, n, start_ms + i, false);
        }
        for (uint32_t n = INSTRUMENTS_KNOWN; n-- > 0;) market_tick(&again, n, start_ms + 86400000 + 7 * i, true);
        for (uint32_t n = 0; n < INSTRUMENTS_KNOWN; n++) {
            assert_true(f->market.instruments[n].last == again.instruments[n].last);
            assert_int_equal(f->market.instruments[n].volume, again.instruments[n].volume);
            differ += f->market.instruments[n].last != other.instruments[n].last;
        }
    }
    assert_true(differ > 40000);
    market_fini(&again);
    market_fini(&other);
}

static void test_prices_stay_plausible_over_a_long_run(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 200000; i++)
        for (uint32_t n = 0; n < 10; n++) market_tick(&f->market, n, start_ms + i, false);
    int moved = 0;
    for (uint32_t n = 0; n < 10; n++) {
        const struct instrument *instrument = &f->market.instruments[n];
        assert_true((double)instrument->last > 0.5 * instrument->profile.price && (double)instrument->last < 2 * instrument->profile.price);
        moved += instrument->last != instrument->reference;
    }
    assert_true(moved >= 9);
}

static void test_time_is_in_whole_seconds_and_never_repeats(void **state)
{
    struct fixture *f = *state;
    int64_t last = f->market.instruments[0].time_ms;
    assert_int_equal(last % 1000, 0);
    assert_true(last < start_ms);
    for (int i = 0; i < 100; i++) {
        market_tick(&f->market, 0, start_ms + i * INT64_C(700) + 123, true);
        int64_t time = f->market.instruments[0].time_ms;
        assert_int_equal(time % 1000, 0);
        assert_true(time > last);
        last = time;
    }
}

static void test_time_in_milliseconds_runs_ahead_rather_than_repeat(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++) {
        market_tick(&f->market, 0, start_ms + 5, false);
        assert_int_equal(f->market.instruments[0].time_ms, start_ms + 5 + i);
    }
    market_tick(&f->market, 0, start_ms + 5000, false);
    assert_int_equal(f->market.instruments[0].time_ms, start_ms + 5000);
}

static void test_any_number_of_instruments_has_all_classes_and_different_names(void **state)
{
    (void)state;
    struct market market;
    market_init(&market, 1, 10000, 1000, start_ms);
    uint32_t classes[5] = {0};
    for (uint32_t i = 0; i < market.count; i++) {
        classes[market.instruments[i].profile.asset]++;
        assert_true(market.instruments[i].last > 0);
        for (uint32_t j = i + 1; j < i + 100 && j < market.count; j++) assert_string_not_equal(market.symbols[i], market.symbols[j]);
    }
    assert_int_equal(classes[ASSET_CURRENCY], 2000);
    assert_int_equal(classes[ASSET_CRYPTO], 2000);
    assert_int_equal(classes[ASSET_EQUITY] + classes[ASSET_ETF] + classes[ASSET_INDEX], 6000);
    assert_string_equal(market.symbols[0], "AAPL");
    assert_string_equal(market.symbols[3], "EURUSD=X");
    assert_string_equal(market.symbols[4], "BTC-USD");
    assert_string_equal(market.symbols[50], "SIM00050");
    market_fini(&market);
}

static void test_guess_knows_symbols_by_name_or_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *symbol, *exchange;
        enum asset asset;
    } cases[] = {
        {"JPM", "NYQ", ASSET_EQUITY},      {"SPY", "PCX", ASSET_ETF},    {"BRK-A", "NMS", ASSET_EQUITY}, {"SEK=X", "CCY", ASSET_CURRENCY},
        {"PEPE-USD", "CCC", ASSET_CRYPTO}, {"^VIX", "SNP", ASSET_INDEX}, {"=X", "NMS", ASSET_EQUITY},    {"ZZZ", "NMS", ASSET_EQUITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct instrument_profile guess = instrument_guess(slice_of(cases[i].symbol));
        assert_int_equal(guess.asset, cases[i].asset);
        assert_string_equal(guess.exchange, cases[i].exchange);
    }
}

static void assert_session(const char *utc, enum session expected)
{
    int64_t us;
    assert_true(clock_parse(slice_of(utc), &us));
    if (session_at(us) != expected) fail_msg("%s: session %d, expected %d", utc, (int)session_at(us), (int)expected);
}

static void test_session_follows_the_clock_of_new_york(void **state)
{
    (void)state;
    assert_session("2026-08-13T13:29:59Z", SESSION_PRE); // 9:29:59 in summer
    assert_session("2026-08-13T13:30:00Z", SESSION_REGULAR);
    assert_session("2026-08-13T19:59:59Z", SESSION_REGULAR);
    assert_session("2026-08-13T20:00:00Z", SESSION_POST);
    assert_session("2026-08-13T23:59:59Z", SESSION_POST);
    assert_session("2026-08-14T00:00:00Z", SESSION_OVERNIGHT);
    assert_session("2026-08-14T07:59:59Z", SESSION_OVERNIGHT);
    assert_session("2026-08-14T08:00:00Z", SESSION_PRE);
    assert_session("2026-01-13T14:29:59Z", SESSION_PRE); // 9:29:59 in winter
    assert_session("2026-01-13T14:30:00Z", SESSION_REGULAR);
    assert_session("2026-01-13T21:00:00Z", SESSION_POST);
    // Clocks change on 2026-03-08 and 2026-11-01; 2027-03-14 and 2027-11-07.
    assert_session("2026-03-06T13:30:00Z", SESSION_PRE);
    assert_session("2026-03-08T13:30:00Z", SESSION_REGULAR);
    assert_session("2026-10-31T13:30:00Z", SESSION_REGULAR);
    assert_session("2026-11-01T13:30:00Z", SESSION_PRE);
    assert_session("2027-03-13T13:30:00Z", SESSION_PRE);
    assert_session("2027-03-14T13:30:00Z", SESSION_REGULAR);
    assert_session("2027-11-06T13:30:00Z", SESSION_REGULAR);
    assert_session("2027-11-07T13:30:00Z", SESSION_PRE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_frames_of_stocks_have_the_fields_of_their_session),
        TEST(test_frames_of_currencies_have_few_fields),
        TEST(test_frames_of_coins_repeat_the_volume_in_four_fields),
        TEST(test_frames_of_every_instrument_are_written_as_yahoo_writes_them),
        TEST(test_change_is_a_float_difference_and_percent_follows_from_it),
        TEST(test_the_same_seed_gives_the_same_prices_whatever_the_clock),
        TEST(test_prices_stay_plausible_over_a_long_run),
        TEST(test_time_is_in_whole_seconds_and_never_repeats),
        TEST(test_time_in_milliseconds_runs_ahead_rather_than_repeat),
        cmocka_unit_test(test_any_number_of_instruments_has_all_classes_and_different_names),
        cmocka_unit_test(test_guess_knows_symbols_by_name_or_spelling),
        cmocka_unit_test(test_session_follows_the_clock_of_new_york),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
