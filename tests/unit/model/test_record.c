// SPDX-License-Identifier: Apache-2.0
// Records: headers written and read, hostile ones survived; partitions.
#include "model/record.h"

#include "../unit.h"

static void test_record_row_type(void **state)
{
    (void)state;
    assert_int_equal(record_row_type.column_count, RECORD_COLUMNS);
    assert_int_equal(row_type_column(&record_row_type, SLICE("key")), RECORD_KEY);
    assert_int_equal(row_type_column(&record_row_type, SLICE("value")), RECORD_VALUE);
    assert_int_equal(row_type_column(&record_row_type, SLICE("headers")), RECORD_HEADERS);
    assert_int_equal(row_type_column(&record_row_type, SLICE("timestamp")), RECORD_TIMESTAMP);
    assert_int_equal(record_row_type.columns[RECORD_TIMESTAMP].type, COLUMN_TIMESTAMP);
}

static struct buf three_headers(void)
{
    struct buf headers;
    buf_init(&headers, 1000);
    record_headers_append(&headers, "reason", SLICE("bad\0bytes"));
    record_headers_append(&headers, "", (struct slice){NULL, 0});
    record_headers_append(&headers, "reason", SLICE(""));
    return headers;
}

static void test_headers_come_back_as_they_were_written(void **state)
{
    (void)state;
    struct buf headers = three_headers();
    struct slice name, value;
    size_t at = 0;
    assert_true(record_headers_next(buf_slice(&headers), &at, &name, &value));
    assert_true(slice_is(name, "reason"));
    assert_true(slice_equal(value, SLICE("bad\0bytes")));
    assert_true(record_headers_next(buf_slice(&headers), &at, &name, &value));
    assert_true(slice_is(name, ""));
    assert_null(value.data);
    assert_true(record_headers_next(buf_slice(&headers), &at, &name, &value));
    assert_non_null(value.data);
    assert_int_equal(value.size, 0);
    assert_false(record_headers_next(buf_slice(&headers), &at, &name, &value));
    buf_fini(&headers);
}

static void test_header_is_the_last_of_its_name(void **state)
{
    (void)state;
    struct buf headers;
    buf_init(&headers, 1000);
    record_headers_append(&headers, "a", SLICE("1"));
    record_headers_append(&headers, "b", SLICE("2"));
    record_headers_append(&headers, "a", SLICE("3"));
    assert_true(slice_is(record_header(buf_slice(&headers), "a"), "3"));
    assert_true(slice_is(record_header(buf_slice(&headers), "b"), "2"));
    assert_null(record_header(buf_slice(&headers), "c").data);
    assert_null(record_header((struct slice){NULL, 0}, "a").data);
    buf_fini(&headers);
}

static void test_headers_that_are_cut_anywhere_end_early(void **state)
{
    (void)state;
    struct buf headers = three_headers();
    for (size_t size = 0; size < headers.size; size++) {
        // A copy of just that size, so that a sanitizer sees one byte too far.
        char *cut = malloc(size ? size : 1);
        memcpy(cut, headers.data, size);
        struct slice name, value;
        size_t at = 0;
        int found = 0;
        while (record_headers_next((struct slice){cut, size}, &at, &name, &value)) found++;
        assert_true(found < 3);
        assert_true(at <= size);
        free(cut);
    }
    buf_fini(&headers);
}

static void test_headers_with_lengths_beyond_the_end(void **state)
{
    (void)state;
    static const char hostile[][12] = {
        {'\x05', 0, 0, 0, 'a', 'b', 'c', 'd', 0, 0, 0, 0},
        {'\xff', '\xff', '\xff', '\x7f', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'},
        {'\xff', '\xff', '\xff', '\xff', 0, 0, 0, 0, 0, 0, 0, 0}, // a null name
        {0, 0, 0, 0, '\xfe', '\xff', '\xff', '\xff', 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct slice name, value;
        size_t at = 0;
        struct slice headers = {hostile[i], i == 0 ? 8 : sizeof hostile[i]};
        if (record_headers_next(headers, &at, &name, &value)) fail_msg("number %zu was taken", i);
    }
}

static void test_partition_is_stable_and_in_range(void **state)
{
    (void)state;
    int32_t seen[3] = {0};
    for (int i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof key, "SYM%d", i);
        int32_t partition = record_partition(slice_of(key), 3);
        assert_in_range(partition, 0, 2);
        assert_int_equal(record_partition(slice_of(key), 3), partition);
        assert_int_equal(record_partition(slice_of(key), 1), 0);
        seen[partition]++;
    }
    for (int i = 0; i < 3; i++) assert_in_range(seen[i], 800, 1200);
    assert_in_range(record_partition((struct slice){NULL, 0}, 7), 0, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_row_type),
        cmocka_unit_test(test_headers_come_back_as_they_were_written),
        cmocka_unit_test(test_header_is_the_last_of_its_name),
        cmocka_unit_test(test_headers_that_are_cut_anywhere_end_early),
        cmocka_unit_test(test_headers_with_lengths_beyond_the_end),
        cmocka_unit_test(test_partition_is_stable_and_in_range),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
