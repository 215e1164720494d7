// SPDX-License-Identifier: Apache-2.0
// Decoding and routing of records.
#include "processing/pipeline.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/convert.h"
#include "model/record.h"
#include "processing/preflight.h"
#include "processing/tick.h"
#include "streaming/stream.h"
#include "transform/transform.h"

// One topic of the routes: how its records become ticks, and ticks rows.
struct topic {
    struct tick_decoder *decoder;
    struct transform *transform;
    uint32_t *route_table; // per route: index of its table
    uint32_t route_count;
};

struct pipeline {
    struct arena arena; // names and row types
    struct topic *topics;
    const char **topic_names; // topic_count of them, and STREAM_REJECTED_TOPIC
    uint32_t topic_count;
    const char **table_names;
    struct row_type **table_types;
    uint32_t table_count;
    struct batch **outputs;             // scratch of one run, per route
    struct transform_outcome *outcomes; // scratch of one run, per row
    uint32_t outcome_capacity;
};

// --- Setting up ---

static enum status find_tables(struct pipeline *self, const struct pipeline_params *params, struct err *err)
{
    for (uint32_t i = 0; i < self->table_count; i++) {
        enum status status = params->sink->ops->table(params->sink, self->table_names[i], &self->arena, &self->table_types[i], err);
        if (status == REJECT)
            return err_set(err, FATAL, ERR_CONFIG, "a route of processing leads to the table %s, but %s", self->table_names[i], err->text);
        if (status != OK) return status;
    }
    return OK;
}

static enum status topic_open(struct pipeline *self, uint32_t index, const struct pipeline_params *params, struct err *err)
{
    const struct config *config = params->config;
    struct topic *topic = &self->topics[index];
    TRY(tick_decoder_new(&topic->decoder, config->streaming.schemas, self->topic_names[index], params->registry, err));

    struct transform_route *routes = arena_calloc(&self->arena, config->processing.routes.count, sizeof *routes);
    topic->route_table = arena_calloc(&self->arena, config->processing.routes.count, sizeof *topic->route_table);
    for (uint32_t i = 0; i < config->processing.routes.count; i++) {
        const struct config_route *route = &config->processing.routes.items[i];
        if (strcmp(route->topic, self->topic_names[index])) continue;
        uint32_t table = text_number(self->table_names, &self->table_count, route->table);
        topic->route_table[topic->route_count] = table;
        routes[topic->route_count++] = (struct transform_route){
            .name = arena_printf(&self->arena, "processing.routes[%u]", i), .select = route->select, .output = self->table_types[table]};
    }
    const struct row_type *input = tick_decoder_type(topic->decoder);
    enum status status = transform_new(input, routes, topic->route_count, &topic->transform, err);
    for (uint32_t i = 0; i < topic->route_count && status == FATAL; i++) status = preflight_explain(input, &routes[i], params->sink, err);
    for (uint32_t i = 0; i < topic->route_count && status == OK; i++)
        status = preflight_types(input, topic->transform, i, &routes[i], params->sink, err);
    return status;
}

static bool is_given(const struct pipeline *self, uint32_t table, uint32_t column)
{
    for (uint32_t t = 0; t < self->topic_count; t++)
        for (uint32_t i = 0; i < self->topics[t].route_count; i++)
            if (self->topics[t].route_table[i] == table && transform_gives(self->topics[t].transform, i, column)) return true;
    return false;
}

// A column that some route gives is written, null or not; of the others the store knows by this that they are its own.
static void mark_absent(struct pipeline *self, uint32_t table)
{
    struct row_type *type = self->table_types[table];
    struct row_column *columns = arena_calloc(&self->arena, type->column_count, sizeof *columns);
    memcpy(columns, type->columns, type->column_count * sizeof *columns);
    for (uint32_t i = 0; i < type->column_count; i++) columns[i].absent = !is_given(self, table, i);
    type->columns = columns;
}

static enum status pipeline_open(struct pipeline *self, const struct pipeline_params *params, struct err *err)
{
    const struct config *config = params->config;
    uint32_t routes = config->processing.routes.count;
    if (!routes) return err_set(err, FATAL, ERR_CONFIG, "processing.routes is empty: nothing would be stored");
    self->topic_names = arena_calloc(&self->arena, routes + 1, sizeof *self->topic_names);
    self->table_names = arena_calloc(&self->arena, routes, sizeof *self->table_names);
    self->table_types = arena_calloc(&self->arena, routes, sizeof(struct row_type *));
    self->topics = arena_calloc(&self->arena, routes, sizeof *self->topics);
    self->outputs = arena_calloc(&self->arena, routes, sizeof(struct batch *));
    for (uint32_t i = 0; i < routes; i++) {
        text_number(self->topic_names, &self->topic_count, config->processing.routes.items[i].topic);
        text_number(self->table_names, &self->table_count, config->processing.routes.items[i].table);
    }
    self->topic_names[self->topic_count] = STREAM_REJECTED_TOPIC;
    TRY(find_tables(self, params, err));
    for (uint32_t i = 0; i < self->topic_count; i++) TRY(topic_open(self, i, params, err));
    for (uint32_t i = 0; i < self->table_count; i++) mark_absent(self, i);
    return OK;
}

enum status pipeline_new(struct pipeline **out, const struct pipeline_params *params, struct err *err)
{
    struct pipeline *self = memory_new(1, sizeof *self);
    arena_init(&self->arena, 16 << 10);
    enum status status = pipeline_open(self, params, err);
    if (status != OK) {
        pipeline_free(self);
        return status;
    }
    *out = self;
    return OK;
}

void pipeline_free(struct pipeline *self)
{
    if (!self) return;
    for (uint32_t i = 0; i < self->topic_count; i++) {
        transform_free(self->topics[i].transform);
        tick_decoder_free(self->topics[i].decoder);
    }
    free(self->outcomes);
    arena_fini(&self->arena);
    free(self);
}

uint32_t pipeline_topics(const struct pipeline *self, const char *const **topics)
{
    *topics = self->topic_names;
    return self->topic_count + 1;
}

bool pipeline_leads(const struct pipeline *self, uint32_t topic, uint32_t table)
{
    if (topic >= self->topic_count) return false;
    for (uint32_t i = 0; i < self->topics[topic].route_count; i++)
        if (self->topics[topic].route_table[i] == table) return true;
    return false;
}

uint32_t pipeline_tables(const struct pipeline *self, const char *const **tables)
{
    *tables = self->table_names;
    return self->table_count;
}

bool pipeline_fits(const struct pipeline *self, uint32_t table, const struct row_type *now)
{
    const struct row_type *then = self->table_types[table];
    bool same = then->column_count == now->column_count;
    for (uint32_t i = 0; i < now->column_count && same; i++) {
        const struct row_column *one = &then->columns[i], *two = &now->columns[i];
        same = one->type == two->type && one->required == two->required && one->flag == two->flag && !strcmp(one->name, two->name);
    }
    return same;
}

// --- Work ---

struct work *pipeline_work_new(const struct pipeline *self, uint32_t capacity)
{
    struct work *work = memory_new(1, sizeof *work);
    work->records = batch_new(&record_row_type, capacity);
    work->rejects = batch_new(&reject_row_type, capacity);
    work->fate = memory_new(capacity, 1);
    work->rows = memory_new(self->table_count, sizeof *work->rows);
    work->ticks = memory_new(self->topic_count, sizeof *work->ticks);
    work->tick_record = memory_new(self->topic_count, sizeof *work->tick_record);
    for (uint32_t i = 0; i < self->table_count; i++) work->rows[i] = batch_new(self->table_types[i], capacity);
    for (uint32_t i = 0; i < self->topic_count; i++) {
        work->ticks[i] = batch_new(tick_decoder_type(self->topics[i].decoder), capacity);
        work->tick_record[i] = memory_new(capacity, sizeof **work->tick_record);
    }
    return work;
}

void pipeline_work_free(const struct pipeline *self, struct work *work)
{
    if (!work) return;
    for (uint32_t i = 0; i < self->table_count; i++) batch_free(work->rows[i]);
    for (uint32_t i = 0; i < self->topic_count; i++) {
        batch_free(work->ticks[i]);
        free(work->tick_record[i]);
    }
    batch_free(work->records);
    batch_free(work->rejects);
    free(work->fate);
    free(work->rows);
    free(work->ticks);
    free(work->tick_record);
    free(work);
}

void pipeline_work_clear(const struct pipeline *self, struct work *work)
{
    for (uint32_t i = 0; i < self->table_count; i++) batch_reset(work->rows[i]);
    for (uint32_t i = 0; i < self->topic_count; i++) batch_reset(work->ticks[i]);
    batch_reset(work->rejects);
}

// --- Running ---

void pipeline_reject(struct work *work, uint32_t row, const char *rule, const char *error, int64_t schema_id)
{
    struct batch *rejects = work->rejects;
    const struct batch *records = work->records;
    uint32_t to = batch_row_begin(rejects);
    static const struct {
        uint32_t from, to;
    } copied[] = {{RECORD_KEY, REJECT_KEY}, {RECORD_VALUE, REJECT_VALUE}, {RECORD_HEADERS, REJECT_HEADERS}};
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
        if (!batch_is_null(records, copied[i].from, row))
            batch_set_slice(rejects, copied[i].to, to, records->columns[copied[i].from].text[row]);
    batch_set_int64(rejects, REJECT_TIMESTAMP, to, records->columns[RECORD_TIMESTAMP].int64[row]);
    if (schema_id) batch_set_int64(rejects, REJECT_SCHEMA_ID, to, schema_id);
    batch_set_slice(rejects, REJECT_RULE, to, slice_of(rule));
    size_t length = strlen(error);
    batch_set_slice(rejects, REJECT_ERROR, to, (struct slice){arena_copy(&rejects->arena, error, length), length});
    rejects->source[to] = records->source[row];
    rejects->offset[to] = records->offset[row];
    batch_row_commit(rejects);
    work->fate[row] = FATE_QUARANTINED;
}

// What ingestion could not use: it says why in a header.
static void reject_of_ingestion(struct work *work, uint32_t row)
{
    char text[ERR_TEXT_BYTES] = "no reason given";
    if (!batch_is_null(work->records, RECORD_HEADERS, row)) {
        struct slice reason = record_header(work->records->columns[RECORD_HEADERS].text[row], "reason");
        if (reason.size && convert_text_is_valid(reason)) snprintf(text, sizeof text, "%.*s", SLICE_ARG(reason));
    }
    pipeline_reject(work, row, "ingestion", text, 0);
}

static const struct pipeline_source *source_of(const struct pipeline_source *sources, uint32_t count, int64_t id, uint32_t *hint)
{
    // Records of a partition come in runs: nearly always the same as the last.
    for (uint32_t tries = 0; tries < count; tries++, *hint = (*hint + 1) % count)
        if (sources[*hint].id == id) return &sources[*hint];
    abort(); // a stream only gives records of what was sought
}

static enum status decode_record(struct pipeline *self, struct work *work, uint32_t row, const struct pipeline_source *source,
                                 struct err *err)
{
    if (source->topic == self->topic_count) {
        reject_of_ingestion(work, row);
        return OK;
    }
    struct batch *ticks = work->ticks[source->topic];
    struct tick_fault fault = {0};
    enum status status = tick_decode(self->topics[source->topic].decoder, work->records, row, source->partition, ticks, &fault, err);
    if (status == OK)
        work->tick_record[source->topic][ticks->rows - 1] = row;
    else if (status == REJECT)
        pipeline_reject(work, row, fault.rule, err->text, fault.schema_id);
    return status == REJECT ? OK : status;
}

static enum status route_topic(struct pipeline *self, struct work *work, uint32_t index, struct err *err)
{
    const struct topic *topic = &self->topics[index];
    struct batch *ticks = work->ticks[index];
    if (!ticks->rows) return OK;
    for (uint32_t i = 0; i < topic->route_count; i++) self->outputs[i] = work->rows[topic->route_table[i]];
    TRY(transform_run(topic->transform, ticks, self->outputs, self->outcomes, err));
    for (uint32_t i = 0; i < ticks->rows; i++) {
        uint32_t record = work->tick_record[index][i];
        switch (self->outcomes[i].outcome) {
        case OUTCOME_NONE: work->fate[record] = FATE_FILTERED; break;
        case OUTCOME_TAKEN: work->fate[record] = FATE_STORED; break;
        case OUTCOME_REJECT: pipeline_reject(work, record, "transform", self->outcomes[i].reason, tick_schema_id(ticks, i)); break;
        }
    }
    return OK;
}

enum status pipeline_run(struct pipeline *self, struct work *work, const struct pipeline_source *sources, uint32_t source_count,
                         struct err *err)
{
    pipeline_work_clear(self, work);
    if (self->outcome_capacity < work->records->capacity) {
        free(self->outcomes);
        self->outcome_capacity = work->records->capacity;
        self->outcomes = memory_new(self->outcome_capacity, sizeof *self->outcomes);
    }
    uint32_t hint = 0;
    for (uint32_t row = 0; row < work->records->rows; row++) {
        const struct pipeline_source *source = source_of(sources, source_count, work->records->source[row], &hint);
        work->waiting = row;
        TRY(decode_record(self, work, row, source, err));
    }
    for (uint32_t i = 0; i < self->topic_count; i++) TRY(route_topic(self, work, i, err));
    return OK;
}
