// SPDX-License-Identifier: Apache-2.0
// The instruments of the built-in market.
#include "simulator/instruments.h"

#include <stdio.h>

static const struct instrument_profile stocks[] = {
    {"AAPL", ASSET_EQUITY, "NMS", 307.2, 0.27, 55e6, 0},   {"MSFT", ASSET_EQUITY, "NMS", 478.5, 0.24, 22e6, 0},
    {"NVDA", ASSET_EQUITY, "NMS", 184.3, 0.45, 180e6, 0},  {"AMZN", ASSET_EQUITY, "NMS", 232.9, 0.31, 42e6, 0},
    {"GOOGL", ASSET_EQUITY, "NMS", 289.1, 0.29, 34e6, 0},  {"META", ASSET_EQUITY, "NMS", 641.7, 0.36, 15e6, 0},
    {"TSLA", ASSET_EQUITY, "NMS", 411.6, 0.58, 90e6, 0},   {"AVGO", ASSET_EQUITY, "NMS", 348.2, 0.48, 24e6, 0},
    {"BRK-B", ASSET_EQUITY, "NYQ", 503.4, 0.17, 4.5e6, 0}, {"JPM", ASSET_EQUITY, "NYQ", 309.8, 0.23, 9e6, 0},
    {"V", ASSET_EQUITY, "NYQ", 338.5, 0.2, 6e6, 0},        {"WMT", ASSET_EQUITY, "NMS", 103.2, 0.21, 17e6, 0},
    {"UNH", ASSET_EQUITY, "NYQ", 341.9, 0.34, 8e6, 0},     {"XOM", ASSET_EQUITY, "NYQ", 117.4, 0.24, 15e6, 0},
    {"JNJ", ASSET_EQUITY, "NYQ", 194.6, 0.17, 8e6, 0},     {"PG", ASSET_EQUITY, "NYQ", 148.1, 0.17, 8e6, 0},
    {"MA", ASSET_EQUITY, "NYQ", 551.3, 0.21, 3e6, 0},      {"HD", ASSET_EQUITY, "NYQ", 372.4, 0.23, 4e6, 0},
    {"KO", ASSET_EQUITY, "NYQ", 71.05, 0.15, 16e6, 0},     {"PEP", ASSET_EQUITY, "NMS", 146.3, 0.19, 7e6, 0},
    {"COST", ASSET_EQUITY, "NMS", 915.8, 0.22, 2e6, 0},    {"AMD", ASSET_EQUITY, "NMS", 239.6, 0.52, 50e6, 0},
    {"NFLX", ASSET_EQUITY, "NMS", 110.3, 0.34, 35e6, 0},   {"INTC", ASSET_EQUITY, "NMS", 38.12, 0.5, 95e6, 0},
    {"DIS", ASSET_EQUITY, "NYQ", 109.7, 0.27, 9e6, 0},     {"SPY", ASSET_ETF, "PCX", 675.2, 0.16, 70e6, 0},
    {"QQQ", ASSET_ETF, "NGM", 611.4, 0.21, 50e6, 0},       {"^GSPC", ASSET_INDEX, "SNP", 6734.1, 0.16, 5e9, 0},
    {"^DJI", ASSET_INDEX, "DJI", 47147.5, 0.15, 500e6, 0}, {"^IXIC", ASSET_INDEX, "NIM", 22900.6, 0.21, 8e9, 0},
};

static const struct instrument_profile currencies[] = {
    {"EURUSD=X", ASSET_CURRENCY, "CCY", 1.15327, 0.075, 0, 0}, {"GBPUSD=X", ASSET_CURRENCY, "CCY", 1.3104, 0.08, 0, 0},
    {"JPY=X", ASSET_CURRENCY, "CCY", 156.41, 0.1, 0, 0},       {"CHF=X", ASSET_CURRENCY, "CCY", 0.8062, 0.08, 0, 0},
    {"AUDUSD=X", ASSET_CURRENCY, "CCY", 0.6521, 0.1, 0, 0},    {"CAD=X", ASSET_CURRENCY, "CCY", 1.4043, 0.06, 0, 0},
    {"NZDUSD=X", ASSET_CURRENCY, "CCY", 0.5664, 0.1, 0, 0},    {"EURGBP=X", ASSET_CURRENCY, "CCY", 0.8801, 0.05, 0, 0},
    {"EURJPY=X", ASSET_CURRENCY, "CCY", 180.32, 0.1, 0, 0},    {"EURCHF=X", ASSET_CURRENCY, "CCY", 0.9297, 0.05, 0, 0},
};

static const struct instrument_profile coins[] = {
    {"BTC-USD", ASSET_CRYPTO, "CCC", 94745.08, 0.5, 60e9, 19951000}, {"ETH-USD", ASSET_CRYPTO, "CCC", 3121.4, 0.65, 28e9, 120.7e6},
    {"SOL-USD", ASSET_CRYPTO, "CCC", 141.2, 0.8, 6e9, 554e6},        {"XRP-USD", ASSET_CRYPTO, "CCC", 2.204, 0.8, 5e9, 60.2e9},
    {"ADA-USD", ASSET_CRYPTO, "CCC", 0.4712, 0.85, 1e9, 36.6e9},     {"DOGE-USD", ASSET_CRYPTO, "CCC", 0.1587, 0.95, 2e9, 151.9e9},
    {"BNB-USD", ASSET_CRYPTO, "CCC", 911.6, 0.55, 3e9, 137.7e6},     {"AVAX-USD", ASSET_CRYPTO, "CCC", 15.32, 0.9, 6e8, 427e6},
    {"LTC-USD", ASSET_CRYPTO, "CCC", 94.85, 0.7, 8e8, 76.6e6},       {"DOT-USD", ASSET_CRYPTO, "CCC", 2.811, 0.85, 3e8, 1.64e9},
};

#define COUNT(array) (uint32_t)(sizeof(array) / sizeof *(array))

// Three stocks, a currency, a coin; with 30, 10 and 10 of them all known ones are used up together.
enum { ROUND = 5, STOCKS_PER_ROUND = 3 };

static double spread(uint32_t n, double low, double high)
{
    return low + (high - low) * (double)(text_hash(&n, sizeof n) % 10000) / 10000;
}

static struct instrument_profile invented(enum asset asset, uint32_t n)
{
    struct instrument_profile profile = {.asset = asset};
    const char *suffix = asset == ASSET_CURRENCY ? "=X" : asset == ASSET_CRYPTO ? "-USD" : "";
    snprintf(profile.symbol, sizeof profile.symbol, "SIM%05u%s", n, suffix);
    profile.exchange = asset == ASSET_CURRENCY ? "CCY" : asset == ASSET_CRYPTO ? "CCC" : n % 2 ? "NMS" : "NYQ";
    profile.price = asset == ASSET_CURRENCY ? spread(n, 0.5, 2) : asset == ASSET_CRYPTO ? spread(n, 0.1, 900) : spread(n, 5, 500);
    profile.volatility = asset == ASSET_CURRENCY ? 0.09 : asset == ASSET_CRYPTO ? 0.8 : spread(n + 1, 0.15, 0.6);
    profile.volume = asset == ASSET_CRYPTO ? 5e8 : 5e6;
    profile.supply = 1e9;
    return profile;
}

struct instrument_profile instrument_profile(uint32_t n)
{
    uint32_t round = n / ROUND, place = n % ROUND;
    if (place < STOCKS_PER_ROUND) {
        uint32_t stock = round * STOCKS_PER_ROUND + place;
        return stock < COUNT(stocks) ? stocks[stock] : invented(ASSET_EQUITY, n);
    }
    if (place == STOCKS_PER_ROUND) return round < COUNT(currencies) ? currencies[round] : invented(ASSET_CURRENCY, n);
    return round < COUNT(coins) ? coins[round] : invented(ASSET_CRYPTO, n);
}

_Static_assert(COUNT(stocks) + COUNT(currencies) + COUNT(coins) == INSTRUMENTS_KNOWN, "all known instruments are counted");

int32_t instrument_quote_type(enum asset asset)
{
    switch (asset) {
    case ASSET_EQUITY: return 8;
    case ASSET_ETF: return 20;
    case ASSET_INDEX: return 9;
    case ASSET_CURRENCY: return 14;
    case ASSET_CRYPTO: return 41;
    }
    return 0;
}

int instrument_decimals(enum asset asset, double price)
{
    if (asset == ASSET_CURRENCY) return price < 20 ? 5 : 3;
    return asset == ASSET_CRYPTO && price < 10 ? 6 : 2;
}

int64_t instrument_price_hint(enum asset asset, double price)
{
    if (asset == ASSET_CURRENCY) return 4;
    return asset == ASSET_CRYPTO && price < 1 ? 4 : 2;
}

static bool ends_with(struct slice text, const char *end)
{
    size_t size = strlen(end);
    return text.size > size && !memcmp(text.data + text.size - size, end, size);
}

struct instrument_profile instrument_guess(struct slice symbol)
{
    for (uint32_t n = 0; n < INSTRUMENTS_KNOWN; n++) {
        struct instrument_profile known = instrument_profile(n);
        if (slice_is(symbol, known.symbol)) return known;
    }
    struct instrument_profile guess = {.asset = ASSET_EQUITY, .exchange = "NMS"};
    if (ends_with(symbol, "=X")) guess = (struct instrument_profile){.asset = ASSET_CURRENCY, .exchange = "CCY"};
    if (ends_with(symbol, "-USD")) guess = (struct instrument_profile){.asset = ASSET_CRYPTO, .exchange = "CCC"};
    if (symbol.size && symbol.data[0] == '^') guess = (struct instrument_profile){.asset = ASSET_INDEX, .exchange = "SNP"};
    return guess;
}
