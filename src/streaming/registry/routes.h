// SPDX-License-Identifier: Apache-2.0
// The registry's HTTP API: a request in, a reply out; needs no socket and no stream.
//
// Replies have Confluent's shapes and error codes. Input is judged leniently: unknown members and parameters are ignored, booleans are
// taken in any case, a trailing slash is fine. A subject is percent-decoded once; one that begins with ':' is a name like any other.
#ifndef FDP_STREAMING_REGISTRY_ROUTES_H
#define FDP_STREAMING_REGISTRY_ROUTES_H

#include "base/metric.h"
#include "net/http_server.h"
#include "streaming/registry/state.h"

enum { REGISTRY_COMMIT_MAX = 64 }; // records that one request may write

// How the router writes, and learns what others have written. For a change: begin, commit any number of times, end; whoever has begun
// keeps the others out. All may answer AGAIN: this registry is not the writer; RETRY: the log does not answer, or nobody knows whether the
// change is in it.
struct registry_writer {
    void *context;
    // Returns when the state has everything that was in the log when it was called.
    enum status (*catch_up)(void *context, struct err *err);
    // Keeps other writers out and lets the state catch up with the log.
    enum status (*begin)(void *context, struct err *err);
    // Makes the records durable, all or none, and returns when the state has applied them. REJECT: too large.
    enum status (*commit)(void *context, const struct registry_record *records, uint32_t count, struct err *err);
    void (*end)(void *context);
};

struct registry_router {
    struct registry_state *state;
    struct registry_writer writer;
};

// Refuses any request: the state cannot be served yet.
void registry_route_unavailable(struct http_reply *reply, const char *why);
void registry_route(struct registry_router *router, const struct http_request *request, struct http_reply *reply);

#endif
