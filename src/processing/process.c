// SPDX-License-Identifier: Apache-2.0
// The worker role: its workers, started and stopped together.
#include "processing/process.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "processing/waiting.h"
#include "processing/worker.h"

static const char component[] = "processing";

enum {
    WAIT_MS = 200,
    SETTLE_LIMIT_MS = 15000, // a group that gives nothing for so long has other members
};

struct process {
    struct process_params params;
    struct registry_client *registry;
    struct process_metrics metrics;
    struct halt halt;
    struct waiting waiting;
    struct worker *workers;
    uint32_t worker_count;
    struct buf *why; // it is not ready; by the one who asked last
};

static void make_metrics(struct process *self)
{
    struct metric_registry *registry = self->params.metrics;
    struct process_metrics *metrics = &self->metrics;
    static const char outcomes[] = "Records by what became of them";
    metrics->stored = metric_counter(registry, "fdp_processing_records_total", "outcome=\"stored\"", outcomes);
    metrics->quarantined = metric_counter(registry, "fdp_processing_records_total", "outcome=\"quarantined\"", outcomes);
    metrics->filtered = metric_counter(registry, "fdp_processing_records_total", "outcome=\"filtered\"", outcomes);
    metrics->skipped = metric_counter(registry, "fdp_processing_records_total", "outcome=\"skipped\"", outcomes);
    metrics->batches = metric_counter(registry, "fdp_processing_batches_total", NULL, "Transactions committed");
    metrics->batch_rows = metric_gauge(registry, "fdp_processing_batch_records", NULL, "Records in the last transaction");
    metrics->write_errors = metric_counter(registry, "fdp_storage_write_errors_total", NULL, "Transactions that had to be tried again");
    metrics->queue_fill = metric_gauge(registry, "fdp_queue_fill", "queue=\"processing\"", "Batches that wait in a queue");
    metrics->fenced = metric_counter(registry, "fdp_fenced_total", NULL, "Times that another worker had taken partitions over");
    metrics->partitions = metric_gauge(registry, "fdp_processing_partitions", NULL, "Partitions that the consumers of this process read");
    static const char stage[] = "Time spent per stage boundary";
    metrics->stage_stream = metric_histogram(registry, "fdp_stage_seconds", "stage=\"published_to_read\"", stage);
    metrics->stage_process = metric_histogram(registry, "fdp_stage_seconds", "stage=\"decode_and_route\"", stage);
    metrics->stage_write = metric_histogram(registry, "fdp_stage_seconds", "stage=\"write\"", stage);
    metrics->stage_commit = metric_histogram(registry, "fdp_stage_seconds", "stage=\"published_to_committed\"", stage);
    metrics->end_to_end = metric_histogram(registry, "fdp_end_to_end_seconds", NULL, "From the receipt of a quote to its committed row");
}

// --- Starting ---

static bool stopping(const struct process *self)
{
    return self->params.stopping && self->params.stopping(self->params.context);
}

// Waits for a stream, a registry or a store that is not there yet.
static enum status open_worker(struct process *self, struct worker *worker, struct err *err)
{
    enum status status;
    bool said = false;
    while ((status = worker_open(worker, err)) == RETRY || status == AGAIN) {
        if (!said) log_err(self->params.log, LOG_WARN, component, "cannot begin yet; trying again", err);
        said = true;
        if (stopping(self)) return RETRY;
        clock_sleep_until(clock_deadline_ms(WAIT_MS));
    }
    return status;
}

static enum status open_workers(struct process *self, struct err *err)
{
    const struct process_params *params = &self->params;
    TRY(registry_client_open(&self->registry, params->registry_url, params->log, params->metrics, err));
    for (uint32_t i = 0; i < self->worker_count; i++) {
        struct worker *worker = &self->workers[i];
        worker->params = params;
        worker->registry = self->registry;
        worker->metrics = &self->metrics;
        worker->halt = &self->halt;
        TRY(open_worker(self, worker, err));
    }
    return OK;
}

// Waits until what was given to the workers is claimed. OK also when that takes too long: then others read with the same group.
static enum status settle(struct process *self, struct err *err)
{
    bool settled = false;
    for (int64_t deadline_ns = clock_deadline_ms(SETTLE_LIMIT_MS); !settled && clock_mono_ns() < deadline_ns;) {
        if (halt_failed(&self->halt)) return halt_result(&self->halt, err);
        if (stopping(self)) return OK;
        settled = true;
        for (uint32_t i = 0; i < self->worker_count; i++) settled = settled && atomic_load(&self->workers[i].settled);
        if (!settled) clock_sleep_until(clock_mono_ns() + MS_NS);
    }
    return OK;
}

static void stop_workers(struct process *self, int64_t deadline_ns)
{
    halt_ask(&self->halt, deadline_ns);
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (self->workers[i].running) self->workers[i].stream->ops->wake(self->workers[i].stream);
    for (uint32_t i = 0; i < self->worker_count; i++) worker_join(&self->workers[i]);
    waiting_stop(&self->waiting);
}

static void process_free(struct process *self)
{
    for (uint32_t i = 0; i < self->worker_count; i++) worker_close(&self->workers[i]);
    free(self->workers);
    registry_client_close(self->registry);
    halt_fini(&self->halt);
    buf_fini(self->why);
    free(self->why);
    free(self);
}

enum status process_start(struct process **out, const struct process_params *params, struct err *err)
{
    struct process *self = memory_new(1, sizeof *self);
    self->params = *params;
    self->worker_count = (uint32_t)params->config->processing.workers;
    self->workers = memory_new(self->worker_count, sizeof *self->workers);
    for (uint32_t i = 0; i < self->worker_count; i++) complaints_init(&self->workers[i].complaints);
    self->why = memory_new(1, sizeof *self->why);
    buf_init(self->why, BUF_MAX_SQL);
    halt_init(&self->halt, params->log, component);
    make_metrics(self);
    enum status status = open_workers(self, err);
    for (uint32_t i = 0; i < self->worker_count && status == OK; i++) worker_run(&self->workers[i]);
    if (status == OK && (params->alone || !self->workers[0].stream->ops->shares)) status = settle(self, err);
    if (status != OK) {
        stop_workers(self, clock_mono_ns());
        process_free(self);
        return status;
    }
    waiting_start(&self->waiting, params->config, params->metrics, params->log);
    log_info(params->log, component, "worker started", "group", params->config->processing.group);
    *out = self;
    return OK;
}

// --- Changing ---

enum status process_reload(struct process *self, const struct config *config, struct err *err)
{
    struct sink *sink; // of its own: the workers' are their threads'
    struct sink_params params = {config, self->params.log, NULL, true};
    TRY(sink_open(&sink, &params, err));
    enum status status = OK;
    for (uint32_t i = 0; i < self->worker_count && status == OK; i++) status = worker_reload(&self->workers[i], config, sink, err);
    sink_close(sink);
    return status;
}

// --- Stopping ---

enum status process_stop(struct process *self, int64_t deadline_ns, struct process_summary *summary, struct err *err)
{
    if (!self) return OK;
    stop_workers(self, deadline_ns);
    struct process_summary sum = {.p50_ms = metric_quantile(self->metrics.end_to_end, 0.5) * 1000,
                                  .p99_ms = metric_quantile(self->metrics.end_to_end, 0.99) * 1000};
    for (uint32_t i = 0; i < self->worker_count; i++) {
        const struct worker *worker = &self->workers[i];
        sum.backlog += worker->backlog;
        sum.stored += worker->summary.stored;
        sum.quarantined += worker->summary.quarantined;
        sum.filtered += worker->summary.filtered;
        sum.skipped += worker->summary.skipped;
    }
    if (summary) *summary = sum;
    enum status status = halt_result(&self->halt, err);
    process_free(self);
    return status;
}

bool process_failed(const struct process *self)
{
    return halt_failed(&self->halt);
}

// Once, however many workers have noticed.
static void tell_down(const struct process *self, enum complaint_side side, const char *what)
{
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (complaints_tell_down(&self->workers[i].complaints, side, what, self->why)) return;
}

bool process_ready(const struct process *self, const char **why)
{
    struct buf *text = self->why;
    buf_reset(text);
    if (process_failed(self)) {
        buf_append_text(text, "the worker has stopped after an error; see the log\n");
    } else {
        tell_down(self, COMPLAINT_STORE, "the store does not take rows");
        tell_down(self, COMPLAINT_STREAM, "the stream does not give records");
        for (uint32_t i = 0; i < self->worker_count; i++) complaints_tell(&self->workers[i].complaints, text);
    }
    if (text->size) text->data[text->size - 1] = '\0'; // in the place of the last line's end
    *why = text->size ? text->data : "";
    return !text->size;
}
