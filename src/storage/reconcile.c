// SPDX-License-Identifier: Apache-2.0
// Reconciliation in plain SQL that every store understands.
#include "storage/reconcile.h"

#include <stdio.h>

#include "base/buf.h"

bool reconcile_holds(const struct reconcile_partition *partition, bool deep)
{
    const struct sink_partition *at = &partition->position;
    if (at->next_offset - at->first_offset != at->stored + at->quarantined + at->filtered + at->skipped) return false;
    return !deep || (partition->rows == at->stored && partition->entries == at->quarantined && !partition->twice && !partition->outside);
}

struct visit {
    reconcile_fn *each;
    void *context;
};

static void copy_text(char *to, size_t size, const struct sink_cell *cell)
{
    snprintf(to, size, "%.*s", SLICE_ARG(cell->text));
}

static bool visit_partition(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    const struct visit *visit = context;
    struct reconcile_partition partition = {0};
    struct sink_partition *at = &partition.position;
    copy_text(at->group, sizeof at->group, &cells[0]);
    copy_text(at->topic, sizeof at->topic, &cells[1]);
    at->partition = (int32_t)cells[2].integer;
    int64_t *const numbers[] = {&at->id,      &at->first_offset, &at->next_offset,   &at->stored,      &at->quarantined,  &at->filtered,
                                &at->skipped, &partition.rows,   &partition.entries, &partition.twice, &partition.outside};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) *numbers[i] = cells[3 + i].integer;
    visit->each(visit->context, &partition);
    return true;
}

static bool read_number(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    *(int64_t *)context = cells[0].integer;
    return false;
}

// "located": every row and waiting entry, as (_source, _offset, stored 1 or 0).
static void append_located(struct buf *sql, const char *const *tables, uint32_t table_count)
{
    buf_append_text(sql, "WITH located AS (SELECT _source, _offset, 0 AS stored FROM fdp_quarantine WHERE state <> 'redriven'");
    for (uint32_t i = 0; i < table_count; i++) buf_printf(sql, " UNION ALL SELECT _source, _offset, 1 FROM \"%s\"", tables[i]);
    buf_append_text(sql, ") ");
}

static const char shallow_sql[] = "SELECT consumer_group, topic, partition, id, first_offset, next_offset, stored, quarantined, filtered,"
                                  " skipped, 0, 0, 0, 0 FROM fdp_offsets ORDER BY consumer_group, topic, partition";
static const char deep_sql[] =
    "SELECT o.consumer_group, o.topic, o.partition, o.id, o.first_offset, o.next_offset, o.stored, o.quarantined, o.filtered, o.skipped,"
    " COALESCE(SUM(l.stored), 0), COALESCE(SUM(1 - l.stored), 0), COUNT(l._offset) - COUNT(DISTINCT l._offset),"
    " COALESCE(SUM(CASE WHEN l._offset < o.first_offset OR l._offset >= o.next_offset THEN 1 ELSE 0 END), 0)"
    " FROM fdp_offsets o LEFT JOIN located l ON l._source = o.id"
    " GROUP BY o.consumer_group, o.topic, o.partition, o.id, o.first_offset, o.next_offset, o.stored, o.quarantined, o.filtered, o.skipped"
    " ORDER BY o.consumer_group, o.topic, o.partition";

enum status reconcile(struct sink *sink, const char *const *tables, uint32_t table_count, bool deep, reconcile_fn *each, void *context,
                      int64_t *strays, struct err *err)
{
    struct visit visit = {each, context};
    if (!deep) return sink->ops->query(sink, shallow_sql, visit_partition, &visit, err);

    struct buf sql;
    buf_init(&sql, BUF_MAX_SQL);
    append_located(&sql, tables, table_count);
    size_t with = sql.size;
    buf_append(&sql, deep_sql, sizeof deep_sql);
    enum status status = sql.full ? err_set(err, FATAL, ERR_STORAGE, "too many tables to reconcile") : OK;
    if (status == OK) status = sink->ops->query(sink, sql.data, visit_partition, &visit, err);
    if (status == OK) {
        sql.size = with;
        buf_append_text(&sql, "SELECT COUNT(*) FROM located WHERE _source NOT IN (SELECT id FROM fdp_offsets)");
        buf_append_byte(&sql, '\0');
        status = sink->ops->query(sink, sql.data, read_number, strays, err);
    }
    buf_fini(&sql);
    return status;
}
