// SPDX-License-Identifier: Apache-2.0
// The monitoring pages.
#include "monitoring/monitor.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/asset.h"
#include "net/http_server.h"

struct monitor {
    struct http_server *server;
    struct metric_registry *metrics;
    struct health *health;
    struct board *board;
    const char *token; // "": nobody has it
};

static void plain(struct http_reply *reply, int status, const char *text)
{
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    buf_append_text(&reply->body, text);
}

static void serve_metrics(struct monitor *self, const struct http_request *request, struct http_reply *reply)
{
    const char *accept = http_header(request, "Accept");
    bool open_metrics = accept && strstr(accept, "application/openmetrics-text");
    reply->content_type =
        open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
    metric_write(self->metrics, open_metrics ? METRIC_OPENMETRICS : METRIC_PROMETHEUS, &reply->body);
}

// The page of web/prices.html, with the rows in the place of its mark.
static void serve_page(struct monitor *self, struct http_reply *reply)
{
    static const char mark[] = "<!--rows-->";
    struct slice page = asset_find("web/prices.html");
    const char *at = memmem(page.data, page.size, mark, sizeof mark - 1);
    size_t head = at ? (size_t)(at - page.data) : page.size;
    reply->content_type = "text/html; charset=utf-8";
    buf_append(&reply->body, page.data, head);
    if (!at) return;
    if (self->board) board_write_html(self->board, &reply->body);
    buf_append(&reply->body, at + sizeof mark - 1, page.size - head - (sizeof mark - 1));
}

// In a time that does not tell how much of it was right.
static bool is_token(const struct monitor *self, const char *given)
{
    size_t size = strlen(self->token);
    return given && size && strlen(given) == size && !CRYPTO_memcmp(given, self->token, size);
}

static bool may_look(const struct monitor *self, const struct http_request *request)
{
    static const char bearer[] = "Bearer ";
    const char *header = http_header(request, "Authorization");
    if (!*self->token) return request->local;
    if (is_token(self, http_query(request, "token"))) return true;
    return header && !strncasecmp(header, bearer, sizeof bearer - 1) && is_token(self, header + sizeof bearer - 1);
}

static void refuse(const struct monitor *self, struct http_reply *reply)
{
    if (*self->token)
        plain(reply, 401, "this wants the token that monitoring.token sets: as \"Authorization: Bearer TOKEN\", or as ?token=TOKEN\n");
    else
        plain(reply, 403, "this is for clients on the machine itself; set monitoring.token to let others see it\n");
}

static void handle(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct monitor *self = context;
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        plain(reply, 405, "only GET is possible here\n");
    } else if (!strcmp(request->path, "/metrics")) {
        serve_metrics(self, request, reply);
    } else if (!strcmp(request->path, "/livez")) {
        bool alive = health_alive(self->health);
        plain(reply, alive ? 200 : 503, alive ? "alive\n" : "the loop of this role has not turned for ten seconds\n");
    } else if (!strcmp(request->path, "/readyz")) {
        reply->status = health_ready(self->health, &reply->body) ? 200 : 503;
        reply->content_type = "text/plain; charset=utf-8";
    } else if ((!strcmp(request->path, "/") || !strncmp(request->path, "/api/", 5)) && !may_look(self, request)) {
        refuse(self, reply);
    } else if (!strcmp(request->path, "/")) {
        serve_page(self, reply);
    } else if (!strcmp(request->path, "/api/v1/prices") && self->board) {
        board_write_json(self->board, &reply->body);
    } else {
        plain(reply, 404,
              self->board ? "there is no such page; there are /, /metrics, /livez, /readyz and /api/v1/prices\n"
                          : "there is no such page; there are /, /metrics, /livez and /readyz\n");
    }
}

enum status monitor_start(struct monitor **out, const struct monitor_params *params, struct err *err)
{
    struct monitor *self = calloc(1, sizeof *self);
    if (!self) abort();
    *self = (struct monitor){.metrics = params->metrics, .health = params->health, .board = params->board, .token = params->token};
    enum status status = http_server_start(&self->server, params->listen, handle, self, ERR_CONFIG, err);
    if (status != OK) {
        free(self);
        return err_context(err, "monitoring.listen");
    }
    *out = self;
    return OK;
}

const char *monitor_url(const struct monitor *self)
{
    return http_server_url(self->server);
}

void monitor_stop(struct monitor *self)
{
    if (!self) return;
    http_server_stop(self->server);
    free(self);
}
