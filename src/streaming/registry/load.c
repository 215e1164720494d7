// SPDX-License-Identifier: Apache-2.0
// Bringing the schemas of a folder, or those built into the program, into a registry.
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

#include "base/asset.h"
#include "streaming/registry/client.h"
#include "streaming/registry/records.h"
#include "streaming/schema_files.h"

#define LEVELS_FILE "compatibility.yaml"

enum { RULES_MAX = 100, LEVELS_BYTES_MAX = 64 << 10 };

// Subjects that fit the pattern get the level; the first rule that fits decides.
struct rule {
    char pattern[256];
    enum registry_level level;
};

struct loading {
    struct registry_client *client;
    const struct log *log;
    struct rule rules[RULES_MAX];
    uint32_t rule_count;
    char topic[256]; // whose level is set already
    uint32_t loaded;
};

static enum status add_rule(struct loading *loading, const yaml_node_t *key, const yaml_node_t *value, const char *name, struct err *err)
{
    int line = (int)key->start_mark.line + 1;
    struct rule *rule = &loading->rules[loading->rule_count];
    if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE || key->data.scalar.length >= sizeof rule->pattern)
        return err_set(err, FATAL, ERR_CONFIG, "%s:%d: write a pattern of subjects and its level, such as \"tickers.*-value\": NONE", name,
                       line);
    if (loading->rule_count == RULES_MAX) return err_set(err, FATAL, ERR_CONFIG, "%s:%d: more than %d patterns", name, line, RULES_MAX);
    memcpy(rule->pattern, key->data.scalar.value, key->data.scalar.length + 1);
    rule->level = registry_level_of((const char *)value->data.scalar.value);
    if (rule->level == REGISTRY_LEVELS)
        return err_set(
            err, FATAL, ERR_CONFIG,
            "%s:%d: \"%.40s\" is no compatibility level: NONE, BACKWARD, FORWARD, FULL, or one of the last three with _TRANSITIVE", name,
            line, (const char *)value->data.scalar.value);
    loading->rule_count++;
    return OK;
}

static enum status read_rules(struct loading *loading, yaml_document_t *document, const char *name, struct err *err)
{
    yaml_node_t *root = yaml_document_get_root_node(document);
    if (!root) return OK; // an empty file: no rules
    if (root->type != YAML_MAPPING_NODE) return err_set(err, FATAL, ERR_CONFIG, "%s: it must map patterns of subjects to levels", name);
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++)
        TRY(add_rule(loading, yaml_document_get_node(document, pair->key), yaml_document_get_node(document, pair->value), name, err));
    return OK;
}

static enum status parse_rules(struct loading *loading, struct slice text, const char *name, struct err *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser)) abort();
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.size ? text.data : ""), text.size);
    enum status status;
    if (yaml_parser_load(&parser, &document)) {
        status = read_rules(loading, &document, name, err);
        yaml_document_delete(&document);
    } else {
        status = err_set(err, FATAL, ERR_CONFIG, "%s:%zu: not valid YAML: %s", name, parser.problem_mark.line + 1,
                         parser.problem ? parser.problem : "");
    }
    yaml_parser_delete(&parser);
    return status;
}

// The rules of the folder's file; those built into the program where it has none.
static enum status load_rules(struct loading *loading, const char *dir, struct err *err)
{
    char path[4096] = "schemas/" LEVELS_FILE;
    if (dir && *dir) snprintf(path, sizeof path, "%s/" LEVELS_FILE, dir);
    int fd = dir && *dir ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return parse_rules(loading, asset_find("schemas/" LEVELS_FILE), "schemas/" LEVELS_FILE, err);
    char *text = malloc(LEVELS_BYTES_MAX);
    if (!text) abort();
    ssize_t size = 0, got;
    while ((got = read(fd, text + size, (size_t)(LEVELS_BYTES_MAX - size))) > 0) size += got;
    close(fd);
    enum status status;
    if (got < 0 || size == LEVELS_BYTES_MAX)
        status = err_set(err, FATAL, ERR_CONFIG, "cannot read %s: %s", path, got < 0 ? "it is no file" : "it is too large");
    else
        status = parse_rules(loading, (struct slice){text, (size_t)size}, path, err);
    free(text);
    return status;
}

static enum status set_level(const struct loading *loading, const char *subject, struct err *err)
{
    for (uint32_t i = 0; i < loading->rule_count; i++)
        if (!fnmatch(loading->rules[i].pattern, subject, 0))
            return registry_client_set_level(loading->client, subject, registry_level_name(loading->rules[i].level), err);
    return OK;
}

static enum status load_one(void *context, const char *topic, int version, struct slice text, struct err *err)
{
    struct loading *loading = context;
    char subject[300], *schema = strndup(text.data, text.size);
    int32_t id = 0;
    if (!schema) abort();
    snprintf(subject, sizeof subject, "%s-value", topic);
    enum status status = strcmp(loading->topic, topic) ? set_level(loading, subject, err) : OK;
    snprintf(loading->topic, sizeof loading->topic, "%s", topic);
    if (status == OK) status = registry_lookup(loading->client, subject, schema, &id, err);
    if (status == REJECT && (status = registry_register(loading->client, subject, schema, &id, err)) == OK) {
        loading->loaded++;
        log_info(loading->log, "registry", "schema loaded", "subject", subject, "version", log_number(version), "id", log_number(id));
    }
    free(schema);
    return status == OK ? OK : err_context(err, "%s/v%d.avsc", topic, version);
}

enum status registry_load(struct registry_client *client, const char *dir, const struct log *log, uint32_t *loaded, struct err *err)
{
    struct loading *loading = calloc(1, sizeof *loading);
    if (!loading) abort();
    loading->client = client;
    loading->log = log;
    enum status status = load_rules(loading, dir, err);
    if (status == OK) status = schema_files_each(dir, load_one, loading, err);
    *loaded = loading->loaded;
    free(loading);
    return status;
}
