// SPDX-License-Identifier: Apache-2.0
// The writing half of a worker: claims partitions, and makes each job durable once, cutting out what cannot be stored.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avro/framing.h"
#include "base/clock.h"
#include "base/memory.h"
#include "processing/preflight.h"
#include "processing/worker.h"

static const char component[] = "processing";

enum {
    WAIT_MS = 500,
    MENTION_MS = 60000,
    SLOW_TRIES = 3, // of a single record that the store does not manage in time
    // Records that are sent once more for every row that is refused: a unit in which more than one is refused is divided when they are
    // more, so that a job of n records takes O(n log n) of them, however many are refused.
    SENT_AGAIN = 1024,
};

static const char trouble[] = "the store does not take rows; trying again";

// The store answers neither yes nor no: waits. False when there is no time left.
static bool back_off(struct worker *self, struct backoff *backoff, const struct err *err)
{
    metric_add(self->metrics->write_errors, 1);
    complaints_set_down(&self->complaints, COMPLAINT_STORE, err->text);
    return halt_back_off(self->halt, backoff, trouble, err);
}

static void back_on(struct worker *self, struct backoff *backoff)
{
    complaints_set_down(&self->complaints, COMPLAINT_STORE, "");
    halt_back_on(self->halt, backoff, "the store works again");
}

// --- Claims ---

static uint32_t topic_index(const struct worker *self, const char *topic)
{
    const char *const *names;
    uint32_t index = 0, count = pipeline_topics(self->pipeline, &names);
    while (index < count && strcmp(names[index], topic)) index++;
    return index;
}

// Claims what the job names, in the order of topic and partition, until the group has changed its mind.
static enum status claim(struct worker *self, struct job *job, struct err *err)
{
    struct backoff backoff = {0};
    while (job->claimed < job->claim_count) {
        if (atomic_load(&self->generation) != job->generation || halt_asked(self->halt)) return OK;
        struct sink_partition *partition = &job->claims[job->claimed];
        enum status status = self->sink->ops->claim(self->sink, partition, err);
        if (status == AGAIN || status == RETRY) {
            if (!back_off(self, &backoff, err)) return OK;
            continue;
        }
        if (status != OK) return status;
        back_on(self, &backoff);
        positions_put(&self->owned, partition, topic_index(self, partition->topic));
        job->claimed++;
    }
    return OK;
}

struct owner_check {
    const struct positions *owned;
    uint8_t *holds;
};

static bool see_position(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    struct owner_check *check = context;
    const struct position *position = positions_find(check->owned, cells[0].integer);
    if (position && position->epoch == cells[1].integer && position->next_offset == cells[2].integer)
        check->holds[position - check->owned->items] = 1;
    return true;
}

// Where nothing is written, only a look tells that somebody else has moved a position. A store that cannot be asked is waited for, unless
// there is something to write: that waits for itself.
static void check_owned(struct worker *self, struct job *job)
{
    struct backoff backoff = {0};
    struct err err;
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT id, owner_epoch, next_offset FROM fdp_offsets WHERE consumer_group = '%s'",
             self->params->config->processing.group); // its characters are checked with the configuration
    struct owner_check check = {&self->owned, memory_new(self->owned.count + 1, 1)};
    enum status status;
    while ((status = self->sink->ops->query(self->sink, sql, see_position, &check, &err)) == AGAIN || status == RETRY)
        if (queue_fill(self->ready) || !back_off(self, &backoff, &err)) break;
    if (status == OK) {
        back_on(self, &backoff);
        job_reserve(job, self->owned.count);
        for (uint32_t i = self->owned.count; i-- > 0;) {
            if (check.holds[i]) continue;
            err_set(&job->why, RETRY, ERR_STORAGE, "the position of partition %lld of fdp_offsets was moved",
                    (long long)self->owned.items[i].id);
            job_lose(job, LOSS_FENCED, self->owned.items[i].id);
            positions_drop(&self->owned, self->owned.items[i].id);
        }
    }
    free(check.holds);
}

// --- Cutting ---

static uint32_t record_of(const struct batch *records, int64_t source, int64_t offset)
{
    uint32_t row = 0;
    while (records->source[row] != source || records->offset[row] != offset) row++;
    return row;
}

static void cut_one(struct batch *rows, uint32_t row)
{
    uint8_t *keep = memory_new(rows->rows, 1);
    memset(keep, 1, rows->rows);
    keep[row] = 0;
    batch_cut(rows, keep);
    free(keep);
}

// At most once a minute: where one row is refused, thousands may be.
static void mention_refused(struct worker *self, const char *table, int64_t offset, const char *error)
{
    if (clock_mono_ns() < self->refused_ns) return;
    self->refused_ns = clock_deadline_ms(MENTION_MS);
    log_warn(self->params->log, component, "the store refused a row; its record goes to the quarantine", "table", table, "offset",
             log_number(offset), "error", error);
}

// Row `row` of table `table` becomes a quarantined record instead.
static void quarantine_row(struct worker *self, struct job *unit, uint32_t table, uint32_t row, const char *rule, const char *error)
{
    struct work *work = unit->work;
    struct batch *rows = work->rows[table];
    int64_t source = rows->source[row], offset = rows->offset[row];
    uint32_t record = record_of(work->records, source, offset);
    int32_t schema_id = 0;
    struct slice datum;
    if (avro_unframe(work->records->columns[RECORD_VALUE].text[record], &schema_id, &datum, NULL) != OK) schema_id = 0;
    pipeline_reject(work, record, rule, error, schema_id);
    cut_one(rows, row);
    for (uint32_t i = 0; i < unit->advance_count; i++) {
        if (unit->advances[i].id != source) continue;
        unit->advances[i].stored--;
        unit->advances[i].quarantined++;
    }
    const char *const *tables;
    pipeline_tables(unit->pipeline, &tables);
    mention_refused(self, tables[table], offset, error);
}

// The only record of a unit cannot be stored.
static enum status quarantine_only(struct worker *self, struct job *unit, const char *rule, struct err *err)
{
    const char *const *tables;
    uint32_t count = pipeline_tables(unit->pipeline, &tables);
    for (uint32_t i = 0; i < count; i++) {
        if (!unit->work->rows[i]->rows) continue;
        quarantine_row(self, unit, i, 0, rule, err->text);
        return OK;
    }
    return err_context(err, "the store refuses an entry of the quarantine"), FATAL;
}

// An entry of the quarantine that the store refuses is kept in its plainest form: whatever its bytes are, they must not stop the rest.
static enum status plain_reject(struct job *unit, uint32_t row, struct err *err)
{
    struct batch *rejects = unit->work->rejects;
    static const uint32_t droppable[] = {REJECT_HEADERS, REJECT_KEY, REJECT_TIMESTAMP};
    rejects->columns[REJECT_ERROR].text[row] = SLICE("(the text of the error could not be stored)");
    for (size_t i = 0; i < sizeof droppable / sizeof *droppable; i++) {
        if (batch_is_null(rejects, droppable[i], row)) continue;
        rejects->columns[droppable[i]].null[row] = 1;
        return OK;
    }
    return err_context(err, "the store refuses an entry of the quarantine"), FATAL;
}

static void lose(struct job *unit, struct job *job, struct positions *owned, enum job_loss_kind kind, int64_t id)
{
    job_lose(job, kind, id);
    positions_drop(owned, id);
    job_cut(unit, id);
}

// A table does not take the rows. Where the routes do not fit it any more, `err` becomes what a start would say; where they do, but it is
// not the table that they were compiled for, they are compiled anew.
static void look_again(struct worker *self, const struct job *job, uint32_t table, struct err *err)
{
    const char *const *names;
    struct err why;
    pipeline_tables(job->pipeline, &names);
    enum status status = preflight_table(self->config, names[table], self->sink, &why);
    if (status == OK) status = worker_adapt(self, job->pipeline, table, &why);
    if (status == FATAL || status == REJECT) *err = why;
}

// A table cannot be written to: the topics whose records lead there wait, the rest goes on.
static void pause_topics(struct worker *self, struct job *unit, struct job *job, uint32_t table, const struct err *err)
{
    job->why = *err;
    for (uint32_t i = unit->advance_count; i-- > 0;) {
        int64_t id = unit->advances[i].id;
        const struct position *position = positions_find(&self->owned, id);
        if (pipeline_leads(unit->pipeline, self->owned.sources[position - self->owned.items].topic, table))
            lose(unit, job, &self->owned, LOSS_PAUSED, id);
    }
}

// What is not at the position that the store has was read before a partition was lost: it is read again when it is claimed again.
static void cut_stale(struct worker *self, struct job *unit)
{
    for (uint32_t i = unit->advance_count; i-- > 0;) {
        const struct sink_advance *advance = &unit->advances[i];
        const struct position *position = positions_find(&self->owned, advance->id);
        if (!position || position->epoch != advance->epoch || position->next_offset != advance->from_offset) job_cut(unit, advance->id);
    }
}

// --- Writing ---

// At most once a minute: a producer that goes wrong does so with every record.
static void mention_quarantine(struct worker *self, uint64_t count)
{
    self->unmentioned += count;
    if (!count || clock_mono_ns() < self->quarantine_ns) return;
    self->quarantine_ns = clock_deadline_ms(MENTION_MS);
    log_warn(self->params->log, component, "records have gone to the quarantine; fdp quarantine list tells why", "records",
             log_number((int64_t)self->unmentioned));
    self->unmentioned = 0;
}

// Once for each table: nobody looks for rows that a trigger has dropped, since they count as stored.
static void mention_dropping(struct worker *self, const struct job *unit, uint64_t dropping)
{
    const char *const *tables;
    uint32_t count = pipeline_tables(unit->pipeline, &tables);
    for (uint32_t i = 0; i < count; i++)
        if (dropping & ~self->dropping & (UINT64_C(1) << i))
            log_warn(self->params->log, component, "a trigger drops rows, which count as stored and are not there", "table", tables[i]);
    self->dropping |= dropping;
}

static void count_commit(struct worker *self, const struct job *unit)
{
    struct process_summary counts = {0};
    for (uint32_t i = 0; i < unit->advance_count; i++) {
        counts.stored += (uint64_t)unit->advances[i].stored;
        counts.quarantined += (uint64_t)unit->advances[i].quarantined;
        counts.filtered += (uint64_t)unit->advances[i].filtered;
        counts.skipped += (uint64_t)unit->advances[i].skipped;
    }
    const struct process_metrics *metrics = self->metrics;
    self->summary.stored += counts.stored;
    self->summary.quarantined += counts.quarantined;
    self->summary.filtered += counts.filtered;
    self->summary.skipped += counts.skipped;
    metric_add(metrics->stored, counts.stored);
    metric_add(metrics->quarantined, counts.quarantined);
    mention_quarantine(self, counts.quarantined);
    metric_add(metrics->filtered, counts.filtered);
    metric_add(metrics->skipped, counts.skipped);
    metric_add(metrics->batches, 1);
    metric_set(metrics->batch_rows, (double)unit->work->records->rows);
}

// Looking at every row takes time in which the store would wait for the next job: if there is one, the reader does it.
static void committed(struct worker *self, struct job *unit, const struct job *job)
{
    positions_move(&self->owned, unit->advances, unit->advance_count);
    count_commit(self, unit);
    unit->committed_us = clock_now_us();
    if (unit == job && queue_fill(self->ready)) return;
    worker_observe(self, unit);
    unit->committed_us = 0;
}

static enum status sink_write_unit(struct worker *self, const struct job *unit, struct sink_fault *fault, struct err *err)
{
    struct sink_table tables[64];
    const char *const *names;
    uint32_t count = pipeline_tables(unit->pipeline, &names);
    if (count > sizeof tables / sizeof *tables)
        return err_set(err, FATAL, ERR_CONFIG, "processing.routes lead to more than %zu tables", sizeof tables / sizeof *tables);
    for (uint32_t i = 0; i < count; i++) tables[i] = (struct sink_table){names[i], unit->work->rows[i]};
    struct sink_write write = {.tables = tables,
                               .table_count = count,
                               .rejects = unit->work->rejects,
                               .advances = unit->advances,
                               .advance_count = unit->advance_count};
    *fault = (struct sink_fault){0};
    return self->sink->ops->write(self->sink, &write, fault, err);
}

// The truth about one advance. OK: `*epoch` and `*next_offset` are what the store has.
static enum status ask(struct worker *self, const struct sink_advance *advance, struct sink_partition *truth, struct err *err)
{
    const struct position *position = positions_find(&self->owned, advance->id);
    const struct pipeline_source *source = &self->owned.sources[position - self->owned.items];
    const char *const *topics;
    pipeline_topics(self->pipeline, &topics);
    *truth = (struct sink_partition){.partition = source->partition, .epoch = advance->epoch};
    snprintf(truth->group, sizeof truth->group, "%s", self->params->config->processing.group);
    snprintf(truth->topic, sizeof truth->topic, "%s", topics[source->topic]);
    return self->sink->ops->claim(self->sink, truth, err);
}

// After doubt: asks the store what it has. Partitions that another has taken over are cut. `*done`: the unit was committed after all.
static enum status resolve(struct worker *self, struct job *unit, struct job *job, bool *done, struct err *err)
{
    struct err why = *err;
    struct backoff backoff = {0};
    *done = false;
    for (uint32_t i = unit->advance_count; i-- > 0;) {
        const struct sink_advance *advance = &unit->advances[i];
        struct sink_partition truth;
        enum status status;
        while ((status = ask(self, advance, &truth, err)) == AGAIN || status == RETRY)
            if (!back_off(self, &backoff, err)) return RETRY;
        if (status != OK) return status;
        if (truth.epoch == advance->epoch && truth.next_offset == advance->to_offset) {
            *done = true;
        } else if (truth.epoch != advance->epoch || truth.next_offset != advance->from_offset) {
            job->why = why;
            lose(unit, job, &self->owned, LOSS_FENCED, advance->id);
        }
    }
    back_on(self, &backoff);
    return OK;
}

// Until it is durable. AGAIN: it must be written in smaller parts. RETRY: the time to stop has come first.
static enum status write_unit(struct worker *self, struct job *unit, struct job *job, struct err *err)
{
    struct backoff backoff = {0};
    int slow = 0;
    uint32_t refused = 0;
    while (unit->advance_count) {
        struct sink_fault fault;
        bool single = unit->work->records->rows <= 1, done = false;
        enum status status = sink_write_unit(self, unit, &fault, err);
        switch (status) {
        case OK:
            mention_dropping(self, unit, fault.dropping);
            done = true;
            break;
        case REJECT:
            switch (fault.kind) {
            case SINK_FAULT_ROW:
                if (++refused > 1 && (uint64_t)refused * unit->work->records->rows > SENT_AGAIN) return AGAIN;
                quarantine_row(self, unit, fault.table, fault.row, "constraint", err->text);
                break;
            case SINK_FAULT_REJECT: TRY(plain_reject(unit, fault.row, err)); break;
            case SINK_FAULT_SLOW:
                if (single && ++slow < SLOW_TRIES) break;
                if (!single) return AGAIN;
                TRY(quarantine_only(self, unit, "timeout", err));
                break;
            case SINK_FAULT_SOME:
                if (!single) return AGAIN;
                TRY(quarantine_only(self, unit, "constraint", err));
                break;
            case SINK_FAULT_TABLE:
                look_again(self, job, fault.table, err);
                pause_topics(self, unit, job, fault.table, err);
                break;
            case SINK_FAULT_NONE:
            case SINK_FAULT_FENCED: return FATAL;
            }
            break;
        case AGAIN:
            if (!back_off(self, &backoff, err)) return RETRY;
            break;
        case RETRY:
            if (fault.kind != SINK_FAULT_FENCED && !back_off(self, &backoff, err)) return RETRY;
            TRY(resolve(self, unit, job, &done, err));
            break;
        case FATAL: return FATAL;
        }
        if (!done) continue;
        back_on(self, &backoff);
        committed(self, unit, job);
        return OK;
    }
    return OK;
}

// --- Parts ---

static enum status part_open(struct worker *self, const struct job *job, struct err *err)
{
    if (self->part.work) return OK;
    struct backoff backoff = {0};
    struct pipeline_params params = {self->config, self->registry, self->sink};
    enum status status;
    while ((status = pipeline_new(&self->part.pipeline, &params, err)) == RETRY || status == AGAIN)
        if (!back_off(self, &backoff, err)) return RETRY;
    if (status != OK) return status;
    back_on(self, &backoff);
    self->part.work = pipeline_work_new(self->part.pipeline, job->work->records->capacity);
    return OK;
}

static void part_fill(struct worker *self, const struct job *job, uint32_t first, uint32_t count)
{
    struct batch *records = self->part.work->records;
    batch_reset(records);
    for (uint32_t row = first; row < first + count; row++) {
        const struct position *position = positions_find(&self->owned, job->work->records->source[row]);
        if (position && job->work->records->offset[row] >= position->next_offset) batch_row_copy(records, job->work->records, row);
    }
}

// Writes some of a job's records, processed anew, and divides them as long as something stands in the way.
static enum status write_part(struct worker *self, struct job *job, uint32_t first, uint32_t count, struct err *err)
{
    struct job *part = &self->part;
    struct backoff backoff = {0};
    enum status status;
    part_fill(self, job, first, count);
    while ((status = pipeline_run(part->pipeline, part->work, self->owned.sources, self->owned.count, err)) == RETRY)
        if (!back_off(self, &backoff, err)) return RETRY;
    if (status != OK) return status;
    back_on(self, &backoff);
    job_reserve(part, self->owned.count);
    part->advance_count = positions_advance(&self->owned, part->work, part->advances);
    status = write_unit(self, part, job, err);
    if (status != AGAIN) return status;
    TRY(write_part(self, job, first, count / 2, err));
    return write_part(self, job, first + count / 2, count - count / 2, err);
}

static enum status write_job(struct worker *self, struct job *job, struct err *err)
{
    cut_stale(self, job);
    enum status status = write_unit(self, job, job, err);
    if (status != AGAIN) return status;
    TRY(part_open(self, job, err));
    uint32_t rows = job->work->records->rows;
    TRY(write_part(self, job, 0, rows / 2, err));
    return write_part(self, job, rows / 2, rows - rows / 2, err);
}

// --- The thread ---

static enum status do_job(struct worker *self, struct job *job, struct err *err)
{
    if (job->kind == JOB_CLAIM) {
        TRY(claim(self, job, err));
        check_owned(self, job);
        return OK;
    }
    int64_t began_ns = clock_mono_ns();
    TRY(write_job(self, job, err));
    metric_observe_ns(self->metrics->stage_write, clock_mono_ns() - began_ns);
    return OK;
}

static enum status write_until_closed(struct worker *self, struct err *err)
{
    for (;;) {
        void *item;
        enum status status = queue_pop(self->ready, &item, clock_deadline_ms(WAIT_MS));
        if (status == AGAIN) continue;
        if (status != OK) return OK; // closed and empty
        struct job *job = item;
        metric_set(self->metrics->queue_fill, (double)queue_fill(self->ready));
        status = do_job(self, job, err);
        if (status == RETRY) return OK; // out of time: the next start reads it again
        if (status != OK) return status;
        bool urgent = job->kind == JOB_CLAIM || job->loss_count;
        if (queue_push(self->answered, job, 0) != OK) return OK;
        if (urgent || atomic_load(&self->collecting)) self->stream->ops->wake(self->stream);
    }
}

void *writer_main(void *context)
{
    struct worker *self = context;
    pthread_setname_np(pthread_self(), "fdp-writer");
    struct err err;
    if (write_until_closed(self, &err) != OK) worker_fail(self, &err);
    queue_close(self->answered);
    pthread_join(self->reader_thread, NULL);
    self->stream->ops->leave(self->stream); // takes a while when the group is busy; so all workers do it at the same time
    while (self->slot_count) slots_remove(self, self->slots);
    return NULL;
}
