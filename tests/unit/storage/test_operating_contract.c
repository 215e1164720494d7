// SPDX-License-Identifier: Apache-2.0
// What operators' commands do with a store: move positions, work through the quarantine, make and compare shadows. Runs against SQLite, and
// against PostgreSQL where FDP_TEST_SINK names a server (as test_sink_contract.c).
#include "fixture.h"

#include "model/record.h"
#include "storage/elsewhere.h"
#include "storage/quarantine.h"
#include "storage/rewind.h"
#include "storage/shadow.h"
#include "storage/version.h"

static const char *const tables[] = {"stocks", "crypto"};
enum { TABLES = 2, STORED = 6, REJECTED = 2, FILTERED = 3, SKIPPED = 4, ALL = STORED + REJECTED + FILTERED + SKIPPED };

// A partition that has read the offsets 100..114: six rows, two rejects, then three filtered and four skipped.
static struct sink_partition fill(struct store *store, int32_t number_of_partition)
{
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = {
        .group = "processing", .topic = "tickers.stocks", .partition = number_of_partition, .next_offset = 100};
    assert_ok(store->sink->ops->claim(store->sink, &partition, &err), &err);
    struct batch *rows = rows_of(store->type, &partition, STORED), *rejects = batch_new(&reject_row_type, REJECTED);
    for (int i = 0; i < REJECTED; i++) add_reject(rejects, &partition, 100 + STORED + i);
    struct sink_advance advance = advance_of(&partition, STORED, REJECTED);
    advance.to_offset = 100 + ALL;
    advance.filtered = FILTERED;
    advance.skipped = SKIPPED;
    assert_ok(write_rows(store->sink, rows, rejects, advance, &fault, &err), &err);
    batch_free(rows);
    batch_free(rejects);
    return partition;
}

static struct rewind_partition find(struct store *store, int32_t number_of_partition, int64_t to)
{
    struct err err;
    struct sink_partition *known;
    uint32_t count;
    assert_ok(rewind_positions(store->sink, "processing", &store->arena, &known, &count, &err), &err);
    for (uint32_t i = 0; i < count; i++)
        if (known[i].partition == number_of_partition) return (struct rewind_partition){.position = known[i], .to_offset = to};
    fail_msg("partition %d is not there", number_of_partition);
    return (struct rewind_partition){0};
}

static struct rewind_partition move(struct store *store, int32_t number_of_partition, int64_t to)
{
    struct err err;
    struct rewind_partition partition = find(store, number_of_partition, to);
    assert_ok(rewind_look(store->sink, tables, TABLES, &partition, 1, &err), &err);
    assert_ok(rewind_apply(store->sink, tables, TABLES, &partition, 1, &err), &err);
    return partition;
}

static void count_wrong(void *context, const struct reconcile_partition *partition)
{
    *(int *)context += !reconcile_holds(partition, true);
}

static void assert_reconciles(struct store *store)
{
    struct err err;
    int wrong = 0;
    int64_t strays = -1;
    assert_ok(reconcile(store->sink, tables, TABLES, true, count_wrong, &wrong, &strays, &err), &err);
    assert_int_equal(wrong, 0);
    assert_int_equal(strays, 0);
}

static void assert_partition(struct store *store, int32_t number_of_partition, int64_t first, int64_t next, const int64_t sums[4])
{
    struct sink_partition at = find(store, number_of_partition, 0).position;
    assert_int_equal(at.first_offset, first);
    assert_int_equal(at.next_offset, next);
    assert_int_equal(at.stored, sums[0]);
    assert_int_equal(at.quarantined, sums[1]);
    assert_int_equal(at.filtered, sums[2]);
    assert_int_equal(at.skipped, sums[3]);
}

// --- Moving ---

static void test_rewind_positions_tells_everything_but_the_epoch(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_partition filled = fill(store, 1), *known;
    uint32_t count;
    assert_ok(rewind_positions(store->sink, "nobody's", &store->arena, &known, &count, &err), &err);
    assert_int_equal(count, 0);
    assert_ok(rewind_positions(store->sink, NULL, &store->arena, &known, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(known->group, "processing");
    assert_string_equal(known->topic, "tickers.stocks");
    assert_int_equal(known->id, filled.id);
    assert_int_equal(known->last_timestamp_us, 42);
    assert_int_equal(known->last_crc, 4000000000u);
    assert_partition(store, 1, 100, 115, (int64_t[]){6, 2, 3, 4});
}

static void test_rewind_back_removes_what_is_made_again_and_nothing_else(void **state)
{
    struct store *store = *state;
    fill(store, 0);
    fill(store, 1);
    struct rewind_partition moved = move(store, 1, 104);
    assert_int_equal(moved.rows, 2);
    assert_int_equal(moved.entries, 2);
    // 11 offsets back: 2 rows, 2 entries; the other 7 are all that was filtered and skipped.
    assert_partition(store, 1, 100, 104, (int64_t[]){4, 0, 0, 0});
    assert_partition(store, 0, 100, 115, (int64_t[]){6, 2, 3, 4});
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 10);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM fdp_quarantine"), 2);
    assert_reconciles(store);
}

static void test_rewind_back_a_little_takes_filtered_before_skipped(void **state)
{
    struct store *store = *state;
    fill(store, 1);
    move(store, 1, 113);
    assert_partition(store, 1, 100, 113, (int64_t[]){6, 2, 1, 4});
    move(store, 1, 110);
    assert_partition(store, 1, 100, 110, (int64_t[]){6, 2, 0, 2});
    assert_reconciles(store);
}

static void test_rewind_below_the_first_offset_begins_there(void **state)
{
    struct store *store = *state;
    fill(store, 1);
    struct rewind_partition moved = move(store, 1, 90);
    assert_int_equal(moved.rows, STORED);
    assert_partition(store, 1, 90, 90, (int64_t[]){0, 0, 0, 0});
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 0);
    assert_reconciles(store);
}

static void test_rewind_forward_counts_as_skipped(void **state)
{
    struct store *store = *state;
    fill(store, 1);
    struct rewind_partition moved = move(store, 1, 120);
    assert_int_equal(moved.rows + moved.entries, 0);
    assert_partition(store, 1, 100, 120, (int64_t[]){6, 2, 3, 9});
    assert_reconciles(store);
}

static void test_rewind_fences_the_worker(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition mine = fill(store, 1);
    mine.next_offset = 115;
    move(store, 1, 110);
    struct batch *rows = rows_of(store->type, &mine, 1);
    assert_status(write_rows(store->sink, rows, NULL, advance_of(&mine, 1, 0), &fault, &err), RETRY, &err, "115");
    assert_int_equal(fault.kind, SINK_FAULT_FENCED);
    struct sink_partition again = {.group = "processing", .topic = "tickers.stocks", .partition = 1};
    assert_ok(store->sink->ops->claim(store->sink, &again, &err), &err);
    assert_int_equal(again.next_offset, 110);
    assert_int_equal(again.last_timestamp_us, 0); // whatever is before it now was not looked at
    assert_true(again.epoch > mine.epoch + 1);
    batch_free(rows);
}

static void test_rewind_goes_by_what_a_worker_has_done_since_the_look(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition mine = fill(store, 1);
    struct rewind_partition partition = find(store, 1, 115);
    assert_ok(rewind_look(store->sink, tables, TABLES, &partition, 1, &err), &err);
    mine.next_offset = 115;
    struct batch *rows = rows_of(store->type, &mine, 3);
    assert_ok(write_rows(store->sink, rows, NULL, advance_of(&mine, 3, 0), &fault, &err), &err);
    assert_ok(rewind_apply(store->sink, tables, TABLES, &partition, 1, &err), &err);
    assert_partition(store, 1, 100, 115, (int64_t[]){6, 2, 3, 4});
    assert_reconciles(store);
    batch_free(rows);
}

static void test_rewind_of_entries_in_every_state(void **state)
{
    struct store *store = *state;
    struct err err;
    fill(store, 1);
    // One was redriven (its row is there), one dropped (it counts as quarantined for ever).
    change(store->sink, "UPDATE fdp_quarantine SET state = 'redriven' WHERE _offset = 106");
    change(store->sink, "UPDATE fdp_quarantine SET state = 'dropped' WHERE _offset = 107");
    change(store->sink,
           "INSERT INTO crypto (id, price, time, _source, _offset) SELECT id, price, time, _source, 106 FROM stocks WHERE _offset = 100");
    change(store->sink, "UPDATE fdp_offsets SET stored = stored + 1, quarantined = quarantined - 1");
    struct rewind_partition moved = move(store, 1, 106);
    assert_int_equal(moved.rows, 1);
    assert_int_equal(moved.entries, 1);
    assert_partition(store, 1, 100, 106, (int64_t[]){6, 0, 0, 0});
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM fdp_quarantine"), 0);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM crypto"), 0);
    assert_reconciles(store);
    assert_ok(rewind_look(store->sink, tables, TABLES, &moved, 0, &err), &err);
}

static void test_rewind_mends_sums_that_rows_do_not_bear_out(void **state)
{
    struct store *store = *state;
    fill(store, 1);
    change(store->sink, "DELETE FROM stocks WHERE _offset = 103"); // lost, and one doubled
    change(
        store->sink,
        "INSERT INTO stocks (id, price, time, _source, _offset) SELECT id, price, time, _source, _offset FROM stocks WHERE _offset = 104");
    move(store, 1, 102);
    assert_partition(store, 1, 100, 102, (int64_t[]){2, 0, 0, 0});
    assert_reconciles(store);
    move(store, 1, 100);
    assert_reconciles(store);
}

static void test_rewind_of_several_partitions_is_all_or_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    fill(store, 0);
    fill(store, 1);
    struct rewind_partition both[] = {find(store, 1, 101), find(store, 0, 130)};
    assert_ok(rewind_look(store->sink, tables, TABLES, both, 2, &err), &err);
    assert_int_equal(both[0].rows, 5);
    assert_int_equal(both[1].rows, 0);
    static const char *const missing[] = {"stocks", "nowhere"};
    assert_int_not_equal(rewind_apply(store->sink, missing, 2, both, 2, &err), OK);
    assert_partition(store, 0, 100, 115, (int64_t[]){6, 2, 3, 4});
    assert_partition(store, 1, 100, 115, (int64_t[]){6, 2, 3, 4});
    assert_ok(rewind_apply(store->sink, tables, TABLES, both, 2, &err), &err);
    assert_partition(store, 0, 100, 130, (int64_t[]){6, 2, 3, 19});
    assert_partition(store, 1, 100, 101, (int64_t[]){1, 0, 0, 0});
    assert_reconciles(store);
}

static void test_rewind_afresh_keeps_what_was_and_begins_anew(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_partition before = fill(store, 1);
    struct rewind_partition partition = find(store, 1, 7);
    assert_ok(rewind_afresh(store->sink, &partition, 1, &err), &err);
    struct sink_partition after = {.group = "processing", .topic = "tickers.stocks", .partition = 1, .next_offset = 99};
    assert_ok(store->sink->ops->claim(store->sink, &after, &err), &err);
    assert_int_not_equal(after.id, before.id);
    assert_int_equal(after.first_offset, 7);
    assert_int_equal(after.next_offset, 7);
    assert_true(after.epoch > before.epoch); // a worker that still has the old one cannot take the new one for it
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), STORED);
    assert_reconciles(store);
    struct sink_partition *known;
    uint32_t count, over = 0;
    assert_ok(rewind_positions(store->sink, NULL, &store->arena, &known, &count, &err), &err);
    for (uint32_t i = 0; i < count; i++) over += rewind_is_over(known[i].group);
    assert_int_equal(count, 2);
    assert_int_equal(over, 1);
    assert_false(rewind_is_over("processing"));
    assert_false(rewind_is_over("number #"));
}

// --- Rows in tables that no route leads to ---

#define MAKE_OTHER(name) "CREATE TABLE " name " (id text, price double precision, _source integer, _offset bigint)"
#define FILL_OTHER(name) "INSERT INTO " name " SELECT id, price, _source, _offset FROM stocks"

static uint32_t look_elsewhere(struct store *store, const char *const *routed, uint32_t routed_count, const struct sink_range *ranges,
                               uint32_t range_count, struct elsewhere **found)
{
    struct err err;
    uint32_t count;
    assert_ok(elsewhere_look(store->sink, routed, routed_count, ranges, range_count, &store->arena, found, &count, &err), &err);
    return count;
}

static void test_elsewhere_tables_are_those_with_provenance(void **state)
{
    struct store *store = *state;
    struct err err;
    const char **found;
    uint32_t count;
    change(store->sink, MAKE_OTHER("\"it's \"\"old\"\"\""));
    change(store->sink, "CREATE TABLE plain (id text, _source integer)");
    change(store->sink, "CREATE VIEW seen AS SELECT * FROM stocks");
    assert_ok(elsewhere_tables(store->sink, tables, TABLES, &store->arena, &found, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(found[0], "currency");
    assert_string_equal(found[1], "it's \"old\"");
}

static void test_elsewhere_tells_what_is_there_alone_from_copies(void **state)
{
    struct store *store = *state;
    struct elsewhere *found;
    struct sink_partition one = fill(store, 0), other = fill(store, 1);
    struct sink_range all[] = {{one.id, 0, INT64_MAX}, {other.id, 0, INT64_MAX}}, some = {other.id, 101, 104};
    static const char *const moved[] = {"crypto"};
    assert_int_equal(look_elsewhere(store, tables, TABLES, all, 2, &found), 0);
    change(store->sink, MAKE_OTHER("earlier"));
    change(store->sink, FILL_OTHER("earlier") " WHERE _offset >= 102");
    // Copies, and nothing of what is not asked for.
    assert_int_equal(look_elsewhere(store, tables, TABLES, all, 2, &found), 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(found[i].table, "earlier");
        assert_int_equal(found[i].source, all[i].source);
        assert_int_equal(found[i].alone, 0);
        assert_int_equal(found[i].rows, 4);
    }
    assert_int_equal(look_elsewhere(store, tables, TABLES, &some, 1, &found), 1);
    assert_int_equal(found->rows, 2);
    assert_int_equal(look_elsewhere(store, tables, TABLES, all, 0, &found), 0);
    // With other routes all of them are alone, but for one that has an entry, and one whose entry was redriven.
    change(store->sink, "UPDATE fdp_quarantine SET _offset = 102 WHERE _offset = 106");
    change(store->sink, "UPDATE fdp_quarantine SET _offset = 103, state = 'redriven' WHERE _offset = 107");
    assert_int_equal(look_elsewhere(store, moved, 1, all, 2, &found), 4);
    assert_string_equal(found[1].table, "earlier");
    assert_int_equal(found[1].alone, 3);
    assert_string_equal(found[2].table, "stocks");
    assert_int_equal(found[2].alone, 5);
    assert_int_equal(found[2].rows, 6);
}

static void test_rewind_removes_rows_of_earlier_routes_where_it_is_told(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_partition filled = fill(store, 1);
    struct elsewhere *found;
    struct sink_range all = {filled.id, 100, INT64_MAX};
    static const char *const now[] = {"currency"}, *const both[] = {"currency", "stocks"};
    change(store->sink, "INSERT INTO currency (id, price, time, _source, _offset) SELECT id, price, time, _source, _offset FROM stocks"
                        " WHERE _offset = 105");
    change(store->sink, "DELETE FROM stocks WHERE _offset = 105");
    assert_int_equal(look_elsewhere(store, now, 1, &all, 1, &found), 1);
    assert_int_equal(found->alone, STORED - 1);
    assert_int_equal(look_elsewhere(store, both, 2, &all, 1, &found), 0);
    struct rewind_partition partition = find(store, 1, 102);
    assert_ok(rewind_look(store->sink, both, 2, &partition, 1, &err), &err);
    assert_int_equal(partition.rows, 4);
    assert_ok(rewind_apply(store->sink, both, 2, &partition, 1, &err), &err);
    assert_partition(store, 1, 100, 102, (int64_t[]){2, 0, 0, 0});
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 2);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM currency"), 0);
}

// --- The quarantine ---

static uint32_t read_entries(struct store *store, const struct quarantine_choice *choice, int64_t after, struct quarantine_entry *entries,
                             struct batch *records)
{
    struct err err;
    assert_ok(quarantine_read(store->sink, choice, after, records->capacity, records, entries, &store->arena, &err), &err);
    return records->rows;
}

static void test_quarantine_read_gives_records_back_as_they_were(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rejects = batch_new(&reject_row_type, 2), *records = batch_new(&record_row_type, 8);
    uint32_t row = batch_row_begin(rejects);
    batch_set_slice(rejects, REJECT_KEY, row, SLICE("AAPL"));
    batch_set_slice(rejects, REJECT_VALUE, row, (struct slice){"\0\xff\1", 3});
    batch_set_slice(rejects, REJECT_HEADERS, row, (struct slice){"", 0});
    batch_set_int64(rejects, REJECT_TIMESTAMP, row, 1786622589123456);
    batch_set_slice(rejects, REJECT_RULE, row, SLICE("it's"));
    batch_set_slice(rejects, REJECT_ERROR, row, SLICE("why"));
    rejects->source[row] = partition.id;
    batch_row_commit(rejects);
    add_reject(rejects, &partition, 1);
    struct sink_advance advance = advance_of(&partition, 0, 2);
    struct sink_write write = {.rejects = rejects, .advances = &advance, .advance_count = 1};
    assert_ok(store->sink->ops->write(store->sink, &write, &fault, &err), &err);

    struct quarantine_entry entries[8];
    struct quarantine_choice all = {0}, quoted = {.rule = "it's", .topic = "tickers.stocks"}, none = {.rule = "none"};
    assert_int_equal(read_entries(store, &all, INT64_MIN, entries, records), 2);
    assert_int_equal(read_entries(store, &all, entries[0].id, entries, records), 1);
    assert_int_equal(records->offset[0], 1);
    assert_true(batch_is_null(records, RECORD_KEY, 0));
    assert_int_equal(read_entries(store, &none, INT64_MIN, entries, records), 0);
    assert_int_equal(read_entries(store, &quoted, INT64_MIN, entries, records), 1);
    assert_true(slice_equal(records->columns[RECORD_KEY].text[0], SLICE("AAPL")));
    assert_true(slice_equal(records->columns[RECORD_VALUE].text[0], ((struct slice){"\0\xff\1", 3})));
    assert_false(batch_is_null(records, RECORD_HEADERS, 0));
    assert_int_equal(records->columns[RECORD_HEADERS].text[0].size, 0);
    assert_int_equal(records->columns[RECORD_TIMESTAMP].int64[0], 1786622589123456);
    assert_int_equal(records->source[0], partition.id);
    assert_int_equal(entries[0].partition, 1);
    assert_string_equal(entries[0].topic, "tickers.stocks");
    assert_string_equal(entries[0].error, "why");
    batch_free(rejects);
    batch_free(records);
}

static void test_quarantine_drop_leaves_counts_and_is_over_once(void **state)
{
    struct store *store = *state;
    struct err err;
    int64_t count;
    char text[16];
    struct quarantine_entry entries[8];
    struct batch *records = batch_new(&record_row_type, 8);
    fill(store, 0);
    fill(store, 1);
    struct quarantine_choice all = {0};
    assert_int_equal(read_entries(store, &all, INT64_MIN, entries, records), 4);
    struct quarantine_choice two = {.ids = (int64_t[]){entries[1].id, entries[3].id}, .id_count = 2};
    assert_ok(quarantine_count(store->sink, &two, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_ok(quarantine_drop(store->sink, &two, 100, &err), &err);
    assert_ok(quarantine_count(store->sink, &two, &count, &err), &err);
    assert_int_equal(count, 0);
    assert_ok(quarantine_drop(store->sink, &all, 1, &err), &err);
    assert_ok(quarantine_count(store->sink, &all, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_ok(quarantine_state(store->sink, entries[0].id, text, &err), &err);
    assert_string_equal(text, "dropped");
    assert_ok(quarantine_state(store->sink, entries[2].id, text, &err), &err);
    assert_string_equal(text, "waiting");
    assert_ok(quarantine_state(store->sink, 123456, text, &err), &err);
    assert_string_equal(text, "");
    struct quarantine_choice nothing = {.ids = (int64_t[]){0}, .id_count = 0};
    assert_ok(quarantine_count(store->sink, &nothing, &count, &err), &err);
    assert_int_equal(count, 0);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM fdp_quarantine WHERE state = 'dropped' AND changed_at IS NOT NULL"), 3);
    assert_reconciles(store);
    batch_free(records);
}

// --- Shadows ---

#define COPY_ROWS "INSERT INTO again (id, price, time, _source, _offset) SELECT id, price, time, _source, _offset FROM stocks"

static void test_shadow_make_is_like_the_live_table_and_takes_no_other(void **state)
{
    struct store *store = *state;
    struct err err;
    struct row_type *made;
    fill(store, 1);
    assert_ok(shadow_make(store->sink, "again", "stocks", false, &err), &err);
    assert_ok(store->sink->ops->table(store->sink, "again", &store->arena, &made, &err), &err);
    assert_true(shadow_alike(made, store->type));
    for (uint32_t i = 0; i < made->column_count; i++) assert_int_equal(made->columns[i].required, store->type->columns[i].required);
    assert_ok(shadow_make(store->sink, "again", "stocks", false, &err), &err); // it is empty
    change(store->sink, COPY_ROWS);
    assert_status(shadow_make(store->sink, "again", "stocks", false, &err), REJECT, &err, "--yes");
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM again"), STORED);
    assert_ok(shadow_make(store->sink, "again", "stocks", true, &err), &err);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM again"), 0);
    change(store->sink, "ALTER TABLE again ADD COLUMN more integer");
    assert_status(shadow_make(store->sink, "again", "stocks", true, &err), REJECT, &err, "other columns");
    assert_status(shadow_make(store->sink, "again", "nowhere", true, &err), REJECT, &err, "nowhere");
    assert_int_not_equal(shadow_make(store->sink, "finance_data_ingress", "stocks", true, &err), OK);
}

struct seen {
    int calls[SHADOW_DIFFERENT + 1];
    int64_t last_offset;
    char column[64];
    struct sink_cell live, shadow;
};

static void see(void *context, enum shadow_kind kind, int64_t source, int64_t offset, const char *column, const struct sink_cell *live,
                const struct sink_cell *shadow)
{
    (void)source;
    struct seen *seen = context;
    seen->calls[kind]++;
    seen->last_offset = offset;
    if (kind != SHADOW_DIFFERENT) return;
    snprintf(seen->column, sizeof seen->column, "%s", column);
    seen->live = *live;
    seen->shadow = *shadow;
}

static struct shadow_compared compare(struct store *store, int64_t source, int64_t from, int64_t to, struct seen *seen)
{
    struct err err;
    struct shadow_compared compared;
    struct sink_range range = {source, from, to};
    *seen = (struct seen){0};
    assert_ok(shadow_compare(store->sink, "again", tables, TABLES, &range, 1, 2, see, seen, &compared, &err), &err);
    return compared;
}

static void test_shadow_compare_finds_what_is_missing_extra_and_different(void **state)
{
    struct store *store = *state;
    struct err err;
    struct seen seen;
    struct sink_partition partition = fill(store, 1);
    fill(store, 2); // other partitions are not looked at
    assert_ok(shadow_make(store->sink, "again", "stocks", false, &err), &err);
    char copy[192];
    snprintf(copy, sizeof copy, COPY_ROWS " WHERE _source = %lld", (long long)partition.id);
    change(store->sink, copy);
    struct shadow_compared compared = compare(store, partition.id, 100, 200, &seen);
    assert_int_equal(compared.same, STORED);
    assert_int_equal(compared.differing[SHADOW_MISSING] + compared.differing[SHADOW_EXTRA] + compared.differing[SHADOW_DIFFERENT], 0);

    change(store->sink, "DELETE FROM again WHERE _offset IN (100, 101, 102)");
    change(store->sink, "UPDATE stocks SET _offset = 150 WHERE _offset = 103"); // the shadow has 103, which is live no more
    change(store->sink, "UPDATE again SET price = 1.25 WHERE _offset = 104");
    compared = compare(store, partition.id, 100, 150, &seen);
    assert_int_equal(compared.same, 1);
    assert_int_equal(compared.differing[SHADOW_MISSING], 3);
    assert_int_equal(seen.calls[SHADOW_MISSING], 2); // examples
    assert_int_equal(compared.differing[SHADOW_EXTRA], 1);
    assert_int_equal(compared.differing[SHADOW_DIFFERENT], 1);
    assert_string_equal(seen.column, "price");
    assert_float_equal(seen.live.float64, 305.76, 0);
    assert_float_equal(seen.shadow.float64, 1.25, 0);
    compared = compare(store, partition.id, 105, 106, &seen);
    assert_int_equal(compared.same, 1);
    assert_int_equal(compared.differing[SHADOW_MISSING], 0);

    // A row may be in any of the tables; a null differs from a value, and is the same as a null.
    change(store->sink, "INSERT INTO crypto SELECT * FROM stocks WHERE _offset = 105");
    change(store->sink, "DELETE FROM stocks WHERE _offset = 105");
    assert_int_equal(compare(store, partition.id, 105, 106, &seen).same, 1);
    change(store->sink, "UPDATE again SET exchange = 'NMS' WHERE _offset = 105");
    assert_int_equal(compare(store, partition.id, 105, 106, &seen).differing[SHADOW_DIFFERENT], 1);
    assert_string_equal(seen.column, "exchange");
    assert_int_equal(seen.live.type, SINK_NULL);
}

// Of tables that were just filled PostgreSQL expects a few rows. Comparing each with each takes longer than a statement may here.
static void test_shadow_compare_of_many_rows_that_nobody_has_counted(void **state)
{
    enum { MANY = 60000 };
    struct store *store = *state;
    struct err err;
    struct seen seen;
    struct sink_partition partition = fill(store, 1);
    assert_ok(shadow_make(store->sink, "again", "stocks", false, &err), &err);
    char more[320];
    snprintf(more, sizeof more,
             "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO stocks (id, price, time, _source, _offset) SELECT id, price, time, _source, 1000 + i FROM stocks, n"
             " WHERE _offset = 100",
             MANY);
    change(store->sink, more);
    change(store->sink, COPY_ROWS);
    change(store->sink, "DELETE FROM again WHERE _offset = 1500");
    change(store->sink, "DELETE FROM stocks WHERE _offset = 1600");
    change(store->sink, "UPDATE again SET price = 1.25 WHERE _offset IN (1700, 1701)");
    struct shadow_compared compared = compare(store, partition.id, 100, 1 << 20, &seen);
    assert_int_equal(compared.same, STORED + MANY - 4);
    assert_int_equal(compared.differing[SHADOW_MISSING], 1);
    assert_int_equal(compared.differing[SHADOW_EXTRA], 1);
    assert_int_equal(compared.differing[SHADOW_DIFFERENT], 2);
}

static void test_version_is_the_newest_after_a_migration(void **state)
{
    struct store *store = *state;
    struct err err;
    int version, newest;
    assert_ok(sink_version(store->sink, &version, &newest, &err), &err);
    assert_true(newest >= 2);
    assert_int_equal(version, newest);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_rewind_positions_tells_everything_but_the_epoch),
        TEST(test_rewind_back_removes_what_is_made_again_and_nothing_else),
        TEST(test_rewind_back_a_little_takes_filtered_before_skipped),
        TEST(test_rewind_below_the_first_offset_begins_there),
        TEST(test_rewind_forward_counts_as_skipped),
        TEST(test_rewind_fences_the_worker),
        TEST(test_rewind_goes_by_what_a_worker_has_done_since_the_look),
        TEST(test_rewind_of_entries_in_every_state),
        TEST(test_rewind_mends_sums_that_rows_do_not_bear_out),
        TEST(test_rewind_of_several_partitions_is_all_or_nothing),
        TEST(test_rewind_afresh_keeps_what_was_and_begins_anew),
        TEST(test_elsewhere_tables_are_those_with_provenance),
        TEST(test_elsewhere_tells_what_is_there_alone_from_copies),
        TEST(test_rewind_removes_rows_of_earlier_routes_where_it_is_told),
        TEST(test_quarantine_read_gives_records_back_as_they_were),
        TEST(test_quarantine_drop_leaves_counts_and_is_over_once),
        TEST(test_shadow_make_is_like_the_live_table_and_takes_no_other),
        TEST(test_shadow_compare_finds_what_is_missing_extra_and_different),
        TEST(test_shadow_compare_of_many_rows_that_nobody_has_counted),
        TEST(test_version_is_the_newest_after_a_migration),
    };
    int failed = cmocka_run_group_tests_name("storage/operating on SQLite", tests, NULL, NULL);
    fixture_server = getenv("FDP_TEST_SINK");
    if (fixture_server) failed += cmocka_run_group_tests_name("storage/operating on PostgreSQL", tests, NULL, NULL);
    return failed;
}
