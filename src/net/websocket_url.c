// SPDX-License-Identifier: Apache-2.0
// ws:// and wss:// addresses.
#include <stdio.h>

#include "net/websocket.h"

enum { PORT_PLAIN = 80, PORT_TLS = 443, PORT_MAX = 65535 };

static bool plain_text(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 127) return false;
    return true;
}

static bool copy(char *to, size_t capacity, struct slice text)
{
    if (text.size >= capacity) return false;
    memcpy(to, text.data, text.size);
    to[text.size] = '\0';
    return true;
}

// "host", "host:port", "[::1]" or "[::1]:port".
static const char *parse_authority(struct slice authority, struct websocket_url *url)
{
    struct slice host = authority, port = {0};
    const char *bracket = authority.size && *authority.data == '[' ? memchr(authority.data, ']', authority.size) : NULL;
    const char *rest = bracket ? bracket + 1 : memchr(authority.data, ':', authority.size);
    const char *end = authority.data + authority.size;
    if (rest) {
        host.size = (size_t)(rest - authority.data);
        if (rest < end && *rest != ':') return "something stands between the address and the port";
        if (rest < end) port = (struct slice){rest + 1, (size_t)(end - rest - 1)};
    }
    if (bracket) host = (struct slice){host.data + 1, host.size - 2};
    if (!host.size) return "it names no host";
    if (memchr(host.data, '@', host.size)) return "a user name in it is not supported";
    if (!bracket && host.size && memchr(host.data, '[', host.size)) return "its host is malformed";
    if (!copy(url->host, sizeof url->host, host)) return "its host is too long";
    int64_t number = url->tls ? PORT_TLS : PORT_PLAIN;
    if (port.data && (!text_to_int64(port, &number) || number < 1 || number > PORT_MAX)) return "its port is not a number from 1 to 65535";
    url->port = (uint16_t)number;
    return NULL;
}

static const char *parse(const char *text, struct websocket_url *url)
{
    *url = (struct websocket_url){0};
    if (!plain_text(text)) return "it holds a space or another character that must be percent-encoded";
    if (!strncmp(text, "wss://", 6))
        url->tls = true;
    else if (strncmp(text, "ws://", 5) != 0)
        return "it does not start with ws:// or wss://";
    const char *authority = text + (url->tls ? 6 : 5), *path = authority + strcspn(authority, "/?#");
    const char *wrong = parse_authority((struct slice){authority, (size_t)(path - authority)}, url);
    if (wrong) return wrong;
    if (strchr(path, '#')) return "a fragment (#) has no place in it";
    if (snprintf(url->path, sizeof url->path, "%s%s", *path == '/' ? "" : "/", path) >= (int)sizeof url->path)
        return "its path is too long";
    return NULL;
}

enum status websocket_url_parse(const char *text, struct websocket_url *url, enum err_code code, struct err *err)
{
    const char *wrong = parse(text, url);
    if (!wrong) return OK;
    char shown[300];
    return err_set(err, FATAL, code, "\"%s\" is no WebSocket address: %s", text_url_shown(text, shown, sizeof shown), wrong);
}
