// SPDX-License-Identifier: Apache-2.0
// Enumerating schema files, in a folder or in the program.
#include "streaming/schema_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/asset.h"
#include "base/file.h"

struct schema_file {
    const char *topic;
    int version;
};

struct listing {
    struct arena arena;
    struct schema_file *files;
    size_t count, capacity;
};

static void listing_add(struct listing *list, const char *topic, size_t topic_length, int version)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 16;
        list->files = realloc(list->files, list->capacity * sizeof *list->files);
        if (!list->files) abort();
    }
    list->files[list->count++] = (struct schema_file){arena_copy(&list->arena, topic, topic_length), version};
}

// N of "vN.avsc", or 0.
static int version_of(const char *name)
{
    char *end;
    if (name[0] != 'v' || name[1] < '1' || name[1] > '9') return 0;
    errno = 0;
    long version = strtol(name + 1, &end, 10);
    return errno || version > 100000 || strcmp(end, ".avsc") ? 0 : (int)version;
}

static void list_built_in(struct listing *list)
{
    static const char prefix[] = "schemas/";
    for (size_t i = 0; i < asset_count; i++) {
        if (strncmp(assets[i].name, prefix, sizeof prefix - 1)) continue;
        const char *topic = assets[i].name + sizeof prefix - 1, *slash = strchr(topic, '/');
        int version = slash ? version_of(slash + 1) : 0;
        if (version) listing_add(list, topic, (size_t)(slash - topic), version);
    }
}

static enum status list_folder(struct listing *list, const char *dir, struct err *err)
{
    DIR *folder = opendir(dir);
    if (!folder) return err_set(err, FATAL, ERR_CONFIG, "cannot read the schema folder %s: %s", dir, strerror(errno));
    for (struct dirent *topic; (topic = readdir(folder));) {
        char path[4096];
        if (topic->d_name[0] == '.' || snprintf(path, sizeof path, "%s/%s", dir, topic->d_name) >= (int)sizeof path) continue;
        DIR *versions = opendir(path);
        if (!versions) continue; // a file beside the folders of the topics
        for (struct dirent *file; (file = readdir(versions));)
            if (version_of(file->d_name)) listing_add(list, topic->d_name, strlen(topic->d_name), version_of(file->d_name));
        closedir(versions);
    }
    closedir(folder);
    return OK;
}

static int by_topic_and_version(const void *a, const void *b)
{
    const struct schema_file *left = a, *right = b;
    int order = strcmp(left->topic, right->topic);
    return order ? order : left->version - right->version;
}

static enum status read_file(const char *path, struct buf *text, struct err *err)
{
    const char *why = file_read(path, text);
    if (why) return err_set(err, FATAL, ERR_CONFIG, "cannot read the schema %s: %s", path, why);
    if (text->full) return err_set(err, FATAL, ERR_CONFIG, "the schema %s is longer than %d bytes", path, BUF_MAX_SCHEMA_TEXT);
    return OK;
}

static enum status read_schema(const char *dir, const struct schema_file *file, struct buf *text, struct err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/v%d.avsc", dir ? dir : "schemas", file->topic, file->version);
    buf_reset(text);
    if (dir) return read_file(path, text, err);
    struct slice content = asset_find(path);
    buf_append(text, content.data, content.size);
    return OK;
}

enum status schema_files_each(const char *dir, schema_files_fn *each, void *context, struct err *err)
{
    if (dir && !*dir) dir = NULL;
    struct listing list = {0};
    arena_init(&list.arena, 4096);
    enum status status = OK;
    if (dir)
        status = list_folder(&list, dir, err);
    else
        list_built_in(&list);
    if (list.count) qsort(list.files, list.count, sizeof *list.files, by_topic_and_version);
    struct buf text;
    buf_init(&text, BUF_MAX_SCHEMA_TEXT);
    for (size_t i = 0; i < list.count && status == OK; i++) {
        status = read_schema(dir, &list.files[i], &text, err);
        if (status == OK) status = each(context, list.files[i].topic, list.files[i].version, buf_slice(&text), err);
    }
    buf_fini(&text);
    free(list.files);
    arena_fini(&list.arena);
    return status;
}

struct newest {
    const char *topic;
    struct buf *text;
    bool found;
};

static enum status keep_newest(void *context, const char *topic, int version, struct slice text, struct err *err)
{
    (void)version, (void)err;
    struct newest *newest = context;
    if (strcmp(topic, newest->topic)) return OK;
    buf_reset(newest->text);
    buf_append(newest->text, text.data, text.size);
    newest->found = true;
    return OK;
}

enum status schema_files_newest(const char *dir, const char *topic, struct buf *text, struct err *err)
{
    struct newest newest = {topic, text, false};
    TRY(schema_files_each(dir, keep_newest, &newest, err));
    if (newest.found) return OK;
    return err_set(err, FATAL, ERR_CONFIG, "there is no %s/v1.avsc among the schemas in %s", topic, dir && *dir ? dir : "the program");
}
