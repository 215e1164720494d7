// SPDX-License-Identifier: Apache-2.0
// Symbol memory.
#include "ingestion/symbols.h"

#include <stdlib.h>

#include "base/map.h"

enum { EVENT_ID_BYTES = 16 };

struct symbol {
    char event_id[EVENT_ID_BYTES];
    int64_t newest_us;
    struct metric *newest, *market; // market: NULL while its state is not known
};

struct symbols {
    struct map names;
    struct symbol *symbols; // by number in names
    uint32_t capacity;
    struct metric_registry *metrics;
    uint32_t gauges;
};

struct symbols *symbols_new(struct metric_registry *metrics, uint32_t gauges)
{
    struct symbols *self = calloc(1, sizeof *self);
    if (!self) abort();
    map_init(&self->names, SYMBOLS_MAX);
    self->metrics = metrics;
    self->gauges = gauges;
    return self;
}

void symbols_free(struct symbols *self)
{
    if (!self) return;
    free(self->symbols);
    map_fini(&self->names);
    free(self);
}

static struct symbol *find_or_add(struct symbols *self, struct slice name)
{
    uint32_t known = self->names.count, number = map_add(&self->names, name);
    if (number == MAP_NONE) return NULL;
    if (number == self->capacity) {
        self->capacity = self->capacity ? 2 * self->capacity : 128;
        self->symbols = realloc(self->symbols, self->capacity * sizeof *self->symbols);
        if (!self->symbols) abort();
    }
    struct symbol *symbol = &self->symbols[number];
    if (number < known) return symbol;
    *symbol = (struct symbol){.newest_us = INT64_MIN};
    symbol->newest =
        metric_gauge_of_key(self->metrics, "fdp_symbol_newest_tick_timestamp_seconds", "symbol", self->names.names[number].data,
                            "Time of the newest quote of a symbol, as the feed gave it", self->gauges);
    return symbol;
}

// An old snapshot after a reconnect must not make the symbol look older than it is.
static void show(struct symbols *self, struct symbol *symbol, const struct symbols_quote *quote)
{
    if (quote->time_us <= symbol->newest_us) return;
    symbol->newest_us = quote->time_us;
    metric_set(symbol->newest, (double)quote->time_us / 1e6);
    if (quote->market_state < 0) return;
    if (!symbol->market)
        symbol->market = metric_gauge_of_key(
            self->metrics, "fdp_symbol_market_state", "symbol", self->names.names[symbol - self->symbols].data,
            "Market of a symbol when it was quoted last: 0 pre-market, 1 regular, 2 post-market, 3 extended, 4 overnight", self->gauges);
    metric_set(symbol->market, (double)quote->market_state);
}

bool symbols_repeated(struct symbols *self, const struct symbols_quote *quote)
{
    struct symbol *symbol = find_or_add(self, quote->symbol);
    if (!symbol) return false;
    show(self, symbol, quote);
    if (quote->event_id.size != EVENT_ID_BYTES) return false;
    if (!memcmp(symbol->event_id, quote->event_id.data, EVENT_ID_BYTES)) return true;
    memcpy(symbol->event_id, quote->event_id.data, EVENT_ID_BYTES);
    return false;
}
