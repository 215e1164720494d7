// SPDX-License-Identifier: Apache-2.0
// New York's clock.
#include "simulator/session.h"

#include <time.h>

enum { MARCH = 2, NOVEMBER = 10, HOUR = 3600, WINTER_OFFSET = -5 * HOUR, SUMMER_OFFSET = -4 * HOUR };

// The n-th Sunday of a month, at an hour of UTC.
static time_t nth_sunday(int year, int month, int n, int utc_hour)
{
    struct tm first = {.tm_year = year, .tm_mon = month, .tm_mday = 1, .tm_hour = utc_hour};
    time_t start = timegm(&first);
    int days = (7 - first.tm_wday) % 7 + 7 * (n - 1);
    return start + (time_t)days * 24 * HOUR;
}

// Summer time: from the second Sunday of March to the first of November, both at 2:00 by the clock on the wall.
static int new_york_offset(time_t utc)
{
    struct tm now;
    gmtime_r(&utc, &now);
    return utc >= nth_sunday(now.tm_year, MARCH, 2, 7) && utc < nth_sunday(now.tm_year, NOVEMBER, 1, 6) ? SUMMER_OFFSET : WINTER_OFFSET;
}

enum session session_at(int64_t us)
{
    time_t utc = (time_t)(us / 1000000), local = utc + new_york_offset(utc);
    struct tm clock;
    gmtime_r(&local, &clock);
    int minute = clock.tm_hour * 60 + clock.tm_min;
    if (minute < 4 * 60 || minute >= 20 * 60) return SESSION_OVERNIGHT;
    if (minute < 9 * 60 + 30) return SESSION_PRE;
    return minute < 16 * 60 ? SESSION_REGULAR : SESSION_POST;
}
