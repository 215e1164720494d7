// SPDX-License-Identifier: Apache-2.0
// What a registry knows, in memory: subjects with versions, schemas by id, compatibility levels. Built by applying the records of
// _schemas in order; nothing else changes it.
//
// One thread applies; any thread reads between registry_state_lock and registry_state_unlock. What a reader gets lives until it unlocks.
#ifndef FDP_STREAMING_REGISTRY_STATE_H
#define FDP_STREAMING_REGISTRY_STATE_H

#include <stdbool.h>

#include "streaming/registry/records.h"

struct registry_state;

// The content of an id: never changes, is never freed before the state.
struct registry_schema {
    int32_t id;
    const char *text, *type;
    const char *references; // JSON array or NULL
    const char *extras;     // as in struct registry_record
    uint64_t content;       // equal contents have equal numbers
    uint32_t uses;          // versions that have it, deleted ones included
};

struct registry_version {
    int32_t version;
    bool deleted; // softly
    const struct registry_schema *schema;
};

struct registry_subject {
    const char *name;
    struct registry_version *versions; // rising
    uint32_t count, capacity;
    enum registry_level level; // REGISTRY_LEVELS: none of its own
};

struct registry_state *registry_state_new(void);
void registry_state_free(struct registry_state *state);

enum registry_outcome {
    REGISTRY_APPLIED,
    REGISTRY_UNUSED,    // of a kind that we do not use
    REGISTRY_MALFORMED, // not what the format wants
    REGISTRY_CONFLICT,  // it gives an id another meaning than the one that the id has
    REGISTRY_STALE,     // by a writer after another one's turn had begun
};

// Applies one record. All but the first outcome leave the state as it was.
enum registry_outcome registry_state_apply(struct registry_state *state, struct slice key, struct slice value, struct registry_term term);

void registry_state_lock(struct registry_state *state); // for reading
void registry_state_unlock(struct registry_state *state);

// All that is below needs the lock.

// NULL when there is none. One without versions may still have a level.
const struct registry_subject *registry_state_subject(struct registry_state *state, const char *name);
// The subjects by name, those without versions included.
uint32_t registry_state_subject_count(struct registry_state *state);
const struct registry_subject *registry_state_subject_at(struct registry_state *state, uint32_t index);

const struct registry_version *registry_subject_version(const struct registry_subject *subject, int32_t version);
// The highest version that is not deleted (or of all with `deleted`); NULL when there is none.
const struct registry_version *registry_subject_latest(const struct registry_subject *subject, bool deleted);

// The record that says what the version is. Its texts live as long as the state, but for `subject`.
struct registry_record registry_version_record(const char *subject, const struct registry_version *version);

// NULL when no version has it any more.
const struct registry_schema *registry_state_schema(struct registry_state *state, int32_t id);
// That was ever given.
int32_t registry_state_highest_id(struct registry_state *state);
// The record that keeps it, which must follow what deletes schemas for good: compaction leaves nothing of them.
struct registry_record registry_highest_record(struct registry_state *state);
uint32_t registry_state_schema_count(struct registry_state *state);

// What a schema is compared by: its meaning (as avro_schema_equal says), not its spelling.
struct registry_content {
    const char *text; // canonical
    uint64_t content;
    const struct avro_schema *schema;
};
bool registry_content_equal(const struct registry_content *content, const struct registry_schema *schema);
// The schema of that content with any id, or NULL.
const struct registry_schema *registry_state_find(struct registry_state *state, const struct registry_content *content);
// The newest version of the subject with that content; deleted ones only with `deleted`.
const struct registry_version *registry_subject_find(const struct registry_subject *subject, const struct registry_content *content,
                                                     bool deleted);

// The subject's own level, else the global one.
enum registry_level registry_state_level(struct registry_state *state);
// The spellings of the global configuration's key that the topic holds: all must be overwritten together.
enum { REGISTRY_GLOBAL_ABSENT = 1, REGISTRY_GLOBAL_NULL = 2 };
unsigned registry_state_global_keys(struct registry_state *state);

// The turn that the log is in.
struct registry_term registry_state_term(struct registry_state *state);
// What the writer must append so that the log says what the state says, also when compaction has left only the last record of each key:
// one record for every key whose last record was stale. They live as long as the state.
uint32_t registry_state_repairs(struct registry_state *state, struct registry_record *records, uint32_t max);

#endif
