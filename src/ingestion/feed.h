// SPDX-License-Identifier: Apache-2.0
// The seam to a source of quotes.
//
// A feed owns its connections, reconnecting with capped, jittered back-off and re-subscribing; trouble with the far end is counted and
// logged once per change of state, never an exit. One thread at a time calls it.
#ifndef FDP_INGESTION_FEED_H
#define FDP_INGESTION_FEED_H

#include "base/err.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/batch.h"
#include "model/config.h"

struct feed;

struct feed_params {
    const struct config *config;
    const char *url;        // with the scheme: "ws://127.0.0.1:8082/?version=2", "yahoo:"
    const char *source_api; // goes into every quote
    const struct log *log;
    struct metric_registry *metrics;
};

struct feed_ops {
    const char *name;
    enum status (*open)(struct feed **out, const struct feed_params *params, struct err *err) MUST_CHECK;
    // Replaces the set of symbols. Connecting and subscribing happens inside poll.
    enum status (*subscribe)(struct feed *feed, const char *const *symbols, uint32_t count, struct err *err) MUST_CHECK;
    // Waits until something arrived or the deadline, then takes what there is, without waiting for more: appends to `quotes` (of
    // quote_row_type) and to `rejects` (of record_row_type: the frame as received, headers reason, source, received). Stops when either
    // is full. OK when rows were added, AGAIN at the deadline.
    enum status (*poll)(struct feed *feed, struct batch *quotes, struct batch *rejects, int64_t deadline_ns, struct err *err) MUST_CHECK;
    // True while every connection is open and subscribed: what readiness asks. Any thread.
    bool (*connected)(const struct feed *feed);
    void (*close)(struct feed *feed);
};

// Yahoo's streaming protocol over ws:// or wss://.
extern const struct feed_ops feed_yahoo_stream;

#endif
