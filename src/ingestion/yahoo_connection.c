// SPDX-License-Identifier: Apache-2.0
// A connection and its states.
#include "ingestion/yahoo_connection.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"

static const char component[] = "ingestion";

enum { SYMBOLS_PER_MESSAGE = 500, FAR_NS = 1000000000 };

// --- Symbols ---

static void send_list(struct yahoo_connection *self, const char *verb, struct buf *list)
{
    if (!list->size) return;
    struct buf message;
    buf_init(&message, BUF_MAX_CONFIG_FILE);
    buf_printf(&message, "{\"%s\":[", verb);
    buf_append(&message, list->data, list->size);
    buf_append_text(&message, "]}");
    // It cannot be too long: the queue holds every symbol of a connection several times over.
    if (!websocket_send(self->socket, buf_slice(&message))) websocket_abort(self->socket, "the subscription could not be sent");
    buf_fini(&message);
    buf_reset(list);
}

static void list_symbol(struct buf *list, const char *symbol)
{
    if (list->size) buf_append_byte(list, ',');
    buf_append_json(list, symbol, strlen(symbol));
}

void yahoo_connection_sync(struct yahoo_connection *connection)
{
    if (connection->state != YAHOO_OPEN) return;
    struct buf list;
    buf_init(&list, BUF_MAX_CONFIG_FILE);
    uint32_t listed = 0;
    for (uint32_t i = 0; i < connection->symbol_count; i++) {
        if (connection->symbols[i].sent) continue;
        connection->symbols[i].sent = true;
        list_symbol(&list, connection->symbols[i].name);
        if (++listed % SYMBOLS_PER_MESSAGE == 0) send_list(connection, "subscribe", &list);
    }
    send_list(connection, "subscribe", &list);
    buf_fini(&list);
}

void yahoo_connection_add(struct yahoo_connection *connection, const char *symbol)
{
    if (connection->symbol_count == connection->symbol_capacity) {
        connection->symbol_capacity = connection->symbol_capacity ? 2 * connection->symbol_capacity : 16;
        connection->symbols = realloc(connection->symbols, connection->symbol_capacity * sizeof *connection->symbols);
        if (!connection->symbols) abort();
    }
    char *name = strdup(symbol);
    if (!name) abort();
    connection->symbols[connection->symbol_count++] = (struct yahoo_symbol){name, false};
}

void yahoo_connection_filter(struct yahoo_connection *connection, bool (*keep)(void *context, const char *symbol), void *context)
{
    struct buf list;
    buf_init(&list, BUF_MAX_CONFIG_FILE);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < connection->symbol_count; i++) {
        struct yahoo_symbol symbol = connection->symbols[i];
        if (keep(context, symbol.name)) {
            connection->symbols[kept++] = symbol;
            continue;
        }
        if (connection->state == YAHOO_OPEN && symbol.sent) list_symbol(&list, symbol.name);
        free(symbol.name);
    }
    connection->symbol_count = kept;
    if (connection->state == YAHOO_OPEN) send_list(connection, "unsubscribe", &list);
    buf_fini(&list);
}

// --- States ---

// Down, to be tried again: at once while there are other addresses, else after a wait. Logged when it is news.
static void fail(struct yahoo_connection *self, const char *why)
{
    bool was_open = self->state == YAHOO_OPEN;
    self->state = YAHOO_DOWN;
    self->socket = NULL;
    int64_t wait_ms = self->next_address < self->addresses.count && !was_open ? 0 : reconnect_next_ms(&self->reconnect);
    if (was_open) self->next_address = self->addresses.count = 0; // ask again where the host is
    self->due_ns = clock_deadline_ms(wait_ms);
    bool news = strncmp(self->why, why, sizeof self->why - 1) != 0;
    if (news && wait_ms)
        log_warn(self->line->log, component, was_open ? "connection lost" : "cannot connect", "host", self->line->url.host, "port",
                 log_number(self->line->url.port), "reason", why, "retry_ms", log_number(wait_ms));
    if (wait_ms) snprintf(self->why, sizeof self->why, "%s", why);
    self->line->changed(self->line->context);
}

static void on_opened(void *owner, struct websocket *socket)
{
    (void)socket;
    struct yahoo_connection *self = owner;
    self->state = YAHOO_OPEN;
    self->seen_ns = clock_mono_ns();
    self->ping_ns = self->seen_ns + self->line->config->ingestion.ping_interval_ms * MS_NS;
    self->heard = false;
    self->why[0] = '\0';
    if (self->opened_before) metric_add(self->line->reconnects, 1);
    self->opened_before = true;
    for (uint32_t i = 0; i < self->symbol_count; i++) self->symbols[i].sent = false;
    yahoo_connection_sync(self);
    log_info(self->line->log, component, "connected", "host", self->line->url.host, "symbols", log_number(self->symbol_count));
    self->line->changed(self->line->context);
}

static void heard(struct yahoo_connection *self)
{
    self->seen_ns = clock_mono_ns();
    // A server that accepts and hangs up at once is not a success.
    if (!self->heard) reconnect_reset(&self->reconnect);
    self->heard = true;
}

static void on_message(void *owner, struct websocket *socket, struct slice message)
{
    (void)socket;
    struct yahoo_connection *self = owner;
    heard(self);
    self->line->frame(self->line->context, message);
}

static void on_pong(void *owner, struct websocket *socket)
{
    (void)socket;
    heard(owner);
}

static void on_closed(void *owner, struct websocket *socket, const char *why)
{
    (void)socket;
    if (owner) fail(owner, why);
}

static const struct websocket_events events = {on_opened, on_message, on_pong, on_closed};

static void begin_connecting(struct yahoo_connection *self)
{
    struct err err;
    const char *address = self->addresses.items[self->next_address++];
    self->state = YAHOO_CONNECTING;
    if (websocket_connect(self->line->loop, &self->line->url, address, &events, self, &self->socket, &err) != OK) fail(self, err.text);
}

static void wake(void *loop)
{
    websocket_loop_wake(loop);
}

static void begin(struct yahoo_connection *self)
{
    if (self->next_address < self->addresses.count) {
        begin_connecting(self);
        return;
    }
    self->state = YAHOO_RESOLVING;
    self->resolver = resolver_start(self->line->url.host, wake, self->line->loop);
}

static void look_for_address(struct yahoo_connection *self)
{
    struct err err;
    self->next_address = 0;
    enum status status = resolver_result(self->resolver, &self->addresses, ERR_FEED, &err);
    if (status == AGAIN) return;
    resolver_free(self->resolver);
    self->resolver = NULL;
    if (status == OK) {
        begin_connecting(self);
    } else {
        self->addresses.count = 0;
        fail(self, err.text);
    }
}

// Pings, and gives up a connection on which nothing arrives any more. Returns when to look again.
static int64_t keep_alive(struct yahoo_connection *self, int64_t now_ns)
{
    const struct config *config = self->line->config;
    int64_t silent_ns = self->seen_ns + config->ingestion.idle_timeout_ms * MS_NS;
    if (now_ns >= silent_ns) {
        char why[96];
        snprintf(why, sizeof why, "nothing arrived for %lld ms, not even the answer to a ping",
                 (long long)((now_ns - self->seen_ns) / MS_NS));
        websocket_abort(self->socket, why); // `closed` follows
        self->seen_ns = now_ns;
        return now_ns;
    }
    if (now_ns >= self->ping_ns) {
        websocket_ping(self->socket);
        self->ping_ns = now_ns + config->ingestion.ping_interval_ms * MS_NS;
    }
    return self->ping_ns < silent_ns ? self->ping_ns : silent_ns;
}

int64_t yahoo_connection_turn(struct yahoo_connection *connection, int64_t now_ns)
{
    if (connection->state == YAHOO_DOWN && now_ns >= connection->due_ns) begin(connection);
    if (connection->state == YAHOO_RESOLVING) look_for_address(connection);
    if (connection->state == YAHOO_OPEN) return keep_alive(connection, now_ns);
    return connection->state == YAHOO_DOWN ? connection->due_ns : now_ns + FAR_NS;
}

void yahoo_connection_excuse(struct yahoo_connection *connection, int64_t ns)
{
    connection->seen_ns += ns;
}

void yahoo_connection_pause(struct yahoo_connection *connection, bool pause)
{
    if (connection->state == YAHOO_OPEN) websocket_pause(connection->socket, pause);
}

struct yahoo_connection *yahoo_connection_new(const struct yahoo_line *line)
{
    struct yahoo_connection *self = calloc(1, sizeof *self);
    if (!self) abort();
    self->line = line;
    int64_t now = clock_mono_ns();
    uint64_t seed = text_hash(&now, sizeof now) ^ (uint64_t)(uintptr_t)self;
    reconnect_init(&self->reconnect, line->config->ingestion.reconnect_min_ms, line->config->ingestion.reconnect_max_ms, seed);
    self->due_ns = now;
    return self;
}

void yahoo_connection_free(struct yahoo_connection *connection)
{
    if (!connection) return;
    resolver_free(connection->resolver);
    if (connection->socket) {
        websocket_set_owner(connection->socket, NULL);
        if (connection->state == YAHOO_OPEN)
            websocket_close(connection->socket, WEBSOCKET_GOING_AWAY);
        else
            websocket_abort(connection->socket, "no longer wanted");
    }
    for (uint32_t i = 0; i < connection->symbol_count; i++) free(connection->symbols[i].name);
    free(connection->symbols);
    free(connection);
}
