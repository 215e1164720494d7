// SPDX-License-Identifier: Apache-2.0
// A store of the test's own: a file, or a schema in the PostgreSQL database that FDP_TEST_SINK names.
#ifndef FDP_TESTS_STORAGE_FIXTURE_H
#define FDP_TESTS_STORAGE_FIXTURE_H

#include "../support.h"

#include <libpq-fe.h>

#include "base/clock.h"
#include "storage/reconcile.h"
#include "storage/sink.h"

struct store {
    struct bed bed;
    char schema[64]; // empty: it is a file
    char url[512];   // of the store
    struct config config;
    struct sink *sink;
    struct arena arena;
    struct row_type *type; // of stocks
};

enum { FIXTURE_SKIPPED = 77 }; // exit code of a test that has nothing to run against

// The server, or NULL: SQLite. Set before a group of tests runs.
static const char *fixture_server;

// --- A connection beside the store's, for what an administrator or a bad day would do ---

static inline PGconn *admin_open(const char *url)
{
    PGconn *conn = PQconnectdb(url);
    if (PQstatus(conn) != CONNECTION_OK) fail_msg("%s", PQerrorMessage(conn));
    return conn;
}

static inline void admin_run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType kind = PQresultStatus(result);
    if (kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK) fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(result);
}

static inline void admin_once(const char *url, const char *sql)
{
    PGconn *conn = admin_open(url);
    admin_run(conn, "SET client_min_messages = error");
    admin_run(conn, sql);
    PQfinish(conn);
}

// --- The store ---

// The URL with one more option.
static inline void url_with(char *out, size_t size, const char *url, const char *option)
{
    snprintf(out, size, "%s%c%s", url, strchr(url, '?') ? '&' : '?', option);
}

static inline enum status store_open_at(struct store *store, const char *url, struct sink **out, struct err *err)
{
    struct config config = store->config;
    config.storage.url = url;
    struct sink_params params = {.config = &config};
    return sink_open(out, &params, err);
}

static inline struct sink *store_open(struct store *store)
{
    struct err err;
    struct sink *sink;
    assert_ok(store_open_at(store, store->url, &sink, &err), &err);
    return sink;
}

static inline void store_make(struct store *store)
{
    static int number;
    bed_open(&store->bed);
    store->config = *store->bed.config;
    snprintf(store->url, sizeof store->url, "sqlite:%s/store.db", store->bed.folder);
    if (!fixture_server) return;
    char sql[128], option[128];
    snprintf(store->schema, sizeof store->schema, "fdp_test_%d_%d", (int)getpid(), number++);
    snprintf(option, sizeof option, "options=-csearch_path%%3D%s", store->schema);
    url_with(store->url, sizeof store->url, fixture_server, option);
    snprintf(sql, sizeof sql, "CREATE SCHEMA %s", store->schema);
    admin_once(fixture_server, sql);
}

static inline int store_set_up(void **state)
{
    struct err err;
    struct store *store = calloc(1, sizeof *store);
    store_make(store);
    arena_init(&store->arena, 0);
    store->sink = store_open(store);
    assert_ok(store->sink->ops->migrate(store->sink, &err), &err);
    assert_ok(store->sink->ops->table(store->sink, "stocks", &store->arena, &store->type, &err), &err);
    *state = store;
    return 0;
}

static inline int store_tear_down(void **state)
{
    struct store *store = *state;
    sink_close(store->sink);
    arena_fini(&store->arena);
    char sql[128];
    snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE", store->schema);
    if (*store->schema) admin_once(fixture_server, sql);
    bed_close(&store->bed);
    free(store);
    return 0;
}

// --- What tests do with it ---

static inline struct sink_partition claim(struct sink *sink, int64_t first)
{
    struct err err;
    struct sink_partition partition = {.group = "processing", .topic = "tickers.stocks", .partition = 1, .next_offset = first};
    assert_ok(sink->ops->claim(sink, &partition, &err), &err);
    return partition;
}

static inline uint32_t column_of(const struct row_type *type, const char *name)
{
    int column = row_type_column(type, slice_of(name));
    if (column < 0) fail_msg("there is no column %s", name);
    return (uint32_t)column;
}

static inline uint32_t add_row(struct batch *rows, const struct sink_partition *partition, int64_t offset)
{
    uint32_t row = batch_row_begin(rows);
    batch_set_slice(rows, column_of(rows->type, "id"), row, SLICE("AAPL"));
    batch_set_double(rows, column_of(rows->type, "price"), row, 305.76);
    batch_set_int64(rows, column_of(rows->type, "time"), row, 1786622589000000);
    rows->source[row] = partition->id;
    rows->offset[row] = offset;
    batch_row_commit(rows);
    return row;
}

static inline struct batch *rows_of(const struct row_type *type, const struct sink_partition *partition, uint32_t count)
{
    struct batch *rows = batch_new(type, count ? count : 1);
    for (uint32_t i = 0; i < count; i++) add_row(rows, partition, partition->next_offset + i);
    return rows;
}

static inline void add_reject(struct batch *rejects, const struct sink_partition *partition, int64_t offset)
{
    uint32_t row = batch_row_begin(rejects);
    batch_set_slice(rejects, REJECT_VALUE, row, (struct slice){"\0\1", 2});
    batch_set_slice(rejects, REJECT_RULE, row, SLICE("decode"));
    batch_set_slice(rejects, REJECT_ERROR, row, SLICE("too short"));
    rejects->source[row] = partition->id;
    rejects->offset[row] = offset;
    batch_row_commit(rejects);
}

static inline struct sink_advance advance_of(const struct sink_partition *partition, int64_t stored, int64_t quarantined)
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

static inline enum status write_rows(struct sink *sink, struct batch *rows, struct batch *rejects, struct sink_advance advance,
                                     struct sink_fault *fault, struct err *err)
{
    struct sink_table table = {"stocks", rows};
    struct sink_write write = {&table, 1, rejects, &advance, 1};
    return sink->ops->write(sink, &write, fault, err);
}

static inline bool read_one(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    *(int64_t *)context = cells[0].integer;
    return true;
}

static inline int64_t number(struct sink *sink, const char *sql)
{
    struct err err;
    int64_t value = -1;
    assert_ok(sink->ops->query(sink, sql, read_one, &value, &err), &err);
    return value;
}

static inline void change(struct sink *sink, const char *sql)
{
    struct err err;
    assert_ok(sink->ops->exec(sink, sql, &err), &err);
}

static inline void assert_fault(const struct sink_fault *fault, enum sink_fault_kind kind, uint32_t table, uint32_t row)
{
    assert_int_equal(fault->kind, kind);
    assert_int_equal(fault->table, table);
    assert_int_equal(fault->row, row);
}

#endif
