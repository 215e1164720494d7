// SPDX-License-Identifier: Apache-2.0
// Partitions in PostgreSQL: taking them over, and the quarantine, whose entries carry the names of theirs.
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "storage/postgres.h"

// --- Partitions that are known ---

// The first whose id is not below `id`.
static uint32_t place(const struct postgres *self, int64_t id)
{
    uint32_t low = 0, high = self->partition_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (self->partitions[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct postgres_partition *known(const struct postgres *self, int64_t id)
{
    uint32_t at = place(self, id);
    return at < self->partition_count && self->partitions[at].id == id ? &self->partitions[at] : NULL;
}

// An id is never given to another partition.
static void remember(struct postgres *self, int64_t id, const char *topic, int32_t partition)
{
    if (known(self, id)) return;
    uint32_t at = place(self, id);
    struct postgres_partition *all = memory_grow(self->partitions, self->partition_count + 1, sizeof *all);
    memmove(all + at + 1, all + at, (self->partition_count - at) * sizeof *all);
    size_t size = strlen(topic);
    all[at] = (struct postgres_partition){id, partition, {arena_copy(&self->names, topic, size), size}};
    self->partitions = all;
    self->partition_count++;
}

// --- Claim ---

#define COLUMNS "id, owner_epoch, first_offset, next_offset, stored, quarantined, filtered, skipped, last_timestamp, last_crc"
#define THIS_PARTITION " WHERE consumer_group = $1 AND topic = $2 AND partition = $3"
// All of them wait for a transaction that is just moving the partition, and then see what it left.
static const char take_sql[] = "UPDATE fdp_offsets SET owner_epoch = owner_epoch + 1" THIS_PARTITION " RETURNING " COLUMNS;
static const char first_sql[] =
    "INSERT INTO fdp_offsets (consumer_group, topic, partition, owner_epoch, first_offset, next_offset) VALUES ($1, $2, $3, 1, $4, $4)"
    " ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET owner_epoch = fdp_offsets.owner_epoch + 1 RETURNING " COLUMNS;
static const char truth_sql[] = "SELECT " COLUMNS " FROM fdp_offsets" THIS_PARTITION " FOR UPDATE";

static int64_t number_at(const PGresult *rows, int column)
{
    return strtoll(PQgetvalue(rows, 0, column), NULL, 10);
}

static void read_partition(const PGresult *rows, struct sink_partition *partition)
{
    int64_t *const numbers[] = {&partition->id,          &partition->epoch,   &partition->first_offset,
                                &partition->next_offset, &partition->stored,  &partition->quarantined,
                                &partition->filtered,    &partition->skipped, &partition->last_timestamp_us};
    int count = sizeof numbers / sizeof *numbers;
    for (int i = 0; i < count; i++) *numbers[i] = number_at(rows, i);
    partition->last_crc = (uint32_t)number_at(rows, count);
}

// Runs one of the statements; *found is false when there is no such partition yet.
static enum status try_claim(struct postgres *self, const char *sql, struct sink_partition *partition, bool *found, struct err *err)
{
    char number[16], offset[24];
    const char *values[] = {partition->group, partition->topic, number, offset};
    snprintf(number, sizeof number, "%d", partition->partition);
    snprintf(offset, sizeof offset, "%lld", (long long)partition->next_offset);
    PGresult *rows;
    TRY(postgres_ask(self, "claim a partition", sql, sql == first_sql ? 4 : 3, values, &rows, err));
    *found = PQntuples(rows) == 1;
    if (*found) read_partition(rows, partition);
    PQclear(rows);
    if (*found) remember(self, partition->id, partition->topic, partition->partition);
    return OK;
}

enum status postgres_claim(struct sink *sink, struct sink_partition *partition, struct err *err)
{
    struct postgres *self = postgres_of(sink);
    bool found;
    TRY(postgres_ready(self, err));
    TRY(try_claim(self, partition->epoch ? truth_sql : take_sql, partition, &found, err));
    if (found) return OK;
    if (partition->epoch)
        return err_set(
            err, FATAL, ERR_STORAGE,
            "partition %d of %s is not in fdp_offsets any more: it was removed there. Before anything is processed again, put it back, or remove what "
            "it had stored, which fdp reconcile --deep tells how",
            partition->partition, partition->topic);
    return try_claim(self, first_sql, partition, &found, err);
}

// --- Quarantine ---

static enum status learn_partitions(struct postgres *self, struct err *err)
{
    PGresult *rows;
    TRY(postgres_ask(self, "read the partitions", "SELECT id, topic, partition FROM fdp_offsets", 0, NULL, &rows, err));
    for (int i = 0; i < PQntuples(rows); i++)
        remember(self, strtoll(PQgetvalue(rows, i, 0), NULL, 10), PQgetvalue(rows, i, 1),
                 (int32_t)strtol(PQgetvalue(rows, i, 2), NULL, 10));
    PQclear(rows);
    return OK;
}

static const struct postgres_field quarantine_fields[] = {
    {FORM_TEXT, FIELD_TOPIC, .name = "topic", .type = "text"},
    {FORM_INT4, FIELD_PARTITION, .name = "partition", .type = "integer"},
    {FORM_INT4, FIELD_SOURCE, .name = "_source", .type = "integer"},
    {FORM_INT8, FIELD_OFFSET, .name = "_offset", .type = "bigint"},
    {FORM_TEXT, REJECT_KEY, .name = "key", .type = "bytea"},
    {FORM_TEXT, REJECT_VALUE, .name = "value", .type = "bytea"},
    {FORM_TEXT, REJECT_HEADERS, .name = "headers", .type = "bytea"},
    {FORM_TIME, REJECT_TIMESTAMP, .name = "timestamp", .type = "timestamptz"},
    {FORM_INT4, REJECT_SCHEMA_ID, .name = "schema_id", .type = "integer"},
    {FORM_TEXT, REJECT_RULE, .name = "rule", .type = "text"},
    {FORM_TEXT, REJECT_ERROR, .name = "error", .type = "text"},
};
enum { QUARANTINE_FIELDS = sizeof quarantine_fields / sizeof *quarantine_fields };

static void make_quarantine(struct postgres *self)
{
    struct postgres_plan *plan = &self->quarantine;
    if (plan->used) return;
    plan->table = strdup("fdp_quarantine");
    if (!plan->table) abort();
    arena_init(&plan->arena, 1024);
    plan->used = arena_calloc(&plan->arena, QUARANTINE_FIELDS, sizeof *plan->used);
    plan->used_count = QUARANTINE_FIELDS;
    plan->fixed_bytes = 2 + QUARANTINE_FIELDS * (4 + 8);
}

// The names of the partitions as columns, so that they are encoded like all others.
static enum status name_partitions(struct postgres *self, const struct batch *rejects, struct slice *topics, int64_t *partitions,
                                   struct err *err)
{
    bool learned = false;
    for (uint32_t row = 0; row < rejects->rows; row++) {
        const struct postgres_partition *partition = known(self, rejects->source[row]);
        if (!partition && !learned) {
            TRY(learn_partitions(self, err));
            learned = true;
            partition = known(self, rejects->source[row]);
        }
        if (!partition)
            return err_set(err, REJECT, ERR_STORAGE, "a record to quarantine belongs to partition %lld, which is not in fdp_offsets",
                           (long long)rejects->source[row]);
        topics[row] = partition->topic;
        partitions[row] = partition->partition;
    }
    return OK;
}

enum status postgres_plan_rejects(struct postgres *self, const struct batch *rejects, struct err *err)
{
    struct slice *topics = arena_calloc(&self->scratch, rejects->rows, sizeof *topics);
    int64_t *partitions = arena_calloc(&self->scratch, rejects->rows, sizeof *partitions);
    TRY(name_partitions(self, rejects, topics, partitions, err));
    make_quarantine(self);
    for (uint32_t i = 0; i < QUARANTINE_FIELDS; i++) {
        struct postgres_field *field = &self->quarantine.used[i];
        *field = quarantine_fields[i];
        switch (field->column) {
        case FIELD_TOPIC: field->values = topics; break;
        case FIELD_PARTITION: field->values = partitions; break;
        case FIELD_SOURCE: field->values = rejects->source; break;
        case FIELD_OFFSET: field->values = rejects->offset; break;
        default: field->values = rejects->columns[field->column].values; field->null = rejects->columns[field->column].null;
        }
    }
    return OK;
}
