// SPDX-License-Identifier: Apache-2.0
// A command of the program: what it is called, what it takes, what it does.
#ifndef FDP_CLI_COMMAND_H
#define FDP_CLI_COMMAND_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/option.h"
#include "model/config.h"

// Exit codes beside those of enum err_code.
enum { EXIT_DONE = 0, EXIT_PROBLEMS = 1, EXIT_OUTPUT = 74 };

struct flag {
    const char *name;  // without the dashes
    const char *value; // what it takes, for people: "DURATION"; NULL: nothing
    const char *help;
};

enum { COMMAND_MAX_FLAGS = 12, COMMAND_MAX_WORDS = 8, COMMAND_MAX_SETS = 64 };

struct app;

struct command {
    const char *name;  // "topics tail"
    const char *words; // what follows it: "TOPIC", or ""
    int min_words, max_words;
    const char *summary;                  // one line for the list of commands
    const char *help;                     // more, may be NULL
    struct flag flags[COMMAND_MAX_FLAGS]; // ended by one without a name
    int (*run)(struct app *app);          // the exit code
};

// One run of the program. Made by main; handed to the command.
struct app {
    struct arena arena; // as long as the run
    const struct command *command;
    const char *words[COMMAND_MAX_WORDS];
    int word_count;
    const char *flag_values[COMMAND_MAX_FLAGS]; // by index in command->flags; "" for one that takes nothing
    struct {
        const char *config_file;
        const char *sets[COMMAND_MAX_SETS]; // "section.key=value", from --set and its short forms
        int set_count;
        bool json, help;
    } common;
    struct option_values values;
    const struct config *config;
    struct log log;
    struct metric_registry *metrics;
};

// The value of a flag of the command, "" when it takes none, NULL when it was not given.
const char *app_flag(const struct app *app, const char *name);
// The same as a whole number within min..max, `fallback` when it was not given; false (said on stderr) when it is none.
bool app_flag_number(const struct app *app, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *value);

// Says something on stderr, as text_shown would have it: files and arguments may hold what moves a terminal.
void app_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Says the error on stderr; returns its exit code.
int app_fail(const struct app *app, const struct err *err);
int app_usage(const struct app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern const struct command commands[];
extern const int command_count;

#endif
