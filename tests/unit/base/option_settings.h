// SPDX-License-Identifier: Apache-2.0
// A table of options with one of every type, and the fixture that both option tests use.
#ifndef FDP_TESTS_OPTION_SETTINGS_H
#define FDP_TESTS_OPTION_SETTINGS_H

#include <unistd.h>

#include "../unit.h"
#include "base/option.h"

struct server {
    const char *host;
    int64_t port;
    const char *key;
};

struct settings {
    const char *title;
    const char *color;
    bool on;
    int64_t count;
    double ratio;
    int64_t wait_ms;
    int64_t room_bytes;
    struct {
        uint32_t count;
        const char **items;
    } names;
    struct {
        uint32_t count;
        struct {
            const char *name, *value;
        } * items;
    } extra;
    struct {
        uint32_t count;
        struct server *items;
    } servers;
    const char *password;
    struct {
        const char *url;
    } deep;
};

// clang-format off
#define AT(member) .at = offsetof(struct settings, member)

static const struct option_row server_rows[] = {
    {.name = "host", .type = OPTION_TEXT, .flags = OPTION_REQUIRED, .at = offsetof(struct server, host), .help = "Its name."},
    {.name = "port", .type = OPTION_INT, .at = offsetof(struct server, port), .fallback = "80", .min = 1, .max = 65535, .help = "Its port."},
    {.name = "key", .type = OPTION_TEXT, .flags = OPTION_SECRET, .at = offsetof(struct server, key), .fallback = "", .help = "Its key."},
};
static const struct option_table server_table = {.struct_bytes = sizeof(struct server), .count = 3, .rows = server_rows};

static const struct option_row rows[] = {
    {.name = "title", .type = OPTION_TEXT, AT(title), .fallback = "none", .help = "What it is called."},
    {.name = "main.color", .type = OPTION_WORD, .flags = OPTION_RELOADABLE, AT(color), .fallback = "red", .words = "red green blue",
     .help = "What it looks like."},
    {.name = "main.on", .type = OPTION_BOOL, AT(on), .fallback = "true", .help = "Whether it runs."},
    {.name = "main.item-count", .type = OPTION_INT, AT(count), .fallback = "5", .min = -10, .max = 10, .unit = "items", .help = "How many."},
    {.name = "main.ratio", .type = OPTION_DOUBLE, AT(ratio), .fallback = "0.5", .max = 1, .help = "Which part."},
    {.name = "main.wait", .type = OPTION_DURATION, AT(wait_ms), .fallback = "20s", .min = 10, .max = 3600000, .help = "How long."},
    {.name = "main.room", .type = OPTION_SIZE, AT(room_bytes), .fallback = "64KiB", .max = 1073741824, .help = "How much."},
    {.name = "main.names", .type = OPTION_LIST, AT(names), .fallback = "[a, b]", .help = "Which ones."},
    {.name = "main.extra", .type = OPTION_MAP, .flags = OPTION_SECRET, AT(extra), .fallback = "{}", .words = "password token", .help = "More."},
    {.name = "main.servers", .type = OPTION_OBJECTS, AT(servers), .element = &server_table, .fallback = "[{host: here}]", .help = "Where."},
    {.name = "main.password", .type = OPTION_TEXT, .flags = OPTION_SECRET, AT(password), .fallback = "", .help = "A secret."},
    {.name = "main.deep.url", .type = OPTION_TEXT, .flags = OPTION_URL, AT(deep.url), .fallback = "x:", .help = "Far down."},
};
// clang-format on

static const struct option_section sections[] = {{"main", "All of it."}, {"main.deep", "Deeper."}};
static const struct option_table table = {sizeof(struct settings), sizeof rows / sizeof *rows, rows, 2, sections};

struct fixture {
    struct option_values values;
    struct err err;
    char folder[32];
};

static inline const struct settings *settings(const struct fixture *f)
{
    return f->values.values;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (option_load_defaults(&table, &f->values, &f->err) != OK) return -1;
    strcpy(f->folder, "/tmp/fdp-option-XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char path[64];
    snprintf(path, sizeof path, "%s/secret", f->folder);
    unlink(path);
    rmdir(f->folder);
    option_values_fini(&f->values);
    free(f);
    return 0;
}

static inline const char *secret_file(const struct fixture *f, const char *content, size_t size)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/secret", f->folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    fclose(file);
    return path;
}

static inline enum status load(struct fixture *f, const char *yaml)
{
    return option_load_yaml(&table, &f->values, yaml, strlen(yaml), "fdp.yaml", &f->err);
}

static inline void assert_loads(struct fixture *f, const char *yaml)
{
    if (load(f, yaml) != OK) fail_msg("%s", f->err.text);
}

static inline void assert_refused(struct fixture *f, const char *yaml, const char *text)
{
    assert_int_equal(load(f, yaml), FATAL);
    assert_int_equal(f->err.status, FATAL);
    assert_int_equal(f->err.code, ERR_CONFIG);
    assert_contains(f->err.text, text);
}

static inline enum status set(struct fixture *f, const char *assignment)
{
    return option_load_set(&table, &f->values, assignment, "--set", &f->err);
}

static inline const char *origin(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < table.count; i++)
        if (!strcmp(table.rows[i].name, name)) return f->values.origins[i];
    return NULL;
}

static inline const char *value_text(const struct fixture *f, const char *name)
{
    static char text[1024];
    struct buf out;
    buf_init(&out, sizeof text - 1);
    for (size_t i = 0; i < table.count; i++)
        if (!strcmp(table.rows[i].name, name)) option_value_text(&table.rows[i], f->values.values, &out);
    snprintf(text, sizeof text, "%.*s", (int)out.size, out.data ? out.data : "");
    buf_fini(&out);
    return text;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
