// SPDX-License-Identifier: Apache-2.0
// One line on the terminal that shows a running pipeline, renewed every second; nothing when stderr is no terminal.
#ifndef FDP_CLI_STATUS_LINE_H
#define FDP_CLI_STATUS_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/metric.h"

struct status_line {
    bool on;
    struct metric_registry *metrics;
    int64_t next_ns, last_ns;
    uint64_t last_received;
};

// `moving`: ticks pass through this process.
void status_line_open(struct status_line *line, struct metric_registry *metrics, bool moving);
// Draws when a second is over.
void status_line_show(struct status_line *line);
void status_line_close(struct status_line *line);

#endif
