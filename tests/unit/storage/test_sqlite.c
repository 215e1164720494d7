// SPDX-License-Identifier: Apache-2.0
// The embedded store: claim, write, refusal, reconciliation.
#include "../support.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "storage/reconcile.h"
#include "storage/sink.h"

struct store {
    struct bed bed;
    struct sink *sink;
    struct arena arena;
    struct row_type *type; // of stocks
};

static struct sink *open_sink(struct store *store)
{
    struct err err;
    struct sink *sink;
    struct sink_params params = {.config = store->bed.config};
    assert_ok(sink_open(&sink, &params, &err), &err);
    return sink;
}

static int set_up(void **state)
{
    struct err err;
    struct store *store = calloc(1, sizeof *store);
    bed_open(&store->bed);
    arena_init(&store->arena, 0);
    store->sink = open_sink(store);
    assert_ok(store->sink->ops->migrate(store->sink, &err), &err);
    assert_ok(store->sink->ops->table(store->sink, "stocks", &store->arena, &store->type, &err), &err);
    *state = store;
    return 0;
}

static int tear_down(void **state)
{
    struct store *store = *state;
    sink_close(store->sink);
    arena_fini(&store->arena);
    bed_close(&store->bed);
    free(store);
    return 0;
}

static struct sink_partition claim(struct sink *sink, int64_t first)
{
    struct err err;
    struct sink_partition partition = {.group = "processing", .topic = "tickers.stocks", .partition = 1, .next_offset = first};
    assert_ok(sink->ops->claim(sink, &partition, &err), &err);
    return partition;
}

static struct batch *rows_of(const struct store *store, const struct sink_partition *partition, uint32_t count)
{
    struct batch *rows = batch_new(store->type, count ? count : 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = batch_row_begin(rows);
        batch_set_slice(rows, (uint32_t)row_type_column(store->type, SLICE("id")), row, SLICE("AAPL"));
        batch_set_double(rows, (uint32_t)row_type_column(store->type, SLICE("price")), row, 305.76);
        batch_set_int64(rows, (uint32_t)row_type_column(store->type, SLICE("time")), row, 1786622589000000);
        rows->source[row] = partition->id;
        rows->offset[row] = partition->next_offset + i;
        batch_row_commit(rows);
    }
    return rows;
}

static struct sink_advance advance_of(const struct sink_partition *partition, int64_t stored, int64_t quarantined)
{
    return (struct sink_advance){.id = partition->id,
                                 .epoch = partition->epoch,
                                 .from_offset = partition->next_offset,
                                 .to_offset = partition->next_offset + stored + quarantined,
                                 .stored = stored,
                                 .quarantined = quarantined,
                                 .last_timestamp_us = 42,
                                 .last_crc = 4000000000u};
}

static enum status write_rows(struct sink *sink, struct batch *rows, struct batch *rejects, struct sink_advance advance,
                              struct sink_fault *fault, struct err *err)
{
    struct sink_table table = {"stocks", rows};
    struct sink_write write = {&table, 1, rejects, &advance, 1};
    return sink->ops->write(sink, &write, fault, err);
}

static bool read_one(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    *(int64_t *)context = cells[0].integer;
    return true;
}

static int64_t number(struct sink *sink, const char *sql)
{
    struct err err;
    int64_t value = -1;
    assert_ok(sink->ops->query(sink, sql, read_one, &value, &err), &err);
    return value;
}

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
    struct batch *rows = rows_of(store, &first, 3);
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

static void test_claim_after_doubt_keeps_the_epoch_or_says_fenced(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_partition mine = claim(store->sink, 0), same = mine;
    assert_ok(store->sink->ops->claim(store->sink, &same, &err), &err);
    assert_int_equal(same.epoch, mine.epoch);
    claim(store->sink, 0);
    assert_status(store->sink->ops->claim(store->sink, &mine, &err), FATAL, &err, "taken over");
}

static void test_write_stores_rows_rejects_and_position_together(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 5);
    struct batch *rows = rows_of(store, &partition, 2), *rejects = batch_new(&reject_row_type, 1);
    uint32_t row = batch_row_begin(rejects);
    batch_set_slice(rejects, REJECT_VALUE, row, (struct slice){"\0\1", 2});
    batch_set_slice(rejects, REJECT_RULE, row, SLICE("decode"));
    batch_set_slice(rejects, REJECT_ERROR, row, SLICE("too short"));
    rejects->source[row] = partition.id;
    rejects->offset[row] = 7;
    batch_row_commit(rejects);
    assert_ok(write_rows(store->sink, rows, rejects, advance_of(&partition, 2, 1), &fault, &err), &err);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM finance_data_ingress"), 2);
    assert_int_equal(number(store->sink,
                            "SELECT COUNT(*) FROM fdp_quarantine WHERE topic = 'tickers.stocks' AND partition = 1 AND _offset = 7 AND"
                            " state = 'waiting' AND rule = 'decode' AND value = x'0001' AND key IS NULL"),
                     1);
    assert_int_equal(number(store->sink, "SELECT next_offset FROM fdp_offsets"), 8);
    batch_free(rows);
    batch_free(rejects);
}

static void test_write_from_another_position_is_fenced_and_writes_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition old = claim(store->sink, 0);
    struct batch *rows = rows_of(store, &old, 1);
    claim(store->sink, 0); // a successor
    assert_status(write_rows(store->sink, rows, NULL, advance_of(&old, 1, 0), &fault, &err), FATAL, &err, "taken over");
    assert_true(fault.fenced);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 0);
    batch_free(rows);
}

static void test_write_same_batch_twice_is_refused(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store, &partition, 2);
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, 2, 0), &fault, &err), &err);
    assert_int_equal(write_rows(store->sink, rows, NULL, advance_of(&partition, 2, 0), &fault, &err), FATAL);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 2);
    batch_free(rows);
}

static void test_write_constraint_names_the_row_and_writes_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store, &partition, 3);
    rows->columns[row_type_column(store->type, SLICE("price"))].null[1] = 1;
    assert_status(write_rows(store->sink, rows, NULL, advance_of(&partition, 3, 0), &fault, &err), REJECT, &err, "stocks.price");
    assert_true(fault.row_known);
    assert_int_equal(fault.table, 0);
    assert_int_equal(fault.row, 1);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 0);
    batch_free(rows);
}

static void test_write_while_another_writes_is_again(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store, &partition, 1);
    char path[128];
    sqlite3 *other;
    snprintf(path, sizeof path, "%s/store.db", store->bed.folder);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_status(write_rows(store->sink, rows, NULL, advance_of(&partition, 1, 0), &fault, &err), AGAIN, &err, "locked");
    sqlite3_close(other);
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, 1, 0), &fault, &err), &err);
    batch_free(rows);
}

static void test_table_gives_columns_and_types_without_provenance(void **state)
{
    struct store *store = *state;
    struct err err;
    struct row_type *none;
    assert_int_equal(store->type->column_count, 12);
    assert_int_equal(row_type_column(store->type, SLICE("_source")), -1);
    assert_int_equal(store->type->columns[row_type_column(store->type, SLICE("time"))].type, COLUMN_TIMESTAMP);
    assert_int_equal(store->type->columns[row_type_column(store->type, SLICE("price"))].type, COLUMN_DOUBLE);
    assert_int_equal(store->type->columns[row_type_column(store->type, SLICE("market_hours"))].type, COLUMN_INT64);
    assert_true(store->type->columns[row_type_column(store->type, SLICE("id"))].required);
    assert_false(store->type->columns[row_type_column(store->type, SLICE("change"))].required);
    assert_status(store->sink->ops->table(store->sink, "bonds", &store->arena, &none, &err), REJECT, &err, "no table bonds");
}

static void test_query_only_reads_one_statement(void **state)
{
    struct store *store = *state;
    struct err err;
    int64_t value;
    assert_status(store->sink->ops->query(store->sink, "DELETE FROM stocks", read_one, &value, &err), REJECT, &err, "only reading");
    assert_status(store->sink->ops->query(store->sink, "SELECT 1; SELECT 2", read_one, &value, &err), REJECT, &err, "more than one");
    assert_status(store->sink->ops->query(store->sink, "  ", read_one, &value, &err), REJECT, &err, "no statement");
    assert_status(store->sink->ops->query(store->sink, "SELEC 1", read_one, &value, &err), REJECT, &err, "syntax error");
    assert_status(store->sink->ops->query(store->sink, "SELECT x FROM stocks", read_one, &value, &err), REJECT, &err, "no such column");
    assert_status(store->sink->ops->query(store->sink, "SELECT abs(-9223372036854775807 - 1)", read_one, &value, &err), REJECT, &err,
                  "integer overflow");
    assert_status(store->sink->ops->query(store->sink, "BEGIN", read_one, &value, &err), REJECT, &err, "only reading");
    assert_int_equal(number(store->sink, "SELECT 1; "), 1);
}

static void test_migrate_twice_changes_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *second = open_sink(store);
    assert_ok(second->ops->migrate(second, &err), &err);
    sink_close(second);
}

static void test_migrate_refuses_a_newer_store(void **state)
{
    struct store *store = *state;
    struct err err;
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/store.db", store->bed.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_status(store->sink->ops->migrate(store->sink, &err), FATAL, &err, "newer version");
}

// --- Opening what cannot be opened ---

static void test_open_read_only_without_a_store_says_so_and_makes_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    struct config config = *store->bed.config;
    char data[128], path[160];
    snprintf(data, sizeof data, "%s/elsewhere", store->bed.folder);
    config.data = data;
    struct sink_params params = {.config = &config, .read_only = true};
    assert_status(sink_open(&sink, &params, &err), FATAL, &err, "there is no");
    assert_int_equal(err.code, ERR_STORAGE);
    snprintf(path, sizeof path, "%s/store.db", data);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_open_what_is_no_database_says_so(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    struct config config = *store->bed.config;
    char url[128];
    snprintf(url, sizeof url, "sqlite:%s/text.db", store->bed.folder);
    config.storage.url = url;
    FILE *file = fopen(url + 7, "w");
    for (int i = 0; i < 1000; i++) fputs("this is no database\n", file);
    fclose(file);
    struct sink_params params = {.config = &config};
    assert_status(sink_open(&sink, &params, &err), FATAL, &err, "not an SQLite database");
}

static void test_open_another_programs_database_leaves_it_alone(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    struct config config = *store->bed.config;
    char url[128];
    snprintf(url, sizeof url, "sqlite:%s/other.db", store->bed.folder);
    config.storage.url = url;
    struct sink_params params = {.config = &config};
    sqlite3 *other;
    assert_int_equal(sqlite3_open(url + 7, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
    assert_status(sink_open(&sink, &params, &err), FATAL, &err, "not a store of this program");
    assert_int_equal(sqlite3_exec(other, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
    assert_status(sink_open(&sink, &params, &err), FATAL, &err, "not a store of this program");
    sqlite3_close(other);
}

static void test_open_below_a_file_says_why(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    struct config config = *store->bed.config;
    char url[128];
    snprintf(url, sizeof url, "sqlite:%s/store.db/below/store.db", store->bed.folder);
    config.storage.url = url;
    struct sink_params params = {.config = &config};
    assert_status(sink_open(&sink, &params, &err), FATAL, &err, "--data");
}

static void test_open_unknown_scheme_names_the_known_ones(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    struct config config = *store->bed.config;
    config.storage.url = "mysql:";
    struct sink_params params = {.config = &config};
    assert_status(sink_open(&sink, &params, &err), FATAL, &err, "sqlite:");
    assert_int_equal(err.code, ERR_CONFIG);
}

// --- Reconciliation ---

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

static void alter(struct store *store, const char *sql)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/store.db", store->bed.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void fill(struct store *store)
{
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 10);
    struct batch *rows = rows_of(store, &partition, 5);
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
        {"UPDATE stocks SET _offset = 99 WHERE _offset = 12", false, 0},
        {"UPDATE stocks SET _offset = 13 WHERE _offset = 12", false, 0},
        {"UPDATE fdp_offsets SET stored = stored + 1", true, 0},
        {"UPDATE fdp_offsets SET next_offset = next_offset + 1", true, 0},
        {"UPDATE stocks SET _source = 77 WHERE _offset = 12", false, 1},
        {"INSERT INTO fdp_quarantine (topic, partition, _source, _offset, rule, error, quarantined_at)"
         " SELECT topic, partition, id, 11, 'decode', '', 0 FROM fdp_offsets",
         false, 0},
    };
    struct store *store = *state;
    fill(store);
    alter(store, "CREATE TABLE kept_rows AS SELECT * FROM stocks; CREATE TABLE kept_offsets AS SELECT * FROM fdp_offsets");
    for (size_t i = 0; i < sizeof planted / sizeof *planted; i++) {
        int64_t strays = -1;
        alter(store, planted[i].sql);
        if (!reconciled(store->sink, true, &strays).wrong) fail_msg("not found: %s", planted[i].sql);
        assert_int_equal(strays, planted[i].strays);
        assert_int_equal(reconciled(store->sink, false, NULL).wrong, planted[i].shallow_sees_it);
        alter(store, "DELETE FROM stocks; INSERT INTO stocks SELECT * FROM kept_rows; DELETE FROM fdp_quarantine;"
                     "DELETE FROM fdp_offsets; INSERT INTO fdp_offsets SELECT * FROM kept_offsets");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_claim_first_starts_at_the_given_offset),
        TEST(test_claim_again_raises_the_epoch_and_tells_the_stored_position),
        TEST(test_claim_after_doubt_keeps_the_epoch_or_says_fenced),
        TEST(test_write_stores_rows_rejects_and_position_together),
        TEST(test_write_from_another_position_is_fenced_and_writes_nothing),
        TEST(test_write_same_batch_twice_is_refused),
        TEST(test_write_constraint_names_the_row_and_writes_nothing),
        TEST(test_write_while_another_writes_is_again),
        TEST(test_table_gives_columns_and_types_without_provenance),
        TEST(test_query_only_reads_one_statement),
        TEST(test_migrate_twice_changes_nothing),
        TEST(test_migrate_refuses_a_newer_store),
        TEST(test_open_read_only_without_a_store_says_so_and_makes_nothing),
        TEST(test_open_what_is_no_database_says_so),
        TEST(test_open_another_programs_database_leaves_it_alone),
        TEST(test_open_below_a_file_says_why),
        TEST(test_open_unknown_scheme_names_the_known_ones),
        TEST(test_reconcile_holds_after_a_write),
        TEST(test_reconcile_finds_planted_errors),
    };
    return cmocka_run_group_tests_name("storage/sqlite", tests, NULL, NULL);
}
