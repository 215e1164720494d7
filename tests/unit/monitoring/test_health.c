// SPDX-License-Identifier: Apache-2.0
// Liveness, readiness and the price board.
#include "../support.h"

#include "monitoring/board.h"
#include "monitoring/health.h"

static bool part_ready(const void *part, const char **why)
{
    *why = "the feed is not connected";
    return *(const bool *)part;
}

static bool is_ready(struct health *health, const char *expected)
{
    struct buf out;
    buf_init(&out, 1024);
    bool ready = health_ready(health, &out);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_fini(&out);
    return ready;
}

static void test_ready_only_while_every_part_is(void **state)
{
    (void)state;
    struct health *health = health_new();
    bool first = true, second = false;
    health_add(health, "processing", part_ready, &first);
    health_add(health, "ingestion", part_ready, &second);
    second = true;
    assert_false(is_ready(health, "starting\nprocessing: ready\ningestion: ready\n"));
    health_started(health);
    second = false;
    assert_false(is_ready(health, "processing: ready\ningestion: the feed is not connected\n"));
    second = true;
    assert_true(is_ready(health, "processing: ready\ningestion: ready\n"));
    health_stopping(health);
    assert_false(is_ready(health, "stopping\n"));
    assert_true(health_alive(health));
    health_free(health);
}

static bool part_with_reasons(const void *part, const char **why)
{
    *why = part;
    return false;
}

static void test_ready_tells_each_reason_on_a_line(void **state)
{
    (void)state;
    struct health *health = health_new();
    health_add(health, "processing", part_with_reasons, "one\nand two");
    health_add(health, "console", part_with_reasons, "three\n");
    health_add(health, "registry", part_with_reasons, "");
    health_started(health);
    assert_false(is_ready(health, "processing: one\nprocessing: and two\nconsole: three\nregistry: \n"));
    health_free(health);
}

static const struct row_column columns[] = {{.name = "id", .type = COLUMN_TEXT, .required = true},
                                            {.name = "price", .type = COLUMN_DOUBLE, .required = true},
                                            {.name = "time", .type = COLUMN_TIMESTAMP, .required = true},
                                            {.name = "change_percent", .type = COLUMN_DOUBLE}};
static const struct row_type type = {"stocks", 4, columns};

static void add(struct batch *rows, const char *id, double price, int64_t time_us, const double *change)
{
    uint32_t row = batch_row_begin(rows);
    batch_set_slice(rows, 0, row, slice_of(id));
    batch_set_double(rows, 1, row, price);
    batch_set_int64(rows, 2, row, time_us);
    if (change) batch_set_double(rows, 3, row, *change);
    batch_row_commit(rows);
}

static void test_board_keeps_the_newest_and_escapes(void **state)
{
    (void)state;
    struct board *board = board_new();
    struct batch *rows = batch_new(&type, 8);
    double up = 1.5;
    add(rows, "<b>", 1, 1000000, NULL);
    add(rows, "AAPL", 305.76, 3000000, &up);
    add(rows, "AAPL", 300, 2000000, NULL); // older: only counted
    board_update(board, "stocks", rows);
    struct buf out;
    buf_init(&out, 1 << 20);
    board_write_json(board, &out);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data,
                        "[{\"table\":\"stocks\",\"id\":\"<b>\",\"price\":1,\"change_percent\":null,\"time\":1000000,\"rows\":1},"
                        "{\"table\":\"stocks\",\"id\":\"AAPL\",\"price\":305.76,\"change_percent\":1.5,\"time\":3000000,\"rows\":2}]");
    buf_reset(&out);
    board_write_html(board, &out);
    buf_append_byte(&out, '\0');
    assert_non_null(strstr(out.data, "&lt;b&gt;"));
    assert_null(strstr(out.data, "<b>"));
    assert_non_null(strstr(out.data, "+1.50 %"));
    buf_fini(&out);
    batch_free(rows);
    board_free(board);
}

static void test_board_is_bounded(void **state)
{
    (void)state;
    struct board *board = board_new();
    struct batch *rows = batch_new(&type, 1000);
    for (int i = 0; i < BOARD_MAX + 1000; i += 1000) {
        batch_reset(rows);
        for (int k = 0; k < 1000; k++) add(rows, arena_printf(&rows->arena, "S%d", i + k), 1, 1, NULL);
        board_update(board, "stocks", rows);
    }
    struct buf out;
    buf_init(&out, 16 << 20);
    board_write_json(board, &out);
    assert_false(out.full);
    buf_append_byte(&out, '\0');
    assert_non_null(strstr(out.data, "\"S9999\""));
    assert_null(strstr(out.data, "\"S10000\""));
    buf_fini(&out);
    batch_free(rows);
    board_free(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready_only_while_every_part_is),
        cmocka_unit_test(test_ready_tells_each_reason_on_a_line),
        cmocka_unit_test(test_board_keeps_the_newest_and_escapes),
        cmocka_unit_test(test_board_is_bounded),
    };
    return cmocka_run_group_tests_name("monitoring/health", tests, NULL, NULL);
}
