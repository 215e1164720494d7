// SPDX-License-Identifier: Apache-2.0
// Reading and writing records of _schemas.
#include "streaming/registry/records.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char *const level_names[REGISTRY_LEVELS] = {
    "NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE",
};

const char *registry_level_name(enum registry_level level)
{
    return level_names[level];
}

enum registry_level registry_level_of(const char *name)
{
    enum registry_level level = REGISTRY_NONE;
    while (level < REGISTRY_LEVELS && (!name || strcasecmp(name, level_names[level]))) level++;
    return level;
}

enum { TERM_DIGITS = 15 }; // no sum overflows, whatever somebody wrote there

struct registry_term registry_term_parse(struct slice text)
{
    static const struct registry_term none = {0};
    char copy[REGISTRY_TERM_BYTES];
    const char *dash = text.size < sizeof copy ? memchr(text.data ? text.data : "", '-', text.size) : NULL;
    int64_t number;
    if (!dash || dash - text.data > TERM_DIGITS || !text_to_int64((struct slice){text.data, (size_t)(dash - text.data)}, &number) ||
        number < 1)
        return none;
    size_t length = text.size - (size_t)(dash + 1 - text.data);
    memcpy(copy, dash + 1, length);
    copy[length] = '\0';
    if (length != 16 || strspn(copy, "0123456789abcdef") != length) return none;
    return (struct registry_term){number, strtoull(copy, NULL, 16)};
}

void registry_term_print(struct registry_term term, char out[REGISTRY_TERM_BYTES])
{
    snprintf(out, REGISTRY_TERM_BYTES, "%lld-%016llx", (long long)term.number, (unsigned long long)term.owner);
}

static const char *copy_text(struct arena *arena, const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    return json_is_string(value) ? arena_copy(arena, json_string_value(value), json_string_length(value)) : NULL;
}

// An integer of 1..2^31-1, or 0.
static int32_t number(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    json_int_t integer = json_is_integer(value) ? json_integer_value(value) : 0;
    return integer >= 1 && integer <= INT32_MAX ? (int32_t)integer : 0;
}

static const char *copy_references(struct arena *arena, const json_t *object)
{
    const json_t *references = json_object_get(object, "references");
    if (!json_array_size(references)) return NULL;
    char *text = json_dumps(references, JSON_COMPACT);
    const char *copy = text ? arena_copy(arena, text, strlen(text)) : NULL;
    free(text);
    return copy;
}

static const char *copy_extras(struct arena *arena, const json_t *object)
{
    static const char *const members[] = {"metadata", "ruleSet"};
    struct buf all;
    buf_init(&all, BUF_MAX_RECORD);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        char *text = json_dumps(json_object_get(object, members[i]), JSON_COMPACT); // NULL for what is no object or array
        if (text) buf_printf(&all, ",\"%s\":%s", members[i], text);
        free(text);
    }
    const char *copy = all.size && !all.full ? arena_copy(arena, all.data, all.size) : NULL;
    buf_fini(&all);
    return copy;
}

static bool parse_key(const json_t *key, struct arena *arena, struct registry_record *out)
{
    const char *keytype = json_string_value(json_object_get(key, "keytype"));
    const json_t *subject = json_object_get(key, "subject");
    if (!keytype || (subject && !json_is_string(subject) && !json_is_null(subject))) return false;
    out->subject = copy_text(arena, key, "subject");
    out->null_subject = json_is_null(subject);
    out->kind = REGISTRY_RECORD_OTHER;
    if (!strcmp(keytype, "NOOP")) out->kind = REGISTRY_RECORD_NOOP;
    if (!strcmp(keytype, "CONFIG")) out->kind = REGISTRY_RECORD_CONFIG;
    if (!strcmp(keytype, "DELETE_SUBJECT")) {
        out->kind = REGISTRY_RECORD_DELETE_SUBJECT;
        return out->subject;
    }
    if (!strcmp(keytype, "SCHEMA")) {
        out->kind = REGISTRY_RECORD_SCHEMA;
        out->version = number(key, "version");
        if (!out->subject) out->subject = ""; // Confluent leaves an empty subject out
        json_int_t magic = json_integer_value(json_object_get(key, "magic"));
        return out->version && (magic == 0 || magic == 1);
    }
    return true;
}

static bool parse_value(const json_t *value, struct arena *arena, struct registry_record *out)
{
    switch (out->kind) {
    case REGISTRY_RECORD_SCHEMA:
        out->id = number(value, "id");
        out->deleted = json_is_true(json_object_get(value, "deleted"));
        out->schema = copy_text(arena, value, "schema");
        out->type = copy_text(arena, value, "schemaType");
        if (!out->type) out->type = "AVRO";
        out->references = copy_references(arena, value);
        out->extras = copy_extras(arena, value);
        return out->id && out->schema;
    case REGISTRY_RECORD_CONFIG:
        out->level = registry_level_of(json_string_value(json_object_get(value, "compatibilityLevel")));
        return out->level < REGISTRY_LEVELS;
    case REGISTRY_RECORD_DELETE_SUBJECT: out->version = number(value, "version"); return out->version;
    case REGISTRY_RECORD_NOOP: out->id = number(value, "highestId"); return true;
    case REGISTRY_RECORD_OTHER: return true;
    }
    return false;
}

bool registry_record_parse(struct slice key, struct slice value, struct arena *arena, struct registry_record *out)
{
    *out = (struct registry_record){.tombstone = !value.size, .level = REGISTRY_LEVELS};
    json_t *json = key.size ? json_loadb(key.data, key.size, 0, NULL) : NULL;
    bool good = json_is_object(json) && parse_key(json, arena, out);
    json_decref(json);
    if (!good || out->tombstone || out->kind == REGISTRY_RECORD_OTHER) return good;
    json = json_loadb(value.data, value.size, 0, NULL);
    good = json_is_object(json) && parse_value(json, arena, out);
    json_decref(json);
    return good;
}

static void append_text(struct buf *out, const char *text)
{
    buf_append_json(out, text, strlen(text));
}

void registry_record_key(const struct registry_record *record, struct buf *out)
{
    static const char *const keytypes[] = {"SCHEMA", "CONFIG", "DELETE_SUBJECT", "NOOP"};
    buf_printf(out, "{\"keytype\":\"%s\"", keytypes[record->kind]);
    bool schema = record->kind == REGISTRY_RECORD_SCHEMA;
    if (record->subject && !(schema && !*record->subject)) {
        buf_append_text(out, ",\"subject\":");
        append_text(out, record->subject);
    } else if (record->null_subject) {
        buf_append_text(out, ",\"subject\":null");
    }
    if (schema) buf_printf(out, ",\"version\":%d", record->version);
    buf_printf(out, ",\"magic\":%d}", schema);
}

void registry_record_value(const struct registry_record *record, struct buf *out)
{
    if (record->tombstone) return;
    if (record->kind == REGISTRY_RECORD_NOOP) {
        buf_printf(out, "{\"highestId\":%d}", record->id);
        return;
    }
    buf_append_byte(out, '{');
    if (record->subject) {
        buf_append_text(out, "\"subject\":");
        append_text(out, record->subject);
        buf_append_byte(out, ',');
    }
    if (record->kind == REGISTRY_RECORD_CONFIG) {
        buf_printf(out, "\"compatibilityLevel\":\"%s\"}", level_names[record->level]);
        return;
    }
    buf_printf(out, "\"version\":%d", record->version);
    if (record->kind == REGISTRY_RECORD_SCHEMA) {
        buf_printf(out, ",\"id\":%d", record->id);
        if (strcmp(record->type, "AVRO") != 0) {
            buf_append_text(out, ",\"schemaType\":");
            append_text(out, record->type);
        }
        if (record->references) buf_printf(out, ",\"references\":%s", record->references);
        if (record->extras) buf_append_text(out, record->extras);
        buf_append_text(out, ",\"schema\":");
        append_text(out, record->schema);
        buf_printf(out, ",\"deleted\":%s", record->deleted ? "true" : "false");
    }
    buf_append_byte(out, '}');
}
