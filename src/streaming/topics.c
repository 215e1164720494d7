// SPDX-License-Identifier: Apache-2.0
// The topics that every pipeline has.
#include <stdio.h>
#include <string.h>

#include "streaming/stream.h"

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
