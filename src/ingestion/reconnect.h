// SPDX-License-Identifier: Apache-2.0
// Waits between attempts: doubled after each failure up to a maximum, with a random part, so that many clients do not return together.
#ifndef FDP_INGESTION_RECONNECT_H
#define FDP_INGESTION_RECONNECT_H

#include <stdint.h>

struct reconnect {
    int64_t min_ms, max_ms;
    uint64_t random;
    unsigned failures;
};

void reconnect_init(struct reconnect *reconnect, int64_t min_ms, int64_t max_ms, uint64_t seed);
// How long to wait after one more failure: between half of the doubled wait and all of it.
int64_t reconnect_next_ms(struct reconnect *reconnect);
// It worked: the next failure begins at the minimum again.
void reconnect_reset(struct reconnect *reconnect);

#endif
