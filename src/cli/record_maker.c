// SPDX-License-Identifier: Apache-2.0
// Making records of lines.
#include "cli/record_maker.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "avro/framing.h"
#include "avro/plan.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cli/registry_get.h"
#include "model/convert.h"
#include "model/record.h"

struct record_maker {
    struct arena arena;
    bool encode;
    int32_t schema_id;
    struct row_type *type;
    struct avro_encode_plan *plan;
    struct batch *row;
    struct buf value;
};

static enum status newest(const char *url, const char *subject, int32_t *id, struct err *err)
{
    char path[2048];
    json_t *reply;
    registry_subject_path(path, sizeof path, subject, "/versions/latest");
    TRY(registry_get(url, path, &reply, err));
    *id = (int32_t)json_integer_value(json_object_get(reply, "id"));
    json_decref(reply);
    return OK;
}

static enum status open_schema(struct record_maker *self, struct registry_client *registry, const char *url, const char *subject,
                               struct err *err)
{
    const struct avro_schema *schema;
    TRY(newest(url, subject, &self->schema_id, err));
    TRY(registry_schema(registry, self->schema_id, &schema, err));
    TRY(avro_row_type(schema, subject, &self->arena, &self->type, err));
    TRY(avro_encode_plan_new(self->type, schema, &self->plan, err));
    self->row = batch_new(self->type, 1);
    return OK;
}

enum status record_maker_new(struct record_maker **out, struct registry_client *registry, const char *url, const char *subject,
                             struct err *err)
{
    struct record_maker *self = memory_new(1, sizeof *self);
    arena_init(&self->arena, 4096);
    buf_init(&self->value, BUF_MAX_RECORD);
    self->encode = subject != NULL;
    enum status status = subject ? open_schema(self, registry, url, subject, err) : OK;
    if (status != OK)
        record_maker_free(self);
    else
        *out = self;
    return status;
}

void record_maker_free(struct record_maker *self)
{
    if (!self) return;
    batch_free(self->row);
    avro_encode_plan_free(self->plan);
    buf_fini(&self->value);
    arena_fini(&self->arena);
    free(self);
}

// --- JSON ---

static enum status misfit(const struct row_column *column, const char *wanted, struct err *err)
{
    return err_set(err, REJECT, ERR_USAGE, "the field %s wants %s", column->name, wanted);
}

static enum status set_int64(struct batch *row, uint32_t at, const struct row_column *column, const json_t *value, struct err *err)
{
    int64_t number;
    if (json_is_boolean(value)) return batch_set_int64(row, at, 0, json_is_true(value)), OK;
    if (json_is_integer(value)) return batch_set_int64(row, at, 0, json_integer_value(value)), OK;
    if (!json_is_string(value) || !convert_text_to_int64(slice_of(json_string_value(value)), &number))
        return misfit(column, "a whole number", err);
    return batch_set_int64(row, at, 0, number), OK;
}

static enum status set_double(struct batch *row, uint32_t at, const struct row_column *column, const json_t *value, struct err *err)
{
    double number;
    if (json_is_number(value)) return batch_set_double(row, at, 0, json_number_value(value)), OK;
    if (!json_is_string(value) || !convert_text_to_double(slice_of(json_string_value(value)), &number))
        return misfit(column, "a number", err);
    return batch_set_double(row, at, 0, number), OK;
}

static enum status set_timestamp(struct batch *row, uint32_t at, const struct row_column *column, const json_t *value, struct err *err)
{
    int64_t us;
    bool fits = json_is_integer(value) ? convert_int64_to_timestamp(json_integer_value(value), &us)
                                       : json_is_string(value) && convert_text_to_timestamp(slice_of(json_string_value(value)), &us);
    if (!fits) return misfit(column, "a time: 2026-08-13T12:03:09Z, or seconds, milliseconds or microseconds since 1970", err);
    return batch_set_int64(row, at, 0, us), OK;
}

// A text stands for itself; everything else, where text is wanted, as its JSON.
static enum status set_text(struct batch *row, uint32_t at, const json_t *value)
{
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    const char *from = text ? text : json_string_value(value);
    size_t size = text ? strlen(text) : json_string_length(value);
    batch_set_slice(row, at, 0, (struct slice){arena_copy(&row->arena, from ? from : "", size), size});
    free(text);
    return OK;
}

static enum status set_field(struct record_maker *self, const char *name, const json_t *value, struct err *err)
{
    int at = row_type_column(self->type, slice_of(name));
    if (at < 0 && *name == '_') return OK;
    if (at < 0) return err_set(err, REJECT, ERR_USAGE, "the schema has no field %.100s", name);
    const struct row_column *column = &self->type->columns[at];
    if (json_is_null(value)) return OK;
    switch (column->type) {
    case COLUMN_INT64: return set_int64(self->row, (uint32_t)at, column, value, err);
    case COLUMN_DOUBLE: return set_double(self->row, (uint32_t)at, column, value, err);
    case COLUMN_TIMESTAMP: return set_timestamp(self->row, (uint32_t)at, column, value, err);
    case COLUMN_TEXT:
    case COLUMN_BYTES: return set_text(self->row, (uint32_t)at, value);
    }
    return OK;
}

static enum status encode(struct record_maker *self, json_t *fields, struct err *err)
{
    unsigned char frame[AVRO_FRAME_BYTES];
    const char *name;
    json_t *value;
    batch_reset(self->row);
    batch_row_begin(self->row);
    json_object_foreach(fields, name, value) TRY(set_field(self, name, value, err));
    batch_row_commit(self->row);
    buf_reset(&self->value);
    avro_frame(self->schema_id, frame);
    buf_append(&self->value, frame, sizeof frame);
    return avro_encode(self->plan, self->row, 0, &self->value, err);
}

// --- Lines ---

static void add(struct batch *records, bool has_key, struct slice key, struct slice value)
{
    uint32_t row = batch_row_begin(records);
    if (has_key) batch_set_slice(records, RECORD_KEY, row, (struct slice){arena_copy(&records->arena, key.data, key.size), key.size});
    batch_set_slice(records, RECORD_VALUE, row, (struct slice){arena_copy(&records->arena, value.data, value.size), value.size});
    batch_set_int64(records, RECORD_TIMESTAMP, row, clock_now_us());
    batch_row_commit(records);
}

static enum status add_object(struct record_maker *self, bool has_key, struct slice key, struct slice text, struct batch *records,
                              struct err *err)
{
    json_error_t error;
    json_t *fields = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(fields)) {
        json_decref(fields);
        return err_set(err, REJECT, ERR_USAGE, "not a JSON object%s%s", fields ? "" : ": ", fields ? "" : error.text);
    }
    const json_t *own = json_object_get(fields, "_key");
    if (!own) own = json_object_get(fields, "id");
    if (!has_key && json_is_string(own)) {
        key = (struct slice){json_string_value(own), json_string_length(own)};
        has_key = true;
    }
    enum status status = encode(self, fields, err);
    if (status == OK) add(records, has_key, key, buf_slice(&self->value));
    json_decref(fields);
    return status;
}

enum status record_maker_add(struct record_maker *self, struct slice line, struct batch *records, struct err *err)
{
    const char *tab = line.size ? memchr(line.data, '\t', line.size) : NULL;
    struct slice key = {line.data, tab ? (size_t)(tab - line.data) : 0}, value = line;
    if (tab) value = (struct slice){tab + 1, line.size - key.size - 1};
    if (line.size > BUF_MAX_RECORD) return err_set(err, REJECT, ERR_USAGE, "longer than %d bytes", BUF_MAX_RECORD);
    if (self->encode) return add_object(self, tab != NULL, key, value, records, err);
    add(records, tab != NULL, key, value);
    return OK;
}
