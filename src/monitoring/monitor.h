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

// Listens on monitoring.listen. `board` may be NULL: then / says that there is nothing to see. FATAL when the port is in use.
enum status monitor_start(struct monitor **out, const struct config *config, struct metric_registry *metrics, struct health *health,
                          struct board *board, struct err *err) MUST_CHECK;
const char *monitor_url(const struct monitor *monitor);
void monitor_stop(struct monitor *monitor);

#endif
