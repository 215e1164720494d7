// SPDX-License-Identifier: Apache-2.0
// The quarantine, in SQL that every store understands.
#include "storage/quarantine.h"

#include <stdio.h>

#include "base/clock.h"
#include "model/record.h"
#include "storage/dialect.h"

static void append_choice(struct buf *sql, const struct quarantine_choice *choice)
{
    buf_append_text(sql, " FROM fdp_quarantine WHERE state = 'waiting'");
    for (uint32_t i = 0; choice->ids && i < choice->id_count; i++)
        buf_printf(sql, "%s%lld", i ? ", " : " AND id IN (", (long long)choice->ids[i]);
    if (choice->ids) buf_append_text(sql, choice->id_count ? ")" : " AND id IS NULL");
    if (choice->rule) {
        buf_append_text(sql, " AND rule = ");
        dialect_append_text(sql, choice->rule);
    }
    if (choice->topic) {
        buf_append_text(sql, " AND topic = ");
        dialect_append_text(sql, choice->topic);
    }
}

static enum status finish(struct buf *sql, struct err *err)
{
    buf_append_byte(sql, '\0');
    return sql->full ? err_set(err, FATAL, ERR_USAGE, "this choice of entries is too long") : OK;
}

// --- Reading ---

enum { ID, SOURCE, OFFSET, PARTITION, TOPIC, RULE, ERROR, TIMESTAMP, KEY, VALUE, HEADERS };
static const char columns[] = "SELECT id, _source, _offset, partition, topic, rule, error, timestamp, key, value, headers";

struct reading {
    struct batch *records;
    struct quarantine_entry *entries;
    struct arena *arena;
};

static void take_bytes(struct batch *records, enum record_column column, uint32_t row, const struct sink_cell *cell)
{
    if (cell->type == SINK_NULL) return;
    batch_set_slice(records, column, row,
                    (struct slice){arena_copy(&records->arena, cell->text.data ? cell->text.data : "", cell->text.size), cell->text.size});
}

static const char *take_text(const struct reading *reading, const struct sink_cell *cell)
{
    return arena_copy(reading->arena, cell->text.data ? cell->text.data : "", cell->text.size);
}

static bool take_entry(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    struct reading *reading = context;
    struct batch *records = reading->records;
    uint32_t row = batch_row_begin(records);
    take_bytes(records, RECORD_KEY, row, &cells[KEY]);
    take_bytes(records, RECORD_VALUE, row, &cells[VALUE]);
    take_bytes(records, RECORD_HEADERS, row, &cells[HEADERS]);
    batch_set_int64(records, RECORD_TIMESTAMP, row, cells[TIMESTAMP].integer); // 0 when the store could not keep it
    records->source[row] = cells[SOURCE].integer;
    records->offset[row] = cells[OFFSET].integer;
    reading->entries[row] = (struct quarantine_entry){.id = cells[ID].integer,
                                                      .source = cells[SOURCE].integer,
                                                      .partition = (int32_t)cells[PARTITION].integer,
                                                      .topic = take_text(reading, &cells[TOPIC]),
                                                      .rule = take_text(reading, &cells[RULE]),
                                                      .error = take_text(reading, &cells[ERROR])};
    batch_row_commit(records);
    return !batch_full(records); // no more were asked for
}

enum status quarantine_read(struct sink *sink, const struct quarantine_choice *choice, int64_t after_id, uint32_t limit,
                            struct batch *records, struct quarantine_entry *entries, struct arena *arena, struct err *err)
{
    struct buf sql;
    struct reading reading = {records, entries, arena};
    batch_reset(records);
    buf_init(&sql, BUF_MAX_SQL);
    buf_append_text(&sql, columns);
    append_choice(&sql, choice);
    buf_printf(&sql, " AND id > %lld ORDER BY id LIMIT %u", (long long)after_id, limit);
    enum status status = finish(&sql, err);
    if (status == OK) status = sink->ops->query(sink, sql.data, take_entry, &reading, err);
    buf_fini(&sql);
    return status;
}

static bool take_number(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    *(int64_t *)context = cells[0].integer;
    return true;
}

enum status quarantine_count(struct sink *sink, const struct quarantine_choice *choice, int64_t *count, struct err *err)
{
    struct buf sql;
    *count = 0;
    buf_init(&sql, BUF_MAX_SQL);
    buf_append_text(&sql, "SELECT COUNT(*)");
    append_choice(&sql, choice);
    enum status status = finish(&sql, err);
    if (status == OK) status = sink->ops->query(sink, sql.data, take_number, count, err);
    buf_fini(&sql);
    return status;
}

static bool take_state(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    snprintf(context, 16, "%.*s", SLICE_ARG(cells[0].text));
    return true;
}

enum status quarantine_state(struct sink *sink, int64_t id, char state[16], struct err *err)
{
    char sql[128];
    *state = '\0';
    snprintf(sql, sizeof sql, "SELECT state FROM fdp_quarantine WHERE id = %lld", (long long)id);
    return sink->ops->query(sink, sql, take_state, state, err);
}

// --- Dropping ---

enum status quarantine_drop(struct sink *sink, const struct quarantine_choice *choice, int64_t limit, struct err *err)
{
    struct buf sql;
    buf_init(&sql, BUF_MAX_SQL);
    buf_append_text(&sql, "UPDATE fdp_quarantine SET state = 'dropped', changed_at = ");
    dialect_append_time(&sql, sink, clock_now_us());
    // The state is asked for again outside: another may have changed it while this statement waited.
    buf_append_text(&sql, " WHERE state = 'waiting' AND id IN (SELECT id");
    append_choice(&sql, choice);
    buf_printf(&sql, " ORDER BY id LIMIT %lld)", (long long)limit);
    enum status status = finish(&sql, err);
    if (status == OK) status = sink->ops->exec(sink, sql.data, err);
    buf_fini(&sql);
    return status;
}
