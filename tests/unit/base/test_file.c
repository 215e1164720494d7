// SPDX-License-Identifier: Apache-2.0
// Reading files whole: what is one, what is a pipe, and what is neither.
#include "base/file.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"

struct fixture {
    char folder[32], path[64];
    struct buf text;
};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    snprintf(f->folder, sizeof f->folder, "/tmp/fdp-test-XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    snprintf(f->path, sizeof f->path, "%s/file", f->folder);
    buf_init(&f->text, 20000);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    buf_fini(&f->text);
    unlink(f->path);
    rmdir(f->folder);
    free(f);
    return 0;
}

static void write_file(const struct fixture *f, const char *text, size_t size)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void test_read_takes_all_of_a_file(void **state)
{
    struct fixture *f = *state;
    static char large[20000];
    memset(large, 'x', sizeof large);
    write_file(f, large, sizeof large);
    assert_null(file_read(f->path, &f->text));
    assert_false(f->text.full);
    assert_int_equal(f->text.size, sizeof large);
    assert_memory_equal(f->text.data, large, sizeof large);
    write_file(f, "", 0);
    buf_reset(&f->text);
    assert_null(file_read(f->path, &f->text));
    assert_int_equal(f->text.size, 0);
}

static void test_read_of_more_than_there_is_room_for_is_full(void **state)
{
    struct fixture *f = *state;
    static char large[20001];
    write_file(f, large, sizeof large);
    assert_null(file_read(f->path, &f->text));
    assert_true(f->text.full);
    buf_reset(&f->text);
    assert_null(file_read("/dev/zero", &f->text));
    assert_true(f->text.full);
}

static void test_read_says_why_not(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(file_read("/nowhere/at/all", &f->text), "No such file or directory");
    assert_string_equal(file_read(f->folder, &f->text), "Is a directory");
}

// As a shell hands over <(command), whose command may be done already.
static void test_read_takes_all_of_a_pipe(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    char path[32];
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(write(ends[1], "a: 1\n", 5), 5);
    close(ends[1]);
    assert_null(file_read(path, &f->text));
    assert_int_equal(f->text.size, 5);
    close(ends[0]);
}

static void *write_slowly(void *context)
{
    const struct fixture *f = context;
    int fd = open(f->path, O_WRONLY); // returns when the reader is there
    assert_int_equal(write(fd, "a:", 2), 2);
    assert_int_equal(write(fd, " 1\n", 3), 3);
    close(fd);
    return NULL;
}

static void test_read_waits_for_a_slow_writer(void **state)
{
    struct fixture *f = *state;
    pthread_t writer;
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_slowly, f), 0);
    assert_null(file_read(f->path, &f->text));
    pthread_join(writer, NULL);
    assert_true(slice_is(buf_slice(&f->text), "a: 1\n"));
}

static void test_read_of_a_pipe_without_a_writer_ends(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_string_equal(file_read(f->path, &f->text), "nothing writes to this pipe");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_read_takes_all_of_a_file),
        CASE(test_read_of_more_than_there_is_room_for_is_full),
        CASE(test_read_says_why_not),
        CASE(test_read_takes_all_of_a_pipe),
        CASE(test_read_waits_for_a_slow_writer),
        CASE(test_read_of_a_pipe_without_a_writer_ends),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
