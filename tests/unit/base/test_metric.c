// SPDX-License-Identifier: Apache-2.0
// Metrics: values, quantiles, caps, the page in both formats, and threads.
#include "base/metric.h"

#include <math.h>
#include <pthread.h>

#include "../unit.h"
#include "base/clock.h"

struct fixture {
    struct metric_registry *registry;
    struct buf page;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->registry = metric_registry_new();
    buf_init(&f->page, 1 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    metric_registry_free(f->registry);
    buf_fini(&f->page);
    free(f);
    return 0;
}

static const char *page(struct fixture *f, enum metric_format format)
{
    buf_reset(&f->page);
    metric_write(f->registry, format, &f->page);
    buf_append_byte(&f->page, '\0');
    assert_false(f->page.full);
    return f->page.data;
}

static void test_same_name_and_labels_are_the_same_metric(void **state)
{
    struct fixture *f = *state;
    struct metric *a = metric_counter(f->registry, "fdp_a_total", "x=\"1\"", "A.");
    assert_ptr_equal(metric_counter(f->registry, "fdp_a_total", "x=\"1\"", "A."), a);
    assert_ptr_not_equal(metric_counter(f->registry, "fdp_a_total", "x=\"2\"", "A."), a);
    assert_ptr_not_equal(metric_counter(f->registry, "fdp_a_total", NULL, "A."), a);
    assert_ptr_not_equal(metric_counter(f->registry, "fdp_b_total", "x=\"1\"", "B."), a);
}

static void test_values_are_what_was_put_in(void **state)
{
    struct fixture *f = *state;
    struct metric *counter = metric_counter(f->registry, "fdp_c_total", NULL, "C."),
                  *gauge = metric_gauge(f->registry, "fdp_g", NULL, "G.");
    assert_int_equal(metric_count(counter), 0);
    metric_add(counter, 5);
    metric_add(counter, 0);
    metric_add(counter, 7);
    assert_int_equal(metric_count(counter), 12);
    metric_set(gauge, 2.5);
    metric_set(gauge, -1);
    assert_true(metric_value(gauge) == -1);
    metric_change(gauge, 3);
    metric_change(gauge, -0.5);
    assert_true(metric_value(gauge) == 1.5);
}

static void test_page_of_counters_and_gauges(void **state)
{
    struct fixture *f = *state;
    metric_add(metric_counter(f->registry, "fdp_c_total", "topic=\"a\"", "Counts."), 3);
    metric_set(metric_gauge(f->registry, "fdp_g", NULL, "Shows."), 0.1);
    metric_add(metric_counter(f->registry, "fdp_c_total", "topic=\"b\"", "Counts."), 4);
    assert_string_equal(page(f, METRIC_PROMETHEUS), "# HELP fdp_c_total Counts.\n# TYPE fdp_c_total counter\n"
                                                    "fdp_c_total{topic=\"a\"} 3\nfdp_c_total{topic=\"b\"} 4\n"
                                                    "# HELP fdp_g Shows.\n# TYPE fdp_g gauge\nfdp_g 0.1\n");
    assert_string_equal(page(f, METRIC_OPENMETRICS), "# HELP fdp_c Counts.\n# TYPE fdp_c counter\n"
                                                     "fdp_c_total{topic=\"a\"} 3\nfdp_c_total{topic=\"b\"} 4\n"
                                                     "# HELP fdp_g Shows.\n# TYPE fdp_g gauge\nfdp_g 0.1\n# EOF\n");
}

static void test_page_of_nothing(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(page(f, METRIC_PROMETHEUS), "");
    assert_string_equal(page(f, METRIC_OPENMETRICS), "# EOF\n");
}

static void test_gauges_beyond_numbers(void **state)
{
    struct fixture *f = *state;
    metric_set(metric_gauge(f->registry, "fdp_b", NULL, "B."), INFINITY);
    metric_set(metric_gauge(f->registry, "fdp_c", NULL, "C."), -INFINITY);
    metric_set(metric_gauge(f->registry, "fdp_d", NULL, "D."), 1786622589.125);
    const char *text = page(f, METRIC_PROMETHEUS);
    assert_contains(text, "fdp_b +Inf\n");
    assert_contains(text, "fdp_c -Inf\n");
    assert_contains(text, "fdp_d 1786622589.125\n");
}

static void test_gauges_of_which_nothing_is_known_are_left_out(void **state)
{
    struct fixture *f = *state;
    struct metric *a = metric_gauge(f->registry, "fdp_g", "x=\"a\"", "G.");
    metric_set(metric_gauge(f->registry, "fdp_g", "x=\"b\"", "G."), 2);
    metric_set(metric_gauge(f->registry, "fdp_h", NULL, "H."), NAN);
    metric_set(a, NAN);
    assert_string_equal(page(f, METRIC_PROMETHEUS), "# HELP fdp_g G.\n# TYPE fdp_g gauge\nfdp_g{x=\"b\"} 2\n");
    metric_set(a, 1);
    assert_string_equal(page(f, METRIC_PROMETHEUS), "# HELP fdp_g G.\n# TYPE fdp_g gauge\nfdp_g{x=\"a\"} 1\nfdp_g{x=\"b\"} 2\n");
}

static void count_page(void *context)
{
    struct metric *const *metrics = context;
    metric_add(metrics[0], 1);
    metric_set(metrics[1], (double)metric_count(metrics[0]) / 4);
}

static void test_pages_are_written_after_a_refresh(void **state)
{
    struct fixture *f = *state;
    struct metric *metrics[] = {metric_counter(f->registry, "fdp_pages_total", NULL, "P."),
                                metric_counter(f->registry, "fdp_kept_by_others_total", NULL, "K.")};
    metric_refresh_with(f->registry, count_page, metrics);
    assert_contains(page(f, METRIC_PROMETHEUS), "fdp_pages_total 1\n");
    const char *text = page(f, METRIC_OPENMETRICS);
    assert_contains(text, "fdp_pages_total 2\n");
    assert_contains(text, "# TYPE fdp_kept_by_others counter\nfdp_kept_by_others_total 0.5\n");
}

static void test_histogram_page_is_cumulative(void **state)
{
    struct fixture *f = *state;
    struct metric *histogram = metric_histogram(f->registry, "fdp_h_seconds", "stage=\"x\"", "Takes.");
    metric_observe_ns(histogram, 50000);              // on a bound: counts below it
    metric_observe_ns(histogram, 50001);              // just above
    metric_observe_many_ns(histogram, 4 * MS_NS, 10); // 3..5 ms
    metric_observe_ns(histogram, 100 * SECOND_NS);    // beyond all
    metric_observe_ns(histogram, -5);                 // a clock that was set back
    const char *text = page(f, METRIC_PROMETHEUS);
    assert_contains(text, "# TYPE fdp_h_seconds histogram\n");
    assert_contains(text, "fdp_h_seconds_bucket{stage=\"x\",le=\"5e-05\"} 2\n");
    assert_contains(text, "fdp_h_seconds_bucket{stage=\"x\",le=\"0.0001\"} 3\n");
    assert_contains(text, "fdp_h_seconds_bucket{stage=\"x\",le=\"0.003\"} 3\n");
    assert_contains(text, "fdp_h_seconds_bucket{stage=\"x\",le=\"0.005\"} 13\n");
    assert_contains(text, "fdp_h_seconds_bucket{stage=\"x\",le=\"60\"} 13\n");
    assert_contains(text, "fdp_h_seconds_bucket{stage=\"x\",le=\"+Inf\"} 14\n");
    assert_contains(text, "fdp_h_seconds_sum{stage=\"x\"} 100.0401");
    assert_contains(text, "fdp_h_seconds_count{stage=\"x\"} 14\n");
    assert_int_equal(metric_count(histogram), 14);
}

static void test_histogram_of_moments_counts_those_that_are_not_null(void **state)
{
    struct fixture *f = *state;
    struct metric *histogram = metric_histogram(f->registry, "fdp_h_seconds", NULL, "Takes.");
    const int64_t now_us = 1786622589000000;
    const int64_t moments_us[] = {now_us - 4000, now_us - 4000, 12345, now_us + 7, now_us - 80, INT64_MAX};
    const uint8_t null[] = {0, 0, 1, 0, 0, 0}; // the two after now: a clock that was set back, and nonsense
    metric_observe_since_us(histogram, now_us, moments_us, null, 6);
    const char *text = page(f, METRIC_PROMETHEUS);
    assert_contains(text, "fdp_h_seconds_bucket{le=\"5e-05\"} 2\n");
    assert_contains(text, "fdp_h_seconds_bucket{le=\"0.0001\"} 3\n");
    assert_contains(text, "fdp_h_seconds_bucket{le=\"0.003\"} 3\n");
    assert_contains(text, "fdp_h_seconds_bucket{le=\"0.005\"} 5\n");
    assert_contains(text, "fdp_h_seconds_bucket{le=\"+Inf\"} 5\n");
    assert_contains(text, "fdp_h_seconds_sum 0.00808\n");
    const int64_t ancient_us = INT64_MIN;
    metric_observe_since_us(histogram, now_us, &ancient_us, null, 1);
    assert_contains(page(f, METRIC_PROMETHEUS), "fdp_h_seconds_bucket{le=\"60\"} 5\n");
    assert_int_equal(metric_count(histogram), 6);
}

static void test_histogram_sum_of_a_long_backlog_does_not_overflow(void **state)
{
    struct fixture *f = *state;
    struct metric *histogram = metric_histogram(f->registry, "fdp_h_seconds", NULL, "Takes.");
    // A million records, each thirty days late.
    metric_observe_many_ns(histogram, 30 * 86400 * SECOND_NS, 1000000);
    assert_contains(page(f, METRIC_PROMETHEUS), "fdp_h_seconds_sum 2592000000000\n");
}

static void test_quantile_interpolates_inside_its_bucket(void **state)
{
    struct fixture *f = *state;
    struct metric *histogram = metric_histogram(f->registry, "fdp_h_seconds", NULL, "Takes.");
    assert_true(metric_quantile(histogram, 0.99) == 0);
    metric_observe_many_ns(histogram, 6 * MS_NS, 100); // 5..7.5 ms
    assert_true(fabs(metric_quantile(histogram, 0) - 0.005) < 1e-12);
    assert_true(fabs(metric_quantile(histogram, 0.5) - 0.00625) < 1e-12);
    assert_true(fabs(metric_quantile(histogram, 1) - 0.0075) < 1e-12);
    metric_observe_many_ns(histogram, 1000, 900); // below 50 us
    assert_true(metric_quantile(histogram, 0.5) < 0.00005);
    assert_true(metric_quantile(histogram, 0.95) > 0.005);
    metric_observe_many_ns(histogram, 1000 * SECOND_NS, 100000);
    assert_true(metric_quantile(histogram, 0.99) == 60);
}

static void test_gauges_of_keys_are_capped(void **state)
{
    struct fixture *f = *state;
    struct metric *a = metric_gauge_of_key(f->registry, "fdp_s", "symbol", "A", "S.", 2);
    struct metric *b = metric_gauge_of_key(f->registry, "fdp_s", "symbol", "B", "S.", 2);
    struct metric *c = metric_gauge_of_key(f->registry, "fdp_s", "symbol", "C", "S.", 2);
    struct metric *d = metric_gauge_of_key(f->registry, "fdp_s", "symbol", "D", "S.", 2);
    assert_ptr_not_equal(a, b);
    assert_ptr_not_equal(c, b);
    assert_ptr_equal(c, d);
    assert_ptr_equal(metric_gauge_of_key(f->registry, "fdp_s", "symbol", "A", "S.", 2), a);
    metric_set(c, 7);
    const char *text = page(f, METRIC_PROMETHEUS);
    assert_contains(text, "fdp_s{symbol=\"A\"} 0\n");
    assert_contains(text, "fdp_s{symbol=\"other\"} 7\n");
    assert_null(strstr(text, "\"C\""));
    assert_ptr_equal(metric_gauge_of_key(f->registry, "fdp_t", "symbol", "A", "T.", 0),
                     metric_gauge_of_key(f->registry, "fdp_t", "symbol", "B", "T.", 0));
}

static void test_keys_from_outside_cannot_break_the_page(void **state)
{
    struct fixture *f = *state;
    metric_gauge_of_key(f->registry, "fdp_s", "symbol", "a\"b\\c\nd\te\x01 é \x7f", "S.", 10);
    metric_gauge_of_key(f->registry, "fdp_s", "symbol", "\xff\xfe", "S.", 10);
    char key[3000];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    metric_gauge_of_key(f->registry, "fdp_s", "symbol", key, "S.", 10);
    const char *text = page(f, METRIC_PROMETHEUS);
    assert_contains(text, "fdp_s{symbol=\"a\\\"b\\\\c\\nd?e? é ?\"} 0\n");
    assert_contains(text, "fdp_s{symbol=\"?\?\"} 0\n");
    assert_contains(text, "fdp_s{symbol=\"other\"} 0\n");
}

static void *change_many(void *argument)
{
    struct metric_registry *registry = argument;
    struct metric *counter = metric_counter(registry, "fdp_c_total", NULL, "C.");
    struct metric *histogram = metric_histogram(registry, "fdp_h_seconds", NULL, "H.");
    for (int i = 0; i < 10000; i++) {
        char key[16];
        snprintf(key, sizeof key, "S%d", i % 20);
        metric_add(counter, 2);
        metric_observe_ns(histogram, 500 * MS_NS);
        if (i % 9 == 0) metric_set(metric_gauge_of_key(registry, "fdp_s", "symbol", key, "S.", 10), i);
    }
    return NULL;
}

static void test_threads_lose_no_count(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, change_many, f->registry), 0);
    for (int i = 0; i < 20; i++) page(f, METRIC_OPENMETRICS);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    const char *text = page(f, METRIC_PROMETHEUS);
    assert_contains(text, "fdp_c_total 80000\n");
    assert_contains(text, "fdp_h_seconds_count 40000\n");
    assert_contains(text, "fdp_h_seconds_sum 20000\n");
    size_t gauges = 0;
    for (const char *p = text; (p = strstr(p, "fdp_s{")); p++) gauges++;
    assert_int_equal(gauges, 11);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_same_name_and_labels_are_the_same_metric),
        CASE(test_values_are_what_was_put_in),
        CASE(test_page_of_counters_and_gauges),
        CASE(test_page_of_nothing),
        CASE(test_gauges_beyond_numbers),
        CASE(test_gauges_of_which_nothing_is_known_are_left_out),
        CASE(test_pages_are_written_after_a_refresh),
        CASE(test_histogram_page_is_cumulative),
        CASE(test_histogram_of_moments_counts_those_that_are_not_null),
        CASE(test_histogram_sum_of_a_long_backlog_does_not_overflow),
        CASE(test_quantile_interpolates_inside_its_bucket),
        CASE(test_gauges_of_keys_are_capped),
        CASE(test_keys_from_outside_cannot_break_the_page),
        CASE(test_threads_lose_no_count),
    };
    return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
