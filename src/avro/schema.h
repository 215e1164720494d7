// SPDX-License-Identifier: Apache-2.0
// Avro schemas: text in, an immutable tree of types out; canonical text and fingerprint. Pure, no I/O.
// Specification: Apache Avro 1.11/1.12, "Schema Declaration", "Parsing Canonical Form".
#ifndef FDP_AVRO_SCHEMA_H
#define FDP_AVRO_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

// Limits on what a schema may ask of us.
enum {
    AVRO_SCHEMA_MAX_DEPTH = 64,    // nesting of types in the text
    AVRO_SCHEMA_MAX_TYPES = 10000, // nodes of the tree
};

enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_RECORD,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_UNION,
    AVRO_FIXED,
};

// Unknown or ill-formed logical types are AVRO_LOGICAL_NONE: the specification says to ignore them.
enum avro_logical {
    AVRO_LOGICAL_NONE,
    AVRO_DECIMAL,
    AVRO_UUID,
    AVRO_DATE,
    AVRO_TIME_MILLIS,
    AVRO_TIME_MICROS,
    AVRO_TIMESTAMP_MILLIS,
    AVRO_TIMESTAMP_MICROS,
    AVRO_TIMESTAMP_NANOS,
    AVRO_LOCAL_TIMESTAMP_MILLIS,
    AVRO_LOCAL_TIMESTAMP_MICROS,
    AVRO_LOCAL_TIMESTAMP_NANOS,
    AVRO_DURATION,
};

struct json; // a parsed JSON value that keeps member order and number text (avro/json.h)

struct avro_type;

struct avro_field {
    const char *name, *doc; // doc may be NULL
    const struct avro_type *type;
    const struct json *default_value; // NULL: no default; a JSON null is a default
    const char *const *aliases;
    uint32_t alias_count;
    const struct json *json; // its declaration, for order and other properties
};

// One node. A named type that is mentioned again is the same node, so the tree may have cycles.
struct avro_type {
    enum avro_kind kind;
    enum avro_logical logical;
    int32_t precision, scale;     // of AVRO_DECIMAL
    const char *name, *full_name; // of record, enum, fixed: last part, and with namespace
    const char *const *aliases;   // full names
    uint32_t alias_count;
    uint32_t count;                          // fields, symbols, branches; size of a fixed
    const struct avro_field *fields;         // of a record
    const char *const *symbols;              // of an enum
    int32_t default_symbol;                  // of an enum; -1: none
    const struct avro_type *const *branches; // of a union
    const struct avro_type *items;           // of an array or map
    const struct json *json;                 // its declaration, for doc and other properties; NULL when it is a bare name
    const struct avro_schema *schema;        // of a named type: the one that declares it
    uint32_t min_bytes;                      // a datum of this type takes at least so many bytes
};

// Named types, found by full name (open addressing).
struct avro_names {
    const struct avro_type **slots;
    uint32_t capacity, count;
};

// A parsed schema owns all of its nodes but those of its references. Immutable; may be used by many threads at once.
struct avro_schema {
    struct arena arena;
    const struct avro_type *root;
    const struct json *json;
    struct avro_names names; // all that it may mention: its own and those of its references
};

// How strictly a schema is judged: strict for new ones (names, and defaults checked against their types as Avro Java 1.12 does: by kind
// of JSON value, and a default of a union may match any branch), lenient for those already in a registry.
enum avro_strictness { AVRO_LENIENT, AVRO_STRICT };

// `references` are schemas whose named types the text may mention (NULL when there are none); they must outlive the result.
// Errors are REJECT / ERR_REGISTRY and say where in the text. Free with avro_schema_free.
enum status avro_schema_parse(const char *text, size_t size, enum avro_strictness strictness, const struct avro_schema *const *references,
                              uint32_t reference_count, struct avro_schema **out, struct err *err) MUST_CHECK;
void avro_schema_free(struct avro_schema *schema);

// Avro Java's Schema.toString(): the text that registries store and compare. See avro/canonical.c for member order. Types that come from
// references are printed by name only.
void avro_schema_print(const struct avro_schema *schema, struct buf *out);
// Parsing Canonical Form, and its CRC-64-AVRO fingerprint.
void avro_schema_print_pcf(const struct avro_schema *schema, struct buf *out);
uint64_t avro_schema_fingerprint(const struct avro_schema *schema);

// True when both mean the same in every respect (names, types, defaults, order, logical types, docs, aliases and properties); spelling
// is ignored.
bool avro_schema_equal(const struct avro_schema *a, const struct avro_schema *b);

#endif
