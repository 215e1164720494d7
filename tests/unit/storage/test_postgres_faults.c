// SPDX-License-Identifier: Apache-2.0
// The PostgreSQL store when the connection fails: a wire that is cut at any byte or holds what it carries, backends that are killed.
// Whatever happens, every row is there once in the end, and what was said of it was true. Needs FDP_TEST_SINK, as test_postgres.c does.
#include "proxy.h"

enum {
    ROWS = 20,
    STRIDE = 13, // of the bytes at which the wire is cut
};

struct wire {
    struct store *store;
    struct proxy proxy;
    char url[640];
    struct sink *sink; // by way of the proxy
    struct sink_partition partition;
    // Of a write in a thread of its own.
    pthread_t thread;
    uint32_t rows;
    enum status status;
    struct sink_fault fault;
    struct err err;
};

static int wire_set_up(void **state)
{
    struct err err;
    struct wire *wire = calloc(1, sizeof *wire);
    void *store;
    store_set_up(&store);
    wire->store = store;
    proxy_start(&wire->proxy);
    proxy_url(&wire->proxy, wire->store, wire->url, sizeof wire->url);
    assert_ok(store_open_at(wire->store, wire->url, &wire->sink, &err), &err);
    wire->partition = claim(wire->sink, 0);
    *state = wire;
    return 0;
}

static int wire_tear_down(void **state)
{
    struct wire *wire = *state;
    void *store = wire->store;
    sink_close(wire->sink);
    proxy_stop(&wire->proxy);
    store_tear_down(&store);
    free(wire);
    return 0;
}

static enum status write_at(struct wire *wire, const struct sink_partition *at, uint32_t count, struct sink_fault *fault, struct err *err)
{
    struct batch *stocks = rows_of(wire->store->type, at, count), *crypto = batch_new(wire->store->type, count);
    struct batch *rejects = batch_new(&reject_row_type, 1);
    for (uint32_t i = 0; i < count; i++) add_row(crypto, at, at->next_offset + count + i);
    add_reject(rejects, at, at->next_offset + 2 * count);
    struct sink_advance advance = advance_of(at, 2 * count, 1);
    struct sink_table tables[] = {{"stocks", stocks}, {"crypto", crypto}};
    struct sink_write write = {tables, 2, rejects, &advance, 1};
    enum status status = wire->sink->ops->write(wire->sink, &write, fault, err);
    batch_free(stocks);
    batch_free(crypto);
    batch_free(rejects);
    return status;
}

static void *write_main(void *context)
{
    struct wire *wire = context;
    wire->status = write_at(wire, &wire->partition, wire->rows, &wire->fault, &wire->err);
    return NULL;
}

static void write_begin(struct wire *wire, uint32_t rows)
{
    wire->rows = rows;
    assert_int_equal(pthread_create(&wire->thread, NULL, write_main, wire), 0);
}

// Until it is written, as a worker would: the truth first whenever there is doubt.
static void write_for_good(struct wire *wire, int64_t to_offset)
{
    struct err err;
    struct sink_fault fault;
    struct sink_partition at = wire->partition;
    for (int64_t deadline_ns = clock_deadline_ms(20000); at.next_offset < to_offset;) {
        if (clock_mono_ns() > deadline_ns) fail_msg("not written: %s", err.text);
        enum status status = write_at(wire, &at, ROWS, &fault, &err);
        if (status == OK) at.next_offset += 2 * ROWS + 1;
        if (status == RETRY) {
            while (wire->sink->ops->claim(wire->sink, &at, &err) != OK && clock_mono_ns() < deadline_ns) continue;
        }
        if (status != OK && status != RETRY && status != AGAIN) fail_msg("%s", err.text);
    }
    wire->partition = at;
}

static void see(void *context, const struct reconcile_partition *partition)
{
    if (!reconcile_holds(partition, true)) ++*(int *)context;
}

// By the store's own connection: every row once.
static void assert_sums(struct wire *wire)
{
    static const char *const tables[] = {"stocks", "crypto"};
    struct err err;
    int wrong = 0;
    int64_t strays;
    assert_ok(reconcile(wire->store->sink, tables, 2, true, see, &wrong, &strays, &err), &err);
    assert_int_equal(wrong, 0);
    assert_int_equal(strays, 0);
}

static int64_t stored_position(struct wire *wire)
{
    return number(wire->store->sink, "SELECT next_offset FROM fdp_offsets");
}

// --- Cut at every byte ---

// How many bytes one write takes in that direction.
static int measure(struct wire *wire, int direction)
{
    write_for_good(wire, wire->partition.next_offset + 1); // makes the plans
    proxy_free_pass(&wire->proxy);
    write_for_good(wire, wire->partition.next_offset + 1);
    return atomic_load(&wire->proxy.passed[direction]);
}

static void cut_everywhere(struct wire *wire, int direction)
{
    int bytes = measure(wire, direction), counts[FATAL + 1] = {0};
    for (int at = 0; at < bytes; at += at + STRIDE < bytes ? STRIDE : 1) {
        proxy_free_pass(&wire->proxy);
        write_for_good(wire, wire->partition.next_offset + 1); // makes the plans of this connection
        proxy_arm(&wire->proxy, direction, at, true);
        struct sink_fault fault;
        struct err err;
        int64_t before = wire->partition.next_offset, after = before + 2 * ROWS + 1;
        enum status status = write_at(wire, &wire->partition, ROWS, &fault, &err);
        counts[status]++;
        assert_int_equal(fault.kind, SINK_FAULT_NONE);
        if (status == OK) assert_int_equal(stored_position(wire), after);
        if (status == AGAIN) assert_int_equal(stored_position(wire), before);
        proxy_free_pass(&wire->proxy);
        if (status == OK)
            wire->partition.next_offset = after;
        else
            write_for_good(wire, after);
        assert_int_equal(wire->partition.next_offset, after);
    }
    print_message("%d bytes: %d ok, %d again, %d in doubt\n", bytes, counts[OK], counts[AGAIN], counts[RETRY]);
    assert_int_equal(counts[REJECT] + counts[FATAL], 0);
    assert_true(counts[AGAIN] > 0);
    assert_true(counts[RETRY] > 0);
    assert_sums(wire);
}

static void test_write_cut_at_every_byte_of_the_message(void **state)
{
    cut_everywhere(*state, UP);
}

static void test_write_cut_at_every_byte_of_the_answer(void **state)
{
    cut_everywhere(*state, DOWN);
}

// --- Held ---

// A worker that is stopped in the middle of a COPY blocks nobody, and is refused when it wakes.
static void test_write_held_in_a_copy_does_not_hold_up_a_successor(void **state)
{
    struct wire *wire = *state;
    write_for_good(wire, 1);
    proxy_arm(&wire->proxy, UP, 300000, false);
    write_begin(wire, 5000);
    proxy_await_held(&wire->proxy);
    int64_t began_ns = clock_mono_ns();
    struct sink_partition successor = claim(wire->store->sink, 0);
    assert_true(clock_mono_ns() - began_ns < SECOND_NS);
    assert_int_equal(successor.epoch, wire->partition.epoch + 1);
    assert_int_equal(successor.next_offset, wire->partition.next_offset);
    proxy_free_pass(&wire->proxy);
    pthread_join(wire->thread, NULL);
    assert_status(wire->status, RETRY, &wire->err, "taken over");
    assert_int_equal(wire->fault.kind, SINK_FAULT_FENCED);
    assert_sums(wire);
}

// All was sent, the answer does not come: the claim after it waits for the old backend, and then tells the truth.
static void test_write_without_an_answer_ends_and_the_truth_is_told(void **state)
{
    struct wire *wire = *state;
    struct err err;
    wire->store->config.storage.statement_timeout_ms = 100;
    sink_close(wire->sink);
    assert_ok(store_open_at(wire->store, wire->url, &wire->sink, &err), &err);
    write_for_good(wire, 1);
    // The answers to every COPY, and a little of what comes last.
    proxy_arm(&wire->proxy, DOWN, measure(wire, DOWN) - 30, false);
    struct sink_partition before = wire->partition;
    write_begin(wire, ROWS);
    pthread_join(wire->thread, NULL);
    assert_status(wire->status, RETRY, &wire->err, "did not answer in time");
    assert_int_equal(wire->fault.kind, SINK_FAULT_NONE);
    proxy_free_pass(&wire->proxy);
    assert_ok(wire->sink->ops->claim(wire->sink, &wire->partition, &err), &err);
    assert_int_equal(wire->partition.epoch, before.epoch);
    assert_int_equal(wire->partition.next_offset, before.next_offset + 2 * ROWS + 1);
    assert_sums(wire);
}

// --- Killed ---

// Backends of the store behind the proxy.
static void kill_backends(struct wire *wire, const char *and_so)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '%s' AND pid <> pg_backend_pid() %s",
             wire->store->schema, and_so);
    admin_once(fixture_server, sql);
}

static void name_the_connection(struct wire *wire)
{
    struct err err;
    char option[96];
    snprintf(option, sizeof option, "&application_name=%s", wire->store->schema);
    strncat(wire->url, option, sizeof wire->url - strlen(wire->url) - 1);
    sink_close(wire->sink);
    assert_ok(store_open_at(wire->store, wire->url, &wire->sink, &err), &err);
}

static void test_write_after_the_backend_was_killed_connects_again(void **state)
{
    struct wire *wire = *state;
    name_the_connection(wire);
    for (int i = 0; i < 5; i++) {
        write_for_good(wire, wire->partition.next_offset + 1);
        kill_backends(wire, "");
    }
    write_for_good(wire, wire->partition.next_offset + 1);
    assert_int_equal(stored_position(wire), 6 * (2 * ROWS + 1));
    assert_sums(wire);
}

static void test_write_with_the_backend_killed_in_a_copy_wrote_nothing(void **state)
{
    struct wire *wire = *state;
    name_the_connection(wire);
    write_for_good(wire, 1);
    proxy_arm(&wire->proxy, UP, 300000, false);
    write_begin(wire, 5000);
    proxy_await_held(&wire->proxy);
    kill_backends(wire, "");
    proxy_free_pass(&wire->proxy);
    pthread_join(wire->thread, NULL);
    assert_int_equal(wire->status, AGAIN);
    assert_int_equal(wire->fault.kind, SINK_FAULT_NONE);
    assert_int_equal(stored_position(wire), wire->partition.next_offset);
    write_for_good(wire, wire->partition.next_offset + 1);
    assert_sums(wire);
}

static void test_write_with_the_backend_killed_at_the_commit_is_in_doubt(void **state)
{
    struct wire *wire = *state;
    struct err err;
    write_for_good(wire, 1);
    admin_once(wire->store->url,
               "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid());"
               " RETURN NULL; END $$;"
               "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON crypto DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f()");
    struct sink_partition before = wire->partition;
    assert_status(write_at(wire, &wire->partition, ROWS, &wire->fault, &wire->err), RETRY, &wire->err, "lost while it committed");
    assert_int_equal(wire->fault.kind, SINK_FAULT_NONE);
    assert_ok(wire->sink->ops->claim(wire->sink, &wire->partition, &err), &err);
    assert_int_equal(wire->partition.next_offset, before.next_offset);
    admin_once(wire->store->url, "DROP FUNCTION f CASCADE");
    write_for_good(wire, wire->partition.next_offset + 1);
    assert_sums(wire);
}

// --- Gone ---

static void test_calls_without_a_server_say_so_and_work_when_it_is_back(void **state)
{
    struct wire *wire = *state;
    struct err err;
    struct sink_fault fault;
    struct sink_partition again = wire->partition;
    int64_t value;
    write_for_good(wire, 1);
    atomic_store(&wire->proxy.refuse, true);
    assert_int_equal(write_at(wire, &wire->partition, ROWS, &fault, &err), AGAIN);
    assert_int_equal(write_at(wire, &wire->partition, ROWS, &fault, &err), AGAIN);
    assert_int_equal(wire->sink->ops->claim(wire->sink, &again, &err), RETRY);
    assert_int_equal(wire->sink->ops->migrate(wire->sink, &err), RETRY);
    assert_int_equal(wire->sink->ops->query(wire->sink, "SELECT 1", read_one, &value, &err), RETRY);
    assert_int_equal(wire->sink->ops->exec(wire->sink, "SELECT 1", &err), RETRY);
    atomic_store(&wire->proxy.refuse, false);
    assert_ok(wire->sink->ops->claim(wire->sink, &again, &err), &err);
    write_for_good(wire, wire->partition.next_offset + 1);
    assert_sums(wire);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, wire_set_up, wire_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_write_cut_at_every_byte_of_the_message),
        TEST(test_write_cut_at_every_byte_of_the_answer),
        TEST(test_write_held_in_a_copy_does_not_hold_up_a_successor),
        TEST(test_write_without_an_answer_ends_and_the_truth_is_told),
        TEST(test_write_after_the_backend_was_killed_connects_again),
        TEST(test_write_with_the_backend_killed_in_a_copy_wrote_nothing),
        TEST(test_write_with_the_backend_killed_at_the_commit_is_in_doubt),
        TEST(test_calls_without_a_server_say_so_and_work_when_it_is_back),
    };
    fixture_server = getenv("FDP_TEST_SINK");
    return fixture_server ? cmocka_run_group_tests_name("storage/postgres faults", tests, NULL, NULL) : FIXTURE_SKIPPED;
}
