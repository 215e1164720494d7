// SPDX-License-Identifier: Apache-2.0
// Routing and encoding of quotes.
#include "ingestion/publish.h"

#include <stdio.h>
#include <stdlib.h>

#include "avro/framing.h"
#include "avro/plan.h"
#include "base/clock.h"
#include "ingestion/reject.h"
#include "model/quote.h"
#include "model/record.h"
#include "streaming/schema_files.h"
#include "transform/transform.h"

struct topic {
    const char *name;
    struct avro_schema *schema;
    struct row_type *type;
    struct avro_encode_plan *plan;
    int32_t schema_id;
    bool read; // by a route of processing
};

struct publisher {
    struct arena arena;
    struct topic *topics;
    const char **topic_names; // the same, for publisher_topics
    uint32_t topic_count;
    uint32_t *route_topic; // per route: index of its topic
    uint32_t route_count;
    struct transform *transform;
    struct batch **outputs;             // scratch, per route
    struct transform_outcome *outcomes; // scratch, per row
    uint32_t outcome_capacity;
    struct buf value; // scratch, one record
};

// --- Setting up ---

static bool is_read(const char *topic, const struct config *config)
{
    bool read = !strcmp(topic, STREAM_REJECTED_TOPIC);
    for (uint32_t i = 0; i < config->processing.routes.count && !read; i++) read = !strcmp(config->processing.routes.items[i].topic, topic);
    return read;
}

static enum status topic_schema(struct topic *topic, const char *schemas, struct registry_client *registry, struct err *err)
{
    struct buf text, subject;
    buf_init(&text, BUF_MAX_SCHEMA_TEXT);
    buf_init(&subject, 512);
    buf_printf(&subject, "%s-value", topic->name);
    buf_append_byte(&subject, '\0');
    enum status status = schema_files_newest(schemas, topic->name, &text, err);
    buf_append_byte(&text, '\0');
    if (status == OK) status = avro_schema_parse(text.data, text.size - 1, AVRO_STRICT, NULL, 0, &topic->schema, err);
    if (status == REJECT) status = err_set(err, FATAL, ERR_CONFIG, "the schema of the topic %s: %s", topic->name, err->text);
    if (status == OK && registry) status = registry_lookup(registry, subject.data, text.data, &topic->schema_id, err);
    if (status == REJECT)
        status = err_set(err, RETRY, ERR_REGISTRY,
                         "the registry does not have the schema that this program writes to %s (%s); load it with fdp schemas load",
                         topic->name, err->text);
    buf_fini(&text);
    buf_fini(&subject);
    return status;
}

static enum status topic_open(struct topic *topic, struct publisher *self, const struct config *config, struct registry_client *registry,
                              struct err *err)
{
    TRY(topic_schema(topic, config->streaming.schemas, registry, err));
    TRY(avro_row_type(topic->schema, "tick", &self->arena, &topic->type, err));
    return avro_encode_plan_new(topic->type, topic->schema, &topic->plan, err);
}

static enum status publisher_open(struct publisher *self, const struct config *config, struct registry_client *registry, struct err *err)
{
    self->route_count = config->ingestion.routes.count;
    if (!self->route_count) return err_set(err, FATAL, ERR_CONFIG, "ingestion.routes is empty: nothing would be published");
    self->topics = arena_calloc(&self->arena, self->route_count, sizeof *self->topics);
    self->topic_names = arena_calloc(&self->arena, self->route_count, sizeof *self->topic_names);
    self->route_topic = arena_calloc(&self->arena, self->route_count, sizeof *self->route_topic);
    self->outputs = arena_calloc(&self->arena, self->route_count, sizeof(struct batch *));
    struct transform_route *routes = arena_calloc(&self->arena, self->route_count, sizeof *routes);
    for (uint32_t i = 0; i < self->route_count; i++) {
        const struct config_route *route = &config->ingestion.routes.items[i];
        uint32_t at = text_number(self->topic_names, &self->topic_count, route->topic);
        struct topic *topic = &self->topics[at];
        topic->name = route->topic;
        topic->read = is_read(route->topic, config);
        if (!topic->schema) TRY(topic_open(topic, self, config, registry, err));
        self->route_topic[i] = at;
        routes[i] = (struct transform_route){arena_printf(&self->arena, "ingestion.routes[%u]", i), route->select, topic->type};
    }
    return transform_new(&quote_row_type, routes, self->route_count, &self->transform, err);
}

enum status publisher_new(struct publisher **out, const struct config *config, struct registry_client *registry, struct err *err)
{
    struct publisher *self = calloc(1, sizeof *self);
    if (!self) abort();
    arena_init(&self->arena, 8192);
    buf_init(&self->value, BUF_MAX_RECORD);
    enum status status = publisher_open(self, config, registry, err);
    if (status != OK) {
        publisher_free(self);
        return status;
    }
    *out = self;
    return OK;
}

void publisher_free(struct publisher *self)
{
    if (!self) return;
    transform_free(self->transform);
    for (uint32_t i = 0; i < self->topic_count; i++) {
        avro_encode_plan_free(self->topics[i].plan);
        avro_schema_free(self->topics[i].schema);
    }
    free(self->outcomes);
    buf_fini(&self->value);
    arena_fini(&self->arena);
    free(self);
}

uint32_t publisher_topics(const struct publisher *self, const char *const **topics)
{
    *topics = self->topic_names;
    return self->topic_count;
}

// --- Publications ---

struct publication *publication_new(struct publisher *self, uint32_t capacity)
{
    struct publication *publication = calloc(1, sizeof *publication);
    if (!publication) abort();
    publication->publisher = self;
    publication->quotes = batch_new(&quote_row_type, capacity);
    publication->rejects = batch_new(&record_row_type, 2 * capacity); // those of the feed, and every quote
    publication->ticks = calloc(self->topic_count, sizeof *publication->ticks);
    publication->records = calloc(self->topic_count, sizeof *publication->records);
    if (!publication->ticks || !publication->records) abort();
    for (uint32_t i = 0; i < self->topic_count; i++) {
        publication->ticks[i] = batch_new(self->topics[i].type, capacity);
        publication->records[i] = batch_new(&record_row_type, capacity);
    }
    return publication;
}

void publication_free(struct publication *publication)
{
    if (!publication) return;
    for (uint32_t i = 0; i < publication->publisher->topic_count; i++) {
        batch_free(publication->ticks[i]);
        batch_free(publication->records[i]);
    }
    batch_free(publication->quotes);
    batch_free(publication->rejects);
    free(publication->ticks);
    free(publication->records);
    free(publication);
}

void publication_reset(struct publication *publication)
{
    for (uint32_t i = 0; i < publication->publisher->topic_count; i++) {
        batch_reset(publication->ticks[i]);
        batch_reset(publication->records[i]);
    }
    batch_reset(publication->quotes);
    batch_reset(publication->rejects);
}

uint64_t publication_records(const struct publication *publication)
{
    uint64_t records = publication->rejects->rows;
    for (uint32_t i = 0; i < publication->publisher->topic_count; i++) records += publication->records[i]->rows;
    return records;
}

uint64_t publication_unread(const struct publication *publication)
{
    const struct publisher *self = publication->publisher;
    uint64_t records = 0;
    for (uint32_t i = 0; i < self->topic_count; i++) records += self->topics[i].read ? 0 : publication->records[i]->rows;
    return records;
}

// --- Encoding ---

static struct slice quote_text(const struct batch *quotes, uint32_t column, uint32_t row)
{
    return batch_is_null(quotes, column, row) ? (struct slice){0} : quotes->columns[column].text[row];
}

static void reject_quote(struct publication *publication, uint32_t row, const char *source, const char *reason)
{
    const struct batch *quotes = publication->quotes;
    ingestion_reject(publication->rejects, quote_text(quotes, QUOTE_ID, row), quote_text(quotes, QUOTE_FRAME, row), reason, source,
                     quotes->columns[QUOTE_INGESTION_TS].int64[row]);
}

// Frames and encodes tick `row` of a topic as a record with the symbol of its quote as key.
static enum status encode_tick(struct publisher *self, const struct topic *topic, const struct publication *publication,
                               uint32_t topic_index, uint32_t row, int64_t now_us, struct err *err)
{
    const struct batch *ticks = publication->ticks[topic_index];
    struct batch *records = publication->records[topic_index];
    struct slice key = quote_text(publication->quotes, QUOTE_ID, (uint32_t)ticks->offset[row]);
    if (!key.size) return err_set(err, REJECT, ERR_FEED, "the quote has no id");
    unsigned char frame[AVRO_FRAME_BYTES];
    avro_frame(topic->schema_id, frame);
    buf_reset(&self->value);
    buf_append(&self->value, frame, sizeof frame);
    TRY(avro_encode(topic->plan, ticks, row, &self->value, err));
    if (self->value.full) return err_set(err, REJECT, ERR_FEED, "the record would be longer than %d bytes", BUF_MAX_RECORD);

    uint32_t to = batch_row_begin(records);
    batch_set_slice(records, RECORD_KEY, to, key); // lives in the quotes, which outlive the append
    batch_set_slice(records, RECORD_VALUE, to,
                    (struct slice){arena_copy(&records->arena, self->value.data, self->value.size), self->value.size});
    batch_set_int64(records, RECORD_TIMESTAMP, to, now_us);
    batch_row_commit(records);
    return OK;
}

static void reject_untaken(struct publisher *self, struct publication *publication, const char *source)
{
    const struct batch *quotes = publication->quotes;
    for (uint32_t row = 0; row < quotes->rows; row++) {
        const struct transform_outcome *outcome = &self->outcomes[row];
        if (outcome->outcome == OUTCOME_REJECT) reject_quote(publication, row, source, outcome->reason);
        if (outcome->outcome != OUTCOME_NONE) continue;
        char reason[80] = "no route takes a quote without a type";
        if (!batch_is_null(quotes, QUOTE_QUOTE_TYPE, row))
            snprintf(reason, sizeof reason, "no route takes this quote of type %lld",
                     (long long)quotes->columns[QUOTE_QUOTE_TYPE].int64[row]);
        reject_quote(publication, row, source, reason);
    }
}

enum status publication_encode(struct publication *publication, const char *source, struct err *err)
{
    struct publisher *self = publication->publisher;
    struct batch *quotes = publication->quotes;
    if (self->outcome_capacity < quotes->capacity) {
        free(self->outcomes);
        self->outcome_capacity = quotes->capacity;
        self->outcomes = calloc(self->outcome_capacity, sizeof *self->outcomes);
        if (!self->outcomes) abort();
    }
    // The provenance of a tick is the row of its quote.
    for (uint32_t row = 0; row < quotes->rows; row++) quotes->offset[row] = row;
    for (uint32_t i = 0; i < self->route_count; i++) self->outputs[i] = publication->ticks[self->route_topic[i]];
    TRY(transform_run(self->transform, quotes, self->outputs, self->outcomes, err));
    reject_untaken(self, publication, source);

    int64_t now_us = clock_now_us();
    for (uint32_t i = 0; i < self->topic_count; i++) {
        const struct batch *ticks = publication->ticks[i];
        for (uint32_t row = 0; row < ticks->rows; row++) {
            enum status status = encode_tick(self, &self->topics[i], publication, i, row, now_us, err);
            if (status == REJECT)
                reject_quote(publication, (uint32_t)ticks->offset[row], source, err->text);
            else if (status != OK)
                return status;
        }
    }
    return OK;
}

enum status publication_append(const struct publication *publication, struct stream *stream, struct err *err)
{
    const struct publisher *self = publication->publisher;
    for (uint32_t i = 0; i < self->topic_count; i++)
        if (publication->records[i]->rows) TRY(stream->ops->append(stream, self->topics[i].name, publication->records[i], err));
    return publication->rejects->rows ? stream->ops->append(stream, STREAM_REJECTED_TOPIC, publication->rejects, err) : OK;
}
