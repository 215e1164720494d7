// SPDX-License-Identifier: Apache-2.0
// Reading options from trees of YAML values, with messages that name the place and the nearest name.
#include "base/option_read.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/file.h"

enum {
    SECRET_MAX_BYTES = 64 << 10,
    ENTRY_NAME_MAX = 128, // of a map; YAML itself ends at 1024 characters, escapes included
};

enum status option_fail_at(struct option_loader *loader, uint32_t line, const char *origin, const char *format, ...)
{
    char text[ERR_TEXT_BYTES - 128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (loader->flat) return err_set_at(loader->err, FATAL, ERR_CONFIG, origin, "%s: %s", loader->source, text);
    return err_set_at(loader->err, FATAL, ERR_CONFIG, origin, "%s:%u: %s", loader->source, line, text);
}

// "NAME is VALUE; it must be ...". The value of a secret is not quoted.
static enum status fail_value(struct option_loader *loader, const struct option_row *row, const char *name, const struct node *node)
{
    char shown[OPTION_SHOWN_BYTES], expects[512];
    struct buf buf;
    buf_init(&buf, sizeof expects - 1);
    option_expects(row, &buf);
    snprintf(expects, sizeof expects, "%.*s", (int)buf.size, buf.data ? buf.data : "");
    buf_fini(&buf);
    if (option_yaml_null(node) && !loader->flat)
        return option_fail(loader, node->line, "%s has no value; it must be %s, or leave the line out", name, expects);
    if (node->kind != NODE_SCALAR)
        return option_fail(loader, node->line, "%s is a %s; it must be %s", name, node->kind == NODE_LIST ? "list" : "map", expects);
    bool secret = row->flags & OPTION_SECRET;
    return option_fail(loader, node->line, "%s is %s; it must be %s", name, secret ? "********" : option_yaml_shown(node->text, shown),
                       expects);
}

// The content of a secret's file, without the newline that editors put at the end.
static enum status read_secret(struct option_loader *loader, const char *name, const struct node *path, struct slice *out)
{
    char shown[OPTION_SHOWN_BYTES];
    if (path->kind != NODE_SCALAR || path->text.size == 0) return option_fail(loader, path->line, "%s must be the path of a file", name);
    option_yaml_shown(path->text, shown);
    struct buf file;
    buf_init(&file, SECRET_MAX_BYTES);
    const char *why = file_read(path->text.data, &file);
    size_t size = file.size;
    char *text = arena_copy(loader->scratch, file.data, size);
    bool too_large = file.full;
    buf_fini(&file);
    if (why) return option_fail(loader, path->line, "%s: cannot read the file %s: %s", name, shown, why);
    if (too_large) return option_fail(loader, path->line, "%s: the file %s has more than %d bytes", name, shown, SECRET_MAX_BYTES);
    if (size > 0 && text[size - 1] == '\n') size--;
    if (size > 0 && text[size - 1] == '\r') size--;
    text[size] = '\0';
    if (size == 0) return option_fail(loader, path->line, "%s: the file %s is empty", name, shown);
    if (memchr(text, 0, size) || !text_is_utf8(text, size))
        return option_fail(loader, path->line, "%s: the file %s does not hold plain UTF-8 text", name, shown);
    *out = (struct slice){text, size};
    return OK;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name), s = strlen(suffix);
    return n > s && strcmp(name + n - s, suffix) == 0;
}

static enum status check_entry_name(struct option_loader *loader, const char *name, const struct node *key)
{
    char shown[OPTION_SHOWN_BYTES];
    bool plain = true;
    for (size_t i = 0; i < key->text.size; i++) plain &= (unsigned char)key->text.data[i] >= 0x20 && key->text.data[i] != 0x7f;
    if (plain && key->text.size <= ENTRY_NAME_MAX) return OK;
    return option_fail(loader, key->line, "%s: %s is no name for an entry; at most %d bytes without control characters are taken", name,
                       option_yaml_shown(key->text, shown), ENTRY_NAME_MAX);
}

// One entry of a map into `pair`. An entry NAME-file of a secret map becomes NAME.
static enum status read_pair(struct option_loader *loader, const struct option_row *row, const char *name, const struct node *key,
                             const struct node *value, struct option_pair *pair)
{
    TRY(check_entry_name(loader, name, key));
    const char *shown = arena_printf(loader->scratch, "%s.%s", name, key->text.data);
    if (value->kind != NODE_SCALAR) return option_fail(loader, value->line, "%s must be text or a number", shown);
    if (option_yaml_null(value) && !loader->flat)
        return option_fail(loader, value->line, "%s has no value; write \"\" for an empty one, or leave the line out", shown);
    struct slice entry = key->text, text = value->text;
    if ((row->flags & OPTION_SECRET) && ends_with(entry.data, "-file")) {
        entry.size -= strlen("-file");
        TRY(read_secret(loader, shown, value, &text));
    }
    pair->name = arena_copy(loader->arena, entry.data, entry.size);
    pair->value = arena_copy(loader->arena, text.data, text.size);
    return OK;
}

static enum status read_map(struct option_loader *loader, const struct option_row *row, const char *name, const struct node *node, void *at)
{
    struct option_pair *pairs = arena_calloc(loader->arena, node->count, sizeof *pairs);
    uint32_t count = 0;
    for (const struct node *key = node->first; key; key = key->next->next, count++) {
        TRY(read_pair(loader, row, name, key, key->next, &pairs[count]));
        for (uint32_t i = 0; i < count; i++)
            if (!strcmp(pairs[i].name, pairs[count].name))
                return option_fail(loader, key->line, "%s.%s is given twice, once as a file", name, pairs[count].name);
    }
    *(struct option_array *)at = (struct option_array){count, pairs};
    return OK;
}

static enum status read_list(struct option_loader *loader, const char *name, const struct node *node, void *at)
{
    const char **items = arena_calloc(loader->arena, node->count, sizeof *items);
    uint32_t count = 0;
    for (const struct node *item = node->first; item; item = item->next) {
        if (item->kind != NODE_SCALAR || option_yaml_null(item)) return option_fail(loader, item->line, "%s[%u] must be text", name, count);
        items[count++] = arena_copy(loader->arena, item->text.data, item->text.size);
    }
    *(struct option_array *)at = (struct option_array){count, items};
    return OK;
}

// "A, B,C" as a list of nodes: how lists are given on a command line.
static struct node *split_list(struct arena *arena, struct slice text)
{
    struct node *list = arena_calloc(arena, 1, sizeof *list), **last = &list->first;
    list->kind = NODE_LIST;
    for (const char *p = text.data, *end = p + text.size; p < end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma ? comma : end;
        const char *next = comma ? comma + 1 : end;
        while (p < stop && *p == ' ') p++;
        while (stop > p && stop[-1] == ' ') stop--;
        *last = arena_calloc(arena, 1, sizeof **last);
        (*last)->text = (struct slice){arena_copy(arena, p, (size_t)(stop - p)), (size_t)(stop - p)};
        last = &(*last)->next;
        list->count++;
        p = next;
    }
    return list;
}

static enum status read_objects(struct option_loader *loader, const struct option_row *row, const char *name, const struct node *node,
                                void *at)
{
    const struct option_table *table = row->element;
    char *items = arena_calloc(loader->arena, node->count, table->struct_bytes);
    uint32_t count = 0;
    for (const struct node *item = node->first; item; item = item->next, count++) {
        struct option_target target = {table, items + count * table->struct_bytes, NULL,
                                       arena_calloc(loader->scratch, table->count, sizeof(bool)),
                                       arena_printf(loader->scratch, "%s[%u].", name, count)};
        if (item->kind != NODE_MAP) return option_fail(loader, item->line, "%s[%u] must be a map such as {name: value}", name, count);
        TRY(option_read_defaults(loader, table, target.values));
        TRY(option_read_map(loader, &target, item, ""));
        for (size_t i = 0; i < table->count; i++)
            if ((table->rows[i].flags & OPTION_REQUIRED) && !target.given[i])
                return option_fail(loader, item->line, "%s[%u] has no %s", name, count, table->rows[i].name);
    }
    *(struct option_array *)at = (struct option_array){count, items};
    return OK;
}

// Lists, maps and objects.
static enum status read_compound(struct option_loader *loader, const struct option_row *row, const char *name, const struct node *node,
                                 void *at)
{
    if (row->type == OPTION_MAP && node->kind == NODE_MAP) return read_map(loader, row, name, node, at);
    if (row->type == OPTION_LIST && node->kind == NODE_LIST) return read_list(loader, name, node, at);
    if (row->type == OPTION_OBJECTS && node->kind == NODE_LIST) return read_objects(loader, row, name, node, at);
    return fail_value(loader, row, name, node);
}

static enum status read_value(struct option_loader *loader, const struct option_row *row, const char *name, const struct node *node,
                              void *at)
{
    if (!option_type_is_scalar(row->type)) return read_compound(loader, row, name, node, at);
    bool usable = node->kind == NODE_SCALAR && (loader->flat || !option_yaml_null(node));
    return usable && option_scalar_parse(row, node->text, at, loader->arena) ? OK : fail_value(loader, row, name, node);
}

// A value that is one text: from the environment, the command line, or the table itself.
static enum status read_flat(struct option_loader *loader, const struct option_row *row, const char *name, struct slice text, void *at)
{
    struct node scalar = {.kind = NODE_SCALAR, .text = text}, *node = &scalar;
    if (row->type == OPTION_LIST && (text.size == 0 || text.data[0] != '[')) {
        node = split_list(loader->scratch, text);
    } else if (!option_type_is_scalar(row->type)) {
        TRY(option_yaml_parse(loader->scratch, text, loader->source, &node, loader->err));
        if (!node) node = &scalar;
    }
    return read_value(loader, row, name, node, at);
}

// Takes note that a row has a value; at most once per loading.
static enum status mark(struct option_loader *loader, struct option_target *target, size_t row, uint32_t line)
{
    const char *name = target->table->rows[row].name;
    if (target->given[row])
        return option_fail(loader, line, "%s%s is given twice, once as %s%s-file", target->shown, name, target->shown, name);
    target->given[row] = true;
    if (target->origins) {
        target->origins[row] =
            loader->flat ? arena_printf(loader->arena, "%s", loader->source) : arena_printf(loader->arena, "%s:%u", loader->source, line);
    }
    return OK;
}

// The row of that name, or the secret row of which it is the -file variant (`*file`); table->count when there is none.
size_t option_find(const struct option_table *table, const char *name, bool *file)
{
    *file = false;
    for (size_t i = 0; i < table->count; i++)
        if (!strcmp(table->rows[i].name, name)) return i;
    *file = true;
    for (size_t i = 0; i < table->count && ends_with(name, "-file"); i++) {
        const struct option_row *row = &table->rows[i];
        size_t length = strlen(row->name);
        if (row->type == OPTION_TEXT && (row->flags & OPTION_SECRET) && length == strlen(name) - strlen("-file") &&
            !strncmp(row->name, name, length))
            return i;
    }
    return table->count;
}

// True when rows begin with `name` and a dot.
bool option_is_section(const struct option_table *table, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < table->count; i++)
        if (!strncmp(table->rows[i].name, name, length) && table->rows[i].name[length] == '.') return true;
    return false;
}

// The name that was probably meant instead of prefix + key: of the same section first, else the last word of any.
static const char *nearest_name(struct arena *scratch, const struct option_table *table, const char *prefix, const char *key)
{
    const char **words = arena_calloc(scratch, table->count, sizeof *words);
    size_t length = strlen(prefix), count = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (strncmp(table->rows[i].name, prefix, length)) continue;
        const char *rest = table->rows[i].name + length;
        words[count++] = arena_copy(scratch, rest, strcspn(rest, "."));
    }
    const char *found = text_nearest(key, words, count);
    if (found) return arena_printf(scratch, "%s%s", prefix, found);
    for (size_t i = 0; i < table->count; i++) {
        const char *dot = strrchr(table->rows[i].name, '.');
        words[i] = dot ? dot + 1 : table->rows[i].name;
    }
    found = text_nearest(key, words, table->count);
    for (size_t i = 0; found && i < table->count; i++)
        if (words[i] == found) return table->rows[i].name;
    return NULL;
}

enum status option_fail_unknown(struct option_loader *loader, const struct option_target *target, const char *prefix, struct slice key,
                                uint32_t line)
{
    char shown[OPTION_SHOWN_BYTES];
    const char *where = arena_printf(loader->scratch, "%s%s", target->shown, prefix);
    const char *place = *where ? arena_printf(loader->scratch, " in %.*s", (int)strlen(where) - 1, where) : "";
    option_yaml_shown(key, shown);
    bool file;
    if (!loader->flat && option_find(target->table, key.data, &file) < target->table->count && strchr(key.data, '.'))
        return option_fail(loader, line, "unknown key %s%s; each word before a dot is a level of its own: \"%.*s:\" and below it the rest",
                           shown, place, (int)strcspn(key.data, "."), key.data);
    const char *nearest = nearest_name(loader->scratch, target->table, prefix, key.data);
    if (!nearest) return option_fail(loader, line, "unknown key %s%s; fdp config keys lists what there is", shown, place);
    return option_fail(loader, line, "unknown key %s%s; did you mean %s%s?", shown, place, target->shown, nearest);
}

static enum status read_row(struct option_loader *loader, struct option_target *target, size_t i, bool file, const struct node *node)
{
    const struct option_row *row = &target->table->rows[i];
    const char *name = arena_printf(loader->scratch, "%s%s%s", target->shown, row->name, file ? "-file" : "");
    TRY(mark(loader, target, i, node->line));
    if (!file) return read_value(loader, row, name, node, target->values + row->at);
    struct slice text;
    TRY(read_secret(loader, name, node, &text));
    *(const char **)(void *)(target->values + row->at) = arena_copy(loader->arena, text.data, text.size);
    return OK;
}

// All entries of a map whose keys, behind `prefix`, are rows and sections of the target's table.
enum status option_read_map(struct option_loader *loader, struct option_target *target, const struct node *map, const char *prefix)
{
    for (const struct node *key = map->first; key; key = key->next->next) {
        const struct node *value = key->next;
        const char *name = arena_printf(loader->scratch, "%s%s", prefix, key->text.data);
        bool file, dotted = strchr(key->text.data, '.') != NULL;
        size_t row = option_find(target->table, name, &file);
        if (row < target->table->count && !dotted) {
            TRY(read_row(loader, target, row, file, value));
        } else if (!option_is_section(target->table, name) || dotted) {
            return option_fail_unknown(loader, target, prefix, key->text, key->line);
        } else if (value->kind == NODE_MAP) {
            TRY(option_read_map(loader, target, value, arena_printf(loader->scratch, "%s.", name)));
        } else if (!option_yaml_null(value)) {
            return option_fail(loader, value->line, "%s%s is a section: it has keys below it, not a value", target->shown, name);
        }
    }
    return OK;
}

enum status option_read_defaults(struct option_loader *loader, const struct option_table *table, char *values)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        bool text = row->type == OPTION_TEXT || row->type == OPTION_WORD;
        if (row->fallback)
            TRY(read_flat(loader, row, row->name, slice_of(row->fallback), values + row->at));
        else if (text)
            *(const char **)(void *)(values + row->at) = "";
    }
    return OK;
}

// One entry of a map, "streaming.kafka.linger.ms": replaces it or adds it.
enum status option_read_entry(struct option_loader *loader, struct option_target *target, size_t i, const char *entry, struct slice text)
{
    const struct option_row *row = &target->table->rows[i];
    struct node key = {.kind = NODE_SCALAR, .text = slice_of(entry)}, value = {.kind = NODE_SCALAR, .text = text};
    struct option_array *array = (void *)(target->values + row->at);
    struct option_pair pair, *pairs = arena_calloc(loader->arena, (size_t)array->count + 1, sizeof *pairs);
    TRY(read_pair(loader, row, row->name, &key, &value, &pair));
    TRY(mark(loader, target, i, 0));
    uint32_t count = 0;
    for (const struct option_pair *old = array->items; count < array->count; count++) {
        pairs[count] = old[count];
        if (!strcmp(pairs[count].name, pair.name)) break;
    }
    // Entries behind the one that is replaced stay as they are.
    if (count < array->count) {
        memcpy(pairs + count, (const struct option_pair *)array->items + count, (array->count - count) * sizeof *pairs);
        pairs[count] = pair;
        count = array->count;
    } else {
        pairs[count++] = pair;
    }
    *array = (struct option_array){count, pairs};
    return OK;
}

enum status option_read_row(struct option_loader *loader, struct option_target *target, size_t i, bool file, struct slice text)
{
    const struct option_row *row = &target->table->rows[i];
    struct node path = {.kind = NODE_SCALAR, .text = text};
    if (file) return read_row(loader, target, i, true, &path);
    TRY(mark(loader, target, i, 0));
    return read_flat(loader, row, row->name, text, target->values + row->at);
}
