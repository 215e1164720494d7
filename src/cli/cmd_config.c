// SPDX-License-Identifier: Apache-2.0
// Commands about the configuration and the program itself.
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/tool.h"

static int print_document(enum option_document document)
{
    struct buf out;
    buf_init(&out, BUF_MAX_CONFIG_FILE);
    option_write(&config_options, document, &out);
    fwrite(out.data, 1, out.size, stdout);
    buf_fini(&out);
    return EXIT_DONE;
}

int cmd_config_show(struct app *app)
{
    static const char *const names[] = {"option", "value", "origin"};
    struct output *output = output_new(stdout, tool_format(app), 3, names);
    struct buf value;
    buf_init(&value, BUF_MAX_CONFIG_FILE);
    for (size_t i = 0; i < config_options.count; i++) {
        buf_reset(&value);
        option_value_text(&config_options.rows[i], app->values.values, &value);
        struct sink_cell cells[] = {
            output_text(config_options.rows[i].name), {.type = SINK_TEXT, .text = buf_slice(&value)}, output_text(app->values.origins[i])};
        output_row(output, cells);
    }
    output_end(output, NULL);
    buf_fini(&value);
    return EXIT_DONE;
}

int cmd_config_keys(struct app *app)
{
    (void)app;
    return print_document(OPTION_KEYS);
}

int cmd_config_schema(struct app *app)
{
    (void)app;
    return print_document(OPTION_JSON_SCHEMA);
}

int cmd_config_sample(struct app *app)
{
    (void)app;
    return print_document(OPTION_SAMPLE_FILE);
}

int cmd_version(struct app *app)
{
    printf(app->common.json ? "{\"version\":\"%s\"}\n" : "fdp %s\n", FDP_VERSION);
    return EXIT_DONE;
}

int cmd_help(struct app *app)
{
    char name[128];
    if (!app->word_count) return args_help(stdout, NULL) ? EXIT_DONE : ERR_USAGE;
    snprintf(name, sizeof name, "%s%s%s", app->words[0], app->word_count > 1 ? " " : "", app->word_count > 1 ? app->words[1] : "");
    if (args_help(stdout, name)) return EXIT_DONE;
    return app_usage(app, "there is no command \"%s\"; fdp help lists them all", name);
}
