// SPDX-License-Identifier: Apache-2.0
// Topics in Kafka: looking, making, deleting, listing with what the broker keeps of them.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "streaming/kafka.h"

enum {
    GRACE_MS = 1000, // a broker may not yet know a topic that was just made through another
    STEP_MS = 50,
    DESCRIBED_AT_ONCE = 500,
};

enum status kafka_topic_look(struct kafka *kafka, rd_kafka_t *client, const char *topic, int64_t deadline_ns, int32_t *count,
                             struct err *err)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    if (!handle) return kafka_err(kafka, rd_kafka_last_error(), NULL, "look for a topic", err);
    const struct rd_kafka_metadata *metadata = NULL;
    int left = clock_left_ms(deadline_ns);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, left > 0 ? left : 1);
    rd_kafka_topic_destroy(handle);
    *count = 0;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt > 0) {
        code = metadata->topics[0].err;
        *count = code ? 0 : metadata->topics[0].partition_cnt;
    }
    if (metadata) rd_kafka_metadata_destroy(metadata);
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: return OK;
    default: return kafka_err(kafka, code, NULL, "look for a topic", err);
    }
}

enum status kafka_topic_find(struct kafka *kafka, rd_kafka_t *client, const char *topic, int32_t *count, struct err *err)
{
    for (int64_t deadline = clock_deadline_ms(KAFKA_ANSWER_MS), grace = clock_deadline_ms(GRACE_MS);;) {
        TRY(kafka_topic_look(kafka, client, topic, deadline, count, err));
        if (*count) return OK;
        if (clock_mono_ns() > grace) return kafka_no_topic(kafka, topic, err);
        clock_sleep_until(clock_deadline_ms(STEP_MS));
    }
}

// Waits until the brokers agree that the topic has so many partitions (0: that it is gone).
static enum status wait_for(struct kafka *kafka, rd_kafka_t *client, const char *topic, int32_t wanted, struct err *err)
{
    for (int64_t deadline = clock_deadline_ms(KAFKA_ANSWER_MS);;) {
        int32_t count;
        TRY(kafka_topic_look(kafka, client, topic, deadline, &count, err));
        if (count == wanted) return OK;
        if (clock_mono_ns() > deadline)
            return err_set(err, RETRY, ERR_STREAM, "the brokers have not finished with the topic \"%s\" after %d ms; try again", topic,
                           KAFKA_ANSWER_MS);
        clock_sleep_until(clock_deadline_ms(STEP_MS));
    }
}

static bool name_is_valid(const char *name)
{
    size_t length = strlen(name);
    if (!length || length > STREAM_TOPIC_MAX || !strcmp(name, ".") || !strcmp(name, "..")) return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

static enum status check_request(const struct kafka *kafka, const struct stream_topic *topic, struct err *err)
{
    if (!name_is_valid(topic->name))
        return err_set(err, FATAL, ERR_STREAM, "\"%s\" cannot name a topic: 1 to %d letters, digits, '.', '_' and '-'", topic->name,
                       STREAM_TOPIC_MAX);
    if (topic->partitions < 1 || topic->partitions > STREAM_PARTITIONS_MAX)
        return err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" cannot have %d partitions: 1 to %d", topic->name, topic->partitions,
                       STREAM_PARTITIONS_MAX);
    if (kafka->read_only) return err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" is not made: this command only looks", topic->name);
    return OK;
}

// *exists: somebody else has just made it.
static enum status request(struct kafka *kafka, rd_kafka_t *client, const struct stream_topic *topic, bool *exists, struct err *err)
{
    char text[512];
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic->name, topic->partitions, -1, text, sizeof text);
    if (!wanted) return err_set(err, FATAL, ERR_STREAM, "cannot make the topic \"%s\": %s", topic->name, text);
    if (topic->compacted) rd_kafka_NewTopic_set_config(wanted, "cleanup.policy", "compact");
    if (topic->asked) {
        snprintf(text, sizeof text, "%lld", (long long)topic->retention_ms);
        rd_kafka_NewTopic_set_config(wanted, "retention.ms", text);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = kafka_admin_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(client, &wanted, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_event_t *event;
    TRY(kafka_admin_answer(kafka, queue, "make a topic", &event, err));
    size_t count = 0;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code = count ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    *exists = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
    enum status status = OK;
    if (code && !*exists)
        status = kafka_err(kafka, code, count ? rd_kafka_topic_result_error_string(results[0]) : NULL, "make a topic", err);
    rd_kafka_event_destroy(event);
    return status == OK ? OK : err_context(err, "topic \"%s\"", topic->name);
}

static void read_entries(struct stream_topic *topic, const rd_kafka_ConfigResource_t *resource)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]), *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (!value) continue;
        if (!strcmp(name, "cleanup.policy")) topic->compacted = strstr(value, "compact") && !strstr(value, "delete");
        int64_t number;
        if (!text_to_int64(slice_of(value), &number)) continue;
        if (!strcmp(name, "retention.ms")) topic->retention_ms = number;
        if (!strcmp(name, "retention.bytes")) topic->retention_bytes = number;
    }
}

// Fills in what the brokers keep of each topic. Where they do not tell (no permission) it stays as it is.
static enum status describe(struct kafka *kafka, rd_kafka_t *client, struct stream_topic *topics, uint32_t count, struct err *err)
{
    rd_kafka_ConfigResource_t *asked[DESCRIBED_AT_ONCE];
    for (uint32_t i = 0; i < count; i++) asked[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i].name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = kafka_admin_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(client, asked, count, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(asked, count);
    rd_kafka_event_t *event;
    TRY(kafka_admin_answer(kafka, queue, "read the configuration of topics", &event, err));
    size_t answered;
    const rd_kafka_ConfigResource_t **answers =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &answered);
    for (size_t i = 0; i < answered; i++)
        for (uint32_t j = 0; j < count; j++)
            if (!rd_kafka_ConfigResource_error(answers[i]) && !strcmp(rd_kafka_ConfigResource_name(answers[i]), topics[j].name))
                read_entries(&topics[j], answers[i]);
    rd_kafka_event_destroy(event);
    return OK;
}

static enum status check_existing(struct kafka *kafka, rd_kafka_t *client, const struct stream_topic *topic, int32_t count, struct err *err)
{
    if (!stream_topic_fits(topic, count, err)) return FATAL;
    if (!topic->compacted) return OK;
    struct stream_topic is = *topic;
    TRY(describe(kafka, client, &is, 1, err));
    if (is.compacted) return OK;
    return err_set(err, FATAL, ERR_STREAM,
                   "the topic \"%s\" is not compacted: Kafka would delete records that are still needed; set its cleanup.policy to compact",
                   topic->name);
}

// One that exists needs no right to make topics.
enum status kafka_topic_create(struct stream *stream, const struct stream_topic *topic, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    TRY(check_request(kafka, topic, err));
    rd_kafka_t *client;
    TRY(kafka_client(kafka, &client, err));
    int32_t count;
    TRY(kafka_topic_look(kafka, client, topic->name, clock_deadline_ms(KAFKA_ANSWER_MS), &count, err));
    if (count) return check_existing(kafka, client, topic, count, err);
    bool exists;
    TRY(request(kafka, client, topic, &exists, err));
    if (!exists) return wait_for(kafka, client, topic->name, topic->partitions, err);
    TRY(kafka_topic_find(kafka, client, topic->name, &count, err));
    return check_existing(kafka, client, topic, count, err);
}

enum status kafka_topic_delete(struct stream *stream, const char *topic, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    rd_kafka_t *client;
    TRY(kafka_client(kafka, &client, err));
    rd_kafka_DeleteTopic_t *wanted = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = kafka_admin_options(client, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(client, &wanted, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteTopic_destroy(wanted);
    rd_kafka_event_t *event;
    TRY(kafka_admin_answer(kafka, queue, "delete a topic", &event, err));
    size_t count = 0;
    const rd_kafka_topic_result_t **results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    rd_kafka_resp_err_t code = count ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    enum status status = OK;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        status = kafka_no_topic(kafka, topic, err);
    else if (code)
        status = kafka_err(kafka, code, count ? rd_kafka_topic_result_error_string(results[0]) : NULL, "delete a topic", err);
    rd_kafka_event_destroy(event);
    return status == OK ? wait_for(kafka, client, topic, 0, err) : status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct stream_topic *)a)->name, ((const struct stream_topic *)b)->name);
}

// Without Kafka's own, whose names begin with two underscores.
enum status kafka_topics(struct stream *stream, struct arena *arena, struct stream_topic **out, uint32_t *count, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    rd_kafka_t *client;
    TRY(kafka_client(kafka, &client, err));
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &metadata, KAFKA_ANSWER_MS);
    if (code) return kafka_err(kafka, code, NULL, "list the topics", err);
    struct stream_topic *topics = arena_calloc(arena, (size_t)metadata->topic_cnt + 1, sizeof *topics);
    *count = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (metadata->topics[i].err || !strncmp(metadata->topics[i].topic, "__", 2)) continue;
        struct stream_topic *topic = &topics[(*count)++];
        *topic = (struct stream_topic){.partitions = metadata->topics[i].partition_cnt, .retention_ms = -1, .retention_bytes = -1};
        snprintf(topic->name, sizeof topic->name, "%s", metadata->topics[i].topic);
    }
    rd_kafka_metadata_destroy(metadata);
    qsort(topics, *count, sizeof *topics, by_name);
    for (uint32_t at = 0; at < *count; at += DESCRIBED_AT_ONCE)
        TRY(describe(kafka, client, topics + at, *count - at < DESCRIBED_AT_ONCE ? *count - at : DESCRIBED_AT_ONCE, err));
    *out = topics;
    return OK;
}
