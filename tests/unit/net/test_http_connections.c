// SPDX-License-Identifier: Apache-2.0
// Who is shut down when, on one end of socket pairs: the other end sees it.
#include "net/http_connections.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../unit.h"
#include "base/clock.h"

enum { PAIRS = 5, SHORT_MS = 50, DEADLINE_MS = 20000 };
static const int64_t never_ns = 3600 * SECOND_NS;

struct test {
    struct http_connections *all;
    struct http_connection *items[PAIRS];
    int here[PAIRS], there[PAIRS];
};

static struct test *begin(unsigned max, int64_t request_ns, int64_t idle_ns)
{
    struct test *test = calloc(1, sizeof *test);
    struct http_connections_params params = {max, request_ns, idle_ns};
    test->all = http_connections_new(&params);
    assert_non_null(test->all);
    for (int i = 0; i < PAIRS; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        test->here[i] = pair[0];
        test->there[i] = pair[1];
    }
    return test;
}

static void open_one(struct test *test, int i)
{
    test->items[i] = http_connection_opened(test->all, test->here[i]);
}

static void end(struct test *test)
{
    for (int i = 0; i < PAIRS; i++) {
        if (test->items[i]) http_connection_closed(test->items[i]);
        close(test->here[i]);
        close(test->there[i]);
    }
    http_connections_free(test->all);
    free(test);
}

static bool is_shut(const struct test *test, int i)
{
    char byte;
    return recv(test->there[i], &byte, 1, MSG_DONTWAIT) == 0;
}

static void wait_until_shut(const struct test *test, int i)
{
    char byte;
    struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
    setsockopt(test->there[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(recv(test->there[i], &byte, 1, 0), 0);
}

static void test_opened_beyond_the_maximum_shuts_down_the_oldest(void **state)
{
    (void)state;
    struct test *test = begin(2, never_ns, never_ns);
    for (int i = 0; i < 4; i++) open_one(test, i);
    assert_true(is_shut(test, 0));
    assert_true(is_shut(test, 1));
    assert_false(is_shut(test, 2));
    assert_false(is_shut(test, 3));
    end(test);
}

static void test_opened_beyond_the_maximum_spares_who_has_done_something_since(void **state)
{
    (void)state;
    struct test *test = begin(3, never_ns, never_ns);
    for (int i = 0; i < 3; i++) open_one(test, i);
    http_connection_begun(test->items[0]);
    http_connection_whole(test->items[0]);
    http_connection_answered(test->items[0]);
    http_connection_begun(test->items[1]); // the beginning of a request is not enough
    open_one(test, 3);
    assert_true(is_shut(test, 1));
    open_one(test, 4);
    assert_true(is_shut(test, 2));
    assert_false(is_shut(test, 0));
    end(test);
}

static void test_opened_beyond_the_maximum_never_shuts_down_whose_request_is_worked_on(void **state)
{
    (void)state;
    struct test *test = begin(2, never_ns, never_ns);
    for (int i = 0; i < 2; i++) {
        open_one(test, i);
        http_connection_whole(test->items[i]);
    }
    open_one(test, 2);
    assert_false(is_shut(test, 0));
    assert_false(is_shut(test, 1));
    assert_true(is_shut(test, 2));
    end(test);
}

static void test_closed_makes_room(void **state)
{
    (void)state;
    struct test *test = begin(1, never_ns, never_ns);
    for (int i = 0; i < PAIRS; i++) {
        open_one(test, i);
        assert_false(is_shut(test, i));
        http_connection_closed(test->items[i]);
        test->items[i] = NULL;
    }
    end(test);
}

static void test_request_that_is_not_whole_in_time_shuts_its_connection_down(void **state)
{
    (void)state;
    struct test *test = begin(PAIRS, SHORT_MS * MS_NS, never_ns);
    int64_t before = clock_mono_ns();
    open_one(test, 0);
    open_one(test, 1);
    http_connection_begun(test->items[1]);
    open_one(test, 2);
    http_connection_whole(test->items[2]);
    open_one(test, 3);
    http_connection_answered(test->items[3]);
    wait_until_shut(test, 0);
    wait_until_shut(test, 1);
    assert_true(clock_mono_ns() - before >= SHORT_MS * MS_NS);
    assert_false(is_shut(test, 2));
    assert_false(is_shut(test, 3));
    http_connection_begun(test->items[3]); // its next request has the short time again
    wait_until_shut(test, 3);
    end(test);
}

static void test_answer_that_is_not_taken_in_time_shuts_its_connection_down(void **state)
{
    (void)state;
    struct test *test = begin(PAIRS, never_ns, SHORT_MS * MS_NS);
    int64_t before = clock_mono_ns();
    open_one(test, 0);
    open_one(test, 1);
    http_connection_whole(test->items[1]);
    http_connection_answered(test->items[1]);
    wait_until_shut(test, 1);
    assert_true(clock_mono_ns() - before >= SHORT_MS * MS_NS);
    assert_false(is_shut(test, 0));
    http_connection_answered(test->items[1]); // what the server says afterwards changes nothing
    http_connection_whole(test->items[1]);
    end(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opened_beyond_the_maximum_shuts_down_the_oldest),
        cmocka_unit_test(test_opened_beyond_the_maximum_spares_who_has_done_something_since),
        cmocka_unit_test(test_opened_beyond_the_maximum_never_shuts_down_whose_request_is_worked_on),
        cmocka_unit_test(test_closed_makes_room),
        cmocka_unit_test(test_request_that_is_not_whole_in_time_shuts_its_connection_down),
        cmocka_unit_test(test_answer_that_is_not_taken_in_time_shuts_its_connection_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
