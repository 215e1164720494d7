// SPDX-License-Identifier: Apache-2.0
// The table of all options: its defaults, its shape, its documents, and the rules between options.
#include "model/config.h"

#include "../unit.h"
#include "base/asset.h"

struct fixture {
    struct option_values values;
    struct err err;
    uint32_t problems;
    char option[64], text[512];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (option_load_defaults(&config_options, &f->values, &f->err) != OK) return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    option_values_fini(&f->values);
    free(f);
    return 0;
}

static void note(void *context, const char *option, const char *text)
{
    struct fixture *f = context;
    f->problems++;
    snprintf(f->option, sizeof f->option, "%s", option);
    snprintf(f->text, sizeof f->text, "%s", text);
}

static void test_defaults_are_those_of_the_contract(void **state)
{
    struct fixture *f = *state;
    const struct config *c = f->values.values;
    assert_string_equal(c->data, "./fdp-data");
    assert_string_equal(c->log.level, "info");
    assert_string_equal(c->log.format, "text");
    assert_string_equal(c->ingestion.source, "simulator:");
    assert_int_equal(c->ingestion.symbols.count, 0);
    assert_int_equal(c->ingestion.symbols_per_connection, 100);
    assert_int_equal(c->ingestion.ping_interval_ms, 20000);
    assert_int_equal(c->ingestion.idle_timeout_ms, 60000);
    assert_int_equal(c->ingestion.reconnect_min_ms, 500);
    assert_int_equal(c->ingestion.reconnect_max_ms, 30000);
    assert_string_equal(c->streaming.url, "embedded:");
    assert_int_equal(c->streaming.topics.count, 3);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(c->streaming.topics.items[i].partitions, 3);
    assert_int_equal(c->streaming.kafka.count, 0);
    assert_int_equal(c->streaming.retention_ms, INT64_C(7) * 86400000);
    assert_int_equal(c->streaming.retention_bytes, 1 << 30);
    assert_string_equal(c->streaming.registry.url, "");
    assert_string_equal(c->streaming.registry.listen, "127.0.0.1:8081");
    assert_string_equal(c->processing.group, "processing");
    assert_string_equal(c->processing.start, "earliest");
    assert_string_equal(c->storage.url, "sqlite:");
    assert_string_equal(c->monitoring.listen, "");
    assert_string_equal(c->simulator.listen, "127.0.0.1:8082");
    assert_int_equal(c->simulator.seed, 1);
    assert_int_equal(c->simulator.rate, 50);
    assert_int_equal(c->simulator.instruments, 0);
    assert_true(c->simulator.speed == 1);
    assert_string_equal(c->simulator.session, "clock");
    assert_true(c->simulator.silent_cap);
}

static void test_default_routes_cover_the_three_topics(void **state)
{
    struct fixture *f = *state;
    const struct config *c = f->values.values;
    static const char *const topics[] = {"tickers.crypto", "tickers.currency", "tickers.stocks"};
    static const char *const conditions[] = {"WHERE quote_type = 41", "WHERE quote_type = 14",
                                             "WHERE quote_type IS NOT NULL AND quote_type NOT IN (0, 5, 7, 14, 41)"};
    assert_int_equal(c->ingestion.routes.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct config_route *route = &c->ingestion.routes.items[i];
        assert_string_equal(route->topic, topics[i]);
        assert_memory_equal(route->select, "SELECT id, price, time, change, change_percent, exchange, market_hours, price_hint, ", 84);
        assert_contains(route->select, "bid, ask, last_size, short_name FROM quote ");
        assert_contains(route->select, conditions[i]);
    }
    static const char *const tables[][2] = {{"tickers.stocks", "stocks"}, {"tickers.crypto", "crypto"}, {"tickers.currency", "currency"}};
    assert_int_equal(c->processing.routes.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(c->processing.routes.items[i].topic, tables[i][0]);
        assert_string_equal(c->processing.routes.items[i].table, tables[i][1]);
        assert_string_equal(c->processing.routes.items[i].select, "SELECT * FROM tick");
    }
}

static void test_every_row_has_help_and_a_place_of_its_own(void **state)
{
    (void)state;
    static const size_t bytes[] = {
        [OPTION_TEXT] = sizeof(char *),
        [OPTION_WORD] = sizeof(char *),
        [OPTION_BOOL] = sizeof(bool),
        [OPTION_INT] = 8,
        [OPTION_DOUBLE] = 8,
        [OPTION_DURATION] = 8,
        [OPTION_SIZE] = 8,
        [OPTION_LIST] = 16,
        [OPTION_MAP] = 16,
        [OPTION_OBJECTS] = 16,
    };
    char used[sizeof(struct config)] = {0};
    for (size_t i = 0; i < config_options.count; i++) {
        const struct option_row *row = &config_options.rows[i];
        assert_non_null(row->help);
        assert_int_equal(row->help[strlen(row->help) - 1], '.');
        assert_non_null(row->fallback);
        for (const char *p = row->name; *p; p++) assert_true((*p >= 'a' && *p <= 'z') || *p == '.' || *p == '-');
        for (size_t j = 0; j < i; j++) assert_string_not_equal(config_options.rows[j].name, row->name);
        assert_true(row->at + bytes[row->type] <= sizeof used);
        for (size_t j = 0; j < bytes[row->type]; j++) {
            if (used[row->at + j]) fail_msg("%s shares its place", row->name);
            used[row->at + j] = 1;
        }
    }
    // All of the struct is filled but what aligns a bool.
    size_t unused = 0;
    for (size_t i = 0; i < sizeof used; i++) unused += !used[i];
    assert_int_equal(unused, 7);
}

static void test_every_url_is_marked_as_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_options.count; i++) {
        const struct option_row *row = &config_options.rows[i];
        const char *dot = strrchr(row->name, '.');
        bool url = (dot && !strcmp(dot, ".url")) || !strcmp(row->name, "ingestion.source");
        if (url != !!(row->flags & OPTION_URL)) fail_msg("%s", row->name);
    }
}

static void test_rows_of_a_section_stand_together_and_have_help(void **state)
{
    (void)state;
    char names[32][64];
    size_t count = 0;
    for (size_t i = 0; i < config_options.count; i++) {
        const char *name = config_options.rows[i].name, *dot = strchr(name, '.');
        if (!dot) continue;
        char section[64];
        snprintf(section, sizeof section, "%.*s", (int)(dot - name), name);
        if (count && !strcmp(names[count - 1], section)) continue;
        for (size_t j = 0; j < count; j++) assert_string_not_equal(names[j], section);
        snprintf(names[count++], 64, "%s", section);
        bool has_help = false;
        for (size_t j = 0; j < config_options.section_count; j++) has_help |= !strcmp(config_options.sections[j].name, section);
        if (!has_help) fail_msg("the section %s has no help", section);
    }
}

static void test_limits_allow_the_default(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < config_options.count; i++) {
        const struct option_row *row = &config_options.rows[i];
        if (row->type != OPTION_INT && row->type != OPTION_DURATION && row->type != OPTION_SIZE && row->type != OPTION_DOUBLE) continue;
        assert_true(row->min < row->max);
        char assignment[128];
        snprintf(assignment, sizeof assignment, "%s=%s", row->name, row->fallback);
        if (option_load_set(&config_options, &f->values, assignment, "--set", &f->err) != OK) fail_msg("%s", f->err.text);
    }
}

static void test_the_file_in_the_program_is_the_sample_file(void **state)
{
    (void)state;
    struct buf sample;
    buf_init(&sample, BUF_MAX_CONFIG_FILE);
    option_write(&config_options, OPTION_SAMPLE_FILE, &sample);
    struct slice asset = asset_find("config/fdp.yaml");
    assert_non_null(asset.data);
    if (!slice_equal(asset, buf_slice(&sample))) fail_msg("config/fdp.yaml is stale: run tools/generate.sh");
    buf_fini(&sample);
}

static void test_the_sample_file_loads_to_the_defaults(void **state)
{
    struct fixture *f = *state;
    struct option_values loaded;
    struct slice asset = asset_find("config/fdp.yaml");
    assert_int_equal(option_load_defaults(&config_options, &loaded, &f->err), OK);
    if (option_load_yaml(&config_options, &loaded, asset.data, asset.size, "config/fdp.yaml", &f->err) != OK) fail_msg("%s", f->err.text);
    struct buf defaults, file;
    buf_init(&defaults, 1 << 20);
    buf_init(&file, 1 << 20);
    for (size_t i = 0; i < config_options.count; i++) {
        option_value_text(&config_options.rows[i], f->values.values, &defaults);
        option_value_text(&config_options.rows[i], loaded.values, &file);
        assert_true(slice_equal(buf_slice(&defaults), buf_slice(&file)));
        assert_memory_equal(loaded.origins[i], "config/fdp.yaml:", 16);
    }
    buf_fini(&defaults);
    buf_fini(&file);
    option_values_fini(&loaded);
}

static void test_kafka_properties_are_passed_and_their_secrets_hidden(void **state)
{
    struct fixture *f = *state;
    static const char yaml[] = "streaming: {kafka: {linger.ms: 5, sasl.password: p, ssl.key.pem: k, ssl.ca.location: /ca}}";
    assert_int_equal(option_load_yaml(&config_options, &f->values, yaml, sizeof yaml - 1, "a", &f->err), OK);
    assert_int_equal(((const struct config *)f->values.values)->streaming.kafka.count, 4);
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < config_options.count; i++)
        if (!strcmp(config_options.rows[i].name, "streaming.kafka")) option_value_text(&config_options.rows[i], f->values.values, &out);
    assert_true(
        slice_is(buf_slice(&out), "{linger.ms: \"5\", sasl.password: \"********\", ssl.key.pem: \"********\", ssl.ca.location: /ca}"));
    buf_fini(&out);
}

static void test_check_finds_no_fault_in_the_defaults(void **state)
{
    struct fixture *f = *state;
    uint32_t problems = config_check(f->values.values, note, f);
    if (problems) fail_msg("%s: %s", f->option, f->text);
    assert_int_equal(config_check(f->values.values, NULL, NULL), 0);
}

static void test_check_names_option_and_remedy(void **state)
{
    static const struct {
        const char *assignment, *option, *text;
    } cases[] = {
        {"data=", "data", "it is empty; name a folder"},
        {"ingestion.idle-timeout=20s", "ingestion.idle-timeout", "must be longer than ingestion.ping-interval"},
        {"ingestion.reconnect-min=1m", "ingestion.reconnect-min", "longer than ingestion.reconnect-max"},
        {"ingestion.routes=[{topic: tickers.crypt, select: s}]", "ingestion.routes",
         "[0]: the topic tickers.crypt is not in streaming.topics; did you mean tickers.crypto?"},
        {"processing.routes=[{topic: elsewhere, table: t}]", "processing.routes",
         "[0]: the topic elsewhere is not in streaming.topics; add it"},
        {"processing.routes=[{topic: tickers.stocks, table: a b}]", "processing.routes", "[0]: \"a b\" is not a name for a table"},
        {"processing.routes=[{topic: tickers.stocks, table: 1a}]", "processing.routes", "is not a name for a table"},
        {"processing.group=", "processing.group", "a group's name has 1 to 255 letters, digits"},
        {"processing.group=o'b", "processing.group", "a group's name has 1 to 255 letters, digits"},
        {"monitoring.listen=8080", "monitoring.listen", "\"8080\" is not HOST:PORT"},
        {"monitoring.listen=:8080", "monitoring.listen", "is not HOST:PORT"},
        {"monitoring.listen=a:99999", "monitoring.listen", "is not HOST:PORT"},
        {"monitoring.listen=a:-1", "monitoring.listen", "is not HOST:PORT"},
        {"monitoring.listen=::1:80", "monitoring.listen", "is not HOST:PORT"},
        {"simulator.listen=*:8082", "simulator.listen", "write 0.0.0.0:8082"},
        {"streaming.registry.url=registry:8081", "streaming.registry.url", "\"registry:8081\" is not the URL of a registry; write"},
        {"streaming.registry.url=http://", "streaming.registry.url", "is not the URL"},
        {"streaming.registry.url=http://:8081", "streaming.registry.url", "is not the URL"},
        {"streaming.registry.url=http://a:b", "streaming.registry.url", "is not the URL"},
        {"streaming.registry.url=http://a:99999/", "streaming.registry.url", "is not the URL"},
        {"streaming.registry.url=http://[::1", "streaming.registry.url", "is not the URL"},
        {"streaming.registry.url=http://a b", "streaming.registry.url", "is not the URL"},
        {"simulator.listen=a:", "simulator.listen", "is not HOST:PORT"},
        {"streaming.registry.listen=", "streaming.registry.listen", "is not HOST:PORT"},
        {"simulator.tls-key-file=k", "simulator.tls-certificate-file", "go together"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *fresh = NULL;
        assert_int_equal(setup(&fresh), 0);
        struct fixture *f = fresh;
        if (option_load_set(&config_options, &f->values, cases[i].assignment, "--set", &f->err) != OK) fail_msg("%s", f->err.text);
        uint32_t problems = config_check(f->values.values, note, f);
        if (problems != 1 || f->problems != 1) fail_msg("%s: %u problems", cases[i].assignment, problems);
        assert_string_equal(f->option, cases[i].option);
        assert_contains(f->text, cases[i].text);
        teardown(&fresh);
    }
}

static void test_check_of_topics(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(option_load_set(&config_options, &f->values, "streaming.topics=[{name: a/b}, {name: t}, {name: t}]", "--set", &f->err),
                     OK);
    assert_int_equal(option_load_set(&config_options, &f->values, "ingestion.routes=[]", "--set", &f->err), OK);
    assert_int_equal(option_load_set(&config_options, &f->values, "processing.routes=[]", "--set", &f->err), OK);
    assert_int_equal(config_check(f->values.values, note, f), 2);
    assert_string_equal(f->text, "[2]: the topic t is also [1]; keep one of them");
}

static void test_check_takes_all_kinds_of_addresses(void **state)
{
    struct fixture *f = *state;
    static const char *const good[] = {"127.0.0.1:0", "localhost:65535", "[::1]:8080", "0.0.0.0:80"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char assignment[64];
        snprintf(assignment, sizeof assignment, "monitoring.listen=%s", good[i]);
        assert_int_equal(option_load_set(&config_options, &f->values, assignment, "--set", &f->err), OK);
        if (config_check(f->values.values, note, f)) fail_msg("%s: %s", good[i], f->text);
    }
}

static void test_check_takes_all_kinds_of_registries(void **state)
{
    struct fixture *f = *state;
    static const char *const good[] = {"http://registry", "https://r.example:443/path/", "http://me:hush@h:8081", "http://[::1]:8081/a@b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char assignment[64];
        snprintf(assignment, sizeof assignment, "streaming.registry.url=%s", good[i]);
        assert_int_equal(option_load_set(&config_options, &f->values, assignment, "--set", &f->err), OK);
        if (config_check(f->values.values, note, f)) fail_msg("%s: %s", good[i], f->text);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_defaults_are_those_of_the_contract),
        CASE(test_default_routes_cover_the_three_topics),
        CASE(test_every_row_has_help_and_a_place_of_its_own),
        CASE(test_every_url_is_marked_as_one),
        CASE(test_rows_of_a_section_stand_together_and_have_help),
        CASE(test_limits_allow_the_default),
        CASE(test_the_file_in_the_program_is_the_sample_file),
        CASE(test_the_sample_file_loads_to_the_defaults),
        CASE(test_kafka_properties_are_passed_and_their_secrets_hidden),
        CASE(test_check_finds_no_fault_in_the_defaults),
        CASE(test_check_names_option_and_remedy),
        CASE(test_check_of_topics),
        CASE(test_check_takes_all_kinds_of_addresses),
        CASE(test_check_takes_all_kinds_of_registries),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
