// SPDX-License-Identifier: Apache-2.0
// The list of what is wrong now.
#include "processing/complaints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MOST_LINES = 20 }; // that are told

struct complaint {
    enum complaint_kind kind;
    char topic[250];
    int32_t partition;
    char why[ERR_TEXT_BYTES];
};

void complaints_init(struct complaints *self)
{
    *self = (struct complaints){0};
    pthread_mutex_init(&self->lock, NULL);
}

void complaints_fini(struct complaints *self)
{
    free(self->items);
    pthread_mutex_destroy(&self->lock);
}

static struct complaint *find(struct complaints *self, enum complaint_kind kind, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < self->count; i++) {
        struct complaint *item = &self->items[i];
        if (item->kind == kind && item->partition == partition && !strcmp(item->topic, topic)) return item;
    }
    return NULL;
}

static struct complaint *add(struct complaints *self, enum complaint_kind kind, const char *topic, int32_t partition)
{
    if (self->count == self->capacity) {
        self->capacity = 2 * self->capacity + 4;
        self->items = memory_grow(self->items, self->capacity, sizeof *self->items);
    }
    struct complaint *item = &self->items[self->count++];
    *item = (struct complaint){.kind = kind, .partition = partition};
    snprintf(item->topic, sizeof item->topic, "%s", topic);
    return item;
}

bool complaints_put(struct complaints *self, enum complaint_kind kind, const char *topic, int32_t partition, const char *why)
{
    pthread_mutex_lock(&self->lock);
    struct complaint *item = find(self, kind, topic, partition);
    bool new = !item;
    if (new) item = add(self, kind, topic, partition);
    snprintf(item->why, sizeof item->why, "%s", why);
    pthread_mutex_unlock(&self->lock);
    return new;
}

void complaints_drop(struct complaints *self, enum complaint_kind kind, const char *topic, int32_t partition)
{
    pthread_mutex_lock(&self->lock);
    struct complaint *item = find(self, kind, topic, partition);
    if (item) *item = self->items[--self->count];
    pthread_mutex_unlock(&self->lock);
}

void complaints_clear(struct complaints *self)
{
    pthread_mutex_lock(&self->lock);
    self->count = 0;
    pthread_mutex_unlock(&self->lock);
}

void complaints_set_down(struct complaints *self, enum complaint_side side, const char *why)
{
    pthread_mutex_lock(&self->lock);
    snprintf(self->down[side], sizeof self->down[side], "%s", why);
    pthread_mutex_unlock(&self->lock);
}

// --- Telling ---

bool complaints_tell_down(struct complaints *self, enum complaint_side side, const char *what, struct buf *out)
{
    pthread_mutex_lock(&self->lock);
    bool down = *self->down[side];
    if (down) buf_printf(out, "%s: %s\n", what, self->down[side]);
    pthread_mutex_unlock(&self->lock);
    return down;
}

static bool same_reason(const struct complaint *a, const struct complaint *b)
{
    return a->kind == b->kind && !strcmp(a->topic, b->topic) && !strcmp(a->why, b->why);
}

static bool told_before(const struct complaints *self, uint32_t number)
{
    uint32_t first = 0;
    while (!same_reason(&self->items[first], &self->items[number])) first++;
    return first < number;
}

// The next greater partition with the same reason; INT32_MAX: there is none.
static int32_t partition_after(const struct complaints *self, const struct complaint *told, int32_t partition)
{
    int32_t next = INT32_MAX;
    for (uint32_t i = 0; i < self->count; i++) {
        const struct complaint *item = &self->items[i];
        if (same_reason(told, item) && item->partition > partition && item->partition < next) next = item->partition;
    }
    return next;
}

static void tell(const struct complaints *self, const struct complaint *told, struct buf *out)
{
    int32_t first = partition_after(self, told, -1);
    bool several = partition_after(self, told, first) != INT32_MAX;
    const char *what = "cannot be read";
    if (told->kind == COMPLAINT_WAITS) what = several ? "wait" : "waits";
    if (told->kind == COMPLAINT_LOST) {
        buf_append_text(out, "topic");
    } else {
        buf_printf(out, "partition%s %d", several ? "s" : "", first);
        while ((first = partition_after(self, told, first)) != INT32_MAX) buf_printf(out, ", %d", first);
        buf_append_text(out, " of");
    }
    buf_printf(out, " %s %s: %s\n", told->topic, what, told->why);
}

void complaints_tell(struct complaints *self, struct buf *out)
{
    pthread_mutex_lock(&self->lock);
    uint32_t lines = 0;
    for (uint32_t i = 0; i < self->count && lines < MOST_LINES; i++) {
        if (told_before(self, i)) continue;
        if (++lines < MOST_LINES)
            tell(self, &self->items[i], out);
        else
            buf_append_text(out, "and more; see the log\n");
    }
    pthread_mutex_unlock(&self->lock);
}
