// SPDX-License-Identifier: Apache-2.0
// Commands that change topics: create, delete, produce.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/record_maker.h"
#include "cli/tool.h"
#include "model/record.h"
#include "streaming/registry.h"

// --- create ---

static enum status find_name(struct stream *stream, const char *name, struct stream_topic *out, bool *found, struct err *err)
{
    struct arena arena;
    struct stream_topic *topics;
    uint32_t count;
    *found = false;
    arena_init(&arena, 4096);
    enum status status = stream->ops->topics(stream, &arena, &topics, &count, err);
    for (uint32_t i = 0; i < count && status == OK && !*found; i++) {
        *found = !strcmp(topics[i].name, name);
        if (*found) *out = topics[i];
    }
    arena_fini(&arena);
    return status;
}

static enum status create(struct app *app, struct stream *stream, struct stream_topic *topic, struct err *err)
{
    bool found;
    struct stream_topic there;
    TRY(find_name(stream, topic->name, &there, &found, err));
    TRY(stream->ops->topic_create(stream, topic, err));
    if (found) topic->partitions = there.partitions;
    if (!app->common.json)
        printf("topic %s %s %d partition%s\n", topic->name, found ? "was there, with" : "made, with", topic->partitions,
               topic->partitions == 1 ? "" : "s");
    else
        printf("{\"topic\":\"%s\",\"partitions\":%d,\"made\":%s}\n", topic->name, topic->partitions, found ? "false" : "true");
    return OK;
}

// Those of the configuration, as every role would make them.
static enum status create_all(struct app *app, struct stream *stream, struct err *err)
{
    uint32_t count = app->config->streaming.topics.count + 1;
    TRY(stream_create_topics(stream, app->config, err));
    if (app->common.json)
        printf("{\"topics\":%u}\n", count);
    else
        printf("the %u topics of streaming.topics and " STREAM_REJECTED_TOPIC " are there\n", count - 1);
    return OK;
}

static int run_create(struct app *app, struct stream_topic *topic)
{
    struct err err;
    struct stream *stream;
    struct tool_wait wait;
    struct stream_params params = {.config = app->config, .log = &app->log};
    if (!tool_wait_init(app, &wait)) return ERR_USAGE;
    if (stream_open(&stream, &params, &err) != OK) return app_fail(app, &err);
    enum status status;
    do {
        status = topic ? create(app, stream, topic, &err) : create_all(app, stream, &err);
    } while (tool_wait_more(&wait, status, &err));
    stream_close(stream);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

int cmd_topics_create(struct app *app)
{
    int64_t partitions;
    const char *retention = app_flag(app, "retention");
    struct stream_topic topic = {.retention_ms = app->config->streaming.retention_ms,
                                 .retention_bytes = app->config->streaming.retention_bytes,
                                 .compacted = app_flag(app, "compacted") != NULL,
                                 .asked = retention != NULL};
    if (!app->word_count) {
        if (app_flag(app, "partitions") || retention || topic.compacted)
            return app_usage(app, "--partitions, --retention and --compacted are for one topic: name it");
        return run_create(app, NULL);
    }
    if (!app_flag_number(app, "partitions", 1, STREAM_PARTITIONS_MAX, 3, &partitions)) return ERR_USAGE;
    if (retention && !clock_parse_duration(slice_of(retention), &topic.retention_ms))
        return app_usage(app, "--retention wants a duration such as 12h or 7d, not \"%s\"", retention);
    if (!topic.retention_ms) topic.retention_ms = -1; // as in the configuration: 0 keeps
    if (!topic.retention_bytes) topic.retention_bytes = -1;
    if (strlen(app->words[0]) > STREAM_TOPIC_MAX) return app_usage(app, "the name is longer than %d characters", STREAM_TOPIC_MAX);
    snprintf(topic.name, sizeof topic.name, "%s", app->words[0]);
    topic.partitions = (int32_t)partitions;
    return run_create(app, &topic);
}

// --- delete ---

static enum status count_records(struct stream *stream, const struct stream_topic *topic, int64_t *records, struct err *err)
{
    *records = 0;
    for (int32_t p = 0; p < topic->partitions; p++) {
        struct stream_watermarks marks;
        TRY(stream->ops->watermarks(stream, topic->name, p, &marks, err));
        *records += marks.high - marks.low;
    }
    return OK;
}

static bool is_read_by(const struct stream_group *group, const char *topic)
{
    for (uint32_t m = 0; m < group->member_count; m++)
        for (uint32_t i = 0; i < group->members[m].partition_count; i++)
            if (!strcmp(group->members[m].partitions[i].topic, topic)) return true;
    return false;
}

// Who would miss the topic now, as ", ..."; or "".
static enum status find_use(struct app *app, struct stream *stream, const char *topic, char *use, size_t size, struct err *err)
{
    struct stream_group *groups;
    uint32_t count;
    *use = '\0';
    if (!strcmp(topic, REGISTRY_TOPIC)) snprintf(use, size, ", the schemas that all others are written with");
    TRY(stream->ops->groups(stream, &app->arena, &groups, &count, err));
    for (uint32_t i = 0; i < count && !*use; i++)
        if (is_read_by(&groups[i], topic)) snprintf(use, size, ", which the group %s is reading", groups[i].name);
    return OK;
}

static enum status delete_topic(struct app *app, struct stream *stream, struct err *err)
{
    struct stream_topic topic;
    int64_t records;
    char use[STREAM_GROUP_MAX + 50], question[STREAM_TOPIC_MAX + sizeof use + 80];
    TRY(tool_find_topic(stream, app->words[0], &topic, err));
    TRY(count_records(stream, &topic, &records, err));
    TRY(find_use(app, stream, topic.name, use, sizeof use, err));
    snprintf(question, sizeof question, "Delete the topic %s with %lld records%s?", topic.name, (long long)records, use);
    bool sure = app_flag(app, "yes") || (tool_asks() && tool_confirm(question));
    if (sure) TRY(stream->ops->topic_delete(stream, topic.name, err));
    if (app->common.json)
        printf("{\"topic\":\"%s\",\"records\":%lld,\"deleted\":%s}\n", topic.name, (long long)records, sure ? "true" : "false");
    else if (sure)
        printf("topic %s deleted, with %lld records\n", topic.name, (long long)records);
    else
        printf("topic %s would be deleted, with %lld records%s; nothing was changed: --yes does it\n", topic.name, (long long)records, use);
    return OK;
}

int cmd_topics_delete(struct app *app)
{
    struct err err;
    struct stream *stream;
    if (tool_stream_writer(app, &stream, &err) != OK) return app_fail(app, &err);
    enum status status = delete_topic(app, stream, &err);
    stream_close(stream);
    return status == OK ? EXIT_DONE : app_fail(app, &err);
}

// --- produce ---

enum { PRODUCE_BATCH = 500, PATIENCE_MS = 30000, WAIT_MS = 100 };

struct producer {
    struct stream *stream;
    struct stream_topic topic;
    struct record_maker *maker;
    struct batch *records;
    FILE *from;
    int64_t lines, produced, refused;
    bool promptly; // somebody types
};

// Until it is durable.
static enum status publish(struct producer *self, struct err *err)
{
    const struct stream_ops *ops = self->stream->ops;
    int64_t deadline_ns = clock_deadline_ms(PATIENCE_MS);
    if (!self->records->rows) return OK;
    for (;;) {
        enum status status = ops->append(self->stream, self->topic.name, self->records, err);
        while (status == OK && (status = ops->flush(self->stream, deadline_ns, err)) == AGAIN && clock_mono_ns() < deadline_ns) status = OK;
        if (status == OK) break;
        if ((status != AGAIN && status != RETRY) || clock_mono_ns() >= deadline_ns) return err->status = FATAL;
        clock_sleep_until(clock_deadline_ms(WAIT_MS));
    }
    self->produced += self->records->rows;
    batch_reset(self->records);
    return OK;
}

static enum status take_line(struct producer *self, struct slice line, struct err *err)
{
    self->lines++;
    if (line.size && line.data[line.size - 1] == '\n') line.size--;
    if (!line.size) return OK;
    enum status status = record_maker_add(self->maker, line, self->records, err);
    if (status == REJECT) {
        self->refused++;
        fprintf(stderr, "fdp topics produce: line %lld: %s\n", (long long)self->lines, err->text);
        return OK;
    }
    if (status != OK) return status;
    return batch_full(self->records) || self->promptly ? publish(self, err) : OK;
}

static enum status produce(struct producer *self, struct err *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    enum status status = OK;
    while (status == OK && (length = getline(&line, &room, self->from)) >= 0)
        status = take_line(self, (struct slice){line, (size_t)length}, err);
    free(line);
    if (status == OK && ferror(self->from)) status = err_set(err, FATAL, ERR_USAGE, "cannot read the lines: %s", strerror(errno));
    return status == OK ? publish(self, err) : status;
}

static enum status open_and_produce(struct app *app, struct producer *self, const char *registry_url, struct registry_client *registry,
                                    struct err *err)
{
    char subject[STREAM_TOPIC_MAX + 16];
    TRY(tool_stream_writer(app, &self->stream, err));
    TRY(tool_find_topic(self->stream, app->words[0], &self->topic, err));
    if (app->word_count > 1 && !(self->from = fopen(app->words[1], "re")))
        return err_set(err, FATAL, ERR_USAGE, "cannot read %s: %s", app->words[1], strerror(errno));
    snprintf(subject, sizeof subject, "%s-value", self->topic.name);
    TRY(record_maker_new(&self->maker, registry, registry_url, registry ? subject : NULL, err));
    self->records = batch_new(&record_row_type, PRODUCE_BATCH);
    return produce(self, err);
}

int cmd_topics_produce(struct app *app)
{
    struct err err;
    struct tool_registry registry = {0};
    struct producer self = {.from = stdin, .promptly = app->word_count == 1 && isatty(STDIN_FILENO)};
    enum status status = app_flag(app, "schema") ? tool_registry_open(app, &registry, &err) : OK;
    if (status == OK) status = open_and_produce(app, &self, registry.url, registry.client, &err);
    if (self.from && self.from != stdin) fclose(self.from);
    record_maker_free(self.maker);
    batch_free(self.records);
    stream_close(self.stream);
    tool_registry_close(&registry);
    if (app->common.json)
        printf("{\"produced\":%lld,\"refused\":%lld}\n", (long long)self.produced, (long long)self.refused);
    else
        printf("%lld record%s produced, %lld line%s refused\n", (long long)self.produced, self.produced == 1 ? "" : "s",
               (long long)self.refused, self.refused == 1 ? "" : "s");
    if (status != OK) return app_fail(app, &err);
    return self.refused ? EXIT_PROBLEMS : EXIT_DONE;
}
