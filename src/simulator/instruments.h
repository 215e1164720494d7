// SPDX-License-Identifier: Apache-2.0
// What the built-in market trades: well-known names first, then invented ones, as many as are asked for.
#ifndef FDP_SIMULATOR_INSTRUMENTS_H
#define FDP_SIMULATOR_INSTRUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

// Which fields a frame has depends on it.
enum asset { ASSET_EQUITY, ASSET_ETF, ASSET_INDEX, ASSET_CURRENCY, ASSET_CRYPTO };

enum { INSTRUMENTS_KNOWN = 50, INSTRUMENT_SYMBOL_BYTES = 24 };

struct instrument_profile {
    char symbol[INSTRUMENT_SYMBOL_BYTES];
    enum asset asset;
    const char *exchange;
    double price;      // around which it moves
    double volatility; // of a year
    double volume;     // of a day
    double supply;     // of a coin
};

// The n-th instrument, from 0. Classes are mixed three stocks, one currency, one crypto, so that any few hold all of them; the first
// INSTRUMENTS_KNOWN are well known.
struct instrument_profile instrument_profile(uint32_t n);

// The value of the field quote_type, the decimals prices are quoted with, and the field price_hint.
int32_t instrument_quote_type(enum asset asset);
int instrument_decimals(enum asset asset, double price);
int64_t instrument_price_hint(enum asset asset, double price);

// The class and the exchange that a symbol's spelling suggests: "EURUSD=X", "BTC-USD", "^GSPC"; known ones by name.
struct instrument_profile instrument_guess(struct slice symbol);

#endif
