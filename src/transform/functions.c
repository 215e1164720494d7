// SPDX-License-Identifier: Apache-2.0
// The list of functions, those on texts, and those between texts and instants.
#include "transform/functions.h"

#include <string.h>

#include "base/clock.h"
#include "model/convert.h"
#include "transform/dates.h"

static const char *const allowed[] = {
    // numbers
    "abs", "ceil", "ceiling", "exp", "floor", "ln", "log", "log10", "log2", "max", "min", "mod", "pi", "pow", "power", "round", "sign",
    "sqrt", "trunc",
    // choice
    "coalesce", "ifnull", "iif", "likelihood", "likely", "nullif", "typeof", "unlikely",
    // text
    "char", "glob", "hex", "instr", "length", "like", "lower", "ltrim", "quote", "replace", "rtrim", "substr", "substring", "trim",
    "unicode", "upper",
    // JSON
    "->", "->>", "json", "json_array", "json_array_length", "json_extract", "json_object", "json_quote", "json_type", "json_valid",
    // time
    "date", "datetime", "iso8601", "julianday", "strftime", "time", "timestamp", "unixepoch"};

static struct slice text_of(sqlite3_value *value)
{
    const char *data = (const char *)sqlite3_value_text(value); // first: it may change the length
    return (struct slice){data, (size_t)sqlite3_value_bytes(value)};
}

static bool any_null(int argc, sqlite3_value **argv)
{
    for (int i = 0; i < argc; i++)
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL) return true;
    return false;
}

static int64_t characters(const char *data, size_t size)
{
    int64_t count = 0;
    for (size_t i = 0; i < size; i++) count += (data[i] & 0xc0) != 0x80;
    return count;
}

// instr(text, part): where the first begins, counted from 1, in characters, or in bytes of two blobs; 0 when it is not there.
static void call_instr(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    if (any_null(argc, argv)) return;
    bool blobs = sqlite3_value_type(argv[0]) == SQLITE_BLOB && sqlite3_value_type(argv[1]) == SQLITE_BLOB;
    if (blobs && sqlite3_value_bytes(argv[1]) == 0) return sqlite3_result_int(context, 1);
    if (blobs && sqlite3_value_bytes(argv[0]) == 0) return sqlite3_result_int(context, 0);
    struct slice text, part;
    if (blobs) {
        text = (struct slice){sqlite3_value_blob(argv[0]), (size_t)sqlite3_value_bytes(argv[0])};
        part = (struct slice){sqlite3_value_blob(argv[1]), (size_t)sqlite3_value_bytes(argv[1])};
    } else {
        text = text_of(argv[0]);
        part = text_of(argv[1]);
    }
    if (!text.data || !part.data) return sqlite3_result_error_nomem(context);
    const char *found = memmem(text.data, text.size, part.data, part.size);
    if (!found) return sqlite3_result_int(context, 0);
    size_t before = (size_t)(found - text.data);
    sqlite3_result_int64(context, 1 + (blobs ? (int64_t)before : characters(text.data, before)));
}

// Copies `text` with every `part` replaced; `out` is NULL to learn the size only.
static size_t replace_parts(struct slice text, struct slice part, struct slice by, char *out)
{
    size_t size = 0;
    const char *at = text.data, *end = text.data + text.size;
    while (at < end) {
        const char *found = memmem(at, (size_t)(end - at), part.data, part.size);
        size_t kept = (size_t)((found ? found : end) - at);
        if (out) memcpy(out + size, at, kept);
        size += kept;
        if (!found) break;
        if (out && by.size) memcpy(out + size, by.data, by.size);
        size += by.size;
        at = found + part.size;
    }
    return size;
}

// replace(text, part, by); a NUL in front makes a part empty, as in SQLite.
static void call_replace(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    if (any_null(argc - 1, argv)) return;
    struct slice text = text_of(argv[0]), part = text_of(argv[1]);
    if (!text.data || !part.data) return sqlite3_result_error_nomem(context);
    if (part.data[0] == '\0') return sqlite3_result_value(context, argv[0]);
    if (sqlite3_value_type(argv[2]) == SQLITE_NULL) return;
    struct slice by = text_of(argv[2]);
    if (!by.data) return sqlite3_result_error_nomem(context);
    size_t size = replace_parts(text, part, by, NULL);
    if (size > FUNCTIONS_VALUE_BYTES) return sqlite3_result_error_toobig(context);
    char *out = sqlite3_malloc64(size + 1);
    if (!out) return sqlite3_result_error_nomem(context);
    replace_parts(text, part, by, out);
    sqlite3_result_text64(context, out, size, sqlite3_free, SQLITE_UTF8);
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

// The length of the character of `set` that `text` begins (or ends) with, or 0.
static size_t match_set(struct slice text, struct slice set, int side)
{
    for (size_t at = 0, size; at < set.size; at += size) {
        for (size = 1; at + size < set.size && (set.data[at + size] & 0xc0) == 0x80;) size++;
        if (size > text.size) continue;
        const char *edge = side == TRIM_LEFT ? text.data : text.data + text.size - size;
        if (memcmp(edge, set.data + at, size) == 0) return size;
    }
    return 0;
}

// trim(text, characters), ltrim, rtrim; which, is the function's user data.
static void call_trim(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    if (any_null(argc, argv)) return;
    struct slice text = text_of(argv[0]), set = text_of(argv[1]);
    if (!text.data || !set.data) return sqlite3_result_error_nomem(context);
    set.size = strlen(set.data); // a NUL ends it, as in SQLite
    if (set.size > FUNCTIONS_TRIM_BYTES) return sqlite3_result_error(context, "trim takes at most 64 bytes of characters", -1);
    int sides = *(const int *)sqlite3_user_data(context);
    size_t size;
    while ((sides & TRIM_LEFT) && (size = match_set(text, set, TRIM_LEFT))) text = (struct slice){text.data + size, text.size - size};
    while ((sides & TRIM_RIGHT) && (size = match_set(text, set, TRIM_RIGHT))) text.size -= size;
    sqlite3_result_text64(context, text.data, text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
}

// iso8601(us): "2026-08-13T12:03:09.123Z" of a timestamp.
static void call_iso8601(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    if (any_null(argc, argv)) return;
    char text[CLOCK_TEXT_BYTES];
    int64_t us;
    // Years that ISO 8601 cannot say in four digits do not read back.
    bool written =
        sqlite3_value_type(argv[0]) == SQLITE_INTEGER && clock_parse(slice_of(clock_format(sqlite3_value_int64(argv[0]), text)), &us);
    if (!written)
        return sqlite3_result_error(context, "iso8601 takes a timestamp: microseconds since 1970, within the years 1 to 9999", -1);
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

// timestamp(text): the microseconds since 1970 of ISO 8601, or of 10, 13 or 16 digits.
static void call_timestamp(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    if (any_null(argc, argv)) return;
    int64_t us;
    struct slice text = text_of(argv[0]);
    if (!text.data) return sqlite3_result_error_nomem(context);
    if (!convert_text_to_timestamp(text, &us))
        return sqlite3_result_error(context, "timestamp takes ISO 8601, or seconds, milliseconds or microseconds in 10, 13 or 16 digits",
                                    -1);
    sqlite3_result_int64(context, us);
}

static int register_all(struct functions *functions, sqlite3 *db)
{
    static const int left = TRIM_LEFT, right = TRIM_RIGHT, both = TRIM_LEFT | TRIM_RIGHT;
    static const struct {
        const char *name;
        int argc;
        const int *data;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
    } rows[] = {
        {"instr", 2, NULL, call_instr},         {"replace", 3, NULL, call_replace}, {"ltrim", 2, &left, call_trim},
        {"rtrim", 2, &right, call_trim},        {"trim", 2, &both, call_trim},      {"iso8601", 1, NULL, call_iso8601},
        {"timestamp", 1, NULL, call_timestamp},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        union {
            const int *constant;
            void *pointer;
        } data = {rows[i].data}; // SQLite's parameter is not const, our use of it is
        int rc = sqlite3_create_function_v2(db, rows[i].name, rows[i].argc, SQLITE_UTF8 | SQLITE_DETERMINISTIC, data.pointer, rows[i].call,
                                            NULL, NULL, NULL);
        if (rc != SQLITE_OK) return rc;
    }
    return dates_register(functions, db);
}

enum status functions_init(struct functions *functions, sqlite3 *db, struct err *err)
{
    memset(functions, 0, sizeof *functions);
    int rc = register_all(functions, db);
    if (rc != SQLITE_OK) return err_set(err, FATAL, ERR_INTERNAL, "the functions of SQL cannot be registered: %s", sqlite3_errstr(rc));
    return OK;
}

void functions_fini(struct functions *functions)
{
    dates_fini(functions);
}

const char *const *functions_names(size_t *count)
{
    *count = sizeof allowed / sizeof *allowed;
    return allowed;
}
