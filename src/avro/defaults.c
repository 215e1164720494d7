// SPDX-License-Identifier: Apache-2.0
// Checking the defaults of a schema against their types, by kind of JSON value as Avro Java does.
#include "avro/parse.h"

enum { MAX_CHECKS = 100000 }; // of one schema: records whose defaults unfold to other records may grow without bound

static bool fits(const struct avro_type *type, const struct json *value, unsigned depth, unsigned *checks);

// A text that is the default of a float or double itself has been found to name a number.
static bool default_fits(const struct avro_field *field, unsigned depth, unsigned *checks)
{
    if (!field->default_value) return false;
    bool number = field->type->kind == AVRO_FLOAT || field->type->kind == AVRO_DOUBLE;
    return (number && field->default_value->kind == JSON_TEXT) || fits(field->type, field->default_value, depth, checks);
}

static bool items_fit(const struct avro_type *type, const struct json *value, unsigned depth, unsigned *checks)
{
    if (value->kind != (type->kind == AVRO_ARRAY ? JSON_ARRAY : JSON_OBJECT)) return false;
    for (uint32_t i = 0; i < value->count; i++)
        if (!fits(type->items, &value->items[i], depth, checks)) return false;
    return true;
}

static bool record_fits(const struct avro_type *type, const struct json *value, unsigned depth, unsigned *checks)
{
    if (value->kind != JSON_OBJECT) return false;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct avro_field *field = &type->fields[i];
        const struct json *member = json_member(value, field->name);
        *checks += value->count / 16; // what looking for it may have cost
        if (member ? !fits(field->type, member, depth, checks) : !default_fits(field, depth, checks)) return false;
    }
    return true;
}

static bool fits(const struct avro_type *type, const struct json *value, unsigned depth, unsigned *checks)
{
    int64_t number;
    if (depth > AVRO_SCHEMA_MAX_DEPTH || ++*checks > MAX_CHECKS) return false;
    switch (type->kind) {
    case AVRO_NULL: return value->kind == JSON_NULL;
    case AVRO_BOOLEAN: return value->kind == JSON_BOOL;
    case AVRO_INT: return value->kind == JSON_NUMBER && json_int64(value, &number) && number >= INT32_MIN && number <= INT32_MAX;
    case AVRO_LONG: return value->kind == JSON_NUMBER && json_int64(value, &number);
    case AVRO_FLOAT:
    case AVRO_DOUBLE: return value->kind == JSON_NUMBER;
    case AVRO_BYTES:
    case AVRO_STRING:
    case AVRO_ENUM:
    case AVRO_FIXED: return value->kind == JSON_TEXT;
    case AVRO_ARRAY:
    case AVRO_MAP: return items_fit(type, value, depth + 1, checks);
    case AVRO_RECORD: return record_fits(type, value, depth + 1, checks);
    case AVRO_UNION:
        for (uint32_t i = 0; i < type->count; i++)
            if (fits(type->branches[i], value, depth + 1, checks)) return true;
        return false;
    }
    return false;
}

enum status avro_defaults_check(struct avro_parser *parser)
{
    const struct avro_names *names = &parser->schema->names;
    unsigned checks = 0;
    for (uint32_t i = 0; i < names->capacity; i++) {
        const struct avro_type *type = names->slots[i];
        if (!type || type->schema != parser->schema || type->kind != AVRO_RECORD) continue;
        for (uint32_t j = 0; j < type->count; j++) {
            const struct avro_field *field = &type->fields[j];
            if (field->default_value && !default_fits(field, 0, &checks))
                return avro_parse_fail(parser, field->default_value, "the default of field \"%s\" is not of the field's type", field->name);
        }
    }
    return OK;
}
