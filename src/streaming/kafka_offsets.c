// SPDX-License-Identifier: Apache-2.0
// Offsets in Kafka: the two ends of a partition, and where a time begins.
//
// All through rd_kafka_offsets_for_times, which takes -2 and -1 for the two ends: rd_kafka_query_watermark_offsets of librdkafka 2.0 waits
// for ever when a broker does not answer.
#include "base/clock.h"
#include "streaming/kafka.h"

enum { STEP_MS = 50 };

static rd_kafka_resp_err_t ask_once(rd_kafka_t *client, const char *topic, int32_t partition, int64_t time, int64_t *offset, int timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *item = rd_kafka_topic_partition_list_add(list, topic, partition);
    item->offset = time;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, list, timeout_ms);
    if (!code) code = item->err;
    *offset = item->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

// The partition is being moved, or was just made: soon somebody will know.
static bool may_pass(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR: return true;
    default: return false;
    }
}

// The client does not look for another leader by itself: looking at the topic makes it.
static enum status ask(struct kafka *kafka, rd_kafka_t *client, const char *topic, int32_t partition, int64_t time, int64_t *offset,
                       struct err *err)
{
    for (int64_t deadline = clock_deadline_ms(KAFKA_ANSWER_MS);;) {
        int left = clock_left_ms(deadline);
        rd_kafka_resp_err_t code = ask_once(client, topic, partition, time, offset, left > 0 ? left : 1);
        if (!code) return OK;
        if (!may_pass(code) || clock_mono_ns() > deadline) return kafka_err(kafka, code, NULL, "ask for an offset", err);
        clock_sleep_until(clock_deadline_ms(STEP_MS));
        int32_t count;
        TRY(kafka_topic_look(kafka, client, topic, deadline, &count, err));
    }
}

static enum status find(struct kafka *kafka, const char *topic, int32_t partition, rd_kafka_t **client, struct err *err)
{
    int32_t count;
    TRY(kafka_client(kafka, client, err));
    TRY(kafka_topic_find(kafka, *client, topic, &count, err));
    if (partition >= 0 && partition < count) return OK;
    return err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" has partitions 0 to %d, not %d", topic, count - 1, partition);
}

static enum status ask_ends(struct kafka *kafka, rd_kafka_t *client, const char *topic, int32_t partition, struct stream_watermarks *out,
                            struct err *err)
{
    TRY(ask(kafka, client, topic, partition, RD_KAFKA_OFFSET_BEGINNING, &out->low, err));
    return ask(kafka, client, topic, partition, RD_KAFKA_OFFSET_END, &out->high, err);
}

enum status kafka_watermarks(struct stream *stream, const char *topic, int32_t partition, struct stream_watermarks *out, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    rd_kafka_t *client;
    TRY(find(kafka, topic, partition, &client, err));
    return ask_ends(kafka, client, topic, partition, out, err);
}

enum status kafka_offset_at(struct stream *stream, const char *topic, int32_t partition, int64_t us, int64_t *offset, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    rd_kafka_t *client;
    TRY(find(kafka, topic, partition, &client, err));
    int64_t ms = us <= 0 ? 0 : us / 1000 + (us % 1000 != 0); // Kafka keeps whole milliseconds: those before `us` do not count
    TRY(ask(kafka, client, topic, partition, ms, offset, err));
    return *offset >= 0 ? OK : ask(kafka, client, topic, partition, RD_KAFKA_OFFSET_END, offset, err);
}

enum status kafka_offset_check(struct kafka *kafka, const char *topic, int32_t partition, int64_t offset, bool known, struct err *err)
{
    struct stream_watermarks marks;
    rd_kafka_t *client;
    TRY(known ? kafka_client(kafka, &client, err) : find(kafka, topic, partition, &client, err));
    TRY(ask_ends(kafka, client, topic, partition, &marks, err));
    if (offset < marks.low)
        return err_set(
            err, FATAL, ERR_STREAM,
            "%s/%d: offset %lld is gone, retention has deleted everything before %lld; raise the retention, or reset the position", topic,
            partition, (long long)offset, (long long)marks.low);
    if (offset > marks.high)
        return err_set(err, FATAL, ERR_STREAM,
                       "%s/%d: offset %lld is beyond the end of the log, %lld; this is another log than the position was made on", topic,
                       partition, (long long)offset, (long long)marks.high);
    return OK;
}
