// SPDX-License-Identifier: Apache-2.0
// One thread that reads all partitions and hands ticks on.
#include "processing/watch.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/halt.h"
#include "base/memory.h"
#include "model/record.h"
#include "processing/tick.h"
#include "streaming/stream.h"

enum {
    BATCH_ROWS = 2000,
    RECENT = 1000, // records of each partition that are read from before its end
    POLL_MS = 500,
};

// What is read: a partition of a topic. Its index is the source of its records.
struct place {
    uint32_t topic;
    int32_t partition;
};

struct watched_topic {
    const char *name;
    struct tick_decoder *decoder;
    struct batch *ticks;
};

struct watch {
    struct watch_params params;
    struct halt halt;
    struct registry_client *registry;
    struct stream *stream;
    struct watched_topic *topics;
    uint32_t topic_count;
    struct place *places;
    uint32_t place_count;
    struct batch *records;
    struct metric *seen, *bad;
    atomic_bool reading;
    pthread_t thread;
    bool running;
};

static enum status add_topic(struct watch *self, const struct config_topic *topic, struct err *err)
{
    struct watched_topic *watched = &self->topics[self->topic_count];
    watched->name = topic->name;
    TRY(tick_decoder_new(&watched->decoder, self->params.config->streaming.schemas, topic->name, self->registry, err));
    watched->ticks = batch_new(tick_decoder_type(watched->decoder), BATCH_ROWS);
    self->places = memory_grow(self->places, self->place_count + (size_t)topic->partitions, sizeof *self->places);
    for (int32_t i = 0; i < (int32_t)topic->partitions; i++)
        self->places[self->place_count++] = (struct place){.topic = self->topic_count, .partition = i};
    self->topic_count++;
    return OK;
}

static enum status open_parts(struct watch *self, struct err *err)
{
    const struct config *config = self->params.config;
    struct stream_params stream = {.config = config, .log = self->params.log, .metrics = self->params.metrics, .read_only = true};
    TRY(registry_client_open(&self->registry, self->params.registry_url, self->params.log, self->params.metrics, err));
    TRY(stream_open(&self->stream, &stream, err));
    self->topics = memory_new(config->streaming.topics.count, sizeof *self->topics);
    for (uint32_t i = 0; i < config->streaming.topics.count; i++) TRY(add_topic(self, &config->streaming.topics.items[i], err));
    return OK;
}

// A topic may not be there yet, or be made anew: places are sought again from their ends.
static enum status seek_ends(struct watch *self, struct err *err)
{
    const struct stream_ops *ops = self->stream->ops;
    for (uint32_t i = 0; i < self->place_count; i++) {
        const struct place *place = &self->places[i];
        const char *topic = self->topics[place->topic].name;
        struct stream_watermarks marks;
        TRY(ops->watermarks(self->stream, topic, place->partition, &marks, err));
        int64_t from = marks.high - RECENT > marks.low ? marks.high - RECENT : marks.low;
        TRY(ops->seek(self->stream, topic, place->partition, i, from, err));
    }
    return OK;
}

// What cannot be decoded is for the worker to quarantine; here it is only counted.
static enum status decode(struct watch *self, struct err *err)
{
    struct tick_fault fault;
    for (uint32_t row = 0; row < self->records->rows; row++) {
        const struct place *place = &self->places[self->records->source[row]];
        struct watched_topic *topic = &self->topics[place->topic];
        struct backoff backoff = {0};
        enum status status;
        while ((status = tick_decode(topic->decoder, self->records, row, place->partition, topic->ticks, &fault, err)) == RETRY)
            if (!halt_back_off(&self->halt, &backoff, "the registry does not give a schema; trying again", err)) return RETRY;
        if (status == FATAL) return FATAL;
        if (status == REJECT) metric_add(self->bad, 1);
    }
    return OK;
}

static void hand_on(struct watch *self)
{
    for (uint32_t i = 0; i < self->topic_count; i++) {
        struct batch *ticks = self->topics[i].ticks;
        if (ticks->rows) self->params.seen(self->params.context, self->topics[i].name, ticks);
        metric_add(self->seen, ticks->rows);
        batch_reset(ticks);
    }
}

static enum status read_on(struct watch *self, struct err *err)
{
    batch_reset(self->records);
    enum status status = self->stream->ops->poll(self->stream, self->records, clock_deadline_ms(POLL_MS), err);
    if (status == AGAIN) return OK;
    if (status != OK) return status;
    TRY(decode(self, err));
    hand_on(self);
    return OK;
}

static void *watch_main(void *context)
{
    struct watch *self = context;
    pthread_setname_np(pthread_self(), "fdp-watch");
    struct backoff backoff = {0};
    while (!halt_asked(&self->halt)) {
        struct err err;
        enum status status = atomic_load(&self->reading) ? OK : seek_ends(self, &err);
        if (status == OK) {
            atomic_store(&self->reading, true);
            status = read_on(self, &err);
        }
        if (status == OK) {
            halt_back_on(&self->halt, &backoff, "the topics are read again");
            continue;
        }
        atomic_store(&self->reading, false);
        if (!halt_back_off(&self->halt, &backoff, "the topics cannot be read; trying again", &err)) break;
    }
    return NULL;
}

enum status watch_start(struct watch **out, const struct watch_params *params, struct err *err)
{
    struct watch *self = memory_new(1, sizeof *self);
    self->params = *params;
    halt_init(&self->halt, params->log, "console");
    self->seen = metric_counter(params->metrics, "fdp_console_records_total", "", "Records that the console has shown");
    self->bad = metric_counter(params->metrics, "fdp_console_bad_records_total", "", "Records that the console could not decode");
    self->records = batch_new(&record_row_type, BATCH_ROWS);
    enum status status = open_parts(self, err);
    if (status == OK && pthread_create(&self->thread, NULL, watch_main, self))
        status = err_set(err, FATAL, ERR_INTERNAL, "cannot start a thread; raise the limit on processes (ulimit -u)");
    self->running = status == OK;
    *out = self;
    if (status == OK) return OK;
    watch_stop(self);
    *out = NULL;
    return status;
}

bool watch_ready(const void *watch, const char **why)
{
    const struct watch *self = watch;
    *why = "the topics are not being read";
    return atomic_load(&self->reading);
}

void watch_stop(struct watch *self)
{
    if (!self) return;
    if (self->running) {
        halt_ask(&self->halt, clock_mono_ns());
        self->stream->ops->wake(self->stream);
        pthread_join(self->thread, NULL);
    }
    for (uint32_t i = 0; i < self->params.config->streaming.topics.count && self->topics; i++) {
        tick_decoder_free(self->topics[i].decoder);
        batch_free(self->topics[i].ticks);
    }
    free(self->topics);
    free(self->places);
    batch_free(self->records);
    stream_close(self->stream);
    registry_client_close(self->registry);
    halt_fini(&self->halt);
    free(self);
}
