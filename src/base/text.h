// SPDX-License-Identifier: Apache-2.0
// Text and bytes that are looked at, not owned: slices; checks and conversions on them.
#ifndef FDP_BASE_TEXT_H
#define FDP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// A run of bytes that somebody else owns; not NUL-terminated. Empty is {anything, 0}.
struct slice {
    const char *data;
    size_t size;
};

#define SLICE(literal) ((struct slice){("" literal), sizeof(literal) - 1})
// For printf's "%.*s".
#define SLICE_ARG(slice) (int)((slice).size), (slice).data

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

// True when the bytes are well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool text_is_utf8(const char *data, size_t size);

// True when there is nothing but white space, perhaps behind a byte order mark.
bool text_is_blank(struct slice text);

// The number that the whole slice spells in decimal; false when it is none or does not fit.
bool text_to_int64(struct slice text, int64_t *value);
bool text_to_double(struct slice text, double *value);

// Lower-case hexadecimal; `out` holds 2 * size + 1 bytes.
void text_hex(const void *data, size_t size, char *out);

// Standard base64 with padding. Encode writes text_base64_bytes(size) characters and a NUL. Decode writes at most size / 4 * 3
// bytes and returns how many, or -1 when the text is not base64 (wrong alphabet, length or padding).
static inline size_t text_base64_bytes(size_t size)
{
    return (size + 2) / 3 * 4;
}
void text_base64_encode(const void *data, size_t size, char *out);
ptrdiff_t text_base64_decode(const char *text, size_t size, void *out);

// Of `names`, the one most like `name` when it is near enough to be a slip of the finger, else NULL.
const char *text_nearest(const char *name, const char *const *names, size_t count);

// The place of `name` among the few `names`; a new one is put at the end: `names` must have room
// for one more than `count`.
uint32_t text_number(const char **names, uint32_t *count, const char *name);

// A URL as it may be shown: the password in user:PASSWORD@ and in password=PASSWORD is ***. Cut to what `out` holds. Returns `out`.
enum { TEXT_URL_BYTES = 512 };
char *text_url_shown(const char *url, char *out, size_t size);

// A text for people at a terminal: control characters but newline and tab are \xNN, what is not UTF-8 is ?. Cut to what `out` holds.
// Returns `out`.
char *text_shown(const char *text, char *out, size_t size);

// 64-bit hash for tables in memory (not stored, not for hostile keys without a cap on the table).
uint64_t text_hash(const void *data, size_t size);

#endif
