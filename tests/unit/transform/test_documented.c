// SPDX-License-Identifier: Apache-2.0
// docs/internals/transform.md tells the truth: every example does what the lines behind it say, and the functions are those it names.
#include "fixture.h"

#include "transform/functions.h"

enum { EXAMPLES_AT_LEAST = 9 };

static char *read_document(void)
{
    char path[1024];
    const char *source = getenv("FDP_SOURCE");
    assert_non_null(source);
    snprintf(path, sizeof path, "%s/docs/internals/transform.md", source);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 64 << 10);
    assert_non_null(text);
    size_t size = fread(text, 1, (64 << 10) - 1, file);
    fclose(file);
    assert_true(size > 0);
    return text;
}

static struct batch *documented_tick(void)
{
    struct batch *batch = batch_new(&tick_type, 1);
    add_tick(batch, "AAPL", 305.76, 8, "NMS");
    batch_set_slice(batch, TICK_PRICE_HINT, 0, SLICE("2"));
    return batch;
}

static void assert_gives(const struct batch *output, const char *expected)
{
    char name[64], value[128], got[128] = "null";
    assert_int_equal(sscanf(expected, "%63s = %127[^\n]", name, value), 2);
    int column = row_type_column(output->type, slice_of(name));
    assert_true(column >= 0);
    const struct column *values = &output->columns[column];
    if (!values->null[0]) {
        switch (output->type->columns[column].type) {
        case COLUMN_TEXT:
        case COLUMN_BYTES: snprintf(got, sizeof got, "%.*s", SLICE_ARG(values->text[0])); break;
        case COLUMN_DOUBLE: snprintf(got, sizeof got, "%.15g", values->float64[0]); break;
        case COLUMN_INT64:
        case COLUMN_TIMESTAMP: snprintf(got, sizeof got, "%lld", (long long)values->int64[0]); break;
        }
    }
    if (strcmp(got, value) != 0) fail_msg("%s is %s, not %s", name, got, value);
}

// What one "-- ..." line says about a statement that ran.
static void check_line(const char *line, const struct told *told, const struct batch *output)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
    if (strncmp(text, "-- gives ", 9) == 0) {
        if (told->text[0] != 'T')
            fail_msg("%s\nbut the row is not taken: %s", text, told->text[0] == 'R' ? told->outcomes[0].reason : "filtered");
        assert_gives(output, text + 9);
    } else if (strncmp(text, "-- rejected: ", 13) == 0) {
        assert_int_equal(told->text[0], 'R');
        assert_contains(told->outcomes[0].reason, text + 13);
    } else if (strcmp(text, "-- filtered") == 0) {
        assert_int_equal(told->text[0], '-');
    } else {
        fail_msg("what does this promise? %s", text);
    }
}

// `example` begins with the statement; lines that begin with "--" say what becomes of it; "```" ends it.
static void check_example(const char *example)
{
    const char *lines = strstr(example, "\n--");
    assert_non_null(lines);
    char *sql = strndup(example, (size_t)(lines++ - example));
    if (strncmp(lines, "-- refused: ", 12) == 0) {
        char text[256];
        struct err err;
        snprintf(text, sizeof text, "%.*s", (int)strcspn(lines + 12, "\n"), lines + 12);
        compile_refused(sql, &stocks_type, &err);
        assert_contains(err.text, text);
    } else {
        struct transform *transform = compile(&tick_type, sql, &stocks_type);
        struct batch *input = documented_tick(), *output = batch_new(&stocks_type, 1);
        struct told told;
        run_route(transform, input, output, &told);
        for (; strncmp(lines, "```", 3) != 0; lines = strchr(lines, '\n') + 1) check_line(lines, &told, output);
        batch_free(input);
        batch_free(output);
        transform_free(transform);
    }
    free(sql);
}

static void test_examples_do_what_the_document_says(void **state)
{
    (void)state;
    char *document = read_document();
    int examples = 0;
    for (char *at = document; (at = strstr(at, "```sql\n")); examples++) {
        at += strlen("```sql\n");
        check_example(at);
    }
    assert_true(examples >= EXAMPLES_AT_LEAST);
    free(document);
}

static void test_functions_are_those_of_the_document(void **state)
{
    (void)state;
    char *document = read_document(), *list = strstr(document, "## Functions\n\n```text\n");
    assert_non_null(list);
    list = strstr(list, "text\n") + strlen("text\n");
    *strstr(list, "```") = '\0';
    size_t count, named = 0;
    const char *const *names = functions_names(&count);
    for (char *word = strtok(list, " \n"); word; word = strtok(NULL, " \n"), named++) {
        size_t i = 0;
        while (i < count && strcmp(names[i], word) != 0) i++;
        if (i == count) fail_msg("the document names %s, which is not allowed", word);
    }
    assert_int_equal(named, count);
    free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_do_what_the_document_says),
        cmocka_unit_test(test_functions_are_those_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
