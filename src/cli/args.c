// SPDX-License-Identifier: Apache-2.0
// Parsing of the command line from the table of commands.
#include "cli/args.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

static const struct flag common_flags[] = {
    {"config", "FILE", "configuration file; also -c. Default: $FDP_CONFIG, else /etc/fdp/fdp.yaml, else the built-in one"},
    {"data", "DIR", "folder of the embedded log and store (default ./fdp-data)"},
    {"set", "KEY=VALUE", "set one option, such as simulator.rate=1000; may be repeated"},
    {"log-level", "LEVEL", "debug, info, warn or error"},
    {"log-format", "FORMAT", "text or json"},
    {"json", NULL, "print JSON rather than a table"},
    {"help", NULL, "this text; also -h"},
};
enum { COMMON_FLAGS = sizeof common_flags / sizeof *common_flags };

// --- Saying what is wrong ---

enum { SAID_BYTES = 8 * ERR_TEXT_BYTES };

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args)
{
    char text[SAID_BYTES], shown[4 * SAID_BYTES];
    vsnprintf(text, sizeof text, format, args);
    fputs(text_shown(text, shown, sizeof shown), stderr);
}

void app_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

// --- Finding the command ---

// True when the words begin with those of the name; `used` says how many it has.
static bool name_matches(const char *name, char **words, int word_count, int *used)
{
    *used = 0;
    while (*name) {
        size_t length = strcspn(name, " ");
        if (*used == word_count || strlen(words[*used]) != length || strncmp(words[*used], name, length)) return false;
        ++*used;
        name += length;
        name += strspn(name, " ");
    }
    return true;
}

static bool is_group(const char *word)
{
    size_t length = strlen(word);
    for (int i = 0; i < command_count; i++)
        if (!strncmp(commands[i].name, word, length) && commands[i].name[length] == ' ') return true;
    return false;
}

static void say_unknown(char **words, int word_count)
{
    char name[128];
    bool group = is_group(words[0]);
    if (group && word_count == 1) {
        fprintf(stderr, "fdp: %s what?\n\n", words[0]);
        args_help(stderr, words[0]);
        return;
    }
    snprintf(name, sizeof name, "%s%s%s", words[0], group ? " " : "", group ? words[1] : "");
    const char *names[64];
    int count = 0;
    for (; count < command_count && count < 64; count++) names[count] = commands[count].name;
    const char *nearest = text_nearest(name, names, (size_t)count);
    app_say("fdp: there is no command \"%s\"", name);
    if (nearest) fprintf(stderr, "; did you mean \"%s\"?", nearest);
    fprintf(stderr, "\nfdp help lists them all.\n");
}

static const struct command *find_command(char **words, int word_count, int *used)
{
    for (int i = 0; i < command_count; i++)
        if (name_matches(commands[i].name, words, word_count, used)) return &commands[i];
    return NULL;
}

// --- Flags ---

// An argument taken apart: --name, --name=value, -c value.
struct given {
    const char *name;
    size_t name_length;
    const char *value; // after '=', or NULL
};

static struct given take_apart(const char *argument)
{
    if (!strcmp(argument, "-c")) return (struct given){"config", 6, NULL};
    if (!strcmp(argument, "-h")) return (struct given){"help", 4, NULL};
    if (!strcmp(argument, "-n")) return (struct given){"n", 1, NULL};
    const char *name = argument + 2, *equals = strchr(name, '=');
    return (struct given){name, equals ? (size_t)(equals - name) : strlen(name), equals ? equals + 1 : NULL};
}

static bool add_set(struct app *app, const char *key, const char *value)
{
    if (app->common.set_count == COMMAND_MAX_SETS) {
        fprintf(stderr, "fdp: --set is given more than %d times; write a configuration file\n", COMMAND_MAX_SETS);
        return false;
    }
    app->common.sets[app->common.set_count++] = arena_printf(&app->arena, "%s%s%s", key, *key ? "=" : "", value);
    return true;
}

static bool set_common(struct app *app, int index, const char *value)
{
    switch (index) {
    case 0: app->common.config_file = value; return true;
    case 1: return add_set(app, "data", value);
    case 2: return add_set(app, "", value);
    case 3: return add_set(app, "log.level", value);
    case 4: return add_set(app, "log.format", value);
    case 5: app->common.json = true; return true;
    default: app->common.help = true; return true;
    }
}

static int find_flag(const struct flag *flags, int count, const struct given *given)
{
    for (int i = 0; i < count && flags[i].name; i++)
        if (strlen(flags[i].name) == given->name_length && !strncmp(flags[i].name, given->name, given->name_length)) return i;
    return -1;
}

static void say_unknown_flag(const struct app *app, const char *argument, const struct given *given)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)given->name_length, given->name);
    const char *names[COMMON_FLAGS + COMMAND_MAX_FLAGS];
    size_t count = 0;
    for (int i = 0; i < COMMON_FLAGS; i++) names[count++] = common_flags[i].name;
    for (int i = 0; i < COMMAND_MAX_FLAGS && app->command->flags[i].name; i++) names[count++] = app->command->flags[i].name;
    const char *nearest = text_nearest(name, names, count);
    app_say("fdp %s: there is no option %s", app->command->name, argument);
    if (nearest) fprintf(stderr, "; did you mean --%s?", nearest);
    fprintf(stderr, "\nfdp help %s lists them.\n", app->command->name);
}

// Takes argv[*at] and, when the flag wants one, the value behind it.
static bool take_flag(struct app *app, int argc, char **argv, int *at)
{
    const char *argument = argv[*at];
    struct given given = take_apart(argument);
    int common = find_flag(common_flags, COMMON_FLAGS, &given);
    int own = common < 0 ? find_flag(app->command->flags, COMMAND_MAX_FLAGS, &given) : -1;
    if (common < 0 && own < 0) {
        say_unknown_flag(app, argument, &given);
        return false;
    }
    const struct flag *flag = common >= 0 ? &common_flags[common] : &app->command->flags[own];
    // What begins with two dashes is the next flag, not a value that was forgotten.
    if (flag->value && !given.value && *at + 1 < argc && strncmp(argv[*at + 1], "--", 2)) given.value = argv[++*at];
    if (flag->value && !given.value) {
        fprintf(stderr, "fdp %s: --%s wants a value: --%s %s\n", app->command->name, flag->name, flag->name, flag->value);
        return false;
    }
    if (!flag->value && given.value) {
        fprintf(stderr, "fdp %s: --%s takes no value\n", app->command->name, flag->name);
        return false;
    }
    if (common >= 0) return set_common(app, common, given.value);
    app->flag_values[own] = given.value ? given.value : "";
    return true;
}

// --- Parsing ---

static bool check_words(const struct app *app)
{
    const struct command *command = app->command;
    if (app->common.help || (app->word_count >= command->min_words && app->word_count <= command->max_words)) return true;
    fprintf(stderr, "fdp %s: %s\nUsage: fdp %s%s%s\n", command->name,
            app->word_count < command->min_words ? "something is missing" : "too many words", command->name, *command->words ? " " : "",
            command->words);
    return false;
}

// Words are arguments that are neither flags nor their values; a flag may stand before the command only when it is a common one.
static bool looks_like_flag(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0';
}

bool args_parse(struct app *app, int argc, char **argv)
{
    int first = 1;
    if (argc <= 1 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        static char help[] = "help";
        app->command = find_command(&(char *){help}, 1, &first);
        return true;
    }
    if (!strcmp(argv[1], "--version")) argv[1] += 2;
    int used, word_count = 0;
    while (first + word_count < argc && !looks_like_flag(argv[first + word_count])) word_count++;
    if (!word_count) {
        fprintf(stderr, "fdp: the command comes first: fdp COMMAND [OPTION ...]\nfdp help lists the commands.\n");
        return false;
    }
    app->command = find_command(argv + first, word_count, &used);
    if (!app->command) {
        say_unknown(argv + first, word_count);
        return false;
    }
    bool only_words = false;
    for (int i = first + used; i < argc; i++) {
        if (!only_words && !strcmp(argv[i], "--")) {
            only_words = true;
        } else if (!only_words && looks_like_flag(argv[i])) {
            if (!take_flag(app, argc, argv, &i)) return false;
        } else if (app->word_count == COMMAND_MAX_WORDS) {
            app->word_count++;
            break;
        } else {
            app->words[app->word_count++] = argv[i];
        }
    }
    return check_words(app);
}

// --- Help ---

static void print_flags(FILE *out, const struct flag *flags, int count)
{
    for (int i = 0; i < count && flags[i].name; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s%s", strlen(flags[i].name) == 1 ? "-" : "--", flags[i].name, flags[i].value ? " " : "",
                 flags[i].value ? flags[i].value : "");
        fprintf(out, "  %-22s %s\n", left, flags[i].help);
    }
}

static void print_command(FILE *out, const struct command *command)
{
    fprintf(out, "Usage: fdp %s%s%s [OPTION ...]\n\n%s.\n", command->name, *command->words ? " " : "", command->words, command->summary);
    if (command->help) fprintf(out, "\n%s\n", command->help);
    if (command->flags[0].name) fputs("\nOptions:\n", out);
    print_flags(out, command->flags, COMMAND_MAX_FLAGS);
    fputs("\nCommon options:\n", out);
    print_flags(out, common_flags, COMMON_FLAGS);
}

static void print_line(FILE *out, const struct command *command)
{
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", command->name, *command->words ? " " : "", command->words);
    fprintf(out, "  %-30s %s\n", left, command->summary);
}

bool args_help(FILE *out, const char *name)
{
    if (!name) {
        fputs("fdp takes live quotes to a stream as Avro and stores each of them in a database exactly once.\n\nCommands:\n", out);
        for (int i = 0; i < command_count; i++) print_line(out, &commands[i]);
        fputs("\nCommon options:\n", out);
        print_flags(out, common_flags, COMMON_FLAGS);
        fputs(
            "\nfdp help COMMAND tells more of one. Exit codes: 0 done, 1 the check found problems, 2 usage, 3 configuration, 4 feed, 5 stream,\n"
            "6 storage, 7 registry, 70 internal, 74 the output could not be written.\n",
            out);
        return true;
    }
    bool found = false;
    size_t length = strlen(name);
    for (int i = 0; i < command_count; i++) {
        if (!strcmp(commands[i].name, name)) {
            print_command(out, &commands[i]);
            return true;
        }
        if (strncmp(commands[i].name, name, length) || commands[i].name[length] != ' ') continue;
        if (!found) fprintf(out, "Commands of fdp %s:\n", name);
        print_line(out, &commands[i]);
        found = true;
    }
    return found;
}

// --- What commands ask ---

const char *app_flag(const struct app *app, const char *name)
{
    struct given given = {name, strlen(name), NULL};
    int index = find_flag(app->command->flags, COMMAND_MAX_FLAGS, &given);
    return index < 0 ? NULL : app->flag_values[index];
}

bool app_flag_number(const struct app *app, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *value)
{
    const char *text = app_flag(app, name);
    *value = fallback;
    if (!text || (text_to_int64(slice_of(text), value) && *value >= min && *value <= max)) return true;
    app_usage(app, "%s%s wants a whole number from %lld to %lld, not \"%s\"", strlen(name) == 1 ? "-" : "--", name, (long long)min,
              (long long)max, text);
    return false;
}

int app_fail(const struct app *app, const struct err *err)
{
    app_say("fdp %s: %s\n", app->command->name, err->text);
    return err->code ? (int)err->code : ERR_INTERNAL;
}

int app_usage(const struct app *app, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "fdp %s: ", app->command->name);
    say(format, args);
    fputc('\n', stderr);
    va_end(args);
    return ERR_USAGE;
}
