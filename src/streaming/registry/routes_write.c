// SPDX-License-Identifier: Apache-2.0
// Requests that bring a schema or change the registry. A change is checked against the state and written while other writers are kept
// out; it is answered when the state has it.
#include <stdio.h>

#include "avro/schema.h"
#include "streaming/registry/call.h"

// A schema that came with a request, parsed.
struct candidate {
    struct avro_schema *schema;
    struct buf text; // canonical, NUL-terminated
    struct registry_content content;
};

static void candidate_fini(struct candidate *candidate)
{
    avro_schema_free(candidate->schema);
    buf_fini(&candidate->text);
}

static bool parse_schema(struct registry_call *call, const char *text, size_t size, struct candidate *out)
{
    struct err err;
    if (size > BUF_MAX_SCHEMA_TEXT) {
        registry_fail(call, 42209, "Schema is too large: %zu bytes, at most %d", size, BUF_MAX_SCHEMA_TEXT);
        return false;
    }
    // Spaces alone are as good as nothing.
    if (strspn(text, " \t\r\n") == size) {
        registry_fail(call, 42201, "Empty schema");
        return false;
    }
    if (avro_schema_parse(text, size, AVRO_STRICT, NULL, 0, &out->schema, &err) != OK) {
        registry_fail(call, 42201, "Invalid schema of type AVRO: %s", err.text);
        return false;
    }
    buf_init(&out->text, BUF_MAX_SCHEMA_TEXT);
    avro_schema_print(out->schema, &out->text);
    buf_append_byte(&out->text, '\0');
    if (out->text.full || memchr(out->text.data, '\0', out->text.size - 1)) {
        registry_fail(call, 42209, "Schema is too large: at most %d bytes", BUF_MAX_SCHEMA_TEXT);
        candidate_fini(out);
        return false;
    }
    out->content = (struct registry_content){out->text.data, avro_schema_fingerprint(out->schema), out->schema};
    return true;
}

// Takes the schema out of the request's body; fails the call when there is none that we can take.
static bool take_candidate(struct registry_call *call, struct candidate *out)
{
    *out = (struct candidate){0};
    json_t *body = registry_body(call);
    if (!body) return false;
    const json_t *schema = json_object_get(body, "schema"), *type = json_object_get(body, "schemaType");
    const json_t *references = json_object_get(body, "references");
    bool good = false;
    if (schema && !json_is_null(schema) && !json_is_string(schema))
        registry_fail(call, 422, "\"schema\" must be a string that holds the schema as JSON");
    else if (json_is_string(type) && strcmp(json_string_value(type), "AVRO") != 0)
        registry_fail(call, 42201, "Invalid schema type %s: this registry knows AVRO only", json_string_value(type));
    else if (json_array_size(references))
        registry_fail(call, 42201,
                      "Invalid schema: references to other subjects are not supported; put the referenced types into the schema");
    else
        good = parse_schema(call, json_is_string(schema) ? json_string_value(schema) : "", json_string_length(schema), out);
    json_decref(body);
    return good;
}

static bool subject_is_valid(struct registry_call *call)
{
    const char *name = call->arg[0];
    bool valid = *name && strcmp(name, "__GLOBAL") != 0 && strcmp(name, "__EMPTY") != 0 && strlen(name) <= 1024;
    for (const char *p = name; *p && valid; p++) valid = (unsigned char)*p >= 0x20 && *p != 0x7f;
    if (!valid)
        registry_fail(call, 42208, "The specified subject '%.100s' is not valid: it must have 1 to 1024 bytes and no control characters",
                      name);
    return valid;
}

static bool begin(struct registry_call *call)
{
    struct err err;
    if (call->router->writer.begin(call->router->writer.context, &err) == OK) return true;
    registry_fail_write(call, &err);
    return false;
}

static bool commit(struct registry_call *call, const struct registry_record *records, uint32_t count)
{
    struct err err;
    if (call->router->writer.commit(call->router->writer.context, records, count, &err) == OK) return true;
    registry_fail_write(call, &err);
    return false;
}

static void end(struct registry_call *call)
{
    call->router->writer.end(call->router->writer.context);
}

static void write_id(struct registry_call *call, int32_t id)
{
    buf_printf(&call->reply->body, "{\"id\":%d}", id);
}

// The id of the content where a live version of the subject has it already; else 0.
static int32_t registered_id(struct registry_call *call, const struct candidate *candidate)
{
    registry_state_lock(call->router->state);
    const struct registry_subject *subject = registry_state_subject(call->router->state, call->arg[0]);
    const struct registry_version *version = subject ? registry_subject_find(subject, &candidate->content, false) : NULL;
    int32_t id = version ? version->schema->id : 0;
    registry_state_unlock(call->router->state);
    return id;
}

// Works out the records of a registration: the new version, before it the tombstone of a deleted version with the same content.
// Returns how many; 0 when ids or versions are used up.
static uint32_t plan_registration(struct registry_call *call, const struct candidate *candidate, struct registry_record records[2])
{
    struct registry_state *state = call->router->state;
    registry_state_lock(state);
    const struct registry_subject *subject = registry_state_subject(state, call->arg[0]);
    const struct registry_version *highest = subject ? registry_subject_latest(subject, true) : NULL;
    const struct registry_version *deleted = subject ? registry_subject_find(subject, &candidate->content, true) : NULL;
    const struct registry_schema *same = registry_state_find(state, &candidate->content);
    int32_t last_id = registry_state_highest_id(state), last_version = highest ? highest->version : 0;
    uint32_t count = 0;
    if (deleted)
        records[count++] = (struct registry_record){
            .kind = REGISTRY_RECORD_SCHEMA, .subject = call->arg[0], .version = deleted->version, .tombstone = true};
    bool used_up = last_version == INT32_MAX || (!same && last_id == INT32_MAX);
    if (!used_up)
        records[count++] = (struct registry_record){.kind = REGISTRY_RECORD_SCHEMA,
                                                    .subject = call->arg[0],
                                                    .version = last_version + 1,
                                                    .id = same ? same->id : last_id + 1,
                                                    .type = "AVRO",
                                                    .schema = candidate->text.data};
    registry_state_unlock(state);
    return used_up ? 0 : count;
}

// What was written is what the log says: no registry of another make has taken the version or the id at the same moment.
static bool stands(struct registry_call *call, const struct candidate *candidate, int32_t id)
{
    if (registered_id(call, candidate) == id) return true;
    registry_fail(call, 50002, "Operation timed out: somebody else has written to " REGISTRY_TOPIC " at the same moment; try again");
    return false;
}

// Other writers are out.
static void register_new(struct registry_call *call, const struct candidate *candidate)
{
    int32_t id = registered_id(call, candidate);
    if (id) {
        write_id(call, id);
        return;
    }
    struct registry_record records[2];
    uint32_t count = plan_registration(call, candidate, records);
    if (!count)
        registry_fail(call, 50001, "Error in the backend data store: all ids or versions are used up");
    else if (commit(call, records, count) && stands(call, candidate, records[count - 1].id))
        write_id(call, records[count - 1].id);
}

void registry_post_schema(struct registry_call *call)
{
    struct candidate candidate;
    if (!subject_is_valid(call) || !take_candidate(call, &candidate)) return;
    // Every producer registers at its start what is there already: answered without keeping anyone out.
    int32_t id = registered_id(call, &candidate);
    if (id) {
        write_id(call, id);
    } else if (begin(call)) {
        register_new(call, &candidate);
        end(call);
    }
    candidate_fini(&candidate);
}

void registry_post_lookup(struct registry_call *call)
{
    struct candidate candidate;
    if (!take_candidate(call, &candidate)) return;
    struct buf *out = &call->reply->body;
    bool deleted = registry_flag(call, "deleted");
    registry_state_lock(call->router->state);
    const struct registry_subject *subject = registry_need_subject(call, call->arg[0], deleted);
    const struct registry_version *version = subject ? registry_subject_find(subject, &candidate.content, deleted) : NULL;
    if (version) {
        buf_append_text(out, "{\"subject\":");
        registry_append_text(out, call->arg[0]);
        buf_printf(out, ",\"version\":%d,\"id\":%d,\"schema\":", version->version, version->schema->id);
        registry_append_text(out, version->schema->text);
        buf_append_byte(out, '}');
    } else if (subject) {
        registry_fail(call, 40403, "Schema not found");
    }
    registry_state_unlock(call->router->state);
    candidate_fini(&candidate);
}

// The records that delete a version: softly when it is live, for good when it is soft-deleted. 0 when it may not be: the call has failed.
static uint32_t plan_version_delete(struct registry_call *call, bool permanent, struct registry_record records[2])
{
    const char *name = call->arg[0];
    uint32_t count = 0;
    registry_state_lock(call->router->state);
    const struct registry_subject *subject = registry_need_subject(call, name, true);
    // "latest" is the newest live one; a number may also mean one that is soft-deleted already.
    bool deleted = permanent || !registry_means_latest(call->arg[1]);
    const struct registry_version *version = subject ? registry_need_version(call, subject, call->arg[1], deleted) : NULL;
    if (version && permanent && !version->deleted) {
        registry_fail(call, 40407, "Subject '%s' Version %d was not deleted first before being permanently deleted", name,
                      version->version);
    } else if (version && !permanent && version->deleted) {
        registry_fail(call, 40406, "Subject '%s' Version %d was soft deleted. Set permanent=true to delete permanently", name,
                      version->version);
    } else if (version) {
        struct registry_record *record = &records[count++];
        *record = registry_version_record(name, version);
        record->deleted = true;
        record->tombstone = permanent;
        if (permanent) records[count++] = registry_highest_record(call->router->state);
    }
    registry_state_unlock(call->router->state);
    return count;
}

void registry_delete_version(struct registry_call *call)
{
    struct registry_record records[2];
    if (!begin(call)) return;
    uint32_t count = plan_version_delete(call, registry_flag(call, "permanent"), records);
    if (count && commit(call, records, count)) buf_printf(&call->reply->body, "%d", records[0].version);
    end(call);
}

// The versions that a deletion of the subject concerns, as a JSON array; fails the call when it may not be.
static bool plan_subject_delete(struct registry_call *call, bool permanent, struct buf *list, int32_t *highest)
{
    const char *name = call->arg[0];
    registry_state_lock(call->router->state);
    const struct registry_subject *subject = registry_need_subject(call, name, true);
    bool live = subject && registry_subject_latest(subject, false), allowed = subject && live != permanent;
    if (subject && live && permanent)
        registry_fail(call, 40405, "Subject '%s' was not deleted first before being permanently deleted", name);
    if (subject && !live && !permanent)
        registry_fail(call, 40404, "Subject '%s' was soft deleted. Set permanent=true to delete permanently", name);
    buf_append_byte(list, '[');
    for (uint32_t i = 0; allowed && i < subject->count; i++) {
        if (subject->versions[i].deleted && !permanent) continue;
        buf_printf(list, "%s%d", list->size > 1 ? "," : "", subject->versions[i].version);
        *highest = subject->versions[i].version;
    }
    buf_append_byte(list, ']');
    registry_state_unlock(call->router->state);
    return allowed;
}

// One tombstone per version, highest first, then the subject's level. More than fit into one commit are done in several; when one fails,
// what is left can be deleted again.
static bool remove_versions(struct registry_call *call)
{
    struct registry_record records[REGISTRY_COMMIT_MAX];
    struct registry_state *state = call->router->state;
    for (bool more = true; more;) {
        uint32_t count = 0;
        registry_state_lock(state);
        const struct registry_subject *subject = registry_state_subject(state, call->arg[0]);
        for (uint32_t i = subject ? subject->count : 0; i-- > 0 && count < REGISTRY_COMMIT_MAX - 2;)
            records[count++] = (struct registry_record){
                .kind = REGISTRY_RECORD_SCHEMA, .subject = call->arg[0], .version = subject->versions[i].version, .tombstone = true};
        more = subject && subject->count > count;
        if (subject && subject->level < REGISTRY_LEVELS && !more)
            records[count++] = (struct registry_record){.kind = REGISTRY_RECORD_CONFIG, .subject = call->arg[0], .tombstone = true};
        if (count) records[count++] = registry_highest_record(state);
        registry_state_unlock(state);
        if (count && !commit(call, records, count)) return false;
    }
    return true;
}

void registry_delete_subject(struct registry_call *call)
{
    bool permanent = registry_flag(call, "permanent");
    struct buf list;
    int32_t highest = 0;
    if (!begin(call)) return;
    buf_init(&list, BUF_MAX_HTTP_REPLY);
    if (plan_subject_delete(call, permanent, &list, &highest)) {
        struct registry_record record = {.kind = REGISTRY_RECORD_DELETE_SUBJECT, .subject = call->arg[0], .version = highest};
        if (permanent ? remove_versions(call) : commit(call, &record, 1)) buf_append(&call->reply->body, list.data, list.size);
    }
    buf_fini(&list);
    end(call);
}

// The records that set or remove a level: of a subject, or of everything under every spelling of its key that the topic holds.
static uint32_t plan_level(struct registry_call *call, enum registry_level level, struct registry_record records[2])
{
    struct registry_record record = {.kind = REGISTRY_RECORD_CONFIG, .level = level, .tombstone = level == REGISTRY_LEVELS};
    uint32_t count = 0;
    if (*call->arg[0]) {
        record.subject = call->arg[0];
        records[count++] = record;
        return count;
    }
    registry_state_lock(call->router->state);
    unsigned keys = registry_state_global_keys(call->router->state);
    registry_state_unlock(call->router->state);
    if (!record.tombstone || keys & REGISTRY_GLOBAL_ABSENT) records[count++] = record;
    if (keys & REGISTRY_GLOBAL_NULL) {
        record.null_subject = true;
        records[count++] = record;
    }
    return count;
}

void registry_put_config(struct registry_call *call)
{
    json_t *body = *call->arg[0] && !subject_is_valid(call) ? NULL : registry_body(call);
    if (!body) return;
    enum registry_level level = registry_level_of(json_string_value(json_object_get(body, "compatibility")));
    json_decref(body);
    if (level == REGISTRY_LEVELS) {
        registry_fail(call, 42203,
                      "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, "
                      "forward_transitive, and full_transitive");
        return;
    }
    struct registry_record records[2];
    if (!begin(call)) return;
    if (commit(call, records, plan_level(call, level, records)))
        buf_printf(&call->reply->body, "{\"compatibility\":\"%s\"}", registry_level_name(level));
    end(call);
}

void registry_delete_config(struct registry_call *call)
{
    struct registry_record records[2];
    if (!begin(call)) return;
    registry_state_lock(call->router->state);
    const struct registry_subject *subject = *call->arg[0] ? registry_state_subject(call->router->state, call->arg[0]) : NULL;
    enum registry_level before = *call->arg[0] ? (subject ? subject->level : REGISTRY_LEVELS) : registry_state_level(call->router->state);
    registry_state_unlock(call->router->state);
    if (before == REGISTRY_LEVELS && *call->arg[0])
        registry_fail(call, 40401, "Subject '%s' not found.", call->arg[0]);
    else if (before == REGISTRY_LEVELS)
        registry_fail(call, 40401, "There is no global configuration to delete");
    else if (commit(call, records, plan_level(call, REGISTRY_LEVELS, records)))
        buf_printf(&call->reply->body, "{\"compatibilityLevel\":\"%s\"}", registry_level_name(before));
    end(call);
}
