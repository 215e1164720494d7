// SPDX-License-Identifier: Apache-2.0
// What every back end of storage/sink.h promises. Runs against SQLite, and against PostgreSQL where FDP_TEST_SINK names a server:
// postgresql://USER@HOST:PORT/DATABASE of a role that may create schemas.
#include "fixture.h"

#include <float.h>

// --- Claim ---

static void test_claim_first_starts_at_the_given_offset(void **state)
{
    struct store *store = *state;
    struct sink_partition partition = claim(store->sink, 17);
    assert_int_equal(partition.first_offset, 17);
    assert_int_equal(partition.next_offset, 17);
    assert_int_equal(partition.epoch, 1);
}

static void test_claim_again_raises_the_epoch_and_tells_the_stored_position(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition first = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &first, 3);
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&first, 3, 0), &fault, &err), &err);
    struct sink_partition second = claim(store->sink, 99);
    assert_int_equal(second.id, first.id);
    assert_int_equal(second.epoch, 2);
    assert_int_equal(second.first_offset, 0);
    assert_int_equal(second.next_offset, 3);
    assert_int_equal(second.stored, 3);
    assert_int_equal(second.last_timestamp_us, 42);
    assert_int_equal(second.last_crc, 4000000000u);
    batch_free(rows);
}

static void test_claim_after_doubt_tells_the_truth_and_takes_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition mine = claim(store->sink, 0), asked = mine;
    struct batch *rows = rows_of(store->type, &mine, 2);
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&mine, 2, 0), &fault, &err), &err);
    assert_ok(store->sink->ops->claim(store->sink, &asked, &err), &err);
    assert_int_equal(asked.epoch, mine.epoch);
    assert_int_equal(asked.next_offset, 2);
    struct sink_partition others = claim(store->sink, 0);
    assert_ok(store->sink->ops->claim(store->sink, &asked, &err), &err);
    assert_int_equal(asked.epoch, others.epoch);
    assert_int_not_equal(asked.epoch, mine.epoch);
    batch_free(rows);
}

static void test_claim_after_doubt_of_a_partition_that_is_gone_says_so(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_partition mine = claim(store->sink, 0);
    change(store->sink, "DELETE FROM fdp_offsets");
    assert_status(store->sink->ops->claim(store->sink, &mine, &err), FATAL, &err, "partition 1 of tickers.stocks");
}

static void test_claim_keeps_groups_topics_and_partitions_apart(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_partition all[] = {{.group = "a", .topic = "t", .partition = 0},
                                   {.group = "b", .topic = "t", .partition = 0},
                                   {.group = "a", .topic = "u'\"\\", .partition = 0},
                                   {.group = "a", .topic = "t", .partition = 1}};
    for (size_t i = 0; i < 4; i++) assert_ok(store->sink->ops->claim(store->sink, &all[i], &err), &err);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(all[i].epoch, 1);
        for (size_t j = 0; j < i; j++) assert_int_not_equal(all[i].id, all[j].id);
    }
}

// --- Write ---

struct bytes {
    char data[16];
    size_t size;
    bool null;
};

static bool keep_bytes(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    struct bytes *bytes = context;
    bytes->null = cells[0].type == SINK_NULL;
    bytes->size = cells[0].text.size;
    if (!bytes->null && bytes->size <= sizeof bytes->data && bytes->size) memcpy(bytes->data, cells[0].text.data, bytes->size);
    return false;
}

static void test_write_stores_rows_rejects_and_position_together(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 5);
    struct batch *rows = rows_of(store->type, &partition, 2), *rejects = batch_new(&reject_row_type, 1);
    add_reject(rejects, &partition, 7);
    assert_ok(write_rows(store->sink, rows, rejects, advance_of(&partition, 2, 1), &fault, &err), &err);
    assert_int_equal(fault.kind, SINK_FAULT_NONE);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM finance_data_ingress"), 2);
    assert_int_equal(number(store->sink,
                            "SELECT COUNT(*) FROM fdp_quarantine WHERE topic = 'tickers.stocks' AND partition = 1 AND _offset = 7 AND"
                            " state = 'waiting' AND rule = 'decode' AND key IS NULL AND quarantined_at IS NOT NULL"),
                     1);
    struct bytes value;
    assert_ok(store->sink->ops->query(store->sink, "SELECT value FROM fdp_quarantine", keep_bytes, &value, &err), &err);
    assert_int_equal(value.size, 2);
    assert_memory_equal(value.data, "\0\1", 2);
    assert_int_equal(number(store->sink, "SELECT next_offset FROM fdp_offsets"), 8);
    batch_free(rows);
    batch_free(rejects);
}

static void test_write_of_rejects_by_another_connection_than_the_claims(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct sink *other = store_open(store);
    struct batch *rejects = batch_new(&reject_row_type, 1);
    add_reject(rejects, &partition, 0);
    struct sink_advance advance = advance_of(&partition, 0, 1);
    struct sink_write write = {.rejects = rejects, .advances = &advance, .advance_count = 1};
    assert_ok(other->ops->write(other, &write, &fault, &err), &err);
    assert_int_equal(number(other, "SELECT COUNT(*) FROM fdp_quarantine WHERE topic = 'tickers.stocks' AND partition = 1"), 1);
    batch_free(rejects);
    sink_close(other);
}

static void test_write_of_positions_alone(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *none = batch_new(store->type, 1);
    struct sink_advance advance = advance_of(&partition, 0, 0);
    advance.to_offset = advance.skipped = 9;
    assert_ok(write_rows(store->sink, none, NULL, advance, &fault, &err), &err);
    assert_int_equal(number(store->sink, "SELECT skipped FROM fdp_offsets WHERE next_offset = 9"), 9);
    batch_free(none);
}

static void test_write_of_nothing_is_fine(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_write write = {0};
    assert_ok(store->sink->ops->write(store->sink, &write, &fault, &err), &err);
}

// Several tables, several partitions, one of the tables without rows.
static void test_write_of_several_tables(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partitions[3];
    struct sink_advance advances[3];
    struct batch *rows[3];
    static const char *const names[] = {"stocks", "crypto", "currency"};
    struct sink_table tables[3];
    for (int i = 0; i < 3; i++) {
        partitions[i] = (struct sink_partition){.group = "processing", .topic = "t", .partition = i};
        assert_ok(store->sink->ops->claim(store->sink, &partitions[i], &err), &err);
        uint32_t count = i == 1 ? 0 : 700;
        rows[i] = rows_of(store->type, &partitions[i], count);
        advances[i] = advance_of(&partitions[i], count, 0);
        tables[i] = (struct sink_table){names[i], rows[i]};
    }
    struct sink_write write = {tables, 3, NULL, advances, 3};
    assert_ok(store->sink->ops->write(store->sink, &write, &fault, &err), &err);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 700);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM crypto"), 0);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM currency"), 700);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM finance_data_ingress WHERE asset = 'currency'"), 700);
    for (int i = 0; i < 3; i++) batch_free(rows[i]);
}

static void test_write_from_another_position_is_fenced_and_writes_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition old = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &old, 1);
    claim(store->sink, 0); // a successor
    assert_status(write_rows(store->sink, rows, NULL, advance_of(&old, 1, 0), &fault, &err), RETRY, &err, "taken over");
    assert_int_equal(fault.kind, SINK_FAULT_FENCED);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 0);
    batch_free(rows);
}

static void test_write_same_batch_twice_is_refused(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, 2);
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, 2, 0), &fault, &err), &err);
    assert_int_equal(write_rows(store->sink, rows, NULL, advance_of(&partition, 2, 0), &fault, &err), RETRY);
    assert_int_equal(fault.kind, SINK_FAULT_FENCED);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 2);
    batch_free(rows);
}

// One of two partitions was taken: neither moves.
static void test_write_fenced_in_one_partition_moves_none(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition a = {.group = "processing", .topic = "a"}, b = {.group = "processing", .topic = "b"};
    assert_ok(store->sink->ops->claim(store->sink, &a, &err), &err);
    assert_ok(store->sink->ops->claim(store->sink, &b, &err), &err);
    struct sink_partition taken = b;
    taken.epoch = 0;
    assert_ok(store->sink->ops->claim(store->sink, &taken, &err), &err);
    struct batch *rows = batch_new(store->type, 2);
    add_row(rows, &a, 0);
    add_row(rows, &b, 0);
    struct sink_advance advances[] = {advance_of(&a, 1, 0), advance_of(&b, 1, 0)};
    struct sink_table table = {"stocks", rows};
    struct sink_write write = {&table, 1, NULL, advances, 2};
    assert_int_equal(store->sink->ops->write(store->sink, &write, &fault, &err), RETRY);
    assert_int_equal(fault.kind, SINK_FAULT_FENCED);
    assert_int_equal(number(store->sink, "SELECT SUM(next_offset) FROM fdp_offsets"), 0);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 0);
    batch_free(rows);
}

static void test_write_constraint_names_the_row_and_writes_nothing(void **state)
{
    enum { ROWS = 5000, BAD = 3210 };
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, ROWS), *other = rows_of(store->type, &partition, 1);
    uint32_t price = column_of(store->type, "price");
    rows->columns[price].null[BAD] = 1;
    struct sink_advance advance = advance_of(&partition, ROWS, 0);
    struct sink_table tables[] = {{"crypto", other}, {"stocks", rows}};
    struct sink_write write = {tables, 2, NULL, &advance, 1};
    assert_status(store->sink->ops->write(store->sink, &write, &fault, &err), REJECT, &err, "price");
    assert_contains(err.text, "stocks");
    assert_fault(&fault, SINK_FAULT_ROW, 1, BAD);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM finance_data_ingress"), 0);
    rows->columns[price].null[BAD] = 0;
    assert_ok(store->sink->ops->write(store->sink, &write, &fault, &err), &err);
    batch_free(rows);
    batch_free(other);
}

static void test_write_check_constraint_of_the_first_and_the_last_row(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    change(store->sink,
           "DROP VIEW IF EXISTS finance_data_readable; DROP VIEW finance_data_ingress; DROP TABLE stocks;"
           "CREATE TABLE stocks (id TEXT, price DOUBLE PRECISION CHECK (price > 0), time TIMESTAMP, _source INTEGER, _offset BIGINT)");
    struct row_type *type;
    assert_ok(store->sink->ops->table(store->sink, "stocks", &store->arena, &type, &err), &err);
    struct sink_partition partition = claim(store->sink, 0);
    for (uint32_t bad = 0; bad < 100; bad += 99) {
        struct batch *rows = rows_of(type, &partition, 100);
        rows->columns[1].float64[bad] = -1;
        assert_int_equal(write_rows(store->sink, rows, NULL, advance_of(&partition, 100, 0), &fault, &err), REJECT);
        assert_fault(&fault, SINK_FAULT_ROW, 0, bad);
        batch_free(rows);
    }
}

static void test_write_of_a_reject_that_cannot_be_stored_names_it(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, 1), *rejects = batch_new(&reject_row_type, 3);
    for (int i = 0; i < 3; i++) add_reject(rejects, &partition, 1 + i);
    rejects->columns[REJECT_RULE].null[2] = 1;
    assert_int_equal(write_rows(store->sink, rows, rejects, advance_of(&partition, 1, 3), &fault, &err), REJECT);
    assert_fault(&fault, SINK_FAULT_REJECT, 0, 2);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 0);
    batch_free(rows);
    batch_free(rejects);
}

// --- Tables that are not as they should be ---

#define DROP_VIEWS "DROP VIEW IF EXISTS finance_data_readable; DROP VIEW finance_data_ingress; "

static void test_write_to_a_missing_table_is_a_fault_of_the_table(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, 2), *none = batch_new(store->type, 1);
    struct sink_advance advance = advance_of(&partition, 2, 0);
    struct sink_table tables[] = {{"stocks", none}, {"bonds", rows}};
    struct sink_write write = {tables, 2, NULL, &advance, 1};
    assert_status(store->sink->ops->write(store->sink, &write, &fault, &err), REJECT, &err, "bonds");
    assert_fault(&fault, SINK_FAULT_TABLE, 1, 0);
    batch_free(rows);
    batch_free(none);
}

static void test_write_goes_on_once_a_missing_column_is_there(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, 2);
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, 2, 0), &fault, &err), &err);
    partition.next_offset = 2;
    change(store->sink, DROP_VIEWS "ALTER TABLE stocks DROP COLUMN price_hint");
    for (int i = 0; i < 2; i++) {
        assert_status(write_rows(store->sink, rows, NULL, advance_of(&partition, 2, 0), &fault, &err), REJECT, &err,
                      "table stocks has no column price_hint; run: ALTER TABLE \"stocks\" ADD COLUMN \"price_hint\" ");
        assert_fault(&fault, SINK_FAULT_TABLE, 0, 0);
    }
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 2);
    change(store->sink, strstr(err.text, "ALTER TABLE"));
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, 2, 0), &fault, &err), &err);
    batch_free(rows);
}

// Otherwise every single row would go to the quarantine.
static void test_write_without_a_column_that_must_not_be_null_is_a_fault_of_the_table(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct row_type *type;
    struct sink_partition partition = claim(store->sink, 0);
    change(store->sink, "CREATE TABLE mine (id TEXT, price DOUBLE PRECISION, time TIMESTAMP, _source INTEGER, _offset BIGINT)");
    assert_ok(store->sink->ops->table(store->sink, "mine", &store->arena, &type, &err), &err);
    struct batch *rows = rows_of(type, &partition, 2);
    struct sink_advance advance = advance_of(&partition, 2, 0);
    struct sink_table table = {"mine", rows};
    struct sink_write write = {&table, 1, NULL, &advance, 1};
    change(store->sink, "DROP TABLE mine; CREATE TABLE mine (id TEXT, price DOUBLE PRECISION, time TIMESTAMP, wanted TEXT NOT NULL,"
                        " _source INTEGER, _offset BIGINT)");
    assert_status(store->sink->ops->write(store->sink, &write, &fault, &err), REJECT, &err, "wanted");
    assert_fault(&fault, SINK_FAULT_TABLE, 0, 0);
    batch_free(rows);
}

// A reloaded configuration may bring another row type at the same place in memory.
static void test_write_knows_row_types_by_what_is_in_them(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct row_column columns[3];
    struct row_type type = {"stocks", 3, columns};
    static const char *const names[2][3] = {{"id", "price", "time"}, {"time", "id", "price"}};
    static const enum column_type types[2][3] = {{COLUMN_TEXT, COLUMN_DOUBLE, COLUMN_TIMESTAMP},
                                                 {COLUMN_TIMESTAMP, COLUMN_TEXT, COLUMN_DOUBLE}};
    struct sink_partition partition = claim(store->sink, 0);
    for (int i = 0; i < 2; i++) {
        for (int c = 0; c < 3; c++) columns[c] = (struct row_column){.name = names[i][c], .type = types[i][c]};
        struct batch *rows = rows_of(&type, &partition, 1);
        assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, 1, 0), &fault, &err), &err);
        partition.next_offset++;
        batch_free(rows);
    }
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks WHERE id = 'AAPL' AND price > 305 AND price < 306"), 2);
}

// --- Values ---

struct cells {
    uint32_t count;
    struct sink_cell cell[16];
    char text[16][64];
};

static bool keep_cells(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)names;
    struct cells *all = context;
    for (uint32_t i = 0; i < count && all->count < 16; i++) {
        struct sink_cell *cell = &all->cell[all->count];
        *cell = cells[i];
        if (cell->text.size < sizeof all->text[0] && cell->text.size) memcpy(all->text[all->count], cell->text.data, cell->text.size);
        cell->text.data = all->text[all->count++];
    }
    return true;
}

static void assert_cell_text(const struct cells *cells, uint32_t at, struct slice text)
{
    assert_int_equal(cells->cell[at].type, SINK_TEXT);
    assert_int_equal(cells->cell[at].text.size, text.size);
    assert_memory_equal(cells->cell[at].text.data, text.data, text.size);
}

static void test_write_keeps_texts_as_they_are_and_empty_apart_from_null(void **state)
{
    static const struct slice texts[] = {
        {"", 0},
        {"\x01\t\r\n\\N'\"$", 9},
        {"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 19},
        {"\xe4\xbb\xb7\xe6\xa0\xbc \xf0\x9f\x93\x88 \xd8\xb3\xd8\xb9\xd8\xb1", 18},
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, TEXTS + 1);
    uint32_t exchange = column_of(store->type, "exchange");
    for (uint32_t i = 0; i < TEXTS; i++) batch_set_slice(rows, exchange, i, texts[i]);
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, TEXTS + 1, 0), &fault, &err), &err);
    struct cells cells = {0};
    assert_ok(store->sink->ops->query(store->sink, "SELECT exchange FROM stocks ORDER BY _offset", keep_cells, &cells, &err), &err);
    for (uint32_t i = 0; i < TEXTS; i++) assert_cell_text(&cells, i, texts[i]);
    assert_int_equal(cells.cell[TEXTS].type, SINK_NULL);
    batch_free(rows);
}

static void test_write_keeps_bytes_as_they_are_and_empty_apart_from_null(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    char all[256];
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rejects = batch_new(&reject_row_type, 1), *none = batch_new(store->type, 1);
    add_reject(rejects, &partition, 0);
    batch_set_slice(rejects, REJECT_KEY, 0, (struct slice){NULL, 0});
    batch_set_slice(rejects, REJECT_VALUE, 0, (struct slice){all, sizeof all});
    batch_set_int64(rejects, REJECT_TIMESTAMP, 0, 1786622589123456);
    batch_set_int64(rejects, REJECT_SCHEMA_ID, 0, INT32_MAX);
    assert_ok(write_rows(store->sink, none, rejects, advance_of(&partition, 0, 1), &fault, &err), &err);
    struct bytes bytes;
    assert_ok(store->sink->ops->query(store->sink, "SELECT value FROM fdp_quarantine", keep_bytes, &bytes, &err), &err);
    assert_int_equal(bytes.size, sizeof all);
    assert_ok(store->sink->ops->query(store->sink, "SELECT key FROM fdp_quarantine", keep_bytes, &bytes, &err), &err);
    assert_false(bytes.null);
    assert_int_equal(bytes.size, 0);
    assert_ok(store->sink->ops->query(store->sink, "SELECT headers FROM fdp_quarantine", keep_bytes, &bytes, &err), &err);
    assert_true(bytes.null);
    assert_int_equal(number(store->sink, "SELECT timestamp FROM fdp_quarantine"), 1786622589123456);
    assert_int_equal(number(store->sink, "SELECT schema_id FROM fdp_quarantine"), INT32_MAX);
    batch_free(rejects);
    batch_free(none);
}

static void test_write_keeps_extreme_numbers_and_times(void **state)
{
    static const double doubles[] = {DBL_MAX, -DBL_MAX, DBL_MIN, 4.9406564584124654e-324, 0.0, 0.1, 305.76};
    static const int64_t times[] = {0, -1, 253402300799999999, -62135596800000000, 1786622589123457, -8520336000000000, 1};
    static const int64_t integers[] = {INT32_MAX, INT32_MIN, 0, -1, 1, 65536, -65537};
    enum { VALUES = sizeof doubles / sizeof *doubles };
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, VALUES);
    for (uint32_t i = 0; i < VALUES; i++) {
        batch_set_double(rows, column_of(store->type, "price"), i, doubles[i]);
        batch_set_int64(rows, column_of(store->type, "time"), i, times[i]);
        batch_set_int64(rows, column_of(store->type, "market_hours"), i, integers[i]);
    }
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, VALUES, 0), &fault, &err), &err);
    for (uint32_t i = 0; i < VALUES; i++) {
        char sql[128];
        struct cells cells = {0};
        snprintf(sql, sizeof sql, "SELECT price, time, market_hours FROM stocks WHERE _offset = %u", i);
        assert_ok(store->sink->ops->query(store->sink, sql, keep_cells, &cells, &err), &err);
        assert_int_equal(cells.cell[0].type, SINK_DOUBLE);
        assert_memory_equal(&cells.cell[0].float64, &doubles[i], sizeof(double));
        if (cells.cell[1].integer != times[i]) fail_msg("time %lld is %lld", (long long)times[i], (long long)cells.cell[1].integer);
        assert_int_equal(cells.cell[2].integer, integers[i]);
    }
    batch_free(rows);
}

// Texts that are longer than any buffer, at the beginning, in the middle and at the end of ordinary rows.
static void test_write_takes_huge_texts(void **state)
{
    enum { HUGE = 5 << 20, ROWS = 1200 };
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, ROWS);
    char *text = malloc(HUGE);
    memset(text, 'x', HUGE);
    uint32_t hint = column_of(store->type, "price_hint");
    static const uint32_t sizes[][2] = {{0, HUGE},    {1, 65536},   {2, 65535},   {600, HUGE},
                                        {601, 70000}, {602, 60000}, {603, 65000}, {ROWS - 1, HUGE}};
    int64_t total = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        batch_set_slice(rows, hint, sizes[i][0], (struct slice){text, sizes[i][1]});
        total += sizes[i][1];
    }
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, ROWS, 0), &fault, &err), &err);
    assert_int_equal(number(store->sink, "SELECT SUM(LENGTH(price_hint)) FROM stocks"), total);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks WHERE id = 'AAPL'"), ROWS);
    assert_int_equal(number(store->sink, "SELECT SUM(_offset) FROM stocks"), (int64_t)ROWS * (ROWS - 1) / 2);
    free(text);
    batch_free(rows);
}

// --- Redrive ---

struct seen {
    uint32_t partitions, wrong;
    bool deep;
    struct reconcile_partition last;
};

static void see(void *context, const struct reconcile_partition *partition)
{
    struct seen *seen = context;
    seen->partitions++;
    seen->wrong += !reconcile_holds(partition, seen->deep);
    seen->last = *partition;
}

static struct seen reconciled(struct sink *sink, bool deep, int64_t *strays)
{
    static const char *const tables[] = {"stocks", "crypto", "currency"};
    struct err err;
    struct seen seen = {.deep = deep};
    assert_ok(reconcile(sink, tables, 3, deep, see, &seen, strays, &err), &err);
    return seen;
}

static void quarantine(struct store *store, struct sink_partition *partition, uint32_t count)
{
    struct err err;
    struct sink_fault fault;
    struct batch *rejects = batch_new(&reject_row_type, count);
    for (uint32_t i = 0; i < count; i++) add_reject(rejects, partition, partition->next_offset + i);
    struct sink_advance advance = advance_of(partition, 0, count);
    struct sink_write write = {.rejects = rejects, .advances = &advance, .advance_count = 1};
    assert_ok(store->sink->ops->write(store->sink, &write, &fault, &err), &err);
    partition->next_offset += count;
    batch_free(rejects);
}

static enum status redrive(struct store *store, const struct sink_partition *partition, const struct sink_redrive *redrives, uint32_t count,
                           struct sink_fault *fault, struct err *err)
{
    struct batch *rows = batch_new(store->type, count);
    for (uint32_t i = 0; i < count; i++)
        if (!redrives[i].filtered) add_row(rows, partition, i);
    struct sink_table table = {"stocks", rows};
    struct sink_write write = {.tables = &table, .table_count = 1, .redrives = redrives, .redrive_count = count};
    enum status status = store->sink->ops->write(store->sink, &write, fault, err);
    batch_free(rows);
    return status;
}

static void test_write_redrives_count_anew_and_once(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    int64_t strays;
    struct sink_partition partition = claim(store->sink, 0);
    quarantine(store, &partition, 3);
    int64_t first = number(store->sink, "SELECT MIN(id) FROM fdp_quarantine");
    struct sink_redrive redrives[] = {{first, false}, {first + 1, true}};
    assert_ok(redrive(store, &partition, redrives, 2, &fault, &err), &err);
    struct seen seen = reconciled(store->sink, true, &strays);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(seen.last.position.stored, 1);
    assert_int_equal(seen.last.position.filtered, 1);
    assert_int_equal(seen.last.position.quarantined, 1);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM fdp_quarantine WHERE state = 'redriven' AND changed_at IS NOT NULL"), 2);

    struct sink_redrive again[] = {{first + 2, false}, {first, false}};
    assert_status(redrive(store, &partition, again, 2, &fault, &err), RETRY, &err, "not waiting");
    assert_int_equal(fault.kind, SINK_FAULT_FENCED);
    assert_int_equal(reconciled(store->sink, true, &strays).wrong, 0);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM fdp_quarantine WHERE state = 'waiting'"), 1);
}

static void test_write_redrive_of_what_is_not_there_is_fenced(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct sink_redrive redrives[] = {{4711, true}};
    assert_int_equal(redrive(store, &partition, redrives, 1, &fault, &err), RETRY);
    assert_int_equal(fault.kind, SINK_FAULT_FENCED);
}

// --- Exec, table, query, migrate ---

static void test_exec_is_all_or_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    claim(store->sink, 0);
    assert_int_equal(store->sink->ops->exec(store->sink, "UPDATE fdp_offsets SET filtered = 7; UPDATE nothing SET x = 1", &err), FATAL);
    assert_contains(err.text, "nothing");
    assert_int_equal(err.code, ERR_STORAGE);
    assert_int_equal(number(store->sink, "SELECT filtered FROM fdp_offsets"), 0);
    change(store->sink, "UPDATE fdp_offsets SET filtered = 7; UPDATE fdp_offsets SET skipped = 8;");
    assert_int_equal(number(store->sink, "SELECT filtered + skipped FROM fdp_offsets"), 15);
}

static void test_table_gives_columns_and_types_without_provenance(void **state)
{
    struct store *store = *state;
    struct err err;
    struct row_type *none;
    static const char *const names[] = {"id",           "price",      "time",       "change",   "change_percent", "exchange",
                                        "market_hours", "price_hint", "source_api", "event_id", "quote_type",     "ingestion_ts"};
    for (uint32_t i = 0; i < 12; i++) assert_string_equal(store->type->columns[i].name, names[i]);
    assert_int_equal(row_type_column(store->type, SLICE("_source")), -1);
    assert_int_equal(row_type_column(store->type, SLICE("_offset")), -1);
    assert_int_equal(store->type->columns[column_of(store->type, "time")].type, COLUMN_TIMESTAMP);
    assert_int_equal(store->type->columns[column_of(store->type, "price")].type, COLUMN_DOUBLE);
    assert_int_equal(store->type->columns[column_of(store->type, "market_hours")].type, COLUMN_INT64);
    assert_true(store->type->columns[column_of(store->type, "id")].required);
    assert_false(store->type->columns[column_of(store->type, "change")].required);
    assert_status(store->sink->ops->table(store->sink, "bonds", &store->arena, &none, &err), REJECT, &err, "no table bonds");
    assert_int_equal(err.code, ERR_STORAGE);
    assert_status(store->sink->ops->table(store->sink, "finance_data_ingress", &store->arena, &none, &err), REJECT, &err, "is a view");
    assert_status(store->sink->ops->table(store->sink, "a'b\"; DROP TABLE stocks", &store->arena, &none, &err), REJECT, &err, "no table");
}

static void test_table_without_provenance_says_what_to_run(void **state)
{
    struct store *store = *state;
    struct err err;
    struct row_type *type;
    change(store->sink, "CREATE TABLE mine (x INTEGER)");
    assert_status(store->sink->ops->table(store->sink, "mine", &store->arena, &type, &err), REJECT, &err, "_source");
    change(store->sink, strstr(err.text, "ALTER TABLE"));
    assert_ok(store->sink->ops->table(store->sink, "mine", &store->arena, &type, &err), &err);
    assert_int_equal(type->column_count, 1);
}

static void test_query_only_reads_one_statement(void **state)
{
    struct store *store = *state;
    struct err err;
    int64_t value;
    static const struct {
        const char *sql, *fragment;
    } wrong[] = {
        {"DELETE FROM stocks", "only reading"},
        {"SELECT 1; SELECT 2", "more than one"},
        {"  ", "no statement"},
        {"SELEC 1", "syntax error"},
        {"SELECT x FROM stocks", "column"},
        {"SELECT abs(-9223372036854775807 - 1)", "not take"},
        {"BEGIN", "only reading"},
        {"COMMIT", "only reading"},
        {"CREATE TABLE x (y INTEGER)", "only reading"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_status(store->sink->ops->query(store->sink, wrong[i].sql, read_one, &value, &err), REJECT, &err, wrong[i].fragment);
        assert_int_equal(err.code, ERR_STORAGE);
    }
    assert_int_equal(number(store->sink, "SELECT 1; "), 1);
}

static void test_query_gives_typed_cells_with_names(void **state)
{
    struct store *store = *state;
    struct err err;
    struct cells cells = {0};
    static const char sql[] =
        "SELECT 1 AS a, CAST(-1.5e300 AS DOUBLE PRECISION) AS b, 'x' AS c, NULL AS d, COUNT(*) AS e, SUM(_offset) AS f, CAST('y' AS TEXT) AS g FROM stocks";
    assert_ok(store->sink->ops->query(store->sink, sql, keep_cells, &cells, &err), &err);
    assert_int_equal(cells.count, 7);
    static const enum sink_cell_type types[] = {SINK_INTEGER, SINK_DOUBLE, SINK_TEXT, SINK_NULL, SINK_INTEGER, SINK_NULL, SINK_TEXT};
    for (size_t i = 0; i < 7; i++) assert_int_equal(cells.cell[i].type, types[i]);
    assert_true(cells.cell[1].float64 == -1.5e300);
}

static bool stop_at_three(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)cells;
    assert_string_equal(names[0], "n");
    return ++*(int *)context < 3;
}

static void test_query_stops_when_the_caller_has_enough(void **state)
{
    struct store *store = *state;
    struct err err;
    int rows = 0;
    static const char sql[] =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000000) SELECT n FROM c LIMIT 100000000";
    assert_ok(store->sink->ops->query(store->sink, sql, stop_at_three, &rows, &err), &err);
    assert_int_equal(rows, 3);
    assert_int_equal(number(store->sink, "SELECT 5"), 5);
}

static void test_query_sees_what_others_committed_and_nothing_else(void **state)
{
    struct store *store = *state;
    struct sink *other = store_open(store);
    claim(store->sink, 3);
    assert_int_equal(number(other, "SELECT next_offset FROM fdp_offsets"), 3);
    sink_close(other);
}

static void test_migrate_twice_changes_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    claim(store->sink, 3);
    struct sink *second = store_open(store);
    assert_ok(second->ops->migrate(second, &err), &err);
    assert_int_equal(number(second, "SELECT next_offset FROM fdp_offsets"), 3);
    sink_close(second);
}

static void test_open_unknown_scheme_names_the_known_ones(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    assert_status(store_open_at(store, "mysql://me:secret@host", &sink, &err), FATAL, &err, "sqlite:");
    assert_contains(err.text, "mysql");
    assert_null(strstr(err.text, "secret"));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_null(sink);
}

// --- Reconciliation ---

static void fill(struct store *store)
{
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 10);
    struct batch *rows = rows_of(store->type, &partition, 5);
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, 5, 0), &fault, &err), &err);
    batch_free(rows);
}

static void test_reconcile_holds_after_a_write(void **state)
{
    struct store *store = *state;
    int64_t strays = -1;
    fill(store);
    struct seen seen = reconciled(store->sink, true, &strays);
    assert_int_equal(seen.partitions, 1);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(seen.last.rows, 5);
    assert_int_equal(strays, 0);
    assert_string_equal(seen.last.position.topic, "tickers.stocks");
    assert_int_equal(reconciled(store->sink, false, NULL).wrong, 0);
}

static void test_reconcile_finds_planted_errors(void **state)
{
    static const struct {
        const char *sql;
        bool shallow_sees_it;
        int64_t strays;
    } planted[] = {
        {"DELETE FROM stocks WHERE _offset = 12", false, 0},
        {"INSERT INTO stocks SELECT * FROM stocks WHERE _offset = 12", false, 0},
        {"INSERT INTO crypto SELECT * FROM stocks WHERE _offset = 12; DELETE FROM stocks WHERE _offset = 11", false, 0},
        {"UPDATE stocks SET _offset = 99 WHERE _offset = 12", false, 0},
        {"UPDATE stocks SET _offset = 13 WHERE _offset = 12", false, 0},
        {"UPDATE fdp_offsets SET stored = stored + 1", true, 0},
        {"UPDATE fdp_offsets SET next_offset = next_offset + 1", true, 0},
        {"UPDATE stocks SET _source = 77 WHERE _offset = 12", false, 1},
        {"INSERT INTO fdp_quarantine (topic, partition, _source, _offset, rule, error, quarantined_at)"
         " SELECT topic, partition, id, 11, 'decode', '', CURRENT_TIMESTAMP FROM fdp_offsets",
         false, 0},
    };
    struct store *store = *state;
    fill(store);
    change(store->sink, "CREATE TABLE kept_rows AS SELECT * FROM stocks; CREATE TABLE kept_offsets AS SELECT * FROM fdp_offsets");
    for (size_t i = 0; i < sizeof planted / sizeof *planted; i++) {
        int64_t strays = -1;
        change(store->sink, planted[i].sql);
        if (!reconciled(store->sink, true, &strays).wrong) fail_msg("not found: %s", planted[i].sql);
        assert_int_equal(strays, planted[i].strays);
        assert_int_equal(reconciled(store->sink, false, NULL).wrong, planted[i].shallow_sees_it);
        change(store->sink,
               "DELETE FROM stocks; DELETE FROM crypto; INSERT INTO stocks SELECT * FROM kept_rows; DELETE FROM fdp_quarantine;"
               "DELETE FROM fdp_offsets; INSERT INTO fdp_offsets SELECT * FROM kept_offsets");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_claim_first_starts_at_the_given_offset),
        TEST(test_claim_again_raises_the_epoch_and_tells_the_stored_position),
        TEST(test_claim_after_doubt_tells_the_truth_and_takes_nothing),
        TEST(test_claim_after_doubt_of_a_partition_that_is_gone_says_so),
        TEST(test_claim_keeps_groups_topics_and_partitions_apart),
        TEST(test_write_stores_rows_rejects_and_position_together),
        TEST(test_write_of_rejects_by_another_connection_than_the_claims),
        TEST(test_write_of_positions_alone),
        TEST(test_write_of_nothing_is_fine),
        TEST(test_write_of_several_tables),
        TEST(test_write_from_another_position_is_fenced_and_writes_nothing),
        TEST(test_write_same_batch_twice_is_refused),
        TEST(test_write_fenced_in_one_partition_moves_none),
        TEST(test_write_constraint_names_the_row_and_writes_nothing),
        TEST(test_write_check_constraint_of_the_first_and_the_last_row),
        TEST(test_write_of_a_reject_that_cannot_be_stored_names_it),
        TEST(test_write_to_a_missing_table_is_a_fault_of_the_table),
        TEST(test_write_goes_on_once_a_missing_column_is_there),
        TEST(test_write_without_a_column_that_must_not_be_null_is_a_fault_of_the_table),
        TEST(test_write_knows_row_types_by_what_is_in_them),
        TEST(test_write_keeps_texts_as_they_are_and_empty_apart_from_null),
        TEST(test_write_keeps_bytes_as_they_are_and_empty_apart_from_null),
        TEST(test_write_keeps_extreme_numbers_and_times),
        TEST(test_write_takes_huge_texts),
        TEST(test_write_redrives_count_anew_and_once),
        TEST(test_write_redrive_of_what_is_not_there_is_fenced),
        TEST(test_exec_is_all_or_nothing),
        TEST(test_table_gives_columns_and_types_without_provenance),
        TEST(test_table_without_provenance_says_what_to_run),
        TEST(test_query_only_reads_one_statement),
        TEST(test_query_gives_typed_cells_with_names),
        TEST(test_query_stops_when_the_caller_has_enough),
        TEST(test_query_sees_what_others_committed_and_nothing_else),
        TEST(test_migrate_twice_changes_nothing),
        TEST(test_open_unknown_scheme_names_the_known_ones),
        TEST(test_reconcile_holds_after_a_write),
        TEST(test_reconcile_finds_planted_errors),
    };
    int failed = cmocka_run_group_tests_name("storage/sink on SQLite", tests, NULL, NULL);
    fixture_server = getenv("FDP_TEST_SINK");
    if (fixture_server) failed += cmocka_run_group_tests_name("storage/sink on PostgreSQL", tests, NULL, NULL);
    return failed;
}
