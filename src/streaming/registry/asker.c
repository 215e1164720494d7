// SPDX-License-Identifier: Apache-2.0
// Asking about _schemas, one question at a time.
#include "streaming/registry/asker.h"

#include <pthread.h>

#include "base/memory.h"
#include "base/wait.h"
#include "streaming/registry/records.h"

struct registry_asker {
    pthread_mutex_t mutex; // one question at a time
    struct stream *stream;
    bool read_only;
};

enum status registry_asker_open(struct registry_asker **out, registry_open_fn *open, const struct stream_params *params, struct err *err)
{
    struct stream *stream;
    TRY(open(&stream, params, err));
    struct registry_asker *self = memory_new(1, sizeof *self);
    self->stream = stream;
    self->read_only = params->read_only;
    pthread_mutex_init(&self->mutex, NULL);
    *out = self;
    return OK;
}

void registry_asker_close(struct registry_asker *self)
{
    if (!self) return;
    stream_close(self->stream);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

// Looks for the topic without making it.
static enum status find_topic(struct registry_asker *self, bool *absent, struct err *err)
{
    struct arena arena;
    struct stream_topic *topics;
    uint32_t count;
    arena_init(&arena, 4096);
    enum status status = self->stream->ops->topics(self->stream, &arena, &topics, &count, err);
    const struct stream_topic *topic = status == OK ? stream_topic_find(topics, count, REGISTRY_TOPIC) : NULL;
    *absent = status == OK && !topic;
    if (topic && topic->partitions != 1)
        status = err_set(err, FATAL, ERR_REGISTRY, "the topic " REGISTRY_TOPIC " has %d partitions; it is not that of a registry",
                         topic->partitions);
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
    pthread_mutex_lock(&self->mutex);
    enum status status = self->read_only ? find_topic(self, absent, err) : make_topic(self, err);
    pthread_mutex_unlock(&self->mutex);
    return status;
}

enum status registry_asker_ends(struct registry_asker *self, int64_t deadline_ns, struct stream_watermarks *out, struct err *err)
{
    if (!wait_mutex(&self->mutex, deadline_ns))
        return err_set(err, AGAIN, ERR_REGISTRY, "the stream has not yet answered what was asked before");
    enum status status = self->stream->ops->watermarks(self->stream, REGISTRY_TOPIC, 0, out, err);
    pthread_mutex_unlock(&self->mutex);
    return status;
}
