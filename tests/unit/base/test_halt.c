// SPDX-License-Identifier: Apache-2.0
// How a role ends: the deadline, the first failure, and waits that notice both.
#include "base/halt.h"

#include <unistd.h>

#include "../unit.h"
#include "base/clock.h"

static void test_a_deadline_is_asked_before_it_is_due(void **state)
{
    (void)state;
    const struct log log = {.level = LOG_ERROR, .fd = -1}; // nobody reads it
    struct halt halt;
    halt_init(&halt, &log, "test");
    assert_false(halt_asked(&halt) || halt_due(&halt));
    halt_ask(&halt, clock_deadline_ms(60000));
    assert_true(halt_asked(&halt));
    assert_false(halt_due(&halt));
    halt_ask(&halt, clock_mono_ns());
    assert_true(halt_due(&halt));
    assert_int_equal(halt_result(&halt, NULL), OK);
    halt_fini(&halt);
}

static void test_the_first_failure_is_the_one_that_is_kept(void **state)
{
    (void)state;
    const struct log log = {.level = LOG_ERROR, .fd = -1}; // nobody reads it
    struct halt halt;
    struct err err;
    halt_init(&halt, &log, "test");
    (void)err_set(&err, FATAL, ERR_STREAM, "first");
    halt_fail(&halt, &err);
    (void)err_set(&err, FATAL, ERR_STORAGE, "second");
    halt_fail(&halt, &err);
    assert_true(halt_failed(&halt) && halt_asked(&halt) && halt_due(&halt));
    assert_int_equal(halt_result(&halt, &err), FATAL);
    assert_string_equal(err.text, "first");
    assert_int_equal(err.code, ERR_STREAM);
    halt_fini(&halt);
}

static void test_back_off_doubles_and_ends_with_the_deadline(void **state)
{
    (void)state;
    const struct log log = {.level = LOG_ERROR, .fd = -1}; // nobody reads it
    struct halt halt;
    struct backoff backoff = {0};
    struct err err;
    (void)err_set(&err, RETRY, ERR_STORAGE, "not now");
    halt_init(&halt, &log, "test");
    assert_true(halt_back_off(&halt, &backoff, "waiting", &err));
    int64_t first_ms = backoff.ms;
    assert_true(halt_back_off(&halt, &backoff, "waiting", &err));
    assert_int_equal(backoff.ms, 2 * first_ms);
    assert_int_equal(backoff.said_count, 1);
    (void)err_set(&err, RETRY, ERR_STORAGE, "something else");
    assert_true(halt_back_off(&halt, &backoff, "waiting", &err));
    assert_int_equal(backoff.said_count, 2);
    (void)err_set(&err, RETRY, ERR_STORAGE, "not now");
    assert_true(halt_back_off(&halt, &backoff, "waiting", &err));
    assert_int_equal(backoff.said_count, 2);
    halt_ask(&halt, clock_mono_ns());
    assert_false(halt_back_off(&halt, &backoff, "waiting", &err));
    halt_back_on(&halt, &backoff, "works again");
    assert_int_equal(backoff.ms, 0);
    assert_int_equal(backoff.said_count, 0);
    halt_fini(&halt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_deadline_is_asked_before_it_is_due),
        cmocka_unit_test(test_the_first_failure_is_the_one_that_is_kept),
        cmocka_unit_test(test_back_off_doubles_and_ends_with_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
