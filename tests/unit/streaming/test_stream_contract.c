// SPDX-License-Identifier: Apache-2.0
// What every back end of streaming/stream.h promises. FDP_TEST_STREAM names the URL of another back end than the embedded log; what only
// one of them can do is skipped with a reason.
#include "fixture.h"

#include <pthread.h>
#include <time.h>

struct test {
    struct fixture fixture;
    struct stream *stream;
    char topic[64], group[72]; // of this test alone
};

static bool on_kafka(void)
{
    const char *url = getenv("FDP_TEST_STREAM");
    return url && !strncmp(url, "kafka:", 6);
}

#define SKIP_WHEN(condition, why)                                                                                                          \
    do {                                                                                                                                   \
        if (!(condition)) break;                                                                                                           \
        print_message("skipped: %s\n", why);                                                                                               \
        skip();                                                                                                                            \
    } while (0)

static int setup(void **state)
{
    static int number;
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    fixture_init(&test->fixture);
    const char *url = getenv("FDP_TEST_STREAM");
    if (url) test->fixture.config.streaming.url = url;
    snprintf(test->topic, sizeof test->topic, "contract-%d-%d-%lld", (int)getpid(), number++, (long long)clock_now_us());
    snprintf(test->group, sizeof test->group, "g-%s", test->topic);
    test->stream = fixture_open(&test->fixture);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    stream_close(test->stream);
    fixture_fini(&test->fixture);
    free(test);
    return 0;
}

static void seek_all(struct test *test, struct stream *stream, int32_t partitions)
{
    for (int32_t i = 0; i < partitions; i++)
        must(&test->fixture, stream->ops->seek(stream, test->topic, i, 100 + i, 0, &test->fixture.err));
}

static void test_open_with_an_unknown_scheme_names_the_known_ones(void **state)
{
    struct test *test = *state;
    struct config config = test->fixture.config;
    config.streaming.url = "carrier-pigeon:loft";
    struct stream_params params = {&config, NULL, NULL, false};
    struct stream *stream;
    assert_int_equal(stream_open(&stream, &params, &test->fixture.err), FATAL);
    assert_int_equal(test->fixture.err.code, ERR_CONFIG);
    assert_non_null(strstr(test->fixture.err.text, "carrier-pigeon:loft"));
    assert_non_null(strstr(test->fixture.err.text, "embedded:"));
    config.streaming.url = "embedded";
    assert_int_equal(stream_open(&stream, &params, &test->fixture.err), FATAL);
    assert_null(stream);
    stream_close(NULL);
}

static void test_topic_create_again_is_fine_with_as_many_partitions_only(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 3);
    fixture_topic(&test->fixture, test->stream, test->topic, 3);
    struct stream_topic other = {.partitions = 4, .retention_ms = -1, .retention_bytes = -1};
    snprintf(other.name, sizeof other.name, "%s", test->topic);
    assert_int_equal(test->stream->ops->topic_create(test->stream, &other, &test->fixture.err), FATAL);
    assert_int_equal(test->fixture.err.code, ERR_STREAM);
    assert_non_null(strstr(test->fixture.err.text, "3 partitions"));
}

static void test_topic_create_refuses_bad_names_and_numbers(void **state)
{
    struct test *test = *state;
    static const char *const names[] = {"", ".", "..", "a/b", "a b", "\xc3\xa9", "a;drop"};
    struct stream_topic topic = {.partitions = 1, .retention_ms = -1, .retention_bytes = -1};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(topic.name, sizeof topic.name, "%s", names[i]);
        assert_int_equal(test->stream->ops->topic_create(test->stream, &topic, &test->fixture.err), FATAL);
    }
    snprintf(topic.name, sizeof topic.name, "%s", test->topic);
    for (int i = 0; i < 3; i++) {
        topic.partitions = (int32_t[]){0, -1, STREAM_PARTITIONS_MAX + 1}[i];
        assert_int_equal(test->stream->ops->topic_create(test->stream, &topic, &test->fixture.err), FATAL);
    }
}

static void test_topics_lists_by_name(void **state)
{
    struct test *test = *state;
    char other[80];
    snprintf(other, sizeof other, "%s.b", test->topic);
    fixture_topic(&test->fixture, test->stream, other, 2);
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    struct arena arena;
    arena_init(&arena, 1024);
    struct stream_topic *topics;
    uint32_t count, found = 0;
    must(&test->fixture, test->stream->ops->topics(test->stream, &arena, &topics, &count, &test->fixture.err));
    for (uint32_t i = 0; i < count; i++) {
        if (i) assert_true(strcmp(topics[i - 1].name, topics[i].name) < 0);
        if (!strcmp(topics[i].name, test->topic)) assert_int_equal(topics[i].partitions, 1), found++;
        if (!strcmp(topics[i].name, other)) assert_int_equal(topics[i].partitions, 2), found++;
    }
    assert_int_equal(found, 2);
    arena_fini(&arena);
    must(&test->fixture, test->stream->ops->topic_delete(test->stream, other, &test->fixture.err));
}

static void test_poll_gives_back_what_was_appended(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    struct batch *in = batch_new(&record_row_type, 4), *out = batch_new(&record_row_type, 10);
    struct buf headers;
    buf_init(&headers, 1024);
    record_headers_append(&headers, "reason", SLICE("bad"));
    record_headers_append(&headers, "nothing", (struct slice){NULL, 0});
    int64_t now_us = fixture_epoch_us();
    add_record(in, "key", "value", now_us + 123000);
    add_record(in, NULL, "no key", now_us + 124000);
    add_record(in, "gone", NULL, now_us + 1000); // a tombstone, older than the one before it
    add_record(in, "", "", now_us + 125000);     // empty is not null
    batch_set_slice(in, RECORD_HEADERS, 1, buf_slice(&headers));
    must(&test->fixture, test->stream->ops->append(test->stream, test->topic, in, &test->fixture.err));
    must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));
    must(&test->fixture, test->stream->ops->seek(test->stream, test->topic, 0, 77, 0, &test->fixture.err));
    poll_rows(&test->fixture, test->stream, out, 4);
    assert_int_equal(out->rows, 4);
    for (uint32_t row = 0; row < 4; row++) {
        assert_int_equal(out->offset[row], row);
        assert_int_equal(out->source[row], 77);
        assert_int_equal(out->columns[RECORD_TIMESTAMP].int64[row], in->columns[RECORD_TIMESTAMP].int64[row]);
        for (uint32_t column = 0; column < RECORD_TIMESTAMP; column++) {
            assert_int_equal(batch_is_null(out, column, row), batch_is_null(in, column, row));
            if (!batch_is_null(in, column, row)) assert_true(slice_equal(out->columns[column].text[row], in->columns[column].text[row]));
        }
    }
    assert_true(slice_is(record_header(text_at(out, RECORD_HEADERS, 1), "reason"), "bad"));
    buf_fini(&headers);
    batch_free(in);
    batch_free(out);
}

static void test_append_is_invisible_before_flush(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    struct batch *in = batch_new(&record_row_type, 1), *out = batch_new(&record_row_type, 1);
    struct stream *reader = fixture_open(&test->fixture);
    seek_all(test, reader, 1);
    add_record(in, "k", "v", 1);
    must(&test->fixture, test->stream->ops->append(test->stream, test->topic, in, &test->fixture.err));
    if (!getenv("FDP_TEST_STREAM")) // others may send earlier than they must
        assert_int_equal(reader->ops->poll(reader, out, clock_deadline_ms(20), &test->fixture.err), AGAIN);
    must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));
    poll_rows(&test->fixture, reader, out, 1);
    stream_close(reader);
    batch_free(in);
    batch_free(out);
}

static void test_append_sends_each_key_to_its_partition_in_order(void **state)
{
    struct test *test = *state;
    enum { COUNT = 1000, KEYS = 25, PARTITIONS = 5 };
    fixture_topic(&test->fixture, test->stream, test->topic, PARTITIONS);
    for (int i = 0; i < COUNT; i += 100) must(&test->fixture, append_numbers(test->stream, test->topic, i, 100, KEYS, &test->fixture.err));
    seek_all(test, test->stream, PARTITIONS);
    struct batch *out = batch_new(&record_row_type, COUNT);
    poll_rows(&test->fixture, test->stream, out, COUNT);
    int64_t next[PARTITIONS] = {0};
    int last[KEYS] = {0}, seen = 0;
    for (uint32_t row = 0; row < out->rows; row++) {
        int partition = (int)out->source[row] - 100, number = number_at(out, row);
        assert_int_equal(partition, record_partition(text_at(out, RECORD_KEY, row), PARTITIONS));
        assert_int_equal(out->offset[row], next[partition]++);
        if (number >= KEYS) assert_int_equal(number, last[number % KEYS] + KEYS);
        last[number % KEYS] = number;
        seen++;
    }
    assert_int_equal(seen, COUNT);
    batch_free(out);
}

static void test_append_spreads_records_without_key(void **state)
{
    struct test *test = *state;
    enum { PARTITIONS = 3, COUNT = 60 };
    fixture_topic(&test->fixture, test->stream, test->topic, PARTITIONS);
    struct batch *in = batch_new(&record_row_type, 1), *out = batch_new(&record_row_type, COUNT);
    for (int i = 0; i < COUNT; i++) {
        batch_reset(in);
        add_record(in, NULL, "v", i);
        must(&test->fixture, test->stream->ops->append(test->stream, test->topic, in, &test->fixture.err));
        if (!getenv("FDP_TEST_STREAM")) must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));
    }
    must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));
    seek_all(test, test->stream, PARTITIONS);
    poll_rows(&test->fixture, test->stream, out, COUNT);
    assert_int_equal(out->rows, COUNT);
    batch_free(in);
    batch_free(out);
}

static enum status append_unflushed(struct stream *stream, const char *topic, const char *value, struct err *err)
{
    struct batch *batch = batch_new(&record_row_type, 1);
    add_record(batch, "k", value, fixture_epoch_us());
    enum status status = stream->ops->append(stream, topic, batch, err);
    batch_free(batch);
    return status;
}

static void test_append_of_a_huge_record_rejects_and_takes_nothing_back(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    struct batch *in = batch_new(&record_row_type, 2), *out = batch_new(&record_row_type, 2);
    char *huge = calloc(1, BUF_MAX_RECORD + 1);
    assert_non_null(huge);
    add_record(in, "k", "small", 1);
    add_record(in, NULL, "", 1);
    batch_set_slice(in, RECORD_VALUE, 1, (struct slice){huge, BUF_MAX_RECORD + 1});
    must(&test->fixture, append_unflushed(test->stream, test->topic, "before", &test->fixture.err));
    assert_int_equal(test->stream->ops->append(test->stream, test->topic, in, &test->fixture.err), REJECT);
    must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));

    batch_reset(in);
    add_record(in, NULL, "", 1);
    batch_set_slice(in, RECORD_VALUE, 0, (struct slice){huge, BUF_MAX_RECORD - 100});
    must(&test->fixture, test->stream->ops->append(test->stream, test->topic, in, &test->fixture.err));
    must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));
    seek_all(test, test->stream, 1);
    poll_rows(&test->fixture, test->stream, out, 2);
    assert_true(slice_is(text_at(out, RECORD_VALUE, 0), "before"));
    assert_int_equal(text_at(out, RECORD_VALUE, 1).size, BUF_MAX_RECORD - 100);
    free(huge);
    batch_free(in);
    batch_free(out);
}

static void test_append_to_an_unknown_topic_is_fatal(void **state)
{
    struct test *test = *state;
    assert_int_equal(append_numbers(test->stream, test->topic, 0, 1, 1, &test->fixture.err), FATAL);
    assert_int_equal(test->fixture.err.code, ERR_STREAM);
    assert_non_null(strstr(test->fixture.err.text, test->topic));
}

static void test_poll_at_the_end_answers_again_at_its_deadline(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 3, 1, &test->fixture.err));
    must(&test->fixture, test->stream->ops->seek(test->stream, test->topic, 0, 0, 3, &test->fixture.err));
    struct batch *out = batch_new(&record_row_type, 8);
    int64_t deadline = clock_deadline_ms(50);
    assert_int_equal(test->stream->ops->poll(test->stream, out, deadline, &test->fixture.err), AGAIN);
    assert_true(clock_mono_ns() >= deadline);
    assert_int_equal(out->rows, 0);
    batch_free(out);
}

static void test_poll_without_partitions_waits_for_its_deadline(void **state)
{
    struct test *test = *state;
    struct batch *out = batch_new(&record_row_type, 8);
    assert_int_equal(test->stream->ops->poll(test->stream, out, clock_deadline_ms(20), &test->fixture.err), AGAIN);
    batch_free(out);
}

static void test_poll_fills_small_batches_without_losing_order(void **state)
{
    struct test *test = *state;
    enum { COUNT = 5000, ROOM = 7 };
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, COUNT, 10, &test->fixture.err));
    must(&test->fixture, test->stream->ops->seek(test->stream, test->topic, 0, 5, 3, &test->fixture.err));
    struct batch *out = batch_new(&record_row_type, ROOM);
    int64_t expected = 3;
    while (expected < COUNT) {
        batch_reset(out);
        must(&test->fixture, test->stream->ops->poll(test->stream, out, clock_deadline_ms(10000), &test->fixture.err));
        for (uint32_t row = 0; row < out->rows; row++, expected++) {
            assert_int_equal(out->offset[row], expected);
            assert_int_equal(number_at(out, row), expected);
        }
    }
    batch_free(out);
}

static void test_poll_is_fair_between_partitions(void **state)
{
    struct test *test = *state;
    SKIP_WHEN(on_kafka(), "a broker answers with as much as fits of one partition after the other");
    enum { PARTITIONS = 4, ROOM = 40 };
    fixture_topic(&test->fixture, test->stream, test->topic, PARTITIONS);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 4000, 100, &test->fixture.err));
    seek_all(test, test->stream, PARTITIONS);
    struct batch *out = batch_new(&record_row_type, ROOM);
    int got[PARTITIONS] = {0};
    for (int i = 0; i < 2 * PARTITIONS; i++) {
        batch_reset(out);
        must(&test->fixture, test->stream->ops->poll(test->stream, out, clock_deadline_ms(10000), &test->fixture.err));
        for (uint32_t row = 0; row < out->rows; row++) got[out->source[row] - 100]++;
    }
    for (int i = 0; i < PARTITIONS; i++) assert_true(got[i] > 0);
    batch_free(out);
}

// One key fills one partition; the others, before and behind it in the order of reading, have nothing.
static void test_poll_with_idle_partitions_gives_what_the_busy_one_has(void **state)
{
    struct test *test = *state;
    enum { PARTITIONS = 5, COUNT = 50, ROOM = 2 * COUNT };
    fixture_topic(&test->fixture, test->stream, test->topic, PARTITIONS);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, COUNT, 1, &test->fixture.err));
    struct batch *out = batch_new(&record_row_type, ROOM);
    for (int first = 0; first < PARTITIONS; first++) {
        for (int32_t i = 0; i < PARTITIONS; i++)
            must(&test->fixture, test->stream->ops->unseek(test->stream, test->topic, i, &test->fixture.err));
        for (int32_t i = 0; i < PARTITIONS; i++)
            must(&test->fixture, test->stream->ops->seek(test->stream, test->topic, (first + i) % PARTITIONS, 0, 0, &test->fixture.err));
        for (int got = 0; got < COUNT; got += (int)out->rows) {
            batch_reset(out);
            must(&test->fixture, test->stream->ops->poll(test->stream, out, clock_deadline_ms(10000), &test->fixture.err));
            assert_int_equal(number_at(out, 0), got);
        }
    }
    batch_free(out);
}

struct helper {
    struct test *test;
    struct stream *stream;
    enum status status;
    struct err err;
};

static void *append_soon(void *context)
{
    struct helper *helper = context;
    helper->status = append_numbers(helper->stream, helper->test->topic, 0, 1, 1, &helper->err);
    return NULL;
}

// The reader may be before, in or after its wait when the record comes: many rounds meet all three.
static void test_poll_returns_soon_when_another_thread_appends(void **state)
{
    struct test *test = *state;
    enum { ROUNDS = 50 };
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    struct helper helper = {.test = test, .stream = fixture_open(&test->fixture)};
    seek_all(test, test->stream, 1);
    struct batch *out = batch_new(&record_row_type, 8);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        batch_reset(out);
        int64_t started = clock_mono_ns();
        assert_int_equal(pthread_create(&thread, NULL, append_soon, &helper), 0);
        must(&test->fixture, test->stream->ops->poll(test->stream, out, clock_deadline_ms(20000), &test->fixture.err));
        assert_true(clock_mono_ns() - started < 10 * SECOND_NS);
        assert_int_equal(out->rows, 1);
        pthread_join(thread, NULL);
        assert_int_equal(helper.status, OK);
    }
    stream_close(helper.stream);
    batch_free(out);
}

static void *wake_soon(void *context)
{
    struct helper *helper = context;
    helper->test->stream->ops->wake(helper->test->stream);
    return NULL;
}

static void poll_is_woken(struct test *test, struct batch *out)
{
    struct helper helper = {.test = test};
    pthread_t thread;
    int64_t started = clock_mono_ns();
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, &helper), 0);
    assert_int_equal(test->stream->ops->poll(test->stream, out, clock_deadline_ms(20000), &test->fixture.err), AGAIN);
    assert_true(clock_mono_ns() - started < 10 * SECOND_NS);
    pthread_join(thread, NULL);
}

static void test_wake_ends_a_poll_early(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    seek_all(test, test->stream, 1);
    struct batch *out = batch_new(&record_row_type, 8);
    for (int i = 0; i < 20; i++) poll_is_woken(test, out);
    batch_free(out);
}

static void test_seek_moves_and_unseek_ends(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 10, 1, &test->fixture.err));
    struct batch *out = batch_new(&record_row_type, 16);
    seek_all(test, test->stream, 1);
    poll_rows(&test->fixture, test->stream, out, 10);
    must(&test->fixture, test->stream->ops->seek(test->stream, test->topic, 0, 9, 7, &test->fixture.err));
    batch_reset(out);
    poll_rows(&test->fixture, test->stream, out, 3);
    assert_int_equal(out->offset[0], 7);
    assert_int_equal(out->source[0], 9);
    assert_int_equal(out->rows, 3);

    must(&test->fixture, test->stream->ops->seek(test->stream, test->topic, 0, 9, 0, &test->fixture.err));
    must(&test->fixture, test->stream->ops->unseek(test->stream, test->topic, 0, &test->fixture.err));
    batch_reset(out);
    assert_int_equal(test->stream->ops->poll(test->stream, out, clock_deadline_ms(20), &test->fixture.err), AGAIN);
    assert_int_equal(out->rows, 0);
    batch_free(out);
}

static void test_seek_to_the_end_gives_what_comes_next(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 10, 1, &test->fixture.err));
    must(&test->fixture, test->stream->ops->seek(test->stream, test->topic, 0, 0, 10, &test->fixture.err));
    must(&test->fixture, append_numbers(test->stream, test->topic, 10, 1, 1, &test->fixture.err));
    struct batch *out = batch_new(&record_row_type, 4);
    poll_rows(&test->fixture, test->stream, out, 1);
    assert_int_equal(out->offset[0], 10);
    assert_int_equal(number_at(out, 0), 10);
    batch_free(out);
}

static void test_seek_to_what_does_not_exist_is_fatal(void **state)
{
    struct test *test = *state;
    assert_int_equal(test->stream->ops->seek(test->stream, test->topic, 0, 0, 0, &test->fixture.err), FATAL);
    fixture_topic(&test->fixture, test->stream, test->topic, 2);
    assert_int_equal(test->stream->ops->seek(test->stream, test->topic, 2, 0, 0, &test->fixture.err), FATAL);
    assert_int_equal(test->stream->ops->seek(test->stream, test->topic, -1, 0, 0, &test->fixture.err), FATAL);
}

static void test_watermarks_follow_what_is_appended(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    struct stream_watermarks marks;
    must(&test->fixture, test->stream->ops->watermarks(test->stream, test->topic, 0, &marks, &test->fixture.err));
    assert_int_equal(marks.low, 0);
    assert_int_equal(marks.high, 0);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 12, 1, &test->fixture.err));
    must(&test->fixture, test->stream->ops->watermarks(test->stream, test->topic, 0, &marks, &test->fixture.err));
    assert_int_equal(marks.low, 0);
    assert_int_equal(marks.high, 12);
    assert_int_equal(test->stream->ops->watermarks(test->stream, test->topic, 1, &marks, &test->fixture.err), FATAL);
}

static void wait_for_high(struct test *test, int64_t expected)
{
    int64_t high = -1, deadline_ns = clock_deadline_ms(20000);
    while (high != expected && clock_mono_ns() < deadline_ns) {
        assert_int_equal(test->stream->ops->poll(test->stream, NULL, clock_deadline_ms(10), &test->fixture.err), AGAIN);
        must(&test->fixture, test->stream->ops->high(test->stream, test->topic, 0, &high, &test->fixture.err));
        assert_true(high <= expected);
    }
    assert_int_equal(high, expected);
}

static void test_high_is_heard_of_before_the_records_are_taken(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 12, 1, &test->fixture.err));
    seek_all(test, test->stream, 1);
    wait_for_high(test, 12);
    must(&test->fixture, append_numbers(test->stream, test->topic, 12, 5, 1, &test->fixture.err));
    wait_for_high(test, 17);
}

static void test_offset_at_finds_the_first_record_of_that_time_or_later(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    int64_t epoch_us = fixture_epoch_us();
    struct batch *in = batch_new(&record_row_type, 1);
    static const int64_t times_ms[] = {1000, 2000, 1500, 3000, 3000, 2500, 5000}; // not in order
    enum { COUNT = sizeof times_ms / sizeof *times_ms };
    for (int i = 0; i < COUNT; i++) {
        batch_reset(in);
        add_record(in, "k", "v", epoch_us + times_ms[i] * 1000);
        must(&test->fixture, test->stream->ops->append(test->stream, test->topic, in, &test->fixture.err));
        if (i != 3) must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));
    }
    static const struct {
        int64_t ms, offset;
    } cases[] = {{0, 0}, {1000, 0}, {1001, 1}, {2000, 1}, {2001, 3}, {3000, 3}, {3001, 6}, {5000, 6}, {5001, COUNT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t offset = -1;
        must(&test->fixture,
             test->stream->ops->offset_at(test->stream, test->topic, 0, epoch_us + cases[i].ms * 1000, &offset, &test->fixture.err));
        assert_int_equal(offset, cases[i].offset);
    }
    batch_free(in);
}

static void test_positions_keeps_the_newest_hint_of_each_group(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 2);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 100, 50, &test->fixture.err));
    struct stream_position positions[2] = {{.partition = 0, .next_offset = 5, .updated_us = 10},
                                           {.partition = 1, .next_offset = 6, .updated_us = 10}};
    for (int i = 0; i < 2; i++) {
        snprintf(positions[i].group, sizeof positions[i].group, "g-%s", test->topic);
        snprintf(positions[i].topic, sizeof positions[i].topic, "%s", test->topic);
    }
    must(&test->fixture, test->stream->ops->position_hint(test->stream, positions, 2, &test->fixture.err));
    positions[1].next_offset = 9;
    must(&test->fixture, test->stream->ops->position_hint(test->stream, positions + 1, 1, &test->fixture.err));
    struct arena arena;
    arena_init(&arena, 1024);
    struct stream_position *found;
    uint32_t count, ours = 0;
    must(&test->fixture, test->stream->ops->positions(test->stream, &arena, &found, &count, &test->fixture.err));
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(found[i].group, positions[0].group)) continue;
        assert_string_equal(found[i].topic, test->topic);
        assert_int_equal(found[i].next_offset, found[i].partition ? 9 : 5);
        ours++;
    }
    assert_int_equal(ours, 2);
    arena_fini(&arena);
}

static void test_topic_delete_is_noticed_by_those_who_read_it(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 10, 1, &test->fixture.err));
    struct stream *other = fixture_open(&test->fixture);
    seek_all(test, other, 1);
    struct batch *out = batch_new(&record_row_type, 4);
    poll_rows(&test->fixture, other, out, 4);
    must(&test->fixture, test->stream->ops->topic_delete(test->stream, test->topic, &test->fixture.err));
    assert_int_equal(test->stream->ops->topic_delete(test->stream, test->topic, &test->fixture.err), FATAL);
    enum status status = AGAIN;
    for (int64_t deadline = clock_deadline_ms(20000); status != FATAL && clock_mono_ns() < deadline;) {
        batch_reset(out);
        status = other->ops->poll(other, out, clock_deadline_ms(100), &test->fixture.err);
    }
    assert_int_equal(status, FATAL);
    assert_non_null(strstr(test->fixture.err.text, test->topic));
    assert_non_null(strstr(test->fixture.err.text, "deleted"));
    stream_close(other);
    batch_free(out);
}

static void test_topic_delete_and_create_makes_another_topic(void **state)
{
    struct test *test = *state;
    SKIP_WHEN(on_kafka(), "librdkafka 2.0 knows topics by their names alone");
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 10, 1, &test->fixture.err));
    struct stream *other = fixture_open(&test->fixture);
    seek_all(test, other, 1);
    struct batch *out = batch_new(&record_row_type, 4);
    poll_rows(&test->fixture, other, out, 4);
    must(&test->fixture, test->stream->ops->topic_delete(test->stream, test->topic, &test->fixture.err));
    assert_int_equal(test->stream->ops->topic_delete(test->stream, test->topic, &test->fixture.err), FATAL);
    fixture_topic(&test->fixture, test->stream, test->topic, 1); // one of the same name is another topic

    batch_reset(out);
    assert_int_equal(other->ops->poll(other, out, clock_deadline_ms(10000), &test->fixture.err), FATAL);
    assert_non_null(strstr(test->fixture.err.text, "deleted"));
    assert_int_equal(out->rows, 0);
    seek_all(test, other, 1);
    assert_int_equal(append_numbers(test->stream, test->topic, 0, 1, 1, &test->fixture.err), FATAL);
    must(&test->fixture, append_numbers(test->stream, test->topic, 500, 1, 1, &test->fixture.err));
    poll_rows(&test->fixture, other, out, 1);
    assert_int_equal(number_at(out, 0), 500);
    assert_int_equal(out->offset[0], 0);
    stream_close(other);
    batch_free(out);
}

static void test_flush_of_nothing_is_fine_and_several_topics_go_together(void **state)
{
    struct test *test = *state;
    struct err *err = &test->fixture.err;
    must(&test->fixture, test->stream->ops->flush(test->stream, 0, err));
    char other[80];
    snprintf(other, sizeof other, "%s.b", test->topic);
    fixture_topic(&test->fixture, test->stream, test->topic, 2);
    fixture_topic(&test->fixture, test->stream, other, 1);
    for (int i = 0; i < 3; i++) {
        must(&test->fixture, append_unflushed(test->stream, test->topic, "a", err));
        must(&test->fixture, append_unflushed(test->stream, other, "b", err));
    }
    must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, err));
    must(&test->fixture, test->stream->ops->flush(test->stream, 0, err));
    struct stream_watermarks marks;
    must(&test->fixture, test->stream->ops->watermarks(test->stream, other, 0, &marks, err));
    assert_int_equal(marks.high, 3);
    int32_t partition = record_partition(SLICE("k"), 2);
    must(&test->fixture, test->stream->ops->watermarks(test->stream, test->topic, partition, &marks, err));
    assert_int_equal(marks.high, 3);
}

static void test_append_and_poll_of_large_batches_lose_nothing(void **state)
{
    struct test *test = *state;
    enum { COUNT = 60000, PARTITIONS = 3, ROOM = 10000 };
    fixture_topic(&test->fixture, test->stream, test->topic, PARTITIONS);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, COUNT, 1000, &test->fixture.err));
    seek_all(test, test->stream, PARTITIONS);
    struct batch *out = batch_new(&record_row_type, ROOM);
    uint8_t *seen = calloc(1, COUNT);
    assert_non_null(seen);
    for (int got = 0; got < COUNT; got += (int)out->rows) {
        batch_reset(out);
        must(&test->fixture, test->stream->ops->poll(test->stream, out, clock_deadline_ms(10000), &test->fixture.err));
        for (uint32_t row = 0; row < out->rows; row++) assert_int_equal(seen[number_at(out, row)]++, 0);
    }
    free(seen);
    batch_free(out);
}

static const struct stream_topic *find_topic(struct test *test, struct arena *arena)
{
    struct stream_topic *topics;
    uint32_t count;
    must(&test->fixture, test->stream->ops->topics(test->stream, arena, &topics, &count, &test->fixture.err));
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(topics[i].name, test->topic)) return &topics[i];
    fail_msg("the topic is not listed");
    return NULL;
}

static void test_create_topics_with_retention_0_keeps_everything(void **state)
{
    struct test *test = *state;
    struct config config = test->fixture.config;
    struct config_topic topic = {.name = test->topic, .partitions = 1};
    config.streaming.topics.items = &topic;
    config.streaming.topics.count = 1;
    config.streaming.retention_ms = config.streaming.retention_bytes = 0;
    must(&test->fixture, stream_create_topics(test->stream, &config, &test->fixture.err));
    struct arena arena;
    arena_init(&arena, 1024);
    const struct stream_topic *found = find_topic(test, &arena);
    assert_int_equal(found->retention_ms, -1);
    assert_int_equal(found->retention_bytes, -1);
    arena_fini(&arena);
}

static void test_topic_create_compacted_keeps_the_last_of_each_key(void **state)
{
    struct test *test = *state;
    struct stream_topic topic = {.partitions = 1, .retention_ms = 1, .retention_bytes = 1, .compacted = true};
    snprintf(topic.name, sizeof topic.name, "%s", test->topic);
    must(&test->fixture, test->stream->ops->topic_create(test->stream, &topic, &test->fixture.err));
    must(&test->fixture, test->stream->ops->topic_create(test->stream, &topic, &test->fixture.err));
    struct arena arena;
    arena_init(&arena, 1024);
    const struct stream_topic *found = find_topic(test, &arena);
    assert_true(found->compacted || found->retention_ms == -1); // or kept for ever, whole
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 100, 10, &test->fixture.err));
    must(&test->fixture, test->stream->ops->retain(test->stream, clock_now_us(), NULL, &test->fixture.err));
    seek_all(test, test->stream, 1);
    struct batch *out = batch_new(&record_row_type, 200);
    bool last[10] = {false};
    for (int complete = 0; !complete;) {
        must(&test->fixture, test->stream->ops->poll(test->stream, out, clock_deadline_ms(10000), &test->fixture.err));
        for (uint32_t row = 0; row < out->rows; row++)
            if (number_at(out, row) >= 90) last[number_at(out, row) % 10] = true;
        complete = 1;
        for (int i = 0; i < 10; i++) complete &= last[i];
    }
    batch_free(out);
    arena_fini(&arena);
}

// --- Groups

enum { SHARED = 4 };

// A member that reads what it is given, from where the others have stopped.
struct member {
    struct test *test;
    struct stream *stream;
    bool has[SHARED];
    int count;
    int64_t *next; // of all members together
    uint8_t *seen; // by number
    int rows;
};

static void join(struct test *test, struct stream *stream)
{
    const char *topics[] = {test->topic};
    must(&test->fixture, stream->ops->join(stream, test->group, topics, 1, &test->fixture.err));
}

static void heed_changes(struct member *member)
{
    struct stream_change change;
    struct err *err = &member->test->fixture.err;
    while (member->stream->ops->change(member->stream, &change)) {
        assert_string_equal(change.topic, member->test->topic);
        assert_in_range(change.partition, 0, SHARED - 1);
        assert_int_equal(member->has[change.partition], !change.given);
        member->has[change.partition] = change.given;
        member->count += change.given ? 1 : -1;
        if (!change.given || !member->next) continue;
        enum status status = member->stream->ops->seek(member->stream, change.topic, change.partition, change.partition,
                                                       member->next[change.partition], err);
        if (status != OK && status != AGAIN) fail_msg("seek: %s", err->text);
    }
}

static void member_turn(struct member *member)
{
    struct batch *out = batch_new(&record_row_type, 500);
    struct err *err = &member->test->fixture.err;
    enum status status = member->stream->ops->poll(member->stream, member->next ? out : NULL, clock_deadline_ms(20), err);
    if (status == FATAL || status == REJECT) fail_msg("poll: %s", err->text);
    for (uint32_t row = 0; status == OK && row < out->rows; row++) {
        int64_t *next = &member->next[out->source[row]];
        assert_true(member->has[out->source[row]]);
        assert_int_equal(out->offset[row], *next);
        *next = out->offset[row] + 1;
        assert_int_equal(member->seen[number_at(out, row)]++, 0);
        member->rows++;
    }
    batch_free(out);
    heed_changes(member);
}

// Turns of both (`b` may be NULL) until they have so many partitions and rows.
static void turn_until(struct member *a, struct member *b, int partitions_a, int rows)
{
    for (int64_t deadline = clock_deadline_ms(30000); clock_mono_ns() < deadline;) {
        member_turn(a);
        if (b) member_turn(b);
        int partitions = a->count + (b ? b->count : 0);
        if (a->count == partitions_a && partitions == SHARED && a->rows + (b ? b->rows : 0) >= rows) return;
    }
    fail_msg("after 30 s: %d and %d partitions, %d and %d rows", a->count, b ? b->count : 0, a->rows, b ? b->rows : 0);
}

static void test_join_gives_all_partitions_and_reads_none_before_seek(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, SHARED);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 100, 50, &test->fixture.err));
    struct member member = {.test = test, .stream = test->stream};
    join(test, test->stream);
    struct batch *out = batch_new(&record_row_type, 200);
    for (int64_t deadline = clock_deadline_ms(30000); member.count < SHARED && clock_mono_ns() < deadline;) {
        // It comes back before its deadline when there is a change.
        assert_int_equal(test->stream->ops->poll(test->stream, out, clock_deadline_ms(20000), &test->fixture.err), AGAIN);
        heed_changes(&member);
    }
    assert_int_equal(member.count, SHARED);
    assert_int_equal(test->stream->ops->poll(test->stream, out, clock_deadline_ms(100), &test->fixture.err), AGAIN);
    seek_all(test, test->stream, SHARED);
    poll_rows(&test->fixture, test->stream, out, 100);
    assert_int_equal(out->rows, 100);
    batch_free(out);
}

static void test_join_twice_is_refused_until_leave(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, SHARED);
    const char *topics[] = {test->topic};
    join(test, test->stream);
    assert_int_equal(test->stream->ops->join(test->stream, test->group, topics, 1, &test->fixture.err), FATAL);
    test->stream->ops->leave(test->stream);
    test->stream->ops->leave(test->stream);
    join(test, test->stream);
}

static void test_leave_gives_everything_back_and_join_may_follow(void **state)
{
    struct test *test = *state;
    uint8_t seen[200] = {0};
    int64_t next[SHARED] = {0};
    fixture_topic(&test->fixture, test->stream, test->topic, SHARED);
    struct member member = {.test = test, .stream = test->stream, .next = next, .seen = seen};
    for (int round = 0; round < 2; round++) {
        must(&test->fixture, append_numbers(test->stream, test->topic, 100 * round, 100, 50, &test->fixture.err));
        join(test, test->stream);
        turn_until(&member, NULL, SHARED, 100 * (round + 1));
        test->stream->ops->leave(test->stream);
        heed_changes(&member);
        assert_int_equal(member.count, 0);
    }
    struct batch *out = batch_new(&record_row_type, 10);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 10, 5, &test->fixture.err));
    assert_int_equal(test->stream->ops->poll(test->stream, out, clock_deadline_ms(50), &test->fixture.err), AGAIN);
    batch_free(out);
}

static void test_poll_without_a_batch_takes_nothing(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 100, 1, &test->fixture.err));
    seek_all(test, test->stream, 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(test->stream->ops->poll(test->stream, NULL, clock_deadline_ms(10), &test->fixture.err), AGAIN);
    struct batch *out = batch_new(&record_row_type, 100);
    poll_rows(&test->fixture, test->stream, out, 100);
    for (uint32_t row = 0; row < 100; row++) assert_int_equal(out->offset[row], row);
    poll_is_woken(test, NULL);
    batch_free(out);
}

static void test_end_follows_what_was_given(void **state)
{
    struct test *test = *state;
    struct err *err = &test->fixture.err;
    int64_t end = -1;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    assert_int_equal(test->stream->ops->end(test->stream, test->topic, 0, &end, err), AGAIN);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 10, 1, err));
    must(&test->fixture, test->stream->ops->seek(test->stream, test->topic, 0, 0, 2, err));
    must(&test->fixture, test->stream->ops->end(test->stream, test->topic, 0, &end, err));
    assert_int_equal(end, 2);
    struct batch *out = batch_new(&record_row_type, 3);
    poll_rows(&test->fixture, test->stream, out, 3);
    must(&test->fixture, test->stream->ops->end(test->stream, test->topic, 0, &end, err));
    assert_int_equal(end, 5);
    while (end < 10) {
        batch_reset(out);
        must(&test->fixture, test->stream->ops->poll(test->stream, out, clock_deadline_ms(10000), err));
        must(&test->fixture, test->stream->ops->end(test->stream, test->topic, 0, &end, err));
        assert_int_equal(end, out->offset[out->rows - 1] + 1);
    }
    batch_reset(out);
    assert_int_equal(test->stream->ops->poll(test->stream, out, clock_deadline_ms(50), err), AGAIN);
    must(&test->fixture, test->stream->ops->end(test->stream, test->topic, 0, &end, err));
    assert_int_equal(end, 10);
    must(&test->fixture, test->stream->ops->unseek(test->stream, test->topic, 0, err));
    assert_int_equal(test->stream->ops->end(test->stream, test->topic, 0, &end, err), AGAIN);
    batch_free(out);
}

static const struct stream_group *find_group(struct test *test, struct arena *arena)
{
    struct stream_group *groups;
    uint32_t count;
    must(&test->fixture, test->stream->ops->groups(test->stream, arena, &groups, &count, &test->fixture.err));
    for (uint32_t i = 0; i < count; i++) {
        if (i) assert_true(strcmp(groups[i - 1].name, groups[i].name) < 0);
        if (!strcmp(groups[i].name, test->group)) return &groups[i];
    }
    return NULL;
}

static void test_groups_tells_who_reads_what(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, SHARED);
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 100, 50, &test->fixture.err));
    struct stream *other = fixture_open(&test->fixture);
    struct member member = {.test = test, .stream = other};
    struct arena arena;
    arena_init(&arena, 1024);
    assert_null(find_group(test, &arena));
    join(test, other);
    turn_until(&member, NULL, SHARED, 0);
    struct stream_position position = {.partition = 1, .next_offset = 7, .updated_us = 10};
    snprintf(position.group, sizeof position.group, "%s", test->group);
    snprintf(position.topic, sizeof position.topic, "%s", test->topic);
    must(&test->fixture, other->ops->position_hint(other, &position, 1, &test->fixture.err));
    const struct stream_group *group = find_group(test, &arena);
    assert_non_null(group);
    if (other->ops->shares) {
        assert_string_equal(group->state, "stable");
        assert_int_equal(group->member_count, 1);
        assert_int_equal(group->members[0].partition_count, SHARED);
        assert_string_equal(group->members[0].partitions[0].topic, test->topic);
        assert_true(*group->members[0].id && *group->members[0].client && *group->members[0].host);
    } else {
        assert_string_equal(group->state, "");
        assert_int_equal(group->member_count, 0);
    }
    bool hinted = false; // as a member, it is on its way when position_hint returns
    for (int64_t deadline = clock_deadline_ms(10000); !hinted && clock_mono_ns() < deadline;) {
        struct stream_position *positions;
        uint32_t count;
        must(&test->fixture, test->stream->ops->positions(test->stream, &arena, &positions, &count, &test->fixture.err));
        for (uint32_t i = 0; i < count; i++)
            hinted |= !strcmp(positions[i].group, test->group) && positions[i].partition == 1 && positions[i].next_offset == 7;
    }
    assert_true(hinted);
    stream_close(other);
    arena_fini(&arena);
}

static void test_members_share_partitions_and_take_over(void **state)
{
    struct test *test = *state;
    SKIP_WHEN(!test->stream->ops->shares, "everybody who joins the embedded log has all of it");
    uint8_t seen[1200] = {0};
    int64_t next[SHARED] = {0};
    fixture_topic(&test->fixture, test->stream, test->topic, SHARED);
    struct member a = {test, fixture_open(&test->fixture), .next = next, .seen = seen};
    struct member b = {test, fixture_open(&test->fixture), .next = next, .seen = seen};
    must(&test->fixture, append_numbers(test->stream, test->topic, 0, 400, 100, &test->fixture.err));
    join(test, a.stream);
    turn_until(&a, NULL, SHARED, 400);
    join(test, b.stream);
    turn_until(&a, &b, SHARED / 2, 400);
    must(&test->fixture, append_numbers(test->stream, test->topic, 400, 400, 100, &test->fixture.err));
    turn_until(&a, &b, SHARED / 2, 800);
    assert_true(b.rows > 0);
    b.stream->ops->leave(b.stream);
    heed_changes(&b);
    assert_int_equal(b.count, 0);
    must(&test->fixture, append_numbers(test->stream, test->topic, 800, 400, 100, &test->fixture.err));
    int before = b.rows;
    turn_until(&a, &b, SHARED, 1200);
    assert_int_equal(b.rows, before);
    for (int i = 0; i < 1200; i++) assert_int_equal(seen[i], 1);
    stream_close(a.stream);
    stream_close(b.stream);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_open_with_an_unknown_scheme_names_the_known_ones),
        T(test_topic_create_again_is_fine_with_as_many_partitions_only),
        T(test_topic_create_refuses_bad_names_and_numbers),
        T(test_topics_lists_by_name),
        T(test_poll_gives_back_what_was_appended),
        T(test_append_is_invisible_before_flush),
        T(test_append_sends_each_key_to_its_partition_in_order),
        T(test_append_spreads_records_without_key),
        T(test_append_of_a_huge_record_rejects_and_takes_nothing_back),
        T(test_append_to_an_unknown_topic_is_fatal),
        T(test_poll_at_the_end_answers_again_at_its_deadline),
        T(test_poll_without_partitions_waits_for_its_deadline),
        T(test_poll_fills_small_batches_without_losing_order),
        T(test_poll_is_fair_between_partitions),
        T(test_poll_with_idle_partitions_gives_what_the_busy_one_has),
        T(test_poll_returns_soon_when_another_thread_appends),
        T(test_wake_ends_a_poll_early),
        T(test_seek_moves_and_unseek_ends),
        T(test_seek_to_the_end_gives_what_comes_next),
        T(test_seek_to_what_does_not_exist_is_fatal),
        T(test_watermarks_follow_what_is_appended),
        T(test_high_is_heard_of_before_the_records_are_taken),
        T(test_offset_at_finds_the_first_record_of_that_time_or_later),
        T(test_positions_keeps_the_newest_hint_of_each_group),
        T(test_topic_delete_is_noticed_by_those_who_read_it),
        T(test_topic_delete_and_create_makes_another_topic),
        T(test_flush_of_nothing_is_fine_and_several_topics_go_together),
        T(test_append_and_poll_of_large_batches_lose_nothing),
        T(test_create_topics_with_retention_0_keeps_everything),
        T(test_topic_create_compacted_keeps_the_last_of_each_key),
        T(test_join_gives_all_partitions_and_reads_none_before_seek),
        T(test_join_twice_is_refused_until_leave),
        T(test_leave_gives_everything_back_and_join_may_follow),
        T(test_poll_without_a_batch_takes_nothing),
        T(test_end_follows_what_was_given),
        T(test_groups_tells_who_reads_what),
        T(test_members_share_partitions_and_take_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
