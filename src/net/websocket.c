// SPDX-License-Identifier: Apache-2.0
// The event loop and the life of a connection: libwebsockets' callbacks on one side, struct websocket_events on the other.
//
// Two of its ways shape this file. lws_service ignores its timeout and its timers are rounded to milliseconds with a busy wait, so a
// timerfd carries the deadline. And it writes one frame per system call, so we lay out frames ourselves (net/websocket_queue.h) and hand it
// runs of whole frames as LWS_WRITE_HTTP, which passes bytes through as they are.
#include "net/websocket.h"

#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/descriptors.h"
#include "net/websocket_private.h"

// --- Sockets ---

struct websocket *websocket_new(struct websocket_loop *loop, const struct websocket_events *events, void *owner, bool client)
{
    struct websocket *socket = calloc(1, sizeof *socket);
    if (!socket) abort();
    socket->loop = loop;
    socket->events = events;
    socket->owner = owner;
    socket->client = client;
    buf_init(&socket->partial, loop->message_max);
    websocket_queue_init(&socket->queue, loop->queue_max);
    socket->next = loop->first;
    if (loop->first) loop->first->previous = socket;
    loop->first = socket;
    loop->sockets++;
    return socket;
}

void websocket_finish(struct websocket *socket, bool announce)
{
    if (socket->wsi) lws_set_opaque_user_data(socket->wsi, NULL);
    if (announce) socket->events->closed(socket->owner, socket, *socket->why ? socket->why : "the connection was lost");
    if (socket->previous)
        socket->previous->next = socket->next;
    else
        socket->loop->first = socket->next;
    if (socket->next) socket->next->previous = socket->previous;
    socket->loop->sockets--;
    buf_fini(&socket->partial);
    websocket_queue_fini(&socket->queue);
    free(socket);
}

void websocket_set_why(struct websocket *socket, const char *format, ...)
{
    if (*socket->why) return;
    va_list args;
    va_start(args, format);
    vsnprintf(socket->why, sizeof socket->why, format, args);
    va_end(args);
}

void websocket_set_owner(struct websocket *socket, void *owner)
{
    socket->owner = owner;
}

bool websocket_send(struct websocket *socket, struct slice message)
{
    if (socket->state == WEBSOCKET_CLOSING) return false;
    bool was_empty = !websocket_queue_bytes(&socket->queue);
    if (!websocket_queue_add(&socket->queue, WEBSOCKET_TEXT, message, socket->client)) return false;
    if (was_empty && socket->state == WEBSOCKET_OPEN) lws_callback_on_writable(socket->wsi);
    return true;
}

bool websocket_drop_oldest(struct websocket *socket)
{
    return socket->state == WEBSOCKET_OPEN && websocket_queue_drop(&socket->queue);
}

size_t websocket_queued(const struct websocket *socket)
{
    return websocket_queue_bytes(&socket->queue);
}

void websocket_ping(struct websocket *socket)
{
    if (socket->state != WEBSOCKET_OPEN) return;
    if (websocket_queue_add(&socket->queue, WEBSOCKET_PING, SLICE("fdp"), socket->client)) lws_callback_on_writable(socket->wsi);
}

void websocket_pause(struct websocket *socket, bool pause)
{
    if (socket->state != WEBSOCKET_CONNECTING) lws_rx_flow_control(socket->wsi, !pause);
}

void websocket_close(struct websocket *socket, uint16_t code)
{
    if (socket->state != WEBSOCKET_OPEN) return;
    websocket_set_why(socket, "closed from this side");
    socket->state = WEBSOCKET_CLOSING;
    char bytes[] = {(char)(code >> 8), (char)code};
    struct slice payload = {bytes, code == WEBSOCKET_NO_CODE ? 0 : sizeof bytes};
    if (!websocket_queue_add(&socket->queue, WEBSOCKET_CLOSE_FRAME, payload, socket->client)) {
        // Full of what the far end does not read.
        websocket_queue_clear(&socket->queue);
        if (!websocket_queue_add(&socket->queue, WEBSOCKET_CLOSE_FRAME, payload, socket->client)) abort();
    }
    lws_set_timeout(socket->wsi, PENDING_TIMEOUT_USER_REASON_BASE, WEBSOCKET_CLOSE_SECONDS);
    lws_callback_on_writable(socket->wsi);
}

void websocket_abort(struct websocket *socket, const char *why)
{
    websocket_set_why(socket, "%s", why);
    socket->state = WEBSOCKET_CLOSING;
    lws_set_timeout(socket->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

// --- What libwebsockets reports; a value other than 0 closes the connection ---

static int on_client_open(struct lws *wsi, struct websocket *socket)
{
    (void)wsi;
    if (socket->state != WEBSOCKET_CONNECTING) return -1; // aborted in the meantime
    socket->state = WEBSOCKET_OPEN;
    socket->events->opened(socket->owner, socket);
    return 0;
}

static int on_server_open(struct lws *wsi)
{
    struct websocket_loop *loop = lws_context_user(lws_get_context(wsi));
    if (!loop->events) return -1;
    struct websocket *socket = websocket_new(loop, loop->events, loop->owner, false);
    socket->wsi = wsi;
    socket->state = WEBSOCKET_OPEN;
    lws_set_opaque_user_data(wsi, socket);
    socket->events->opened(socket->owner, socket);
    return 0;
}

static int too_big(struct websocket *socket)
{
    websocket_set_why(socket, "a message of more than %zu bytes arrived", socket->loop->message_max);
    websocket_close(socket, WEBSOCKET_TOO_BIG);
    return 0;
}

static int on_receive(struct lws *wsi, struct websocket *socket, const char *data, size_t size)
{
    if (socket->state != WEBSOCKET_OPEN) return 0;
    bool whole = lws_is_final_fragment(wsi) != 0;
    if (lws_is_first_fragment(wsi)) buf_reset(&socket->partial);
    if (whole && socket->partial.size == 0) {
        if (size > socket->loop->message_max) return too_big(socket);
        socket->events->message(socket->owner, socket, (struct slice){data, size});
        return 0;
    }
    buf_append(&socket->partial, data, size);
    if (socket->partial.full) return too_big(socket);
    if (!whole) return 0;
    struct slice message = buf_slice(&socket->partial);
    socket->events->message(socket->owner, socket, message);
    buf_reset(&socket->partial);
    return 0;
}

static int on_writable(struct lws *wsi, struct websocket *socket)
{
    while (!lws_partial_buffered(wsi)) {
        struct slice frames = websocket_queue_front(&socket->queue, WEBSOCKET_IO_BYTES);
        if (!frames.size) return socket->state == WEBSOCKET_CLOSING ? -1 : 0;
        // It takes all that it is given, and keeps what the system does not take at once.
        unsigned char *bytes = (unsigned char *)socket->queue.data + socket->queue.head;
        if (lws_write(wsi, bytes, frames.size, LWS_WRITE_HTTP) < 0) return -1;
        websocket_queue_take(&socket->queue, frames.size);
    }
    lws_callback_on_writable(wsi);
    return 0;
}

static int on_peer_close(struct websocket *socket, const unsigned char *data, size_t size)
{
    const char *peer = socket->client ? "server" : "client";
    if (size < 2) {
        websocket_set_why(socket, "the %s closed the connection without a code", peer);
        return 0;
    }
    int code = data[0] << 8 | data[1];
    // The library writes this code over any that it does not allow, before it shows the frame.
    const char *doubt = code == LWS_CLOSE_STATUS_PROTOCOL_ERR ? ", or one that cannot be told from it, such as 1012 or 1013" : "";
    websocket_set_why(socket, "the %s closed the connection with code %d%s%s%.*s", peer, code, doubt, size > 2 ? ": " : "", (int)(size - 2),
                      (const char *)data + 2);
    return 0;
}

static int on_connection_error(struct websocket *socket, const char *text, size_t size)
{
    // A failed TLS handshake is only named by a number here; on_verify has said it better. Of TCP the library tells no more than this.
    struct slice reason = {text, text ? strnlen(text, size) : 0};
    if (slice_is(reason, "Unable to connect")) reason = SLICE("the connection was refused, or not answered");
    websocket_set_why(socket, "%.*s", SLICE_ARG(reason));
    websocket_finish(socket, true);
    return 0;
}

static int on_closed(struct websocket *socket)
{
    websocket_finish(socket, true);
    return 0;
}

static int on_verify(struct websocket *socket, X509_STORE_CTX *store, bool trusted)
{
    if (!trusted)
        websocket_set_why(socket, "the server's certificate is not trusted: %s",
                          X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    return 0;
}

static int on_socket_event(struct lws *wsi, struct websocket *socket, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    // A chain, not a switch: of the hundred reasons these are ours.
    if (reason == LWS_CALLBACK_CLIENT_RECEIVE || reason == LWS_CALLBACK_RECEIVE) return on_receive(wsi, socket, in, len);
    if (reason == LWS_CALLBACK_CLIENT_WRITEABLE || reason == LWS_CALLBACK_SERVER_WRITEABLE) return on_writable(wsi, socket);
    if (reason == LWS_CALLBACK_CLIENT_ESTABLISHED) return on_client_open(wsi, socket);
    if (reason == LWS_CALLBACK_WS_PEER_INITIATED_CLOSE) return on_peer_close(socket, in, len);
    if (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR) return on_connection_error(socket, in, len);
    if (reason == LWS_CALLBACK_CLIENT_CLOSED || reason == LWS_CALLBACK_CLOSED) return on_closed(socket);
    if (reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION) return on_verify(socket, user, len == 1);
    if ((reason == LWS_CALLBACK_CLIENT_RECEIVE_PONG || reason == LWS_CALLBACK_RECEIVE_PONG) && socket->state == WEBSOCKET_OPEN)
        socket->events->pong(socket->owner, socket);
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    if (reason == LWS_CALLBACK_HTTP || reason == LWS_CALLBACK_RAW_ADOPT) return websocket_refuse(wsi);
    if (reason == LWS_CALLBACK_HTTP_CONFIRM_UPGRADE) return websocket_check_upgrade(wsi, in);
    if (reason == LWS_CALLBACK_ESTABLISHED) return on_server_open(wsi);
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        struct websocket_watch *watch = lws_get_opaque_user_data(wsi);
        watch->ready(watch->loop);
        return 0;
    }
    if (reason == LWS_CALLBACK_RAW_CLOSE_FILE || reason == LWS_CALLBACK_RAW_ADOPT_FILE || reason == LWS_CALLBACK_GET_THREAD_ID) return 0;
    struct websocket *socket = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    return socket ? on_socket_event(wsi, socket, reason, user, in, len) : 0;
}

// --- The loop ---

static const struct lws_protocols protocols[] = {
    {.name = "fdp", .callback = on_event, .rx_buffer_size = WEBSOCKET_IO_BYTES, .tx_packet_size = WEBSOCKET_IO_BYTES},
    {.name = NULL},
};

bool websocket_watch(struct websocket_loop *loop, struct websocket_watch *watch, int fd, void (*ready)(struct websocket_loop *loop))
{
    *watch = (struct websocket_watch){ready, loop};
    lws_adopt_desc_t adopt = {.vh = loop->vhost, .type = LWS_ADOPT_RAW_FILE_DESC, .fd.filefd = fd, .opaque = watch};
    if (lws_adopt_descriptor_vhost_via_info(&adopt)) return true;
    close(fd);
    return false;
}

static void timer_ready(struct websocket_loop *loop)
{
    uint64_t expirations;
    ssize_t size = read(loop->timer_fd, &expirations, sizeof expirations);
    (void)size; // only that it is no longer readable matters
    loop->armed_ns = 0;
}

static enum status make_context(struct websocket_loop *loop, const struct websocket_loop_params *params, struct err *err)
{
    bool server_tls = params->certificate_file && *params->certificate_file;
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        // An unknown method comes as LWS_CALLBACK_RAW_ADOPT, rather than be answered by the library.
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG,
        .pt_serv_buf_size = WEBSOCKET_IO_BYTES,
        .fd_limit_per_thread = loop->sockets_max + 8,
        .timeout_secs = WEBSOCKET_CONNECT_SECONDS,
        .connect_timeout_secs = WEBSOCKET_CONNECT_SECONDS,
        .protocols = protocols,
        .user = loop,
        .vhost_name = "fdp",
        .http_proxy_address = "", // else it takes $http_proxy, even for loopback
        .alpn = "http/1.1",
    };
    if (params->tls_client || server_tls) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        TRY(websocket_client_context(&loop->client_context, params->tls_client, params->ca_file, params->code, err));
        info.provided_client_ssl_ctx = loop->client_context;
    }
    if (server_tls) {
        TRY(websocket_check_certificate(params->certificate_file, params->key_file, params->code, err));
        info.ssl_cert_filepath = params->certificate_file;
        info.ssl_private_key_filepath = params->key_file;
        info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    }
    loop->context = lws_create_context(&info);
    if (loop->context) loop->vhost = lws_create_vhost(loop->context, &info);
    if (!loop->vhost)
        return err_set(err, FATAL, params->code,
                       "cannot set up the WebSocket library: out of memory, descriptors, or a TLS file is unusable");
    return OK;
}

enum status websocket_loop_new(struct websocket_loop **out, const struct websocket_loop_params *params, struct err *err)
{
    lws_set_log_level(0, NULL); // it would write to standard error; what matters comes back as a reason
    struct websocket_loop *loop = calloc(1, sizeof *loop);
    if (!loop) abort();
    loop->message_max = params->message_max;
    loop->queue_max = params->queue_max;
    loop->code = params->code;
    loop->sockets_max = descriptors_share(WEBSOCKET_SOCKETS_MAX, WEBSOCKET_DESCRIPTORS_PART);
    loop->hint = params->hint ? params->hint : "";
    loop->tls_client = params->tls_client;
    loop->listen_fd = loop->spare_fd = loop->timer_fd = -1;
    enum status status = make_context(loop, params, err);
    if (status == OK) {
        loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (loop->timer_fd < 0 || !websocket_watch(loop, &loop->timer, loop->timer_fd, timer_ready))
            status = err_set(err, FATAL, params->code, "cannot make a timer: %s", strerror(errno));
    }
    if (status != OK) {
        websocket_loop_free(loop);
        return status;
    }
    *out = loop;
    return OK;
}

static void say_goodbye(struct websocket *socket)
{
    websocket_set_why(socket, "closed from this side"); // also when it is not open yet
    if (socket->state == WEBSOCKET_OPEN) {
        websocket_queue_clear(&socket->queue);
        websocket_close(socket, WEBSOCKET_GOING_AWAY);
    }
    if (websocket_queue_bytes(&socket->queue)) on_writable(socket->wsi, socket);
}

void websocket_loop_free(struct websocket_loop *loop)
{
    if (!loop) return;
    for (struct websocket *socket = loop->first; socket; socket = socket->next) say_goodbye(socket);
    if (loop->context) lws_context_destroy(loop->context); // closes the sockets, and the descriptors that are watched
    while (loop->first) websocket_finish(loop->first, true);
    if (loop->spare_fd >= 0) close(loop->spare_fd);
    websocket_client_context_free(loop->client_context);
    free(loop);
}

void websocket_loop_run(struct websocket_loop *loop, int64_t deadline_ns)
{
    if (deadline_ns <= clock_mono_ns()) {
        lws_service(loop->context, -1);
        return;
    }
    if (loop->armed_ns != deadline_ns) {
        struct itimerspec at = {.it_value = {.tv_sec = deadline_ns / SECOND_NS, .tv_nsec = deadline_ns % SECOND_NS}};
        timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
        loop->armed_ns = deadline_ns;
    }
    lws_service(loop->context, 0);
}

void websocket_loop_wake(struct websocket_loop *loop)
{
    lws_cancel_service(loop->context);
}
