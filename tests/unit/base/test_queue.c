// SPDX-License-Identifier: Apache-2.0
// Queues: order, waiting with a deadline, closing; then under threads, where nothing may be lost, doubled or overtaken.
#include "base/queue.h"

#include <pthread.h>
#include <stdatomic.h>

#include "../unit.h"
#include "base/clock.h"

static void *item(size_t number)
{
    return (void *)(uintptr_t)(number + 1);
}

static void test_items_come_out_in_order(void **state)
{
    (void)state;
    struct queue *queue = queue_new(3);
    void *out;
    size_t pushed = 0, popped = 0;
    for (int round = 0; round < 10; round++) {
        while (queue_fill(queue) < 3) assert_int_equal(queue_push(queue, item(pushed++), 0), OK);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(queue_pop(queue, &out, 0), OK);
            assert_ptr_equal(out, item(popped++));
        }
    }
    queue_free(queue);
}

static void test_full_and_empty_answer_again_at_the_deadline(void **state)
{
    (void)state;
    struct queue *queue = queue_new(1);
    void *out = NULL;
    int64_t deadline = clock_deadline_ms(20);
    assert_int_equal(queue_pop(queue, &out, deadline), AGAIN);
    assert_true(clock_mono_ns() >= deadline);
    assert_null(out);
    assert_int_equal(queue_push(queue, item(0), 0), OK);
    deadline = clock_deadline_ms(20);
    assert_int_equal(queue_push(queue, item(1), deadline), AGAIN);
    assert_true(clock_mono_ns() >= deadline);
    assert_int_equal(queue_fill(queue), 1);
    queue_free(queue);
}

static void test_a_past_deadline_does_not_keep_from_working(void **state)
{
    (void)state;
    struct queue *queue = queue_new(1);
    void *out;
    assert_int_equal(queue_push(queue, item(0), INT64_MIN), OK);
    assert_int_equal(queue_push(queue, item(1), -1), AGAIN);
    assert_int_equal(queue_pop(queue, &out, INT64_MIN), OK);
    assert_int_equal(queue_pop(queue, &out, INT64_MIN), AGAIN);
    queue_free(queue);
}

static void test_closed_gives_what_is_inside_then_ends(void **state)
{
    (void)state;
    struct queue *queue = queue_new(4);
    void *out;
    assert_int_equal(queue_push(queue, item(0), 0), OK);
    assert_int_equal(queue_push(queue, item(1), 0), OK);
    queue_close(queue);
    queue_close(queue);
    assert_int_equal(queue_push(queue, item(2), INT64_MAX), FATAL);
    assert_int_equal(queue_pop(queue, &out, INT64_MAX), OK);
    assert_ptr_equal(out, item(0));
    assert_int_equal(queue_pop(queue, &out, INT64_MAX), OK);
    assert_int_equal(queue_pop(queue, &out, INT64_MAX), FATAL);
    queue_free(queue);
}

static void test_free_of_null(void **state)
{
    (void)state;
    queue_free(NULL);
}

struct waiter {
    struct queue *queue;
    atomic_bool started;
    enum status status;
    void *out;
};

static void *wait_to_pop(void *argument)
{
    struct waiter *waiter = argument;
    atomic_store(&waiter->started, true);
    waiter->status = queue_pop(waiter->queue, &waiter->out, INT64_MAX);
    return NULL;
}

static void *wait_to_push(void *argument)
{
    struct waiter *waiter = argument;
    atomic_store(&waiter->started, true);
    waiter->status = queue_push(waiter->queue, item(9), INT64_MAX);
    return NULL;
}

static void test_a_waiting_pop_is_woken_by_a_push(void **state)
{
    (void)state;
    struct waiter waiter = {.queue = queue_new(1)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_to_pop, &waiter), 0);
    while (!atomic_load(&waiter.started)) continue;
    assert_int_equal(queue_push(waiter.queue, item(5), INT64_MAX), OK);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.status, OK);
    assert_ptr_equal(waiter.out, item(5));
    queue_free(waiter.queue);
}

static void test_close_wakes_whoever_waits(void **state)
{
    (void)state;
    struct waiter popper = {.queue = queue_new(1)}, pusher = {.queue = queue_new(1)};
    assert_int_equal(queue_push(pusher.queue, item(0), 0), OK);
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, wait_to_pop, &popper), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, wait_to_push, &pusher), 0);
    while (!atomic_load(&popper.started) || !atomic_load(&pusher.started)) continue;
    queue_close(popper.queue);
    queue_close(pusher.queue);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal(popper.status, FATAL);
    assert_int_equal(pusher.status, FATAL);
    queue_free(popper.queue);
    queue_free(pusher.queue);
}

enum { PRODUCERS = 3, CONSUMERS = 3, ITEMS = 3000 };

struct crowd {
    struct queue *queue;
    atomic_int next_producer;
    _Atomic unsigned char taken[PRODUCERS * ITEMS];
    atomic_int disorder;
};

static void *produce(void *argument)
{
    struct crowd *crowd = argument;
    size_t self = (size_t)atomic_fetch_add(&crowd->next_producer, 1);
    for (size_t i = 0; i < ITEMS; i++) {
        enum status status;
        // Short deadlines, so that giving up and trying again is part of the test.
        while ((status = queue_push(crowd->queue, item(self * ITEMS + i), clock_mono_ns() + 50000)) == AGAIN) continue;
        if (status != OK) atomic_fetch_add(&crowd->disorder, 1);
    }
    return NULL;
}

static void *consume(void *argument)
{
    struct crowd *crowd = argument;
    size_t last[PRODUCERS] = {0};
    void *out;
    for (enum status status; (status = queue_pop(crowd->queue, &out, clock_mono_ns() + 50000)) != FATAL;) {
        if (status != OK) continue;
        size_t number = (size_t)(uintptr_t)out - 1, producer = number / ITEMS;
        // What one producer pushed comes to one consumer in that order.
        if (number % ITEMS + 1 <= last[producer]) atomic_fetch_add(&crowd->disorder, 1);
        last[producer] = number % ITEMS + 1;
        atomic_fetch_add(&crowd->taken[number], 1);
    }
    return NULL;
}

static void test_many_threads_lose_and_double_nothing(void **state)
{
    (void)state;
    struct crowd *crowd = calloc(1, sizeof *crowd);
    crowd->queue = queue_new(4);
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++) assert_int_equal(pthread_create(&consumers[i], NULL, consume, crowd), 0);
    for (int i = 0; i < PRODUCERS; i++) assert_int_equal(pthread_create(&producers[i], NULL, produce, crowd), 0);
    for (int i = 0; i < PRODUCERS; i++) pthread_join(producers[i], NULL);
    queue_close(crowd->queue);
    for (int i = 0; i < CONSUMERS; i++) pthread_join(consumers[i], NULL);
    for (size_t i = 0; i < PRODUCERS * ITEMS; i++) assert_int_equal(crowd->taken[i], 1);
    assert_int_equal(crowd->disorder, 0);
    assert_int_equal(queue_fill(crowd->queue), 0);
    queue_free(crowd->queue);
    free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_come_out_in_order),
        cmocka_unit_test(test_full_and_empty_answer_again_at_the_deadline),
        cmocka_unit_test(test_a_past_deadline_does_not_keep_from_working),
        cmocka_unit_test(test_closed_gives_what_is_inside_then_ends),
        cmocka_unit_test(test_free_of_null),
        cmocka_unit_test(test_a_waiting_pop_is_woken_by_a_push),
        cmocka_unit_test(test_close_wakes_whoever_waits),
        cmocka_unit_test(test_many_threads_lose_and_double_nothing),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
