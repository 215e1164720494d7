// SPDX-License-Identifier: Apache-2.0
// How far the store is behind the stream, for the metrics: one partition of a worker at a time, against the position that is stored.
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "processing/worker.h"

enum { INTERVAL_MS = 1000 };

void lag_open(const struct worker *worker, struct slot *slot, const char *topic)
{
    struct metric_registry *metrics = worker->params->metrics;
    char labels[STREAM_TOPIC_MAX + 48];
    snprintf(labels, sizeof labels, "topic=\"%s\",partition=\"%d\"", topic, slot->partition);
    slot->lag_records = metric_gauge(metrics, "fdp_processing_lag_records", labels, "Records of a partition that are not stored yet");
    slot->lag_seconds = metric_gauge(metrics, "fdp_processing_lag_seconds", labels,
                                     "Age of the oldest record of a partition that is not stored yet; 0 when there is none");
    lag_close(slot);
}

void lag_close(struct slot *slot)
{
    metric_set(slot->lag_records, NAN);
    metric_set(slot->lag_seconds, NAN);
}

// What is sent while nothing of its partition is on its way is the oldest that is not stored.
void lag_sent(struct worker *self, const struct job *job)
{
    for (uint32_t i = 0; i < job->advance_count; i++) {
        const struct sink_advance *advance = &job->advances[i];
        for (uint32_t s = 0; s < self->slot_count; s++) {
            struct slot *slot = &self->slots[s];
            if (slot->id == advance->id && slot->stored_offset == advance->from_offset) slot->oldest_us = advance->first_timestamp_us;
        }
    }
}

static void show(struct slot *slot, int64_t now_us)
{
    const struct stream_watermarks *marks = &slot->marks;
    int64_t records = marks->high - (slot->stored_offset > marks->low ? slot->stored_offset : marks->low);
    if (slot->stored_offset < 0 || records < 0) { // not claimed yet; or the topic is not the same
        lag_close(slot);
        return;
    }
    if (!records)
        slot->oldest_us = 0;
    else if (!slot->oldest_us)
        slot->oldest_us = now_us; // it has come since the last look
    metric_set(slot->lag_records, (double)records);
    metric_set(slot->lag_seconds, records && now_us > slot->oldest_us ? (double)(now_us - slot->oldest_us) / 1e6 : 0);
}

void lag_measure(struct worker *self)
{
    if (clock_mono_ns() < self->next_lag_ns) return;
    self->next_lag_ns = clock_deadline_ms(INTERVAL_MS);
    const char *const *topics;
    pipeline_topics(self->pipeline, &topics);
    for (uint32_t i = 0; i < self->slot_count; i++) {
        struct slot *slot = &self->slots[i];
        struct err ignored; // of one that is not read now: it is as it was when somebody last tried to claim it
        int64_t high;
        if (self->stream->ops->high(self->stream, topics[slot->topic], slot->partition, &high, &ignored) == OK) slot->marks.high = high;
        show(slot, clock_now_us());
    }
}
