// SPDX-License-Identifier: Apache-2.0
// Names of Avro: what is a valid one, how it is qualified, and the table of the named types of a schema.
#ifndef FDP_AVRO_NAMES_H
#define FDP_AVRO_NAMES_H

#include "avro/schema.h"

// One name without dots: [A-Za-z_][A-Za-z0-9_]*; lenient: not empty and without NUL.
bool avro_name_is_valid(struct slice name, enum avro_strictness strictness);
// The same for every part between dots. A name may not begin or end with a dot in either mode.
bool avro_full_name_is_valid(struct slice name, enum avro_strictness strictness);

// The full name of `name` as written where `space` is the enclosing namespace (empty: none): a dotted name is full already.
const char *avro_name_qualify(struct arena *arena, struct slice name, struct slice space);

// What stands before the last dot of a full name; empty when there is none. And what stands behind it.
struct slice avro_name_space(const char *full_name);
const char *avro_name_last(const char *full_name);

// "null" to "string"; false when it is no primitive.
bool avro_primitive(struct slice name, enum avro_kind *kind);
// "record", "int" and so on.
const char *avro_kind_name(enum avro_kind kind);

// The type with that full name, or NULL. Adding must come after not finding.
const struct avro_type *avro_names_find(const struct avro_names *names, struct slice full_name);
void avro_names_add(struct avro_names *names, struct arena *arena, const struct avro_type *type);

// What `name`, mentioned where `space` is the enclosing namespace, refers to: the type of that namespace, else the one whose full name
// it is; NULL when there is none.
const struct avro_type *avro_names_lookup(const struct avro_names *names, struct slice name, struct slice space);

// How a type is mentioned where `space` is the enclosing namespace: the last part when that is enough and no word of Avro.
const char *avro_name_mention(const char *full_name, struct slice space);

// Of `count` names, one that comes twice, or NULL.
const char *avro_names_duplicate(const char *const *names, uint32_t count);

#endif
