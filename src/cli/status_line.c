// SPDX-License-Identifier: Apache-2.0
// The status line, from the metrics.
#include "cli/status_line.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

void status_line_open(struct status_line *line, struct metric_registry *metrics, bool moving)
{
    *line = (struct status_line){.on = moving && isatty(STDERR_FILENO), .metrics = metrics, .last_ns = clock_mono_ns()};
}

static uint64_t count_of(const struct status_line *line, const char *name, const char *labels)
{
    const struct metric *metric = metric_find(line->metrics, name, labels);
    return metric ? metric_count(metric) : 0;
}

void status_line_show(struct status_line *line)
{
    int64_t now_ns = clock_mono_ns();
    if (!line->on || now_ns < line->next_ns) return;
    line->next_ns = now_ns + SECOND_NS;
    uint64_t received = count_of(line, "fdp_ingestion_received_total", NULL);
    uint64_t stored = count_of(line, "fdp_processing_records_total", "outcome=\"stored\"");
    uint64_t quarantined = count_of(line, "fdp_processing_records_total", "outcome=\"quarantined\"");
    const struct metric *latency = metric_find(line->metrics, "fdp_end_to_end_seconds", NULL);
    double seconds = (double)(now_ns - line->last_ns) / 1e9;
    fprintf(stderr, "\r%llu received  %.0f/s  %llu stored  %llu quarantined", (unsigned long long)received,
            seconds > 0 ? (double)(received - line->last_received) / seconds : 0, (unsigned long long)stored,
            (unsigned long long)quarantined);
    if (latency) fprintf(stderr, "  p50 %.1f ms  p99 %.1f ms", metric_quantile(latency, 0.5) * 1e3, metric_quantile(latency, 0.99) * 1e3);
    fputs("\033[K", stderr);
    line->last_ns = now_ns;
    line->last_received = received;
}

void status_line_close(struct status_line *line)
{
    if (line->on && line->next_ns) fputc('\n', stderr);
}
