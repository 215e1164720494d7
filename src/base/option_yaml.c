// SPDX-License-Identifier: Apache-2.0
// Reading hostile YAML with libyaml's event parser; writing scalars.
#include "base/option_yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    const char *name;
    struct slice text;
    uint32_t nodes;
    struct err *err;
};

#define refuse(reader, line, ...) refuse_at((reader), (line), ERR_ORIGIN, __VA_ARGS__)
static enum status refuse_at(struct reader *reader, size_t line, const char *origin, const char *format, ...) PRINTF_LIKE(4, 5);

static enum status refuse_at(struct reader *reader, size_t line, const char *origin, const char *format, ...)
{
    char text[ERR_TEXT_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set_at(reader->err, FATAL, ERR_CONFIG, origin, "%s:%zu: %s", reader->name, line, text);
}

// libyaml would say that some character cannot start a token.
static bool indented_by_tab(const struct reader *reader, size_t line)
{
    const char *p = reader->text.data, *end = p + reader->text.size;
    while (line-- && p && (p = memchr(p, '\n', (size_t)(end - p)))) p++;
    while (p && p < end && *p == ' ') p++;
    return p && p < end && *p == '\t';
}

static enum status next_event(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event)) return OK;
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "out of memory";
    size_t line = parser->problem_mark.line + 1;
    if (indented_by_tab(reader, parser->problem_mark.line))
        return refuse(reader, line, "not valid YAML: a tab stands in front of it; indent with spaces");
    if (!parser->context) return refuse(reader, line, "not valid YAML: %s", problem);
    return refuse(reader, line, "not valid YAML: %s (%s that began on line %zu)", problem, parser->context, parser->context_mark.line + 1);
}

static enum status node_new(struct reader *reader, enum node_kind kind, const yaml_event_t *event, struct node **out)
{
    size_t line = event->start_mark.line + 1;
    if (++reader->nodes > YAML_MAX_NODES) return refuse(reader, line, "more than %d values in one file", YAML_MAX_NODES);
    struct node *node = arena_calloc(reader->arena, 1, sizeof *node);
    node->kind = kind;
    node->line = (uint32_t)line;
    *out = node;
    return OK;
}

static enum status read_scalar(struct reader *reader, const yaml_event_t *event, struct node **out)
{
    struct slice text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    if (memchr(text.data, 0, text.size)) return refuse(reader, event->start_mark.line + 1, "text with a NUL character inside");
    TRY(node_new(reader, NODE_SCALAR, event, out));
    (*out)->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    (*out)->text = (struct slice){arena_copy(reader->arena, text.data, text.size), text.size};
    return OK;
}

static enum status check_key(struct reader *reader, const struct node *map, const struct node *key)
{
    if (key->kind != NODE_SCALAR || key->text.size == 0) return refuse(reader, key->line, "a key must be a name");
    if (map->count >= YAML_MAX_KEYS) return refuse(reader, key->line, "more than %d keys in one map", YAML_MAX_KEYS);
    char shown[OPTION_SHOWN_BYTES];
    for (const struct node *other = map->first; other; other = other->next->next)
        if (slice_equal(other->text, key->text))
            return refuse(reader, key->line, "the key %s is here twice; it is also on line %u", option_yaml_shown(key->text, shown),
                          other->line);
    return OK;
}

static enum status read_event(struct reader *reader, const yaml_event_t *event, int depth, struct node **out);

// The next value; NULL at the end of the list or map that is being read.
static enum status read_node(struct reader *reader, int depth, struct node **out)
{
    yaml_event_t event;
    TRY(next_event(reader, &event));
    enum status status = read_event(reader, &event, depth, out);
    yaml_event_delete(&event);
    return status;
}

static enum status read_items(struct reader *reader, int depth, struct node *parent)
{
    struct node **last = &parent->first, *item;
    if (depth >= YAML_MAX_DEPTH) return refuse(reader, parent->line, "more than %d levels", YAML_MAX_DEPTH);
    for (;;) {
        TRY(read_node(reader, depth + 1, &item));
        if (!item) return OK;
        if (parent->kind == NODE_MAP) {
            TRY(check_key(reader, parent, item));
            TRY(read_node(reader, depth + 1, &item->next));
            if (!item->next) return refuse(reader, item->line, "a key without a value");
            *last = item;
            last = &item->next->next;
        } else {
            *last = item;
            last = &item->next;
        }
        parent->count++;
    }
}

static enum status read_event(struct reader *reader, const yaml_event_t *event, int depth, struct node **out)
{
    size_t line = event->start_mark.line + 1;
    *out = NULL;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        if (event->data.scalar.anchor) return refuse(reader, line, "anchors (&name) are not taken here; write the value out");
        if (event->data.scalar.tag) return refuse(reader, line, "tags (!name) are not taken here");
        return read_scalar(reader, event, out);
    case YAML_SEQUENCE_START_EVENT:
        if (event->data.sequence_start.anchor) return refuse(reader, line, "anchors (&name) are not taken here; write the value out");
        if (event->data.sequence_start.tag) return refuse(reader, line, "tags (!name) are not taken here");
        TRY(node_new(reader, NODE_LIST, event, out));
        return read_items(reader, depth, *out);
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor) return refuse(reader, line, "anchors (&name) are not taken here; write the value out");
        if (event->data.mapping_start.tag) return refuse(reader, line, "tags (!name) are not taken here");
        TRY(node_new(reader, NODE_MAP, event, out));
        return read_items(reader, depth, *out);
    case YAML_ALIAS_EVENT: return refuse(reader, line, "aliases (*name) are not taken here; write the value out");
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT: break;
    }
    return refuse(reader, line, "not valid YAML: a value is missing");
}

static enum status expect(struct reader *reader, yaml_event_type_t type, yaml_event_type_t *found)
{
    yaml_event_t event;
    TRY(next_event(reader, &event));
    *found = event.type;
    size_t line = event.start_mark.line + 1;
    yaml_event_delete(&event);
    if (*found == type || (type == YAML_DOCUMENT_START_EVENT && *found == YAML_STREAM_END_EVENT)) return OK;
    return refuse(reader, line, "a second document; a configuration is one document");
}

static enum status read_stream(struct reader *reader, struct node **root)
{
    yaml_event_type_t found;
    TRY(expect(reader, YAML_STREAM_START_EVENT, &found));
    TRY(expect(reader, YAML_DOCUMENT_START_EVENT, &found));
    if (found == YAML_STREAM_END_EVENT) return OK;
    TRY(read_node(reader, 0, root));
    TRY(expect(reader, YAML_DOCUMENT_END_EVENT, &found));
    return expect(reader, YAML_STREAM_END_EVENT, &found);
}

// Said of the whole first, with a line: libyaml would tell a byte offset.
static enum status check_utf8(struct reader *reader, struct slice text)
{
    if (text_is_utf8(text.data, text.size)) return OK;
    size_t line = 1;
    for (const char *p = text.data, *end = p + text.size; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t length = newline ? (size_t)(newline - p) : (size_t)(end - p);
        if (!text_is_utf8(p, length)) break;
        p += length + 1;
    }
    return refuse(reader, line, "not UTF-8 text; save the file as UTF-8");
}

enum status option_yaml_parse(struct arena *arena, struct slice text, const char *name, struct node **root, struct err *err)
{
    struct reader reader = {.arena = arena, .name = name, .text = text, .err = err};
    *root = NULL;
    TRY(check_utf8(&reader, text));
    if (!yaml_parser_initialize(&reader.parser)) return refuse(&reader, 1, "out of memory");
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.data, text.size);
    enum status status = read_stream(&reader, root);
    yaml_parser_delete(&reader.parser);
    if (status != OK) *root = NULL;
    return status;
}

const char *option_yaml_shown(struct slice text, char out[OPTION_SHOWN_BYTES])
{
    enum { LONGEST = 60 };
    size_t size = text.size;
    if (size > LONGEST) {
        size = LONGEST;
        while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80) size--;
    }
    char *to = out;
    *to++ = '"';
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        *to++ = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    memcpy(to, size < text.size ? "...\"" : "\"", size < text.size ? 5 : 2);
    return out;
}

bool option_yaml_null(const struct node *node)
{
    return node->kind == NODE_SCALAR && node->plain && (node->text.size == 0 || slice_is(node->text, "~") || slice_is(node->text, "null"));
}

// Words and numbers that some YAML reader takes for something else than text.
static bool ambiguous(struct slice text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == text.size && strncasecmp(words[i], text.data, text.size) == 0) return true;
    // Numbers, dates, and everything that begins like one.
    char first = text.data[0];
    return (first >= '0' && first <= '9') || first == '.';
}

static bool plain_everywhere(struct slice text)
{
    if (text.size == 0 || ambiguous(text)) return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '^';
        if (!letter && (i == 0 || !strchr(".-+=", c))) return false;
    }
    return true;
}

// The code point at `*p`, which moves behind it. The text is UTF-8.
static uint32_t take_code_point(const unsigned char **p)
{
    uint32_t c = *(*p)++;
    if (c < 0x80) return c;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    c &= 0x3fu >> more;
    while (more-- > 0) c = c << 6 | (*(*p)++ & 0x3fu);
    return c;
}

// What libyaml takes as it is between double quotes without folding it.
static bool printable(uint32_t c)
{
    if (c < 0x20 || c == '"' || c == '\\' || (c >= 0x7f && c < 0xa0)) return false;
    return c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff;
}

void option_yaml_write(struct slice text, struct buf *out)
{
    if (plain_everywhere(text)) {
        buf_append(out, text.data, text.size);
        return;
    }
    buf_append_byte(out, '"');
    const unsigned char *p = (const unsigned char *)text.data, *end = p + text.size;
    while (p < end) {
        const unsigned char *start = p;
        uint32_t c = take_code_point(&p);
        if (printable(c))
            buf_append(out, start, (size_t)(p - start));
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (char)c);
        else if (c == '\n' || c == '\t')
            buf_append_text(out, c == '\n' ? "\\n" : "\\t");
        else
            buf_printf(out, "\\u%04X", c);
    }
    buf_append_byte(out, '"');
}
