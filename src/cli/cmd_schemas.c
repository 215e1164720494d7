// SPDX-License-Identifier: Apache-2.0
// Commands that talk to the schema registry.
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/registry_get.h"
#include "cli/role.h"
#include "cli/tool.h"

static enum status list_subject(struct output *output, const char *base, const char *subject, struct err *err)
{
    char path[2048];
    json_t *versions, *latest;
    registry_subject_path(path, sizeof path, subject, "/versions");
    TRY(registry_get(base, path, &versions, err));
    size_t count = json_array_size(versions);
    json_decref(versions);
    registry_subject_path(path, sizeof path, subject, "/versions/latest");
    TRY(registry_get(base, path, &latest, err));
    struct sink_cell cells[] = {output_text(subject), output_number((int64_t)count),
                                output_number(json_integer_value(json_object_get(latest, "version"))),
                                output_number(json_integer_value(json_object_get(latest, "id")))};
    output_row(output, cells);
    json_decref(latest);
    return OK;
}

static enum status list_subjects(struct app *app, const char *base, struct err *err)
{
    static const char *const names[] = {"subject", "versions", "latest", "id"};
    json_t *subjects, *subject;
    size_t index;
    TRY(registry_get(base, "/subjects", &subjects, err));
    struct output *output = output_new(stdout, tool_format(app), 4, names);
    enum status status = OK;
    json_array_foreach(subjects, index, subject) if (status == OK) status = list_subject(output, base, json_string_value(subject), err);
    output_end(output, "the registry has no subjects");
    json_decref(subjects);
    return status;
}

int cmd_schemas_list(struct app *app)
{
    struct err err;
    struct tool_registry registry;
    if (tool_registry_open(app, &registry, &err) != OK) return app_fail(app, &err);
    enum status status = list_subjects(app, registry.url, &err);
    tool_registry_close(&registry);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

static enum status show_schema(struct app *app, const char *base, struct err *err)
{
    char path[2048], version[64];
    snprintf(version, sizeof version, "/versions/%.40s", app->word_count > 1 ? app->words[1] : "latest");
    registry_subject_path(path, sizeof path, app->words[0], version);
    json_t *reply;
    TRY(registry_get(base, path, &reply, err));
    if (app->common.json) {
        json_dumpf(reply, stdout, JSON_INDENT(2));
    } else {
        json_t *schema = json_loads(json_string_value(json_object_get(reply, "schema")), JSON_DECODE_ANY, NULL);
        printf("subject %s, version %lld, id %lld\n", app->words[0], (long long)json_integer_value(json_object_get(reply, "version")),
               (long long)json_integer_value(json_object_get(reply, "id")));
        if (schema) json_dumpf(schema, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
        json_decref(schema);
    }
    putchar('\n');
    json_decref(reply);
    return OK;
}

int cmd_schemas_show(struct app *app)
{
    struct err err;
    struct tool_registry registry;
    if (tool_registry_open(app, &registry, &err) != OK) return app_fail(app, &err);
    enum status status = show_schema(app, registry.url, &err);
    tool_registry_close(&registry);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

int cmd_schemas_load(struct app *app)
{
    struct err err;
    char address[512];
    struct registry_client *client;
    uint32_t loaded = 0;
    struct tool_wait wait;
    if (!tool_wait_init(app, &wait)) return ERR_USAGE;
    const char *dir = app->word_count ? app->words[0] : app->config->streaming.schemas;
    if (registry_client_open(&client, role_registry_url(app->config, address), &app->log, app->metrics, &err) != OK)
        return app_fail(app, &err);
    enum status status;
    do {
        uint32_t more;
        status = registry_load(client, dir, &app->log, &more, &err);
        loaded += more;
    } while (tool_wait_more(&wait, status, &err));
    registry_client_close(client);
    if (status != OK) return app_fail(app, &err);
    printf("%u new version%s loaded\n", loaded, loaded == 1 ? "" : "s");
    return EXIT_DONE;
}
