// SPDX-License-Identifier: Apache-2.0
// Frames in the send queue: layout on the wire, whole frames only, bounds.
#include "net/websocket_queue.h"

#include "../unit.h"

static struct websocket_queue queue;

static int setup(void **state)
{
    (void)state;
    websocket_queue_init(&queue, 200000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    websocket_queue_fini(&queue);
    return 0;
}

static struct slice front(void)
{
    return websocket_queue_front(&queue, SIZE_MAX);
}

static void test_add_lays_out_short_middle_and_long_frames(void **state)
{
    (void)state;
    static char data[70000];
    assert_true(websocket_queue_add(&queue, WEBSOCKET_TEXT, SLICE("hi"), false));
    assert_int_equal(front().size, 4);
    assert_memory_equal(front().data, "\x81\x02hi", 4);
    websocket_queue_clear(&queue);
    assert_true(websocket_queue_add(&queue, WEBSOCKET_TEXT, (struct slice){data, 126}, false));
    assert_int_equal(front().size, 4 + 126);
    assert_memory_equal(front().data, "\x81\x7e\x00\x7e", 4);
    websocket_queue_clear(&queue);
    assert_true(websocket_queue_add(&queue, WEBSOCKET_TEXT, (struct slice){data, 65535}, false));
    assert_memory_equal(front().data, "\x81\x7e\xff\xff", 4);
    websocket_queue_clear(&queue);
    assert_true(websocket_queue_add(&queue, WEBSOCKET_TEXT, (struct slice){data, 70000}, false));
    assert_int_equal(front().size, 10 + 70000);
    assert_memory_equal(front().data, "\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70", 10);
    websocket_queue_clear(&queue);
    assert_true(websocket_queue_add(&queue, WEBSOCKET_CLOSE_FRAME, (struct slice){0}, false));
    assert_memory_equal(front().data, "\x88\x00", 2);
}

static void test_add_masks_the_frames_of_a_client(void **state)
{
    (void)state;
    assert_true(websocket_queue_add(&queue, WEBSOCKET_PING, SLICE("hello"), true));
    const unsigned char *frame = (const unsigned char *)front().data;
    assert_int_equal(front().size, 2 + 4 + 5);
    assert_memory_equal(frame, "\x89\x85", 2);
    for (size_t i = 0; i < 5; i++) assert_int_equal(frame[6 + i] ^ frame[2 + i % 4], "hello"[i]);
}

static void test_front_gives_whole_frames_up_to_the_limit_but_at_least_one(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) assert_true(websocket_queue_add(&queue, WEBSOCKET_TEXT, SLICE("0123456789"), i == 1));
    assert_int_equal(websocket_queue_front(&queue, 1).size, 12);
    assert_int_equal(websocket_queue_front(&queue, 12).size, 12);
    assert_int_equal(websocket_queue_front(&queue, 27).size, 12);
    assert_int_equal(websocket_queue_front(&queue, 28).size, 28);
    assert_int_equal(websocket_queue_front(&queue, 39).size, 28);
    assert_int_equal(websocket_queue_front(&queue, 40).size, 40);
    websocket_queue_take(&queue, 12);
    assert_int_equal(websocket_queue_front(&queue, 1).size, 16);
}

static void test_drop_removes_the_oldest_frame(void **state)
{
    (void)state;
    assert_false(websocket_queue_drop(&queue));
    assert_true(websocket_queue_add(&queue, WEBSOCKET_TEXT, SLICE("old"), false));
    assert_true(websocket_queue_add(&queue, WEBSOCKET_TEXT, SLICE("new"), false));
    assert_true(websocket_queue_drop(&queue));
    assert_memory_equal(front().data, "\x81\x03new", 5);
    assert_true(websocket_queue_drop(&queue));
    assert_false(websocket_queue_drop(&queue));
    assert_int_equal(front().size, 0);
}

static void test_add_refuses_what_passes_the_maximum(void **state)
{
    (void)state;
    static char data[200000];
    assert_false(websocket_queue_add(&queue, WEBSOCKET_TEXT, (struct slice){data, sizeof data}, false));
    int added = 0;
    while (websocket_queue_add(&queue, WEBSOCKET_TEXT, (struct slice){data, 996}, false)) added++;
    assert_int_equal(added, 199); // a frame is 1000 bytes; room for the longest header is asked for
    assert_true(websocket_queue_drop(&queue));
    assert_true(websocket_queue_add(&queue, WEBSOCKET_TEXT, (struct slice){data, 996}, false));
    assert_false(websocket_queue_add(&queue, WEBSOCKET_TEXT, (struct slice){data, 996}, false));
}

// Adds and takes at random and compares with what must be inside.
static void test_frames_stay_in_order_through_growing_and_moving(void **state)
{
    (void)state;
    uint32_t next_in = 0, next_out = 0, seed = 1;
    static char data[3000];
    for (int i = 0; i < 100000; i++) {
        seed = seed * 1664525 + 1013904223;
        if (seed >> 16 & 1) {
            memcpy(data, &next_in, sizeof next_in);
            size_t size = 4 + (seed >> 8) % (next_in % 50 ? 100 : 2900);
            if (websocket_queue_add(&queue, WEBSOCKET_TEXT, (struct slice){data, size}, false)) next_in++;
            continue;
        }
        struct slice oldest = websocket_queue_front(&queue, 1);
        if (!oldest.size) continue;
        uint32_t number;
        memcpy(&number, oldest.data + ((oldest.data[1] & 0x7f) == 126 ? 4 : 2), sizeof number);
        assert_int_equal(number, next_out);
        next_out++;
        websocket_queue_take(&queue, oldest.size);
    }
    assert_true(next_out > 10000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_add_lays_out_short_middle_and_long_frames),
        TEST(test_add_masks_the_frames_of_a_client),
        TEST(test_front_gives_whole_frames_up_to_the_limit_but_at_least_one),
        TEST(test_drop_removes_the_oldest_frame),
        TEST(test_add_refuses_what_passes_the_maximum),
        TEST(test_frames_stay_in_order_through_growing_and_moving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
