// SPDX-License-Identifier: Apache-2.0
// What ingestion cannot use is kept: as a record for the topic of rejects.
#ifndef FDP_INGESTION_REJECT_H
#define FDP_INGESTION_REJECT_H

#include "model/batch.h"

// Appends a record of record_row_type (the batch must have room): value is the frame as received, headers are reason, source and
// received (RFC 3339). `key` may be empty: then it is null. Everything is copied into the batch's arena.
void ingestion_reject(struct batch *rejects, struct slice key, struct slice frame, const char *reason, const char *source,
                      int64_t received_us);

#endif
