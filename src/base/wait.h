// SPDX-License-Identifier: Apache-2.0
// Waiting for another thread, until a deadline in the terms of clock_mono_ns; INT64_MAX has no end.
#ifndef FDP_BASE_WAIT_H
#define FDP_BASE_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

// Waits on the condition with the mutex held. False once the deadline is past; true also for nothing, as conditions do.
bool wait_condition(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ns);
// Locks the mutex. False when it could not be had until the deadline.
bool wait_mutex(pthread_mutex_t *mutex, int64_t deadline_ns);

#endif
