// SPDX-License-Identifier: Apache-2.0
// Loading options: defaults, YAML, environment and command line.
#include "base/option.h"

#include "base/option_read.h"

enum status option_load_defaults(const struct option_table *table, struct option_values *out, struct err *err)
{
    struct arena scratch;
    arena_init(&out->arena, 4096);
    arena_init(&scratch, 4096);
    out->values = arena_calloc(&out->arena, 1, table->struct_bytes);
    out->origins = arena_calloc(&out->arena, table->count, sizeof *out->origins);
    for (size_t i = 0; i < table->count; i++) out->origins[i] = "default";
    struct option_loader loader = {"default", true, &out->arena, &scratch, err};
    enum status status = option_read_defaults(&loader, table, out->values);
    arena_fini(&scratch);
    return status;
}

void option_values_fini(struct option_values *values)
{
    arena_fini(&values->arena);
    values->values = NULL;
    values->origins = NULL;
}

static struct option_target top_target(const struct option_table *table, struct option_values *out, struct arena *scratch)
{
    return (struct option_target){table, out->values, out->origins, arena_calloc(scratch, table->count, sizeof(bool)), ""};
}

enum status option_load_yaml(const struct option_table *table, struct option_values *out, const char *text, size_t size, const char *name,
                             struct err *err)
{
    if (size > BUF_MAX_CONFIG_FILE)
        return err_set(err, FATAL, ERR_CONFIG, "%s: the file has %zu bytes; at most %d are read", name, size, BUF_MAX_CONFIG_FILE);
    struct arena scratch;
    arena_init(&scratch, 16 << 10);
    struct option_loader loader = {name, false, &out->arena, &scratch, err};
    struct option_target target = top_target(table, out, &scratch);
    struct node *root;
    enum status status = option_yaml_parse(&scratch, (struct slice){text, size}, name, &root, err);
    if (status == OK && root && root->kind == NODE_MAP)
        status = option_read_map(&loader, &target, root, "");
    else if (status == OK && root && !option_yaml_null(root))
        status = option_fail(&loader, root->line, "a configuration is made of sections such as \"ingestion:\", not of one value");
    arena_fini(&scratch);
    return status;
}

static enum status set_named(struct option_loader *loader, struct option_target *target, const char *name, struct slice text)
{
    const struct option_table *table = target->table;
    bool file;
    size_t row = option_find(table, name, &file);
    if (row < table->count) return option_read_row(loader, target, row, file, text);
    for (row = 0; row < table->count; row++) {
        size_t length = strlen(table->rows[row].name);
        if (table->rows[row].type == OPTION_MAP && !strncmp(name, table->rows[row].name, length) && name[length] == '.' && name[length + 1])
            return option_read_entry(loader, target, row, name + length + 1, text);
    }
    if (option_is_section(table, name)) return option_fail(loader, 0, "%s is a section; name one of its options", name);
    // The longest section that exists is right; the rest of the name is not.
    size_t length = strlen(name);
    while (length > 0 && (name[length] != '.' || !option_is_section(table, arena_copy(loader->scratch, name, length)))) length--;
    length += name[length] == '.';
    return option_fail_unknown(loader, target, arena_copy(loader->scratch, name, length), slice_of(name + length), 0);
}

enum status option_load_set(const struct option_table *table, struct option_values *out, const char *assignment, const char *origin,
                            struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, 4096);
    struct option_loader loader = {origin, true, &out->arena, &scratch, err};
    struct option_target target = top_target(table, out, &scratch);
    const char *equals = strchr(assignment, '=');
    struct slice given = slice_of(assignment);
    char shown[OPTION_SHOWN_BYTES], url[TEXT_URL_BYTES];
    enum status status;
    if (!text_is_utf8(given.data, given.size))
        status = option_fail(&loader, 0, "the assignment is not UTF-8 text");
    else if (!equals || equals == assignment)
        status = option_fail(&loader, 0, "%s is not an assignment; write section.key=value",
                             option_yaml_shown(slice_of(text_url_shown(assignment, url, sizeof url)), shown));
    else
        status = set_named(&loader, &target, arena_copy(&scratch, assignment, (size_t)(equals - assignment)), slice_of(equals + 1));
    arena_fini(&scratch);
    return status;
}

// "storage.url" to "FDP_STORAGE_URL".
static const char *environment_name(struct arena *arena, const char *name, const char *suffix)
{
    char *text = arena_printf(arena, "FDP_%s%s", name, suffix);
    for (char *p = text; *p; p++) {
        if (*p == '.' || *p == '-') *p = '_';
        if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 'a' + 'A');
    }
    return text;
}

// All names that rows have in the environment: per row its own and, for secrets, that of the -file variant (else NULL).
static const char **environment_names(struct arena *arena, const struct option_table *table)
{
    const char **names = arena_calloc(arena, 2 * table->count, sizeof *names);
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        names[2 * i] = environment_name(arena, row->name, "");
        if (row->type == OPTION_TEXT && (row->flags & OPTION_SECRET)) names[2 * i + 1] = environment_name(arena, row->name, "-file");
    }
    return names;
}

static const char *nearest_variable(struct arena *scratch, const char *const *names, size_t count, const char *name)
{
    enum { PREFIX = 4 }; // all share it: it says nothing
    const char **rests = arena_calloc(scratch, count, sizeof *rests);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (names[i]) rests[used++] = names[i] + PREFIX;
    const char *nearest = text_nearest(name + PREFIX, rests, used);
    return nearest ? nearest - PREFIX : NULL;
}

enum status option_load_environment(const struct option_table *table, struct option_values *out, char *const *environment,
                                    void (*unknown)(void *context, const char *name, const char *nearest), void *context, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, 4096);
    struct option_target target = top_target(table, out, &scratch);
    const char **names = environment_names(&scratch, table);
    enum status status = OK;
    for (char *const *entry = environment; *entry && status == OK; entry++) {
        const char *equals = strchr(*entry, '=');
        if (strncmp(*entry, "FDP_", 4) || !equals) continue;
        const char *name = arena_copy(&scratch, *entry, (size_t)(equals - *entry));
        struct option_loader loader = {name, true, &out->arena, &scratch, err};
        struct slice text = slice_of(equals + 1);
        size_t found = 0;
        while (found < 2 * table->count && (!names[found] || strcmp(names[found], name))) found++;
        if (found == 2 * table->count) {
            if (unknown) unknown(context, name, nearest_variable(&scratch, names, 2 * table->count, name));
        } else if (!text_is_utf8(text.data, text.size)) {
            status = option_fail(&loader, 0, "the value is not UTF-8 text");
        } else {
            status = option_read_row(&loader, &target, found / 2, found % 2, text);
        }
    }
    arena_fini(&scratch);
    return status;
}
