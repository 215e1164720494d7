// SPDX-License-Identifier: Apache-2.0
// Metrics registry and its text forms.
#include "base/metric.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

// Upper bounds in nanoseconds; chosen around the objectives of 5, 10 and 20 ms.
static const int64_t bounds_ns[] = {
    50000,    100000,   200000,   500000,    1000000,   2000000,   3000000,    5000000,    7500000,    10000000,    15000000,
    20000000, 30000000, 50000000, 100000000, 200000000, 500000000, 1000000000, 2000000000, 5000000000, 10000000000, 60000000000,
};
enum { BOUNDS = sizeof bounds_ns / sizeof *bounds_ns };

struct metric {
    struct metric *next;
    enum kind kind;
    char *name, *labels, *help;
    _Atomic uint64_t count;               // counter; observations of a histogram
    _Atomic double value;                 // gauge; counter that somebody else keeps
    _Atomic double sum;                   // histogram, in seconds
    _Atomic uint64_t buckets[BOUNDS + 1]; // histogram, not cumulative; the last is +Inf
};

struct metric_registry {
    pthread_mutex_t mutex; // guards the list; the values are atomic
    struct metric *first, *last;
    void (*refresh)(void *context); // may be NULL
    void *context;
};

struct metric_registry *metric_registry_new(void)
{
    struct metric_registry *registry = calloc(1, sizeof *registry);
    if (!registry) abort();
    pthread_mutex_init(&registry->mutex, NULL);
    return registry;
}

void metric_registry_free(struct metric_registry *registry)
{
    if (!registry) return;
    for (struct metric *metric = registry->first, *next; metric; metric = next) {
        next = metric->next;
        free(metric->name);
        free(metric->labels);
        free(metric->help);
        free(metric);
    }
    pthread_mutex_destroy(&registry->mutex);
    free(registry);
}

static char *copy(const char *text)
{
    char *same = strdup(text ? text : "");
    if (!same) abort();
    return same;
}

// Mutex held. Finds, or appends after the last of the same name, so that a family stays together on the page.
static struct metric *find_or_add(struct metric_registry *registry, enum kind kind, const char *name, const char *labels, const char *help)
{
    struct metric *after = registry->last;
    for (struct metric *metric = registry->first; metric; metric = metric->next) {
        if (strcmp(metric->name, name)) continue;
        if (metric->kind != kind) abort(); // one family, one kind: a mistake in the program
        after = metric;
        if (!strcmp(metric->labels, labels ? labels : "")) return metric;
    }
    struct metric *metric = calloc(1, sizeof *metric);
    if (!metric) abort();
    metric->kind = kind;
    metric->name = copy(name);
    metric->labels = copy(labels);
    metric->help = copy(help);
    if (after) {
        metric->next = after->next;
        after->next = metric;
    } else {
        registry->first = metric;
    }
    if (after == registry->last) registry->last = metric;
    return metric;
}

static struct metric *get(struct metric_registry *registry, enum kind kind, const char *name, const char *labels, const char *help)
{
    pthread_mutex_lock(&registry->mutex);
    struct metric *metric = find_or_add(registry, kind, name, labels, help);
    pthread_mutex_unlock(&registry->mutex);
    return metric;
}

struct metric *metric_counter(struct metric_registry *registry, const char *name, const char *labels, const char *help)
{
    return get(registry, COUNTER, name, labels, help);
}

struct metric *metric_gauge(struct metric_registry *registry, const char *name, const char *labels, const char *help)
{
    return get(registry, GAUGE, name, labels, help);
}

struct metric *metric_histogram(struct metric_registry *registry, const char *name, const char *labels, const char *help)
{
    return get(registry, HISTOGRAM, name, labels, help);
}

// In quotes, as the text format wants it: only backslash, quote and newline have escapes, so other control characters cannot stay.
static void append_label_value(struct buf *out, const char *value)
{
    bool utf8 = text_is_utf8(value, strlen(value));
    buf_append_byte(out, '"');
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"' || *p == '\n') {
            buf_append_byte(out, '\\');
            buf_append_byte(out, *p == '\n' ? 'n' : *p);
        } else {
            bool printable = (unsigned char)*p >= 0x80 ? utf8 : *p >= 0x20 && *p != 0x7f;
            buf_append_byte(out, printable ? *p : '?');
        }
    }
    buf_append_byte(out, '"');
}

struct metric *metric_gauge_of_key(struct metric_registry *registry, const char *name, const char *label, const char *key, const char *help,
                                   uint32_t max_keys)
{
    struct buf labels;
    buf_init(&labels, 1024);
    buf_printf(&labels, "%s=", label);
    append_label_value(&labels, key);
    buf_append_byte(&labels, '\0');

    pthread_mutex_lock(&registry->mutex);
    uint32_t keys = 0;
    struct metric *metric = NULL;
    for (struct metric *other = registry->first; other && !metric; other = other->next) {
        if (strcmp(other->name, name)) continue;
        keys++;
        if (!labels.full && !strcmp(other->labels, labels.data)) metric = other;
    }
    if (!metric && (keys >= max_keys || labels.full)) {
        buf_reset(&labels);
        buf_printf(&labels, "%s=\"other\"", label);
        buf_append_byte(&labels, '\0');
    }
    if (!metric) metric = find_or_add(registry, GAUGE, name, labels.data, help);
    pthread_mutex_unlock(&registry->mutex);
    buf_fini(&labels);
    return metric;
}

const struct metric *metric_find(struct metric_registry *registry, const char *name, const char *labels)
{
    pthread_mutex_lock(&registry->mutex);
    const struct metric *metric = registry->first;
    while (metric && (strcmp(metric->name, name) || strcmp(metric->labels, labels ? labels : ""))) metric = metric->next;
    pthread_mutex_unlock(&registry->mutex);
    return metric;
}

void metric_add(struct metric *metric, uint64_t by)
{
    atomic_fetch_add_explicit(&metric->count, by, memory_order_relaxed);
}

void metric_set(struct metric *metric, double value)
{
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

static void add_to(_Atomic double *sum, double by)
{
    double value = atomic_load_explicit(sum, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(sum, &value, value + by, memory_order_relaxed, memory_order_relaxed)) continue;
}

void metric_change(struct metric *metric, double by)
{
    add_to(&metric->value, by);
}

static size_t bucket_of(double ns)
{
    size_t i = 0;
    while (i < BOUNDS && ns > (double)bounds_ns[i]) i++;
    return i;
}

static void add_sum(struct metric *metric, double seconds, uint64_t count)
{
    add_to(&metric->sum, seconds);
    atomic_fetch_add_explicit(&metric->count, count, memory_order_relaxed);
}

void metric_observe_many_ns(struct metric *metric, int64_t ns, uint64_t count)
{
    if (ns < 0) ns = 0; // a clock that was set back
    atomic_fetch_add_explicit(&metric->buckets[bucket_of((double)ns)], count, memory_order_relaxed);
    add_sum(metric, (double)ns / 1e9 * (double)count, count);
}

void metric_observe_since_us(struct metric *metric, int64_t now_us, const int64_t *moments_us, const uint8_t *null, uint32_t count)
{
    uint64_t counts[BOUNDS + 1] = {0}, total = 0;
    double sum = 0, last = -1; // as doubles: moments come from outside, and their difference must not overflow
    size_t bucket = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (null[i]) continue;
        double ns = ((double)now_us - (double)moments_us[i]) * 1000;
        if (ns < 0) ns = 0;
        if (ns != last) bucket = bucket_of(ns);
        last = ns;
        counts[bucket]++;
        total++;
        sum += ns;
    }
    for (size_t i = 0; i <= BOUNDS; i++)
        if (counts[i]) atomic_fetch_add_explicit(&metric->buckets[i], counts[i], memory_order_relaxed);
    add_sum(metric, sum / 1e9, total);
}

void metric_observe_ns(struct metric *metric, int64_t ns)
{
    metric_observe_many_ns(metric, ns, 1);
}

uint64_t metric_count(const struct metric *metric)
{
    return atomic_load_explicit(&metric->count, memory_order_relaxed);
}

double metric_value(const struct metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

double metric_quantile(const struct metric *metric, double q)
{
    uint64_t counts[BOUNDS + 1], total = 0;
    for (size_t i = 0; i <= BOUNDS; i++) total += counts[i] = atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
    if (!total) return 0;
    double rank = q * (double)total, below = 0;
    for (size_t i = 0; i < BOUNDS; i++) {
        double here = (double)counts[i];
        if (here > 0 && below + here >= rank) {
            double from = i ? (double)bounds_ns[i - 1] : 0, to = (double)bounds_ns[i];
            return (from + (to - from) * (rank - below) / here) / 1e9;
        }
        below += here;
    }
    return (double)bounds_ns[BOUNDS - 1] / 1e9;
}

// name{labels,extra} with braces only where there is something inside.
static void write_name(struct buf *out, const char *name, const char *suffix, const char *labels, const char *extra)
{
    buf_append_text(out, name);
    buf_append_text(out, suffix);
    if (*labels || *extra) buf_printf(out, "{%s%s%s}", labels, *labels && *extra ? "," : "", extra);
    buf_append_byte(out, ' ');
}

// The shortest text that reads back the same.
static void write_number(struct buf *out, double value)
{
    char text[40];
    if (isinf(value)) {
        buf_append_text(out, value > 0 ? "+Inf\n" : "-Inf\n");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    buf_printf(out, "%s\n", text);
}

static void write_histogram(const struct metric *metric, struct buf *out)
{
    uint64_t cumulative = 0;
    for (size_t i = 0; i <= BOUNDS; i++) {
        char le[40] = "le=\"+Inf\"";
        if (i < BOUNDS) snprintf(le, sizeof le, "le=\"%.10g\"", (double)bounds_ns[i] / 1e9);
        cumulative += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        write_name(out, metric->name, "_bucket", metric->labels, le);
        buf_printf(out, "%llu\n", (unsigned long long)cumulative);
    }
    write_name(out, metric->name, "_sum", metric->labels, "");
    write_number(out, atomic_load_explicit(&metric->sum, memory_order_relaxed));
    write_name(out, metric->name, "_count", metric->labels, "");
    // The buckets were read one by one while others count on: their own sum is the count that agrees with them.
    buf_printf(out, "%llu\n", (unsigned long long)cumulative);
}

void metric_refresh_with(struct metric_registry *registry, void (*refresh)(void *context), void *context)
{
    registry->refresh = refresh;
    registry->context = context;
}

void metric_write(struct metric_registry *registry, enum metric_format format, struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    if (registry->refresh) registry->refresh(registry->context);
    pthread_mutex_lock(&registry->mutex);
    const char *family = "";
    for (struct metric *metric = registry->first; metric; metric = metric->next) {
        double value = metric_value(metric);
        if (isnan(value)) continue;
        if (strcmp(family, metric->name)) {
            family = metric->name;
            // OpenMetrics names a counter's family without "_total".
            size_t length = strlen(family), suffix = strlen("_total");
            if (format == METRIC_OPENMETRICS && metric->kind == COUNTER && length > suffix && !strcmp(family + length - suffix, "_total"))
                length -= suffix;
            buf_printf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)length, family, metric->help, (int)length, family,
                       kinds[metric->kind]);
        }
        if (metric->kind == HISTOGRAM) {
            write_histogram(metric, out);
        } else {
            write_name(out, metric->name, "", metric->labels, "");
            write_number(out, (double)metric_count(metric) + value); // one of the two is 0
        }
    }
    if (format == METRIC_OPENMETRICS) buf_append_text(out, "# EOF\n");
    pthread_mutex_unlock(&registry->mutex);
}
