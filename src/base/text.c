// SPDX-License-Identifier: Apache-2.0
// Checks and conversions on text.
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

bool text_is_utf8(const char *data, size_t size)
{
    if (!size) return true;
    const unsigned char *p = (const unsigned char *)data, *end = p + size;
    while (p < end) {
        // Eight ASCII bytes at a time: nearly all text here is.
        uint64_t word;
        if (end - p >= 8 && (memcpy(&word, p, 8), (word & 0x8080808080808080u) == 0)) {
            p += 8;
            continue;
        }
        unsigned char c = *p;
        if (c < 0x80) {
            p++;
            continue;
        }
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || end - p <= more) return false;
        unsigned char low = 0x80, high = 0xbf;
        if (c == 0xe0) low = 0xa0;
        if (c == 0xed) high = 0x9f;
        if (c == 0xf0) low = 0x90;
        if (c == 0xf4) high = 0x8f;
        if (p[1] < low || p[1] > high) return false;
        for (int i = 2; i <= more; i++)
            if ((p[i] & 0xc0) != 0x80) return false;
        p += more + 1;
    }
    return true;
}

bool text_is_blank(struct slice text)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf", spaces[] = " \t\n\v\f\r";
    size_t i = 0, mark = sizeof byte_order_mark - 1;
    if (text.size >= mark && !memcmp(text.data, byte_order_mark, mark)) i = mark;
    while (i < text.size && memchr(spaces, text.data[i], sizeof spaces - 1)) i++;
    return i == text.size;
}

bool text_to_int64(struct slice text, int64_t *value)
{
    size_t i = 0;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) i++;
    if (i == text.size) return false;
    int64_t number = 0;
    for (; i < text.size; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9) return false;
        // Counted on the negative side, where INT64_MIN fits.
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_sub_overflow(number, digit, &number)) return false;
    }
    if (!negative && number == INT64_MIN) return false;
    *value = negative ? number : -number;
    return true;
}

bool text_to_double(struct slice text, double *value)
{
    char copy[64];
    if (text.size == 0 || text.size >= sizeof copy) return false;
    // strtod also takes spaces, hexadecimal, "inf" and "nan": none of them is a number here.
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E')) return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    char *end;
    double number = strtod(copy, &end);
    if (end != copy + text.size || number - number != 0) return false;
    *value = number;
    return true;
}

void text_hex(const void *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void text_base64_encode(const void *data, size_t size, char *out)
{
    const unsigned char *p = data;
    for (; size >= 3; size -= 3, p += 3) {
        *out++ = base64_alphabet[p[0] >> 2];
        *out++ = base64_alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *out++ = base64_alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *out++ = base64_alphabet[p[2] & 63];
    }
    if (size) {
        unsigned char second = size == 2 ? p[1] : 0;
        *out++ = base64_alphabet[p[0] >> 2];
        *out++ = base64_alphabet[(p[0] & 3) << 4 | second >> 4];
        *out++ = size == 2 ? base64_alphabet[(second & 15) << 2] : '=';
        *out++ = '=';
    }
    *out = '\0';
}

// clang-format off
// 0..63, or 255 for a character outside the alphabet.
static const unsigned char base64_value[256] = {
#define ROW16 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255
    ROW16, ROW16,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 62, 255, 255, 255, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 255, 255, 255, 255, 255, 255,
    255, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 255, 255, 255, 255, 255,
    255, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 255, 255, 255, 255, 255,
    ROW16, ROW16, ROW16, ROW16, ROW16, ROW16, ROW16, ROW16,
#undef ROW16
};
// clang-format on

ptrdiff_t text_base64_decode(const char *text, size_t size, void *out)
{
    if (size % 4) return -1;
    const unsigned char *p = (const unsigned char *)text;
    unsigned char *to = out;
    size_t pad = size && p[size - 1] == '=' ? (p[size - 2] == '=' ? 2 : 1) : 0;
    size_t whole = (size - (pad ? 4 : 0)) / 4;
    unsigned bad = 0;
    for (size_t i = 0; i < whole; i++, p += 4) {
        unsigned a = base64_value[p[0]], b = base64_value[p[1]], c = base64_value[p[2]], d = base64_value[p[3]];
        bad |= a | b | c | d;
        *to++ = (unsigned char)(a << 2 | b >> 4);
        *to++ = (unsigned char)(b << 4 | c >> 2);
        *to++ = (unsigned char)(c << 6 | d);
    }
    if (pad) {
        unsigned a = base64_value[p[0]], b = base64_value[p[1]], c = pad == 1 ? base64_value[p[2]] : 0;
        bad |= a | b | c;
        // Bits that the padding leaves over must be zero, so that one value has one spelling.
        if ((pad == 1 && (c & 3)) || (pad == 2 && (b & 15))) return -1;
        *to++ = (unsigned char)(a << 2 | b >> 4);
        if (pad == 1) *to++ = (unsigned char)(b << 4 | c >> 2);
    }
    return bad > 63 ? -1 : to - (unsigned char *)out;
}

// Levenshtein distance, cut short above `limit`.
static size_t distance(const char *a, const char *b, size_t limit)
{
    enum { LONGEST = 64 };
    size_t n = strlen(a), m = strlen(b), row[LONGEST + 1];
    if (n > LONGEST || m > LONGEST || (n > m ? n - m : m - n) > limit) return limit + 1;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best) best = above + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[m];
}

const char *text_nearest(const char *name, const char *const *names, size_t count)
{
    size_t limit = strlen(name) / 4 + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(name, names[i], limit);
        if (d <= limit) {
            nearest = names[i];
            if (d == 0) break;
            limit = d - 1;
        }
    }
    return nearest;
}

uint32_t text_number(const char **names, uint32_t *count, const char *name)
{
    uint32_t i = 0;
    while (i < *count && strcmp(names[i], name)) i++;
    if (i == *count) names[(*count)++] = name;
    return i;
}

struct room {
    char *to, *end; // a NUL still fits at the end
};

static void put(struct room *room, const char *text, size_t size)
{
    size_t left = (size_t)(room->end - room->to);
    if (size > left) size = left;
    memcpy(room->to, text, size);
    room->to += size;
}

static bool is_host(const char *name, size_t size)
{
    return memchr(name, '.', size) || (size == 9 && !strncmp(name, "localhost", size));
}

// The password of user:PASSWORD@ behind "://", or NULL. One that holds a character which should have been percent-encoded is found too,
// unless it looks like the port of a host.
static const char *find_password(const char *url, size_t *size)
{
    const char *authority = strstr(url, "://");
    if (!authority) return NULL;
    authority += 3;
    size_t user = strcspn(authority, ":@/?#");
    if (*authority == '[' || authority[user] != ':') return NULL;
    const char *password = authority + user + 1;
    size_t length = strcspn(password, "/?#");
    const char *at = memrchr(password, '@', length);
    bool port = is_host(authority, user) && strspn(password, "0123456789") == length;
    if (!at && !port) at = strrchr(password, '@');
    *size = at ? (size_t)(at - password) : 0;
    return at ? password : NULL;
}

char *text_url_shown(const char *url, char *out, size_t size)
{
    static const char parameter[] = "password=";
    struct room room = {out, out + size - 1};
    size_t length;
    const char *password = find_password(url, &length);
    if (password) {
        put(&room, url, (size_t)(password - url));
        put(&room, "***", 3);
        url = password + length;
    }
    for (const char *found; (found = strcasestr(url, parameter)) != NULL;) {
        found += sizeof parameter - 1;
        put(&room, url, (size_t)(found - url));
        put(&room, "***", 3);
        url = found + strcspn(found, "&;# ");
    }
    put(&room, url, strlen(url));
    *room.to = '\0';
    return out;
}

char *text_shown(const char *text, char *out, size_t size)
{
    struct room room = {out, out + size - 1};
    for (size_t length; *text; text += length) {
        unsigned char c = (unsigned char)*text;
        length = strnlen(text, c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1);
        bool valid = text_is_utf8(text, length);
        if (!valid) length = 1;
        if (valid && c == 0xc2) c = (unsigned char)text[1]; // U+0080 to U+009F are control characters, too
        char hex[8];
        snprintf(hex, sizeof hex, "\\x%02x", c);
        if (!valid)
            put(&room, "?", 1);
        else if ((c < ' ' && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0))
            put(&room, hex, 4);
        else
            put(&room, text, length);
    }
    *room.to = '\0';
    return out;
}

uint64_t text_hash(const void *data, size_t size)
{
    const unsigned char *p = data;
    uint64_t hash = 0x9e3779b97f4a7c15u ^ size;
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    uint64_t word = 0;
    if (size) memcpy(&word, p, size);
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}
