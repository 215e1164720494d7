// SPDX-License-Identifier: Apache-2.0
// Lines of text as records: KEY<TAB>VALUE as it is, or the fields of a JSON object, encoded as Avro.
#ifndef FDP_CLI_RECORD_MAKER_H
#define FDP_CLI_RECORD_MAKER_H

#include "model/batch.h"
#include "streaming/registry.h"

struct record_maker;

// Without a subject records are made as the lines are. With one they are encoded with its newest schema, which the registry at `url` has.
enum status record_maker_new(struct record_maker **out, struct registry_client *registry, const char *url, const char *subject,
                             struct err *err) MUST_CHECK;
void record_maker_free(struct record_maker *maker);

// Adds the record of a line to `records` (of record_row_type, with room for it). The key is what stands before the first TAB; of a JSON
// object without one it is the field _key or, where that is missing, the field id. Other fields that begin with _ are not of the record:
// what `fdp topics tail` prints can be given. REJECT with the reason when a line is no record.
enum status record_maker_add(struct record_maker *maker, struct slice line, struct batch *records, struct err *err) MUST_CHECK;

#endif
