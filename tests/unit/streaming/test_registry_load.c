// SPDX-License-Identifier: Apache-2.0
// Loading schemas into a registry: order of versions, levels, doing it twice, what is wrong with a folder.
#include "fixture.h"

#include "net/http_client.h"
#include "streaming/registry.h"

struct test {
    struct fixture fixture;
    char schemas[100];
    struct registry_server *server;
    struct registry_client *client;
    struct http_client *http;
    struct buf body;
};

static const struct log quiet = {LOG_ERROR, LOG_TEXT, 2, false};

static int setup(void **state)
{
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    fixture_init(&test->fixture);
    test->fixture.config.streaming.registry.listen = "127.0.0.1:0";
    snprintf(test->schemas, sizeof test->schemas, "%s/schemas", test->fixture.folder);
    assert_int_equal(mkdir(test->schemas, 0700), 0);
    struct registry_server_params params = {&test->fixture.config, &quiet, NULL};
    must(&test->fixture, registry_server_start(&test->server, &params, &test->fixture.err));
    must(&test->fixture, registry_client_open(&test->client, registry_server_url(test->server), &quiet, NULL, &test->fixture.err));
    test->http = http_client_new(10000);
    buf_init(&test->body, BUF_MAX_HTTP_REPLY);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    registry_client_close(test->client);
    registry_server_stop(test->server);
    http_client_free(test->http);
    buf_fini(&test->body);
    fixture_fini(&test->fixture);
    free(test);
    return 0;
}

static void write_file(struct test *test, const char *folder, const char *name, const char *content)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", test->schemas, folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%s", test->schemas, folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void expect(struct test *test, const char *path, const char *reply)
{
    char url[300];
    int status;
    snprintf(url, sizeof url, "%s%s", registry_server_url(test->server), path);
    must(&test->fixture,
         http_client_request(test->http, "GET", url, NULL, SLICE(""), &status, &test->body, ERR_REGISTRY, &test->fixture.err));
    buf_append_byte(&test->body, '\0');
    assert_string_equal(test->body.data, reply);
}

static uint32_t load(struct test *test)
{
    uint32_t loaded = 99;
    must(&test->fixture, registry_load(test->client, test->schemas, &quiet, &loaded, &test->fixture.err));
    return loaded;
}

static void test_load_goes_by_number_and_is_idempotent(void **state)
{
    struct test *test = *state;
    write_file(test, "t", "v10.avsc", "\"bytes\"");
    write_file(test, "t", "v2.avsc", "\"long\"");
    write_file(test, "t", "v1.avsc", "\"int\"");
    write_file(test, "t", "README.md", "not a schema");
    write_file(test, "t", "v02.avsc", "not a schema either");
    assert_int_equal(load(test), 3);
    assert_int_equal(load(test), 0);
    expect(test, "/subjects", "[\"t-value\"]");
    expect(test, "/subjects/t-value/versions", "[1,2,3]");
    expect(test, "/subjects/t-value/versions/1/schema", "\"int\"");
    expect(test, "/subjects/t-value/versions/3/schema", "\"bytes\"");
    write_file(test, "t", "v11.avsc", "\"float\"");
    assert_int_equal(load(test), 1);
}

static void test_load_sets_the_level_of_the_first_pattern_that_fits(void **state)
{
    struct test *test = *state;
    write_file(test, "tickers.x", "v1.avsc", "\"int\"");
    write_file(test, "tickers.y", "v1.avsc", "\"int\"");
    write_file(test, "other", "v1.avsc", "\"int\"");
    write_file(test, ".", "compatibility.yaml", "# levels\ntickers.x-value: full\n'tickers.*': FORWARD_TRANSITIVE\n");
    assert_int_equal(load(test), 3);
    expect(test, "/config/tickers.x-value", "{\"compatibilityLevel\":\"FULL\"}");
    expect(test, "/config/tickers.y-value", "{\"compatibilityLevel\":\"FORWARD_TRANSITIVE\"}");
    expect(test, "/config/other-value?defaultToGlobal=true", "{\"compatibilityLevel\":\"BACKWARD\"}");
}

static void test_load_without_a_file_of_levels_uses_ours(void **state)
{
    struct test *test = *state;
    write_file(test, "tickers.x", "v1.avsc", "\"int\"");
    assert_int_equal(load(test), 1);
    expect(test, "/config/tickers.x-value", "{\"compatibilityLevel\":\"NONE\"}");
}

static void test_load_of_the_schemas_in_the_program(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < 2; i++) {
        uint32_t loaded = 99;
        must(&test->fixture, registry_load(test->client, i ? "" : NULL, &quiet, &loaded, &test->fixture.err));
        assert_true(i ? loaded == 0 : loaded >= 3);
    }
    expect(test, "/subjects", "[\"tickers.crypto-value\",\"tickers.currency-value\",\"tickers.stocks-value\"]");
    expect(test, "/config/tickers.stocks-value", "{\"compatibilityLevel\":\"NONE\"}");
}

static void test_load_says_which_file_is_wrong(void **state)
{
    struct test *test = *state;
    uint32_t loaded;
    assert_int_not_equal(registry_load(test->client, "/no/such/folder", &quiet, &loaded, &test->fixture.err), OK);
    assert_non_null(strstr(test->fixture.err.text, "/no/such/folder"));
    write_file(test, "t", "v1.avsc", "\"int\"");
    write_file(test, "t", "v2.avsc", "{\"type\":\"nothing\"}");
    assert_int_equal(registry_load(test->client, test->schemas, &quiet, &loaded, &test->fixture.err), REJECT);
    assert_non_null(strstr(test->fixture.err.text, "t/v2.avsc"));
    assert_int_equal(loaded, 1);
    static const char *const bad[] = {"[1]", "a: [b]", "a: SOMETIMES", "a: {", "\"a", "- x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(test, ".", "compatibility.yaml", bad[i]);
        assert_int_equal(registry_load(test->client, test->schemas, &quiet, &loaded, &test->fixture.err), FATAL);
        assert_int_equal(test->fixture.err.code, ERR_CONFIG);
        assert_non_null(strstr(test->fixture.err.text, "compatibility.yaml"));
    }
}

static void test_load_without_a_registry_is_retry(void **state)
{
    struct test *test = *state;
    uint32_t loaded;
    registry_server_stop(test->server);
    test->server = NULL;
    assert_int_equal(registry_load(test->client, NULL, &quiet, &loaded, &test->fixture.err), RETRY);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_load_goes_by_number_and_is_idempotent),   T(test_load_sets_the_level_of_the_first_pattern_that_fits),
        T(test_load_without_a_file_of_levels_uses_ours), T(test_load_of_the_schemas_in_the_program),
        T(test_load_says_which_file_is_wrong),           T(test_load_without_a_registry_is_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
