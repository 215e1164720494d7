// SPDX-License-Identifier: Apache-2.0
// A member of a consumer group: what the group gives and takes becomes changes; nothing is read before it is sought.
//
// The rebalance is answered at once and never waits for anybody: what was given is not handed to the client until its position is known,
// what was taken leaves the client in the same moment.
#include <stdio.h>
#include <stdlib.h>

#include "streaming/kafka.h"

static void add_change(struct kafka_consumer *consumer, const char *topic, int32_t partition, bool given)
{
    struct stream_change *changes = realloc(consumer->changes, (consumer->change_count + 1) * sizeof *changes);
    if (!changes) abort();
    consumer->changes = changes;
    struct stream_change *change = &changes[consumer->change_count++];
    *change = (struct stream_change){.given = given, .partition = partition};
    snprintf(change->topic, sizeof change->topic, "%s", topic);
}

bool kafka_change(struct stream *stream, struct stream_change *out)
{
    struct kafka_consumer *consumer = &kafka_of(stream)->consumer;
    if (consumer->next_change == consumer->change_count) {
        consumer->next_change = consumer->change_count = 0;
        return false;
    }
    *out = consumer->changes[consumer->next_change++];
    return true;
}

static void give(struct kafka *kafka, const rd_kafka_topic_partition_t *item)
{
    struct kafka_partition *partition = kafka_partition_add(kafka, item->topic, item->partition);
    if (partition->given) return;
    partition->given = true;
    add_change(&kafka->consumer, item->topic, item->partition, true);
}

// The client is told by kafka_apply that it is not read any more.
static void take_back(struct kafka_consumer *consumer, struct kafka_partition *partition)
{
    if (!partition->given) return;
    partition->given = false;
    kafka_partition_stop(partition);
    add_change(consumer, partition->topic, partition->number, false);
}

static enum status rebalance(struct kafka *kafka, rd_kafka_event_t *event, struct err *err)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    bool given = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (consumer->rebalances) metric_add(consumer->rebalances, 1);
    for (int i = 0; list && i < list->cnt; i++) {
        struct kafka_partition *partition = kafka_partition_find(consumer, list->elems[i].topic, list->elems[i].partition);
        if (given)
            give(kafka, &list->elems[i]);
        else if (partition)
            take_back(consumer, partition);
    }
    if (given) {
        consumer->assigned = true;
        consumer->group_troubled = false;
    }
    if (kafka->log)
        log_debug(kafka->log, "streaming", given ? "the group gives partitions" : "the group takes partitions", "group", consumer->group,
                  "partitions", log_number(list ? list->cnt : 0));
    return kafka_apply(kafka, err);
}

// A failure that concerns the group, the connection, or the client as a whole. FATAL only when nothing can come any more.
static enum status heed(struct kafka *kafka, rd_kafka_event_t *event, struct err *err)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    if (rd_kafka_event_error_is_fatal(event))
        return err_set(err, FATAL, ERR_STREAM, "the Kafka client has failed for good: %s; restart", text);
    struct err why;
    enum status status;
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL: kafka_say(kafka, text); return OK; // of one broker, which is tried again
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        atomic_store(&consumer->down, true);
        status = kafka_err(kafka, code, text, "read", &why);
        break;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED: return OK; // the partitions are taken away next, and given anew
    default:
        consumer->group_troubled = consumer->joined;
        status = kafka_err(kafka, code, text, "be a member of the consumer group", &why);
        break;
    }
    (void)status; // it may pass: the caller hears of it when nothing comes
    kafka_trouble(consumer, &why);
    return OK;
}

enum status kafka_serve(struct kafka *kafka, struct err *err)
{
    enum status status = OK;
    rd_kafka_event_t *event;
    while (status == OK && (event = rd_kafka_queue_poll(kafka->consumer.events, 0))) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
            status = rebalance(kafka, event, err);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
            status = heed(kafka, event, err);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH)
            status = kafka_apply(kafka, err); // a record on the wrong queue: all are read again from our positions
        rd_kafka_event_destroy(event);
    }
    return status;
}

enum status kafka_join(struct stream *stream, const char *group, const char *const *topics, uint32_t count, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    struct kafka_consumer *consumer = &kafka->consumer;
    if (consumer->joined)
        return err_set(err, FATAL, ERR_INTERNAL, "this handle has joined the group \"%s\" already; \"%s\" has to wait for leave",
                       consumer->group, group);
    TRY(kafka_consumer_need(kafka, group, err));
    for (uint32_t i = 0; i < consumer->partition_count; i++) {
        struct kafka_partition *partition = consumer->partitions[i];
        TRY(kafka_unseek(stream, partition->topic, partition->number, err));
    }
    TRY(kafka_apply(kafka, err));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code) return kafka_err(kafka, code, NULL, "join the consumer group", err);
    consumer->joined = true;
    return OK;
}

void kafka_leave(struct stream *stream)
{
    struct kafka *kafka = kafka_of(stream);
    struct kafka_consumer *consumer = &kafka->consumer;
    if (!consumer->joined) return;
    for (uint32_t i = 0; i < consumer->partition_count; i++) take_back(consumer, consumer->partitions[i]);
    kafka_consumer_close(kafka);
}
