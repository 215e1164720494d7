// SPDX-License-Identifier: Apache-2.0
// Topics as a pipeline needs them.
#include <stdio.h>
#include <string.h>

#include "streaming/stream.h"

const struct stream_topic *stream_topic_find(const struct stream_topic *topics, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(topics[i].name, name)) return &topics[i];
    return NULL;
}

bool stream_topic_fits(const struct stream_topic *wanted, int32_t partitions, struct err *err)
{
    if (wanted->compacted ? partitions == wanted->partitions : partitions >= wanted->partitions) return true;
    if (wanted->compacted)
        err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" has %d partitions, not %d; it has to be made anew", wanted->name, partitions,
                wanted->partitions);
    else
        err_set(
            err, FATAL, ERR_STREAM,
            "the topic \"%s\" has %d partitions, not %d; write partitions: %d in streaming.topics, or give it more (Kafka), or take another"
            " name",
            wanted->name, partitions, wanted->partitions, partitions);
    return false;
}

enum status stream_create_topics(struct stream *stream, const struct config *config, struct err *err)
{
    for (uint32_t i = 0; i <= config->streaming.topics.count; i++) {
        bool rejected = i == config->streaming.topics.count;
        const char *name = rejected ? STREAM_REJECTED_TOPIC : config->streaming.topics.items[i].name;
        struct stream_topic topic = {
            .partitions = rejected ? 1 : (int32_t)config->streaming.topics.items[i].partitions,
            // Of the options 0 keeps everything; here that is -1, and 0 nothing.
            .retention_ms = config->streaming.retention_ms ? config->streaming.retention_ms : -1,
            .retention_bytes = config->streaming.retention_bytes ? config->streaming.retention_bytes : -1,
        };
        if (strlen(name) > STREAM_TOPIC_MAX)
            return err_set(err, FATAL, ERR_CONFIG, "the topic name %.40s... is longer than %d characters", name, STREAM_TOPIC_MAX);
        snprintf(topic.name, sizeof topic.name, "%s", name);
        TRY(stream->ops->topic_create(stream, &topic, err));
    }
    return OK;
}
