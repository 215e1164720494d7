// SPDX-License-Identifier: Apache-2.0
// Batches: rows begin null, are kept or taken back, are cut; memory is used again.
#include "model/batch.h"

#include "../unit.h"

enum { NUMBER, SHARE, WORD, RAW, WHEN, COLUMNS };

static const struct row_column columns[COLUMNS] = {
    {.name = "number", .type = COLUMN_INT64, .required = true},
    {.name = "share", .type = COLUMN_DOUBLE},
    {.name = "word", .type = COLUMN_TEXT},
    {.name = "raw", .type = COLUMN_BYTES, .hidden = true},
    {.name = "when", .type = COLUMN_TIMESTAMP},
};
static const struct row_type type = {"thing", COLUMNS, columns};

static void add(struct batch *batch, int64_t number)
{
    uint32_t row = batch_row_begin(batch);
    char *text = arena_printf(&batch->arena, "word %lld", (long long)number);
    batch_set_int64(batch, NUMBER, row, number);
    if (number % 2) batch_set_double(batch, SHARE, row, (double)number / 2);
    batch_set_slice(batch, WORD, row, slice_of(text));
    if (number % 3) batch_set_slice(batch, RAW, row, (struct slice){text, 2});
    batch_set_int64(batch, WHEN, row, number * 1000);
    batch->source[row] = number % 4;
    batch->offset[row] = number + 100;
    batch_row_commit(batch);
}

static void assert_row(const struct batch *batch, uint32_t row, int64_t number)
{
    char word[32];
    snprintf(word, sizeof word, "word %lld", (long long)number);
    assert_false(batch_is_null(batch, NUMBER, row));
    assert_int_equal(batch->columns[NUMBER].int64[row], number);
    assert_int_equal(batch_is_null(batch, SHARE, row), number % 2 == 0);
    if (number % 2) assert_true(batch->columns[SHARE].float64[row] == (double)number / 2);
    assert_true(slice_is(batch->columns[WORD].text[row], word));
    assert_int_equal(batch_is_null(batch, RAW, row), number % 3 == 0);
    assert_int_equal(batch->columns[WHEN].int64[row], number * 1000);
    assert_int_equal(batch->source[row], number % 4);
    assert_int_equal(batch->offset[row], number + 100);
}

static void test_a_new_batch_is_empty(void **state)
{
    (void)state;
    struct batch *batch = batch_new(&type, 10);
    assert_int_equal(batch->rows, 0);
    assert_int_equal(batch->capacity, 10);
    assert_false(batch_full(batch));
    batch_free(batch);
    batch_free(NULL);
}

static void test_a_batch_without_room_or_columns(void **state)
{
    (void)state;
    static const struct row_type nothing = {"nothing", 0, NULL};
    struct batch *batch = batch_new(&nothing, 0);
    assert_true(batch_full(batch));
    batch_cut(batch, NULL);
    batch_free(batch);
}

static void test_rows_keep_what_was_set(void **state)
{
    (void)state;
    struct batch *batch = batch_new(&type, 50);
    for (int64_t i = 0; i < 50; i++) add(batch, i);
    assert_true(batch_full(batch));
    for (uint32_t i = 0; i < 50; i++) assert_row(batch, i, i);
    batch_free(batch);
}

static void test_a_row_begins_null_also_where_another_was(void **state)
{
    (void)state;
    struct batch *batch = batch_new(&type, 2);
    add(batch, 7);
    batch_reset(batch);
    assert_int_equal(batch->rows, 0);
    uint32_t row = batch_row_begin(batch);
    assert_int_equal(row, 0);
    for (uint32_t i = 0; i < COLUMNS; i++) assert_true(batch_is_null(batch, i, row));
    assert_int_equal(batch->source[row], 0);
    assert_int_equal(batch->offset[row], 0);
    batch_free(batch);
}

static void test_a_row_that_is_not_kept_leaves_nothing(void **state)
{
    (void)state;
    struct batch *batch = batch_new(&type, 2);
    add(batch, 1);
    uint32_t row = batch_row_begin(batch);
    batch_set_int64(batch, NUMBER, row, 99);
    assert_int_equal(batch->rows, 1);
    assert_int_equal(batch_row_begin(batch), row);
    assert_true(batch_is_null(batch, NUMBER, row));
    add(batch, 2);
    assert_int_equal(batch->rows, 2);
    assert_row(batch, 1, 2);
    batch_free(batch);
}

static void test_cut_keeps_the_chosen_rows_in_order(void **state)
{
    (void)state;
    enum { ROWS = 200 };
    for (unsigned seed = 1; seed <= 20; seed++) {
        struct batch *batch = batch_new(&type, ROWS);
        uint8_t keep[ROWS];
        uint32_t random = seed;
        for (int64_t i = 0; i < ROWS; i++) {
            add(batch, i);
            random = random * 1664525 + 1013904223;
            keep[i] = (uint8_t)(random >> 28 < seed % 16 ? random >> 24 | 1 : 0); // anything but 0 keeps
        }
        batch_cut(batch, keep);
        uint32_t row = 0;
        for (int64_t i = 0; i < ROWS; i++)
            if (keep[i]) assert_row(batch, row++, i);
        assert_int_equal(batch->rows, row);
        add(batch, 1000);
        assert_row(batch, row, 1000);
        batch_free(batch);
    }
}

static void test_cut_of_all_and_of_none(void **state)
{
    (void)state;
    struct batch *batch = batch_new(&type, 3);
    const uint8_t all[3] = {1, 1, 1}, none[3] = {0};
    for (int64_t i = 0; i < 3; i++) add(batch, i);
    batch_cut(batch, all);
    for (uint32_t i = 0; i < 3; i++) assert_row(batch, i, i);
    batch_cut(batch, none);
    assert_int_equal(batch->rows, 0);
    batch_free(batch);
}

static void test_row_type_column_finds_by_whole_name(void **state)
{
    (void)state;
    assert_int_equal(row_type_column(&type, SLICE("number")), NUMBER);
    assert_int_equal(row_type_column(&type, SLICE("when")), WHEN);
    assert_int_equal(row_type_column(&type, SLICE("whe")), -1);
    assert_int_equal(row_type_column(&type, SLICE("whenever")), -1);
    assert_int_equal(row_type_column(&type, SLICE("")), -1);
}

static void test_column_type_names(void **state)
{
    (void)state;
    assert_string_equal(column_type_name(COLUMN_INT64), "integer");
    assert_string_equal(column_type_name(COLUMN_DOUBLE), "double");
    assert_string_equal(column_type_name(COLUMN_TEXT), "text");
    assert_string_equal(column_type_name(COLUMN_BYTES), "bytes");
    assert_string_equal(column_type_name(COLUMN_TIMESTAMP), "timestamp");
    assert_string_equal(column_type_name((enum column_type)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_batch_is_empty),
        cmocka_unit_test(test_a_batch_without_room_or_columns),
        cmocka_unit_test(test_rows_keep_what_was_set),
        cmocka_unit_test(test_a_row_begins_null_also_where_another_was),
        cmocka_unit_test(test_a_row_that_is_not_kept_leaves_nothing),
        cmocka_unit_test(test_cut_keeps_the_chosen_rows_in_order),
        cmocka_unit_test(test_cut_of_all_and_of_none),
        cmocka_unit_test(test_row_type_column_finds_by_whole_name),
        cmocka_unit_test(test_column_type_names),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
