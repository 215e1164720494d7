// SPDX-License-Identifier: Apache-2.0
// Connections to the market.
#include "simulator/clients.h"

#include <jansson.h>
#include <stdlib.h>

struct slot {
    uint32_t instrument; // MAP_NONE: a symbol that nobody knows
    uint64_t hash;       // of the symbol, to know an unknown one again
};

struct client {
    struct client *next, *previous;
    struct clients *clients;
    struct websocket *socket;
    bool version2;
    struct slot *slots;
    uint32_t slot_count, slot_capacity;
};

static const char component[] = "simulator";

static void *grown(void *items, uint32_t *capacity, size_t item_bytes)
{
    *capacity = *capacity ? 2 * *capacity : 4;
    items = realloc(items, *capacity * item_bytes);
    if (!items) abort();
    return items;
}

// --- Which instruments are wanted ---

static void activate(struct clients *self, uint32_t instrument)
{
    self->random = self->random * 6364136223846793005u + 1442695040888963407u;
    uint32_t end = self->active_count++, place = (uint32_t)((self->random >> 33) % (end + 1));
    if (place < end) {
        self->active[end] = self->active[place];
        self->active_at[self->active[end]] = end;
    }
    self->active[place] = instrument;
    self->active_at[instrument] = place;
}

static void deactivate(struct clients *self, uint32_t instrument)
{
    uint32_t place = self->active_at[instrument], last = self->active[--self->active_count];
    self->active[place] = last;
    self->active_at[last] = place;
}

static bool wants(const struct subscribers *subscribers, const struct client *client)
{
    for (uint32_t i = 0; i < subscribers->count; i++)
        if (subscribers->items[i] == client) return true;
    return false;
}

static void subscriber_add(struct clients *self, uint32_t instrument, struct client *client)
{
    struct subscribers *subscribers = &self->subscribers[instrument];
    if (subscribers->count == subscribers->capacity)
        subscribers->items = grown(subscribers->items, &subscribers->capacity, sizeof *subscribers->items);
    subscribers->items[subscribers->count++] = client;
    if (subscribers->count == 1) activate(self, instrument);
}

static void subscriber_remove(struct clients *self, uint32_t instrument, const struct client *client)
{
    struct subscribers *subscribers = &self->subscribers[instrument];
    for (uint32_t i = 0; i < subscribers->count; i++) {
        if (subscribers->items[i] != client) continue;
        subscribers->items[i] = subscribers->items[--subscribers->count];
        if (!subscribers->count) deactivate(self, instrument);
        return;
    }
}

static void note_subscriptions(struct clients *self, int64_t change)
{
    self->subscribed += (uint64_t)change;
    metric_set(self->subscriptions, (double)self->subscribed);
}

// --- Sending ---

static size_t queue_share(const struct clients *clients)
{
    size_t share = CLIENTS_QUEUE_TOTAL / (clients->count ? clients->count : 1);
    if (share > CLIENT_QUEUE_MAX) return CLIENT_QUEUE_MAX;
    return share < CLIENT_QUEUE_MIN ? CLIENT_QUEUE_MIN : share;
}

static void send_frame(struct client *client, const struct frame *frame)
{
    struct clients *clients = client->clients;
    struct slice text = client->version2 ? frame_version2(frame) : frame_version1(frame);
    size_t share = queue_share(clients);
    uint64_t dropped = 0;
    while (websocket_queued(client->socket) > share || !websocket_send(client->socket, text)) {
        if (!websocket_drop_oldest(client->socket)) return; // it is closing
        dropped++;
    }
    metric_add(clients->sent, 1);
    if (!dropped) return;
    metric_add(clients->dropped, dropped);
    if (!clients->slow_said) log_warn(clients->log, component, "a client reads too slowly; its oldest ticks are dropped");
    clients->slow_said = true;
}

void clients_send(struct clients *clients, uint32_t instrument, const struct frame *frame)
{
    const struct subscribers *subscribers = &clients->subscribers[instrument];
    for (uint32_t i = 0; i < subscribers->count; i++) send_frame(subscribers->items[i], frame);
}

bool clients_are_behind(const struct clients *clients)
{
    for (const struct client *client = clients->first; client; client = client->next)
        if (websocket_queued(client->socket) > queue_share(clients) / 2) return true;
    return false;
}

// --- Messages of a client ---

// The place of a symbol among the slots; slot_count when it has none.
static uint32_t find_slot(const struct client *client, uint32_t instrument, uint64_t hash)
{
    if (instrument != MAP_NONE && !wants(&client->clients->subscribers[instrument], client)) return client->slot_count;
    uint32_t i = 0;
    while (i < client->slot_count && (client->slots[i].instrument != instrument || client->slots[i].hash != hash)) i++;
    return i;
}

static void subscribe(struct client *client, struct slice symbol)
{
    struct clients *clients = client->clients;
    uint32_t instrument = map_find(clients->symbols, symbol);
    uint64_t hash = text_hash(symbol.data, symbol.size);
    if (instrument != MAP_NONE ? wants(&clients->subscribers[instrument], client) : find_slot(client, MAP_NONE, hash) < client->slot_count)
        return;
    if (client->slot_count == clients->slots) return;
    if (client->slot_count == client->slot_capacity) client->slots = grown(client->slots, &client->slot_capacity, sizeof *client->slots);
    client->slots[client->slot_count++] = (struct slot){instrument, hash};
    note_subscriptions(clients, 1);
    if (instrument == MAP_NONE) return;
    subscriber_add(clients, instrument, client);
    struct frame last;
    if (clients->snapshot(clients->context, instrument, &last)) send_frame(client, &last);
}

static void unsubscribe(struct client *client, struct slice symbol)
{
    struct clients *clients = client->clients;
    uint32_t instrument = map_find(clients->symbols, symbol), at = find_slot(client, instrument, text_hash(symbol.data, symbol.size));
    if (at == client->slot_count) return;
    if (instrument != MAP_NONE) subscriber_remove(clients, instrument, client);
    client->slots[at] = client->slots[--client->slot_count];
    note_subscriptions(clients, -1);
}

// Every member must be a list of strings under a name that is known.
static bool is_well_formed(const json_t *message)
{
    if (!json_is_object(message)) return false;
    for (void *at = json_object_iter((json_t *)(uintptr_t)message); at; at = json_object_iter_next((json_t *)(uintptr_t)message, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *list = json_object_iter_value(at);
        if ((strcmp(key, "subscribe") != 0 && strcmp(key, "unsubscribe") != 0) || !json_is_array(list)) return false;
        for (size_t i = 0; i < json_array_size(list); i++)
            if (!json_is_string(json_array_get(list, i))) return false;
    }
    return true;
}

static void apply(struct client *client, const json_t *list, void (*change)(struct client *client, struct slice symbol))
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *symbol = json_array_get(list, i);
        change(client, (struct slice){json_string_value(symbol), json_string_length(symbol)});
    }
}

static void on_message(void *owner, struct websocket *socket, struct slice text)
{
    struct client *client = owner;
    json_t *message = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    if (message && is_well_formed(message)) {
        apply(client, json_object_get(message, "unsubscribe"), unsubscribe);
        apply(client, json_object_get(message, "subscribe"), subscribe);
    } else {
        metric_add(client->clients->refused, 1);
        log_debug(client->clients->log, component, "closing a connection after a malformed message");
        websocket_close(socket, WEBSOCKET_NO_CODE);
    }
    json_decref(message);
}

// --- Life of a connection ---

static void on_opened(void *owner, struct websocket *socket)
{
    struct clients *clients = owner;
    struct client *client = calloc(1, sizeof *client);
    if (!client) abort();
    char version[8];
    client->clients = clients;
    client->socket = socket;
    client->version2 = websocket_query(socket, "version", version, sizeof version) && !strcmp(version, "2");
    client->next = clients->first;
    if (clients->first) clients->first->previous = client;
    clients->first = client;
    websocket_set_owner(socket, client);
    metric_set(clients->connected, ++clients->count);
    log_debug(clients->log, component, "a client has connected", "version", client->version2 ? "2" : "1");
}

static void on_pong(void *owner, struct websocket *socket)
{
    (void)owner;
    (void)socket;
}

static void on_closed(void *owner, struct websocket *socket, const char *why)
{
    (void)socket;
    struct client *client = owner;
    struct clients *clients = client->clients;
    log_debug(clients->log, component, "a client has left", "reason", why);
    for (uint32_t i = 0; i < client->slot_count; i++)
        if (client->slots[i].instrument != MAP_NONE) subscriber_remove(clients, client->slots[i].instrument, client);
    note_subscriptions(clients, -(int64_t)client->slot_count);
    if (client->previous)
        client->previous->next = client->next;
    else
        clients->first = client->next;
    if (client->next) client->next->previous = client->previous;
    free(client->slots);
    free(client);
    metric_set(clients->connected, --clients->count);
}

const struct websocket_events clients_events = {on_opened, on_message, on_pong, on_closed};

void clients_init(struct clients *clients)
{
    uint32_t count = clients->symbols->count ? clients->symbols->count : 1;
    clients->subscribers = calloc(count, sizeof *clients->subscribers);
    clients->active = calloc(count, sizeof *clients->active);
    clients->active_at = calloc(count, sizeof *clients->active_at);
    if (!clients->subscribers || !clients->active || !clients->active_at) abort();
    struct metric_registry *metrics = clients->metrics;
    clients->connected = metric_gauge(metrics, "fdp_simulator_connections", NULL, "Clients connected to the built-in market");
    clients->subscriptions = metric_gauge(metrics, "fdp_simulator_subscriptions", NULL, "Slots taken, over all connections");
    clients->sent = metric_counter(metrics, "fdp_simulator_frames_total", NULL, "Quotes queued for clients");
    clients->dropped =
        metric_counter(metrics, "fdp_simulator_dropped_frames_total", NULL, "Quotes dropped because a client read too slowly");
    clients->refused = metric_counter(metrics, "fdp_simulator_bad_messages_total", NULL,
                                      "Malformed messages of clients, each of which closed its connection");
}

void clients_fini(struct clients *clients)
{
    for (uint32_t i = 0; i < clients->symbols->count; i++) free(clients->subscribers[i].items);
    free(clients->subscribers);
    free(clients->active);
    free(clients->active_at);
}
