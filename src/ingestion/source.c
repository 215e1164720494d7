// SPDX-License-Identifier: Apache-2.0
// Choosing the feed and its symbols.
#include "ingestion/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "model/quote.h"

enum { MAX_SUBSCRIBED = 100000 };

// What a newcomer subscribes to at Yahoo: the same kinds as the built-in market trades.
static const char *const well_known[] = {
    "AAPL",     "MSFT",     "NVDA",    "AMZN",    "GOOGL",    "META",     "TSLA",     "AVGO",     "BRK-B",    "JPM",
    "V",        "WMT",      "UNH",     "XOM",     "JNJ",      "PG",       "MA",       "HD",       "KO",       "PEP",
    "COST",     "AMD",      "NFLX",    "INTC",    "DIS",      "SPY",      "QQQ",      "^GSPC",    "^DJI",     "^IXIC",
    "EURUSD=X", "GBPUSD=X", "JPY=X",   "CHF=X",   "AUDUSD=X", "CAD=X",    "NZDUSD=X", "EURGBP=X", "EURJPY=X", "EURCHF=X",
    "BTC-USD",  "ETH-USD",  "SOL-USD", "XRP-USD", "ADA-USD",  "DOGE-USD", "BNB-USD",  "AVAX-USD", "LTC-USD",  "DOT-USD",
};

static enum status add_symbol(struct map *symbols, struct slice symbol, const char *where, struct err *err)
{
    bool plain = symbol.size <= QUOTE_ID_MAX_BYTES;
    for (size_t i = 0; i < symbol.size && plain; i++) plain = symbol.data[i] > ' ' && symbol.data[i] < 127;
    if (!plain)
        return err_set(err, FATAL, ERR_CONFIG,
                       "%s: \"%.*s\" is no symbol: at most %d printable characters without spaces, such as AAPL or BTC-USD", where,
                       symbol.size > 80 ? 80 : (int)symbol.size, symbol.data, QUOTE_ID_MAX_BYTES);
    if (map_add(symbols, symbol) == MAP_NONE) return err_set(err, FATAL, ERR_CONFIG, "%s: more than %d symbols", where, MAX_SUBSCRIBED);
    return OK;
}

static enum status read_symbols_file(struct map *symbols, const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file) return err_set(err, FATAL, ERR_CONFIG, "cannot read ingestion.symbols-file %s: %s", path, strerror(errno));
    char *line = NULL;
    size_t capacity = 0;
    enum status status = OK;
    for (int number = 1; status == OK && getline(&line, &capacity, file) >= 0; number++) {
        char where[512];
        snprintf(where, sizeof where, "%.400s:%d", path, number);
        line[strcspn(line, "#\r\n")] = '\0';
        size_t from = strspn(line, " \t"), to = strlen(line);
        while (to > from && (line[to - 1] == ' ' || line[to - 1] == '\t')) to--;
        if (to > from) status = add_symbol(symbols, (struct slice){line + from, to - from}, where, err);
    }
    free(line);
    fclose(file);
    return status;
}

static enum status find_feed(struct source *self, const struct config *config, const char *market_url, struct err *err)
{
    const char *source = config->ingestion.source;
    self->ops = &feed_yahoo_stream;
    self->url = source;
    self->source_api = "yahoo-stream";
    if (!strcmp(source, "simulator:")) {
        if (!market_url)
            return err_set(err, FATAL, ERR_CONFIG,
                           "ingestion.source is \"simulator:\", which only `fdp up` has in its process; name a running one, "
                           "such as ws://127.0.0.1:8082/?version=2");
        self->url = market_url;
        self->source_api = "simulator";
        return OK;
    }
    if (!strcmp(source, "yahoo:") || !strncmp(source, "ws://", 5) || !strncmp(source, "wss://", 6)) return OK;
    char shown[TEXT_URL_BYTES];
    return err_set(err, FATAL, ERR_CONFIG,
                   "ingestion.source is \"%s\": this program knows simulator:, yahoo:, ws://HOST/PATH and wss://HOST/PATH",
                   text_url_shown(source, shown, sizeof shown));
}

static enum status find_symbols(struct source *self, const struct config *config, const char *const *market_symbols,
                                uint32_t market_symbol_count, struct err *err)
{
    struct map symbols;
    map_init(&symbols, MAX_SUBSCRIBED);
    enum status status = OK;
    for (uint32_t i = 0; i < config->ingestion.symbols.count && status == OK; i++)
        status = add_symbol(&symbols, slice_of(config->ingestion.symbols.items[i]), "ingestion.symbols", err);
    if (status == OK && *config->ingestion.symbols_file) status = read_symbols_file(&symbols, config->ingestion.symbols_file, err);
    if (status == OK && symbols.count) {
        const char **names = arena_calloc(&self->arena, symbols.count, sizeof *names);
        for (uint32_t i = 0; i < symbols.count; i++) names[i] = arena_copy(&self->arena, symbols.names[i].data, symbols.names[i].size);
        self->symbols = names;
        self->symbol_count = symbols.count;
    } else if (market_symbols) {
        self->symbols = market_symbols;
        self->symbol_count = market_symbol_count;
    } else {
        self->symbols = well_known;
        self->symbol_count = sizeof well_known / sizeof *well_known;
    }
    map_fini(&symbols);
    return status;
}

enum status source_open(struct source *out, const struct config *config, const char *market_url, const char *const *market_symbols,
                        uint32_t market_symbol_count, struct err *err)
{
    *out = (struct source){0};
    arena_init(&out->arena, 4096);
    TRY(find_feed(out, config, market_url, err));
    return find_symbols(out, config, market_symbols, market_symbol_count, err);
}

void source_fini(struct source *source)
{
    arena_fini(&source->arena);
}
