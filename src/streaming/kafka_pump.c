// SPDX-License-Identifier: Apache-2.0
// Keeps the fetcher awake, and learns the ends of the partitions on the way.
//
// librdkafka 2.0 looks every second whether a full queue has room again; any request to the broker wakes it earlier. While there is reason
// to think that it sleeps, this thread asks for the ends of the partitions that are read: one small request per broker, every INTERVAL_MS.
#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"
#include "streaming/kafka.h"

enum {
    INTERVAL_MS = 10,
    WORK_MS = 1200, // a little more than the fetcher's sleep
};

// Keeps what was learned, if the list was not replaced meanwhile.
static void learn(struct kafka_pump *pump, const rd_kafka_topic_partition_list_t *asked)
{
    for (int i = 0; i < asked->cnt; i++) {
        const rd_kafka_topic_partition_t *answer = &asked->elems[i];
        rd_kafka_topic_partition_t *known = rd_kafka_topic_partition_list_find(pump->partitions, answer->topic, answer->partition);
        if (known && !answer->err && answer->offset >= 0) known->offset = answer->offset;
    }
}

static rd_kafka_topic_partition_list_t *question(const struct kafka_pump *pump)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(pump->partitions);
    for (int i = 0; i < list->cnt; i++) list->elems[i].offset = RD_KAFKA_OFFSET_END;
    return list;
}

static void *work(void *context)
{
    struct kafka *kafka = context;
    struct kafka_pump *pump = &kafka->consumer.pump;
    pthread_setname_np(pthread_self(), "fdp-kafka-pump");
    pthread_mutex_lock(&pump->lock);
    while (!pump->stop) {
        if ((clock_mono_ns() >= pump->until_ns && !pump->ask) || !pump->partitions->cnt) {
            pthread_cond_wait(&pump->changed, &pump->lock);
            continue;
        }
        pump->ask = false;
        rd_kafka_topic_partition_list_t *list = question(pump);
        pthread_mutex_unlock(&pump->lock);
        rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(pump->client, list, WORK_MS);
        if (!code) atomic_store(&kafka->consumer.down, false);
        pthread_mutex_lock(&pump->lock);
        if (!code) learn(pump, list);
        rd_kafka_topic_partition_list_destroy(list);
        if (!pump->stop) wait_condition(&pump->changed, &pump->lock, clock_deadline_ms(INTERVAL_MS));
    }
    pthread_mutex_unlock(&pump->lock);
    return NULL;
}

enum status kafka_pump_start(struct kafka *kafka, struct err *err)
{
    struct kafka_pump *pump = &kafka->consumer.pump;
    pthread_mutex_init(&pump->lock, NULL);
    pthread_cond_init(&pump->changed, NULL);
    pump->client = kafka->consumer.client;
    pump->partitions = rd_kafka_topic_partition_list_new(0);
    pump->stop = pump->ask = false;
    pump->until_ns = 0;
    pump->running = !pthread_create(&pump->thread, NULL, work, kafka);
    return pump->running ? OK : err_set(err, FATAL, ERR_STREAM, "cannot start a thread; raise the limit on processes");
}

void kafka_pump_stop(struct kafka_pump *pump)
{
    if (pump->running) {
        pthread_mutex_lock(&pump->lock);
        pump->stop = true;
        pthread_cond_signal(&pump->changed);
        pthread_mutex_unlock(&pump->lock);
        pthread_join(pump->thread, NULL);
    }
    pump->running = false;
    rd_kafka_topic_partition_list_destroy(pump->partitions);
    pthread_cond_destroy(&pump->changed);
    pthread_mutex_destroy(&pump->lock);
}

void kafka_pump_read(struct kafka_pump *pump, rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++) partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
    pthread_mutex_lock(&pump->lock);
    rd_kafka_topic_partition_list_destroy(pump->partitions);
    pump->partitions = partitions;
    pthread_cond_signal(&pump->changed);
    pthread_mutex_unlock(&pump->lock);
}

void kafka_pump_work(struct kafka_pump *pump)
{
    pthread_mutex_lock(&pump->lock);
    bool idle = clock_mono_ns() >= pump->until_ns;
    pump->until_ns = clock_deadline_ms(WORK_MS);
    if (idle) pthread_cond_signal(&pump->changed); // else it works, or waits for partitions
    pthread_mutex_unlock(&pump->lock);
}

void kafka_pump_ask(struct kafka_pump *pump)
{
    pthread_mutex_lock(&pump->lock);
    pump->ask = true;
    pthread_cond_signal(&pump->changed);
    pthread_mutex_unlock(&pump->lock);
}

int64_t kafka_pump_end(struct kafka_pump *pump, const char *topic, int32_t partition)
{
    pthread_mutex_lock(&pump->lock);
    const rd_kafka_topic_partition_t *known = rd_kafka_topic_partition_list_find(pump->partitions, topic, partition);
    int64_t end = known && known->offset >= 0 ? known->offset : -1;
    pthread_mutex_unlock(&pump->lock);
    return end;
}
