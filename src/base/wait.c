// SPDX-License-Identifier: Apache-2.0
// Waits by the clock of deadlines, which nobody sets.
#include "base/wait.h"

#include <time.h>

#include "base/clock.h"

static struct timespec instant(int64_t deadline_ns)
{
    return (struct timespec){.tv_sec = deadline_ns / SECOND_NS, .tv_nsec = deadline_ns % SECOND_NS};
}

bool wait_condition(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ns)
{
    struct timespec until = instant(deadline_ns);
    return !pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &until);
}

bool wait_mutex(pthread_mutex_t *mutex, int64_t deadline_ns)
{
    struct timespec until = instant(deadline_ns);
    return !pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
}
