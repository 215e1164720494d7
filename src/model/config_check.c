// SPDX-License-Identifier: Apache-2.0
// Rules between options that the table cannot state.
#include "model/config.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

enum { TOPIC_NAME_MAX = 249, GROUP_NAME_MAX = 255, TABLE_NAME_MAX = 63, PROBLEM_BYTES = 512, CONFIG_URL_BYTES = 512 };

struct check {
    const struct config *config;
    config_problem_fn *problem;
    void *context;
    uint32_t count;
};

static void found(struct check *check, const char *option, const char *format, ...) PRINTF_LIKE(3, 4);

static void found(struct check *check, const char *option, const char *format, ...)
{
    char text[PROBLEM_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    check->count++;
    if (check->problem) check->problem(check->context, option, text);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Kafka's rule for names of topics, kept for the embedded log and for groups too.
static bool name_ok(const char *name, size_t max)
{
    size_t length = strlen(name);
    if (length == 0 || length > max || !strcmp(name, ".") || !strcmp(name, "..")) return false;
    for (const char *p = name; *p; p++)
        if (!is_letter(*p) && !is_digit(*p) && *p != '.' && *p != '-') return false;
    return true;
}

static bool table_name_ok(const char *name)
{
    if (!is_letter(*name) || strlen(name) > TABLE_NAME_MAX) return false;
    for (const char *p = name; *p; p++)
        if (!is_letter(*p) && !is_digit(*p)) return false;
    return true;
}

// HOST:PORT; an IPv6 address stands in brackets.
static bool listen_ok(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    int64_t port;
    if (!colon || colon == listen || strlen(colon + 1) > 5 || !is_digit(colon[1])) return false;
    if (!text_to_int64(slice_of(colon + 1), &port) || port > 65535) return false;
    bool bracketed = listen[0] == '[' && colon[-1] == ']' && colon - listen > 2;
    return bracketed || !memchr(listen, ':', (size_t)(colon - listen));
}

static void check_listen(struct check *check, const char *option, const char *listen)
{
    if (!listen_ok(listen)) found(check, option, "\"%.100s\" is not HOST:PORT; write for example 127.0.0.1:8080", listen);
}

// http(s)://HOST, perhaps with a user, a port and a path.
static bool registry_url_ok(const char *url)
{
    size_t scheme = !strncmp(url, "http://", 7) ? 7 : !strncmp(url, "https://", 8) ? 8 : 0;
    const char *authority = url + scheme, *end = authority + strcspn(authority, "/?#"),
               *at = memrchr(authority, '@', (size_t)(end - authority));
    const char *host = at ? at + 1 : authority, *bracket = memchr(host, ']', (size_t)(end - host));
    const char *name_end = *host == '[' ? (bracket ? bracket + 1 : host) : host + strcspn(host, ":/?#");
    int64_t port = 0;
    if (!scheme || name_end == host || strlen(url) >= CONFIG_URL_BYTES) return false;
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f) return false;
    if (name_end == end) return true;
    return *name_end == ':' && text_to_int64((struct slice){name_end + 1, (size_t)(end - name_end - 1)}, &port) && port > 0 &&
           port <= 65535;
}

static void check_topics(struct check *check)
{
    const struct config_topic *topics = check->config->streaming.topics.items;
    for (uint32_t i = 0; i < check->config->streaming.topics.count; i++) {
        if (!name_ok(topics[i].name, TOPIC_NAME_MAX))
            found(check, "streaming.topics",
                  "[%u]: \"%.100s\" is not a name for a topic; it may have letters, digits, dots, dashes and underscores, at most %d", i,
                  topics[i].name, TOPIC_NAME_MAX);
        for (uint32_t j = 0; j < i; j++)
            if (!strcmp(topics[i].name, topics[j].name))
                found(check, "streaming.topics", "[%u]: the topic %.100s is also [%u]; keep one of them", i, topics[i].name, j);
    }
}

static void check_route_topic(struct check *check, const char *option, uint32_t route, const char *topic)
{
    enum { NAMES_MAX = 1000 };
    const char *names[NAMES_MAX];
    uint32_t count = check->config->streaming.topics.count;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = check->config->streaming.topics.items[i].name;
        if (!strcmp(name, topic)) return;
        if (i < NAMES_MAX) names[i] = name;
    }
    const char *nearest = text_nearest(topic, names, count < NAMES_MAX ? count : NAMES_MAX);
    if (nearest)
        found(check, option, "[%u]: the topic %.100s is not in streaming.topics; did you mean %.100s?", route, topic, nearest);
    else
        found(check, option, "[%u]: the topic %.100s is not in streaming.topics; add it there", route, topic);
}

static void check_routes(struct check *check)
{
    const struct config *config = check->config;
    for (uint32_t i = 0; i < config->ingestion.routes.count; i++)
        check_route_topic(check, "ingestion.routes", i, config->ingestion.routes.items[i].topic);
    for (uint32_t i = 0; i < config->processing.routes.count; i++) {
        const struct config_route *route = &config->processing.routes.items[i];
        check_route_topic(check, "processing.routes", i, route->topic);
        if (!table_name_ok(route->table))
            found(check, "processing.routes", "[%u]: \"%.100s\" is not a name for a table; it may have letters, digits and underscores", i,
                  route->table);
    }
}

uint32_t config_check(const struct config *config, config_problem_fn *problem, void *context)
{
    struct check check = {.config = config, .problem = problem, .context = context};
    if (!*config->data) found(&check, "data", "it is empty; name a folder");
    if (config->ingestion.ping_interval_ms >= config->ingestion.idle_timeout_ms)
        found(&check, "ingestion.idle-timeout", "it must be longer than ingestion.ping-interval, or every quiet connection is closed");
    if (config->ingestion.reconnect_min_ms > config->ingestion.reconnect_max_ms)
        found(&check, "ingestion.reconnect-min", "it is longer than ingestion.reconnect-max");
    check_topics(&check);
    check_routes(&check);
    if (!name_ok(config->processing.group, GROUP_NAME_MAX))
        found(&check, "processing.group", "a group's name has 1 to %d letters, digits, dots, dashes and underscores", GROUP_NAME_MAX);
    char shown[100];
    if (*config->streaming.registry.url && !registry_url_ok(config->streaming.registry.url))
        found(&check, "streaming.registry.url", "\"%s\" is not the URL of a registry; write for example http://127.0.0.1:8081",
              text_url_shown(config->streaming.registry.url, shown, sizeof shown));
    check_listen(&check, "streaming.registry.listen", config->streaming.registry.listen);
    if (*config->monitoring.listen) check_listen(&check, "monitoring.listen", config->monitoring.listen);
    check_listen(&check, "simulator.listen", config->simulator.listen);
    if (!strncmp(config->simulator.listen, "*:", 2))
        found(&check, "simulator.listen", "it takes no *; for all addresses write 0.0.0.0%.10s", config->simulator.listen + 1);
    if (!*config->simulator.tls_certificate_file != !*config->simulator.tls_key_file)
        found(&check, "simulator.tls-certificate-file", "a certificate and its key go together; name both files or none");
    return check.count;
}
