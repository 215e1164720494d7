// SPDX-License-Identifier: Apache-2.0
// What every back end of streaming/stream.h promises. FDP_TEST_STREAM names the URL of another back end than the embedded log.
#include "fixture.h"

#include <pthread.h>
#include <time.h>

struct test {
    struct fixture fixture;
    struct stream *stream;
    char topic[64]; // of this test alone
};

static int setup(void **state)
{
    static int number;
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    fixture_init(&test->fixture);
    const char *url = getenv("FDP_TEST_STREAM");
    if (url) test->fixture.config.streaming.url = url;
    snprintf(test->topic, sizeof test->topic, "contract-%d-%d-%lld", (int)getpid(), number++, (long long)clock_now_us());
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
    add_record(in, "key", "value", 1700000000123000);
    add_record(in, NULL, "no key", 1700000000124000);
    add_record(in, "gone", NULL, 1700000000001000); // a tombstone, older than the one before it
    add_record(in, "", "", 1700000000125000);       // empty is not null
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

static void test_append_of_a_huge_record_rejects_and_leaves_nothing(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    struct batch *in = batch_new(&record_row_type, 2), *out = batch_new(&record_row_type, 2);
    char *huge = calloc(1, BUF_MAX_RECORD + 1);
    assert_non_null(huge);
    add_record(in, "k", "small", 1);
    add_record(in, NULL, "", 1);
    batch_set_slice(in, RECORD_VALUE, 1, (struct slice){huge, BUF_MAX_RECORD + 1});
    assert_int_equal(test->stream->ops->append(test->stream, test->topic, in, &test->fixture.err), REJECT);
    must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));

    batch_reset(in);
    add_record(in, NULL, "", 1);
    batch_set_slice(in, RECORD_VALUE, 0, (struct slice){huge, BUF_MAX_RECORD - 100});
    must(&test->fixture, test->stream->ops->append(test->stream, test->topic, in, &test->fixture.err));
    must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));
    seek_all(test, test->stream, 1);
    poll_rows(&test->fixture, test->stream, out, 1);
    assert_int_equal(out->rows, 1);
    assert_int_equal(text_at(out, RECORD_VALUE, 0).size, BUF_MAX_RECORD - 100);
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

static void test_wake_ends_a_poll_early(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    seek_all(test, test->stream, 1);
    struct helper helper = {.test = test};
    struct batch *out = batch_new(&record_row_type, 8);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        int64_t started = clock_mono_ns();
        assert_int_equal(pthread_create(&thread, NULL, wake_soon, &helper), 0);
        assert_int_equal(test->stream->ops->poll(test->stream, out, clock_deadline_ms(20000), &test->fixture.err), AGAIN);
        assert_true(clock_mono_ns() - started < 10 * SECOND_NS);
        pthread_join(thread, NULL);
    }
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

static void test_offset_at_finds_the_first_record_of_that_time_or_later(void **state)
{
    struct test *test = *state;
    fixture_topic(&test->fixture, test->stream, test->topic, 1);
    struct batch *in = batch_new(&record_row_type, 1);
    static const int64_t times_ms[] = {1000, 2000, 1500, 3000, 3000, 2500, 5000}; // not in order
    enum { COUNT = sizeof times_ms / sizeof *times_ms };
    for (int i = 0; i < COUNT; i++) {
        batch_reset(in);
        add_record(in, "k", "v", times_ms[i] * 1000);
        must(&test->fixture, test->stream->ops->append(test->stream, test->topic, in, &test->fixture.err));
        if (i != 3) must(&test->fixture, test->stream->ops->flush(test->stream, INT64_MAX, &test->fixture.err));
    }
    static const struct {
        int64_t ms, offset;
    } cases[] = {{0, 0}, {1000, 0}, {1001, 1}, {2000, 1}, {2001, 3}, {3000, 3}, {3001, 6}, {5000, 6}, {5001, COUNT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t offset = -1;
        must(&test->fixture, test->stream->ops->offset_at(test->stream, test->topic, 0, cases[i].ms * 1000, &offset, &test->fixture.err));
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

static void test_topic_delete_is_noticed_by_those_who_use_it(void **state)
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
        T(test_append_of_a_huge_record_rejects_and_leaves_nothing),
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
        T(test_offset_at_finds_the_first_record_of_that_time_or_later),
        T(test_positions_keeps_the_newest_hint_of_each_group),
        T(test_topic_delete_is_noticed_by_those_who_use_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
