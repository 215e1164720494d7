// SPDX-License-Identifier: Apache-2.0
// WebSocket connections (RFC 6455) of clients and servers, over libwebsockets: whole messages in, whole messages out.
//
// A loop belongs to one thread at a time: every call but websocket_loop_wake comes from it, and all events happen inside
// websocket_loop_run (or websocket_loop_free). Messages in are bounded, fragments are put together; messages out wait in a bounded queue.
// Pings are answered, compression is never agreed to. A socket is the loop's: after its `closed` event the pointer is no longer good.
#ifndef FDP_NET_WEBSOCKET_H
#define FDP_NET_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

struct websocket;
struct websocket_loop;

// What happens to a socket. `owner` is the one given to websocket_connect, or websocket_listen until websocket_set_owner.
struct websocket_events {
    // The handshake is done. Of a server: a new connection; here, and only here, websocket_query can be asked.
    void (*opened)(void *owner, struct websocket *socket);
    // Valid until it returns.
    void (*message)(void *owner, struct websocket *socket, struct slice message);
    // The answer to websocket_ping.
    void (*pong)(void *owner, struct websocket *socket);
    // The last event, once for every socket that websocket_connect has given or `opened` has announced; `why` is for people.
    void (*closed)(void *owner, struct websocket *socket, const char *why);
};

struct websocket_loop_params {
    bool tls_client;              // some connections will be wss://
    const char *ca_file;          // PEM of the authorities to trust instead of the system's; NULL or empty: the system's
    const char *certificate_file; // PEM chain of a server that speaks TLS, with its key; NULL or empty: it speaks plain TCP
    const char *key_file;
    const char *hint;   // where to connect: told to a client whose request is for no WebSocket; read at that moment; NULL: nothing
    size_t message_max; // a longer message closes its connection (1009)
    size_t queue_max;   // bytes that may wait to be sent on one connection
    enum err_code code; // what errors are filed under
};

// FATAL: a file cannot be read, is no PEM, or key and certificate do not belong together.
enum status websocket_loop_new(struct websocket_loop **out, const struct websocket_loop_params *params, struct err *err) MUST_CHECK;
// Says goodbye (1001) to every open connection and closes them, with their events.
void websocket_loop_free(struct websocket_loop *loop);
// One turn: waits until something happens, the deadline passes or somebody wakes it, and handles all that is ready then. With a deadline in
// the past it only handles what is ready.
void websocket_loop_run(struct websocket_loop *loop, int64_t deadline_ns);
// Ends the wait of a run. Any thread.
void websocket_loop_wake(struct websocket_loop *loop);

struct websocket_url {
    bool tls;
    char host[256]; // name or address, without brackets
    uint16_t port;
    char path[2048]; // with the query; at least "/"
};

// Takes ws:// and wss:// apart. FATAL / `code` with what is wrong.
enum status websocket_url_parse(const char *text, struct websocket_url *url, enum err_code code, struct err *err) MUST_CHECK;

// Begins to connect to `address` (numeric) as the host that the URL names; `opened` or `closed` follows. RETRY when it fails at once: then
// there is no socket and no event.
enum status websocket_connect(struct websocket_loop *loop, const struct websocket_url *url, const char *address,
                              const struct websocket_events *events, void *owner, struct websocket **out, struct err *err) MUST_CHECK;

// Accepts connections on "host:port" (port 0: a free one), once per loop; `port` is the one that was bound. FATAL says why not.
enum status websocket_listen(struct websocket_loop *loop, const char *listen, const struct websocket_events *events, void *owner,
                             uint16_t *port, struct err *err) MUST_CHECK;
// How many connections were refused so far: one too many, or another request than for a WebSocket.
uint64_t websocket_refused(const struct websocket_loop *loop);
// The value of a parameter in the query of the request; false when it is absent or longer than `size` allows. Only inside `opened`.
bool websocket_query(struct websocket *socket, const char *name, char *value, size_t size);
void websocket_set_owner(struct websocket *socket, void *owner);

// Queues a text message. False when it does not fit (or the socket is closing): then nothing is queued.
bool websocket_send(struct websocket *socket, struct slice message);
// Takes the oldest message out of the queue; false when none waits.
bool websocket_drop_oldest(struct websocket *socket);
// Bytes in the queue.
size_t websocket_queued(const struct websocket *socket);
// Queues a ping, unless the queue is full.
void websocket_ping(struct websocket *socket);

// Stops reading from the socket (what was read already waits inside), or goes on.
void websocket_pause(struct websocket *socket, bool pause);

enum { WEBSOCKET_NO_CODE = 0, WEBSOCKET_GOING_AWAY = 1001, WEBSOCKET_TOO_BIG = 1009 };
// Sends what is queued and a Close frame with that code (or without one), then closes. No more messages come.
void websocket_close(struct websocket *socket, uint16_t code);
// Drops the connection without a word. No more messages come; `closed` follows in a later run.
void websocket_abort(struct websocket *socket, const char *why);

#endif
