// SPDX-License-Identifier: Apache-2.0
// Counting what waits in the quarantine.
#include "processing/waiting.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"
#include "storage/sink.h"

enum {
    INTERVAL_MS = 15000,
    SHARE = 100,        // of the time: what has been settled stays in the table, so that counting may take a while
    PATIENCE_MS = 5000, // with a store that does not answer
};

static bool take_count(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    *(double *)context = (double)cells[0].integer;
    return true;
}

// NAN when the store does not tell. The connection is kept in `sink`.
static double look(const struct waiting *self, struct sink **sink)
{
    struct err ignored;                                                  // that the store is away is for the workers to say
    struct sink_params params = {&self->config, self->log, NULL, false}; // whose queries the server ends when they take too long
    double found = NAN;
    if (!*sink && sink_open(sink, &params, &ignored) != OK) return NAN;
    enum status status =
        (*sink)->ops->query(*sink, "SELECT COUNT(*) FROM fdp_quarantine WHERE state = 'waiting'", take_count, &found, &ignored);
    return status == OK ? found : NAN;
}

// False when it is to stop.
static bool pause_until(struct waiting *self, int64_t deadline_ns)
{
    pthread_mutex_lock(&self->lock);
    while (!self->stop && wait_condition(&self->stopped, &self->lock, deadline_ns)) continue;
    bool stop = self->stop;
    pthread_mutex_unlock(&self->lock);
    return !stop;
}

static void *waiting_main(void *context)
{
    struct waiting *self = context;
    struct sink *sink = NULL;
    int64_t wait_ms;
    pthread_setname_np(pthread_self(), "fdp-waiting");
    do {
        int64_t began_ns = clock_mono_ns();
        double found = look(self, &sink);
        metric_set(self->gauge, found);
        int64_t took_ms = isnan(found) ? 0 : (clock_mono_ns() - began_ns) / MS_NS;
        wait_ms = took_ms * SHARE > INTERVAL_MS ? took_ms * SHARE : INTERVAL_MS;
    } while (pause_until(self, clock_deadline_ms(wait_ms)));
    sink_close(sink);
    return NULL;
}

void waiting_start(struct waiting *self, const struct config *config, struct metric_registry *metrics, const struct log *log)
{
    *self = (struct waiting){.config = *config, .log = log, .running = true};
    self->config.storage.statement_timeout_ms = self->config.storage.connect_timeout_ms = PATIENCE_MS;
    self->gauge = metric_gauge(metrics, "fdp_quarantine_waiting_records", NULL, "Records in the quarantine that nobody has settled yet");
    metric_set(self->gauge, NAN);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->stopped, NULL);
    if (pthread_create(&self->thread, NULL, waiting_main, self)) abort();
}

void waiting_stop(struct waiting *self)
{
    if (!self->running) return;
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->stopped);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->stopped);
    pthread_mutex_destroy(&self->lock);
    metric_set(self->gauge, NAN);
    self->running = false;
}
