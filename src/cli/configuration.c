// SPDX-License-Identifier: Apache-2.0
// Loading the layers of the configuration.
#include "cli/configuration.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static const char default_file[] = "/etc/fdp/fdp.yaml", file_variable[] = "FDP_CONFIG";
extern char **environ;

static void warn_unknown(void *context, const char *name, const char *nearest)
{
    if (!strcmp(name, file_variable)) return;
    // Kubernetes puts variables of its own into every pod: worth a word, not an error.
    log_warn((const struct log *)context, "config", "an environment variable that no option has", "variable", name, "nearest", nearest);
}

static enum status load_file(struct option_values *values, const char *path, struct err *err)
{
    struct buf text;
    buf_init(&text, BUF_MAX_CONFIG_FILE);
    const char *why = file_read(path, &text);
    enum status status = OK;
    if (why)
        status = err_set(err, FATAL, ERR_CONFIG, "cannot read the configuration %s: %s", path, why);
    else if (text.full)
        status = err_set(err, FATAL, ERR_CONFIG, "the configuration %s is longer than %d bytes", path, BUF_MAX_CONFIG_FILE);
    else if (text_is_blank(buf_slice(&text)))
        status =
            err_set(err, FATAL, ERR_CONFIG,
                    "the configuration %s is empty; write options into it, or start again without it to use the built-in defaults", path);
    if (status == OK) status = option_load_yaml(&config_options, values, text.data, text.size, path, err);
    buf_fini(&text);
    return status;
}

const char *configuration_file(const struct app *app)
{
    const char *named = app->common.config_file ? app->common.config_file : getenv(file_variable);
    if (named && *named) return named;
    return access(default_file, F_OK) ? NULL : default_file;
}

enum status configuration_load(const struct app *app, struct option_values *values, struct err *err)
{
    const char *file = configuration_file(app);
    struct log log = app->log;
    TRY(option_load_defaults(&config_options, values, err));
    if (file) TRY(load_file(values, file, err));
    TRY(option_load_environment(&config_options, values, environ, warn_unknown, &log, err));
    for (int i = 0; i < app->common.set_count; i++) TRY(option_load_set(&config_options, values, app->common.sets[i], "command line", err));
    return OK;
}
