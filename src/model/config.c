// SPDX-License-Identifier: Apache-2.0
// The table of all options: name, type, default, range and help of each.
#include "model/config.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS };
#define DAY_MS (24.0 * HOUR_MS)
#define TIB 1099511627776.0

// One option is one row; the tables are laid out by hand.
// clang-format off

static const struct option_row topic_rows[] = {
    {.name = "name", .type = OPTION_TEXT, .flags = OPTION_REQUIRED, .at = offsetof(struct config_topic, name), .help = "Name of the topic."},
    {.name = "partitions", .type = OPTION_INT, .at = offsetof(struct config_topic, partitions), .fallback = "3", .min = 1, .max = 1000,
     .help = "Number of partitions that it is made with; one that has more is used as it is."},
};
static const struct option_table topic_table = {
    .struct_bytes = sizeof(struct config_topic), .count = COUNT(topic_rows), .rows = topic_rows};

static const struct option_row quote_route_rows[] = {
    {.name = "topic", .type = OPTION_TEXT, .flags = OPTION_REQUIRED, .at = offsetof(struct config_route, topic),
     .help = "Topic that the quotes go to."},
    {.name = "select", .type = OPTION_TEXT, .flags = OPTION_REQUIRED, .at = offsetof(struct config_route, select),
     .help = "SQL over the table quote; its columns go into the record by name, and its WHERE says which quotes it takes."},
};
static const struct option_table quote_route_table = {
    .struct_bytes = sizeof(struct config_route), .count = COUNT(quote_route_rows), .rows = quote_route_rows};

static const struct option_row tick_route_rows[] = {
    {.name = "topic", .type = OPTION_TEXT, .flags = OPTION_REQUIRED, .at = offsetof(struct config_route, topic),
     .help = "Topic that the records come from."},
    {.name = "table", .type = OPTION_TEXT, .flags = OPTION_REQUIRED, .at = offsetof(struct config_route, table),
     .help = "Table of the store that the rows go to."},
    {.name = "select", .type = OPTION_TEXT, .at = offsetof(struct config_route, select), .fallback = "SELECT * FROM tick",
     .help = "SQL over the table tick; its columns go into the table by name, and its WHERE says which records it takes."},
};
static const struct option_table tick_route_table = {
    .struct_bytes = sizeof(struct config_route), .count = COUNT(tick_route_rows), .rows = tick_route_rows};

#define QUOTE_ROUTE(topic, where)                                                                                                        \
    "{topic: " topic ", select: \"SELECT id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, "    \
    "event_id, quote_type, ingestion_ts, currency, day_volume, day_high, day_low, open_price, previous_close, bid, ask, last_size, " \
    "short_name FROM quote WHERE " where "\"}"
#define TICK_ROUTE(topic, table) "{topic: " topic ", table: " table ", select: \"SELECT * FROM tick\"}"

#define AT(member) .at = offsetof(struct config, member)

static const struct option_row rows[] = {
    {.name = "data", .type = OPTION_TEXT, AT(data), .fallback = "./fdp-data",
     .help = "Folder of the embedded log (stream.db) and the embedded store (store.db)."},

    {.name = "log.level", .type = OPTION_WORD, AT(log.level), .fallback = "info", .words = "debug info warn error",
     .help = "Lines below this level are not written."},
    {.name = "log.format", .type = OPTION_WORD, AT(log.format), .fallback = "text", .words = "text json",
     .help = "Text is for people, JSON for machines; one line per event in both."},

    {.name = "ingestion.source", .type = OPTION_TEXT, .flags = OPTION_URL, AT(ingestion.source), .fallback = "simulator:",
     .help = "Where quotes come from: \"simulator:\" starts the built-in market in this process and connects to it over loopback, \"yahoo:\" "
             "is the real feed, ws://HOST/PATH?version=2 or wss://... any server that speaks its protocol."},
    {.name = "ingestion.symbols", .type = OPTION_LIST, AT(ingestion.symbols), .fallback = "[]",
     .help = "Symbols to subscribe to. Empty: all of the built-in market, or about fifty well-known ones on any other source."},
    {.name = "ingestion.symbols-file", .type = OPTION_TEXT, AT(ingestion.symbols_file), .fallback = "",
     .help = "File with one symbol per line, instead of a long list above; empty lines and lines that start with # are skipped."},
    {.name = "ingestion.symbols-per-connection", .type = OPTION_INT, AT(ingestion.symbols_per_connection), .fallback = "100", .min = 1,
     .max = 10000, .unit = "symbols",
     .help = "More symbols than this are split over several connections; Yahoo silently ignores what is past the 100th of a connection."},
    {.name = "ingestion.ping-interval", .type = OPTION_DURATION, AT(ingestion.ping_interval_ms), .fallback = "20s", .min = 100,
     .max = HOUR_MS, .help = "How often a connection is probed with a ping."},
    {.name = "ingestion.idle-timeout", .type = OPTION_DURATION, AT(ingestion.idle_timeout_ms), .fallback = "60s", .min = 100, .max = DAY_MS,
     .help = "A connection on which nothing arrived for this long, not even the answer to a ping, is closed and made anew."},
    {.name = "ingestion.reconnect-min", .type = OPTION_DURATION, AT(ingestion.reconnect_min_ms), .fallback = "500ms", .min = 1,
     .max = HOUR_MS, .help = "First wait before connecting again; doubled after each failure, with a random part."},
    {.name = "ingestion.reconnect-max", .type = OPTION_DURATION, AT(ingestion.reconnect_max_ms), .fallback = "30s", .min = 1, .max = DAY_MS,
     .help = "Longest wait before connecting again."},
    {.name = "ingestion.tls-ca-file", .type = OPTION_TEXT, AT(ingestion.tls_ca_file), .fallback = "",
     .help = "PEM file with the authorities that a wss:// server is verified against. Empty: those of the system."},
    {.name = "ingestion.batch-rows", .type = OPTION_INT, AT(ingestion.batch_rows), .fallback = "1000", .min = 1, .max = 65536,
     .unit = "quotes", .help = "Most quotes in one batch; a batch is sent on as soon as nothing more waits."},
    {.name = "ingestion.queue-batches", .type = OPTION_INT, AT(ingestion.queue_batches), .fallback = "4", .min = 1, .max = 1024,
     .unit = "batches", .help = "Batches that may wait between two stages; when they do, the stage before pauses."},
    {.name = "ingestion.routes", .type = OPTION_OBJECTS, .flags = OPTION_RELOADABLE, AT(ingestion.routes), .element = &quote_route_table,
     .fallback = "[" QUOTE_ROUTE("tickers.crypto", "quote_type = 41")
                 ", " QUOTE_ROUTE("tickers.currency", "quote_type = 14")
                 ", " QUOTE_ROUTE("tickers.stocks", "quote_type IS NOT NULL AND quote_type NOT IN (0, 5, 7, 14, 41)") "]",
     .help = "Which quotes go to which topic, and what of them. Tried in order; the first that takes a quote wins. A quote that none takes goes "
             "to tickers.rejected."},

    {.name = "streaming.url", .type = OPTION_TEXT, .flags = OPTION_URL, AT(streaming.url), .fallback = "embedded:",
     .help = "The stream: \"embedded:\" is a durable log in the data folder, embedded:DIR one in another folder, "
             "kafka://HOST:PORT,HOST:PORT Apache Kafka."},
    {.name = "streaming.topics", .type = OPTION_OBJECTS, AT(streaming.topics), .element = &topic_table,
     .fallback = "[{name: tickers.stocks, partitions: 3}, {name: tickers.crypto, partitions: 3}, {name: tickers.currency, partitions: 3}]",
     .help = "Topics that are made when they are missing."},
    {.name = "streaming.kafka", .type = OPTION_MAP, .flags = OPTION_SECRET, AT(streaming.kafka), .fallback = "{}",
     .words = "password secret token key.pem oauthbearer.config",
     .help = "Properties for the Kafka client, by their own names. One that ends in -file is read from that file: sasl.password-file."},
    {.name = "streaming.retention", .type = OPTION_DURATION, AT(streaming.retention_ms), .fallback = "7d", .max = 36500 * DAY_MS,
     .help = "Records of the embedded log older than this are deleted; 0s keeps them."},
    {.name = "streaming.retention-bytes", .type = OPTION_SIZE, AT(streaming.retention_bytes), .fallback = "1GiB", .max = 1024 * TIB,
     .help = "The oldest records of a partition of the embedded log are deleted above this size; 0 keeps them."},
    {.name = "streaming.schemas", .type = OPTION_TEXT, AT(streaming.schemas), .fallback = "",
     .help = "Folder with the Avro schemas that are loaded at start, TOPIC/vN.avsc. Empty: those built into the program."},
    {.name = "streaming.registry.url", .type = OPTION_TEXT, .flags = OPTION_URL, AT(streaming.registry.url), .fallback = "",
     .help = "Schema registry, http://HOST:PORT. Empty: one in this process."},
    {.name = "streaming.registry.listen", .type = OPTION_TEXT, AT(streaming.registry.listen), .fallback = "127.0.0.1:8081",
     .help = "Where the registry of this process listens; port 0 picks a free one."},

    {.name = "processing.group", .type = OPTION_TEXT, AT(processing.group), .fallback = "processing",
     .help = "Consumer group; positions are kept per group, so a new name reads everything again and stores it in the same "
             "tables once more, beside the rows of the former group."},
    {.name = "processing.start", .type = OPTION_WORD, AT(processing.start), .fallback = "earliest", .words = "earliest latest",
     .help = "Where a group starts on a partition that it never read."},
    {.name = "processing.batch-rows", .type = OPTION_INT, AT(processing.batch_rows), .fallback = "10000", .min = 1, .max = 1000000,
     .unit = "records", .help = "Most records in one transaction; a batch is closed as soon as the store is free and something waits."},
    {.name = "processing.workers", .type = OPTION_INT, AT(processing.workers), .fallback = "1", .min = 1, .max = 64,
     .help = "Consumers of the group in this process, each with threads and a connection to the store of its own. Only Kafka shares partitions "
             "out among several; more of them than partitions are idle."},
    {.name = "processing.routes", .type = OPTION_OBJECTS, .flags = OPTION_RELOADABLE, AT(processing.routes), .element = &tick_route_table,
     .fallback = "[" TICK_ROUTE("tickers.stocks", "stocks")
                 ", " TICK_ROUTE("tickers.crypto", "crypto")
                 ", " TICK_ROUTE("tickers.currency", "currency") "]",
     .help = "Which records go to which table, and what of them. Tried in order; the first that takes a record wins. A record that none takes "
             "is counted as filtered."},

    {.name = "storage.url", .type = OPTION_TEXT, .flags = OPTION_URL, AT(storage.url), .fallback = "sqlite:",
     .help = "The store: \"sqlite:\" is a database in the data folder, sqlite:FILE one elsewhere, postgresql://USER@HOST:PORT/DATABASE a "
             "PostgreSQL server (any URL that libpq takes; the password also from storage.password-file, PGPASSWORD or ~/.pgpass)."},
    {.name = "storage.password-file", .type = OPTION_TEXT, AT(storage.password_file), .fallback = "",
     .help = "PostgreSQL: file with the password. It is read at every connection, so the password can be changed while the program runs."},
    {.name = "storage.statement-timeout", .type = OPTION_DURATION, AT(storage.statement_timeout_ms), .fallback = "30s", .min = 100,
     .max = HOUR_MS, .help = "PostgreSQL: a transaction that takes longer is given up and tried again in smaller parts."},
    {.name = "storage.connect-timeout", .type = OPTION_DURATION, AT(storage.connect_timeout_ms), .fallback = "10s", .min = 1000,
     .max = HOUR_MS, .help = "PostgreSQL: how long one attempt to connect may take."},

    {.name = "monitoring.listen", .type = OPTION_TEXT, AT(monitoring.listen), .fallback = "",
     .help = "Where metrics, health and the web page are served, HOST:PORT; port 0 picks a free one. Empty: 127.0.0.1:8080, but port 8083 "
             "of fdp ingest, 8084 of fdp process and 8085 of fdp simulate."},
    {.name = "monitoring.token", .type = OPTION_TEXT, .flags = OPTION_SECRET, AT(monitoring.token), .fallback = "",
     .help = "What clients have to show for the web page and /api: \"Authorization: Bearer TOKEN\", or ?token=TOKEN. Empty: clients on "
             "this machine see them, nobody else does. Metrics and health are for everybody."},
    {.name = "monitoring.symbols-max", .type = OPTION_INT, AT(monitoring.symbols_max), .fallback = "1000", .max = 1000000, .unit = "symbols",
     .help = "Most symbols with metrics of their own; all others share the label \"other\"."},

    {.name = "simulator.listen", .type = OPTION_TEXT, AT(simulator.listen), .fallback = "127.0.0.1:8082",
     .help = "Where the built-in market listens; port 0 picks a free one."},
    {.name = "simulator.seed", .type = OPTION_INT, AT(simulator.seed), .fallback = "1", .max = 9007199254740992.0,
     .help = "The same seed gives the same prices."},
    {.name = "simulator.rate", .type = OPTION_INT, AT(simulator.rate), .fallback = "50", .min = 1, .max = 1000000, .unit = "ticks per second",
     .help = "Ticks of the whole market, spread over its symbols."},
    {.name = "simulator.instruments", .type = OPTION_INT, AT(simulator.instruments), .fallback = "0", .max = 1000000,
     .help = "Number of instruments to invent. 0: the built-in market of about fifty known ones."},
    {.name = "simulator.replay", .type = OPTION_TEXT, AT(simulator.replay), .fallback = "",
     .help = "CSV file with the columns time, id and price whose prices are played instead of invented ones."},
    {.name = "simulator.speed", .type = OPTION_DOUBLE, AT(simulator.speed), .fallback = "1", .min = 0.001, .max = 1000000,
     .help = "How many times faster than real time a replay runs."},
    {.name = "simulator.session", .type = OPTION_WORD, AT(simulator.session), .fallback = "clock", .words = "clock pre regular post overnight",
     .help = "Trading session that quotes of stocks claim to be in: by the clock of New York, or always the same."},
    {.name = "simulator.silent-cap", .type = OPTION_BOOL, AT(simulator.silent_cap), .fallback = "true",
     .help = "Ignore what a connection subscribes to past its 100th symbol, without a word, as Yahoo does."},
    {.name = "simulator.tls-certificate-file", .type = OPTION_TEXT, AT(simulator.tls_certificate_file), .fallback = "",
     .help = "PEM certificate chain; with it and the key the market speaks TLS (wss://)."},
    {.name = "simulator.tls-key-file", .type = OPTION_TEXT, AT(simulator.tls_key_file), .fallback = "",
     .help = "PEM private key that belongs to the certificate."},
};

static const struct option_section sections[] = {
    {"log", "What the program says about itself, on standard error."},
    {"ingestion", "Quotes from a feed, as records on the topics."},
    {"streaming", "The topics: ordered, durable, replayable."},
    {"streaming.registry", "The registry of the schemas that records are written with."},
    {"processing", "Records from the topics, as rows for the tables."},
    {"storage", "The tables."},
    {"monitoring", "Metrics, health and the web page."},
    {"simulator", "The built-in market, which speaks Yahoo's protocol over a real socket."},
};

// clang-format on

const struct option_table config_options = {
    .struct_bytes = sizeof(struct config),
    .count = COUNT(rows),
    .rows = rows,
    .section_count = COUNT(sections),
    .sections = sections,
};
