// SPDX-License-Identifier: Apache-2.0
// How many records wait in the quarantine, for a metric: looked up now and then, on a thread and a connection of its own.
#ifndef FDP_PROCESSING_WAITING_H
#define FDP_PROCESSING_WAITING_H

#include <pthread.h>

#include "base/log.h"
#include "base/metric.h"
#include "model/config.h"

struct waiting {
    struct config config; // of the connection: less patient than that of who has work to do
    const struct log *log;
    struct metric *gauge;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop; // under the lock
};

// Looks every 15 s, less often where counting takes long. While the store does not tell, the gauge shows nothing.
void waiting_start(struct waiting *waiting, const struct config *config, struct metric_registry *metrics, const struct log *log);
// Waits for a look that is under way, ten seconds at most. Of one that was not started: nothing.
void waiting_stop(struct waiting *waiting);

#endif
