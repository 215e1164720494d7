// SPDX-License-Identifier: Apache-2.0
// Capped exponential back-off with jitter.
#include "ingestion/backoff.h"

enum { DOUBLINGS_MAX = 30 };

void backoff_init(struct backoff *backoff, int64_t min_ms, int64_t max_ms, uint64_t seed)
{
    *backoff = (struct backoff){.min_ms = min_ms, .max_ms = max_ms < min_ms ? min_ms : max_ms, .random = seed};
}

int64_t backoff_next_ms(struct backoff *backoff)
{
    int64_t wait = backoff->min_ms;
    for (unsigned i = 0; i < backoff->failures && wait < backoff->max_ms; i++) wait *= 2;
    if (wait > backoff->max_ms) wait = backoff->max_ms;
    if (backoff->failures < DOUBLINGS_MAX) backoff->failures++;
    backoff->random = backoff->random * 6364136223846793005u + 1442695040888963407u;
    return wait - (int64_t)((backoff->random >> 33) % (uint64_t)(wait / 2 + 1));
}

void backoff_reset(struct backoff *backoff)
{
    backoff->failures = 0;
}
