// SPDX-License-Identifier: Apache-2.0
// The error type: filling, context, truncation.
#include "base/err.h"

#include "../unit.h"
#include "base/text.h"

static enum status failing(struct err *err)
{
    return err_set(err, RETRY, ERR_STORAGE, "tried %s, got %d", "this", 7);
}

static enum status trying(struct err *err)
{
    TRY(failing(err));
    fail_msg("TRY went on after a failure");
    return OK;
}

static void test_err_set_fills_everything_and_returns_the_status(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(failing(&err), RETRY);
    assert_int_equal(err.status, RETRY);
    assert_int_equal(err.code, ERR_STORAGE);
    assert_string_equal(err.text, "tried this, got 7");
    assert_contains(err.origin, "test_err.c:");
}

static void test_err_set_without_err_returns_the_status(void **state)
{
    (void)state;
    assert_int_equal(failing(NULL), RETRY);
}

static void test_err_set_may_quote_its_own_text(void **state)
{
    (void)state;
    struct err err = {0};
    failing(&err);
    assert_int_equal(err_set(&err, FATAL, ERR_STREAM, "again: %s", err.text), FATAL);
    assert_string_equal(err.text, "again: tried this, got 7");
}

static void test_try_hands_the_failure_on(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(trying(&err), RETRY);
    assert_string_equal(err.text, "tried this, got 7");
}

static void test_err_context_goes_in_front_and_keeps_the_rest(void **state)
{
    (void)state;
    struct err err = {0};
    failing(&err);
    const char *origin = err.origin;
    assert_int_equal(err_context(&err, "topic %s", "a"), RETRY);
    assert_string_equal(err.text, "topic a: tried this, got 7");
    assert_int_equal(err.code, ERR_STORAGE);
    assert_ptr_equal(err.origin, origin);
    assert_int_equal(err_context(NULL, "x"), FATAL);
}

static void test_long_texts_are_cut_at_a_whole_character(void **state)
{
    (void)state;
    char text[3 * ERR_TEXT_BYTES];
    for (size_t pad = 0; pad < 4; pad++) {
        memset(text, 'x', pad);
        for (size_t i = pad; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xe2\x82\xac", 4);
        struct err err;
        err_set(&err, REJECT, ERR_FEED, "%s", text);
        assert_true(strlen(err.text) >= ERR_TEXT_BYTES - 4);
        assert_true(text_is_utf8(err.text, strlen(err.text)));
        err_context(&err, "%s", text);
        assert_true(strlen(err.text) >= ERR_TEXT_BYTES / 2);
        assert_true(text_is_utf8(err.text, strlen(err.text)));
    }
}

static void test_text_that_just_fits_is_kept(void **state)
{
    (void)state;
    char text[ERR_TEXT_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct err err;
    err_set(&err, REJECT, ERR_FEED, "%s", text);
    assert_string_equal(err.text, text);
    memcpy(text + sizeof text - 3, "\xc3\xa9", 3);
    err_set(&err, REJECT, ERR_FEED, "%s", text);
    assert_string_equal(err.text, text);
}

static void test_status_name_of_every_status(void **state)
{
    (void)state;
    assert_string_equal(status_name(OK), "ok");
    assert_string_equal(status_name(AGAIN), "again");
    assert_string_equal(status_name(RETRY), "retry");
    assert_string_equal(status_name(REJECT), "reject");
    assert_string_equal(status_name(FATAL), "fatal");
    assert_string_equal(status_name((enum status)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_set_fills_everything_and_returns_the_status),
        cmocka_unit_test(test_err_set_without_err_returns_the_status),
        cmocka_unit_test(test_err_set_may_quote_its_own_text),
        cmocka_unit_test(test_try_hands_the_failure_on),
        cmocka_unit_test(test_err_context_goes_in_front_and_keeps_the_rest),
        cmocka_unit_test(test_long_texts_are_cut_at_a_whole_character),
        cmocka_unit_test(test_text_that_just_fits_is_kept),
        cmocka_unit_test(test_status_name_of_every_status),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
