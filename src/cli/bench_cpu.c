// SPDX-License-Identifier: Apache-2.0
// Speed of the two transforms on one core, on quotes taken from the real market over its socket.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "cli/bench.h"
#include "ingestion/feed.h"
#include "ingestion/publish.h"
#include "model/quote.h"
#include "processing/pipeline.h"
#include "simulator/simulator.h"

enum { SAMPLE_ROWS = 10000 };

// What the measurements work with. Quotes keep the frames that they came from.
struct bed {
    struct config config;
    struct registry_server *server;
    struct registry_client *client;
    struct simulator *simulator;
    struct batch *quotes;
    struct publisher *publisher;
    struct sink *sink;
    struct pipeline *pipeline;
};

static double cpu_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static enum status take_sample(struct bed *bed, const struct app *app, struct err *err)
{
    const char *const *symbols;
    uint32_t count = simulator_symbols(bed->simulator, &symbols);
    struct feed_params params = {&bed->config, simulator_url(bed->simulator), "simulator", &app->log, app->metrics};
    struct feed *feed;
    TRY(feed_yahoo_stream.open(&feed, &params, err));
    struct batch *rejects = batch_new(&record_row_type, 16);
    enum status status = feed_yahoo_stream.subscribe(feed, symbols, count, err);
    int64_t deadline_ns = clock_deadline_ms(30000);
    while (status == OK && !batch_full(bed->quotes) && clock_mono_ns() < deadline_ns) {
        status = feed_yahoo_stream.poll(feed, bed->quotes, rejects, clock_deadline_ms(500), err);
        if (status == AGAIN) status = OK;
    }
    if (status == OK && !batch_full(bed->quotes)) status = err_set(err, FATAL, ERR_FEED, "the market gave too few quotes");
    batch_free(rejects);
    feed_yahoo_stream.close(feed);
    return status;
}

static enum status bed_open(struct bed *bed, const struct bench *bench, struct err *err)
{
    struct app *app = bench->app;
    bed->config = *app->config;
    bed->config.data = bench->folder;
    bed->config.streaming.url = "embedded:";
    bed->config.streaming.registry.listen = "127.0.0.1:0";
    bed->config.storage.url = "sqlite::memory:";
    bed->config.simulator.listen = "127.0.0.1:0";
    bed->config.simulator.rate = 50000;
    bed->quotes = batch_new(&quote_row_type, SAMPLE_ROWS);
    struct registry_server_params server = {.config = &bed->config, .log = &app->log, .metrics = app->metrics};
    uint32_t loaded;
    TRY(registry_server_start(&bed->server, &server, err));
    TRY(registry_client_open(&bed->client, registry_server_url(bed->server), &app->log, app->metrics, err));
    TRY(registry_load(bed->client, NULL, &app->log, &loaded, err));
    TRY(simulator_start(&bed->simulator, &bed->config, &app->log, app->metrics, err));
    TRY(take_sample(bed, app, err));
    simulator_stop(bed->simulator); // it must not share the core with what is measured
    bed->simulator = NULL;
    TRY(publisher_new(&bed->publisher, &bed->config, bed->client, err));
    struct sink_params sink = {.config = &bed->config, .log = &app->log};
    TRY(sink_open(&bed->sink, &sink, err));
    TRY(bed->sink->ops->migrate(bed->sink, err));
    struct pipeline_params pipeline = {&bed->config, bed->client, bed->sink};
    return pipeline_new(&bed->pipeline, &pipeline, err);
}

static void bed_close(struct bed *bed)
{
    pipeline_free(bed->pipeline);
    sink_close(bed->sink);
    publisher_free(bed->publisher);
    simulator_stop(bed->simulator);
    registry_client_close(bed->client);
    registry_server_stop(bed->server);
    batch_free(bed->quotes);
}

static enum status decode_sample(const struct bed *bed, struct batch *quotes, struct err *err)
{
    for (uint32_t i = 0; i < bed->quotes->rows; i++) {
        enum quote_frame kind;
        uint32_t row = batch_row_begin(quotes);
        TRY(quote_decode_frame(bed->quotes->columns[QUOTE_FRAME].text[i], quotes, row, &kind, err));
        batch_set_slice(quotes, QUOTE_SOURCE_API, row, SLICE("simulator"));
        batch_set_int64(quotes, QUOTE_INGESTION_TS, row, clock_now_us());
        quote_set_event_id(quotes, row);
        batch_row_commit(quotes);
    }
    return OK;
}

static enum status measure_frames(const struct bed *bed, uint64_t rows, struct publication *publication, double *per_second,
                                  struct err *err)
{
    uint64_t done = 0;
    double began = cpu_seconds();
    while (done < rows) {
        publication_reset(publication);
        TRY(decode_sample(bed, publication->quotes, err));
        TRY(publication_encode(publication, "simulator", err));
        done += publication_records(publication);
    }
    *per_second = (double)done / (cpu_seconds() - began);
    return OK;
}

// The records of the publication, as the worker would get them: source 1 + topic.
static void fill_records(const struct publication *publication, struct batch *records, uint32_t topic_count)
{
    for (uint32_t t = 0; t < topic_count; t++)
        for (uint32_t i = 0; i < publication->records[t]->rows; i++) {
            const struct batch *from = publication->records[t];
            uint32_t row = batch_row_begin(records);
            batch_set_slice(records, RECORD_KEY, row, from->columns[RECORD_KEY].text[i]);
            batch_set_slice(records, RECORD_VALUE, row, from->columns[RECORD_VALUE].text[i]);
            batch_set_int64(records, RECORD_TIMESTAMP, row, from->columns[RECORD_TIMESTAMP].int64[i]);
            records->source[row] = 1 + t;
            records->offset[row] = i;
            batch_row_commit(records);
        }
}

static enum status measure_records(const struct bed *bed, uint64_t rows, const struct publication *publication, double *per_second,
                                   struct err *err)
{
    // Topics of ingestion and processing are the same three, in an order of their own.
    const char *const *names;
    const char *const *published;
    uint32_t name_count = pipeline_topics(bed->pipeline, &names), topic_count = publisher_topics(bed->publisher, &published);
    struct pipeline_source *sources = calloc(topic_count + 1, sizeof *sources);
    if (!sources) abort();
    for (uint32_t t = 0; t < topic_count; t++)
        for (uint32_t i = 0; i < name_count; i++)
            if (!strcmp(names[i], published[t])) sources[t] = (struct pipeline_source){1 + t, i, 0};
    struct work *work = pipeline_work_new(bed->pipeline, SAMPLE_ROWS);
    fill_records(publication, work->records, topic_count);
    uint64_t done = 0;
    enum status status = OK;
    double began = cpu_seconds();
    while (done < rows && status == OK) {
        status = pipeline_run(bed->pipeline, work, sources, topic_count, err);
        done += work->records->rows;
    }
    *per_second = (double)done / (cpu_seconds() - began);
    if (status == OK && work->rejects->rows) status = err_set(err, FATAL, ERR_INTERNAL, "records of the market were rejected");
    pipeline_work_free(bed->pipeline, work);
    free(sources);
    return status;
}

enum status bench_cpu(const struct bench *bench, struct bench_cpu *out, struct err *err)
{
    struct bed bed = {0};
    enum status status = bed_open(&bed, bench, err);
    if (status == OK) {
        struct publication *publication = publication_new(bed.publisher, SAMPLE_ROWS);
        status = measure_frames(&bed, bench->rows, publication, &out->frames_per_second, err);
        if (status == OK) status = measure_records(&bed, bench->rows, publication, &out->rows_per_second, err);
        publication_free(publication);
    }
    bed_close(&bed);
    return status;
}
