// SPDX-License-Identifier: Apache-2.0
// Parsing a schema: types, names and references between them.
#include "avro/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "avro/parse.h"

static const struct avro_type primitives[] = {
    [AVRO_NULL] = {.kind = AVRO_NULL},
    [AVRO_BOOLEAN] = {.kind = AVRO_BOOLEAN, .min_bytes = 1},
    [AVRO_INT] = {.kind = AVRO_INT, .min_bytes = 1},
    [AVRO_LONG] = {.kind = AVRO_LONG, .min_bytes = 1},
    [AVRO_FLOAT] = {.kind = AVRO_FLOAT, .min_bytes = 4},
    [AVRO_DOUBLE] = {.kind = AVRO_DOUBLE, .min_bytes = 8},
    [AVRO_BYTES] = {.kind = AVRO_BYTES, .min_bytes = 1},
    [AVRO_STRING] = {.kind = AVRO_STRING, .min_bytes = 1},
};

enum status avro_parse_fail(const struct avro_parser *parser, const struct json *at, const char *format, ...)
{
    char text[ERR_TEXT_BYTES / 2];
    size_t line, column;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_position(parser->text, at->at, &line, &column);
    return err_set(parser->err, REJECT, ERR_REGISTRY, "Avro schema, line %zu column %zu: %s", line, column, text);
}

struct slice avro_text_member(const struct json *json, const char *name)
{
    const struct json *member = json_member(json, name);
    return member && member->kind == JSON_TEXT ? member->text : (struct slice){0};
}

static enum status type_new(struct avro_parser *parser, const struct json *json, enum avro_kind kind, struct avro_type **out)
{
    if (++parser->types > AVRO_SCHEMA_MAX_TYPES) return avro_parse_fail(parser, json, "more than %d types", AVRO_SCHEMA_MAX_TYPES);
    *out = arena_calloc(parser->arena, 1, sizeof **out);
    (*out)->kind = kind;
    (*out)->json = json->kind == JSON_OBJECT ? json : NULL;
    (*out)->default_symbol = -1;
    return OK;
}

static enum status parse_mention(struct avro_parser *parser, const struct json *json, struct slice name, struct slice space,
                                 const struct avro_type **out)
{
    enum avro_kind kind;
    *out = avro_primitive(name, &kind) ? &primitives[kind] : avro_names_lookup(&parser->schema->names, name, space);
    if (*out) return OK;
    return avro_parse_fail(parser, json, "no type named \"%.*s\" is declared before this place", SLICE_ARG(name));
}

static enum status parse_primitive(struct avro_parser *parser, const struct json *json, enum avro_kind kind, const struct avro_type **out)
{
    struct avro_type *type;
    TRY(type_new(parser, json, kind, &type));
    type->min_bytes = primitives[kind].min_bytes;
    avro_parse_logical(type);
    *out = type;
    return OK;
}

static enum status parse_collection(struct avro_parser *parser, const struct json *json, enum avro_kind kind, struct slice space,
                                    const struct avro_type **out)
{
    const char *member = kind == AVRO_ARRAY ? "items" : "values";
    const struct json *items = json_member(json, member);
    if (!items) return avro_parse_fail(parser, json, "this %s has no \"%s\"", avro_kind_name(kind), member);
    struct avro_type *type;
    TRY(type_new(parser, json, kind, &type));
    TRY(avro_parse_type(parser, items, space, &type->items));
    type->min_bytes = 1;
    *out = type;
    return OK;
}

static const char *branch_name(const struct avro_type *type)
{
    return type->full_name ? type->full_name : avro_kind_name(type->kind);
}

static enum status parse_union(struct avro_parser *parser, const struct json *json, struct slice space, const struct avro_type **out)
{
    struct avro_type *type;
    TRY(type_new(parser, json, AVRO_UNION, &type));
    const struct avro_type **branches = arena_calloc(parser->arena, json->count, sizeof *branches);
    const char **names = arena_calloc(parser->arena, json->count, sizeof *names);
    uint32_t least = json->count ? UINT32_MAX : 0;
    for (uint32_t i = 0; i < json->count; i++) {
        TRY(avro_parse_type(parser, &json->items[i], space, &branches[i]));
        if (branches[i]->kind == AVRO_UNION) return avro_parse_fail(parser, &json->items[i], "a union directly inside a union");
        names[i] = branch_name(branches[i]);
        if (branches[i]->min_bytes < least) least = branches[i]->min_bytes;
    }
    const char *duplicate = avro_names_duplicate(names, json->count);
    if (duplicate) return avro_parse_fail(parser, json, "the union has \"%s\" twice", duplicate);
    type->branches = branches;
    type->count = json->count;
    type->min_bytes = least < UINT32_MAX ? least + 1 : least;
    *out = type;
    return OK;
}

static enum status parse_enum(struct avro_parser *parser, const struct json *json, struct avro_type *type)
{
    const struct json *symbols = json_member(json, "symbols");
    if (!symbols || symbols->kind != JSON_ARRAY) return avro_parse_fail(parser, json, "enum %s has no \"symbols\"", type->full_name);
    const char **names = arena_calloc(parser->arena, symbols->count, sizeof *names);
    struct slice fallback = avro_text_member(json, "default");
    for (uint32_t i = 0; i < symbols->count; i++) {
        const struct json *symbol = &symbols->items[i];
        if (symbol->kind != JSON_TEXT || !avro_name_is_valid(symbol->text, parser->strictness))
            return avro_parse_fail(parser, symbol, "not a valid symbol of enum %s", type->full_name);
        names[i] = arena_copy(parser->arena, symbol->text.data, symbol->text.size);
        if (fallback.data && slice_equal(fallback, symbol->text)) type->default_symbol = (int32_t)i;
    }
    const char *duplicate = avro_names_duplicate(names, symbols->count);
    if (duplicate) return avro_parse_fail(parser, symbols, "enum %s has the symbol \"%s\" twice", type->full_name, duplicate);
    if (fallback.data && type->default_symbol < 0)
        return avro_parse_fail(parser, json, "the default of enum %s is none of its symbols", type->full_name);
    type->symbols = names;
    type->count = symbols->count;
    type->min_bytes = 1;
    return OK;
}

static enum status parse_fixed(struct avro_parser *parser, const struct json *json, struct avro_type *type)
{
    const struct json *size = json_member(json, "size");
    int64_t bytes;
    if (!size || size->kind != JSON_NUMBER || !json_int64(size, &bytes) || bytes < 0 || bytes > INT32_MAX - 8)
        return avro_parse_fail(parser, json, "fixed %s needs a \"size\" from 0 to %d", type->full_name, INT32_MAX - 8);
    type->count = type->min_bytes = (uint32_t)bytes;
    avro_parse_logical(type);
    return OK;
}

static enum status parse_full_name(struct avro_parser *parser, const struct json *json, struct slice space, const char **out)
{
    struct slice name = avro_text_member(json, "name"), given = avro_text_member(json, "namespace");
    if (!name.data) return avro_parse_fail(parser, json, "a named type without a \"name\"");
    if (memchr(name.data, '\0', name.size) || (given.data && memchr(given.data, '\0', given.size)))
        return avro_parse_fail(parser, json, "a name with NUL in it");
    const char *full = avro_name_qualify(parser->arena, name, given.data ? given : space);
    enum avro_kind kind;
    if (!avro_full_name_is_valid(slice_of(full), parser->strictness))
        return avro_parse_fail(parser, json, "\"%s\" is not a valid name", full);
    if (avro_primitive(slice_of(full), &kind)) return avro_parse_fail(parser, json, "\"%s\" is the name of a primitive type", full);
    *out = full;
    return OK;
}

// A name may be declared again when both declarations are equal, as Avro Java allows, and its mention finds the first.
static enum status redeclare(struct avro_parser *parser, const struct json *json, const struct avro_type *first,
                             const struct avro_type *again, struct slice space)
{
    bool same = avro_names_lookup(&parser->schema->names, slice_of(avro_name_mention(first->full_name, space)), space) == first;
    if (same && avro_type_equal(first, again)) return OK;
    return avro_parse_fail(parser, json, "the name \"%s\" is declared twice, with different content", first->full_name);
}

static enum status parse_named(struct avro_parser *parser, const struct json *json, enum avro_kind kind, struct slice space,
                               const struct avro_type **out)
{
    struct avro_type *type;
    TRY(type_new(parser, json, kind, &type));
    TRY(parse_full_name(parser, json, space, &type->full_name));
    type->name = avro_name_last(type->full_name);
    struct slice own_space = avro_name_space(type->full_name);
    TRY(avro_parse_aliases(parser, json, &own_space, &type->aliases, &type->alias_count));
    const struct avro_type *first = avro_names_find(&parser->schema->names, slice_of(type->full_name));
    if (first && first->kind == AVRO_RECORD && !first->fields)
        return avro_parse_fail(parser, json, "\"%s\" is declared inside itself", type->full_name);
    if (!first) {
        type->schema = parser->schema;
        avro_names_add(&parser->schema->names, parser->arena, type);
    }
    TRY(kind == AVRO_RECORD ? avro_parse_fields(parser, json, type)
        : kind == AVRO_ENUM ? parse_enum(parser, json, type)
                            : parse_fixed(parser, json, type));
    *out = first ? first : type;
    return first ? redeclare(parser, json, first, type, space) : OK;
}

static enum status parse_declaration(struct avro_parser *parser, const struct json *json, struct slice space, const struct avro_type **out)
{
    static const struct {
        const char *word;
        enum avro_kind kind;
    } words[] = {{"record", AVRO_RECORD}, {"error", AVRO_RECORD}, {"enum", AVRO_ENUM},
                 {"fixed", AVRO_FIXED},   {"array", AVRO_ARRAY},  {"map", AVRO_MAP}};
    struct slice word = avro_text_member(json, "type");
    if (!word.data) return avro_parse_fail(parser, json, "the \"type\" is missing or no text");
    enum avro_kind kind;
    if (avro_primitive(word, &kind)) return parse_primitive(parser, json, kind, out);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!slice_is(word, words[i].word)) continue;
        kind = words[i].kind;
        return kind == AVRO_ARRAY || kind == AVRO_MAP ? parse_collection(parser, json, kind, space, out)
                                                      : parse_named(parser, json, kind, space, out);
    }
    return parse_mention(parser, json, word, space, out);
}

enum status avro_parse_type(struct avro_parser *parser, const struct json *json, struct slice space, const struct avro_type **out)
{
    if (++parser->depth > AVRO_SCHEMA_MAX_DEPTH)
        return avro_parse_fail(parser, json, "types nest more than %d deep", AVRO_SCHEMA_MAX_DEPTH);
    enum status status = OK;
    switch (json->kind) {
    case JSON_TEXT: status = parse_mention(parser, json, json->text, space, out); break;
    case JSON_ARRAY: status = parse_union(parser, json, space, out); break;
    case JSON_OBJECT: status = parse_declaration(parser, json, space, out); break;
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER: status = avro_parse_fail(parser, json, "a schema is a name, an object or an array"); break;
    }
    parser->depth--;
    return status;
}

static void learn_references(struct avro_schema *schema, const struct avro_schema *const *references, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct avro_names *names = &references[i]->names;
        for (uint32_t j = 0; j < names->capacity; j++)
            if (names->slots[j] && !avro_names_find(&schema->names, slice_of(names->slots[j]->full_name)))
                avro_names_add(&schema->names, &schema->arena, names->slots[j]);
    }
}

enum status avro_schema_parse(const char *text, size_t size, enum avro_strictness strictness, const struct avro_schema *const *references,
                              uint32_t reference_count, struct avro_schema **out, struct err *err)
{
    *out = NULL;
    if (size > BUF_MAX_SCHEMA_TEXT)
        return err_set(err, REJECT, ERR_REGISTRY, "Avro schema of %zu bytes; at most %d are taken", size, BUF_MAX_SCHEMA_TEXT);
    struct avro_schema *schema = calloc(1, sizeof *schema);
    if (!schema) abort();
    arena_init(&schema->arena, 4096);
    struct avro_parser parser = {.schema = schema, .arena = &schema->arena, .strictness = strictness, .err = err};
    parser.text = (struct slice){arena_copy(&schema->arena, text, size), size};
    learn_references(schema, references, reference_count);
    enum status status = json_parse(parser.text, JSON_WITH_COMMENTS, &schema->arena, &schema->json, err);
    if (status == OK) status = avro_parse_type(&parser, schema->json, (struct slice){0}, &schema->root);
    if (status == OK && strictness == AVRO_STRICT) status = avro_defaults_check(&parser);
    if (status != OK) {
        avro_schema_free(schema);
        return status;
    }
    *out = schema;
    return OK;
}

void avro_schema_free(struct avro_schema *schema)
{
    if (!schema) return;
    arena_fini(&schema->arena);
    free(schema);
}
