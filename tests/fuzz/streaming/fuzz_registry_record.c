// SPDX-License-Identifier: Apache-2.0
// Records of _schemas as anybody may write them: key, value and term, three lines each.
//
// Whatever is read, every version has a schema, what the state writes it can read, and repairs leave nothing to repair.
#include <stdlib.h>

#include "streaming/registry/state.h"

enum { RECORDS_MAX = 64, REPAIRS_MAX = 8 };

static void must(bool condition)
{
    if (!condition) abort();
}

static struct slice next_line(const char **at, const char *end)
{
    const char *from = *at, *stop = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
    if (!stop) stop = end;
    *at = stop < end ? stop + 1 : end;
    return (struct slice){from, (size_t)(stop - from)};
}

static enum registry_outcome write_back(struct registry_state *state, const struct registry_record *record, struct registry_term term)
{
    struct buf key, value;
    buf_init(&key, 4 << 20);
    buf_init(&value, 4 << 20);
    registry_record_key(record, &key);
    registry_record_value(record, &value);
    must(!key.full && !value.full);
    enum registry_outcome outcome = registry_state_apply(state, buf_slice(&key), buf_slice(&value), term);
    buf_fini(&key);
    buf_fini(&value);
    return outcome;
}

// Copies what there is to another state, as compaction leaves it.
static void check_written(struct registry_state *state)
{
    struct registry_state *copy = registry_state_new();
    registry_state_lock(state);
    for (uint32_t i = 0; i < registry_state_subject_count(state); i++) {
        const struct registry_subject *subject = registry_state_subject_at(state, i);
        must(subject->count || subject->level < REGISTRY_LEVELS);
        for (uint32_t j = 0; j < subject->count; j++) {
            const struct registry_version *version = &subject->versions[j];
            must(!j || subject->versions[j - 1].version < version->version);
            must(registry_state_schema(state, version->schema->id) == version->schema);
            struct registry_record record = registry_version_record(subject->name, version);
            must(write_back(copy, &record, (struct registry_term){0}) == REGISTRY_APPLIED);
        }
    }
    must(registry_state_schema_count(copy) == registry_state_schema_count(state));
    registry_state_unlock(state);
    registry_state_free(copy);
}

static void check_repairs(struct registry_state *state)
{
    struct registry_record repairs[REPAIRS_MAX];
    registry_state_lock(state);
    struct registry_term term = {registry_state_term(state).number + 1, 1};
    uint32_t count = registry_state_repairs(state, repairs, REPAIRS_MAX);
    registry_state_unlock(state);
    while (count) {
        for (uint32_t i = 0; i < count; i++) must(write_back(state, &repairs[i], term) == REGISTRY_APPLIED);
        registry_state_lock(state);
        uint32_t left = registry_state_repairs(state, repairs, REPAIRS_MAX);
        registry_state_unlock(state);
        must(left < count || count == REPAIRS_MAX);
        count = left;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct registry_state *state = registry_state_new();
    const char *at = (const char *)data, *end = at + size;
    for (int i = 0; i < RECORDS_MAX && at < end; i++) {
        struct slice key = next_line(&at, end), value = next_line(&at, end);
        registry_state_apply(state, key, value, registry_term_parse(next_line(&at, end)));
    }
    check_written(state);
    check_repairs(state);
    check_written(state);
    registry_state_free(state);
    return 0;
}
