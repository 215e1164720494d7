// SPDX-License-Identifier: Apache-2.0
// Opening, running and closing one member of the consumer group.
#include "processing/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/record.h"

void worker_fail(struct worker *self, const struct err *err)
{
    halt_fail(self->halt, err);
    queue_close(self->answered);
    queue_close(self->ready);
    self->stream->ops->wake(self->stream);
}

void worker_observe(const struct worker *self, const struct job *job)
{
    const struct batch *records = job->work->records;
    const struct column *published = &records->columns[RECORD_TIMESTAMP];
    metric_observe_since_us(self->metrics->stage_commit, job->committed_us, published->int64, published->null, records->rows);
    const char *const *names;
    uint32_t table_count = pipeline_tables(job->pipeline, &names);
    for (uint32_t i = 0; i < table_count; i++) {
        const struct batch *rows = job->work->rows[i];
        int at = row_type_column(rows->type, SLICE("ingestion_ts"));
        const struct column *received = at < 0 ? NULL : &rows->columns[at];
        if (received) metric_observe_since_us(self->metrics->end_to_end, job->committed_us, received->int64, received->null, rows->rows);
        if (rows->rows && self->params->stored) self->params->stored(self->params->context, names[i], rows);
    }
}

enum status worker_open(struct worker *self, struct err *err)
{
    const struct process_params *params = self->params;
    struct stream_params stream_params = {params->config, params->log, params->metrics, false};
    struct sink_params sink_params = {params->config, params->log, params->metrics, false};
    if (!self->stream) TRY(stream_open(&self->stream, &stream_params, err));
    TRY(stream_create_topics(self->stream, params->config, err));
    if (!self->sink) TRY(sink_open(&self->sink, &sink_params, err));
    TRY(self->sink->ops->migrate(self->sink, err));
    self->config = params->config;
    struct pipeline_params pipeline_params = {self->config, self->registry, self->sink};
    return pipeline_new(&self->pipeline, &pipeline_params, err);
}

static void make_jobs(struct worker *self)
{
    self->free_count = 0;
    for (int i = 0; i < WORKER_JOBS; i++) {
        self->jobs[i].pipeline = self->pipeline;
        self->jobs[i].work = pipeline_work_new(self->pipeline, (uint32_t)self->params->config->processing.batch_rows);
        self->free_jobs[self->free_count++] = &self->jobs[i];
    }
}

static void free_jobs(struct worker *self)
{
    for (int i = 0; i < WORKER_JOBS; i++) job_fini(&self->jobs[i]);
    struct pipeline *part_pipeline = self->part.pipeline;
    job_fini(&self->part);
    pipeline_free(part_pipeline);
}

enum status worker_reload(struct worker *self, const struct config *config, struct sink *sink, struct err *err)
{
    struct pipeline_params params = {config, self->registry, sink};
    struct pipeline *pipeline;
    TRY(pipeline_new(&pipeline, &params, err));
    struct worker_change *change = memory_new(1, sizeof *change);
    *change = (struct worker_change){config, pipeline, false};
    change = atomic_exchange(&self->next, change);
    if (change) pipeline_free(change->pipeline);
    free(change);
    return OK;
}

enum status worker_adapt(struct worker *self, const struct pipeline *pipeline, uint32_t table, struct err *err)
{
    struct pipeline_params params = {self->config, self->registry, self->sink};
    struct pipeline *made;
    struct row_type *now;
    struct arena arena;
    const char *const *names;
    pipeline_tables(pipeline, &names);
    arena_init(&arena, 4096);
    enum status status = self->sink->ops->table(self->sink, names[table], &arena, &now, err);
    bool altered = status == OK && !pipeline_fits(pipeline, table, now);
    arena_fini(&arena);
    if (altered) status = pipeline_new(&made, &params, err);
    if (!altered || status != OK) return status;
    struct worker_change *change = memory_new(1, sizeof *change), *none = NULL;
    *change = (struct worker_change){self->config, made, true};
    if (!atomic_compare_exchange_strong(&self->next, &none, change)) { // what waits already is of a newer configuration
        free(change);
        pipeline_free(made);
    }
    return err_set(err, REJECT, ERR_STORAGE, "table %s was altered just now; its routes are compiled anew", names[table]);
}

static bool same_topics(const struct pipeline *a, const struct pipeline *b)
{
    const char *const *left, *const *right;
    uint32_t count = pipeline_topics(a, &left);
    bool same = pipeline_topics(b, &right) == count;
    for (uint32_t i = 0; i < count && same; i++) same = !strcmp(left[i], right[i]);
    return same;
}

bool worker_take_change(struct worker *self)
{
    struct worker_change *change = atomic_exchange(&self->next, NULL);
    if (!change) return false;
    log_info(self->params->log, "processing", change->altered ? "a table was altered; the routes fit it anew" : "the routes were changed");
    struct pipeline *former = self->pipeline;
    bool other_topics = !same_topics(former, change->pipeline);
    while (other_topics && self->slot_count) slots_remove(self, self->slots);
    if (other_topics) complaints_clear(&self->complaints);
    free_jobs(self);
    self->pipeline = change->pipeline;
    self->config = change->config;
    free(change);
    make_jobs(self);
    pipeline_free(former);
    return other_topics;
}

void worker_run(struct worker *self)
{
    self->ready = queue_new(WORKER_JOBS + 1);
    self->answered = queue_new(WORKER_JOBS + 1);
    self->claim_job.kind = JOB_CLAIM;
    self->keep = memory_new((size_t)self->params->config->processing.batch_rows, 1);
    make_jobs(self);
    self->running = true;
    if (pthread_create(&self->reader_thread, NULL, reader_main, self) || pthread_create(&self->writer_thread, NULL, writer_main, self))
        abort();
}

void worker_join(struct worker *self)
{
    if (!self->running) return;
    pthread_join(self->writer_thread, NULL); // it waits for the reader
    self->running = false;
}

void worker_close(struct worker *self)
{
    struct worker_change *change = atomic_exchange(&self->next, NULL);
    if (change) pipeline_free(change->pipeline);
    free(change);
    free_jobs(self);
    job_fini(&self->claim_job);
    complaints_fini(&self->complaints);
    free(self->slots);
    free(self->keep);
    positions_fini(&self->positions);
    positions_fini(&self->owned);
    pipeline_free(self->pipeline);
    stream_close(self->stream);
    sink_close(self->sink);
    queue_free(self->ready);
    queue_free(self->answered);
}
