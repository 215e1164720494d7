// SPDX-License-Identifier: Apache-2.0
// Connecting.
#include <errno.h>
#include <stdio.h>

#include "net/websocket_private.h"

static bool default_port(const struct websocket_url *url)
{
    return url->port == (url->tls ? 443 : 80);
}

enum status websocket_connect(struct websocket_loop *loop, const struct websocket_url *url, const char *address,
                              const struct websocket_events *events, void *owner, struct websocket **out, struct err *err)
{
    if (url->tls && !loop->tls_client) return err_set(err, FATAL, loop->code, "this loop was made without TLS");
    bool numeric_v6 = strchr(url->host, ':') != NULL;
    char host[sizeof url->host + 16];
    int length = snprintf(host, sizeof host, numeric_v6 ? "[%s]" : "%s", url->host);
    if (!default_port(url)) snprintf(host + length, sizeof host - (size_t)length, ":%u", url->port);

    struct websocket *socket = websocket_new(loop, events, owner, true);
    struct lws_client_connect_info info = {
        .context = loop->context,
        .vhost = loop->vhost,
        .address = address,
        .port = url->port,
        .path = url->path,
        .host = host,
        .ssl_connection = (url->tls ? LCCSCF_USE_SSL : 0) | LCCSCF_HTTP_NO_FOLLOW_REDIRECT,
        .local_protocol_name = "fdp",
        .alpn = "http/1.1",
        .opaque_user_data = socket,
        .pwsi = &socket->wsi,
    };
    errno = 0;
    if (!lws_client_connect_via_info(&info)) {
        int error = errno;
        socket->wsi = NULL; // gone already
        websocket_finish(socket, false);
        return err_set(err, RETRY, loop->code, "cannot connect to %s port %u: %s", address, url->port,
                       error ? strerror(error) : "out of descriptors or memory");
    }
    *out = socket;
    return OK;
}
