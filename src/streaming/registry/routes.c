// SPDX-License-Identifier: Apache-2.0
// Which request goes where, media types, and what the answers have in common.
#include "streaming/registry/routes.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "streaming/registry/call.h"

#define MEDIA_V1 "application/vnd.schemaregistry.v1+json"

struct route {
    const char *method, *path; // '*' stands for one segment
    registry_call_fn *serve;
    bool changes;
};

static const struct route routes[] = {
    {"GET", "", registry_get_root, false},
    {"POST", "", registry_get_root, false},
    {"GET", "subjects", registry_get_subjects, false},
    {"POST", "subjects/*", registry_post_lookup, false},
    {"DELETE", "subjects/*", registry_delete_subject, true},
    {"GET", "subjects/*/versions", registry_get_versions, false},
    {"POST", "subjects/*/versions", registry_post_schema, true},
    {"GET", "subjects/*/versions/*", registry_get_version, false},
    {"DELETE", "subjects/*/versions/*", registry_delete_version, true},
    {"GET", "subjects/*/versions/*/schema", registry_get_version_schema, false},
    {"GET", "schemas/types", registry_get_types, false},
    {"GET", "schemas/ids/*", registry_get_schema, false},
    {"GET", "schemas/ids/*/schema", registry_get_schema_text, false},
    {"GET", "schemas/ids/*/subjects", registry_get_schema_subjects, false},
    {"GET", "schemas/ids/*/versions", registry_get_schema_versions, false},
    {"GET", "config", registry_get_config, false},
    {"PUT", "config", registry_put_config, true},
    {"DELETE", "config", registry_delete_config, true},
    {"GET", "config/*", registry_get_subject_config, false},
    {"PUT", "config/*", registry_put_config, true},
    {"DELETE", "config/*", registry_delete_config, true},
};

void registry_append_text(struct buf *out, const char *text)
{
    buf_append_json(out, text, strlen(text));
}

void registry_fail(struct registry_call *call, int code, const char *format, ...)
{
    char message[2 * ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    // A cut must not leave half a character: JSON is UTF-8.
    size_t size = length < 0 ? 0 : (size_t)length < sizeof message ? (size_t)length : sizeof message - 1;
    while (size && !text_is_utf8(message, size)) size--;
    struct http_reply *reply = call->reply;
    for (reply->status = code; reply->status > 999;) reply->status /= 10;
    buf_reset(&reply->body);
    buf_printf(&reply->body, "{\"error_code\":%d,\"message\":", code);
    buf_append_json(&reply->body, message, size);
    buf_append_byte(&reply->body, '}');
}

void registry_fail_write(struct registry_call *call, const struct err *err)
{
    switch (err->status) {
    case AGAIN: registry_fail(call, 50004, "Leader not known: %s", err->text); break;
    case RETRY: registry_fail(call, 50002, "Operation timed out: %s", err->text); break;
    case REJECT: registry_fail(call, 42209, "Schema is too large: %s", err->text); break;
    case FATAL:
    case OK: registry_fail(call, 50001, "Error in the backend data store: %s", err->text); break;
    }
}

bool registry_flag(const struct registry_call *call, const char *name)
{
    const char *value = http_query(call->request, name);
    return value && !strcasecmp(value, "true");
}

static int64_t query_number(const struct registry_call *call, const char *name, int64_t otherwise)
{
    const char *text = http_query(call->request, name);
    int64_t value;
    return text && text_to_int64(slice_of(text), &value) ? value : otherwise;
}

struct registry_page registry_page_of(const struct registry_call *call)
{
    struct registry_page page = {query_number(call, "offset", 0), query_number(call, "limit", -1), 0, true};
    if (page.limit < 0) page.limit = INT64_MAX;
    return page;
}

bool registry_page_take(struct registry_page *page, struct buf *out)
{
    if (page->at++ < page->offset || page->limit <= 0) return false;
    page->limit--;
    if (!page->first) buf_append_byte(out, ',');
    page->first = false;
    return true;
}

json_t *registry_body(struct registry_call *call)
{
    struct slice body = call->request->body;
    json_error_t error;
    json_t *json = json_loadb(body.size ? body.data : "", body.size, 0, &error);
    if (json_is_object(json)) return json;
    if (json)
        registry_fail(call, 400, "The request's body must be a JSON object");
    else
        registry_fail(call, 400, "The request's body is not valid JSON: %s (line %d, column %d)", error.text, error.line, error.column);
    json_decref(json);
    return NULL;
}

const struct registry_subject *registry_need_subject(struct registry_call *call, const char *name, bool deleted)
{
    const struct registry_subject *subject = registry_state_subject(call->router->state, name);
    if (subject && registry_subject_latest(subject, deleted)) return subject;
    registry_fail(call, 40401, "Subject '%s' not found.", name);
    return NULL;
}

static struct slice trim(const char *text)
{
    text += strspn(text, " ");
    size_t length = strlen(text);
    while (length && text[length - 1] == ' ') length--;
    return (struct slice){text, length};
}

bool registry_means_latest(const char *version)
{
    struct slice text = trim(version);
    return (text.size == 6 && !strncasecmp(text.data, "latest", 6)) || slice_is(text, "-1");
}

const struct registry_version *registry_need_version(struct registry_call *call, const struct registry_subject *subject, const char *text,
                                                     bool deleted)
{
    bool latest = registry_means_latest(text);
    int64_t number;
    if (!latest && (!text_to_int64(trim(text), &number) || number < 1 || number > INT32_MAX)) {
        registry_fail(
            call, 42202,
            "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", text);
        return NULL;
    }
    const struct registry_version *version =
        latest ? registry_subject_latest(subject, deleted) : registry_subject_version(subject, (int32_t)number);
    if (version && (deleted || !version->deleted)) return version;
    registry_fail(call, 40402, "Version %s not found.", text);
    return NULL;
}

// True when a list of media types (an Accept header) or one (a Content-Type) names `type`; parameters do not matter.
static bool names_type(const char *list, const char *type)
{
    while (*list) {
        list += strspn(list, " \t,");
        size_t length = strcspn(list, " \t,;");
        if (length == strlen(type) && !strncasecmp(list, type, length)) return true;
        list += strcspn(list, ",");
    }
    return false;
}

// The media type of the reply, or NULL when none that we have is accepted.
static const char *reply_type(const struct http_request *request)
{
    static const char *const ours[] = {MEDIA_V1, "application/vnd.schemaregistry+json", "application/json"};
    const char *accept = http_header(request, "Accept");
    if (!accept || !*accept || names_type(accept, "*/*") || names_type(accept, "application/*")) return MEDIA_V1;
    for (size_t i = 0; i < 3; i++)
        if (names_type(accept, ours[i])) return ours[i];
    return NULL;
}

static bool content_is_taken(const struct http_request *request)
{
    const char *type = http_header(request, "Content-Type");
    bool has_body = !strcmp(request->method, "POST") || !strcmp(request->method, "PUT");
    return !has_body || !type || names_type(type, MEDIA_V1) || names_type(type, "application/vnd.schemaregistry+json") ||
           names_type(type, "application/json") || names_type(type, "application/octet-stream");
}

// Matches the segments against a route's path and keeps what stands at its stars.
static bool matches(const char *path, const char *const *segments, int count, const char *arg[2])
{
    int args = 0, i = 0;
    for (; *path; i++) {
        size_t length = strcspn(path, "/");
        if (i == count) return false;
        if (*path == '*') {
            arg[args++] = segments[i];
        } else if (strlen(segments[i]) != length || strncmp(segments[i], path, length) != 0) {
            return false;
        }
        path += length + (path[length] == '/');
    }
    return i == count;
}

static const struct route *find_route(struct registry_call *call)
{
    const char *segments[HTTP_PATH_MAX_SEGMENTS];
    int count = http_path_split(call->request, segments);
    bool other_method = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes && count >= 0; i++) {
        const char *arg[2] = {"", ""};
        if (!matches(routes[i].path, segments, count, arg)) continue;
        other_method = true;
        if (strcmp(routes[i].method, call->request->method) != 0) continue;
        memcpy(call->arg, arg, sizeof arg);
        return &routes[i];
    }
    registry_fail(call, other_method ? 405 : 404, other_method ? "HTTP 405 Method Not Allowed" : "HTTP 404 Not Found");
    return NULL;
}

void registry_route_unavailable(struct http_reply *reply, const char *why)
{
    struct registry_call call = {.reply = reply};
    reply->content_type = MEDIA_V1;
    registry_fail(&call, 503, "The registry is not ready: %s", why);
}

// "It is not there" is final for whoever asks, but another registry may have taken it in a moment ago: it is said only when the state has
// everything that the log had when the request came.
static void serve_reading(struct registry_call *call, registry_call_fn *serve)
{
    struct err err;
    serve(call);
    if (call->reply->status != 404) return;
    if (call->router->writer.catch_up(call->router->writer.context, &err) != OK) {
        registry_fail_write(call, &err);
        return;
    }
    call->reply->status = 200;
    buf_reset(&call->reply->body);
    serve(call);
}

void registry_route(struct registry_router *router, const struct http_request *request, struct http_reply *reply)
{
    struct registry_call call = {.router = router, .request = request, .reply = reply};
    const char *type = reply_type(request);
    reply->status = 200;
    reply->content_type = type ? type : MEDIA_V1;
    const struct route *route = find_route(&call);
    if (!route) return;
    if (!type)
        registry_fail(&call, 406, "HTTP 406 Not Acceptable");
    else if (!content_is_taken(request))
        registry_fail(&call, 415, "HTTP 415 Unsupported Media Type");
    else if (!text_is_utf8(call.arg[0], strlen(call.arg[0])) || !text_is_utf8(call.arg[1], strlen(call.arg[1])))
        registry_fail(&call, 400, "The path is not valid UTF-8");
    else if (route->changes)
        route->serve(&call);
    else
        serve_reading(&call, route->serve);
}
