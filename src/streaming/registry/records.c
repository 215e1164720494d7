// SPDX-License-Identifier: Apache-2.0
// Reading and writing records of _schemas.
#include "streaming/registry/records.h"

#include <jansson.h>
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
        return out->id && out->schema;
    case REGISTRY_RECORD_CONFIG:
        out->level = registry_level_of(json_string_value(json_object_get(value, "compatibilityLevel")));
        return out->level < REGISTRY_LEVELS;
    case REGISTRY_RECORD_DELETE_SUBJECT: out->version = number(value, "version"); return out->version;
    case REGISTRY_RECORD_NOOP:
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
    if (!good || out->tombstone || out->kind == REGISTRY_RECORD_NOOP || out->kind == REGISTRY_RECORD_OTHER) return good;
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
    if (record->tombstone || record->kind == REGISTRY_RECORD_NOOP) return;
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
        buf_append_text(out, ",\"schema\":");
        append_text(out, record->schema);
        buf_printf(out, ",\"deleted\":%s", record->deleted ? "true" : "false");
    }
    buf_append_byte(out, '}');
}
