// SPDX-License-Identifier: Apache-2.0
// The stream in Apache Kafka, through librdkafka: opening, closing, and the clients.
#include "streaming/kafka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    LEAVE_MS = 5000,
    CLOSE_MS = 500,
    DESTROY_MS = 2000,
    FIRST_SOUND_DESTROY = 0x020300ff, // version of librdkafka
    HEADERS_MAX_BYTES = 512 << 20,    // more than the largest answer of a broker can hold
};

static enum status make_client(struct kafka *kafka, const char *group, struct err *err)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(kafka->consumer_conf);
    if (rd_kafka_conf_set(conf, "group.id", group, text, sizeof text) == RD_KAFKA_CONF_OK) {
        consumer->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
        if (consumer->client) return OK;
    }
    rd_kafka_conf_destroy(conf);
    return err_set(err, FATAL, ERR_CONFIG, "streaming.kafka: %s", text);
}

enum status kafka_consumer_need(struct kafka *kafka, const char *group, struct err *err)
{
    static const uint64_t one = 1;
    struct kafka_consumer *consumer = &kafka->consumer;
    if (consumer->client && (!group || !strcmp(group, consumer->group))) return OK;
    kafka_consumer_close(kafka);
    snprintf(consumer->group, sizeof consumer->group, "%s", group ? group : kafka->group);
    TRY(make_client(kafka, consumer->group, err));
    rd_kafka_poll_set_consumer(consumer->client);
    consumer->events = rd_kafka_queue_get_consumer(consumer->client);
    consumer->records = rd_kafka_queue_new(consumer->client);
    consumer->waste = rd_kafka_queue_new(consumer->client);
    rd_kafka_queue_io_event_enable(consumer->events, kafka->wake_fd, &one, sizeof one);
    rd_kafka_queue_io_event_enable(consumer->records, kafka->wake_fd, &one, sizeof one);
    atomic_store(&consumer->down, false);
    enum status status = kafka_pump_start(kafka, err);
    if (status != OK) kafka_consumer_close(kafka);
    return status;
}

static bool is_member(const struct kafka_consumer *consumer)
{
    char *id = rd_kafka_memberid(consumer->client);
    bool known = id && *id;
    rd_kafka_mem_free(consumer->client, id);
    return known;
}

// The client waits for an answer to each event of the group; nothing is read any more.
static void answer_event(struct kafka_consumer *consumer)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(consumer->events, 10);
    if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
        bool given = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
        rd_kafka_error_destroy((given ? rd_kafka_incremental_assign : rd_kafka_incremental_unassign)(consumer->client, none));
        rd_kafka_topic_partition_list_destroy(none);
        consumer->assigned |= given;
    }
    rd_kafka_event_destroy(event);
}

// Leaves the group, for a bounded time: a client that cannot (the broker is away, or librdkafka is stuck between two assignments, its
// issue 4528) is dropped. The group then notices by itself, but until the session has timed out nobody gets what that member had.
//
// Unsubscribing comes first, since a client that is closed without partitions does not tell the broker that it leaves (librdkafka 2.0).
// While the group shares out anew that waits until all others have joined.
static void end_membership(struct kafka *kafka)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    rd_kafka_unsubscribe(consumer->client);
    for (int64_t deadline = clock_deadline_ms(LEAVE_MS); is_member(consumer) && clock_mono_ns() < deadline;) answer_event(consumer);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->client, consumer->events);
    int64_t deadline = clock_deadline_ms(error ? 0 : CLOSE_MS);
    rd_kafka_error_destroy(error);
    while (!rd_kafka_consumer_closed(consumer->client) && clock_mono_ns() < deadline) answer_event(consumer);
}

static void end_reading(struct kafka *kafka)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    struct err err;
    for (uint32_t i = 0; i < consumer->partition_count; i++) kafka_partition_stop(consumer->partitions[i]);
    if (kafka_apply(kafka, &err) != OK && kafka->log) log_err(kafka->log, LOG_DEBUG, "streaming", "reading does not end by itself", &err);
}

static void *destroy_client(void *client)
{
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

// librdkafka destroys no member of a group before its membership has ended, and where that is stuck it waits for ever. False when it is.
static bool destroy_member(rd_kafka_t *client)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, destroy_client, client)) return false;
    int64_t deadline = clock_deadline_ms(DESTROY_MS);
    while (pthread_tryjoin_np(thread, NULL)) {
        if (clock_mono_ns() >= deadline) {
            pthread_detach(thread);
            return false;
        }
        clock_sleep_until(clock_deadline_ms(1));
    }
    return true;
}

// librdkafka before 2.3 aborts the process when a member of a group is destroyed before its first assignment (its issue 4312). Such a
// client, which leaves the group, stays until the process ends, as one does that cannot be destroyed. Neither may speak to us any more.
static void end_client(struct kafka *kafka)
{
    const struct kafka_consumer *consumer = &kafka->consumer;
    bool abandon = consumer->joined && !consumer->assigned && rd_kafka_version() < FIRST_SOUND_DESTROY;
    rd_kafka_set_log_level(consumer->client, -1);
    rd_kafka_queue_io_event_enable(consumer->events, -1, NULL, 0);
    rd_kafka_queue_io_event_enable(consumer->records, -1, NULL, 0);
    rd_kafka_queue_destroy(consumer->records);
    rd_kafka_queue_destroy(consumer->waste);
    rd_kafka_queue_destroy(consumer->events);
    if (!consumer->joined)
        destroy_client(consumer->client);
    else if (!abandon && !destroy_member(consumer->client) && kafka->log)
        log_warn(kafka->log, "streaming", "a Kafka client does not end; it is left to itself", "group", consumer->group);
}

void kafka_consumer_close(struct kafka *kafka)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    if (consumer->client) end_reading(kafka);
    while (consumer->partition_count) kafka_partition_remove(consumer, consumer->partitions[0]);
    if (consumer->client) {
        if (consumer->joined) end_membership(kafka);
        kafka_pump_stop(&consumer->pump);
        end_client(kafka);
        consumer->client = NULL;
    }
    consumer->sought = consumer->joined = consumer->assigned = consumer->group_troubled = false;
    consumer->trouble.status = OK;
}

static enum status need_asker(struct kafka *kafka, struct err *err)
{
    char text[512];
    if (kafka->asker) return OK;
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(kafka->producer_conf);
    // It writes nothing, and may have no right to.
    if (rd_kafka_conf_set(conf, "enable.idempotence", "false", text, sizeof text) == RD_KAFKA_CONF_OK) {
        kafka->asker = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
        if (kafka->asker) return OK;
    }
    rd_kafka_conf_destroy(conf);
    return err_set(err, FATAL, ERR_CONFIG, "streaming.kafka: %s", text);
}

// What is sought is not read yet: the client hears of it with the next poll.
static bool reads(const struct kafka_consumer *consumer)
{
    for (uint32_t i = 0; i < consumer->partition_count; i++)
        if (consumer->partitions[i]->reading != KAFKA_IDLE && consumer->partitions[i]->reading != KAFKA_SOUGHT) return true;
    return false;
}

// A question to a broker waits behind the fetch that a reading client has open there, half a second when nothing comes: then another one
// asks, which has connections of its own. A worker that gets all its partitions at once never needs it.
enum status kafka_client(struct kafka *kafka, rd_kafka_t **out, struct err *err)
{
    if (reads(&kafka->consumer) && !kafka->producer.client) TRY(need_asker(kafka, err));
    if (!kafka->producer.client && !kafka->asker) TRY(kafka_consumer_need(kafka, NULL, err));
    *out = kafka->producer.client ? kafka->producer.client : kafka->asker ? kafka->asker : kafka->consumer.client;
    return OK;
}

// The brokers keep to their own rules.
static enum status kafka_retain(struct stream *stream, int64_t now_us, uint64_t *deleted, struct err *err)
{
    (void)stream, (void)now_us, (void)err;
    if (deleted) *deleted = 0;
    return OK;
}

static void kafka_close(struct stream *stream)
{
    struct kafka *kafka = kafka_of(stream);
    kafka_producer_fini(kafka);
    kafka_consumer_close(kafka);
    if (kafka->asker) rd_kafka_destroy(kafka->asker);
    free(kafka->consumer.partitions);
    free(kafka->consumer.changes);
    buf_fini(&kafka->consumer.headers);
    if (kafka->consumer_conf) rd_kafka_conf_destroy(kafka->consumer_conf);
    if (kafka->producer_conf) rd_kafka_conf_destroy(kafka->producer_conf);
    if (kafka->wake_fd >= 0) close(kafka->wake_fd);
    pthread_mutex_destroy(&kafka->said.lock);
    free(kafka);
}

static void make_metrics(struct kafka *kafka)
{
    struct metric_registry *metrics = kafka->metrics;
    kafka->producer.flushes = metric_histogram(metrics, "fdp_stream_flush_seconds", NULL, "Time to make appended records durable");
    kafka->producer.restarts = metric_counter(metrics, "fdp_stream_producer_restarts_total", NULL,
                                              "Producers made anew after a fatal error of the idempotent protocol");
    kafka->producer.repeats = metric_counter(metrics, "fdp_stream_possible_repeats_total", NULL,
                                             "Records produced again although nobody knows whether they had been written");
    kafka->consumer.polled = metric_counter(metrics, "fdp_stream_polled_records_total", NULL, "Records read from the stream");
    kafka->consumer.rebalances =
        metric_counter(metrics, "fdp_stream_rebalances_total", NULL, "Times that the group changed what this member reads");
}

// Asks nobody: brokers that are away are noticed by the first call that needs them.
static enum status kafka_open(struct stream **out, const struct stream_params *params, struct err *err)
{
    struct kafka *kafka = calloc(1, sizeof *kafka);
    if (!kafka) abort();
    kafka->base.ops = &stream_kafka;
    kafka->log = params->log;
    kafka->metrics = params->metrics;
    kafka->read_only = params->read_only;
    pthread_mutex_init(&kafka->said.lock, NULL);
    buf_init(&kafka->consumer.headers, HEADERS_MAX_BYTES);
    if (kafka->metrics) make_metrics(kafka);
    const char *group = params->config->processing.group;
    snprintf(kafka->group, sizeof kafka->group, "%s", group && *group ? group : "fdp");
    kafka->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    enum status status = OK;
    if (kafka->wake_fd < 0)
        status = err_set(err, FATAL, ERR_STREAM, "cannot make an eventfd: %s; raise the limit on open files", strerror(errno));
    if (status == OK) status = kafka_url_brokers(params->config->streaming.url, kafka->brokers, err);
    if (status == OK) status = kafka_conf_make(kafka, params->config, err);
    if (status == OK) {
        kafka->producer.record_max = (size_t)kafka_conf_number(kafka->producer_conf, "message.max.bytes");
        kafka->queued_records = (size_t)kafka_conf_number(kafka->consumer_conf, "queued.min.messages");
        kafka->queued_bytes = (size_t)kafka_conf_number(kafka->consumer_conf, "queued.max.messages.kbytes") << 10;
        *out = &kafka->base;
        return OK;
    }
    kafka_close(&kafka->base);
    return status;
}

const struct stream_ops stream_kafka = {
    .scheme = "kafka",
    .shares = true,
    .open = kafka_open,
    .topic_create = kafka_topic_create,
    .topic_delete = kafka_topic_delete,
    .topics = kafka_topics,
    .append = kafka_append,
    .flush = kafka_flush,
    .join = kafka_join,
    .leave = kafka_leave,
    .change = kafka_change,
    .seek = kafka_seek,
    .unseek = kafka_unseek,
    .poll = kafka_poll,
    .end = kafka_end,
    .trouble = kafka_trouble_of,
    .high = kafka_high,
    .wake = kafka_wake,
    .watermarks = kafka_watermarks,
    .offset_at = kafka_offset_at,
    .position_hint = kafka_position_hint,
    .positions = kafka_positions,
    .groups = kafka_groups,
    .retain = kafka_retain,
    .close = kafka_close,
};
