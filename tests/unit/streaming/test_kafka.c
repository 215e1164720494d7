// SPDX-License-Identifier: Apache-2.0
// What is particular to the Kafka back end. With FDP_TEST_STREAM=kafka://... also against brokers; else those tests are skipped.
#include "fixture.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "streaming/kafka.h"

enum { PAIRS = 8, PARTITIONS = 4 };

struct test {
    struct fixture fixture;
    struct config_pair pairs[PAIRS];
    struct metric_registry *metrics;
    char topic[64], group[72]; // of this test alone
};

static int setup(void **state)
{
    static int number;
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    fixture_init(&test->fixture);
    const char *url = getenv("FDP_TEST_STREAM");
    test->fixture.config.streaming.url = url ? url : "kafka://127.0.0.1:1";
    test->fixture.config.streaming.kafka.items = test->pairs;
    test->metrics = metric_registry_new();
    snprintf(test->topic, sizeof test->topic, "kafka-%d-%d-%lld", (int)getpid(), number++, (long long)clock_now_us());
    snprintf(test->group, sizeof test->group, "g-%s", test->topic);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    metric_registry_free(test->metrics);
    fixture_fini(&test->fixture);
    free(test);
    return 0;
}

#define NEEDS_BROKERS()                                                                                                                    \
    do {                                                                                                                                   \
        const char *url = getenv("FDP_TEST_STREAM");                                                                                       \
        if (url && !strncmp(url, "kafka:", 6)) break;                                                                                      \
        print_message("skipped: FDP_TEST_STREAM names no Kafka\n");                                                                        \
        skip();                                                                                                                            \
    } while (0)

static void set(struct test *test, const char *name, const char *value)
{
    assert_true(test->fixture.config.streaming.kafka.count < PAIRS);
    test->pairs[test->fixture.config.streaming.kafka.count++] = (struct config_pair){name, value};
}

static enum status try_open(struct test *test, struct stream **stream)
{
    static const struct log log = {LOG_ERROR, LOG_TEXT, 2, false, false};
    struct stream_params params = {&test->fixture.config, &log, test->metrics, false};
    return stream_open(stream, &params, &test->fixture.err);
}

static struct stream *open_stream(struct test *test)
{
    struct stream *stream;
    must(&test->fixture, try_open(test, &stream));
    return stream;
}

static uint64_t counted(struct test *test, const char *name)
{
    const struct metric *metric = metric_find(test->metrics, name, NULL);
    assert_non_null(metric);
    return metric_count(metric);
}

static enum status append_one(struct stream *stream, const char *topic, const char *key, struct slice value, struct err *err)
{
    struct batch *batch = batch_new(&record_row_type, 1);
    add_record(batch, key, "", fixture_epoch_us());
    batch_set_slice(batch, RECORD_VALUE, 0, value);
    enum status status = stream->ops->append(stream, topic, batch, err);
    batch_free(batch);
    return status;
}

// --- Without brokers

static void test_url_brokers_takes_lists_of_hosts_and_ports(void **state)
{
    struct test *test = *state;
    static const char *const good[][2] = {
        {"kafka://localhost:9092", "localhost:9092"},
        {"kafka://localhost:9092/", "localhost:9092"},
        {"kafka://a.example:1,b-2.example:65535", "a.example:1,b-2.example:65535"},
        {"kafka://[::1]:9092,10.0.0.1:9093", "[::1]:9092,10.0.0.1:9093"},
    };
    char out[KAFKA_BROKERS_MAX];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        must(&test->fixture, kafka_url_brokers(good[i][0], out, &test->fixture.err));
        assert_string_equal(out, good[i][1]);
    }
}

static void test_open_with_a_bad_url_says_what_is_wrong(void **state)
{
    struct test *test = *state;
    static const char *const bad[][2] = {
        {"kafka:", "does not begin with kafka://"},
        {"kafka:localhost:9092", "does not begin with kafka://"},
        {"kafka://", "no broker"},
        {"kafka:///", "no broker"},
        {"kafka://localhost", "without a port"},
        {"kafka://localhost:", "port"},
        {"kafka://localhost:0", "port"},
        {"kafka://localhost:65536", "port"},
        {"kafka://localhost:9092x", "port"},
        {"kafka://localhost:+9092", "port"},
        {"kafka://:9092", "without a host"},
        {"kafka://a:1,,b:2", "no broker"},
        {"kafka://a:1,", "no broker"},
        {"kafka://a b:1", "characters"},
        {"kafka://::1:9092", "characters"},
        {"kafka://user:secret@host:9092", "sasl.username"},
        {"kafka://host:9092/topic", "goes on"},
        {"kafka://host:9092?acks=0", "goes on"},
    };
    struct stream *stream;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test->fixture.config.streaming.url = bad[i][0];
        if (try_open(test, &stream) != FATAL) fail_msg("%s was taken", bad[i][0]);
        assert_int_equal(test->fixture.err.code, ERR_CONFIG);
        if (!strstr(test->fixture.err.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], test->fixture.err.text);
        assert_non_null(strstr(test->fixture.err.text, "streaming.url"));
    }
}

static void test_open_refuses_properties_in_the_words_of_the_client(void **state)
{
    struct test *test = *state;
    static const struct {
        const char *name, *value, *says;
    } cases[] = {
        {"linger.millis", "5", "No such configuration property"},
        {"linger.ms", "soon", "linger.ms"},
        {"session.timeout.ms", "-1", "session.timeout.ms"},
        {"security.protocol", "telepathy", "security.protocol"},
    };
    struct stream *stream;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test->fixture.config.streaming.kafka.count = 0;
        set(test, cases[i].name, cases[i].value);
        assert_int_equal(try_open(test, &stream), FATAL);
        assert_int_equal(test->fixture.err.code, ERR_CONFIG);
        assert_non_null(strstr(test->fixture.err.text, "streaming.kafka."));
        assert_non_null(strstr(test->fixture.err.text, cases[i].says));
    }
}

static void test_open_refuses_properties_that_exactness_depends_on(void **state)
{
    struct test *test = *state;
    static const char *const names[] = {"enable.auto.commit",
                                        "auto.offset.reset",
                                        "enable.idempotence",
                                        "acks",
                                        "request.required.acks",
                                        "message.timeout.ms",
                                        "retries",
                                        "group.id",
                                        "bootstrap.servers",
                                        "partitioner",
                                        "transactional.id",
                                        "enable.partition.eof"};
    struct stream *stream;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        test->fixture.config.streaming.kafka.count = 0;
        set(test, names[i], "true");
        assert_int_equal(try_open(test, &stream), FATAL);
        assert_int_equal(test->fixture.err.code, ERR_CONFIG);
        assert_non_null(strstr(test->fixture.err.text, names[i]));
        assert_non_null(strstr(test->fixture.err.text, "cannot be set"));
    }
}

static void test_unreachable_brokers_hold_up_nothing_for_long(void **state)
{
    struct test *test = *state;
    struct err *err = &test->fixture.err;
    struct stream_topic *topics;
    uint32_t count;
    struct arena arena;
    arena_init(&arena, 1024);
    test->fixture.config.streaming.url = "kafka://127.0.0.1:1,127.0.0.1:2";
    int64_t began = clock_mono_ns();
    struct stream *stream = open_stream(test);
    assert_true(clock_mono_ns() - began < SECOND_NS);

    // What is appended waits; a flush waits for its deadline, and says why.
    must(&test->fixture, append_one(stream, test->topic, "k", SLICE("v"), err));
    began = clock_mono_ns();
    assert_int_equal(stream->ops->flush(stream, clock_deadline_ms(200), err), AGAIN);
    assert_true(clock_mono_ns() - began < 5 * SECOND_NS);
    assert_non_null(strstr(err->text, "no broker of 127.0.0.1:1,127.0.0.1:2 answered"));

    began = clock_mono_ns();
    assert_int_equal(stream->ops->topics(stream, &arena, &topics, &count, err), RETRY);
    assert_true(clock_mono_ns() - began < 15 * SECOND_NS);
    assert_non_null(strstr(err->text, "no broker of 127.0.0.1:1,127.0.0.1:2 answered"));
    assert_non_null(strstr(err->text, "refused"));

    struct batch *out = batch_new(&record_row_type, 1);
    enum status status = stream->ops->poll(stream, out, clock_deadline_ms(50), err);
    assert_true(status == AGAIN || status == RETRY);
    began = clock_mono_ns();
    stream_close(stream);
    assert_true(clock_mono_ns() - began < 5 * SECOND_NS);
    batch_free(out);
    arena_fini(&arena);
}

// --- Writing

static void test_flush_makes_a_new_producer_after_a_fatal_error(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    enum { COUNT = 500 };
    struct err *err = &test->fixture.err;
    struct stream *stream = open_stream(test);
    fixture_topic(&test->fixture, stream, test->topic, 1);
    must(&test->fixture, append_numbers(stream, test->topic, 0, 100, 1, err));
    struct batch *batch = batch_new(&record_row_type, COUNT);
    char value[16];
    for (int i = 100; i < COUNT; i++) {
        snprintf(value, sizeof value, "%d", i);
        add_record(batch, "k", value, fixture_epoch_us() + i * 1000);
    }
    must(&test->fixture, stream->ops->append(stream, test->topic, batch, err));
    rd_kafka_test_fatal_error(kafka_of(stream)->producer.client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "made up");
    must(&test->fixture, stream->ops->flush(stream, clock_deadline_ms(20000), err));
    assert_int_equal(counted(test, "fdp_stream_producer_restarts_total"), 1);

    must(&test->fixture, stream->ops->seek(stream, test->topic, 0, 0, 0, err));
    struct batch *out = batch_new(&record_row_type, 2 * COUNT);
    bool seen[COUNT] = {false};
    int distinct = 0;
    while (distinct < COUNT) {
        must(&test->fixture, stream->ops->poll(stream, out, clock_deadline_ms(10000), err));
        distinct = 0;
        for (uint32_t row = 0; row < out->rows; row++) seen[number_at(out, row)] = true;
        for (int i = 0; i < COUNT; i++) distinct += seen[i];
    }
    for (uint32_t row = 0; row < out->rows; row++) {
        int number = number_at(out, row);
        if (number >= 100) assert_int_equal(out->columns[RECORD_TIMESTAMP].int64[row], fixture_epoch_us() + number * 1000);
    }
    // At least once, and in order as far as they are there once.
    if (out->rows == COUNT)
        for (uint32_t row = 0; row < COUNT; row++) assert_int_equal(number_at(out, row), row);
    stream_close(stream);
    batch_free(batch);
    batch_free(out);
}

static void create_with(struct stream *stream, const char *topic, const char *property, const char *value)
{
    char text[256];
    rd_kafka_t *client = kafka_of(stream)->consumer.client;
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, 1, -1, text, sizeof text);
    assert_non_null(wanted);
    rd_kafka_NewTopic_set_config(wanted, property, value);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
}

static void alter(struct stream *stream, const char *topic, const char *property, const char *value)
{
    rd_kafka_t *client = kafka_of(stream)->consumer.client;
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_ConfigResource_set_config(resource, property, value);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AlterConfigs(client, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(resource);
}

static void test_flush_keeps_what_the_broker_refuses_until_it_takes_it(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    struct err *err = &test->fixture.err;
    struct stream *stream = open_stream(test);
    must(&test->fixture, kafka_consumer_need(kafka_of(stream), NULL, err));
    create_with(stream, test->topic, "max.message.bytes", "1000");
    char large[5000];
    for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * i * 31 + i * 7 + (i >> 3)); // does not compress much
    must(&test->fixture, append_one(stream, test->topic, "k", (struct slice){large, sizeof large}, err));
    assert_int_equal(stream->ops->flush(stream, clock_deadline_ms(1500), err), AGAIN);
    assert_non_null(strstr(err->text, "max.message.bytes"));
    assert_non_null(strstr(err->text, test->topic));
    must(&test->fixture, append_one(stream, test->topic, "k", SLICE("after"), err));
    assert_int_equal(stream->ops->flush(stream, clock_deadline_ms(300), err), AGAIN);
    alter(stream, test->topic, "max.message.bytes", "100000");
    must(&test->fixture, stream->ops->flush(stream, clock_deadline_ms(30000), err));
    must(&test->fixture, stream->ops->seek(stream, test->topic, 0, 0, 0, err));
    struct batch *out = batch_new(&record_row_type, 10);
    poll_rows(&test->fixture, stream, out, 2);
    assert_int_equal(text_at(out, RECORD_VALUE, 0).size, sizeof large);
    assert_memory_equal(text_at(out, RECORD_VALUE, 0).data, large, sizeof large);
    assert_true(slice_is(text_at(out, RECORD_VALUE, 1), "after"));
    for (uint32_t row = 0; row < 2; row++) assert_int_equal(out->columns[RECORD_TIMESTAMP].int64[row], fixture_epoch_us());
    batch_free(out);
    stream_close(stream);
}

// The client sends what waits as one batch, which may be too large although each record fits.
static void test_flush_of_many_records_that_only_fit_one_by_one(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    enum { COUNT = 300 };
    struct err *err = &test->fixture.err;
    struct stream *stream = open_stream(test);
    must(&test->fixture, kafka_consumer_need(kafka_of(stream), NULL, err));
    create_with(stream, test->topic, "max.message.bytes", "1000");
    struct batch *in = batch_new(&record_row_type, COUNT), *out = batch_new(&record_row_type, COUNT);
    char value[COUNT][700];
    for (uint32_t i = 0; i < COUNT; i++) {
        for (size_t at = 0; at < sizeof value[i]; at++) value[i][at] = (char)(i * 131 + at * at * 31 + at * 7 + (at >> 3));
        uint32_t row = batch_row_begin(in);
        batch_set_slice(in, RECORD_VALUE, row, (struct slice){value[i], sizeof value[i]});
        batch_row_commit(in);
    }
    must(&test->fixture, stream->ops->append(stream, test->topic, in, err));
    must(&test->fixture, stream->ops->flush(stream, clock_deadline_ms(30000), err));
    must(&test->fixture, stream->ops->seek(stream, test->topic, 0, 0, 0, err));
    poll_rows(&test->fixture, stream, out, COUNT);
    for (uint32_t row = 0; row < COUNT; row++) assert_memory_equal(text_at(out, RECORD_VALUE, row).data, value[row], sizeof value[row]);
    batch_free(in);
    batch_free(out);
    stream_close(stream);
}

static void test_append_of_more_than_the_client_holds_keeps_the_order(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    enum { COUNT = 5000 };
    set(test, "queue.buffering.max.messages", "100");
    struct stream *stream = open_stream(test);
    fixture_topic(&test->fixture, stream, test->topic, 1);
    must(&test->fixture, append_numbers(stream, test->topic, 0, COUNT, 1, &test->fixture.err));
    must(&test->fixture, stream->ops->seek(stream, test->topic, 0, 0, 0, &test->fixture.err));
    struct batch *out = batch_new(&record_row_type, COUNT);
    poll_rows(&test->fixture, stream, out, COUNT);
    for (uint32_t row = 0; row < COUNT; row++) assert_int_equal(number_at(out, row), row);
    batch_free(out);
    stream_close(stream);
}

// --- Topics and offsets

static void test_topic_create_compacted_refuses_one_that_is_not(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    struct stream *stream = open_stream(test);
    fixture_topic(&test->fixture, stream, test->topic, 1);
    struct stream_topic topic = {.partitions = 1, .retention_ms = -1, .retention_bytes = -1, .compacted = true};
    snprintf(topic.name, sizeof topic.name, "%s", test->topic);
    assert_int_equal(stream->ops->topic_create(stream, &topic, &test->fixture.err), FATAL);
    assert_non_null(strstr(test->fixture.err.text, "cleanup.policy"));
    stream_close(stream);
}

static void test_topic_create_by_who_only_looks_is_refused(void **state)
{
    struct test *test = *state;
    struct stream_params params = {&test->fixture.config, NULL, NULL, true};
    struct stream *stream;
    must(&test->fixture, stream_open(&stream, &params, &test->fixture.err));
    struct stream_topic topic = {.name = "t", .partitions = 1};
    assert_int_equal(stream->ops->topic_create(stream, &topic, &test->fixture.err), FATAL);
    assert_non_null(strstr(test->fixture.err.text, "only looks"));
    stream_close(stream);
}

static void delete_records(struct stream *stream, const char *topic, int64_t before)
{
    rd_kafka_t *client = kafka_of(stream)->consumer.client;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = before;
    rd_kafka_DeleteRecords_t *wanted = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteRecords(client, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(wanted);
    rd_kafka_topic_partition_list_destroy(list);
}

static void test_seek_and_poll_of_what_retention_has_deleted_are_fatal(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    struct err *err = &test->fixture.err;
    struct stream *stream = open_stream(test);
    fixture_topic(&test->fixture, stream, test->topic, 1);
    must(&test->fixture, append_numbers(stream, test->topic, 0, 100, 1, err));
    must(&test->fixture, kafka_consumer_need(kafka_of(stream), NULL, err));
    delete_records(stream, test->topic, 50);
    assert_int_equal(stream->ops->seek(stream, test->topic, 0, 0, 49, err), FATAL);
    assert_non_null(strstr(err->text, "offset 49 is gone"));
    assert_non_null(strstr(err->text, "before 50"));
    assert_int_equal(stream->ops->seek(stream, test->topic, 0, 0, 101, err), FATAL);
    assert_non_null(strstr(err->text, "beyond the end"));

    // Sought in time, deleted before it was read.
    must(&test->fixture, stream->ops->seek(stream, test->topic, 0, 0, 50, err));
    delete_records(stream, test->topic, 80);
    struct batch *out = batch_new(&record_row_type, 10);
    assert_int_equal(stream->ops->poll(stream, out, clock_deadline_ms(10000), err), FATAL);
    assert_int_equal(out->rows, 0);
    assert_non_null(strstr(err->text, "offset 50 is gone"));
    must(&test->fixture, stream->ops->seek(stream, test->topic, 0, 0, 80, err));
    poll_rows(&test->fixture, stream, out, 10);
    assert_int_equal(out->offset[0], 80);
    batch_free(out);
    stream_close(stream);
}

static rd_kafka_t *open_transactional(struct test *test)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", strstr(test->fixture.config.streaming.url, "//") + 2, text, sizeof text);
    rd_kafka_conf_set(conf, "transactional.id", test->topic, text, sizeof text);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(client);
    assert_null(rd_kafka_init_transactions(client, 30000));
    return client;
}

static void transact(rd_kafka_t *client, const char *topic, int count, bool commit)
{
    assert_null(rd_kafka_begin_transaction(client));
    for (int i = 0; i < count; i++)
        assert_int_equal(rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_VALUE((void *)"7", 1), RD_KAFKA_V_END),
                         0);
    assert_int_equal(rd_kafka_flush(client, 10000), 0);
    assert_null(commit ? rd_kafka_commit_transaction(client, 30000) : rd_kafka_abort_transaction(client, 30000));
}

static void poll_until_end(struct test *test, struct stream *stream, struct batch *out, int64_t wanted)
{
    int64_t end = -1;
    for (int64_t deadline = clock_deadline_ms(20000); end < wanted && clock_mono_ns() < deadline;) {
        enum status status = stream->ops->poll(stream, out, clock_deadline_ms(50), &test->fixture.err);
        if (status != OK && status != AGAIN) fail_msg("poll: %s", test->fixture.err.text);
        must(&test->fixture, stream->ops->end(stream, test->topic, 0, &end, &test->fixture.err));
    }
    assert_int_equal(end, wanted);
}

static void test_end_passes_control_records_and_aborted_transactions(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    struct stream *stream = open_stream(test);
    fixture_topic(&test->fixture, stream, test->topic, 1);
    rd_kafka_t *client = open_transactional(test);
    transact(client, test->topic, 3, true); // 0 to 2, and the commit
    must(&test->fixture, stream->ops->seek(stream, test->topic, 0, 0, 0, &test->fixture.err));
    struct batch *out = batch_new(&record_row_type, 20);
    poll_until_end(test, stream, out, 4);
    assert_int_equal(out->rows, 3);
    transact(client, test->topic, 2, false); // 4 and 5, and the abort
    poll_until_end(test, stream, out, 7);
    assert_int_equal(out->rows, 3);
    transact(client, test->topic, 1, true);
    poll_until_end(test, stream, out, 9);
    assert_int_equal(out->rows, 4);
    assert_int_equal(out->offset[3], 7);
    struct stream_watermarks marks;
    must(&test->fixture, stream->ops->watermarks(stream, test->topic, 0, &marks, &test->fixture.err));
    assert_int_equal(marks.high, 9);
    rd_kafka_destroy(client);
    batch_free(out);
    stream_close(stream);
}

// What the client throws away with a partition that it forgets must not be the records of others that wait to be taken.
static void test_topics_that_go_take_no_records_of_others_along(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    enum { OTHERS = 8, EACH = 300, COUNT = OTHERS * EACH, AT_ONCE = 10 };
    set(test, "topic.metadata.refresh.interval.ms", "50");
    struct err *err = &test->fixture.err;
    struct stream *stream = open_stream(test), *admin = open_stream(test);
    char others[OTHERS][80];
    for (int i = 0; i < OTHERS; i++) {
        snprintf(others[i], sizeof others[i], "%s-%d", test->topic, i);
        fixture_topic(&test->fixture, admin, others[i], 1);
        must(&test->fixture, stream->ops->seek(stream, others[i], 0, 1 + i, 0, err));
    }
    fixture_topic(&test->fixture, admin, test->topic, 1);
    must(&test->fixture, append_numbers(admin, test->topic, 0, COUNT, 1, err));
    must(&test->fixture, stream->ops->seek(stream, test->topic, 0, 0, 0, err));
    struct batch *out = batch_new(&record_row_type, AT_ONCE);
    for (int64_t next = 0, gone = 0; next < COUNT;) {
        batch_reset(out);
        must(&test->fixture, stream->ops->poll(stream, out, clock_deadline_ms(10000), err));
        for (uint32_t row = 0; row < out->rows; row++) assert_int_equal(out->offset[row], next++);
        if (next > gone * EACH && gone < OTHERS) {
            must(&test->fixture, stream->ops->unseek(stream, others[gone], 0, err));
            must(&test->fixture, stream->ops->topic_delete(admin, others[gone], err));
            gone++;
        }
        clock_sleep_until(clock_deadline_ms(5));
    }
    batch_free(out);
    stream_close(stream);
    stream_close(admin);
}

// --- Members

static void join(struct test *test, struct stream *stream)
{
    const char *topics[] = {test->topic};
    must(&test->fixture, stream->ops->join(stream, test->group, topics, 1, &test->fixture.err));
}

// A member that reads from where the members before it have stopped, as the store would tell.
struct member {
    struct test *test;
    struct stream *stream;
    int count;
    int64_t *next;
    uint32_t *seen; // by number; NULL: takes no records
    int rows;
};

static void heed_changes(struct member *member)
{
    struct stream_change change;
    struct err *err = &member->test->fixture.err;
    while (member->stream->ops->change(member->stream, &change)) {
        member->count += change.given ? 1 : -1;
        if (!change.given || !member->seen) continue;
        enum status status = member->stream->ops->seek(member->stream, change.topic, change.partition, change.partition,
                                                       member->next[change.partition], err);
        if (status != OK && status != AGAIN) fail_msg("seek: %s", err->text);
    }
}

static void member_turn(struct member *member, struct batch *out)
{
    struct err *err = &member->test->fixture.err;
    batch_reset(out);
    enum status status = member->stream->ops->poll(member->stream, member->seen ? out : NULL, clock_deadline_ms(5), err);
    if (status == FATAL || status == REJECT) fail_msg("poll: %s", err->text);
    for (uint32_t row = 0; status == OK && row < out->rows; row++) {
        int64_t *next = &member->next[out->source[row]];
        // Two owners for a moment, as fencing allows: what the other has stored already does not count.
        if (out->offset[row] < *next) continue;
        assert_int_equal(out->offset[row], *next);
        *next = out->offset[row] + 1;
        member->seen[number_at(out, row)]++;
        member->rows++;
    }
    heed_changes(member);
}

static void test_seek_of_what_the_group_has_not_given_answers_again(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    struct stream *stream = open_stream(test);
    fixture_topic(&test->fixture, stream, test->topic, PARTITIONS);
    join(test, stream);
    assert_int_equal(stream->ops->seek(stream, test->topic, 0, 0, 0, &test->fixture.err), AGAIN);
    assert_non_null(strstr(test->fixture.err.text, "does not belong"));
    stream_close(stream);
}

// Between the answer to its wish to join and the first partitions there is a moment in which librdkafka 2.0 cannot be ended. What is left
// of such clients runs until the process ends; the sanitizers' work at the exit of a process with so many threads can take for ever.
static void test_close_at_any_moment_of_joining(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    struct stream *admin = open_stream(test);
    fixture_topic(&test->fixture, admin, test->topic, PARTITIONS);
    for (int i = 0; i < 50; i++) {
        struct stream *stream = open_stream(test);
        join(test, stream);
        clock_sleep_until(clock_deadline_ms(i));
        stream_close(stream);
    }
    stream_close(admin);
}

// 0 while the group shares out anew.
static uint32_t settled_members(struct test *test, struct stream *stream)
{
    struct arena arena;
    struct stream_group *groups;
    uint32_t count, settled = 0;
    arena_init(&arena, 1024);
    must(&test->fixture, stream->ops->groups(stream, &arena, &groups, &count, &test->fixture.err));
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(groups[i].name, test->group) && !strcmp(groups[i].state, "stable")) settled = groups[i].member_count;
    arena_fini(&arena);
    return settled;
}

static void test_a_member_without_partitions_leaves_too(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    set(test, "session.timeout.ms", "45000"); // for so long the others would wait for one that did not
    struct stream *admin = open_stream(test);
    fixture_topic(&test->fixture, admin, test->topic, 1);
    struct member a = {.test = test, .stream = open_stream(test)}, b = {.test = test, .stream = open_stream(test)};
    struct batch *out = batch_new(&record_row_type, 1);
    join(test, a.stream);
    for (int64_t deadline = clock_deadline_ms(30000); !a.count && clock_mono_ns() < deadline;) member_turn(&a, out);
    join(test, b.stream);
    for (int64_t deadline = clock_deadline_ms(30000); settled_members(test, admin) != 2 && clock_mono_ns() < deadline;) {
        member_turn(&a, out);
        member_turn(&b, out);
    }
    assert_int_equal(settled_members(test, admin), 2);
    stream_close((a.count ? &b : &a)->stream);
    struct member *rest = a.count ? &a : &b;
    for (int64_t deadline = clock_deadline_ms(20000); settled_members(test, admin) != 1 && clock_mono_ns() < deadline;)
        member_turn(rest, out);
    assert_int_equal(settled_members(test, admin), 1);
    stream_close(rest->stream);
    stream_close(admin);
    batch_free(out);
}

struct load {
    struct test *test;
    atomic_bool stop;
    int appended;
    struct err err;
};

static void *produce(void *context)
{
    struct load *load = context;
    struct stream *stream = open_stream(load->test);
    while (!atomic_load(&load->stop)) {
        if (append_numbers(stream, load->test->topic, load->appended, 200, 97, &load->err) != OK) break;
        load->appended += 200;
    }
    stream_close(stream);
    return NULL;
}

static void test_members_that_come_and_go_under_load_lose_nothing(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    enum { ROUNDS = 6, NUMBERS = 4000000 };
    struct stream *admin = open_stream(test);
    fixture_topic(&test->fixture, admin, test->topic, PARTITIONS);
    uint32_t *seen = calloc(NUMBERS, sizeof *seen);
    assert_non_null(seen);
    int64_t next[PARTITIONS] = {0};
    struct load load = {.test = test};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, &load), 0);
    struct batch *out = batch_new(&record_row_type, 1000);
    struct member a = {test, open_stream(test), 0, next, seen, 0};
    join(test, a.stream);
    int of_others = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct member b = {test, open_stream(test), 0, next, seen, 0};
        join(test, b.stream);
        // The last rounds do not wait until the group has settled: the member leaves while it is being given partitions.
        int64_t deadline = clock_deadline_ms(round < ROUNDS / 2 ? 20000 : 300 * round);
        while (clock_mono_ns() < deadline && !(round < ROUNDS / 2 && b.rows > 1000)) {
            member_turn(&a, out);
            member_turn(&b, out);
        }
        int64_t began = clock_mono_ns();
        b.stream->ops->leave(b.stream);
        heed_changes(&b);
        assert_int_equal(b.count, 0);
        assert_true(clock_mono_ns() - began < 9 * SECOND_NS);
        of_others += b.rows;
        stream_close(b.stream);
    }
    assert_true(of_others > 3000);
    atomic_store(&load.stop, true);
    for (int64_t deadline = clock_deadline_ms(5000); clock_mono_ns() < deadline && a.count < PARTITIONS;) member_turn(&a, out);
    pthread_join(thread, NULL);
    for (int64_t deadline = clock_deadline_ms(30000); clock_mono_ns() < deadline && a.rows + of_others < load.appended;)
        member_turn(&a, out);
    assert_true(load.appended < NUMBERS);
    for (int i = 0; i < load.appended; i++)
        if (seen[i] != 1) fail_msg("%d of %d was seen %u times", i, load.appended, seen[i]);
    stream_close(a.stream);
    stream_close(admin);
    batch_free(out);
    free(seen);
}

// A member in a process of its own, which says when it was given partitions: `test_streaming_kafka member TOPIC GROUP`.
static int be_a_member(char **args)
{
    struct test test = {.fixture = {.config = {.streaming = {.url = getenv("FDP_TEST_STREAM")}}}};
    test.fixture.config.streaming.kafka.items = test.pairs;
    snprintf(test.topic, sizeof test.topic, "%s", args[0]);
    snprintf(test.group, sizeof test.group, "%s", args[1]);
    set(&test, "session.timeout.ms", "6000");
    struct member member = {.test = &test, .stream = open_stream(&test)};
    join(&test, member.stream);
    for (int said = 0;;) {
        struct err err;
        if (member.stream->ops->poll(member.stream, NULL, clock_deadline_ms(100), &err) == FATAL) return 1;
        heed_changes(&member);
        if (member.count && !said) said = write(1, "!", 1) == 1;
    }
}

static void test_a_killed_member_is_replaced(void **state)
{
    struct test *test = *state;
    NEEDS_BROKERS();
    set(test, "session.timeout.ms", "6000");
    struct member a = {.test = test, .stream = open_stream(test)};
    fixture_topic(&test->fixture, a.stream, test->topic, PARTITIONS);
    join(test, a.stream);
    struct batch *out = batch_new(&record_row_type, 10);
    for (int64_t deadline = clock_deadline_ms(30000); a.count < PARTITIONS && clock_mono_ns() < deadline;) member_turn(&a, out);
    assert_int_equal(a.count, PARTITIONS);

    int ends[2];
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    char word[] = "member", name[] = "test_streaming_kafka";
    char *args[] = {name, word, test->topic, test->group, NULL};
    pid_t child;
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", &actions, NULL, args, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    for (int64_t deadline = clock_deadline_ms(30000); a.count != PARTITIONS / 2 && clock_mono_ns() < deadline;) member_turn(&a, out);
    assert_int_equal(a.count, PARTITIONS / 2);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    int64_t began = clock_mono_ns();
    for (int64_t deadline = clock_deadline_ms(30000); a.count < PARTITIONS && clock_mono_ns() < deadline;) member_turn(&a, out);
    assert_int_equal(a.count, PARTITIONS);
    assert_true(clock_mono_ns() - began > 2 * SECOND_NS); // it was not given back
    close(ends[0]);
    close(ends[1]);
    stream_close(a.stream);
    batch_free(out);
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "member")) return be_a_member(argv + 2);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_url_brokers_takes_lists_of_hosts_and_ports),
        T(test_open_with_a_bad_url_says_what_is_wrong),
        T(test_open_refuses_properties_in_the_words_of_the_client),
        T(test_open_refuses_properties_that_exactness_depends_on),
        T(test_unreachable_brokers_hold_up_nothing_for_long),
        T(test_flush_makes_a_new_producer_after_a_fatal_error),
        T(test_flush_keeps_what_the_broker_refuses_until_it_takes_it),
        T(test_flush_of_many_records_that_only_fit_one_by_one),
        T(test_append_of_more_than_the_client_holds_keeps_the_order),
        T(test_topic_create_compacted_refuses_one_that_is_not),
        T(test_topic_create_by_who_only_looks_is_refused),
        T(test_seek_and_poll_of_what_retention_has_deleted_are_fatal),
        T(test_end_passes_control_records_and_aborted_transactions),
        T(test_topics_that_go_take_no_records_of_others_along),
        T(test_seek_of_what_the_group_has_not_given_answers_again),
        T(test_close_at_any_moment_of_joining),
        T(test_a_member_without_partitions_leaves_too),
        T(test_members_that_come_and_go_under_load_lose_nothing),
        T(test_a_killed_member_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
