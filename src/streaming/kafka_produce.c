// SPDX-License-Identifier: Apache-2.0
// Writing to Kafka: append hands records to the idempotent producer, flush waits until every one of them is acknowledged.
//
// The client reports only failures (delivery.report.only.error); what has left its queues without one is durable. A record that failed is
// kept and produced again, in the order of appending, once all others on their way are settled.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "streaming/kafka.h"

enum {
    RECORD_OVERHEAD = 61 + 36, // a batch's head, and at most this much around one record
    ROOM_MS = 1000,            // how long append waits for room in the client's queue
    STEP_MS = 50,              // how often a flush looks for failures
    AT_ONCE_MAX = 512,
    AGAIN_MIN_MS = 100,
    AGAIN_MAX_MS = 5000,
    PURGE_MS = 5000,
    LOOK_MS = 2000, // how long append waits to learn about a new topic
};

enum status kafka_producer_need(struct kafka *kafka, struct err *err)
{
    struct kafka_producer *producer = &kafka->producer;
    if (producer->client) return OK;
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(kafka->producer_conf);
    producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!producer->client) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, FATAL, ERR_CONFIG, "streaming.kafka: %s", text);
    }
    producer->events = rd_kafka_queue_get_main(producer->client);
    return OK;
}

static void producer_close(struct kafka_producer *producer)
{
    if (!producer->client) return;
    for (uint32_t i = 0; i < producer->topic_count; i++) {
        if (producer->topics[i]->handle) rd_kafka_topic_destroy(producer->topics[i]->handle);
        producer->topics[i]->handle = NULL;
    }
    rd_kafka_queue_destroy(producer->events);
    rd_kafka_destroy(producer->client);
    producer->client = NULL;
}

static struct kafka_topic *topic_get(struct kafka *kafka, const char *name)
{
    struct kafka_producer *producer = &kafka->producer;
    for (uint32_t i = 0; i < producer->topic_count; i++)
        if (!strcmp(producer->topics[i]->name, name)) return producer->topics[i];
    struct kafka_topic **topics = realloc(producer->topics, (producer->topic_count + 1) * sizeof *topics);
    struct kafka_topic *topic = calloc(1, sizeof *topic);
    if (!topics || !topic) abort();
    producer->topics = topics;
    topics[producer->topic_count++] = topic;
    snprintf(topic->name, sizeof topic->name, "%s", name);
    if (kafka->metrics) {
        char labels[STREAM_TOPIC_MAX + 16];
        snprintf(labels, sizeof labels, "topic=\"%s\"", topic->name);
        topic->counter = metric_counter(kafka->metrics, "fdp_stream_appended_records_total", labels, "Records made durable in the stream");
    }
    return topic;
}

// Makes sure that there is a producer and that the topic exists. FATAL when it does not, RETRY when nobody can say.
static enum status topic_ready(struct kafka *kafka, struct kafka_topic *topic, int64_t deadline_ns, struct err *err)
{
    struct kafka_producer *producer = &kafka->producer;
    TRY(kafka_producer_need(kafka, err));
    if (topic->handle) return OK;
    int32_t count;
    TRY(kafka_topic_look(kafka, producer->client, topic->name, deadline_ns, &count, err));
    if (!count) TRY(kafka_topic_find(kafka, producer->client, topic->name, &count, err));
    topic->handle = rd_kafka_topic_new(producer->client, topic->name, NULL);
    return topic->handle ? OK : kafka_err(kafka, rd_kafka_last_error(), NULL, "append to a topic", err);
}

// For the client, which takes pointers that it does not write to without const.
static void *pointer(const char *data)
{
    return (void *)(uintptr_t)data;
}

static rd_kafka_resp_err_t produce(struct kafka_producer *producer, const struct kafka_topic *topic, uint64_t number, int64_t timestamp_ms,
                                   const struct slice field[RECORD_TIMESTAMP])
{
    rd_kafka_headers_t *headers = field[RECORD_HEADERS].size ? kafka_headers_make(field[RECORD_HEADERS]) : NULL;
    const rd_kafka_vu_t values[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic->handle},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {pointer(field[RECORD_KEY].data), field[RECORD_KEY].size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {pointer(field[RECORD_VALUE].data), field[RECORD_VALUE].size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)number},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    size_t count = sizeof values / sizeof *values - (headers ? 0 : 1);
    rd_kafka_error_t *error = rd_kafka_produceva(producer->client, values, count);
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_is_fatal(error) ? RD_KAFKA_RESP_ERR__FATAL : rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers) rd_kafka_headers_destroy(headers);
    return code;
}

// The client makes batches of records, and a topic may take smaller ones only (max.message.bytes): then fewer are sent at once, down to 1.
static void send_fewer(struct kafka_producer *producer, const char *topic)
{
    if (producer->at_once == 1)
        err_set(&producer->failure, AGAIN, ERR_STREAM,
                "the topic \"%s\" does not take a record of this size: raise its max.message.bytes; until then nothing is published",
                topic);
    if (producer->failed) return;
    producer->at_once = producer->at_once ? (producer->at_once + 1) / 2 : AT_ONCE_MAX;
}

// Some of the pending have failed: they are tried again later, each time a little later.
static void note_failure(struct kafka *kafka, rd_kafka_resp_err_t code, const char *topic)
{
    struct kafka_producer *producer = &kafka->producer;
    char doing[STREAM_TOPIC_MAX + 32];
    snprintf(doing, sizeof doing, "append to the topic \"%s\"", topic);
    enum status status = kafka_err(kafka, code, NULL, doing, &producer->failure);
    (void)status; // whatever class it is: the records are kept, and tried again
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) send_fewer(producer, topic);
    if (producer->failed) return;
    producer->failed = true;
    if (producer->at_once > 1) return; // with fewer it may go well at once
    producer->again_ms = producer->again_ms ? 2 * producer->again_ms : AGAIN_MIN_MS;
    if (producer->again_ms > AGAIN_MAX_MS) producer->again_ms = AGAIN_MAX_MS;
    producer->again_ns = clock_deadline_ms(producer->again_ms);
}

// The client tells the timestamp only of a message without an error.
static int64_t timestamp_ms(const rd_kafka_message_t *failed)
{
    rd_kafka_message_t *message = (rd_kafka_message_t *)(uintptr_t)failed; // ours, out of an event of ours
    rd_kafka_resp_err_t code = message->err;
    message->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    int64_t ms = rd_kafka_message_timestamp(message, NULL);
    message->err = code;
    return ms;
}

static void keep_failed(struct kafka *kafka, const rd_kafka_message_t *message)
{
    struct kafka_producer *producer = &kafka->producer;
    struct kafka_topic *topic = topic_get(kafka, rd_kafka_topic_name(message->rkt));
    rd_kafka_headers_t *headers;
    struct buf packed;
    buf_init(&packed, BUF_MAX_HTTP_REPLY);
    struct slice field[RECORD_TIMESTAMP] = {
        [RECORD_KEY] = {message->key, message->key_len},
        [RECORD_VALUE] = {message->payload, message->len},
    };
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_headers_read(headers, &packed);
        field[RECORD_HEADERS] = buf_slice(&packed);
    }
    kafka_pending_add(producer, (uint64_t)(uintptr_t)message->_private, topic, timestamp_ms(message), field);
    buf_fini(&packed);
    if (producer->repeats && rd_kafka_message_status(message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED) metric_add(producer->repeats, 1);
    note_failure(kafka, message->err, topic->name);
}

// Takes in what the client reports. True when it has failed for good.
static bool serve(struct kafka *kafka)
{
    struct kafka_producer *producer = &kafka->producer;
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(producer->events, 0))) {
        const rd_kafka_message_t *message;
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
            while ((message = rd_kafka_event_message_next(event))) keep_failed(kafka, message);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
            kafka_say(kafka, rd_kafka_event_error_string(event));
        rd_kafka_event_destroy(event);
    }
    char text[KAFKA_SAID_BYTES];
    return rd_kafka_fatal_error(producer->client, text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

// What was not flushed is given up.
void kafka_producer_fini(struct kafka *kafka)
{
    struct kafka_producer *producer = &kafka->producer;
    if (producer->client) {
        rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        serve(kafka);
    }
    producer_close(producer);
    kafka_pending_drop(producer, producer->pending_count);
    for (uint32_t i = 0; i < producer->topic_count; i++) free(producer->topics[i]);
    free(producer->topics);
    free(producer->pending);
    producer->topics = NULL;
    producer->pending = NULL;
    producer->topic_count = producer->pending_capacity = 0;
}

// After a fatal error of the idempotent producer: a new one takes over all that was on its way. What of it had been written already without
// an acknowledgement is then there twice.
static enum status restart(struct kafka *kafka, struct err *err)
{
    struct kafka_producer *producer = &kafka->producer;
    char text[KAFKA_SAID_BYTES] = "";
    rd_kafka_fatal_error(producer->client, text, sizeof text);
    if (kafka->log)
        log_warn(kafka->log, "streaming", "the Kafka producer has failed and is made anew; records may be there twice", "error", text);
    if (producer->restarts) metric_add(producer->restarts, 1);
    rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int64_t deadline = clock_deadline_ms(PURGE_MS); rd_kafka_outq_len(producer->client) && clock_mono_ns() < deadline;) {
        rd_kafka_flush(producer->client, 1);
        serve(kafka);
    }
    if (rd_kafka_outq_len(producer->client))
        return err_set(err, FATAL, ERR_STREAM, "the Kafka producer has failed (%s) and does not give back what it holds; restart", text);
    producer_close(producer);
    err_set(&producer->failure, RETRY, ERR_STREAM, "the Kafka producer has failed (%s); a new one goes on", text);
    return kafka_producer_need(kafka, err);
}

// Hands the pending records to the client, as far as it has room. FATAL when a topic does not exist; RETRY when nobody can say.
static enum status submit(struct kafka *kafka, int64_t deadline_ns, struct err *err)
{
    struct kafka_producer *producer = &kafka->producer;
    kafka_pending_sort(producer);
    enum status status = OK;
    uint32_t done = 0;
    for (; done < producer->pending_count && (!producer->at_once || done < producer->at_once); done++) {
        const struct kafka_pending *record = producer->pending[done];
        status = topic_ready(kafka, record->topic, deadline_ns, err);
        if (status != OK) break;
        rd_kafka_resp_err_t code = produce(producer, record->topic, record->number, record->timestamp_ms, record->field);
        if (!code) continue;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) note_failure(kafka, code, record->topic->name);
        break;
    }
    kafka_pending_drop(producer, done);
    return status;
}

static enum status check_sizes(const struct kafka *kafka, const char *topic, const struct batch *records, struct err *err)
{
    for (uint32_t row = 0; row < records->rows; row++) {
        size_t size = RECORD_OVERHEAD;
        for (uint32_t i = 0; i < RECORD_TIMESTAMP; i++)
            if (!batch_is_null(records, i, row)) size += records->columns[i].text[row].size;
        if (size > kafka->producer.record_max)
            return err_set(err, REJECT, ERR_STREAM,
                           "a record of %zu bytes is too large for the topic \"%s\": at most %zu (message.max.bytes)",
                           size - RECORD_OVERHEAD, topic, kafka->producer.record_max - RECORD_OVERHEAD);
    }
    return OK;
}

static void append_row(struct kafka *kafka, struct kafka_topic *topic, const struct batch *records, uint32_t row)
{
    struct kafka_producer *producer = &kafka->producer;
    struct slice field[RECORD_TIMESTAMP];
    for (uint32_t i = 0; i < RECORD_TIMESTAMP; i++) {
        field[i] = batch_is_null(records, i, row) ? (struct slice){0} : records->columns[i].text[row];
        if (!field[i].data && !batch_is_null(records, i, row)) field[i].data = ""; // empty, not null
    }
    bool timeless = batch_is_null(records, RECORD_TIMESTAMP, row);
    int64_t us = timeless ? clock_now_us() : records->columns[RECORD_TIMESTAMP].int64[row];
    int64_t ms = us >= 1000 ? us / 1000 : 1; // the client takes 0 for now, and brokers none before 1970
    uint64_t number = producer->next_number++;
    topic->appended++;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    bool straight = topic->handle && !producer->pending_count && !producer->at_once; // else it would overtake others
    for (int64_t deadline = 0; straight && code == RD_KAFKA_RESP_ERR__QUEUE_FULL;) {
        code = produce(producer, topic, number, ms, field);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || (deadline && clock_mono_ns() > deadline)) break;
        if (!deadline) deadline = clock_deadline_ms(ROOM_MS);
        rd_kafka_flush(producer->client, 1);
    }
    if (!code) return;
    kafka_pending_add(producer, number, topic, ms, field);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) note_failure(kafka, code, topic->name);
}

enum status kafka_append(struct stream *stream, const char *topic_name, const struct batch *records, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    struct kafka_producer *producer = &kafka->producer;
    TRY(check_sizes(kafka, topic_name, records, err));
    struct kafka_topic *topic = topic_get(kafka, topic_name);
    enum status status = topic_ready(kafka, topic, clock_deadline_ms(LOOK_MS), err);
    if (status != OK && status != RETRY) return status;
    producer->unflushed += records->rows;
    for (uint32_t row = 0; row < records->rows; row++) append_row(kafka, topic, records, row);
    return OK;
}

static void count_flushed(struct kafka *kafka, int64_t started_ns)
{
    struct kafka_producer *producer = &kafka->producer;
    for (uint32_t i = 0; i < producer->topic_count; i++) {
        if (producer->topics[i]->counter) metric_add(producer->topics[i]->counter, producer->topics[i]->appended);
        producer->topics[i]->appended = 0;
    }
    if (producer->flushes) metric_observe_ns(producer->flushes, clock_mono_ns() - started_ns);
    producer->unflushed = 0;
    producer->again_ms = 0;
    producer->at_once = producer->at_once < AT_ONCE_MAX ? 2 * producer->at_once : 0;
}

static enum status not_yet(struct kafka *kafka, struct err *err)
{
    const struct kafka_producer *producer = &kafka->producer;
    if (producer->failed) {
        err_set(err, AGAIN, ERR_STREAM, "%s; it is tried again", producer->failure.text);
        return AGAIN;
    }
    struct err why;
    enum status status = kafka_err(kafka, RD_KAFKA_RESP_ERR__TIMED_OUT, "no acknowledgement", "append", &why);
    (void)status;
    return err_set(err, AGAIN, ERR_STREAM, "%s; %d records wait", why.text,
                   rd_kafka_outq_len(producer->client) + (int)producer->pending_count);
}

// One step of a flush. OK when all is acknowledged, AGAIN when not yet.
static enum status step(struct kafka *kafka, int64_t deadline_ns, struct err *err)
{
    struct kafka_producer *producer = &kafka->producer;
    if (serve(kafka)) TRY(restart(kafka, err));
    bool settled = !rd_kafka_outq_len(producer->client);
    if (producer->failed && settled && clock_mono_ns() >= producer->again_ns) producer->failed = false;
    if (producer->pending_count && !producer->failed && (settled || !producer->at_once)) {
        enum status status = submit(kafka, deadline_ns, err);
        if (status != OK) return status == RETRY ? AGAIN : status;
    }
    int64_t until = clock_deadline_ms(STEP_MS);
    if (until > deadline_ns) until = deadline_ns;
    if (rd_kafka_outq_len(producer->client))
        rd_kafka_flush(producer->client, clock_left_ms(until));
    else if (producer->pending_count)
        clock_sleep_until(until < producer->again_ns ? until : producer->again_ns);
    return rd_kafka_outq_len(producer->client) || producer->pending_count ? AGAIN : OK;
}

enum status kafka_flush(struct stream *stream, int64_t deadline_ns, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    if (!kafka->producer.unflushed) return OK;
    int64_t started_ns = clock_mono_ns();
    enum status status;
    do {
        status = step(kafka, deadline_ns, err);
    } while (status == AGAIN && clock_mono_ns() < deadline_ns);
    // A failure may have been reported between the last look and the empty queue.
    if (status == OK && (serve(kafka) || kafka->producer.pending_count)) status = AGAIN;
    if (status == OK) count_flushed(kafka, started_ns);
    return status == AGAIN ? not_yet(kafka, err) : status;
}
