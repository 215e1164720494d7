// SPDX-License-Identifier: Apache-2.0
// The reading half of a worker: follows the consumer group, has partitions claimed, reads, decodes, hands over.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "processing/worker.h"

static const char component[] = "processing";

enum {
    IDLE_POLL_MS = 500, // how often an idle reader looks around
    DRAIN_POLL_MS = 5,  // the same when it has been asked to stop
    HINT_INTERVAL_MS = 1000,
    CHECK_INTERVAL_MS = 3000,
    BACKOFF_MAX_MS = 500,    // of a stream that gives nothing
    COLLECT_BYTES = 4 << 20, // of a batch that stays open while the writer works
};

// --- The group ---

static void follow_group(struct worker *self)
{
    struct stream_change change;
    uint32_t before = self->slot_count;
    bool changed = false;
    while (self->stream->ops->change(self->stream, &change)) {
        changed = self->given = true;
        if (change.given) {
            slots_add(self, change.topic, change.partition);
            continue;
        }
        struct slot *slot = slots_find(self, change.topic, change.partition);
        if (slot) slots_remove(self, slot);
        atomic_fetch_add(&self->generation, 1); // claims on their way come too late
    }
    if (!changed) return;
    if (self->stream->ops->shares)
        log_info(self->params->log, component, "the group has shared out its partitions anew", "partitions", log_number(self->slot_count),
                 "before", log_number(before));
}

static enum status join(struct worker *self, struct err *err)
{
    const char *const *topics;
    uint32_t count = pipeline_topics(self->pipeline, &topics);
    return self->stream->ops->join(self->stream, self->params->config->processing.group, topics, count, err);
}

static enum status join_again(struct worker *self, const struct err *why, struct err *err)
{
    metric_add(self->metrics->fenced, 1);
    log_warn(self->params->log, component, "another worker has taken over; leaving the group and joining it again", "error", why->text);
    self->stream->ops->leave(self->stream);
    self->kept.status = OK;
    follow_group(self);
    return join(self, err);
}

// Whether changed routes wait until nothing is on its way.
static bool change_waits(const struct worker *self)
{
    return atomic_load(&self->next) && (self->claiming || self->free_count < WORKER_JOBS);
}

// Other topics mean another subscription.
static enum status take_change(struct worker *self, struct err *err)
{
    if (!atomic_load(&self->next) || change_waits(self)) return OK;
    struct stream_change change;
    bool other_topics = worker_take_change(self);
    if (!other_topics) return OK;
    positions_fini(&self->owned);
    self->stream->ops->leave(self->stream);
    self->kept.status = OK;
    while (self->stream->ops->change(self->stream, &change)) continue; // all of it is forgotten already
    return join(self, err);
}

// --- Claims ---

// What to do is the same for every way in which a position and a stream can disagree.
#define ADVICE "; if that was done on purpose, fdp groups reset moves the position, with --fresh to a topic that is another one now"

static enum status check_position(const char *topic, const struct sink_partition *claim, const struct stream_watermarks *marks,
                                  struct err *err)
{
    if (claim->next_offset > marks->high)
        return err_set(err, FATAL, ERR_STREAM,
                       "partition %d of %s ends at offset %lld, but the store is at %lld already: the log is shorter" ADVICE,
                       claim->partition, topic, (long long)marks->high, (long long)claim->next_offset);
    if (claim->next_offset < marks->low)
        return err_set(
            err, FATAL, ERR_STREAM,
            "partition %d of %s begins at offset %lld, but the store is only at %lld: retention has removed records in between" ADVICE,
            claim->partition, topic, (long long)marks->low, (long long)claim->next_offset);
    return OK;
}

// A partition that disagrees with the stream stops alone where others share the work; a lone worker refuses to go on.
static enum status refuse(struct worker *self, struct slot *slot, enum status status, struct err *err)
{
    if (status == FATAL && !self->stream->ops->shares) return FATAL;
    slots_put_off(self, slot, err);
    return OK;
}

// What a partition holds that was added to a topic that is being read came after the start, wherever that was.
static bool begins_late(const struct worker *self, const struct slot *slot)
{
    if (strcmp(self->params->config->processing.start, "latest") != 0) return false;
    for (uint32_t i = 0; i < self->slot_count; i++)
        if (self->slots[i].topic == slot->topic && self->slots[i].id) return false;
    return true;
}

// Sends the writer the partitions that wait for a claim; now and then also without one, for a look at those that it has.
static void send_claims(struct worker *self)
{
    if (self->claiming || halt_asked(self->halt)) return;
    struct job *job = &self->claim_job;
    job_reserve(job, self->slot_count);
    job->claim_count = job->claimed = job->loss_count = 0;
    job->generation = atomic_load(&self->generation);
    for (uint32_t i = 0; i < self->slot_count; i++) {
        struct slot *slot = &self->slots[i];
        struct stream_watermarks *marks = &slot->marks;
        struct err err;
        if (slot->state != SLOT_GIVEN || slot->retry_ns > clock_mono_ns()) continue;
        if (self->stream->ops->watermarks(self->stream, slots_topic(self, slot->topic), slot->partition, marks, &err) != OK) {
            slots_put_off(self, slot, &err);
            continue;
        }
        struct sink_partition *claim = &job->claims[job->claim_count++];
        *claim = (struct sink_partition){.partition = slot->partition};
        snprintf(claim->group, sizeof claim->group, "%s", self->params->config->processing.group);
        snprintf(claim->topic, sizeof claim->topic, "%s", slots_topic(self, slot->topic));
        claim->next_offset = begins_late(self, slot) ? marks->high : marks->low;
        slot->state = SLOT_CLAIMING;
    }
    if (!job->claim_count && (clock_mono_ns() < self->check_ns || !self->slot_count)) return;
    self->check_ns = clock_deadline_ms(CHECK_INTERVAL_MS);
    if (queue_push(self->ready, job, 0) == OK) self->claiming = true; // it has room, unless it is closed
}

static enum status begin_reading(struct worker *self, struct slot *slot, const struct sink_partition *claim, struct err *err)
{
    const struct stream_ops *ops = self->stream->ops;
    const char *topic = slots_topic(self, slot->topic);
    struct stream_watermarks *marks = &slot->marks;
    slot->stored_offset = claim->next_offset;
    TRY(ops->watermarks(self->stream, topic, slot->partition, marks, err));
    TRY(check_position(topic, claim, marks, err));
    bool check =
        claim->next_offset > marks->low && claim->next_offset > claim->first_offset && (claim->last_timestamp_us || claim->last_crc);
    TRY(ops->seek(self->stream, topic, slot->partition, claim->id, claim->next_offset - check, err));
    positions_put(&self->positions, claim, slot->topic);
    slot->id = claim->id;
    slot->last_timestamp_us = claim->last_timestamp_us;
    slot->last_crc = claim->last_crc;
    slot->state = check ? SLOT_CHECKING : SLOT_READING;
    if (!atomic_load(&self->settled)) self->backlog += (uint64_t)(marks->high - claim->next_offset);
    return OK;
}

static enum status take_claims(struct worker *self, struct job *job, struct err *err)
{
    self->claiming = false;
    for (uint32_t i = 0; i < job->claim_count; i++) {
        struct slot *slot = slots_find(self, job->claims[i].topic, job->claims[i].partition);
        if (!slot || slot->state != SLOT_CLAIMING) continue; // taken away meanwhile
        slot->state = SLOT_GIVEN;
        if (i >= job->claimed) continue;
        enum status status = begin_reading(self, slot, &job->claims[i], err);
        if (status != OK) TRY(refuse(self, slot, status, err));
    }
    return OK;
}

// The record before the position must be the one that was stored.
static enum status check_identity(struct worker *self, struct slot *slot, const struct batch *records, uint32_t row, struct err *err)
{
    slot->state = SLOT_READING;
    if (records->columns[RECORD_TIMESTAMP].int64[row] == slot->last_timestamp_us && position_crc(records, row) == slot->last_crc) return OK;
    const char *topic = slots_topic(self, slot->topic);
    enum status status =
        err_set(err, FATAL, ERR_STREAM,
                "partition %d of %s holds another record at offset %lld than the one that was stored: the topic is not the same" ADVICE,
                slot->partition, topic, (long long)records->offset[row]);
    TRY(refuse(self, slot, status, err));
    return self->stream->ops->unseek(self->stream, topic, slot->partition, err);
}

// --- Answers ---

static enum status take_losses(struct worker *self, const struct job *job, struct err *err)
{
    bool fenced = false;
    for (uint32_t i = 0; i < job->loss_count; i++) {
        struct slot *slot = slots_of(self, job->losses[i].id);
        if (!slot) continue; // taken away meanwhile: it had to be so
        switch (job->losses[i].kind) {
        case LOSS_FENCED: fenced = true; break;
        case LOSS_PAUSED:
            TRY(self->stream->ops->unseek(self->stream, slots_topic(self, slot->topic), slot->partition, err));
            slots_put_off(self, slot, &job->why);
            break;
        }
    }
    if (!fenced) return OK;
    if (self->stream->ops->shares) return join_again(self, &job->why, err);
    *err = job->why;
    err->status = FATAL;
    return FATAL;
}

static void note_stored(struct worker *self, const struct job *job)
{
    for (uint32_t i = 0; i < job->advance_count; i++) {
        struct slot *slot = slots_of(self, job->advances[i].id);
        if (!slot) continue;
        slot->stored_offset = job->advances[i].to_offset;
        slot->oldest_us = job->advances[i].last_timestamp_us; // the next one is hardly younger
        slots_calm(self, slot);
    }
    self->hint_due = true;
}

// Tells the stream how far the group is, for tools. It is never read by us, so its failure is only worth a debug line.
static void hint(struct worker *self)
{
    if (!self->hint_due || clock_mono_ns() < self->next_hint_ns) return;
    self->hint_due = false;
    self->next_hint_ns = clock_deadline_ms(HINT_INTERVAL_MS);
    struct stream_position *positions = memory_new(self->slot_count, sizeof *positions);
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->slot_count; i++) {
        const struct slot *slot = &self->slots[i];
        if (!slot->id) continue;
        struct stream_position *position = &positions[count++];
        snprintf(position->group, sizeof position->group, "%s", self->params->config->processing.group);
        snprintf(position->topic, sizeof position->topic, "%s", slots_topic(self, slot->topic));
        position->partition = slot->partition;
        position->next_offset = slot->stored_offset;
        position->updated_us = clock_now_us();
    }
    struct err err;
    if (count && self->stream->ops->position_hint(self->stream, positions, count, &err) != OK)
        log_err(self->params->log, LOG_DEBUG, component, "the stream did not take the positions", &err);
    free(positions);
}

// Takes what the writer has answered, waiting for the first until the deadline.
static enum status take_answers(struct worker *self, int64_t deadline_ns, struct err *err)
{
    void *item;
    for (; queue_pop(self->answered, &item, deadline_ns) == OK; deadline_ns = 0) {
        struct job *job = item;
        if (job->kind == JOB_CLAIM) {
            TRY(take_claims(self, job, err));
            TRY(take_losses(self, job, err));
            continue;
        }
        if (job->committed_us) worker_observe(self, job);
        self->free_jobs[self->free_count++] = job;
        note_stored(self, job);
        TRY(take_losses(self, job, err));
    }
    return OK;
}

// --- Records ---

// Leaves what is to be processed: nothing of a partition that was taken away meanwhile, nor the record that only proves a position.
static enum status sift(struct worker *self, struct batch *records, struct err *err)
{
    const struct position *position = NULL;
    uint32_t dropped = 0;
    for (uint32_t row = 0; row < records->rows; row++) {
        if (!position || position->id != records->source[row]) position = positions_find(&self->positions, records->source[row]);
        self->keep[row] = position && records->offset[row] >= position->next_offset;
        dropped += !self->keep[row];
        if (!position || self->keep[row]) continue;
        struct slot *slot = slots_of(self, position->id);
        if (slot && slot->state == SLOT_CHECKING && records->offset[row] == position->next_offset - 1)
            TRY(check_identity(self, slot, records, row, err));
        position = NULL; // it may have gone
    }
    if (dropped) batch_cut(records, self->keep);
    return OK;
}

// What was checked or read up to its end: whether slots are still to be checked, and offsets at the end that hold no record.
static enum status follow_ends(struct worker *self, struct job *job, struct err *err)
{
    for (uint32_t i = 0; i < self->slot_count; i++) {
        struct slot *slot = &self->slots[i];
        struct position *position = slot->id ? positions_find(&self->positions, slot->id) : NULL;
        if (!position) continue;
        int64_t end;
        TRY(self->stream->ops->end(self->stream, slots_topic(self, slot->topic), slot->partition, &end, err));
        // At the end without the record that was to be compared: it is gone (compacted).
        if (slot->state == SLOT_CHECKING && end >= position->next_offset) slot->state = SLOT_READING;
        if (end == position->next_offset && slot->stored_offset == end) slots_calm(self, slot); // nothing is left that could go wrong
        if (end <= position->next_offset) continue;
        struct sink_advance *advance = &job->advances[job->advance_count++];
        *advance = (struct sink_advance){.id = position->id,
                                         .epoch = position->epoch,
                                         .from_offset = position->next_offset,
                                         .to_offset = end,
                                         .skipped = end - position->next_offset};
    }
    positions_sort(job->advances, job->advance_count);
    return OK;
}

// A record whose schema cannot be had now is read again later, with all that follows it in its partition; other partitions go on.
static void hold(struct worker *self, struct work *work, const struct err *why)
{
    const struct batch *records = work->records;
    int64_t source = records->source[work->waiting], from = records->offset[work->waiting];
    int64_t published_us = records->columns[RECORD_TIMESTAMP].int64[work->waiting];
    for (uint32_t row = 0; row < records->rows; row++) self->keep[row] = records->source[row] != source || records->offset[row] < from;
    batch_cut(work->records, self->keep);
    struct slot *slot = slots_of(self, source);
    if (!slot) abort(); // a partition that is read has one
    slot->held = true;
    if (slot->stored_offset == from) slot->oldest_us = published_us;
    self->schema_err = *why;
}

// What comes before those records is on its way to the writer already, and so before the claim.
static enum status put_off_held(struct worker *self, struct err *err)
{
    for (uint32_t i = 0; i < self->slot_count; i++) {
        struct slot *slot = &self->slots[i];
        if (!slot->held) continue;
        slot->held = false;
        TRY(self->stream->ops->unseek(self->stream, slots_topic(self, slot->topic), slot->partition, err));
        slots_put_off(self, slot, &self->schema_err);
    }
    return OK;
}

static enum status process_records(struct worker *self, struct job *job, struct err *err)
{
    int64_t began_ns = clock_mono_ns();
    enum status status;
    while ((status = pipeline_run(self->pipeline, job->work, self->positions.sources, self->positions.count, err)) == RETRY)
        hold(self, job->work, err);
    if (status != OK) return status;
    metric_observe_ns(self->metrics->stage_process, clock_mono_ns() - began_ns);
    job->advance_count = positions_advance(&self->positions, job->work, job->advances);
    return OK;
}

static void observe_stream(struct worker *self, const struct job *job)
{
    const struct batch *records = job->work->records;
    const struct column *published = &records->columns[RECORD_TIMESTAMP];
    metric_observe_since_us(self->metrics->stage_stream, job->polled_us, published->int64, published->null, records->rows);
}

// Until something has to be done about a slot that waits, or it is time to see whether the writer has finished.
static int64_t poll_deadline(const struct worker *self)
{
    if (halt_asked(self->halt)) return clock_deadline_ms(DRAIN_POLL_MS);
    int64_t deadline_ns = clock_deadline_ms(IDLE_POLL_MS);
    for (uint32_t i = 0; i < self->slot_count; i++)
        if (self->slots[i].state == SLOT_GIVEN && self->slots[i].retry_ns < deadline_ns) deadline_ns = self->slots[i].retry_ns;
    return deadline_ns;
}

// As long as the writer is at work the batch stays open: what comes meanwhile goes into the next transaction, not into one after it. The
// end of a partition's reading is kept until the records that came before it are on their way: none of them may be passed over.
static void collect(struct worker *self, struct batch *records)
{
    enum status status = OK;
    struct err err;
    atomic_store(&self->collecting, true);
    while (status == OK && self->free_count < WORKER_JOBS && !queue_fill(self->answered) && !batch_full(records) &&
           records->arena.used_bytes < COLLECT_BYTES && !halt_asked(self->halt)) {
        lag_measure(self);
        status = self->stream->ops->poll(self->stream, records, clock_deadline_ms(IDLE_POLL_MS), &err);
    }
    atomic_store(&self->collecting, false);
    if (status == FATAL) self->kept = err; // anything less is said again
}

static enum status read_records(struct worker *self, struct batch *records, struct err *err)
{
    if (self->kept.status != OK) {
        *err = self->kept;
        self->kept.status = OK;
        return err->status;
    }
    TRY(self->stream->ops->poll(self->stream, records, poll_deadline(self), err));
    collect(self, records);
    return OK;
}

// Fills a job. OK when there is something to write in it, AGAIN when there is not.
static enum status read_job(struct worker *self, struct job *job, struct err *err)
{
    struct batch *records = job->work->records;
    job_reserve(job, self->positions.count);
    job->advance_count = job->loss_count = 0;
    job->committed_us = 0;
    batch_reset(records);
    enum status status = read_records(self, records, err);
    if (status != OK && status != AGAIN) return status;
    complaints_set_down(&self->complaints, COMPLAINT_STREAM, "");
    halt_back_on(self->halt, &self->stream_backoff, "the stream gives records again");
    job->polled_us = clock_now_us();
    follow_group(self);
    if (status == OK) TRY(sift(self, records, err));
    if (records->rows) {
        observe_stream(self, job);
        TRY(process_records(self, job, err));
    } else {
        pipeline_work_clear(self->pipeline, job->work);
        TRY(follow_ends(self, job, err));
    }
    return job->advance_count ? OK : AGAIN;
}

static void send(struct worker *self, struct job *job)
{
    lag_sent(self, job);
    positions_move(&self->positions, job->advances, job->advance_count);
    self->free_count--;
    if (queue_push(self->ready, job, 0) != OK) return; // closed: the writer has failed and said so
    metric_set(self->metrics->queue_fill, (double)queue_fill(self->ready));
}

static void settle(struct worker *self)
{
    if (atomic_load(&self->settled) || !self->given || self->claiming) return;
    for (uint32_t i = 0; i < self->slot_count; i++)
        if (self->slots[i].state != SLOT_READING && !self->slots[i].complained) return;
    atomic_store(&self->settled, true);
}

// True when everything below the stream's present high watermarks has been stored. A partition that waits to be claimed is left to the
// next start: no claims are sent any more.
static enum status drained(struct worker *self, bool *drained, struct err *err)
{
    *drained = !self->claiming && self->free_count == WORKER_JOBS;
    for (uint32_t i = 0; i < self->slot_count && *drained; i++) {
        const struct slot *slot = &self->slots[i];
        struct stream_watermarks marks;
        if (slot->state == SLOT_GIVEN) continue;
        *drained = slot->state == SLOT_READING;
        if (!*drained) return OK;
        TRY(self->stream->ops->watermarks(self->stream, slots_topic(self, slot->topic), slot->partition, &marks, err));
        *drained = positions_find(&self->positions, slot->id)->next_offset >= marks.high;
    }
    return OK;
}

// The stream has given up a partition (its topic is gone, or retention has passed it): it waits alone, where others share the work.
static enum status give_up_lost(struct worker *self, struct err *err)
{
    struct err why;
    uint32_t lost = 0;
    err_set(&why, FATAL, err->code, "%s" ADVICE, err->text);
    for (uint32_t i = 0; i < self->slot_count && self->stream->ops->shares; i++) {
        struct slot *slot = &self->slots[i];
        int64_t end;
        if (!slot->id || self->stream->ops->end(self->stream, slots_topic(self, slot->topic), slot->partition, &end, err) == OK) continue;
        slots_put_off(self, slot, &why);
        lost++;
    }
    *err = why;
    return lost ? OK : FATAL;
}

// Nothing more is read while changed routes wait: under a steady load there would always be something on its way.
static bool may_read(const struct worker *self)
{
    return self->free_count && !change_waits(self);
}

// Once around. OK; FATAL when the worker cannot go on.
static enum status turn(struct worker *self, bool *done, struct err *err)
{
    follow_group(self);
    TRY(take_answers(self, may_read(self) ? 0 : clock_deadline_ms(IDLE_POLL_MS), err));
    TRY(take_change(self, err));
    send_claims(self);
    settle(self);
    hint(self);
    slots_look(self);
    lag_measure(self);
    if (halt_asked(self->halt) && !self->params->alone && self->stream->ops->shares) { // others go on where we stop
        *done = true;
        return OK;
    }
    enum status status;
    if (may_read(self)) {
        status = read_job(self, self->free_jobs[self->free_count - 1], err);
        if (status == OK) send(self, self->free_jobs[self->free_count - 1]);
        if (status == OK || status == AGAIN) TRY(put_off_held(self, err));
    } else {
        status = self->stream->ops->poll(self->stream, NULL, 0, err);
    }
    if (status == FATAL) status = give_up_lost(self, err);
    if (status == AGAIN && halt_asked(self->halt)) status = drained(self, done, err);
    if (status == RETRY && !halt_due(self->halt)) {
        complaints_set_down(&self->complaints, COMPLAINT_STREAM, err->text);
        // What brings it back (members, positions, connections) needs polls.
        if (self->stream_backoff.ms > BACKOFF_MAX_MS / 2) self->stream_backoff.ms = BACKOFF_MAX_MS / 2;
        (void)!halt_back_off(self->halt, &self->stream_backoff, "the stream does not give records; trying again", err);
    }
    return status == FATAL || status == REJECT ? FATAL : OK;
}

static enum status read_until_stopped(struct worker *self, struct err *err)
{
    enum status status;
    struct backoff backoff = {0};
    while ((status = join(self, err)) == RETRY || status == AGAIN)
        if (!halt_back_off(self->halt, &backoff, "cannot join the group yet", err)) return OK;
    bool done = false;
    while (status == OK && !done && !halt_due(self->halt)) status = turn(self, &done, err);
    return status;
}

void *reader_main(void *context)
{
    struct worker *self = context;
    pthread_setname_np(pthread_self(), "fdp-reader");
    struct err err;
    if (read_until_stopped(self, &err) != OK) worker_fail(self, &err);
    queue_close(self->ready);
    return NULL;
}
