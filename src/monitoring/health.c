// SPDX-License-Identifier: Apache-2.0
// Liveness and readiness.
#include "monitoring/health.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { MAX_PARTS = 8, BEAT_LIMIT_S = 10 };

struct part {
    const char *name;
    health_check_fn *check;
    const void *part;
};

struct health {
    pthread_mutex_t mutex; // guards parts, started and stopping, and is held while parts are asked
    struct part parts[MAX_PARTS];
    int part_count;
    bool started, stopping;
    _Atomic int64_t beat_ns;
};

struct health *health_new(void)
{
    struct health *health = calloc(1, sizeof *health);
    if (!health) abort();
    pthread_mutex_init(&health->mutex, NULL);
    health_beat(health);
    return health;
}

void health_free(struct health *health)
{
    if (!health) return;
    pthread_mutex_destroy(&health->mutex);
    free(health);
}

void health_add(struct health *health, const char *name, health_check_fn *check, const void *part)
{
    pthread_mutex_lock(&health->mutex);
    if (health->part_count == MAX_PARTS) abort();
    health->parts[health->part_count++] = (struct part){name, check, part};
    pthread_mutex_unlock(&health->mutex);
}

void health_beat(struct health *health)
{
    atomic_store(&health->beat_ns, clock_mono_ns());
}

void health_started(struct health *health)
{
    pthread_mutex_lock(&health->mutex);
    health->started = true;
    pthread_mutex_unlock(&health->mutex);
}

void health_stopping(struct health *health)
{
    pthread_mutex_lock(&health->mutex);
    health->stopping = true;
    pthread_mutex_unlock(&health->mutex);
}

bool health_alive(struct health *health)
{
    return clock_mono_ns() - atomic_load(&health->beat_ns) < BEAT_LIMIT_S * SECOND_NS;
}

// A line per reason.
static void tell(struct buf *out, const char *name, const char *why)
{
    do {
        size_t length = strcspn(why, "\n");
        buf_printf(out, "%s: %.*s\n", name, (int)length, why);
        why += length + (why[length] == '\n');
    } while (*why);
}

bool health_ready(struct health *health, struct buf *out)
{
    pthread_mutex_lock(&health->mutex);
    bool ready = health->started && !health->stopping;
    if (!ready) buf_append_text(out, health->stopping ? "stopping\n" : "starting\n");
    for (int i = 0; i < health->part_count && !health->stopping; i++) {
        const char *why = "";
        bool part_ready = health->parts[i].check(health->parts[i].part, &why);
        tell(out, health->parts[i].name, part_ready ? "ready" : why);
        ready = ready && part_ready;
    }
    pthread_mutex_unlock(&health->mutex);
    return ready;
}
