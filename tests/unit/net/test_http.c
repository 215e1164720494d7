// SPDX-License-Identifier: Apache-2.0
// HTTP server and client over loopback: paths arrive raw, limits hold, errors say what to do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/http_server.h"

struct test {
    struct http_server *server;
    struct http_client *client;
    struct buf body;
    int status;
    struct err err;
    pthread_mutex_t mutex; // guards the two below
    bool held, inside;     // requests to /hold wait while held
};

static void hold(struct test *test)
{
    pthread_mutex_lock(&test->mutex);
    test->inside = true;
    while (test->held) {
        pthread_mutex_unlock(&test->mutex);
        sched_yield();
        pthread_mutex_lock(&test->mutex);
    }
    pthread_mutex_unlock(&test->mutex);
}

// Says what it was asked.
static void handle(void *context, const struct http_request *request, struct http_reply *reply)
{
    const char *query = http_query(request, "q"), *header = http_header(request, "X-Test");
    if (!strcmp(request->path, "/hold")) hold(context);
    if (!strcmp(request->path, "/empty")) {
        reply->status = 204;
        return;
    }
    if (!strcmp(request->path, "/huge")) {
        while (!reply->body.full) buf_append_text(&reply->body, "0123456789");
        return;
    }
    reply->status = 201;
    reply->content_type = "text/plain";
    buf_printf(&reply->body, "%s %s q=%s h=%s body=%zu:%.*s", request->method, request->path, query ? query : "(none)",
               header ? header : "(none)", request->body.size, request->body.size > 20 ? 20 : (int)request->body.size, request->body.data);
}

static int setup(void **state)
{
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    pthread_mutex_init(&test->mutex, NULL);
    buf_init(&test->body, BUF_MAX_HTTP_REPLY);
    if (http_server_start(&test->server, "127.0.0.1:0", handle, test, ERR_CONFIG, &test->err)) fail_msg("%s", test->err.text);
    test->client = http_client_new(10000);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    http_client_free(test->client);
    http_server_stop(test->server);
    buf_fini(&test->body);
    pthread_mutex_destroy(&test->mutex);
    free(test);
    return 0;
}

static enum status ask(struct test *test, const char *method, const char *path, struct slice body)
{
    char url[512];
    snprintf(url, sizeof url, "%s%s", http_server_url(test->server), path);
    return http_client_request(test->client, method, url, body.size ? "text/plain" : NULL, body, &test->status, &test->body, ERR_REGISTRY,
                               &test->err);
}

static void expect(struct test *test, const char *method, const char *path, struct slice body, int status, const char *text)
{
    if (ask(test, method, path, body) != OK) fail_msg("%s", test->err.text);
    assert_int_equal(test->status, status);
    if (!slice_is(buf_slice(&test->body), text)) fail_msg("%.*s, not %s", SLICE_ARG(buf_slice(&test->body)), text);
}

static void test_request_arrives_with_its_path_raw_and_its_query_decoded(void **state)
{
    expect(*state, "GET", "/a%2Fb/c", SLICE(""), 201, "GET /a%2Fb/c q=(none) h=(none) body=0:");
    expect(*state, "GET", "/?x=1&q=a%20b+c%2F", SLICE(""), 201, "GET / q=a b c/ h=(none) body=0:");
    expect(*state, "GET", "/?q", SLICE(""), 201, "GET / q= h=(none) body=0:");
    expect(*state, "GET", "/?q=%zz&q=2", SLICE(""), 201, "GET / q= h=(none) body=0:");
    expect(*state, "POST", "/p", SLICE("some text"), 201, "POST /p q=(none) h=(none) body=9:some text");
    expect(*state, "PUT", "/p", SLICE(""), 201, "PUT /p q=(none) h=(none) body=0:");
    expect(*state, "DELETE", "/p", SLICE(""), 201, "DELETE /p q=(none) h=(none) body=0:");
    expect(*state, "GET", "/empty", SLICE(""), 204, "");
}

static void test_head_is_handled_like_get_without_a_body(void **state)
{
    expect(*state, "HEAD", "/", SLICE(""), 201, "");
}

static void test_request_up_to_the_maximum_is_taken_and_beyond_is_413(void **state)
{
    struct test *test = *state;
    char *body = malloc(BUF_MAX_HTTP_REQUEST + 1), text[128];
    assert_non_null(body);
    memset(body, 'x', BUF_MAX_HTTP_REQUEST + 1);
    snprintf(text, sizeof text, "POST / q=(none) h=(none) body=%d:xxxxxxxxxxxxxxxxxxxx", BUF_MAX_HTTP_REQUEST);
    expect(test, "POST", "/", (struct slice){body, BUF_MAX_HTTP_REQUEST}, 201, text);
    if (ask(test, "POST", "/", (struct slice){body, BUF_MAX_HTTP_REQUEST + 1}) == OK) assert_int_equal(test->status, 413);
    expect(test, "GET", "/empty", SLICE(""), 204, ""); // and it goes on serving
    free(body);
}

static int connect_raw(struct test *test)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int64_t port;
    assert_true(text_to_int64(slice_of(strrchr(http_server_url(test->server), ':') + 1), &port));
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

// Sends bytes as they are and returns the status of the first answer; 0 when the connection was closed without one.
static int send_raw(struct test *test, const char *bytes, size_t size)
{
    int fd = connect_raw(test), status = 0;
    while (size) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) break;
        bytes += sent;
        size -= (size_t)sent;
    }
    char reply[4096];
    ssize_t got = recv(fd, reply, sizeof reply - 1, 0);
    reply[got > 0 ? got : 0] = '\0';
    if (sscanf(reply, "HTTP/1.%*d %d", &status) != 1) status = 0;
    close(fd);
    return status;
}

static void test_chunked_body_beyond_the_maximum_is_413_or_cut_off(void **state)
{
    struct test *test = *state;
    struct buf request;
    buf_init(&request, 16 << 20);
    char *piece = malloc(0x10000);
    assert_non_null(piece);
    memset(piece, 'x', 0x10000);
    buf_append_text(&request, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < BUF_MAX_HTTP_REQUEST / 0x10000 + 1; i++) {
        buf_append_text(&request, "10000\r\n");
        buf_append(&request, piece, 0x10000);
        buf_append_text(&request, "\r\n");
    }
    size_t just_too_large = request.size;
    buf_append_text(&request, "0\r\n\r\n");
    assert_int_equal(send_raw(test, request.data, request.size), 413);
    request.size = just_too_large;
    while (request.size < 8u << 20) {
        buf_append_text(&request, "10000\r\n");
        buf_append(&request, piece, 0x10000);
        buf_append_text(&request, "\r\n");
    }
    assert_int_equal(send_raw(test, request.data, request.size), 0);
    expect(test, "GET", "/empty", SLICE(""), 204, "");
    free(piece);
    buf_fini(&request);
}

static void test_malformed_requests_do_no_harm(void **state)
{
    struct test *test = *state;
    static const char *const requests[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET  \r\n\r\n",
        "\x16\x03\x01\x02",
        "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        int fd = connect_raw(test);
        assert_true(send(fd, requests[i], strlen(requests[i]), MSG_NOSIGNAL) >= 0);
        shutdown(fd, SHUT_WR);
        // Whether it answers is its own affair, and may take it until the time limit of the connection.
        struct timeval patience = {.tv_usec = 100000};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        char reply[1024];
        while (recv(fd, reply, sizeof reply, 0) > 0) continue;
        close(fd);
    }
    expect(test, "GET", "/empty", SLICE(""), 204, "");
}

static void test_headers_beyond_their_memory_are_refused(void **state)
{
    struct test *test = *state;
    struct buf request;
    buf_init(&request, 1 << 20);
    buf_append_text(&request, "GET / HTTP/1.1\r\nHost: x\r\n");
    while (request.size < 2u * HTTP_SERVER_HEADER_BYTES)
        buf_append_text(&request, "X-Filler: 0123456789012345678901234567890123456789\r\n");
    buf_append_text(&request, "\r\n");
    int status = send_raw(test, request.data, request.size);
    assert_true(status == 431 || status == 413 || status == 0);
    buf_fini(&request);
}

static void test_answer_beyond_the_maximum_is_an_error(void **state)
{
    struct test *test = *state;
    assert_int_equal(ask(test, "GET", "/huge", SLICE("")), OK);
    assert_int_equal(test->status, 500);
}

static void test_client_limits_the_size_of_an_answer(void **state)
{
    struct test *test = *state;
    buf_fini(&test->body);
    buf_init(&test->body, 10);
    assert_int_equal(ask(test, "GET", "/", SLICE("")), RETRY);
    assert_non_null(strstr(test->err.text, "larger than 10 bytes"));
}

static void test_client_without_a_server_says_what_it_tried(void **state)
{
    struct test *test = *state;
    char url[128];
    snprintf(url, sizeof url, "%s/x", http_server_url(test->server));
    http_server_stop(test->server);
    test->server = NULL;
    assert_int_equal(http_client_request(test->client, "GET", url, NULL, SLICE(""), NULL, NULL, ERR_REGISTRY, &test->err), RETRY);
    assert_int_equal(test->err.code, ERR_REGISTRY);
    assert_non_null(strstr(test->err.text, url));
}

static void test_client_uses_no_proxy_for_this_machine(void **state)
{
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    expect(*state, "GET", "/empty", SLICE(""), 204, "");
    unsetenv("http_proxy");
}

static void test_start_on_a_port_in_use_says_what_to_do(void **state)
{
    struct test *test = *state;
    struct http_server *other = NULL;
    const char *address = http_server_url(test->server) + strlen("http://");
    assert_int_equal(http_server_start(&other, address, handle, NULL, ERR_REGISTRY, &test->err), FATAL);
    assert_int_equal(test->err.code, ERR_REGISTRY);
    assert_non_null(strstr(test->err.text, "in use"));
    assert_non_null(strstr(test->err.text, address));
}

static void test_start_on_what_is_no_address_is_fatal(void **state)
{
    struct test *test = *state;
    static const char *const addresses[] = {
        "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "no such host:0", "203.0.113.7:0"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct http_server *other = NULL;
        assert_int_equal(http_server_start(&other, addresses[i], handle, NULL, ERR_CONFIG, &test->err), FATAL);
        assert_non_null(strstr(test->err.text, addresses[i]));
    }
}

static void test_start_on_all_addresses_gives_a_url_to_go_to(void **state)
{
    struct test *test = *state;
    static const char *const addresses[] = {":0", "*:0", "0.0.0.0:0"};
    for (size_t i = 0; i < 3; i++) {
        http_server_stop(test->server);
        assert_int_equal(http_server_start(&test->server, addresses[i], handle, test, ERR_CONFIG, &test->err), OK);
        assert_memory_equal(http_server_url(test->server), "http://127.0.0.1:", 17);
        expect(test, "GET", "/empty", SLICE(""), 204, "");
    }
}

static void *stop(void *context)
{
    struct test *test = context;
    http_server_stop(test->server);
    return NULL;
}

static void *let_go(void *context)
{
    struct test *test = context;
    bool inside = false;
    while (!inside) {
        pthread_mutex_lock(&test->mutex);
        inside = test->inside;
        pthread_mutex_unlock(&test->mutex);
    }
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop, test), 0);
    // Whether stopping has begun by then or not, the answer must arrive.
    clock_sleep_until(clock_deadline_ms(20));
    pthread_mutex_lock(&test->mutex);
    test->held = false;
    pthread_mutex_unlock(&test->mutex);
    pthread_join(stopper, NULL);
    return NULL;
}

static void test_stop_lets_requests_under_way_finish(void **state)
{
    struct test *test = *state;
    test->held = true;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, let_go, test), 0);
    expect(test, "GET", "/hold", SLICE(""), 201, "GET /hold q=(none) h=(none) body=0:");
    pthread_join(thread, NULL);
    test->server = NULL;
}

static void *ask_often(void *context)
{
    struct test *test = context;
    struct http_client *client = http_client_new(10000);
    struct err err;
    char url[128];
    snprintf(url, sizeof url, "%s/empty", http_server_url(test->server));
    for (int i = 0; i < 100; i++) {
        int status = 0;
        if (http_client_request(client, "GET", url, NULL, SLICE(""), &status, NULL, ERR_REGISTRY, &err) || status != 204) {
            http_client_free(client);
            return context;
        }
    }
    http_client_free(client);
    return NULL;
}

static void test_many_clients_at_once_are_served(void **state)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, ask_often, *state), 0);
    for (int i = 0; i < 8; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

// Clients that keep the server waiting, more than it allows: each sends the beginning of a conversation and no more.
static void test_newcomer_is_served_at_once_however_many_keep_the_server_waiting(void **state)
{
    enum { CLIENTS = HTTP_SERVER_MAX_CONNECTIONS + 200, PATIENCE_MS = 5000 };
    static const char *const beginnings[] = {
        "",
        "GET /em",
        "GET /empty HTTP/1.1\r\nHost: x\r\nX-Long: ",
        "POST /empty HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
        "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    struct test *test = *state;
    struct rlimit before, limit;
    getrlimit(RLIMIT_NOFILE, &before);
    limit = (struct rlimit){before.rlim_max, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &limit); // both ends are in this process
    int *fds = calloc(CLIENTS, sizeof *fds);
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        for (int j = 0; j < CLIENTS; j++) {
            fds[j] = connect_raw(test);
            size_t size = strlen(beginnings[i]);
            assert_int_equal(send(fds[j], beginnings[i], size, MSG_NOSIGNAL), size);
        }
        int64_t start = clock_mono_ns();
        http_client_free(test->client);
        test->client = http_client_new(10000); // with a connection of its own
        expect(test, "GET", "/", SLICE(""), 201, "GET / q=(none) h=(none) body=0:");
        assert_true(clock_mono_ns() - start < PATIENCE_MS * MS_NS);
        for (int j = 0; j < CLIENTS; j++) close(fds[j]);
    }
    free(fds);
    setrlimit(RLIMIT_NOFILE, &before);
}

static void test_path_split_decodes_each_segment_once(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int count;
        const char *segments[4];
    } cases[] = {
        {"/", 0, {0}},
        {"/a", 1, {"a"}},
        {"/a/", 1, {"a"}},
        {"/a%2Fb/c", 2, {"a/b", "c"}},
        {"/a%252Fb", 1, {"a%2Fb"}},
        {"/a//b", 3, {"a", "", "b"}},
        {"/..%2f/+", 2, {"../", "+"}},
        {"/%E2%82%AC", 1, {"\xe2\x82\xac"}},
        {"", -1, {0}},
        {"a", -1, {0}},
        {"/%", -1, {0}},
        {"/%4", -1, {0}},
        {"/%4g", -1, {0}},
        {"/%00", -1, {0}},
        {"/a/b/c/d/e/f/g/h/i/j/k/l/m", -1, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        arena_init(&arena, 256);
        struct http_request request = {.path = cases[i].path, .query = "", .arena = &arena};
        const char *segments[HTTP_PATH_MAX_SEGMENTS];
        int count = http_path_split(&request, segments);
        assert_int_equal(count, cases[i].count);
        for (int j = 0; j < count; j++) assert_string_equal(segments[j], cases[i].segments[j]);
        arena_fini(&arena);
    }
}

static void test_encode_segment_and_split_are_inverse(void **state)
{
    (void)state;
    char all[256], path[1024];
    for (int i = 1; i < 256; i++) all[i - 1] = (char)i;
    all[255] = '\0';
    struct buf encoded;
    buf_init(&encoded, 1024);
    http_encode_segment(all, &encoded);
    snprintf(path, sizeof path, "/%.*s", SLICE_ARG(buf_slice(&encoded)));
    struct arena arena;
    arena_init(&arena, 256);
    struct http_request request = {.path = path, .query = "", .arena = &arena};
    const char *segments[HTTP_PATH_MAX_SEGMENTS];
    assert_int_equal(http_path_split(&request, segments), 1);
    assert_string_equal(segments[0], all);
    arena_fini(&arena);
    buf_fini(&encoded);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_request_arrives_with_its_path_raw_and_its_query_decoded),
        T(test_head_is_handled_like_get_without_a_body),
        T(test_request_up_to_the_maximum_is_taken_and_beyond_is_413),
        T(test_chunked_body_beyond_the_maximum_is_413_or_cut_off),
        T(test_malformed_requests_do_no_harm),
        T(test_headers_beyond_their_memory_are_refused),
        T(test_answer_beyond_the_maximum_is_an_error),
        T(test_client_limits_the_size_of_an_answer),
        T(test_client_without_a_server_says_what_it_tried),
        T(test_client_uses_no_proxy_for_this_machine),
        T(test_start_on_a_port_in_use_says_what_to_do),
        T(test_start_on_what_is_no_address_is_fatal),
        T(test_start_on_all_addresses_gives_a_url_to_go_to),
        T(test_stop_lets_requests_under_way_finish),
        T(test_many_clients_at_once_are_served),
        T(test_newcomer_is_served_at_once_however_many_keep_the_server_waiting),
        cmocka_unit_test(test_path_split_decodes_each_segment_once),
        cmocka_unit_test(test_encode_segment_and_split_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
