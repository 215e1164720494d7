// SPDX-License-Identifier: Apache-2.0
// Processing records once more.
#include "processing/rerun.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

enum {
    PATIENCE_MS = 30000, // with a registry that does not answer, or a store that is busy
    FIRST_WAIT_MS = 50,
    LONGEST_WAIT_MS = 2000,
};

struct rerun {
    struct pipeline *pipeline;
    struct sink *sink;
    struct work *work;
    struct arena texts;              // of the outcomes
    struct pipeline_source *sources; // one per record: its number stands in for its source while it is processed
    uint32_t table_count;            // of the pipeline
    struct batch *shadow;            // with `into`: the rows of all of them
    struct batch **written;          // what is handed to the store, and under which names
    struct sink_table *tables;
    uint32_t written_count;
    struct sink_redrive *redrives;

    // Of the run under way.
    const struct batch *records;
    const struct rerun_record *about;
    struct rerun_outcome *outcomes;
    bool write;
};

struct rerun *rerun_new(struct pipeline *pipeline, struct sink *sink, const char *into, uint32_t like, uint32_t capacity)
{
    struct rerun *self = memory_new(1, sizeof *self);
    const char *const *tables;
    self->pipeline = pipeline;
    self->sink = sink;
    self->work = pipeline_work_new(pipeline, capacity);
    self->sources = memory_new(capacity, sizeof *self->sources);
    self->redrives = memory_new(capacity, sizeof *self->redrives);
    self->table_count = pipeline_tables(pipeline, &tables);
    self->shadow = into ? batch_new(self->work->rows[like]->type, capacity) : NULL;
    self->written = into ? &self->shadow : self->work->rows;
    self->written_count = into ? 1 : self->table_count;
    self->tables = memory_new(self->written_count, sizeof *self->tables);
    for (uint32_t i = 0; i < self->written_count; i++) self->tables[i] = (struct sink_table){into ? into : tables[i], self->written[i]};
    arena_init(&self->texts, 4096);
    return self;
}

void rerun_free(struct rerun *self)
{
    if (!self) return;
    pipeline_work_free(self->pipeline, self->work);
    batch_free(self->shadow);
    arena_fini(&self->texts);
    free(self->sources);
    free(self->redrives);
    free(self->tables);
    free(self);
}

// --- Processing ---

// Waits longer each time; false when that has been long enough.
static bool wait_more(int64_t *wait_ms, int64_t until_ns)
{
    if (clock_mono_ns() >= until_ns) return false;
    clock_sleep_until(clock_deadline_ms(*wait_ms));
    *wait_ms = 2 * *wait_ms < LONGEST_WAIT_MS ? 2 * *wait_ms : LONGEST_WAIT_MS;
    return true;
}

static void refuse(struct rerun *self, uint32_t record, struct slice rule, struct slice error)
{
    self->outcomes[record] = (struct rerun_outcome){.fate = FATE_QUARANTINED,
                                                    .rule = arena_copy(&self->texts, rule.data, rule.size),
                                                    .error = arena_copy(&self->texts, error.data, error.size)};
}

static void take_outcomes(struct rerun *self)
{
    const struct work *work = self->work;
    for (uint32_t i = 0; i < work->records->rows; i++)
        self->outcomes[work->records->source[i]] = (struct rerun_outcome){.fate = (enum fate)work->fate[i]};
    for (uint32_t t = 0; t < self->table_count; t++)
        for (uint32_t row = 0; row < work->rows[t]->rows; row++) self->outcomes[work->rows[t]->source[row]].table = t;
    const struct batch *rejects = work->rejects;
    for (uint32_t row = 0; row < rejects->rows; row++)
        refuse(self, (uint32_t)rejects->source[row], rejects->columns[REJECT_RULE].text[row], rejects->columns[REJECT_ERROR].text[row]);
}

static enum status process(struct rerun *self, uint32_t first, uint32_t count, struct err *err)
{
    struct batch *records = self->work->records;
    batch_reset(records);
    for (uint32_t i = first; i < first + count; i++) {
        batch_row_copy(records, self->records, i);
        records->source[i - first] = i;
    }
    int64_t wait_ms = FIRST_WAIT_MS, until_ns = clock_deadline_ms(PATIENCE_MS);
    enum status status;
    while ((status = pipeline_run(self->pipeline, self->work, self->sources, self->records->rows, err)) == RETRY)
        if (!wait_more(&wait_ms, until_ns)) return err->status = FATAL;
    if (status == OK) take_outcomes(self);
    return status;
}

// --- Writing ---

// The rows get the provenance of their records; what is refused does not end an entry.
static uint32_t prepare(struct rerun *self, uint32_t first, uint32_t count)
{
    uint32_t redrives = 0;
    if (self->shadow) batch_reset(self->shadow);
    for (uint32_t t = 0; t < self->table_count; t++) {
        struct batch *rows = self->work->rows[t];
        for (uint32_t row = 0; row < rows->rows; row++) {
            rows->source[row] = self->about[rows->source[row]].source;
            if (self->shadow) batch_row_copy(self->shadow, rows, row);
        }
    }
    for (uint32_t i = first; i < first + count; i++)
        if (self->about[i].entry && self->outcomes[i].fate != FATE_QUARANTINED)
            self->redrives[redrives++] = (struct sink_redrive){self->about[i].entry, self->outcomes[i].fate == FATE_FILTERED};
    return redrives;
}

// Takes a row out that the store refuses, and the record with it.
static void cut_row(struct rerun *self, uint32_t first, uint32_t table, uint32_t row, uint32_t *redrive_count, const struct err *why)
{
    struct batch *rows = self->written[table];
    uint32_t record = first;
    while (self->about[record].source != rows->source[row] || self->records->offset[record] != rows->offset[row]) record++;
    refuse(self, record, SLICE("constraint"), slice_of(why->text));
    uint8_t *keep = memory_new(rows->rows, 1);
    memset(keep, 1, rows->rows);
    keep[row] = 0;
    batch_cut(rows, keep);
    free(keep);
    for (uint32_t i = 0; i < *redrive_count; i++) {
        if (self->redrives[i].entry != self->about[record].entry) continue;
        memmove(&self->redrives[i], &self->redrives[i + 1], (*redrive_count - i - 1) * sizeof *self->redrives);
        --*redrive_count;
        return;
    }
}

static bool nothing_left(const struct rerun *self, uint32_t redrives)
{
    for (uint32_t t = 0; t < self->written_count; t++)
        if (self->written[t]->rows) return false;
    return !redrives;
}

// What was made of `count` records. REJECT: some of it cannot be stored, and it is not known what.
static enum status write_part(struct rerun *self, uint32_t first, uint32_t count, struct err *err)
{
    uint32_t redrives = prepare(self, first, count);
    int64_t wait_ms = FIRST_WAIT_MS, until_ns = clock_deadline_ms(PATIENCE_MS);
    while (!nothing_left(self, redrives)) {
        struct sink_fault fault = {0};
        struct sink_write write = {
            .tables = self->tables, .table_count = self->written_count, .redrives = self->redrives, .redrive_count = redrives};
        enum status status = self->sink->ops->write(self->sink, &write, &fault, err);
        if (status == OK) return OK;
        if (status == AGAIN && wait_more(&wait_ms, until_ns)) continue;
        if (status != REJECT) return status;
        if (fault.kind == SINK_FAULT_ROW)
            cut_row(self, first, fault.table, fault.row, &redrives, err);
        else if (fault.kind == SINK_FAULT_TABLE || fault.kind == SINK_FAULT_NONE)
            return err->status = FATAL;
        else
            return REJECT;
    }
    return OK;
}

static enum status run_part(struct rerun *self, uint32_t first, uint32_t count, struct err *err)
{
    TRY(process(self, first, count, err));
    if (!self->write) return OK;
    enum status status = write_part(self, first, count, err);
    if (status != REJECT) return status;
    if (count == 1) {
        refuse(self, first, SLICE("constraint"), slice_of(err->text));
        return OK;
    }
    TRY(run_part(self, first, count / 2, err));
    return run_part(self, first + count / 2, count - count / 2, err);
}

enum status rerun_run(struct rerun *self, const struct batch *records, const struct rerun_record *about, bool write,
                      struct rerun_outcome *outcomes, struct err *err)
{
    arena_reset(&self->texts);
    self->records = records;
    self->about = about;
    self->outcomes = outcomes;
    self->write = write;
    for (uint32_t i = 0; i < records->rows; i++) self->sources[i] = (struct pipeline_source){i, about[i].topic, about[i].partition};
    return records->rows ? run_part(self, 0, records->rows, err) : OK;
}
