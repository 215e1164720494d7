// SPDX-License-Identifier: Apache-2.0
// Arenas: alignment, growth, reuse after reset.
#include "base/arena.h"

#include "../unit.h"

static void assert_filled(const char *piece, char with, size_t size)
{
    for (size_t i = 0; i < size; i++) assert_int_equal(piece[i], with);
}

static void test_alloc_is_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 256);
    char *pieces[100];
    for (size_t i = 0; i < 100; i++) {
        pieces[i] = arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (char)i, i);
        arena_copy(&arena, "x", 1); // spoils the alignment
    }
    for (size_t i = 0; i < 100; i++) assert_filled(pieces[i], (char)i, i);
    arena_fini(&arena);
}

static void test_alloc_of_nothing_is_not_null(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    assert_non_null(arena_alloc(&arena, 0));
    assert_non_null(arena_calloc(&arena, 0, 8));
    assert_non_null(arena_calloc(&arena, 8, 0));
    assert_string_equal(arena_copy(&arena, NULL, 0), "");
    arena_fini(&arena);
}

static void test_large_pieces_do_not_disturb_small_ones(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 128);
    char *first = arena_alloc(&arena, 1000);
    memset(first, 'a', 1000);
    char *second = arena_alloc(&arena, 10);
    memset(second, 'b', 10);
    char *third = arena_alloc(&arena, 100000);
    memset(third, 'c', 100000);
    char *fourth = arena_alloc(&arena, 10);
    memset(fourth, 'd', 10);
    assert_filled(first, 'a', 1000);
    assert_filled(second, 'b', 10);
    assert_filled(third, 'c', 100000);
    assert_filled(fourth, 'd', 10);
    arena_fini(&arena);
}

static void test_calloc_clears_used_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024);
    for (int round = 0; round < 3; round++) {
        char *piece = arena_calloc(&arena, 10, 50);
        assert_filled(piece, 0, 500);
        memset(piece, 'x', 500);
        arena_reset(&arena);
    }
    arena_fini(&arena);
}

static void test_copy_ends_with_nul(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64);
    const char *copy = arena_copy(&arena, "abc", 2);
    assert_string_equal(copy, "ab");
    const char *with_nul = arena_copy(&arena, "a\0b", 3);
    assert_memory_equal(with_nul, "a\0b\0", 4);
    arena_fini(&arena);
}

static void test_printf_of_any_length(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64);
    assert_string_equal(arena_printf(&arena, "%s-%d", "a", 5), "a-5");
    char *text = arena_printf(&arena, "%0500d", 1);
    assert_int_equal(strlen(text), 500);
    assert_string_equal(text + 499, "1");
    arena_fini(&arena);
}

static void test_reset_counts_from_zero(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64);
    arena_alloc(&arena, 1000);
    assert_true(arena.used_bytes >= 1000);
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    arena_reset(&arena);
    arena_fini(&arena);
    arena_reset(&arena);
    arena_fini(&arena);
}

static void test_steady_load_settles_on_one_block(void **state)
{
    (void)state;
#ifdef FDP_ARENA_CHECKED
    skip(); // every piece is a block of its own there
#else
    struct arena arena;
    arena_init(&arena, 1024);
    const struct arena_block *settled = NULL;
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < 500; i++) {
            arena_copy(&arena, "0123456789abc", i % 13);
            arena_alloc(&arena, i % 50);
        }
        if (round < 3)
            settled = arena.blocks;
        else
            assert_ptr_equal(arena.blocks, settled);
        arena_reset(&arena);
        if (round == 2) settled = arena.blocks;
    }
    assert_true(arena.block_bytes <= ARENA_BLOCK_MAX);
    arena_fini(&arena);
#endif
}

static void test_a_huge_piece_is_not_kept_for_ever(void **state)
{
    (void)state;
#ifdef FDP_ARENA_CHECKED
    skip();
#else
    struct arena arena;
    arena_init(&arena, 1024);
    arena_alloc(&arena, 50 << 20);
    arena_reset(&arena);
    assert_null(arena.blocks);
    arena_alloc(&arena, 10);
    arena_alloc(&arena, 50 << 20);
    arena_reset(&arena);
    assert_true(arena.block_bytes <= ARENA_BLOCK_MAX);
    arena_fini(&arena);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_is_aligned_and_apart),
        cmocka_unit_test(test_alloc_of_nothing_is_not_null),
        cmocka_unit_test(test_large_pieces_do_not_disturb_small_ones),
        cmocka_unit_test(test_calloc_clears_used_memory),
        cmocka_unit_test(test_copy_ends_with_nul),
        cmocka_unit_test(test_printf_of_any_length),
        cmocka_unit_test(test_reset_counts_from_zero),
        cmocka_unit_test(test_steady_load_settles_on_one_block),
        cmocka_unit_test(test_a_huge_piece_is_not_kept_for_ever),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
