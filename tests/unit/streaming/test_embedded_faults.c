// SPDX-License-Identifier: Apache-2.0
// The embedded log between processes and under faults: writers and readers side by side, kill -9, full disks.
#include "fixture.h"

#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define TOPIC "ticks"

static void expect_exit_0(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// --- several processes

// Child: appends `count` records in flushes of `each`, as fast as it can.
static void append_in_child(struct fixture *fixture, int first, int count, int each)
{
    struct stream_params params = {&fixture->config, NULL, NULL, false};
    struct stream *stream;
    if (stream_open(&stream, &params, &fixture->err)) _exit(1);
    for (int i = 0; i < count; i += each) {
        enum status status;
        while ((status = append_numbers(stream, TOPIC, first + i, each, 1, &fixture->err)) == RETRY) continue;
        if (status != OK) _exit(1);
    }
    stream_close(stream);
    _exit(0);
}

static void test_appending_and_reading_from_two_processes_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    enum { EACH = 20, COUNT = 2000, WRITERS = 2 };
    struct stream *stream = fixture_open(fixture);
    fixture_topic(fixture, stream, TOPIC, 1);
    stream_close(stream);
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        if (!(children[i] = fork())) append_in_child(fixture, i * COUNT, COUNT, EACH);
    stream = fixture_open(fixture);
    must(fixture, stream->ops->seek(stream, TOPIC, 0, 0, 0, &fixture->err));
    struct batch *out = batch_new(&record_row_type, WRITERS * COUNT);
    poll_rows(fixture, stream, out, WRITERS * COUNT);
    int next[WRITERS] = {0, COUNT};
    for (uint32_t row = 0; row < out->rows; row++) {
        assert_int_equal(out->offset[row], row);
        int number = number_at(out, row);
        assert_int_equal(number, next[number / COUNT]++);
    }
    for (int i = 0; i < WRITERS; i++) expect_exit_0(children[i]);
    batch_free(out);
    stream_close(stream);
}

static void test_poll_is_woken_by_another_process(void **state)
{
    struct fixture *fixture = *state;
    enum { ROUNDS = 20 };
    struct stream *stream = fixture_open(fixture);
    fixture_topic(fixture, stream, TOPIC, 1);
    must(fixture, stream->ops->seek(stream, TOPIC, 0, 0, 0, &fixture->err));
    struct batch *out = batch_new(&record_row_type, 4);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t started = clock_mono_ns();
        pid_t child = fork();
        if (!child) append_in_child(fixture, i, 1, 1);
        batch_reset(out);
        must(fixture, stream->ops->poll(stream, out, clock_deadline_ms(20000), &fixture->err));
        assert_true(clock_mono_ns() - started < 10 * SECOND_NS);
        assert_int_equal(number_at(out, 0), i);
        expect_exit_0(child);
    }
    batch_free(out);
    stream_close(stream);
}

// --- kill -9

// Appends batches for ever and says on the pipe, after each flush that answered OK, how many records it is done with.
static void append_until_killed(struct fixture *fixture, int first, int pipe_fd)
{
    struct stream_params params = {&fixture->config, NULL, NULL, false};
    struct stream *stream;
    if (stream_open(&stream, &params, &fixture->err)) _exit(1);
    for (int number = first;; number += 7) {
        if (append_numbers(stream, TOPIC, number, 7, 1, &fixture->err)) _exit(1);
        int done = number + 7;
        if (write(pipe_fd, &done, sizeof done) != sizeof done) _exit(1);
    }
}

// Lets an appender run for a random while and kills it. Returns how many records it was told are durable.
static int run_and_kill(struct fixture *fixture, int first, int flushes)
{
    int ends[2], acknowledged = first;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (!child) append_until_killed(fixture, first, ends[1]);
    close(ends[1]);
    // The moment of the kill: after so many acknowledgements, wherever the appender is by then.
    for (int i = 0; i < flushes; i++) assert_int_equal(read(ends[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    for (int done; read(ends[0], &done, sizeof done) == sizeof done;) acknowledged = done;
    close(ends[0]);
    return acknowledged;
}

static void test_kill_of_an_appender_loses_and_doubles_nothing(void **state)
{
    struct fixture *fixture = *state;
    const char *seed_text = getenv("FDP_TEST_SEED"), *kills_text = getenv("FDP_TEST_KILLS");
    unsigned seed = seed_text ? (unsigned)atoi(seed_text) : (unsigned)clock_now_us();
    print_message("seed %u\n", seed);
    struct stream *stream = fixture_open(fixture);
    fixture_topic(fixture, stream, TOPIC, 1);
    stream_close(stream);
    int stored = 0, kills = kills_text ? atoi(kills_text) : 20;
    struct batch *out = batch_new(&record_row_type, 1000);
    for (int i = 0; i < kills; i++) {
        int acknowledged = run_and_kill(fixture, stored, (int)(rand_r(&seed) % 40));
        stream = fixture_open(fixture);
        struct stream_watermarks marks;
        must(fixture, stream->ops->watermarks(stream, TOPIC, 0, &marks, &fixture->err));
        // All that was acknowledged, and at most the one flush more whose answer died with the process.
        assert_true(marks.high == acknowledged || marks.high == acknowledged + 7);
        must(fixture, stream->ops->seek(stream, TOPIC, 0, 0, 0, &fixture->err));
        for (int expected = 0; expected < marks.high;) {
            batch_reset(out);
            must(fixture, stream->ops->poll(stream, out, clock_deadline_ms(10000), &fixture->err));
            for (uint32_t row = 0; row < out->rows; row++, expected++) {
                assert_int_equal(out->offset[row], expected);
                assert_int_equal(number_at(out, row), expected);
            }
        }
        stored = (int)marks.high;
        stream_close(stream);
    }
    batch_free(out);
}

// --- full disk

// Appends until the log says that it is full, checks that nothing of the failed flush is there; returns the high watermark, or -1.
static int64_t fill_up(struct fixture *fixture, struct stream *stream)
{
    char *value = malloc(20000);
    if (!value) return -1;
    memset(value, 'x', 20000);
    struct batch *in = batch_new(&record_row_type, 3);
    enum status status = OK;
    int64_t acknowledged = 0;
    while (status == OK && acknowledged < 100000) {
        batch_reset(in);
        for (uint32_t i = 0; i < 3; i++) {
            add_record(in, NULL, "", 1);
            batch_set_slice(in, RECORD_VALUE, i, (struct slice){value, 20000});
        }
        status = stream->ops->append(stream, TOPIC, in, &fixture->err);
        if (status == OK) status = stream->ops->flush(stream, INT64_MAX, &fixture->err);
        if (status == OK) acknowledged += 3;
    }
    struct stream_watermarks marks = {0};
    bool right = status == RETRY && fixture->err.code == ERR_STREAM && strstr(fixture->err.text, "no space left") &&
                 stream->ops->watermarks(stream, TOPIC, 0, &marks, &fixture->err) == OK && marks.high == acknowledged;
    if (!right)
        fprintf(stderr, "%s: %s (%lld of %lld)\n", status_name(status), fixture->err.text, (long long)marks.high, (long long)acknowledged);
    free(value);
    batch_free(in);
    return right ? marks.high : -1;
}

static struct stream *open_in_child(struct fixture *fixture)
{
    struct stream_params params = {&fixture->config, NULL, NULL, false};
    struct stream_topic topic = {TOPIC, 1, -1, -1};
    struct stream *stream;
    if (stream_open(&stream, &params, &fixture->err) || stream->ops->topic_create(stream, &topic, &fixture->err)) _exit(3);
    return stream;
}

// The limit on the size of a file stands for the size of the disk.
static void file_limit_in_child(struct fixture *fixture)
{
    signal(SIGXFSZ, SIG_IGN);
    struct stream *stream = open_in_child(fixture);
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_FSIZE, &limit);
    int64_t high = fill_up(fixture, stream);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    struct stream_watermarks marks;
    bool right = high > 0 && append_numbers(stream, TOPIC, 0, 5, 1, &fixture->err) == OK &&
                 stream->ops->watermarks(stream, TOPIC, 0, &marks, &fixture->err) == OK && marks.high == high + 5;
    stream_close(stream);
    _exit(right ? 0 : 1);
}

static void test_flush_at_a_file_limit_answers_retry_and_works_later(void **state)
{
    pid_t child = fork();
    if (!child) file_limit_in_child(*state);
    expect_exit_0(child);
}

// A file system of one megabyte, seen by this process alone.
static void full_disk_in_child(struct fixture *fixture)
{
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", fixture->folder, "tmpfs", 0, "size=1m,mode=700"))
        _exit(77);
    struct stream *stream = open_in_child(fixture);
    int64_t high = fill_up(fixture, stream);
    if (high < 0 || mount("tmpfs", fixture->folder, "tmpfs", MS_REMOUNT, "size=8m,mode=700")) _exit(1);
    struct stream_watermarks marks;
    bool right = append_numbers(stream, TOPIC, 0, 5, 1, &fixture->err) == OK &&
                 stream->ops->watermarks(stream, TOPIC, 0, &marks, &fixture->err) == OK && marks.high == high + 5;
    stream_close(stream);
    _exit(right ? 0 : 1);
}

static void test_flush_on_a_full_disk_answers_retry_and_works_later(void **state)
{
    pid_t child = fork();
    if (!child) full_disk_in_child(*state);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip(); // mounting is not permitted here
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_flush_while_another_process_writes_answers_retry(void **state)
{
    struct fixture *fixture = *state;
    struct stream *stream = fixture_open(fixture);
    fixture_topic(fixture, stream, TOPIC, 1);
    char path[128];
    snprintf(path, sizeof path, "%s/stream.db", fixture->folder);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(append_numbers(stream, TOPIC, 0, 5, 1, &fixture->err), RETRY);
    assert_non_null(strstr(fixture->err.text, "locked"));
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    must(fixture, append_numbers(stream, TOPIC, 100, 1, 1, &fixture->err));
    struct stream_watermarks marks;
    must(fixture, stream->ops->watermarks(stream, TOPIC, 0, &marks, &fixture->err));
    assert_int_equal(marks.high, 1);
    sqlite3_close(other);
    stream_close(stream);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_appending_and_reading_from_two_processes_loses_nothing), T(test_poll_is_woken_by_another_process),
        T(test_kill_of_an_appender_loses_and_doubles_nothing),          T(test_flush_at_a_file_limit_answers_retry_and_works_later),
        T(test_flush_on_a_full_disk_answers_retry_and_works_later),     T(test_flush_while_another_process_writes_answers_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
