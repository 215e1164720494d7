// SPDX-License-Identifier: Apache-2.0
// Reading a stretch of the stream and processing it once more.
#include "processing/rebuild.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/record.h"
#include "processing/rerun.h"

enum { POLL_MS = 1000, PATIENCE_MS = 30000 }; // with a stream that gives nothing

struct rebuilding {
    const struct rebuild_params *params;
    struct rebuild_summary *summary;
    int64_t *next;         // per partition: the offset that is read next
    struct batch *records; // their source is the number of the partition in params
    uint8_t *keep;
    struct rerun *rerun;
    struct rerun_record *about;
    struct rerun_outcome *outcomes;
    int64_t total;
};

static enum status begin(struct rebuilding *self, struct err *err)
{
    const struct rebuild_params *params = self->params;
    for (uint32_t i = 0; i < params->partition_count; i++) {
        const struct rebuild_partition *partition = &params->partitions[i];
        self->next[i] = partition->from_offset;
        if (partition->from_offset >= partition->to_offset) continue;
        self->total += partition->to_offset - partition->from_offset;
        TRY(params->stream->ops->seek(params->stream, partition->topic, partition->partition, i, partition->from_offset, err));
    }
    return OK;
}

static enum status move_to(struct rebuilding *self, uint32_t index, int64_t offset, struct err *err)
{
    const struct rebuild_params *params = self->params;
    const struct rebuild_partition *partition = &params->partitions[index];
    if (self->next[index] >= partition->to_offset || offset <= self->next[index]) return OK;
    self->next[index] = offset < partition->to_offset ? offset : partition->to_offset;
    if (offset < partition->to_offset) return OK;
    return params->stream->ops->unseek(params->stream, partition->topic, partition->partition, err);
}

static int64_t done(const struct rebuilding *self)
{
    int64_t done = 0;
    for (uint32_t i = 0; i < self->params->partition_count; i++) done += self->next[i] - self->params->partitions[i].from_offset;
    return done;
}

// Leaves the records of the stretch.
static enum status sift(struct rebuilding *self, struct err *err)
{
    struct batch *records = self->records;
    for (uint32_t row = 0; row < records->rows; row++) {
        uint32_t index = (uint32_t)records->source[row];
        self->keep[row] = records->offset[row] < self->params->partitions[index].to_offset;
        TRY(move_to(self, index, records->offset[row] + 1, err));
    }
    batch_cut(records, self->keep);
    return OK;
}

// The last offsets of a stretch may hold no record.
static enum status follow_ends(struct rebuilding *self, struct err *err)
{
    const struct rebuild_params *params = self->params;
    for (uint32_t i = 0; i < params->partition_count; i++) {
        const struct rebuild_partition *partition = &params->partitions[i];
        int64_t end;
        if (self->next[i] >= partition->to_offset) continue;
        TRY(params->stream->ops->end(params->stream, partition->topic, partition->partition, &end, err));
        TRY(move_to(self, i, end, err));
    }
    return OK;
}

static enum status process(struct rebuilding *self, struct err *err)
{
    const struct batch *records = self->records;
    struct rebuild_summary *summary = self->summary;
    for (uint32_t row = 0; row < records->rows; row++) {
        const struct rebuild_partition *partition = &self->params->partitions[records->source[row]];
        self->about[row] =
            (struct rerun_record){.source = partition->source, .topic = partition->route_topic, .partition = partition->partition};
    }
    TRY(rerun_run(self->rerun, records, self->about, true, self->outcomes, err));
    for (uint32_t row = 0; row < records->rows; row++) {
        const struct rerun_outcome *outcome = &self->outcomes[row];
        switch (outcome->fate) {
        case FATE_STORED: summary->stored++; break;
        case FATE_FILTERED: summary->filtered++; break;
        case FATE_QUARANTINED:
            if (!summary->refused++) snprintf(summary->why, sizeof summary->why, "%s", outcome->error);
            break;
        }
    }
    summary->read += records->rows;
    return OK;
}

static enum status read_all(struct rebuilding *self, struct err *err)
{
    const struct rebuild_params *params = self->params;
    int64_t idle_ns = clock_deadline_ms(PATIENCE_MS);
    TRY(begin(self, err));
    while (done(self) < self->total) {
        if (params->progress) params->progress(params->context, done(self), self->total);
        batch_reset(self->records);
        enum status status = params->stream->ops->poll(params->stream, self->records, clock_deadline_ms(POLL_MS), err);
        if (status != OK && status != AGAIN && status != RETRY) return status;
        if (status == OK && self->records->rows) {
            TRY(sift(self, err));
            TRY(process(self, err));
            idle_ns = clock_deadline_ms(PATIENCE_MS);
            continue;
        }
        if (status != RETRY) TRY(follow_ends(self, err));
        if (clock_mono_ns() < idle_ns) continue;
        if (status == RETRY) return err->status = FATAL;
        return err_set(err, FATAL, ERR_STREAM, "the stream has given nothing for %d s; %lld of %lld offsets were read", PATIENCE_MS / 1000,
                       (long long)done(self), (long long)self->total);
    }
    if (params->progress) params->progress(params->context, self->total, self->total);
    return OK;
}

// A table that the records lead to.
static uint32_t table_like(const struct rebuild_params *params)
{
    const char *const *tables;
    uint32_t table = 0, count = pipeline_tables(params->pipeline, &tables);
    while (params->partition_count && table < count && !pipeline_leads(params->pipeline, params->partitions[0].route_topic, table)) table++;
    return table < count ? table : 0;
}

enum status rebuild(const struct rebuild_params *params, struct rebuild_summary *summary, struct err *err)
{
    *summary = (struct rebuild_summary){0};
    struct rebuilding self = {.params = params,
                              .summary = summary,
                              .next = memory_new(params->partition_count, sizeof *self.next),
                              .records = batch_new(&record_row_type, params->batch_rows),
                              .keep = memory_new(params->batch_rows, 1),
                              .rerun = rerun_new(params->pipeline, params->sink, params->into, table_like(params), params->batch_rows),
                              .about = memory_new(params->batch_rows, sizeof *self.about),
                              .outcomes = memory_new(params->batch_rows, sizeof *self.outcomes)};
    enum status status = read_all(&self, err);
    rerun_free(self.rerun);
    batch_free(self.records);
    free(self.next);
    free(self.keep);
    free(self.about);
    free(self.outcomes);
    return status;
}
