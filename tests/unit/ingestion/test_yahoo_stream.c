// SPDX-License-Identifier: Apache-2.0
// The stream feed against the real simulator and against servers that misbehave, all over loopback.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../market.h"
#include "../net/certificates.h"
#include "base/map.h"
#include "ingestion/feed.h"
#include "ingestion/reconnect.h"
#include "model/quote.h"
#include "model/record.h"
#include "net/websocket.h"

enum { SYMBOLS_MAX = 20000, BATCH_ROWS = 1000 };

static const struct feed_ops *const ops = &feed_yahoo_stream;

struct fixture {
    struct config config;
    struct metric_registry *metrics;
    struct simulator *simulator;
    struct feed *feed;
    struct batch *quotes, *rejects;
    struct map symbols; // seen
    uint64_t *counts;   // by symbol
    int64_t *times;     // by symbol, the last
    uint64_t rows, rejected, by_class[3], disordered;
    struct log log;
    char log_path[64];
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    market_config(&f->config);
    f->metrics = metric_registry_new();
    f->quotes = batch_new(&quote_row_type, BATCH_ROWS);
    f->rejects = batch_new(&record_row_type, BATCH_ROWS);
    map_init(&f->symbols, SYMBOLS_MAX);
    f->counts = calloc(SYMBOLS_MAX, sizeof *f->counts);
    f->times = calloc(SYMBOLS_MAX, sizeof *f->times);
    snprintf(f->log_path, sizeof f->log_path, "/tmp/fdp-test-log-XXXXXX");
    f->log = (struct log){LOG_INFO, LOG_TEXT, mkstemp(f->log_path), false};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ops->close(f->feed);
    simulator_stop(f->simulator);
    batch_free(f->quotes);
    batch_free(f->rejects);
    map_fini(&f->symbols);
    free(f->counts);
    free(f->times);
    metric_registry_free(f->metrics);
    close(f->log.fd);
    unlink(f->log_path);
    free(f);
    return 0;
}

// What was logged so far; valid until the next call.
static const char *logged(const struct fixture *f)
{
    static char text[65536];
    FILE *file = fopen(f->log_path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)); text++) count++;
    return count;
}

static uint64_t counter_of(const struct fixture *f, const char *name)
{
    return metric_count(metric_counter(f->metrics, name, NULL, ""));
}

static enum status open_feed(struct fixture *f, const char *url)
{
    struct feed_params params = {&f->config, url, "test", &f->log, f->metrics};
    return ops->open(&f->feed, &params, &f->err);
}

static void subscribe(struct fixture *f, const char *const *symbols, uint32_t count)
{
    assert_int_equal(ops->subscribe(f->feed, symbols, count, &f->err), OK);
}

// A feed of everything that the simulator trades.
static void start(struct fixture *f, const char *query)
{
    const char *const *symbols;
    char url[300];
    f->simulator = market_start(&f->config, f->metrics);
    uint32_t count = simulator_symbols(f->simulator, &symbols);
    snprintf(url, sizeof url, "%s", simulator_url(f->simulator));
    snprintf(strchr(url, '?'), 32, "%s", query);
    assert_int_equal(open_feed(f, url), OK);
    subscribe(f, symbols, count);
}

static void count_row(struct fixture *f, uint32_t row)
{
    const struct batch *quotes = f->quotes;
    assert_false(batch_is_null(quotes, QUOTE_ID, row) || batch_is_null(quotes, QUOTE_PRICE, row) || batch_is_null(quotes, QUOTE_TIME, row));
    uint32_t symbol = map_add(&f->symbols, quotes->columns[QUOTE_ID].text[row]);
    int64_t time = quotes->columns[QUOTE_TIME].int64[row], type = quotes->columns[QUOTE_QUOTE_TYPE].int64[row];
    f->disordered += time < f->times[symbol];
    f->times[symbol] = time;
    f->counts[symbol]++;
    f->by_class[type == 14 ? 0 : type == 41 ? 1 : 2]++;
    assert_true(slice_is(quotes->columns[QUOTE_SOURCE_API].text[row], "test"));
    assert_int_equal(quotes->columns[QUOTE_EVENT_ID].text[row].size, 16);
    int64_t age_us = clock_now_us() - quotes->columns[QUOTE_INGESTION_TS].int64[row];
    assert_true(age_us >= 0 && age_us < 60 * SECOND_US);
}

static enum status poll_once(struct fixture *f, int64_t wait_ms)
{
    batch_reset(f->quotes);
    batch_reset(f->rejects);
    enum status status = ops->poll(f->feed, f->quotes, f->rejects, clock_deadline_ms(wait_ms), &f->err);
    assert_int_equal(status, f->quotes->rows + f->rejects->rows ? OK : AGAIN);
    for (uint32_t row = 0; row < f->quotes->rows; row++) count_row(f, row);
    f->rows += f->quotes->rows;
    f->rejected += f->rejects->rows;
    return status;
}

#define poll_until(f, condition)                                                                                                           \
    for (int64_t deadline = clock_deadline_ms(MARKET_DEADLINE_MS); !(condition); (void)poll_once(f, 20))                                   \
        if (clock_mono_ns() > deadline) fail_msg("not in time: %s", #condition)

static void test_quotes_of_all_classes_arrive_in_order(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.rate = 5000;
    start(f, "?version=2");
    assert_false(ops->connected(f->feed));
    poll_until(f, f->rows >= 3000);
    assert_true(ops->connected(f->feed));
    assert_int_equal(f->symbols.count, 50);
    assert_true(f->by_class[0] > 100 && f->by_class[1] > 100 && f->by_class[2] > 100);
    assert_int_equal(f->disordered, 0);
    assert_int_equal(f->rejected, 0);
    assert_int_equal(counter_of(f, "fdp_feed_frames_total"), f->rows);
    assert_true(counter_of(f, "fdp_feed_bytes_total") > 50 * f->rows);
}

static void test_version_1_gives_the_same(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.rate = 5000;
    start(f, "");
    poll_until(f, f->rows >= 3000);
    assert_int_equal(f->symbols.count, 50);
    assert_int_equal(f->disordered, 0);
    assert_int_equal(f->rejected, 0);
}

static void test_the_last_quote_of_every_symbol_comes_with_the_subscription(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.rate = 1;
    start(f, "?version=2");
    poll_until(f, f->symbols.count == 50);
    assert_in_range(f->rows, 50, 52);
}

static void test_symbols_are_split_over_connections(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.instruments = 250;
    start(f, "?version=2");
    poll_until(f, f->symbols.count == 250);
    assert_true(metric_value(metric_gauge(f->metrics, "fdp_simulator_connections", NULL, "")) == 3);
    assert_true(metric_value(metric_gauge(f->metrics, "fdp_feed_connections", NULL, "")) == 3);
    assert_true(ops->connected(f->feed));
    assert_int_equal(f->disordered, 0);
}

static void test_past_the_hundredth_symbol_of_a_connection_nothing_comes(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.instruments = 250;
    f->config.simulator.rate = 20000;
    f->config.ingestion.symbols_per_connection = 250;
    start(f, "?version=2");
    poll_until(f, f->rows >= 5000);
    assert_int_equal(f->symbols.count, 100);
}

static void test_subscribe_replaces_the_set(void **state)
{
    struct fixture *f = *state;
    static const char *const first[] = {"AAPL", "MSFT", "AAPL", "KO"}, *const second[] = {"MSFT", "NVDA"};
    start(f, "?version=2");
    struct metric *subscribed = metric_gauge(f->metrics, "fdp_feed_symbols", NULL, "");
    subscribe(f, first, 4);
    assert_true(metric_value(subscribed) == 3);
    subscribe(f, first, 3);
    assert_true(metric_value(subscribed) == 2);
    poll_until(f, f->rows >= 100);
    assert_int_equal(f->symbols.count, 2);
    subscribe(f, second, 2);
    poll_until(f, map_find(&f->symbols, SLICE("NVDA")) != MAP_NONE);
    uint64_t aapl = f->counts[map_find(&f->symbols, SLICE("AAPL"))], rows = f->rows;
    poll_until(f, f->rows >= rows + 200);
    assert_in_range(f->counts[map_find(&f->symbols, SLICE("AAPL"))], aapl, aapl + 1);
    assert_int_equal(f->symbols.count, 3);
    assert_int_equal(f->disordered, 0);
    assert_true(metric_value(metric_gauge(f->metrics, "fdp_simulator_connections", NULL, "")) == 1);
    subscribe(f, NULL, 0);
    assert_false(ops->connected(f->feed));
    poll_until(f, metric_value(metric_gauge(f->metrics, "fdp_simulator_connections", NULL, "")) == 0);
}

static void test_it_connects_again_when_the_server_comes_back(void **state)
{
    struct fixture *f = *state;
    char listen[64];
    start(f, "?version=2");
    poll_until(f, f->symbols.count == 50);
    snprintf(listen, sizeof listen, "%s", simulator_url(f->simulator) + strlen("ws://"));
    *strchr(listen, '/') = '\0';
    for (int i = 0; i < 3; i++) {
        simulator_stop(f->simulator);
        f->simulator = NULL;
        poll_until(f, !ops->connected(f->feed));
        for (int j = 0; j < 10; j++) poll_once(f, 20); // several attempts in vain
        f->config.simulator.listen = listen;
        f->simulator = market_start(&f->config, f->metrics);
        uint64_t rows = f->rows;
        poll_until(f, f->rows >= rows + 200);
        assert_true(ops->connected(f->feed));
    }
    assert_int_equal(counter_of(f, "fdp_feed_reconnects_total"), 3);
    // A line per change of state, not per attempt.
    assert_int_equal(occurrences(logged(f), "connection lost"), 3);
    assert_int_equal(occurrences(logged(f), " connected "), 4);
    assert_in_range(occurrences(logged(f), "cannot connect"), 0, 3);
}

static void test_twenty_thousand_ticks_a_second_are_taken(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.rate = 20000;
    start(f, "?version=2");
    poll_until(f, f->rows >= 100);
    uint64_t before = f->rows;
    int64_t began = clock_mono_ns();
    poll_until(f, f->rows >= before + 20000);
    double seconds = (double)(clock_mono_ns() - began) / 1e9;
    if (seconds > 3) fail_msg("20000 ticks took %.2f s", seconds); // wide, for a busy machine
    assert_int_equal(f->disordered, 0);
    assert_int_equal(counter_of(f, "fdp_simulator_dropped_frames_total"), 0);
}

static void test_a_full_batch_holds_the_far_end_back_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    enum { ROWS = 20000 };
    char path[] = "/tmp/fdp-test-replay-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fprintf(file, "time,id,price\n");
    for (int i = 0; i < ROWS; i++) fprintf(file, "%lld,S%d,1.5\n", 1786622589000LL + i, i % 50);
    fclose(file);
    f->config.simulator.replay = path;
    f->config.simulator.speed = 1000000;
    batch_free(f->quotes);
    f->quotes = batch_new(&quote_row_type, 7);
    start(f, "?version=2");
    unlink(path);
    poll_until(f, f->rows >= ROWS);
    assert_int_equal(f->rows, ROWS);
    assert_int_equal(f->disordered, 0);
    for (uint32_t i = 0; i < 50; i++) assert_int_equal(f->counts[i], ROWS / 50);
}

static void test_poll_keeps_to_its_deadline_when_nobody_is_there(void **state)
{
    struct fixture *f = *state;
    f->simulator = market_start(&f->config, f->metrics);
    char url[300];
    snprintf(url, sizeof url, "%s", simulator_url(f->simulator));
    simulator_stop(f->simulator);
    f->simulator = NULL;
    assert_int_equal(open_feed(f, url), OK);
    subscribe(f, (const char *const[]){"AAPL"}, 1);
    for (int i = 0; i < 5; i++) {
        int64_t began = clock_mono_ns();
        assert_int_equal(poll_once(f, 30), AGAIN);
        assert_true(clock_mono_ns() - began >= 29 * MS_NS);
        assert_true(clock_mono_ns() - began < 1000 * MS_NS);
    }
    assert_false(ops->connected(f->feed));
    assert_contains(logged(f), "refused");
    assert_int_equal(occurrences(logged(f), "cannot connect"), 1);
    int64_t began = clock_mono_ns();
    ops->close(f->feed);
    f->feed = NULL;
    assert_true(clock_mono_ns() - began < 1000 * MS_NS);
}

static void test_hosts_are_found_by_name_and_unknown_ones_are_named(void **state)
{
    struct fixture *f = *state;
    f->simulator = market_start(&f->config, f->metrics);
    char url[300];
    snprintf(url, sizeof url, "ws://localhost:%s", strrchr(simulator_url(f->simulator), ':') + 1);
    assert_int_equal(open_feed(f, url), OK);
    subscribe(f, (const char *const[]){"AAPL"}, 1);
    poll_until(f, f->rows >= 10);
    ops->close(f->feed);
    f->feed = NULL;
    assert_int_equal(open_feed(f, "ws://no_such_host%/"), OK); // no name server is asked for such a name
    subscribe(f, (const char *const[]){"AAPL"}, 1);
    poll_until(f, strstr(logged(f), "cannot find the host no_such_host%"));
}

static void test_open_refuses_a_wrong_address_or_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_feed(f, "http://h/"), FATAL);
    assert_int_equal(f->err.code, ERR_FEED);
    assert_contains(f->err.text, "ws://");
    f->config.ingestion.tls_ca_file = "/no/such/ca.pem";
    assert_int_equal(open_feed(f, "wss://h/"), FATAL);
    assert_contains(f->err.text, "/no/such/ca.pem");
    assert_null(f->feed);
}

static void test_yahoo_names_the_real_feed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_feed(f, "yahoo:"), OK); // nothing is connected before the first poll
}

static void start_tls(struct fixture *f, const struct certificates *own, const char *ca)
{
    char url[300];
    f->config.simulator.tls_certificate_file = own->certificate;
    f->config.simulator.tls_key_file = own->key;
    f->config.ingestion.tls_ca_file = ca;
    f->simulator = market_start(&f->config, f->metrics);
    assert_int_equal(strncmp(simulator_url(f->simulator), "wss://", 6), 0);
    snprintf(url, sizeof url, "wss://localhost:%s", strrchr(simulator_url(f->simulator), ':') + 1);
    assert_int_equal(open_feed(f, url), OK);
    subscribe(f, (const char *const[]){"AAPL", "BTC-USD", "JPY=X"}, 3);
}

static void test_tls_works_with_a_trusted_authority(void **state)
{
    struct fixture *f = *state;
    struct certificates own;
    certificates_make(&own);
    f->config.simulator.rate = 20000;
    start_tls(f, &own, own.ca);
    poll_until(f, f->rows >= 10000);
    assert_int_equal(f->symbols.count, 3);
    assert_int_equal(f->disordered, 0);
    certificates_remove(&own);
}

static void test_tls_refuses_another_authority_with_a_plain_message(void **state)
{
    struct fixture *f = *state;
    struct certificates own, other;
    certificates_make(&own);
    certificates_make(&other);
    start_tls(f, &own, other.ca);
    poll_until(f, strstr(logged(f), "cannot connect"));
    assert_contains(logged(f), "the server's certificate is not trusted");
    assert_int_equal(f->rows, 0);
    assert_false(ops->connected(f->feed));
    certificates_remove(&own);
    certificates_remove(&other);
}

// --- Servers that misbehave ---

// Answers the handshake of each connection and then says nothing, not even to pings.
static void answer_handshake(int fd)
{
    char request[4096] = {0};
    size_t size = 0;
    while (!strstr(request, "\r\n\r\n")) {
        ssize_t got = read(fd, request + size, sizeof request - 1 - size);
        assert_true(got > 0);
        size += (size_t)got;
    }
    const char *key = strcasestr(request, "Sec-WebSocket-Key: ");
    assert_non_null(key);
    char text[128], reply[512], accept[64];
    unsigned char digest[SHA_DIGEST_LENGTH];
    int length = snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + strlen("Sec-WebSocket-Key: "));
    SHA1((unsigned char *)text, (size_t)length, digest);
    text_base64_encode(digest, sizeof digest, accept);
    length = snprintf(reply, sizeof reply,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                      accept);
    assert_int_equal(write(fd, reply, (size_t)length), length);
}

static void test_a_silent_server_is_left_and_tried_again(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), fds[3], count = 0;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    getsockname(listener, (struct sockaddr *)&address, &size);
    f->config.ingestion.ping_interval_ms = 100;
    f->config.ingestion.idle_timeout_ms = 250;
    char url[64];
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", ntohs(address.sin_port));
    assert_int_equal(open_feed(f, url), OK);
    subscribe(f, (const char *const[]){"AAPL"}, 1);
    int64_t began = clock_mono_ns();
    while (count < 3) {
        poll_once(f, 5);
        fds[count] = accept(listener, NULL, NULL);
        if (fds[count] < 0) continue;
        poll_once(f, 5); // sends the request
        answer_handshake(fds[count++]);
    }
    assert_true(clock_mono_ns() - began >= 490 * MS_NS); // two timeouts
    poll_until(f, occurrences(logged(f), " connected ") == 3);
    assert_contains(logged(f), "nothing arrived for");
    for (int i = 0; i < 3; i++) close(fds[i]);
    close(listener);
}

static void test_time_in_which_nobody_polls_is_not_taken_for_silence(void **state)
{
    struct fixture *f = *state;
    f->config.ingestion.ping_interval_ms = 100;
    f->config.ingestion.idle_timeout_ms = 200;
    start(f, "?version=2");
    poll_until(f, f->rows >= 100);
    clock_sleep_until(clock_deadline_ms(500)); // the condition under test: a stalled pipeline
    uint64_t rows = f->rows;
    poll_until(f, f->rows >= rows + 500);
    assert_null(strstr(logged(f), "connection lost"));
}

// A server on our own layer that says what a test wants.
struct mock {
    struct websocket_loop *loop;
    struct websocket *socket; // of the newest connection
    int opened, messages;
    char last[4096]; // message of the client
};

static void mock_opened(void *owner, struct websocket *socket)
{
    struct mock *mock = owner;
    mock->socket = socket;
    mock->opened++;
}

static void mock_message(void *owner, struct websocket *socket, struct slice message)
{
    (void)socket;
    struct mock *mock = owner;
    mock->messages++;
    snprintf(mock->last, sizeof mock->last, "%.*s", SLICE_ARG(message));
}

static void mock_pong(void *owner, struct websocket *socket)
{
    (void)owner;
    (void)socket;
}

static void mock_closed(void *owner, struct websocket *socket, const char *why)
{
    (void)why;
    struct mock *mock = owner;
    if (mock->socket == socket) mock->socket = NULL;
}

static const struct websocket_events mock_events = {mock_opened, mock_message, mock_pong, mock_closed};

static void mock_start(struct fixture *f, struct mock *mock, const char *symbol)
{
    struct websocket_loop_params params = {.message_max = 1 << 20, .queue_max = 16 << 20, .code = ERR_FEED};
    uint16_t port;
    char url[64];
    *mock = (struct mock){0};
    assert_int_equal(websocket_loop_new(&mock->loop, &params, &f->err), OK);
    assert_int_equal(websocket_listen(mock->loop, "127.0.0.1:0", &mock_events, mock, &port, &f->err), OK);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/?version=2", port);
    assert_int_equal(open_feed(f, url), OK);
    subscribe(f, &symbol, 1);
}

#define turn_until(f, mock, condition)                                                                                                     \
    for (int64_t deadline = clock_deadline_ms(MARKET_DEADLINE_MS); !(condition);) {                                                        \
        if (clock_mono_ns() > deadline) fail_msg("not in time: %s", #condition);                                                           \
        websocket_loop_run((mock)->loop, clock_mono_ns() + MS_NS);                                                                         \
        (void)poll_once(f, 1);                                                                                                             \
    }

static void assert_header(struct slice headers, const char *name, const char *part)
{
    struct slice value = record_header(headers, name);
    char text[512];
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(value));
    assert_contains(text, part);
}

static void test_bad_frames_become_rejects_with_their_bytes_and_reason(void **state)
{
    struct fixture *f = *state;
    struct mock mock;
    mock_start(f, &mock, "A\"PL");
    turn_until(f, &mock, mock.messages == 1);
    assert_string_equal(mock.last, "{\"subscribe\":[\"A\\\"PL\"]}");
    static const struct {
        const char *frame, *reason;
    } bad[] = {
        {"invalid_base64_string", "base64"}, {"{\"type\":\"pricing\"}", "no message"}, {"CgRBQVBMFQAAPw==", "protobuf"}, {"", "empty"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t before = f->rejected;
        assert_true(websocket_send(mock.socket, slice_of(bad[i].frame)));
        turn_until(f, &mock, f->rejected == before + 1);
        assert_int_equal(f->rejects->rows, 1);
        assert_true(batch_is_null(f->rejects, RECORD_KEY, 0));
        assert_true(slice_is(f->rejects->columns[RECORD_VALUE].text[0], bad[i].frame));
        struct slice headers = f->rejects->columns[RECORD_HEADERS].text[0];
        assert_header(headers, "reason", bad[i].reason);
        assert_header(headers, "source", "test");
        assert_header(headers, "received", "Z");
        int64_t received;
        assert_true(clock_parse(record_header(headers, "received"), &received));
        assert_int_equal(f->rejects->columns[RECORD_TIMESTAMP].int64[0], received);
    }
    assert_int_equal(counter_of(f, "fdp_feed_bad_frames_total"), 4);
    assert_true(websocket_send(mock.socket, SLICE("{\"type\":\"heartbeat\"}")));
    assert_true(websocket_send(mock.socket, SLICE("CgRBQVBMFQAAP0M=")));
    poll_once(f, 1);
    batch_reset(f->quotes);
    int64_t deadline = clock_deadline_ms(MARKET_DEADLINE_MS);
    while (!f->quotes->rows && clock_mono_ns() < deadline) {
        websocket_loop_run(mock.loop, clock_mono_ns() + MS_NS);
        batch_reset(f->rejects);
        enum status status = ops->poll(f->feed, f->quotes, f->rejects, clock_deadline_ms(1), &f->err);
        assert_true(status == OK || status == AGAIN);
    }
    assert_int_equal(f->quotes->rows, 1); // the minimal one, and it is not this feed's business that it has no time
    assert_int_equal(counter_of(f, "fdp_feed_other_frames_total"), 1);
    websocket_loop_free(mock.loop);
}

static void test_a_flood_of_bad_frames_fills_the_rejects_and_then_waits(void **state)
{
    struct fixture *f = *state;
    struct mock mock;
    enum { FLOOD = 3500 };
    mock_start(f, &mock, "AAPL");
    turn_until(f, &mock, mock.messages == 1);
    for (int i = 0; i < FLOOD; i++) assert_true(websocket_send(mock.socket, SLICE("rubbish!")));
    uint64_t largest = 0;
    int64_t deadline = clock_deadline_ms(MARKET_DEADLINE_MS);
    while (f->rejected < FLOOD && clock_mono_ns() < deadline) {
        websocket_loop_run(mock.loop, clock_mono_ns() + MS_NS);
        poll_once(f, 1);
        if (f->rejects->rows > largest) largest = f->rejects->rows;
        assert_int_equal(f->quotes->arena.used_bytes, 0);
    }
    assert_int_equal(f->rejected, FLOOD);
    assert_int_equal(largest, BATCH_ROWS);
    websocket_loop_free(mock.loop);
}

static void test_an_oversized_frame_costs_the_connection_not_the_feed(void **state)
{
    struct fixture *f = *state;
    struct mock mock;
    static char big[BUF_MAX_FRAME + 1];
    mock_start(f, &mock, "AAPL");
    turn_until(f, &mock, mock.messages == 1);
    memset(big, 'A', sizeof big);
    assert_true(websocket_send(mock.socket, (struct slice){big, sizeof big}));
    turn_until(f, &mock, mock.messages == 2); // connected and subscribed again
    assert_contains(logged(f), "more than 65536 bytes");
    assert_true(websocket_send(mock.socket, (struct slice){big, BUF_MAX_FRAME}));
    turn_until(f, &mock, f->rejected == 1);
    websocket_loop_free(mock.loop);
}

static void test_a_close_without_a_code_is_followed_by_a_new_connection(void **state)
{
    struct fixture *f = *state;
    struct mock mock;
    mock_start(f, &mock, "AAPL");
    for (int i = 1; i <= 5; i++) {
        turn_until(f, &mock, mock.messages == i && mock.socket);
        websocket_close(mock.socket, WEBSOCKET_NO_CODE);
        turn_until(f, &mock, !mock.socket || mock.opened == i + 1);
    }
    assert_contains(logged(f), "without a code");
    websocket_loop_free(mock.loop);
}

static void test_reconnect_doubles_up_to_its_maximum_with_a_random_part(void **state)
{
    (void)state;
    struct reconnect reconnect;
    reconnect_init(&reconnect, 100, 3000, 42);
    static const int64_t expected[] = {100, 200, 400, 800, 1600, 3000, 3000, 3000};
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
            int64_t wait = reconnect_next_ms(&reconnect);
            assert_true(wait >= expected[i] / 2 && wait <= expected[i]);
        }
        reconnect_reset(&reconnect);
    }
    reconnect_init(&reconnect, 100, INT64_MAX, 7);
    int64_t wait = 0;
    for (int i = 0; i < 100; i++) wait = reconnect_next_ms(&reconnect);
    assert_true(wait > 0);
    reconnect_init(&reconnect, 1, 1, 7);
    for (int i = 0; i < 10; i++) assert_in_range(reconnect_next_ms(&reconnect), 0, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_quotes_of_all_classes_arrive_in_order),
        TEST(test_version_1_gives_the_same),
        TEST(test_the_last_quote_of_every_symbol_comes_with_the_subscription),
        TEST(test_symbols_are_split_over_connections),
        TEST(test_past_the_hundredth_symbol_of_a_connection_nothing_comes),
        TEST(test_subscribe_replaces_the_set),
        TEST(test_it_connects_again_when_the_server_comes_back),
        TEST(test_twenty_thousand_ticks_a_second_are_taken),
        TEST(test_a_full_batch_holds_the_far_end_back_and_loses_nothing),
        TEST(test_poll_keeps_to_its_deadline_when_nobody_is_there),
        TEST(test_hosts_are_found_by_name_and_unknown_ones_are_named),
        TEST(test_open_refuses_a_wrong_address_or_file),
        TEST(test_yahoo_names_the_real_feed),
        TEST(test_tls_works_with_a_trusted_authority),
        TEST(test_tls_refuses_another_authority_with_a_plain_message),
        TEST(test_a_silent_server_is_left_and_tried_again),
        TEST(test_time_in_which_nobody_polls_is_not_taken_for_silence),
        TEST(test_bad_frames_become_rejects_with_their_bytes_and_reason),
        TEST(test_a_flood_of_bad_frames_fills_the_rejects_and_then_waits),
        TEST(test_an_oversized_frame_costs_the_connection_not_the_feed),
        TEST(test_a_close_without_a_code_is_followed_by_a_new_connection),
        cmocka_unit_test(test_reconnect_doubles_up_to_its_maximum_with_a_random_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
