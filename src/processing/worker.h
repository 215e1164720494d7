// SPDX-License-Identifier: Apache-2.0
// Inside the worker role: one member of the consumer group, two threads and what they share.
//
// worker.c opens and closes, reader.c reads, decodes and follows the group, lag.c tells how far behind it is, writer.c claims and stores.
// A job (job.h) goes round between the two threads: `ready` from the reader to the writer, `answered` back. Both queues have room for every
// job, so that only the number of jobs is the back pressure.
#ifndef FDP_PROCESSING_WORKER_H
#define FDP_PROCESSING_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/halt.h"
#include "base/queue.h"
#include "processing/complaints.h"
#include "processing/job.h"
#include "processing/process.h"
#include "streaming/stream.h"

enum { WORKER_JOBS = 2 }; // of records: one is filled while the other is written

// Shared by all workers of the process.
struct process_metrics {
    struct metric *stored, *quarantined, *filtered, *skipped, *batches, *batch_rows, *write_errors, *queue_fill, *fenced, *partitions;
    struct metric *stage_stream, *stage_process, *stage_write, *stage_commit, *end_to_end;
};

enum slot_state {
    SLOT_GIVEN,    // by the group; to be claimed, not before retry_ns
    SLOT_CLAIMING, // in a job on its way through the writer
    SLOT_CHECKING, // sought to the last stored record, which must still be the same
    SLOT_READING,
};

// A partition that the group lets this worker read.
struct slot {
    enum slot_state state;
    uint32_t topic; // index of pipeline_topics
    int32_t partition;
    int64_t id;                     // once claimed
    int64_t stored_offset;          // next offset in the store, as last heard; -1: never
    struct stream_watermarks marks; // of the stream, as last heard
    int64_t oldest_us;              // when the first record from stored_offset on was published, or one shortly before it; 0: not known
    struct metric *lag_records, *lag_seconds;
    int64_t last_timestamp_us;  // while checking: identity of the last stored record
    uint32_t last_crc;          //
    int64_t retry_ns, retry_ms; // the next try to claim it, and the wait before
    bool complained;            // something is wrong with it, as is noted in the complaints
    bool held;                  // its next record has a schema that cannot be had now
    bool unreadable;            // the stream cannot read it now: the same
};

// Changed routes, or the same for a table that was altered.
struct worker_change {
    const struct config *config;
    struct pipeline *pipeline;
    bool altered;
};

struct worker {
    const struct process_params *params;
    struct registry_client *registry;
    const struct process_metrics *metrics;
    struct halt *halt; // of all workers
    struct queue *ready, *answered;
    pthread_t reader_thread, writer_thread;
    bool running;

    // The reader's. While no job is with the writer, also all of the writer's; once it has ended, the writer's.
    const struct config *config; // whose routes the pipeline has; does not change while the writer has a job
    struct stream *stream;
    struct pipeline *pipeline;
    struct job jobs[WORKER_JOBS], claim_job;
    struct job *free_jobs[WORKER_JOBS];
    uint32_t free_count;
    bool claiming; // claim_job is on its way
    struct slot *slots;
    uint32_t slot_count, slot_capacity;
    struct positions positions; // read
    uint8_t *keep;              // scratch, per record
    struct err schema_err;      // why slots are held
    bool given;                 // the group has given something
    struct backoff stream_backoff;
    struct err kept; // what the stream failed with while it was giving records; status is OK when nothing is kept
    int64_t next_hint_ns, next_lag_ns;
    bool hint_due;
    int64_t check_ns; // when it is looked whether the partitions are still this worker's
    int64_t look_ns;  // when it is looked for what the stream cannot read
    uint64_t backlog; // what waited when the first partitions were claimed

    // The writer's.
    struct sink *sink;
    struct positions owned; // stored
    struct job part;        // of a job that has to be written in parts
    struct process_summary summary;
    int64_t quarantine_ns; // when the quarantine may be mentioned again
    uint64_t unmentioned;  // records that have gone there since
    int64_t refused_ns;    // when a row that the store refuses may be mentioned again
    uint64_t dropping;     // tables that were said to drop rows, a bit for each

    _Atomic(struct worker_change *) next; // changed routes, to be taken by the reader

    // Read by anyone.
    _Atomic uint32_t generation;  // of the assignment
    atomic_bool collecting;       // the reader waits for the writer and for records at once
    atomic_bool settled;          // everything that the group gave at first is being read
    struct complaints complaints; // what cannot be worked on now
};

// Opens everything and joins nothing yet. RETRY: something is not there yet, call again.
enum status worker_open(struct worker *worker, struct err *err) MUST_CHECK;
void worker_run(struct worker *worker);
// Compiles the routes of `config`, with another thread's sink, for the reader to take up. Any thread.
enum status worker_reload(struct worker *worker, const struct config *config, struct sink *sink, struct err *err) MUST_CHECK;
// When that table is not what `pipeline` was compiled for, compiles the routes anew, for the reader to take up, and says so: REJECT.
// FATAL: they cannot be compiled. The writer's, while it has a job.
enum status worker_adapt(struct worker *worker, const struct pipeline *pipeline, uint32_t table, struct err *err) MUST_CHECK;
// Takes them up. The reader's, while it has all jobs. True when other topics are to be read than before: then it has no slots any more.
bool worker_take_change(struct worker *worker);
void worker_join(struct worker *worker); // waits until its threads have ended and it has left the group
void worker_close(struct worker *worker);

// Measures what has been committed, and shows it to whoever wants to know. By the writer, or by the reader once it has the job back.
void worker_observe(const struct worker *worker, const struct job *job);

// The reader's slots. NULL where there is none.
const char *slots_topic(const struct worker *worker, uint32_t topic); // its name
struct slot *slots_find(const struct worker *worker, const char *topic, int32_t partition);
struct slot *slots_of(const struct worker *worker, int64_t id);
void slots_add(struct worker *worker, const char *topic, int32_t partition);
void slots_remove(struct worker *worker, struct slot *slot);
// It cannot be worked on now: it is claimed again after a while. Said once, until it is calmed: something is right with it again.
void slots_put_off(struct worker *worker, struct slot *slot, const struct err *err);
void slots_calm(struct worker *worker, struct slot *slot);
// Now and then: what the stream cannot read, while it gives records of others, is said, and makes the worker not ready.
void slots_look(struct worker *worker);

// Gauges of a slot of this topic: nothing is known yet. A slot that is not ours any more shows nothing.
void lag_open(const struct worker *worker, struct slot *slot, const char *topic);
void lag_close(struct slot *slot);
// Notes how old the records are that are about to be sent to the writer. The reader's.
void lag_sent(struct worker *worker, const struct job *job);
// Once a second: shows how far the store is behind, from what the worker and its stream have heard anyway. The reader's.
void lag_measure(struct worker *worker);

// Ends the role: the first failure is the reason of all.
void worker_fail(struct worker *worker, const struct err *err);

void *reader_main(void *worker);
void *writer_main(void *worker);

#endif
