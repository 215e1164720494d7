// SPDX-License-Identifier: Apache-2.0
// Options from a file: every type, and what is refused with which words.
#include "option_settings.h"

static void test_defaults_fill_every_type(void **state)
{
    struct fixture *f = *state;
    const struct settings *s = settings(f);
    assert_string_equal(s->title, "none");
    assert_string_equal(s->color, "red");
    assert_true(s->on);
    assert_int_equal(s->count, 5);
    assert_true(s->ratio == 0.5);
    assert_int_equal(s->wait_ms, 20000);
    assert_int_equal(s->room_bytes, 65536);
    assert_int_equal(s->names.count, 2);
    assert_string_equal(s->names.items[1], "b");
    assert_int_equal(s->extra.count, 0);
    assert_int_equal(s->servers.count, 1);
    assert_string_equal(s->servers.items[0].host, "here");
    assert_int_equal(s->servers.items[0].port, 80);
    assert_string_equal(s->servers.items[0].key, "");
    assert_string_equal(s->password, "");
    assert_string_equal(s->deep.url, "x:");
    for (size_t i = 0; i < table.count; i++) assert_string_equal(f->values.origins[i], "default");
}

static void test_load_yaml_fills_every_type_and_keeps_origins(void **state)
{
    struct fixture *f = *state;
    assert_loads(f, "title: 12:30\n"
                    "main:\n"
                    "  color: blue\n"
                    "  on: No\n"
                    "  item-count: -3\n"
                    "  ratio: 2.5e-1\n"
                    "  wait: 5m\n"
                    "  room: 10MiB\n"
                    "  names: [x, \"y z\", 007]\n"
                    "  extra: {linger.ms: 5, ssl: true}\n"
                    "  servers:\n"
                    "    - {host: one, port: 81}\n"
                    "    - host: two\n"
                    "  password: 'p'\n"
                    "  deep:\n"
                    "    url: \"\"\n");
    const struct settings *s = settings(f);
    assert_string_equal(s->title, "12:30");
    assert_string_equal(s->color, "blue");
    assert_false(s->on);
    assert_int_equal(s->count, -3);
    assert_true(s->ratio == 0.25);
    assert_int_equal(s->wait_ms, 300000);
    assert_int_equal(s->room_bytes, 10 << 20);
    assert_int_equal(s->names.count, 3);
    assert_string_equal(s->names.items[1], "y z");
    assert_string_equal(s->names.items[2], "007");
    assert_int_equal(s->extra.count, 2);
    assert_string_equal(s->extra.items[0].name, "linger.ms");
    assert_string_equal(s->extra.items[0].value, "5");
    assert_string_equal(s->extra.items[1].value, "true");
    assert_int_equal(s->servers.count, 2);
    assert_int_equal(s->servers.items[0].port, 81);
    assert_string_equal(s->servers.items[1].host, "two");
    assert_int_equal(s->servers.items[1].port, 80);
    assert_string_equal(s->password, "p");
    assert_string_equal(s->deep.url, "");
    assert_string_equal(origin(f, "title"), "fdp.yaml:1");
    assert_string_equal(origin(f, "main.room"), "fdp.yaml:8");
    assert_string_equal(origin(f, "main.servers"), "fdp.yaml:12");
}

static void test_load_yaml_keeps_what_it_does_not_name(void **state)
{
    struct fixture *f = *state;
    assert_loads(f, "main: {color: green}\n");
    assert_string_equal(settings(f)->color, "green");
    assert_int_equal(settings(f)->count, 5);
    assert_string_equal(origin(f, "main.item-count"), "default");
}

static void test_load_yaml_without_content_changes_nothing(void **state)
{
    struct fixture *f = *state;
    assert_loads(f, "");
    assert_loads(f, "# only a comment\n");
    assert_loads(f, "---\n...\n");
    assert_loads(f, "~\n");
    assert_loads(f, "main:\n  # color: blue\n");
    assert_loads(f, "main:\n  deep:\n");
    assert_string_equal(settings(f)->color, "red");
}

static void test_load_yaml_with_byte_order_mark(void **state)
{
    struct fixture *f = *state;
    assert_loads(f, "\xef\xbb\xbftitle: t\n");
    assert_string_equal(settings(f)->title, "t");
}

static void test_a_list_replaces_the_weaker_one_whole(void **state)
{
    struct fixture *f = *state;
    assert_loads(f, "main: {names: [c]}\n");
    assert_int_equal(settings(f)->names.count, 1);
    assert_loads(f, "main: {names: []}\n");
    assert_int_equal(settings(f)->names.count, 0);
}

static void test_unknown_key_names_place_and_nearest(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "title: x\nmain:\n  colour: red\n", "fdp.yaml:3: unknown key \"colour\" in main; did you mean main.color?");
    assert_refused(f, "mian: {}\n", "fdp.yaml:1: unknown key \"mian\"; did you mean main?");
    assert_refused(f, "main: {deep: {uri: x}}\n", "unknown key \"uri\" in main.deep; did you mean main.deep.url?");
    assert_refused(f, "main: {servers: [{host: a}, {host: b, prot: 1}]}\n",
                   "unknown key \"prot\" in main.servers[1]; did you mean main.servers[1].port?");
}

static void test_unknown_key_of_another_section_is_found(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "item-count: 3\n", "unknown key \"item-count\"; did you mean main.item-count?");
}

static void test_unknown_key_without_a_near_one_points_to_the_list(void **state)
{
    assert_refused(*state, "zzzzzzzz: 3\n", "unknown key \"zzzzzzzz\"; fdp config keys lists what there is");
}

static void test_key_with_dots_says_how_to_write_it(void **state)
{
    assert_refused(*state, "main.color: red\n", "each word before a dot is a level of its own");
}

static void test_key_of_control_characters_is_shown_harmless(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "\"\\e[31m\\n\": 3\n", "unknown key \"?[31m?\"");
    for (const char *p = f->err.text; *p; p++) assert_true((unsigned char)*p >= 0x20);
}

static void test_wrong_values_say_what_is_wanted(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "main:\n  color: pink\n", "fdp.yaml:2: main.color is \"pink\"; it must be one of: red, green, blue");
    assert_refused(f, "main: {color: re}\n", "main.color is \"re\"");
    assert_refused(f, "main: {color: \"red green\"}\n", "main.color is \"red green\"");
    assert_refused(f, "main: {on: maybe}\n", "it must be true or false");
    assert_refused(f, "main: {item-count: 11}\n", "main.item-count is \"11\"; it must be a whole number from -10 to 10");
    assert_refused(f, "main: {item-count: 1.5}\n", "it must be a whole number");
    assert_refused(f, "main: {item-count: 99999999999999999999}\n", "it must be a whole number");
    assert_refused(f, "main: {ratio: 1.01}\n", "it must be a number from 0 to 1");
    assert_refused(f, "main: {ratio: .nan}\n", "it must be a number");
    assert_refused(f, "main: {ratio: .inf}\n", "it must be a number");
    assert_refused(f, "main: {wait: 5 minutes}\n", "it must be a duration such as 250ms, 10s, 5m, 2h or 7d, from 10ms to 1h");
    assert_refused(f, "main: {wait: 9ms}\n", "main.wait is \"9ms\"");
    assert_refused(f, "main: {wait: -5s}\n", "it must be a duration");
    assert_refused(f, "main: {room: 1GB}\n", "it must be a size such as 65536, 64KiB, 10MiB or 1GiB, from 0 to 1GiB");
    assert_refused(f, "main: {room: 99999999TiB}\n", "it must be a size");
    assert_refused(f, "main: {servers: [{host: a, port: 0}]}\n",
                   "main.servers[0].port is \"0\"; it must be a whole number from 1 to 65535");
}

static void test_wrong_shapes_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "main: {color: [red]}\n", "main.color is a list; it must be one of");
    assert_refused(f, "title: {a: b}\n", "title is a map; it must be text");
    assert_refused(f, "main: {names: a}\n", "main.names is \"a\"; it must be a list such as [A, B]");
    assert_refused(f, "main: {names: [a, [b]]}\n", "main.names[1] must be text");
    assert_refused(f, "main: {names: [a, ~]}\n", "main.names[1] must be text");
    assert_refused(f, "main: {extra: [a]}\n", "main.extra is a list; it must be a map");
    assert_refused(f, "main: {extra: {a: {b: c}}}\n", "main.extra.a must be text or a number");
    assert_refused(f, "main: {extra: {a: }}\n", "main.extra.a has no value");
    assert_refused(f, "main: {extra: {\"a\\nb\": c}}\n", "main.extra: \"a?b\" is no name for an entry");
    assert_refused(f, "main: {servers: {host: a}}\n", "main.servers is a map; it must be a list of maps");
    assert_refused(f, "main: {servers: [a]}\n", "main.servers[0] must be a map");
    assert_refused(f, "main: 5\n", "main is a section: it has keys below it, not a value");
    assert_refused(f, "main: []\n", "main is a section");
    assert_refused(f, "5\n", "a configuration is made of sections");
    assert_refused(f, "- a\n", "a configuration is made of sections");
}

static void test_missing_values_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "title:\n", "fdp.yaml:1: title has no value; it must be text, or leave the line out");
    assert_refused(f, "title: null\n", "title has no value");
    assert_refused(f, "main:\n  names:\n", "main.names has no value");
    assert_refused(f, "main: {servers: [{port: 1}]}\n", "main.servers[0] has no host");
}

static void test_hostile_yaml_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "title: &a x\n", "fdp.yaml:1: anchors (&name) are not taken here");
    assert_refused(f, "main: {names: &a [x]}\n", "anchors");
    assert_refused(f, "main: &a {color: red}\n", "anchors");
    assert_refused(f, "title: *a\n", "aliases (*name) are not taken here");
    assert_refused(f, "title: !!str x\n", "tags (!name) are not taken here");
    assert_refused(f, "main: !x {color: red}\n", "tags");
    assert_refused(f, "main: {names: !y [a]}\n", "tags");
    assert_refused(f, "title: x\ntitle: y\n", "fdp.yaml:2: the key \"title\" is here twice; it is also on line 1");
    assert_refused(f, "main: {extra: {a: 1, a: 2}}\n", "the key \"a\" is here twice");
    assert_refused(f, "title: \"a\\0b\"\n", "text with a NUL character inside");
    assert_refused(f, "title: x\n---\ntitle: y\n", "a second document");
    assert_refused(f, "? [a]\n: b\n", "a key must be a name");
    assert_refused(f, "\"\": b\n", "a key must be a name");
    assert_refused(f, "title: x\nmain: \xff\n", "fdp.yaml:2: not UTF-8 text");
    assert_refused(f, "title: \"x\n", "not valid YAML");
    assert_refused(f, "\ttitle: x\n", "fdp.yaml:1: not valid YAML: a tab stands in front of it; indent with spaces");
    assert_refused(f, "main:\n \tcolor: red\n", "fdp.yaml:2: not valid YAML: a tab stands");
    assert_refused(f, "main:\n  color: red\n on: true\n", "fdp.yaml:3: not valid YAML");
}

static void test_utf16_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "\xff\xfe"
                               "t\0:\0 \0x\0\n\0";
    assert_int_equal(option_load_yaml(&table, &f->values, text, sizeof text - 1, "fdp.yaml", &f->err), FATAL);
    assert_contains(f->err.text, "not UTF-8 text");
}

static void test_depth_is_limited(void **state)
{
    struct fixture *f = *state;
    char text[256] = "main: {names: ";
    memset(text + strlen(text), '[', 100);
    assert_refused(f, text, "more than 16 levels");
}

static void test_values_and_keys_are_limited(void **state)
{
    struct fixture *f = *state;
    struct buf text;
    buf_init(&text, BUF_MAX_CONFIG_FILE);
    buf_append_text(&text, "main: {extra: {");
    for (int i = 0; i < 1001; i++) buf_printf(&text, "k%d: 1, ", i);
    buf_append_text(&text, "}}\n");
    assert_int_equal(option_load_yaml(&table, &f->values, text.data, text.size, "fdp.yaml", &f->err), FATAL);
    assert_contains(f->err.text, "more than 1000 keys in one map");

    buf_reset(&text);
    buf_append_text(&text, "main: {names: [");
    for (int i = 0; i < 66000; i++) buf_append_text(&text, "a,");
    buf_append_text(&text, "]}\n");
    assert_int_equal(option_load_yaml(&table, &f->values, text.data, text.size, "fdp.yaml", &f->err), FATAL);
    assert_contains(f->err.text, "more than 65536 values");
    buf_fini(&text);
}

static void test_file_size_is_limited(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(option_load_yaml(&table, &f->values, "x", BUF_MAX_CONFIG_FILE + 1, "fdp.yaml", &f->err), FATAL);
    assert_contains(f->err.text, "at most 1048576 are read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_defaults_fill_every_type),
        CASE(test_load_yaml_fills_every_type_and_keeps_origins),
        CASE(test_load_yaml_keeps_what_it_does_not_name),
        CASE(test_load_yaml_without_content_changes_nothing),
        CASE(test_load_yaml_with_byte_order_mark),
        CASE(test_a_list_replaces_the_weaker_one_whole),
        CASE(test_unknown_key_names_place_and_nearest),
        CASE(test_unknown_key_of_another_section_is_found),
        CASE(test_unknown_key_without_a_near_one_points_to_the_list),
        CASE(test_key_with_dots_says_how_to_write_it),
        CASE(test_key_of_control_characters_is_shown_harmless),
        CASE(test_wrong_values_say_what_is_wanted),
        CASE(test_wrong_shapes_are_refused),
        CASE(test_missing_values_are_refused),
        CASE(test_hostile_yaml_is_refused),
        CASE(test_utf16_is_refused),
        CASE(test_depth_is_limited),
        CASE(test_values_and_keys_are_limited),
        CASE(test_file_size_is_limited),
    };
    return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
