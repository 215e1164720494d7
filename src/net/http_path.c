// SPDX-License-Identifier: Apache-2.0
// Taking paths and queries of requests apart, and making them.
#include <string.h>

#include "net/http_client.h"
#include "net/http_server.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Percent-decodes once; `plus` turns '+' into a space, as queries want it. NULL on a broken escape or an escaped NUL.
static char *decode(struct arena *arena, const char *text, size_t size, bool plus)
{
    char *out = arena_copy(arena, text, size), *to = out;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '+' && plus) {
            *to++ = ' ';
        } else if (text[i] == '%') {
            int high = size - i > 2 ? hex_digit(text[i + 1]) : -1, low = size - i > 2 ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0 || !(high | low)) return NULL;
            *to++ = (char)(high << 4 | low);
            i += 2;
        } else {
            *to++ = text[i];
        }
    }
    *to = '\0';
    return out;
}

int http_path_split(const struct http_request *request, const char *segments[HTTP_PATH_MAX_SEGMENTS])
{
    const char *at = request->path;
    int count = 0;
    if (*at != '/') return -1;
    while (*at++) {
        size_t length = strcspn(at, "/");
        if (!length && !at[length]) break; // a trailing slash
        if (count == HTTP_PATH_MAX_SEGMENTS) return -1;
        segments[count] = decode(request->arena, at, length, false);
        if (!segments[count++]) return -1;
        at += length;
    }
    return count;
}

const char *http_query(const struct http_request *request, const char *name)
{
    for (const char *at = request->query; at && *at;) {
        size_t length = strcspn(at, "&"), name_length = strcspn(at, "=&");
        char *key = decode(request->arena, at, name_length, true);
        if (key && !strcmp(key, name)) {
            if (name_length == length) return "";
            char *value = decode(request->arena, at + name_length + 1, length - name_length - 1, true);
            return value ? value : "";
        }
        at += length + (at[length] == '&');
    }
    return NULL;
}

void http_encode_segment(const char *segment, struct buf *out)
{
    for (const char *p = segment; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c);
        if (plain)
            buf_append_byte(out, *p);
        else
            buf_printf(out, "%%%02X", c);
    }
}
