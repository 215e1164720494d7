// SPDX-License-Identifier: Apache-2.0
// WebSocket addresses, and finding hosts.
#include <sched.h>

#include "../unit.h"
#include "base/clock.h"
#include "net/resolver.h"
#include "net/websocket.h"

static void assert_url(const char *text, bool tls, const char *host, int port, const char *path)
{
    struct websocket_url url;
    struct err err;
    if (websocket_url_parse(text, &url, ERR_FEED, &err) != OK) fail_msg("%s", err.text);
    assert_int_equal(url.tls, tls);
    assert_string_equal(url.host, host);
    assert_int_equal(url.port, port);
    assert_string_equal(url.path, path);
}

static void test_url_parse_takes_addresses_apart(void **state)
{
    (void)state;
    assert_url("wss://streamer.finance.yahoo.com/?version=2", true, "streamer.finance.yahoo.com", 443, "/?version=2");
    assert_url("ws://127.0.0.1:8082/?version=2", false, "127.0.0.1", 8082, "/?version=2");
    assert_url("ws://h", false, "h", 80, "/");
    assert_url("ws://h?version=2", false, "h", 80, "/?version=2");
    assert_url("ws://h:1/a/b", false, "h", 1, "/a/b");
    assert_url("wss://[::1]:65535/", true, "::1", 65535, "/");
    assert_url("ws://[::1]", false, "::1", 80, "/");
}

static void test_url_parse_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"http://h/", "does not start with"},
        {"", "does not start with"},
        {"ws:/h", "does not start with"},
        {"ws://", "names no host"},
        {"ws:///x", "names no host"},
        {"ws://:80", "names no host"},
        {"ws://[]/", "names no host"},
        {"ws://h:0/", "port"},
        {"ws://h:65536/", "port"},
        {"ws://h:x/", "port"},
        {"ws://h:/", "port"},
        {"ws://a b/", "percent-encoded"},
        {"ws://h/#x", "fragment"},
        {"ws://u:p@h/", "port"},
        {"ws://u@h/", "user name"},
        {"ws://u:hush@h/", "ws://u:***@h/"},
        {"ws://[::1]x/", "between"},
        {"ws://[::1/", "malformed"},
        {"ws://h/\x01", "percent-encoded"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct websocket_url url;
        struct err err;
        assert_int_equal(websocket_url_parse(cases[i].text, &url, ERR_FEED, &err), FATAL);
        assert_int_equal(err.code, ERR_FEED);
        assert_contains(err.text, cases[i].wrong);
    }
    char longest[4096] = "ws://";
    memset(longest + 5, 'h', 300);
    struct websocket_url url;
    struct err err;
    assert_int_equal(websocket_url_parse(longest, &url, ERR_FEED, &err), FATAL);
    assert_contains(err.text, "too long");
    memset(longest, 0, sizeof longest);
    snprintf(longest, sizeof longest, "ws://h/");
    memset(longest + 7, 'p', 3000);
    assert_int_equal(websocket_url_parse(longest, &url, ERR_FEED, &err), FATAL);
    assert_contains(err.text, "path is too long");
}

static void done(void *context)
{
    __atomic_store_n((bool *)context, true, __ATOMIC_RELEASE);
}

// The answer, waited for.
static enum status resolve(const char *host, struct resolver_addresses *addresses, struct err *err)
{
    bool called = false;
    struct resolver *resolver = resolver_start(host, done, &called);
    enum status status;
    int64_t deadline = clock_deadline_ms(20000);
    while ((status = resolver_result(resolver, addresses, ERR_FEED, err)) == AGAIN && clock_mono_ns() < deadline) sched_yield();
    resolver_free(resolver);
    return status;
}

static void test_resolver_answers_at_once_for_an_address(void **state)
{
    (void)state;
    struct resolver_addresses addresses;
    struct err err;
    struct resolver *resolver = resolver_start("127.0.0.1", done, NULL);
    assert_int_equal(resolver_result(resolver, &addresses, ERR_FEED, &err), OK);
    assert_int_equal(addresses.count, 1);
    assert_string_equal(addresses.items[0], "127.0.0.1");
    resolver_free(resolver);
    assert_int_equal(resolve("::1", &addresses, &err), OK);
    assert_string_equal(addresses.items[0], "::1");
}

static void test_resolver_finds_localhost(void **state)
{
    (void)state;
    struct resolver_addresses addresses;
    struct err err;
    assert_int_equal(resolve("localhost", &addresses, &err), OK);
    assert_true(!strcmp(addresses.items[0], "127.0.0.1") || !strcmp(addresses.items[0], "::1"));
}

static void test_resolver_says_when_a_host_is_unknown(void **state)
{
    (void)state;
    struct resolver_addresses addresses;
    struct err err;
    assert_int_equal(resolve("no such host", &addresses, &err), RETRY); // a space: no name server is asked
    assert_contains(err.text, "cannot find the host no such host");
}

static void test_resolver_can_be_left_at_any_time(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        bool called = false;
        resolver_free(resolver_start("localhost", done, &called));
    }
    resolver_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url_parse_takes_addresses_apart),         cmocka_unit_test(test_url_parse_says_what_is_wrong),
        cmocka_unit_test(test_resolver_answers_at_once_for_an_address), cmocka_unit_test(test_resolver_finds_localhost),
        cmocka_unit_test(test_resolver_says_when_a_host_is_unknown),    cmocka_unit_test(test_resolver_can_be_left_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
