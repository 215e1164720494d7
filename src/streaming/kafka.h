// SPDX-License-Identifier: Apache-2.0
// Inside the Kafka back end: one handle (one thread) and the clients behind it, which are made when they are first needed.
//
// kafka.c opens, closes and makes clients, kafka_conf.c has their properties, kafka_err.c words what they say. kafka_admin.c,
// kafka_topics.c, kafka_offsets.c and kafka_groups.c ask and order; kafka_produce.c and kafka_pending.c write; kafka_consume.c reads,
// kafka_member.c is a member of a group, kafka_pump.c keeps the fetcher awake. See docs/internals/kafka.md.
#ifndef FDP_STREAMING_KAFKA_H
#define FDP_STREAMING_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "streaming/stream.h"

enum {
    KAFKA_ANSWER_MS = 5000,   // how long a question to the brokers may take
    KAFKA_BROKERS_MAX = 2048, // bytes of the list of brokers
    KAFKA_SAID_BYTES = 256,
    KAFKA_SLICE = 512, // records taken from the client at a time
};

// What the client's own threads last complained of, for messages.
struct kafka_said {
    pthread_mutex_t lock; // guards text
    char text[KAFKA_SAID_BYTES];
};

// A topic that this handle appends to.
struct kafka_topic {
    char name[STREAM_TOPIC_MAX + 1];
    rd_kafka_topic_t *handle; // of the producer there is now; NULL until the topic is known to exist
    uint64_t appended;        // records since the last flush that was OK
    struct metric *counter;   // NULL without metrics
};

// A record that waits outside the client: there was no room, or it has failed and is to be produced again.
struct kafka_pending {
    uint64_t number; // order of appending
    struct kafka_topic *topic;
    int64_t timestamp_ms;
    struct slice field[RECORD_TIMESTAMP]; // data is NULL for null; the bytes follow the struct
};

struct kafka_producer {
    rd_kafka_t *client; // NULL until needed
    rd_kafka_queue_t *events;
    struct kafka_topic **topics;
    uint32_t topic_count;
    size_t record_max;              // bytes of a record as it is sent
    uint64_t next_number;           // of the next record
    uint64_t unflushed;             // records since the last flush that was OK
    struct kafka_pending **pending; // sorted by number but for what `unsorted` says
    uint32_t pending_count, pending_capacity;
    bool unsorted;
    bool failed; // some of the pending have failed: they wait for all others to be settled, and for again_ns
    int64_t again_ns, again_ms;
    uint32_t at_once;                            // of the pending, since more were too much for a topic; 0: all
    struct err failure;                          // why the last of them failed
    struct metric *flushes, *restarts, *repeats; // NULL without metrics
};

enum kafka_reading {
    KAFKA_IDLE,   // given by the group, not sought
    KAFKA_SOUGHT, // to be handed to the client with the next poll
    KAFKA_READ,   // the client has it
    KAFKA_MOVED,  // the client has it, but is to begin anew at `next`
    KAFKA_ENDED,  // the client has it, and is to be told that it is not read any more
};

struct kafka_partition {
    char topic[STREAM_TOPIC_MAX + 1];
    int32_t number;
    bool given; // by the group
    enum kafka_reading reading;
    rd_kafka_queue_t *queue; // of this partition in the client, forwarded to `records` or `waste`; NULL before it is read
    int64_t source;
    int64_t next;  // offset of the next record to hand out
    int64_t end;   // at least next: up to here there are no records
    bool troubled; // its last fetch failed, which `trouble` tells of; tried anew at again_ns
    char trouble[ERR_TEXT_BYTES];
    int64_t again_ns;
    struct metric *lag; // NULL without metrics
};

// Asks for the end of the partitions that are read while the fetcher may be asleep over a full queue: librdkafka 2.0 sleeps up to a second
// then, and the question wakes it.
struct kafka_pump {
    pthread_t thread;
    bool running;
    rd_kafka_t *client;
    pthread_mutex_t lock; // guards the rest
    pthread_cond_t changed;
    bool stop, ask;
    int64_t until_ns;                            // works until then
    rd_kafka_topic_partition_list_t *partitions; // that are read; with the ends that were last learned, or RD_KAFKA_OFFSET_END
};

struct kafka_consumer {
    rd_kafka_t *client;        // NULL until needed
    rd_kafka_queue_t *events;  // of the group, and errors
    rd_kafka_queue_t *records; // of all partitions that are read
    rd_kafka_queue_t *waste;   // what still comes of others
    char group[STREAM_GROUP_MAX + 1];
    bool joined, assigned;               // the group has answered since then
    struct kafka_partition **partitions; // those that are given or read
    uint32_t partition_count;
    bool sought;                   // some are to be handed to the client or taken from it
    struct stream_change *changes; // not told yet: those from next_change on
    uint32_t change_count, next_change;
    struct err trouble; // RETRY: why nothing comes; status is OK when nothing is wrong
    struct err lost;    // FATAL: why some partition is not read any more; told once all records before it were given
    bool group_troubled;
    bool suspicious;  // the client says that some topic is gone
    atomic_bool down; // no broker answers
    rd_kafka_message_t *slice[KAFKA_SLICE];
    struct kafka_pump pump;
    int64_t lag_ns; // when the lag is measured next
    struct buf headers;
    struct metric *polled, *rebalances; // NULL without metrics
};

struct kafka {
    struct stream base;
    const struct log *log;           // may be NULL
    struct metric_registry *metrics; // may be NULL
    bool read_only;
    char brokers[KAFKA_BROKERS_MAX];                // "host:port,host:port"
    char group[STREAM_GROUP_MAX + 1];               // of a reader that has not joined: never used as one
    rd_kafka_conf_t *consumer_conf, *producer_conf; // what clients are made from
    struct kafka_said said;
    size_t queued_records, queued_bytes; // limits of the consumer's queue
    int wake_fd;                         // eventfd: records, events and wake
    atomic_bool woken;
    struct kafka_producer producer;
    struct kafka_consumer consumer;
    rd_kafka_t *asker; // asks for a handle that reads; NULL until needed
};

static inline struct kafka *kafka_of(struct stream *stream)
{
    return (struct kafka *)(void *)stream;
}

// --- kafka_conf.c

// "kafka://host:port,host:port/" into "host:port,host:port". FATAL / ERR_CONFIG when it is not that.
enum status kafka_url_brokers(const char *url, char out[KAFKA_BROKERS_MAX], struct err *err) MUST_CHECK;
// Makes both templates. FATAL / ERR_CONFIG in librdkafka's words for a property that is unknown or has a bad value; also for one that
// exactness depends on.
enum status kafka_conf_make(struct kafka *kafka, const struct config *config, struct err *err) MUST_CHECK;
// A number among the properties.
int64_t kafka_conf_number(const rd_kafka_conf_t *conf, const char *name);

// --- kafka_err.c

// The class and the words for what a call to the client or a broker answered; `detail` (may be NULL) is what it said itself.
enum status kafka_err(struct kafka *kafka, rd_kafka_resp_err_t code, const char *detail, const char *doing, struct err *err);
// The same for an error object, which it destroys.
enum status kafka_error(struct kafka *kafka, rd_kafka_error_t *error, const char *doing, struct err *err);
enum status kafka_no_topic(const struct kafka *kafka, const char *topic, struct err *err);
// For the client: its log lines, from any of its threads.
// For the reader: errors that come between records, on the thread of poll.
void kafka_hear(rd_kafka_t *client, int code, const char *text, void *context);
void kafka_log(const rd_kafka_t *client, int level, const char *facility, const char *text);
void kafka_say(struct kafka *kafka, const char *text);

// --- kafka.c

// A client to ask questions with. FATAL / ERR_CONFIG in librdkafka's words.
enum status kafka_client(struct kafka *kafka, rd_kafka_t **out, struct err *err) MUST_CHECK;
// Makes sure that there is a reader; `group` NULL: any.
enum status kafka_consumer_need(struct kafka *kafka, const char *group, struct err *err) MUST_CHECK;
void kafka_consumer_close(struct kafka *kafka);

// --- kafka_admin.c

rd_kafka_AdminOptions_t *kafka_admin_options(rd_kafka_t *client, rd_kafka_admin_op_t kind);
// Waits for the next answer on a queue; `out` is to be destroyed.
enum status kafka_admin_next(struct kafka *kafka, rd_kafka_queue_t *queue, const char *doing, rd_kafka_event_t **out,
                             struct err *err) MUST_CHECK;
// The same for the only answer: destroys the queue.
enum status kafka_admin_answer(struct kafka *kafka, rd_kafka_queue_t *queue, const char *doing, rd_kafka_event_t **out,
                               struct err *err) MUST_CHECK;

// --- kafka_topics.c

// *count is 0 when the topic does not exist.
enum status kafka_topic_look(struct kafka *kafka, rd_kafka_t *client, const char *topic, int64_t deadline_ns, int32_t *count,
                             struct err *err) MUST_CHECK;
// FATAL when there is no such topic; one that was just made is waited for, for a moment.
enum status kafka_topic_find(struct kafka *kafka, rd_kafka_t *client, const char *topic, int32_t *count, struct err *err) MUST_CHECK;
enum status kafka_topic_create(struct stream *stream, const struct stream_topic *topic, struct err *err) MUST_CHECK;
enum status kafka_topic_delete(struct stream *stream, const char *topic, struct err *err) MUST_CHECK;
enum status kafka_topics(struct stream *stream, struct arena *arena, struct stream_topic **out, uint32_t *count,
                         struct err *err) MUST_CHECK;

// --- kafka_offsets.c

enum status kafka_watermarks(struct stream *stream, const char *topic, int32_t partition, struct stream_watermarks *out,
                             struct err *err) MUST_CHECK;
enum status kafka_offset_at(struct stream *stream, const char *topic, int32_t partition, int64_t us, int64_t *offset,
                            struct err *err) MUST_CHECK;
// FATAL when the log does not have that offset (any more, or yet). `known`: the partition certainly exists.
enum status kafka_offset_check(struct kafka *kafka, const char *topic, int32_t partition, int64_t offset, bool known,
                               struct err *err) MUST_CHECK;

// --- kafka_groups.c

enum status kafka_position_hint(struct stream *stream, const struct stream_position *positions, uint32_t count, struct err *err) MUST_CHECK;
enum status kafka_positions(struct stream *stream, struct arena *arena, struct stream_position **out, uint32_t *count,
                            struct err *err) MUST_CHECK;
enum status kafka_groups(struct stream *stream, struct arena *arena, struct stream_group **out, uint32_t *count,
                         struct err *err) MUST_CHECK;

// --- kafka_produce.c

enum status kafka_append(struct stream *stream, const char *topic, const struct batch *records, struct err *err) MUST_CHECK;
enum status kafka_flush(struct stream *stream, int64_t deadline_ns, struct err *err) MUST_CHECK;
// Makes sure that there is a producer.
enum status kafka_producer_need(struct kafka *kafka, struct err *err) MUST_CHECK;
void kafka_producer_fini(struct kafka *kafka);

// --- kafka_pending.c

void kafka_pending_add(struct kafka_producer *producer, uint64_t number, struct kafka_topic *topic, int64_t timestamp_ms,
                       const struct slice field[RECORD_TIMESTAMP]);
// Brings them into the order of appending.
void kafka_pending_sort(struct kafka_producer *producer);
// Forgets the first `count`.
void kafka_pending_drop(struct kafka_producer *producer, uint32_t count);
// Headers between our form and the client's.
rd_kafka_headers_t *kafka_headers_make(struct slice headers);
void kafka_headers_read(const rd_kafka_headers_t *from, struct buf *out);

// --- kafka_consume.c

struct kafka_partition *kafka_partition_find(const struct kafka_consumer *consumer, const char *topic, int32_t number);
struct kafka_partition *kafka_partition_add(struct kafka *kafka, const char *topic, int32_t number);
// It is not read any more, once kafka_apply has told the client.
void kafka_partition_stop(struct kafka_partition *partition);
void kafka_partition_remove(struct kafka_consumer *consumer, struct kafka_partition *partition);
// Tells the client which partitions are read now, and where; all of them begin anew.
enum status kafka_apply(struct kafka *kafka, struct err *err) MUST_CHECK;
// Nothing comes, for this reason, until something does.
void kafka_trouble(struct kafka_consumer *consumer, const struct err *err);
enum status kafka_seek(struct stream *stream, const char *topic, int32_t partition, int64_t source, int64_t offset,
                       struct err *err) MUST_CHECK;
enum status kafka_unseek(struct stream *stream, const char *topic, int32_t partition, struct err *err) MUST_CHECK;
enum status kafka_poll(struct stream *stream, struct batch *records, int64_t deadline_ns, struct err *err) MUST_CHECK;
enum status kafka_end(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err) MUST_CHECK;
enum status kafka_trouble_of(struct stream *stream, const char *topic, int32_t partition, struct err *err) MUST_CHECK;
enum status kafka_high(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err) MUST_CHECK;
void kafka_wake(struct stream *stream);

// --- kafka_member.c

enum status kafka_join(struct stream *stream, const char *group, const char *const *topics, uint32_t count, struct err *err) MUST_CHECK;
void kafka_leave(struct stream *stream);
bool kafka_change(struct stream *stream, struct stream_change *out);
// Serves what the group and the client have to say.
enum status kafka_serve(struct kafka *kafka, struct err *err) MUST_CHECK;

// --- kafka_pump.c

enum status kafka_pump_start(struct kafka *kafka, struct err *err) MUST_CHECK;
void kafka_pump_stop(struct kafka_pump *pump);
// Takes over the list of what is read now.
void kafka_pump_read(struct kafka_pump *pump, rd_kafka_topic_partition_list_t *partitions);
// The fetcher may be asleep, or the brokers away: works for a little more than a second from now.
void kafka_pump_work(struct kafka_pump *pump);
// Asks once.
void kafka_pump_ask(struct kafka_pump *pump);
// The end of a partition as it was last learned, or -1.
int64_t kafka_pump_end(struct kafka_pump *pump, const char *topic, int32_t partition);

#endif
