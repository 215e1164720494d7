// SPDX-License-Identifier: Apache-2.0
// The command line: which command, with which words and flags; and its help.
#ifndef FDP_CLI_ARGS_H
#define FDP_CLI_ARGS_H

#include <stdio.h>

#include "cli/command.h"

// Fills the command, words and flags of `app`. False after having said on stderr what is wrong.
bool args_parse(struct app *app, int argc, char **argv);

// The list of commands, or all about one (or about a group such as "topics"). False when there is none of that name.
bool args_help(FILE *out, const char *name);

#endif
