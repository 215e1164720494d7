// SPDX-License-Identifier: Apache-2.0
// The worker: reads the stream, decodes and routes, and stores each record exactly once.
//
// Two threads joined by a queue of one: the reader decodes the next batch while the writer's transaction runs. The position of every
// partition lives in the store, in the same transaction as the rows.
#ifndef FDP_PROCESSING_PROCESS_H
#define FDP_PROCESSING_PROCESS_H

#include "base/err.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/batch.h"
#include "model/config.h"

struct process;

struct process_params {
    const struct config *config;
    const char *registry_url;
    const struct log *log;
    struct metric_registry *metrics;
    // Called after every commit with the rows of each table, on the writer's thread; may be NULL.
    void (*stored)(void *context, const char *table, const struct batch *rows);
    void *context;
};

struct process_summary {
    uint64_t backlog; // records that waited when the worker started
    uint64_t stored, quarantined, filtered, skipped;
    double p50_ms, p99_ms; // receipt to committed row
};

// Claims every partition, then starts the threads. FATAL: the configuration, the stream or the store cannot be used, or a stored
// position does not fit the stream any more (recreated, shorter, or past retention).
enum status process_start(struct process **out, const struct process_params *params, struct err *err) MUST_CHECK;

// Reads on to what the stream holds now, at most until the deadline, then stops. FATAL with the reason when a thread had failed.
enum status process_stop(struct process *process, int64_t deadline_ns, struct process_summary *summary, struct err *err) MUST_CHECK;

// True while both threads work; else `why` says what is wrong. Any thread.
bool process_ready(const struct process *process, const char **why);
// True once a thread has failed: the role must stop. Any thread.
bool process_failed(const struct process *process);

#endif
