// SPDX-License-Identifier: Apache-2.0
// Jobs: their memory, and taking partitions out of them.
#include "processing/job.h"

#include <stdlib.h>

#include "base/memory.h"

void job_fini(struct job *self)
{
    if (self->work) pipeline_work_free(self->pipeline, self->work);
    free(self->advances);
    free(self->claims);
    free(self->losses);
    *self = (struct job){0};
}

void job_reserve(struct job *self, uint32_t partitions)
{
    if (partitions <= self->capacity) return;
    self->capacity = partitions;
    self->advances = memory_grow(self->advances, partitions, sizeof *self->advances);
    self->claims = memory_grow(self->claims, partitions, sizeof *self->claims);
    self->losses = memory_grow(self->losses, partitions, sizeof *self->losses);
}

static void cut_source(struct batch *batch, int64_t id)
{
    uint8_t *keep = malloc(batch->rows ? batch->rows : 1);
    if (!keep) abort();
    for (uint32_t row = 0; row < batch->rows; row++) keep[row] = batch->source[row] != id;
    batch_cut(batch, keep);
    free(keep);
}

void job_cut(struct job *self, int64_t id)
{
    const char *const *tables;
    uint32_t count = pipeline_tables(self->pipeline, &tables);
    for (uint32_t i = 0; i < count; i++) cut_source(self->work->rows[i], id);
    cut_source(self->work->rejects, id);
    cut_source(self->work->records, id);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->advance_count; i++)
        if (self->advances[i].id != id) self->advances[kept++] = self->advances[i];
    self->advance_count = kept;
}

void job_lose(struct job *self, enum job_loss_kind kind, int64_t id)
{
    self->losses[self->loss_count++] = (struct job_loss){kind, id};
}
