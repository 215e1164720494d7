// SPDX-License-Identifier: Apache-2.0
// Feed over Yahoo's streaming protocol: symbols spread over connections, frames decoded into the caller's batch as they arrive.
//
// Everything happens on the thread that polls. When a batch is full all sockets are paused, so that the far end feels it.
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "ingestion/feed.h"
#include "ingestion/reject.h"
#include "ingestion/yahoo_connection.h"
#include "model/quote.h"

enum { SEND_QUEUE_MAX = 4 << 20, SYMBOLS_MAX = 1000000, STALE_US = 60000000 };

static const char yahoo_url[] = "wss://streamer.finance.yahoo.com/?version=2";

struct yahoo_feed {
    struct feed_params params;
    struct slice source_api;
    struct yahoo_line line;
    struct yahoo_connection **connections;
    uint32_t connection_count;
    atomic_uint wanted, open; // what connected() asks, on any thread

    struct batch *quotes, *rejects; // of the poll under way
    bool paused;
    int64_t polled_ns; // when the last poll ended; 0: none yet
    struct metric *frames, *bytes, *bad, *other, *stale, *connected, *subscribed;
};

static struct yahoo_feed *feed_of(struct feed *feed)
{
    return (struct yahoo_feed *)(void *)feed;
}

// --- Frames ---

static bool has_room(const struct yahoo_feed *self)
{
    return !batch_full(self->quotes) && !batch_full(self->rejects);
}

static void pause_all(struct yahoo_feed *self, bool pause)
{
    self->paused = pause;
    for (uint32_t i = 0; i < self->connection_count; i++) yahoo_connection_pause(self->connections[i], pause);
}

static void keep_quote(struct yahoo_feed *self, uint32_t row, int64_t now_us)
{
    struct batch *quotes = self->quotes;
    batch_set_slice(quotes, QUOTE_SOURCE_API, row, self->source_api);
    batch_set_int64(quotes, QUOTE_INGESTION_TS, row, now_us);
    quote_set_event_id(quotes, row);
    batch_row_commit(quotes);
    if (!batch_is_null(quotes, QUOTE_TIME, row) && quotes->columns[QUOTE_TIME].int64[row] < now_us - STALE_US) metric_add(self->stale, 1);
}

static void on_frame(void *context, struct slice frame)
{
    struct yahoo_feed *self = context;
    struct err err;
    enum quote_frame kind;
    metric_add(self->frames, 1);
    metric_add(self->bytes, frame.size);
    int64_t now_us = clock_now_us();
    uint32_t row = batch_row_begin(self->quotes);
    if (quote_decode_frame(frame, self->quotes, row, &kind, &err) != OK) {
        metric_add(self->bad, 1);
        ingestion_reject(self->rejects, (struct slice){0}, frame, err.text, self->params.source_api, now_us);
    } else if (kind == QUOTE_FRAME_OTHER) {
        metric_add(self->other, 1);
    } else {
        keep_quote(self, row, now_us);
    }
    if (!has_room(self)) pause_all(self, true);
}

static void on_changed(void *context)
{
    struct yahoo_feed *self = context;
    unsigned open = 0;
    for (uint32_t i = 0; i < self->connection_count; i++) open += self->connections[i]->state == YAHOO_OPEN;
    atomic_store(&self->open, open);
    metric_set(self->connected, open);
    if (self->paused) pause_all(self, true); // the new one too
}

// --- Symbols ---

struct wanted {
    const struct map *symbols;
    bool *placed; // by number
};

static bool is_wanted(void *context, const char *symbol)
{
    struct wanted *wanted = context;
    uint32_t number = map_find(wanted->symbols, slice_of(symbol));
    if (number == MAP_NONE) return false;
    wanted->placed[number] = true;
    return true;
}

static struct yahoo_connection *connection_add(struct yahoo_feed *self)
{
    self->connections = realloc(self->connections, (self->connection_count + 1) * sizeof *self->connections);
    if (!self->connections) abort();
    return self->connections[self->connection_count++] = yahoo_connection_new(&self->line);
}

static void place_symbols(struct yahoo_feed *self, const struct wanted *wanted)
{
    uint32_t at = 0, most = (uint32_t)self->params.config->ingestion.symbols_per_connection;
    for (uint32_t number = 0; number < wanted->symbols->count; number++) {
        if (wanted->placed[number]) continue;
        while (at < self->connection_count && self->connections[at]->symbol_count >= most) at++;
        struct yahoo_connection *connection = at < self->connection_count ? self->connections[at] : connection_add(self);
        yahoo_connection_add(connection, wanted->symbols->names[number].data);
    }
}

static void drop_empty_connections(struct yahoo_feed *self)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->connection_count; i++) {
        struct yahoo_connection *connection = self->connections[i];
        if (connection->symbol_count)
            self->connections[kept++] = connection;
        else
            yahoo_connection_free(connection);
    }
    self->connection_count = kept;
}

static enum status yahoo_subscribe(struct feed *feed, const char *const *symbols, uint32_t count, struct err *err)
{
    struct yahoo_feed *self = feed_of(feed);
    struct map set;
    map_init(&set, SYMBOLS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (map_add(&set, slice_of(symbols[i])) != MAP_NONE) continue;
        map_fini(&set);
        return err_set(err, FATAL, ERR_FEED, "cannot subscribe to more than %d symbols", SYMBOLS_MAX);
    }
    struct wanted wanted = {&set, calloc(count ? count : 1, sizeof *wanted.placed)};
    if (!wanted.placed) abort();
    // Symbols that are already subscribed stay where they are, so that their order is kept.
    for (uint32_t i = 0; i < self->connection_count; i++) yahoo_connection_filter(self->connections[i], is_wanted, &wanted);
    place_symbols(self, &wanted);
    drop_empty_connections(self);
    for (uint32_t i = 0; i < self->connection_count; i++) yahoo_connection_sync(self->connections[i]);
    atomic_store(&self->wanted, self->connection_count);
    metric_set(self->subscribed, set.count);
    on_changed(self);
    free(wanted.placed);
    map_fini(&set);
    return OK;
}

// --- Polling ---

static int64_t turn_connections(struct yahoo_feed *self, int64_t deadline_ns)
{
    int64_t now = clock_mono_ns();
    for (uint32_t i = 0; i < self->connection_count; i++) {
        int64_t next = yahoo_connection_turn(self->connections[i], now);
        if (next < deadline_ns) deadline_ns = next;
    }
    return deadline_ns;
}

static void begin_poll(struct yahoo_feed *self, struct batch *quotes, struct batch *rejects)
{
    self->quotes = quotes;
    self->rejects = rejects;
    if (self->polled_ns) {
        int64_t away = clock_mono_ns() - self->polled_ns;
        for (uint32_t i = 0; i < self->connection_count; i++) yahoo_connection_excuse(self->connections[i], away);
    }
    if (self->paused && has_room(self)) pause_all(self, false);
}

static enum status yahoo_poll(struct feed *feed, struct batch *quotes, struct batch *rejects, int64_t deadline_ns, struct err *err)
{
    (void)err; // nothing that the far end does is an error of the feed
    struct yahoo_feed *self = feed_of(feed);
    begin_poll(self, quotes, rejects);
    uint32_t before = quotes->rows + rejects->rows, rows = before;
    while (rows == before && has_room(self)) {
        websocket_loop_run(self->line.loop, turn_connections(self, deadline_ns));
        rows = quotes->rows + rejects->rows;
        if (clock_mono_ns() >= deadline_ns) break;
    }
    // Under load more has come meanwhile: take it along, without waiting.
    for (uint32_t last = before; rows > last && has_room(self); rows = quotes->rows + rejects->rows) {
        last = rows;
        websocket_loop_run(self->line.loop, 0);
        if (clock_mono_ns() >= deadline_ns) break;
    }
    self->polled_ns = clock_mono_ns();
    self->quotes = self->rejects = NULL;
    return quotes->rows + rejects->rows > before ? OK : AGAIN;
}

// --- Opening and closing ---

static void make_metrics(struct yahoo_feed *self)
{
    struct metric_registry *metrics = self->params.metrics;
    self->frames = metric_counter(metrics, "fdp_feed_frames_total", NULL, "Messages received from the feed");
    self->bytes = metric_counter(metrics, "fdp_feed_bytes_total", NULL, "Bytes in the messages received from the feed");
    self->bad = metric_counter(metrics, "fdp_feed_bad_frames_total", NULL, "Messages that could not be decoded");
    self->other = metric_counter(metrics, "fdp_feed_other_frames_total", NULL, "Well-formed messages that are no quotes");
    self->stale = metric_counter(metrics, "fdp_feed_stale_quotes_total", NULL,
                                 "Quotes that were more than a minute old when they came, such as the last price of a closed market");
    self->line.reconnects = metric_counter(metrics, "fdp_feed_reconnects_total", NULL, "Connections that were made again after a loss");
    self->connected = metric_gauge(metrics, "fdp_feed_connections", NULL, "Connections to the feed that are open and subscribed");
    self->subscribed = metric_gauge(metrics, "fdp_feed_symbols", NULL, "Symbols that the feed is asked for");
}

static void yahoo_close(struct feed *feed)
{
    struct yahoo_feed *self = feed_of(feed);
    if (!self) return;
    for (uint32_t i = 0; i < self->connection_count; i++) yahoo_connection_free(self->connections[i]);
    websocket_loop_free(self->line.loop);
    free(self->connections);
    free(self);
}

static enum status yahoo_open(struct feed **out, const struct feed_params *params, struct err *err)
{
    struct yahoo_feed *self = calloc(1, sizeof *self);
    if (!self) abort();
    self->params = *params;
    self->source_api = slice_of(params->source_api);
    self->line =
        (struct yahoo_line){.config = params->config, .log = params->log, .frame = on_frame, .changed = on_changed, .context = self};
    enum status status = websocket_url_parse(strcmp(params->url, "yahoo:") ? params->url : yahoo_url, &self->line.url, ERR_FEED, err);
    struct websocket_loop_params loop = {
        .tls_client = self->line.url.tls,
        .ca_file = params->config->ingestion.tls_ca_file,
        .message_max = BUF_MAX_FRAME,
        .queue_max = SEND_QUEUE_MAX,
        .code = ERR_FEED,
    };
    if (status == OK) status = websocket_loop_new(&self->line.loop, &loop, err);
    if (status != OK) {
        free(self);
        return status;
    }
    make_metrics(self);
    *out = (struct feed *)(void *)self;
    return OK;
}

static bool yahoo_connected(const struct feed *feed)
{
    const struct yahoo_feed *self = (const struct yahoo_feed *)(const void *)feed;
    unsigned wanted = atomic_load(&self->wanted);
    return wanted && atomic_load(&self->open) == wanted;
}

const struct feed_ops feed_yahoo_stream = {"yahoo-stream", yahoo_open, yahoo_subscribe, yahoo_poll, yahoo_connected, yahoo_close};
