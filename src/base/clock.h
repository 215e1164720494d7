// SPDX-License-Identifier: Apache-2.0
// The two clocks, and how instants are written and read.
#ifndef FDP_BASE_CLOCK_H
#define FDP_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

// Microseconds since 1970-01-01 UTC. May jump when the machine's clock is set.
int64_t clock_now_us(void);
// Nanoseconds that only go forward; the base of every deadline and duration.
int64_t clock_mono_ns(void);

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)
#define SECOND_US INT64_C(1000000)

// A deadline `ms` milliseconds from now, in the terms of clock_mono_ns; for ever when that is further than it can tell.
int64_t clock_deadline_ms(int64_t ms);
// Milliseconds until the deadline, rounded up, at least 0 and at most an hour: what poll(2) wants.
int clock_left_ms(int64_t deadline_ns);
struct timespec;
// Sleeps until the deadline or until a signal.
void clock_sleep_until(int64_t deadline_ns);

enum { CLOCK_TEXT_BYTES = 40 };
// "2026-08-13T12:03:09Z", with 3 or 6 decimals where they are not zero. Returns `out`.
char *clock_format(int64_t us, char out[CLOCK_TEXT_BYTES]);
// ISO 8601 date and time: T or a space between, optional seconds and fraction (cut to microseconds), Z or +hh:mm or +hhmm;
// UTC where no zone is given; a bare date is its midnight. Years 0001..9999.
bool clock_parse(struct slice text, int64_t *us);

// "250ms", "10s", "5m", "2h", "7d"; a bare number is seconds. In milliseconds.
bool clock_parse_duration(struct slice text, int64_t *ms);

#endif
