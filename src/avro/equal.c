// SPDX-License-Identifier: Apache-2.0
// Equality of schemas by content.
#include <strings.h>

#include "avro/pairs.h"
#include "avro/parse.h"

static bool types_equal(const struct avro_type *a, const struct avro_type *b, struct pairs *seen);

const char *const *avro_reserved_members(const struct avro_type *type)
{
    static const char *const of_types[] = {"default", "type",    "name", "namespace", "doc",    "aliases",
                                           "fields",  "symbols", "size", "items",     "values", NULL};
    static const char *const of_fields[] = {"type", "name", "doc", "aliases", "default", "order", NULL};
    if (!type) return of_fields;
    return type->kind == AVRO_ENUM ? of_types : of_types + 1; // "default" means something to an enum only
}

static bool properties_equal(const struct json *a, const struct json *b, const struct avro_type *type)
{
    static const struct json none = {.kind = JSON_OBJECT};
    return json_members_equal(a ? a : &none, b ? b : &none, avro_reserved_members(type));
}

static bool aliases_equal(const char *const *a, uint32_t a_count, const char *const *b, uint32_t b_count)
{
    if (a_count != b_count) return false;
    for (uint32_t i = 0; i < a_count; i++) {
        bool found = false;
        for (uint32_t j = 0; j < b_count && !found; j++) found = !strcmp(a[i], b[j]);
        if (!found) return false;
    }
    return true;
}

static bool docs_equal(const struct json *a, const struct json *b)
{
    struct slice x = avro_text_member(a, "doc"), y = avro_text_member(b, "doc");
    return !x.data == !y.data && slice_equal(x, y);
}

static bool orders_equal(const struct json *a, const struct json *b)
{
    struct slice x = avro_text_member(a, "order"), y = avro_text_member(b, "order");
    if (!x.data) x = SLICE("ascending");
    if (!y.data) y = SLICE("ascending");
    return x.size == y.size && !strncasecmp(x.data, y.data, x.size);
}

static bool fields_equal(const struct avro_field *a, const struct avro_field *b, struct pairs *seen)
{
    if (strcmp(a->name, b->name) != 0 || !a->default_value != !b->default_value) return false;
    if (a->default_value && !json_equal(a->default_value, b->default_value)) return false;
    return orders_equal(a->json, b->json) && docs_equal(a->json, b->json) &&
           aliases_equal(a->aliases, a->alias_count, b->aliases, b->alias_count) && properties_equal(a->json, b->json, NULL) &&
           types_equal(a->type, b->type, seen);
}

static bool named_equal(const struct avro_type *a, const struct avro_type *b, struct pairs *seen)
{
    if (strcmp(a->full_name, b->full_name) != 0 || a->default_symbol != b->default_symbol) return false;
    if (!docs_equal(a->json, b->json) || !slice_equal(avro_text_member(a->json, "type"), avro_text_member(b->json, "type")) ||
        !aliases_equal(a->aliases, a->alias_count, b->aliases, b->alias_count))
        return false;
    for (uint32_t i = 0; a->kind == AVRO_RECORD && i < a->count; i++)
        if (!fields_equal(&a->fields[i], &b->fields[i], seen)) return false;
    for (uint32_t i = 0; a->kind == AVRO_ENUM && i < a->count; i++)
        if (strcmp(a->symbols[i], b->symbols[i]) != 0) return false;
    return true;
}

static bool types_equal(const struct avro_type *a, const struct avro_type *b, struct pairs *seen)
{
    if (a == b) return true;
    if (a->kind != b->kind || a->count != b->count || !properties_equal(a->json, b->json, a)) return false;
    switch (a->kind) {
    case AVRO_ARRAY:
    case AVRO_MAP: return types_equal(a->items, b->items, seen);
    case AVRO_UNION:
        for (uint32_t i = 0; i < a->count; i++)
            if (!types_equal(a->branches[i], b->branches[i], seen)) return false;
        return true;
    case AVRO_RECORD:
    case AVRO_ENUM:
    case AVRO_FIXED: {
        // A pair that is being compared further up is equal if everything else is.
        static char comparing;
        if (pairs_find(seen, a, b)) return true;
        pairs_add(seen, a, b, &comparing);
        return named_equal(a, b, seen);
    }
    case AVRO_NULL:
    case AVRO_BOOLEAN:
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_BYTES:
    case AVRO_STRING: return true;
    }
    return false;
}

bool avro_type_equal(const struct avro_type *a, const struct avro_type *b)
{
    struct pairs seen = {0};
    bool equal = types_equal(a, b, &seen);
    pairs_fini(&seen);
    return equal;
}

bool avro_schema_equal(const struct avro_schema *a, const struct avro_schema *b)
{
    return avro_type_equal(a->root, b->root);
}
