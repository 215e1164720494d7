// SPDX-License-Identifier: Apache-2.0
// Requests to a schema registry.
#include "cli/registry_get.h"

#include <stdio.h>

#include "net/http_client.h"

static enum status get(const char *base, const char *path, int *status_code, struct buf *body, struct err *err)
{
    struct http_client *client = http_client_new(10000);
    struct buf url;
    buf_init(&url, 4096);
    buf_printf(&url, "%s%s", base, path);
    buf_append_byte(&url, '\0');
    enum status status = http_client_request(client, "GET", url.data, NULL, (struct slice){0}, status_code, body, ERR_REGISTRY, err);
    buf_fini(&url);
    http_client_free(client);
    return status;
}

enum status registry_get(const char *base, const char *path, json_t **out, struct err *err)
{
    struct buf body;
    int status_code = 0;
    buf_init(&body, BUF_MAX_HTTP_REPLY);
    enum status status = get(base, path, &status_code, &body, err);
    if (status == OK) {
        *out = json_loadb(body.data ? body.data : "", body.size, JSON_DECODE_ANY, NULL);
        const char *message = json_string_value(json_object_get(*out, "message"));
        if (!*out || status_code != 200) {
            char shown[TEXT_URL_BYTES];
            status = err_set(err, FATAL, ERR_REGISTRY, "the registry at %s answered %d%s%s", text_url_shown(base, shown, sizeof shown),
                             status_code, message ? ": " : "", message ? message : "");
            json_decref(*out);
        }
    }
    buf_fini(&body);
    return status;
}

enum status registry_ready(const char *base, struct err *err)
{
    enum { UNAVAILABLE = 503 };
    struct buf body;
    int status_code = 0;
    buf_init(&body, BUF_MAX_HTTP_REPLY);
    enum status status = get(base, "/readyz", &status_code, &body, err);
    if (status == OK && status_code == UNAVAILABLE) {
        char shown[TEXT_URL_BYTES];
        while (body.size && body.data[body.size - 1] == '\n') body.size--;
        status = err_set(err, FATAL, ERR_REGISTRY, "the registry at %s is not ready: %.*s", text_url_shown(base, shown, sizeof shown),
                         SLICE_ARG(buf_slice(&body)));
    }
    buf_fini(&body);
    return status;
}

void registry_subject_path(char *out, size_t size, const char *subject, const char *rest)
{
    struct buf encoded;
    buf_init(&encoded, size);
    http_encode_segment(subject, &encoded);
    snprintf(out, size, "/subjects/%.*s%s", SLICE_ARG(buf_slice(&encoded)), rest);
    buf_fini(&encoded);
}
