// SPDX-License-Identifier: Apache-2.0
// The partitions that a reader has, and what is wrong with them.
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "processing/worker.h"

static const char component[] = "processing";

enum {
    LOOK_INTERVAL_MS = 2000,
    RETRY_MIN_MS = 250, // of a partition that cannot be worked on
    RETRY_MAX_MS = 5000,
};

const char *slots_topic(const struct worker *self, uint32_t topic)
{
    const char *const *names;
    pipeline_topics(self->pipeline, &names);
    return names[topic];
}

struct slot *slots_find(const struct worker *self, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < self->slot_count; i++)
        if (self->slots[i].partition == partition && !strcmp(slots_topic(self, self->slots[i].topic), topic)) return &self->slots[i];
    return NULL;
}

struct slot *slots_of(const struct worker *self, int64_t id)
{
    for (uint32_t i = 0; i < self->slot_count; i++)
        if (self->slots[i].id == id) return &self->slots[i];
    return NULL;
}

void slots_add(struct worker *self, const char *topic, int32_t partition)
{
    const char *const *names;
    uint32_t index = 0, count = pipeline_topics(self->pipeline, &names);
    while (index < count && strcmp(names[index], topic)) index++;
    if (index == count || slots_find(self, topic, partition)) return;
    if (self->slot_count == self->slot_capacity) {
        self->slot_capacity = self->slot_capacity ? 2 * self->slot_capacity : 16;
        self->slots = memory_grow(self->slots, self->slot_capacity, sizeof *self->slots);
    }
    struct slot *slot = &self->slots[self->slot_count++];
    *slot = (struct slot){.topic = index, .partition = partition, .stored_offset = -1};
    lag_open(self, slot, topic);
    metric_change(self->metrics->partitions, 1);
}

// Something is right again with a slot, or it is no longer ours.
void slots_calm(struct worker *self, struct slot *slot)
{
    slot->retry_ms = slot->retry_ns = 0;
    if (!slot->complained) return;
    slot->complained = false;
    complaints_drop(&self->complaints, COMPLAINT_WAITS, slots_topic(self, slot->topic), slot->partition);
}

void slots_put_off(struct worker *self, struct slot *slot, const struct err *err)
{
    const char *topic = slots_topic(self, slot->topic);
    positions_drop(&self->positions, slot->id);
    slot->id = 0;
    slot->state = SLOT_GIVEN;
    slot->retry_ms = slot->retry_ms ? 2 * slot->retry_ms : RETRY_MIN_MS;
    if (slot->retry_ms > RETRY_MAX_MS) slot->retry_ms = RETRY_MAX_MS;
    slot->retry_ns = clock_deadline_ms(slot->retry_ms);
    slot->complained = true;
    if (!complaints_put(&self->complaints, COMPLAINT_WAITS, topic, slot->partition, err->text)) return;
    log_warn(self->params->log, component, "a partition has to wait; trying again", "topic", topic, "partition",
             log_number(slot->partition), "error", err->text);
}

static void set_readable(struct worker *self, struct slot *slot)
{
    if (slot->unreadable) complaints_drop(&self->complaints, COMPLAINT_UNREADABLE, slots_topic(self, slot->topic), slot->partition);
    slot->unreadable = false;
}

void slots_remove(struct worker *self, struct slot *slot)
{
    slots_calm(self, slot);
    set_readable(self, slot);
    lag_close(slot);
    positions_drop(&self->positions, slot->id);
    *slot = self->slots[--self->slot_count];
    metric_change(self->metrics->partitions, -1);
}

// --- What the stream cannot read, while it gives records of others ---

static void look_at_partitions(struct worker *self)
{
    struct err err;
    for (uint32_t i = 0; i < self->slot_count; i++) {
        struct slot *slot = &self->slots[i];
        const char *topic = slots_topic(self, slot->topic);
        if (self->stream->ops->trouble(self->stream, topic, slot->partition, &err) == OK) {
            set_readable(self, slot);
            continue;
        }
        slot->unreadable = true;
        if (complaints_put(&self->complaints, COMPLAINT_UNREADABLE, topic, slot->partition, err.text))
            log_warn(self->params->log, component, "a partition cannot be read; trying again", "topic", topic, "partition",
                     log_number(slot->partition), "error", err.text);
    }
}

static bool has_slot(const struct worker *self, uint32_t topic)
{
    for (uint32_t i = 0; i < self->slot_count; i++)
        if (self->slots[i].topic == topic) return true;
    return false;
}

// What is not there, or not permitted, a group gives to nobody, and does not say so.
static void look_at_topics(struct worker *self)
{
    const char *const *topics;
    uint32_t count = pipeline_topics(self->pipeline, &topics);
    struct err err;
    for (uint32_t i = 0; i < count; i++) {
        struct stream_watermarks marks;
        if (has_slot(self, i) || self->stream->ops->watermarks(self->stream, topics[i], 0, &marks, &err) == OK) {
            complaints_drop(&self->complaints, COMPLAINT_LOST, topics[i], 0);
            continue;
        }
        if (complaints_put(&self->complaints, COMPLAINT_LOST, topics[i], 0, err.text))
            log_warn(self->params->log, component, "a topic cannot be read; trying again", "topic", topics[i], "error", err.text);
        return; // each may take its time to answer
    }
}

void slots_look(struct worker *self)
{
    if (clock_mono_ns() < self->look_ns || !self->given || !self->stream->ops->shares || self->stream_backoff.ms) return;
    look_at_partitions(self);
    look_at_topics(self);
    self->look_ns = clock_deadline_ms(LOOK_INTERVAL_MS);
}
