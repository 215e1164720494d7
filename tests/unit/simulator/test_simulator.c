// SPDX-License-Identifier: Apache-2.0
// The market over its socket: Yahoo's rules for subscriptions, both framings, rate, slow clients, replay.
#include "simulator/simulator.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../market.h"
#include "base/map.h"
#include "net/websocket.h"
#include "quote.pb-c.h"

enum { SYMBOLS_MAX = 20000 };

// A client that decodes what it gets, by hand.
struct client {
    struct websocket *socket;
    struct websocket_loop *loop;
    bool opened, closed;
    char why[256];
    int pongs;
    uint64_t frames, version1;
    struct map symbols;
    uint64_t *counts; // frames by symbol
    int64_t *times;   // the last by symbol
    bool in_order, whole_seconds;
    struct buf prices; // "symbol price\n", as they came
};

struct fixture {
    struct config config;
    struct metric_registry *metrics;
    struct simulator *simulator;
    struct client client;
    struct err err;
    char path[64];
};

static void count_quote(struct client *client, const Fdp__PricingData *quote)
{
    uint32_t symbol = map_add(&client->symbols, (struct slice){(const char *)quote->id.data, quote->id.len});
    assert_true(symbol < SYMBOLS_MAX);
    client->in_order &= quote->time > client->times[symbol];
    client->whole_seconds &= quote->time % 1000 == 0;
    client->times[symbol] = quote->time;
    client->counts[symbol]++;
    if (!client->prices.full)
        buf_printf(&client->prices, "%.*s %.9g\n", (int)quote->id.len, (const char *)quote->id.data, (double)quote->price);
}

static void on_message(void *owner, struct websocket *socket, struct slice message)
{
    (void)socket;
    struct client *client = owner;
    static const char start[] = "{\"type\":\"pricing\",\"message\":\"";
    if (message.data[0] == '{') {
        assert_memory_equal(message.data, start, sizeof start - 1);
        message = (struct slice){message.data + sizeof start - 1, message.size - (sizeof start - 1) - 2};
    } else {
        client->version1++;
    }
    unsigned char bytes[4096];
    ptrdiff_t size = text_base64_decode(message.data, message.size, bytes);
    assert_true(size > 0);
    Fdp__PricingData *quote = fdp__pricing_data__unpack(NULL, (size_t)size, bytes);
    assert_non_null(quote);
    client->frames++;
    count_quote(client, quote);
    fdp__pricing_data__free_unpacked(quote, NULL);
}

static void on_opened(void *owner, struct websocket *socket)
{
    (void)socket;
    ((struct client *)owner)->opened = true;
}

static void on_pong(void *owner, struct websocket *socket)
{
    (void)socket;
    ((struct client *)owner)->pongs++;
}

static void on_closed(void *owner, struct websocket *socket, const char *why)
{
    (void)socket;
    struct client *client = owner;
    client->closed = true;
    client->socket = NULL;
    snprintf(client->why, sizeof client->why, "%s", why);
}

static const struct websocket_events events = {on_opened, on_message, on_pong, on_closed};

#define run_until(client, condition)                                                                                                       \
    for (int64_t deadline = clock_deadline_ms(MARKET_DEADLINE_MS); !(condition);) {                                                        \
        if (clock_mono_ns() > deadline) fail_msg("not in time: %s", #condition);                                                           \
        websocket_loop_run((client)->loop, clock_mono_ns() + 5 * MS_NS);                                                                   \
    }

static void client_init(struct client *client)
{
    *client = (struct client){.in_order = true, .whole_seconds = true};
    map_init(&client->symbols, SYMBOLS_MAX);
    client->counts = calloc(SYMBOLS_MAX, sizeof *client->counts);
    client->times = calloc(SYMBOLS_MAX, sizeof *client->times);
    buf_init(&client->prices, 1 << 20);
}

static void client_fini(struct client *client)
{
    websocket_loop_free(client->loop);
    map_fini(&client->symbols);
    free(client->counts);
    free(client->times);
    buf_fini(&client->prices);
}

static void client_connect(struct client *client, const struct simulator *simulator, const char *query)
{
    struct websocket_loop_params params = {.message_max = 64 << 10, .queue_max = 4 << 20, .code = ERR_FEED};
    struct websocket_url url;
    struct err err;
    assert_int_equal(websocket_url_parse(simulator_url(simulator), &url, ERR_FEED, &err), OK);
    snprintf(url.path, sizeof url.path, "/%s", query);
    assert_int_equal(websocket_loop_new(&client->loop, &params, &err), OK);
    assert_int_equal(websocket_connect(client->loop, &url, "127.0.0.1", &events, client, &client->socket, &err), OK);
    run_until(client, client->opened);
}

static void client_say(struct client *client, const char *text)
{
    assert_true(websocket_send(client->socket, slice_of(text)));
}

static uint64_t count_of(const struct client *client, const char *symbol)
{
    uint32_t number = map_find(&client->symbols, slice_of(symbol));
    return number == MAP_NONE ? 0 : client->counts[number];
}

// Waits until the server has read everything that was said so far.
static void client_settle(struct client *client)
{
    int pongs = client->pongs;
    websocket_ping(client->socket);
    run_until(client, client->pongs > pongs || client->closed);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    market_config(&f->config);
    f->metrics = metric_registry_new();
    client_init(&f->client);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    client_fini(&f->client);
    simulator_stop(f->simulator);
    metric_registry_free(f->metrics);
    if (*f->path) unlink(f->path);
    free(f);
    return 0;
}

static struct client *start(struct fixture *f, const char *query)
{
    f->simulator = market_start(&f->config, f->metrics);
    client_connect(&f->client, f->simulator, query);
    return &f->client;
}

static double metric_of(struct fixture *f, const char *name)
{
    return metric_value(metric_gauge(f->metrics, name, NULL, ""));
}

static uint64_t counter_of(struct fixture *f, const char *name)
{
    return metric_count(metric_counter(f->metrics, name, NULL, ""));
}

static void test_version_2_sends_envelopes_of_subscribed_symbols_in_order(void **state)
{
    struct fixture *f = *state;
    struct client *client = start(f, "?version=2");
    client_say(client, "{\"subscribe\": [\"AAPL\", \"BTC-USD\", \"EURUSD=X\"]}");
    run_until(client, client->frames >= 300);
    assert_int_equal(client->symbols.count, 3);
    assert_int_equal(client->version1, 0);
    assert_true(client->in_order);
    assert_false(client->whole_seconds); // 1000 ticks a second for 3 symbols
}

static void test_version_1_sends_bare_base64(void **state)
{
    struct fixture *f = *state;
    struct client *client = start(f, "");
    client_say(client, "{\"subscribe\":[\"AAPL\"]}");
    run_until(client, client->frames >= 50);
    assert_int_equal(client->version1, client->frames);
}

static void test_times_are_whole_seconds_at_up_to_one_tick_per_symbol_and_second(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.instruments = 400;
    f->config.simulator.rate = 400;
    f->config.simulator.silent_cap = false;
    struct client *client = start(f, "?version=2");
    const char *const *symbols;
    uint32_t count = simulator_symbols(f->simulator, &symbols);
    assert_int_equal(count, 400);
    struct buf message;
    buf_init(&message, 1 << 20);
    for (uint32_t i = 0; i < count; i++) buf_printf(&message, "%s\"%s\"", i ? "," : "{\"subscribe\":[", symbols[i]);
    buf_append_text(&message, "]}");
    assert_true(websocket_send(client->socket, buf_slice(&message)));
    buf_fini(&message);
    run_until(client, client->frames >= 400 + 200); // snapshots, then ticks
    assert_true(client->whole_seconds && client->in_order);
}

static void test_a_subscription_brings_the_last_quote_at_once(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.rate = 1;
    struct client *client = start(f, "?version=2");
    client_say(client, "{\"subscribe\":[\"AAPL\",\"MSFT\",\"^GSPC\",\"JPY=X\",\"ETH-USD\"]}");
    run_until(client, client->symbols.count == 5);
    client_settle(client);
    assert_in_range(client->frames, 5, 7);
}

static void test_a_repeated_subscription_brings_nothing_new(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.rate = 1;
    struct client *client = start(f, "?version=2");
    client_say(client, "{\"subscribe\":[\"AAPL\",\"NOPE\",\"AAPL\"]}");
    client_settle(client);
    for (int i = 0; i < 10; i++) client_say(client, "{\"subscribe\":[\"AAPL\",\"NOPE\"]}");
    client_settle(client);
    assert_in_range(client->frames, 1, 2);
    assert_true(metric_of(f, "fdp_simulator_subscriptions") == 2);
}

static void test_unsubscribed_symbols_fall_silent(void **state)
{
    struct fixture *f = *state;
    struct client *client = start(f, "?version=2");
    client_say(client, "{\"subscribe\":[\"AAPL\",\"MSFT\"]}");
    run_until(client, count_of(client, "AAPL") > 10 && count_of(client, "MSFT") > 10);
    client_say(client, "{\"unsubscribe\":[\"AAPL\",\"never-subscribed\"]}");
    client_settle(client);
    uint64_t aapl = count_of(client, "AAPL"), msft = count_of(client, "MSFT");
    run_until(client, count_of(client, "MSFT") > msft + 100);
    assert_int_equal(count_of(client, "AAPL"), aapl);
    client_say(client, "{\"subscribe\":[\"AAPL\"]}");
    run_until(client, count_of(client, "AAPL") > aapl + 10);
}

static void test_harmless_messages_are_taken_without_a_word(void **state)
{
    struct fixture *f = *state;
    struct client *client = start(f, "?version=2");
    client_say(client, "{}");
    client_say(client, "{\"subscribe\":[]}");
    client_say(client, "{\"unsubscribe\":[\"never-subscribed\"]}");
    client_say(client, "{\"subscribe\":[\"NO-SUCH-SYMBOL\",\"USDJPY=X\",\"\"]}");
    client_settle(client);
    assert_false(client->closed);
    assert_int_equal(client->frames, 0);
    assert_int_equal(counter_of(f, "fdp_simulator_bad_messages_total"), 0);
}

static void test_malformed_messages_close_without_a_code(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"{\"subscribe\":\"BTC-USD\"}",
                                      "hello world",
                                      "{\"bogus_action\":[\"X\"]}",
                                      "{\"subscribe\":[null]}",
                                      "close",
                                      "[]",
                                      "{\"subscribe\":[\"AAPL\"],\"x\":1}",
                                      "",
                                      "{\"subscribe\":[\"AAPL\",5]}"};
    f->simulator = market_start(&f->config, f->metrics);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct client client;
        client_init(&client);
        client_connect(&client, f->simulator, "?version=2");
        client_say(&client, bad[i]);
        run_until(&client, client.closed);
        assert_contains(client.why, "without a code");
        client_fini(&client);
    }
    assert_int_equal(counter_of(f, "fdp_simulator_bad_messages_total"), sizeof bad / sizeof *bad);
}

// Subscribes to SIM-like names first..last-1 by their place in the market.
static void subscribe_range(struct client *client, const struct simulator *simulator, const char *verb, uint32_t first, uint32_t last)
{
    const char *const *symbols;
    assert_true(simulator_symbols(simulator, &symbols) >= last);
    struct buf message;
    buf_init(&message, 1 << 20);
    buf_printf(&message, "{\"%s\":[", verb);
    for (uint32_t i = first; i < last; i++) buf_printf(&message, "%s\"%s\"", i == first ? "" : ",", symbols[i]);
    buf_append_text(&message, "]}");
    assert_true(websocket_send(client->socket, buf_slice(&message)));
    buf_fini(&message);
}

static void test_slots_past_the_hundredth_are_silently_ignored_until_one_is_freed(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.instruments = 300;
    f->config.simulator.rate = 100000;
    struct client *client = start(f, "?version=2");
    client_say(client, "{\"subscribe\":[\"UNKNOWN-ONE\",\"USDJPY=X\"]}"); // each takes a slot
    subscribe_range(client, f->simulator, "subscribe", 0, 60);
    subscribe_range(client, f->simulator, "subscribe", 60, 300);
    run_until(client, client->frames >= 20000 && client->symbols.count >= 98);
    assert_int_equal(client->symbols.count, 98);
    const char *const *symbols;
    simulator_symbols(f->simulator, &symbols);
    for (uint32_t i = 0; i < 98; i++) assert_true(count_of(client, symbols[i]) > 1); // first come, first served
    assert_true(metric_of(f, "fdp_simulator_subscriptions") == 100);
    client_say(client, "{\"unsubscribe\":[\"UNKNOWN-ONE\"]}");
    subscribe_range(client, f->simulator, "unsubscribe", 0, 9);
    subscribe_range(client, f->simulator, "subscribe", 200, 300);
    run_until(client, client->symbols.count >= 108); // frames that were sent before come first
    uint64_t frames = client->frames;
    run_until(client, client->frames >= frames + 20000);
    assert_int_equal(client->symbols.count, 108);
}

static void test_without_the_cap_every_symbol_is_served(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.instruments = 3000;
    f->config.simulator.silent_cap = false;
    struct client *client = start(f, "?version=2");
    subscribe_range(client, f->simulator, "subscribe", 0, 3000);
    run_until(client, client->symbols.count == 3000);
}

static void test_pings_are_answered(void **state)
{
    struct fixture *f = *state;
    struct client *client = start(f, "?version=2");
    websocket_ping(client->socket);
    run_until(client, client->pongs == 1);
}

static void test_the_rate_is_kept_over_the_socket(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.rate = 20000;
    struct client *client = start(f, "?version=2");
    subscribe_range(client, f->simulator, "subscribe", 0, 50);
    run_until(client, client->frames >= 100);
    uint64_t before = client->frames;
    int64_t began = clock_mono_ns();
    run_until(client, client->frames >= before + 20000);
    double seconds = (double)(clock_mono_ns() - began) / 1e9;
    assert_true(seconds > 0.9);
    if (seconds > 3) fail_msg("20000 ticks took %.2f s", seconds); // wide, for a busy machine
    assert_true(client->in_order);
}

static void test_the_same_seed_gives_the_same_quotes(void **state)
{
    struct fixture *f = *state;
    struct client *client = start(f, "?version=2");
    client_say(client, "{\"subscribe\":[\"AAPL\"]}");
    run_until(client, client->frames >= 300);
    struct fixture again = {.config = f->config, .metrics = f->metrics};
    client_init(&again.client);
    start(&again, "?version=2");
    client_say(&again.client, "{\"subscribe\":[\"AAPL\"]}");
    run_until(&again.client, again.client.frames >= 300);
    size_t common = client->prices.size < again.client.prices.size ? client->prices.size : again.client.prices.size;
    assert_true(common > 300 * 8);
    assert_memory_equal(client->prices.data, again.client.prices.data, common);
    client_fini(&again.client);
    simulator_stop(again.simulator);
}

static void test_two_clients_get_the_same_ticks(void **state)
{
    struct fixture *f = *state;
    struct client *first = start(f, "?version=2"), second;
    client_init(&second);
    client_connect(&second, f->simulator, "");
    client_say(first, "{\"subscribe\":[\"AAPL\"]}");
    client_say(&second, "{\"subscribe\":[\"AAPL\",\"MSFT\"]}");
    run_until(first, first->frames >= 200);
    run_until(&second, second.frames >= 200);
    assert_int_equal(first->symbols.count, 1);
    assert_int_equal(second.symbols.count, 2);
    client_fini(&second);
    uint64_t frames = first->frames;
    run_until(first, first->frames >= frames + 200);
}

static void test_a_client_that_does_not_read_loses_its_oldest_ticks_and_no_memory_is_spent(void **state)
{
    struct fixture *f = *state;
    f->config.simulator.rate = 100000;
    struct client *client = start(f, "?version=2");
    subscribe_range(client, f->simulator, "subscribe", 0, 50);
    run_until(client, client->frames >= 100);
    websocket_pause(client->socket, true);
    // Nobody reads: the system's buffers fill, then the queue, then frames are dropped.
    int64_t deadline = clock_deadline_ms(MARKET_DEADLINE_MS);
    while (counter_of(f, "fdp_simulator_dropped_frames_total") < 10000 && clock_mono_ns() < deadline)
        websocket_loop_run(client->loop, clock_deadline_ms(20));
    assert_true(counter_of(f, "fdp_simulator_dropped_frames_total") >= 10000);
    websocket_pause(client->socket, false);
    uint64_t frames = client->frames;
    run_until(client, client->frames >= frames + 50000);
    assert_true(client->in_order);
}

static void write_replay(struct fixture *f, const char *text)
{
    snprintf(f->path, sizeof f->path, "/tmp/fdp-test-replay-XXXXXX");
    int fd = mkstemp(f->path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    f->config.simulator.replay = f->path;
}

static void test_a_running_market_is_ready_and_shows_its_rate_and_who_it_refused(void **state)
{
    struct fixture *f = *state;
    struct client *client = start(f, "?version=2");
    const char *why = "";
    assert_true(simulator_ready(f->simulator, &why));
    assert_string_equal(why, "");
    assert_true(metric_of(f, "fdp_simulator_target_ticks_per_second") == 1000);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int64_t port;
    char url[320];
    snprintf(url, sizeof url, "%s", strrchr(simulator_url(f->simulator), ':') + 1);
    *strchr(url, '/') = '\0';
    assert_true(text_to_int64(slice_of(url), &port));
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    char reply[2048] = {0};
    assert_true(recv(fd, reply, sizeof reply - 1, MSG_WAITALL) > 0);
    assert_contains(reply, "connect with ");
    assert_contains(reply, simulator_url(f->simulator));
    close(fd);
    run_until(client, counter_of(f, "fdp_simulator_refused_connections_total") == 1);
}

static void test_replay_plays_recorded_quotes_at_their_pace(void **state)
{
    struct fixture *f = *state;
    write_replay(f,
                 "time,id,price\n1786622589000,AAPL,307.2\n1786622589500,MSFT,480\n1786622590000,AAPL,307.25\n1786622591000,AAPL,307.3\n");
    f->config.simulator.speed = 10;
    struct client *client = start(f, "?version=2");
    const char *const *symbols;
    assert_int_equal(simulator_symbols(f->simulator, &symbols), 2);
    assert_string_equal(symbols[1], "MSFT");
    int64_t began = clock_mono_ns();
    client_say(client, "{\"subscribe\":[\"AAPL\",\"MSFT\",\"TSLA\"]}");
    run_until(client, client->frames == 4);
    assert_true(clock_mono_ns() - began >= 190 * MS_NS); // two seconds at ten times the speed
    assert_string_equal((buf_append_byte(&client->prices, '\0'), client->prices.data),
                        "AAPL 307.200012\nMSFT 480\nAAPL 307.25\nAAPL 307.299988\n");
    client_say(client, "{\"unsubscribe\":[\"AAPL\"]}");
    client_say(client, "{\"subscribe\":[\"AAPL\"]}"); // it is over, but the last price is known
    run_until(client, client->frames == 5);
}

static void test_replay_loses_nothing_however_fast_it_is(void **state)
{
    struct fixture *f = *state;
    enum { ROWS = 100000 };
    struct buf text;
    buf_init(&text, 16 << 20);
    buf_append_text(&text, "time,id,price\n");
    for (int i = 0; i < ROWS; i++) buf_printf(&text, "%lld,S%d,%d.25\n", 1786622589000LL + i, i % 50, 1 + i % 1000);
    buf_append_byte(&text, '\0');
    write_replay(f, text.data);
    buf_fini(&text);
    f->config.simulator.speed = 1000000;
    struct client *client = start(f, "?version=2");
    subscribe_range(client, f->simulator, "subscribe", 0, 50);
    run_until(client, client->frames >= ROWS);
    assert_int_equal(counter_of(f, "fdp_simulator_dropped_frames_total"), 0);
    assert_true(client->in_order);
}

static void test_start_says_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct simulator *other;
    write_replay(f, "time,id,price\n1786622589000,AAPL,x\n");
    assert_int_equal(simulator_start(&other, &f->config, &market_quiet, f->metrics, &f->err), FATAL);
    assert_contains(f->err.text, "line 2, column price");
    f->config.simulator.replay = "";
    f->simulator = market_start(&f->config, f->metrics);
    char listen[64];
    snprintf(listen, sizeof listen, "%s", simulator_url(f->simulator) + strlen("ws://"));
    *strchr(listen, '/') = '\0';
    f->config.simulator.listen = listen;
    assert_int_equal(simulator_start(&other, &f->config, &market_quiet, f->metrics, &f->err), FATAL);
    assert_int_equal(f->err.code, ERR_FEED);
    assert_contains(f->err.text, "in use");
    assert_contains(f->err.text, listen);
    assert_contains(f->err.text, "--set simulator.listen=HOST:PORT");
    assert_contains(f->err.text, "port 0");
    f->config.simulator.listen = "127.0.0.1:0";
    f->config.simulator.tls_certificate_file = "/no/such.pem";
    f->config.simulator.tls_key_file = "/no/such.key";
    assert_int_equal(simulator_start(&other, &f->config, &market_quiet, f->metrics, &f->err), FATAL);
    assert_contains(f->err.text, "/no/such.pem");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_version_2_sends_envelopes_of_subscribed_symbols_in_order),
        TEST(test_version_1_sends_bare_base64),
        TEST(test_times_are_whole_seconds_at_up_to_one_tick_per_symbol_and_second),
        TEST(test_a_subscription_brings_the_last_quote_at_once),
        TEST(test_a_repeated_subscription_brings_nothing_new),
        TEST(test_unsubscribed_symbols_fall_silent),
        TEST(test_harmless_messages_are_taken_without_a_word),
        TEST(test_malformed_messages_close_without_a_code),
        TEST(test_slots_past_the_hundredth_are_silently_ignored_until_one_is_freed),
        TEST(test_without_the_cap_every_symbol_is_served),
        TEST(test_pings_are_answered),
        TEST(test_the_rate_is_kept_over_the_socket),
        TEST(test_the_same_seed_gives_the_same_quotes),
        TEST(test_two_clients_get_the_same_ticks),
        TEST(test_a_client_that_does_not_read_loses_its_oldest_ticks_and_no_memory_is_spent),
        TEST(test_a_running_market_is_ready_and_shows_its_rate_and_who_it_refused),
        TEST(test_replay_plays_recorded_quotes_at_their_pace),
        TEST(test_replay_loses_nothing_however_fast_it_is),
        TEST(test_start_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
