// SPDX-License-Identifier: Apache-2.0
// Asking about _schemas, one question at a time.
#include "streaming/registry/asker.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "streaming/registry/records.h"

struct registry_asker {
    struct stream *stream; // of whoever has set `busy`
    bool read_only;
    pthread_mutex_t mutex; // guards `busy`
    pthread_cond_t idle;
    bool busy;
};

enum status registry_asker_open(struct registry_asker **out, registry_open_fn *open, const struct stream_params *params, struct err *err)
{
    struct stream *stream;
    TRY(open(&stream, params, err));
    struct registry_asker *self = memory_new(1, sizeof *self);
    self->stream = stream;
    self->read_only = params->read_only;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = self;
    return OK;
}

void registry_asker_close(struct registry_asker *self)
{
    if (!self) return;
    stream_close(self->stream);
    pthread_cond_destroy(&self->idle);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

static enum status take_turn(struct registry_asker *self, int64_t deadline_ns, struct err *err)
{
    struct timespec until = {.tv_sec = deadline_ns / SECOND_NS, .tv_nsec = deadline_ns % SECOND_NS};
    int rc = 0;
    pthread_mutex_lock(&self->mutex);
    while (self->busy && !rc) rc = pthread_cond_timedwait(&self->idle, &self->mutex, &until);
    bool mine = !self->busy;
    self->busy = true;
    pthread_mutex_unlock(&self->mutex);
    return mine ? OK : err_set(err, AGAIN, ERR_REGISTRY, "the stream has not yet answered what was asked before");
}

static void end_turn(struct registry_asker *self)
{
    pthread_mutex_lock(&self->mutex);
    self->busy = false;
    pthread_cond_signal(&self->idle);
    pthread_mutex_unlock(&self->mutex);
}

// Looks for the topic without making it.
static enum status find_topic(struct registry_asker *self, bool *absent, struct err *err)
{
    struct arena arena;
    struct stream_topic *topics;
    uint32_t count, at = 0;
    arena_init(&arena, 4096);
    enum status status = self->stream->ops->topics(self->stream, &arena, &topics, &count, err);
    while (status == OK && at < count && strcmp(topics[at].name, REGISTRY_TOPIC)) at++;
    *absent = status == OK && at == count;
    if (status == OK && !*absent && topics[at].partitions != 1)
        status = err_set(err, FATAL, ERR_REGISTRY, "the topic " REGISTRY_TOPIC " has %d partitions; it is not that of a registry",
                         topics[at].partitions);
    arena_fini(&arena);
    return status;
}

// One partition gives one order; compaction keeps every schema, where retention would take the oldest away.
static enum status make_topic(struct registry_asker *self, struct err *err)
{
    struct stream_topic topic = {.name = REGISTRY_TOPIC, .partitions = 1, .retention_ms = -1, .retention_bytes = -1, .compacted = true};
    if (self->stream->ops->topic_create(self->stream, &topic, err) == OK) return OK;
    return err_context(err, "the registry's topic " REGISTRY_TOPIC ", compacted, with one partition");
}

enum status registry_asker_prepare(struct registry_asker *self, bool *absent, struct err *err)
{
    *absent = false;
    TRY(take_turn(self, INT64_MAX, err));
    enum status status = self->read_only ? find_topic(self, absent, err) : make_topic(self, err);
    end_turn(self);
    return status;
}

enum status registry_asker_ends(struct registry_asker *self, int64_t deadline_ns, struct stream_watermarks *out, struct err *err)
{
    TRY(take_turn(self, deadline_ns, err));
    enum status status = self->stream->ops->watermarks(self->stream, REGISTRY_TOPIC, 0, out, err);
    end_turn(self);
    return status;
}
