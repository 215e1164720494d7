// SPDX-License-Identifier: Apache-2.0
// Inside the schema parser: its state, and the parts that have a file of their own.
#ifndef FDP_AVRO_PARSE_H
#define FDP_AVRO_PARSE_H

#include "avro/json.h"
#include "avro/names.h"

struct avro_parser {
    struct avro_schema *schema;
    struct arena *arena; // the schema's
    enum avro_strictness strictness;
    struct slice text;
    unsigned depth, types;
    struct err *err;
};

// REJECT with line and column of `at`.
enum status avro_parse_fail(const struct avro_parser *parser, const struct json *at, const char *format, ...) PRINTF_LIKE(3, 4);

// A schema in any of its three shapes, where `space` is the enclosing namespace.
enum status avro_parse_type(struct avro_parser *parser, const struct json *json, struct slice space,
                            const struct avro_type **out) MUST_CHECK;

// A text member of an object; {NULL, 0} when it is missing or no text.
struct slice avro_text_member(const struct json *json, const char *name);
// The aliases of a declaration, without repetitions: full names in `space` for types, plain ones for fields (space NULL).
enum status avro_parse_aliases(struct avro_parser *parser, const struct json *json, const struct slice *space, const char *const **aliases,
                               uint32_t *count) MUST_CHECK;
// "fields" of a record whose full name is known.
enum status avro_parse_fields(struct avro_parser *parser, const struct json *json, struct avro_type *record) MUST_CHECK;

// Logical type of a type (kind and count are known), and precision and scale of a decimal.
void avro_parse_logical(struct avro_type *type);

// Checks every default of the schema against its type.
enum status avro_defaults_check(struct avro_parser *parser) MUST_CHECK;

// Equal in every respect. Types that are mentioned inside their own declaration are followed.
bool avro_type_equal(const struct avro_type *a, const struct avro_type *b);

// The members of a declaration that Avro gives a meaning, up to a NULL; all others are properties. Of a field when `type` is NULL.
const char *const *avro_reserved_members(const struct avro_type *type);

#endif
