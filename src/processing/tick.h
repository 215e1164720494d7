// SPDX-License-Identifier: Apache-2.0
// From a record's bytes to a tick: framing, schema by id, compiled plan, columns.
//
// The columns of a tick are the fields of the topic's reader schema (the highest version in schemas/) and the hidden _topic,
// _partition, _offset, _timestamp, _key (null unless it is text) and _schema_id. Owner: one thread at a time.
#ifndef FDP_PROCESSING_TICK_H
#define FDP_PROCESSING_TICK_H

#include "model/batch.h"
#include "streaming/registry.h"

struct tick_decoder;

// `schemas` is a folder, or empty for those built into the program. FATAL / ERR_CONFIG when it has none for the topic.
enum status tick_decoder_new(struct tick_decoder **out, const char *schemas, const char *topic, struct registry_client *registry,
                             struct err *err) MUST_CHECK;
void tick_decoder_free(struct tick_decoder *decoder);

const struct row_type *tick_decoder_type(const struct tick_decoder *decoder);

// Why a record is no tick.
struct tick_fault {
    const char *rule;  // "decode" or "schema"
    int64_t schema_id; // 0 when it is not known
};

// Appends one tick made of row `row` of `records`; texts point into the record. REJECT with `fault` filled; RETRY when the schema cannot
// be had now.
enum status tick_decode(struct tick_decoder *decoder, const struct batch *records, uint32_t row, int32_t partition, struct batch *ticks,
                        struct tick_fault *fault, struct err *err) MUST_CHECK;

// The hidden column _schema_id.
int64_t tick_schema_id(const struct batch *ticks, uint32_t row);

#endif
