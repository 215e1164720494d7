// SPDX-License-Identifier: Apache-2.0
// The seam to a stream of records: topics with partitions, appended to durably, read by offset.
//
// A struct stream is one thread's handle; open as many as there are threads. Records travel as batches of record_row_type.
// Positions are (topic, partition, offset). What is full or busy answers AGAIN, which pauses whoever appends.
#ifndef FDP_STREAMING_STREAM_H
#define FDP_STREAMING_STREAM_H

#include "base/err.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/record.h"

enum { STREAM_TOPIC_MAX = 249, STREAM_GROUP_MAX = 255, STREAM_PARTITIONS_MAX = 1000 };

struct stream_params {
    const struct config *config; // streaming.*, data
    const struct log *log;
    struct metric_registry *metrics; // may be NULL
    bool read_only;                  // a tool that must not create anything
};

struct stream_topic {
    char name[STREAM_TOPIC_MAX + 1];
    int32_t partitions;
    int64_t retention_ms, retention_bytes; // -1: keep
    bool asked;                            // for this retention: else a server that has its own (Kafka) goes by that
    bool compacted;                        // keeps the last record of each key for ever (_schemas)
};

struct stream_watermarks {
    int64_t low;  // offset of the oldest record that is still there
    int64_t high; // offset that the next record will get
};

// A change in what the consumer group lets this member read.
struct stream_change {
    bool given; // else taken away: it is no longer read
    char topic[STREAM_TOPIC_MAX + 1];
    int32_t partition;
};

// A consumer group as its stream sees it.
struct stream_group {
    char name[STREAM_GROUP_MAX + 1];
    const char *state; // "stable", "empty", "rebalancing", "dead"; "" where the stream does not know (embedded)
    uint32_t member_count;
    struct stream_member {
        const char *id, *client, *host;
        uint32_t partition_count;
        const struct stream_change *partitions; // what it reads
    } * members;
};

struct stream_position {
    char group[STREAM_GROUP_MAX + 1];
    char topic[STREAM_TOPIC_MAX + 1];
    int32_t partition;
    int64_t next_offset, updated_us;
};

// Common head of every back end's own struct.
struct stream {
    const struct stream_ops *ops;
};

struct stream_ops {
    const char *scheme; // "embedded", "kafka"
    bool shares;        // a consumer group shares its partitions out among its members; else whoever claims last has them all
    enum status (*open)(struct stream **out, const struct stream_params *params, struct err *err) MUST_CHECK;

    // OK also when it exists with as many partitions, or more; FATAL / ERR_STREAM when it has fewer (stream_topic_fits).
    enum status (*topic_create)(struct stream *stream, const struct stream_topic *topic, struct err *err) MUST_CHECK;
    enum status (*topic_delete)(struct stream *stream, const char *topic, struct err *err) MUST_CHECK;
    // All topics, sorted by name, in `arena`.
    enum status (*topics)(struct stream *stream, struct arena *arena, struct stream_topic **out, uint32_t *count,
                          struct err *err) MUST_CHECK;

    // Adds rows of record_row_type to a topic, each to the partition that record_partition gives its key (a null key goes to any). They
    // are copied. REJECT: a record is too long, nothing was added. Anything else than OK or REJECT: nothing of what was added since the
    // last flush is there; append all of it again.
    enum status (*append)(struct stream *stream, const char *topic, const struct batch *records, struct err *err) MUST_CHECK;
    // Makes all that was appended durable, waiting until the deadline. OK: it is. AGAIN: not yet, and it may still become so; flush again
    // (or give up at a shutdown: then nobody knows). RETRY: nothing of it is there or will be; append it again.
    enum status (*flush)(struct stream *stream, int64_t deadline_ns, struct err *err) MUST_CHECK;

    // Becomes a member of a consumer group that reads these topics; poll must be called often from now on. A stream without groups
    // (embedded) gives all partitions at once. What the group gives and takes is told by `change`.
    enum status (*join)(struct stream *stream, const char *group, const char *const *topics, uint32_t count, struct err *err) MUST_CHECK;
    // Gives everything back (each partition as a change) and ends the membership; join may follow.
    void (*leave)(struct stream *stream);
    // The next change since the last call; false when there is none. A partition that is given is read after `seek`, not before.
    bool (*change)(struct stream *stream, struct stream_change *out);

    // Begins (or moves) reading of a partition at `offset`; its records carry `source` as provenance. Below the low watermark: FATAL.
    enum status (*seek)(struct stream *stream, const char *topic, int32_t partition, int64_t source, int64_t offset,
                        struct err *err) MUST_CHECK;
    // Ends reading of a partition.
    enum status (*unseek)(struct stream *stream, const char *topic, int32_t partition, struct err *err) MUST_CHECK;
    // Waits for records of any partition that is read, until the deadline; then takes what there is, up to the batch's room. Offsets of
    // one partition rise; a gap means offsets that hold no record. OK with rows; AGAIN at the deadline, or before it when there is a
    // `change`. With `records` NULL it takes none: it only keeps the membership alive for one whose batches are all in use.
    enum status (*poll)(struct stream *stream, struct batch *records, int64_t deadline_ns, struct err *err) MUST_CHECK;
    // One past the last offset of a partition that is read of which it is known that all records before it were given: beyond what poll
    // gave, the offsets up to here hold no record (control records, compacted).
    enum status (*end)(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err) MUST_CHECK;
    // Why the last attempt to read a partition failed, while it is tried again and others are read: RETRY. OK: it did not.
    enum status (*trouble)(struct stream *stream, const char *topic, int32_t partition, struct err *err) MUST_CHECK;
    // The high watermark of a partition that is read, as it was last heard of: asks nobody and does not wait. AGAIN: not heard of yet.
    enum status (*high)(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err) MUST_CHECK;
    // Wakes a poll from another thread.
    void (*wake)(struct stream *stream);

    enum status (*watermarks)(struct stream *stream, const char *topic, int32_t partition, struct stream_watermarks *out,
                              struct err *err) MUST_CHECK;
    // The first offset whose record's timestamp is at or after `us`; the high watermark when there is none.
    enum status (*offset_at)(struct stream *stream, const char *topic, int32_t partition, int64_t us, int64_t *offset,
                             struct err *err) MUST_CHECK;

    // Positions of consumer groups, as a hint for tools; never trusted by us.
    enum status (*position_hint)(struct stream *stream, const struct stream_position *positions, uint32_t count,
                                 struct err *err) MUST_CHECK;
    enum status (*positions)(struct stream *stream, struct arena *arena, struct stream_position **out, uint32_t *count,
                             struct err *err) MUST_CHECK;
    // All consumer groups that the stream knows, with their members.
    enum status (*groups)(struct stream *stream, struct arena *arena, struct stream_group **out, uint32_t *count,
                          struct err *err) MUST_CHECK;

    // Deletes what retention allows; called now and then by the role that appends. A call takes milliseconds: what it did not get to is
    // left to the next. `deleted` is in records, and may be NULL.
    enum status (*retain)(struct stream *stream, int64_t now_us, uint64_t *deleted, struct err *err) MUST_CHECK;
    void (*close)(struct stream *stream);
};

extern const struct stream_ops stream_embedded, stream_kafka;

// Opens the back end that streaming.url names. FATAL / ERR_STREAM with what to do when it cannot.
enum status stream_open(struct stream **out, const struct stream_params *params, struct err *err) MUST_CHECK;
void stream_close(struct stream *stream); // NULL is fine

// Where ingestion puts what it cannot decode or route: one partition, no schema.
#define STREAM_REJECTED_TOPIC "tickers.rejected"
// Whether a topic that has so many partitions can be used where `wanted` was asked for; else `err` is FATAL and says what to do. It may
// have been given more since, but for a compacted one: there each key stays where it is.
bool stream_topic_fits(const struct stream_topic *wanted, int32_t partitions, struct err *err) MUST_CHECK;
// The topic of that name; NULL: none.
const struct stream_topic *stream_topic_find(const struct stream_topic *topics, uint32_t count, const char *name);

// Creates the topics of streaming.topics and STREAM_REJECTED_TOPIC where they are missing: every role does so at its start.
enum status stream_create_topics(struct stream *stream, const struct config *config, struct err *err) MUST_CHECK;

#endif
