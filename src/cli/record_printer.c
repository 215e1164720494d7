// SPDX-License-Identifier: Apache-2.0
// Printing of records.
#include "cli/record_printer.h"

#include <stdlib.h>

#include "avro/framing.h"
#include "avro/plan.h"
#include "base/clock.h"
#include "cli/output.h"
#include "model/convert.h"
#include "model/record.h"

enum { MAX_SCHEMAS = 64 };

// How to read records of one schema: as themselves.
struct reading {
    int32_t id;
    struct row_type *type;
    struct avro_decode_plan *plan;
    struct batch *batch; // one row
};

struct record_printer {
    struct registry_client *registry;
    FILE *file;
    struct arena arena;
    struct reading readings[MAX_SCHEMAS];
    uint32_t count;
};

struct record_printer *record_printer_new(struct registry_client *registry, FILE *file)
{
    struct record_printer *self = calloc(1, sizeof *self);
    if (!self) abort();
    self->registry = registry;
    self->file = file;
    arena_init(&self->arena, 4096);
    return self;
}

void record_printer_free(struct record_printer *self)
{
    if (!self) return;
    for (uint32_t i = 0; i < self->count; i++) {
        avro_decode_plan_free(self->readings[i].plan);
        batch_free(self->readings[i].batch);
    }
    arena_fini(&self->arena);
    free(self);
}

static enum status reading_of(struct record_printer *self, int32_t id, struct reading **out, struct err *err)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->readings[i].id == id) return *out = &self->readings[i], OK;
    if (self->count == MAX_SCHEMAS) return err_set(err, REJECT, ERR_REGISTRY, "more than %d schemas in one listing", MAX_SCHEMAS);
    const struct avro_schema *schema;
    struct reading *reading = &self->readings[self->count];
    TRY(registry_schema(self->registry, id, &schema, err));
    TRY(avro_row_type(schema, "record", &self->arena, &reading->type, err));
    TRY(avro_decode_plan_new(schema, schema, reading->type, &reading->plan, err));
    reading->id = id;
    reading->batch = batch_new(reading->type, 1);
    self->count++;
    *out = reading;
    return OK;
}

// `out` is a batch of one row.
static enum status decode(struct record_printer *self, struct slice value, int32_t *id, struct batch **out, struct err *err)
{
    struct slice datum;
    struct reading *reading = self->readings;
    TRY(avro_unframe(value, id, &datum, err));
    TRY(reading_of(self, *id, &reading, err));
    batch_reset(reading->batch);
    TRY(avro_decode(reading->plan, datum.data, datum.size, reading->batch, batch_row_begin(reading->batch), err));
    batch_row_commit(reading->batch);
    *out = reading->batch;
    return OK;
}

static void append_bytes(struct buf *line, struct slice bytes)
{
    if (!bytes.data) {
        buf_append_text(line, "null");
    } else if (convert_text_is_valid(bytes)) {
        buf_append_json(line, bytes.data, bytes.size);
    } else {
        char *hex = malloc(2 * bytes.size + 1);
        if (!hex) abort();
        text_hex(bytes.data, bytes.size, hex);
        buf_printf(line, "\"0x%s\"", hex);
        free(hex);
    }
}

static void append_headers(struct buf *line, const struct batch *records, uint32_t row)
{
    struct slice name, value;
    buf_append_text(line, ",\"_headers\":{");
    for (size_t at = 0, i = 0; record_headers_next(records->columns[RECORD_HEADERS].text[row], &at, &name, &value); i++) {
        if (i) buf_append_byte(line, ',');
        append_bytes(line, name);
        buf_append_byte(line, ':');
        append_bytes(line, value);
    }
    buf_append_byte(line, '}');
}

static struct slice value_of(const struct batch *records, enum record_column column, uint32_t row)
{
    return batch_is_null(records, column, row) ? (struct slice){0} : records->columns[column].text[row];
}

void record_printer_print(struct record_printer *self, const struct batch *records, uint32_t row, int32_t partition)
{
    char time[CLOCK_TEXT_BYTES];
    struct buf line;
    buf_init(&line, BUF_MAX_HTTP_REPLY);
    buf_printf(&line, "{\"_partition\":%d,\"_offset\":%lld,\"_timestamp\":\"%s\",\"_key\":", partition, (long long)records->offset[row],
               clock_format(records->columns[RECORD_TIMESTAMP].int64[row], time));
    append_bytes(&line, value_of(records, RECORD_KEY, row));
    if (!batch_is_null(records, RECORD_HEADERS, row)) append_headers(&line, records, row);

    struct err err;
    struct batch *decoded = NULL;
    int32_t id = 0;
    struct slice value = value_of(records, RECORD_VALUE, row);
    if (value.data && value.size && value.data[0] == 0 && decode(self, value, &id, &decoded, &err) != OK) {
        buf_append_text(&line, ",\"_error\":");
        buf_append_json(&line, err.text, strlen(err.text));
    }
    if (id) buf_printf(&line, ",\"_schema_id\":%d", id);
    if (!decoded) {
        buf_append_text(&line, ",\"_value\":");
        append_bytes(&line, value);
        buf_append_text(&line, "}\n");
        fwrite(line.data, 1, line.size, self->file);
    } else {
        // The row prints itself as an object: its opening brace becomes the comma behind what is here already.
        struct buf fields;
        buf_init(&fields, BUF_MAX_HTTP_REPLY);
        output_append_row(&fields, decoded, 0, true);
        fwrite(line.data, 1, line.size, self->file);
        fputs(fields.size > 2 ? "," : "", self->file);
        fwrite(fields.data + 1, 1, fields.size - 1, self->file);
        fputc('\n', self->file);
        buf_fini(&fields);
    }
    buf_fini(&line);
}
