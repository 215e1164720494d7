// SPDX-License-Identifier: Apache-2.0
// The role that takes quotes from a feed and publishes them: each frame that arrives is one record of a topic, or a counted duplicate.
//
// Two threads joined by a bounded queue: the feed's, which decodes and drops repeats, and the publisher's, which routes, encodes and
// appends. When the stream is slow the queue fills and the feed stops reading from its sockets.
#ifndef FDP_INGESTION_INGEST_H
#define FDP_INGESTION_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/config.h"

struct ingest;

struct ingest_params {
    const struct config *config;
    const char *registry_url;
    const char *market_url;            // of the built-in market, when ingestion.source is "simulator:"
    const char *const *market_symbols; // what it trades
    uint32_t market_symbol_count;
    const struct log *log;
    struct metric_registry *metrics;
    bool (*stopping)(void *context); // asked while the start waits for the registry; true ends the wait
    void *context;
};

struct ingest_summary {
    uint64_t received, duplicates, published; // received = duplicates + published once it has stopped
    uint64_t unread;                          // of published: to topics that no route of processing reads
};

// Makes everything that can fail; nothing moves yet. FATAL: the configuration or the stream cannot be used. RETRY: it was stopped while it
// waited for the registry.
enum status ingest_new(struct ingest **out, const struct ingest_params *params, struct err *err) MUST_CHECK;
// Starts the threads.
void ingest_run(struct ingest *ingest);

// New ingestion.routes, from the next batch on. `config` must live until ingest_stop has returned. On failure the routes stay as they are:
// FATAL / ERR_CONFIG names what is wrong, RETRY: the registry does not answer.
enum status ingest_reload(struct ingest *ingest, const struct config *config, struct err *err) MUST_CHECK;

// Stops the feed, publishes what was received, at most until the deadline. FATAL with the reason when a thread had failed.
enum status ingest_stop(struct ingest *ingest, int64_t deadline_ns, struct ingest_summary *summary, struct err *err) MUST_CHECK;

// True while the feed is connected and the stream takes records; else `why` says what is wrong. Any thread.
bool ingest_ready(const struct ingest *ingest, const char **why);
bool ingest_failed(const struct ingest *ingest);

#endif
