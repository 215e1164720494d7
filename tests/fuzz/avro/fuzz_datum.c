// SPDX-License-Identifier: Apache-2.0
// Data: any bytes become a row or are refused for a reason, whatever the schemas; what was decoded can be encoded, and gives the same row.
//
// An input is a number of a pair of schemas below and the datum; or '{', in front of a writer schema, NUL, a reader schema (empty: the
// same), NUL, and the datum.
#include <stdlib.h>
#include <string.h>

#include "avro/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define MAYBE(name, type) "{\"name\":\"" name "\",\"type\":[\"" type "\",\"null\"],\"default\":null}"

static const char tick[] = RECORD(
    "{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"price\",\"type\":\"double\"},"
    "{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"change\",\"type\":[\"null\",\"double\"],\"default\":null},{\"name\":\"market_hours\",\"type\":[\"null\",\"int\"],\"default\":null},"
    "{\"name\":\"ingestion_ts\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}],\"default\":null}");
static const char mission[] = RECORD(MAYBE("change", "float") "," MAYBE("ingestion_ts", "string") "," MAYBE("id", "string") "," MAYBE(
    "market_hours", "int") "," MAYBE("price", "float") "," MAYBE("time", "string"));
static const char all[] =
    RECORD("{\"name\":\"b\",\"type\":\"boolean\"},{\"name\":\"f\",\"type\":\"float\"},{\"name\":\"l\",\"type\":\"long\"},"
           "{\"name\":\"y\",\"type\":\"bytes\"},{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
           "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\",\"C\"],\"default\":\"A\"}},"
           "{\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,\"scale\":3}},"
           "{\"name\":\"u\",\"type\":[\"null\",\"int\",\"string\",\"double\",\"bytes\",\"F\",\"E\",\"R\","
           "{\"type\":\"array\",\"items\":\"R\"},{\"type\":\"map\",\"values\":[\"R\",\"null\",\"long\"]}]},"
           "{\"name\":\"n\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
           "{\"name\":\"t\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}}}");
static const char other[] =
    RECORD("{\"name\":\"u\",\"type\":[\"string\",\"R\",\"null\",\"double\"]},{\"name\":\"l\",\"type\":\"string\"},"
           "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"C\",\"A\"],\"default\":\"C\"}},"
           "{\"name\":\"f\",\"type\":\"double\"},{\"name\":\"y\",\"type\":\"string\"},{\"name\":\"z\",\"type\":\"int\",\"default\":7},"
           "{\"name\":\"t\",\"type\":{\"type\":\"map\",\"values\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}]}}");

static const char *const pairs[][2] = {{tick, tick}, {mission, tick}, {all, all}, {all, other}, {mission, mission}, {other, other}};

static bool rows_equal(const struct batch *a, const struct batch *b)
{
    for (uint32_t i = 0; i < a->type->column_count; i++) {
        const struct column *x = &a->columns[i], *y = &b->columns[i];
        if (x->null[0] != y->null[0]) return false;
        if (x->null[0]) continue;
        enum column_type type = a->type->columns[i].type;
        if (type == COLUMN_TEXT || type == COLUMN_BYTES ? !slice_equal(x->text[0], y->text[0])
                                                        : memcmp(&x->int64[0], &y->int64[0], sizeof x->int64[0]) != 0)
            return false;
    }
    return true;
}

static void expect_reason(enum status status, const struct err *err)
{
    if (status != REJECT || err->status != REJECT || !err->text[0]) abort();
}

// Encodes a row by its reader schema and reads it back; the second row must be the first, unless the reader's types hold less than the
// writer's (`loose`): then the third must be the second.
static void check_row(const struct avro_schema *reader, const struct batch *row, bool loose)
{
    struct avro_encode_plan *encode;
    struct avro_decode_plan *decode;
    struct err err = {0};
    struct buf datum;
    enum status status = avro_encode_plan_new(row->type, reader, &encode, &err);
    if (status != OK) {
        // A default that the data never needed may be wrong; nothing else.
        abort();
    }
    if (avro_decode_plan_new(reader, reader, row->type, &decode, &err) != OK) abort();
    buf_init(&datum, BUF_MAX_RECORD);
    struct batch *back = batch_new(row->type, 1);
    batch_row_begin(back);
    status = avro_encode(encode, row, 0, &datum, &err);
    if (status == OK) {
        if (avro_decode(decode, datum.data, datum.size, back, 0, &err) != OK) abort();
        if (!loose && !rows_equal(row, back)) abort();
        if (loose) check_row(reader, back, false);
    } else {
        expect_reason(status, &err);
        // Trying branches of unions has a limit; values of a finer type may not fit.
        if (!loose && !strstr(err.text, "more than")) abort();
    }
    batch_free(back);
    buf_fini(&datum);
    avro_encode_plan_free(encode);
    avro_decode_plan_free(decode);
}

static void check(const struct avro_schema *writer, const struct avro_schema *reader, const uint8_t *data, size_t size)
{
    struct avro_decode_plan *plan;
    struct row_type *type;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 1024);
    enum status status = avro_row_type(reader, "row", &arena, &type, &err);
    if (status == OK) {
        status = avro_decode_plan_new(writer, reader, type, &plan, &err);
        if (status == OK) {
            struct batch *batch = batch_new(type, 1);
            batch_row_begin(batch);
            status = avro_decode(plan, data, size, batch, 0, &err);
            if (status == OK)
                check_row(reader, batch, writer != reader);
            else
                expect_reason(status, &err);
            batch_free(batch);
            avro_decode_plan_free(plan);
        } else {
            expect_reason(status, &err);
        }
    } else {
        expect_reason(status, &err);
    }
    arena_fini(&arena);
}

static struct avro_schema *parse(const char *text, size_t size)
{
    struct avro_schema *schema;
    return avro_schema_parse(text, size, AVRO_LENIENT, NULL, 0, &schema, NULL) == OK ? schema : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *writer_text = (const char *)data, *end = writer_text + size;
    const char *reader_text, *datum;
    if (size == 0) return 0;
    struct avro_schema *writer, *reader = NULL;
    if (*data == '{') {
        const char *first = memchr(writer_text, '\0', size);
        const char *second = first ? memchr(first + 1, '\0', (size_t)(end - first - 1)) : NULL;
        if (!second) return 0;
        writer = parse(writer_text, (size_t)(first - writer_text));
        reader_text = first + 1;
        datum = second + 1;
        if (second > reader_text) reader = parse(reader_text, (size_t)(second - reader_text));
        if (second > reader_text && !reader) {
            avro_schema_free(writer);
            return 0;
        }
    } else {
        size_t pair = *data % (sizeof pairs / sizeof *pairs);
        writer = parse(pairs[pair][0], strlen(pairs[pair][0]));
        if (pairs[pair][1] != pairs[pair][0]) reader = parse(pairs[pair][1], strlen(pairs[pair][1]));
        datum = writer_text + 1;
    }
    if (writer) check(writer, reader ? reader : writer, (const uint8_t *)datum, (size_t)(end - datum));
    avro_schema_free(writer);
    avro_schema_free(reader);
    return 0;
}
