// SPDX-License-Identifier: Apache-2.0
// What the worker does with records, without a store or a thread: decode, transform, and decide the fate of each.
//
// Used by the worker, by `fdp preview` and by the benchmark. Owner: one thread at a time.
#ifndef FDP_PROCESSING_PIPELINE_H
#define FDP_PROCESSING_PIPELINE_H

#include "base/err.h"
#include "model/batch.h"
#include "model/config.h"
#include "storage/sink.h"
#include "streaming/registry.h"

struct pipeline;

struct pipeline_params {
    const struct config *config;
    struct registry_client *registry;
    struct sink *sink; // asked for the columns of the tables
};

// Compiles the routes of processing.routes against the reader schemas and the tables. FATAL / ERR_CONFIG names the route that is wrong.
enum status pipeline_new(struct pipeline **out, const struct pipeline_params *params, struct err *err) MUST_CHECK;
void pipeline_free(struct pipeline *pipeline);

// The topics to read: those of the routes in order, each once, and last the topic of what ingestion rejected.
uint32_t pipeline_topics(const struct pipeline *pipeline, const char *const **topics);
// The tables that the routes lead to, each once.
uint32_t pipeline_tables(const struct pipeline *pipeline, const char *const **tables);

// True when a route leads from that topic to that table (indexes of the above).
bool pipeline_leads(const struct pipeline *pipeline, uint32_t topic, uint32_t table);

// True when a table is still what the pipeline was compiled for.
bool pipeline_fits(const struct pipeline *pipeline, uint32_t table, const struct row_type *now);

// Where the records of a source come from.
struct pipeline_source {
    int64_t id;     // as in the provenance of the records
    uint32_t topic; // index in pipeline_topics
    int32_t partition;
};

enum fate { FATE_FILTERED, FATE_STORED, FATE_QUARANTINED };

// Records on their way to the store, and all that is made of them. Fill `records`, call pipeline_run, read the rest.
struct work {
    struct batch *records;
    uint8_t *fate;          // enum fate of each record
    struct batch **rows;    // one per table, in the order of pipeline_tables
    struct batch *rejects;  // of reject_row_type
    struct batch **ticks;   // one per topic: the decoded records that are not rejected
    uint32_t **tick_record; // for each of them its row in `records`
    uint32_t waiting;       // after RETRY: the record whose schema cannot be had now
};

struct work *pipeline_work_new(const struct pipeline *pipeline, uint32_t capacity);
void pipeline_work_free(const struct pipeline *pipeline, struct work *work);

// Forgets what was made of the records, not the records.
void pipeline_work_clear(const struct pipeline *pipeline, struct work *work);

// Every record gets a fate: a row in one of `rows`, an entry in `rejects`, or filtered. RETRY when a schema cannot be had now: nothing
// is decided, call again with the same work.
enum status pipeline_run(struct pipeline *pipeline, struct work *work, const struct pipeline_source *sources, uint32_t source_count,
                         struct err *err) MUST_CHECK;

// Adds record `row` of the work to its rejects.
void pipeline_reject(struct work *work, uint32_t row, const char *rule, const char *error, int64_t schema_id);

#endif
