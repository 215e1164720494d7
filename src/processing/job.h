// SPDX-License-Identifier: Apache-2.0
// What goes round between a worker's two threads: records to store or partitions to claim, and the writer's answer.
//
// Owner: whoever holds it. The reader fills it and pushes it to the writer; the writer answers in it and pushes it back.
#ifndef FDP_PROCESSING_JOB_H
#define FDP_PROCESSING_JOB_H

#include "processing/pipeline.h"
#include "processing/positions.h"

enum job_kind { JOB_RECORDS, JOB_CLAIM };

// Why the writer does not go on with a partition.
enum job_loss_kind {
    LOSS_FENCED, // another worker has taken it over, or its position was moved
    LOSS_PAUSED, // the table that its records lead to cannot be written to now
};

struct job_loss {
    enum job_loss_kind kind;
    int64_t id;
};

struct job {
    enum job_kind kind;
    uint32_t capacity; // partitions that there is room for in the arrays below

    // JOB_RECORDS
    struct pipeline *pipeline; // what made the work
    struct work *work;
    struct sink_advance *advances; // when it comes back: of what was committed
    uint32_t advance_count;
    int64_t polled_us;
    int64_t committed_us; // not 0 when it comes back: its rows were committed then, and nobody has observed that yet

    // JOB_CLAIM: also asks whether the partitions that were claimed before are still this worker's
    struct sink_partition *claims; // to be claimed; when it comes back, the first `claimed` of them are
    uint32_t claim_count, claimed;
    uint32_t generation; // of the assignment that they come from: a claim that came too late is not made

    // The answer
    struct job_loss *losses;
    uint32_t loss_count;
    struct err why; // of the losses
};

void job_fini(struct job *job);
// Room for that many partitions.
void job_reserve(struct job *job, uint32_t partitions);
// Takes a partition out of a job of records: its records, rows, rejects and its advance.
void job_cut(struct job *job, int64_t id);
void job_lose(struct job *job, enum job_loss_kind kind, int64_t id);

#endif
