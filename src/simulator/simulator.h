// SPDX-License-Identifier: Apache-2.0
// A market with a real socket: Yahoo's streaming protocol over a believable, seeded random walk, or a replay of recorded prices.
//
// It shares the message definitions (model/quote.proto) with ingestion and nothing else: it is the other end.
#ifndef FDP_SIMULATOR_SIMULATOR_H
#define FDP_SIMULATOR_SIMULATOR_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/config.h"

struct simulator;

// Starts listening and ticking on a thread of its own. FATAL / ERR_FEED when it cannot listen or the replay file is wrong.
enum status simulator_start(struct simulator **out, const struct config *config, const struct log *log, struct metric_registry *metrics,
                            struct err *err) MUST_CHECK;
// What simulator_start would say of simulator.replay: the file is read to its end, nothing is started. OK when there is none.
enum status simulator_check_replay(const struct config *config, struct err *err) MUST_CHECK;
// "ws://127.0.0.1:8082/?version=2", with the port that was really bound.
const char *simulator_url(const struct simulator *simulator);
// Whether the market takes clients and makes ticks; `why` says why not. Any thread.
bool simulator_ready(const struct simulator *simulator, const char **why);
void simulator_stop(struct simulator *simulator);

// The symbols that the configured market trades, in order; they belong to the simulator.
uint32_t simulator_symbols(const struct simulator *simulator, const char *const **symbols);

#endif
