// SPDX-License-Identifier: Apache-2.0
// The ingestion role's two threads.
#include "ingestion/ingest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/halt.h"
#include "base/queue.h"
#include "ingestion/feed.h"
#include "ingestion/publish.h"
#include "ingestion/source.h"
#include "ingestion/symbols.h"
#include "model/quote.h"

static const char component[] = "ingestion";

enum {
    POLL_MS = 200,   // how often an idle thread looks whether it should stop
    FLUSH_MS = 2000, // how long a healthy stream may take
    RETAIN_INTERVAL_MS = 10000,
};

// Who may touch what: fields above `feed` are set before the threads start; then each thread's own; the rest is atomic or locked.
struct ingest {
    struct ingest_params params;
    struct source source;
    struct registry_client *registry;
    struct queue *idle, *ready; // of struct publication
    uint32_t publication_count;
    pthread_t feed_thread, publish_thread;
    bool running; // the threads were started

    struct feed *feed;                      // feed thread's
    struct publisher *publisher, *previous; // feed thread's: of new publications, and of those that are still under way
    struct publication **publications;      // feed thread's: all of them
    struct symbols *symbols;                // feed thread's
    uint64_t received, duplicates;          // feed thread's

    struct stream *stream;  // publish thread's
    uint64_t published;     // publish thread's
    uint64_t unread;        // publish thread's: of published
    int64_t next_retain_ns; // publish thread's

    struct halt halt;
    _Atomic(struct publisher *) next; // with changed routes, to be taken by the feed thread
    atomic_bool stream_down;

    struct metric *received_total, *duplicates_total, *published_total, *rejected_total, *append_errors, *retained, *queue_fill;
    struct metric *stage_append, *stage_encode, *stage_published;
};

static void fail(struct ingest *self, const struct err *err)
{
    halt_fail(&self->halt, err);
    queue_close(self->idle);
    queue_close(self->ready);
}

// --- Feed thread ---

static int64_t number_at(const struct batch *quotes, uint32_t column, uint32_t row, int64_t absent)
{
    return batch_is_null(quotes, column, row) ? absent : quotes->columns[column].int64[row];
}

// Drops repeats among the rows that came since `from`.
static void drop_repeats(struct ingest *self, struct batch *quotes, uint32_t from, uint8_t *keep)
{
    uint32_t repeated = 0;
    memset(keep, 1, quotes->rows);
    for (uint32_t row = from; row < quotes->rows; row++) {
        if (batch_is_null(quotes, QUOTE_ID, row) || batch_is_null(quotes, QUOTE_EVENT_ID, row)) continue;
        struct symbols_quote quote = {.symbol = quotes->columns[QUOTE_ID].text[row],
                                      .event_id = quotes->columns[QUOTE_EVENT_ID].text[row],
                                      .time_us = number_at(quotes, QUOTE_TIME, row, INT64_MIN),
                                      .market_state = number_at(quotes, QUOTE_MARKET_HOURS, row, -1)};
        keep[row] = !symbols_repeated(self->symbols, &quote);
        repeated += !keep[row];
    }
    if (!repeated) return;
    batch_cut(quotes, keep);
    self->duplicates += repeated;
    metric_add(self->duplicates_total, repeated);
}

static enum status feed_once(struct ingest *self, struct publication *publication, uint8_t *keep, struct err *err)
{
    uint32_t quotes = publication->quotes->rows, rejects = publication->rejects->rows;
    enum status status = self->source.ops->poll(self->feed, publication->quotes, publication->rejects, clock_deadline_ms(POLL_MS), err);
    uint64_t received = publication->quotes->rows - quotes + publication->rejects->rows - rejects;
    self->received += received;
    metric_add(self->received_total, received);
    if (publication->quotes->rows > quotes) drop_repeats(self, publication->quotes, quotes, keep);
    return status;
}

// After a change of routes: publications are made anew, one by one as they come back, and with the last one the former publisher goes.
static struct publication *renew(struct ingest *self, struct publication *publication)
{
    if (!self->previous && atomic_load(&self->next)) {
        self->previous = self->publisher;
        self->publisher = atomic_exchange(&self->next, NULL);
    }
    if (publication->publisher == self->publisher) return publication;
    uint32_t former = 0;
    struct publication *renewed = publication_new(self->publisher, publication->quotes->capacity);
    for (uint32_t i = 0; i < self->publication_count; i++) {
        if (self->publications[i] == publication) self->publications[i] = renewed;
        former += self->publications[i]->publisher == self->previous;
    }
    publication_free(publication);
    if (!former) {
        publisher_free(self->previous);
        self->previous = NULL;
    }
    return renewed;
}

static bool has_room(const struct publication *publication)
{
    return !batch_full(publication->quotes) && publication->rejects->rows < publication->quotes->capacity;
}

// Hands a publication over at once when the publisher is free; while it is busy, goes on filling it, so that batches grow with the load.
static enum status feed_until_stopped(struct ingest *self, uint8_t *keep, struct err *err)
{
    void *item = NULL;
    struct publication *publication = NULL;
    while (!halt_asked(&self->halt)) {
        if (!publication) {
            if (queue_pop(self->idle, &item, clock_deadline_ms(POLL_MS)) != OK) continue;
            publication = renew(self, item);
            publication_reset(publication);
        }
        if (has_room(publication)) {
            enum status status = feed_once(self, publication, keep, err);
            if (status != OK && status != AGAIN) return status;
        }
        if (!publication->quotes->rows && !publication->rejects->rows) continue;
        int64_t wait_ms = has_room(publication) ? 0 : POLL_MS;
        if (queue_push(self->ready, publication, clock_deadline_ms(wait_ms)) == OK) publication = NULL;
        metric_set(self->queue_fill, (double)queue_fill(self->ready));
    }
    while (publication && !halt_due(&self->halt))
        if (queue_push(self->ready, publication, clock_deadline_ms(POLL_MS)) == OK) publication = NULL;
    return OK;
}

static void *feed_main(void *context)
{
    struct ingest *self = context;
    pthread_setname_np(pthread_self(), "fdp-feed");
    uint8_t *keep = malloc((size_t)self->params.config->ingestion.batch_rows);
    if (!keep) abort();
    struct err err;
    if (feed_until_stopped(self, keep, &err) != OK) fail(self, &err);
    free(keep);
    queue_close(self->ready);
    return NULL;
}

// --- Publish thread ---

// What waits is published together: one flush for all of it, so that a slow disk makes groups larger, not the queue longer.
struct group {
    struct publication **publications;
    uint32_t count, capacity;
};

static enum status append_group(struct ingest *self, const struct group *group, struct err *err)
{
    for (uint32_t i = 0; i < group->count; i++) TRY(publication_append(group->publications[i], self->stream, err));
    return OK;
}

// Until all of it is durable. FATAL also when the time to stop has come first.
static enum status append(struct ingest *self, const struct group *group, struct err *err)
{
    struct backoff backoff = {0};
    for (bool appended = false;;) {
        enum status status = appended ? OK : append_group(self, group, err);
        appended = status == OK;
        if (appended) status = self->stream->ops->flush(self->stream, clock_deadline_ms(FLUSH_MS), err);
        if (status == OK) break;
        if (status == FATAL || status == REJECT) return FATAL;
        if (status == RETRY) appended = false;
        metric_add(self->append_errors, 1);
        atomic_store(&self->stream_down, true);
        if (!halt_back_off(&self->halt, &backoff, "the stream does not take records; the feed waits", err)) return FATAL;
    }
    atomic_store(&self->stream_down, false);
    halt_back_on(&self->halt, &backoff, "the stream takes records again");
    return OK;
}

static void count_published(struct ingest *self, const struct publication *publication)
{
    const struct batch *quotes = publication->quotes;
    int64_t now_us = clock_now_us();
    for (uint32_t row = 0; row < quotes->rows; row++)
        metric_observe_ns(self->stage_published, (now_us - quotes->columns[QUOTE_INGESTION_TS].int64[row]) * 1000);
    uint64_t records = publication_records(publication);
    self->published += records;
    self->unread += publication_unread(publication);
    metric_add(self->published_total, records);
    metric_add(self->rejected_total, publication->rejects->rows);
}

static enum status publish(struct ingest *self, const struct group *group, struct err *err)
{
    int64_t began_ns = clock_mono_ns();
    for (uint32_t i = 0; i < group->count; i++) TRY(publication_encode(group->publications[i], self->source.source_api, err));
    int64_t encoded_ns = clock_mono_ns();
    TRY(append(self, group, err));
    metric_observe_ns(self->stage_encode, encoded_ns - began_ns);
    metric_observe_ns(self->stage_append, clock_mono_ns() - encoded_ns);
    for (uint32_t i = 0; i < group->count; i++) count_published(self, group->publications[i]);
    return OK;
}

// Deletes what retention allows. The stream may be busy or full: then it is tried again later.
static void retain(struct ingest *self)
{
    if (clock_mono_ns() < self->next_retain_ns) return;
    self->next_retain_ns = clock_deadline_ms(RETAIN_INTERVAL_MS);
    struct err err;
    uint64_t deleted = 0;
    if (self->stream->ops->retain(self->stream, clock_now_us(), &deleted, &err) != OK)
        log_err(self->params.log, LOG_DEBUG, component, "retention has to wait", &err);
    metric_add(self->retained, deleted);
}

// Waits for one publication, then takes what else is there. OK also when there was none in time; FATAL once all is published.
static enum status take_group(struct ingest *self, struct group *group)
{
    int64_t deadline_ns = clock_deadline_ms(POLL_MS);
    enum status status = OK;
    void *item;
    for (group->count = 0; group->count < group->capacity && status == OK; deadline_ns = 0)
        if ((status = queue_pop(self->ready, &item, deadline_ns)) == OK) group->publications[group->count++] = item;
    return status == FATAL && !group->count ? FATAL : OK;
}

static enum status publish_until_closed(struct ingest *self, struct group *group, struct err *err)
{
    while (take_group(self, group) == OK) {
        if (group->count) TRY(publish(self, group, err));
        for (uint32_t i = 0; i < group->count; i++)
            if (queue_push(self->idle, group->publications[i], clock_deadline_ms(POLL_MS)) != OK) return OK;
        retain(self);
    }
    return OK;
}

static void *publish_main(void *context)
{
    struct ingest *self = context;
    pthread_setname_np(pthread_self(), "fdp-publish");
    struct err err;
    struct group group = {.capacity = self->publication_count};
    group.publications = calloc(group.capacity, sizeof *group.publications);
    if (!group.publications) abort();
    if (publish_until_closed(self, &group, &err) != OK) fail(self, &err);
    free(group.publications);
    queue_close(self->idle);
    return NULL;
}

// --- Starting and stopping ---

static void make_metrics(struct ingest *self)
{
    struct metric_registry *metrics = self->params.metrics;
    self->received_total = metric_counter(metrics, "fdp_ingestion_received_total", NULL, "Frames that carried a quote, good or bad");
    self->duplicates_total =
        metric_counter(metrics, "fdp_ingestion_duplicates_total", NULL, "Quotes equal to the last of their symbol, dropped");
    self->published_total =
        metric_counter(metrics, "fdp_ingestion_published_total", NULL, "Records that the stream has acknowledged, rejects included");
    self->rejected_total = metric_counter(metrics, "fdp_ingestion_rejected_total", NULL, "Frames that went to the topic of rejects");
    self->append_errors = metric_counter(metrics, "fdp_streaming_append_errors_total", NULL, "Appends that had to be tried again");
    self->retained = metric_counter(metrics, "fdp_streaming_retention_deleted_total", NULL, "Records that retention has removed");
    self->queue_fill = metric_gauge(metrics, "fdp_queue_fill", "queue=\"ingestion\"", "Batches that wait in a queue");
    static const char stage[] = "Time spent per stage boundary";
    self->stage_encode = metric_histogram(metrics, "fdp_stage_seconds", "stage=\"route_and_encode\"", stage);
    self->stage_append = metric_histogram(metrics, "fdp_stage_seconds", "stage=\"append\"", stage);
    self->stage_published = metric_histogram(metrics, "fdp_stage_seconds", "stage=\"received_to_published\"", stage);
}

static enum status open_publisher(struct ingest *self, struct err *err)
{
    const struct ingest_params *params = &self->params;
    struct stream_params stream_params = {params->config, params->log, params->metrics, false};
    TRY(stream_open(&self->stream, &stream_params, err));
    TRY(stream_create_topics(self->stream, params->config, err));
    TRY(registry_client_open(&self->registry, params->registry_url, params->log, params->metrics, err));
    enum status status;
    bool said = false;
    // The registry may come up after us, or get its schemas after us.
    while ((status = publisher_new(&self->publisher, params->config, self->registry, err)) == RETRY) {
        if (!said) log_err(params->log, LOG_WARN, component, "waiting for the registry", err);
        said = true;
        if (params->stopping(params->context)) return RETRY;
        clock_sleep_until(clock_deadline_ms(POLL_MS));
    }
    return status;
}

static enum status open_feed(struct ingest *self, struct err *err)
{
    const struct ingest_params *params = &self->params;
    struct feed_params feed = {params->config, self->source.url, self->source.source_api, params->log, params->metrics};
    TRY(self->source.ops->open(&self->feed, &feed, err));
    enum status status = self->source.ops->subscribe(self->feed, self->source.symbols, self->source.symbol_count, err);
    if (status != OK) self->source.ops->close(self->feed);
    return status;
}

static void make_publications(struct ingest *self)
{
    const struct config *config = self->params.config;
    uint32_t waiting = (uint32_t)config->ingestion.queue_batches;
    self->publication_count = waiting + 2; // one being filled, one being published
    self->publications = calloc(self->publication_count, sizeof *self->publications);
    if (!self->publications) abort();
    self->idle = queue_new(self->publication_count);
    self->ready = queue_new(waiting);
    for (uint32_t i = 0; i < self->publication_count; i++) {
        self->publications[i] = publication_new(self->publisher, (uint32_t)config->ingestion.batch_rows);
        if (queue_push(self->idle, self->publications[i], 0) != OK) abort(); // it has room for all
    }
}

static void ingest_free(struct ingest *self)
{
    for (uint32_t i = 0; i < self->publication_count; i++) publication_free(self->publications[i]);
    free(self->publications);
    publisher_free(self->publisher);
    publisher_free(self->previous);
    publisher_free(atomic_load(&self->next));
    symbols_free(self->symbols);
    source_fini(&self->source);
    stream_close(self->stream);
    registry_client_close(self->registry);
    queue_free(self->idle);
    queue_free(self->ready);
    halt_fini(&self->halt);
    free(self);
}

enum status ingest_new(struct ingest **out, const struct ingest_params *params, struct err *err)
{
    struct ingest *self = calloc(1, sizeof *self);
    if (!self) abort();
    self->params = *params;
    halt_init(&self->halt, params->log, component);
    // First what is wrong at once, then what may have to wait.
    enum status status =
        source_open(&self->source, params->config, params->market_url, params->market_symbols, params->market_symbol_count, err);
    if (status == OK) status = open_publisher(self, err);
    if (status == OK) status = open_feed(self, err);
    if (status != OK) {
        ingest_free(self);
        return status;
    }
    make_metrics(self);
    make_publications(self);
    self->symbols = symbols_new(params->metrics, (uint32_t)params->config->monitoring.symbols_max);
    *out = self;
    return OK;
}

void ingest_run(struct ingest *self)
{
    self->running = true;
    if (pthread_create(&self->feed_thread, NULL, feed_main, self) || pthread_create(&self->publish_thread, NULL, publish_main, self))
        abort();
    char url[TEXT_URL_BYTES];
    log_info(self->params.log, component, "ingestion started", "source", text_url_shown(self->source.url, url, sizeof url), "symbols",
             log_number(self->source.symbol_count));
}

enum status ingest_reload(struct ingest *self, const struct config *config, struct err *err)
{
    struct publisher *publisher;
    TRY(publisher_new(&publisher, config, self->registry, err));
    publisher_free(atomic_exchange(&self->next, publisher));
    return OK;
}

enum status ingest_stop(struct ingest *self, int64_t deadline_ns, struct ingest_summary *summary, struct err *err)
{
    if (!self) return OK;
    halt_ask(&self->halt, deadline_ns);
    if (self->running) pthread_join(self->feed_thread, NULL);
    self->source.ops->close(self->feed);
    if (self->running) pthread_join(self->publish_thread, NULL);
    if (summary) *summary = (struct ingest_summary){self->received, self->duplicates, self->published, self->unread};
    enum status status = halt_result(&self->halt, err);
    ingest_free(self);
    return status;
}

bool ingest_ready(const struct ingest *self, const char **why)
{
    *why = "";
    if (halt_failed(&self->halt))
        *why = "ingestion has stopped after an error; see the log";
    else if (atomic_load(&self->stream_down))
        *why = "the stream does not take records; the log says which, and why";
    else if (!self->source.ops->connected(self->feed))
        *why = "the feed is not connected";
    return !**why;
}

bool ingest_failed(const struct ingest *self)
{
    return halt_failed(&self->halt);
}
