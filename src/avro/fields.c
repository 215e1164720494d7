// SPDX-License-Identifier: Apache-2.0
// Parsing what belongs to a declaration: fields, aliases, logical types.
#include <math.h>
#include <strings.h>

#include "avro/parse.h"
#include "avro/scaled.h"

enum { MAX_ALIASES = 1000 }; // of one name

static bool alias_is_known(const char *const *aliases, uint32_t count, const char *alias)
{
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(aliases[i], alias)) return true;
    return false;
}

enum status avro_parse_aliases(struct avro_parser *parser, const struct json *json, const struct slice *space, const char *const **aliases,
                               uint32_t *count)
{
    const struct json *given = json_member(json, "aliases");
    *count = 0;
    if (!given) return OK;
    if (given->kind != JSON_ARRAY || given->count > MAX_ALIASES)
        return avro_parse_fail(parser, given, "\"aliases\" must be an array of at most %d names", MAX_ALIASES);
    const char **names = arena_calloc(parser->arena, given->count, sizeof *names);
    for (uint32_t i = 0; i < given->count; i++) {
        const struct json *alias = &given->items[i];
        // Those of fields are not looked at closely: nor does Avro Java.
        if (alias->kind != JSON_TEXT || !(space ? avro_full_name_is_valid(alias->text, parser->strictness)
                                                : avro_name_is_valid(alias->text, AVRO_LENIENT) || alias->text.size == 0))
            return avro_parse_fail(parser, alias, "not a valid alias");
        const char *name = avro_name_qualify(parser->arena, alias->text, space ? *space : (struct slice){0});
        if (!alias_is_known(names, *count, name)) names[(*count)++] = name;
    }
    *aliases = names;
    return OK;
}

static enum status check_order(struct avro_parser *parser, const struct json *json)
{
    static const char *const orders[] = {"ascending", "descending", "ignore"};
    const struct json *order = json_member(json, "order");
    if (!order) return OK;
    for (size_t i = 0; order->kind == JSON_TEXT && i < sizeof orders / sizeof *orders; i++)
        if (order->text.size == strlen(orders[i]) && !strncasecmp(order->text.data, orders[i], order->text.size)) return OK;
    return avro_parse_fail(parser, order, "\"order\" must be ascending, descending or ignore");
}

// Avro Java turns a text that is the default of a float or double into a number; so the schema's text has one too.
static enum status parse_default(struct avro_parser *parser, struct avro_field *field)
{
    static const char *const not_finite[] = {"NaN", "Infinity", "-Infinity"};
    const struct json *given = json_member(field->json, "default");
    field->default_value = given;
    if (!given || given->kind != JSON_TEXT || (field->type->kind != AVRO_FLOAT && field->type->kind != AVRO_DOUBLE)) return OK;
    for (size_t i = 0; i < sizeof not_finite / sizeof *not_finite; i++)
        if (slice_is(given->text, not_finite[i])) return OK;
    double value;
    if (!text_to_double(given->text, &value)) return avro_parse_fail(parser, given, "the default of \"%s\" is no number", field->name);
    struct buf text;
    buf_init(&text, JSON_MAX_NUMBER);
    json_print_double(value, &text);
    struct json *number = arena_calloc(parser->arena, 1, sizeof *number);
    number->kind = JSON_NUMBER;
    number->at = given->at;
    number->text = (struct slice){arena_copy(parser->arena, text.data, text.size), text.size};
    buf_fini(&text);
    field->default_value = number;
    return OK;
}

static enum status parse_field(struct avro_parser *parser, const struct json *json, const struct avro_type *record,
                               struct avro_field *field)
{
    struct slice name = avro_text_member(json, "name"), doc = avro_text_member(json, "doc");
    const struct json *type = json_member(json, "type");
    if (!name.data) return avro_parse_fail(parser, json, "a field of %s has no \"name\"", record->full_name);
    if (!avro_name_is_valid(name, parser->strictness))
        return avro_parse_fail(parser, json, "\"%.*s\" is not a valid name of a field", SLICE_ARG(name));
    if (!type) return avro_parse_fail(parser, json, "field \"%.*s\" has no \"type\"", SLICE_ARG(name));
    field->json = json;
    field->name = arena_copy(parser->arena, name.data, name.size);
    if (doc.data) field->doc = arena_copy(parser->arena, doc.data, doc.size);
    TRY(avro_parse_type(parser, type, avro_name_space(record->full_name), &field->type));
    TRY(check_order(parser, json));
    TRY(avro_parse_aliases(parser, json, NULL, &field->aliases, &field->alias_count));
    return parse_default(parser, field);
}

enum status avro_parse_fields(struct avro_parser *parser, const struct json *json, struct avro_type *record)
{
    const struct json *given = json_member(json, "fields");
    if (!given || given->kind != JSON_ARRAY) return avro_parse_fail(parser, json, "record %s has no \"fields\"", record->full_name);
    struct avro_field *fields = arena_calloc(parser->arena, given->count, sizeof *fields);
    const char **names = arena_calloc(parser->arena, given->count, sizeof *names);
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < given->count; i++) {
        TRY(parse_field(parser, &given->items[i], record, &fields[i]));
        names[i] = fields[i].name;
        if (__builtin_add_overflow(bytes, fields[i].type->min_bytes, &bytes)) bytes = UINT32_MAX;
    }
    const char *duplicate = avro_names_duplicate(names, given->count);
    if (duplicate) return avro_parse_fail(parser, given, "record %s has the field \"%s\" twice", record->full_name, duplicate);
    record->count = given->count;
    record->min_bytes = bytes;
    record->fields = fields;
    return OK;
}

// An integer that fits 32 bits; `missing` when there is no such member.
static bool int_member(const struct json *json, const char *name, int32_t missing, int32_t *value)
{
    const struct json *member = json_member(json, name);
    int64_t number = missing;
    if (member && (member->kind != JSON_NUMBER || !json_int64(member, &number) || number < INT32_MIN || number > INT32_MAX)) return false;
    *value = (int32_t)number;
    return true;
}

static bool decimal_is_valid(struct avro_type *type)
{
    int32_t precision, scale;
    if (type->kind != AVRO_BYTES && type->kind != AVRO_FIXED) return false;
    if (!int_member(type->json, "precision", 0, &precision) || !int_member(type->json, "scale", 0, &scale)) return false;
    if (precision <= 0 || precision > SCALED_MAX_PRECISION || scale < 0 || scale > precision) return false;
    // So many decimal digits fit into a fixed of that size for sure.
    if (type->kind == AVRO_FIXED && precision > floor(log10(2) * (8.0 * type->count - 1))) return false;
    type->precision = precision;
    type->scale = scale;
    return true;
}

void avro_parse_logical(struct avro_type *type)
{
    static const struct {
        const char *name;
        enum avro_kind kind;
        enum avro_logical logical;
    } logicals[] = {
        {"uuid", AVRO_STRING, AVRO_UUID},
        {"date", AVRO_INT, AVRO_DATE},
        {"time-millis", AVRO_INT, AVRO_TIME_MILLIS},
        {"time-micros", AVRO_LONG, AVRO_TIME_MICROS},
        {"timestamp-millis", AVRO_LONG, AVRO_TIMESTAMP_MILLIS},
        {"timestamp-micros", AVRO_LONG, AVRO_TIMESTAMP_MICROS},
        {"timestamp-nanos", AVRO_LONG, AVRO_TIMESTAMP_NANOS},
        {"local-timestamp-millis", AVRO_LONG, AVRO_LOCAL_TIMESTAMP_MILLIS},
        {"local-timestamp-micros", AVRO_LONG, AVRO_LOCAL_TIMESTAMP_MICROS},
        {"local-timestamp-nanos", AVRO_LONG, AVRO_LOCAL_TIMESTAMP_NANOS},
    };
    struct slice name = avro_text_member(type->json, "logicalType");
    if (!name.data) return;
    for (size_t i = 0; i < sizeof logicals / sizeof *logicals; i++)
        if (type->kind == logicals[i].kind && slice_is(name, logicals[i].name)) type->logical = logicals[i].logical;
    if (type->kind == AVRO_FIXED && type->count == 16 && slice_is(name, "uuid")) type->logical = AVRO_UUID;
    if (type->kind == AVRO_FIXED && type->count == 12 && slice_is(name, "duration")) type->logical = AVRO_DURATION;
    if (slice_is(name, "decimal") && decimal_is_valid(type)) type->logical = AVRO_DECIMAL;
}
