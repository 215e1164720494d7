// SPDX-License-Identifier: Apache-2.0
// The ceiling of the embedded pipeline: SQLite itself, driven by the plainest loop.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/database.h"
#include "cli/bench.h"
#include "storage/sink.h"
#include "streaming/stream.h"

enum { BATCH_ROWS = 1000 };

static const char insert_sql[] =
    "INSERT INTO stocks (id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api,"
    " event_id, quote_type, ingestion_ts, _source, _offset, day_volume, currency, day_high, day_low, open_price, previous_close, bid, ask,"
    " last_size, short_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static void bind_row(sqlite3_stmt *insert, uint64_t i, char event_id[17])
{
    static const char *const symbols[] = {"AAPL", "MSFT", "NVDA", "SPY", "GOOGL"};
    snprintf(event_id, 17, "%016llx", (unsigned long long)(i * 0x9e3779b97f4a7c15u));
    sqlite3_bind_text(insert, 1, symbols[i % 5], -1, SQLITE_STATIC);
    sqlite3_bind_double(insert, 2, 305.76 + (double)(i % 1000) / 100);
    sqlite3_bind_int64(insert, 3, 1786622589000000 + (int64_t)i * 1000);
    sqlite3_bind_double(insert, 4, -0.77);
    sqlite3_bind_double(insert, 5, -0.7046327);
    sqlite3_bind_text(insert, 6, "NMS", 3, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 7, 1);
    sqlite3_bind_text(insert, 8, "2", 1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 9, "simulator", 9, SQLITE_STATIC);
    sqlite3_bind_text(insert, 10, event_id, 16, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 11, 8);
    sqlite3_bind_int64(insert, 12, 1786622589000123 + (int64_t)i * 1000);
    sqlite3_bind_int64(insert, 13, 1 + (int64_t)i % 3);
    sqlite3_bind_int64(insert, 14, (int64_t)i);
    sqlite3_bind_int64(insert, 15, 10000000 + (int64_t)i); // the other nine stay null, as in most quotes
}

static enum status insert_all(sqlite3 *db, uint64_t rows, struct err *err)
{
    sqlite3_stmt *insert;
    char event_id[17];
    TRY(database_prepare(db, insert_sql, &insert, ERR_STORAGE, err));
    enum status status = OK;
    for (uint64_t i = 0; i < rows && status == OK; i++) {
        if (i % BATCH_ROWS == 0) status = database_exec(db, i ? "COMMIT; BEGIN IMMEDIATE" : "BEGIN IMMEDIATE", "insert", ERR_STORAGE, err);
        bind_row(insert, i, event_id);
        if (status == OK) status = database_step(db, insert, "insert", ERR_STORAGE, err);
    }
    if (status == OK) status = database_exec(db, "COMMIT", "insert", ERR_STORAGE, err);
    sqlite3_finalize(insert);
    return status;
}

// Into the store's own table, made by the store's own migrations.
static enum status measure_inserts(const struct bench *bench, double *per_second, struct err *err)
{
    char url[128];
    snprintf(url, sizeof url, "sqlite:%s/ceiling.db", bench->folder);
    struct config config = *bench->app->config;
    config.storage.url = url;
    struct sink_params params = {.config = &config, .log = &bench->app->log};
    struct sink *sink;
    TRY(sink_open(&sink, &params, err));
    enum status status = sink->ops->migrate(sink, err);
    sink_close(sink);
    if (status != OK) return status;
    struct database_params database = {url + 7, DATABASE_STORE, false, DATABASE_SYNC_NORMAL, 1000, ERR_STORAGE};
    sqlite3 *db;
    TRY(database_open(&db, &database, err));
    int64_t began_ns = clock_mono_ns();
    status = insert_all(db, bench->rows, err);
    *per_second = (double)bench->rows * 1e9 / (double)(clock_mono_ns() - began_ns);
    database_close(db);
    return status;
}

static void fill(struct batch *records, uint64_t from)
{
    static const char *const symbols[] = {"AAPL", "MSFT", "NVDA", "SPY", "GOOGL"};
    batch_reset(records);
    for (uint64_t i = from; i < from + BATCH_ROWS; i++) {
        // As long as a record on average; what is inside does not matter to the log.
        static const char value[114] = {0};
        uint32_t row = batch_row_begin(records);
        batch_set_slice(records, RECORD_KEY, row, slice_of(symbols[i % 5]));
        batch_set_slice(records, RECORD_VALUE, row, (struct slice){value, sizeof value});
        batch_set_int64(records, RECORD_TIMESTAMP, row, (int64_t)i);
        batch_row_commit(records);
    }
}

static enum status append_all(struct stream *stream, uint64_t rows, struct err *err)
{
    struct batch *records = batch_new(&record_row_type, BATCH_ROWS);
    enum status status = OK;
    for (uint64_t i = 0; i < rows && status == OK; i += BATCH_ROWS) {
        fill(records, i);
        status = stream->ops->append(stream, "ceiling", records, err);
        if (status == OK) status = stream->ops->flush(stream, INT64_MAX, err);
    }
    batch_free(records);
    return status;
}

static enum status measure_appends(const struct bench *bench, double *per_second, struct err *err)
{
    char url[128];
    snprintf(url, sizeof url, "embedded:%s/ceiling", bench->folder);
    struct config config = *bench->app->config;
    config.streaming.url = url;
    struct stream_params params = {.config = &config, .log = &bench->app->log};
    struct stream_topic topic = {.name = "ceiling", .partitions = 3, .retention_ms = -1, .retention_bytes = -1};
    struct stream *stream;
    TRY(stream_open(&stream, &params, err));
    enum status status = stream->ops->topic_create(stream, &topic, err);
    int64_t began_ns = clock_mono_ns();
    if (status == OK) status = append_all(stream, bench->rows, err);
    *per_second = (double)bench->rows * 1e9 / (double)(clock_mono_ns() - began_ns);
    stream_close(stream);
    return status;
}

enum status bench_ceiling(const struct bench *bench, struct bench_ceiling *out, struct err *err)
{
    TRY(measure_inserts(bench, &out->inserts_per_second, err));
    TRY(measure_appends(bench, &out->appends_per_second, err));
    out->rows_per_second = 1 / (1 / out->inserts_per_second + 1 / out->appends_per_second);
    return OK;
}
