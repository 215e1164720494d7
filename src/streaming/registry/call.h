// SPDX-License-Identifier: Apache-2.0
// One request on its way through the registry's routes, and how it is answered.
#ifndef FDP_STREAMING_REGISTRY_CALL_H
#define FDP_STREAMING_REGISTRY_CALL_H

#include <jansson.h>

#include "streaming/registry/routes.h"

struct registry_call {
    struct registry_router *router;
    const struct http_request *request;
    struct http_reply *reply;
    const char *arg[2]; // what stands at the stars of the route
};

typedef void registry_call_fn(struct registry_call *call);

// {"error_code":…,"message":…}; the HTTP status is in the first three digits of the code.
void registry_fail(struct registry_call *call, int code, const char *format, ...) PRINTF_LIKE(3, 4);
// A failure of the writer's calls: 50004 when another registry writes, 50002 when it may work later, 42209 when the record is too large,
// else 50001.
void registry_fail_write(struct registry_call *call, const struct err *err);

// A query parameter that means yes.
bool registry_flag(const struct registry_call *call, const char *name);
// offset and limit of a listing.
struct registry_page {
    int64_t offset, limit, at;
    bool first;
};
struct registry_page registry_page_of(const struct registry_call *call);
// Whether the next element of the listing belongs to the page; writes the comma that it needs.
bool registry_page_take(struct registry_page *page, struct buf *out);

// The request's body as a JSON object; fails the call (400) and returns NULL when it is none. Free with json_decref.
json_t *registry_body(struct registry_call *call);

void registry_append_text(struct buf *out, const char *text);

// "latest" in any case, or "-1"; spaces around it do not matter.
bool registry_means_latest(const char *version);

// Needs the state's lock. The subject when it has a version that is not deleted (any, with `deleted`), else fails the call (40401).
const struct registry_subject *registry_need_subject(struct registry_call *call, const char *name, bool deleted);
// The version that the text means: a number, "latest" or -1; fails the call (42202, 40402).
const struct registry_version *registry_need_version(struct registry_call *call, const struct registry_subject *subject, const char *text,
                                                     bool deleted);

registry_call_fn registry_get_root, registry_get_subjects, registry_get_versions, registry_get_version, registry_get_version_schema,
    registry_get_schema, registry_get_schema_text, registry_get_schema_subjects, registry_get_schema_versions, registry_get_types,
    registry_get_config, registry_get_subject_config;
registry_call_fn registry_post_schema, registry_post_lookup, registry_delete_version, registry_delete_subject, registry_put_config,
    registry_delete_config;

#endif
