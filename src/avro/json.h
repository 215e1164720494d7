// SPDX-License-Identifier: Apache-2.0
// A small JSON reader and printer that keeps the order of members and the text of numbers, as schema texts need it.
//
// Values live in the caller's arena; texts without escapes point into the text that was read, which must live as long.
#ifndef FDP_AVRO_JSON_H
#define FDP_AVRO_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

// Limits on what a text may ask of us.
enum {
    JSON_MAX_BYTES = 4 << 20,
    JSON_MAX_DEPTH = 256,
    JSON_MAX_VALUES = 200000,
    JSON_MAX_NUMBER = 1000, // characters
};

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    bool boolean;
    uint32_t count;           // elements of an array, members of an object
    uint32_t at;              // where it begins in the text: bytes from the start
    struct slice name;        // of a member of an object
    struct slice text;        // of a number: as written; of a text: its bytes without escapes (NUL is possible)
    const struct json *items; // of an array or object
};

enum json_dialect { JSON_PLAIN, JSON_WITH_COMMENTS }; // comments: // to the end of the line, and /* */

// Reads a whole text (UTF-8; numbers that are no integers must be within the range of double). A member name that comes twice has the
// last value, in the place of the first (as Jackson does). Errors are REJECT / ERR_REGISTRY with line and column.
enum status json_parse(struct slice text, enum json_dialect dialect, struct arena *arena, const struct json **out,
                       struct err *err) MUST_CHECK;

// The member of an object with that name, or NULL (also when `json` is NULL or no object).
const struct json *json_member(const struct json *json, const char *name);

// Line and column (from 1) of an offset in a text.
void json_position(struct slice text, size_t at, size_t *line, size_t *column);

// Compact, byte for byte as Jackson writes: integers as they are, other numbers like Java's Double.toString, control characters
// escaped, everything else as it is.
void json_print(const struct json *json, struct buf *out);
void json_print_text(struct slice text, struct buf *out);
// The same without the quotes.
void json_print_characters(struct slice text, struct buf *out);
// A double in Java's form ("1.0E10"), infinities and NaN as JSON strings.
void json_print_double(double value, struct buf *out);

// Equal by value: the order of members and the spelling of numbers and texts do not count; 1 and 1.0 are different.
bool json_equal(const struct json *a, const struct json *b);
// The same for two objects, without the members of the names in `except` (up to a NULL; NULL: none).
bool json_members_equal(const struct json *a, const struct json *b, const char *const *except);
// True when `name` is one of `names` (up to a NULL).
bool json_name_in(struct slice name, const char *const *names);

// The number as a double (an integer may give infinity); as an integer, only when it is written as one and fits.
double json_double(const struct json *number);
bool json_int64(const struct json *number, int64_t *value);

#endif
