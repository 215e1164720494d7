// SPDX-License-Identifier: Apache-2.0
// Measurements of `fdp bench`: each fills one figure or more. They use a folder of their own and real parts only.
#ifndef FDP_CLI_BENCH_H
#define FDP_CLI_BENCH_H

#include "cli/command.h"

struct bench {
    struct app *app;
    char folder[64]; // temporary; removed at the end
    uint64_t rows;   // per measurement
    int64_t seconds; // of each run of the whole pipeline
};

// On one core, I/O left out.
struct bench_cpu {
    double rows_per_second;   // record bytes -> rows: Avro decode, SQL
    double frames_per_second; // frame text -> record bytes: envelope, base64, protobuf, SQL, Avro encode
};
enum status bench_cpu(const struct bench *bench, struct bench_cpu *out, struct err *err) MUST_CHECK;

// The same rows inserted into the same table by a bare loop, and the same records appended to the log, in batches of 1,000.
struct bench_ceiling {
    double inserts_per_second, appends_per_second;
    double rows_per_second; // both, one after the other
};
enum status bench_ceiling(const struct bench *bench, struct bench_ceiling *out, struct err *err) MUST_CHECK;

// The whole pipeline, as a process of its own.
struct bench_run {
    double ready_ms, stop_ms;         // from the start to /readyz, from SIGTERM to the end
    double resident_mib, cpu_seconds; // largest resident size; user and system time
    double seconds;                   // that the feed ran
    uint64_t received, stored;
    int64_t lost;
    double p50_ms, p99_ms;
};
struct bench_load {
    int64_t rate;        // ticks a second
    int64_t instruments; // 0: the built-in market
    int64_t ms;          // how long it runs
};
enum status bench_run(const struct bench *bench, const struct bench_load *load, struct bench_run *out, struct err *err) MUST_CHECK;

#endif
