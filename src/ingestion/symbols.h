// SPDX-License-Identifier: Apache-2.0
// What ingestion remembers of each symbol: the identity of its last quote, so that a repeated one is dropped, and its freshness.
//
// Bounded: symbols beyond SYMBOLS_MAX are not remembered, so their repeats pass. One thread.
#ifndef FDP_INGESTION_SYMBOLS_H
#define FDP_INGESTION_SYMBOLS_H

#include <stdbool.h>

#include "base/metric.h"
#include "base/text.h"

enum { SYMBOLS_MAX = 1 << 18 };

struct symbols;

// `gauges` symbols get a freshness gauge of their own, all others share one.
struct symbols *symbols_new(struct metric_registry *metrics, uint32_t gauges);
void symbols_free(struct symbols *symbols);

// Notes a quote (event_id: 16 characters) with the time the feed gave it; true when its identity equals that of the symbol's last one.
bool symbols_repeated(struct symbols *symbols, struct slice symbol, struct slice event_id, int64_t time_us);

#endif
