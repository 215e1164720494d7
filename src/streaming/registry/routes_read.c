// SPDX-License-Identifier: Apache-2.0
// Requests that only read the registry's state.
#include "streaming/registry/call.h"

void registry_get_root(struct registry_call *call)
{
    buf_append_text(&call->reply->body, "{}");
}

void registry_get_types(struct registry_call *call)
{
    buf_append_text(&call->reply->body, "[\"AVRO\"]");
}

// Whether a listing with ?deleted and ?deletedOnly shows something.
static bool shown(const struct registry_call *call, bool live, bool deleted)
{
    if (registry_flag(call, "deletedOnly")) return deleted;
    return live || (deleted && registry_flag(call, "deleted"));
}

void registry_get_subjects(struct registry_call *call)
{
    struct registry_state *state = call->router->state;
    struct buf *out = &call->reply->body;
    const char *prefix = http_query(call->request, "subjectPrefix");
    if (!prefix || !strcmp(prefix, ":*:")) prefix = "";
    struct registry_page page = registry_page_of(call);
    buf_append_byte(out, '[');
    registry_state_lock(state);
    for (uint32_t i = 0; i < registry_state_subject_count(state); i++) {
        const struct registry_subject *subject = registry_state_subject_at(state, i);
        bool live = registry_subject_latest(subject, false) != NULL;
        if (strncmp(subject->name, prefix, strlen(prefix)) != 0 || !shown(call, live, !live && subject->count)) continue;
        if (registry_page_take(&page, out)) registry_append_text(out, subject->name);
    }
    registry_state_unlock(state);
    buf_append_byte(out, ']');
}

static void write_versions(struct registry_call *call, const struct registry_subject *subject)
{
    struct buf *out = &call->reply->body;
    struct registry_page page = registry_page_of(call);
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < subject->count; i++) {
        const struct registry_version *version = &subject->versions[i];
        if (shown(call, !version->deleted, version->deleted) && registry_page_take(&page, out)) buf_printf(out, "%d", version->version);
    }
    buf_append_byte(out, ']');
}

void registry_get_versions(struct registry_call *call)
{
    bool deleted = registry_flag(call, "deleted") || registry_flag(call, "deletedOnly");
    registry_state_lock(call->router->state);
    const struct registry_subject *subject = registry_need_subject(call, call->arg[0], deleted);
    if (subject) write_versions(call, subject);
    registry_state_unlock(call->router->state);
}

// The members that say what a schema is; type and references only where they are not the usual.
static void write_schema(struct buf *out, const struct registry_schema *schema)
{
    if (strcmp(schema->type, "AVRO") != 0) {
        buf_append_text(out, "\"schemaType\":");
        registry_append_text(out, schema->type);
        buf_append_byte(out, ',');
    }
    if (schema->references) buf_printf(out, "\"references\":%s,", schema->references);
    buf_append_text(out, "\"schema\":");
    registry_append_text(out, schema->text);
    if (schema->extras) buf_append_text(out, schema->extras);
}

static const struct registry_version *find_version(struct registry_call *call)
{
    bool deleted = registry_flag(call, "deleted");
    const struct registry_subject *subject = registry_need_subject(call, call->arg[0], deleted);
    return subject ? registry_need_version(call, subject, call->arg[1], deleted) : NULL;
}

void registry_get_version(struct registry_call *call)
{
    struct buf *out = &call->reply->body;
    registry_state_lock(call->router->state);
    const struct registry_version *version = find_version(call);
    if (version) {
        buf_append_text(out, "{\"subject\":");
        registry_append_text(out, call->arg[0]);
        buf_printf(out, ",\"version\":%d,\"id\":%d,", version->version, version->schema->id);
        write_schema(out, version->schema);
        buf_append_byte(out, '}');
    }
    registry_state_unlock(call->router->state);
}

void registry_get_version_schema(struct registry_call *call)
{
    registry_state_lock(call->router->state);
    const struct registry_version *version = find_version(call);
    if (version) buf_append_text(&call->reply->body, version->schema->text);
    registry_state_unlock(call->router->state);
}

// The schema whose id stands in the path; fails the call (404, 40403).
static const struct registry_schema *find_schema(struct registry_call *call)
{
    int64_t id;
    if (!text_to_int64(slice_of(call->arg[0]), &id)) {
        registry_fail(call, 404, "HTTP 404 Not Found");
        return NULL;
    }
    const struct registry_schema *schema = id > 0 && id <= INT32_MAX ? registry_state_schema(call->router->state, (int32_t)id) : NULL;
    if (!schema) registry_fail(call, 40403, "Schema %lld not found", (long long)id);
    return schema;
}

void registry_get_schema(struct registry_call *call)
{
    struct buf *out = &call->reply->body;
    registry_state_lock(call->router->state);
    const struct registry_schema *schema = find_schema(call);
    if (schema) {
        buf_append_byte(out, '{');
        write_schema(out, schema);
        if (registry_flag(call, "fetchMaxId")) buf_printf(out, ",\"maxId\":%d", registry_state_highest_id(call->router->state));
        buf_append_byte(out, '}');
    }
    registry_state_unlock(call->router->state);
}

void registry_get_schema_text(struct registry_call *call)
{
    registry_state_lock(call->router->state);
    const struct registry_schema *schema = find_schema(call);
    if (schema) buf_append_text(&call->reply->body, schema->text);
    registry_state_unlock(call->router->state);
}

// Where a schema is used: each subject once, or each version of each.
static void write_uses(struct registry_call *call, const struct registry_schema *schema, bool versions)
{
    struct registry_state *state = call->router->state;
    struct buf *out = &call->reply->body;
    const char *only = http_query(call->request, "subject");
    bool deleted = registry_flag(call, "deleted");
    struct registry_page page = registry_page_of(call);
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < registry_state_subject_count(state); i++) {
        const struct registry_subject *subject = registry_state_subject_at(state, i);
        if (only && *only && strcmp(only, subject->name) != 0) continue;
        for (uint32_t j = 0; j < subject->count; j++) {
            const struct registry_version *version = &subject->versions[j];
            if (version->schema != schema || (version->deleted && !deleted)) continue;
            if (registry_page_take(&page, out)) {
                if (versions) buf_append_text(out, "{\"subject\":");
                registry_append_text(out, subject->name);
                if (versions) buf_printf(out, ",\"version\":%d}", version->version);
            }
            if (!versions) break;
        }
    }
    buf_append_byte(out, ']');
}

void registry_get_schema_subjects(struct registry_call *call)
{
    registry_state_lock(call->router->state);
    const struct registry_schema *schema = find_schema(call);
    if (schema) write_uses(call, schema, false);
    registry_state_unlock(call->router->state);
}

void registry_get_schema_versions(struct registry_call *call)
{
    registry_state_lock(call->router->state);
    const struct registry_schema *schema = find_schema(call);
    if (schema) write_uses(call, schema, true);
    registry_state_unlock(call->router->state);
}

static void write_level(struct registry_call *call, enum registry_level level)
{
    if (level == REGISTRY_LEVELS) level = REGISTRY_BACKWARD;
    buf_printf(&call->reply->body, "{\"compatibilityLevel\":\"%s\"}", registry_level_name(level));
}

void registry_get_config(struct registry_call *call)
{
    registry_state_lock(call->router->state);
    write_level(call, registry_state_level(call->router->state));
    registry_state_unlock(call->router->state);
}

void registry_get_subject_config(struct registry_call *call)
{
    registry_state_lock(call->router->state);
    const struct registry_subject *subject = registry_state_subject(call->router->state, call->arg[0]);
    if (subject && subject->level < REGISTRY_LEVELS)
        write_level(call, subject->level);
    else if (registry_flag(call, "defaultToGlobal"))
        write_level(call, registry_state_level(call->router->state));
    else
        registry_fail(call, 40408, "Subject '%s' does not have subject-level compatibility configured", call->arg[0]);
    registry_state_unlock(call->router->state);
}
