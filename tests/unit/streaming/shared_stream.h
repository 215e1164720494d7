// SPDX-License-Identifier: Apache-2.0
// A stream in memory that several registries share, as Kafka is, on which a test decides who is elected, what answers and what is late.
#ifndef FDP_TESTS_STREAMING_SHARED_STREAM_H
#define FDP_TESTS_STREAMING_SHARED_STREAM_H

#include <pthread.h>
#include <time.h>

#include "fixture.h"

enum { SHARED_RECORDS = 4096, SHARED_HANDLES = 16, SHARED_CHANGES = 16 };

struct shared_record {
    struct slice field[RECORD_TIMESTAMP]; // data NULL: null; size 0 and no data in all of them: an offset without a record
    bool control;
};

// One handle.
struct shared_handle {
    struct stream base;
    bool joined, woken, reads;
    int64_t position;
    struct shared_record *pending; // appended, not flushed
    uint32_t pending_count;
    struct stream_change changes[SHARED_CHANGES];
    uint32_t change_count;
};

static struct shared {
    pthread_mutex_t mutex; // guards everything
    pthread_cond_t changed;
    struct stream_topic topic; // no name: it does not exist
    struct shared_record records[SHARED_RECORDS];
    int64_t count;
    struct shared_handle *handles[SHARED_HANDLES];
    int member; // which of the members, in order of joining, has partition 0; -1: none
    struct shared_handle *leader;
    bool down;   // nothing answers
    bool unsure; // flush cannot tell; what was appended waits
    bool refuse; // flush says that nothing was written
    bool gate;   // the next append waits ...
    bool gated;  // ... as long as this is set
    bool creep;  // poll gives one record at a time, slowly
    uint32_t creations;
} shared;

static struct shared_handle *shared_of(struct stream *stream)
{
    return (struct shared_handle *)(void *)stream;
}

static void shared_lock(void)
{
    pthread_mutex_lock(&shared.mutex);
}

static void shared_unlock(void)
{
    pthread_cond_broadcast(&shared.changed);
    pthread_mutex_unlock(&shared.mutex);
}

static bool shared_wait(int64_t deadline_ns)
{
    struct timespec until = {.tv_sec = deadline_ns / SECOND_NS, .tv_nsec = deadline_ns % SECOND_NS};
    if (deadline_ns == INT64_MAX) return !pthread_cond_wait(&shared.changed, &shared.mutex);
    return !pthread_cond_timedwait(&shared.changed, &shared.mutex, &until);
}

static enum status shared_answer(struct err *err)
{
    shared_lock();
    bool down = shared.down;
    shared_unlock();
    return down ? err_set(err, RETRY, ERR_STREAM, "the broker at shared:9092 does not answer") : OK;
}

static enum status shared_topic_create(struct stream *stream, const struct stream_topic *topic, struct err *err)
{
    (void)stream;
    TRY(shared_answer(err));
    shared_lock();
    bool fits = true;
    if (*shared.topic.name) {
        fits = shared.topic.partitions == topic->partitions && shared.topic.compacted == topic->compacted;
    } else {
        shared.topic = *topic;
        shared.creations++;
    }
    shared_unlock();
    return fits ? OK : err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" is another one", topic->name);
}

static enum status shared_topics(struct stream *stream, struct arena *arena, struct stream_topic **out, uint32_t *count, struct err *err)
{
    (void)stream;
    TRY(shared_answer(err));
    shared_lock();
    *out = arena_calloc(arena, 1, sizeof **out);
    **out = shared.topic;
    *count = *shared.topic.name != '\0';
    shared_unlock();
    return OK;
}

static struct slice shared_copy(struct slice bytes)
{
    char *copy = malloc(bytes.size + 1);
    assert_non_null(copy);
    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    return (struct slice){copy, bytes.size};
}

static enum status shared_append(struct stream *stream, const char *topic, const struct batch *records, struct err *err)
{
    struct shared_handle *self = shared_of(stream);
    (void)topic, (void)err;
    shared_lock();
    if (shared.gate) {
        shared.gate = false;
        shared.gated = true;
        while (shared.gated) shared_wait(INT64_MAX);
    }
    self->pending = realloc(self->pending, (self->pending_count + records->rows) * sizeof *self->pending);
    assert_non_null(self->pending);
    for (uint32_t row = 0; row < records->rows; row++) {
        struct shared_record record = {0};
        for (uint32_t c = 0; c < RECORD_TIMESTAMP; c++)
            if (!batch_is_null(records, c, row)) record.field[c] = shared_copy(records->columns[c].text[row]);
        self->pending[self->pending_count++] = record;
    }
    shared_unlock();
    return OK;
}

static void shared_drop(struct shared_record *record)
{
    for (uint32_t c = 0; c < RECORD_TIMESTAMP; c++) {
        void *data;
        memcpy(&data, &record->field[c].data, sizeof data); // it was allocated here
        free(data);
    }
}

static void shared_land(struct shared_handle *self)
{
    for (uint32_t i = 0; i < self->pending_count; i++) shared.records[shared.count++] = self->pending[i];
    self->pending_count = 0;
}

static enum status shared_flush(struct stream *stream, int64_t deadline_ns, struct err *err)
{
    struct shared_handle *self = shared_of(stream);
    shared_lock();
    (void)deadline_ns; // the answer is the same when nobody waits for it
    enum status status = shared.unsure || shared.down ? AGAIN : shared.refuse ? RETRY : OK;
    if (status == RETRY) {
        for (uint32_t i = 0; i < self->pending_count; i++) shared_drop(&self->pending[i]);
        self->pending_count = 0;
    }
    if (status == OK) shared_land(self);
    shared_unlock();
    return status == OK ? OK : err_set(err, status, ERR_STREAM, status == AGAIN ? "not confirmed yet" : "the broker refused it");
}

static void shared_change(struct shared_handle *self, bool given)
{
    struct stream_change *change = &self->changes[self->change_count++];
    *change = (struct stream_change){.given = given, .topic = "_schemas"};
}

// The mutex is held. Gives partition 0 to the member that is to have it.
static void shared_settle(bool tell)
{
    struct shared_handle *leader = NULL;
    int member = 0;
    for (int i = 0; i < SHARED_HANDLES; i++)
        if (shared.handles[i] && shared.handles[i]->joined && member++ == shared.member) leader = shared.handles[i];
    if (leader == shared.leader) return;
    if (shared.leader && tell) shared_change(shared.leader, false);
    if (leader) shared_change(leader, true);
    shared.leader = leader;
}

// The member of this number becomes the writer; the former one hears of it or not.
static void shared_elect(int member, bool tell)
{
    shared_lock();
    shared.member = member;
    shared_settle(tell);
    shared_unlock();
}

static enum status shared_join(struct stream *stream, const char *group, const char *const *topics, uint32_t count, struct err *err)
{
    (void)err;
    assert_string_equal(group, "fdp-registry");
    assert_int_equal(count, 1);
    assert_string_equal(topics[0], "_schemas");
    shared_lock();
    shared_of(stream)->joined = true;
    shared_settle(true);
    shared_unlock();
    return OK;
}

static void shared_leave(struct stream *stream)
{
    shared_lock();
    shared_of(stream)->joined = false;
    if (shared.leader == shared_of(stream)) shared.leader = NULL;
    shared_settle(false);
    shared_unlock();
}

static bool shared_next_change(struct stream *stream, struct stream_change *out)
{
    struct shared_handle *self = shared_of(stream);
    shared_lock();
    bool any = self->change_count;
    if (any) {
        *out = self->changes[0];
        memmove(self->changes, self->changes + 1, --self->change_count * sizeof *self->changes);
    }
    shared_unlock();
    return any;
}

static enum status shared_seek(struct stream *stream, const char *topic, int32_t partition, int64_t source, int64_t offset, struct err *err)
{
    (void)topic, (void)partition, (void)source;
    TRY(shared_answer(err));
    shared_lock();
    shared_of(stream)->position = offset;
    shared_of(stream)->reads = true;
    shared_unlock();
    return OK;
}

static void shared_take(struct shared_handle *self, struct batch *batch)
{
    while (self->position < shared.count && !batch_full(batch) && !(shared.creep && batch->rows)) {
        const struct shared_record *record = &shared.records[self->position++];
        if (record->control) continue;
        uint32_t row = batch_row_begin(batch);
        for (uint32_t c = 0; c < RECORD_TIMESTAMP; c++)
            if (record->field[c].data)
                batch_set_slice(
                    batch, c, row,
                    (struct slice){arena_copy(&batch->arena, record->field[c].data, record->field[c].size), record->field[c].size});
        batch_set_int64(batch, RECORD_TIMESTAMP, row, 0);
        batch->offset[row] = self->position - 1;
        batch_row_commit(batch);
    }
}

static enum status shared_poll(struct stream *stream, struct batch *records, int64_t deadline_ns, struct err *err)
{
    struct shared_handle *self = shared_of(stream);
    shared_lock();
    for (;;) {
        if (records && self->reads && !shared.down) shared_take(self, records);
        if ((records && records->rows) || self->woken || self->change_count || !shared_wait(deadline_ns)) break;
    }
    self->woken = false;
    bool creep = shared.creep;
    shared_unlock();
    if (creep) clock_sleep_until(clock_deadline_ms(30));
    return records && records->rows ? OK : err_set(err, AGAIN, ERR_STREAM, "nothing new");
}

static enum status shared_end(struct stream *stream, const char *topic, int32_t partition, int64_t *offset, struct err *err)
{
    (void)topic, (void)partition, (void)err;
    shared_lock();
    *offset = shared_of(stream)->position;
    shared_unlock();
    return OK;
}

static void shared_wake(struct stream *stream)
{
    shared_lock();
    shared_of(stream)->woken = true;
    shared_unlock();
}

static enum status shared_watermarks(struct stream *stream, const char *topic, int32_t partition, struct stream_watermarks *out,
                                     struct err *err)
{
    (void)stream, (void)topic, (void)partition;
    TRY(shared_answer(err));
    shared_lock();
    *out = (struct stream_watermarks){0, shared.count};
    shared_unlock();
    return OK;
}

static void shared_close(struct stream *stream)
{
    struct shared_handle *self = shared_of(stream);
    shared_lock();
    for (int i = 0; i < SHARED_HANDLES; i++)
        if (shared.handles[i] == self) shared.handles[i] = NULL;
    shared_land(self); // what was in doubt reaches the log after all
    shared_unlock();
    free(self->pending);
    free(self);
}

static const struct stream_ops shared_ops = {
    .scheme = "shared",
    .shares = true,
    .topic_create = shared_topic_create,
    .topics = shared_topics,
    .append = shared_append,
    .flush = shared_flush,
    .join = shared_join,
    .leave = shared_leave,
    .change = shared_next_change,
    .seek = shared_seek,
    .poll = shared_poll,
    .end = shared_end,
    .wake = shared_wake,
    .watermarks = shared_watermarks,
    .close = shared_close,
};

static enum status shared_open(struct stream **out, const struct stream_params *params, struct err *err)
{
    (void)params, (void)err;
    struct shared_handle *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->base.ops = &shared_ops;
    shared_lock();
    int at = 0;
    while (shared.handles[at]) at++;
    shared.handles[at] = self;
    shared_unlock();
    *out = &self->base;
    return OK;
}

static void shared_init(void)
{
    memset(&shared, 0, sizeof shared);
    pthread_mutex_init(&shared.mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&shared.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void shared_fini(void)
{
    for (int64_t i = 0; i < shared.count; i++) shared_drop(&shared.records[i]);
    pthread_cond_destroy(&shared.changed);
    pthread_mutex_destroy(&shared.mutex);
}

static bool shared_get(const bool *what)
{
    shared_lock();
    bool is = *what;
    shared_unlock();
    return is;
}

static int64_t shared_count(void)
{
    shared_lock();
    int64_t count = shared.count;
    shared_unlock();
    return count;
}

// Sets a switch of the stream, such as shared.down.
static void shared_set(bool *what, bool to)
{
    shared_lock();
    *what = to;
    shared_unlock();
}

// A record of another make.
static void shared_add(const char *key, const char *value)
{
    shared_lock();
    struct shared_record *record = &shared.records[shared.count++];
    *record = (struct shared_record){0};
    record->field[RECORD_KEY] = shared_copy(slice_of(key));
    if (value) record->field[RECORD_VALUE] = shared_copy(slice_of(value));
    shared_unlock();
}

// An offset without a record, such as that of a transaction's marker.
static void shared_add_control(void)
{
    shared_lock();
    shared.records[shared.count++] = (struct shared_record){.control = true};
    shared_unlock();
}

// Keeps the last record of each key, as compaction does; the offsets of the others hold no record.
static void shared_compact(void)
{
    shared_lock();
    for (int64_t i = 0; i < shared.count; i++) {
        for (int64_t j = i + 1; j < shared.count && !shared.records[i].control; j++) {
            struct slice a = shared.records[i].field[RECORD_KEY], b = shared.records[j].field[RECORD_KEY];
            shared.records[i].control = !shared.records[j].control && a.size == b.size && !memcmp(a.data, b.data, a.size);
        }
    }
    shared_unlock();
}

// What compaction does to tombstones after a while.
static void shared_drop_tombstones(void)
{
    shared_lock();
    for (int64_t i = 0; i < shared.count; i++)
        if (!shared.records[i].field[RECORD_VALUE].size) shared.records[i].control = true;
    shared_unlock();
}

#endif
