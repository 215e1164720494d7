// SPDX-License-Identifier: Apache-2.0
// What every role tells of itself: which version it is, whether it is ready, and what it takes of the machine. The names of the process'
// figures are those of Prometheus' own client libraries.
#ifndef FDP_MONITORING_VITALS_H
#define FDP_MONITORING_VITALS_H

#include "base/metric.h"
#include "monitoring/health.h"

struct vitals {
    struct health *health;
    struct metric *ready, *memory, *cpu, *files;
};

// From now on every page of `metrics` has them. `vitals` and `health` must stay as long as pages are written.
void vitals_init(struct vitals *vitals, struct metric_registry *metrics, struct health *health);

#endif
