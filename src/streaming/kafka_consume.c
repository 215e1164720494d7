// SPDX-License-Identifier: Apache-2.0
// Reading from Kafka: which partitions the client fetches, and its records into the caller's batch.
//
// Records of all partitions arrive on a queue of our own, apart from what the group has to say: so the group can be served while nobody
// takes records, and the client's own limits hold the fetching back. Both queues, and wake, signal one eventfd.
//
// librdkafka 2.0 may lose records between two calls of its batch interface when it pauses partitions for a rebalance (its release notes say
// so), and takes any change of what is read for the answer to one. Therefore the position that counts is ours: with every change all
// partitions that are read begin anew there (kafka_apply), and whatever lies before it is dropped.
//
// When librdkafka forgets a partition (its topic was deleted, or may not be read any more), it empties the queue to which that one is
// forwarded, whoever's records are in it. So nothing is forwarded to the queue of records but what is read.
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "streaming/kafka.h"

enum {
    POLL_BYTES = 8 << 20, // of one poll, give or take a slice
    TROUBLE_MS = 1000,    // after that long a partition that failed is tried anew
    LAG_MS = 1000,
    FULL_ENOUGH = 4, // the queue may have been full when it holds a quarter of its limit
};

struct kafka_partition *kafka_partition_find(const struct kafka_consumer *consumer, const char *topic, int32_t number)
{
    for (uint32_t i = 0; i < consumer->partition_count; i++)
        if (consumer->partitions[i]->number == number && !strcmp(consumer->partitions[i]->topic, topic)) return consumer->partitions[i];
    return NULL;
}

struct kafka_partition *kafka_partition_add(struct kafka *kafka, const char *topic, int32_t number)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    struct kafka_partition *partition = kafka_partition_find(consumer, topic, number);
    if (partition) return partition;
    struct kafka_partition **partitions = realloc(consumer->partitions, (consumer->partition_count + 1) * sizeof *partitions);
    partition = calloc(1, sizeof *partition);
    if (!partitions || !partition) abort();
    consumer->partitions = partitions;
    partitions[consumer->partition_count++] = partition;
    snprintf(partition->topic, sizeof partition->topic, "%s", topic);
    partition->number = number;
    if (kafka->metrics) {
        char labels[STREAM_TOPIC_MAX + 48];
        snprintf(labels, sizeof labels, "topic=\"%s\",partition=\"%d\"", partition->topic, number);
        partition->lag = metric_gauge(kafka->metrics, "fdp_stream_lag_records", labels, "Records of a partition that were not read yet");
    }
    return partition;
}

void kafka_partition_stop(struct kafka_partition *partition)
{
    partition->troubled = false;
    partition->reading = partition->reading == KAFKA_IDLE || partition->reading == KAFKA_SOUGHT ? KAFKA_IDLE : KAFKA_ENDED;
}

void kafka_partition_remove(struct kafka_consumer *consumer, struct kafka_partition *partition)
{
    if (partition->lag) metric_set(partition->lag, NAN);
    if (partition->queue) rd_kafka_queue_destroy(partition->queue);
    for (uint32_t i = 0; i < consumer->partition_count; i++)
        if (consumer->partitions[i] == partition) consumer->partitions[i] = consumer->partitions[--consumer->partition_count];
    free(partition);
}

void kafka_trouble(struct kafka_consumer *consumer, const struct err *err)
{
    consumer->trouble = *err;
}

// Whether nothing can come now.
static bool is_troubled(const struct kafka_consumer *consumer)
{
    uint32_t read = 0, troubled = 0;
    for (uint32_t i = 0; i < consumer->partition_count; i++) {
        read += consumer->partitions[i]->reading != KAFKA_IDLE;
        troubled += consumer->partitions[i]->troubled;
    }
    return consumer->group_troubled || atomic_load(&consumer->down) || (read && troubled == read);
}

// --- What the client fetches

static bool leaves(enum kafka_reading reading)
{
    return reading == KAFKA_READ || reading == KAFKA_MOVED || reading == KAFKA_ENDED;
}

static bool enters(enum kafka_reading reading)
{
    return reading == KAFKA_READ || reading == KAFKA_MOVED || reading == KAFKA_SOUGHT;
}

static void settle(struct kafka_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *read = rd_kafka_topic_partition_list_new((int)consumer->partition_count);
    for (uint32_t i = consumer->partition_count; i-- > 0;) {
        struct kafka_partition *partition = consumer->partitions[i];
        if (enters(partition->reading)) {
            partition->reading = KAFKA_READ;
            rd_kafka_topic_partition_list_add(read, partition->topic, partition->number);
        } else {
            partition->reading = KAFKA_IDLE;
            if (!partition->given) kafka_partition_remove(consumer, partition);
        }
    }
    kafka_pump_read(&consumer->pump, read);
    consumer->sought = false;
}

// What comes for a partition goes to our queue from before the first record. Its queue is kept, since a topic that is deleted cannot be
// looked up any more, and what then remains in the queue would keep the client from ever being destroyed.
static void take_queue(struct kafka_consumer *consumer, struct kafka_partition *partition)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(consumer->client, partition->topic, partition->number);
    if (!queue) return;
    rd_kafka_queue_forward(queue, consumer->records);
    if (partition->queue) rd_kafka_queue_destroy(partition->queue);
    partition->queue = queue;
}

static void empty_waste(struct kafka_consumer *consumer)
{
    ssize_t count;
    while ((count = rd_kafka_consume_batch_queue(consumer->waste, 0, consumer->slice, KAFKA_SLICE)) > 0)
        for (ssize_t i = 0; i < count; i++) rd_kafka_message_destroy(consumer->slice[i]);
}

// The client forgets where to put what comes when it ends reading, so it is told again; what came meanwhile is moved over.
static void forward(struct kafka_consumer *consumer)
{
    for (uint32_t i = 0; i < consumer->partition_count; i++) {
        const struct kafka_partition *partition = consumer->partitions[i];
        if (!partition->queue) continue;
        rd_kafka_queue_forward(partition->queue, enters(partition->reading) ? consumer->records : consumer->waste);
    }
    empty_waste(consumer);
}

enum status kafka_apply(struct kafka *kafka, struct err *err)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    rd_kafka_topic_partition_list_t *out = rd_kafka_topic_partition_list_new((int)consumer->partition_count);
    rd_kafka_topic_partition_list_t *in = rd_kafka_topic_partition_list_new((int)consumer->partition_count);
    for (uint32_t i = 0; i < consumer->partition_count; i++) {
        struct kafka_partition *partition = consumer->partitions[i];
        if (leaves(partition->reading)) rd_kafka_topic_partition_list_add(out, partition->topic, partition->number);
        if (!enters(partition->reading)) continue;
        take_queue(consumer, partition);
        rd_kafka_topic_partition_list_add(in, partition->topic, partition->number)->offset = partition->next;
    }
    // In a rebalance the client waits for the calls even when there is nothing to say. When the second returns, the first has been done.
    enum status status = kafka_error(kafka, rd_kafka_incremental_unassign(consumer->client, out), "end reading", err);
    if (status == OK) status = kafka_error(kafka, rd_kafka_incremental_assign(consumer->client, in), "begin reading", err);
    forward(consumer);
    rd_kafka_topic_partition_list_destroy(out);
    rd_kafka_topic_partition_list_destroy(in);
    if (status == OK) settle(consumer);
    return status;
}

enum status kafka_seek(struct stream *stream, const char *topic, int32_t partition, int64_t source, int64_t offset, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    struct kafka_consumer *consumer = &kafka->consumer;
    TRY(kafka_consumer_need(kafka, NULL, err));
    struct kafka_partition *place = kafka_partition_find(consumer, topic, partition);
    if (consumer->joined && !(place && place->given))
        return err_set(err, AGAIN, ERR_STREAM, "%s/%d does not belong to this member of the group %s", topic, partition, consumer->group);
    TRY(kafka_offset_check(kafka, topic, partition, offset, place && place->given, err));
    if (!place) place = kafka_partition_add(kafka, topic, partition);
    place->source = source;
    place->next = place->end = offset;
    place->troubled = false;
    place->reading = place->reading == KAFKA_IDLE || place->reading == KAFKA_SOUGHT ? KAFKA_SOUGHT : KAFKA_MOVED;
    consumer->sought = true;
    return OK;
}

enum status kafka_unseek(struct stream *stream, const char *topic, int32_t partition, struct err *err)
{
    (void)err;
    struct kafka_consumer *consumer = &kafka_of(stream)->consumer;
    struct kafka_partition *place = kafka_partition_find(consumer, topic, partition);
    if (!place) return OK;
    kafka_partition_stop(place);
    consumer->sought = true;
    return OK;
}

enum status kafka_end(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err)
{
    const struct kafka_partition *place = kafka_partition_find(&kafka_of(stream)->consumer, topic, partition);
    if (!place || place->reading == KAFKA_IDLE || place->reading == KAFKA_ENDED)
        return err_set(err, AGAIN, ERR_STREAM, "%s/%d is not being read", topic, partition);
    *offset = place->end;
    return OK;
}

enum status kafka_trouble_of(struct stream *stream, const char *topic, int32_t partition, struct err *err)
{
    const struct kafka_partition *place = kafka_partition_find(&kafka_of(stream)->consumer, topic, partition);
    return place && place->troubled ? err_set(err, RETRY, ERR_STREAM, "%s", place->trouble) : OK;
}

enum status kafka_high(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err)
{
    struct kafka_consumer *consumer = &kafka_of(stream)->consumer;
    const struct kafka_partition *place = kafka_partition_find(consumer, topic, partition);
    if (!place || place->reading != KAFKA_READ) return err_set(err, AGAIN, ERR_STREAM, "%s/%d is not being read", topic, partition);
    int64_t low, fetched, asked = kafka_pump_end(&consumer->pump, topic, partition);
    *offset = place->end;
    if (!rd_kafka_get_watermark_offsets(consumer->client, topic, partition, &low, &fetched) && fetched > *offset) *offset = fetched;
    if (asked > *offset) *offset = asked;
    return OK;
}

// --- Records

static struct slice copy(struct batch *batch, const void *data, size_t size)
{
    return (struct slice){arena_copy(&batch->arena, data, size), size};
}

static void add_row(struct kafka_consumer *consumer, const struct kafka_partition *partition, rd_kafka_message_t *message,
                    struct batch *batch)
{
    uint32_t row = batch_row_begin(batch);
    if (message->key) batch_set_slice(batch, RECORD_KEY, row, copy(batch, message->key, message->key_len));
    if (message->payload) batch_set_slice(batch, RECORD_VALUE, row, copy(batch, message->payload, message->len));
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_headers_read(headers, &consumer->headers);
        if (consumer->headers.size)
            batch_set_slice(batch, RECORD_HEADERS, row, copy(batch, consumer->headers.data, consumer->headers.size));
    }
    rd_kafka_timestamp_type_t kind;
    int64_t ms = rd_kafka_message_timestamp(message, &kind);
    batch_set_int64(batch, RECORD_TIMESTAMP, row, ms > 0 ? ms * 1000 : 0);
    batch->source[row] = partition->source;
    batch->offset[row] = message->offset;
    batch_row_commit(batch);
}

// The fetcher has no such offset: retention has passed it, or the topic is another one.
static enum status out_of_range(struct kafka *kafka, struct kafka_partition *partition, struct err *err)
{
    enum status status = kafka_offset_check(kafka, partition->topic, partition->number, partition->next, false, err);
    if (status != OK) return status;
    return err_set(err, RETRY, ERR_STREAM, "%s/%d: the broker says that it does not have offset %lld, but it should; it is asked again",
                   partition->topic, partition->number, (long long)partition->next);
}

static enum status gone(struct kafka *kafka, struct kafka_partition *partition, struct err *err)
{
    int32_t count;
    TRY(kafka_topic_look(kafka, kafka->consumer.client, partition->topic, clock_deadline_ms(KAFKA_ANSWER_MS), &count, err));
    if (partition->number < count)
        return err_set(err, RETRY, ERR_STREAM, "%s/%d: the broker says that there is no such partition, but it should; it is asked again",
                       partition->topic, partition->number);
    return err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" was deleted while it was in use", partition->topic);
}

// The client's limit of an answer is also one of what a batch may be when it is decompressed; it says neither.
static enum status bad_batch(const struct kafka_partition *partition, const char *detail, const char *doing, struct err *err)
{
    return err_set(
        err, RETRY, ERR_STREAM,
        "cannot %s: %s. The batch is larger than receive.message.max.bytes when it is decompressed, or damaged. Raise that in"
        " streaming.kafka ({receive.message.max.bytes: 1000000000}; it needs as much memory); if it does not help, fdp groups reset"
        " --topic %s --partition %d --to an offset behind the batch goes on there, and counts its records as skipped",
        doing, detail, partition->topic, partition->number);
}

// The caller hears of it when it has all records that came before: none of other partitions may be passed over.
static void lose(struct kafka_consumer *consumer, struct kafka_partition *partition, const struct err *err)
{
    partition->reading = KAFKA_ENDED;
    partition->troubled = false;
    consumer->sought = true;
    if (consumer->lost.status == OK) consumer->lost = *err;
}

// The client has said that some topic is gone, not which.
static void look_for_gone(struct kafka *kafka)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    struct err err;
    consumer->suspicious = false;
    for (uint32_t i = 0; i < consumer->partition_count; i++)
        if (consumer->partitions[i]->reading == KAFKA_READ && gone(kafka, consumer->partitions[i], &err) == FATAL)
            lose(consumer, consumer->partitions[i], &err);
}

// A partition that failed is tried anew from our position a little later, so that nothing is passed over.
static void take_error(struct kafka *kafka, struct kafka_partition *partition, const rd_kafka_message_t *message)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    struct err err;
    char doing[STREAM_TOPIC_MAX + 64];
    snprintf(doing, sizeof doing, "read %s/%d from offset %lld", partition->topic, partition->number, (long long)partition->next);
    enum status status;
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: status = out_of_range(kafka, partition, &err); break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: status = gone(kafka, partition, &err); break;
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION: status = bad_batch(partition, rd_kafka_message_errstr(message), doing, &err); break;
    default: status = kafka_err(kafka, message->err, rd_kafka_message_errstr(message), doing, &err); break;
    }
    if (status == FATAL) {
        lose(consumer, partition, &err);
        return;
    }
    partition->troubled = true;
    snprintf(partition->trouble, sizeof partition->trouble, "%s", err.text);
    partition->again_ns = clock_deadline_ms(TROUBLE_MS);
    kafka_trouble(consumer, &err);
}

// One thing from the queue: a record, the end of a partition, or a failure.
static void take_message(struct kafka *kafka, struct kafka_partition *partition, rd_kafka_message_t *message, struct batch *batch)
{
    if ((!message->err || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) && atomic_load(&kafka->consumer.down))
        atomic_store(&kafka->consumer.down, false);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (message->offset > partition->end) partition->end = message->offset;
        partition->troubled = false;
        return;
    }
    if (message->err) {
        take_error(kafka, partition, message);
        return;
    }
    if (message->offset < partition->next) return; // given already
    add_row(&kafka->consumer, partition, message, batch);
    partition->next = message->offset + 1;
    if (partition->end < partition->next) partition->end = partition->next;
    partition->troubled = false;
}

// Records of one partition come in runs.
static void take_slice(struct kafka *kafka, size_t count, struct batch *batch)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    const rd_kafka_topic_t *topic = NULL;
    struct kafka_partition *partition = NULL;
    int32_t number = -1;
    for (size_t i = 0; i < count; i++) {
        rd_kafka_message_t *message = consumer->slice[i];
        if (message->rkt && (message->rkt != topic || message->partition != number)) {
            topic = message->rkt;
            number = message->partition;
            partition = kafka_partition_find(consumer, rd_kafka_topic_name(topic), number);
        }
        bool read = message->rkt && partition && partition->reading == KAFKA_READ;
        if (read) take_message(kafka, partition, message, batch);
        rd_kafka_message_destroy(message);
    }
}

// Takes what is there. The queue may have been full, and the fetcher asleep, when it was more than a little filled.
static void take(struct kafka *kafka, struct batch *batch)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    size_t bytes = batch->arena.used_bytes, waiting = rd_kafka_queue_length(consumer->records);
    uint32_t rows = batch->rows;
    ssize_t count;
    do {
        size_t room = batch->capacity - batch->rows;
        if (room > KAFKA_SLICE) room = KAFKA_SLICE;
        if (!room) break;
        count = rd_kafka_consume_batch_queue(consumer->records, 0, consumer->slice, room);
        if (count > 0) take_slice(kafka, (size_t)count, batch);
    } while (count > 0 && batch->arena.used_bytes - bytes < POLL_BYTES);
    bytes = batch->arena.used_bytes - bytes;
    rows = batch->rows - rows;
    if (rows && (waiting >= kafka->queued_records || bytes / rows * waiting >= kafka->queued_bytes / FULL_ENOUGH))
        kafka_pump_work(&consumer->pump);
}

// --- poll

static void drain_wakes(struct kafka *kafka)
{
    uint64_t wakes;
    ssize_t got = read(kafka->wake_fd, &wakes, sizeof wakes);
    (void)got;
}

// False at the deadline.
static bool wait_for_more(struct kafka *kafka, int64_t deadline_ns)
{
    struct pollfd fd = {.fd = kafka->wake_fd, .events = POLLIN};
    int64_t left = deadline_ns - clock_mono_ns();
    if (left <= 0) return false;
    struct timespec timeout = {.tv_sec = left / SECOND_NS, .tv_nsec = left % SECOND_NS};
    return ppoll(&fd, 1, &timeout, NULL) != 0; // interrupted by a signal: look again
}

// Partitions that failed are tried anew when their time has come; without brokers the pump notices when they are back.
static void try_anew(struct kafka_consumer *consumer)
{
    int64_t now = clock_mono_ns();
    for (uint32_t i = 0; i < consumer->partition_count; i++) {
        struct kafka_partition *partition = consumer->partitions[i];
        if (!partition->troubled || partition->again_ns > now || partition->reading != KAFKA_READ) continue;
        partition->reading = KAFKA_MOVED;
        partition->again_ns = now + TROUBLE_MS * MS_NS;
        consumer->sought = true;
    }
    if (atomic_load(&consumer->down)) kafka_pump_work(&consumer->pump);
}

// While records wait that nobody takes, the fetcher may be asleep, and hears of no more.
static void measure_lag(struct kafka *kafka)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    if (!kafka->metrics || clock_mono_ns() < consumer->lag_ns) return;
    consumer->lag_ns = clock_deadline_ms(LAG_MS);
    if (rd_kafka_queue_length(consumer->records)) kafka_pump_ask(&consumer->pump);
    for (uint32_t i = 0; i < consumer->partition_count; i++) {
        const struct kafka_partition *partition = consumer->partitions[i];
        int64_t high;
        struct err ignored;
        if (kafka_high(&kafka->base, partition->topic, partition->number, &high, &ignored) == OK)
            metric_set(partition->lag, (double)(high - partition->end));
    }
}

static enum status nothing(struct kafka *kafka, struct err *err)
{
    struct kafka_consumer *consumer = &kafka->consumer;
    if (!is_troubled(consumer)) consumer->trouble.status = OK;
    if (consumer->trouble.status == OK) return err_set(err, AGAIN, ERR_STREAM, "no new records from %s", kafka->brokers);
    return err_set(err, RETRY, consumer->trouble.code, "%s", consumer->trouble.text);
}

enum status kafka_poll(struct stream *stream, struct batch *records, int64_t deadline_ns, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    struct kafka_consumer *consumer = &kafka->consumer;
    uint32_t rows = records ? records->rows : 0;
    for (;;) {
        drain_wakes(kafka);
        bool woken = atomic_exchange(&kafka->woken, false);
        if (consumer->client) {
            TRY(kafka_serve(kafka, err));
            try_anew(consumer);
            if (consumer->sought) TRY(kafka_apply(kafka, err));
            if (records) take(kafka, records);
            if (consumer->suspicious) look_for_gone(kafka);
            measure_lag(kafka);
        }
        if (records && records->rows > rows) {
            if (consumer->polled) metric_add(consumer->polled, records->rows - rows);
            return OK;
        }
        if (consumer->lost.status != OK) {
            *err = consumer->lost;
            consumer->lost.status = OK;
            return FATAL;
        }
        if (consumer->next_change < consumer->change_count) return err_set(err, AGAIN, ERR_STREAM, "the group has shared out anew");
        if (woken || !wait_for_more(kafka, deadline_ns)) return nothing(kafka, err);
    }
}

void kafka_wake(struct stream *stream)
{
    struct kafka *kafka = kafka_of(stream);
    uint64_t one = 1;
    atomic_store(&kafka->woken, true);
    ssize_t written = write(kafka->wake_fd, &one, sizeof one); // a full counter wakes just as well
    (void)written;
}
