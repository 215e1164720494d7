// SPDX-License-Identifier: Apache-2.0
// How far long work is, on a terminal: done of total, rate, time left. Nothing in a pipe.
#ifndef FDP_CLI_PROGRESS_H
#define FDP_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool on, shown;
    const char *what; // is counted: "records"
    int64_t began_ns, next_ns;
};

void progress_open(struct progress *progress, const char *what);
// Shows it, a few times a second at most.
void progress_show(struct progress *progress, int64_t done, int64_t total);
// Takes the line away.
void progress_close(struct progress *progress);

#endif
