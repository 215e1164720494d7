// SPDX-License-Identifier: Apache-2.0
// Capped exponential back-off with jitter.
#include "ingestion/reconnect.h"

enum { DOUBLINGS_MAX = 30 };

void reconnect_init(struct reconnect *reconnect, int64_t min_ms, int64_t max_ms, uint64_t seed)
{
    *reconnect = (struct reconnect){.min_ms = min_ms, .max_ms = max_ms < min_ms ? min_ms : max_ms, .random = seed};
}

int64_t reconnect_next_ms(struct reconnect *reconnect)
{
    int64_t wait = reconnect->min_ms;
    for (unsigned i = 0; i < reconnect->failures && wait < reconnect->max_ms; i++) wait *= 2;
    if (wait > reconnect->max_ms) wait = reconnect->max_ms;
    if (reconnect->failures < DOUBLINGS_MAX) reconnect->failures++;
    reconnect->random = reconnect->random * 6364136223846793005u + 1442695040888963407u;
    return wait - (int64_t)((reconnect->random >> 33) % (uint64_t)(wait / 2 + 1));
}

void reconnect_reset(struct reconnect *reconnect)
{
    reconnect->failures = 0;
}
