// SPDX-License-Identifier: Apache-2.0
// Random walks and their quotes.
#include "simulator/market.h"

#include <math.h>
#include <stdlib.h>

#include "quote.pb-c.h"

static const double exchange_year_seconds = 252 * 6.5 * 3600, calendar_year_seconds = 365 * 86400.0;
static const double pull = 2e-5; // back to where it began, per step: a long run stays plausible

// splitmix64
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

// About normal, mean 0, deviation 1: a sum of four uniform numbers. Now and then a wider one, as markets have it.
static double next_normal(uint64_t *state)
{
    uint64_t bits = next_random(state);
    double sum = (double)(bits & 0xffff) + (double)(bits >> 16 & 0xffff) + (double)(bits >> 32 & 0xffff) + (double)(bits >> 48 & 0xffff);
    double normal = (sum - 4 * 32767.5) / (65536 / sqrt(3));
    return bits % 200 == 0 ? 3 * normal : normal;
}

static float rounded(const struct instrument *instrument, double price)
{
    static const double scales[] = {1, 10, 100, 1000, 1e4, 1e5, 1e6};
    double scale = scales[instrument_decimals(instrument->profile.asset, instrument->profile.price)];
    double units = nearbyint(price * scale);
    return (float)((units < 1 ? 1 : units) / scale);
}

// Every operation rounds to float, as on the wire.
static void set_change(struct instrument *instrument)
{
    instrument->change = instrument->last - instrument->reference;
    float before = instrument->last - instrument->change;
    instrument->change_percent = before != 0 ? 100 * instrument->change / before : 0;
}

static double deviation(const struct instrument *instrument, double seconds)
{
    bool exchange = instrument->profile.asset <= ASSET_INDEX;
    return instrument->profile.volatility * sqrt(seconds / (exchange ? exchange_year_seconds : calendar_year_seconds));
}

static void instrument_init(struct instrument *instrument, uint64_t seed, uint32_t n, int64_t now_ms)
{
    *instrument = (struct instrument){.profile = instrument_profile(n), .random = seed};
    instrument->random = next_random(&instrument->random) + n;
    struct instrument_profile *profile = &instrument->profile;
    instrument->reference = rounded(instrument, profile->price);
    instrument->open = rounded(instrument, profile->price * (1 + deviation(instrument, 3600) * next_normal(&instrument->random)));
    instrument->price = (double)instrument->open * (1 + deviation(instrument, 3600) * next_normal(&instrument->random));
    instrument->last = rounded(instrument, instrument->price);
    instrument->high = fmaxf(instrument->open, instrument->last);
    instrument->low = fminf(instrument->open, instrument->last);
    instrument->volume = (int64_t)(profile->volume * 0.3);
    instrument->time_ms = now_ms / 1000 * 1000 - 1000 * (1 + (int64_t)(next_random(&instrument->random) % 60));
    set_change(instrument);
}

void market_init(struct market *market, uint64_t seed, uint32_t count, int64_t rate, int64_t now_ms)
{
    *market = (struct market){.count = count};
    market->instruments = calloc(count, sizeof *market->instruments);
    market->symbols = calloc(count, sizeof *market->symbols);
    if (!market->instruments || !market->symbols) abort();
    market->step_seconds = fmin((double)count / (double)rate, 60);
    for (uint32_t i = 0; i < count; i++) {
        instrument_init(&market->instruments[i], seed, i, now_ms);
        market->symbols[i] = market->instruments[i].profile.symbol;
    }
}

void market_fini(struct market *market)
{
    free(market->instruments);
    free(market->symbols);
}

static void trade(struct instrument *instrument)
{
    uint64_t bits = next_random(&instrument->random);
    instrument->sized = bits % 4 != 0;
    instrument->last_size = 1 + (int64_t)(bits >> 8 & 0xff) * (bits >> 16 & 1 ? 1 : 4);
    if (instrument->profile.asset == ASSET_CRYPTO) // of the last 24 hours, so that it also falls
        instrument->volume += (int64_t)(instrument->profile.volume * 1e-5 * ((double)(bits >> 32 & 0xff) - 127.5));
    else
        instrument->volume += instrument->profile.asset == ASSET_INDEX ? 1000 * instrument->last_size : instrument->last_size;
}

static int64_t next_time(int64_t last_ms, int64_t now_ms, bool whole_seconds)
{
    int64_t time_ms = whole_seconds ? now_ms / 1000 * 1000 : now_ms;
    if (time_ms > last_ms) return time_ms;
    return whole_seconds ? last_ms / 1000 * 1000 + 1000 : last_ms + 1;
}

void market_tick(struct market *market, uint32_t n, int64_t now_ms, bool whole_seconds)
{
    struct instrument *instrument = &market->instruments[n];
    double step = deviation(instrument, market->step_seconds);
    instrument->price *= 1 + step * next_normal(&instrument->random);
    instrument->price += pull * (instrument->profile.price - instrument->price);
    instrument->last = rounded(instrument, instrument->price);
    instrument->new_high = instrument->last > instrument->high;
    instrument->new_low = instrument->last < instrument->low;
    if (instrument->new_high) instrument->high = instrument->last;
    if (instrument->new_low) instrument->low = instrument->last;
    instrument->time_ms = next_time(instrument->time_ms, now_ms, whole_seconds);
    set_change(instrument);
    trade(instrument);
}

static ProtobufCBinaryData bytes_of(const char *text)
{
    // The encoder only reads.
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

#define SET(quote, field, value) ((quote)->has_##field = 1, (quote)->field = (value))

static void add_exchange_fields(Fdp__PricingData *quote, const struct instrument *instrument)
{
    SET(quote, day_volume, instrument->volume);
    if (instrument->new_high) SET(quote, day_high, instrument->high);
    if (instrument->new_low) SET(quote, day_low, instrument->low);
    if (instrument->sized && instrument->profile.asset != ASSET_INDEX) SET(quote, last_size, instrument->last_size);
}

static void add_crypto_fields(Fdp__PricingData *quote, const struct instrument *instrument, char from[INSTRUMENT_SYMBOL_BYTES])
{
    int64_t volume = (int64_t)(float)instrument->volume; // a float somewhere on its way
    const char *symbol = instrument->profile.symbol;
    size_t length = strcspn(symbol, "-");
    memcpy(from, symbol, length);
    SET(quote, currency, bytes_of("USD"));
    SET(quote, day_volume, volume);
    SET(quote, day_high, instrument->high);
    SET(quote, day_low, instrument->low);
    SET(quote, open_price, instrument->open);
    SET(quote, last_size, volume);
    SET(quote, vol_24hr, volume);
    SET(quote, vol_all_currencies, volume);
    SET(quote, from_currency, ((ProtobufCBinaryData){length, (uint8_t *)from}));
    SET(quote, circulating_supply, instrument->profile.supply);
    SET(quote, market_cap, (double)(float)(instrument->profile.supply * (double)instrument->last));
}

void market_frame(const struct market *market, uint32_t n, enum session session, struct frame *frame)
{
    const struct instrument *instrument = &market->instruments[n];
    const struct instrument_profile *profile = &instrument->profile;
    bool exchange = profile->asset <= ASSET_INDEX;
    char from[INSTRUMENT_SYMBOL_BYTES];
    Fdp__PricingData quote = FDP__PRICING_DATA__INIT;
    SET(&quote, id, bytes_of(profile->symbol));
    SET(&quote, price, instrument->last);
    SET(&quote, time, instrument->time_ms);
    SET(&quote, exchange, bytes_of(profile->exchange));
    SET(&quote, quote_type, instrument_quote_type(profile->asset));
    SET(&quote, market_hours, exchange ? (int32_t)session : SESSION_REGULAR);
    SET(&quote, change_percent, instrument->change_percent);
    SET(&quote, change, instrument->change);
    SET(&quote, price_hint, instrument_price_hint(profile->asset, profile->price));
    if (exchange && session == SESSION_REGULAR) add_exchange_fields(&quote, instrument);
    if (profile->asset == ASSET_CRYPTO) add_crypto_fields(&quote, instrument, from);
    if (profile->asset == ASSET_CURRENCY) {
        SET(&quote, full_day_change, instrument->change);
        SET(&quote, full_day_change_percent, instrument->change_percent);
    }
    if (!frame_encode(frame, &quote)) abort(); // every field here is short
}
