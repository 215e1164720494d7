// SPDX-License-Identifier: Apache-2.0
// What is the PostgreSQL store's own: types, tables that are altered under it, roles, timeouts, URLs. Needs FDP_TEST_SINK, the URL
// of a server on TCP and of a role that may create schemas and is a member of pg_monitor; without it there is nothing to test.
#include "fixture.h"

#include <float.h>
#include <pthread.h>

#include "storage/elsewhere.h"

// A connection with the tables of the store's schema in sight.
static void admin(struct store *store, const char *sql)
{
    admin_once(store->url, sql);
}

static struct sink *open_with(struct store *store, int64_t statement_timeout_ms)
{
    store->config.storage.statement_timeout_ms = statement_timeout_ms;
    return store_open(store);
}

// Writes `count` rows to stocks from the claim's position on.
static enum status write_some(struct sink *sink, const struct row_type *type, const struct sink_partition *partition, uint32_t count,
                              struct sink_fault *fault, struct err *err)
{
    struct batch *rows = rows_of(type, partition, count);
    enum status status = write_rows(sink, rows, NULL, advance_of(partition, count, 0), fault, err);
    batch_free(rows);
    return status;
}

// --- Types ---

static const char all_types[] =
    "CREATE DOMAIN symbol AS text CHECK (value <> ''); CREATE DOMAIN positive AS real CHECK (value > 0);"
    "CREATE TABLE wide (i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, t text, v varchar(5), c char(3), b bytea,"
    " z timestamptz, p timestamp, o boolean, s symbol, q positive, g integer GENERATED ALWAYS AS (i4 + 1) STORED,"
    " n bigint GENERATED ALWAYS AS IDENTITY, made timestamptz NOT NULL DEFAULT now(), _source bigint, _offset bigint)";

struct wide {
    struct row_type *type;
    struct batch *rows;
    struct sink_partition partition;
};

// The columns of a table of which no route gives the one named.
static struct row_type without(struct store *store, const struct row_type *type, const char *name)
{
    struct row_column *columns = arena_calloc(&store->arena, type->column_count, sizeof *columns);
    memcpy(columns, type->columns, type->column_count * sizeof *columns);
    columns[column_of(type, name)].absent = true;
    return (struct row_type){type->name, type->column_count, columns};
}

static struct wide make_wide(struct store *store)
{
    struct err err;
    struct wide wide;
    admin(store, all_types);
    assert_ok(store->sink->ops->table(store->sink, "wide", &store->arena, &wide.type, &err), &err);
    *wide.type = without(store, wide.type, "made");
    wide.rows = batch_new(wide.type, 3);
    wide.partition = claim(store->sink, 0);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t row = batch_row_begin(wide.rows);
        wide.rows->source[row] = wide.partition.id;
        wide.rows->offset[row] = i;
        batch_row_commit(wide.rows);
    }
    return wide;
}

static enum status write_wide(struct store *store, struct wide *wide, struct sink_fault *fault, struct err *err)
{
    struct sink_table table = {"wide", wide->rows};
    struct sink_advance advance = advance_of(&wide->partition, 3, 0);
    struct sink_write write = {&table, 1, NULL, &advance, 1};
    return store->sink->ops->write(store->sink, &write, fault, err);
}

static void test_table_leaves_out_what_the_server_gives(void **state)
{
    struct store *store = *state;
    struct wide wide = make_wide(store);
    assert_int_equal(wide.type->column_count, 15);
    assert_int_equal(row_type_column(wide.type, SLICE("g")), -1);
    assert_int_equal(row_type_column(wide.type, SLICE("n")), -1);
    assert_false(wide.type->columns[column_of(wide.type, "made")].required); // it has a default
    batch_free(wide.rows);
}

static void test_write_of_every_type(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct wide wide = make_wide(store);
    static const struct {
        const char *column;
        int64_t low, high;
    } integers[] = {{"i2", INT16_MIN, INT16_MAX}, {"i4", INT32_MIN, INT32_MAX - 1}, {"i8", INT64_MIN, INT64_MAX}, {"o", 0, 1}};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        batch_set_int64(wide.rows, column_of(wide.type, integers[i].column), 0, integers[i].low);
        batch_set_int64(wide.rows, column_of(wide.type, integers[i].column), 1, integers[i].high);
    }
    batch_set_double(wide.rows, column_of(wide.type, "f4"), 0, 305.76);
    batch_set_double(wide.rows, column_of(wide.type, "f4"), 1, -(double)FLT_MAX);
    batch_set_double(wide.rows, column_of(wide.type, "f8"), 0, -0.0);
    batch_set_double(wide.rows, column_of(wide.type, "q"), 0, 1.5);
    static const char *const texts[] = {"t", "v", "c", "b", "s"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) batch_set_slice(wide.rows, column_of(wide.type, texts[i]), 0, SLICE("abc"));
    for (uint32_t row = 0; row < 2; row++) {
        int64_t us = row ? INT64_MAX : -210866803200000000; // 294247 AD, 4714 BC: the ends of what both can say
        batch_set_int64(wide.rows, column_of(wide.type, "z"), row, us);
        batch_set_int64(wide.rows, column_of(wide.type, "p"), row, us);
    }
    assert_ok(write_wide(store, &wide, &fault, &err), &err);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM wide WHERE made > now() - interval '1 minute' AND _source > 0"), 3);
    assert_int_equal(number(store->sink,
                            "SELECT COUNT(*) FROM wide WHERE i2 = -32768 AND i4 = -2147483648 AND i8 = -9223372036854775808"
                            " AND f4 = real '305.76' AND f8::text = '-0' AND t = 'abc' AND v = 'abc' AND c = 'abc' AND b = 'abc'"
                            " AND z = '4714-11-24 BC' AND p = '4714-11-24 BC' AND NOT o AND s = 'abc' AND q = 1.5 AND g = -2147483647"),
                     1);
    assert_int_equal(number(store->sink,
                            "SELECT COUNT(*) FROM wide WHERE i2 = 32767 AND i8 = 9223372036854775807 AND f4 = real '-3.4028235e38'"
                            " AND o AND isfinite(z) AND extract(year FROM z) = 294247 AND p = z::timestamp AND t IS NULL"),
                     1);
    batch_free(wide.rows);
}

static void test_write_of_a_value_out_of_range_names_row_and_column(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct wide wide = make_wide(store);
    static const struct {
        const char *column;
        bool real;
        int64_t integer;
        double number;
        const char *fragment;
    } wrong[] = {
        {"i2", false, 32768, 0, "column i2 is smallint, and 32768 does not fit"},
        {"i4", false, -2147483649, 0, "column i4 is integer, and -2147483649 does not fit"},
        {"o", false, 2, 0, "column o is boolean, and 2 does not fit"},
        {"f4", true, 0, 1e39, "column f4 is real, and 9.99"},
        {"f4", true, 0, 1e-60, "column f4 is real"},
        {"q", true, 0, -1, "violates check constraint"},
        {"z", false, INT64_MIN, 0, "column z is timestamp with time zone"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint32_t column = column_of(wide.type, wrong[i].column);
        if (wrong[i].real)
            batch_set_double(wide.rows, column, 1, wrong[i].number);
        else
            batch_set_int64(wide.rows, column, 1, wrong[i].integer);
        assert_status(write_wide(store, &wide, &fault, &err), REJECT, &err, wrong[i].fragment);
        assert_fault(&fault, SINK_FAULT_ROW, 0, 1);
        wide.rows->columns[column].null[1] = 1;
    }
    static const struct {
        const char *column;
        struct slice text;
    } texts[] = {{"v", {"too long", 8}}, {"t", {"a\0b", 3}}, {"t", {"\xff", 1}}, {"s", {"", 0}}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint32_t column = column_of(wide.type, texts[i].column);
        batch_set_slice(wide.rows, column, 2, texts[i].text);
        assert_int_equal(write_wide(store, &wide, &fault, &err), REJECT);
        assert_fault(&fault, SINK_FAULT_ROW, 0, 2);
        wide.rows->columns[column].null[2] = 1;
    }
    assert_ok(write_wide(store, &wide, &fault, &err), &err);
    batch_free(wide.rows);
}

static void test_table_with_a_type_that_cannot_be_written_names_the_column(void **state)
{
    struct store *store = *state;
    struct err err;
    struct row_type *type;
    admin(store, "ALTER TABLE stocks ADD COLUMN exact numeric(10, 2)");
    assert_status(store->sink->ops->table(store->sink, "stocks", &store->arena, &type, &err), REJECT, &err,
                  "column exact of table stocks is of type numeric(10,2)");
}

// The server would empty it after a crash, and the positions would stay.
static void test_table_that_is_unlogged_is_refused(void **state)
{
    struct store *store = *state;
    struct err err;
    struct row_type *type;
    admin(store, "ALTER TABLE stocks SET UNLOGGED");
    assert_status(store->sink->ops->table(store->sink, "stocks", &store->arena, &type, &err), REJECT, &err, "SET LOGGED");
}

static void test_query_gives_times_as_text_and_as_a_number(void **state)
{
    struct store *store = *state;
    assert_int_equal(number(store->sink, "SELECT timestamptz '2026-08-13 14:03:09.5+02'"), 1786622589500000);
    assert_int_equal(number(store->sink, "SELECT timestamp '2026-08-13 12:03:09'"), 1786622589000000);
    assert_int_equal(number(store->sink, "SELECT true"), 1);
    assert_int_equal(number(store->sink, "SELECT sum(x) FROM unnest('{9000000000000000000,1}'::bigint[]) AS x"), 9000000000000000001);
}

// --- Tables that are altered while rows go into them ---

static void alter_stocks(struct store *store, const char *change_of_column)
{
    char sql[256];
    snprintf(sql, sizeof sql, "DROP VIEW IF EXISTS finance_data_ingress; ALTER TABLE stocks %s", change_of_column);
    admin(store, sql);
}

// What is stored for a null does not depend on what else is in the batch.
static void test_write_of_nulls_into_a_column_with_a_default(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct row_type *all;
    struct sink_partition partition = claim(store->sink, 0);
    admin(store, "CREATE DOMAIN place AS text DEFAULT 'given'");
    alter_stocks(store, "ALTER exchange TYPE place, ALTER price_hint SET DEFAULT 'given', ADD made bigint NOT NULL DEFAULT 7");
    assert_ok(store->sink->ops->table(store->sink, "stocks", &store->arena, &all, &err), &err);
    struct row_type type = without(store, all, "made");
    for (int mixed = 0; mixed < 2; mixed++) {
        struct batch *rows = rows_of(&type, &partition, 2);
        if (mixed) batch_set_slice(rows, column_of(&type, "exchange"), 0, SLICE("NMS"));
        if (mixed) batch_set_slice(rows, column_of(&type, "price_hint"), 0, SLICE("2"));
        assert_ok(write_rows(store->sink, rows, NULL, advance_of(&partition, 2, 0), &fault, &err), &err);
        partition.next_offset += 2;
        batch_free(rows);
    }
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks WHERE exchange IS NULL AND price_hint IS NULL AND made = 7"), 3);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks WHERE exchange = 'NMS' AND price_hint = '2' AND made = 7"), 1);
    // The same column, of which a route gives nothing but nulls.
    assert_status(write_some(store->sink, all, &partition, 1, &fault, &err), REJECT, &err, "made");
    assert_fault(&fault, SINK_FAULT_ROW, 0, 0);
}

// A double's bits would be a fine bigint: nobody would notice.
static void test_write_after_a_column_became_another_type_stores_nothing_wrong(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    assert_ok(write_some(store->sink, store->type, &partition, 2, &fault, &err), &err);
    partition.next_offset = 2;
    alter_stocks(store, "ALTER price TYPE bigint");
    for (int i = 0; i < 2; i++) {
        assert_status(write_some(store->sink, store->type, &partition, 2, &fault, &err), REJECT, &err,
                      "column price of table stocks is of type bigint now");
        assert_fault(&fault, SINK_FAULT_TABLE, 0, 0);
    }
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 2);
}

// What the error says to run puts it right, whatever the type had become.
static void test_write_after_a_column_became_another_type_says_what_to_run(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    static const char *const changes[] = {"ALTER price TYPE text",
                                          "ALTER price TYPE numeric(12, 3)",
                                          "ALTER price TYPE bytea USING price::text::bytea",
                                          "ALTER price TYPE bigint",
                                          "ALTER time TYPE text",
                                          "ALTER time TYPE bigint USING extract(epoch FROM time)",
                                          "ALTER id TYPE bytea USING id::bytea",
                                          "ALTER market_hours TYPE boolean USING market_hours = 1",
                                          "ALTER market_hours TYPE timestamptz USING to_timestamp(market_hours)",
                                          "ALTER market_hours TYPE double precision",
                                          "ALTER quote_type TYPE text"};
    enum { CHANGES = sizeof changes / sizeof *changes };
    for (size_t i = 0; i < CHANGES; i++) {
        assert_ok(write_some(store->sink, store->type, &partition, 2, &fault, &err), &err);
        partition.next_offset += 2;
        alter_stocks(store, changes[i]);
        assert_status(write_some(store->sink, store->type, &partition, 2, &fault, &err), REJECT, &err, "run: ALTER TABLE \"stocks\"");
        assert_fault(&fault, SINK_FAULT_TABLE, 0, 0);
        admin(store, strstr(err.text, "run: ") + strlen("run: "));
    }
    assert_ok(write_some(store->sink, store->type, &partition, 2, &fault, &err), &err);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks WHERE id = 'AAPL' AND time = timestamptz '2026-08-13 12:03:09Z'"),
                     2 * CHANGES + 2);
}

static void test_write_after_a_column_became_wider_goes_on(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    static const char *const changes[] = {"ALTER market_hours TYPE bigint",
                                          "ALTER change TYPE real",
                                          "ALTER time TYPE timestamp",
                                          "ALTER exchange TYPE varchar(10)",
                                          "ADD extra text",
                                          "DROP extra",
                                          "ADD made timestamptz NOT NULL DEFAULT now()"};
    assert_ok(write_some(store->sink, store->type, &partition, 2, &fault, &err), &err);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        partition.next_offset += 2;
        alter_stocks(store, changes[i]);
        enum status status = write_some(store->sink, store->type, &partition, 2, &fault, &err);
        if (status == AGAIN) status = write_some(store->sink, store->type, &partition, 2, &fault, &err);
        assert_ok(status, &err);
    }
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks WHERE id = 'AAPL' AND price = 305.76"), 16);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks WHERE time = timestamp '2026-08-13 12:03:09'"), 16);
}

static void test_write_after_the_table_became_unlogged_stores_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    assert_ok(write_some(store->sink, store->type, &partition, 2, &fault, &err), &err);
    partition.next_offset = 2;
    alter_stocks(store, "SET UNLOGGED");
    for (int i = 0; i < 2; i++) {
        assert_status(write_some(store->sink, store->type, &partition, 2, &fault, &err), REJECT, &err, "SET LOGGED");
        assert_fault(&fault, SINK_FAULT_TABLE, 0, 0);
    }
    alter_stocks(store, "SET LOGGED");
    assert_ok(write_some(store->sink, store->type, &partition, 2, &fault, &err), &err);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 4);
}

// The column was left out of the COPY while it had none.
static void test_write_after_a_column_got_a_default_goes_on_with_nulls(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    assert_ok(write_some(store->sink, store->type, &partition, 2, &fault, &err), &err);
    partition.next_offset = 2;
    alter_stocks(store, "ALTER exchange SET DEFAULT 'X'");
    assert_status(write_some(store->sink, store->type, &partition, 2, &fault, &err), AGAIN, &err, "altered just now");
    assert_ok(write_some(store->sink, store->type, &partition, 2, &fault, &err), &err);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks WHERE exchange IS NULL"), 4);
}

// --- Triggers and constraints ---

#define FAILING(condition, timing)                                                                                                         \
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF " condition                                                       \
    " THEN RAISE EXCEPTION 'refused by a trigger at line 99'; END IF; RETURN new; END $$;"                                                 \
    "CREATE " timing " FOR EACH ROW EXECUTE FUNCTION f()"

static void test_write_refused_by_a_trigger_names_the_row(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    admin(store, FAILING("new._offset = 1234", "TRIGGER t BEFORE INSERT ON stocks"));
    assert_status(write_some(store->sink, store->type, &partition, 5000, &fault, &err), REJECT, &err, "refused by a trigger");
    assert_fault(&fault, SINK_FAULT_ROW, 0, 1234);
    admin(store, "DROP FUNCTION f CASCADE;" FAILING("new._offset = 1235", "TRIGGER t AFTER INSERT ON stocks"));
    assert_int_equal(write_some(store->sink, store->type, &partition, 5000, &fault, &err), REJECT);
    assert_int_equal(fault.kind, SINK_FAULT_SOME); // these run after the last row
}

static void test_write_tells_that_a_trigger_drops_rows(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    assert_ok(write_some(store->sink, store->type, &partition, 20, &fault, &err), &err);
    assert_int_equal(fault.dropping, 0);
    partition.next_offset = 20;
    admin(store, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
                 "CREATE TRIGGER t BEFORE INSERT ON stocks FOR EACH ROW WHEN (new._offset = 33) EXECUTE FUNCTION f()");
    assert_ok(write_some(store->sink, store->type, &partition, 20, &fault, &err), &err);
    assert_int_equal(fault.dropping, 1);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 39);
}

static void test_write_refused_at_the_commit_is_some_row(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    admin(store, FAILING("new._offset = 12", "CONSTRAINT TRIGGER t AFTER INSERT ON stocks DEFERRABLE INITIALLY DEFERRED"));
    assert_int_equal(write_some(store->sink, store->type, &partition, 50, &fault, &err), REJECT);
    assert_int_equal(fault.kind, SINK_FAULT_SOME);
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM stocks"), 0);
    assert_ok(write_some(store->sink, store->type, &partition, 12, &fault, &err), &err);
}

static void test_write_of_a_value_too_long_for_an_index_names_the_row(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    admin(store, "CREATE INDEX ON stocks (event_id)");
    struct batch *rows = rows_of(store->type, &partition, 20);
    uint64_t seed = 1;
    char text[20000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('!' + (seed = seed * 6364136223846793005u + 1) / (UINT64_MAX / 90));
    batch_set_slice(rows, column_of(store->type, "event_id"), 7, (struct slice){text, sizeof text});
    assert_int_equal(write_rows(store->sink, rows, NULL, advance_of(&partition, 20, 0), &fault, &err), REJECT);
    assert_fault(&fault, SINK_FAULT_ROW, 0, 7);
    batch_free(rows);
}

static void test_write_with_a_broken_trigger_is_a_fault_of_the_table(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    admin(store, FAILING("no_such_function()", "TRIGGER t BEFORE INSERT ON stocks"));
    assert_status(write_some(store->sink, store->type, &partition, 5, &fault, &err), REJECT, &err, "no_such_function");
    assert_fault(&fault, SINK_FAULT_TABLE, 0, 0);
}

// --- Time ---

static const char sleeping[] = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;"
                               "CREATE TRIGGER t BEFORE INSERT ON stocks FOR EACH STATEMENT EXECUTE FUNCTION f()";

static void test_write_past_the_statement_timeout_is_slow(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink *sink = open_with(store, 300);
    struct sink_partition partition = claim(sink, 0);
    admin(store, sleeping);
    assert_status(write_some(sink, store->type, &partition, 5, &fault, &err), REJECT, &err, "statement-timeout");
    assert_int_equal(fault.kind, SINK_FAULT_SLOW);
    admin(store, "DROP FUNCTION f CASCADE");
    assert_ok(write_some(sink, store->type, &partition, 5, &fault, &err), &err);
    sink_close(sink);
}

struct attempt {
    struct store *store;
    struct sink *sink;
    struct sink_partition partition;
    struct sink_fault fault;
    struct err err;
    enum status status;
    pthread_t thread;
};

static void *attempt_main(void *context)
{
    struct attempt *attempt = context;
    attempt->status = write_some(attempt->sink, attempt->store->type, &attempt->partition, 5, &attempt->fault, &attempt->err);
    return NULL;
}

// Runs `sql` until it has a row that says true.
static void await_true(const char *url, const char *sql)
{
    PGconn *conn = admin_open(url);
    bool done = false;
    for (int64_t deadline_ns = clock_deadline_ms(10000); !done;) {
        PGresult *result = PQexec(conn, sql);
        done = PQntuples(result) > 0 && *PQgetvalue(result, 0, 0) == 't';
        PQclear(result);
        if (clock_mono_ns() > deadline_ns) fail_msg("never true: %s", sql);
    }
    PQfinish(conn);
}

static void test_write_canceled_by_a_person_is_tried_again(void **state)
{
    struct store *store = *state;
    struct attempt attempt = {.store = store, .sink = store->sink, .partition = claim(store->sink, 0)};
    admin(store, sleeping);
    assert_int_equal(pthread_create(&attempt.thread, NULL, attempt_main, &attempt), 0);
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT pg_cancel_backend(a.pid) FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid WHERE wait_event = 'PgSleep' AND"
             " l.relation = '%s.stocks'::regclass",
             store->schema);
    await_true(store->url, sql);
    pthread_join(attempt.thread, NULL);
    assert_status(attempt.status, AGAIN, &attempt.err, "canceled");
    assert_int_equal(attempt.fault.kind, SINK_FAULT_NONE);
}

static void test_write_and_claim_that_wait_for_a_lock_end_soon(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink *sink = open_with(store, 400);
    struct sink_partition partition = claim(sink, 0), again = partition;
    PGconn *other = admin_open(store->url);
    // A table, before there is a plan for it, while it is read and while it is written to.
    for (int i = 0; i < 3; i++) {
        admin_run(other, i == 1 ? "BEGIN; LOCK TABLE stocks IN SHARE MODE" : "BEGIN; LOCK TABLE stocks");
        assert_status(write_some(sink, store->type, &partition, 5, &fault, &err), REJECT, &err,
                      "table stocks is locked by another session");
        assert_fault(&fault, SINK_FAULT_TABLE, 0, 0);
        admin_run(other, "ROLLBACK");
    }
    admin_run(other, "BEGIN; LOCK TABLE fdp_quarantine");
    struct batch *none = batch_new(store->type, 1), *rejects = batch_new(&reject_row_type, 1);
    add_reject(rejects, &partition, 0);
    assert_int_equal(write_rows(sink, none, rejects, advance_of(&partition, 0, 1), &fault, &err), AGAIN);
    batch_free(none);
    batch_free(rejects);
    admin_run(other, "ROLLBACK; BEGIN; SELECT 1 FROM fdp_offsets FOR UPDATE");
    assert_int_equal(write_some(sink, store->type, &partition, 5, &fault, &err), AGAIN);
    assert_int_equal(sink->ops->claim(sink, &again, &err), AGAIN);
    again.epoch = 0;
    assert_int_equal(sink->ops->claim(sink, &again, &err), AGAIN);
    PQfinish(other);
    assert_ok(write_some(sink, store->type, &partition, 5, &fault, &err), &err);
    sink_close(sink);
}

// --- Migrations ---

static void *migrate_main(void *context)
{
    struct attempt *attempt = context;
    struct sink *sink;
    attempt->status = store_open_at(attempt->store, attempt->store->url, &sink, &attempt->err);
    if (attempt->status != OK) return NULL;
    attempt->status = sink->ops->migrate(sink, &attempt->err);
    sink_close(sink);
    return NULL;
}

static void test_migrate_at_once_from_many(void **state)
{
    enum { MANY = 8 };
    struct store *store = *state;
    struct attempt attempts[MANY];
    char sql[128];
    snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE; CREATE SCHEMA %s", store->schema, store->schema);
    admin(store, sql);
    for (int i = 0; i < MANY; i++) {
        attempts[i].store = store;
        assert_int_equal(pthread_create(&attempts[i].thread, NULL, migrate_main, &attempts[i]), 0);
    }
    for (int i = 0; i < MANY; i++) {
        pthread_join(attempts[i].thread, NULL);
        assert_ok(attempts[i].status, &attempts[i].err);
    }
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM fdp_schema_version WHERE version = 1"), 1);
}

static void test_migrate_refuses_a_newer_database(void **state)
{
    struct store *store = *state;
    struct err err;
    admin(store, "INSERT INTO fdp_schema_version (version, name) VALUES (999, 'x')");
    assert_status(store->sink->ops->migrate(store->sink, &err), FATAL, &err, "newer version of this program (999");
}

static void test_migrate_that_fails_leaves_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    char sql[256];
    snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE; CREATE SCHEMA %s; CREATE TABLE %s.currency (mine integer)", store->schema,
             store->schema, store->schema);
    admin(store, sql);
    assert_status(store->sink->ops->migrate(store->sink, &err), FATAL, &err, "currency");
    assert_contains(err.text, "sql/postgres/001_tables.sql");
    assert_int_equal(number(store->sink, "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()"), 1);
}

// --- Roles ---

// The store as another role sees it: one that every server has and that owns nothing.
#define OTHER_ROLE "pg_monitor"
static struct sink *open_as_other(struct store *store)
{
    struct err err;
    struct sink *sink;
    char url[600], sql[128];
    snprintf(sql, sizeof sql, "GRANT USAGE ON SCHEMA %s TO " OTHER_ROLE, store->schema);
    admin(store, sql);
    snprintf(url, sizeof url, "%s%%20-crole%%3D" OTHER_ROLE, store->url);
    assert_ok(store_open_at(store, url, &sink, &err), &err);
    return sink;
}

static void test_write_without_permission_says_what_to_grant(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink *sink = open_as_other(store);
    admin(store, "GRANT SELECT, INSERT, UPDATE ON fdp_offsets TO " OTHER_ROLE);
    struct sink_partition partition = claim(sink, 0);
    assert_status(write_some(sink, store->type, &partition, 3, &fault, &err), REJECT, &err, "GRANT SELECT, INSERT ON \"stocks\"");
    assert_fault(&fault, SINK_FAULT_TABLE, 0, 0);
    admin(store, "GRANT SELECT, INSERT ON stocks TO " OTHER_ROLE);
    assert_ok(write_some(sink, store->type, &partition, 3, &fault, &err), &err);
    sink_close(sink);
}

// What may not be read was never written to: a table of somebody else's is in nobody's way.
static void test_elsewhere_leaves_out_parts_of_tables_and_what_may_not_be_read(void **state)
{
    struct store *store = *state;
    struct err err;
    const char **found;
    uint32_t count;
    static const char *const routed[] = {"stocks", "crypto"};
    admin(store, "CREATE TABLE years (id text, _source integer, _offset bigint) PARTITION BY RANGE (_offset);"
                 "CREATE TABLE years_1 PARTITION OF years FOR VALUES FROM (0) TO (10);"
                 "CREATE TABLE words (id text, _source text, _offset text)");
    assert_ok(elsewhere_tables(store->sink, routed, 2, &store->arena, &found, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(found[0], "currency");
    assert_string_equal(found[1], "years");
    struct sink *sink = open_as_other(store);
    admin(store, "GRANT SELECT ON years TO " OTHER_ROLE);
    assert_ok(elsewhere_tables(sink, routed, 2, &store->arena, &found, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(found[0], "years");
    sink_close(sink);
}

static void test_migrate_without_permission_says_what_to_grant(void **state)
{
    struct store *store = *state;
    struct err err;
    char sql[256];
    snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE; CREATE SCHEMA %s", store->schema, store->schema);
    admin(store, sql);
    struct sink *sink = open_as_other(store);
    assert_status(sink->ops->migrate(sink, &err), FATAL, &err, "GRANT CREATE ON SCHEMA");
    sink_close(sink);
}

static void test_open_read_only_changes_nothing(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    struct config config = store->config;
    config.storage.url = store->url;
    struct sink_params params = {.config = &config, .read_only = true};
    claim(store->sink, 3);
    assert_ok(sink_open(&sink, &params, &err), &err);
    assert_int_equal(number(sink, "SELECT next_offset FROM fdp_offsets"), 3);
    assert_int_not_equal(sink->ops->exec(sink, "DELETE FROM fdp_offsets", &err), OK);
    assert_int_equal(number(sink, "SELECT next_offset FROM fdp_offsets"), 3);
    sink_close(sink);
    admin(store, "DROP TABLE fdp_schema_version");
    assert_status(sink_open(&sink, &params, &err), FATAL, &err, "no tables of this program");
}

// --- URLs ---

static void test_open_with_a_bad_url_is_fatal_and_keeps_the_password(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    static const char *const urls[] = {"postgresql://me:hush%zz@127.0.0.1:1/x",
                                       "postgresql://me:hush@127.0.0.1:1/x?hush=1",
                                       "postgresql://me:hush@127.0.0.1:1/x?sslmode=hush",
                                       "postgresql://me:hush@127.0.0.1:hush/x",
                                       "postgresql://me:hush@hush@127.0.0.1:1/x",
                                       "postgresql://me:12/hush@127.0.0.1:1/x",
                                       "postgresql://me:hush/ab@127.0.0.1:1/x",
                                       "postgresql://me:hush@[::1/x",
                                       "postgres:hush"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        assert_status(store_open_at(store, urls[i], &sink, &err), FATAL, &err, "storage.url");
        assert_int_equal(err.code, ERR_CONFIG);
        if (strstr(err.text, "hush")) fail_msg("%s", err.text);
        assert_null(sink);
    }
}

static void test_open_without_a_server_is_retry(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    assert_status(store_open_at(store, "postgresql://me:hush@127.0.0.1:1/x", &sink, &err), RETRY, &err, "cannot reach PostgreSQL");
    assert_int_equal(err.code, ERR_STORAGE);
    assert_null(strstr(err.text, "hush"));
    assert_status(store_open_at(store, "postgres://me@%2Fno%2Fsuch%2Ffolder/x", &sink, &err), RETRY, &err, "cannot reach PostgreSQL");
}

static void test_open_with_a_role_or_database_that_is_not_there_is_retry(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    char url[600];
    url_with(url, sizeof url, store->url, "user=fdp_nobody&password=hush");
    assert_status(store_open_at(store, url, &sink, &err), RETRY, &err, "does not let us in");
    assert_contains(err.text, "pg_hba.conf");
    assert_null(strstr(err.text, "hush"));
    url_with(url, sizeof url, store->url, "dbname=fdp_nothing");
    assert_status(store_open_at(store, url, &sink, &err), RETRY, &err, "fdp_nothing");
}

static void test_open_wants_a_password_in_the_file_that_is_named(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    char path[600], content[4200];
    snprintf(path, sizeof path, "%s/password", store->bed.folder);
    memset(content, 'x', sizeof content);
    store->config.storage.password_file = path;
    assert_status(store_open_at(store, store->url, &sink, &err), RETRY, &err, "storage.password-file");
    static const struct {
        size_t size; // of the file: the head, then letters
        const char *head;
        size_t head_size;
        const char *why;
    } wrong[] = {{0, "", 0, "empty"}, {1, "\n", 1, "empty"},     {20, "\r\n", 2, "empty"},           {20, "a\0b", 3, "zero"},
                 {4095, "", 0, NULL}, {4096, "", 0, "too long"}, {sizeof content, "", 0, "too long"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        memcpy(content, wrong[i].head, wrong[i].head_size);
        assert_int_equal(fwrite(content, 1, wrong[i].size, file), wrong[i].size);
        fclose(file);
        memset(content, 'x', sizeof content);
        enum status status = store_open_at(store, store->url, &sink, &err);
        if (wrong[i].why) {
            assert_int_equal(status, RETRY);
            assert_contains(err.text, wrong[i].why);
        } else {
            assert_int_equal(status, OK); // the server asks for none
            sink_close(sink);
        }
    }
}

static void test_write_waits_while_the_quarantine_is_away(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition partition = claim(store->sink, 0);
    struct batch *rows = rows_of(store->type, &partition, 1), *rejects = batch_new(&reject_row_type, 1);
    add_reject(rejects, &partition, 1);
    admin(store, "ALTER TABLE fdp_quarantine RENAME TO away");
    assert_status(write_rows(store->sink, rows, rejects, advance_of(&partition, 1, 1), &fault, &err), AGAIN, &err, "fdp_quarantine");
    admin(store, "ALTER TABLE away RENAME TO fdp_quarantine");
    assert_ok(write_rows(store->sink, rows, rejects, advance_of(&partition, 1, 1), &fault, &err), &err);
    batch_free(rows);
    batch_free(rejects);
}

// postgres:// is the same, and what the URL says of the connection is kept.
static void test_open_passes_the_url_on(void **state)
{
    struct store *store = *state;
    struct err err;
    struct sink *sink;
    char url[600], with[640];
    snprintf(url, sizeof url, "postgres%s", strstr(store->url, "://"));
    assert_ok(store_open_at(store, url, &sink, &err), &err);
    assert_int_equal(number(sink, "SELECT (current_setting('application_name') = 'fdp' AND current_setting('TimeZone') = 'UTC')::int"), 1);
    sink_close(sink);
    url_with(with, sizeof with, url, "application_name=mine");
    assert_ok(store_open_at(store, with, &sink, &err), &err);
    assert_int_equal(number(sink, "SELECT (current_setting('application_name') = 'mine')::int"), 1);
    sink_close(sink);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_table_leaves_out_what_the_server_gives),
        TEST(test_write_of_every_type),
        TEST(test_write_of_a_value_out_of_range_names_row_and_column),
        TEST(test_table_with_a_type_that_cannot_be_written_names_the_column),
        TEST(test_table_that_is_unlogged_is_refused),
        TEST(test_write_of_nulls_into_a_column_with_a_default),
        TEST(test_query_gives_times_as_text_and_as_a_number),
        TEST(test_write_after_a_column_became_another_type_stores_nothing_wrong),
        TEST(test_write_after_a_column_became_another_type_says_what_to_run),
        TEST(test_write_after_a_column_became_wider_goes_on),
        TEST(test_write_after_the_table_became_unlogged_stores_nothing),
        TEST(test_write_after_a_column_got_a_default_goes_on_with_nulls),
        TEST(test_write_refused_by_a_trigger_names_the_row),
        TEST(test_write_tells_that_a_trigger_drops_rows),
        TEST(test_write_refused_at_the_commit_is_some_row),
        TEST(test_write_of_a_value_too_long_for_an_index_names_the_row),
        TEST(test_write_with_a_broken_trigger_is_a_fault_of_the_table),
        TEST(test_write_past_the_statement_timeout_is_slow),
        TEST(test_write_canceled_by_a_person_is_tried_again),
        TEST(test_write_and_claim_that_wait_for_a_lock_end_soon),
        TEST(test_migrate_at_once_from_many),
        TEST(test_migrate_refuses_a_newer_database),
        TEST(test_migrate_that_fails_leaves_nothing),
        TEST(test_write_without_permission_says_what_to_grant),
        TEST(test_elsewhere_leaves_out_parts_of_tables_and_what_may_not_be_read),
        TEST(test_migrate_without_permission_says_what_to_grant),
        TEST(test_open_read_only_changes_nothing),
        TEST(test_open_with_a_bad_url_is_fatal_and_keeps_the_password),
        TEST(test_open_without_a_server_is_retry),
        TEST(test_open_with_a_role_or_database_that_is_not_there_is_retry),
        TEST(test_open_wants_a_password_in_the_file_that_is_named),
        TEST(test_write_waits_while_the_quarantine_is_away),
        TEST(test_open_passes_the_url_on),
    };
    fixture_server = getenv("FDP_TEST_SINK");
    return fixture_server ? cmocka_run_group_tests_name("storage/postgres", tests, NULL, NULL) : FIXTURE_SKIPPED;
}
