// SPDX-License-Identifier: Apache-2.0
// What every role tells of itself.
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "../unit.h"
#include "base/clock.h"
#include "monitoring/vitals.h"

struct fixture {
    struct metric_registry *metrics;
    struct health *health;
    struct vitals vitals;
    struct buf page;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->metrics = metric_registry_new();
    f->health = health_new();
    vitals_init(&f->vitals, f->metrics, f->health);
    buf_init(&f->page, 1 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    health_free(f->health);
    metric_registry_free(f->metrics);
    buf_fini(&f->page);
    free(f);
    return 0;
}

static const char *page(struct fixture *f)
{
    buf_reset(&f->page);
    metric_write(f->metrics, METRIC_PROMETHEUS, &f->page);
    buf_append_byte(&f->page, '\0');
    return f->page.data;
}

static double value(struct fixture *f, const char *name)
{
    char line[64];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(page(f), line);
    if (!at) fail_msg("%s is not on the page", name);
    return strtod(at + strlen(line), NULL);
}

static void test_version_and_start(void **state)
{
    struct fixture *f = *state;
    double now = (double)clock_now_us() / 1e6, started = value(f, "process_start_time_seconds");
    assert_true(started <= now && started > now - 60);
    assert_contains(page(f), "fdp_build_info{version=\"" FDP_VERSION "\"} 1\n");
}

static void test_ready_is_what_health_says(void **state)
{
    struct fixture *f = *state;
    assert_true(value(f, "fdp_ready") == 0);
    health_started(f->health);
    assert_true(value(f, "fdp_ready") == 1);
    health_stopping(f->health);
    assert_true(value(f, "fdp_ready") == 0);
}

static void test_figures_of_the_process_are_those_of_now(void **state)
{
    struct fixture *f = *state;
    double files = value(f, "process_open_fds"), cpu = value(f, "process_cpu_seconds_total"),
           memory = value(f, "process_resident_memory_bytes");
    assert_true(files >= 3 && cpu > 0 && memory > 1e6 && fmod(memory, 4096) == 0);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(value(f, "process_open_fds") == files + 1);
    close(fd);
    size_t size = 64 << 20;
    char *block = malloc(size);
    for (size_t i = 0; i < size; i += 512) block[i] = (char)i;
    assert_true(value(f, "process_resident_memory_bytes") > memory + 32e6);
    assert_true(value(f, "process_cpu_seconds_total") > cpu);
    free(block);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_version_and_start),
        TEST(test_ready_is_what_health_says),
        TEST(test_figures_of_the_process_are_those_of_now),
    };
    return cmocka_run_group_tests_name("vitals", tests, NULL, NULL);
}
