// SPDX-License-Identifier: Apache-2.0
// Bounded buffers: growth, the maximum, printing, JSON text.
#include "base/buf.h"

#include "../unit.h"

static void test_append_grows_up_to_the_maximum(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++) buf_append_byte(&buf, (char)i);
    assert_false(buf.full);
    assert_int_equal(buf.size, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(buf.data[i], (char)i);
    buf_append_byte(&buf, 'x');
    assert_true(buf.full);
    assert_int_equal(buf.size, 1000);
    buf_fini(&buf);
}

static void test_what_does_not_fit_is_dropped_whole_and_so_is_all_after_it(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 5);
    buf_append_text(&buf, "abc");
    buf_append_text(&buf, "def");
    assert_true(buf.full);
    buf_append_text(&buf, "g");
    assert_int_equal(buf.size, 3);
    assert_true(slice_is(buf_slice(&buf), "abc"));
    buf_reset(&buf);
    assert_false(buf.full);
    assert_int_equal(buf.size, 0);
    buf_append_text(&buf, "defgh");
    assert_false(buf.full);
    assert_true(slice_is(buf_slice(&buf), "defgh"));
    buf_fini(&buf);
}

static void test_append_of_nothing_does_nothing(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    buf_append(&buf, NULL, 0);
    buf_append_text(&buf, "");
    assert_false(buf.full);
    assert_int_equal(buf.size, 0);
    buf_append_byte(&buf, 'a');
    assert_true(buf.full);
    buf_fini(&buf);
    buf_init(&buf, 10);
    assert_non_null(buf_reserve(&buf, 0));
    buf_fini(&buf);
}

static void test_reserve_gives_room_that_stays_in_place(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1 << 20);
    buf_append_text(&buf, "head");
    char *room = buf_reserve(&buf, 100000);
    assert_non_null(room);
    memset(room, 'x', 100000);
    buf.size += 100000;
    buf_append_text(&buf, "tail");
    assert_memory_equal(buf.data, "headxxx", 7);
    assert_memory_equal(buf.data + 100004, "tail", 4);
    assert_null(buf_reserve(&buf, 1 << 20));
    assert_true(buf.full);
    assert_null(buf_reserve(&buf, 1));
    buf_fini(&buf);
}

static void test_reserve_of_more_than_there_is_in_the_world(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_append_text(&buf, "a");
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.full);
    buf_fini(&buf);
}

static void test_printf_short_and_long(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_printf(&buf, "%s=%d;", "a", 5);
    buf_printf(&buf, "%0400d", 7);
    assert_int_equal(buf.size, 404);
    assert_memory_equal(buf.data, "a=5;000", 7);
    assert_int_equal(buf.data[403], '7');
    buf_fini(&buf);
}

static void test_printf_that_just_fits(void **state)
{
    (void)state;
    for (int size = 250; size <= 260; size++) {
        struct buf buf;
        buf_init(&buf, (size_t)size);
        buf_printf(&buf, "%0*d", size, 7);
        assert_false(buf.full);
        assert_int_equal(buf.size, size);
        buf_reset(&buf);
        buf_printf(&buf, "%0*d", size + 1, 7);
        assert_true(buf.full);
        assert_int_equal(buf.size, 0);
        buf_fini(&buf);
    }
}

static void test_json_escapes_what_it_must(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_append_json(&buf, "a\"b\\c\n\r\t\x01\x1f\x7f/é\0z", 16);
    buf_append_byte(&buf, '\0');
    assert_string_equal(buf.data, "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\x7f/é\\u0000z\"");
    buf_reset(&buf);
    buf_append_json(&buf, NULL, 0);
    assert_true(slice_is(buf_slice(&buf), "\"\""));
    buf_fini(&buf);
}

static void test_json_that_does_not_fit_is_marked(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 6);
    buf_append_json(&buf, "a\nbcd", 5);
    assert_true(buf.full);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_grows_up_to_the_maximum),
        cmocka_unit_test(test_what_does_not_fit_is_dropped_whole_and_so_is_all_after_it),
        cmocka_unit_test(test_append_of_nothing_does_nothing),
        cmocka_unit_test(test_reserve_gives_room_that_stays_in_place),
        cmocka_unit_test(test_reserve_of_more_than_there_is_in_the_world),
        cmocka_unit_test(test_printf_short_and_long),
        cmocka_unit_test(test_printf_that_just_fits),
        cmocka_unit_test(test_json_escapes_what_it_must),
        cmocka_unit_test(test_json_that_does_not_fit_is_marked),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
