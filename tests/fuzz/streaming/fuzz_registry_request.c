// SPDX-License-Identifier: Apache-2.0
// Requests to the schema registry without sockets: "METHOD path?query\nbody", several separated by a byte 1.
//
// Whatever is asked, the reply is well formed, every record that is written can be read back, and a schema that was registered is found.
#include <jansson.h>
#include <stdlib.h>

#include "streaming/registry/routes.h"

enum { REQUESTS_MAX = 32 };

static void must(bool condition)
{
    if (!condition) abort();
}

static enum status always(void *context, struct err *err)
{
    (void)context, (void)err;
    return OK;
}

static void no_end(void *context)
{
    (void)context;
}

// The log is skipped: records go through their bytes straight into the state.
static enum status commit(void *context, const struct registry_record *records, uint32_t count, struct err *err)
{
    (void)err;
    must(count <= REGISTRY_COMMIT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct buf key, value;
        buf_init(&key, 4 << 20);
        buf_init(&value, 4 << 20);
        registry_record_key(&records[i], &key);
        registry_record_value(&records[i], &value);
        must(!key.full && !value.full);
        must(registry_state_apply(context, buf_slice(&key), buf_slice(&value), (struct registry_term){0}) == REGISTRY_APPLIED);
        buf_fini(&key);
        buf_fini(&value);
    }
    return OK;
}

static void ask(struct registry_router *router, const char *method, const char *target, struct slice body, struct http_reply *reply)
{
    struct arena arena;
    arena_init(&arena, 4096);
    const char *query = strchr(target, '?');
    struct http_request request = {.method = method,
                                   .path = arena_copy(&arena, target, query ? (size_t)(query - target) : strlen(target)),
                                   .query = query ? query + 1 : "",
                                   .body = body,
                                   .arena = &arena};
    *reply = (struct http_reply){.status = 200, .content_type = "application/json"};
    buf_init(&reply->body, BUF_MAX_HTTP_REPLY);
    registry_route(router, &request, reply);
    arena_fini(&arena);
}

static void check_reply(const struct http_reply *reply)
{
    must(reply->status == 200 || (reply->status >= 400 && reply->status < 500));
    must(reply->content_type && !reply->body.full && reply->body.size);
    if (reply->status == 200) return; // the bare text of a schema is no object
    json_t *json = json_loadb(reply->body.data, reply->body.size, 0, NULL);
    must(json_is_integer(json_object_get(json, "error_code")) && json_is_string(json_object_get(json, "message")));
    json_decref(json);
}

// What was registered is found by content.
static void check_registered(struct registry_router *router, const char *target, struct slice body)
{
    static const char tail[] = "/versions";
    const char *at = strstr(target, tail);
    if (strncmp(target, "/subjects/", 10) != 0 || !at || at[sizeof tail - 1] || strchr(target, '?')) return;
    char *lookup = strndup(target, (size_t)(at - target));
    struct http_reply reply;
    must(lookup != NULL);
    ask(router, "POST", lookup, body, &reply);
    must(reply.status == 200);
    buf_fini(&reply.body);
    free(lookup);
}

static void one_request(struct registry_router *router, const char *data, size_t size)
{
    const char *line_end = memchr(data, '\n', size), *space = memchr(data, ' ', size);
    if (!line_end || !space || space > line_end || memchr(data, '\0', (size_t)(line_end - data))) return;
    char *method = strndup(data, (size_t)(space - data)), *target = strndup(space + 1, (size_t)(line_end - space - 1));
    must(method && target);
    struct slice body = {line_end + 1, size - (size_t)(line_end + 1 - data)};
    struct http_reply reply;
    ask(router, method, target, body, &reply);
    check_reply(&reply);
    if (reply.status == 200 && !strcmp(method, "POST")) check_registered(router, target, body);
    buf_fini(&reply.body);
    free(method);
    free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct registry_state *state = registry_state_new();
    struct registry_router router = {state, {state, always, always, commit, no_end}};
    const char *at = (const char *)data;
    for (int i = 0; i < REQUESTS_MAX && size; i++) {
        const char *end = memchr(at, 1, size);
        size_t length = end ? (size_t)(end - at) : size;
        one_request(&router, at, length);
        if (!end) break;
        size -= length + 1;
        at = end + 1;
    }
    registry_state_free(state);
    return 0;
}
