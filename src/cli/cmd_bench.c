// SPDX-License-Identifier: Apache-2.0
// fdp bench: runs the measurements and prints them as a table or as JSON.
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/commands.h"

enum { FULL_RATE = 450000, LATENCY_RATE = 10000, FULL_RATE_INSTRUMENTS = 1000, STARTS = 5 };

struct results {
    struct bench_cpu cpu;
    struct bench_ceiling ceiling;
    struct bench_run normal, latency, full;
};

static void progress(const struct bench *bench, const char *what)
{
    if (isatty(STDERR_FILENO) && !bench->app->common.json) fprintf(stderr, "\r%s ...\033[K", what);
}

static int by_ready(const void *a, const void *b)
{
    const struct bench_run *left = a, *right = b;
    return (left->ready_ms > right->ready_ms) - (left->ready_ms < right->ready_ms);
}

// Of several short runs the one whose start was the median; the first, which fills the caches, does not count.
static enum status measure_starts(const struct bench *bench, struct bench_run *out, struct err *err)
{
    struct bench_load load = {.rate = bench->app->config->simulator.rate, .ms = 1500};
    struct bench_run runs[1 + STARTS];
    for (int i = 0; i < 1 + STARTS; i++) TRY(bench_run(bench, &load, &runs[i], err));
    qsort(runs + 1, STARTS, sizeof *runs, by_ready);
    *out = runs[1 + STARTS / 2];
    return OK;
}

// The pipelines first: what is measured in this process leaves memory behind, and they are compared by their size.
static enum status measure(const struct bench *bench, struct results *out, struct err *err)
{
    struct bench_load latency = {.rate = LATENCY_RATE, .ms = bench->seconds * 1000};
    struct bench_load full = {.rate = FULL_RATE, .instruments = FULL_RATE_INSTRUMENTS, .ms = bench->seconds * 1000};
    progress(bench, "the pipeline at its default rate");
    TRY(measure_starts(bench, &out->normal, err));
    progress(bench, "the pipeline at 10,000 ticks a second");
    TRY(bench_run(bench, &latency, &out->latency, err));
    progress(bench, "the pipeline at full speed");
    TRY(bench_run(bench, &full, &out->full, err));
    progress(bench, "the ceiling");
    TRY(bench_ceiling(bench, &out->ceiling, err));
    progress(bench, "one core");
    TRY(bench_cpu(bench, &out->cpu, err));
    return OK;
}

static double full_rate(const struct results *r)
{
    return (double)r->full.stored / (r->full.seconds + r->full.stop_ms / 1000);
}

struct figure {
    const char *name, *unit, *goal;
    double value;
};

static void print(struct app *app, const struct results *r)
{
    const struct figure figures[] = {
        {"resident, default rate", "MiB", "< 32", r->normal.resident_mib},
        {"start to ready", "ms", "< 100", r->normal.ready_ms},
        {"stop and drain", "ms", "< 1000", r->normal.stop_ms},
        {"receipt to committed row, 10,000/s, p50", "ms", "", r->latency.p50_ms},
        {"receipt to committed row, 10,000/s, p99", "ms", "< 10", r->latency.p99_ms},
        {"end to end, everything on", "ticks/s", "", full_rate(r)},
        {"ceiling: bare inserts", "rows/s", "", r->ceiling.inserts_per_second},
        {"ceiling: log appends", "records/s", "", r->ceiling.appends_per_second},
        {"ceiling: both, one after the other", "rows/s", "", r->ceiling.rows_per_second},
        {"end to end / ceiling", "ratio", ">= 0.6", full_rate(r) / r->ceiling.rows_per_second},
        {"CPU per tick, end to end with the market", "us", "", r->full.cpu_seconds * 1e6 / (double)(r->full.stored ? r->full.stored : 1)},
        {"resident, full rate", "MiB", "", r->full.resident_mib},
        {"lost, all runs", "records", "0", (double)(r->normal.lost + r->latency.lost + r->full.lost)},
        {"one core: record bytes to rows", "rows/s", ">= 800000", r->cpu.rows_per_second},
        {"one core: frame text to record bytes", "frames/s", ">= 350000", r->cpu.frames_per_second},
    };
    enum { FIGURES = sizeof figures / sizeof *figures };
    if (app->common.json) putchar('{');
    for (int i = 0; i < FIGURES; i++) {
        if (app->common.json)
            printf("%s\n \"%s\": {\"value\": %.3f, \"unit\": \"%s\", \"goal\": \"%s\"}", i ? "," : "", figures[i].name, figures[i].value,
                   figures[i].unit, figures[i].goal);
        else
            printf("%-44s %14.*f %-10s %s\n", figures[i].name, figures[i].value < 1000 ? 2 : 0, figures[i].value, figures[i].unit,
                   figures[i].goal);
    }
    if (app->common.json) puts("\n}");
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

int cmd_bench(struct app *app)
{
    struct bench bench = {.app = app, .folder = "/tmp/fdp-bench-XXXXXX"};
    int64_t rows;
    if (!app_flag_number(app, "rows", 1000, 100000000, 400000, &rows)) return ERR_USAGE;
    if (!app_flag_number(app, "seconds", 1, 3600, 10, &bench.seconds)) return ERR_USAGE;
    bench.rows = (uint64_t)rows / 1000 * 1000;
    if (!mkdtemp(bench.folder)) return app_usage(app, "cannot make a temporary folder below /tmp");
    app->log.level = LOG_ERROR;
    struct results results = {0};
    struct err err;
    enum status status = measure(&bench, &results, &err);
    if (status == OK) {
        if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
        print(app, &results);
    }
    nftw(bench.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}
