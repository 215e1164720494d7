// SPDX-License-Identifier: Apache-2.0
// Our side of the comparison with Avro Java: one request a line, one reply a line, members separated by tabs.
//
//   parse    strict|lenient SCHEMA   ok PRINTED CANONICAL FINGERPRINT | error WHY
//   plan     WRITER READER           ok | error WHY
//   decode   HEX                     row CELL... | reject WHY
//   encode                           bytes HEX | reject WHY      (the row that was decoded last, by the reader schema)
//
// A cell is n (null), i and an integer, d and the 16 hex digits of a double's bits, t and a JSON string, b and hexadecimal.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "avro/json.h"
#include "avro/plan.h"

struct session {
    struct avro_schema *writer, *reader;
    struct arena arena;
    struct row_type *type;
    struct avro_decode_plan *decode;
    struct avro_encode_plan *encode;
    struct batch *batch;
    unsigned char *datum; // texts of the batch point into it
    struct buf reply;
    struct err err;
};

static void session_forget(struct session *session)
{
    avro_decode_plan_free(session->decode);
    avro_encode_plan_free(session->encode);
    batch_free(session->batch);
    arena_fini(&session->arena);
    avro_schema_free(session->writer);
    avro_schema_free(session->reader);
    session->decode = NULL;
    session->encode = NULL;
    session->batch = NULL;
    session->writer = session->reader = NULL;
}

static void refuse(struct session *session, const char *word)
{
    buf_printf(&session->reply, "%s\t", word);
    for (const char *p = session->err.text; *p; p++) buf_append_byte(&session->reply, *p == '\n' || *p == '\t' ? ' ' : *p);
}

static enum status parse(const char *text, enum avro_strictness strictness, struct avro_schema **out, struct err *err)
{
    return avro_schema_parse(text, strlen(text), strictness, NULL, 0, out, err);
}

// What is printed must mean the same, and print the same again.
static bool prints_the_same(const struct avro_schema *schema, struct buf *printed)
{
    struct avro_schema *again;
    struct buf second;
    buf_init(&second, 8 << 20);
    avro_schema_print(schema, printed);
    bool same = false;
    if (avro_schema_parse(printed->data, printed->size, AVRO_LENIENT, NULL, 0, &again, NULL) == OK) {
        avro_schema_print(again, &second);
        same = avro_schema_equal(schema, again) && slice_equal(buf_slice(printed), buf_slice(&second));
        avro_schema_free(again);
    }
    buf_fini(&second);
    return same;
}

static void do_parse(struct session *session, char *arguments)
{
    char *text = strchr(arguments, '\t');
    struct avro_schema *schema;
    struct buf printed;
    *text++ = '\0';
    if (parse(text, strcmp(arguments, "strict") ? AVRO_LENIENT : AVRO_STRICT, &schema, &session->err) != OK) {
        refuse(session, "error");
        return;
    }
    buf_init(&printed, 8 << 20);
    if (prints_the_same(schema, &printed)) {
        buf_append_text(&session->reply, "ok\t");
        buf_append(&session->reply, printed.data, printed.size);
        buf_append_byte(&session->reply, '\t');
        avro_schema_print_pcf(schema, &session->reply);
        buf_printf(&session->reply, "\t%" PRId64, (int64_t)avro_schema_fingerprint(schema));
    } else {
        buf_append_text(&session->reply, "error\tprinting does not give the same schema");
    }
    buf_fini(&printed);
    avro_schema_free(schema);
}

static void do_plan(struct session *session, char *arguments)
{
    char *reader = strchr(arguments, '\t');
    *reader++ = '\0';
    session_forget(session);
    struct err *err = &session->err;
    if (parse(arguments, AVRO_LENIENT, &session->writer, err) != OK || parse(reader, AVRO_LENIENT, &session->reader, err) != OK ||
        avro_row_type(session->reader, "row", &session->arena, &session->type, err) != OK ||
        avro_decode_plan_new(session->writer, session->reader, session->type, &session->decode, err) != OK ||
        avro_encode_plan_new(session->type, session->reader, &session->encode, err) != OK) {
        refuse(session, "error");
        return;
    }
    session->batch = batch_new(session->type, 1);
    buf_append_text(&session->reply, "ok");
}

static void print_cell(const struct batch *batch, uint32_t column, struct buf *out)
{
    const struct column *values = &batch->columns[column];
    uint64_t bits;
    buf_append_byte(out, '\t');
    if (values->null[0]) {
        buf_append_byte(out, 'n');
        return;
    }
    switch (batch->type->columns[column].type) {
    case COLUMN_INT64:
    case COLUMN_TIMESTAMP: buf_printf(out, "i%" PRId64, values->int64[0]); break;
    case COLUMN_DOUBLE:
        memcpy(&bits, &values->float64[0], sizeof bits);
        buf_printf(out, "d%016" PRIx64, bits);
        break;
    case COLUMN_TEXT:
        buf_append_byte(out, 't');
        json_print_text(values->text[0], out);
        break;
    case COLUMN_BYTES:
        buf_append_byte(out, 'b');
        for (size_t i = 0; i < values->text[0].size; i++) buf_printf(out, "%02x", (unsigned char)values->text[0].data[i]);
        break;
    }
}

static void do_decode(struct session *session, const char *hex)
{
    size_t size = strlen(hex) / 2;
    free(session->datum);
    session->datum = malloc(size ? size : 1);
    if (!session->datum) abort();
    for (size_t i = 0; i < size; i++) sscanf(hex + 2 * i, "%2hhx", &session->datum[i]);
    batch_reset(session->batch);
    uint32_t row = batch_row_begin(session->batch);
    if (avro_decode(session->decode, session->datum, size, session->batch, row, &session->err) != OK) {
        refuse(session, "reject");
        return;
    }
    batch_row_commit(session->batch);
    buf_append_text(&session->reply, "row");
    for (uint32_t i = 0; i < session->type->column_count; i++) print_cell(session->batch, i, &session->reply);
}

static void do_encode(struct session *session)
{
    struct buf datum;
    buf_init(&datum, 8 << 20);
    if (avro_encode(session->encode, session->batch, 0, &datum, &session->err) != OK) {
        refuse(session, "reject");
    } else {
        buf_append_text(&session->reply, "bytes\t");
        for (size_t i = 0; i < datum.size; i++) buf_printf(&session->reply, "%02x", (unsigned char)datum.data[i]);
    }
    buf_fini(&datum);
}

int main(void)
{
    struct session session = {0};
    char *line = NULL;
    size_t capacity = 0;
    arena_init(&session.arena, 4096);
    buf_init(&session.reply, 64 << 20);
    for (ssize_t size; (size = getline(&line, &capacity, stdin)) > 0;) {
        if (line[size - 1] == '\n') line[--size] = '\0';
        char *arguments = strchr(line, '\t');
        if (arguments) *arguments++ = '\0';
        buf_reset(&session.reply);
        if (!strcmp(line, "parse"))
            do_parse(&session, arguments);
        else if (!strcmp(line, "plan"))
            do_plan(&session, arguments);
        else if (!strcmp(line, "decode"))
            do_decode(&session, arguments);
        else
            do_encode(&session);
        buf_append_byte(&session.reply, '\n');
        fwrite(session.reply.data, 1, session.reply.size, stdout);
        fflush(stdout);
    }
    session_forget(&session);
    free(session.datum);
    free(line);
    buf_fini(&session.reply);
    return 0;
}
