// SPDX-License-Identifier: Apache-2.0
// One connection to Yahoo's stream and the symbols that are subscribed on it: finds the host, connects, subscribes, pings, notices silence,
// and begins again after a failure, with back-off.
//
//   down --due--> resolving --address--> connecting --handshake--> open --lost, silent, refused--> down
#ifndef FDP_INGESTION_YAHOO_CONNECTION_H
#define FDP_INGESTION_YAHOO_CONNECTION_H

#include "base/log.h"
#include "base/metric.h"
#include "ingestion/reconnect.h"
#include "model/config.h"
#include "net/resolver.h"
#include "net/websocket.h"

// What all connections of a feed have in common; outlives them.
struct yahoo_line {
    struct websocket_loop *loop;
    struct websocket_url url;
    const struct config *config; // ingestion.*
    const struct log *log;
    struct metric *reconnects;
    void (*frame)(void *context, struct slice frame); // a message has come
    void (*changed)(void *context);                   // a connection has opened or closed
    void *context;
};

enum yahoo_connection_state { YAHOO_DOWN, YAHOO_RESOLVING, YAHOO_CONNECTING, YAHOO_OPEN };

struct yahoo_symbol {
    char *name;
    bool sent; // subscribed on the present connection
};

struct yahoo_connection {
    const struct yahoo_line *line;
    enum yahoo_connection_state state;
    struct yahoo_symbol *symbols;
    uint32_t symbol_count, symbol_capacity;
    struct websocket *socket;
    struct resolver *resolver;
    struct resolver_addresses addresses; // those from next_address on are still to be tried
    size_t next_address;
    struct reconnect reconnect;
    int64_t due_ns;            // when down: when to try again
    int64_t seen_ns;           // when open: when something last arrived
    int64_t ping_ns;           // when open: when to ping next
    bool opened_before, heard; // heard: something came on the present connection
    char why[256];             // the failure that was logged last; empty: it is up
};

struct yahoo_connection *yahoo_connection_new(const struct yahoo_line *line);
// Says goodbye; its socket lives on in the loop until that is done.
void yahoo_connection_free(struct yahoo_connection *connection);

// Changes of the set; what is open learns of them with yahoo_connection_sync.
void yahoo_connection_add(struct yahoo_connection *connection, const char *symbol);
// Keeps the symbols for which `keep` says so; tells the server about the others.
void yahoo_connection_filter(struct yahoo_connection *connection, bool (*keep)(void *context, const char *symbol), void *context);
void yahoo_connection_sync(struct yahoo_connection *connection);

// Does what is due; returns when it wants its next turn at the latest.
int64_t yahoo_connection_turn(struct yahoo_connection *connection, int64_t now_ns);
// Nobody listened for so long: that was not the server's silence.
void yahoo_connection_excuse(struct yahoo_connection *connection, int64_t ns);
void yahoo_connection_pause(struct yahoo_connection *connection, bool pause);

#endif
