// SPDX-License-Identifier: Apache-2.0
// Listening: our own socket, so that a failure has a reason; accepted connections are handed to libwebsockets.
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "net/websocket_private.h"

enum { BACKLOG = 128, HOST_BYTES = 256 };

// --- Accepting ---

// Out of descriptors: the connection would stay in the backlog and wake us for ever. Take it with the spare one and hang up.
static void refuse_one(struct websocket_loop *loop)
{
    if (loop->spare_fd >= 0) close(loop->spare_fd);
    int fd = accept4(loop->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) close(fd);
    loop->refused++;
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void adopt(struct websocket_loop *loop, int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bool full = loop->sockets >= loop->sockets_max;
    if (full) close(fd);
    // It closes what it cannot take.
    if (full || !lws_adopt_socket_vhost(loop->vhost, fd)) loop->refused++;
}

static void listener_ready(struct websocket_loop *loop)
{
    for (;;) {
        int fd = accept4(loop->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            adopt(loop, fd);
        } else if (errno == EMFILE || errno == ENFILE) {
            refuse_one(loop);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

// --- Requests ---

int websocket_refuse(struct lws *wsi)
{
    struct websocket_loop *loop = lws_context_user(lws_get_context(wsi));
    char text[512], reply[LWS_PRE + 1024];
    int size = snprintf(text, sizeof text, "this is a WebSocket port%s%.400s\n", *loop->hint ? ": " : "", loop->hint);
    bool head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    int total =
        snprintf(reply + LWS_PRE, sizeof reply - LWS_PRE,
                 "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade, close\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
                 size, head ? "" : text);
    loop->refused++;
    lws_write(wsi, (unsigned char *)reply + LWS_PRE, (size_t)total, LWS_WRITE_HTTP);
    return -1;
}

int websocket_check_upgrade(struct lws *wsi, const char *protocol)
{
    enum { KEY_BYTES = 24 };
    char version[8];
    // The library takes any version and key, and goes silent without them.
    bool good = !strcasecmp(protocol, "websocket") && lws_hdr_total_length(wsi, WSI_TOKEN_KEY) == KEY_BYTES &&
                lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_VERSION) > 0 && !strcmp(version, "13");
    return good ? 0 : websocket_refuse(wsi);
}

// --- Listening ---

// Splits "host:port"; the host may be empty (all addresses) or an IPv6 address in brackets.
static bool split(const char *listen, char host[HOST_BYTES], const char **port)
{
    const char *colon = strrchr(listen, ':');
    if (!colon || colon - listen >= HOST_BYTES) return false;
    bool brackets = listen[0] == '[' && colon > listen && colon[-1] == ']';
    snprintf(host, HOST_BYTES, "%.*s", (int)(colon - listen - (brackets ? 2 : 0)), listen + (brackets ? 1 : 0));
    *port = colon + 1;
    int64_t number;
    return text_to_int64(slice_of(*port), &number) && number >= 0 && number <= UINT16_MAX;
}

static enum status bind_one(const struct addrinfo *address, const char *text, enum err_code code, int *fd, struct err *err)
{
    int on = 1;
    *fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0) return err_set(err, FATAL, code, "cannot make a socket for %s: %s", text, strerror(errno));
    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!bind(*fd, address->ai_addr, address->ai_addrlen) && !listen(*fd, BACKLOG)) return OK;
    int error = errno;
    close(*fd);
    return err_set(err, FATAL, code, "cannot listen on %s: %s%s", text, strerror(error),
                   error == EADDRINUSE ? "; stop the program that has the port (ss -ltnp shows which)" : "");
}

static enum status open_listener(const char *text, enum err_code code, int *fd, struct err *err)
{
    char host[HOST_BYTES];
    const char *port;
    if (!split(text, host, &port))
        return err_set(err, FATAL, code, "\"%.200s\" is no address to listen on; it wants HOST:PORT, such as 127.0.0.1:8082", text);
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *addresses;
    int failed = getaddrinfo(*host ? host : NULL, port, &hints, &addresses);
    if (failed) return err_set(err, FATAL, code, "cannot listen on %s: the host is not known here (%s)", text, gai_strerror(failed));
    enum status status = bind_one(addresses, text, code, fd, err);
    freeaddrinfo(addresses);
    return status;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size)) return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port : ((struct sockaddr_in *)&address)->sin_port);
}

enum status websocket_listen(struct websocket_loop *loop, const char *listen, const struct websocket_events *events, void *owner,
                             uint16_t *port, struct err *err)
{
    TRY(open_listener(listen, loop->code, &loop->listen_fd, err));
    *port = bound_port(loop->listen_fd);
    loop->events = events;
    loop->owner = owner;
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!websocket_watch(loop, &loop->listener, loop->listen_fd, listener_ready))
        return err_set(err, FATAL, loop->code, "cannot listen on %s: out of descriptors", listen);
    return OK;
}

uint64_t websocket_refused(const struct websocket_loop *loop)
{
    return loop->refused;
}

bool websocket_query(struct websocket *socket, const char *name, char *value, size_t size)
{
    char pair[512];
    size_t length = strlen(name);
    for (int i = 0; lws_hdr_copy_fragment(socket->wsi, pair, sizeof pair, WSI_TOKEN_HTTP_URI_ARGS, i) >= 0; i++) {
        if (strncmp(pair, name, length) != 0 || pair[length] != '=') continue;
        return snprintf(value, size, "%s", pair + length + 1) < (int)size;
    }
    return false;
}
