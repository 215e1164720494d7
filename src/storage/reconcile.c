// SPDX-License-Identifier: Apache-2.0
// Reconciliation in plain SQL that every store understands.
#include "storage/reconcile.h"

#include <stdio.h>

#include "storage/dialect.h"

bool reconcile_holds(const struct reconcile_partition *partition, bool deep)
{
    const struct sink_partition *at = &partition->position;
    if (at->next_offset - at->first_offset != at->stored + at->quarantined + at->filtered + at->skipped) return false;
    return !deep || (partition->rows == at->stored && partition->entries == at->quarantined && !partition->twice && !partition->outside);
}

struct visit {
    reconcile_fn *each;
    void *context;
    int64_t *strays;
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
    at->partition = (int32_t)cells[2].integer;
    int64_t *const numbers[] = {&at->id,      &at->first_offset, &at->next_offset,   &at->stored,      &at->quarantined,  &at->filtered,
                                &at->skipped, &partition.rows,   &partition.entries, &partition.twice, &partition.outside};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) *numbers[i] = cells[3 + i].integer;
    if (cells[3].type == SINK_NULL) { // rows of a partition that is not there
        *visit->strays += partition.rows + partition.entries;
        return true;
    }
    copy_text(at->group, sizeof at->group, &cells[0]);
    copy_text(at->topic, sizeof at->topic, &cells[1]);
    visit->each(visit->context, &partition);
    return true;
}

static const char shallow_sql[] = "SELECT consumer_group, topic, partition, id, first_offset, next_offset, stored, quarantined, filtered,"
                                  " skipped, 0, 0, 0, 0 FROM fdp_offsets ORDER BY consumer_group, topic, partition";

// Every row and entry is read once, as (_source, _offset, stored 1 or 0), and counted per partition; partitions that have rows but are not
// known follow with an id of null.
static const char counted_sql[] =
    "), counted AS MATERIALIZED (SELECT l._source, SUM(l.stored) AS found, SUM(1 - l.stored) AS entries,"
    " COUNT(*) - COUNT(DISTINCT l._offset) AS twice,"
    " SUM(CASE WHEN l._offset < p.first_offset OR l._offset >= p.next_offset THEN 1 ELSE 0 END) AS outside"
    " FROM located l LEFT JOIN fdp_offsets p ON p.id = l._source GROUP BY l._source) "
    "SELECT o.consumer_group, o.topic, o.partition, o.id, o.first_offset, o.next_offset, o.stored, o.quarantined, o.filtered, o.skipped,"
    " COALESCE(c.found, 0), COALESCE(c.entries, 0), COALESCE(c.twice, 0), COALESCE(c.outside, 0)"
    " FROM fdp_offsets o LEFT JOIN counted c ON c._source = o.id "
    "UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, c.found, c.entries, c.twice, c.outside"
    " FROM counted c WHERE NOT EXISTS (SELECT 1 FROM fdp_offsets p WHERE p.id = c._source) ORDER BY 1, 2, 3";

static void append_deep(struct buf *sql, const char *const *tables, uint32_t table_count)
{
    buf_append_text(sql, "WITH located AS (SELECT _source, _offset, 0 AS stored FROM fdp_quarantine WHERE state <> 'redriven'");
    for (uint32_t i = 0; i < table_count; i++) {
        buf_append_text(sql, " UNION ALL SELECT _source, _offset, 1 FROM ");
        dialect_append_name(sql, tables[i]);
    }
    buf_append(sql, counted_sql, sizeof counted_sql);
}

enum status reconcile(struct sink *sink, const char *const *tables, uint32_t table_count, bool deep, reconcile_fn *each, void *context,
                      int64_t *strays, struct err *err)
{
    struct visit visit = {each, context, strays};
    if (!deep) return sink->ops->query(sink, shallow_sql, visit_partition, &visit, err);

    struct buf sql;
    buf_init(&sql, BUF_MAX_SQL);
    append_deep(&sql, tables, table_count);
    *strays = 0;
    enum status status = sql.full ? err_set(err, FATAL, ERR_STORAGE, "too many tables to reconcile")
                                  : sink->ops->query(sink, sql.data, visit_partition, &visit, err);
    buf_fini(&sql);
    return status;
}
