// SPDX-License-Identifier: Apache-2.0
// Looking on: decodes what comes on the topics, as a member of no group, and stores nothing.
//
// It begins a little before the ends of the topics, so that there is something to see at once. Whatever fails outside is tried again.
#ifndef FDP_PROCESSING_WATCH_H
#define FDP_PROCESSING_WATCH_H

#include "base/err.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/batch.h"
#include "model/config.h"

struct watch;

// Ticks of one topic, in the order of their partitions. Called by the watch's thread.
typedef void watch_seen_fn(void *context, const char *topic, const struct batch *ticks);

struct watch_params {
    const struct config *config; // the topics of streaming.topics
    const char *registry_url;
    const struct log *log;
    struct metric_registry *metrics;
    watch_seen_fn *seen;
    void *context;
};

// FATAL: the stream or the registry cannot be used as they are configured.
enum status watch_start(struct watch **out, const struct watch_params *params, struct err *err) MUST_CHECK;
// Whether the topics are being read; a check of health.h.
bool watch_ready(const void *watch, const char **why);
void watch_stop(struct watch *watch); // NULL is fine

#endif
