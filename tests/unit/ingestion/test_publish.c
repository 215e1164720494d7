// SPDX-License-Identifier: Apache-2.0
// From quotes to records on the real log: routes, rejects, and failures that leave nothing behind.
#include "../world.h"

#include "base/clock.h"
#include "ingestion/publish.h"
#include "model/quote.h"
#include "model/record.h"

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct world));
    world_open(*state);
    return 0;
}

static int tear_down(void **state)
{
    world_close(*state);
    free(*state);
    return 0;
}

static void add_quote(struct batch *quotes, const char *id, const double *price, int64_t quote_type)
{
    uint32_t row = batch_row_begin(quotes);
    batch_set_slice(quotes, QUOTE_ID, row, slice_of(id));
    if (price) batch_set_double(quotes, QUOTE_PRICE, row, *price);
    batch_set_int64(quotes, QUOTE_TIME, row, 1786622589000000);
    if (quote_type >= 0) batch_set_int64(quotes, QUOTE_QUOTE_TYPE, row, quote_type);
    batch_set_slice(quotes, QUOTE_SOURCE_API, row, SLICE("test"));
    batch_set_int64(quotes, QUOTE_INGESTION_TS, row, clock_now_us());
    batch_set_slice(quotes, QUOTE_FRAME, row, SLICE("the frame"));
    quote_set_event_id(quotes, row);
    batch_row_commit(quotes);
}

static int64_t written(struct world *world, const char *topic, int32_t partitions)
{
    struct err err;
    struct stream_watermarks marks;
    int64_t records = 0;
    for (int32_t p = 0; p < partitions; p++) {
        assert_ok(world->stream->ops->watermarks(world->stream, topic, p, &marks, &err), &err);
        records += marks.high;
    }
    return records;
}

static void test_publisher_waits_for_its_schema(void **state)
{
    struct world *world = *state;
    struct err err;
    struct publisher *publisher;
    assert_status(publisher_new(&publisher, world->bed.config, world->client, &err), RETRY, &err, "fdp schemas load");
    world_load_schemas(world);
    assert_ok(publisher_new(&publisher, world->bed.config, world->client, &err), &err);
    publisher_free(publisher);
}

static void test_publisher_each_quote_is_one_record(void **state)
{
    struct world *world = *state;
    struct err err;
    struct publisher *publisher;
    double price = 305.76;
    world_load_schemas(world);
    assert_ok(publisher_new(&publisher, world->bed.config, world->client, &err), &err);
    struct publication *publication = publication_new(publisher, 16);
    add_quote(publication->quotes, "AAPL", &price, 8);
    add_quote(publication->quotes, "^GSPC", &price, 9);
    add_quote(publication->quotes, "BTC-USD", &price, 41);
    add_quote(publication->quotes, "EURUSD=X", &price, 14);
    add_quote(publication->quotes, "NEW", &price, 4711); // a type nobody knows yet is a stock
    add_quote(publication->quotes, "HEART", &price, 7);
    add_quote(publication->quotes, "NONE", &price, 0);
    add_quote(publication->quotes, "ALT", &price, 5);
    add_quote(publication->quotes, "ABSENT", &price, -1);
    add_quote(publication->quotes, "NOPRICE", NULL, 8);
    assert_ok(publication_encode(publication, "test", &err), &err);
    assert_int_equal(publication_records(publication), 10);
    assert_int_equal(publication->rejects->rows, 5);
    assert_ok(publication_append(publication, world->stream, &err), &err);
    assert_ok(world->stream->ops->flush(world->stream, INT64_MAX, &err), &err);
    assert_int_equal(written(world, "tickers.stocks", 3), 3);
    assert_int_equal(written(world, "tickers.crypto", 3), 1);
    assert_int_equal(written(world, "tickers.currency", 3), 1);
    assert_int_equal(written(world, "tickers.rejected", 1), 5);
    for (uint32_t row = 0; row < 5; row++) {
        struct slice reason = record_header(publication->rejects->columns[RECORD_HEADERS].text[row], "reason");
        struct slice key = publication->rejects->columns[RECORD_KEY].text[row];
        assert_true(slice_is(publication->rejects->columns[RECORD_VALUE].text[row], "the frame"));
        const char *expected = slice_is(key, "NOPRICE") ? "price"
                             : slice_is(key, "ABSENT")  ? "without a type"
                                                        : "no route takes this quote of type";
        if (!memmem(reason.data, reason.size, expected, strlen(expected))) fail_msg("%.*s: %.*s", SLICE_ARG(key), SLICE_ARG(reason));
    }
    publication_free(publication);
    publisher_free(publisher);
}

static void test_publisher_counts_what_nobody_reads(void **state)
{
    struct world *world = *state;
    struct err err;
    struct publisher *publisher;
    struct config_route stocks_only = {"tickers.stocks", "stocks", "SELECT * FROM tick"};
    double price = 1;
    world->bed.config->processing.routes.items = &stocks_only;
    world->bed.config->processing.routes.count = 1;
    world_load_schemas(world);
    assert_ok(publisher_new(&publisher, world->bed.config, world->client, &err), &err);
    struct publication *publication = publication_new(publisher, 4);
    add_quote(publication->quotes, "AAPL", &price, 8);
    add_quote(publication->quotes, "BTC-USD", &price, 41);
    add_quote(publication->quotes, "EURUSD=X", &price, 14);
    add_quote(publication->quotes, "HEART", &price, 7); // rejected: the worker reads it
    assert_ok(publication_encode(publication, "test", &err), &err);
    assert_int_equal(publication_records(publication), 4);
    assert_int_equal(publication_unread(publication), 2);
    publication_free(publication);
    publisher_free(publisher);
}

static void test_publisher_key_is_the_symbol_and_keeps_its_partition(void **state)
{
    struct world *world = *state;
    struct err err;
    struct publisher *publisher;
    double price = 1;
    world_load_schemas(world);
    assert_ok(publisher_new(&publisher, world->bed.config, world->client, &err), &err);
    struct publication *publication = publication_new(publisher, 4);
    add_quote(publication->quotes, "AAPL", &price, 8);
    assert_ok(publication_encode(publication, "test", &err), &err);
    assert_ok(publication_append(publication, world->stream, &err), &err);
    assert_ok(world->stream->ops->flush(world->stream, INT64_MAX, &err), &err);
    int32_t partition = record_partition(SLICE("AAPL"), 3);
    struct stream_watermarks marks;
    assert_ok(world->stream->ops->watermarks(world->stream, "tickers.stocks", partition, &marks, &err), &err);
    assert_int_equal(marks.high, 1);
    publication_free(publication);
    publisher_free(publisher);
}

static void test_publisher_route_mistakes_name_the_route(void **state)
{
    struct world *world = *state;
    struct err err;
    struct publisher *publisher;
    struct config_route routes[] = {{"tickers.stocks", NULL, "SELECT id, price, tme FROM quote"}};
    world->bed.config->ingestion.routes.items = routes;
    world->bed.config->ingestion.routes.count = 1;
    assert_status(publisher_new(&publisher, world->bed.config, NULL, &err), FATAL, &err, "ingestion.routes[0]");
    assert_int_equal(err.code, ERR_CONFIG);
    routes[0] = (struct config_route){"tickers.bonds", NULL, "SELECT id, price, time FROM quote"};
    assert_status(publisher_new(&publisher, world->bed.config, NULL, &err), FATAL, &err, "tickers.bonds");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_publisher_waits_for_its_schema),          TEST(test_publisher_each_quote_is_one_record),
        TEST(test_publisher_counts_what_nobody_reads),      TEST(test_publisher_key_is_the_symbol_and_keeps_its_partition),
        TEST(test_publisher_route_mistakes_name_the_route),
    };
    return cmocka_run_group_tests_name("ingestion/publish", tests, NULL, NULL);
}
