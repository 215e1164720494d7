// SPDX-License-Identifier: Apache-2.0
// Clocks, and the text form of instants.
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

int64_t clock_now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

int64_t clock_mono_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

int64_t clock_deadline_ms(int64_t ms)
{
    int64_t ns, deadline;
    if (__builtin_mul_overflow(ms, MS_NS, &ns) || __builtin_add_overflow(clock_mono_ns(), ns, &deadline)) return INT64_MAX;
    return deadline;
}

int clock_left_ms(int64_t deadline_ns)
{
    int64_t now = clock_mono_ns();
    if (deadline_ns <= now) return 0;
    int64_t left = (deadline_ns - now - 1) / MS_NS + 1;
    return left > 3600000 ? 3600000 : (int)left;
}

void clock_sleep_until(int64_t deadline_ns)
{
    struct timespec ts = {.tv_sec = deadline_ns / SECOND_NS, .tv_nsec = deadline_ns % SECOND_NS};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

// Days since 1970-01-01 of a proleptic Gregorian date (algorithm: Howard Hinnant, "chrono-compatible low-level date algorithms").
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int *m, int *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

char *clock_format(int64_t us, char out[CLOCK_TEXT_BYTES])
{
    int64_t second = us / SECOND_US, fraction = us % SECOND_US;
    if (fraction < 0) fraction += SECOND_US, second--;
    int64_t day = second / 86400, in_day = second % 86400, year;
    if (in_day < 0) in_day += 86400, day--;
    int month, mday;
    civil_from_days(day, &year, &month, &mday);
    int n = snprintf(out, CLOCK_TEXT_BYTES, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)year, month, mday, (int)(in_day / 3600),
                     (int)(in_day / 60 % 60), (int)(in_day % 60));
    size_t at = (size_t)n;
    if (fraction % 1000)
        n = snprintf(out + at, CLOCK_TEXT_BYTES - at, ".%06dZ", (int)fraction);
    else if (fraction)
        n = snprintf(out + at, CLOCK_TEXT_BYTES - at, ".%03dZ", (int)(fraction / 1000));
    else
        n = snprintf(out + at, CLOCK_TEXT_BYTES - at, "Z");
    (void)n;
    return out;
}

// Takes exactly `digits` digits from the front.
static bool take_number(struct slice *text, int digits, int *value)
{
    if (text->size < (size_t)digits) return false;
    *value = 0;
    for (int i = 0; i < digits; i++) {
        int digit = text->data[i] - '0';
        if (digit < 0 || digit > 9) return false;
        *value = *value * 10 + digit;
    }
    text->data += digits;
    text->size -= (size_t)digits;
    return true;
}

static bool take_char(struct slice *text, char c)
{
    if (text->size == 0 || text->data[0] != c) return false;
    text->data++;
    text->size--;
    return true;
}

// The decimals behind whole seconds, if there are any, cut to microseconds.
static bool take_fraction(struct slice *text, int *us)
{
    *us = 0;
    if (!take_char(text, '.')) return true;
    int digits = 0, digit;
    for (; take_number(text, 1, &digit); digits++)
        if (digits < 6) *us = *us * 10 + digit;
    for (int i = digits; i < 6; i++) *us *= 10;
    return digits > 0;
}

static bool take_zone(struct slice *text, int *offset_minutes)
{
    *offset_minutes = 0;
    if (text->size == 0 || take_char(text, 'Z') || take_char(text, 'z')) return text->size == 0;
    int sign = text->data[0] == '+' ? 1 : text->data[0] == '-' ? -1 : 0;
    int hours, minutes = 0;
    if (!sign || !take_char(text, text->data[0]) || !take_number(text, 2, &hours)) return false;
    if (text->size) {
        take_char(text, ':');
        if (!take_number(text, 2, &minutes)) return false;
    }
    if (hours > 23 || minutes > 59) return false;
    *offset_minutes = sign * (hours * 60 + minutes);
    return text->size == 0;
}

bool clock_parse(struct slice text, int64_t *us)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour = 0, minute = 0, second = 0, fraction = 0, zone = 0;
    if (!take_number(&text, 4, &year) || !take_char(&text, '-') || !take_number(&text, 2, &month) || !take_char(&text, '-') ||
        !take_number(&text, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day < 1 || day > month_days[month - 1] + (month == 2 && leap)) return false;
    if (text.size) {
        if (!take_char(&text, 'T') && !take_char(&text, ' ') && !take_char(&text, 't')) return false;
        if (!take_number(&text, 2, &hour) || !take_char(&text, ':') || !take_number(&text, 2, &minute)) return false;
        if (take_char(&text, ':') && (!take_number(&text, 2, &second) || !take_fraction(&text, &fraction))) return false;
        if (hour > 23 || minute > 59 || second > 59) return false;
        if (!take_zone(&text, &zone)) return false;
    }
    int64_t seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + (minute - zone) * 60 + second;
    *us = seconds * SECOND_US + fraction;
    return true;
}

bool clock_parse_duration(struct slice text, int64_t *ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1000}};
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') digits++;
    int64_t number;
    if (!text_to_int64((struct slice){text.data, digits}, &number)) return false;
    struct slice unit = {text.data + digits, text.size - digits};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (slice_is(unit, units[i].unit)) return !__builtin_mul_overflow(number, units[i].ms, ms);
    return false;
}
