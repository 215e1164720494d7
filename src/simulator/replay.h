// SPDX-License-Identifier: Apache-2.0
// Recorded quotes from a CSV file, one row at a time.
//
// The first line names the columns: time, id and price, and any other field of quote.proto (change, quote_type, day_volume, ...).
// time is an integer of seconds, milliseconds or microseconds since 1970, or ISO 8601; it never goes back. An empty cell is an absent
// field. Cells may be quoted as in RFC 4180, but end with their line. Where there is no column quote_type or exchange, the symbol's
// spelling tells. The whole file is checked when it is opened, so that a wrong line is known before anything is played.
#ifndef FDP_SIMULATOR_REPLAY_H
#define FDP_SIMULATOR_REPLAY_H

#include "base/err.h"
#include "base/map.h"

struct Fdp__PricingData;
struct replay;

struct replay_row {
    int64_t time_ms;
    uint32_t symbol;                      // its number in replay_symbols
    const struct Fdp__PricingData *quote; // valid until the next call
};

// FATAL / ERR_FEED names the file, the line and the column that are wrong.
enum status replay_open(struct replay **out, const char *path, struct err *err) MUST_CHECK;
void replay_close(struct replay *replay);
const struct map *replay_symbols(const struct replay *replay);
// OK with the next row; AGAIN at the end; FATAL when the file has changed for the worse.
enum status replay_next(struct replay *replay, struct replay_row *row, struct err *err) MUST_CHECK;

#endif
