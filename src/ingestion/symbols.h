// SPDX-License-Identifier: Apache-2.0
// What ingestion remembers of each symbol: the identity of its last quote, so that a repeated one is dropped; and for the metrics its
// freshness and the state of its market.
//
// Bounded: symbols beyond SYMBOLS_MAX are not remembered, so their repeats pass. One thread.
#ifndef FDP_INGESTION_SYMBOLS_H
#define FDP_INGESTION_SYMBOLS_H

#include <stdbool.h>

#include "base/metric.h"
#include "base/text.h"

enum { SYMBOLS_MAX = 1 << 18 };

struct symbols;

// `gauges` symbols get gauges of their own, all others share theirs.
struct symbols *symbols_new(struct metric_registry *metrics, uint32_t gauges);
void symbols_free(struct symbols *symbols);

struct symbols_quote {
    struct slice symbol;
    struct slice event_id; // 16 characters
    int64_t time_us;       // as the feed gave it; INT64_MIN: it gave none
    int64_t market_state;  // the field market_hours; -1: absent
};

// Notes a quote; true when its identity equals that of the symbol's last one.
bool symbols_repeated(struct symbols *symbols, const struct symbols_quote *quote);

#endif
