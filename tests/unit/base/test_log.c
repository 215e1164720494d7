// SPDX-License-Identifier: Apache-2.0
// Log lines as people and machines read them; long, strange and concurrent ones.
#include "base/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

#include "../unit.h"
#include "base/clock.h"
#include "base/text.h"

struct fixture {
    FILE *file;
    struct log log;
    char text[64 << 10];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->file = tmpfile();
    if (!f->file) return -1;
    f->log = (struct log){.level = LOG_INFO, .format = LOG_TEXT, .fd = fileno(f->file)};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fclose(f->file);
    free(f);
    return 0;
}

// Everything that was written, which is then forgotten.
static const char *written(struct fixture *f)
{
    ssize_t size = pread(f->log.fd, f->text, sizeof f->text - 1, 0);
    assert_true(size >= 0);
    f->text[size] = '\0';
    assert_int_equal(ftruncate(f->log.fd, 0), 0);
    assert_int_equal(lseek(f->log.fd, 0, SEEK_SET), 0);
    return f->text;
}

static json_t *written_json(struct fixture *f)
{
    json_error_t error;
    json_t *json = json_loads(written(f), 0, &error);
    if (!json) fail_msg("%s in %s", error.text, f->text);
    return json;
}

static void test_text_line_has_time_level_component_message_and_fields(void **state)
{
    struct fixture *f = *state;
    int64_t before = clock_now_us() / 1000 * 1000;
    log_warn(&f->log, "ingestion", "connection lost", "url", "ws://a/", "tries", log_number(-3));
    const char *line = written(f);
    int64_t time;
    assert_true(clock_parse((struct slice){line, strcspn(line, " ")}, &time));
    assert_in_range(time, before, clock_now_us());
    assert_contains(line, " warn  ingestion  connection lost  url=ws://a/  tries=-3\n");
}

static void test_text_values_that_need_quotes_have_them(void **state)
{
    struct fixture *f = *state;
    log_info(&f->log, "cli", "m", "a", "two words", "b", "", "c", "x=y", "d", "q\"", "e", "\033[31m\n", "f", NULL, "g", "\xff", "h", "é");
    assert_contains(written(f), "m  a=\"two words\"  b=\"\"  c=\"x=y\"  d=\"q\\\"\"  e=\"\\u001b[31m\\n\"  f=null  g=\"?\"  h=é\n");
}

static void test_values_do_not_move_a_terminal(void **state)
{
    struct fixture *f = *state;
    log_info(&f->log, "cli", "m", "a", "\x7f", "b",
             "\xc2\x9b"
             "2J",
             "c", "\xc2\xa3");
    assert_contains(written(f), "m  a=\"?\"  b=\"??2J\"  c=\xc2\xa3\n");
}

static void test_lines_below_the_level_are_not_written(void **state)
{
    struct fixture *f = *state;
    log_debug(&f->log, "cli", "hidden");
    assert_string_equal(written(f), "");
    f->log.level = LOG_ERROR;
    log_warn(&f->log, "cli", "hidden");
    assert_string_equal(written(f), "");
    log_error(&f->log, "cli", "shown");
    assert_contains(written(f), "shown\n");
    log_error(NULL, "cli", "nobody listens");
}

static void test_color_is_put_back(void **state)
{
    struct fixture *f = *state;
    f->log.color = true;
    log_error(&f->log, "cli", "red");
    const char *line = written(f);
    assert_memory_equal(line, "\033[31m", 5);
    assert_string_equal(line + strlen(line) - 5, "\033[0m\n");
}

static void test_json_line_parses(void **state)
{
    struct fixture *f = *state;
    f->log.format = LOG_JSON;
    f->log.color = true;
    log_info(&f->log, "storage", "a \"message\"", "name", "va\nlue\x01", "none", NULL, "bytes", "\xc3(");
    json_t *json = written_json(f);
    assert_string_equal(json_string_value(json_object_get(json, "level")), "info");
    assert_string_equal(json_string_value(json_object_get(json, "component")), "storage");
    assert_string_equal(json_string_value(json_object_get(json, "message")), "a \"message\"");
    assert_string_equal(json_string_value(json_object_get(json, "name")), "va\nlue\x01");
    assert_true(json_is_null(json_object_get(json, "none")));
    assert_string_equal(json_string_value(json_object_get(json, "bytes")), "?(");
    int64_t time;
    assert_true(clock_parse(slice_of(json_string_value(json_object_get(json, "time"))), &time));
    json_decref(json);
}

static void test_a_field_too_long_for_a_line_is_left_out(void **state)
{
    struct fixture *f = *state;
    char *value = malloc(20001);
    memset(value, 'v', 20000);
    value[20000] = '\0';
    for (int color = 0; color < 2; color++) {
        f->log.color = color;
        f->log.format = LOG_TEXT;
        log_info(&f->log, "cli", "m", "a", "1", "long", value, "b", "2");
        assert_contains(written(f), color ? "m  a=1  b=2  cut=true\033[0m\n" : "m  a=1  b=2  cut=true\n");
    }
    f->log.format = LOG_JSON;
    memset(value, '\xff', 20000);
    log_info(&f->log, "cli", "m", "a", "1", "long", value, "b", "2");
    json_t *json = written_json(f);
    assert_null(json_object_get(json, "long"));
    assert_string_equal(json_string_value(json_object_get(json, "b")), "2");
    assert_string_equal(json_string_value(json_object_get(json, "cut")), "true");
    json_decref(json);
    free(value);
}

static void test_line_of_any_length_stays_whole(void **state)
{
    struct fixture *f = *state;
    char value[8300];
    for (size_t size = 8000; size < sizeof value; size++) {
        memset(value, 'v', size);
        value[size] = '\0';
        f->log.format = size % 2 ? LOG_JSON : LOG_TEXT;
        log_info(&f->log, "cli", "m", "long", value);
        if (f->log.format == LOG_JSON) {
            json_decref(written_json(f));
        } else {
            const char *line = written(f);
            assert_int_equal(line[strlen(line) - 1], '\n');
            assert_true(strstr(line, "cut=true") || strstr(line, "vvv"));
        }
    }
}

static void test_log_err_writes_text_class_and_origin(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    err_set(&err, RETRY, ERR_STORAGE, "disk full");
    log_err(&f->log, LOG_ERROR, "storage", "cannot write", &err);
    const char *line = written(f);
    assert_contains(line, "cannot write  error=\"disk full\"  class=retry  origin=");
    assert_contains(line, "test_log.c:");
}

static void test_log_number_at_the_limits(void **state)
{
    struct fixture *f = *state;
    log_info(&f->log, "cli", "m", "low", log_number(INT64_MIN), "high", log_number(INT64_MAX));
    assert_contains(written(f), "low=-9223372036854775808  high=9223372036854775807\n");
}

static void *write_many(void *argument)
{
    const struct log *log = argument;
    for (int i = 0; i < 100; i++) log_info(log, "cli", "threads", "i", log_number(i));
    return NULL;
}

static void test_lines_of_many_threads_do_not_mix(void **state)
{
    struct fixture *f = *state;
    f->log.format = LOG_JSON;
    // Appending, as a terminal or a pipe does.
    int append = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
    if (append < 0) skip();
    struct log log = f->log;
    log.fd = append;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_many, &log), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    FILE *file = fdopen(append, "r");
    assert_non_null(file);
    rewind(file);
    int lines = 0;
    for (json_t *json; (json = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)); lines++) json_decref(json);
    assert_int_equal(lines, 400);
    fclose(file);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_text_line_has_time_level_component_message_and_fields),
        CASE(test_text_values_that_need_quotes_have_them),
        CASE(test_values_do_not_move_a_terminal),
        CASE(test_lines_below_the_level_are_not_written),
        CASE(test_color_is_put_back),
        CASE(test_json_line_parses),
        CASE(test_a_field_too_long_for_a_line_is_left_out),
        CASE(test_line_of_any_length_stays_whole),
        CASE(test_log_err_writes_text_class_and_origin),
        CASE(test_log_number_at_the_limits),
        CASE(test_lines_of_many_threads_do_not_mix),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
