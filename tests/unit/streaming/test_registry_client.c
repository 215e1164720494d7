// SPDX-License-Identifier: Apache-2.0
// The registry's client: what it caches, what it believes and for how long, how it tells "there is none" from "no answer".
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "net/http_server.h"
#include "streaming/registry.h"

// A registry that answers what the test wants, and counts.
struct fake {
    struct http_server *server;
    struct registry_client *client;
    struct err err;
    _Atomic int requests, status;
    const char *_Atomic body;
    _Atomic bool hold;
    atomic_bool empty; // has no subject
};

static void handle(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct fake *fake = context;
    if (!strcmp(request->path, "/subjects")) { // asked only when an id does not exist
        buf_append_text(&reply->body, atomic_load(&fake->empty) ? "[]" : "[\"some\"]");
        return;
    }
    atomic_fetch_add(&fake->requests, 1);
    while (atomic_load(&fake->hold)) sched_yield();
    reply->status = atomic_load(&fake->status);
    buf_append_text(&reply->body, atomic_load(&fake->body));
}

static void answer(struct fake *fake, int status, const char *body)
{
    atomic_store(&fake->status, status);
    atomic_store(&fake->body, body);
}

static int setup(void **state)
{
    struct fake *fake = calloc(1, sizeof *fake);
    assert_non_null(fake);
    answer(fake, 200, "{\"schema\":\"\\\"int\\\"\"}");
    if (http_server_start(&fake->server, "127.0.0.1:0", handle, fake, ERR_REGISTRY, &fake->err)) fail_msg("%s", fake->err.text);
    char url[200];
    snprintf(url, sizeof url, "%s//", http_server_url(fake->server));
    if (registry_client_open(&fake->client, url, NULL, NULL, &fake->err)) fail_msg("%s", fake->err.text);
    *state = fake;
    return 0;
}

static int teardown(void **state)
{
    struct fake *fake = *state;
    registry_client_close(fake->client);
    http_server_stop(fake->server);
    free(fake);
    return 0;
}

static void test_open_refuses_what_is_no_url(void **state)
{
    struct fake *fake = *state;
    static const char *const urls[] = {"", "localhost:8081", "ftp://x", "http://a,", "http://a,,http://b", "http://a,b"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct registry_client *client;
        assert_int_equal(registry_client_open(&client, urls[i], NULL, NULL, &fake->err), FATAL);
        assert_int_equal(fake->err.code, ERR_CONFIG);
    }
}

static void test_schema_is_fetched_once_and_kept_when_the_registry_is_down(void **state)
{
    struct fake *fake = *state;
    const struct avro_schema *first, *second;
    assert_int_equal(registry_schema(fake->client, 7, &first, &fake->err), OK);
    assert_int_equal(first->root->kind, AVRO_INT);
    http_server_stop(fake->server);
    fake->server = NULL;
    assert_int_equal(registry_schema(fake->client, 7, &second, &fake->err), OK);
    assert_ptr_equal(first, second);
    assert_int_equal(fake->requests, 1);
    assert_int_equal(registry_schema(fake->client, 8, &first, &fake->err), RETRY);
}

static void test_schema_that_does_not_exist_is_rejected_and_not_asked_for_again(void **state)
{
    struct fake *fake = *state;
    const struct avro_schema *schema;
    answer(fake, 404, "{\"error_code\":40403,\"message\":\"Schema 9 not found\"}");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(registry_schema(fake->client, 9, &schema, &fake->err), REJECT);
        assert_non_null(strstr(fake->err.text, "Schema 9 not found"));
    }
    assert_int_equal(fake->requests, 1);
    assert_int_equal(registry_schema(fake->client, 0, &schema, &fake->err), REJECT);
    assert_int_equal(registry_schema(fake->client, -1, &schema, &fake->err), REJECT);
    assert_int_equal(fake->requests, 1);
}

// No record is wrong because the registry was not filled yet, or has lost what it had.
static void test_schema_that_an_empty_registry_does_not_have_is_waited_for(void **state)
{
    struct fake *fake = *state;
    const struct avro_schema *schema;
    atomic_store(&fake->empty, true);
    answer(fake, 404, "{\"error_code\":40403,\"message\":\"Schema 9 not found\"}");
    assert_int_equal(registry_schema(fake->client, 9, &schema, &fake->err), RETRY);
    assert_non_null(strstr(fake->err.text, "fdp schemas load"));
    atomic_store(&fake->empty, false);
    answer(fake, 200, "{\"schema\":\"\\\"int\\\"\"}");
    enum status status;
    int64_t deadline_ns = clock_deadline_ms(20000);
    while ((status = registry_schema(fake->client, 9, &schema, &fake->err)) == RETRY && clock_mono_ns() < deadline_ns)
        clock_sleep_until(clock_deadline_ms(20));
    assert_int_equal(status, OK);
}

// Believed for a while only: a registry that was restored, or had the wrong topic, may have it later.
static void test_schema_that_did_not_exist_is_found_after_a_while(void **state)
{
    struct fake *fake = *state;
    const struct avro_schema *schema;
    answer(fake, 404, "{\"error_code\":40403,\"message\":\"Schema 9 not found\"}");
    assert_int_equal(registry_schema(fake->client, 9, &schema, &fake->err), REJECT);
    answer(fake, 200, "{\"schema\":\"\\\"int\\\"\"}");
    enum status status;
    int64_t began = clock_mono_ns();
    while ((status = registry_schema(fake->client, 9, &schema, &fake->err)) == REJECT) {
        assert_true(clock_mono_ns() < began + 20 * SECOND_NS);
        clock_sleep_until(clock_deadline_ms(20));
    }
    assert_int_equal(status, OK);
    assert_true(clock_mono_ns() > began + SECOND_NS);
    assert_int_equal(fake->requests, 2);
}

static void test_schema_without_a_good_answer_is_retry_then_found(void **state)
{
    struct fake *fake = *state;
    const struct avro_schema *schema;
    static const struct {
        int status;
        const char *body;
    } answers[] = {
        {500, "{\"error_code\":50001,\"message\":\"disk full\"}"},
        {503, ""},
        {404, "<html>a proxy"},
        {429, "{}"},
        {200, "<html>"},
        {200, "{\"schema\":5}"},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        answer(fake, answers[i].status, answers[i].body);
        assert_int_equal(registry_schema(fake->client, (int32_t)i + 1, &schema, &fake->err), RETRY);
        assert_int_equal(fake->err.code, ERR_REGISTRY);
    }
    answer(fake, 200, "{\"schema\":\"\\\"int\\\"\"}");
    enum status status;
    for (int64_t deadline = clock_deadline_ms(10000); (status = registry_schema(fake->client, 1, &schema, &fake->err)) == RETRY;)
        assert_true(clock_mono_ns() < deadline);
    assert_int_equal(status, OK);
}

static void test_schema_that_cannot_be_used_is_rejected(void **state)
{
    struct fake *fake = *state;
    const struct avro_schema *schema;
    static const char *const bodies[] = {
        "{\"schema\":\"message M {}\",\"schemaType\":\"PROTOBUF\"}",
        "{\"schema\":\"nonsense\"}",
        "{\"schema\":\"\\\"int\\\"\",\"references\":[{\"name\":\"n\",\"subject\":\"s\",\"version\":1}]}",
    };
    for (size_t i = 0; i < 3; i++) {
        answer(fake, 200, bodies[i]);
        assert_int_equal(registry_schema(fake->client, (int32_t)i + 1, &schema, &fake->err), REJECT);
    }
}

static void test_schema_ids_that_were_invented_do_not_fill_the_memory(void **state)
{
    struct fake *fake = *state;
    const struct avro_schema *schema, *kept;
    assert_int_equal(registry_schema(fake->client, 1, &kept, &fake->err), OK);
    http_server_stop(fake->server); // fast refusals
    fake->server = NULL;
    for (int32_t id = 2; id < 40000; id += 2) assert_int_equal(registry_schema(fake->client, id, &schema, &fake->err), RETRY);
    assert_int_equal(registry_schema(fake->client, 1, &schema, &fake->err), OK);
    assert_ptr_equal(schema, kept);
}

struct wanter {
    struct fake *fake;
    enum status status;
    const struct avro_schema *schema;
};

static void *want(void *context)
{
    struct wanter *wanter = context;
    struct err err;
    wanter->status = registry_schema(wanter->fake->client, 3, &wanter->schema, &err);
    return NULL;
}

static void test_schema_that_many_want_at_once_is_asked_for_once(void **state)
{
    struct fake *fake = *state;
    enum { WANTERS = 8 };
    pthread_t threads[WANTERS];
    struct wanter wanters[WANTERS];
    atomic_store(&fake->hold, true);
    for (int i = 0; i < WANTERS; i++) {
        wanters[i] = (struct wanter){fake, FATAL, NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, want, &wanters[i]), 0);
    }
    while (!atomic_load(&fake->requests)) sched_yield();
    atomic_store(&fake->hold, false);
    for (int i = 0; i < WANTERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wanters[i].status, OK);
        assert_ptr_equal(wanters[i].schema, wanters[0].schema);
    }
    assert_int_equal(fake->requests, 1);
}

static void test_register_tells_refusals_from_trouble(void **state)
{
    struct fake *fake = *state;
    int32_t id = 0;
    answer(fake, 200, "{\"id\":5,\"version\":2}");
    assert_int_equal(registry_register(fake->client, "a/b", "\"int\"", &id, &fake->err), OK);
    assert_int_equal(id, 5);
    static const struct {
        int status;
        const char *body;
        enum status want;
    } cases[] = {
        {409, "{\"error_code\":409,\"message\":\"incompatible\"}", REJECT},
        {422, "{\"error_code\":42201,\"message\":\"invalid\"}", REJECT},
        {500, "{\"error_code\":50001,\"message\":\"disk full\"}", RETRY},
        {200, "{}", RETRY},
        {200, "{\"id\":0}", RETRY},
        {200, "{\"id\":4294967296}", RETRY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        answer(fake, cases[i].status, cases[i].body);
        assert_int_equal(registry_register(fake->client, "s", "\"int\"", &id, &fake->err), cases[i].want);
        assert_non_null(strstr(fake->err.text, "subject s"));
    }
    answer(fake, 404, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    assert_int_equal(registry_lookup(fake->client, "s", "\"int\"", &id, &fake->err), REJECT);
}

// The next registry is asked when one does not answer or cannot do what is asked; the one that could is asked first from then on.
static void test_several_registries_are_asked_in_turn(void **state)
{
    struct fake *first = *state, *second;
    void *other;
    setup(&other);
    second = other;
    char urls[300];
    struct registry_client *client;
    const struct avro_schema *schema;
    int32_t id = 0;
    snprintf(urls, sizeof urls, "%s/, %s", http_server_url(first->server), http_server_url(second->server));
    assert_int_equal(registry_client_open(&client, urls, NULL, NULL, &first->err), OK);
    assert_int_equal(registry_schema(client, 1, &schema, &first->err), OK);
    assert_true(first->requests == 1 && second->requests == 0);

    answer(first, 500, "{\"error_code\":50004,\"message\":\"Leader not known\"}");
    answer(second, 200, "{\"id\":5}");
    assert_int_equal(registry_register(client, "s", "\"int\"", &id, &first->err), OK);
    assert_int_equal(id, 5);
    assert_true(first->requests == 2 && second->requests == 1);
    assert_int_equal(registry_register(client, "s", "\"long\"", &id, &first->err), OK);
    assert_true(first->requests == 2 && second->requests == 2);

    // What one says for sure the other need not be asked.
    answer(second, 409, "{\"error_code\":409,\"message\":\"incompatible\"}");
    assert_int_equal(registry_register(client, "s", "\"float\"", &id, &first->err), REJECT);
    assert_true(first->requests == 2 && second->requests == 3);

    http_server_stop(second->server);
    second->server = NULL;
    answer(first, 200, "{\"schema\":\"\\\"int\\\"\"}");
    assert_int_equal(registry_schema(client, 2, &schema, &first->err), OK);
    answer(first, 500, "{\"error_code\":50001,\"message\":\"disk full\"}");
    assert_int_equal(registry_schema(client, 3, &schema, &first->err), RETRY); // neither can
    registry_client_close(client);
    teardown(&other);
}

// The real server behind the real client.
static void test_client_and_server_agree(void **state)
{
    struct fake *fake = *state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.streaming.registry.listen = "127.0.0.1:0";
    static const struct log log = {LOG_ERROR, LOG_TEXT, 2, false};
    struct registry_server_params params = {&fixture.config, &log, NULL};
    struct registry_server *server;
    struct registry_client *client;
    must(&fixture, registry_server_start(&server, &params, &fixture.err));
    must(&fixture, registry_client_open(&client, registry_server_url(server), &log, NULL, &fixture.err));
    const struct avro_schema *schema;
    int32_t id, again;
    assert_int_equal(registry_schema(client, 1000, &schema, &fake->err), RETRY); // it is empty
    assert_int_equal(registry_lookup(client, "odd / name %2F \"q\"", "\"int\"", &id, &fixture.err), REJECT);
    must(&fixture, registry_register(client, "first", "\"float\"", &id, &fixture.err));
    must(&fixture, registry_register(client, "odd / name %2F \"q\"", "{\"type\":\"array\",\"items\":\"int\"}", &id, &fixture.err));
    assert_int_equal(id, 2);
    must(&fixture, registry_lookup(client, "odd / name %2F \"q\"", "{\"items\":\"int\",\"type\":\"array\"}", &again, &fixture.err));
    assert_int_equal(again, id);
    must(&fixture, registry_schema(client, id, &schema, &fixture.err));
    assert_int_equal(schema->root->kind, AVRO_ARRAY);
    assert_int_equal(registry_register(client, "first", "{\"type\":\"nothing\"}", &id, &fixture.err), REJECT);
    registry_client_close(client);
    registry_server_stop(server);
    fixture_fini(&fixture);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_open_refuses_what_is_no_url),
        T(test_schema_is_fetched_once_and_kept_when_the_registry_is_down),
        T(test_schema_that_does_not_exist_is_rejected_and_not_asked_for_again),
        T(test_schema_that_an_empty_registry_does_not_have_is_waited_for),
        T(test_schema_that_did_not_exist_is_found_after_a_while),
        T(test_several_registries_are_asked_in_turn),
        T(test_schema_without_a_good_answer_is_retry_then_found),
        T(test_schema_that_cannot_be_used_is_rejected),
        T(test_schema_ids_that_were_invented_do_not_fill_the_memory),
        T(test_schema_that_many_want_at_once_is_asked_for_once),
        T(test_register_tells_refusals_from_trouble),
        T(test_client_and_server_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
