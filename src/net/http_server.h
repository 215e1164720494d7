// SPDX-License-Identifier: Apache-2.0
// A small HTTP/1.1 server on libmicrohttpd: whole requests in, whole replies out, limits on everything.
//
// The path arrives raw: split it first, then decode each segment once (http_path_split does both). Requests are limited in size
// (BUF_MAX_HTTP_REQUEST), header memory, connections and time. Clients that send half a request, or a byte a second of it, shut nobody out:
// a newcomer takes the place of the connection of which nothing has come for longest, and the time limits are for the whole of a request,
// not for its next byte (net/http_connections.h). Handlers run on the server's threads, several at once.
#ifndef FDP_NET_HTTP_SERVER_H
#define FDP_NET_HTTP_SERVER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

struct http_request {
    const char *method; // "GET"; HEAD arrives as GET, its body is left out of the answer
    const char *path;   // raw, without the query, starts with '/'
    const char *query;  // raw, what follows '?'; "" when there is none
    struct slice body;
    bool local;          // the client is on this machine
    struct arena *arena; // of this request
    void *connection;    // for http_header; NULL: a request without headers
};

struct http_reply {
    int status;               // 200 unless set
    const char *content_type; // "application/json" unless set; must outlive the call
    struct buf body;
};

enum {
    HTTP_SERVER_MAX_CONNECTIONS = 512,   // one more, and the one of which nothing has come for longest is closed
    HTTP_SERVER_DESCRIPTORS_PART = 8,    // no more than one in so many of the files that the process may have open
    HTTP_SERVER_HEADER_BYTES = 32 << 10, // of one request, line and headers together
    HTTP_SERVER_REQUEST_SECONDS = 10,    // for a whole request, body included, from the start of the connection or of a later request
    HTTP_SERVER_IDLE_SECONDS = 30,       // for a client to take its answer, and again until its next request begins
    HTTP_SERVER_STOP_MS = 2000,
};

typedef void http_handler_fn(void *context, const struct http_request *request, struct http_reply *reply);

struct http_server;

// Listens on "host:port", "[ipv6]:port" or "*:port" for all addresses (port 0: a free one). FATAL / `code` with advice when the port is in
// use or the host is unknown.
enum status http_server_start(struct http_server **out, const char *listen, http_handler_fn *handler, void *context, enum err_code code,
                              struct err *err) MUST_CHECK;
// "http://127.0.0.1:8081", with the port that was really bound: where clients on this machine reach it.
const char *http_server_url(const struct http_server *server);
// Finishes requests under way (for at most HTTP_SERVER_STOP_MS), then stops. NULL is fine.
void http_server_stop(struct http_server *server);

// The decoded value of a query parameter, "" when it has none, NULL when it is absent.
const char *http_query(const struct http_request *request, const char *name);
const char *http_header(const struct http_request *request, const char *name);

enum { HTTP_PATH_MAX_SEGMENTS = 12 };
// Splits at '/', then percent-decodes each segment; a trailing slash is ignored. Returns the number of segments, or -1 when the path
// has too many, a broken escape or an escaped NUL. Segments live in the request's arena.
int http_path_split(const struct http_request *request, const char *segments[HTTP_PATH_MAX_SEGMENTS]);

#endif
