// SPDX-License-Identifier: Apache-2.0
// The worker: reads the stream, decodes and routes, and stores each record exactly once.
//
// processing.workers members of the consumer group, each with two threads: the reader decodes the next batch while the writer's transaction
// runs. The position of every partition lives in the store, in the same transaction as the rows.
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
    // Nobody else reads with this group: start with what waits, and end when all is read.
    bool alone;
    bool (*stopping)(void *context); // asked while the start waits for the stream or the store; true ends the wait
    // Called after every commit with the rows of each table, on a worker's thread; may be NULL.
    void (*stored)(void *context, const char *table, const struct batch *rows);
    void *context; // of both
};

struct process_summary {
    uint64_t backlog; // records that waited when the worker started
    uint64_t stored, quarantined, filtered, skipped;
    double p50_ms, p99_ms; // receipt to committed row
};

// Waits until the stream, the registry and the store can be used, then starts the threads; `alone`, or on a stream that does not share
// partitions out, it also waits until they are claimed. FATAL: the configuration, the stream or the store is wrong, or a stored position
// does not fit the stream any more (recreated, shorter, past retention). RETRY: it was stopped while it waited.
enum status process_start(struct process **out, const struct process_params *params, struct err *err) MUST_CHECK;

// New processing.routes, from the next batch on. `config` must live until process_stop has returned. On failure the routes stay as they
// are: FATAL / ERR_CONFIG names what is wrong; AGAIN or RETRY: the registry or the store does not answer.
enum status process_reload(struct process *process, const struct config *config, struct err *err) MUST_CHECK;

// Stores what is read already (`alone`, or on a stream that does not share: all that it holds now), at most until the deadline. FATAL with
// the reason when a thread had failed.
enum status process_stop(struct process *process, int64_t deadline_ns, struct process_summary *summary, struct err *err) MUST_CHECK;

// True while all can be worked on; else `why` says what is wrong, a line per reason, until the next call. A worker without partitions is
// ready. One thread at a time.
bool process_ready(const struct process *process, const char **why);
// True once a thread has failed: the role must stop. Any thread.
bool process_failed(const struct process *process);

#endif
