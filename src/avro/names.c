// SPDX-License-Identifier: Apache-2.0
// Names and the table of named types.
#include "avro/names.h"

#include <stdlib.h>

static const char *const kind_names[] = {
    [AVRO_NULL] = "null",     [AVRO_BOOLEAN] = "boolean", [AVRO_INT] = "int",       [AVRO_LONG] = "long",     [AVRO_FLOAT] = "float",
    [AVRO_DOUBLE] = "double", [AVRO_BYTES] = "bytes",     [AVRO_STRING] = "string", [AVRO_RECORD] = "record", [AVRO_ENUM] = "enum",
    [AVRO_ARRAY] = "array",   [AVRO_MAP] = "map",         [AVRO_UNION] = "union",   [AVRO_FIXED] = "fixed",
};
enum { KIND_COUNT = sizeof kind_names / sizeof *kind_names };

const char *avro_kind_name(enum avro_kind kind)
{
    return kind_names[kind];
}

bool avro_primitive(struct slice name, enum avro_kind *kind)
{
    for (int i = AVRO_NULL; i <= AVRO_STRING; i++) {
        if (!slice_is(name, kind_names[i])) continue;
        *kind = (enum avro_kind)i;
        return true;
    }
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool avro_name_is_valid(struct slice name, enum avro_strictness strictness)
{
    if (name.size == 0 || memchr(name.data, '\0', name.size)) return false;
    if (strictness == AVRO_LENIENT) return true;
    if (!is_letter(name.data[0])) return false;
    for (size_t i = 1; i < name.size; i++)
        if (!is_letter(name.data[i]) && !(name.data[i] >= '0' && name.data[i] <= '9')) return false;
    return true;
}

bool avro_full_name_is_valid(struct slice name, enum avro_strictness strictness)
{
    if (name.size == 0 || name.data[0] == '.' || name.data[name.size - 1] == '.') return false;
    if (strictness == AVRO_LENIENT) return avro_name_is_valid(name, strictness);
    while (true) {
        const char *dot = memchr(name.data, '.', name.size);
        size_t part = dot ? (size_t)(dot - name.data) : name.size;
        if (!avro_name_is_valid((struct slice){name.data, part}, strictness)) return false;
        if (!dot) return true;
        name = (struct slice){dot + 1, name.size - part - 1};
    }
}

const char *avro_name_qualify(struct arena *arena, struct slice name, struct slice space)
{
    if (space.size == 0 || (name.size && memchr(name.data, '.', name.size))) return arena_copy(arena, name.data, name.size);
    char *full = arena_alloc(arena, space.size + 1 + name.size + 1);
    memcpy(full, space.data, space.size);
    full[space.size] = '.';
    memcpy(full + space.size + 1, name.data, name.size);
    full[space.size + 1 + name.size] = '\0';
    return full;
}

struct slice avro_name_space(const char *full_name)
{
    const char *dot = strrchr(full_name, '.');
    return (struct slice){full_name, dot ? (size_t)(dot - full_name) : 0};
}

const char *avro_name_last(const char *full_name)
{
    const char *dot = strrchr(full_name, '.');
    return dot ? dot + 1 : full_name;
}

const struct avro_type *avro_names_find(const struct avro_names *names, struct slice full_name)
{
    if (names->capacity == 0) return NULL;
    uint32_t mask = names->capacity - 1;
    for (uint32_t at = (uint32_t)text_hash(full_name.data, full_name.size) & mask; names->slots[at]; at = (at + 1) & mask)
        if (slice_is(full_name, names->slots[at]->full_name)) return names->slots[at];
    return NULL;
}

static void names_put(struct avro_names *names, const struct avro_type *type)
{
    uint32_t mask = names->capacity - 1;
    uint32_t at = (uint32_t)text_hash(type->full_name, strlen(type->full_name)) & mask;
    while (names->slots[at]) at = (at + 1) & mask;
    names->slots[at] = type;
}

void avro_names_add(struct avro_names *names, struct arena *arena, const struct avro_type *type)
{
    if (2 * (names->count + 1) > names->capacity) {
        struct avro_names wider = {.capacity = names->capacity ? 2 * names->capacity : 16, .count = names->count};
        wider.slots = arena_calloc(arena, wider.capacity, sizeof *wider.slots);
        for (uint32_t i = 0; i < names->capacity; i++)
            if (names->slots[i]) names_put(&wider, names->slots[i]);
        *names = wider;
    }
    names_put(names, type);
    names->count++;
}

const struct avro_type *avro_names_lookup(const struct avro_names *names, struct slice name, struct slice space)
{
    const struct avro_type *type = NULL;
    if (space.size && !memchr(name.data, '.', name.size)) {
        struct buf full;
        buf_init(&full, BUF_MAX_SCHEMA_TEXT);
        buf_append(&full, space.data, space.size);
        buf_append_byte(&full, '.');
        buf_append(&full, name.data, name.size);
        if (!full.full) type = avro_names_find(names, buf_slice(&full));
        buf_fini(&full);
    }
    return type ? type : avro_names_find(names, name);
}

const char *avro_name_mention(const char *full_name, struct slice space)
{
    const char *last = avro_name_last(full_name);
    if (last == full_name || !slice_equal(avro_name_space(full_name), space)) return full_name;
    for (int i = 0; i < KIND_COUNT; i++)
        if (!strcmp(last, kind_names[i])) return full_name;
    return last;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *avro_names_duplicate(const char *const *names, uint32_t count)
{
    const char *duplicate = NULL;
    if (count < 2) return NULL;
    const char **sorted = malloc(count * sizeof *sorted);
    if (!sorted) abort();
    memcpy(sorted, names, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (uint32_t i = 1; i < count && !duplicate; i++)
        if (!strcmp(sorted[i - 1], sorted[i])) duplicate = sorted[i];
    free(sorted);
    return duplicate;
}
