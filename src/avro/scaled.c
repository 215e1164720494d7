// SPDX-License-Identifier: Apache-2.0
// Decimals of any size by schoolbook arithmetic on 32-bit limbs, least significant first.
#include "avro/scaled.h"

#include <stdio.h>
#include <string.h>

enum { LIMBS = SCALED_MAX_BYTES / 4 + 1, MAX_DIGITS = SCALED_TEXT_BYTES };

struct number {
    uint32_t limbs[LIMBS];
    int count; // limbs in use; the highest is not 0
};

static void multiply_add(struct number *number, uint32_t factor, uint32_t more)
{
    uint64_t carry = more;
    for (int i = 0; i < number->count; i++) {
        carry += (uint64_t)number->limbs[i] * factor;
        number->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) number->limbs[number->count++] = (uint32_t)carry;
}

static uint32_t divide(struct number *number, uint32_t divisor)
{
    uint64_t rest = 0;
    for (int i = number->count - 1; i >= 0; i--) {
        rest = rest << 32 | number->limbs[i];
        number->limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    while (number->count && !number->limbs[number->count - 1]) number->count--;
    return (uint32_t)rest;
}

// The magnitude of a two's complement integer.
static bool number_from_bytes(struct number *number, const unsigned char *bytes, size_t size)
{
    bool negative = bytes[0] & 0x80;
    unsigned carry = negative;
    *number = (struct number){0};
    for (size_t i = 0; i < size; i++) {
        unsigned byte = bytes[size - 1 - i];
        if (negative) {
            byte = (~byte & 0xff) + carry;
            carry = byte >> 8;
            byte &= 0xff;
        }
        number->limbs[i / 4] |= (uint32_t)byte << 8 * (i % 4);
    }
    // The magnitude of the least integer needs one bit more.
    if (carry) number->limbs[size / 4] |= 1u << 8 * (size % 4);
    number->count = LIMBS;
    while (number->count && !number->limbs[number->count - 1]) number->count--;
    return negative;
}

size_t scaled_to_text(const unsigned char *bytes, size_t size, int32_t precision, int32_t scale, char out[SCALED_TEXT_BYTES])
{
    if (size == 0 || size > SCALED_MAX_BYTES || scale < 0 || scale > SCALED_MAX_PRECISION) return 0;
    struct number number;
    bool negative = number_from_bytes(&number, bytes, size);
    char digits[MAX_DIGITS]; // least significant first
    size_t count = 0;
    while (number.count) {
        uint32_t part = divide(&number, 1000000000);
        for (int i = 0; i < 9; i++, part /= 10) digits[count++] = (char)('0' + part % 10);
    }
    while (count && digits[count - 1] == '0') count--;
    if (count > (size_t)precision) return 0;
    while (count <= (size_t)scale) digits[count++] = '0';
    char *to = out;
    if (negative) *to++ = '-';
    for (size_t i = count; i-- > 0;) {
        *to++ = digits[i];
        if (i == (size_t)scale && i) *to++ = '.';
    }
    *to = '\0';
    return (size_t)(to - out);
}

struct digits {
    bool negative;
    char text[MAX_DIGITS]; // most significant first, no leading zeros
    size_t count;
    int64_t exponent; // of the last digit
};

static bool parse_digits(struct slice text, struct digits *out)
{
    size_t i = 0;
    bool any = false, point = false;
    *out = (struct digits){.negative = text.size && text.data[0] == '-'};
    if (text.size && (text.data[0] == '-' || text.data[0] == '+')) i++;
    for (; i < text.size && text.data[i] != 'e' && text.data[i] != 'E'; i++) {
        char c = text.data[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') return false;
        any = true;
        if (point) out->exponent--;
        if (c == '0' && !out->count) continue;
        if (out->count == MAX_DIGITS) return false;
        out->text[out->count++] = c;
    }
    int64_t exponent = 0;
    if (i < text.size &&
        (!text_to_int64((struct slice){text.data + i + 1, text.size - i - 1}, &exponent) || exponent < -10000 || exponent > 10000))
        return false;
    out->exponent += exponent;
    return any;
}

// Drops or adds zeros at the end until the last digit stands at 10^-scale.
static bool shift_digits(struct digits *digits, int32_t scale)
{
    while (digits->count && digits->exponent < -scale) {
        if (digits->text[digits->count - 1] != '0') return false;
        digits->count--;
        digits->exponent++;
    }
    while (digits->count && digits->exponent > -scale) {
        if (digits->count == MAX_DIGITS) return false;
        digits->text[digits->count++] = '0';
        digits->exponent--;
    }
    return true;
}

static size_t number_to_bytes(const struct number *number, bool negative, unsigned char out[SCALED_MAX_BYTES])
{
    unsigned carry = negative;
    size_t size = (size_t)number->count * 4 + 1, skip = 0;
    unsigned char bytes[SCALED_MAX_BYTES + 5];
    for (size_t i = 0; i < size; i++) {
        unsigned byte = i / 4 < (size_t)number->count ? number->limbs[i / 4] >> 8 * (i % 4) & 0xff : 0;
        if (negative) {
            byte = (~byte & 0xff) + carry;
            carry = byte >> 8;
            byte &= 0xff;
        }
        bytes[size - 1 - i] = (unsigned char)byte;
    }
    // Bytes at the front that only repeat the sign are not needed.
    unsigned char sign = negative ? 0xff : 0;
    while (skip + 1 < size && bytes[skip] == sign && (bytes[skip + 1] & 0x80) == (sign & 0x80)) skip++;
    if (size - skip > SCALED_MAX_BYTES) return 0;
    memcpy(out, bytes + skip, size - skip);
    return size - skip;
}

bool scaled_from_text(struct slice text, int32_t precision, int32_t scale, unsigned char out[SCALED_MAX_BYTES], size_t *size)
{
    struct digits digits;
    if (precision > SCALED_MAX_PRECISION || !parse_digits(text, &digits) || !shift_digits(&digits, scale)) return false;
    if (digits.count > (size_t)precision) return false;
    struct number number = {0};
    for (size_t i = 0; i < digits.count; i++) multiply_add(&number, 10, (uint32_t)(digits.text[i] - '0'));
    *size = number_to_bytes(&number, digits.negative && number.count, out);
    return *size > 0;
}

void uuid_to_text(const unsigned char bytes[UUID_BYTES], char out[UUID_TEXT_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = hex[bytes[i] >> 4];
        *out++ = hex[bytes[i] & 15];
    }
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool uuid_from_text(struct slice text, unsigned char out[UUID_BYTES])
{
    if (text.size != UUID_TEXT_BYTES) return false;
    const char *p = text.data;
    for (int i = 0; i < UUID_BYTES; i++, p += 2) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-') return false;
        int high = hex_value(p[0]), low = hex_value(p[1]);
        if (high < 0 || low < 0) return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
