// SPDX-License-Identifier: Apache-2.0
// How long a record takes: the schema of the stocks into columns and back, and the mission's own schema with its conversions.
#include <stdio.h>
#include <stdlib.h>

#include "avro/plan.h"
#include "base/clock.h"

enum { ROWS = 1000, ROUNDS = 500, REPEATS = 7 };

static const char mission[] =
    "{\"type\":\"record\",\"name\":\"stocks\",\"namespace\":\"tickers\",\"fields\":["
    "{\"name\":\"change\",\"type\":[\"float\",\"null\"],\"default\":null},{\"name\":\"change_percent\",\"type\":[\"float\",\"null\"]},"
    "{\"name\":\"exchange\",\"type\":[\"string\",\"null\"]},{\"name\":\"ingestion_ts\",\"type\":[\"string\",\"null\"]},"
    "{\"name\":\"id\",\"type\":[\"string\",\"null\"]},{\"name\":\"market_hours\",\"type\":[\"int\",\"null\"]},"
    "{\"name\":\"price\",\"type\":[\"float\",\"null\"]},{\"name\":\"price_hint\",\"type\":[\"string\",\"null\"]},"
    "{\"name\":\"source_api\",\"type\":[\"string\",\"null\"]},{\"name\":\"event_id\",\"type\":[\"string\",\"null\"]},"
    "{\"name\":\"quote_type\",\"type\":[\"int\",\"null\"]},{\"name\":\"time\",\"type\":[\"string\",\"null\"]}]}";

static void check(enum status status, const struct err *err)
{
    if (status == OK) return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static struct avro_schema *load(const char *path)
{
    struct avro_schema *schema;
    struct err err;
    char text[16384];
    FILE *file = fopen(path, "rb");
    if (!file) return perror(path), exit(1), NULL;
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    check(avro_schema_parse(text, size, AVRO_STRICT, NULL, 0, &schema, &err), &err);
    return schema;
}

static void fill(struct batch *batch)
{
    static const struct slice exchange = {"NMS", 3}, hint = {"2", 1}, api = {"yahoo:stream", 12}, event = {"0123456789abcdef", 16};
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t row = batch_row_begin(batch);
        batch_set_slice(batch, 0, row, i % 2 ? SLICE("AAPL") : SLICE("BRK-B"));
        batch_set_double(batch, 1, row, (30576 + i) / 100.0);
        batch_set_int64(batch, 2, row, (1700000000 + (int64_t)i) * SECOND_US);
        batch_set_double(batch, 3, row, (i % 300) / 100.0);
        batch_set_double(batch, 4, row, (i % 300) / 1000.0);
        batch_set_slice(batch, 5, row, exchange);
        batch_set_int64(batch, 6, row, 1);
        batch_set_slice(batch, 7, row, hint);
        batch_set_slice(batch, 8, row, api);
        batch_set_slice(batch, 9, row, event);
        batch_set_int64(batch, 10, row, 8);
        batch_set_int64(batch, 11, row, 1700000000123456 + i);
        batch_row_commit(batch);
    }
}

static size_t encode_all(struct avro_encode_plan *plan, const struct batch *batch, struct buf *out, struct slice *records)
{
    struct err err;
    buf_reset(out);
    for (uint32_t i = 0; i < ROWS; i++) {
        size_t start = out->size;
        check(avro_encode(plan, batch, i, out, &err), &err);
        records[i] = (struct slice){out->data + start, out->size - start};
    }
    // The buffer may have moved while it grew.
    const char *at = out->data;
    for (uint32_t i = 0; i < ROWS; i++, at += records[i - 1].size) records[i].data = at;
    return out->size;
}

static void decode_all(struct avro_decode_plan *plan, struct batch *batch, const struct slice *records)
{
    struct err err;
    batch_reset(batch);
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t row = batch_row_begin(batch);
        check(avro_decode(plan, records[i].data, records[i].size, batch, row, &err), &err);
        batch_row_commit(batch);
    }
}

struct bench {
    struct avro_encode_plan *encode;
    struct avro_decode_plan *decode;
    struct batch *from, *to;
    struct buf bytes;
    struct slice records[ROWS];
};

// Nanoseconds a record: the best of some repeats.
static double measure(struct bench *bench, bool encode)
{
    int64_t best = INT64_MAX;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        int64_t start = clock_mono_ns();
        for (int round = 0; round < ROUNDS; round++) {
            if (encode)
                encode_all(bench->encode, bench->from, &bench->bytes, bench->records);
            else
                decode_all(bench->decode, bench->to, bench->records);
        }
        int64_t took = clock_mono_ns() - start;
        if (took < best) best = took;
    }
    return (double)best / (ROWS * ROUNDS);
}

static void bench(const char *name, const struct avro_schema *writer, const struct avro_schema *reader)
{
    struct bench b = {0};
    struct arena arena;
    struct row_type *type;
    struct err err;
    arena_init(&arena, 4096);
    buf_init(&b.bytes, 1 << 20);
    check(avro_row_type(reader, "tick", &arena, &type, &err), &err);
    check(avro_encode_plan_new(type, writer, &b.encode, &err), &err);
    check(avro_decode_plan_new(writer, reader, type, &b.decode, &err), &err);
    b.from = batch_new(type, ROWS);
    b.to = batch_new(type, ROWS);
    fill(b.from);
    size_t size = encode_all(b.encode, b.from, &b.bytes, b.records);
    double encode_ns = measure(&b, true), decode_ns = measure(&b, false);
    printf("%-10s %4zu bytes a record, encode %6.1f ns, decode %6.1f ns\n", name, size / ROWS, encode_ns, decode_ns);
    avro_encode_plan_free(b.encode);
    avro_decode_plan_free(b.decode);
    batch_free(b.from);
    batch_free(b.to);
    buf_fini(&b.bytes);
    arena_fini(&arena);
}

int main(int argc, char **argv)
{
    const char *source = getenv("FDP_SOURCE");
    char path[4096];
    struct avro_schema *own_schema, *mission_schema;
    struct err err;
    if (argc > 1) source = argv[1];
    snprintf(path, sizeof path, "%s/schemas/tickers.stocks/v1.avsc", source ? source : ".");
    own_schema = load(path);
    check(avro_schema_parse(mission, sizeof mission - 1, AVRO_LENIENT, NULL, 0, &mission_schema, &err), &err);
    bench("version 1", own_schema, own_schema);
    bench("mission", mission_schema, own_schema);
    avro_schema_free(own_schema);
    avro_schema_free(mission_schema);
    return 0;
}
