// SPDX-License-Identifier: Apache-2.0
// The registry as a server: the reader of _schemas, its writer and the election of it, the routes, and HTTP around them.
//
// It listens before it knows anything, so that the probes answer while it waits for the stream.
#include "streaming/registry/server.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "streaming/registry/routes.h"
#include "streaming/registry/writer.h"

enum { START_STEP_MS = 10000 }; // how long the start waits for each step of the replay

struct registry_server {
    struct registry_server_params params;
    struct registry_state *state;
    struct registry_follower *follower;
    struct registry_log_writer *writer;
    struct registry_election *election; // NULL where everybody may write, and where nobody may
    struct registry_router router;
    struct http_server *http;
    struct metric *requests[6], *latency; // NULL without metrics
};

// --- Serving

static void plain(struct http_reply *reply, int status, const char *text)
{
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    buf_append_text(&reply->body, text);
    buf_append_byte(&reply->body, '\n');
}

static void serve_alive(struct registry_server *server, struct http_reply *reply)
{
    bool alive = registry_follower_alive(server->follower);
    plain(reply, alive ? 200 : 503, alive ? "alive" : "the loop of the registry has not turned for a minute");
}

static void serve_ready(struct registry_server *server, struct http_reply *reply)
{
    struct err err;
    bool ready = registry_follower_ready(server->follower, &err) == OK;
    plain(reply, ready ? 200 : 503, ready ? "ready" : err.text);
}

static void serve_metrics(struct registry_server *server, const struct http_request *request, struct http_reply *reply)
{
    const char *accept = http_header(request, "Accept");
    bool open_metrics = accept && strstr(accept, "application/openmetrics-text");
    reply->content_type =
        open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
    struct metric_registry *metrics = server->params.metrics;
    if (metrics) metric_write(metrics, open_metrics ? METRIC_OPENMETRICS : METRIC_PROMETHEUS, &reply->body);
}

static void serve_api(struct registry_server *server, const struct http_request *request, struct http_reply *reply)
{
    struct err err;
    int64_t started = clock_mono_ns();
    if (registry_follower_replayed(server->follower, &err) == OK)
        registry_route(&server->router, request, reply);
    else
        registry_route_unavailable(reply, err.text);
    if (!server->params.metrics) return;
    metric_add(server->requests[reply->status / 100 % 6], 1);
    metric_observe_ns(server->latency, clock_mono_ns() - started);
}

static void handle(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct registry_server *server = context;
    bool get = !strcmp(request->method, "GET");
    if (get && !strcmp(request->path, "/livez"))
        serve_alive(server, reply);
    else if (get && !strcmp(request->path, "/readyz"))
        serve_ready(server, reply);
    else if (get && !strcmp(request->path, "/metrics"))
        serve_metrics(server, request, reply);
    else
        serve_api(server, request, reply);
}

// --- Starting and stopping

static void make_metrics(struct registry_server *server)
{
    struct metric_registry *metrics = server->params.metrics;
    if (!metrics) return;
    for (int i = 0; i < 6; i++) {
        char labels[16];
        snprintf(labels, sizeof labels, "code=\"%dxx\"", i);
        if (i >= 2 && i != 3)
            server->requests[i] =
                metric_counter(metrics, "fdp_registry_requests_total", labels, "Requests to the schema registry by outcome");
    }
    server->requests[0] = server->requests[1] = server->requests[3] = server->requests[5];
    server->latency = metric_histogram(metrics, "fdp_registry_request_seconds", NULL, "Time to answer a request to the schema registry");
}

static void take_turn(void *context)
{
    struct registry_server *server = context;
    registry_log_writer_take_turn(server->writer);
}

static enum status start_election(struct registry_server *server, registry_open_fn *open, struct err *err)
{
    struct registry_election_params params = {
        .config = server->params.config,
        .log = server->params.log,
        .metrics = server->params.metrics,
        .open = open,
        .follower = server->follower,
        .leading = take_turn,
        .context = server,
    };
    TRY(registry_election_start(&server->election, &params, err));
    registry_log_writer_follow_election(server->writer, server->election);
    return OK;
}

static enum status start_parts(struct registry_server *server, registry_open_fn *open, struct err *err)
{
    const struct registry_server_params *params = &server->params;
    struct registry_follower_params follower = {
        .config = params->config,
        .log = params->log,
        .metrics = params->metrics,
        .state = server->state,
        .open = open,
        .read_only = params->read_only,
    };
    TRY(registry_follower_start(&server->follower, &follower, err));
    struct registry_log_writer_params writer = {
        .config = params->config,
        .log = params->log,
        .metrics = params->metrics,
        .open = open,
        .state = server->state,
        .follower = server->follower,
        .read_only = params->read_only,
    };
    TRY(registry_log_writer_new(&server->writer, &writer, err));
    server->router = (struct registry_router){server->state, registry_log_writer_calls(server->writer)};
    return OK;
}

static enum status start(struct registry_server *server, registry_open_fn *open, struct err *err)
{
    TRY(start_parts(server, open, err));
    const char *listen = server->params.config->streaming.registry.listen;
    if (http_server_start(&server->http, listen, handle, server, ERR_REGISTRY, err) != OK)
        return err_context(err, "streaming.registry.listen");
    enum status status = registry_follower_wait(server->follower, START_STEP_MS, err);
    // A role goes on trying in the background; a tool wants its answer now.
    if (status == FATAL || (status != OK && server->params.read_only)) return status;
    bool candidate = !server->params.read_only && registry_follower_shares(server->follower);
    return candidate ? start_election(server, open, err) : OK;
}

enum status registry_server_start_on(struct registry_server **out, const struct registry_server_params *params, registry_open_fn *open,
                                     struct err *err)
{
    struct registry_server *server = memory_new(1, sizeof *server);
    server->params = *params;
    server->state = registry_state_new();
    make_metrics(server);
    enum status status = start(server, open, err);
    if (status == OK)
        *out = server;
    else
        registry_server_stop(server);
    return status;
}

enum status registry_server_start(struct registry_server **out, const struct registry_server_params *params, struct err *err)
{
    return registry_server_start_on(out, params, stream_open, err);
}

const char *registry_server_url(const struct registry_server *server)
{
    return http_server_url(server->http);
}

bool registry_server_ready(const struct registry_server *server, const char **why)
{
    struct err err;
    enum status status = registry_follower_ready(server->follower, &err);
    *why = status == OK    ? ""
         : status == FATAL ? "cannot follow " REGISTRY_TOPIC " any more; its own /readyz and the log say why"
                           : "waits for the stream; its own /readyz says more";
    return status == OK;
}

void registry_server_stop(struct registry_server *server)
{
    if (!server) return;
    if (server->follower) registry_follower_halt(server->follower); // nobody waits for it any more
    http_server_stop(server->http);
    registry_election_stop(server->election);
    registry_log_writer_free(server->writer);
    registry_follower_free(server->follower);
    registry_state_free(server->state);
    free(server);
}
