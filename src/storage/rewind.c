// SPDX-License-Identifier: Apache-2.0
// Moving positions, in SQL that every store understands.
#include "storage/rewind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "storage/dialect.h"

// --- Positions ---

struct listing {
    struct sink_partition *partitions;
    uint32_t count, capacity;
};

static bool take_partition(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    struct listing *listing = context;
    if (listing->count == listing->capacity) {
        listing->capacity = 2 * listing->capacity + 16;
        listing->partitions = memory_grow(listing->partitions, listing->capacity, sizeof *listing->partitions);
    }
    struct sink_partition *at = &listing->partitions[listing->count++];
    *at = (struct sink_partition){.partition = (int32_t)cells[2].integer, .last_crc = (uint32_t)cells[11].integer};
    snprintf(at->group, sizeof at->group, "%.*s", SLICE_ARG(cells[0].text));
    snprintf(at->topic, sizeof at->topic, "%.*s", SLICE_ARG(cells[1].text));
    int64_t *const numbers[] = {&at->id,          &at->first_offset, &at->next_offset, &at->stored,
                                &at->quarantined, &at->filtered,     &at->skipped,     &at->last_timestamp_us};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) *numbers[i] = cells[3 + i].integer;
    return true;
}

enum status rewind_positions(struct sink *sink, const char *group, struct arena *arena, struct sink_partition **out, uint32_t *count,
                             struct err *err)
{
    struct buf sql;
    struct listing listing = {0};
    buf_init(&sql, BUF_MAX_SQL);
    buf_append_text(&sql, "SELECT consumer_group, topic, partition, id, first_offset, next_offset, stored, quarantined, filtered, skipped,"
                          " last_timestamp, last_crc FROM fdp_offsets");
    if (group) {
        buf_append_text(&sql, " WHERE consumer_group = ");
        dialect_append_text(&sql, group);
    }
    buf_append_text(&sql, " ORDER BY consumer_group, topic, partition");
    buf_append_byte(&sql, '\0');
    enum status status = sink->ops->query(sink, sql.data, take_partition, &listing, err);
    *out = arena_calloc(arena, listing.count + 1, sizeof **out);
    if (listing.count) memcpy(*out, listing.partitions, listing.count * sizeof **out);
    *count = listing.count;
    free(listing.partitions);
    buf_fini(&sql);
    return status;
}

// --- What is behind the new positions ---

static void append_targets(struct buf *sql, const struct rewind_partition *partitions, uint32_t count)
{
    int64_t *sources = memory_new(count, sizeof *sources), *offsets = memory_new(count, sizeof *offsets);
    for (uint32_t i = 0; i < count; i++) {
        sources[i] = partitions[i].position.id;
        offsets[i] = partitions[i].to_offset;
    }
    dialect_append_targets(sql, sources, offsets, count);
    free(sources);
    free(offsets);
}

// "fdp_found": per target the number of records (not of rows: whatever is doubled was counted once) with rows, and with entries.
static void append_found(struct buf *sql, const char *const *tables, uint32_t table_count)
{
    buf_append_text(sql, ", fdp_located (source, offset_there, kept) AS ("
                         "SELECT q._source, q._offset, 1 FROM fdp_quarantine q JOIN fdp_target target ON q._source = target.source"
                         " AND q._offset >= target.from_offset WHERE q.state <> 'redriven'");
    for (uint32_t i = 0; i < table_count; i++) {
        buf_append_text(sql, "\nUNION ALL SELECT r._source, r._offset, 0 FROM ");
        dialect_append_name(sql, tables[i]);
        buf_append_text(sql, " r JOIN fdp_target target ON r._source = target.source AND r._offset >= target.from_offset");
    }
    buf_append_text(sql, "), fdp_found (source, rows_there, entries_there) AS ("
                         "SELECT source, COUNT(DISTINCT CASE WHEN kept = 0 THEN offset_there END),"
                         " COUNT(DISTINCT CASE WHEN kept = 1 THEN offset_there END) FROM fdp_located GROUP BY source)\n");
}

struct look {
    struct rewind_partition *partitions;
    uint32_t count;
};

static bool take_found(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    struct look *look = context;
    for (uint32_t i = 0; i < look->count; i++) {
        if (look->partitions[i].position.id != cells[0].integer) continue;
        look->partitions[i].rows = cells[1].integer;
        look->partitions[i].entries = cells[2].integer;
    }
    return true;
}

static enum status too_long(struct err *err)
{
    return err_set(err, FATAL, ERR_STORAGE, "these are too many partitions for one transaction; name a topic with --topic");
}

enum status rewind_look(struct sink *sink, const char *const *tables, uint32_t table_count, struct rewind_partition *partitions,
                        uint32_t count, struct err *err)
{
    for (uint32_t i = 0; i < count; i++) partitions[i].rows = partitions[i].entries = 0;
    if (!count) return OK;
    struct buf sql;
    struct look look = {partitions, count};
    buf_init(&sql, BUF_MAX_WRITE);
    append_targets(&sql, partitions, count);
    append_found(&sql, tables, table_count);
    buf_append_text(&sql, "SELECT source, rows_there, entries_there FROM fdp_found");
    buf_append_byte(&sql, '\0');
    enum status status = sql.full ? too_long(err) : sink->ops->query(sink, sql.data, take_found, &look, err);
    buf_fini(&sql);
    return status;
}

// --- The move ---

// In the order of their ids, as everybody locks them.
static void append_fence(struct buf *sql, const struct rewind_partition *partitions, uint32_t count)
{
    int64_t last = INT64_MIN;
    for (uint32_t done = 0; done < count; done++) {
        int64_t next = INT64_MAX;
        for (uint32_t i = 0; i < count; i++)
            if (partitions[i].position.id > last && partitions[i].position.id < next) next = partitions[i].position.id;
        buf_printf(sql, "UPDATE fdp_offsets SET owner_epoch = owner_epoch + 1, last_timestamp = 0, last_crc = 0 WHERE id = %lld;\n",
                   (long long)next);
        last = next;
    }
}

static void append_uncount(struct buf *sql, const struct rewind_partition *partitions, uint32_t count, const char *const *tables,
                           uint32_t table_count)
{
    append_targets(sql, partitions, count);
    append_found(sql, tables, table_count);
    buf_append_text(sql, "UPDATE fdp_offsets SET stored = CASE WHEN stored > rows_there THEN stored - rows_there ELSE 0 END,"
                         " quarantined = CASE WHEN quarantined > entries_there THEN quarantined - entries_there ELSE 0 END"
                         " FROM fdp_found found WHERE found.source = fdp_offsets.id;\n");
}

static void append_remove(struct buf *sql, const struct rewind_partition *partitions, uint32_t count, const char *table)
{
    append_targets(sql, partitions, count);
    buf_append_text(sql, " DELETE FROM ");
    dialect_append_name(sql, table);
    buf_append_text(sql,
                    " WHERE EXISTS (SELECT 1 FROM fdp_target target WHERE target.source = _source AND _offset >= target.from_offset);\n");
}

// Afterwards the sums may be more than the way, by the records of which neither a row nor an entry was found: those were filtered or
// skipped; beyond that, somebody has removed rows by hand. They are less when more was found than had been counted.
static void append_balance(struct buf *sql, const struct rewind_partition *partitions, uint32_t count)
{
    static const char *const counts[] = {"filtered", "skipped", "stored", "quarantined", "stored"};
    enum { COUNTS = sizeof counts / sizeof *counts };
    static const char excess[] = "(stored + quarantined + filtered + skipped - next_offset + first_offset)";
    for (size_t c = 0; c < COUNTS; c++) {
        buf_printf(sql, "UPDATE fdp_offsets SET %s = CASE WHEN %s > %s THEN %s - %s ELSE 0 END WHERE %s %s 0 AND id IN (", counts[c],
                   counts[c], excess, counts[c], excess, excess, c + 1 < COUNTS ? ">" : "<");
        for (uint32_t i = 0; i < count; i++) buf_printf(sql, "%s%lld", i ? ", " : "", (long long)partitions[i].position.id);
        buf_append_text(sql, ");\n");
    }
}

static void append_move(struct buf *sql, const struct rewind_partition *partition)
{
    long long id = partition->position.id, to = partition->to_offset;
    buf_printf(sql, "UPDATE fdp_offsets SET skipped = skipped + %lld - next_offset WHERE id = %lld AND next_offset < %lld;\n", to, id, to);
    buf_printf(sql,
               "UPDATE fdp_offsets SET next_offset = %lld, first_offset = CASE WHEN first_offset > %lld THEN %lld ELSE first_offset END"
               " WHERE id = %lld;\n",
               to, to, to, id);
}

static enum status run(struct sink *sink, struct buf *sql, struct err *err)
{
    buf_append_byte(sql, '\0');
    enum status status = sql->full ? too_long(err) : sink->ops->exec(sink, sql->data, err);
    buf_reset(sql);
    return status;
}

enum status rewind_apply(struct sink *sink, const char *const *tables, uint32_t table_count, const struct rewind_partition *partitions,
                         uint32_t count, struct err *err)
{
    if (!count) return OK;
    struct buf sql;
    buf_init(&sql, BUF_MAX_WRITE);
    // Before the long transaction and apart from it: a worker is refused at once rather than made to wait for its locks.
    append_fence(&sql, partitions, count);
    enum status status = run(sink, &sql, err);
    if (status == OK) {
        buf_append_text(&sql, dialect_patience(sink));
        append_fence(&sql, partitions, count);
        append_uncount(&sql, partitions, count, tables, table_count);
        for (uint32_t i = 0; i < table_count; i++) append_remove(&sql, partitions, count, tables[i]);
        append_remove(&sql, partitions, count, "fdp_quarantine");
        for (uint32_t i = 0; i < count; i++) append_move(&sql, &partitions[i]);
        append_balance(&sql, partitions, count);
        status = run(sink, &sql, err);
    }
    buf_fini(&sql);
    return status;
}

// The old positions keep their ids, which their rows carry, and their sums; the new ones get ids of their own, and go on with the epochs.
enum status rewind_afresh(struct sink *sink, const struct rewind_partition *partitions, uint32_t count, struct err *err)
{
    if (!count) return OK;
    struct buf sql;
    buf_init(&sql, BUF_MAX_WRITE);
    append_fence(&sql, partitions, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct sink_partition *at = &partitions[i].position;
        long long to = partitions[i].to_offset;
        buf_printf(&sql, "UPDATE fdp_offsets SET consumer_group = consumer_group || '#%lld' WHERE id = %lld;\n", (long long)at->id,
                   (long long)at->id);
        if (partitions[i].gone) continue;
        buf_append_text(&sql, "INSERT INTO fdp_offsets (consumer_group, topic, partition, owner_epoch, first_offset, next_offset,"
                              " updated_at) SELECT ");
        dialect_append_text(&sql, at->group);
        buf_printf(&sql, ", topic, partition, owner_epoch, %lld, %lld, updated_at FROM fdp_offsets WHERE id = %lld;\n", to, to,
                   (long long)at->id);
    }
    enum status status = run(sink, &sql, err);
    buf_fini(&sql);
    return status;
}

bool rewind_is_over(const char *group)
{
    const char *mark = strrchr(group, '#');
    return mark && mark[1] && strspn(mark + 1, "0123456789") == strlen(mark + 1);
}
