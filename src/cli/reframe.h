// SPDX-License-Identifier: Apache-2.0
// What ingestion could not use, taken through ingestion once more: the frame as it was received becomes the record that the present routes
// make of it. For the redrive of the quarantine; nothing is published.
#ifndef FDP_CLI_REFRAME_H
#define FDP_CLI_REFRAME_H

#include "model/batch.h"
#include "model/config.h"
#include "streaming/registry.h"

struct reframe;

// FATAL / ERR_CONFIG when a route of ingestion is wrong; RETRY when the registry does not have the schema to write with.
enum status reframe_open(struct reframe **out, const struct config *config, struct registry_client *registry, struct err *err) MUST_CHECK;
void reframe_close(struct reframe *reframe);

// Row `row` of `records` (of record_row_type) holds a frame, and where it came from in its headers: it becomes the record, and *topic the
// topic that it belongs on. REJECT with the reason when it cannot be used now either; the row is as it was then.
enum status reframe_record(struct reframe *reframe, struct batch *records, uint32_t row, const char **topic, struct err *err) MUST_CHECK;

#endif
