// SPDX-License-Identifier: Apache-2.0
// What the tests of Avro share: schemas from text, data from hexadecimal, rows as text.
#ifndef FDP_TESTS_AVRO_FIXTURE_H
#define FDP_TESTS_AVRO_FIXTURE_H

#include "../unit.h"

#include "avro/plan.h"
#include "model/decimal.h"

#define assert_ok(call, err)                                                                                                               \
    do {                                                                                                                                   \
        if ((call) != OK) fail_msg("%s: %s", #call, (err)->text);                                                                          \
    } while (0)

static inline struct avro_schema *schema_of(const char *text, enum avro_strictness strictness)
{
    struct avro_schema *schema;
    struct err err;
    assert_ok(avro_schema_parse(text, strlen(text), strictness, NULL, 0, &schema, &err), &err);
    return schema;
}

// A record with one field "f" of that type: FIELD("\"int\"").
#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(type) RECORD("{\"name\":\"f\",\"type\":" type "}")
#define FIELD_DEFAULT(type, value) RECORD("{\"name\":\"f\",\"type\":" type ",\"default\":" value "}")

// "02 0a ff" as bytes; spaces are ignored.
static inline size_t bytes_of(const char *hex, unsigned char *out)
{
    size_t size = 0;
    for (; *hex; hex++) {
        unsigned byte;
        if (*hex == ' ') continue;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        out[size++] = (unsigned char)byte;
        hex++;
    }
    return size;
}

static inline void print_hex(const char *data, size_t size, struct buf *out)
{
    for (size_t i = 0; i < size; i++) buf_printf(out, "%02x", (unsigned char)data[i]);
}

// A row as "name=value name=value": null, integers, shortest decimals, 'text', x0aff.
static inline void print_row(const struct batch *batch, uint32_t row, struct buf *out)
{
    char digits[DECIMAL_TEXT_BYTES];
    for (uint32_t i = 0; i < batch->type->column_count; i++) {
        const struct column *column = &batch->columns[i];
        buf_printf(out, "%s%s=", i ? " " : "", batch->type->columns[i].name);
        if (column->null[row]) {
            buf_append_text(out, "null");
            continue;
        }
        switch (batch->type->columns[i].type) {
        case COLUMN_INT64:
        case COLUMN_TIMESTAMP: buf_printf(out, "%lld", (long long)column->int64[row]); break;
        case COLUMN_DOUBLE: buf_append(out, digits, decimal_format(column->float64[row], digits)); break;
        case COLUMN_TEXT: buf_printf(out, "'%.*s'", SLICE_ARG(column->text[row])); break;
        case COLUMN_BYTES:
            buf_append_byte(out, 'x');
            print_hex(column->text[row].data, column->text[row].size, out);
            break;
        }
    }
}

// Everything between a pair of schemas and rows.
struct codec {
    struct avro_schema *writer, *reader;
    struct arena arena;
    struct row_type *type;
    struct avro_decode_plan *decode;
    struct batch *batch;
    struct buf text;
    struct err err;
};

static inline enum status codec_open(struct codec *codec, const char *writer, const char *reader)
{
    *codec = (struct codec){.writer = schema_of(writer, AVRO_LENIENT), .reader = schema_of(reader, AVRO_LENIENT)};
    arena_init(&codec->arena, 1024);
    buf_init(&codec->text, 1 << 24);
    assert_ok(avro_row_type(codec->reader, "row", &codec->arena, &codec->type, &codec->err), &codec->err);
    codec->batch = batch_new(codec->type, 4);
    return avro_decode_plan_new(codec->writer, codec->reader, codec->type, &codec->decode, &codec->err);
}

static inline void codec_close(struct codec *codec)
{
    avro_decode_plan_free(codec->decode);
    batch_free(codec->batch);
    buf_fini(&codec->text);
    arena_fini(&codec->arena);
    avro_schema_free(codec->writer);
    avro_schema_free(codec->reader);
}

// Decodes one datum; the row's text is in codec->text.
static inline enum status codec_decode(struct codec *codec, const void *data, size_t size)
{
    // A copy of just that size, so that a sanitizer sees one byte too far.
    char *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, data, size);
    batch_reset(codec->batch);
    uint32_t row = batch_row_begin(codec->batch);
    enum status status = avro_decode(codec->decode, exact, size, codec->batch, row, &codec->err);
    buf_reset(&codec->text);
    if (status == OK) print_row(codec->batch, row, &codec->text);
    buf_append_byte(&codec->text, '\0');
    free(exact);
    return status;
}

static inline void check_decode(const char *file, int line, const char *writer, const char *reader, const char *hex, const char *row)
{
    struct codec codec;
    unsigned char data[4096];
    if (codec_open(&codec, writer, reader) != OK) fail_msg("%s:%d: no plan: %s", file, line, codec.err.text);
    if (codec_decode(&codec, data, bytes_of(hex, data)) != OK) fail_msg("%s:%d: rejected: %s", file, line, codec.err.text);
    if (strcmp(codec.text.data, row) != 0) fail_msg("%s:%d: %s instead of %s", file, line, codec.text.data, row);
    codec_close(&codec);
}

static inline void check_reject(const char *file, int line, const char *writer, const char *reader, const char *hex, const char *reason)
{
    struct codec codec;
    unsigned char data[4096];
    if (codec_open(&codec, writer, reader) != OK) fail_msg("%s:%d: no plan: %s", file, line, codec.err.text);
    if (codec_decode(&codec, data, bytes_of(hex, data)) != REJECT) fail_msg("%s:%d: gave %s", file, line, codec.text.data);
    if (!strstr(codec.err.text, reason)) fail_msg("%s:%d: \"%s\" does not say \"%s\"", file, line, codec.err.text, reason);
    codec_close(&codec);
}

static inline void check_no_plan(const char *file, int line, const char *writer, const char *reader, const char *reason)
{
    struct codec codec;
    if (codec_open(&codec, writer, reader) != REJECT) fail_msg("%s:%d: a plan was made", file, line);
    assert_int_equal(codec.err.code, ERR_REGISTRY);
    if (!strstr(codec.err.text, reason)) fail_msg("%s:%d: \"%s\" does not say \"%s\"", file, line, codec.err.text, reason);
    codec_close(&codec);
}

// Data of the writer (in hexadecimal) read by the reader gives this row; or is rejected, with a text that has this part; or the
// schemas never resolve.
#define assert_decodes(writer, reader, hex, row) check_decode(__FILE__, __LINE__, writer, reader, hex, row)
#define assert_rejects(writer, reader, hex, reason) check_reject(__FILE__, __LINE__, writer, reader, hex, reason)
#define assert_no_plan(writer, reader, reason) check_no_plan(__FILE__, __LINE__, writer, reader, reason)

#endif
