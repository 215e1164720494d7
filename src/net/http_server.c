// SPDX-License-Identifier: Apache-2.0
// HTTP server: libmicrohttpd with its own few threads, one listening socket of ours, and limits.
#include "net/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"
#include "net/descriptors.h"
#include "net/http_connections.h"

enum {
    THREADS = 4,
    THREAD_STACK_BYTES = 2 << 20,
    BACKLOG = 511,
};

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_connections *connections;
    int fd;
    http_handler_fn *handler;
    void *context;
    char url[NI_MAXHOST + 32];
    pthread_mutex_t mutex; // guards under_way
    pthread_cond_t idle;
    unsigned under_way; // requests whose answer has not been sent
};

// One request, from its first line until its answer was sent or its connection lost.
struct exchange {
    struct http_server *server;
    struct arena arena;
    const char *query;
    struct buf body;
    size_t dropped; // bytes of a body that is too large
    bool begun;
};

// --- requests

const char *http_header(const struct http_request *request, const char *name)
{
    return request->connection ? MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name) : NULL;
}

static struct http_connection *connection_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void connection_notify(void *context, struct MHD_Connection *connection, void **state, enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *state =
            http_connection_opened(server->connections, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    else
        http_connection_closed(*state);
}

// Paths and queries stay as they came.
static size_t leave_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strlen(text);
}

static bool is_local(struct MHD_Connection *connection)
{
    const struct sockaddr *client = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    if (client->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)client)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    const struct in6_addr *address = &((const struct sockaddr_in6 *)(const void *)client)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(address) || (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == IN_LOOPBACKNET);
}

// The first that is heard of a request; what it returns travels with the request.
static void *exchange_begin(void *context, const char *uri, struct MHD_Connection *connection)
{
    http_connection_begun(connection_of(connection));
    struct http_server *server = context;
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) abort();
    exchange->server = server;
    arena_init(&exchange->arena, 4096);
    buf_init(&exchange->body, BUF_MAX_HTTP_REQUEST);
    const char *query = strchr(uri, '?');
    exchange->query = query ? arena_copy(&exchange->arena, query + 1, strlen(query + 1)) : "";
    pthread_mutex_lock(&server->mutex);
    server->under_way++;
    pthread_mutex_unlock(&server->mutex);
    return exchange;
}

static void exchange_end(void *context, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code)
{
    (void)code;
    struct http_server *server = context;
    struct exchange *exchange = *request;
    if (!exchange) return;
    *request = NULL;
    http_connection_answered(connection_of(connection));
    arena_fini(&exchange->arena);
    buf_fini(&exchange->body);
    free(exchange);
    pthread_mutex_lock(&server->mutex);
    if (!--server->under_way) pthread_cond_signal(&server->idle);
    pthread_mutex_unlock(&server->mutex);
}

// Hands the body over to libmicrohttpd.
static enum MHD_Result answer(struct MHD_Connection *connection, struct http_reply *reply)
{
    if (reply->body.full) {
        buf_reset(&reply->body);
        buf_append_text(&reply->body, "{\"error_code\":500,\"message\":\"The answer is too large\"}");
        reply->status = 500;
        reply->content_type = "application/json";
    }
    // Without a byte there is no memory to hand over.
    bool empty = !reply->body.size;
    struct MHD_Response *response = MHD_create_response_from_buffer(reply->body.size, empty ? NULL : reply->body.data,
                                                                    empty ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    if (empty || !response) buf_fini(&reply->body);
    if (!response) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", reply->content_type);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

static void reply_init(struct http_reply *reply)
{
    *reply = (struct http_reply){.status = 200, .content_type = "application/json"};
    buf_init(&reply->body, BUF_MAX_HTTP_REPLY);
}

static enum MHD_Result answer_too_large(struct MHD_Connection *connection)
{
    struct http_reply reply;
    reply_init(&reply);
    reply.status = 413;
    buf_printf(&reply.body, "{\"error_code\":413,\"message\":\"The request is larger than %d bytes\"}", BUF_MAX_HTTP_REQUEST);
    return answer(connection, &reply);
}

// A body that says its size is refused before it is read.
static bool announces_too_much(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    int64_t bytes;
    return length && text_to_int64(slice_of(length), &bytes) && bytes > BUF_MAX_HTTP_REQUEST;
}

// Called once at the headers, then with pieces of the body, then once without a piece.
static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
                             const char *upload, size_t *upload_bytes, void **request_state)
{
    (void)version;
    struct http_server *server = context;
    struct exchange *exchange = *request_state;
    if (!exchange->begun) {
        exchange->begun = true;
        return announces_too_much(connection) ? answer_too_large(connection) : MHD_YES;
    }
    if (*upload_bytes) {
        buf_append(&exchange->body, upload, *upload_bytes);
        if (exchange->body.full) exchange->dropped += *upload_bytes;
        *upload_bytes = 0;
        // A little more is read, so that the sender gets to hear why; an endless body is cut off.
        return exchange->dropped > BUF_MAX_HTTP_REQUEST ? MHD_NO : MHD_YES;
    }
    if (exchange->body.full) return answer_too_large(connection);
    struct http_request request = {.method = strcmp(method, "HEAD") ? method : "GET",
                                   .path = path,
                                   .query = exchange->query,
                                   .body = buf_slice(&exchange->body),
                                   .local = is_local(connection),
                                   .arena = &exchange->arena,
                                   .connection = connection};
    struct http_reply reply;
    reply_init(&reply);
    http_connection_whole(connection_of(connection));
    server->handler(server->context, &request, &reply);
    http_connection_answered(connection_of(connection));
    return answer(connection, &reply);
}

// --- listening

// Takes "host:port" apart; host is empty for all addresses.
static enum status parse_listen(const char *listen_on, char host[NI_MAXHOST], char port[8], enum err_code code, struct err *err)
{
    const char *colon = strrchr(listen_on, ':'), *end = colon;
    int64_t number;
    if (!colon || !text_to_int64(slice_of(colon + 1), &number) || number < 0 || number > 65535)
        return err_set(err, FATAL, code, "cannot listen on \"%s\": write host:port, such as 127.0.0.1:8080", listen_on);
    const char *start = listen_on;
    if (*start == '[' && end > start + 1 && end[-1] == ']') start++, end--;
    if ((size_t)(end - start) >= NI_MAXHOST)
        return err_set(err, FATAL, code, "cannot listen on \"%.80s...\": the host is too long", listen_on);
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    if (!strcmp(host, "*")) host[0] = '\0';
    snprintf(port, 8, "%d", (int)number);
    return OK;
}

static int bind_to(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (!bind(fd, address->ai_addr, address->ai_addrlen) && !listen(fd, BACKLOG)) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void remember_url(struct http_server *server)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char host[NI_MAXHOST] = "127.0.0.1", port[NI_MAXSERV] = "0";
    if (!getsockname(server->fd, (struct sockaddr *)&bound, &size))
        getnameinfo((struct sockaddr *)&bound, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    // The address that means "all" is none that a client can go to.
    if (!strcmp(host, "0.0.0.0")) snprintf(host, sizeof host, "127.0.0.1");
    if (!strcmp(host, "::")) snprintf(host, sizeof host, "::1");
    bool v6 = strchr(host, ':') != NULL;
    snprintf(server->url, sizeof server->url, "http://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static enum status listen_on_address(struct http_server *server, const char *listen_on, enum err_code code, struct err *err)
{
    char host[NI_MAXHOST], port[8];
    TRY(parse_listen(listen_on, host, port, code, err));
    struct addrinfo hints = {.ai_family = *host ? AF_UNSPEC : AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found;
    int rc = getaddrinfo(*host ? host : NULL, port, &hints, &found);
    if (rc)
        return err_set(err, FATAL, code, "cannot listen on %s: the host \"%s\" is unknown (%s); use an address of this machine", listen_on,
                       host, gai_strerror(rc));
    server->fd = -1;
    for (const struct addrinfo *address = found; address && server->fd < 0; address = address->ai_next) server->fd = bind_to(address);
    int why = errno;
    freeaddrinfo(found);
    if (server->fd >= 0) return OK;
    switch (why) {
    case EADDRINUSE:
        return err_set(
            err, FATAL, code,
            "cannot listen on %s: the port is in use; stop the program that has it (ss -ltnp shows which), or choose another, 0 for any",
            listen_on);
    case EADDRNOTAVAIL: return err_set(err, FATAL, code, "cannot listen on %s: that is no address of this machine", listen_on);
    case EACCES: return err_set(err, FATAL, code, "cannot listen on %s: not permitted; choose a port above 1023", listen_on);
    default: return err_set(err, FATAL, code, "cannot listen on %s: %s", listen_on, strerror(why));
    }
}

static void server_free(struct http_server *server)
{
    http_connections_free(server->connections);
    if (server->fd >= 0) close(server->fd);
    pthread_cond_destroy(&server->idle);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

static enum status start_daemon(struct http_server *server, const char *listen_on, enum err_code code, struct err *err)
{
    const struct http_connections_params limits = {descriptors_share(HTTP_SERVER_MAX_CONNECTIONS, HTTP_SERVER_DESCRIPTORS_PART),
                                                   HTTP_SERVER_REQUEST_SECONDS * SECOND_NS, HTTP_SERVER_IDLE_SECONDS * SECOND_NS};
    // libmicrohttpd divides its limit among its threads and stops accepting at it. Ours is in force before: any thread can hold all of our
    // connections, and those that were shut down and wait to be cleaned up.
    unsigned library_limit = THREADS * 2 * limits.max;
    server->connections = http_connections_new(&limits);
    if (server->connections)
        server->daemon = MHD_start_daemon(
            MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, serve, server, MHD_OPTION_LISTEN_SOCKET, server->fd,
            MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS, MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK_BYTES,
            MHD_OPTION_CONNECTION_LIMIT, library_limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_SERVER_HEADER_BYTES,
            MHD_OPTION_NOTIFY_CONNECTION, connection_notify, server, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, server,
            MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, exchange_end, server, MHD_OPTION_END);
    if (server->daemon) return OK;
    // The library leaves no errno that would tell which.
    return err_set(err, FATAL, code,
                   "cannot serve HTTP on %s: too many open files or threads, or no memory; raise the limits (ulimit -n, ulimit -u)",
                   listen_on);
}

enum status http_server_start(struct http_server **out, const char *listen_on, http_handler_fn *handler, void *context, enum err_code code,
                              struct err *err)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) abort();
    *server = (struct http_server){.fd = -1, .handler = handler, .context = context};
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->idle, NULL);
    enum status status = listen_on_address(server, listen_on, code, err);
    if (status == OK) {
        remember_url(server);
        status = start_daemon(server, listen_on, code, err);
    }
    if (status != OK) {
        server_free(server);
        return status;
    }
    *out = server;
    return OK;
}

const char *http_server_url(const struct http_server *server)
{
    return server->url;
}

void http_server_stop(struct http_server *server)
{
    if (!server) return;
    MHD_quiesce_daemon(server->daemon); // no new connections; our socket stays ours
    int64_t deadline_ns = clock_deadline_ms(HTTP_SERVER_STOP_MS);
    pthread_mutex_lock(&server->mutex);
    while (server->under_way && wait_condition(&server->idle, &server->mutex, deadline_ns)) continue;
    pthread_mutex_unlock(&server->mutex);
    MHD_stop_daemon(server->daemon);
    server_free(server);
}
