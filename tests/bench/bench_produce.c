// SPDX-License-Identifier: Apache-2.0
// The producer side on a real stream: decoded quotes through publication_encode, append and flush, in groups as ingestion makes them.
// bench_produce ROWS RATE KEY=VALUE...: that many quotes, as fast as possible with RATE 0, else so many a second; the rest is
// configuration. Prints quotes a second from decoded batch to acknowledged, and CPU seconds of all threads. It also fills the topics of
// scaled.py.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "ingestion/publish.h"
#include "model/quote.h"
#include "tick.h"

struct bench {
    struct config *config;
    struct registry_client *registry;
    struct stream *stream;
    struct publisher *publisher;
    struct publication **group; // as many as ingestion has: what waits is flushed together
    uint32_t group_count;
};

static void check(enum status status, const struct err *err)
{
    if (status == OK) return;
    fprintf(stderr, "bench_produce: %s\n", err->text);
    exit(1);
}

static void fill(struct batch *quotes, uint64_t from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct tick tick;
        tick_make(from + i, &tick);
        uint32_t row = batch_row_begin(quotes);
        size_t length = strlen(tick.id);
        batch_set_slice(quotes, QUOTE_ID, row, (struct slice){arena_copy(&quotes->arena, tick.id, length), length});
        batch_set_double(quotes, QUOTE_PRICE, row, tick.price);
        batch_set_int64(quotes, QUOTE_TIME, row, tick.time_us);
        batch_set_slice(quotes, QUOTE_EXCHANGE, row, SLICE("NMS"));
        batch_set_int64(quotes, QUOTE_QUOTE_TYPE, row, 8);
        batch_set_int64(quotes, QUOTE_MARKET_HOURS, row, 1);
        batch_set_double(quotes, QUOTE_CHANGE_PERCENT, row, tick.change_percent);
        batch_set_double(quotes, QUOTE_CHANGE, row, tick.change);
        batch_set_int64(quotes, QUOTE_PRICE_HINT, row, 2);
        batch_set_slice(quotes, QUOTE_SOURCE_API, row, SLICE("yahoo:stream"));
        batch_set_slice(quotes, QUOTE_EVENT_ID, row, (struct slice){arena_copy(&quotes->arena, tick.event_id, 16), 16});
        batch_set_int64(quotes, QUOTE_INGESTION_TS, row, tick.ingestion_us);
        batch_row_commit(quotes);
    }
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void publish(struct bench *bench, uint32_t count)
{
    struct err err;
    for (uint32_t i = 0; i < count; i++) {
        check(publication_encode(bench->group[i], "bench", &err), &err);
        check(publication_append(bench->group[i], bench->stream, &err), &err);
    }
    check(bench->stream->ops->flush(bench->stream, clock_deadline_ms(60000), &err), &err);
}

struct figures {
    double seconds, cpu_seconds;
};

// Filling is not what is measured.
static void measure_fastest(struct bench *bench, uint64_t rows, struct figures *out)
{
    uint32_t capacity = bench->group[0]->quotes->capacity;
    for (uint64_t done = 0; done < rows;) {
        uint32_t count = 0;
        for (; count < bench->group_count && done < rows; count++) {
            uint32_t part = rows - done < capacity ? (uint32_t)(rows - done) : capacity;
            publication_reset(bench->group[count]);
            fill(bench->group[count]->quotes, done, part);
            done += part;
        }
        double cpu = cpu_seconds();
        int64_t began_ns = clock_mono_ns();
        publish(bench, count);
        out->seconds += (double)(clock_mono_ns() - began_ns) / 1e9;
        out->cpu_seconds += cpu_seconds() - cpu;
    }
}

// What is due is published, a millisecond or one quote later the next.
static void measure_at_rate(struct bench *bench, uint64_t rows, double rate, struct figures *out)
{
    int64_t began_ns = clock_mono_ns(), step_ns = rate < 1000 ? (int64_t)(1e9 / rate) : MS_NS;
    uint32_t capacity = bench->group[0]->quotes->capacity;
    double cpu = cpu_seconds();
    for (uint64_t done = 0; done < rows;) {
        uint64_t due = (uint64_t)((double)(clock_mono_ns() - began_ns) / 1e9 * rate);
        if (due > rows) due = rows;
        uint32_t part = due - done < capacity ? (uint32_t)(due - done) : capacity;
        if (part) {
            publication_reset(bench->group[0]);
            fill(bench->group[0]->quotes, done, part);
            publish(bench, 1);
            done += part;
        } else {
            clock_sleep_until(began_ns + ((clock_mono_ns() - began_ns) / step_ns + 1) * step_ns);
        }
    }
    out->seconds = (double)(clock_mono_ns() - began_ns) / 1e9;
    out->cpu_seconds = cpu_seconds() - cpu;
}

static void set_up(struct bench *bench, char **settings)
{
    struct option_values values = {0};
    struct err err;
    check(option_load_defaults(&config_options, &values, &err), &err);
    for (; *settings; settings++) check(option_load_set(&config_options, &values, *settings, "command line", &err), &err);
    bench->config = values.values;
    struct stream_params stream = {.config = bench->config};
    check(registry_client_open(&bench->registry, bench->config->streaming.registry.url, NULL, NULL, &err), &err);
    check(stream_open(&bench->stream, &stream, &err), &err);
    check(publisher_new(&bench->publisher, bench->config, bench->registry, &err), &err);
    bench->group_count = (uint32_t)bench->config->ingestion.queue_batches + 2;
    bench->group = calloc(bench->group_count, sizeof(struct publication *));
    if (!bench->group) abort();
    for (uint32_t i = 0; i < bench->group_count; i++)
        bench->group[i] = publication_new(bench->publisher, (uint32_t)bench->config->ingestion.batch_rows);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    struct figures figures = {0};
    if (argc < 3) return fprintf(stderr, "usage: bench_produce ROWS RATE KEY=VALUE...\n"), 2;
    uint64_t rows = strtoull(argv[1], NULL, 10);
    double rate = strtod(argv[2], NULL);
    set_up(&bench, argv + 3);
    if (rate > 0)
        measure_at_rate(&bench, rows, rate, &figures);
    else
        measure_fastest(&bench, rows, &figures);
    printf("{\"rows\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", (unsigned long long)rows, figures.seconds, figures.cpu_seconds);
    for (uint32_t i = 0; i < bench.group_count; i++) publication_free(bench.group[i]);
    free(bench.group);
    publisher_free(bench.publisher);
    stream_close(bench.stream);
    registry_client_close(bench.registry);
    return 0;
}
