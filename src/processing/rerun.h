// SPDX-License-Identifier: Apache-2.0
// Records processed once more, outside of the worker: the present routes decide anew what becomes of each, and what is made of them is
// written in as large parts as the store takes. For the redrive of the quarantine, and for rebuilding a table from the stream.
//
// Owner: one thread.
#ifndef FDP_PROCESSING_RERUN_H
#define FDP_PROCESSING_RERUN_H

#include "processing/pipeline.h"

// What is known of a record beside its bytes and its offset.
struct rerun_record {
    int64_t source;    // that its rows are to carry
    uint32_t topic;    // whose routes it takes: an index of pipeline_topics
    int32_t partition; // that it came from
    int64_t entry;     // of the quarantine, which is done when the record is stored or filtered; 0: none. Rising from record to record
};

struct rerun_outcome {
    enum fate fate;           // FATE_QUARANTINED: it cannot be stored now either; nothing was written of it
    uint32_t table;           // of a stored one: an index of pipeline_tables
    const char *rule, *error; // of a refused one; until the next run
};

struct rerun;

// At most `capacity` records at a time. `into`: all rows go to this table. It has the columns of the pipeline's table `like`, as have all
// tables that the topics of the records lead to. NULL: each to its own.
struct rerun *rerun_new(struct pipeline *pipeline, struct sink *sink, const char *into, uint32_t like, uint32_t capacity);
void rerun_free(struct rerun *rerun);

// Processes the records and, with `write`, makes durable what is made of them: in one transaction, or in several when some of it cannot be
// stored and it is not known what. `outcomes` has an entry per record. RETRY: an entry was not waiting any more, or the connection to the
// store was lost and nobody knows how much was written; what was written of entries, they tell by their state. AGAIN: the store was busy
// for long, and nothing of what is not told as an outcome was written.
enum status rerun_run(struct rerun *rerun, const struct batch *records, const struct rerun_record *about, bool write,
                      struct rerun_outcome *outcomes, struct err *err) MUST_CHECK;

#endif
