// SPDX-License-Identifier: Apache-2.0
// What the tests of the transform share: ticks, a table for them, one with a column of each type, and runs told as a text.
#ifndef FDP_TESTS_TRANSFORM_FIXTURE_H
#define FDP_TESTS_TRANSFORM_FIXTURE_H

#include "../unit.h"

#include "model/batch.h"
#include "transform/transform.h"

#define TICK_COLUMNS                                                                                                                       \
    {.name = "id", .type = COLUMN_TEXT, .required = true}, {.name = "price", .type = COLUMN_DOUBLE, .required = true},                     \
        {.name = "time", .type = COLUMN_TIMESTAMP, .required = true}, {.name = "change", .type = COLUMN_DOUBLE},                           \
        {.name = "change_percent", .type = COLUMN_DOUBLE}, {.name = "exchange", .type = COLUMN_TEXT},                                      \
        {.name = "market_hours", .type = COLUMN_INT64}, {.name = "price_hint", .type = COLUMN_TEXT},                                       \
        {.name = "source_api", .type = COLUMN_TEXT}, {.name = "event_id", .type = COLUMN_TEXT},                                            \
        {.name = "quote_type", .type = COLUMN_INT64},                                                                                      \
    {                                                                                                                                      \
        .name = "ingestion_ts", .type = COLUMN_TIMESTAMP                                                                                   \
    }

enum {
    TICK_ID,
    TICK_PRICE,
    TICK_TIME,
    TICK_CHANGE,
    TICK_EXCHANGE = 5,
    TICK_PRICE_HINT = 7,
    TICK_QUOTE_TYPE = 10,
    TICK_TOPIC = 12,
    TICK_KEY = 16
};

static const struct row_column tick_columns[] = {
    TICK_COLUMNS,
    {.name = "_topic", .type = COLUMN_TEXT, .hidden = true},
    {.name = "_partition", .type = COLUMN_INT64, .hidden = true},
    {.name = "_offset", .type = COLUMN_INT64, .hidden = true},
    {.name = "_timestamp", .type = COLUMN_TIMESTAMP, .hidden = true},
    {.name = "_key", .type = COLUMN_TEXT, .hidden = true},
    {.name = "_schema_id", .type = COLUMN_INT64, .hidden = true},
};
static const struct row_type tick_type = {"tick", sizeof tick_columns / sizeof *tick_columns, tick_columns};

static const struct row_column stocks_columns[] = {TICK_COLUMNS};
static const struct row_type stocks_type = {"stocks", sizeof stocks_columns / sizeof *stocks_columns, stocks_columns};

// One column of each type, none of them required.
enum { LOOSE_N, LOOSE_D, LOOSE_T, LOOSE_B, LOOSE_TS };
static const struct row_column loose_columns[] = {
    {.name = "n", .type = COLUMN_INT64}, {.name = "d", .type = COLUMN_DOUBLE},     {.name = "t", .type = COLUMN_TEXT},
    {.name = "b", .type = COLUMN_BYTES}, {.name = "ts", .type = COLUMN_TIMESTAMP},
};
static const struct row_type loose_type = {"loose", sizeof loose_columns / sizeof *loose_columns, loose_columns};

#define AAPL_TIME INT64_C(1786622589123000) // 2026-08-13T12:03:09.123Z

static inline void add_tick(struct batch *batch, const char *id, double price, int64_t quote_type, const char *exchange)
{
    uint32_t row = batch_row_begin(batch);
    batch->source[row] = 7;
    batch->offset[row] = 100 + row;
    batch_set_slice(batch, TICK_ID, row, slice_of(id));
    batch_set_double(batch, TICK_PRICE, row, price);
    batch_set_int64(batch, TICK_TIME, row, AAPL_TIME + (int64_t)row * 1000000);
    batch_set_int64(batch, TICK_QUOTE_TYPE, row, quote_type);
    if (exchange) batch_set_slice(batch, TICK_EXCHANGE, row, slice_of(exchange));
    batch_set_slice(batch, TICK_TOPIC, row, SLICE("tickers.stocks"));
    batch_row_commit(batch);
}

// A share, a coin and a currency; the last has no exchange.
static inline struct batch *three_ticks(void)
{
    struct batch *batch = batch_new(&tick_type, 3);
    add_tick(batch, "AAPL", 305.76, 8, "NMS");
    add_tick(batch, "BTC-USD", 63391.56, 41, "CCC");
    add_tick(batch, "EURUSD=X", 1.15327, 14, NULL);
    return batch;
}

static inline struct transform *compile(const struct row_type *input, const char *select, const struct row_type *output)
{
    struct transform_route route = {"processing.routes[0]", select, output};
    struct transform *transform;
    struct err err;
    if (transform_new(input, &route, 1, &transform, &err) != OK) fail_msg("%s\n%s", select, err.text);
    return transform;
}

// Compiles what must not compile; `err` says why.
static inline void compile_refused(const char *select, const struct row_type *output, struct err *err)
{
    struct transform_route route = {"processing.routes[0]", select, output};
    struct transform *transform;
    if (transform_new(&tick_type, &route, 1, &transform, err) == OK) {
        transform_free(transform);
        fail_msg("this should have been refused: %s", select);
    }
    assert_int_equal(err->status, FATAL);
    assert_int_equal(err->code, ERR_CONFIG);
    assert_contains(err->text, "processing.routes[0]: ");
}

// Runs one route and tells the outcome of each row: T taken, R rejected, - not taken.
enum { MAX_ROWS = 1024 };
struct told {
    struct transform_outcome outcomes[MAX_ROWS];
    char text[MAX_ROWS + 1];
};

static inline void run_routes(struct transform *transform, struct batch *input, struct batch *const *outputs, struct told *told)
{
    struct err err;
    assert_true(input->rows <= MAX_ROWS);
    if (transform_run(transform, input, outputs, told->outcomes, &err) != OK) fail_msg("%s", err.text);
    for (uint32_t i = 0; i < input->rows; i++) {
        told->text[i] = "-TR"[told->outcomes[i].outcome];
        if (told->outcomes[i].outcome == OUTCOME_REJECT) assert_non_null(told->outcomes[i].reason);
    }
    told->text[input->rows] = '\0';
}

static inline void run_route(struct transform *transform, struct batch *input, struct batch *output, struct told *told)
{
    run_routes(transform, input, &output, told);
}

static inline void assert_text(const struct batch *batch, uint32_t column, uint32_t row, const char *text)
{
    assert_false(batch_is_null(batch, column, row));
    struct slice value = batch->columns[column].text[row];
    if (!slice_is(value, text)) fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(value), text);
}

#endif
