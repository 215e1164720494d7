// SPDX-License-Identifier: Apache-2.0
// The worker's two threads and the queues between them.
#include "processing/process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "avro/framing.h"
#include "base/clock.h"
#include "base/halt.h"
#include "base/queue.h"
#include "processing/partitions.h"
#include "processing/pipeline.h"

static const char component[] = "processing";

enum {
    JOBS = 2,           // one is filled while the other is written
    IDLE_POLL_MS = 500, // how often an idle reader looks whether it should stop
    HINT_INTERVAL_MS = 1000,
};

// A batch of records on its way through the worker.
struct job {
    struct work *work;
    struct sink_advance *advances;
    uint32_t advance_count;
    int64_t polled_us;
};

// Who may touch what: fields above `idle` are set before the threads start; the reader's and the writer's fields are theirs alone until
// the threads are joined; the rest is atomic or under its own lock.
struct process {
    struct process_params params;
    struct registry_client *registry;
    struct pipeline *pipeline;
    uint64_t backlog;
    struct sink_table *tables; // one per table, the batch filled in per job
    int *received_column;      // per table: its ingestion_ts, or -1
    struct job jobs[JOBS];

    struct queue *idle, *ready; // of struct job
    pthread_t reader, writer;

    struct stream *stream;          // reader's
    struct partitions partitions;   // reader's
    struct sink *sink;              // writer's
    struct stream *hint_stream;     // writer's
    int64_t next_hint_ns;           // writer's
    struct process_summary summary; // writer's

    struct halt halt;

    struct metric *stored, *quarantined, *filtered, *skipped, *batches, *batch_rows, *write_errors, *queue_fill;
    struct metric *stage_stream, *stage_process, *stage_write, *end_to_end;
};

static void fail(struct process *self, const struct err *err)
{
    halt_fail(&self->halt, err);
    queue_close(self->idle);
    queue_close(self->ready);
    self->stream->ops->wake(self->stream);
}

// --- Reader ---

static enum status process_records(struct process *self, struct job *job, struct err *err)
{
    struct backoff backoff = {0};
    int64_t began_ns = clock_mono_ns();
    enum status status;
    while ((status = pipeline_run(self->pipeline, job->work, self->partitions.sources, self->partitions.count, err)) == RETRY)
        if (!halt_back_off(&self->halt, &backoff, "waiting for a schema", err)) return RETRY;
    if (status != OK) return status;
    halt_back_on(&self->halt, &backoff, "the schema is there, going on");
    metric_observe_ns(self->stage_process, clock_mono_ns() - began_ns);
    job->advance_count = partitions_advance(&self->partitions, job->work, job->advances);
    return OK;
}

static void observe_stream(struct process *self, const struct job *job)
{
    const struct batch *records = job->work->records;
    for (uint32_t row = 0; row < records->rows; row++)
        metric_observe_ns(self->stage_stream, (job->polled_us - records->columns[RECORD_TIMESTAMP].int64[row]) * 1000);
}

// Fills and hands over one job. AGAIN when there was nothing to read.
static enum status read_job(struct process *self, struct job *job, struct err *err)
{
    batch_reset(job->work->records);
    TRY(self->stream->ops->poll(self->stream, job->work->records, clock_deadline_ms(IDLE_POLL_MS), err));
    job->polled_us = clock_now_us();
    observe_stream(self, job);
    TRY(process_records(self, job, err));
    enum status status;
    while ((status = queue_push(self->ready, job, clock_deadline_ms(IDLE_POLL_MS))) == AGAIN)
        if (halt_due(&self->halt))
            return err_set(err, RETRY, ERR_STORAGE, "the store did not take everything in time; the rest is read again at the next start");
    metric_set(self->queue_fill, (double)queue_fill(self->ready));
    return status == OK ? OK : RETRY; // closed: the writer has failed and said so
}

static enum status read_until_stopped(struct process *self, struct err *err)
{
    void *job = NULL;
    while (!halt_due(&self->halt)) {
        if (!job && queue_pop(self->idle, &job, clock_deadline_ms(IDLE_POLL_MS)) != OK) continue;
        enum status status = read_job(self, job, err);
        if (status == OK) job = NULL;
        if (status == FATAL || status == REJECT) return status;
        if (status == AGAIN && halt_asked(&self->halt)) {
            bool drained;
            TRY(partitions_drained(&self->partitions, self->pipeline, self->stream, &drained, err));
            if (drained) return OK;
        }
    }
    return OK;
}

static void *reader_main(void *context)
{
    struct process *self = context;
    pthread_setname_np(pthread_self(), "fdp-reader");
    struct err err;
    if (read_until_stopped(self, &err) != OK) fail(self, &err);
    queue_close(self->ready);
    return NULL;
}

// --- Writer ---

static void cut_row(struct process *self, struct job *job, const struct sink_fault *fault, const struct err *err)
{
    struct work *work = job->work;
    struct batch *rows = work->rows[fault->table];
    int64_t source = rows->source[fault->row], offset = rows->offset[fault->row];
    uint32_t record = 0;
    while (work->records->source[record] != source || work->records->offset[record] != offset) record++;

    int32_t schema_id = 0;
    struct slice datum;
    if (avro_unframe(work->records->columns[RECORD_VALUE].text[record], &schema_id, &datum, NULL) != OK) schema_id = 0;
    pipeline_reject(work, record, "constraint", err->text, schema_id);

    uint8_t *keep = malloc(rows->rows);
    if (!keep) abort();
    memset(keep, 1, rows->rows);
    keep[fault->row] = 0;
    batch_cut(rows, keep);
    free(keep);
    for (uint32_t i = 0; i < job->advance_count; i++) {
        if (job->advances[i].id != source) continue;
        job->advances[i].stored--;
        job->advances[i].quarantined++;
    }
    log_warn(self->params.log, component, "the store refused a row; its record is in the quarantine", "table",
             self->tables[fault->table].name, "offset", log_number(offset), "error", err->text);
}

// Until it is durable. RETRY when the time to stop has come first.
static enum status write_job(struct process *self, struct job *job, struct err *err)
{
    struct backoff backoff = {0};
    const char *const *names;
    uint32_t table_count = pipeline_tables(self->pipeline, &names);
    for (uint32_t i = 0; i < table_count; i++) self->tables[i] = (struct sink_table){names[i], job->work->rows[i]};
    struct sink_write write = {self->tables, table_count, job->work->rejects, job->advances, job->advance_count};
    for (;;) {
        struct sink_fault fault;
        enum status status = self->sink->ops->write(self->sink, &write, &fault, err);
        switch (status) {
        case OK: halt_back_on(&self->halt, &backoff, "the store works again"); return OK;
        case REJECT:
            if (!fault.row_known) return err_set(err, FATAL, ERR_STORAGE, "%s (the store did not say which row)", err->text);
            cut_row(self, job, &fault, err);
            break;
        case AGAIN:
        case RETRY:
            metric_add(self->write_errors, 1);
            if (!halt_back_off(&self->halt, &backoff, "the store does not take rows; trying again", err)) return RETRY;
            break;
        case FATAL: return FATAL;
        }
    }
}

static void observe_commit(struct process *self, const struct job *job)
{
    int64_t now_us = clock_now_us();
    const char *const *names;
    uint32_t table_count = pipeline_tables(self->pipeline, &names);
    for (uint32_t i = 0; i < table_count; i++) {
        const struct batch *rows = job->work->rows[i];
        int column = self->received_column[i];
        for (uint32_t row = 0; column >= 0 && row < rows->rows; row++)
            if (!batch_is_null(rows, (uint32_t)column, row))
                metric_observe_ns(self->end_to_end, (now_us - rows->columns[column].int64[row]) * 1000);
        if (rows->rows && self->params.stored) self->params.stored(self->params.context, names[i], rows);
    }
}

static void count_commit(struct process *self, const struct job *job)
{
    uint64_t stored = 0, quarantined = 0, filtered = 0, skipped = 0;
    for (uint32_t i = 0; i < job->advance_count; i++) {
        stored += (uint64_t)job->advances[i].stored;
        quarantined += (uint64_t)job->advances[i].quarantined;
        filtered += (uint64_t)job->advances[i].filtered;
        skipped += (uint64_t)job->advances[i].skipped;
    }
    self->summary.stored += stored;
    self->summary.quarantined += quarantined;
    self->summary.filtered += filtered;
    self->summary.skipped += skipped;
    metric_add(self->stored, stored);
    metric_add(self->quarantined, quarantined);
    metric_add(self->filtered, filtered);
    metric_add(self->skipped, skipped);
    metric_add(self->batches, 1);
    metric_set(self->batch_rows, (double)job->work->records->rows);
}

// Tells the stream how far the group is, for tools. It is never read by us, so its failure is only worth a debug line.
static void hint(struct process *self, const struct job *job)
{
    if (clock_mono_ns() < self->next_hint_ns) return;
    self->next_hint_ns = clock_deadline_ms(HINT_INTERVAL_MS);
    struct stream_position *positions = calloc(job->advance_count + 1, sizeof *positions);
    if (!positions) abort();
    uint32_t count = 0;
    for (uint32_t i = 0; i < job->advance_count; i++)
        for (uint32_t p = 0; p < self->partitions.count; p++) {
            const struct sink_partition *claim = &self->partitions.claims[p];
            if (claim->id != job->advances[i].id) continue;
            struct stream_position *position = &positions[count++];
            memcpy(position->group, claim->group, sizeof claim->group);
            memcpy(position->topic, claim->topic, sizeof claim->topic);
            position->partition = claim->partition;
            position->next_offset = job->advances[i].to_offset;
            position->updated_us = clock_now_us();
        }
    struct err err;
    if (self->hint_stream->ops->position_hint(self->hint_stream, positions, count, &err) != OK)
        log_err(self->params.log, LOG_DEBUG, component, "the stream did not take the positions", &err);
    free(positions);
}

static enum status write_until_closed(struct process *self, struct err *err)
{
    for (;;) {
        void *item;
        enum status status = queue_pop(self->ready, &item, clock_deadline_ms(IDLE_POLL_MS));
        if (status == AGAIN) continue;
        if (status != OK) return OK; // closed and empty
        struct job *job = item;
        int64_t began_ns = clock_mono_ns();
        status = write_job(self, job, err);
        if (status == RETRY) return OK; // out of time: the next start reads it again
        if (status != OK) return status;
        metric_observe_ns(self->stage_write, clock_mono_ns() - began_ns);
        count_commit(self, job);
        observe_commit(self, job);
        hint(self, job);
        if (queue_push(self->idle, job, clock_deadline_ms(IDLE_POLL_MS)) != OK) return OK;
    }
}

static void *writer_main(void *context)
{
    struct process *self = context;
    pthread_setname_np(pthread_self(), "fdp-writer");
    struct err err;
    if (write_until_closed(self, &err) != OK) fail(self, &err);
    queue_close(self->idle);
    return NULL;
}

// --- Starting and stopping ---

static void make_metrics(struct process *self)
{
    struct metric_registry *metrics = self->params.metrics;
    static const char outcomes[] = "Records by what became of them";
    self->stored = metric_counter(metrics, "fdp_processing_records_total", "outcome=\"stored\"", outcomes);
    self->quarantined = metric_counter(metrics, "fdp_processing_records_total", "outcome=\"quarantined\"", outcomes);
    self->filtered = metric_counter(metrics, "fdp_processing_records_total", "outcome=\"filtered\"", outcomes);
    self->skipped = metric_counter(metrics, "fdp_processing_records_total", "outcome=\"skipped\"", outcomes);
    self->batches = metric_counter(metrics, "fdp_processing_batches_total", NULL, "Transactions committed");
    self->batch_rows = metric_gauge(metrics, "fdp_processing_batch_records", NULL, "Records in the last transaction");
    self->write_errors = metric_counter(metrics, "fdp_storage_write_errors_total", NULL, "Transactions that had to be tried again");
    self->queue_fill = metric_gauge(metrics, "fdp_queue_fill", "queue=\"processing\"", "Batches that wait in a queue");
    static const char stage[] = "Time spent per stage boundary";
    self->stage_stream = metric_histogram(metrics, "fdp_stage_seconds", "stage=\"published_to_read\"", stage);
    self->stage_process = metric_histogram(metrics, "fdp_stage_seconds", "stage=\"decode_and_route\"", stage);
    self->stage_write = metric_histogram(metrics, "fdp_stage_seconds", "stage=\"write\"", stage);
    self->end_to_end = metric_histogram(metrics, "fdp_end_to_end_seconds", NULL, "From the receipt of a quote to its committed row");
}

static void make_jobs(struct process *self)
{
    const char *const *names;
    uint32_t tables = pipeline_tables(self->pipeline, &names);
    self->tables = calloc(tables, sizeof *self->tables);
    self->received_column = calloc(tables, sizeof *self->received_column);
    if (!self->tables || !self->received_column) abort();
    for (int i = 0; i < JOBS; i++) {
        self->jobs[i].work = pipeline_work_new(self->pipeline, (uint32_t)self->params.config->processing.batch_rows);
        self->jobs[i].advances = calloc(self->partitions.count + 1, sizeof *self->jobs[i].advances);
        if (!self->jobs[i].advances) abort();
        if (queue_push(self->idle, &self->jobs[i], 0) != OK) abort(); // it has room for all
    }
    for (uint32_t i = 0; i < tables; i++)
        self->received_column[i] = row_type_column(self->jobs[0].work->rows[i]->type, SLICE("ingestion_ts"));
}

static enum status process_open(struct process *self, struct err *err)
{
    const struct process_params *params = &self->params;
    struct stream_params stream_params = {params->config, params->log, params->metrics, false};
    struct sink_params sink_params = {params->config, params->log, params->metrics, false};
    TRY(registry_client_open(&self->registry, params->registry_url, params->log, params->metrics, err));
    TRY(stream_open(&self->stream, &stream_params, err));
    TRY(stream_open(&self->hint_stream, &stream_params, err));
    TRY(stream_create_topics(self->stream, params->config, err));
    TRY(sink_open(&self->sink, &sink_params, err));
    TRY(self->sink->ops->migrate(self->sink, err));
    struct pipeline_params pipeline_params = {params->config, self->registry, self->sink};
    TRY(pipeline_new(&self->pipeline, &pipeline_params, err));
    return partitions_claim(&self->partitions, self->pipeline, self->stream, self->sink, params->config, &self->backlog, err);
}

static void process_free(struct process *self)
{
    for (int i = 0; i < JOBS; i++) {
        if (self->pipeline) pipeline_work_free(self->pipeline, self->jobs[i].work);
        free(self->jobs[i].advances);
    }
    free(self->tables);
    free(self->received_column);
    partitions_fini(&self->partitions);
    pipeline_free(self->pipeline);
    sink_close(self->sink);
    stream_close(self->stream);
    stream_close(self->hint_stream);
    registry_client_close(self->registry);
    queue_free(self->idle);
    queue_free(self->ready);
    halt_fini(&self->halt);
    free(self);
}

enum status process_start(struct process **out, const struct process_params *params, struct err *err)
{
    struct process *self = calloc(1, sizeof *self);
    if (!self) abort();
    self->params = *params;
    halt_init(&self->halt, params->log, component);
    self->idle = queue_new(JOBS);
    self->ready = queue_new(1);
    enum status status = process_open(self, err);
    if (status != OK) {
        process_free(self);
        return status;
    }
    make_metrics(self);
    make_jobs(self);
    self->summary.backlog = self->backlog;
    if (pthread_create(&self->reader, NULL, reader_main, self) || pthread_create(&self->writer, NULL, writer_main, self)) abort();
    log_info(params->log, component, "worker started", "partitions", log_number(self->partitions.count), "backlog",
             log_number((int64_t)self->backlog));
    *out = self;
    return OK;
}

enum status process_stop(struct process *self, int64_t deadline_ns, struct process_summary *summary, struct err *err)
{
    if (!self) return OK;
    halt_ask(&self->halt, deadline_ns);
    self->stream->ops->wake(self->stream);
    pthread_join(self->reader, NULL);
    pthread_join(self->writer, NULL);
    self->summary.p50_ms = metric_quantile(self->end_to_end, 0.5) * 1000;
    self->summary.p99_ms = metric_quantile(self->end_to_end, 0.99) * 1000;
    if (summary) *summary = self->summary;
    enum status status = halt_result(&self->halt, err);
    process_free(self);
    return status;
}

bool process_failed(const struct process *self)
{
    return halt_failed(&self->halt);
}

bool process_ready(const struct process *self, const char **why)
{
    *why = process_failed(self) ? "the worker has stopped after an error; see the log" : "";
    return !process_failed(self);
}
