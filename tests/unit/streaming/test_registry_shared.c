// SPDX-License-Identifier: Apache-2.0
// Several registries on one stream: who takes changes, what a writer can do whose turn is over, and what is answered when the stream does
// not.
#include "shared_stream.h"

#include <fcntl.h>

#include "net/http_client.h"
#include "streaming/registry/server.h"

enum { SERVERS = 3 };

struct test {
    struct fixture fixture;
    struct metric_registry *metrics[SERVERS];
    struct registry_server *servers[SERVERS];
    struct http_client *http;
    struct buf body;
    struct log quiet;
};

static enum status try_start(struct test *test, int number, bool read_only)
{
    test->metrics[number] = metric_registry_new();
    struct registry_server_params params = {&test->fixture.config, &test->quiet, test->metrics[number], read_only};
    return registry_server_start_on(&test->servers[number], &params, shared_open, &test->fixture.err);
}

static uint32_t members(void)
{
    shared_lock();
    uint32_t count = 0;
    for (int i = 0; i < SHARED_HANDLES; i++) count += shared.handles[i] && shared.handles[i]->joined;
    shared_unlock();
    return count;
}

#define wait_for(condition)                                                                                                                \
    for (int64_t wait_deadline = clock_deadline_ms(10000); !(condition); clock_sleep_until(clock_deadline_ms(2)))                          \
        if (clock_mono_ns() > wait_deadline) fail_msg("never: %s", #condition)

// Starts a registry and waits until it is a candidate.
static void start(struct test *test, int number)
{
    uint32_t before = members();
    must(&test->fixture, try_start(test, number, false));
    wait_for(members() == before + 1);
}

static void stop(struct test *test, int number)
{
    registry_server_stop(test->servers[number]);
    metric_registry_free(test->metrics[number]);
    test->servers[number] = NULL;
    test->metrics[number] = NULL;
}

static int setup(void **state)
{
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    fixture_init(&test->fixture);
    test->quiet = (struct log){LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC), false};
    test->fixture.config.streaming.registry.listen = "127.0.0.1:0";
    test->http = http_client_new(20000);
    buf_init(&test->body, BUF_MAX_HTTP_REPLY);
    shared_init();
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < SERVERS; i++)
        if (test->servers[i]) stop(test, i);
    close(test->quiet.fd);
    http_client_free(test->http);
    buf_fini(&test->body);
    fixture_fini(&test->fixture);
    shared_fini();
    free(test);
    return 0;
}

static int ask_with(struct http_client *http, struct buf *out, const char *base, const char *method, const char *path, const char *body)
{
    char url[1024];
    int status = 0;
    struct err err;
    snprintf(url, sizeof url, "%s%s", base, path);
    if (http_client_request(http, method, url, body ? "application/json" : NULL, slice_of(body), &status, out, ERR_REGISTRY, &err) != OK)
        fail_msg("%s", err.text);
    buf_append_byte(out, '\0');
    return status;
}

static int ask(struct test *test, int number, const char *method, const char *path, const char *body)
{
    return ask_with(test->http, &test->body, registry_server_url(test->servers[number]), method, path, body);
}

static void expect(struct test *test, int number, const char *method, const char *path, const char *body, const char *reply)
{
    int status = ask(test, number, method, path, body);
    if (status != 200 || strcmp(test->body.data, reply) != 0)
        fail_msg("registry %d, %s %s: %d %s, not %s", number, method, path, status, test->body.data, reply);
}

static void expect_error(struct test *test, int number, const char *method, const char *path, const char *body, int code, const char *part)
{
    char head[40];
    int status = ask(test, number, method, path, body);
    snprintf(head, sizeof head, "{\"error_code\":%d,", code);
    if (status != (code > 999 ? code / 100 : code) || strncmp(test->body.data, head, strlen(head)) != 0 || !strstr(test->body.data, part))
        fail_msg("registry %d, %s %s: %d %s, not %d %s", number, method, path, status, test->body.data, code, part);
}

// Registers, trying again while there is no writer.
static void expect_soon(struct test *test, int number, const char *path, const char *body, const char *reply)
{
    wait_for(ask(test, number, "POST", path, body) != 500);
    assert_string_equal(test->body.data, reply);
}

#define INT "{\"schema\":\"\\\"int\\\"\"}"
#define LONG "{\"schema\":\"\\\"long\\\"\"}"
#define FLOAT "{\"schema\":\"\\\"float\\\"\"}"
#define DOUBLE "{\"schema\":\"\\\"double\\\"\"}"
#define INT_TEXT "{\"schema\":\"\\\"int\\\"\"}"

static void test_only_the_elected_registry_takes_changes(void **state)
{
    struct test *test = *state;
    start(test, 0);
    start(test, 1);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    expect_error(test, 1, "POST", "/subjects/b/versions", LONG, 50004, "Leader not known");
    expect_error(test, 1, "DELETE", "/subjects/a", NULL, 50004, "");
    expect_error(test, 1, "PUT", "/config", "{\"compatibility\":\"NONE\"}", 50004, "");
    // Reads are served by all, and what is registered already is no change.
    expect(test, 1, "GET", "/schemas/ids/1", NULL, INT_TEXT);
    expect(test, 1, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    assert_int_equal(ask(test, 1, "GET", "/readyz", NULL), 200);
    stop(test, 0); // leaves the group: the other is the writer
    expect_soon(test, 1, "/subjects/b/versions", LONG, "{\"id\":2}");
    expect(test, 1, "GET", "/subjects", NULL, "[\"a\",\"b\"]");
}

static void test_registry_that_lost_the_election_takes_no_more_changes(void **state)
{
    struct test *test = *state;
    start(test, 0);
    start(test, 1);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    shared_elect(1, true);
    expect_soon(test, 1, "/subjects/a/versions", LONG, "{\"id\":2}");
    expect_error(test, 0, "POST", "/subjects/a/versions", FLOAT, 50004, "");
    expect(test, 0, "GET", "/subjects/a/versions", NULL, "[1,2]");
    shared_elect(0, true);
    expect_soon(test, 0, "/subjects/a/versions", FLOAT, "{\"id\":3}");
}

// What one registry has answered the other knows, whenever it is asked.
static void test_schema_is_found_at_once_at_every_registry(void **state)
{
    struct test *test = *state;
    start(test, 0);
    start(test, 1);
    for (int i = 1; i <= 100; i++) {
        char body[200], reply[40], path[60];
        snprintf(body, sizeof body, "{\"schema\":\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"f\\\",\\\"size\\\":%d}\"}", i);
        snprintf(reply, sizeof reply, "{\"id\":%d}", i);
        expect_soon(test, 0, "/subjects/s/versions", body, reply);
        snprintf(path, sizeof path, i % 2 ? "/schemas/ids/%d" : "/subjects/s/versions/%d", i);
        if (ask(test, 1, "GET", path, NULL) != 200) fail_msg("%s: %s", path, test->body.data);
    }
    expect_error(test, 1, "GET", "/schemas/ids/101", NULL, 40403, "Schema 101 not found");
}

struct late {
    struct test *test;
    const char *method, *path, *body;
    int status;
    struct buf answer;
};

static void *change_late(void *context)
{
    struct late *late = context;
    struct http_client *http = http_client_new(20000);
    late->status = ask_with(http, &late->answer, registry_server_url(late->test->servers[0]), late->method, late->path, late->body);
    http_client_free(http);
    return NULL;
}

struct contest {
    const char *method, *path, *body;                         // what registry 0 is stopped at, its checks done, as by SIGSTOP
    const char *its_method, *its_path, *its_body, *its_reply; // what registry 1 does meanwhile, as the writer
    const char *look[4][2];                                   // what is there at last: path and answer
    const char *before[2][3];                                 // what registry 0 does first
};

static void expect_all(struct test *test, int number, const struct contest *contest)
{
    for (int i = 0; i < 4 && contest->look[i][0]; i++) expect(test, number, "GET", contest->look[i][0], NULL, contest->look[i][1]);
}

static void run_contest(struct test *test, const struct contest *contest)
{
    struct late late = {test, contest->method, contest->path, contest->body, 0, {0}};
    pthread_t thread;
    buf_init(&late.answer, 65536);
    start(test, 0);
    start(test, 1);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    for (int i = 0; i < 2 && contest->before[i][0]; i++)
        assert_int_equal(ask(test, 0, contest->before[i][0], contest->before[i][1], contest->before[i][2]), 200);

    shared_set(&shared.gate, true);
    assert_int_equal(pthread_create(&thread, NULL, change_late, &late), 0);
    wait_for(shared_get(&shared.gated));
    shared_elect(1, true);
    wait_for(ask(test, 1, contest->its_method, contest->its_path, contest->its_body) != 500);
    assert_string_equal(test->body.data, contest->its_reply);
    int64_t before = shared_count();
    shared_set(&shared.gated, false);
    pthread_join(thread, NULL);

    // Registry 0 has seen in its own log that it came too late.
    assert_int_equal(late.status, 500);
    assert_non_null(strstr(late.answer.data, "{\"error_code\":50002,"));
    buf_fini(&late.answer);
    expect_all(test, 0, contest);
    expect_all(test, 1, contest);
    // The writer sets it right, so that compaction cannot bring it back.
    wait_for(shared_count() >= before + 2);
    expect_all(test, 1, contest);
    shared_compact();
    start(test, 2);
    expect_all(test, 2, contest);
    stop(test, 2);
}

static void test_late_registration_does_not_give_an_id_twice(void **state)
{
    static const struct contest contest = {"POST",
                                           "/subjects/a/versions",
                                           FLOAT,
                                           "POST",
                                           "/subjects/a/versions",
                                           LONG,
                                           "{\"id\":2}",
                                           {{"/subjects/a/versions", "[1,2]"},
                                            {"/schemas/ids/2", "{\"schema\":\"\\\"long\\\"\"}"},
                                            {"/subjects/a/versions/2/schema", "\"long\""}}};
    run_contest(*state, &contest);
}

static void test_late_registration_under_another_subject_is_not_there(void **state)
{
    static const struct contest contest = {"POST",
                                           "/subjects/b/versions",
                                           FLOAT,
                                           "POST",
                                           "/subjects/c/versions",
                                           LONG,
                                           "{\"id\":2}",
                                           {{"/subjects?deleted=true", "[\"a\",\"c\"]"}, {"/schemas/ids/2/subjects", "[\"c\"]"}}};
    run_contest(*state, &contest);
}

static void test_late_deletion_deletes_nothing(void **state)
{
    static const struct contest contest = {"DELETE",
                                           "/subjects/a",
                                           NULL,
                                           "POST",
                                           "/subjects/a/versions",
                                           LONG,
                                           "{\"id\":2}",
                                           {{"/subjects/a/versions", "[1,2]"}, {"/subjects/a/versions/1/schema", "\"int\""}}};
    run_contest(*state, &contest);
}

static void test_late_deletion_of_a_version_does_not_bring_it_back(void **state)
{
    static const struct contest contest = {
        "DELETE", "/subjects/a/versions/1", NULL, "DELETE", "/subjects/a", NULL, "[1]", {{"/subjects?deletedOnly=true", "[\"a\"]"}}};
    run_contest(*state, &contest);
}

static void test_late_level_is_not_set(void **state)
{
    static const struct contest contest = {"PUT",
                                           "/config",
                                           "{\"compatibility\":\"FULL\"}",
                                           "PUT",
                                           "/config",
                                           "{\"compatibility\":\"NONE\"}",
                                           "{\"compatibility\":\"NONE\"}",
                                           {{"/config", "{\"compatibilityLevel\":\"NONE\"}"}}};
    run_contest(*state, &contest);
}

static void test_late_level_of_a_subject_is_not_set(void **state)
{
    static const struct contest contest = {"PUT",
                                           "/config/a",
                                           "{\"compatibility\":\"FULL\"}",
                                           "POST",
                                           "/subjects/a/versions",
                                           LONG,
                                           "{\"id\":2}",
                                           {{"/config/a?defaultToGlobal=true", "{\"compatibilityLevel\":\"BACKWARD\"}"}}};
    run_contest(*state, &contest);
}

// The mark of a deletion has one key per subject: the late one would take the place of the one that counts.
static void test_late_deletion_does_not_undo_an_earlier_one(void **state)
{
    static const struct contest contest = {"DELETE",
                                           "/subjects/a",
                                           NULL,
                                           "POST",
                                           "/subjects/a/versions",
                                           FLOAT,
                                           "{\"id\":3}",
                                           {{"/subjects/a/versions", "[2,3]"}, {"/subjects/a/versions?deleted=true", "[1,2,3]"}},
                                           {{"DELETE", "/subjects/a", NULL}, {"POST", "/subjects/a/versions", LONG}}};
    run_contest(*state, &contest);
}

static void test_change_in_doubt_is_50002_and_settled_before_the_next(void **state)
{
    struct test *test = *state;
    start(test, 0);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    shared_set(&shared.unsure, true);
    expect_error(test, 0, "POST", "/subjects/a/versions", LONG, 50002, "may still be made");
    expect(test, 0, "GET", "/subjects/a/versions", NULL, "[1]");
    shared_set(&shared.unsure, false);
    // It was written after all: the same answer as if it had been known, and no second version.
    expect(test, 0, "POST", "/subjects/a/versions", LONG, "{\"id\":2}");
    expect(test, 0, "GET", "/subjects/a/versions", NULL, "[1,2]");
    expect(test, 0, "POST", "/subjects/a/versions", FLOAT, "{\"id\":3}");
}

static void test_change_that_was_not_written_is_50002_and_works_later(void **state)
{
    struct test *test = *state;
    start(test, 0);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    shared_set(&shared.refuse, true);
    expect_error(test, 0, "POST", "/subjects/a/versions", LONG, 50002, "the broker refused it");
    shared_set(&shared.refuse, false);
    expect(test, 0, "POST", "/subjects/a/versions", FLOAT, "{\"id\":2}");
}

// The writer that had something in doubt is replaced; what it had in hand arrives when it ends.
static void test_change_in_doubt_that_arrives_after_the_turn_is_refused(void **state)
{
    struct test *test = *state;
    start(test, 0);
    start(test, 1);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    shared_set(&shared.unsure, true);
    expect_error(test, 0, "POST", "/subjects/a/versions", LONG, 50002, "");
    shared_set(&shared.unsure, false);
    shared_elect(1, true);
    expect_soon(test, 1, "/subjects/a/versions", FLOAT, "{\"id\":2}");
    int64_t before = shared_count();
    stop(test, 0);
    wait_for(shared_count() >= before + 2); // the late one, and what sets it right
    expect(test, 1, "GET", "/schemas/ids/2", NULL, "{\"schema\":\"\\\"float\\\"\"}");
    expect(test, 1, "GET", "/subjects/a/versions", NULL, "[1,2]");
    assert_true(metric_count(metric_find(test->metrics[1], "fdp_registry_refused_records_total", NULL)) == 1);
}

static void test_start_without_the_stream_waits_for_it(void **state)
{
    struct test *test = *state;
    shared_set(&shared.down, true);
    must(&test->fixture, try_start(test, 0, false));
    assert_int_equal(ask(test, 0, "GET", "/livez", NULL), 200);
    assert_int_equal(ask(test, 0, "GET", "/readyz", NULL), 503);
    assert_non_null(strstr(test->body.data, "shared:9092"));
    // An empty list, or "there is none", would be a lie.
    expect_error(test, 0, "GET", "/subjects", NULL, 503, "shared:9092");
    expect_error(test, 0, "GET", "/schemas/ids/1", NULL, 503, "");
    expect_error(test, 0, "POST", "/subjects/a/versions", INT, 503, "");
    shared_set(&shared.down, false);
    wait_for(ask(test, 0, "GET", "/readyz", NULL) == 200);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
}

static void test_stream_lost_while_running_stops_changes_only(void **state)
{
    struct test *test = *state;
    start(test, 0);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    shared_set(&shared.down, true);
    wait_for(ask(test, 0, "GET", "/readyz", NULL) == 503);
    assert_non_null(strstr(test->body.data, "shared:9092"));
    expect(test, 0, "GET", "/subjects", NULL, "[\"a\"]");
    expect(test, 0, "GET", "/schemas/ids/1", NULL, INT_TEXT);
    expect(test, 0, "POST", "/subjects/a/versions", INT, "{\"id\":1}");
    int64_t began = clock_mono_ns();
    expect_error(test, 0, "POST", "/subjects/a/versions", LONG, 50002, "shared:9092");
    expect_error(test, 0, "GET", "/schemas/ids/2", NULL, 50002, "shared:9092"); // whether there is one cannot be said
    assert_true(clock_mono_ns() - began < SECOND_NS);                           // nobody waits for what is known to be gone
    assert_int_equal(ask(test, 0, "GET", "/livez", NULL), 200);
    shared_set(&shared.down, false);
    wait_for(ask(test, 0, "GET", "/readyz", NULL) == 200);
    expect(test, 0, "POST", "/subjects/a/versions", LONG, "{\"id\":2}");
    expect_error(test, 0, "GET", "/schemas/ids/3", NULL, 40403, "");
}

static void test_start_refuses_a_topic_that_cannot_keep_schemas(void **state)
{
    struct test *test = *state;
    static const struct stream_topic topics[] = {{.name = "_schemas", .partitions = 3, .compacted = true},
                                                 {.name = "_schemas", .partitions = 1, .retention_ms = 604800000}};
    for (int i = 0; i < 2; i++) {
        shared.topic = topics[i];
        assert_int_equal(try_start(test, i, false), FATAL);
        assert_int_equal(test->fixture.err.code, ERR_STREAM);
        assert_non_null(strstr(test->fixture.err.text, "compacted, with one partition"));
        metric_registry_free(test->metrics[i]);
    }
    shared.topic = topics[0];
    assert_int_equal(try_start(test, 2, true), FATAL);
    assert_non_null(strstr(test->fixture.err.text, "3 partitions"));
    metric_registry_free(test->metrics[2]);
}

static void test_registry_that_only_reads_creates_and_changes_nothing(void **state)
{
    struct test *test = *state;
    must(&test->fixture, try_start(test, 0, true));
    expect(test, 0, "GET", "/subjects", NULL, "[]");
    expect_error(test, 0, "GET", "/schemas/ids/1", NULL, 40403, "");
    assert_int_equal(shared.creations, 0);
    start(test, 1);
    expect_soon(test, 1, "/subjects/a/versions", INT, "{\"id\":1}");
    must(&test->fixture, try_start(test, 2, true));
    expect(test, 2, "GET", "/subjects", NULL, "[\"a\"]");
    expect_error(test, 2, "POST", "/subjects/a/versions", LONG, 50004, "only reads");
    expect(test, 1, "POST", "/subjects/a/versions", LONG, "{\"id\":2}");
    expect(test, 2, "GET", "/schemas/ids/2", NULL, "{\"schema\":\"\\\"long\\\"\"}");
    assert_int_equal(members(), 1);
}

static void test_registry_that_only_reads_does_not_wait_for_a_stream(void **state)
{
    struct test *test = *state;
    shared_set(&shared.down, true);
    assert_int_equal(try_start(test, 0, true), RETRY);
    assert_non_null(strstr(test->fixture.err.text, "shared:9092"));
    metric_registry_free(test->metrics[0]);
}

static void test_offsets_without_records_hold_nothing_up(void **state)
{
    struct test *test = *state;
    shared_add_control();
    shared_add("{\"keytype\":\"SCHEMA\",\"subject\":\"a\",\"version\":1,\"magic\":1}",
               "{\"subject\":\"a\",\"version\":1,\"id\":7,\"schema\":\"\\\"int\\\"\",\"deleted\":false}");
    shared_add_control();
    start(test, 0);
    expect(test, 0, "GET", "/schemas/ids/7", NULL, INT_TEXT);
    shared_add_control();
    expect_error(test, 0, "GET", "/schemas/ids/8", NULL, 40403, "");
    expect_soon(test, 0, "/subjects/a/versions", LONG, "{\"id\":8}");
}

// A registry of another make goes on where ours has ended, then ours again.
static void test_records_without_a_term_count(void **state)
{
    struct test *test = *state;
    start(test, 0);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    stop(test, 0);
    shared_add("{\"keytype\":\"NOOP\",\"magic\":0}", NULL);
    shared_add("{\"keytype\":\"SCHEMA\",\"subject\":\"a\",\"version\":2,\"magic\":1}",
               "{\"subject\":\"a\",\"version\":2,\"id\":2,\"schema\":\"\\\"long\\\"\",\"deleted\":false}");
    start(test, 0);
    expect(test, 0, "GET", "/subjects/a/versions", NULL, "[1,2]");
    expect_soon(test, 0, "/subjects/a/versions", FLOAT, "{\"id\":3}");
}

static void test_writer_goes_on_while_another_make_writes_an_id_twice(void **state)
{
    struct test *test = *state;
    start(test, 0);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    shared_add("{\"keytype\":\"SCHEMA\",\"subject\":\"b\",\"version\":1,\"magic\":1}",
               "{\"subject\":\"b\",\"version\":1,\"id\":1,\"schema\":\"\\\"long\\\"\",\"deleted\":false}");
    expect_error(test, 0, "GET", "/subjects/b/versions", NULL, 40401, "");
    expect(test, 0, "GET", "/schemas/ids/1", NULL, INT_TEXT);
    expect(test, 0, "POST", "/subjects/b/versions", LONG, "{\"id\":2}");
    assert_true(metric_count(metric_find(test->metrics[0], "fdp_registry_refused_records_total", NULL)) == 1);
}

// An id lives on in records that were written with it: it is not given again when nothing else is left of its schema.
static void test_id_of_a_schema_deleted_for_good_is_not_given_again(void **state)
{
    struct test *test = *state;
    start(test, 0);
    expect_soon(test, 0, "/subjects/a/versions", INT, "{\"id\":1}");
    expect(test, 0, "POST", "/subjects/a/versions", LONG, "{\"id\":2}");
    expect(test, 0, "DELETE", "/subjects/a/versions/2", NULL, "2");
    expect(test, 0, "DELETE", "/subjects/a/versions/2?permanent=true", NULL, "2");
    stop(test, 0);
    shared_compact();
    shared_drop_tombstones();
    start(test, 0);
    expect_soon(test, 0, "/subjects/a/versions", FLOAT, "{\"id\":3}");
    expect(test, 0, "DELETE", "/subjects/a", NULL, "[1,2]");
    expect(test, 0, "DELETE", "/subjects/a?permanent=true", NULL, "[1,2]");
    stop(test, 0);
    shared_compact();
    shared_drop_tombstones();
    start(test, 0);
    expect(test, 0, "GET", "/subjects?deleted=true", NULL, "[]");
    expect_soon(test, 0, "/subjects/b/versions", DOUBLE, "{\"id\":4}");
}

// The time limit of the replay is for each step, not for all of it.
static void test_replay_takes_as_long_as_it_gets_on(void **state)
{
    struct test *test = *state;
    struct registry_state *registry = registry_state_new();
    struct registry_follower *follower;
    struct registry_follower_params params = {&test->fixture.config, &test->quiet, NULL, registry, shared_open, false};
    shared.topic = (struct stream_topic){.name = "_schemas", .partitions = 1, .compacted = true};
    for (int i = 0; i < 20; i++) shared_add("{\"keytype\":\"NOOP\",\"magic\":0}", NULL);
    shared.creep = true;
    must(&test->fixture, registry_follower_start(&follower, &params, &test->fixture.err));
    int64_t began = clock_mono_ns();
    must(&test->fixture, registry_follower_wait(follower, 300, &test->fixture.err));
    assert_true(clock_mono_ns() - began > 300 * MS_NS);
    registry_follower_free(follower);
    registry_state_free(registry);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_only_the_elected_registry_takes_changes),
        T(test_registry_that_lost_the_election_takes_no_more_changes),
        T(test_schema_is_found_at_once_at_every_registry),
        T(test_late_registration_does_not_give_an_id_twice),
        T(test_late_registration_under_another_subject_is_not_there),
        T(test_late_deletion_deletes_nothing),
        T(test_late_deletion_of_a_version_does_not_bring_it_back),
        T(test_late_deletion_does_not_undo_an_earlier_one),
        T(test_late_level_is_not_set),
        T(test_late_level_of_a_subject_is_not_set),
        T(test_change_in_doubt_is_50002_and_settled_before_the_next),
        T(test_change_that_was_not_written_is_50002_and_works_later),
        T(test_change_in_doubt_that_arrives_after_the_turn_is_refused),
        T(test_start_without_the_stream_waits_for_it),
        T(test_stream_lost_while_running_stops_changes_only),
        T(test_start_refuses_a_topic_that_cannot_keep_schemas),
        T(test_registry_that_only_reads_creates_and_changes_nothing),
        T(test_registry_that_only_reads_does_not_wait_for_a_stream),
        T(test_offsets_without_records_hold_nothing_up),
        T(test_records_without_a_term_count),
        T(test_writer_goes_on_while_another_make_writes_an_id_twice),
        T(test_id_of_a_schema_deleted_for_good_is_not_given_again),
        T(test_replay_takes_as_long_as_it_gets_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
