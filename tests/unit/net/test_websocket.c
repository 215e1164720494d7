// SPDX-License-Identifier: Apache-2.0
// Clients and servers talk over loopback: whole messages, bounds, pauses, closing, and what goes wrong when connecting.
#include "net/websocket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "../unit.h"
#include "base/buf.h"
#include "base/clock.h"
#include "certificates.h"

enum { MESSAGE_MAX = 64 << 10, QUEUE_MAX = 1 << 20, RECEIVED_MAX = 32 << 20, DEADLINE_MS = 20000 };

// One end of a connection, and what happened to it.
struct end {
    struct websocket *socket;
    struct buf received; // all messages, one after the other
    uint64_t messages;
    int pongs, opened, closed;
    char why[256], version[16];
    bool echo;
    uint64_t pause_after; // pauses when that many messages have come; 0: never
};

struct fixture {
    struct websocket_loop *server, *client;
    struct end at_server, at_client;
    uint16_t port;
    struct websocket_url url;
    struct err err;
};

static void on_opened(void *owner, struct websocket *socket)
{
    struct end *end = owner;
    end->socket = socket;
    end->opened++;
}

static void on_accepted(void *owner, struct websocket *socket)
{
    struct end *end = owner;
    on_opened(owner, socket);
    if (!websocket_query(socket, "version", end->version, sizeof end->version)) snprintf(end->version, sizeof end->version, "none");
}

static void on_message(void *owner, struct websocket *socket, struct slice message)
{
    struct end *end = owner;
    end->messages++;
    buf_append(&end->received, message.data, message.size);
    if (end->echo) assert_true(websocket_send(socket, message));
    if (end->pause_after && end->messages == end->pause_after) websocket_pause(socket, true);
}

static void on_pong(void *owner, struct websocket *socket)
{
    (void)socket;
    ((struct end *)owner)->pongs++;
}

static void on_closed(void *owner, struct websocket *socket, const char *why)
{
    struct end *end = owner;
    assert_true(!end->socket || end->socket == socket);
    end->socket = NULL;
    end->closed++;
    snprintf(end->why, sizeof end->why, "%s", why);
}

static const struct websocket_events server_events = {on_accepted, on_message, on_pong, on_closed};
static const struct websocket_events client_events = {on_opened, on_message, on_pong, on_closed};

static const struct websocket_loop_params plain = {.message_max = MESSAGE_MAX, .queue_max = QUEUE_MAX, .code = ERR_FEED};

static void turn(struct fixture *f)
{
    if (f->server) websocket_loop_run(f->server, clock_mono_ns() + MS_NS / 2);
    if (f->client) websocket_loop_run(f->client, clock_mono_ns() + MS_NS / 2);
}

#define turn_until(f, condition)                                                                                                           \
    for (int64_t deadline = clock_deadline_ms(DEADLINE_MS); !(condition); turn(f))                                                         \
        if (clock_mono_ns() > deadline) fail_msg("not in time: %s", #condition)

static void start_server(struct fixture *f, const struct websocket_loop_params *params, const char *listen)
{
    assert_int_equal(websocket_loop_new(&f->server, params, &f->err), OK);
    assert_int_equal(websocket_listen(f->server, listen, &server_events, &f->at_server, &f->port, &f->err), OK);
    assert_true(f->port > 0);
}

static enum status start_client(struct fixture *f, const struct websocket_loop_params *params, const char *url)
{
    char text[128];
    snprintf(text, sizeof text, url, f->port);
    assert_int_equal(websocket_url_parse(text, &f->url, ERR_FEED, &f->err), OK);
    if (!f->client) assert_int_equal(websocket_loop_new(&f->client, params, &f->err), OK);
    return websocket_connect(f->client, &f->url, "127.0.0.1", &client_events, &f->at_client, &f->at_client.socket, &f->err);
}

static void connect_both(struct fixture *f)
{
    start_server(f, &plain, "127.0.0.1:0");
    assert_int_equal(start_client(f, &plain, "ws://127.0.0.1:%d/"), OK);
    turn_until(f, f->at_client.opened && f->at_server.opened);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    buf_init(&f->at_server.received, RECEIVED_MAX);
    buf_init(&f->at_client.received, RECEIVED_MAX);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    websocket_loop_free(f->client);
    websocket_loop_free(f->server);
    assert_null(f->at_server.socket);
    buf_fini(&f->at_server.received);
    buf_fini(&f->at_client.received);
    free(f);
    return 0;
}

static void test_messages_of_every_length_form_arrive_whole_both_ways(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 125, 126, 127, 4096, 65535, MESSAGE_MAX};
    static char data[MESSAGE_MAX];
    connect_both(f);
    f->at_server.echo = true;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizes[i]; j++) data[j] = (char)('a' + (i + j) % 26);
        buf_reset(&f->at_client.received);
        uint64_t before = f->at_client.messages;
        assert_true(websocket_send(f->at_client.socket, (struct slice){data, sizes[i]}));
        turn_until(f, f->at_client.messages == before + 1);
        assert_int_equal(f->at_client.received.size, sizes[i]);
        assert_memory_equal(f->at_client.received.data ? f->at_client.received.data : data, data, sizes[i]);
    }
}

static void test_ten_thousand_messages_arrive_in_order(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 10000 };
    connect_both(f);
    char expected[16], text[16];
    for (int i = 0; i < COUNT;) {
        snprintf(text, sizeof text, "%08d", i);
        if (websocket_send(f->at_server.socket, slice_of(text)))
            i++;
        else
            turn(f);
    }
    turn_until(f, f->at_client.messages == COUNT);
    for (int i = 0; i < COUNT; i++) {
        snprintf(expected, sizeof expected, "%08d", i);
        assert_memory_equal(f->at_client.received.data + (ptrdiff_t)i * 8, expected, 8);
    }
}

static void test_pause_stops_delivery_at_that_message_and_loses_none(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 2000 };
    connect_both(f);
    char text[16], expected[16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%08d", i);
        assert_true(websocket_send(f->at_server.socket, slice_of(text)));
    }
    for (uint64_t stop = 1; stop < COUNT; stop += 37) {
        f->at_client.pause_after = stop;
        websocket_pause(f->at_client.socket, false);
        turn_until(f, f->at_client.messages >= stop);
        turn(f);
        turn(f);
        assert_int_equal(f->at_client.messages, stop);
    }
    f->at_client.pause_after = 0;
    websocket_pause(f->at_client.socket, false);
    turn_until(f, f->at_client.messages == COUNT);
    for (int i = 0; i < COUNT; i++) {
        snprintf(expected, sizeof expected, "%08d", i);
        assert_memory_equal(f->at_client.received.data + (ptrdiff_t)i * 8, expected, 8);
    }
}

static void test_send_says_no_when_the_queue_is_full_and_yes_after_a_drop(void **state)
{
    struct fixture *f = *state;
    static char data[1000];
    connect_both(f);
    memset(data, 'x', sizeof data);
    int sent = 0;
    while (websocket_send(f->at_server.socket, (struct slice){data, sizeof data})) sent++;
    assert_in_range(sent, QUEUE_MAX / 1000 - 20, QUEUE_MAX / 1000);
    assert_true(websocket_drop_oldest(f->at_server.socket));
    assert_true(websocket_send(f->at_server.socket, (struct slice){data, sizeof data}));
    assert_false(websocket_send(f->at_server.socket, (struct slice){data, sizeof data}));
    turn_until(f, f->at_client.messages == (uint64_t)sent);
    assert_false(websocket_drop_oldest(f->at_server.socket));
}

static void test_ping_is_answered_by_either_side(void **state)
{
    struct fixture *f = *state;
    connect_both(f);
    websocket_ping(f->at_client.socket);
    turn_until(f, f->at_client.pongs == 1);
    websocket_ping(f->at_server.socket);
    turn_until(f, f->at_server.pongs == 1);
}

static void test_a_message_past_the_limit_closes_with_1009(void **state)
{
    struct fixture *f = *state;
    static char data[MESSAGE_MAX + 1];
    connect_both(f);
    assert_true(websocket_send(f->at_client.socket, (struct slice){data, sizeof data}));
    turn_until(f, f->at_client.closed && f->at_server.closed);
    assert_contains(f->at_client.why, "1009");
    assert_contains(f->at_server.why, "more than 65536 bytes");
    assert_int_equal(f->at_server.messages, 0);
}

static void test_close_without_a_code_is_seen_as_such(void **state)
{
    struct fixture *f = *state;
    connect_both(f);
    assert_true(websocket_send(f->at_server.socket, SLICE("last words")));
    websocket_close(f->at_server.socket, WEBSOCKET_NO_CODE);
    turn_until(f, f->at_client.closed && f->at_server.closed);
    assert_int_equal(f->at_client.messages, 1);
    assert_contains(f->at_client.why, "without a code");
}

// The library writes 1002 over a code that it does not allow; then nobody can say which it was.
static void test_close_tells_the_code_and_where_it_is_in_doubt(void **state)
{
    static const struct {
        uint16_t code;
        const char *why;
    } cases[] = {{1000, "the server closed the connection with code 1000"},
                 {3000, "the server closed the connection with code 3000"},
                 {1002, "the server closed the connection with code 1002, or one that cannot be told from it, such as 1012 or 1013"},
                 {1013, "the server closed the connection with code 1002, or one that cannot be told from it, such as 1012 or 1013"}};
    struct fixture *f = *state;
    start_server(f, &plain, "127.0.0.1:0");
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
        assert_int_equal(start_client(f, &plain, "ws://127.0.0.1:%d/"), OK);
        turn_until(f, f->at_client.opened == i + 1 && f->at_server.opened == i + 1);
        websocket_close(f->at_server.socket, cases[i].code);
        turn_until(f, f->at_client.closed == i + 1 && f->at_server.closed == i + 1);
        assert_string_equal(f->at_client.why, cases[i].why);
        assert_string_equal(f->at_server.why, "closed from this side");
    }
}

static void test_close_works_when_the_queue_is_full(void **state)
{
    struct fixture *f = *state;
    static char data[1000];
    connect_both(f);
    while (websocket_send(f->at_server.socket, (struct slice){data, sizeof data})) continue;
    websocket_close(f->at_server.socket, WEBSOCKET_GOING_AWAY);
    assert_false(websocket_send(f->at_server.socket, SLICE("x")));
    turn_until(f, f->at_client.closed && f->at_server.closed);
    assert_contains(f->at_client.why, "1001");
}

static void test_loop_free_says_goodbye_with_1001(void **state)
{
    struct fixture *f = *state;
    connect_both(f);
    websocket_loop_free(f->server);
    f->server = NULL;
    assert_int_equal(f->at_server.closed, 1);
    turn_until(f, f->at_client.closed);
    assert_contains(f->at_client.why, "1001");
}

static void test_abort_drops_the_connection_at_once(void **state)
{
    struct fixture *f = *state;
    connect_both(f);
    websocket_abort(f->at_client.socket, "nothing arrived");
    turn_until(f, f->at_client.closed && f->at_server.closed);
    assert_string_equal(f->at_client.why, "nothing arrived");
    assert_string_equal(f->at_server.why, "the connection was lost");
}

static void test_abort_works_while_connecting(void **state)
{
    struct fixture *f = *state;
    start_server(f, &plain, "127.0.0.1:0");
    assert_int_equal(start_client(f, &plain, "ws://127.0.0.1:%d/"), OK);
    websocket_abort(f->at_client.socket, "changed my mind");
    turn_until(f, f->at_client.closed);
    assert_string_equal(f->at_client.why, "changed my mind");
    assert_int_equal(f->at_client.opened, 0);
}

static void test_query_gives_parameters_of_the_request(void **state)
{
    struct fixture *f = *state;
    start_server(f, &plain, "127.0.0.1:0");
    assert_int_equal(start_client(f, &plain, "ws://127.0.0.1:%d/?x=1&version=2"), OK);
    turn_until(f, f->at_server.opened);
    assert_string_equal(f->at_server.version, "2");
    websocket_abort(f->at_client.socket, "next");
    turn_until(f, f->at_server.closed && f->at_client.closed);
    assert_int_equal(start_client(f, &plain, "ws://127.0.0.1:%d/?versions=3"), OK);
    turn_until(f, f->at_server.opened == 2);
    assert_string_equal(f->at_server.version, "none");
}

// A socket that listens and never answers; returns its descriptor and notes its port.
static int mute_listener(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    *port = ntohs(address.sin_port);
    return fd;
}

static void test_connect_to_a_closed_port_says_refused(void **state)
{
    struct fixture *f = *state;
    close(mute_listener(&f->port));
    if (start_client(f, &plain, "ws://127.0.0.1:%d/") == OK) {
        turn_until(f, f->at_client.closed);
        assert_contains(f->at_client.why, "refused");
    } else {
        assert_int_equal(f->err.status, RETRY);
        assert_contains(f->err.text, "refused");
        assert_int_equal(f->at_client.closed, 0);
    }
    assert_int_equal(f->at_client.opened, 0);
}

static void test_a_proxy_in_the_environment_is_not_used(void **state)
{
    struct fixture *f = *state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    connect_both(f);
    unsetenv("http_proxy");
}

static void test_connect_to_a_server_that_is_no_websocket_fails_with_a_reason(void **state)
{
    struct fixture *f = *state;
    int listener = mute_listener(&f->port);
    assert_int_equal(start_client(f, &plain, "ws://127.0.0.1:%d/"), OK);
    int fd = accept(listener, NULL, NULL);
    static const char reply[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(write(fd, reply, sizeof reply - 1), sizeof reply - 1);
    turn_until(f, f->at_client.closed);
    assert_int_equal(f->at_client.opened, 0);
    assert_contains(f->at_client.why, "HS");
    close(fd);
    close(listener);
}

static void test_loop_free_ends_a_connection_that_is_not_open_yet(void **state)
{
    struct fixture *f = *state;
    int listener = mute_listener(&f->port);
    assert_int_equal(start_client(f, &plain, "ws://127.0.0.1:%d/"), OK);
    turn(f);
    websocket_loop_free(f->client);
    f->client = NULL;
    assert_int_equal(f->at_client.closed, 1);
    close(listener);
}

static void test_listen_says_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    int listener = mute_listener(&f->port);
    char taken[32];
    uint16_t port;
    snprintf(taken, sizeof taken, "127.0.0.1:%d", f->port);
    assert_int_equal(websocket_loop_new(&f->server, &plain, &f->err), OK);
    assert_int_equal(websocket_listen(f->server, taken, &server_events, &f->at_server, &port, &f->err), FATAL);
    assert_contains(f->err.text, "in use");
    assert_int_equal(websocket_listen(f->server, "8082", &server_events, &f->at_server, &port, &f->err), FATAL);
    assert_contains(f->err.text, "HOST:PORT");
    assert_int_equal(websocket_listen(f->server, "127.0.0.1:66000", &server_events, &f->at_server, &port, &f->err), FATAL);
    assert_contains(f->err.text, "HOST:PORT");
    assert_int_equal(websocket_listen(f->server, "no.such.host.invalid:1", &server_events, &f->at_server, &port, &f->err), FATAL);
    assert_contains(f->err.text, "not known");
    close(listener);
}

// Speaks the protocol by hand, to send what our own client never would.
static int raw_client(struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(f->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    static const char hello[] =
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Version: 13\r\n\r\n";
    assert_int_equal(write(fd, hello, sizeof hello - 1), sizeof hello - 1);
    turn_until(f, f->at_server.opened);
    char reply[1024] = {0};
    assert_true(read(fd, reply, sizeof reply - 1) > 0);
    assert_contains(reply, "101");
    assert_null(strcasestr(reply, "deflate"));
    return fd;
}

static void test_server_puts_fragments_together_around_a_ping(void **state)
{
    struct fixture *f = *state;
    start_server(f, &plain, "127.0.0.1:0");
    int fd = raw_client(f);
    // "ab" not final, a ping, "" not final, "c" final; all with a mask of zeros.
    static const char frames[] = "\x01\x82\0\0\0\0ab\x89\x81\0\0\0\0p\x00\x80\0\0\0\0\x80\x81\0\0\0\0c";
    assert_int_equal(write(fd, frames, sizeof frames - 1), sizeof frames - 1);
    turn_until(f, f->at_server.messages == 1);
    assert_true(slice_is(buf_slice(&f->at_server.received), "abc"));
    char pong[8];
    turn(f);
    turn(f);
    assert_int_equal(read(fd, pong, sizeof pong), 3);
    assert_memory_equal(pong, "\x8a\x01p", 3);
    close(fd);
    turn_until(f, f->at_server.closed);
}

static void test_server_bounds_a_message_sent_in_fragments(void **state)
{
    struct fixture *f = *state;
    start_server(f, &plain, "127.0.0.1:0");
    int fd = raw_client(f);
    static char frame[6 + 125];
    frame[0] = 1;
    frame[1] = (char)(0x80 | 125);
    for (size_t sent = 0; sent <= MESSAGE_MAX; sent += 125) {
        if (write(fd, frame, sizeof frame) != sizeof frame) break;
        frame[0] = 0;
        turn(f);
    }
    turn_until(f, f->at_server.closed);
    assert_contains(f->at_server.why, "more than 65536");
    assert_int_equal(f->at_server.messages, 0);
    close(fd);
}

// Sends bytes and reads until the server hangs up.
static void ask_raw(struct fixture *f, const char *request, char *reply, size_t capacity)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(f->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    size_t size = 0;
    ssize_t got = -1;
    turn_until(f, (got = recv(fd, reply + size, capacity - 1 - size, MSG_DONTWAIT)) == 0 || (got > 0 && (size += (size_t)got, false)));
    reply[size] = '\0';
    close(fd);
}

static void test_server_tells_other_requests_how_to_connect(void **state)
{
#define UPGRADE "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /metrics?x=1 HTTP/1.0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\x16\x03\x01 is how TLS begins",
        UPGRADE "Upgrade: h2c\r\n\r\n",
        UPGRADE "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
        UPGRADE "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AA==\r\n\r\n",
        UPGRADE "Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        UPGRADE "Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    };
    struct fixture *f = *state;
    struct websocket_loop_params params = plain;
    params.hint = "connect with ws://here/";
    start_server(f, &params, "127.0.0.1:0");
    size_t count = sizeof requests / sizeof *requests;
    for (size_t i = 0; i < count; i++) {
        char reply[2048];
        ask_raw(f, requests[i], reply, sizeof reply);
        assert_memory_equal(reply, "HTTP/1.1 426 ", 13);
        assert_contains(reply, "\r\nSec-WebSocket-Version: 13\r\n");
        assert_contains(reply, "\r\nContent-Type: text/plain");
        assert_contains(reply, "\r\n\r\nthis is a WebSocket port: connect with ws://here/\n");
        assert_int_equal(websocket_refused(f->server), i + 1);
    }
    char reply[2048];
    ask_raw(f, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", reply, sizeof reply);
    assert_string_equal(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    assert_int_equal(f->at_server.opened, 0);
}

struct tls_fixture {
    struct fixture f;
    struct certificates own, other;
};

static int setup_tls(void **state)
{
    struct tls_fixture *t = calloc(1, sizeof *t);
    certificates_make(&t->own);
    certificates_make(&t->other);
    buf_init(&t->f.at_server.received, RECEIVED_MAX);
    buf_init(&t->f.at_client.received, RECEIVED_MAX);
    *state = t;
    return 0;
}

static int teardown_tls(void **state)
{
    struct tls_fixture *t = *state;
    certificates_remove(&t->own);
    certificates_remove(&t->other);
    return teardown(state);
}

static struct websocket_loop_params tls_server(const struct certificates *own)
{
    struct websocket_loop_params params = plain;
    params.certificate_file = own->certificate;
    params.key_file = own->key;
    return params;
}

static struct websocket_loop_params tls_client(const char *ca)
{
    struct websocket_loop_params params = plain;
    params.tls_client = true;
    params.ca_file = ca;
    return params;
}

static void test_tls_carries_messages_when_the_authority_is_trusted(void **state)
{
    struct tls_fixture *t = *state;
    struct fixture *f = &t->f;
    struct websocket_loop_params server = tls_server(&t->own), client = tls_client(t->own.ca);
    start_server(f, &server, "127.0.0.1:0");
    assert_int_equal(start_client(f, &client, "wss://localhost:%d/?version=2"), OK);
    turn_until(f, f->at_client.opened && f->at_server.opened);
    // Far more than a socket buffer, so that writes are cut short.
    enum { COUNT = 20000, SIZE = 500 };
    static char data[SIZE];
    for (int i = 0; i < COUNT;) {
        memset(data, 'a' + i % 26, SIZE);
        if (websocket_send(f->at_server.socket, (struct slice){data, SIZE}))
            i++;
        else
            turn(f);
    }
    turn_until(f, f->at_client.messages == COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(f->at_client.received.data[(ptrdiff_t)i * SIZE], 'a' + i % 26);
        assert_int_equal(f->at_client.received.data[(ptrdiff_t)i * SIZE + SIZE - 1], 'a' + i % 26);
    }
}

static void test_tls_refuses_an_authority_that_is_not_trusted(void **state)
{
    struct tls_fixture *t = *state;
    struct fixture *f = &t->f;
    struct websocket_loop_params server = tls_server(&t->own), client = tls_client(t->other.ca);
    start_server(f, &server, "127.0.0.1:0");
    assert_int_equal(start_client(f, &client, "wss://localhost:%d/"), OK);
    turn_until(f, f->at_client.closed);
    assert_int_equal(f->at_client.opened, 0);
    assert_contains(f->at_client.why, "the server's certificate is not trusted");
}

static void test_tls_refuses_an_unknown_authority_by_default(void **state)
{
    struct tls_fixture *t = *state;
    struct fixture *f = &t->f;
    struct websocket_loop_params server = tls_server(&t->own), client = tls_client("");
    start_server(f, &server, "127.0.0.1:0");
    assert_int_equal(start_client(f, &client, "wss://localhost:%d/"), OK);
    turn_until(f, f->at_client.closed);
    assert_contains(f->at_client.why, "not trusted");
}

static void test_tls_refuses_a_certificate_for_another_host(void **state)
{
    struct tls_fixture *t = *state;
    struct fixture *f = &t->f;
    struct websocket_loop_params server = tls_server(&t->own), client = tls_client(t->own.ca);
    start_server(f, &server, "127.0.0.1:0");
    assert_int_equal(start_client(f, &client, "wss://example.com:%d/"), OK);
    turn_until(f, f->at_client.closed);
    assert_contains(f->at_client.why, "ostname mismatch");
    assert_int_equal(start_client(f, &client, "wss://127.0.0.1:%d/"), OK);
    turn_until(f, f->at_client.opened);
}

static void test_loop_new_says_which_tls_file_is_wrong(void **state)
{
    struct tls_fixture *t = *state;
    struct fixture *f = &t->f;
    struct websocket_loop *loop;
    struct websocket_loop_params params = tls_client("/no/such/file.pem");
    assert_int_equal(websocket_loop_new(&loop, &params, &f->err), FATAL);
    assert_contains(f->err.text, "cannot read the file of certificate authorities /no/such/file.pem");
    params = tls_client(t->own.key);
    assert_int_equal(websocket_loop_new(&loop, &params, &f->err), FATAL);
    assert_contains(f->err.text, "holds no certificate");
    params = tls_server(&t->own);
    params.key_file = t->other.key;
    assert_int_equal(websocket_loop_new(&loop, &params, &f->err), FATAL);
    assert_contains(f->err.text, "does not belong to the certificate");
    params.key_file = t->own.ca;
    assert_int_equal(websocket_loop_new(&loop, &params, &f->err), FATAL);
    assert_contains(f->err.text, "no private key");
    params.key_file = "";
    assert_int_equal(websocket_loop_new(&loop, &params, &f->err), FATAL);
    assert_contains(f->err.text, "no key");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, setup_tls, teardown_tls)
    const struct CMUnitTest tests[] = {
        TEST(test_messages_of_every_length_form_arrive_whole_both_ways),
        TEST(test_ten_thousand_messages_arrive_in_order),
        TEST(test_pause_stops_delivery_at_that_message_and_loses_none),
        TEST(test_send_says_no_when_the_queue_is_full_and_yes_after_a_drop),
        TEST(test_ping_is_answered_by_either_side),
        TEST(test_a_message_past_the_limit_closes_with_1009),
        TEST(test_close_without_a_code_is_seen_as_such),
        TEST(test_close_tells_the_code_and_where_it_is_in_doubt),
        TEST(test_close_works_when_the_queue_is_full),
        TEST(test_loop_free_says_goodbye_with_1001),
        TEST(test_abort_drops_the_connection_at_once),
        TEST(test_abort_works_while_connecting),
        TEST(test_query_gives_parameters_of_the_request),
        TEST(test_connect_to_a_closed_port_says_refused),
        TEST(test_a_proxy_in_the_environment_is_not_used),
        TEST(test_connect_to_a_server_that_is_no_websocket_fails_with_a_reason),
        TEST(test_loop_free_ends_a_connection_that_is_not_open_yet),
        TEST(test_listen_says_what_is_wrong),
        TEST(test_server_puts_fragments_together_around_a_ping),
        TEST(test_server_bounds_a_message_sent_in_fragments),
        TEST(test_server_tells_other_requests_how_to_connect),
        TLS_TEST(test_tls_carries_messages_when_the_authority_is_trusted),
        TLS_TEST(test_tls_refuses_an_authority_that_is_not_trusted),
        TLS_TEST(test_tls_refuses_an_unknown_authority_by_default),
        TLS_TEST(test_tls_refuses_a_certificate_for_another_host),
        TLS_TEST(test_loop_new_says_which_tls_file_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
