// SPDX-License-Identifier: Apache-2.0
// Noticing, checking and taking up a changed configuration.
#include "cli/reload.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/configuration.h"
#include "ingestion/publish.h"

static const char component[] = "config";

enum { LOOK_INTERVAL_MS = 1000 };

// --- Noticing ---

enum { NO_FILE = 0, EMPTY_FILE = 2 }; // beside the hashes, which are odd

// Of the content, by its path: a ConfigMap's symbolic link that was swapped is a change too.
static uint64_t content_hash(const char *file)
{
    struct stat info;
    uint64_t hash = NO_FILE;
    if (!file || stat(file, &info) || !S_ISREG(info.st_mode)) return NO_FILE;
    struct buf text;
    buf_init(&text, BUF_MAX_CONFIG_FILE);
    if (!file_read(file, &text)) hash = text_is_blank(buf_slice(&text)) ? EMPTY_FILE : text_hash(text.data, text.size) | 1;
    buf_fini(&text);
    return hash;
}

// Whether it is time to read the file: somebody asked, its content changed, or what it says could not be taken up yet.
static bool due(struct reload *self, bool asked)
{
    if (!asked && clock_mono_ns() < self->next_look_ns) return false;
    self->next_look_ns = clock_deadline_ms(LOOK_INTERVAL_MS);
    const char *file = self->file ? self->file : configuration_file(self->app);
    uint64_t hash = content_hash(file);
    if (hash != NO_FILE) self->file = file;
    bool missing = hash == EMPTY_FILE || (hash == NO_FILE && self->file), just_now = missing && !self->missing;
    self->missing = missing;
    // An editor may be about to write what it has emptied or moved away: it counts when it still is so at the next look.
    if (just_now && !asked) return false;
    bool differs = hash != self->seen;
    self->seen = hash;
    return differs || asked || self->pending;
}

void reload_init(struct reload *self, const struct app *app)
{
    static const char help[] = "Changes of the configuration while running";
    const char *file = configuration_file(app);
    uint64_t seen = content_hash(file);
    *self = (struct reload){.app = app, .config = app->config, .seen = seen, .file = seen == NO_FILE ? NULL : file};
    self->next_look_ns = clock_deadline_ms(LOOK_INTERVAL_MS);
    self->applied = metric_counter(app->metrics, "fdp_config_reloads_total", "outcome=\"applied\"", help);
    self->refused = metric_counter(app->metrics, "fdp_config_reloads_total", "outcome=\"refused\"", help);
    self->in_force = metric_gauge(app->metrics, "fdp_config_in_force", NULL,
                                  "1 while the configuration file is the one in force, 0 while it was refused");
    self->restart_needed = metric_gauge(app->metrics, "fdp_config_restart_needed", NULL,
                                        "1 when an option was changed that takes effect only after a restart");
    metric_set(self->in_force, 1);
}

static void values_free(struct option_values *values)
{
    option_values_fini(values);
    free(values);
}

void reload_fini(struct reload *self)
{
    for (uint32_t i = 0; i < self->generation_count; i++) values_free(self->generations[i]);
    free(self->generations);
}

// --- Checking ---

static void note_problem(void *context, const char *option, const char *text)
{
    struct err *err = context;
    if (err->status == OK) err_set(err, FATAL, ERR_CONFIG, "%s: %s", option, text);
}

// The options that differ from those in force: the reloadable ones are counted, the others named.
static uint32_t compare(struct reload *self, const struct option_values *values)
{
    uint32_t reloadable = 0;
    bool restart = false;
    for (size_t i = 0; i < config_options.count; i++) {
        const struct option_row *row = &config_options.rows[i];
        if (option_value_same(row, self->config, values->values)) continue;
        if (row->flags & OPTION_RELOADABLE) {
            reloadable++;
            continue;
        }
        restart = true;
        log_warn(&self->app->log, component, "this option changes only with a restart; its former value stays", "option", row->name);
    }
    metric_set(self->restart_needed, restart);
    return reloadable;
}

// --- Taking up ---

// What is in force, with the reloadable options of `values`; it lives in their arena.
static struct config *effective(const struct reload *self, struct option_values *values)
{
    const struct config *loaded = values->values;
    struct config *config = arena_alloc(&values->arena, sizeof *config);
    *config = *self->config;
    config->ingestion.routes = loaded->ingestion.routes;
    config->processing.routes = loaded->processing.routes;
    return config;
}

// `*taken` as soon as a part holds on to it.
static enum status take_up(const struct config *config, struct ingest *ingest, struct process *process, bool *taken, struct err *err)
{
    struct publisher *publisher = NULL;
    if (ingest) TRY(publisher_new(&publisher, config, NULL, err)); // both halves must be right before one is changed
    publisher_free(publisher);
    if (process) TRY(process_reload(process, config, err));
    *taken = process;
    if (ingest) TRY(ingest_reload(ingest, config, err));
    *taken = true;
    return OK;
}

static enum status reload(struct reload *self, struct option_values *values, struct ingest *ingest, struct process *process, bool *taken,
                          struct err *err)
{
    if (self->file && !configuration_file(self->app))
        return err_set(err, FATAL, ERR_CONFIG, "the configuration %s is gone; put it back, or start again without it", self->file);
    TRY(configuration_load(self->app, values, err));
    err->status = OK;
    if (config_check(values->values, note_problem, err)) return FATAL;
    if (!compare(self, values)) return OK;
    const struct config *config = effective(self, values);
    enum status status = take_up(config, ingest, process, taken, err);
    if (*taken) self->config = config;
    return status;
}

static void keep(struct reload *self, struct option_values *values)
{
    self->generations = memory_grow(self->generations, self->generation_count + 1, sizeof *self->generations);
    self->generations[self->generation_count++] = values;
}

void reload_look(struct reload *self, bool asked, struct ingest *ingest, struct process *process)
{
    if (!due(self, asked)) return;
    struct err err;
    struct option_values *values = memory_new(1, sizeof *values);
    bool taken = false;
    enum status status = reload(self, values, ingest, process, &taken, &err);
    bool waits = status == AGAIN || status == RETRY;
    if (waits && !self->pending)
        log_err(&self->app->log, LOG_WARN, component, "the changed configuration waits; the former one is in force", &err);
    self->pending = waits;
    if (taken)
        keep(self, values);
    else
        values_free(values);
    if (waits) return;
    metric_add(status == OK ? self->applied : self->refused, 1);
    metric_set(self->in_force, status == OK);
    if (status == OK)
        log_info(&self->app->log, component, "the configuration was read again");
    else
        log_err(&self->app->log, LOG_ERROR, component, "the changed configuration is wrong; the former one stays in force", &err);
}
