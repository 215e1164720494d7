// SPDX-License-Identifier: Apache-2.0
// Who keeps an HTTP server waiting, and for how long: what keeps many silent or trickling clients from shutting others out.
//
// Bytes do not count, only what comes of them: a connection has a time limit until its request is there whole, and another until its answer
// is taken and the next request begins. When there are too many connections, the one of which nothing has come for longest is closed, so
// that a newcomer is always served. A connection is closed by shutting its socket down: the server then finds it at its end.
// Any thread, but the calls for one connection come one after the other.
#ifndef FDP_NET_HTTP_CONNECTIONS_H
#define FDP_NET_HTTP_CONNECTIONS_H

#include <stdint.h>

struct http_connections;
struct http_connection;

struct http_connections_params {
    unsigned max;       // connections
    int64_t request_ns; // from the beginning of a connection, or of a later request, until the request is whole
    int64_t idle_ns;    // from then on until the answer is taken, and again until the next request begins
};

// NULL when no thread can be started.
struct http_connections *http_connections_new(const struct http_connections_params *params);
// After http_connection_closed of each.
void http_connections_free(struct http_connections *connections);

// The socket must stay open until http_connection_closed.
struct http_connection *http_connection_opened(struct http_connections *connections, int fd);
void http_connection_closed(struct http_connection *connection);
// The first line of a request has come.
void http_connection_begun(struct http_connection *connection);
// The whole request has come: until http_connection_answered it is the server that is waited for.
void http_connection_whole(struct http_connection *connection);
// The answer is made, or was taken: the client is waited for.
void http_connection_answered(struct http_connection *connection);

#endif
