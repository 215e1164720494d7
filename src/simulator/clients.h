// SPDX-License-Identifier: Apache-2.0
// Who is connected to the market and what each has subscribed to, by Yahoo's rules.
//
// {"subscribe":[...]} and {"unsubscribe":[...]} change the set of a connection and are never acknowledged. A new symbol's last quote is
// sent at once. With the cap, a connection has 100 slots, first come first served: what is past them is ignored without a word, unknown
// symbols take one too, unsubscribing frees it. Any other message ends the connection with a Close frame that has no code. One thread.
#ifndef FDP_SIMULATOR_CLIENTS_H
#define FDP_SIMULATOR_CLIENTS_H

#include "base/log.h"
#include "base/map.h"
#include "base/metric.h"
#include "net/websocket.h"
#include "simulator/frame.h"

enum {
    CLIENT_SLOTS_CAPPED = 100,
    CLIENT_SLOTS_MAX = 1000000,
    CLIENT_MESSAGE_MAX = 256 << 10,
    CLIENT_QUEUE_MAX = 4 << 20,    // bytes that may wait for one client ...
    CLIENT_QUEUE_MIN = 32 << 10,   // ... down to this, so that many clients that do not read ...
    CLIENTS_QUEUE_TOTAL = 64 << 20 // ... share this
};

struct client;

// The clients that want an instrument.
struct subscribers {
    struct client **items;
    uint32_t count, capacity;
};

struct clients {
    // Set by the owner before clients_init.
    const struct map *symbols; // numbers of the instruments
    uint32_t slots;            // per connection
    // The last quote of an instrument; false when it has none yet.
    bool (*snapshot)(void *context, uint32_t instrument, struct frame *frame);
    void *context;
    const struct log *log;
    struct metric_registry *metrics;

    struct client *first;
    uint32_t count;
    bool slow_said;                  // the log has it; after that only the metric counts
    struct subscribers *subscribers; // by instrument
    uint32_t *active, active_count;  // the instruments that somebody wants, in an order that mixes classes
    uint32_t *active_at;             // place of each instrument there
    uint64_t random;
    struct metric *connected, *subscriptions, *sent, *dropped, *refused;
    uint64_t subscribed;
};

void clients_init(struct clients *clients);
// After all sockets are closed.
void clients_fini(struct clients *clients);

// For websocket_listen, with the struct clients as owner.
extern const struct websocket_events clients_events;

// Sends a quote to everyone who wants it. A client that does not read fast enough loses its oldest ones.
void clients_send(struct clients *clients, uint32_t instrument, const struct frame *frame);
// True while some client has much to read: whoever can wait should.
bool clients_are_behind(const struct clients *clients);

#endif
