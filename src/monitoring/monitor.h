// SPDX-License-Identifier: Apache-2.0
// What every role shows of itself over HTTP: /metrics, /livez, /readyz, and the prices on / and /api/v1/prices. The prices are for clients
// that show monitoring.token; while it is not set, for those on this machine.
#ifndef FDP_MONITORING_MONITOR_H
#define FDP_MONITORING_MONITOR_H

#include "base/err.h"
#include "base/metric.h"
#include "model/config.h"
#include "monitoring/board.h"
#include "monitoring/health.h"

struct monitor;

struct monitor_params {
    const char *listen; // HOST:PORT
    const char *token;  // monitoring.token
    struct metric_registry *metrics;
    struct health *health;
    struct board *board; // may be NULL: then / says that there is nothing to see
};

// FATAL when the port is in use. What `params` points to outlives it.
enum status monitor_start(struct monitor **out, const struct monitor_params *params, struct err *err) MUST_CHECK;
const char *monitor_url(const struct monitor *monitor);
void monitor_stop(struct monitor *monitor);

#endif
