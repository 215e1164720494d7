// SPDX-License-Identifier: Apache-2.0
// What ingestion.source and ingestion.symbols mean: which feed, at which address, with which symbols.
#ifndef FDP_INGESTION_SOURCE_H
#define FDP_INGESTION_SOURCE_H

#include "base/arena.h"
#include "ingestion/feed.h"

struct source {
    struct arena arena;
    const struct feed_ops *ops;
    const char *url;        // what the feed opens
    const char *source_api; // what its quotes carry
    const char *const *symbols;
    uint32_t symbol_count;
};

// Symbols: ingestion.symbols and those of ingestion.symbols-file (one per line, # begins a comment), each once; when there are none, those
// of the built-in market, or the well-known ones. FATAL / ERR_CONFIG: unknown source, file that cannot be read, unusable symbol.
enum status source_open(struct source *out, const struct config *config, const char *market_url, const char *const *market_symbols,
                        uint32_t market_symbol_count, struct err *err) MUST_CHECK;
void source_fini(struct source *source);

#endif
