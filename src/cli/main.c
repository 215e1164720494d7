// SPDX-License-Identifier: Apache-2.0
// The program: parses the command line, loads the configuration, runs the command.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/command.h"

static const char default_file[] = "/etc/fdp/fdp.yaml";
extern char **environ;

static void warn_unknown(void *context, const char *name, const char *nearest)
{
    // Kubernetes puts variables of its own into every pod: worth a word, not an error.
    log_warn((const struct log *)context, "config", "an environment variable that no option has", "variable", name, "nearest", nearest);
}

static enum status load_file(struct app *app, const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set(err, FATAL, ERR_CONFIG, "cannot read the configuration %s: %s", path, strerror(errno));
    struct buf text;
    buf_init(&text, BUF_MAX_CONFIG_FILE);
    char chunk[8192];
    ssize_t got = 0;
    while (!text.full && (got = read(fd, chunk, sizeof chunk)) > 0) buf_append(&text, chunk, (size_t)got);
    enum status status = OK;
    if (got < 0)
        status = err_set(err, FATAL, ERR_CONFIG, "cannot read the configuration %s: %s", path, strerror(errno));
    else if (text.full)
        status = err_set(err, FATAL, ERR_CONFIG, "the configuration %s is longer than %d bytes", path, BUF_MAX_CONFIG_FILE);
    close(fd);
    if (status == OK) status = option_load_yaml(&config_options, &app->values, text.data ? text.data : "", text.size, path, err);
    buf_fini(&text);
    return status;
}

// Defaults, file, environment, command line: each stronger than the one before.
static enum status load_config(struct app *app, struct err *err)
{
    TRY(option_load_defaults(&config_options, &app->values, err));
    const char *file = app->common.config_file;
    if (!file && !access(default_file, F_OK)) file = default_file;
    if (file) TRY(load_file(app, file, err));
    TRY(option_load_environment(&config_options, &app->values, environ, warn_unknown, &app->log, err));
    for (int i = 0; i < app->common.set_count; i++)
        TRY(option_load_set(&config_options, &app->values, app->common.sets[i], "command line", err));
    app->config = app->values.values;
    return OK;
}

static void set_up_log(struct app *app)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(app->config->log.level, levels[i])) app->log.level = (enum log_level)i;
    app->log.format = strcmp(app->config->log.format, "json") ? LOG_TEXT : LOG_JSON;
}

static void say_problem(void *context, const char *option, const char *text)
{
    const struct app *app = context;
    const char *origin = "";
    for (size_t i = 0; i < config_options.count; i++)
        if (!strcmp(config_options.rows[i].name, option)) origin = app->values.origins[i];
    fprintf(stderr, "fdp: %s%s%s%s: %s\n", option, *origin ? " (from " : "", origin, *origin ? ")" : "", text);
}

static int run(struct app *app)
{
    struct err err;
    if (app->common.help) return args_help(stdout, app->command->name) ? EXIT_DONE : ERR_USAGE;
    if (load_config(app, &err) != OK) return app_fail(app, &err);
    set_up_log(app);
    if (config_check(app->config, say_problem, app) && strcmp(app->command->name, "check") != 0) return ERR_CONFIG;
    return app->command->run(app);
}

int main(int argc, char **argv)
{
    bool terminal = isatty(STDERR_FILENO);
    struct app app = {.log = {.level = LOG_INFO, .fd = STDERR_FILENO, .terminal = terminal, .color = terminal && !getenv("NO_COLOR")}};
    arena_init(&app.arena, 1024);
    if (!args_parse(&app, argc, argv)) {
        arena_fini(&app.arena);
        return ERR_USAGE;
    }
    signal(SIGPIPE, SIG_IGN); // a reader that went away is an error of write(2), not the end of the program
    app.metrics = metric_registry_new();
    int code = run(&app);
    if (fflush(stdout) != 0 && code == EXIT_DONE && errno != EPIPE) code = ERR_INTERNAL;
    if (app.values.values) option_values_fini(&app.values);
    metric_registry_free(app.metrics);
    arena_fini(&app.arena);
    return code;
}
