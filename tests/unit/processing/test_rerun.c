// SPDX-License-Identifier: Apache-2.0
// Records processed once more: what becomes of each, in one transaction or cut into parts; rebuilding from the stream; routes tried
// beforehand.
#include "../world.h"

#include "base/asset.h"
#include "base/clock.h"
#include "base/memory.h"
#include "model/record.h"
#include "processing/preflight.h"
#include "processing/rebuild.h"
#include "processing/rerun.h"

enum { CAPACITY = 16, POISON = -1 };

struct bench {
    struct world world;
    int32_t schema_id; // of version 1 of stocks
    struct sink *sink;
    struct pipeline *pipeline;
    struct sink_partition partition; // of tickers.stocks, claimed
    struct batch *records;
    struct rerun_record about[CAPACITY];
    struct rerun_outcome outcomes[CAPACITY];
};

static int set_up(void **state)
{
    struct err err;
    struct bench *bench = memory_new(1, sizeof *bench);
    world_open(&bench->world);
    world_load_schemas(&bench->world);
    struct slice v1 = asset_find("schemas/tickers.stocks/v1.avsc");
    char *text = strndup(v1.data, v1.size);
    assert_ok(registry_lookup(bench->world.client, "tickers.stocks-value", text, &bench->schema_id, &err), &err);
    free(text);
    struct sink_params params = {.config = bench->world.bed.config, .log = &bench->world.log};
    assert_ok(sink_open(&bench->sink, &params, &err), &err);
    assert_ok(bench->sink->ops->migrate(bench->sink, &err), &err);
    bench->partition = (struct sink_partition){.group = "processing", .topic = "tickers.stocks"};
    assert_ok(bench->sink->ops->claim(bench->sink, &bench->partition, &err), &err);
    bench->records = batch_new(&record_row_type, CAPACITY);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    batch_free(bench->records);
    pipeline_free(bench->pipeline);
    sink_close(bench->sink);
    world_close(&bench->world);
    free(bench);
    return 0;
}

// --- Records ---

static void put_long(struct buf *out, int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; zigzag > 127; zigzag >>= 7) buf_append_byte(out, (char)(zigzag | 128));
    buf_append_byte(out, (char)zigzag);
}

// A record of version 1 by hand: id, price, time, and nine nulls. A price of POISON gives one that cannot be decoded.
static struct slice tick(const struct bench *bench, const char *id, double price, struct arena *arena)
{
    struct buf out;
    const char frame[] = {0, 0, 0, 0, (char)bench->schema_id};
    buf_init(&out, 4096);
    buf_append(&out, frame, sizeof frame);
    put_long(&out, (int64_t)strlen(id));
    buf_append_text(&out, id);
    buf_append(&out, &price, sizeof price);
    put_long(&out, 1786622589000);
    for (int i = 0; i < 9; i++) buf_append_byte(&out, 0);
    if (price == POISON) out.data[0] = 7;
    struct slice value = {arena_copy(arena, out.data, out.size), out.size};
    buf_fini(&out);
    return value;
}

static void add(struct bench *bench, const char *id, double price, int64_t entry)
{
    uint32_t row = batch_row_begin(bench->records);
    batch_set_slice(bench->records, RECORD_VALUE, row, tick(bench, id, price, &bench->records->arena));
    batch_set_int64(bench->records, RECORD_TIMESTAMP, row, 1);
    bench->records->offset[row] = row;
    bench->about[row] = (struct rerun_record){bench->partition.id, 0, 0, entry};
    batch_row_commit(bench->records);
}

static void quarantine(struct bench *bench, uint32_t count)
{
    struct err err;
    struct sink_fault fault;
    struct batch *rejects = batch_new(&reject_row_type, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = batch_row_begin(rejects);
        batch_set_slice(rejects, REJECT_RULE, row, SLICE("transform"));
        batch_set_slice(rejects, REJECT_ERROR, row, SLICE("broken"));
        rejects->source[row] = bench->partition.id;
        rejects->offset[row] = i;
        batch_row_commit(rejects);
    }
    struct sink_advance advance = {.id = bench->partition.id, .epoch = bench->partition.epoch, .to_offset = count, .quarantined = count};
    struct sink_write write = {.rejects = rejects, .advances = &advance, .advance_count = 1};
    assert_ok(bench->sink->ops->write(bench->sink, &write, &fault, &err), &err);
    batch_free(rejects);
}

static struct rerun *start_with(struct bench *bench, const char *select, struct sink *sink, const char *into)
{
    struct err err;
    char routes[512];
    snprintf(routes, sizeof routes, "processing.routes=[{topic: tickers.stocks, table: stocks, select: \"%s\"}]", select);
    assert_ok(option_load_set(&config_options, &bench->world.bed.values, routes, "test", &err), &err);
    pipeline_free(bench->pipeline);
    struct pipeline_params params = {bench->world.bed.config, bench->world.client, bench->sink};
    assert_ok(pipeline_new(&bench->pipeline, &params, &err), &err);
    return rerun_new(bench->pipeline, sink, into, 0, CAPACITY);
}

static bool read_one(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    *(int64_t *)context = cells[0].integer;
    return true;
}

static int64_t number(struct bench *bench, const char *sql)
{
    struct err err;
    int64_t value = -1;
    assert_ok(bench->sink->ops->query(bench->sink, sql, read_one, &value, &err), &err);
    return value;
}

static void change(struct bench *bench, const char *sql)
{
    struct err err;
    assert_ok(bench->sink->ops->exec(bench->sink, sql, &err), &err);
}

static const char not_b[] = "SELECT * FROM tick WHERE id <> 'B'";

// --- Rerun ---

static void test_rerun_without_write_tells_what_would_become_of_each(void **state)
{
    struct bench *bench = *state;
    struct err err;
    struct rerun *rerun = start_with(bench, not_b, bench->sink, NULL);
    quarantine(bench, 3);
    add(bench, "A", 1, 1);
    add(bench, "B", 2, 2);
    add(bench, "C", POISON, 3);
    assert_ok(rerun_run(rerun, bench->records, bench->about, false, bench->outcomes, &err), &err);
    assert_int_equal(bench->outcomes[0].fate, FATE_STORED);
    assert_int_equal(bench->outcomes[0].table, 0);
    assert_int_equal(bench->outcomes[1].fate, FATE_FILTERED);
    assert_int_equal(bench->outcomes[2].fate, FATE_QUARANTINED);
    assert_string_equal(bench->outcomes[2].rule, "decode");
    assert_contains(bench->outcomes[2].error, "magic");
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM stocks"), 0);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM fdp_quarantine WHERE state = 'waiting'"), 3);
    rerun_free(rerun);
}

static void test_rerun_settles_entries_with_their_rows(void **state)
{
    struct bench *bench = *state;
    struct err err;
    struct rerun *rerun = start_with(bench, not_b, bench->sink, NULL);
    quarantine(bench, 3);
    add(bench, "A", 1, 1);
    add(bench, "B", 2, 2);
    add(bench, "C", POISON, 3);
    assert_ok(rerun_run(rerun, bench->records, bench->about, true, bench->outcomes, &err), &err);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM stocks WHERE id = 'A' AND _offset = 0"), 1);
    assert_int_equal(number(bench, "SELECT _source FROM stocks"), bench->partition.id);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM fdp_quarantine WHERE state = 'redriven' AND id IN (1, 2)"), 2);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM fdp_quarantine WHERE state = 'waiting' AND id = 3"), 1);
    assert_int_equal(number(bench, "SELECT stored * 100 + filtered * 10 + quarantined FROM fdp_offsets"), 111);

    // An entry that is settled already stops everything.
    batch_reset(bench->records);
    add(bench, "A", 1, 1);
    add(bench, "D", 1, 3);
    assert_status(rerun_run(rerun, bench->records, bench->about, true, bench->outcomes, &err), RETRY, &err, "waiting");
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM stocks"), 1);
    rerun_free(rerun);
}

static void test_rerun_cuts_out_the_row_that_the_store_refuses(void **state)
{
    struct bench *bench = *state;
    struct err err;
    struct rerun *rerun = start_with(bench, "SELECT * FROM tick", bench->sink, NULL);
    quarantine(bench, 4);
    change(bench, "CREATE UNIQUE INDEX once ON stocks (id)");
    static const char *const ids[] = {"A", "B", "A", "C"};
    for (int i = 0; i < 4; i++) add(bench, ids[i], i, i + 1);
    assert_ok(rerun_run(rerun, bench->records, bench->about, true, bench->outcomes, &err), &err);
    assert_int_equal(bench->outcomes[2].fate, FATE_QUARANTINED);
    assert_string_equal(bench->outcomes[2].rule, "constraint");
    assert_contains(bench->outcomes[2].error, "UNIQUE");
    assert_int_equal(bench->outcomes[3].fate, FATE_STORED);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM stocks"), 3);
    assert_int_equal(number(bench, "SELECT id FROM fdp_quarantine WHERE state = 'waiting'"), 3);
    rerun_free(rerun);
}

// A store that knows that something is wrong with a write, but not what: with the row at offset 5, and with anything long.
struct vague_sink {
    struct sink sink;
    struct sink *real;
    int busy; // how often it is, before it takes something
    uint32_t longest;
};

static enum status vague_write(struct sink *sink, const struct sink_write *write, struct sink_fault *fault, struct err *err)
{
    struct vague_sink *self = (struct vague_sink *)(void *)sink;
    *fault = (struct sink_fault){0};
    if (self->busy-- > 0) return err_set(err, AGAIN, ERR_STORAGE, "busy");
    const struct batch *rows = write->tables[0].rows;
    for (uint32_t row = 0; row < rows->rows; row++) {
        if (rows->offset[row] != 5 && rows->rows <= self->longest) continue;
        fault->kind = rows->rows > self->longest ? SINK_FAULT_SLOW : SINK_FAULT_SOME;
        return err_set(err, REJECT, ERR_STORAGE, "something is wrong");
    }
    return self->real->ops->write(self->real, write, fault, err);
}

static void test_rerun_divides_what_is_refused_without_a_reason(void **state)
{
    struct bench *bench = *state;
    struct err err;
    struct sink_ops ops = *bench->sink->ops;
    struct vague_sink vague = {{&ops}, bench->sink, 2, 4};
    ops.write = vague_write;
    struct rerun *rerun = start_with(bench, "SELECT * FROM tick", &vague.sink, NULL);
    quarantine(bench, 11);
    for (int i = 0; i < 11; i++) add(bench, "A", i, i + 1);
    assert_ok(rerun_run(rerun, bench->records, bench->about, true, bench->outcomes, &err), &err);
    for (int i = 0; i < 11; i++) assert_int_equal(bench->outcomes[i].fate, i == 5 ? FATE_QUARANTINED : FATE_STORED);
    assert_contains(bench->outcomes[5].error, "something is wrong");
    assert_int_equal(number(bench, "SELECT COUNT(DISTINCT _offset) FROM stocks"), 10);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM stocks"), 10);
    assert_int_equal(number(bench, "SELECT id FROM fdp_quarantine WHERE state = 'waiting'"), 6);
    rerun_free(rerun);
}

static void test_rerun_into_another_table_leaves_the_live_one_alone(void **state)
{
    struct bench *bench = *state;
    struct err err;
    change(bench, "CREATE TABLE shadow AS SELECT * FROM stocks WHERE 0");
    struct rerun *rerun = start_with(bench, not_b, bench->sink, "shadow");
    add(bench, "A", 1, 0);
    add(bench, "B", 2, 0);
    assert_ok(rerun_run(rerun, bench->records, bench->about, true, bench->outcomes, &err), &err);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM shadow WHERE id = 'A'"), 1);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM stocks"), 0);
    batch_reset(bench->records);
    assert_ok(rerun_run(rerun, bench->records, bench->about, true, bench->outcomes, &err), &err); // nothing is nothing
    rerun_free(rerun);
}

static void test_rerun_of_a_table_that_is_gone_says_so(void **state)
{
    struct bench *bench = *state;
    struct err err;
    struct rerun *rerun = start_with(bench, not_b, bench->sink, "nowhere");
    add(bench, "A", 1, 0);
    assert_status(rerun_run(rerun, bench->records, bench->about, true, bench->outcomes, &err), FATAL, &err, "nowhere");
    rerun_free(rerun);
}

// --- Rebuild ---

static void append(struct bench *bench, const char *key, double price)
{
    struct err err;
    struct batch *records = batch_new(&record_row_type, 1);
    uint32_t row = batch_row_begin(records);
    batch_set_slice(records, RECORD_KEY, row, slice_of(key));
    batch_set_slice(records, RECORD_VALUE, row, tick(bench, key, price, &records->arena));
    batch_set_int64(records, RECORD_TIMESTAMP, row, clock_now_us());
    batch_row_commit(records);
    assert_ok(bench->world.stream->ops->append(bench->world.stream, "tickers.stocks", records, &err), &err);
    assert_ok(bench->world.stream->ops->flush(bench->world.stream, INT64_MAX, &err), &err);
    batch_free(records);
}

static void remember(void *context, int64_t done, int64_t total)
{
    int64_t *last = context;
    assert_true(done >= last[0] && done <= total);
    last[0] = done;
    last[1] = total;
}

static void test_rebuild_reads_the_stretch_and_no_more(void **state)
{
    struct bench *bench = *state;
    struct err err;
    change(bench, "CREATE TABLE shadow AS SELECT * FROM stocks WHERE 0");
    rerun_free(start_with(bench, not_b, bench->sink, NULL));
    static const char *const keys[] = {"A", "B", "C", "D", "E"};
    struct rebuild_partition partitions[3];
    int64_t expected = 0, progress[2] = {0, 0};
    for (int i = 0; i < 40; i++) append(bench, keys[i % 5], i == 20 ? POISON : i);
    for (int p = 0; p < 3; p++) {
        struct stream_watermarks marks;
        assert_ok(bench->world.stream->ops->watermarks(bench->world.stream, "tickers.stocks", p, &marks, &err), &err);
        int64_t from = marks.high > 2 ? 1 : 0, to = marks.high > 2 ? marks.high - 1 : marks.high;
        partitions[p] =
            (struct rebuild_partition){.topic = "tickers.stocks", .partition = p, .source = 50 + p, .from_offset = from, .to_offset = to};
        expected += to - from;
    }
    struct rebuild_summary summary;
    struct rebuild_params params = {.stream = bench->world.stream,
                                    .pipeline = bench->pipeline,
                                    .sink = bench->sink,
                                    .into = "shadow",
                                    .partitions = partitions,
                                    .partition_count = 3,
                                    .batch_rows = 7,
                                    .progress = remember,
                                    .context = progress};
    assert_ok(rebuild(&params, &summary, &err), &err);
    assert_int_equal(summary.read, expected);
    assert_int_equal(summary.stored + summary.filtered + summary.refused, expected);
    assert_true(summary.filtered > 0);
    assert_int_equal(summary.refused, 1);
    assert_contains(summary.why, "magic");
    assert_int_equal(progress[0], expected);
    assert_int_equal(progress[1], expected);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM shadow"), summary.stored);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM (SELECT DISTINCT _source, _offset FROM shadow)"), summary.stored);
    assert_int_equal(number(bench, "SELECT COUNT(*) FROM shadow WHERE _source BETWEEN 50 AND 52"), summary.stored);
    params.partition_count = 0;
    params.progress = NULL;
    assert_ok(rebuild(&params, &summary, &err), &err);
    assert_int_equal(summary.read, 0);
}

// --- Preflight ---

struct problems {
    uint32_t count;
    char text[2][ERR_TEXT_BYTES];
};

static void keep_problem(void *context, uint32_t route, const char *text)
{
    struct problems *problems = context;
    assert_true(route < 3);
    if (problems->count < 2) snprintf(problems->text[problems->count], ERR_TEXT_BYTES, "%s", text);
    problems->count++;
}

static struct problems try_routes(struct bench *bench, const char *routes)
{
    struct err err;
    struct problems problems = {0};
    assert_ok(option_load_set(&config_options, &bench->world.bed.values, routes, "test", &err), &err);
    uint32_t count = preflight_routes(bench->world.bed.config, bench->sink, keep_problem, &problems);
    assert_int_equal(count, problems.count);
    return problems;
}

static void test_preflight_names_missing_columns_and_what_adds_them(void **state)
{
    struct bench *bench = *state;
    change(bench, "CREATE TABLE narrow (id TEXT NOT NULL, Price DOUBLE NOT NULL, _source INTEGER, _offset BIGINT)");
    struct problems problems =
        try_routes(bench, "processing.routes=[{topic: tickers.stocks, table: stocks}, {topic: tickers.stocks, table: narrow,"
                          " select: 'SELECT id, price, time, exchange FROM tick'}, {topic: tickers.crypto, table: nowhere}]");
    assert_int_equal(problems.count, 2);
    assert_contains(problems.text[0], "processing.routes[1]: the table narrow lacks the columns time, exchange");
    assert_contains(problems.text[0],
                    "ALTER TABLE \"narrow\" ADD COLUMN \"time\" TIMESTAMP; ALTER TABLE \"narrow\" ADD COLUMN \"exchange\" TEXT");
    assert_contains(problems.text[1], "processing.routes[2]");
    assert_contains(problems.text[1], "no table nowhere");
    change(bench, strstr(problems.text[0], "ALTER"));
    problems = try_routes(
        bench, "processing.routes=[{topic: tickers.stocks, table: narrow, select: 'SELECT id, price, time, exchange FROM tick'}]");
    assert_int_equal(problems.count, 0);
}

static void test_preflight_does_not_blame_the_table_for_a_wrong_select(void **state)
{
    struct bench *bench = *state;
    struct problems problems =
        try_routes(bench, "processing.routes=[{topic: tickers.stocks, table: stocks, select: 'SELECT id, price AS cost, time FROM tick'},"
                          " {topic: tickers.bonds, table: stocks}]");
    assert_int_equal(problems.count, 2);
    assert_contains(problems.text[0], "cost");
    assert_null(strstr(problems.text[0], "ALTER"));
    assert_contains(problems.text[1], "tickers.bonds");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_rerun_without_write_tells_what_would_become_of_each),
        TEST(test_rerun_settles_entries_with_their_rows),
        TEST(test_rerun_cuts_out_the_row_that_the_store_refuses),
        TEST(test_rerun_divides_what_is_refused_without_a_reason),
        TEST(test_rerun_into_another_table_leaves_the_live_one_alone),
        TEST(test_rerun_of_a_table_that_is_gone_says_so),
        TEST(test_rebuild_reads_the_stretch_and_no_more),
        TEST(test_preflight_names_missing_columns_and_what_adds_them),
        TEST(test_preflight_does_not_blame_the_table_for_a_wrong_select),
    };
    return cmocka_run_group_tests_name("processing/rerun", tests, NULL, NULL);
}
