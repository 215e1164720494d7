// SPDX-License-Identifier: Apache-2.0
// Appending changes: whose turn it is, and what to do when nobody knows whether something was written.
#include "streaming/registry/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/wait.h"
#include "streaming/embedded.h"

enum {
    WRITE_TIMEOUT_MS = 5000, // for one change, from the wait for its turn to its being read back
    LOOK_TIMEOUT_MS = 2000,  // for whoever only reads
};

struct registry_log_writer {
    struct registry_log_writer_params params;
    const struct registry_election *_Atomic election;
    int lock_fd; // -1 where the log needs none

    pthread_mutex_t mutex; // keeps the other threads of this process out; guards what is below
    struct stream *stream;
    struct batch *outgoing;
    struct registry_term term; // of this writer's last turn
    bool in_doubt;             // something was appended of which nobody knows whether it is there
    bool complained;
    int64_t deadline_ns; // of the change under way
};

// --- Whose turn it is

static enum status may_write(const struct registry_log_writer *self, struct err *err)
{
    const struct registry_election *election = atomic_load(&self->election);
    if (self->params.read_only) return err_set(err, AGAIN, ERR_REGISTRY, "this registry only reads; ask the one of the pipeline");
    if (!registry_follower_shares(self->params.follower) || (election && registry_election_leads(election))) return OK;
    return err_set(err, AGAIN, ERR_REGISTRY,
                   "another registry is the writer of " REGISTRY_TOPIC ", or is being elected; send changes there, or try again");
}

// Keeps other processes out that share an embedded log.
static enum status lock_file(const struct registry_log_writer *self, struct err *err)
{
    while (self->lock_fd >= 0 && flock(self->lock_fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_set(err, FATAL, ERR_REGISTRY, "cannot lock registry.lock beside the log: %s", strerror(errno));
        if (clock_mono_ns() > self->deadline_ns)
            return err_set(err, RETRY, ERR_REGISTRY, "another registry on the same log has been writing for %d ms; try again",
                           WRITE_TIMEOUT_MS);
        clock_sleep_until(clock_mono_ns() + MS_NS);
    }
    return OK;
}

static bool in_turn(const struct registry_log_writer *self)
{
    registry_state_lock(self->params.state);
    struct registry_term term = registry_state_term(self->params.state);
    registry_state_unlock(self->params.state);
    return self->term.number && term.number == self->term.number && term.owner == self->term.owner;
}

// --- Appending

static struct slice copy_to(struct batch *batch, const struct buf *bytes)
{
    return (struct slice){arena_copy(&batch->arena, bytes->data, bytes->size), bytes->size};
}

static void add_term(struct batch *batch, uint32_t row, struct registry_term term, struct buf *scratch)
{
    char text[REGISTRY_TERM_BYTES];
    registry_term_print(term, text);
    buf_reset(scratch);
    record_headers_append(scratch, REGISTRY_TERM_HEADER, slice_of(text));
    batch_set_slice(batch, RECORD_HEADERS, row, copy_to(batch, scratch));
}

static void add_record(const struct registry_log_writer *self, const struct registry_record *record, struct buf *scratch)
{
    struct batch *batch = self->outgoing;
    uint32_t row = batch_row_begin(batch);
    if (self->term.number) add_term(batch, row, self->term, scratch);
    buf_reset(scratch);
    registry_record_key(record, scratch);
    batch_set_slice(batch, RECORD_KEY, row, copy_to(batch, scratch));
    buf_reset(scratch);
    registry_record_value(record, scratch);
    if (scratch->size) batch_set_slice(batch, RECORD_VALUE, row, copy_to(batch, scratch));
    batch_set_int64(batch, RECORD_TIMESTAMP, row, clock_now_us());
    batch_row_commit(batch);
}

static enum status fill_batch(struct registry_log_writer *self, const struct registry_record *records, uint32_t count, struct err *err)
{
    struct buf scratch;
    buf_init(&scratch, BUF_MAX_RECORD);
    batch_reset(self->outgoing);
    for (uint32_t i = 0; i < count && !scratch.full; i++) add_record(self, &records[i], &scratch);
    bool full = scratch.full;
    buf_fini(&scratch);
    return full ? err_set(err, REJECT, ERR_REGISTRY, "its record would be larger than %d bytes", BUF_MAX_RECORD) : OK;
}

// A handle that has failed for good is replaced before the next change.
static enum status drop_if_failed(struct registry_log_writer *self, enum status status)
{
    if (status != FATAL) return status;
    stream_close(self->stream);
    self->stream = NULL;
    self->in_doubt = false;
    return status;
}

// What is in doubt may be written at any time from now on, or never: until that is known nothing can be written after it.
static enum status flush(struct registry_log_writer *self, struct err *err)
{
    enum status status = self->stream->ops->flush(self->stream, self->deadline_ns, err);
    self->in_doubt = status == AGAIN;
    if (status != AGAIN) return drop_if_failed(self, status);
    return err_set(err, RETRY, ERR_REGISTRY,
                   "the stream has not confirmed the change in time; it may still be made: ask whether it is there, or send it again");
}

static enum status catch_up(struct registry_log_writer *self, struct err *err)
{
    return registry_follower_catch_up(self->params.follower, self->deadline_ns, err);
}

// Appends records of this writer's term and waits until the state has them. When that is not OK they may be there all the same.
static enum status append(struct registry_log_writer *self, const struct registry_record *records, uint32_t count, struct err *err)
{
    TRY(fill_batch(self, records, count, err));
    TRY(may_write(self, err));
    enum status status = self->stream->ops->append(self->stream, REGISTRY_TOPIC, self->outgoing, err);
    if (status == AGAIN) return err_set(err, RETRY, ERR_REGISTRY, "the stream takes no records now; try again");
    TRY(drop_if_failed(self, status));
    TRY(flush(self, err));
    TRY(catch_up(self, err));
    if (!self->term.number || in_turn(self)) return OK;
    // Before the other's first record ours counts, after it does not: our reader knows which, and the next question is answered by it.
    return err_set(err, RETRY, ERR_REGISTRY,
                   "another registry has become the writer at the same moment; ask there whether the change was made, or send it again");
}

// --- Taking turns

static enum status begin_term(struct registry_log_writer *self, struct err *err)
{
    uint64_t owner;
    if (getrandom(&owner, sizeof owner, 0) != (ssize_t)sizeof owner)
        return err_set(err, RETRY, ERR_REGISTRY, "the system gives no random numbers: %s", strerror(errno));
    registry_state_lock(self->params.state);
    struct registry_record first = registry_highest_record(self->params.state);
    self->term = (struct registry_term){registry_state_term(self->params.state).number + 1, owner};
    registry_state_unlock(self->params.state);
    return append(self, &first, 1, err);
}

// Overwrites what a former writer wrote after its turn: every reader has refused it, but compaction goes by the order alone.
static enum status repair(struct registry_log_writer *self, struct err *err)
{
    struct registry_record records[REGISTRY_COMMIT_MAX];
    for (;;) {
        registry_state_lock(self->params.state);
        uint32_t count = registry_state_repairs(self->params.state, records, REGISTRY_COMMIT_MAX);
        registry_state_unlock(self->params.state);
        if (!count) return OK;
        TRY(append(self, records, count, err));
        log_warn(self->params.log, "registry", "what a former writer has written late was overwritten", "records", log_number(count));
    }
}

static enum status open_stream(struct registry_log_writer *self, struct err *err)
{
    struct stream_params params = {self->params.config, self->params.log, self->params.metrics, false};
    return self->stream ? OK : self->params.open(&self->stream, &params, err);
}

// Alone now in this process: keeps the others out too, and brings the state up to the end of the log.
static enum status prepare(struct registry_log_writer *self, struct err *err)
{
    TRY(open_stream(self, err));
    TRY(lock_file(self, err));
    if (self->in_doubt) {
        enum status status = flush(self, err);
        if (self->in_doubt) return status; // else it is known now: the log says whether it is there
        TRY(open_stream(self, err));
    }
    TRY(catch_up(self, err));
    if (!registry_follower_shares(self->params.follower)) return OK;
    if (!in_turn(self)) TRY(begin_term(self, err));
    return repair(self, err);
}

static void end(void *context)
{
    struct registry_log_writer *self = context;
    if (self->lock_fd >= 0) flock(self->lock_fd, LOCK_UN);
    pthread_mutex_unlock(&self->mutex);
}

static enum status begin(void *context, struct err *err)
{
    struct registry_log_writer *self = context;
    TRY(may_write(self, err));
    TRY(registry_follower_ready(self->params.follower, err)); // nobody waits for a stream that is known not to answer
    int64_t deadline_ns = clock_deadline_ms(WRITE_TIMEOUT_MS);
    if (!wait_mutex(&self->mutex, deadline_ns))
        return err_set(err, RETRY, ERR_REGISTRY, "other changes have been under way for %d ms; try again", WRITE_TIMEOUT_MS);
    self->deadline_ns = deadline_ns;
    enum status status = prepare(self, err);
    if (status != OK) end(self);
    return status;
}

static enum status commit(void *context, const struct registry_record *records, uint32_t count, struct err *err)
{
    return append(context, records, count, err);
}

static enum status look(void *context, struct err *err)
{
    struct registry_log_writer *self = context;
    return registry_follower_catch_up(self->params.follower, clock_deadline_ms(LOOK_TIMEOUT_MS), err);
}

void registry_log_writer_take_turn(struct registry_log_writer *self)
{
    struct err err;
    registry_state_lock(self->params.state);
    struct registry_record record;
    bool broken = registry_state_repairs(self->params.state, &record, 1);
    registry_state_unlock(self->params.state);
    if (pthread_mutex_trylock(&self->mutex)) return; // whoever is at it does the same
    bool begun = in_turn(self);
    pthread_mutex_unlock(&self->mutex);
    if (begun && !broken) return;
    enum status status = begin(self, &err);
    if (status == OK) end(self);
    if (status != OK && !self->complained) log_err(self->params.log, LOG_WARN, "registry", "cannot begin to write yet; trying again", &err);
    self->complained = status != OK;
}

// --- Making and ending

static enum status open_lock(struct registry_log_writer *self, struct err *err)
{
    char folder[PATH_MAX], path[PATH_MAX + 16];
    if (self->params.read_only || registry_follower_shares(self->params.follower)) return OK;
    TRY(embedded_folder(self->params.config, folder, err));
    snprintf(path, sizeof path, "%s/registry.lock", folder);
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (self->lock_fd >= 0) return OK;
    return err_set(err, FATAL, ERR_REGISTRY, "cannot open %s: %s; %s", path, strerror(errno),
                   errno == EMFILE ? "raise the limit on open files (ulimit -n)" : "the folder of the log must be writable");
}

enum status registry_log_writer_new(struct registry_log_writer **out, const struct registry_log_writer_params *params, struct err *err)
{
    struct registry_log_writer *self = memory_new(1, sizeof *self);
    self->params = *params;
    self->lock_fd = -1;
    self->outgoing = batch_new(&record_row_type, REGISTRY_COMMIT_MAX);
    pthread_mutex_init(&self->mutex, NULL);
    enum status status = open_lock(self, err);
    if (status == OK)
        *out = self;
    else
        registry_log_writer_free(self);
    return status;
}

void registry_log_writer_free(struct registry_log_writer *self)
{
    if (!self) return;
    stream_close(self->stream);
    if (self->lock_fd >= 0) close(self->lock_fd);
    batch_free(self->outgoing);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

void registry_log_writer_follow_election(struct registry_log_writer *self, const struct registry_election *election)
{
    atomic_store(&self->election, election);
}

struct registry_writer registry_log_writer_calls(struct registry_log_writer *self)
{
    return (struct registry_writer){self, look, begin, commit, end};
}
