// SPDX-License-Identifier: Apache-2.0
// Shortest decimals of float and double: a fast way for ordinary magnitudes, an exact one for the rest.
#include "model/decimal.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Powers of ten that a double holds exactly.
static const double power10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { POWER10_MAX = 22 };

// digits * 10^exponent
struct decimal {
    uint64_t digits;
    int exponent;
};

enum width { FLOAT, DOUBLE };

static bool reads_back(struct decimal decimal, double value, enum width width, double *read)
{
    char text[48];
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)decimal.digits, decimal.exponent);
    *read = strtod(text, NULL);
    return width == FLOAT ? (double)strtof(text, NULL) == value : *read == value;
}

// A power of two has neighbours at unequal distances, so that the decimal just above may read back where the nearest does not.
static bool is_power_of_two(double value)
{
    int exponent;
    return frexp(value, &exponent) == 0.5;
}

// Tries more and more digits, each time the decimal nearest to the value (the C library's printing is exact). `value` is positive
// and finite.
static struct decimal shortest_exact(double value, enum width width, double *read)
{
    struct decimal decimal = {0};
    for (int precision = 0; precision < DBL_DECIMAL_DIG; precision++) {
        char text[48];
        snprintf(text, sizeof text, "%.*e", precision, value);
        decimal = (struct decimal){0};
        char *p = text;
        for (; *p != 'e'; p++)
            if (*p != '.') decimal.digits = decimal.digits * 10 + (uint64_t)(*p - '0');
        decimal.exponent = (int)strtol(p + 1, NULL, 10) - precision;
        if (reads_back(decimal, value, width, read)) break;
        decimal.digits++;
        if (is_power_of_two(value) && reads_back(decimal, value, width, read)) break;
    }
    return decimal;
}

// floor(log10(value)) for a value within the table, by its binary exponent and one comparison.
static int log10_floor(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int binary = (int)(bits >> 52) - 1023;
    int guess = (int)(((int64_t)binary * 78913) >> 18); // log10(2) * 2^18; at most one too low
    bool next = guess + 1 >= 0 ? value >= power10[guess + 1] : value * power10[-(guess + 1)] >= 1;
    return next ? guess + 1 : guess;
}

// n * 10^-scale, correctly rounded: both operands are exact.
static double scaled_down(double n, int scale)
{
    return scale >= 0 ? n / power10[scale] : n * power10[-scale];
}

// True when rounding the candidate to float could differ from rounding the decimal that it stands for: halfway between two floats.
static bool is_float_midpoint(double candidate)
{
    uint64_t bits;
    memcpy(&bits, &candidate, sizeof bits);
    return (bits & 0x1fffffff) == 0x10000000;
}

// One number of digits. Where the answer hangs on a hair (the product of two exact numbers is rounded once), says so in `doubtful`.
static bool try_digits(double value, int scale, double *candidate, bool *doubtful)
{
    double product = scale >= 0 ? value * power10[scale] : value / power10[-scale];
    double below = (double)(int64_t)product, fraction = product - below;
    *candidate = scaled_down(fraction < 0.5 ? below : below + 1, scale);
    bool same = (double)(float)*candidate == value;
    if (fabs(fraction - 0.5) < 1e-6) {
        double other = scaled_down(fraction < 0.5 ? below + 1 : below, scale);
        *doubtful = same || (double)(float)other == value || is_float_midpoint(other);
    }
    if (is_float_midpoint(*candidate)) *doubtful = true;
    return same;
}

// Six digits never lose a decimal of up to six, so the search begins there; trailing zeros do not change the value. A power of two is
// left to the exact way after the first failure that its uneven neighbours could make wrong.
static bool from_float_fast(double value, double *result)
{
    if (value < 1e-12 || value >= 1e21) return false;
    int exponent = log10_floor(value), last = is_power_of_two(value) ? FLT_DIG + 1 : FLT_DECIMAL_DIG;
    bool doubtful = false;
    for (int digits = FLT_DIG; digits <= last && !doubtful; digits++)
        if (try_digits(value, digits - 1 - exponent, result, &doubtful)) return !doubtful;
    return false;
}

double decimal_from_float(float value)
{
    if (value == 0 || !isfinite(value)) return (double)value;
    double positive = fabs((double)value), result;
    if (!from_float_fast(positive, &result)) shortest_exact(positive, FLOAT, &result);
    return value < 0 ? -result : result;
}

// A decimal of up to 15 digits that gives the value is the only one, so with its trailing zeros gone it is the shortest.
static bool shortest_fast(double value, struct decimal *decimal)
{
    if (value < 1e-6 || value >= 1e15) return false;
    int scale = DBL_DIG - 1 - log10_floor(value);
    int64_t n = (int64_t)(value * power10[scale] + 0.5);
    if ((double)n / power10[scale] != value || n >= INT64_C(1000000000000000)) return false;
    static const struct {
        int64_t power;
        int zeros;
    } steps[] = {{100000000, 8}, {10000, 4}, {100, 2}, {10, 1}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (n % steps[i].power) continue;
        n /= steps[i].power;
        scale -= steps[i].zeros;
    }
    *decimal = (struct decimal){(uint64_t)n, -scale};
    return true;
}

// "0.00015", "305.76" or "19100": `point` digits stand before the point (it may be negative, or past the end).
static char *write_plain(char *out, const char *digits, int count, int point)
{
    if (point <= 0) {
        *out++ = '0';
        *out++ = '.';
        for (; point < 0; point++) *out++ = '0';
        memcpy(out, digits, (size_t)count);
        return out + count;
    }
    int whole = count < point ? count : point;
    memcpy(out, digits, (size_t)whole);
    out += whole;
    for (int i = count; i < point; i++) *out++ = '0';
    if (count > point) {
        *out++ = '.';
        memcpy(out, digits + point, (size_t)(count - point));
        out += count - point;
    }
    return out;
}

size_t decimal_format(double value, char out[DECIMAL_TEXT_BYTES])
{
    char *to = out;
    if (signbit(value) && !isnan(value)) *to++ = '-';
    double positive = fabs(value), read;
    if (!isfinite(value) || value == 0) {
        const char *name = isnan(value) ? "nan" : value == 0 ? "0" : "inf";
        memcpy(to, name, strlen(name) + 1);
        return strlen(out);
    }
    struct decimal decimal;
    if (!shortest_fast(positive, &decimal)) {
        decimal = shortest_exact(positive, DOUBLE, &read);
        for (; decimal.digits % 10 == 0; decimal.digits /= 10) decimal.exponent++;
    }
    char digits[20];
    int at = (int)sizeof digits;
    for (uint64_t n = decimal.digits; n; n /= 10) digits[--at] = (char)('0' + n % 10);
    int count = (int)sizeof digits - at, point = count + decimal.exponent;
    if (point >= -5 && point <= 21) {
        to = write_plain(to, digits + at, count, point);
    } else {
        to = write_plain(to, digits + at, count, 1);
        to += snprintf(to, 8, "e%+d", point - 1);
    }
    *to = '\0';
    return (size_t)(to - out);
}
