// SPDX-License-Identifier: Apache-2.0
// The texts of a schema: Avro Java's Schema.toString(), Parsing Canonical Form, and the fingerprint of the latter.
//
// Order of members in Java's text:
//   record, error  type, name, [namespace], [doc], fields, properties as they came, [aliases]
//   field          name, type, [doc], [default], [order unless ascending], [aliases], properties
//   enum           type, name, [namespace], [doc], symbols, [default], properties, [aliases]
//   fixed          type, name, [namespace], [doc], size, properties, [aliases]
//   array, map     type, items or values, properties
//   primitive      its bare name, or type and properties
//   union          an array
// A named type is declared where it comes first and mentioned from then on.
#include <strings.h>

#include "avro/pairs.h"
#include "avro/parse.h"

struct printer {
    const struct avro_schema *schema;
    struct buf *out;
    struct pairs printed; // (named type, NULL)
};

static void print_type(struct printer *printer, const struct avro_type *type, struct slice space);

static void print_key(struct printer *printer, const char *key)
{
    buf_append_byte(printer->out, ',');
    json_print_text(slice_of(key), printer->out);
    buf_append_byte(printer->out, ':');
}

static void print_name(struct printer *printer, const char *key, const char *name)
{
    print_key(printer, key);
    json_print_text(slice_of(name), printer->out);
}

static void print_doc(struct printer *printer, const struct json *json)
{
    struct slice doc = avro_text_member(json, "doc");
    if (!doc.data) return;
    print_key(printer, "doc");
    json_print_text(doc, printer->out);
}

// False when the type was printed before; from now on it was.
static bool print_first(struct printer *printer, const struct avro_type *type)
{
    if (pairs_find(&printer->printed, type, NULL)) return false;
    pairs_add(&printer->printed, type, NULL, printer);
    return true;
}

static void print_property(struct printer *printer, const struct json *property)
{
    buf_append_byte(printer->out, ',');
    json_print_text(property->name, printer->out);
    buf_append_byte(printer->out, ':');
    json_print(property, printer->out);
}

// Of a field when `type` is NULL.
static void print_properties(struct printer *printer, const struct json *json, const struct avro_type *type)
{
    const char *const *reserved = avro_reserved_members(type);
    for (uint32_t i = 0; json && i < json->count; i++)
        if (!json_name_in(json->items[i].name, reserved)) print_property(printer, &json->items[i]);
}

static void print_texts(struct printer *printer, const char *key, const char *const *texts, uint32_t count, struct slice space)
{
    print_key(printer, key);
    buf_append_byte(printer->out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i) buf_append_byte(printer->out, ',');
        json_print_text(slice_of(space.data ? avro_name_mention(texts[i], space) : texts[i]), printer->out);
    }
    buf_append_byte(printer->out, ']');
}

static void print_field(struct printer *printer, const struct avro_field *field, struct slice space)
{
    buf_append_text(printer->out, "{\"name\":");
    json_print_text(slice_of(field->name), printer->out);
    print_key(printer, "type");
    print_type(printer, field->type, space);
    print_doc(printer, field->json);
    if (field->default_value) {
        print_key(printer, "default");
        json_print(field->default_value, printer->out);
    }
    struct slice order = avro_text_member(field->json, "order");
    if (order.data && strncasecmp(order.data, "ascending", order.size) != 0)
        print_name(printer, "order", order.size == strlen("ignore") ? "ignore" : "descending");
    if (field->alias_count) print_texts(printer, "aliases", field->aliases, field->alias_count, (struct slice){0});
    print_properties(printer, field->json, NULL);
    buf_append_byte(printer->out, '}');
}

static void print_fields(struct printer *printer, const struct avro_type *type, struct slice space)
{
    print_key(printer, "fields");
    buf_append_byte(printer->out, '[');
    for (uint32_t i = 0; i < type->count; i++) {
        if (i) buf_append_byte(printer->out, ',');
        print_field(printer, &type->fields[i], space);
    }
    buf_append_byte(printer->out, ']');
}

static void print_named(struct printer *printer, const struct avro_type *type, struct slice space)
{
    if (type->schema != printer->schema || !print_first(printer, type)) {
        json_print_text(slice_of(avro_name_mention(type->full_name, space)), printer->out);
        return;
    }
    struct slice own_space = avro_name_space(type->full_name);
    buf_append_text(printer->out, "{\"type\":");
    json_print_text(avro_text_member(type->json, "type"), printer->out);
    print_name(printer, "name", type->name);
    if (!slice_equal(own_space, space)) {
        print_key(printer, "namespace");
        json_print_text(own_space, printer->out);
    }
    print_doc(printer, type->json);
    if (type->kind == AVRO_RECORD) print_fields(printer, type, own_space);
    if (type->kind == AVRO_ENUM) print_texts(printer, "symbols", type->symbols, type->count, (struct slice){0});
    if (type->kind == AVRO_ENUM && type->default_symbol >= 0) print_name(printer, "default", type->symbols[type->default_symbol]);
    if (type->kind == AVRO_FIXED) {
        print_key(printer, "size");
        buf_printf(printer->out, "%u", type->count);
    }
    print_properties(printer, type->json, type);
    if (type->alias_count) print_texts(printer, "aliases", type->aliases, type->alias_count, own_space);
    buf_append_byte(printer->out, '}');
}

static void print_type(struct printer *printer, const struct avro_type *type, struct slice space)
{
    if (type->full_name) {
        print_named(printer, type, space);
    } else if (type->kind == AVRO_UNION) {
        buf_append_byte(printer->out, '[');
        for (uint32_t i = 0; i < type->count; i++) {
            if (i) buf_append_byte(printer->out, ',');
            print_type(printer, type->branches[i], space);
        }
        buf_append_byte(printer->out, ']');
    } else if (type->kind == AVRO_ARRAY || type->kind == AVRO_MAP) {
        buf_append_text(printer->out, type->kind == AVRO_ARRAY ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":");
        print_type(printer, type->items, space);
        print_properties(printer, type->json, type);
        buf_append_byte(printer->out, '}');
    } else {
        // A primitive is an object only when there are properties to tell.
        size_t start = printer->out->size;
        buf_append_text(printer->out, "{\"type\":");
        json_print_text(slice_of(avro_kind_name(type->kind)), printer->out);
        size_t bare = printer->out->size;
        print_properties(printer, type->json, type);
        if (printer->out->size > bare) {
            buf_append_byte(printer->out, '}');
        } else if (!printer->out->full) {
            printer->out->size = start;
            json_print_text(slice_of(avro_kind_name(type->kind)), printer->out);
        }
    }
}

void avro_schema_print(const struct avro_schema *schema, struct buf *out)
{
    struct printer printer = {.schema = schema, .out = out};
    print_type(&printer, schema->root, (struct slice){0});
    pairs_fini(&printer.printed);
}

static void pcf_type(struct printer *printer, const struct avro_type *type);

static void pcf_named(struct printer *printer, const struct avro_type *type)
{
    struct buf *out = printer->out;
    if (!print_first(printer, type)) {
        buf_printf(out, "\"%s\"", type->full_name);
        return;
    }
    buf_printf(out, "{\"name\":\"%s\",\"type\":\"%s\"", type->full_name, avro_kind_name(type->kind));
    if (type->kind == AVRO_FIXED) {
        buf_printf(out, ",\"size\":%u}", type->count);
        return;
    }
    buf_append_text(out, type->kind == AVRO_ENUM ? ",\"symbols\":[" : ",\"fields\":[");
    for (uint32_t i = 0; i < type->count; i++) {
        if (i) buf_append_byte(out, ',');
        if (type->kind == AVRO_ENUM) {
            buf_printf(out, "\"%s\"", type->symbols[i]);
        } else {
            buf_printf(out, "{\"name\":\"%s\",\"type\":", type->fields[i].name);
            pcf_type(printer, type->fields[i].type);
            buf_append_byte(out, '}');
        }
    }
    buf_append_text(out, "]}");
}

static void pcf_type(struct printer *printer, const struct avro_type *type)
{
    struct buf *out = printer->out;
    if (type->full_name) {
        pcf_named(printer, type);
    } else if (type->kind == AVRO_UNION) {
        buf_append_byte(out, '[');
        for (uint32_t i = 0; i < type->count; i++) {
            if (i) buf_append_byte(out, ',');
            pcf_type(printer, type->branches[i]);
        }
        buf_append_byte(out, ']');
    } else if (type->kind == AVRO_ARRAY || type->kind == AVRO_MAP) {
        buf_append_text(out, type->kind == AVRO_ARRAY ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":");
        pcf_type(printer, type->items);
        buf_append_byte(out, '}');
    } else {
        buf_printf(out, "\"%s\"", avro_kind_name(type->kind));
    }
}

void avro_schema_print_pcf(const struct avro_schema *schema, struct buf *out)
{
    struct printer printer = {.schema = schema, .out = out};
    pcf_type(&printer, schema->root);
    pairs_fini(&printer.printed);
}

uint64_t avro_schema_fingerprint(const struct avro_schema *schema)
{
    static const uint64_t polynomial = 0xc15d213aa4d7a795;
    uint64_t table[256], crc = polynomial;
    for (unsigned i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? polynomial : 0);
    }
    struct buf text;
    buf_init(&text, 8 * BUF_MAX_SCHEMA_TEXT);
    avro_schema_print_pcf(schema, &text);
    for (size_t i = 0; i < text.size; i++) crc = crc >> 8 ^ table[(crc ^ (unsigned char)text.data[i]) & 0xff];
    buf_fini(&text);
    return crc;
}
