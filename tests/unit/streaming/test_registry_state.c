// SPDX-License-Identifier: Apache-2.0
// The records of _schemas, byte for byte, and what applying them makes.
#include "fixture.h"

#include "avro/schema.h"
#include "streaming/registry/state.h"

static void expect_text(const struct registry_record *record, const char *key, const char *value)
{
    struct buf out;
    buf_init(&out, 4096);
    registry_record_key(record, &out);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data, key);
    buf_reset(&out);
    registry_record_value(record, &out);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data, value);
    buf_fini(&out);
}

static void test_record_is_written_byte_for_byte_like_confluents(void **state)
{
    (void)state;
    struct registry_record schema = {
        .kind = REGISTRY_RECORD_SCHEMA, .subject = "a \"b\"", .version = 2, .id = 7, .type = "AVRO", .schema = "\"int\""};
    expect_text(&schema, "{\"keytype\":\"SCHEMA\",\"subject\":\"a \\\"b\\\"\",\"version\":2,\"magic\":1}",
                "{\"subject\":\"a \\\"b\\\"\",\"version\":2,\"id\":7,\"schema\":\"\\\"int\\\"\",\"deleted\":false}");
    schema.deleted = true;
    schema.type = "JSON";
    schema.references = "[{\"name\":\"n\",\"subject\":\"s\",\"version\":1}]";
    schema.subject = "s";
    expect_text(
        &schema, "{\"keytype\":\"SCHEMA\",\"subject\":\"s\",\"version\":2,\"magic\":1}",
        "{\"subject\":\"s\",\"version\":2,\"id\":7,\"schemaType\":\"JSON\",\"references\":[{\"name\":\"n\",\"subject\":\"s\",\"version\":1}],"
        "\"schema\":\"\\\"int\\\"\",\"deleted\":true}");
    schema.tombstone = true;
    expect_text(&schema, "{\"keytype\":\"SCHEMA\",\"subject\":\"s\",\"version\":2,\"magic\":1}", "");
    schema.subject = "";
    expect_text(&schema, "{\"keytype\":\"SCHEMA\",\"version\":2,\"magic\":1}", "");

    struct registry_record config = {.kind = REGISTRY_RECORD_CONFIG, .level = REGISTRY_FULL_TRANSITIVE};
    expect_text(&config, "{\"keytype\":\"CONFIG\",\"magic\":0}", "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}");
    config.null_subject = true;
    expect_text(&config, "{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}", "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}");
    config.subject = "s";
    expect_text(&config, "{\"keytype\":\"CONFIG\",\"subject\":\"s\",\"magic\":0}",
                "{\"subject\":\"s\",\"compatibilityLevel\":\"FULL_TRANSITIVE\"}");

    struct registry_record delete = {.kind = REGISTRY_RECORD_DELETE_SUBJECT, .subject = "s", .version = 3};
    expect_text(&delete, "{\"keytype\":\"DELETE_SUBJECT\",\"subject\":\"s\",\"magic\":0}", "{\"subject\":\"s\",\"version\":3}");
    struct registry_record noop = {.kind = REGISTRY_RECORD_NOOP, .id = 12};
    expect_text(&noop, "{\"keytype\":\"NOOP\",\"magic\":0}", "{\"highestId\":12}");
    noop.tombstone = true;
    expect_text(&noop, "{\"keytype\":\"NOOP\",\"magic\":0}", "");
}

static void test_term_is_read_as_it_is_written(void **state)
{
    (void)state;
    char text[REGISTRY_TERM_BYTES];
    static const struct registry_term terms[] = {{1, 0}, {999999999999999, UINT64_MAX}, {42, 0x0123456789abcdef}};
    for (size_t i = 0; i < 3; i++) {
        registry_term_print(terms[i], text);
        struct registry_term term = registry_term_parse(slice_of(text));
        assert_true(term.number == terms[i].number && term.owner == terms[i].owner);
    }
    registry_term_print(terms[2], text);
    assert_string_equal(text, "42-0123456789abcdef");
    static const char *const others[] = {"",
                                         "-",
                                         "42",
                                         "42-",
                                         "-0123456789abcdef",
                                         "0-0123456789abcdef",
                                         "-1-0123456789abcdef",
                                         "1-0123456789abcde",
                                         "1-0123456789abcdef0",
                                         "1-0123456789ABCDEF",
                                         "1000000000000000-0123456789abcdef",
                                         "1-012345678-abcdef",
                                         "1-0123456789abcdef 0123456789abcdef 0123456789abcdef"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_int_equal(registry_term_parse(slice_of(others[i])).number, 0);
    assert_int_equal(registry_term_parse((struct slice){0}).number, 0);
}

static bool apply(struct registry_state *state, const char *key, const char *value)
{
    return registry_state_apply(state, slice_of(key), slice_of(value), (struct registry_term){0}) == REGISTRY_APPLIED;
}

#define SCHEMA_KEY(subject, version) "{\"keytype\":\"SCHEMA\",\"subject\":\"" subject "\",\"version\":" #version ",\"magic\":1}"
#define SCHEMA_VALUE(subject, version, id, schema)                                                                                         \
    "{\"subject\":\"" subject "\",\"version\":" #version ",\"id\":" #id ",\"schema\":\"" schema "\",\"deleted\":false}"

static int setup(void **state)
{
    *state = registry_state_new();
    return 0;
}

static int teardown(void **state)
{
    registry_state_free(*state);
    return 0;
}

static void test_apply_builds_subjects_versions_and_ids(void **context)
{
    struct registry_state *state = *context;
    assert_true(apply(state, SCHEMA_KEY("b", 1), SCHEMA_VALUE("b", 1, 1, "\\\"int\\\"")));
    assert_true(apply(state, SCHEMA_KEY("a", 2), SCHEMA_VALUE("a", 2, 5, "\\\"long\\\"")));
    assert_true(apply(state, SCHEMA_KEY("a", 1), SCHEMA_VALUE("a", 1, 1, "\\\"int\\\"")));
    registry_state_lock(state);
    assert_int_equal(registry_state_subject_count(state), 2);
    assert_string_equal(registry_state_subject_at(state, 0)->name, "a");
    const struct registry_subject *a = registry_state_subject(state, "a");
    assert_int_equal(a->count, 2);
    assert_int_equal(registry_subject_latest(a, false)->version, 2);
    assert_int_equal(registry_subject_version(a, 1)->schema->id, 1);
    assert_null(registry_subject_version(a, 3));
    assert_string_equal(registry_state_schema(state, 5)->text, "\"long\"");
    assert_null(registry_state_schema(state, 2));
    assert_int_equal(registry_state_highest_id(state), 5);
    assert_int_equal(registry_state_schema_count(state), 2);
    registry_state_unlock(state);
}

static void test_apply_marks_and_removes_what_was_deleted(void **context)
{
    struct registry_state *state = *context;
    assert_true(apply(state, SCHEMA_KEY("s", 1), SCHEMA_VALUE("s", 1, 1, "\\\"int\\\"")));
    assert_true(apply(state, SCHEMA_KEY("s", 2), SCHEMA_VALUE("s", 2, 2, "\\\"long\\\"")));
    assert_true(apply(state, SCHEMA_KEY("s", 3), SCHEMA_VALUE("s", 3, 3, "\\\"float\\\"")));
    assert_true(apply(state, "{\"keytype\":\"DELETE_SUBJECT\",\"subject\":\"s\",\"magic\":0}", "{\"subject\":\"s\",\"version\":2}"));
    registry_state_lock(state);
    const struct registry_subject *subject = registry_state_subject(state, "s");
    assert_true(subject->versions[0].deleted && subject->versions[1].deleted && !subject->versions[2].deleted);
    registry_state_unlock(state);
    for (int i = 0; i < 2; i++) assert_true(apply(state, SCHEMA_KEY("s", 3), "")); // the second time there is nothing left
    assert_true(apply(state, SCHEMA_KEY("s", 2), ""));
    registry_state_lock(state);
    assert_null(registry_state_schema(state, 3));
    assert_non_null(registry_state_schema(state, 1)); // soft-deleted: still to be had
    registry_state_unlock(state);
    assert_true(apply(state, SCHEMA_KEY("s", 1), ""));
    registry_state_lock(state);
    assert_null(registry_state_subject(state, "s"));
    assert_int_equal(registry_state_highest_id(state), 3); // never given again
    assert_int_equal(registry_state_schema_count(state), 0);
    registry_state_unlock(state);
}

static void test_apply_keeps_levels_and_the_spellings_of_the_global_one(void **context)
{
    struct registry_state *state = *context;
    assert_true(apply(state, "{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}", "{\"compatibilityLevel\":\"full\"}"));
    assert_true(
        apply(state, "{\"keytype\":\"CONFIG\",\"subject\":\"s\",\"magic\":0}", "{\"compatibilityLevel\":\"NONE\",\"alias\":\"x\"}"));
    registry_state_lock(state);
    assert_int_equal(registry_state_level(state), REGISTRY_FULL);
    assert_int_equal(registry_state_subject(state, "s")->level, REGISTRY_NONE);
    assert_int_equal(registry_state_global_keys(state), REGISTRY_GLOBAL_NULL);
    registry_state_unlock(state);
    assert_true(apply(state, "{\"keytype\":\"CONFIG\",\"magic\":0}", "{\"compatibilityLevel\":\"FORWARD\"}"));
    assert_true(apply(state, "{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}", ""));
    assert_true(apply(state, "{\"keytype\":\"CONFIG\",\"subject\":\"s\",\"magic\":0}", ""));
    registry_state_lock(state);
    assert_int_equal(registry_state_global_keys(state), REGISTRY_GLOBAL_ABSENT);
    assert_null(registry_state_subject(state, "s"));
    registry_state_unlock(state);
}

static void test_apply_takes_keys_in_any_order_and_unknown_members(void **context)
{
    struct registry_state *state = *context;
    assert_true(apply(state, "{ \"subject\": \"s\", \"version\": 1, \"magic\": 0, \"keytype\": \"SCHEMA\", \"seq\": 4, \"node\": 0 }",
                      "{\"id\": 3, \"ts\": 1, \"deleted\": true, \"schema\": \"\\\"int\\\"\", \"guid\": \"x\"}"));
    assert_true(apply(state, "{\"keytype\":\"NOOP\",\"magic\":0}", ""));
    registry_state_lock(state);
    assert_true(registry_state_subject(state, "s")->versions[0].deleted);
    registry_state_unlock(state);
}

static void test_apply_skips_what_it_does_not_understand(void **context)
{
    struct registry_state *state = *context;
    static const char *const records[][2] = {
        {"", ""},
        {"rubbish", "rubbish"},
        {"[]", "{}"},
        {"{}", "{}"},
        {"{\"keytype\":\"MODE\",\"magic\":0}", "{\"mode\":\"IMPORT\"}"},
        {SCHEMA_KEY("s", 0), SCHEMA_VALUE("s", 0, 1, "\\\"int\\\"")},
        {SCHEMA_KEY("s", 1), SCHEMA_VALUE("s", 1, 0, "\\\"int\\\"")},
        {SCHEMA_KEY("s", 2147483648), SCHEMA_VALUE("s", 1, 1, "\\\"int\\\"")},
        {SCHEMA_KEY("s", 1), "{\"id\":1}"},
        {SCHEMA_KEY("s", 1), "{"},
        {"{\"keytype\":\"SCHEMA\",\"subject\":\"s\",\"version\":1,\"magic\":2}", SCHEMA_VALUE("s", 1, 1, "\\\"int\\\"")},
        {"{\"keytype\":\"SCHEMA\",\"subject\":5,\"version\":1,\"magic\":1}", SCHEMA_VALUE("s", 1, 1, "\\\"int\\\"")},
        {"{\"keytype\":\"CONFIG\",\"magic\":0}", "{\"compatibilityLevel\":\"SOMETIMES\"}"},
        {"{\"keytype\":\"DELETE_SUBJECT\",\"magic\":0}", "{\"version\":1}"},
    };
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) assert_false(apply(state, records[i][0], records[i][1]));
    registry_state_lock(state);
    assert_int_equal(registry_state_subject_count(state), 0);
    registry_state_unlock(state);
}

static void test_apply_refuses_another_meaning_for_an_id(void **context)
{
    struct registry_state *state = *context;
    assert_true(apply(state, SCHEMA_KEY("s", 1), SCHEMA_VALUE("s", 1, 1, "{\\\"type\\\":\\\"array\\\",\\\"items\\\":\\\"int\\\"}")));
    assert_false(apply(state, SCHEMA_KEY("s", 2), SCHEMA_VALUE("s", 2, 1, "\\\"long\\\"")));
    // The same meaning in another spelling (Karapace sorts members) is fine.
    assert_true(apply(state, SCHEMA_KEY("t", 1), SCHEMA_VALUE("t", 1, 1, "{\\\"items\\\": \\\"int\\\", \\\"type\\\": \\\"array\\\"}")));
    assert_true(apply(state, SCHEMA_KEY("u", 1), SCHEMA_VALUE("u", 1, 2, "not avro")));
    assert_false(apply(state, SCHEMA_KEY("u", 2), SCHEMA_VALUE("u", 2, 2, "not avro either")));
    registry_state_lock(state);
    assert_int_equal(registry_state_subject(state, "s")->count, 1);
    registry_state_unlock(state);
}

// When compaction has left nothing of a schema that was deleted for good, its id is still not given again.
static void test_apply_remembers_the_highest_id(void **context)
{
    struct registry_state *state = *context;
    static const char key[] = "{\"keytype\":\"NOOP\",\"magic\":0}";
    assert_true(apply(state, key, "{\"highestId\":12}"));
    assert_true(apply(state, key, "{\"highestId\":9}"));
    static const char *const others[] = {"", "{}", "{\"highestId\":\"99\"}", "{\"highestId\":-99}", "{\"highestId\":4294967296}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_true(apply(state, key, others[i]));
    registry_state_lock(state);
    assert_int_equal(registry_state_highest_id(state), 12);
    assert_int_equal(registry_highest_record(state).id, 12);
    registry_state_unlock(state);
}

// A schema with references, metadata and rules that another registry has written goes back into the log as it was.
static void test_apply_keeps_what_it_does_not_use(void **context)
{
    struct registry_state *state = *context;
    static const char value[] = "{\"subject\":\"s\",\"version\":1,\"id\":3,\"schemaType\":\"PROTOBUF\","
                                "\"references\":[{\"name\":\"n.proto\",\"subject\":\"n\",\"version\":2}],"
                                "\"metadata\":{\"properties\":{\"owner\":\"me\"}},\"ruleSet\":{\"domainRules\":[]},"
                                "\"schema\":\"message M {}\",\"deleted\":false}";
    assert_true(apply(state, SCHEMA_KEY("s", 1), value));
    // The same text, plain: another content.
    assert_true(apply(state, SCHEMA_KEY("t", 1), "{\"id\":4,\"schema\":\"\\\"int\\\"\",\"metadata\":{\"tags\":{}}}"));
    struct avro_schema *schema;
    struct err err;
    assert_int_equal(avro_schema_parse("\"int\"", 5, AVRO_STRICT, NULL, 0, &schema, &err), OK);
    struct registry_content content = {"\"int\"", avro_schema_fingerprint(schema), schema};
    registry_state_lock(state);
    struct registry_record record = registry_version_record("s", &registry_state_subject(state, "s")->versions[0]);
    assert_null(registry_state_find(state, &content));
    registry_state_unlock(state);
    avro_schema_free(schema);
    expect_text(&record, SCHEMA_KEY("s", 1), value);
}

static enum registry_outcome apply_in(struct registry_state *state, int64_t term, uint64_t owner, const char *key, const char *value)
{
    return registry_state_apply(state, slice_of(key), slice_of(value), (struct registry_term){term, owner});
}

#define NOOP "{\"keytype\":\"NOOP\",\"magic\":0}"

static void test_apply_refuses_what_comes_after_its_term(void **context)
{
    struct registry_state *state = *context;
    struct registry_record repairs[4];
    assert_int_equal(apply_in(state, 1, 11, NOOP, ""), REGISTRY_APPLIED);
    assert_int_equal(apply_in(state, 1, 11, SCHEMA_KEY("s", 1), SCHEMA_VALUE("s", 1, 1, "\\\"int\\\"")), REGISTRY_APPLIED);
    assert_int_equal(apply_in(state, 2, 22, NOOP, ""), REGISTRY_APPLIED);
    assert_int_equal(apply_in(state, 2, 33, NOOP, ""), REGISTRY_STALE); // the same number, but it came second
    assert_int_equal(apply_in(state, 1, 11, SCHEMA_KEY("s", 2), SCHEMA_VALUE("s", 2, 2, "\\\"long\\\"")), REGISTRY_STALE);
    assert_int_equal(apply_in(state, 1, 11, "rubbish", "rubbish"), REGISTRY_STALE);
    registry_state_lock(state);
    assert_int_equal(registry_state_subject(state, "s")->count, 1);
    assert_int_equal(registry_state_highest_id(state), 1);
    assert_int_equal(registry_state_term(state).number, 2);
    assert_int_equal(registry_state_repairs(state, repairs, 4), 1);
    assert_true(repairs[0].tombstone && repairs[0].version == 2);
    registry_state_unlock(state);
    // Without a term: another make. It takes the key over, so there is nothing to repair.
    assert_int_equal(apply_in(state, 0, 0, SCHEMA_KEY("s", 2), SCHEMA_VALUE("s", 2, 2, "\\\"float\\\"")), REGISTRY_APPLIED);
    registry_state_lock(state);
    assert_int_equal(registry_state_repairs(state, repairs, 4), 0);
    registry_state_unlock(state);
}

// One record for every key, with the value that counts; the longest list first in pieces.
static void test_repairs_say_what_the_state_says(void **context)
{
    struct registry_state *state = *context;
    static const char *const keys[] = {"{\"keytype\":\"CONFIG\",\"magic\":0}", "{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}",
                                       "{\"keytype\":\"CONFIG\",\"subject\":\"s\",\"magic\":0}",
                                       "{\"keytype\":\"DELETE_SUBJECT\",\"subject\":\"s\",\"magic\":0}", SCHEMA_KEY("s", 1)};
    static const char *const late[] = {"{\"compatibilityLevel\":\"NONE\"}", "{\"compatibilityLevel\":\"NONE\"}",
                                       "{\"compatibilityLevel\":\"NONE\"}", "{\"subject\":\"s\",\"version\":9}", ""};
    static const char *const right[] = {"{\"compatibilityLevel\":\"FULL\"}", "", "{\"subject\":\"s\",\"compatibilityLevel\":\"FORWARD\"}",
                                        "{\"subject\":\"s\",\"version\":1}",
                                        "{\"subject\":\"s\",\"version\":1,\"id\":1,\"schema\":\"\\\"int\\\"\",\"deleted\":true}"};
    assert_int_equal(apply_in(state, 2, 22, SCHEMA_KEY("s", 1), SCHEMA_VALUE("s", 1, 1, "\\\"int\\\"")), REGISTRY_APPLIED);
    assert_int_equal(apply_in(state, 2, 22, keys[3], right[3]), REGISTRY_APPLIED);
    assert_int_equal(apply_in(state, 2, 22, SCHEMA_KEY("s", 2), SCHEMA_VALUE("s", 2, 2, "\\\"long\\\"")), REGISTRY_APPLIED);
    assert_int_equal(apply_in(state, 2, 22, keys[0], right[0]), REGISTRY_APPLIED);
    assert_int_equal(apply_in(state, 2, 22, keys[2], right[2]), REGISTRY_APPLIED);
    for (int twice = 0; twice < 2; twice++)
        for (int i = 0; i < 5; i++) assert_int_equal(apply_in(state, 1, 11, keys[i], late[i]), REGISTRY_STALE);
    struct registry_record repairs[8];
    registry_state_lock(state);
    assert_int_equal(registry_state_repairs(state, repairs, 2), 2);
    assert_int_equal(registry_state_repairs(state, repairs, 8), 5);
    registry_state_unlock(state);
    for (int i = 0; i < 5; i++) expect_text(&repairs[i], keys[i], right[i]);
    for (int i = 0; i < 5; i++) assert_int_equal(apply_in(state, 2, 22, keys[i], right[i]), REGISTRY_APPLIED);
    registry_state_lock(state);
    assert_int_equal(registry_state_repairs(state, repairs, 8), 0);
    registry_state_unlock(state);
}

static void test_find_compares_contents_not_spellings(void **context)
{
    struct registry_state *state = *context;
    assert_true(apply(state, SCHEMA_KEY("s", 1), SCHEMA_VALUE("s", 1, 4, "{\\\"items\\\":\\\"int\\\",\\\"type\\\":\\\"array\\\"}")));
    static const struct {
        const char *text;
        int32_t id;
    } cases[] = {
        {"{\"type\": \"array\", \"items\": {\"type\": \"int\"}}", 4},
        {"{\"type\":\"array\",\"items\":\"long\"}", 0},
        {"{\"type\":\"array\",\"items\":\"int\",\"meaning\":\"other\"}", 0}, // same fingerprint, another property
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct avro_schema *schema;
        struct err err;
        assert_int_equal(avro_schema_parse(cases[i].text, strlen(cases[i].text), AVRO_STRICT, NULL, 0, &schema, &err), OK);
        struct registry_content content = {cases[i].text, avro_schema_fingerprint(schema), schema};
        registry_state_lock(state);
        const struct registry_schema *found = registry_state_find(state, &content);
        assert_int_equal(found ? found->id : 0, cases[i].id);
        const struct registry_version *version = registry_subject_find(registry_state_subject(state, "s"), &content, false);
        assert_int_equal(version ? version->schema->id : 0, cases[i].id);
        registry_state_unlock(state);
        avro_schema_free(schema);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_term_is_read_as_it_is_written),
        cmocka_unit_test(test_record_is_written_byte_for_byte_like_confluents),
        T(test_apply_builds_subjects_versions_and_ids),
        T(test_apply_marks_and_removes_what_was_deleted),
        T(test_apply_keeps_levels_and_the_spellings_of_the_global_one),
        T(test_apply_takes_keys_in_any_order_and_unknown_members),
        T(test_apply_skips_what_it_does_not_understand),
        T(test_apply_refuses_another_meaning_for_an_id),
        T(test_apply_remembers_the_highest_id),
        T(test_apply_keeps_what_it_does_not_use),
        T(test_apply_refuses_what_comes_after_its_term),
        T(test_repairs_say_what_the_state_says),
        T(test_find_compares_contents_not_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
