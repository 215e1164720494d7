// SPDX-License-Identifier: Apache-2.0
// Decoding of ticks, with one compiled plan per writer schema.
#include "processing/tick.h"

#include <stdlib.h>

#include "avro/framing.h"
#include "avro/plan.h"
#include "model/convert.h"
#include "model/record.h"
#include "streaming/schema_files.h"

// Hidden columns, after the visible ones.
enum { HIDDEN_TOPIC, HIDDEN_PARTITION, HIDDEN_OFFSET, HIDDEN_TIMESTAMP, HIDDEN_KEY, HIDDEN_SCHEMA_ID, HIDDEN_COLUMNS };

static const struct row_column hidden_columns[HIDDEN_COLUMNS] = {
    [HIDDEN_TOPIC] = {.name = "_topic", .type = COLUMN_TEXT, .hidden = true},
    [HIDDEN_PARTITION] = {.name = "_partition", .type = COLUMN_INT64, .hidden = true},
    [HIDDEN_OFFSET] = {.name = "_offset", .type = COLUMN_INT64, .hidden = true},
    [HIDDEN_TIMESTAMP] = {.name = "_timestamp", .type = COLUMN_TIMESTAMP, .hidden = true},
    [HIDDEN_KEY] = {.name = "_key", .type = COLUMN_TEXT, .hidden = true},
    [HIDDEN_SCHEMA_ID] = {.name = "_schema_id", .type = COLUMN_INT64, .hidden = true},
};

enum { MAX_PLANS = 256 }; // writer schemas per topic; beyond that the oldest is compiled anew

struct plan {
    int32_t schema_id;
    struct avro_decode_plan *plan;
};

struct tick_decoder {
    struct arena arena;
    struct slice topic;
    struct registry_client *registry;
    struct avro_schema *reader;
    struct row_type type;
    uint32_t visible; // columns before the hidden ones
    struct plan plans[MAX_PLANS];
    uint32_t plan_count, plan_oldest, plan_last;
};

static enum status tick_decoder_open(struct tick_decoder *self, const char *schemas, const char *topic, struct err *err)
{
    struct buf text;
    buf_init(&text, BUF_MAX_SCHEMA_TEXT);
    enum status status = schema_files_newest(schemas, topic, &text, err);
    if (status == OK) status = avro_schema_parse(text.data, text.size, AVRO_STRICT, NULL, 0, &self->reader, err);
    buf_fini(&text);
    if (status != OK) return err_set(err, FATAL, ERR_CONFIG, "no reader schema for the topic %s: %s", topic, err->text);

    struct row_type *visible;
    TRY(avro_row_type(self->reader, "tick", &self->arena, &visible, err));
    self->visible = visible->column_count;
    struct row_column *columns = arena_calloc(&self->arena, visible->column_count + HIDDEN_COLUMNS, sizeof *columns);
    memcpy(columns, visible->columns, visible->column_count * sizeof *columns);
    memcpy(columns + visible->column_count, hidden_columns, sizeof hidden_columns);
    self->type = (struct row_type){"tick", visible->column_count + HIDDEN_COLUMNS, columns};
    return OK;
}

enum status tick_decoder_new(struct tick_decoder **out, const char *schemas, const char *topic, struct registry_client *registry,
                             struct err *err)
{
    struct tick_decoder *self = calloc(1, sizeof *self);
    if (!self) abort();
    arena_init(&self->arena, 4096);
    self->topic = (struct slice){arena_copy(&self->arena, topic, strlen(topic)), strlen(topic)};
    self->registry = registry;
    enum status status = tick_decoder_open(self, schemas, topic, err);
    if (status != OK) {
        tick_decoder_free(self);
        return status;
    }
    *out = self;
    return OK;
}

void tick_decoder_free(struct tick_decoder *self)
{
    if (!self) return;
    for (uint32_t i = 0; i < self->plan_count; i++) avro_decode_plan_free(self->plans[i].plan);
    avro_schema_free(self->reader);
    arena_fini(&self->arena);
    free(self);
}

const struct row_type *tick_decoder_type(const struct tick_decoder *self)
{
    return &self->type;
}

static enum status plan_make(struct tick_decoder *self, int32_t schema_id, struct avro_decode_plan **out, struct err *err)
{
    const struct avro_schema *writer;
    TRY(registry_schema(self->registry, schema_id, &writer, err));
    struct avro_decode_plan *plan;
    TRY(avro_decode_plan_new(writer, self->reader, &self->type, &plan, err));
    uint32_t at = self->plan_count;
    if (self->plan_count < MAX_PLANS) {
        self->plan_count++;
    } else {
        at = self->plan_oldest;
        self->plan_oldest = (self->plan_oldest + 1) % MAX_PLANS;
        avro_decode_plan_free(self->plans[at].plan);
    }
    self->plans[at] = (struct plan){schema_id, plan};
    self->plan_last = at;
    *out = plan;
    return OK;
}

static enum status plan_find(struct tick_decoder *self, int32_t schema_id, struct avro_decode_plan **out, struct err *err)
{
    if (self->plan_count && self->plans[self->plan_last].schema_id != schema_id) {
        self->plan_last = 0;
        while (self->plan_last < self->plan_count - 1 && self->plans[self->plan_last].schema_id != schema_id) self->plan_last++;
    }
    if (!self->plan_count || self->plans[self->plan_last].schema_id != schema_id) return plan_make(self, schema_id, out, err);
    *out = self->plans[self->plan_last].plan;
    return OK;
}

static void set_hidden(const struct tick_decoder *self, const struct batch *records, uint32_t from, int32_t partition, int32_t schema_id,
                       struct batch *ticks, uint32_t row)
{
    uint32_t first = self->visible;
    batch_set_slice(ticks, first + HIDDEN_TOPIC, row, self->topic);
    batch_set_int64(ticks, first + HIDDEN_PARTITION, row, partition);
    batch_set_int64(ticks, first + HIDDEN_OFFSET, row, records->offset[from]);
    batch_set_int64(ticks, first + HIDDEN_TIMESTAMP, row, records->columns[RECORD_TIMESTAMP].int64[from]);
    batch_set_int64(ticks, first + HIDDEN_SCHEMA_ID, row, schema_id);
    if (batch_is_null(records, RECORD_KEY, from)) return;
    struct slice key = records->columns[RECORD_KEY].text[from];
    if (convert_text_is_valid(key)) batch_set_slice(ticks, first + HIDDEN_KEY, row, key);
}

enum status tick_decode(struct tick_decoder *self, const struct batch *records, uint32_t from, int32_t partition, struct batch *ticks,
                        struct tick_fault *fault, struct err *err)
{
    *fault = (struct tick_fault){.rule = "decode"};
    if (batch_is_null(records, RECORD_VALUE, from))
        return err_set(err, REJECT, ERR_STREAM, "the record has no value (a tombstone); ticks always have one");
    int32_t schema_id;
    struct slice datum;
    TRY(avro_unframe(records->columns[RECORD_VALUE].text[from], &schema_id, &datum, err));
    fault->schema_id = schema_id;

    struct avro_decode_plan *plan;
    fault->rule = "schema";
    TRY(plan_find(self, schema_id, &plan, err));
    fault->rule = "decode";
    uint32_t row = batch_row_begin(ticks);
    TRY(avro_decode(plan, datum.data, datum.size, ticks, row, err));
    set_hidden(self, records, from, partition, schema_id, ticks, row);
    ticks->source[row] = records->source[from];
    ticks->offset[row] = records->offset[from];
    batch_row_commit(ticks);
    return OK;
}

int64_t tick_schema_id(const struct batch *ticks, uint32_t row)
{
    uint32_t column = ticks->type->column_count - HIDDEN_COLUMNS + HIDDEN_SCHEMA_ID;
    return ticks->columns[column].int64[row];
}
