// SPDX-License-Identifier: Apache-2.0
// The program: parses the command line, loads the configuration, runs the command.
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/command.h"
#include "cli/configuration.h"

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
    app_say("fdp: %s%s%s%s: %s\n", option, *origin ? " (from " : "", origin, *origin ? ")" : "", text);
}

static int run(struct app *app)
{
    struct err err;
    if (app->common.help) return args_help(stdout, app->command->name) ? EXIT_DONE : ERR_USAGE;
    if (configuration_load(app, &app->values, &err) != OK) return app_fail(app, &err);
    app->config = app->values.values;
    set_up_log(app);
    if (config_check(app->config, say_problem, app) && strcmp(app->command->name, "check") != 0) return ERR_CONFIG;
    return app->command->run(app);
}

// The exit code when not all that was printed has arrived. A reader that went away, such as head, has seen what it wanted.
static int finish_output(int code)
{
    errno = 0;
    bool failed = ferror(stdout) != 0;
    // What comes behind a failure fails in the same way, which tells its reason once more.
    if (failed) putchar('\n');
    failed |= fflush(stdout) != 0;
    if (!failed || errno == EPIPE) return code;
    fprintf(stderr, "fdp: cannot write to standard output: %s\n", errno ? strerror(errno) : "some of it is missing");
    return code ? code : EXIT_OUTPUT;
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
    int code = finish_output(run(&app));
    if (app.values.values) option_values_fini(&app.values);
    metric_registry_free(app.metrics);
    arena_fini(&app.arena);
    return code;
}
