// SPDX-License-Identifier: Apache-2.0
// The worker on the real embedded log, registry and store: every record has one fate, and each is stored once.
#include "../world.h"

#include <math.h>
#include <sqlite3.h>

#include "base/asset.h"
#include "base/clock.h"
#include "model/record.h"
#include "processing/process.h"
#include "storage/reconcile.h"
#include "streaming/registry.h"

struct worker_world {
    struct world world;
    int32_t schema_id; // of version 1 of stocks
};

static int set_up(void **state)
{
    struct err err;
    struct worker_world *self = calloc(1, sizeof *self);
    world_open(&self->world);
    world_load_schemas(&self->world);
    struct slice v1 = asset_find("schemas/tickers.stocks/v1.avsc");
    char *text = strndup(v1.data, v1.size);
    assert_ok(registry_lookup(self->world.client, "tickers.stocks-value", text, &self->schema_id, &err), &err);
    free(text);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct worker_world *self = *state;
    world_close(&self->world);
    free(self);
    return 0;
}

static int32_t schema_id_of(const struct world *world)
{
    return ((const struct worker_world *)world)->schema_id;
}

// --- Writing records by hand, so that the tests do not trust our own encoder ---

static void put_long(struct buf *out, int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; zigzag > 127; zigzag >>= 7) buf_append_byte(out, (char)(zigzag | 128));
    buf_append_byte(out, (char)zigzag);
}

static void put_text(struct buf *out, const char *text, size_t size)
{
    put_long(out, (int64_t)size);
    buf_append(out, text, size);
}

static void put_frame(struct buf *out, int32_t id)
{
    const char frame[] = {0, (char)(id >> 24), (char)(id >> 16), (char)(id >> 8), (char)id};
    buf_reset(out);
    buf_append(out, frame, 5);
}

// A record of version 1: id, price, time, and nine nulls.
static void put_tick(struct buf *out, int32_t schema_id, const char *id, size_t id_size, double price, int64_t time_ms)
{
    put_frame(out, schema_id);
    put_text(out, id, id_size);
    buf_append(out, &price, 8);
    put_long(out, time_ms);
    for (int i = 0; i < 9; i++) buf_append_byte(out, 0);
}

static void append_value_of(struct world *world, const char *topic, const char *key, const struct buf *value, int64_t published_us)
{
    struct err err;
    struct batch *records = batch_new(&record_row_type, 1);
    uint32_t row = batch_row_begin(records);
    if (key) batch_set_slice(records, RECORD_KEY, row, slice_of(key));
    if (value) batch_set_slice(records, RECORD_VALUE, row, buf_slice(value));
    batch_set_int64(records, RECORD_TIMESTAMP, row, published_us);
    batch_row_commit(records);
    assert_ok(world->stream->ops->append(world->stream, topic, records, &err), &err);
    assert_ok(world->stream->ops->flush(world->stream, INT64_MAX, &err), &err);
    batch_free(records);
}

static void append_value(struct world *world, const char *topic, const char *key, const struct buf *value)
{
    append_value_of(world, topic, key, value, clock_now_us());
}

static void append_ticks(struct world *world, int count)
{
    struct buf value;
    char key[16];
    buf_init(&value, 4096);
    for (int i = 0; i < count; i++) {
        int length = snprintf(key, sizeof key, "S%d", i);
        put_tick(&value, schema_id_of(world), key, (size_t)length, 100 + i, 1786622589000 + i);
        append_value(world, "tickers.stocks", key, &value);
    }
    buf_fini(&value);
}

// --- Running the worker ---

static struct process *start(struct world *world)
{
    struct err err;
    struct process *process;
    struct process_params params = {
        .config = world->bed.config, .registry_url = registry_server_url(world->server), .log = &world->log, .metrics = world->metrics};
    assert_ok(process_start(&process, &params, &err), &err);
    return process;
}

static struct process_summary run_to_the_end(struct world *world)
{
    struct err err;
    struct process_summary summary;
    struct process *process = start(world);
    assert_ok(process_stop(process, clock_deadline_ms(30000), &summary, &err), &err);
    return summary;
}

static enum status start_fails(struct world *world, struct err *err)
{
    struct process *process;
    struct process_params params = {
        .config = world->bed.config, .registry_url = registry_server_url(world->server), .log = &world->log, .metrics = world->metrics};
    return process_start(&process, &params, err);
}

static bool keep_cell(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    char *text = context;
    if (cells[0].type == SINK_INTEGER)
        snprintf(text, 256, "%lld", (long long)cells[0].integer);
    else if (cells[0].type == SINK_DOUBLE)
        snprintf(text, 256, "%.17g", cells[0].float64);
    else if (cells[0].type == SINK_NULL)
        snprintf(text, 256, "null");
    else
        snprintf(text, 256, "%.*s", SLICE_ARG(cells[0].text));
    return false;
}

static const char *value_of(struct world *world, const char *sql, char text[256])
{
    struct err err;
    struct sink *sink;
    struct sink_params params = {.config = world->bed.config, .read_only = true};
    strcpy(text, "(no row)");
    assert_ok(sink_open(&sink, &params, &err), &err);
    assert_ok(sink->ops->query(sink, sql, keep_cell, text, &err), &err);
    sink_close(sink);
    return text;
}

#define assert_sql(world, sql, expected) assert_string_equal(value_of(world, sql, (char[256]){0}), expected)

static void alter(struct world *world, const char *file, const char *sql)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/%s", world->bed.folder, file);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void count_wrong(void *context, const struct reconcile_partition *partition)
{
    *(int *)context += !reconcile_holds(partition, true);
}

static void assert_reconciles(struct world *world)
{
    static const char *const tables[] = {"stocks", "crypto", "currency"};
    struct err err;
    struct sink *sink;
    struct sink_params params = {.config = world->bed.config, .read_only = true};
    int wrong = 0;
    int64_t strays = -1;
    assert_ok(sink_open(&sink, &params, &err), &err);
    assert_ok(reconcile(sink, tables, 3, true, count_wrong, &wrong, &strays, &err), &err);
    sink_close(sink);
    assert_int_equal(wrong, 0);
    assert_int_equal(strays, 0);
}

// --- Tests ---

static void test_process_stores_what_waits_and_goes_on_after_a_restart(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    append_ticks(world, 50);
    struct process_summary first = run_to_the_end(world);
    assert_int_equal(first.backlog, 50);
    assert_int_equal(first.stored, 50);
    append_ticks(world, 7);
    struct process_summary second = run_to_the_end(world);
    assert_int_equal(second.backlog, 7);
    assert_int_equal(second.stored, 7);
    assert_sql(world, "SELECT COUNT(*) FROM stocks", "57");
    assert_sql(world, "SELECT price FROM stocks WHERE id = 'S3' LIMIT 1", "103");
    assert_sql(world, "SELECT time FROM stocks WHERE id = 'S3' LIMIT 1", "1786622589003000");
    assert_reconciles(world);
}

static void test_process_start_latest_leaves_what_waits(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    append_ticks(world, 5);
    world->bed.config->processing.start = "latest";
    assert_int_equal(run_to_the_end(world).stored, 0);
    append_ticks(world, 3);
    assert_int_equal(run_to_the_end(world).stored, 3);
    assert_reconciles(world);
}

static void test_process_poison_is_quarantined_and_its_neighbours_stored(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct buf value;
    buf_init(&value, 1 << 20);
    int32_t id = schema_id_of(world);
    append_ticks(world, 1);
    append_value(world, "tickers.stocks", "k", NULL); // no value
    buf_append_text(&value, "\x01 wrong magic");
    append_value(world, "tickers.stocks", "k", &value);
    put_tick(&value, 77777, "AAPL", 4, 1, 1); // unknown id
    append_value(world, "tickers.stocks", "k", &value);
    put_tick(&value, id, "AAPL", 4, 1, 1);
    value.size -= 3; // truncated
    append_value(world, "tickers.stocks", "k", &value);
    put_tick(&value, id, "AAPL", 4, 1, 1);
    buf_append_text(&value, "more"); // over-long
    append_value(world, "tickers.stocks", "k", &value);
    put_tick(&value, id, "A\0PL", 4, 1, 1); // NUL in text
    append_value(world, "tickers.stocks", "k", &value);
    put_tick(&value, id, "\xff\xfe", 2, 1, 1); // not UTF-8
    append_value(world, "tickers.stocks", "k", &value);
    put_tick(&value, id, "AAPL", 4, (double)NAN, 1);
    append_value(world, "tickers.stocks", "k", &value);
    put_tick(&value, id, "AAPL", 4, -(double)INFINITY, 1);
    append_value(world, "tickers.stocks", "k", &value);
    put_tick(&value, id, "AAPL", 4, 1, INT64_MAX / 2); // out of range in microseconds
    append_value(world, "tickers.stocks", "k", &value);
    put_frame(&value, id);
    put_long(&value, INT64_C(1) << 40); // a length that is not there
    append_value(world, "tickers.stocks", "k", &value);
    buf_reset(&value);
    append_value(world, "tickers.stocks", "k", &value); // empty, not null
    append_ticks(world, 1);

    struct process_summary summary = run_to_the_end(world);
    assert_int_equal(summary.stored, 2);
    assert_int_equal(summary.quarantined, 12);
    assert_sql(world, "SELECT COUNT(*) FROM fdp_quarantine WHERE rule = 'schema' AND schema_id = 77777 AND error <> ''", "1");
    assert_sql(world, "SELECT COUNT(*) FROM fdp_quarantine WHERE rule = 'decode' AND error <> ''", "11");
    assert_sql(world, "SELECT COUNT(*) FROM fdp_quarantine WHERE value IS NULL", "1");
    assert_sql(world, "SELECT COUNT(*) FROM fdp_quarantine WHERE value = x''", "1");
    assert_sql(world, "SELECT CAST(value AS TEXT) FROM fdp_quarantine ORDER BY _offset, id LIMIT 1 OFFSET 1", "\x01 wrong magic");
    assert_sql(world, "SELECT COUNT(*) FROM fdp_quarantine WHERE CAST(key AS TEXT) = 'k' AND state = 'waiting'", "12");
    assert_reconciles(world);
    buf_fini(&value);
}

static void test_process_what_ingestion_rejected_keeps_its_reason(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct err err;
    struct buf headers;
    buf_init(&headers, 1024);
    record_headers_append(&headers, "reason", SLICE("not base64"));
    struct batch *records = batch_new(&record_row_type, 1);
    uint32_t row = batch_row_begin(records);
    batch_set_slice(records, RECORD_VALUE, row, SLICE("rubbish"));
    batch_set_slice(records, RECORD_HEADERS, row, buf_slice(&headers));
    batch_set_int64(records, RECORD_TIMESTAMP, row, 5);
    batch_row_commit(records);
    assert_ok(world->stream->ops->append(world->stream, STREAM_REJECTED_TOPIC, records, &err), &err);
    assert_ok(world->stream->ops->flush(world->stream, INT64_MAX, &err), &err);
    assert_int_equal(run_to_the_end(world).quarantined, 1);
    assert_sql(world, "SELECT rule || ': ' || error || ': ' || CAST(value AS TEXT) || ': ' || topic FROM fdp_quarantine",
               "ingestion: not base64: rubbish: tickers.rejected");
    assert_reconciles(world);
    batch_free(records);
    buf_fini(&headers);
}

static void test_process_filtered_records_are_counted(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct config_route routes[] = {{"tickers.stocks", "stocks", "SELECT * FROM tick WHERE price >= 105"}};
    world->bed.config->processing.routes.items = routes;
    world->bed.config->processing.routes.count = 1;
    append_ticks(world, 10);
    struct process_summary summary = run_to_the_end(world);
    assert_int_equal(summary.stored, 5);
    assert_int_equal(summary.filtered, 5);
    assert_reconciles(world);
}

static void test_process_a_failing_expression_rejects_that_row_alone(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct config_route routes[] = {
        {"tickers.stocks", "stocks",
         "SELECT id, CASE WHEN price = 104 THEN abs(-9223372036854775807 - 1) ELSE price END AS price, time FROM tick"}};
    world->bed.config->processing.routes.items = routes;
    world->bed.config->processing.routes.count = 1;
    append_ticks(world, 10);
    struct process_summary summary = run_to_the_end(world);
    assert_int_equal(summary.stored, 9);
    assert_int_equal(summary.quarantined, 1);
    assert_sql(world, "SELECT rule FROM fdp_quarantine", "transform");
    assert_reconciles(world);
}

static void test_process_row_that_breaks_a_constraint_is_cut(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    run_to_the_end(world); // makes the tables
    alter(world, "store.db",
          "CREATE TRIGGER no_107 BEFORE INSERT ON stocks WHEN NEW.price IN (107, 109) BEGIN SELECT RAISE(ABORT, 'not this one'); END");
    append_ticks(world, 12);
    struct process_summary summary = run_to_the_end(world);
    assert_int_equal(summary.stored, 10);
    assert_int_equal(summary.quarantined, 2);
    assert_sql(world, "SELECT rule || ': ' || error FROM fdp_quarantine LIMIT 1", "constraint: cannot store a row: not this one");
    assert_sql(world, "SELECT COUNT(*) FROM fdp_quarantine WHERE schema_id > 0", "2");
    assert_reconciles(world);
}

static void test_process_the_missions_schema_is_converted_by_name(void **state)
{
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"tickers.stocks\",\"namespace\":\"tickers.stocks\",\"fields\":["
        "{\"name\":\"change\",\"type\":[\"float\",\"null\"],\"default\":null},{\"name\":\"change_percent\",\"type\":[\"float\",\"null\"],\"default\":null},"
        "{\"name\":\"exchange\",\"type\":[\"string\",\"null\"],\"default\":null},{\"name\":\"ingestion_ts\",\"type\":[\"string\",\"null\"],\"default\":null},"
        "{\"name\":\"id\",\"type\":[\"string\",\"null\"],\"default\":null},{\"name\":\"market_hours\",\"type\":[\"int\",\"null\"],\"default\":null},"
        "{\"name\":\"price\",\"type\":[\"float\",\"null\"],\"default\":null},{\"name\":\"price_hint\",\"type\":[\"string\",\"null\"],\"default\":null},"
        "{\"name\":\"source_api\",\"type\":[\"string\",\"null\"],\"default\":null},{\"name\":\"event_id\",\"type\":[\"string\",\"null\"],\"default\":null},"
        "{\"name\":\"quote_type\",\"type\":[\"int\",\"null\"],\"default\":null},{\"name\":\"time\",\"type\":[\"string\",\"null\"],\"default\":null}]}";
    struct world *world = &((struct worker_world *)*state)->world;
    struct err err;
    int32_t id;
    float change = -0.77001953f, percent = -0.25f, price = 305.76f;
    assert_ok(registry_register(world->client, "tickers.stocks-value", schema, &id, &err), &err);
    for (int missing = 0; missing < 2; missing++) {
        struct buf value;
        buf_init(&value, 4096);
        put_frame(&value, id);
        buf_append_byte(&value, 0), buf_append(&value, &change, 4);
        buf_append_byte(&value, 0), buf_append(&value, &percent, 4);
        buf_append_byte(&value, 0), put_text(&value, "NMS", 3);
        buf_append_byte(&value, 0), put_text(&value, "2026-08-13 14:03:09.5+02:00", 27);
        buf_append_byte(&value, 0), put_text(&value, "AAPL", 4);
        buf_append_byte(&value, 0), put_long(&value, 1);
        if (missing)
            put_long(&value, 1); // null: a price is required
        else
            buf_append_byte(&value, 0), buf_append(&value, &price, 4);
        for (int i = 0; i < 3; i++) put_long(&value, 1);
        buf_append_byte(&value, 0), put_long(&value, 8);
        buf_append_byte(&value, 0), put_text(&value, "1786622589000", 13);
        append_value(world, "tickers.stocks", "AAPL", &value);
        buf_fini(&value);
    }
    struct process_summary summary = run_to_the_end(world);
    assert_int_equal(summary.stored, 1);
    assert_int_equal(summary.quarantined, 1);
    assert_sql(world, "SELECT price FROM stocks", "305.75999999999999"); // the double nearest to 305.76
    assert_sql(world, "SELECT price = 305.76 AND change = -0.77001953 FROM stocks", "1");
    assert_sql(world, "SELECT time FROM stocks", "1786622589000000");
    assert_sql(world, "SELECT ingestion_ts FROM stocks", "1786622589500000");
    assert_reconciles(world);
}

static void test_process_two_workers_the_older_is_fenced(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct err err;
    struct process *older = start(world), *newer = start(world);
    append_ticks(world, 20);
    int64_t deadline_ns = clock_deadline_ms(20000);
    while (!process_failed(older) && clock_mono_ns() < deadline_ns) clock_sleep_until(clock_deadline_ms(10));
    assert_true(process_failed(older));
    struct process_summary summary;
    assert_ok(process_stop(newer, clock_deadline_ms(20000), &summary, &err), &err);
    assert_int_equal(summary.stored, 20);
    assert_int_equal(process_stop(older, clock_deadline_ms(20000), &summary, &err), FATAL);
    assert_int_equal(summary.stored, 0);
    assert_sql(world, "SELECT COUNT(*) FROM stocks", "20");
    assert_reconciles(world);
}

static void test_process_refuses_a_log_that_is_shorter(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct err err;
    append_ticks(world, 5);
    run_to_the_end(world);
    alter(world, "store.db",
          "UPDATE fdp_offsets SET next_offset = next_offset + 100, stored = stored + 100 WHERE topic = 'tickers.stocks'");
    assert_status(start_fails(world, &err), FATAL, &err, "shorter");
    assert_int_equal(err.code, ERR_STREAM);
}

static void test_process_refuses_another_record_at_its_position(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct err err;
    append_ticks(world, 5);
    run_to_the_end(world);
    alter(world, "store.db", "UPDATE fdp_offsets SET last_crc = last_crc + 1 WHERE next_offset > 0");
    assert_status(start_fails(world, &err), FATAL, &err, "not the same");
}

static void test_process_refuses_a_gap_that_retention_made(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct err err;
    append_ticks(world, 20);
    struct process_summary summary = run_to_the_end(world);
    assert_int_equal(summary.stored, 20);
    append_ticks(world, 20);
    uint64_t deleted, all = 0;
    do { // on a slow machine a call does not get through all partitions
        assert_ok(world->stream->ops->retain(world->stream, clock_now_us() + INT64_C(100) * 86400 * SECOND_US, &deleted, &err), &err);
        all += deleted;
    } while (deleted);
    assert_true(all >= 40);
    assert_status(start_fails(world, &err), FATAL, &err, "retention");
}

// --- Metrics ---

#define wait_until(condition)                                                                                                              \
    do {                                                                                                                                   \
        int64_t deadline_ns = clock_deadline_ms(20000);                                                                                    \
        while (!(condition) && clock_mono_ns() < deadline_ns) clock_sleep_until(clock_deadline_ms(10));                                    \
        assert_true(condition);                                                                                                            \
    } while (0)

static double value_of_metric(struct world *world, const char *name, const char *labels)
{
    const struct metric *metric = metric_find(world->metrics, name, labels);
    return metric ? metric_value(metric) : (double)NAN;
}

// Over the partitions of a topic: the sum of the records, the most of the seconds. NAN when one of them is not known.
static double lag_of(struct world *world, const char *topic, bool seconds)
{
    double all = 0;
    for (int partition = 0; partition < 3; partition++) {
        char labels[64];
        snprintf(labels, sizeof labels, "topic=\"%s\",partition=\"%d\"", topic, partition);
        double one = value_of_metric(world, seconds ? "fdp_processing_lag_seconds" : "fdp_processing_lag_records", labels);
        all = !seconds || isnan(one) ? all + one : one > all ? one : all;
    }
    return all;
}

static double lag(struct world *world, bool seconds)
{
    return lag_of(world, "tickers.stocks", seconds);
}

static sqlite3 *hold_store(struct world *world)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/store.db", world->bed.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void stop(struct process *process)
{
    struct err err;
    assert_ok(process_stop(process, clock_deadline_ms(30000), NULL, &err), &err);
}

static void test_process_lag_is_that_of_what_is_not_stored(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct process *process = start(world);
    wait_until(lag(world, false) == 0 && lag(world, true) == 0);
    sqlite3 *holder = hold_store(world);
    int64_t began_us = clock_now_us();
    append_ticks(world, 30);
    int64_t appended_us = clock_now_us();
    // Read they are, but not stored: they grow older.
    wait_until(lag(world, false) == 30 && lag(world, true) > 1.5);
    assert_true(lag(world, true) <= (double)(clock_now_us() - began_us) / 1e6);
    append_ticks(world, 12);
    wait_until(lag(world, false) == 42 && lag(world, true) >= (double)(clock_now_us() - appended_us) / 1e6 - 0.5);
    sqlite3_close(holder);
    wait_until(lag(world, false) == 0 && lag(world, true) == 0);
    stop(process);
    assert_true(isnan(lag(world, false)) && isnan(lag(world, true))); // of what is not ours nothing is said
    assert_sql(world, "SELECT COUNT(*) FROM stocks", "42");
}

static void test_process_lag_of_what_is_not_read_counts_from_when_it_was_heard_of(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    append_value_of(world, "tickers.crypto", "k", NULL, clock_now_us() - 1000 * SECOND_US);
    struct process *process = start(world);
    wait_until(lag_of(world, "tickers.crypto", false) == 0);
    sqlite3 *holder = hold_store(world);
    append_ticks(world, 5);
    wait_until(lag(world, false) == 5);
    append_ticks(world, 5); // one batch is with the writer, one waits for it, and there is no third
    wait_until(value_of_metric(world, "fdp_queue_fill", "queue=\"processing\"") == 1);
    append_value_of(world, "tickers.crypto", "k", NULL, clock_now_us() - 1000 * SECOND_US);
    wait_until(lag_of(world, "tickers.crypto", false) == 1 && lag_of(world, "tickers.crypto", true) > 1.5);
    assert_true(lag_of(world, "tickers.crypto", true) < 60);
    sqlite3_close(holder);
    wait_until(lag_of(world, "tickers.crypto", true) == 0 && lag(world, true) == 0);
    stop(process);
}

static void test_process_lag_is_as_old_as_the_record_that_cannot_be_read(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    struct err err;
    struct buf value;
    struct process *process = start(world);
    registry_server_stop(world->server); // the schema is not known to the worker yet
    world->server = NULL;
    buf_init(&value, 4096);
    put_tick(&value, schema_id_of(world), "AAPL", 4, 1, 1786622589000);
    append_value_of(world, "tickers.stocks", "AAPL", &value, clock_now_us() - 100 * SECOND_US);
    append_value(world, "tickers.stocks", "AAPL", &value);
    wait_until(lag(world, false) == 2 && lag(world, true) > 100);
    assert_true(lag(world, true) < 130);
    assert_ok(process_stop(process, clock_mono_ns(), NULL, &err), &err);
    buf_fini(&value);
}

static void test_process_waiting_records_are_looked_up(void **state)
{
    struct world *world = &((struct worker_world *)*state)->world;
    static const char name[] = "fdp_quarantine_waiting_records";
    append_value(world, "tickers.stocks", "k", NULL);
    append_value(world, "tickers.stocks", "k", NULL);
    append_value(world, "tickers.stocks", "k", NULL);
    run_to_the_end(world);
    alter(world, "store.db", "UPDATE fdp_quarantine SET state = 'dropped' WHERE id = 1");
    struct process *process = start(world);
    wait_until(value_of_metric(world, name, NULL) == 2);
    stop(process);
    assert_true(isnan(value_of_metric(world, name, NULL)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_process_stores_what_waits_and_goes_on_after_a_restart),
        TEST(test_process_start_latest_leaves_what_waits),
        TEST(test_process_poison_is_quarantined_and_its_neighbours_stored),
        TEST(test_process_what_ingestion_rejected_keeps_its_reason),
        TEST(test_process_filtered_records_are_counted),
        TEST(test_process_a_failing_expression_rejects_that_row_alone),
        TEST(test_process_row_that_breaks_a_constraint_is_cut),
        TEST(test_process_the_missions_schema_is_converted_by_name),
        TEST(test_process_two_workers_the_older_is_fenced),
        TEST(test_process_refuses_a_log_that_is_shorter),
        TEST(test_process_refuses_another_record_at_its_position),
        TEST(test_process_refuses_a_gap_that_retention_made),
        TEST(test_process_lag_is_that_of_what_is_not_stored),
        TEST(test_process_lag_of_what_is_not_read_counts_from_when_it_was_heard_of),
        TEST(test_process_lag_is_as_old_as_the_record_that_cannot_be_read),
        TEST(test_process_waiting_records_are_looked_up),
    };
    return cmocka_run_group_tests_name("processing/process", tests, NULL, NULL);
}
