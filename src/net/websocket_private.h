// SPDX-License-Identifier: Apache-2.0
// What the files of the WebSocket layer share among themselves.
#ifndef FDP_NET_WEBSOCKET_PRIVATE_H
#define FDP_NET_WEBSOCKET_PRIVATE_H

#include <libwebsockets.h>

#include "base/buf.h"
#include "net/websocket.h"
#include "net/websocket_queue.h"

enum {
    WEBSOCKET_WHY_BYTES = 256,
    WEBSOCKET_CONNECT_SECONDS = 10, // for the TCP connection, and again for TLS and the handshake
    WEBSOCKET_CLOSE_SECONDS = 5,    // for the far end to take what is queued
    WEBSOCKET_SOCKETS_MAX = 4096,   // connections of one loop
    WEBSOCKET_DESCRIPTORS_PART = 2, // no more than one in so many of the files that the process may have open
    WEBSOCKET_IO_BYTES = 64 << 10,  // read and written at a time
};

enum websocket_state { WEBSOCKET_CONNECTING, WEBSOCKET_OPEN, WEBSOCKET_CLOSING };

struct websocket {
    struct websocket *next, *previous; // in the loop's list
    struct websocket_loop *loop;
    struct lws *wsi; // libwebsockets' connection
    const struct websocket_events *events;
    void *owner;
    enum websocket_state state;
    bool client;
    struct buf partial; // fragments of a message that is not whole yet
    struct websocket_queue queue;
    char why[WEBSOCKET_WHY_BYTES]; // first reason for closing
};

// A file descriptor of ours that the loop waits for.
struct websocket_watch {
    void (*ready)(struct websocket_loop *loop);
    struct websocket_loop *loop;
};

struct websocket_loop {
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct ssl_ctx_st *client_context; // NULL without TLS
    size_t message_max, queue_max;
    enum err_code code;
    bool tls_client;
    struct websocket *first;
    uint32_t sockets, sockets_max;
    struct websocket_watch timer, listener;
    int timer_fd, listen_fd, spare_fd;     // spare: given up for a moment when no descriptor is left to accept with
    int64_t armed_ns;                      // what the timer is set to; 0: not
    const struct websocket_events *events; // of the server
    void *owner;
    const char *hint;
    uint64_t refused;
};

struct websocket *websocket_new(struct websocket_loop *loop, const struct websocket_events *events, void *owner, bool client);
// Ends a socket: the event, if it was announced, and its memory.
void websocket_finish(struct websocket *socket, bool announce);
// Notes why, if nobody has yet.
void websocket_set_why(struct websocket *socket, const char *format, ...) PRINTF_LIKE(2, 3);

// Waits for a descriptor to become readable; the loop closes it. False when the loop is full.
bool websocket_watch(struct websocket_loop *loop, struct websocket_watch *watch, int fd, void (*ready)(struct websocket_loop *loop));

// Answers a request to the server that is none for a WebSocket. Returns -1: the connection is to be closed.
int websocket_refuse(struct lws *wsi);
// 0 when a request to change to `protocol` is one that the server takes; else it is answered as above.
int websocket_check_upgrade(struct lws *wsi, const char *protocol);

// What clients trust. One that is not used trusts nobody.
enum status websocket_client_context(struct ssl_ctx_st **out, bool used, const char *ca_file, enum err_code code,
                                     struct err *err) MUST_CHECK;
void websocket_client_context_free(struct ssl_ctx_st *context);
// Checks the files that libwebsockets would refuse without saying why.
enum status websocket_check_certificate(const char *certificate_file, const char *key_file, enum err_code code, struct err *err) MUST_CHECK;

#endif
