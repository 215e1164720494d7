// SPDX-License-Identifier: Apache-2.0
// Metrics: counters, gauges and latency histograms, written out as Prometheus text or OpenMetrics.
//
// A metric is made once, at start, by the thread that sets things up; from then on any thread may change it (relaxed atomics) and
// any thread may write the page. A metric belongs to its registry and lives as long. Names follow Prometheus' practice: "fdp_"
// prefix, base units, "_total" on counters. Families with the same name share one help text and differ in their labels.
// What nobody knows is not on the page, rather than 0: a gauge that is NAN is left out.
#ifndef FDP_BASE_METRIC_H
#define FDP_BASE_METRIC_H

#include <stdint.h>

#include "base/buf.h"

struct metric_registry;
struct metric;

struct metric_registry *metric_registry_new(void);
void metric_registry_free(struct metric_registry *registry);

// `labels` is the text between the braces, such as `topic="tickers.crypto"`, or NULL. The same name and labels give the same metric.
struct metric *metric_counter(struct metric_registry *registry, const char *name, const char *labels, const char *help);
struct metric *metric_gauge(struct metric_registry *registry, const char *name, const char *labels, const char *help);
// Seconds, in fixed buckets from 50 µs to 60 s.
struct metric *metric_histogram(struct metric_registry *registry, const char *name, const char *labels, const char *help);

// One gauge per key ("symbol"), at most `max_keys` of them; all further keys share the key "other".
// May be called at any time by any thread.
struct metric *metric_gauge_of_key(struct metric_registry *registry, const char *name, const char *label, const char *key, const char *help,
                                   uint32_t max_keys);

// The metric of that name and labels when somebody has made it, else NULL.
const struct metric *metric_find(struct metric_registry *registry, const char *name, const char *labels);

void metric_add(struct metric *metric, uint64_t by);
// A gauge; or a counter that somebody else keeps, such as the kernel, and that nothing is added to.
void metric_set(struct metric *metric, double value);
void metric_change(struct metric *gauge, double by); // for a gauge that is the sum of what several threads have
void metric_observe_ns(struct metric *histogram, int64_t ns);
// `count` observations of the same duration.
void metric_observe_many_ns(struct metric *histogram, int64_t ns, uint64_t count);
// The time since each of `count` moments, any numbers, but those whose byte in `null` is not 0: much less work than one by one.
void metric_observe_since_us(struct metric *histogram, int64_t now_us, const int64_t *moments_us, const uint8_t *null, uint32_t count);

uint64_t metric_count(const struct metric *metric); // of a counter, or observations of a histogram
double metric_value(const struct metric *metric);   // of a gauge
// The q-quantile (0..1) of a histogram in seconds, by interpolation inside its bucket; 0 when it is empty.
double metric_quantile(const struct metric *histogram, double q);

// Asked before every page, by the thread that writes it: sets what is cheaper to look up than to keep. Set before the first page.
void metric_refresh_with(struct metric_registry *registry, void (*refresh)(void *context), void *context);

enum metric_format { METRIC_PROMETHEUS, METRIC_OPENMETRICS };
void metric_write(struct metric_registry *registry, enum metric_format format, struct buf *out);

#endif
