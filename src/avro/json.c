// SPDX-License-Identifier: Apache-2.0
// Reading JSON: recursive descent with a depth limit.
#include "avro/json.h"

#include <math.h>
#include <stdlib.h>

struct json_reader {
    const char *start, *at, *end;
    enum json_dialect dialect;
    struct arena *arena;
    struct json *stack; // values whose array or object is not closed yet
    size_t count, capacity;
    unsigned depth, values;
    struct err *err;
};

static enum status read_value(struct json_reader *reader, struct json *out);

void json_position(struct slice text, size_t at, size_t *line, size_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < at && i < text.size; i++) {
        if (text.data[i] == '\n') {
            ++*line;
            *column = 1;
        } else if ((text.data[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

static enum status fail(const struct json_reader *reader, const char *what)
{
    size_t line, column;
    json_position((struct slice){reader->start, (size_t)(reader->end - reader->start)}, (size_t)(reader->at - reader->start), &line,
                  &column);
    return err_set(reader->err, REJECT, ERR_REGISTRY, "JSON, line %zu column %zu: %s", line, column, what);
}

static bool skip_comment(struct json_reader *reader)
{
    if (reader->dialect != JSON_WITH_COMMENTS || reader->end - reader->at < 2) return false;
    const char *end;
    if (reader->at[1] == '/') {
        end = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
        reader->at = end ? end : reader->end;
        return true;
    }
    if (reader->at[1] != '*') return false;
    end = memmem(reader->at + 2, (size_t)(reader->end - reader->at - 2), "*/", 2);
    if (!end) return false;
    reader->at = end + 2;
    return true;
}

static void skip_space(struct json_reader *reader)
{
    while (reader->at < reader->end) {
        char c = *reader->at;
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            reader->at++;
        else if (c != '/' || !skip_comment(reader))
            return;
    }
}

static bool take(struct json_reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c) return false;
    reader->at++;
    return true;
}

static void push(struct json_reader *reader, const struct json *value)
{
    if (reader->count == reader->capacity) {
        reader->capacity = reader->capacity ? 2 * reader->capacity : 64;
        reader->stack = realloc(reader->stack, reader->capacity * sizeof *reader->stack);
        if (!reader->stack) abort();
    }
    reader->stack[reader->count++] = *value;
}

// Takes the values above `base` off the stack, into the arena.
static void pop(struct json_reader *reader, size_t base, struct json *out)
{
    size_t count = reader->count - base;
    struct json *items = arena_calloc(reader->arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++) items[i] = reader->stack[base + i];
    reader->count = base;
    out->items = items;
    out->count = (uint32_t)count;
}

static bool take_hex4(struct json_reader *reader, uint32_t *value)
{
    if (reader->end - reader->at < 4) return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char c = *reader->at++;
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0')
                       : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                       : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                              : 16;
        if (digit == 16) return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 63));
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    }
    return to;
}

// What follows a backslash. An escape is never shorter than what it stands for.
static char *read_escape(struct json_reader *reader, char *to)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end) return NULL;
    char c = *reader->at++;
    const char *known = c ? strchr(names, c) : NULL;
    if (known) {
        *to++ = meanings[known - names];
        return to;
    }
    uint32_t code, low;
    if (c != 'u' || !take_hex4(reader, &code)) return NULL;
    if (code >= 0xd800 && code <= 0xdfff) {
        // A surrogate is only half a character.
        if (code >= 0xdc00 || !take(reader, '\\') || !take(reader, 'u') || !take_hex4(reader, &low) || low < 0xdc00 || low > 0xdfff)
            return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_utf8(to, code);
}

static enum status read_text(struct json_reader *reader, struct slice *out)
{
    if (!take(reader, '"')) return fail(reader, "a string was expected");
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\' && (unsigned char)*reader->at >= 0x20) reader->at++;
    if (take(reader, '"')) {
        *out = (struct slice){start, (size_t)(reader->at - 1 - start)};
        return OK;
    }
    // With escapes: unescaped into a copy, which is not longer than what is left up to the closing quote.
    const char *close = reader->at;
    while (close < reader->end && *close != '"') close += *close == '\\' && close + 1 < reader->end ? 2 : 1;
    char *copy = arena_alloc(reader->arena, (size_t)(close - start) + 1), *to = copy + (reader->at - start);
    memcpy(copy, start, (size_t)(reader->at - start));
    while (reader->at < reader->end && *reader->at != '"') {
        char c = *reader->at;
        if ((unsigned char)c < 0x20) return fail(reader, "a control character in a string must be escaped");
        reader->at++;
        if (c != '\\')
            *to++ = c;
        else if (!(to = read_escape(reader, to)))
            return fail(reader, "malformed escape in a string");
    }
    if (!take(reader, '"')) return fail(reader, "a string is not closed");
    *out = (struct slice){copy, (size_t)(to - copy)};
    return OK;
}

static bool take_digits(struct json_reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') reader->at++;
    return reader->at > start;
}

static enum status read_number(struct json_reader *reader, struct json *out)
{
    const char *start = reader->at;
    bool integer = true;
    take(reader, '-');
    if (!take(reader, '0') && !take_digits(reader)) return fail(reader, "not a JSON value");
    if (take(reader, '.')) {
        integer = false;
        if (!take_digits(reader)) return fail(reader, "digits must follow the point of a number");
    }
    if (take(reader, 'e') || take(reader, 'E')) {
        integer = false;
        if (!take(reader, '+')) take(reader, '-');
        if (!take_digits(reader)) return fail(reader, "digits must follow the exponent of a number");
    }
    out->kind = JSON_NUMBER;
    out->text = (struct slice){start, (size_t)(reader->at - start)};
    if (out->text.size > JSON_MAX_NUMBER) return fail(reader, "a number has too many digits");
    return integer || isfinite(json_double(out)) ? OK : fail(reader, "a number is beyond the range of double");
}

static enum status read_word(struct json_reader *reader, struct json *out)
{
    static const struct {
        struct slice word;
        enum json_kind kind;
        bool boolean;
    } words[] = {{{"null", 4}, JSON_NULL, false}, {{"true", 4}, JSON_BOOL, true}, {{"false", 5}, JSON_BOOL, false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = words[i].word.size;
        if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, words[i].word.data, size) != 0) continue;
        reader->at += size;
        out->kind = words[i].kind;
        out->boolean = words[i].boolean;
        return OK;
    }
    return fail(reader, "not a JSON value");
}

static enum status read_array(struct json_reader *reader, struct json *out)
{
    size_t base = reader->count;
    out->kind = JSON_ARRAY;
    skip_space(reader);
    if (!take(reader, ']')) {
        do {
            struct json item;
            TRY(read_value(reader, &item));
            push(reader, &item);
            skip_space(reader);
        } while (take(reader, ','));
        if (!take(reader, ']')) return fail(reader, "a comma or ] was expected");
    }
    pop(reader, base, out);
    return OK;
}

struct named_item {
    struct slice name;
    uint32_t index;
};

static int compare_named(const void *a, const void *b)
{
    const struct named_item *x = a, *y = b;
    size_t size = x->name.size < y->name.size ? x->name.size : y->name.size;
    int order = size ? memcmp(x->name.data, y->name.data, size) : 0;
    if (order) return order;
    if (x->name.size != y->name.size) return x->name.size < y->name.size ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

// Of members with one name, the first place keeps the last value. Sorted, so that many members cost no squared time.
static void drop_duplicates(struct json_reader *reader, size_t base)
{
    size_t count = reader->count - base;
    if (count < 2) return;
    struct json *members = reader->stack + base;
    struct named_item *sorted = malloc(count * sizeof *sorted);
    if (!sorted) abort();
    for (size_t i = 0; i < count; i++) sorted[i] = (struct named_item){members[i].name, (uint32_t)i};
    qsort(sorted, count, sizeof *sorted, compare_named);
    size_t left = count;
    for (size_t i = 0; i < count;) {
        size_t last = i;
        while (last + 1 < count && slice_equal(sorted[last + 1].name, sorted[i].name)) last++;
        members[sorted[i].index] = members[sorted[last].index];
        for (size_t j = i + 1; j <= last; j++, left--) members[sorted[j].index].name.data = NULL;
        i = last + 1;
    }
    if (left != count) {
        size_t to = 0;
        for (size_t i = 0; i < count; i++)
            if (members[i].name.data) members[to++] = members[i];
        reader->count = base + to;
    }
    free(sorted);
}

static enum status read_object(struct json_reader *reader, struct json *out)
{
    size_t base = reader->count;
    out->kind = JSON_OBJECT;
    skip_space(reader);
    if (!take(reader, '}')) {
        do {
            struct json member;
            struct slice name;
            skip_space(reader);
            TRY(read_text(reader, &name));
            skip_space(reader);
            if (!take(reader, ':')) return fail(reader, "a colon was expected");
            TRY(read_value(reader, &member));
            member.name = name;
            push(reader, &member);
            skip_space(reader);
        } while (take(reader, ','));
        if (!take(reader, '}')) return fail(reader, "a comma or } was expected");
    }
    drop_duplicates(reader, base);
    pop(reader, base, out);
    return OK;
}

static enum status read_value(struct json_reader *reader, struct json *out)
{
    skip_space(reader);
    *out = (struct json){.at = (uint32_t)(reader->at - reader->start)};
    if (++reader->values > JSON_MAX_VALUES) return fail(reader, "too many values");
    char c = reader->at < reader->end ? *reader->at : '\0';
    if (c == '"') {
        out->kind = JSON_TEXT;
        return read_text(reader, &out->text);
    }
    if (c == '-' || (c >= '0' && c <= '9')) return read_number(reader, out);
    if (c != '[' && c != '{') return read_word(reader, out);
    if (++reader->depth > JSON_MAX_DEPTH) return fail(reader, "nested too deeply");
    reader->at++;
    TRY(c == '[' ? read_array(reader, out) : read_object(reader, out));
    reader->depth--;
    return OK;
}

enum status json_parse(struct slice text, enum json_dialect dialect, struct arena *arena, const struct json **out, struct err *err)
{
    if (text.size > JSON_MAX_BYTES)
        return err_set(err, REJECT, ERR_REGISTRY, "JSON text of %zu bytes; at most %d are taken", text.size, JSON_MAX_BYTES);
    if (!text_is_utf8(text.data, text.size)) return err_set(err, REJECT, ERR_REGISTRY, "JSON text is not UTF-8");
    struct json_reader reader = {
        .start = text.data, .at = text.data, .end = text.data + text.size, .dialect = dialect, .arena = arena, .err = err};
    struct json *root = arena_calloc(arena, 1, sizeof *root);
    enum status status = read_value(&reader, root);
    if (status == OK) {
        skip_space(&reader);
        if (reader.at != reader.end) status = fail(&reader, "something follows the end of the value");
    }
    free(reader.stack);
    *out = root;
    return status;
}

const struct json *json_member(const struct json *json, const char *name)
{
    if (!json || json->kind != JSON_OBJECT) return NULL;
    for (uint32_t i = 0; i < json->count; i++)
        if (slice_is(json->items[i].name, name)) return &json->items[i];
    return NULL;
}
