// SPDX-License-Identifier: Apache-2.0
// Applying records, and finding things among what they made.
#include "streaming/registry/state.h"

#include <pthread.h>
#include <stdlib.h>

#include "avro/schema.h"

struct registry_state {
    pthread_rwlock_t lock;             // guards everything below
    struct arena arena;                // texts, for ever
    struct registry_subject *subjects; // by name
    uint32_t subject_count, subject_capacity;
    struct registry_schema **schemas; // by id; also those that no version has any more
    uint32_t schema_count, schema_capacity;
    uint32_t live_schemas; // with uses
    int32_t highest_id;
    enum registry_level level; // REGISTRY_LEVELS: not configured
    unsigned global_keys;
    struct registry_term term;
    struct registry_record *stale; // keys whose last record was refused as stale
    uint32_t stale_count, stale_capacity;
};

struct registry_state *registry_state_new(void)
{
    struct registry_state *state = calloc(1, sizeof *state);
    if (!state) abort();
    // Readers come all the time; the one that applies must not wait for a pause between them.
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&state->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    arena_init(&state->arena, 16 << 10);
    state->level = REGISTRY_LEVELS;
    return state;
}

void registry_state_free(struct registry_state *state)
{
    if (!state) return;
    for (uint32_t i = 0; i < state->subject_count; i++) free(state->subjects[i].versions);
    free(state->subjects);
    free(state->schemas);
    free(state->stale);
    arena_fini(&state->arena);
    pthread_rwlock_destroy(&state->lock);
    free(state);
}

void registry_state_lock(struct registry_state *state)
{
    pthread_rwlock_rdlock(&state->lock);
}

void registry_state_unlock(struct registry_state *state)
{
    pthread_rwlock_unlock(&state->lock);
}

// Room for one more element at `at` of an array that is kept in order.
static void *make_room(void *items, uint32_t *count, uint32_t *capacity, uint32_t at, size_t size)
{
    if (*count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 4;
        items = realloc(items, *capacity * size);
        if (!items) abort();
    }
    char *place = (char *)items + at * size;
    memmove(place + size, place, (*count - at) * size);
    memset(place, 0, size);
    ++*count;
    return items;
}

// Where the subject is, or would be.
static uint32_t subject_place(const struct registry_state *state, const char *name, bool *found)
{
    uint32_t low = 0, high = state->subject_count;
    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(state->subjects[middle].name, name);
        if (!order) *found = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct registry_subject *subject_get(struct registry_state *state, const char *name)
{
    bool found;
    uint32_t at = subject_place(state, name, &found);
    if (found) return &state->subjects[at];
    state->subjects = make_room(state->subjects, &state->subject_count, &state->subject_capacity, at, sizeof *state->subjects);
    struct registry_subject *subject = &state->subjects[at];
    subject->name = arena_copy(&state->arena, name, strlen(name));
    subject->level = REGISTRY_LEVELS;
    return subject;
}

// Forgets a subject of which nothing is left.
static void subject_drop_if_empty(struct registry_state *state, const char *name)
{
    bool found;
    uint32_t at = subject_place(state, name, &found);
    if (!found || state->subjects[at].count || state->subjects[at].level < REGISTRY_LEVELS) return;
    free(state->subjects[at].versions);
    state->subject_count--;
    memmove(&state->subjects[at], &state->subjects[at + 1], (state->subject_count - at) * sizeof *state->subjects);
}

static uint32_t version_place(const struct registry_subject *subject, int32_t version)
{
    uint32_t low = 0, high = subject->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (subject->versions[middle].version < version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t schema_place(const struct registry_state *state, int32_t id)
{
    uint32_t low = 0, high = state->schema_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (state->schemas[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct registry_schema *schema_of_id(const struct registry_state *state, int32_t id)
{
    uint32_t at = schema_place(state, id);
    return at < state->schema_count && state->schemas[at]->id == id ? state->schemas[at] : NULL;
}

static struct avro_schema *parse_lenient(const char *text)
{
    struct avro_schema *schema;
    struct err err;
    return avro_schema_parse(text, strlen(text), AVRO_LENIENT, NULL, 0, &schema, &err) == OK ? schema : NULL;
}

// Schemas that cannot be understood here (other types, references) are compared by their text.
static uint64_t content_of(const struct registry_record *record)
{
    struct avro_schema *schema = strcmp(record->type, "AVRO") || record->references ? NULL : parse_lenient(record->schema);
    if (!schema) return text_hash(record->schema, strlen(record->schema));
    uint64_t content = avro_schema_fingerprint(schema);
    avro_schema_free(schema);
    return content;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool same_content(const struct registry_content *content, const struct registry_schema *schema)
{
    if (schema->content != content->content) return false;
    if (!strcmp(schema->text, content->text)) return true;
    struct avro_schema *other = parse_lenient(schema->text);
    bool equal = other && avro_schema_equal(content->schema, other);
    avro_schema_free(other);
    return equal;
}

bool registry_content_equal(const struct registry_content *content, const struct registry_schema *schema)
{
    return !schema->references && !schema->extras && !strcmp(schema->type, "AVRO") && same_content(content, schema);
}

// True when a record gives an id the meaning that it already has.
static bool agrees(const struct registry_schema *schema, const struct registry_record *record)
{
    if (!same_text(schema->type, record->type) || !same_text(schema->references, record->references)) return false;
    if (!strcmp(schema->text, record->schema)) return true;
    struct avro_schema *parsed = strcmp(record->type, "AVRO") || record->references ? NULL : parse_lenient(record->schema);
    if (!parsed) return false;
    struct registry_content content = {record->schema, avro_schema_fingerprint(parsed), parsed};
    bool equal = same_content(&content, schema);
    avro_schema_free(parsed);
    return equal;
}

// NULL when the id already means something else.
static struct registry_schema *schema_get(struct registry_state *state, const struct registry_record *record)
{
    struct registry_schema *schema = schema_of_id(state, record->id);
    if (schema) return agrees(schema, record) ? schema : NULL;
    uint32_t at = schema_place(state, record->id);
    state->schemas = make_room(state->schemas, &state->schema_count, &state->schema_capacity, at, sizeof(struct registry_schema *));
    schema = state->schemas[at] = arena_calloc(&state->arena, 1, sizeof *schema);
    schema->id = record->id;
    schema->text = arena_copy(&state->arena, record->schema, strlen(record->schema));
    schema->type = strcmp(record->type, "AVRO") ? arena_copy(&state->arena, record->type, strlen(record->type)) : "AVRO";
    if (record->references) schema->references = arena_copy(&state->arena, record->references, strlen(record->references));
    if (record->extras) schema->extras = arena_copy(&state->arena, record->extras, strlen(record->extras));
    schema->content = content_of(record);
    if (record->id > state->highest_id) state->highest_id = record->id;
    return schema;
}

static void use(struct registry_state *state, const struct registry_schema *schema, int by)
{
    struct registry_schema *own = schema_of_id(state, schema->id);
    if (!own->uses) state->live_schemas++;
    own->uses = by > 0 ? own->uses + 1 : own->uses - 1;
    if (!own->uses) state->live_schemas--;
}

static bool apply_schema(struct registry_state *state, const struct registry_record *record)
{
    const struct registry_schema *schema = record->tombstone ? NULL : schema_get(state, record);
    if (!record->tombstone && !schema) return false;
    struct registry_subject *subject = subject_get(state, record->subject);
    uint32_t at = version_place(subject, record->version);
    bool exists = at < subject->count && subject->versions[at].version == record->version;
    if (exists) use(state, subject->versions[at].schema, -1);
    if (schema) {
        if (!exists) subject->versions = make_room(subject->versions, &subject->count, &subject->capacity, at, sizeof *subject->versions);
        subject->versions[at] = (struct registry_version){record->version, record->deleted, schema};
        use(state, schema, 1);
    } else if (exists) {
        subject->count--;
        memmove(&subject->versions[at], &subject->versions[at + 1], (subject->count - at) * sizeof *subject->versions);
    }
    subject_drop_if_empty(state, record->subject);
    return true;
}

static bool apply_config(struct registry_state *state, const struct registry_record *record)
{
    enum registry_level level = record->tombstone ? REGISTRY_LEVELS : record->level;
    if (record->subject) {
        subject_get(state, record->subject)->level = level;
        subject_drop_if_empty(state, record->subject);
        return true;
    }
    state->level = level;
    unsigned key = record->null_subject ? REGISTRY_GLOBAL_NULL : REGISTRY_GLOBAL_ABSENT;
    state->global_keys = record->tombstone ? state->global_keys & ~key : state->global_keys | key;
    return true;
}

static bool apply_delete_subject(struct registry_state *state, const struct registry_record *record)
{
    bool found;
    uint32_t at = subject_place(state, record->subject, &found);
    if (!found || record->tombstone) return true;
    struct registry_subject *subject = &state->subjects[at];
    for (uint32_t i = 0; i < subject->count && subject->versions[i].version <= record->version; i++) subject->versions[i].deleted = true;
    return true;
}

// True when the record is of the turn that the log is in, or begins a new one, or of none.
static bool take_term(struct registry_state *state, struct registry_term term)
{
    if (!term.number) return true;
    if (term.number > state->term.number) state->term = term;
    return term.number == state->term.number && term.owner == state->term.owner;
}

static bool same_key(const struct registry_record *a, const struct registry_record *b)
{
    return a->kind == b->kind && a->version == b->version && a->null_subject == b->null_subject && same_text(a->subject, b->subject);
}

// Remembers that the last record of this key is one that was refused, or that it no longer is.
static void mark_stale(struct registry_state *state, const struct registry_record *record, bool stale)
{
    struct registry_record key = {.kind = record->kind, .null_subject = record->null_subject, .subject = record->subject};
    if (key.kind == REGISTRY_RECORD_SCHEMA) key.version = record->version;
    uint32_t at = 0;
    while (at < state->stale_count && !same_key(&state->stale[at], &key)) at++;
    if (at < state->stale_count && !stale) {
        state->stale[at] = state->stale[--state->stale_count];
    } else if (at == state->stale_count && stale) {
        if (key.subject) key.subject = arena_copy(&state->arena, key.subject, strlen(key.subject));
        state->stale = make_room(state->stale, &state->stale_count, &state->stale_capacity, at, sizeof *state->stale);
        state->stale[at] = key;
    }
}

static bool apply_kind(struct registry_state *state, const struct registry_record *record)
{
    switch (record->kind) {
    case REGISTRY_RECORD_SCHEMA: return apply_schema(state, record);
    case REGISTRY_RECORD_CONFIG: return apply_config(state, record);
    case REGISTRY_RECORD_DELETE_SUBJECT: return apply_delete_subject(state, record);
    case REGISTRY_RECORD_NOOP:
        if (record->id > state->highest_id) state->highest_id = record->id;
        break;
    case REGISTRY_RECORD_OTHER: break;
    }
    return true;
}

static enum registry_outcome apply(struct registry_state *state, const struct registry_record *record, bool parsed, bool current)
{
    bool keyed = parsed && record->kind != REGISTRY_RECORD_NOOP && record->kind != REGISTRY_RECORD_OTHER;
    if (keyed) mark_stale(state, record, !current);
    if (!current) return REGISTRY_STALE;
    if (!parsed) return REGISTRY_MALFORMED;
    if (record->kind == REGISTRY_RECORD_OTHER) return REGISTRY_UNUSED;
    return apply_kind(state, record) ? REGISTRY_APPLIED : REGISTRY_CONFLICT;
}

enum registry_outcome registry_state_apply(struct registry_state *state, struct slice key, struct slice value, struct registry_term term)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct registry_record record;
    bool parsed = registry_record_parse(key, value, &arena, &record);
    pthread_rwlock_wrlock(&state->lock);
    enum registry_outcome outcome = apply(state, &record, parsed, take_term(state, term));
    pthread_rwlock_unlock(&state->lock);
    arena_fini(&arena);
    return outcome;
}

const struct registry_subject *registry_state_subject(struct registry_state *state, const char *name)
{
    bool found;
    uint32_t at = subject_place(state, name, &found);
    return found ? &state->subjects[at] : NULL;
}

uint32_t registry_state_subject_count(struct registry_state *state)
{
    return state->subject_count;
}

const struct registry_subject *registry_state_subject_at(struct registry_state *state, uint32_t index)
{
    return &state->subjects[index];
}

const struct registry_version *registry_subject_version(const struct registry_subject *subject, int32_t version)
{
    uint32_t at = version_place(subject, version);
    return at < subject->count && subject->versions[at].version == version ? &subject->versions[at] : NULL;
}

struct registry_record registry_version_record(const char *subject, const struct registry_version *version)
{
    return (struct registry_record){.kind = REGISTRY_RECORD_SCHEMA,
                                    .subject = subject,
                                    .version = version->version,
                                    .id = version->schema->id,
                                    .deleted = version->deleted,
                                    .schema = version->schema->text,
                                    .type = version->schema->type,
                                    .references = version->schema->references,
                                    .extras = version->schema->extras};
}

const struct registry_version *registry_subject_latest(const struct registry_subject *subject, bool deleted)
{
    for (uint32_t i = subject->count; i-- > 0;)
        if (deleted || !subject->versions[i].deleted) return &subject->versions[i];
    return NULL;
}

const struct registry_schema *registry_state_schema(struct registry_state *state, int32_t id)
{
    const struct registry_schema *schema = schema_of_id(state, id);
    return schema && schema->uses ? schema : NULL;
}

int32_t registry_state_highest_id(struct registry_state *state)
{
    return state->highest_id;
}

struct registry_record registry_highest_record(struct registry_state *state)
{
    return (struct registry_record){.kind = REGISTRY_RECORD_NOOP, .id = state->highest_id};
}

uint32_t registry_state_schema_count(struct registry_state *state)
{
    return state->live_schemas;
}

const struct registry_schema *registry_state_find(struct registry_state *state, const struct registry_content *content)
{
    for (uint32_t i = 0; i < state->schema_count; i++)
        if (registry_content_equal(content, state->schemas[i])) return state->schemas[i];
    return NULL;
}

const struct registry_version *registry_subject_find(const struct registry_subject *subject, const struct registry_content *content,
                                                     bool deleted)
{
    for (uint32_t i = subject->count; i-- > 0;) {
        const struct registry_version *version = &subject->versions[i];
        if ((deleted || !version->deleted) && registry_content_equal(content, version->schema)) return version;
    }
    return NULL;
}

enum registry_level registry_state_level(struct registry_state *state)
{
    return state->level;
}

unsigned registry_state_global_keys(struct registry_state *state)
{
    return state->global_keys;
}

struct registry_term registry_state_term(struct registry_state *state)
{
    return state->term;
}

// All versions up to this one are deleted; 0 when the first is not.
static int32_t deleted_up_to(const struct registry_subject *subject)
{
    int32_t version = 0;
    for (uint32_t i = 0; subject && i < subject->count && subject->versions[i].deleted; i++) version = subject->versions[i].version;
    return version;
}

// Gives a record with a key the value that the state has for it.
static void fill_record(struct registry_state *state, struct registry_record *record)
{
    const struct registry_subject *subject = record->subject ? registry_state_subject(state, record->subject) : NULL;
    if (record->kind == REGISTRY_RECORD_SCHEMA) {
        const struct registry_version *version = subject ? registry_subject_version(subject, record->version) : NULL;
        record->tombstone = !version;
        if (version) *record = registry_version_record(record->subject, version);
    } else if (record->kind == REGISTRY_RECORD_CONFIG) {
        unsigned key = record->null_subject ? REGISTRY_GLOBAL_NULL : REGISTRY_GLOBAL_ABSENT;
        record->level = subject ? subject->level : REGISTRY_LEVELS;
        if (!record->subject && state->global_keys & key) record->level = state->level;
        record->tombstone = record->level == REGISTRY_LEVELS;
    } else {
        record->version = deleted_up_to(subject);
        record->tombstone = !record->version;
    }
}

uint32_t registry_state_repairs(struct registry_state *state, struct registry_record *records, uint32_t max)
{
    uint32_t count = state->stale_count < max ? state->stale_count : max;
    for (uint32_t i = 0; i < count; i++) {
        records[i] = state->stale[i];
        fill_record(state, &records[i]);
    }
    return count;
}
