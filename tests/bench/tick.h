// SPDX-License-Identifier: Apache-2.0
// The ticks that the benchmarks of the scaled-out pipeline are made of: number n is the same for the ceiling and for the pipeline.
#ifndef FDP_BENCH_TICK_H
#define FDP_BENCH_TICK_H

#include <stdint.h>
#include <stdio.h>

enum { TICK_SYMBOLS = 1000 };

struct tick {
    char id[8], event_id[17];
    double price, change, change_percent;
    int64_t time_us, ingestion_us;
};

static inline void tick_make(uint64_t n, struct tick *out)
{
    snprintf(out->id, sizeof out->id, "S%04u", (unsigned)(n % TICK_SYMBOLS));
    snprintf(out->event_id, sizeof out->event_id, "%016llx", (unsigned long long)(n * 0x9e3779b97f4a7c15u));
    out->price = 305.76 + (double)(n % 1000) / 100;
    out->change = -0.77;
    out->change_percent = -0.7046327;
    out->time_us = 1786622589000000 + (int64_t)n * 1000;
    out->ingestion_us = out->time_us + 123;
}

#endif
