// SPDX-License-Identifier: Apache-2.0
// What is special about the embedded log: where it lies, files that are not logs, retention, the bell, damage.
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/wait.h>

#define TOPIC "ticks"

static enum status try_open(struct fixture *fixture, const char *url, bool read_only)
{
    struct config config = {.data = fixture->folder, .streaming.url = url};
    struct stream_params params = {&config, NULL, NULL, read_only};
    struct stream *stream;
    enum status status = stream_open(&stream, &params, &fixture->err);
    stream_close(stream);
    return status;
}

static void expect_exit_0(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// Runs SQL on the file behind the log's back.
static void tamper(struct fixture *fixture, const char *sql)
{
    char path[128];
    snprintf(path, sizeof path, "%s/stream.db", fixture->folder);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) files += entry->d_name[0] != '.';
    closedir(dir);
    return files;
}

// --- keys

// org.apache.kafka.common.utils.UtilsTest.testMurmur2; positive as the partitioner makes it.
static void test_record_partition_agrees_with_java(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t murmur2;
    } cases[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(record_partition(slice_of(cases[i].key), INT32_MAX), cases[i].murmur2 & 0x7fffffff);
}

// --- opening

static void test_open_puts_the_log_where_the_url_says(void **state)
{
    struct fixture *fixture = *state;
    char url[128], path[160];
    assert_int_equal(try_open(fixture, "embedded:", false), OK);
    snprintf(path, sizeof path, "%s/stream.db", fixture->folder);
    assert_int_equal(access(path, F_OK), 0);
    snprintf(url, sizeof url, "embedded:%s/deep/er", fixture->folder);
    assert_int_equal(try_open(fixture, url, false), OK);
    snprintf(path, sizeof path, "%s/deep/er/stream.db", fixture->folder);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_open_again_finds_records_and_goes_on_counting(void **state)
{
    struct fixture *fixture = *state;
    struct stream *stream = fixture_open(fixture);
    fixture_topic(fixture, stream, TOPIC, 1);
    must(fixture, append_numbers(stream, TOPIC, 0, 10, 1, &fixture->err));
    stream_close(stream);
    stream = fixture_open(fixture);
    must(fixture, append_numbers(stream, TOPIC, 10, 10, 1, &fixture->err));
    must(fixture, stream->ops->seek(stream, TOPIC, 0, 0, 0, &fixture->err));
    struct batch *out = batch_new(&record_row_type, 32);
    poll_rows(fixture, stream, out, 20);
    for (uint32_t row = 0; row < 20; row++) {
        assert_int_equal(out->offset[row], row);
        assert_int_equal(number_at(out, row), row);
    }
    batch_free(out);
    stream_close(stream);
}

static void test_open_by_many_processes_at_once_is_safe(void **state)
{
    struct fixture *fixture = *state;
    enum { PROCESSES = 8 };
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (!children[i]) {
            struct stream_params params = {&fixture->config, NULL, NULL, false};
            struct stream_topic topic = {TOPIC, 2, -1, -1};
            struct stream *stream;
            enum status status = stream_open(&stream, &params, &fixture->err);
            // AGAIN: the disk is slow and the others are before us.
            if (status == OK)
                while ((status = stream->ops->topic_create(stream, &topic, &fixture->err)) == AGAIN) continue;
            if (status == OK)
                while ((status = append_numbers(stream, TOPIC, i, 1, 1, &fixture->err)) == RETRY) continue;
            if (status != OK) {
                fprintf(stderr, "%s\n", fixture->err.text);
                _exit(1);
            }
            stream_close(stream);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) expect_exit_0(children[i]);
    struct stream *stream = fixture_open(fixture);
    struct stream_watermarks marks[2];
    for (int i = 0; i < 2; i++) must(fixture, stream->ops->watermarks(stream, TOPIC, i, &marks[i], &fixture->err));
    assert_int_equal(marks[0].high + marks[1].high, PROCESSES);
    stream_close(stream);
}

static void write_file(const struct fixture *fixture, const char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/stream.db", fixture->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void expect_fatal(struct fixture *fixture, bool read_only, const char *words)
{
    assert_int_equal(try_open(fixture, "embedded:", read_only), FATAL);
    assert_int_equal(fixture->err.code, ERR_STREAM);
    if (!strstr(fixture->err.text, words)) fail_msg("\"%s\" does not say \"%s\"", fixture->err.text, words);
}

static void test_open_of_a_file_that_is_no_database_is_fatal(void **state)
{
    write_file(*state, "this is a diary, and a rather long one, so that it cannot be taken for an empty file\n");
    expect_fatal(*state, false, "not an SQLite database");
}

static void test_open_of_somebody_elses_database_is_fatal_and_leaves_it_alone(void **state)
{
    struct fixture *fixture = *state;
    tamper(fixture, "CREATE TABLE diary (day, entry)");
    expect_fatal(fixture, false, "not a log");
    // Still in the mode that it was in: json() of what is no JSON is an error.
    tamper(fixture, "SELECT iif(journal_mode = 'delete', 1, json(journal_mode)) FROM pragma_journal_mode");
    tamper(fixture, "PRAGMA journal_mode = WAL");
    expect_fatal(fixture, false, "not a log");
}

static void test_open_of_a_newer_log_is_fatal(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(try_open(fixture, "embedded:", false), OK);
    tamper(fixture, "PRAGMA user_version = 9999");
    expect_fatal(fixture, false, "newer version");
}

static void test_open_in_a_folder_that_cannot_be_made_is_fatal(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "");
    char url[160];
    snprintf(url, sizeof url, "embedded:%s/stream.db/below", fixture->folder);
    assert_int_equal(try_open(fixture, url, false), FATAL);
    assert_non_null(strstr(fixture->err.text, "folder"));
}

static void test_open_of_a_file_without_permission_is_fatal(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(try_open(fixture, "embedded:", false), OK);
    char path[128];
    snprintf(path, sizeof path, "%s/stream.db", fixture->folder);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(fixture->folder, 0555), 0);
    pid_t child = fork();
    if (!child) {
        if (!getuid() && setuid(65534)) _exit(2); // permissions mean nothing to root
        struct stream_topic topic = {TOPIC, 1, -1, -1};
        struct stream_params params = {&fixture->config, NULL, NULL, false};
        struct stream *stream;
        enum status status = stream_open(&stream, &params, &fixture->err);
        if (status == OK) status = stream->ops->topic_create(stream, &topic, &fixture->err);
        _exit(status == FATAL && strstr(fixture->err.text, "permission") ? 0 : 1);
    }
    chmod(fixture->folder, 0755);
    expect_exit_0(child);
}

static void test_open_read_only_creates_nothing(void **state)
{
    struct fixture *fixture = *state;
    char url[128];
    snprintf(url, sizeof url, "embedded:%s/none", fixture->folder);
    assert_int_equal(try_open(fixture, url, true), FATAL);
    assert_int_equal(count_files(fixture->folder), 0);
    expect_fatal(fixture, true, "there is no");
    assert_int_equal(count_files(fixture->folder), 0);
}

static void test_open_read_only_reads_and_is_woken(void **state)
{
    struct fixture *fixture = *state;
    struct stream *writer = fixture_open(fixture);
    fixture_topic(fixture, writer, TOPIC, 1);
    struct stream_params params = {&fixture->config, NULL, NULL, true};
    struct stream *reader;
    must(fixture, stream_open(&reader, &params, &fixture->err));
    // No bell yet: the reader notices when there is one.
    must(fixture, reader->ops->seek(reader, TOPIC, 0, 0, 0, &fixture->err));
    must(fixture, append_numbers(writer, TOPIC, 0, 1, 1, &fixture->err));
    struct batch *out = batch_new(&record_row_type, 4);
    poll_rows(fixture, reader, out, 1);
    struct stream_topic topic = {"other", 1, -1, -1};
    assert_int_not_equal(reader->ops->topic_create(reader, &topic, &fixture->err), OK);
    stream_close(reader);
    stream_close(writer);
    batch_free(out);
}

// --- retention

static struct stream *open_with_retention(struct fixture *fixture, int64_t ms, int64_t bytes)
{
    struct stream *stream = fixture_open(fixture);
    struct stream_topic topic = {TOPIC, 1, ms, bytes};
    must(fixture, stream->ops->topic_create(stream, &topic, &fixture->err));
    return stream;
}

static void test_retain_by_age_raises_the_low_watermark(void **state)
{
    struct fixture *fixture = *state;
    struct stream *stream = open_with_retention(fixture, 10, -1);
    for (int i = 0; i < 5; i++) must(fixture, append_numbers(stream, TOPIC, i * 1000, 1000, 1, &fixture->err)); // 1 ms each
    uint64_t deleted;
    must(fixture, stream->ops->retain(stream, 1000000, &deleted, &fixture->err));
    assert_int_equal(deleted, 0);
    // A flush goes when its newest record is older than the limit.
    must(fixture, stream->ops->retain(stream, 1000000 + 1999 + 10001, &deleted, &fixture->err));
    assert_int_equal(deleted, 2000);
    struct stream_watermarks marks;
    must(fixture, stream->ops->watermarks(stream, TOPIC, 0, &marks, &fixture->err));
    assert_int_equal(marks.low, 2000);
    assert_int_equal(marks.high, 5000);
    assert_int_equal(stream->ops->seek(stream, TOPIC, 0, 0, 1999, &fixture->err), FATAL);
    assert_non_null(strstr(fixture->err.text, "retention"));
    must(fixture, stream->ops->seek(stream, TOPIC, 0, 0, 2000, &fixture->err));
    struct batch *out = batch_new(&record_row_type, 1);
    poll_rows(fixture, stream, out, 1);
    assert_int_equal(number_at(out, 0), 2000);
    batch_free(out);
    stream_close(stream);
}

static void test_retain_of_everything_keeps_counting_offsets(void **state)
{
    struct fixture *fixture = *state;
    struct stream *stream = open_with_retention(fixture, 1, -1);
    must(fixture, append_numbers(stream, TOPIC, 0, 100, 1, &fixture->err));
    uint64_t deleted;
    must(fixture, stream->ops->retain(stream, clock_now_us(), &deleted, &fixture->err));
    assert_int_equal(deleted, 100);
    stream_close(stream);
    stream = fixture_open(fixture);
    struct stream_watermarks marks;
    must(fixture, stream->ops->watermarks(stream, TOPIC, 0, &marks, &fixture->err));
    assert_int_equal(marks.low, 100);
    assert_int_equal(marks.high, 100);
    must(fixture, append_numbers(stream, TOPIC, 100, 1, 1, &fixture->err));
    must(fixture, stream->ops->seek(stream, TOPIC, 0, 0, 100, &fixture->err));
    struct batch *out = batch_new(&record_row_type, 4);
    poll_rows(fixture, stream, out, 1);
    assert_int_equal(out->offset[0], 100);
    int64_t offset;
    must(fixture, stream->ops->offset_at(stream, TOPIC, 0, 0, &offset, &fixture->err));
    assert_int_equal(offset, 100);
    batch_free(out);
    stream_close(stream);
}

static void test_retain_by_size_keeps_at_least_that_much(void **state)
{
    struct fixture *fixture = *state;
    struct stream *stream = open_with_retention(fixture, -1, 5000);
    for (int i = 0; i < 50; i++) must(fixture, append_numbers(stream, TOPIC, 1000 + i * 100, 100, 1, &fixture->err)); // over 900 bytes each
    uint64_t deleted;
    must(fixture, stream->ops->retain(stream, 0, &deleted, &fixture->err));
    assert_true(deleted >= 4000 && deleted <= 4700);
    uint64_t more;
    must(fixture, stream->ops->retain(stream, 0, &more, &fixture->err));
    assert_int_equal(more, 0);
    stream_close(stream);
}

static void test_retain_goes_through_many_flushes_in_steps(void **state)
{
    struct fixture *fixture = *state;
    enum { FLUSHES = 600 }; // more than one step takes
    struct stream *stream = open_with_retention(fixture, 1, -1);
    for (int i = 0; i < FLUSHES; i++) must(fixture, append_numbers(stream, TOPIC, i, 1, 1, &fixture->err));
    uint64_t deleted, total = 0;
    do {
        must(fixture, stream->ops->retain(stream, clock_now_us(), &deleted, &fixture->err));
        total += deleted;
    } while (deleted);
    assert_int_equal(total, FLUSHES);
    struct stream_watermarks marks;
    must(fixture, stream->ops->watermarks(stream, TOPIC, 0, &marks, &fixture->err));
    assert_int_equal(marks.low, FLUSHES);
    stream_close(stream);
}

static void test_retain_stops_a_reader_that_it_overtakes(void **state)
{
    struct fixture *fixture = *state;
    struct stream *stream = open_with_retention(fixture, 1, -1);
    for (int i = 0; i < 2; i++) must(fixture, append_numbers(stream, TOPIC, i * 10, 10, 1, &fixture->err));
    must(fixture, stream->ops->seek(stream, TOPIC, 0, 0, 0, &fixture->err));
    struct batch *out = batch_new(&record_row_type, 4);
    poll_rows(fixture, stream, out, 4);
    must(fixture, stream->ops->retain(stream, clock_now_us(), NULL, &fixture->err));
    batch_reset(out);
    assert_int_equal(stream->ops->poll(stream, out, clock_deadline_ms(10000), &fixture->err), FATAL);
    assert_non_null(strstr(fixture->err.text, "retention"));
    batch_free(out);
    stream_close(stream);
}

static void test_retain_frees_the_records_of_deleted_topics(void **state)
{
    struct fixture *fixture = *state;
    struct stream *stream = open_with_retention(fixture, -1, -1);
    for (int i = 0; i < 10; i++) must(fixture, append_numbers(stream, TOPIC, 0, 10, 1, &fixture->err));
    must(fixture, stream->ops->topic_delete(stream, TOPIC, &fixture->err));
    uint64_t deleted;
    must(fixture, stream->ops->retain(stream, 0, &deleted, &fixture->err));
    assert_int_equal(deleted, 100);
    must(fixture, stream->ops->retain(stream, 0, &deleted, &fixture->err));
    assert_int_equal(deleted, 0);
    tamper(fixture, "SELECT iif(count(*) = 0, 1, json('left')) FROM (SELECT id FROM chunk UNION ALL SELECT id FROM partition)");
    stream_close(stream);
}

static void test_offset_at_is_right_after_retention_took_later_times(void **state)
{
    struct fixture *fixture = *state;
    struct stream *stream = open_with_retention(fixture, -1, 0);
    static const int64_t times[] = {9000, 1000, 2000, 3000};
    struct batch *in = batch_new(&record_row_type, 1);
    uint64_t deleted = 0;
    for (int i = 0; i < 4; i++) {
        batch_reset(in);
        add_record(in, "k", "v", times[i]);
        must(fixture, stream->ops->append(stream, TOPIC, in, &fixture->err));
        must(fixture, stream->ops->flush(stream, INT64_MAX, &fixture->err));
        if (!i) must(fixture, stream->ops->retain(stream, 0, &deleted, &fixture->err));
    }
    assert_int_equal(deleted, 1);
    static const struct {
        int64_t us, offset;
    } cases[] = {{0, 1}, {1000, 1}, {1001, 2}, {3000, 3}, {3001, 4}, {9000, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t offset;
        must(fixture, stream->ops->offset_at(stream, TOPIC, 0, cases[i].us, &offset, &fixture->err));
        assert_int_equal(offset, cases[i].offset);
    }
    batch_free(in);
    stream_close(stream);
}

// --- the bell

struct late {
    struct fixture *fixture;
    struct stream *stream;
    pthread_barrier_t *go;
    enum status status;
    struct err err;
};

static void *append_late(void *context)
{
    struct late *late = context;
    pthread_barrier_wait(late->go);
    late->status = append_numbers(late->stream, TOPIC, 0, 1, 1, &late->err);
    return NULL;
}

// `spoil` does something to the bell's file between the reader's arming and the writer's ring.
static void wake_with_spoiled_bell(struct fixture *fixture, void (*spoil)(const char *path))
{
    struct stream *reader = fixture_open(fixture), *writer = fixture_open(fixture);
    fixture_topic(fixture, reader, TOPIC, 1);
    must(fixture, append_numbers(writer, TOPIC, 0, 1, 1, &fixture->err));
    must(fixture, reader->ops->seek(reader, TOPIC, 0, 0, 1, &fixture->err));
    struct batch *out = batch_new(&record_row_type, 4);
    assert_int_equal(reader->ops->poll(reader, out, clock_deadline_ms(1), &fixture->err), AGAIN);
    char path[128];
    snprintf(path, sizeof path, "%s/stream.bell", fixture->folder);
    pthread_barrier_t go;
    pthread_barrier_init(&go, NULL, 2);
    for (int i = 0; i < 5; i++) {
        struct late late = {fixture, writer, &go, OK, {0}};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, append_late, &late), 0);
        spoil(path);
        pthread_barrier_wait(&go);
        batch_reset(out);
        int64_t started = clock_mono_ns();
        must(fixture, reader->ops->poll(reader, out, clock_deadline_ms(20000), &fixture->err));
        assert_true(clock_mono_ns() - started < 10 * SECOND_NS);
        pthread_join(thread, NULL);
        assert_int_equal(late.status, OK);
    }
    pthread_barrier_destroy(&go);
    batch_free(out);
    stream_close(reader);
    stream_close(writer);
}

static void bell_remove(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static void bell_replace(const char *path)
{
    char other[160];
    snprintf(other, sizeof other, "%s.new", path);
    int fd = open(other, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(rename(other, path), 0);
}

static void bell_truncate(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}

static void test_poll_is_woken_after_the_bell_was_removed(void **state)
{
    wake_with_spoiled_bell(*state, bell_remove);
}

static void test_poll_is_woken_after_the_bell_was_replaced(void **state)
{
    wake_with_spoiled_bell(*state, bell_replace);
}

static void test_poll_is_woken_after_the_bell_was_emptied(void **state)
{
    wake_with_spoiled_bell(*state, bell_truncate);
}

// --- damage

static void expect_damage(struct fixture *fixture, const char *sql)
{
    struct stream *stream = fixture_open(fixture);
    struct batch *out = batch_new(&record_row_type, 100);
    must(fixture, stream->ops->seek(stream, TOPIC, 0, 0, 0, &fixture->err));
    tamper(fixture, sql);
    assert_int_equal(stream->ops->poll(stream, out, clock_deadline_ms(10000), &fixture->err), FATAL);
    assert_non_null(strstr(fixture->err.text, "damaged"));
    assert_int_equal(out->rows, 0);
    stream_close(stream);
    batch_free(out);
}

static void test_poll_of_a_damaged_log_is_fatal(void **state)
{
    struct fixture *fixture = *state;
    struct stream *stream = fixture_open(fixture);
    fixture_topic(fixture, stream, TOPIC, 1);
    for (int i = 0; i < 3; i++) must(fixture, append_numbers(stream, TOPIC, i * 10, 10, 1, &fixture->err));
    stream_close(stream);
    expect_damage(fixture, "UPDATE chunk SET data = substr(data, 1, length(data) - 1) WHERE id % 1024 = 20");
    expect_damage(fixture, "UPDATE chunk SET data = x'' WHERE id % 1024 = 10");
    expect_damage(fixture, "UPDATE chunk SET records = 0 WHERE id % 1024 = 10");
    expect_damage(fixture, "DELETE FROM chunk WHERE id % 1024 = 10");
    expect_damage(fixture, "UPDATE partition SET next_offset = -5");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_partition_agrees_with_java),
        T(test_open_puts_the_log_where_the_url_says),
        T(test_open_again_finds_records_and_goes_on_counting),
        T(test_open_by_many_processes_at_once_is_safe),
        T(test_open_of_a_file_that_is_no_database_is_fatal),
        T(test_open_of_somebody_elses_database_is_fatal_and_leaves_it_alone),
        T(test_open_of_a_newer_log_is_fatal),
        T(test_open_in_a_folder_that_cannot_be_made_is_fatal),
        T(test_open_of_a_file_without_permission_is_fatal),
        T(test_open_read_only_creates_nothing),
        T(test_open_read_only_reads_and_is_woken),
        T(test_retain_by_age_raises_the_low_watermark),
        T(test_retain_of_everything_keeps_counting_offsets),
        T(test_retain_by_size_keeps_at_least_that_much),
        T(test_retain_goes_through_many_flushes_in_steps),
        T(test_retain_stops_a_reader_that_it_overtakes),
        T(test_retain_frees_the_records_of_deleted_topics),
        T(test_offset_at_is_right_after_retention_took_later_times),
        T(test_poll_is_woken_after_the_bell_was_removed),
        T(test_poll_is_woken_after_the_bell_was_replaced),
        T(test_poll_is_woken_after_the_bell_was_emptied),
        T(test_poll_of_a_damaged_log_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
