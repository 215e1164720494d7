// SPDX-License-Identifier: Apache-2.0
// The schema registry, as ingestion and processing will find it.
#include <stdio.h>
#include <string.h>

#include "avro/plan.h"
#include "cli/check.h"
#include "cli/registry_get.h"
#include "ingestion/publish.h"
#include "streaming/schema_files.h"

static const char option[] = "streaming.registry.url";

static enum status parse_reader(const char *schemas, const char *topic, struct avro_schema **out, struct err *err)
{
    struct buf text;
    buf_init(&text, BUF_MAX_SCHEMA_TEXT);
    enum status status = schema_files_newest(schemas, topic, &text, err);
    if (status == OK) status = avro_schema_parse(text.data, text.size, AVRO_STRICT, NULL, 0, out, err);
    buf_fini(&text);
    return status;
}

// Whether records of the newest schema of a subject become ticks.
static enum status read_newest(const struct config *config, const struct tool_registry *registry, const char *topic, const char *subject,
                               struct err *err)
{
    char path[2048];
    json_t *reply;
    const struct avro_schema *writer;
    struct avro_schema *reader;
    registry_subject_path(path, sizeof path, subject, "/versions/latest");
    TRY(registry_get(registry->url, path, &reply, err));
    int32_t id = (int32_t)json_integer_value(json_object_get(reply, "id"));
    json_decref(reply);
    TRY(registry_schema(registry->client, id, &writer, err));
    TRY(parse_reader(config->streaming.schemas, topic, &reader, err));

    struct arena arena;
    struct row_type *type;
    struct avro_decode_plan *plan = NULL;
    arena_init(&arena, 4096);
    enum status status = avro_row_type(reader, "tick", &arena, &type, err);
    if (status == OK) status = avro_decode_plan_new(writer, reader, type, &plan, err);
    if (status != OK)
        err_context(err, "records that are written with schema %d, the newest of %s, will be quarantined; register one that fits", id,
                    subject);
    avro_decode_plan_free(plan);
    arena_fini(&arena);
    avro_schema_free(reader);
    return status;
}

static bool is_listed(json_t *subjects, const char *subject)
{
    size_t index;
    json_t *name;
    json_array_foreach(subjects, index, name) if (!strcmp(json_string_value(name), subject)) return true;
    return false;
}

static void check_topics(struct check *check, const struct tool_registry *registry, json_t *subjects)
{
    const struct config *config = check->app->config;
    const char **topics = arena_calloc(&check->app->arena, config->processing.routes.count + 1, sizeof *topics);
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->processing.routes.count; i++) text_number(topics, &count, config->processing.routes.items[i].topic);
    for (uint32_t i = 0; i < count; i++) {
        struct err err;
        char subject[STREAM_TOPIC_MAX + 16], fine[STREAM_TOPIC_MAX + 64];
        snprintf(subject, sizeof subject, "%s-value", topics[i]);
        if (!is_listed(subjects, subject)) continue;
        snprintf(fine, sizeof fine, "newest schema of %s can be read", topics[i]);
        check_result(check, read_newest(config, registry, topics[i], subject, &err), "processing.routes", fine, &err);
    }
}

static void check_open_registry(struct check *check, const struct tool_registry *registry, bool own)
{
    struct err err;
    json_t *subjects;
    struct publisher *publisher = NULL;
    enum status status = registry_get(registry->url, "/subjects", &subjects, &err);
    if (status != OK && own) {
        check_fine(check, "registry (one in the process of fdp up or fdp registry; it does not run now)");
        return;
    }
    enum status ready = status == OK ? registry_ready(registry->url, &err) : status;
    check_result(check, ready, option, "registry", &err);
    if (status != OK) return;
    status = publisher_new(&publisher, check->app->config, registry->client, &err);
    publisher_free(publisher);
    if (status == RETRY && own)
        check_fine(check, "schemas (fdp up will load them)");
    else if (status == OK || status == RETRY) // what is wrong with a route was said before
        check_result(check, status, option, "schemas of ingestion are in the registry", &err);
    check_topics(check, registry, subjects);
    json_decref(subjects);
}

void check_registry(struct check *check)
{
    struct err err;
    struct tool_registry registry;
    bool own = !*check->app->config->streaming.registry.url;
    if (own && !tool_stream_is_made(check->app)) return;
    if (tool_registry_open(check->app, &registry, &err) != OK) {
        check_problem(check, option, err.text);
        return;
    }
    check_open_registry(check, &registry, own);
    tool_registry_close(&registry);
}
