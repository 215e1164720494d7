// SPDX-License-Identifier: Apache-2.0
// The invented market: a seeded random walk per instrument, and quotes of it with the fields that Yahoo's have.
//
// The walk of an instrument depends only on the seed, its number and how many ticks it has had: the same seed gives the same prices. Times
// and sessions come from the caller. One thread.
#ifndef FDP_SIMULATOR_MARKET_H
#define FDP_SIMULATOR_MARKET_H

#include "simulator/frame.h"
#include "simulator/instruments.h"
#include "simulator/session.h"

struct instrument {
    struct instrument_profile profile;
    uint64_t random;
    double price; // the walk itself; what is quoted is rounded
    float last, change, change_percent, open, high, low;
    float reference; // what `change` is measured from: the close before, or of a coin the price 24 hours ago
    int64_t time_ms, volume, last_size;
    bool new_high, new_low, sized; // of the last tick
};

struct market {
    struct instrument *instruments;
    const char **symbols;
    uint32_t count;
    double step_seconds; // time that a tick stands for in the walk
};

// `rate` (ticks per second of the whole market) only sets how far one tick moves a price. `now_ms` is when the last quotes were, about.
void market_init(struct market *market, uint64_t seed, uint32_t count, int64_t rate, int64_t now_ms);
void market_fini(struct market *market);

// The next tick of an instrument. Its time is now, in whole seconds or in milliseconds, but always after its last one.
void market_tick(struct market *market, uint32_t instrument, int64_t now_ms, bool whole_seconds);

// The last quote of an instrument.
void market_frame(const struct market *market, uint32_t instrument, enum session session, struct frame *frame);

#endif
