// SPDX-License-Identifier: Apache-2.0
// Options from the command line, the environment and secret files; how values are shown, and the documents made from the table.
#include "option_settings.h"

static void test_set_takes_scalars_as_they_are(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set(f, "title=[a: \"b\" # c"), OK);
    assert_string_equal(settings(f)->title, "[a: \"b\" # c");
    assert_int_equal(set(f, "title="), OK);
    assert_string_equal(settings(f)->title, "");
    assert_int_equal(set(f, "title=a=b"), OK);
    assert_string_equal(settings(f)->title, "a=b");
    assert_int_equal(set(f, "main.deep.url=null"), OK);
    assert_string_equal(settings(f)->deep.url, "null");
    assert_int_equal(set(f, "main.wait=90"), OK);
    assert_int_equal(settings(f)->wait_ms, 90000);
    assert_string_equal(origin(f, "main.wait"), "--set");
    assert_string_equal(origin(f, "main.color"), "default");
}

static void test_set_takes_lists_as_flow_or_with_commas(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set(f, "main.names=[x, \"y,z\"]"), OK);
    assert_int_equal(settings(f)->names.count, 2);
    assert_string_equal(settings(f)->names.items[1], "y,z");
    assert_int_equal(set(f, "main.names=AAPL, EURUSD=X ,^GSPC"), OK);
    assert_int_equal(settings(f)->names.count, 3);
    assert_string_equal(settings(f)->names.items[0], "AAPL");
    assert_string_equal(settings(f)->names.items[1], "EURUSD=X");
    assert_string_equal(settings(f)->names.items[2], "^GSPC");
    assert_int_equal(set(f, "main.names="), OK);
    assert_int_equal(settings(f)->names.count, 0);
}

static void test_set_takes_maps_and_objects_as_flow(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set(f, "main.extra={a: 1, b.c: \"x y\"}"), OK);
    assert_string_equal(settings(f)->extra.items[1].value, "x y");
    assert_int_equal(set(f, "main.servers=[{host: h, port: 5}]"), OK);
    assert_int_equal(settings(f)->servers.items[0].port, 5);
    assert_int_equal(set(f, "main.servers=[{host: h, port: 0}]"), FATAL);
    assert_contains(f->err.text, "--set: main.servers[0].port is \"0\"");
}

static void test_set_of_one_entry_of_a_map(void **state)
{
    struct fixture *f = *state;
    assert_loads(f, "main: {extra: {a: 1, linger.ms: 2, z: 3}}\n");
    assert_int_equal(set(f, "main.extra.linger.ms=50"), OK);
    assert_int_equal(set(f, "main.extra.new=4"), OK);
    assert_string_equal(value_text(f, "main.extra"), "{a: \"1\", linger.ms: \"50\", z: \"3\", new: \"4\"}");
    assert_string_equal(origin(f, "main.extra"), "--set");
}

static void test_set_refuses_what_it_does_not_know(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set(f, "main.colour=red"), FATAL);
    assert_string_equal(f->err.text, "--set: unknown key \"colour\" in main; did you mean main.color?");
    assert_int_equal(set(f, "colour=red"), FATAL);
    assert_contains(f->err.text, "did you mean main.color?");
    assert_int_equal(set(f, "main=red"), FATAL);
    assert_contains(f->err.text, "main is a section; name one of its options");
    assert_int_equal(set(f, "main.extra.=red"), FATAL);
    assert_int_equal(set(f, "title"), FATAL);
    assert_contains(f->err.text, "\"title\" is not an assignment; write section.key=value");
    assert_int_equal(set(f, "=x"), FATAL);
    assert_int_equal(set(f, "title=\xff"), FATAL);
    assert_int_equal(set(f, "main.item-count="), FATAL);
    assert_string_equal(f->err.text, "--set: main.item-count is \"\"; it must be a whole number from -10 to 10");
}

struct seen {
    int count;
    char name[64], nearest[64];
};

static void note_unknown(void *context, const char *name, const char *nearest)
{
    struct seen *seen = context;
    seen->count++;
    snprintf(seen->name, sizeof seen->name, "%s", name);
    snprintf(seen->nearest, sizeof seen->nearest, "%s", nearest ? nearest : "-");
}

static enum status environment(struct fixture *f, struct seen *seen, char *first, char *second)
{
    char *entries[] = {"PATH=/bin", "FDPX=1", first, second, NULL};
    return option_load_environment(&table, &f->values, entries, note_unknown, seen, &f->err);
}

static void test_environment_names_dots_and_dashes_as_underscores(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    assert_int_equal(environment(f, &seen, "FDP_MAIN_ITEM_COUNT=7", "FDP_MAIN_DEEP_URL=a=b"), OK);
    assert_int_equal(settings(f)->count, 7);
    assert_string_equal(settings(f)->deep.url, "a=b");
    assert_string_equal(origin(f, "main.item-count"), "FDP_MAIN_ITEM_COUNT");
    assert_int_equal(seen.count, 0);
}

static void test_environment_only_reports_what_it_does_not_know(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    assert_int_equal(environment(f, &seen, "FDP_MAIN_COLOUR=red", NULL), OK);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.name, "FDP_MAIN_COLOUR");
    assert_string_equal(seen.nearest, "FDP_MAIN_COLOR");
    assert_int_equal(environment(f, &seen, "FDP_CONSOLE_SERVICE_HOST=10.0.0.1", "FDP_WITHOUT_EQUALS"), OK);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.nearest, "-");
    char *entries[] = {"FDP_X=1", NULL};
    assert_int_equal(option_load_environment(&table, &f->values, entries, NULL, NULL, &f->err), OK);
}

static void test_environment_refuses_wrong_values(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    assert_int_equal(environment(f, &seen, "FDP_MAIN_ITEM_COUNT=many", NULL), FATAL);
    assert_string_equal(f->err.text, "FDP_MAIN_ITEM_COUNT: main.item-count is \"many\"; it must be a whole number from -10 to 10");
    assert_int_equal(f->err.code, ERR_CONFIG);
    assert_int_equal(environment(f, &seen, "FDP_TITLE=\xff", NULL), FATAL);
}

static void test_stronger_layers_win(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    assert_loads(f, "title: file\nmain: {color: green, item-count: 1}\n");
    assert_int_equal(environment(f, &seen, "FDP_TITLE=environment", "FDP_MAIN_COLOR=blue"), OK);
    assert_int_equal(set(f, "title=command"), OK);
    assert_string_equal(settings(f)->title, "command");
    assert_string_equal(settings(f)->color, "blue");
    assert_int_equal(settings(f)->count, 1);
    assert_string_equal(origin(f, "title"), "--set");
    assert_string_equal(origin(f, "main.color"), "FDP_MAIN_COLOR");
    assert_string_equal(origin(f, "main.item-count"), "fdp.yaml:2");
}

static void test_secret_from_a_file(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    char text[256];
    snprintf(text, sizeof text, "main: {password-file: %s}\n", secret_file(f, "s3 cret\r\n", 9));
    assert_loads(f, text);
    assert_string_equal(settings(f)->password, "s3 cret");
    assert_string_equal(origin(f, "main.password"), "fdp.yaml:1");

    snprintf(text, sizeof text, "FDP_MAIN_PASSWORD_FILE=%s", secret_file(f, "two", 3));
    assert_int_equal(environment(f, &seen, text, NULL), OK);
    assert_string_equal(settings(f)->password, "two");
    assert_int_equal(seen.count, 0);

    snprintf(text, sizeof text, "main.password-file=%s", secret_file(f, "three\n\n", 7));
    assert_int_equal(set(f, text), OK);
    assert_string_equal(settings(f)->password, "three\n");

    snprintf(text, sizeof text, "main: {servers: [{host: a, key-file: %s}]}\n", secret_file(f, "four", 4));
    assert_loads(f, text);
    assert_string_equal(settings(f)->servers.items[0].key, "four");
}

static void test_secret_entry_of_a_map_from_a_file(void **state)
{
    struct fixture *f = *state;
    char text[256];
    const char *path = secret_file(f, "deep\n", 5);
    snprintf(text, sizeof text, "main: {extra: {sasl.password-file: %s, user: u}}\n", path);
    assert_loads(f, text);
    assert_string_equal(settings(f)->extra.items[0].name, "sasl.password");
    assert_string_equal(settings(f)->extra.items[0].value, "deep");
    assert_string_equal(value_text(f, "main.extra"), "{sasl.password: \"********\", user: u}");
    snprintf(text, sizeof text, "main: {extra: {sasl.password: x, sasl.password-file: %s}}\n", path);
    assert_refused(f, text, "main.extra.sasl.password is given twice, once as a file");
}

static void test_secret_file_trouble_is_named(void **state)
{
    struct fixture *f = *state;
    char text[256];
    assert_refused(f, "main: {password-file: /nowhere/at/all}\n",
                   "fdp.yaml:1: main.password-file: cannot read the file \"/nowhere/at/all\": No such file or directory");
    snprintf(text, sizeof text, "main: {password-file: %s}\n", f->folder);
    assert_refused(f, text, "Is a directory");
    assert_refused(f, "main: {password-file: }\n", "main.password-file must be the path of a file");
    snprintf(text, sizeof text, "main: {password-file: %s}\n", secret_file(f, "\n", 1));
    assert_refused(f, text, "is empty");
    secret_file(f, "a\0b", 3);
    assert_refused(f, text, "does not hold plain UTF-8 text");
    static char large[(64 << 10) + 1];
    memset(large, 'x', sizeof large);
    secret_file(f, large, sizeof large);
    assert_refused(f, text, "has more than 65536 bytes");
    secret_file(f, large, sizeof large - 1);
    assert_loads(f, text);
}

static void test_secret_twice_is_refused(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    char text[256];
    const char *path = secret_file(f, "x", 1);
    snprintf(text, sizeof text, "main: {password: a, password-file: %s}\n", path);
    assert_refused(f, text, "main.password is given twice, once as main.password-file");
    snprintf(text, sizeof text, "FDP_MAIN_PASSWORD_FILE=%s", path);
    assert_int_equal(environment(f, &seen, text, "FDP_MAIN_PASSWORD=a"), FATAL);
}

static void test_file_variant_is_only_for_secrets(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "title-file: x\n", "unknown key \"title-file\"");
    assert_refused(f, "main: {servers-file: x}\n", "unknown key \"servers-file\"");
}

// The rows whose values differ between what is loaded and `yaml`.
static const char *differing(struct fixture *f, const char *yaml)
{
    static char names[256];
    struct option_values other;
    names[0] = '\0';
    assert_int_equal(option_load_defaults(&table, &other, &f->err), OK);
    assert_int_equal(option_load_yaml(&table, &other, yaml, strlen(yaml), "b.yaml", &f->err), OK);
    for (size_t i = 0; i < table.count; i++) {
        if (option_value_same(&table.rows[i], f->values.values, other.values)) continue;
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s ", table.rows[i].name);
    }
    option_values_fini(&other);
    return names;
}

static void test_value_same_sees_what_is_shown_masked(void **state)
{
    struct fixture *f = *state;
    assert_loads(f, "main: {password: a, extra: {token: a, b: 1}, deep: {url: 'x://u:a@h'}, servers: [{host: h, key: a}]}");
    assert_string_equal(
        differing(f, "main: {password: a, extra: {token: a, b: 1}, deep: {url: 'x://u:a@h'}, servers: [{host: h, key: a}]}"), "");
    assert_string_equal(
        differing(f, "main: {password: c, extra: {token: c, b: 1}, deep: {url: 'x://u:c@h'}, servers: [{host: h, key: c}]}"),
        "main.extra main.servers main.password main.deep.url ");
    assert_string_equal(differing(f, "# nothing"), "main.extra main.servers main.password main.deep.url ");
}

static void test_secrets_are_never_shown(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(value_text(f, "main.password"), "\"\"");
    assert_loads(f, "main: {password: hush, servers: [{host: a, key: hush}], extra: {api.token: hush}}\n");
    assert_string_equal(value_text(f, "main.password"), "\"********\"");
    assert_string_equal(value_text(f, "main.servers"), "[{host: a, port: 80, key: \"********\"}]");
    assert_string_equal(value_text(f, "main.extra"), "{api.token: \"********\"}");
    assert_refused(f, "main: {password: [hush]}\n", "main.password is a list");
    assert_null(strstr(f->err.text, "hush"));
}

static void test_passwords_in_urls_are_never_shown(void **state)
{
    struct fixture *f = *state;
    assert_loads(f, "main: {deep: {url: \"postgresql://me:hush@host/db?password=hush\"}}\n");
    assert_string_equal(settings(f)->deep.url, "postgresql://me:hush@host/db?password=hush");
    assert_string_equal(value_text(f, "main.deep.url"), "\"postgresql://me:***@host/db?password=***\"");
    assert_int_equal(option_load_set(&table, &f->values, "http://me:hush@host", "--set", &f->err), FATAL);
    assert_contains(f->err.text, "http://me:***@host");
}

static void test_value_text_is_what_the_file_would_say(void **state)
{
    struct fixture *f = *state;
    assert_loads(f, "title: \"a \\\"b\\\" \\u2028 \\x1b é\"\n"
                    "main: {wait: 3600, room: 1048577, ratio: 0.1, on: off, names: [\"true\", \"1\", \"\", EURUSD=X, \"-\"]}\n");
    assert_string_equal(value_text(f, "title"), "\"a \\\"b\\\" \\u2028 \\u001B é\"");
    assert_string_equal(value_text(f, "main.wait"), "1h");
    assert_string_equal(value_text(f, "main.room"), "1048577");
    assert_string_equal(value_text(f, "main.ratio"), "0.1");
    assert_string_equal(value_text(f, "main.on"), "false");
    assert_string_equal(value_text(f, "main.names"), "[\"true\", \"1\", \"\", EURUSD=X, \"-\"]");
    assert_loads(f, "main: {wait: 1500ms, room: 0}\n");
    assert_string_equal(value_text(f, "main.wait"), "1500ms");
    assert_string_equal(value_text(f, "main.room"), "0");
}

static char *document(enum option_document which)
{
    static char text[64 << 10];
    struct buf out;
    buf_init(&out, sizeof text - 1);
    option_write(&table, which, &out);
    assert_false(out.full);
    snprintf(text, sizeof text, "%.*s", (int)out.size, out.data);
    buf_fini(&out);
    return text;
}

static void test_sample_file_loads_and_says_the_defaults(void **state)
{
    struct fixture *f = *state;
    const char *text = document(OPTION_SAMPLE_FILE);
    assert_contains(text, "  # How many. From -10 to 10 items.\n  item-count: 5\n");
    assert_contains(text, "  # What it looks like. One of: red, green, blue. Takes effect without a restart.\n  color: red\n");
    assert_contains(text, "\n# All of it.\nmain:\n");
    assert_contains(text, "\n  # Deeper.\n  deep:\n    # Far down.\n    url: \"x:\"\n");
    assert_contains(text, "  servers:\n    - host: here\n      port: 80\n      key: \"\"\n");
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 120);
        assert_true(line[0] == '\n' || line[strcspn(line, "\n") - 1] != ' ');
    }
    char before[8][256];
    static const char *const names[] = {"title", "main.color", "main.wait", "main.names", "main.servers", "main.ratio", "main.deep.url"};
    for (size_t i = 0; i < 7; i++) snprintf(before[i], sizeof before[i], "%s", value_text(f, names[i]));
    assert_loads(f, text);
    for (size_t i = 0; i < 7; i++) assert_string_equal(value_text(f, names[i]), before[i]);
    for (size_t i = 0; i < table.count; i++) assert_memory_equal(f->values.origins[i], "fdp.yaml:", 9);
}

static void test_keys_are_one_line_each(void **state)
{
    (void)state;
    const char *text = document(OPTION_KEYS);
    assert_contains(text, "main.item-count\tinteger\t5\t-10..10\tHow many. In items.\n");
    assert_contains(text, "main.color\tword\tred\tred|green|blue\tWhat it looks like.\n");
    assert_contains(text, "main.wait\tduration\t20s\t10ms..1h\tHow long.\n");
    assert_contains(text, "main.servers[].host\ttext\t(required)\t-\tIts name.\n");
    assert_contains(text, "main.servers[].port\tinteger\t80\t1..65535\tIts port.\n");
}

static void test_json_schema_is_closed(void **state)
{
    (void)state;
    const char *text = document(OPTION_JSON_SCHEMA);
    assert_contains(text, "\"additionalProperties\": false");
    assert_contains(text, "\"required\": [\"host\"]");
    assert_contains(text, "\"password-file\": {");
    assert_contains(text, "\"enum\": [\"red\", \"green\", \"blue\"]");
    assert_contains(text, "\"minimum\": -10,");
    assert_contains(text, "\"default\": [\"a\", \"b\"]");
}

static void test_manual_page_names_every_option(void **state)
{
    (void)state;
    const char *text = document(OPTION_MAN);
    for (size_t i = 0; i < table.count; i++) {
        char item[64];
        snprintf(item, sizeof item, ".It Ic %s Pq", table.rows[i].name);
        assert_contains(text, item);
    }
    assert_contains(text, ".Ss main.deep\n");
}

static void test_a_text_too_long_for_the_buffer_is_marked_full(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    option_write(&table, OPTION_SAMPLE_FILE, &out);
    assert_true(out.full);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_set_takes_scalars_as_they_are),
        CASE(test_set_takes_lists_as_flow_or_with_commas),
        CASE(test_set_takes_maps_and_objects_as_flow),
        CASE(test_set_of_one_entry_of_a_map),
        CASE(test_set_refuses_what_it_does_not_know),
        CASE(test_environment_names_dots_and_dashes_as_underscores),
        CASE(test_environment_only_reports_what_it_does_not_know),
        CASE(test_environment_refuses_wrong_values),
        CASE(test_stronger_layers_win),
        CASE(test_secret_from_a_file),
        CASE(test_secret_entry_of_a_map_from_a_file),
        CASE(test_secret_file_trouble_is_named),
        CASE(test_secret_twice_is_refused),
        CASE(test_file_variant_is_only_for_secrets),
        CASE(test_value_same_sees_what_is_shown_masked),
        CASE(test_secrets_are_never_shown),
        CASE(test_passwords_in_urls_are_never_shown),
        CASE(test_value_text_is_what_the_file_would_say),
        CASE(test_sample_file_loads_and_says_the_defaults),
        CASE(test_keys_are_one_line_each),
        CASE(test_json_schema_is_closed),
        CASE(test_manual_page_names_every_option),
        CASE(test_a_text_too_long_for_the_buffer_is_marked_full),
    };
    return cmocka_run_group_tests_name("option_layers", tests, NULL, NULL);
}
