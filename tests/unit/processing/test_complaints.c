// SPDX-License-Identifier: Apache-2.0
// What is wrong now, as it is told.
#include "../support.h"

#include "base/err.h"
#include "processing/complaints.h"

static void assert_told(struct complaints *complaints, const char *expected)
{
    struct buf out;
    buf_init(&out, BUF_MAX_SQL);
    complaints_tell(complaints, &out);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_fini(&out);
}

static void test_complaints_put_tells_whether_it_is_new_and_keeps_the_last_reason(void **state)
{
    (void)state;
    struct complaints complaints;
    complaints_init(&complaints);
    assert_told(&complaints, "");
    assert_true(complaints_put(&complaints, COMPLAINT_WAITS, "a", 0, "first"));
    assert_false(complaints_put(&complaints, COMPLAINT_WAITS, "a", 0, "second"));
    assert_true(complaints_put(&complaints, COMPLAINT_UNREADABLE, "a", 0, "third"));
    assert_told(&complaints, "partition 0 of a waits: second\npartition 0 of a cannot be read: third\n");
    complaints_drop(&complaints, COMPLAINT_WAITS, "a", 1);
    complaints_drop(&complaints, COMPLAINT_WAITS, "b", 0);
    complaints_drop(&complaints, COMPLAINT_WAITS, "a", 0);
    assert_told(&complaints, "partition 0 of a cannot be read: third\n");
    assert_true(complaints_put(&complaints, COMPLAINT_WAITS, "a", 0, "again"));
    complaints_clear(&complaints);
    assert_told(&complaints, "");
    complaints_fini(&complaints);
}

static void test_complaints_tell_down_while_it_does_not_work(void **state)
{
    (void)state;
    struct complaints complaints;
    struct buf out;
    complaints_init(&complaints);
    buf_init(&out, BUF_MAX_SQL);
    complaints_set_down(&complaints, COMPLAINT_STORE, "first");
    complaints_set_down(&complaints, COMPLAINT_STORE, "second");
    complaints_clear(&complaints); // another group's partitions are in the same store
    assert_false(complaints_tell_down(&complaints, COMPLAINT_STREAM, "no records", &out));
    assert_true(complaints_tell_down(&complaints, COMPLAINT_STORE, "no rows", &out));
    assert_int_equal(out.size, strlen("no rows: second\n"));
    assert_memory_equal(out.data, "no rows: second\n", out.size);
    complaints_set_down(&complaints, COMPLAINT_STORE, "");
    assert_false(complaints_tell_down(&complaints, COMPLAINT_STORE, "no rows", &out));
    buf_fini(&out);
    complaints_fini(&complaints);
}

static void test_complaints_tell_partitions_with_one_reason_together(void **state)
{
    (void)state;
    struct complaints complaints;
    complaints_init(&complaints);
    for (int32_t i = 2; i >= 0; i--) {
        complaints_put(&complaints, COMPLAINT_WAITS, "a", i, i == 1 ? "another" : "one");
        complaints_put(&complaints, COMPLAINT_WAITS, "b", i, "one");
    }
    complaints_put(&complaints, COMPLAINT_LOST, "c", 0, "gone");
    assert_told(&complaints, "partitions 0, 2 of a wait: one\npartitions 0, 1, 2 of b wait: one\npartition 1 of a waits: another\n"
                             "topic c cannot be read: gone\n");
    complaints_fini(&complaints);
}

static void test_complaints_tell_no_more_than_people_read(void **state)
{
    (void)state;
    struct complaints complaints;
    struct buf out;
    char why[2 * ERR_TEXT_BYTES];
    complaints_init(&complaints);
    buf_init(&out, BUF_MAX_SQL);
    memset(why, 'x', sizeof why - 1);
    why[sizeof why - 1] = '\0';
    for (int32_t i = 0; i < 100; i++) {
        why[0] = (char)('0' + i % 64);
        why[1] = (char)('0' + i / 64);
        complaints_put(&complaints, COMPLAINT_WAITS, "a", i, why);
    }
    complaints_tell(&complaints, &out);
    uint32_t lines = 0;
    for (size_t i = 0; i < out.size; i++) lines += out.data[i] == '\n';
    assert_int_equal(lines, 20);
    assert_true(out.size < 20 * (ERR_TEXT_BYTES + 100));
    buf_append_byte(&out, '\0');
    assert_contains(out.data, "and more; see the log\n");
    buf_fini(&out);
    complaints_fini(&complaints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complaints_put_tells_whether_it_is_new_and_keeps_the_last_reason),
        cmocka_unit_test(test_complaints_tell_down_while_it_does_not_work),
        cmocka_unit_test(test_complaints_tell_partitions_with_one_reason_together),
        cmocka_unit_test(test_complaints_tell_no_more_than_people_read),
    };
    return cmocka_run_group_tests_name("processing/complaints", tests, NULL, NULL);
}
