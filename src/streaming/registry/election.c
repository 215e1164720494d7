// SPDX-License-Identifier: Apache-2.0
// A member of the consumer group that elects the writer: a thread with a handle of its own, which reads nothing.
#include "streaming/registry/election.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"

enum {
    TURN_MS = 500,
    REJOIN_MS = 500,
    WAIT_MS = 50,
};

struct registry_election {
    struct registry_election_params params;
    struct metric *leader;
    pthread_t thread;
    _Atomic bool leads;
    pthread_mutex_t mutex; // guards the two below
    struct stream *stream; // of the thread, but for wake
    bool stopping;
};

static bool stopping(struct registry_election *self)
{
    pthread_mutex_lock(&self->mutex);
    bool stopping = self->stopping;
    pthread_mutex_unlock(&self->mutex);
    return stopping;
}

static void set_stream(struct registry_election *self, struct stream *stream)
{
    pthread_mutex_lock(&self->mutex);
    self->stream = stream;
    pthread_mutex_unlock(&self->mutex);
}

static void set_leads(struct registry_election *self, bool leads)
{
    if (atomic_exchange(&self->leads, leads) == leads) return;
    if (self->leader) metric_set(self->leader, leads);
    log_info(self->params.log, "registry", leads ? "this registry is the writer now" : "this registry is not the writer any more");
}

static void take_changes(struct registry_election *self, struct stream *stream)
{
    struct stream_change change;
    while (stream->ops->change(stream, &change))
        if (change.partition == 0 && !strcmp(change.topic, REGISTRY_TOPIC)) set_leads(self, change.given);
}

// Is a member until it is asked to stop (OK) or that cannot be. When the stream does not answer it stays one: whether it still is, the
// group knows.
static enum status be_member(struct registry_election *self, struct stream *stream, struct err *err)
{
    const char *topic = REGISTRY_TOPIC;
    TRY(stream->ops->join(stream, REGISTRY_GROUP, &topic, 1, err));
    enum status status = OK;
    while (!stopping(self) && status != FATAL && status != REJECT) {
        take_changes(self, stream);
        if (atomic_load(&self->leads)) self->params.leading(self->params.context);
        status = stream->ops->poll(stream, NULL, clock_deadline_ms(TURN_MS), err);
        if (status == RETRY) clock_sleep_until(clock_deadline_ms(WAIT_MS));
    }
    stream->ops->leave(stream);
    set_leads(self, false);
    return stopping(self) ? OK : status;
}

static enum status take_part(struct registry_election *self, struct err *err)
{
    struct stream_params params = {self->params.config, self->params.log, self->params.metrics, false};
    struct stream *stream;
    TRY(self->params.open(&stream, &params, err));
    set_stream(self, stream);
    enum status status = be_member(self, stream, err);
    set_stream(self, NULL);
    stream_close(stream);
    return status;
}

static void *elect(void *context)
{
    struct registry_election *self = context;
    struct err err;
    pthread_setname_np(pthread_self(), "fdp-election");
    for (bool said = false; !stopping(self);) {
        if (registry_follower_wait(self->params.follower, TURN_MS, &err) != OK) {
            clock_sleep_until(clock_deadline_ms(WAIT_MS));
            continue;
        }
        if (take_part(self, &err) == OK) continue;
        if (!said) log_err(self->params.log, LOG_WARN, "registry", "cannot take part in the election of the writer; trying again", &err);
        said = true;
        clock_sleep_until(clock_deadline_ms(REJOIN_MS));
    }
    return NULL;
}

enum status registry_election_start(struct registry_election **out, const struct registry_election_params *params, struct err *err)
{
    struct registry_election *self = memory_new(1, sizeof *self);
    self->params = *params;
    pthread_mutex_init(&self->mutex, NULL);
    if (params->metrics)
        self->leader = metric_gauge(params->metrics, "fdp_registry_writer", NULL, "Whether this registry is the one that takes changes");
    if (!pthread_create(&self->thread, NULL, elect, self)) {
        *out = self;
        return OK;
    }
    pthread_mutex_destroy(&self->mutex);
    free(self);
    return err_set(err, FATAL, ERR_REGISTRY, "cannot start a thread; raise the limit on processes");
}

void registry_election_stop(struct registry_election *self)
{
    if (!self) return;
    pthread_mutex_lock(&self->mutex);
    self->stopping = true;
    if (self->stream) self->stream->ops->wake(self->stream);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

bool registry_election_leads(const struct registry_election *self)
{
    return atomic_load(&self->leads);
}
