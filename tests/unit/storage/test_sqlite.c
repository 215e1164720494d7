// SPDX-License-Identifier: Apache-2.0
// What is the embedded store's own: locks, opening what cannot be opened. What it shares with others is in test_sink_contract.c.
#include "fixture.h"

#include <sqlite3.h>

static void test_write_while_another_writes_is_again(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, 1);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_write_while_another_writes_is_again),
        TEST(test_migrate_refuses_a_newer_store),
        TEST(test_open_read_only_without_a_store_says_so_and_makes_nothing),
        TEST(test_open_what_is_no_database_says_so),
        TEST(test_open_another_programs_database_leaves_it_alone),
        TEST(test_open_below_a_file_says_why),
    };
    return cmocka_run_group_tests_name("storage/sqlite", tests, NULL, NULL);
}
