// SPDX-License-Identifier: Apache-2.0
// Columns that a SELECT only names do not pass through SQLite. This compares that way with the other: on random batches both give the
// same outcomes and the same values.
#include "fixture.h"

#include <time.h>

enum { ROWS = 200, ROUNDS = 60 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Every type once, and a second time required.
static const struct row_column source_columns[] = {
    {.name = "n", .type = COLUMN_INT64}, {.name = "d", .type = COLUMN_DOUBLE},     {.name = "t", .type = COLUMN_TEXT},
    {.name = "b", .type = COLUMN_BYTES}, {.name = "ts", .type = COLUMN_TIMESTAMP},
};
static const struct row_type source_type = {"source", 5, source_columns};
static const struct row_column target_columns[] = {
    {.name = "n0", .type = COLUMN_INT64},
    {.name = "d0", .type = COLUMN_DOUBLE},
    {.name = "t0", .type = COLUMN_TEXT},
    {.name = "b0", .type = COLUMN_BYTES},
    {.name = "s0", .type = COLUMN_TIMESTAMP},
    {.name = "n1", .type = COLUMN_INT64, .required = true},
    {.name = "d1", .type = COLUMN_DOUBLE, .required = true},
    {.name = "t1", .type = COLUMN_TEXT, .required = true},
    {.name = "b1", .type = COLUMN_BYTES, .required = true},
    {.name = "s1", .type = COLUMN_TIMESTAMP, .required = true},
};
enum { TARGET_COLUMNS = 10 };

static struct slice random_text(uint64_t *random, struct arena *arena)
{
    static const char *const texts[] = {"", "1", "-2.5", "1e3", "AAPL", "1786622589", "2026-08-13", "ÄÖÜ", "a'b", " 7"};
    const char *text = texts[next_random(random) % (sizeof texts / sizeof *texts)];
    return (struct slice){arena_copy(arena, text, strlen(text)), strlen(text)};
}

static struct batch *random_batch(uint64_t *random)
{
    struct batch *batch = batch_new(&source_type, ROWS);
    uint32_t rows = (uint32_t)(next_random(random) % (ROWS + 1));
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t row = batch_row_begin(batch);
        batch->source[row] = (int64_t)(next_random(random) % 3);
        batch->offset[row] = (int64_t)next_random(random);
        int64_t number = (int64_t)next_random(random) >> next_random(random) % 64;
        if (next_random(random) % 8) batch_set_int64(batch, 0, row, number);
        if (next_random(random) % 8) batch_set_double(batch, 1, row, next_random(random) % 2 ? (double)number : (double)number / 1000);
        if (next_random(random) % 8) batch_set_slice(batch, 2, row, random_text(random, &batch->arena));
        if (next_random(random) % 8) batch_set_slice(batch, 3, row, random_text(random, &batch->arena));
        if (next_random(random) % 8) batch_set_int64(batch, 4, row, number);
        batch_row_commit(batch);
    }
    return batch;
}

static void assert_same_values(const struct batch *a, const struct batch *b)
{
    assert_int_equal(a->rows, b->rows);
    for (uint32_t row = 0; row < a->rows; row++) {
        assert_int_equal(a->source[row], b->source[row]);
        assert_int_equal(a->offset[row], b->offset[row]);
        for (uint32_t i = 0; i < a->type->column_count; i++) {
            const struct column *x = &a->columns[i], *y = &b->columns[i];
            assert_int_equal(x->null[row], y->null[row]);
            if (x->null[row]) continue;
            enum column_type type = a->type->columns[i].type;
            if (type == COLUMN_TEXT || type == COLUMN_BYTES)
                assert_true(slice_equal(x->text[row], y->text[row]));
            else
                assert_memory_equal(&x->int64[row], &y->int64[row], 8);
        }
    }
}

// A list of columns of the target, each from a random column of the source, once named and once computed (+x is x, and no name).
struct pair {
    char named[512], computed[512];
    struct row_column columns[TARGET_COLUMNS];
    struct row_type target;
};

static void make_pair(struct pair *pair, uint64_t *random)
{
    static const char *const conditions[] = {"",
                                             " WHERE 1",
                                             " WHERE n > 0",
                                             " WHERE d < 1 OR t IS NULL",
                                             " WHERE n IN (0, 1, -1, 2, -2) OR d IN (0.5, 1)",
                                             " WHERE length(b) > 1",
                                             " WHERE json(t) <> '' "};
    uint32_t wanted = (uint32_t)(next_random(random) % ((1 << TARGET_COLUMNS) - 1)) + 1, count = 0;
    size_t named = (size_t)sprintf(pair->named, "SELECT "), computed = (size_t)sprintf(pair->computed, "SELECT ");
    for (uint32_t i = 0; i < TARGET_COLUMNS; i++) {
        pair->columns[i] = target_columns[i];
        if (!(wanted >> i & 1)) {
            pair->columns[i].required = false;
            continue;
        }
        const char *from = source_columns[next_random(random) % 5].name, *comma = count++ ? ", " : "";
        named += (size_t)sprintf(pair->named + named, "%s%s AS %s", comma, from, target_columns[i].name);
        computed += (size_t)sprintf(pair->computed + computed, "%s+%s AS %s", comma, from, target_columns[i].name);
    }
    const char *condition = conditions[next_random(random) % (sizeof conditions / sizeof *conditions)];
    sprintf(pair->named + named, " FROM source%s", condition);
    sprintf(pair->computed + computed, " FROM source%s", condition);
    pair->target = (struct row_type){"target", TARGET_COLUMNS, pair->columns};
}

static void test_transform_run_gives_the_same_for_named_and_for_computed_columns(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL) | 1, random = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    uint64_t outcomes[3] = {0};
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct pair pair;
        make_pair(&pair, &random);
        struct transform *named = compile(&source_type, pair.named, &pair.target),
                         *computed = compile(&source_type, pair.computed, &pair.target);
        for (uint32_t again = 0; again < 3; again++) {
            struct batch *input = random_batch(&random), *outputs[2] = {batch_new(&pair.target, ROWS), batch_new(&pair.target, ROWS)};
            struct told told[2];
            run_route(named, input, outputs[0], &told[0]);
            run_route(computed, input, outputs[1], &told[1]);
            if (strcmp(told[0].text, told[1].text) != 0) fail_msg("%s\ngives %s\nand   %s", pair.named, told[0].text, told[1].text);
            assert_same_values(outputs[0], outputs[1]);
            for (uint32_t row = 0; row < input->rows; row++) outcomes[told[0].outcomes[row].outcome]++;
            batch_free(input);
            batch_free(outputs[0]);
            batch_free(outputs[1]);
        }
        transform_free(named);
        transform_free(computed);
    }
    // The comparison means something only when all three have come up often.
    for (int i = 0; i < 3; i++) assert_true(outcomes[i] > 100);
}

static void test_transform_named_gives_each_column_that_is_only_named(void **state)
{
    (void)state;
    struct transform *transform =
        compile(&tick_type, "SELECT id, price AS exchange, time, price + 1 AS price, quote_type AS price_hint FROM tick", &stocks_type);
    static const uint32_t expected[][2] = {
        {TICK_ID, TICK_ID}, {TICK_TIME, TICK_TIME}, {TICK_PRICE, TICK_EXCHANGE}, {TICK_QUOTE_TYPE, TICK_PRICE_HINT}};
    uint32_t count = 0, from, to;
    for (; transform_named(transform, 0, count, &from, &to); count++) {
        assert_true(count < 4);
        assert_int_equal(from, expected[count][0]);
        assert_int_equal(to, expected[count][1]);
    }
    assert_int_equal(count, 4);
    transform_free(transform);
}

static void test_transform_gives_what_the_select_names_or_computes(void **state)
{
    (void)state;
    struct transform *transform = compile(&tick_type, "SELECT id, time, price + 1 AS price FROM tick", &stocks_type);
    for (uint32_t i = 0; i < stocks_type.column_count; i++)
        assert_int_equal(transform_gives(transform, 0, i), i == TICK_ID || i == TICK_TIME || i == TICK_PRICE);
    transform_free(transform);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transform_run_gives_the_same_for_named_and_for_computed_columns),
        cmocka_unit_test(test_transform_named_gives_each_column_that_is_only_named),
        cmocka_unit_test(test_transform_gives_what_the_select_names_or_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
