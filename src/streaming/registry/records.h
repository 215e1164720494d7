// SPDX-License-Identifier: Apache-2.0
// The records of the topic _schemas: Confluent's format, byte for byte, so that another registry can take the topic over.
//
// Keys are compared as bytes by compaction, hence member order, spacing (none) and the spelling of null are part of the format. Reading
// is by parsing: order and unknown members do not matter, null and empty values are the same.
#ifndef FDP_STREAMING_REGISTRY_RECORDS_H
#define FDP_STREAMING_REGISTRY_RECORDS_H

#include "base/arena.h"
#include "base/buf.h"
#include "streaming/registry.h"

// The turn of a writer, where several registries share a stream: each begins with a number above all that it has read, and marks what it
// writes with it. The owner tells two apart that chose the same number.
struct registry_term {
    int64_t number; // 0: none; another make, or a log that needs no terms
    uint64_t owner;
};

#define REGISTRY_TERM_HEADER "fdp-term"
enum { REGISTRY_TERM_BYTES = 40 };
// The value of the header; the term of anything else is none.
struct registry_term registry_term_parse(struct slice text);
void registry_term_print(struct registry_term term, char out[REGISTRY_TERM_BYTES]);

enum registry_level {
    REGISTRY_NONE,
    REGISTRY_BACKWARD,
    REGISTRY_BACKWARD_TRANSITIVE,
    REGISTRY_FORWARD,
    REGISTRY_FORWARD_TRANSITIVE,
    REGISTRY_FULL,
    REGISTRY_FULL_TRANSITIVE,
    REGISTRY_LEVELS, // also: no level
};

// "BACKWARD_TRANSITIVE".
const char *registry_level_name(enum registry_level level);
// In any case; REGISTRY_LEVELS when it is none.
enum registry_level registry_level_of(const char *name);

enum registry_record_kind {
    REGISTRY_RECORD_SCHEMA,
    REGISTRY_RECORD_CONFIG,
    REGISTRY_RECORD_DELETE_SUBJECT,
    REGISTRY_RECORD_NOOP,
    REGISTRY_RECORD_OTHER, // well formed, of a kind that we do not use (MODE, CONTEXT, CLEAR_SUBJECT)
};

struct registry_record {
    enum registry_record_kind kind;
    const char *subject; // NULL: the global configuration
    bool null_subject;   // the key spells the global configuration "subject":null
    bool tombstone;      // the value is null or empty
    int32_t version, id; // id of a NOOP: the highest that was ever given
    bool deleted;
    const char *schema, *type; // type is "AVRO" where the record has none
    const char *references;    // JSON array, NULL when there are none
    const char *extras;        // members that we only keep: ,"metadata":{...},"ruleSet":{...}; NULL when there are none
    enum registry_level level;
};

// The texts live in the arena. False when key or value are not what the format wants.
bool registry_record_parse(struct slice key, struct slice value, struct arena *arena, struct registry_record *out);

// Writers take a record and use the members that its kind has.
void registry_record_key(const struct registry_record *record, struct buf *out);
// Nothing for a tombstone. That of a NOOP is ours: other makes write none and do not look at it.
void registry_record_value(const struct registry_record *record, struct buf *out);

#endif
