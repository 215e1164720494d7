// SPDX-License-Identifier: Apache-2.0
// How near the PostgreSQL store comes to PostgreSQL: write() against a bare libpq loop that sends the same rows, encoded beforehand, with
// COPY (FORMAT binary), 10,000 rows a transaction; one transaction of each in turn, as the machine is not the same from one second to the
// next. bench_copy URL [ROWS [bare]]; with "bare" the loop alone, which is the ceiling of the scaled-out bench (scaled.py). Makes and drops a
// schema of its own.
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "model/config.h"
#include "storage/sink.h"
#include "tick.h"

enum { BATCH_ROWS = 10000, BATCHES = 8, PIECE_BYTES = 64 << 10 };

static const char create_sql[] =
    "CREATE TABLE ticks (id text NOT NULL, price double precision NOT NULL, time timestamptz NOT NULL, change double precision,"
    " change_percent double precision, exchange text, market_hours integer, price_hint text, source_api text, event_id text,"
    " quote_type integer, ingestion_ts timestamptz, _source integer NOT NULL, _offset bigint NOT NULL)";

static const char copy_sql[] =
    "COPY ticks (id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, event_id, quote_type, ingestion_ts,"
    " _source, _offset) FROM STDIN (FORMAT binary)";

struct bench {
    char url[1024];
    uint64_t transactions; // of each
    PGconn *conn;          // the bare one
    struct sink *sink;
    struct sink_partition partition;
    struct row_type type;
    struct batch *batches[BATCHES];
    struct buf streams[BATCHES]; // the same, encoded
};

struct times {
    int64_t *ns; // of each transaction
    double cpu_seconds;
};

static void stop(const char *text)
{
    fprintf(stderr, "bench_copy: %s\n", text);
    exit(1);
}

static void check(enum status status, const struct err *err)
{
    if (status != OK) stop(err->text);
}

static void run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType kind = PQresultStatus(result);
    PQclear(result);
    if (kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK && kind != PGRES_COPY_IN) stop(PQerrorMessage(conn));
}

// --- Rows ---

static void fill(struct batch *batch, const struct sink_partition *partition, uint64_t from)
{
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        struct tick tick;
        tick_make(from + i, &tick);
        const char *event = arena_copy(&batch->arena, tick.event_id, 16), *id = arena_copy(&batch->arena, tick.id, sizeof tick.id);
        uint32_t row = batch_row_begin(batch);
        batch_set_slice(batch, 0, row, slice_of(id));
        batch_set_double(batch, 1, row, tick.price);
        batch_set_int64(batch, 2, row, tick.time_us);
        batch_set_double(batch, 3, row, tick.change);
        batch_set_double(batch, 4, row, tick.change_percent);
        batch_set_slice(batch, 5, row, SLICE("NMS"));
        batch_set_int64(batch, 6, row, 1);
        batch_set_slice(batch, 7, row, SLICE("2"));
        batch_set_slice(batch, 8, row, SLICE("yahoo:stream"));
        batch_set_slice(batch, 9, row, (struct slice){event, 16});
        batch_set_int64(batch, 10, row, 8);
        batch_set_int64(batch, 11, row, tick.ingestion_us);
        batch->source[row] = partition->id;
        batch_row_commit(batch);
    }
}

static void append_number(struct buf *stream, uint64_t value, int bytes)
{
    while (bytes-- > 0) buf_append_byte(stream, (char)(value >> (8 * bytes)));
}

static void append_value(struct buf *stream, const struct batch *batch, uint32_t column, uint32_t row)
{
    const struct column *values = &batch->columns[column];
    enum column_type type = batch->type->columns[column].type;
    bool small = column == 6 || column == 10; // integer, the others are bigint
    uint64_t bits = 0;
    if (type == COLUMN_TEXT) {
        append_number(stream, values->text[row].size, 4);
        buf_append(stream, values->text[row].data, values->text[row].size);
        return;
    }
    memcpy(&bits, (const char *)values->values + (size_t)row * 8, sizeof bits);
    if (type == COLUMN_TIMESTAMP) bits -= 946684800000000;
    append_number(stream, small ? 4 : 8, 4);
    append_number(stream, bits, small ? 4 : 8);
}

static void encode(struct buf *stream, const struct batch *batch)
{
    buf_init(stream, 64 << 20);
    buf_append(stream, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0", 19);
    for (uint32_t row = 0; row < batch->rows; row++) {
        append_number(stream, 14, 2);
        for (uint32_t c = 0; c < 12; c++) append_value(stream, batch, c, row);
        append_number(stream, 4, 4);
        append_number(stream, (uint64_t)batch->source[row], 4);
        append_number(stream, 8, 4);
        append_number(stream, row, 8);
    }
    append_number(stream, 0xffff, 2);
}

// --- The two ways ---

static void bare(struct bench *bench, uint64_t number)
{
    const struct buf *stream = &bench->streams[number % BATCHES];
    run(bench->conn, copy_sql);
    for (size_t at = 0; at < stream->size; at += PIECE_BYTES) {
        size_t size = stream->size - at < PIECE_BYTES ? stream->size - at : PIECE_BYTES;
        if (PQputCopyData(bench->conn, stream->data + at, (int)size) != 1) stop(PQerrorMessage(bench->conn));
    }
    if (PQputCopyEnd(bench->conn, NULL) != 1) stop(PQerrorMessage(bench->conn));
    for (PGresult *result; (result = PQgetResult(bench->conn)); PQclear(result))
        if (PQresultStatus(result) != PGRES_COMMAND_OK) stop(PQerrorMessage(bench->conn));
}

static void ours(struct bench *bench, uint64_t number)
{
    struct err err;
    struct sink_fault fault;
    int64_t *next = &bench->partition.next_offset;
    struct batch *batch = bench->batches[number % BATCHES];
    for (uint32_t row = 0; row < BATCH_ROWS; row++) batch->offset[row] = *next + row;
    struct sink_table table = {"ticks", batch};
    struct sink_advance advance = {.id = bench->partition.id,
                                   .epoch = bench->partition.epoch,
                                   .from_offset = *next,
                                   .to_offset = *next + BATCH_ROWS,
                                   .stored = BATCH_ROWS};
    struct sink_write write = {.tables = &table, .table_count = 1, .advances = &advance, .advance_count = 1};
    check(bench->sink->ops->write(bench->sink, &write, &fault, &err), &err);
    *next += BATCH_ROWS;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void measure(struct bench *bench, void (*way)(struct bench *, uint64_t), uint64_t number, struct times *times)
{
    double cpu = cpu_seconds();
    int64_t began_ns = clock_mono_ns();
    way(bench, number);
    times->ns[number] = clock_mono_ns() - began_ns;
    times->cpu_seconds += cpu_seconds() - cpu;
}

static int by_time(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void print(const char *name, const struct times *times, uint64_t count, double *total, double *median)
{
    *total = 0;
    for (uint64_t i = 0; i < count; i++) *total += (double)times->ns[i];
    qsort(times->ns, count, sizeof *times->ns, by_time);
    *median = (double)times->ns[count / 2];
    double rows = (double)count * BATCH_ROWS;
    printf("%-8s %8.0f rows/s, %8.0f at the median transaction; CPU %.3f us a row\n", name, rows * 1e9 / *total, BATCH_ROWS * 1e9 / *median,
           times->cpu_seconds * 1e6 / rows);
}

// Both in turn, or the bare loop alone.
static void compare(struct bench *bench, bool alone)
{
    struct times times[2] = {0};
    double total[2], median[2];
    for (int k = 0; k < 2; k++)
        if (!(times[k].ns = calloc(bench->transactions, sizeof *times[k].ns))) abort();
    for (uint64_t i = 0; i < bench->transactions; i++)
        for (uint64_t k = i; k < i + 2; k++)
            if (k % 2 == 0 || !alone) measure(bench, k % 2 ? ours : bare, i, &times[k % 2]);
    print("bare", &times[0], bench->transactions, &total[0], &median[0]);
    if (!alone) {
        print("write()", &times[1], bench->transactions, &total[1], &median[1]);
        printf("ratio %.3f, %.3f at the median\n", total[0] / total[1], median[0] / median[1]);
    }
    for (int k = 0; k < 2; k++) free(times[k].ns);
}

static void set_up(struct bench *bench, const char *server)
{
    struct err err;
    struct option_values values = {0};
    struct arena arena;
    struct row_type *type;
    PGconn *conn = PQconnectdb(server);
    if (PQstatus(conn) != CONNECTION_OK) stop(PQerrorMessage(conn));
    run(conn, "SET client_min_messages = error; DROP SCHEMA IF EXISTS fdp_bench CASCADE; CREATE SCHEMA fdp_bench");
    PQfinish(conn);
    snprintf(bench->url, sizeof bench->url, "%s%coptions=-csearch_path%%3Dfdp_bench", server, strchr(server, '?') ? '&' : '?');
    bench->conn = PQconnectdb(bench->url);
    check(option_load_defaults(&config_options, &values, &err), &err);
    struct config *config = values.values;
    config->storage.url = bench->url;
    struct sink_params params = {.config = config};
    check(sink_open(&bench->sink, &params, &err), &err);
    check(bench->sink->ops->migrate(bench->sink, &err), &err);
    run(bench->conn, create_sql);
    bench->partition = (struct sink_partition){.group = "bench", .topic = "bench"};
    check(bench->sink->ops->claim(bench->sink, &bench->partition, &err), &err);
    arena_init(&arena, 0);
    check(bench->sink->ops->table(bench->sink, "ticks", &arena, &type, &err), &err);
    bench->type = *type;
    for (int i = 0; i < BATCHES; i++) {
        bench->batches[i] = batch_new(&bench->type, BATCH_ROWS);
        fill(bench->batches[i], &bench->partition, (uint64_t)i * BATCH_ROWS);
        encode(&bench->streams[i], bench->batches[i]);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    if (argc < 2) return fprintf(stderr, "usage: bench_copy URL [ROWS [bare]]\n"), 2;
    bench.transactions = (argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000) / BATCH_ROWS;
    if (!bench.transactions) stop("at least 10000 rows");
    set_up(&bench, argv[1]);
    ours(&bench, 0); // makes the plan
    compare(&bench, argc > 3 && !strcmp(argv[3], "bare"));
    run(bench.conn, "SET client_min_messages = error; DROP SCHEMA fdp_bench CASCADE");
    return 0;
}
