// SPDX-License-Identifier: Apache-2.0
// The schemas that this program lives with: its own, and the one that learners bring along, read into its own columns.
#include "fixture.h"

static struct avro_schema *own_schema(const char *asset)
{
    char path[4096], text[16384];
    const char *source = getenv("FDP_SOURCE");
    snprintf(path, sizeof path, "%s/schemas/tickers.%s/v1.avsc", source ? source : ".", asset);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("cannot read %s", path);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    return schema_of(text, AVRO_STRICT);
}

// Twelve fields, each of them [T, "null"] with the default null.
// clang-format off
#define MAYBE(name, type) "{\"name\":\"" name "\",\"type\":[\"" type "\",\"null\"],\"default\":null}"
#define MISSION(name) "{\"type\":\"record\",\"name\":\"" name "\",\"namespace\":\"tickers.stocks\",\"fields\":[" \
    MAYBE("change", "float") "," \
    MAYBE("change_percent", "float") "," \
    MAYBE("exchange", "string") "," \
    MAYBE("ingestion_ts", "string") "," \
    MAYBE("id", "string") "," \
    MAYBE("market_hours", "int") "," \
    MAYBE("price", "float") "," \
    MAYBE("price_hint", "string") "," \
    MAYBE("source_api", "string") "," \
    MAYBE("event_id", "string") "," \
    MAYBE("quote_type", "int") "," \
    MAYBE("time", "string") \
    "]}"
// clang-format on
static const char mission[] = MISSION("tickers.stocks");

struct mission {
    struct avro_schema *writer, *reader;
    struct arena arena;
    struct row_type *type, *writer_type;
    struct avro_decode_plan *decode;
    struct avro_encode_plan *encode;
    struct batch *from, *to;
    struct buf datum, text;
    struct err err;
};

static int setup(void **state)
{
    struct mission *m = calloc(1, sizeof *m);
    assert_non_null(m);
    *state = m;
    arena_init(&m->arena, 1024);
    buf_init(&m->datum, 4096);
    buf_init(&m->text, 4096);
    m->writer = schema_of(mission, AVRO_STRICT);
    m->reader = own_schema("stocks");
    assert_ok(avro_row_type(m->reader, "tick", &m->arena, &m->type, &m->err), &m->err);
    assert_ok(avro_row_type(m->writer, "theirs", &m->arena, &m->writer_type, &m->err), &m->err);
    assert_ok(avro_decode_plan_new(m->writer, m->reader, m->type, &m->decode, &m->err), &m->err);
    assert_ok(avro_encode_plan_new(m->writer_type, m->writer, &m->encode, &m->err), &m->err);
    m->from = batch_new(m->writer_type, 1);
    m->to = batch_new(m->type, 1);
    return 0;
}

static int teardown(void **state)
{
    struct mission *m = *state;
    avro_decode_plan_free(m->decode);
    avro_encode_plan_free(m->encode);
    batch_free(m->from);
    batch_free(m->to);
    arena_fini(&m->arena);
    buf_fini(&m->datum);
    buf_fini(&m->text);
    avro_schema_free(m->writer);
    avro_schema_free(m->reader);
    free(m);
    return 0;
}

static uint32_t column(const struct mission *m, const char *name)
{
    int number = row_type_column(m->writer_type, slice_of(name));
    assert_true(number >= 0);
    return (uint32_t)number;
}

// A record as the mission's Python producer writes it.
static void fill(struct mission *m)
{
    batch_reset(m->from);
    assert_int_equal(batch_row_begin(m->from), 0);
    batch_set_double(m->from, column(m, "change"), 0, -1.27);
    batch_set_double(m->from, column(m, "change_percent"), 0, -0.4136);
    batch_set_slice(m->from, column(m, "exchange"), 0, SLICE("NMS"));
    batch_set_slice(m->from, column(m, "ingestion_ts"), 0, SLICE("2026-08-13T12:03:09.123456+00:00"));
    batch_set_slice(m->from, column(m, "id"), 0, SLICE("AAPL"));
    batch_set_int64(m->from, column(m, "market_hours"), 0, 1);
    batch_set_double(m->from, column(m, "price"), 0, 305.76);
    batch_set_slice(m->from, column(m, "price_hint"), 0, SLICE("2"));
    batch_set_slice(m->from, column(m, "source_api"), 0, SLICE("yfinance"));
    batch_set_slice(m->from, column(m, "event_id"), 0, SLICE("0123456789abcdef"));
    batch_set_int64(m->from, column(m, "quote_type"), 0, 8);
    batch_set_slice(m->from, column(m, "time"), 0, SLICE("1786622589000"));
}

static enum status send(struct mission *m)
{
    buf_reset(&m->datum);
    assert_ok(avro_encode(m->encode, m->from, 0, &m->datum, &m->err), &m->err);
    batch_reset(m->to);
    assert_int_equal(batch_row_begin(m->to), 0);
    enum status status = avro_decode(m->decode, m->datum.data, m->datum.size, m->to, 0, &m->err);
    buf_reset(&m->text);
    if (status == OK) print_row(m->to, 0, &m->text);
    buf_append_byte(&m->text, '\0');
    return status;
}

static void test_own_schemas_are_valid_and_have_one_row_type(void **state)
{
    (void)state;
    static const char *const assets[] = {"stocks", "crypto", "currency"};
    for (size_t i = 0; i < 3; i++) {
        struct avro_schema *schema = own_schema(assets[i]);
        struct arena arena;
        struct row_type *type;
        struct err err;
        arena_init(&arena, 1024);
        assert_ok(avro_row_type(schema, "tick", &arena, &type, &err), &err);
        assert_int_equal(type->column_count, 12);
        assert_int_equal(row_type_column(type, SLICE("time")), 2);
        assert_int_equal(type->columns[2].type, COLUMN_TIMESTAMP);
        assert_true(type->columns[0].required && type->columns[1].required && type->columns[2].required);
        for (uint32_t j = 3; j < 12; j++) assert_false(type->columns[j].required);
        arena_fini(&arena);
        avro_schema_free(schema);
    }
}

static void test_mission_schema_parses_in_both_modes(void **state)
{
    (void)state;
    avro_schema_free(schema_of(mission, AVRO_STRICT));
    avro_schema_free(schema_of(mission, AVRO_LENIENT));
    struct avro_schema *schema = schema_of(MISSION("stocks"), AVRO_STRICT);
    assert_string_equal(schema->root->full_name, "tickers.stocks.stocks");
    avro_schema_free(schema);
}

static void test_mission_record_becomes_a_tick(void **state)
{
    struct mission *m = *state;
    fill(m);
    assert_ok(send(m), &m->err);
    assert_string_equal(m->text.data, "id='AAPL' price=305.76 time=1786622589000000 change=-1.27 change_percent=-0.4136 exchange='NMS' "
                                      "market_hours=1 price_hint='2' source_api='yfinance' event_id='0123456789abcdef' quote_type=8 "
                                      "ingestion_ts=1786622589123456");
}

static void test_mission_time_in_every_spelling(void **state)
{
    struct mission *m = *state;
    static const char *const spellings[] = {"1786622589",           "1786622589000",       "1786622589000000",
                                            "2026-08-13T12:03:09Z", "2026-08-13 12:03:09", "2026-08-13T08:03:09-04:00"};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        fill(m);
        batch_set_slice(m->from, column(m, "time"), 0, slice_of(spellings[i]));
        assert_ok(send(m), &m->err);
        assert_int_equal(m->to->columns[2].int64[0], INT64_C(1786622589000000));
    }
    fill(m);
    batch_set_slice(m->from, column(m, "time"), 0, SLICE("noon"));
    assert_int_equal(send(m), REJECT);
    assert_contains(m->err.text, "field \"time\": \"noon\" does not become a timestamp");
}

static void test_mission_nulls(void **state)
{
    struct mission *m = *state;
    // What may be null stays null.
    batch_reset(m->from);
    assert_int_equal(batch_row_begin(m->from), 0);
    batch_set_slice(m->from, column(m, "id"), 0, SLICE("AAPL"));
    batch_set_double(m->from, column(m, "price"), 0, 0.1);
    batch_set_slice(m->from, column(m, "time"), 0, SLICE("1786622589"));
    assert_ok(send(m), &m->err);
    assert_string_equal(m->text.data, "id='AAPL' price=0.1 time=1786622589000000 change=null change_percent=null exchange=null "
                                      "market_hours=null price_hint=null source_api=null event_id=null quote_type=null ingestion_ts=null");
    // A null id, price or time is a reject.
    static const char *const required[] = {"id", "price", "time"};
    for (size_t i = 0; i < 3; i++) {
        fill(m);
        m->from->columns[column(m, required[i])].null[0] = 1;
        assert_int_equal(send(m), REJECT);
        assert_contains(m->err.text, required[i]);
        assert_contains(m->err.text, "null in a field that must have a value");
    }
}

static void test_own_record_round_trip(void **state)
{
    struct mission *m = *state;
    struct avro_encode_plan *encode;
    struct avro_decode_plan *decode;
    fill(m);
    assert_ok(send(m), &m->err);
    assert_ok(avro_encode_plan_new(m->type, m->reader, &encode, &m->err), &m->err);
    assert_ok(avro_decode_plan_new(m->reader, m->reader, m->type, &decode, &m->err), &m->err);
    struct buf own, text;
    buf_init(&own, 4096);
    buf_init(&text, 4096);
    assert_ok(avro_encode(encode, m->to, 0, &own, &m->err), &m->err);
    struct batch *back = batch_new(m->type, 1);
    assert_int_equal(batch_row_begin(back), 0);
    assert_ok(avro_decode(decode, own.data, own.size, back, 0, &m->err), &m->err);
    print_row(back, 0, &text);
    assert_true(slice_is(buf_slice(&text), m->text.data));
    buf_fini(&own);
    buf_fini(&text);
    batch_free(back);
    avro_encode_plan_free(encode);
    avro_decode_plan_free(decode);
}

static void test_own_schema_with_a_second_version(void **state)
{
    struct mission *m = *state;
    // Records of version 1 are read by a version with more fields, and the other way round.
    struct avro_schema *second = schema_of(
        "{\"type\":\"record\",\"name\":\"Tick\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"
        "{\"name\":\"price\",\"type\":\"double\"},{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
        "{\"name\":\"day_volume\",\"type\":[\"null\",\"long\"],\"default\":null}]}",
        AVRO_STRICT);
    struct avro_decode_plan *forth, *back;
    struct row_type *type;
    assert_ok(avro_row_type(second, "tick", &m->arena, &type, &m->err), &m->err);
    assert_ok(avro_decode_plan_new(m->reader, second, type, &forth, &m->err), &m->err);
    assert_ok(avro_decode_plan_new(second, m->reader, m->type, &back, &m->err), &m->err);
    avro_decode_plan_free(forth);
    avro_decode_plan_free(back);
    avro_schema_free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_schemas_are_valid_and_have_one_row_type),
        cmocka_unit_test(test_mission_schema_parses_in_both_modes),
        cmocka_unit_test_setup_teardown(test_mission_record_becomes_a_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mission_time_in_every_spelling, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mission_nulls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_record_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_schema_with_a_second_version, setup, teardown),
    };
    return cmocka_run_group_tests_name("mission", tests, NULL, NULL);
}
