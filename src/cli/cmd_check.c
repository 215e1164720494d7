// SPDX-License-Identifier: Apache-2.0
// The command check: everything that can be known of a configuration before it runs.
#include <stdio.h>
#include <string.h>

#include "cli/check.h"
#include "cli/commands.h"
#include "cli/lag.h"
#include "ingestion/publish.h"
#include "ingestion/source.h"
#include "processing/preflight.h"
#include "simulator/simulator.h"
#include "storage/writable.h"

// --- Findings ---

static const char *origin_of(const struct app *app, const char *option)
{
    for (size_t i = 0; i < config_options.count; i++)
        if (!strcmp(config_options.rows[i].name, option)) return app->values.origins[i];
    return "default";
}

static void add_row(struct check *check, const char *result, const char *option, const char *text)
{
    struct sink_cell cells[] = {output_text(result), output_text(option), output_text(option ? origin_of(check->app, option) : NULL),
                                output_text(text)};
    output_row(check->output, cells);
}

void check_fine(struct check *check, const char *text)
{
    if (check->output)
        add_row(check, "ok", NULL, text);
    else
        printf("ok       %s\n", text);
}

void check_problem(void *context, const char *option, const char *text)
{
    struct check *check = context;
    check->problems++;
    char shown[4 * ERR_TEXT_BYTES];
    text_shown(text, shown, sizeof shown);
    if (check->output)
        add_row(check, "problem", option, shown);
    else
        printf("problem  %s (%s): %s\n", option, origin_of(check->app, option), shown);
}

void check_result(struct check *check, enum status status, const char *option, const char *fine, const struct err *err)
{
    if (status == OK)
        check_fine(check, fine);
    else
        check_problem(check, option, err->text);
}

// --- Ingestion ---

static void check_ingestion(struct check *check)
{
    struct err err;
    struct publisher *publisher = NULL;
    check_result(check, publisher_new(&publisher, check->app->config, NULL, &err), "ingestion.routes", "routes of ingestion", &err);
    publisher_free(publisher);
}

// The market of `fdp up` stands in for one that runs: only the options are judged here.
static void check_source(struct check *check)
{
    static const char *const market[] = {"AAPL"};
    struct err err;
    struct source source;
    enum status status = source_open(&source, check->app->config, "ws://127.0.0.1/", market, 1, &err);
    check_result(check, status, "ingestion.source", "source and symbols", &err);
    source_fini(&source);
}

static void check_replay(struct check *check)
{
    struct err err;
    if (!*check->app->config->simulator.replay) return;
    check_result(check, simulator_check_replay(check->app->config, &err), "simulator.replay", "recorded prices", &err);
}

// --- Store and stream ---

static void route_problem(void *context, uint32_t route, const char *text)
{
    (void)route; // named in the text
    check_problem(context, "processing.routes", text);
}

static void store_problem(void *context, const char *text)
{
    check_problem(context, "storage.url", text);
}

static void check_writable(struct check *check, struct sink *sink)
{
    struct err err;
    const struct config *config = check->app->config;
    const char **tables = arena_calloc(&check->app->arena, config->processing.routes.count + 1, sizeof *tables);
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->processing.routes.count; i++) {
        uint32_t known = 0;
        while (known < count && strcmp(tables[known], config->processing.routes.items[i].table) != 0) known++;
        if (known == count) tables[count++] = config->processing.routes.items[i].table;
    }
    if (writable_look(sink, tables, count, store_problem, check, &err) != OK) check_problem(check, "storage.url", err.text);
}

static void check_routes(struct check *check, struct sink *sink)
{
    if (!check->app->config->processing.routes.count)
        check_problem(check, "processing.routes", "there is no route: nothing would be stored");
    else if (!preflight_routes(check->app->config, sink, route_problem, check))
        check_fine(check, "routes of processing, against the schemas and the tables");
}

// Without the schemas nobody can read the records that were written with them.
static void check_schemas_kept(struct check *check, struct stream *stream, const struct stream_topic *topics, uint32_t count)
{
    struct err err;
    struct stream_watermarks marks = {0};
    const struct stream_topic *topic = NULL;
    const struct config *config = check->app->config;
    for (uint32_t i = 0; i < config->streaming.topics.count && marks.low == marks.high; i++) {
        topic = stream_topic_find(topics, count, config->streaming.topics.items[i].name);
        for (int32_t p = 0; topic && p < topic->partitions && marks.low == marks.high; p++)
            if (stream->ops->watermarks(stream, topic->name, p, &marks, &err) != OK) return;
    }
    if (!topic || marks.low == marks.high) return;
    err_set(&err, FATAL, ERR_REGISTRY,
            "the topic " REGISTRY_TOPIC " is gone, and %s holds records that were written with its schemas. A registry that still runs"
            " serves them: fdp schemas list and fdp schemas show, with --set streaming.registry.url= and its address, give a copy. Then"
            " start it anew and register them in the order of their ids",
            topic->name);
    check_problem(check, "streaming.registry.url", err.text);
}

static void check_topics(struct check *check, struct stream *stream)
{
    struct err err;
    struct stream_topic *topics;
    uint32_t count;
    const struct config *config = check->app->config;
    bool some = false;
    const char *lacking = NULL;
    char fine[STREAM_TOPIC_MAX + 128] = "stream";
    if (stream->ops->topics(stream, &check->app->arena, &topics, &count, &err) != OK) {
        check_problem(check, "streaming.url", err.text);
        return;
    }
    for (uint32_t i = 0; i < config->streaming.topics.count; i++) {
        const struct config_topic *wanted = &config->streaming.topics.items[i];
        const struct stream_topic *there = stream_topic_find(topics, count, wanted->name);
        struct stream_topic topic = {.partitions = (int32_t)wanted->partitions};
        if (!there) lacking = wanted->name;
        if (!there) continue;
        some = true;
        snprintf(topic.name, sizeof topic.name, "%s", wanted->name);
        if (!stream_topic_fits(&topic, there->partitions, &err)) check_problem(check, "streaming.topics", err.text);
    }
    if (some && lacking)
        snprintf(fine, sizeof fine, "stream (without the topic %s, which the next start or fdp topics create makes)", lacking);
    check_fine(check, fine);
    if (!*config->streaming.registry.url && !stream_topic_find(topics, count, REGISTRY_TOPIC))
        check_schemas_kept(check, stream, topics, count);
}

// Positions that the worker would refuse to go on from.
static void check_positions(struct check *check, struct stream *stream, struct sink *sink)
{
    struct err err;
    struct lag_group *group;
    uint32_t count;
    const char *name = check->app->config->processing.group;
    enum status status = lag_groups(stream, sink, name, &check->app->arena, &group, &count, &err);
    if (status != OK) {
        check_problem(check, "processing.group", err.text);
        return;
    }
    uint32_t before = check->problems;
    for (uint32_t i = 0; count && i < group->partition_count; i++) {
        const struct lag_partition *at = &group->partitions[i];
        if (!at->note || at->stored < 0) continue;
        char advice[STREAM_TOPIC_MAX + 64] = "fdp groups reset moves it";
        if (!at->there) snprintf(advice, sizeof advice, "fdp groups reset with --topic %s --fresh gives it up", at->topic);
        err_set(&err, FATAL, ERR_STREAM, "the group %s is at offset %lld of partition %d of %s: %s; %s", name, (long long)at->stored,
                at->partition, at->topic, at->note, advice);
        check_problem(check, "processing.group", err.text);
    }
    if (count && group->stored && check->problems == before) check_fine(check, "stored positions");
}

// What is not there yet is no problem: the first start makes it.
static void check_both_ends(struct check *check)
{
    struct err err;
    struct config empty;
    struct sink *sink = NULL;
    struct stream *stream = NULL;
    const char *why = NULL;
    char fine[128];
    bool stream_made = tool_stream_is_made(check->app);
    enum status store = tool_sink_or_empty(check->app, &empty, &sink, &why, &err);
    snprintf(fine, sizeof fine, "store%s%s%s", why ? " (" : "", why ? why : "", why ? ")" : "");
    check_result(check, store, "storage.url", fine, &err);
    if (store == OK && !why) check_writable(check, sink);
    if (store == OK) check_routes(check, sink);
    enum status status = stream_made ? tool_stream(check->app, &stream, &err) : OK;
    if (!stream)
        check_result(check, status, "streaming.url", "stream (will be made at the first start)", &err);
    else
        check_topics(check, stream);
    if (stream && store == OK && !why) check_positions(check, stream, sink);
    stream_close(stream);
    sink_close(sink);
}

int cmd_check(struct app *app)
{
    static const char *const names[] = {"result", "option", "origin", "text"};
    struct check check = {.app = app};
    if (tool_format(app) != OUTPUT_TABLE) check.output = output_new(stdout, tool_format(app), sizeof names / sizeof *names, names);
    config_check(app->config, check_problem, &check);
    if (!check.problems) check_fine(&check, "configuration");
    check_source(&check);
    check_replay(&check);
    check_ingestion(&check);
    check_both_ends(&check);
    check_registry(&check);
    if (check.output) output_end(check.output, NULL);
    if (check.problems && !check.output) printf("%u problem%s found\n", check.problems, check.problems == 1 ? "" : "s");
    return check.problems ? EXIT_PROBLEMS : EXIT_DONE;
}
