// SPDX-License-Identifier: Apache-2.0
// What the parts of the command check share: findings, said one by one.
#ifndef FDP_CLI_CHECK_H
#define FDP_CLI_CHECK_H

#include "cli/command.h"
#include "cli/output.h"
#include "cli/tool.h"

struct check {
    struct app *app;
    struct output *output; // NULL: lines for people
    uint32_t problems;
};

void check_fine(struct check *check, const char *text);
// A problem with an option; where its value came from is added. The shape of config_problem_fn.
void check_problem(void *check, const char *option, const char *text);
// The one or the other.
void check_result(struct check *check, enum status status, const char *option, const char *fine, const struct err *err);

// The registry: whether it answers, has what ingestion writes with, and nothing that processing cannot read.
void check_registry(struct check *check);

#endif
