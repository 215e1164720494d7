// SPDX-License-Identifier: Apache-2.0
// The registry over loopback: every endpoint and error as curl sees them, state across a restart, several registries on one log.
#include "fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/socket.h>

#include "net/http_client.h"
#include "streaming/registry.h"

#define V1 "application/vnd.schemaregistry.v1+json"

struct test {
    struct fixture fixture;
    struct metric_registry *metrics;
    struct registry_server *server;
    struct http_client *http;
    struct buf body;
    struct log quiet;
};

static struct registry_server *start(struct test *test)
{
    struct registry_server_params params = {&test->fixture.config, &test->quiet, test->metrics};
    struct registry_server *server;
    must(&test->fixture, registry_server_start(&server, &params, &test->fixture.err));
    return server;
}

static int setup(void **state)
{
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    fixture_init(&test->fixture);
    test->quiet = (struct log){LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC), false};
    test->fixture.config.streaming.registry.listen = "127.0.0.1:0";
    test->metrics = metric_registry_new();
    test->http = http_client_new(10000);
    buf_init(&test->body, BUF_MAX_HTTP_REPLY);
    test->server = start(test);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    registry_server_stop(test->server);
    metric_registry_free(test->metrics);
    close(test->quiet.fd);
    http_client_free(test->http);
    buf_fini(&test->body);
    fixture_fini(&test->fixture);
    free(test);
    return 0;
}

static int ask_at(struct test *test, const char *base, const char *method, const char *path, const char *body)
{
    char url[2048];
    int status = 0;
    snprintf(url, sizeof url, "%s%s", base, path);
    must(&test->fixture, http_client_request(test->http, method, url, body ? V1 : NULL, slice_of(body), &status, &test->body, ERR_REGISTRY,
                                             &test->fixture.err));
    buf_append_byte(&test->body, '\0');
    return status;
}

static void expect(struct test *test, const char *method, const char *path, const char *body, const char *reply)
{
    int status = ask_at(test, registry_server_url(test->server), method, path, body);
    if (status != 200 || strcmp(test->body.data, reply) != 0)
        fail_msg("%s %s: %d %s, not %s", method, path, status, test->body.data, reply);
}

// An error: its code, and a part of its message.
static void expect_error(struct test *test, const char *method, const char *path, const char *body, int code, const char *message)
{
    char head[40];
    int status = ask_at(test, registry_server_url(test->server), method, path, body);
    snprintf(head, sizeof head, "{\"error_code\":%d,\"message\":\"", code);
    if (status != (code > 999 ? code / 100 : code) || strncmp(test->body.data, head, strlen(head)) != 0 ||
        !strstr(test->body.data, message))
        fail_msg("%s %s: %d %s, not %d %s", method, path, status, test->body.data, code, message);
}

#define INT "{\"schema\":\"\\\"int\\\"\"}"
#define LONG "{\"schema\":\"{\\\"type\\\":\\\"long\\\"}\"}"

static void test_root_and_types(void **state)
{
    expect(*state, "GET", "/", NULL, "{}");
    expect(*state, "POST", "/", "{}", "{}");
    expect(*state, "GET", "/schemas/types", NULL, "[\"AVRO\"]");
    expect(*state, "GET", "/schemas/types/", NULL, "[\"AVRO\"]");
}

static void test_register_gives_ids_by_content_and_versions_by_subject(void **state)
{
    expect(*state, "GET", "/subjects", NULL, "[]");
    expect(*state, "POST", "/subjects/b/versions", INT, "{\"id\":1}");
    expect(*state, "POST", "/subjects/b/versions", INT, "{\"id\":1}");
    expect(*state, "POST", "/subjects/b/versions/?normalize=True", LONG, "{\"id\":2}");
    expect(*state, "POST", "/subjects/a/versions", "{\"schema\":\"\\\"long\\\"\",\"schemaType\":\"AVRO\",\"references\":[],\"unknown\":1}",
           "{\"id\":2}");
    expect(*state, "GET", "/subjects", NULL, "[\"a\",\"b\"]");
    expect(*state, "GET", "/subjects?subjectPrefix=a", NULL, "[\"a\"]");
    expect(*state, "GET", "/subjects?subjectPrefix=:*:&offset=1&limit=5", NULL, "[\"b\"]");
    expect(*state, "GET", "/subjects?limit=1", NULL, "[\"a\"]");
    expect(*state, "GET", "/subjects/b/versions", NULL, "[1,2]");
    expect(*state, "GET", "/subjects/b/versions/1", NULL, "{\"subject\":\"b\",\"version\":1,\"id\":1,\"schema\":\"\\\"int\\\"\"}");
    expect(*state, "GET", "/subjects/b/versions/latest", NULL, "{\"subject\":\"b\",\"version\":2,\"id\":2,\"schema\":\"\\\"long\\\"\"}");
    expect(*state, "GET", "/subjects/b/versions/-1/", NULL, "{\"subject\":\"b\",\"version\":2,\"id\":2,\"schema\":\"\\\"long\\\"\"}");
    expect(*state, "GET", "/subjects/b/versions/%20LATEST", NULL, "{\"subject\":\"b\",\"version\":2,\"id\":2,\"schema\":\"\\\"long\\\"\"}");
    expect(*state, "GET", "/subjects/b/versions/1/schema", NULL, "\"int\"");
}

static void test_schemas_are_found_by_id(void **state)
{
    expect(*state, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    expect(*state, "POST", "/subjects/b/versions", LONG, "{\"id\":2}");
    expect(*state, "POST", "/subjects/c/versions", INT, "{\"id\":1}");
    expect(*state, "GET", "/schemas/ids/1", NULL, "{\"schema\":\"\\\"int\\\"\"}");
    expect(*state, "GET", "/schemas/ids/1?subject=a&fetchMaxId=true", NULL, "{\"schema\":\"\\\"int\\\"\",\"maxId\":2}");
    expect(*state, "GET", "/schemas/ids/2/schema", NULL, "\"long\"");
    expect(*state, "GET", "/schemas/ids/1/subjects", NULL, "[\"a\",\"c\"]");
    expect(*state, "GET", "/schemas/ids/1/subjects?subject=c", NULL, "[\"c\"]");
    expect(*state, "GET", "/schemas/ids/1/versions", NULL, "[{\"subject\":\"a\",\"version\":1},{\"subject\":\"c\",\"version\":1}]");
    expect_error(*state, "GET", "/schemas/ids/3", NULL, 40403, "Schema 3 not found");
    expect_error(*state, "GET", "/schemas/ids/3/schema", NULL, 40403, "Schema 3 not found");
    expect_error(*state, "GET", "/schemas/ids/0/subjects", NULL, 40403, "Schema 0 not found");
    expect_error(*state, "GET", "/schemas/ids/99999999999/versions", NULL, 40403, "not found");
    expect_error(*state, "GET", "/schemas/ids/one", NULL, 404, "");
}

static void test_lookup_finds_by_content(void **state)
{
    expect_error(*state, "POST", "/subjects/a", INT, 40401, "Subject 'a' not found.");
    expect(*state, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    expect(*state, "POST", "/subjects/a", "{\"schema\":\"{\\\"type\\\": \\\"int\\\"}\"}",
           "{\"subject\":\"a\",\"version\":1,\"id\":1,\"schema\":\"\\\"int\\\"\"}");
    expect_error(*state, "POST", "/subjects/a", LONG, 40403, "Schema not found");
    expect_error(*state, "POST", "/subjects/a", "{\"schema\":\"{}\"}", 42201, "");
}

static void test_delete_of_a_version_is_soft_then_permanent(void **state)
{
    expect(*state, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    expect(*state, "POST", "/subjects/a/versions", LONG, "{\"id\":2}");
    expect_error(*state, "DELETE", "/subjects/a/versions/1?permanent=true", NULL, 40407, "was not deleted first");
    expect(*state, "DELETE", "/subjects/a/versions/1", NULL, "1");
    expect_error(*state, "DELETE", "/subjects/a/versions/1", NULL, 40406, "soft deleted");
    expect(*state, "GET", "/subjects/a/versions", NULL, "[2]");
    expect(*state, "GET", "/subjects/a/versions?deleted=true", NULL, "[1,2]");
    expect(*state, "GET", "/subjects/a/versions?deletedOnly=True", NULL, "[1]");
    expect_error(*state, "GET", "/subjects/a/versions/1", NULL, 40402, "Version 1 not found.");
    expect(*state, "GET", "/subjects/a/versions/1?deleted=TRUE", NULL,
           "{\"subject\":\"a\",\"version\":1,\"id\":1,\"schema\":\"\\\"int\\\"\"}");
    expect(*state, "GET", "/schemas/ids/1", NULL, "{\"schema\":\"\\\"int\\\"\"}");
    expect(*state, "GET", "/schemas/ids/1/subjects", NULL, "[]");
    expect(*state, "GET", "/schemas/ids/1/subjects?deleted=true", NULL, "[\"a\"]");
    expect_error(*state, "POST", "/subjects/a", INT, 40403, "");
    expect(*state, "POST", "/subjects/a?deleted=true", INT, "{\"subject\":\"a\",\"version\":1,\"id\":1,\"schema\":\"\\\"int\\\"\"}");
    expect(*state, "DELETE", "/subjects/a/versions/1?permanent=true", NULL, "1");
    expect_error(*state, "GET", "/subjects/a/versions/1?deleted=true", NULL, 40402, "");
    expect_error(*state, "GET", "/schemas/ids/1", NULL, 40403, "");
    expect(*state, "DELETE", "/subjects/a/versions/latest", NULL, "2");
    expect_error(*state, "GET", "/subjects/a/versions", NULL, 40401, "");
    expect_error(*state, "DELETE", "/subjects/a/versions/latest", NULL, 40402, "");
    expect_error(*state, "DELETE", "/subjects/a/versions/9", NULL, 40402, "");
    expect_error(*state, "DELETE", "/subjects/b/versions/1", NULL, 40401, "");
    expect_error(*state, "DELETE", "/subjects/a/versions/x", NULL, 42202, "");
}

static void test_register_of_a_deleted_schema_is_a_new_version_with_its_id(void **state)
{
    expect(*state, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    expect(*state, "POST", "/subjects/a/versions", LONG, "{\"id\":2}");
    expect(*state, "DELETE", "/subjects/a/versions/1", NULL, "1");
    expect(*state, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    expect(*state, "GET", "/subjects/a/versions?deleted=true", NULL, "[2,3]");
}

static void test_delete_of_a_subject_is_soft_then_permanent(void **state)
{
    expect_error(*state, "DELETE", "/subjects/a", NULL, 40401, "");
    expect(*state, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    expect(*state, "POST", "/subjects/a/versions", LONG, "{\"id\":2}");
    expect(*state, "PUT", "/config/a", "{\"compatibility\":\"FULL\"}", "{\"compatibility\":\"FULL\"}");
    expect_error(*state, "DELETE", "/subjects/a?permanent=true", NULL, 40405, "was not deleted first");
    expect(*state, "DELETE", "/subjects/a", NULL, "[1,2]");
    expect_error(*state, "DELETE", "/subjects/a", NULL, 40404, "soft deleted");
    expect(*state, "GET", "/subjects", NULL, "[]");
    expect(*state, "GET", "/subjects?deleted=true", NULL, "[\"a\"]");
    expect(*state, "GET", "/subjects?deletedOnly=true", NULL, "[\"a\"]");
    expect_error(*state, "GET", "/subjects/a/versions/latest", NULL, 40401, "");
    expect(*state, "DELETE", "/subjects/a?permanent=TRUE", NULL, "[1,2]");
    expect(*state, "GET", "/subjects?deleted=true", NULL, "[]");
    expect_error(*state, "GET", "/config/a", NULL, 40408, "");
    // Ids are never given again, versions begin anew.
    expect(*state, "POST", "/subjects/a/versions", "{\"schema\":\"\\\"float\\\"\"}", "{\"id\":3}");
    expect(*state, "GET", "/subjects/a/versions", NULL, "[1]");
}

static void test_delete_of_a_subject_with_many_versions(void **state)
{
    char body[100];
    for (int i = 1; i <= 150; i++) {
        snprintf(body, sizeof body, "{\"schema\":\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"f\\\",\\\"size\\\":%d}\"}", i);
        assert_int_equal(ask_at(*state, registry_server_url(((struct test *)*state)->server), "POST", "/subjects/a/versions", body), 200);
    }
    assert_int_equal(ask_at(*state, registry_server_url(((struct test *)*state)->server), "DELETE", "/subjects/a", NULL), 200);
    assert_int_equal(ask_at(*state, registry_server_url(((struct test *)*state)->server), "DELETE", "/subjects/a?permanent=true", NULL),
                     200);
    expect(*state, "GET", "/subjects?deleted=true", NULL, "[]");
}

static void test_config_is_kept_per_subject_and_globally(void **state)
{
    expect(*state, "GET", "/config", NULL, "{\"compatibilityLevel\":\"BACKWARD\"}");
    expect_error(*state, "DELETE", "/config", NULL, 40401, "");
    expect(*state, "PUT", "/config", "{\"compatibility\":\"full_transitive\"}", "{\"compatibility\":\"FULL_TRANSITIVE\"}");
    expect(*state, "GET", "/config", NULL, "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}");
    expect_error(*state, "GET", "/config/a%2Fb", NULL, 40408, "Subject 'a/b' does not have");
    expect(*state, "GET", "/config/a%2Fb?defaultToGlobal=true", NULL, "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}");
    expect(*state, "PUT", "/config/a%2Fb/", "{\"compatibility\":\"NONE\",\"normalize\":true}", "{\"compatibility\":\"NONE\"}");
    expect(*state, "GET", "/config/a%2Fb", NULL, "{\"compatibilityLevel\":\"NONE\"}");
    expect(*state, "GET", "/subjects", NULL, "[]"); // a level alone makes no subject
    expect(*state, "DELETE", "/config/a%2Fb", NULL, "{\"compatibilityLevel\":\"NONE\"}");
    expect_error(*state, "DELETE", "/config/a%2Fb", NULL, 40401, "");
    expect(*state, "DELETE", "/config", NULL, "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}");
    expect(*state, "GET", "/config", NULL, "{\"compatibilityLevel\":\"BACKWARD\"}");
    expect_error(*state, "PUT", "/config", "{\"compatibility\":\"SOMETIMES\"}", 42203, "full_transitive");
    expect_error(*state, "PUT", "/config", "{}", 42203, "");
    expect_error(*state, "PUT", "/config/__GLOBAL", "{\"compatibility\":\"NONE\"}", 42208, "");
}

static void test_subjects_are_decoded_once(void **state)
{
    static const struct {
        const char *path, *json;
    } names[] = {
        {"a%2Fb", "a/b"}, {"a%252Fb", "a%2Fb"},          {"%7B%22x%22%7D", "{\\\"x\\\"}"}, {"a%20b", "a b"},
        {"a+b", "a+b"},   {"%E2%82%AC", "\xe2\x82\xac"}, {":.ctx:s", ":.ctx:s"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[100], reply[200];
        snprintf(path, sizeof path, "/subjects/%s/versions", names[i].path);
        expect(*state, "POST", path, INT, "{\"id\":1}");
        snprintf(path, sizeof path, "/subjects/%s/versions/1", names[i].path);
        snprintf(reply, sizeof reply, "{\"subject\":\"%s\",\"version\":1,\"id\":1,\"schema\":\"\\\"int\\\"\"}", names[i].json);
        expect(*state, "GET", path, NULL, reply);
    }
}

static void test_register_refuses_what_is_no_schema(void **state)
{
    expect_error(*state, "POST", "/subjects/a/versions", "{\"schema\":\"{\\\"type\\\":\\\"rekord\\\"}\"}", 42201, "");
    expect_error(*state, "POST", "/subjects/a/versions", "{\"schema\":\"\"}", 42201, "Empty schema");
    expect_error(*state, "POST", "/subjects/a/versions", "{\"schema\":\" \"}", 42201, "Empty schema");
    expect_error(*state, "POST", "/subjects/a/versions", "{}", 42201, "Empty schema");
    expect_error(*state, "POST", "/subjects/a/versions", "{\"schema\":{\"type\":\"int\"}}", 422, "string");
    expect_error(*state, "POST", "/subjects/a/versions", "{\"schema\":\"message x {}\",\"schemaType\":\"PROTOBUF\"}", 42201, "AVRO only");
    expect_error(*state, "POST", "/subjects/a/versions",
                 "{\"schema\":\"\\\"int\\\"\",\"references\":[{\"name\":\"n\",\"subject\":\"s\",\"version\":1}]}", 42201, "references");
    expect_error(*state, "POST", "/subjects/a/versions", "{\"schema\":", 400, "JSON");
    expect_error(*state, "POST", "/subjects/a/versions", "", 400, "JSON");
    expect_error(*state, "POST", "/subjects/a/versions", "[1]", 400, "object");
    expect_error(*state, "POST", "/subjects/a/versions", "{\"schema\":\"\\u0000\"}", 400, "");
    expect_error(
        *state, "POST", "/subjects/a/versions",
        "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"r\\\",\\\"fields\\\":[{\\\"name\\\":\\\"f\\\",\\\"type\\\":\\\"int\\\",\\\"default\\\":\\\"x\\\"}]}\"}",
        42201, "");
    expect(*state, "GET", "/subjects", NULL, "[]");
}

static void test_register_refuses_bad_subjects(void **state)
{
    expect_error(*state, "POST", "/subjects/__GLOBAL/versions", INT, 42208, "");
    expect_error(*state, "POST", "/subjects/__EMPTY/versions", INT, 42208, "");
    expect_error(*state, "POST", "/subjects/a%0Ab/versions", INT, 42208, "");
    expect_error(*state, "POST", "/subjects//versions", INT, 42208, "");
    expect_error(*state, "POST", "/subjects/a%00b/versions", INT, 404, "");
    expect_error(*state, "POST", "/subjects/%FF/versions", INT, 400, "UTF-8");
}

static void test_versions_are_checked(void **state)
{
    expect(*state, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    expect_error(*state, "GET", "/subjects/b/versions", NULL, 40401, "Subject 'b' not found.");
    expect_error(*state, "GET", "/subjects/b/versions/1", NULL, 40401, "");
    expect_error(*state, "GET", "/subjects/a/versions/2", NULL, 40402, "Version 2 not found.");
    static const char *const bad[] = {"0", "-2", "x", "1.0", "2147483648", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[64];
        snprintf(path, sizeof path, "/subjects/a/versions/%s", bad[i]);
        expect_error(*state, "GET", path, NULL, 42202, "not a valid version id");
    }
}

static void test_unknown_paths_and_methods(void **state)
{
    expect_error(*state, "GET", "/nowhere", NULL, 404, "HTTP 404 Not Found");
    expect_error(*state, "GET", "/subjects/a/b/c", NULL, 404, "HTTP 404 Not Found");
    expect_error(*state, "GET", "/%zz", NULL, 404, "HTTP 404 Not Found");
    expect_error(*state, "PUT", "/subjects", "{}", 405, "HTTP 405 Method Not Allowed");
    expect_error(*state, "DELETE", "/schemas/types", NULL, 405, "HTTP 405 Method Not Allowed");
}

// A request with headers of its own; the answer's status and whether it has a text in it.
static int ask_raw(struct test *test, const char *request, const char *want)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int64_t port;
    assert_true(text_to_int64(slice_of(strrchr(registry_server_url(test->server), ':') + 1), &port));
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
    char reply[4096];
    size_t size = 0;
    for (ssize_t got; size < sizeof reply - 1 && (got = recv(fd, reply + size, sizeof reply - 1 - size, 0)) > 0;) size += (size_t)got;
    close(fd);
    reply[size] = '\0';
    assert_int_equal(sscanf(reply, "HTTP/1.%*d %d", &status), 1);
    if (!strstr(reply, want)) fail_msg("%s is not in %s", want, reply);
    return status;
}

static void test_media_types_are_negotiated(void **state)
{
#define GET(headers) "GET /subjects HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" headers "\r\n"
#define POST(headers) "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n" headers "\r\n{}"
    assert_int_equal(ask_raw(*state, GET(""), "Content-Type: " V1), 200);
    assert_int_equal(ask_raw(*state, GET("Accept: */*\r\n"), "Content-Type: " V1), 200);
    assert_int_equal(ask_raw(*state, GET("Accept: application/json\r\n"), "Content-Type: application/json"), 200);
    assert_int_equal(ask_raw(*state, GET("Accept: " V1 ", application/vnd.schemaregistry+json, application/json\r\n"), "Content-Type: " V1),
                     200);
    assert_int_equal(ask_raw(*state, GET("Accept: text/html, application/vnd.schemaregistry+json;q=0.5\r\n"),
                             "Content-Type: application/vnd.schemaregistry+json"),
                     200);
    assert_int_equal(ask_raw(*state, GET("Accept: text/html\r\n"), "HTTP 406 Not Acceptable"), 406);
    assert_int_equal(ask_raw(*state, POST(""), "{}"), 200);
    assert_int_equal(ask_raw(*state, POST("Content-Type: application/json; charset=utf-8\r\n"), "{}"), 200);
    assert_int_equal(ask_raw(*state, POST("Content-Type: application/octet-stream\r\n"), "{}"), 200);
    assert_int_equal(ask_raw(*state, POST("Content-Type: text/plain\r\n"), "HTTP 415 Unsupported Media Type"), 415);
    assert_int_equal(ask_raw(*state, "HEAD /subjects HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "Content-Length: 2"), 200);
}

static void test_probes_and_metrics_are_on_the_same_port(void **state)
{
    expect(*state, "GET", "/livez", NULL, "alive\n");
    expect(*state, "GET", "/readyz", NULL, "ready\n");
    expect(*state, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    struct test *test = *state;
    assert_int_equal(ask_at(test, registry_server_url(test->server), "GET", "/metrics", NULL), 200);
    assert_non_null(strstr(test->body.data, "fdp_registry_schemas 1\n"));
    assert_non_null(strstr(test->body.data, "fdp_registry_requests_total{code=\"2xx\"} 1\n"));
}

static void test_state_survives_a_restart(void **state)
{
    struct test *test = *state;
    expect(test, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    expect(test, "POST", "/subjects/a/versions", LONG, "{\"id\":2}");
    expect(test, "DELETE", "/subjects/a/versions/1", NULL, "1");
    expect(test, "POST", "/subjects/b/versions", "{\"schema\":\"\\\"float\\\"\"}", "{\"id\":3}");
    expect(test, "DELETE", "/subjects/b", NULL, "[1]");
    expect(test, "DELETE", "/subjects/b?permanent=true", NULL, "[1]");
    expect(test, "PUT", "/config/a", "{\"compatibility\":\"FORWARD\"}", "{\"compatibility\":\"FORWARD\"}");
    registry_server_stop(test->server);
    test->server = start(test);
    expect(test, "GET", "/subjects?deleted=true", NULL, "[\"a\"]");
    expect(test, "GET", "/subjects/a/versions?deleted=true", NULL, "[1,2]");
    expect(test, "GET", "/subjects/a/versions", NULL, "[2]");
    expect(test, "GET", "/config/a", NULL, "{\"compatibilityLevel\":\"FORWARD\"}");
    expect(test, "POST", "/subjects/c/versions", "{\"schema\":\"\\\"bytes\\\"\"}", "{\"id\":4}");
}

static void test_change_that_cannot_be_stored_now_is_50002_and_works_later(void **state)
{
    struct test *test = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/stream.db", test->fixture.folder);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    expect_error(test, "POST", "/subjects/a/versions", INT, 50002, "locked");
    expect(test, "GET", "/subjects", NULL, "[]");
    sqlite3_close(other);
    expect(test, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
}

static void test_registry_that_cannot_follow_its_topic_is_not_ready(void **state)
{
    struct test *test = *state;
    expect(test, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    struct stream *stream = fixture_open(&test->fixture);
    must(&test->fixture, stream->ops->topic_delete(stream, "_schemas", &test->fixture.err));
    stream_close(stream);
    int64_t deadline = clock_deadline_ms(10000);
    while (ask_at(test, registry_server_url(test->server), "GET", "/readyz", NULL) != 503) assert_true(clock_mono_ns() < deadline);
    assert_non_null(strstr(test->body.data, "deleted"));
    expect_error(test, "POST", "/subjects/a/versions", LONG, 50001, "");
    expect(test, "GET", "/schemas/ids/1", NULL, "{\"schema\":\"\\\"int\\\"\"}"); // what is known is still served
}

static void test_start_says_what_to_do_when_the_port_is_in_use(void **state)
{
    struct test *test = *state;
    struct registry_server *other = NULL;
    test->fixture.config.streaming.registry.listen = registry_server_url(test->server) + strlen("http://");
    struct registry_server_params params = {&test->fixture.config, &test->quiet, NULL};
    assert_int_equal(registry_server_start(&other, &params, &test->fixture.err), FATAL);
    assert_int_equal(test->fixture.err.code, ERR_REGISTRY);
    assert_non_null(strstr(test->fixture.err.text, "streaming.registry.listen"));
    assert_non_null(strstr(test->fixture.err.text, "in use"));
}

struct registrar {
    struct test *test;
    const char *url;
    int first;
    bool failed;
};

// Registers twenty schemas of which ten are also the other's, each several times.
static void *register_many(void *context)
{
    struct registrar *registrar = context;
    struct http_client *http = http_client_new(20000);
    struct buf body;
    struct err err;
    buf_init(&body, 4096);
    for (int i = 0; i < 60 && !registrar->failed; i++) {
        char text[200], url[200];
        int status = 0;
        snprintf(text, sizeof text, "{\"schema\":\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"f\\\",\\\"size\\\":%d}\"}",
                 1 + registrar->first + i % 20);
        snprintf(url, sizeof url, "%s/subjects/s/versions", registrar->url);
        bool answered;
        do { // on a slow disk the turn to write may not come in time: clients ask again
            answered = http_client_request(http, "POST", url, V1, slice_of(text), &status, &body, ERR_REGISTRY, &err) == OK;
        } while (answered && status == 500);
        registrar->failed = !answered || status != 200;
    }
    buf_fini(&body);
    http_client_free(http);
    return NULL;
}

// Two registries on one log, two threads at each: every content gets one id, ids and versions have no gaps.
static void test_registries_on_one_log_agree(void **state)
{
    struct test *test = *state;
    struct registry_server *other = start(test);
    struct registrar registrars[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        registrars[i] = (struct registrar){test, registry_server_url(i % 2 ? other : test->server), i < 2 ? 0 : 10, false};
        assert_int_equal(pthread_create(&threads[i], NULL, register_many, &registrars[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_false(registrars[i].failed);
    }
    char all[200] = "[";
    for (int i = 1; i <= 30; i++) snprintf(all + strlen(all), sizeof all - strlen(all), "%s%d", i > 1 ? "," : "", i);
    strcat(all, "]");
    expect(test, "POST", "/subjects/last/versions", INT, "{\"id\":31}");
    for (int i = 0; i < 2; i++) {
        expect(test, "GET", "/subjects/s/versions", NULL, all);
        struct registry_server *swap = test->server;
        test->server = other;
        other = swap;
        expect(test, "POST", "/subjects/last/versions", INT, "{\"id\":31}"); // has caught up when it answers
    }
    registry_server_stop(other);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_root_and_types),
        T(test_register_gives_ids_by_content_and_versions_by_subject),
        T(test_schemas_are_found_by_id),
        T(test_lookup_finds_by_content),
        T(test_delete_of_a_version_is_soft_then_permanent),
        T(test_register_of_a_deleted_schema_is_a_new_version_with_its_id),
        T(test_delete_of_a_subject_is_soft_then_permanent),
        T(test_delete_of_a_subject_with_many_versions),
        T(test_config_is_kept_per_subject_and_globally),
        T(test_subjects_are_decoded_once),
        T(test_register_refuses_what_is_no_schema),
        T(test_register_refuses_bad_subjects),
        T(test_versions_are_checked),
        T(test_unknown_paths_and_methods),
        T(test_media_types_are_negotiated),
        T(test_probes_and_metrics_are_on_the_same_port),
        T(test_state_survives_a_restart),
        T(test_change_that_cannot_be_stored_now_is_50002_and_works_later),
        T(test_registry_that_cannot_follow_its_topic_is_not_ready),
        T(test_start_says_what_to_do_when_the_port_is_in_use),
        T(test_registries_on_one_log_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
