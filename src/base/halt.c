// SPDX-License-Identifier: Apache-2.0
// Deadlines, first failures and doubling waits.
#include "base/halt.h"

#include "base/clock.h"

enum { BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 5000 };

void halt_init(struct halt *self, const struct log *log, const char *component)
{
    *self = (struct halt){.log = log, .component = component};
    pthread_mutex_init(&self->lock, NULL);
}

void halt_fini(struct halt *self)
{
    pthread_mutex_destroy(&self->lock);
}

void halt_ask(struct halt *self, int64_t deadline_ns)
{
    atomic_store(&self->stop_ns, deadline_ns);
}

void halt_fail(struct halt *self, const struct err *err)
{
    pthread_mutex_lock(&self->lock);
    if (!atomic_load(&self->failed)) {
        self->failure = *err;
        atomic_store(&self->failed, true);
        log_err(self->log, LOG_ERROR, self->component, "stopping after an error", err);
    }
    pthread_mutex_unlock(&self->lock);
}

bool halt_failed(const struct halt *self)
{
    return atomic_load(&self->failed);
}

bool halt_asked(const struct halt *self)
{
    return atomic_load(&self->stop_ns) || halt_failed(self);
}

bool halt_due(const struct halt *self)
{
    int64_t stop_ns = atomic_load(&self->stop_ns);
    return halt_failed(self) || (stop_ns && clock_mono_ns() >= stop_ns);
}

enum status halt_result(struct halt *self, struct err *err)
{
    if (!halt_failed(self)) return OK;
    pthread_mutex_lock(&self->lock);
    if (err) *err = self->failure;
    pthread_mutex_unlock(&self->lock);
    return FATAL;
}

// One trouble may hide behind another, such as a wrong password behind a server that is restarting.
static bool is_new(struct backoff *backoff, const struct err *err)
{
    const uint32_t room = sizeof backoff->said / sizeof *backoff->said;
    uint64_t hash = text_hash(err->text, strlen(err->text));
    for (uint32_t i = 0; i < room && i < backoff->said_count; i++)
        if (backoff->said[i] == hash) return false;
    backoff->said[backoff->said_count++ % room] = hash;
    return true;
}

bool halt_back_off(const struct halt *self, struct backoff *backoff, const char *what, const struct err *err)
{
    if (is_new(backoff, err)) log_err(self->log, LOG_WARN, self->component, what, err);
    backoff->ms = backoff->ms ? 2 * backoff->ms : BACKOFF_MIN_MS;
    if (backoff->ms > BACKOFF_MAX_MS) backoff->ms = BACKOFF_MAX_MS;
    // In small steps, so that a stop is noticed.
    for (int64_t end_ns = clock_deadline_ms(backoff->ms); clock_mono_ns() < end_ns && !halt_due(self);)
        clock_sleep_until(clock_deadline_ms(BACKOFF_MIN_MS));
    return !halt_due(self);
}

void halt_back_on(const struct halt *self, struct backoff *backoff, const char *what)
{
    if (backoff->said_count) log_info(self->log, self->component, what);
    *backoff = (struct backoff){0};
}
