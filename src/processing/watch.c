// SPDX-License-Identifier: Apache-2.0
// One thread that reads all partitions and hands ticks on.
#include "processing/watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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
    LOOK_MS = 30000, // for new partitions
};

// What is read: a partition of a topic. Its index is the source of its records.
struct place {
    uint32_t topic;
    int32_t partition;
    int64_t next; // offset
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
    bool complete;   // all topics were there
    int64_t look_ns; // for topics and partitions that are new
    atomic_bool reading;
    pthread_t thread;
    bool running;
};

static enum status add_topic(struct watch *self, const char *name, struct err *err)
{
    struct watched_topic *watched = &self->topics[self->topic_count++];
    watched->name = name;
    TRY(tick_decoder_new(&watched->decoder, self->params.config->streaming.schemas, name, self->registry, err));
    watched->ticks = batch_new(tick_decoder_type(watched->decoder), BATCH_ROWS);
    return OK;
}

static enum status open_parts(struct watch *self, struct err *err)
{
    const struct config *config = self->params.config;
    struct stream_params stream = {.config = config, .log = self->params.log, .metrics = self->params.metrics, .read_only = true};
    TRY(registry_client_open(&self->registry, self->params.registry_url, self->params.log, self->params.metrics, err));
    TRY(stream_open(&self->stream, &stream, err));
    self->topics = memory_new(config->streaming.topics.count, sizeof *self->topics);
    for (uint32_t i = 0; i < config->streaming.topics.count; i++) TRY(add_topic(self, config->streaming.topics.items[i].name, err));
    return OK;
}

static struct place *place_of(struct watch *self, uint32_t topic, int32_t partition)
{
    for (uint32_t i = 0; i < self->place_count; i++)
        if (self->places[i].topic == topic && self->places[i].partition == partition) return &self->places[i];
    self->places = memory_grow(self->places, self->place_count + 1, sizeof *self->places);
    self->places[self->place_count] = (struct place){.topic = topic, .partition = partition};
    return &self->places[self->place_count++];
}

// From where it was, or a little before the end when that is new, too far away, or gone.
static enum status seek_place(struct watch *self, struct place *place, struct err *err)
{
    const struct stream_ops *ops = self->stream->ops;
    const char *topic = self->topics[place->topic].name;
    struct stream_watermarks marks;
    TRY(ops->watermarks(self->stream, topic, place->partition, &marks, err));
    int64_t recent = marks.high - RECENT > marks.low ? marks.high - RECENT : marks.low;
    if (place->next < recent || place->next > marks.high) place->next = recent;
    return ops->seek(self->stream, topic, place->partition, place - self->places, place->next, err);
}

// All partitions that the stream has of the topics now. A topic that is not there yet is looked for again.
static enum status seek_all(struct watch *self, struct err *err)
{
    struct arena arena;
    struct stream_topic *topics;
    uint32_t count;
    arena_init(&arena, 4096);
    enum status status = self->stream->ops->topics(self->stream, &arena, &topics, &count, err);
    self->complete = status == OK;
    for (uint32_t i = 0; i < self->topic_count && status == OK; i++) {
        uint32_t at = 0;
        while (at < count && strcmp(topics[at].name, self->topics[i].name) != 0) at++;
        self->complete = self->complete && at < count;
        for (int32_t p = 0; at < count && p < topics[at].partitions && status == OK; p++)
            status = seek_place(self, place_of(self, i, p), err);
    }
    arena_fini(&arena);
    self->look_ns = clock_deadline_ms(self->complete ? LOOK_MS : POLL_MS);
    return status;
}

// What cannot be decoded is for the worker to quarantine; here it is only counted. RETRY: the record is read again.
static enum status decode(struct watch *self, struct err *err)
{
    struct tick_fault fault;
    for (uint32_t row = 0; row < self->records->rows; row++) {
        struct place *place = &self->places[self->records->source[row]];
        struct watched_topic *topic = &self->topics[place->topic];
        enum status status = tick_decode(topic->decoder, self->records, row, place->partition, topic->ticks, &fault, err);
        if (status == REJECT)
            metric_add(self->bad, 1);
        else if (status != OK)
            return status;
        place->next = self->records->offset[row] + 1;
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
    status = decode(self, err);
    hand_on(self); // also what came before one that has to wait
    return status;
}

static void *watch_main(void *context)
{
    struct watch *self = context;
    pthread_setname_np(pthread_self(), "fdp-watch");
    struct backoff backoff = {0};
    while (!halt_asked(&self->halt)) {
        struct err err;
        bool look = !atomic_load(&self->reading) || clock_mono_ns() >= self->look_ns;
        enum status status = look ? seek_all(self, &err) : OK;
        if (status == OK) status = read_on(self, &err);
        if (status == OK) {
            atomic_store(&self->reading, true);
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
