// SPDX-License-Identifier: Apache-2.0
// What each command runs: returns the exit code. One cmd_*.c per subject.
#ifndef FDP_CLI_COMMANDS_H
#define FDP_CLI_COMMANDS_H

#include "cli/command.h"

int cmd_up(struct app *app);
int cmd_ingest(struct app *app);
int cmd_process(struct app *app);
int cmd_registry(struct app *app);
int cmd_simulate(struct app *app);
int cmd_console(struct app *app);
int cmd_topics_list(struct app *app);
int cmd_topics_describe(struct app *app);
int cmd_topics_tail(struct app *app);
int cmd_topics_create(struct app *app);
int cmd_topics_delete(struct app *app);
int cmd_topics_produce(struct app *app);
int cmd_groups_list(struct app *app);
int cmd_groups_describe(struct app *app);
int cmd_groups_reset(struct app *app);
int cmd_schemas_list(struct app *app);
int cmd_schemas_show(struct app *app);
int cmd_schemas_load(struct app *app);
int cmd_quarantine_list(struct app *app);
int cmd_quarantine_show(struct app *app);
int cmd_quarantine_redrive(struct app *app);
int cmd_quarantine_drop(struct app *app);
int cmd_reconcile(struct app *app);
int cmd_sql(struct app *app);
int cmd_check(struct app *app);
int cmd_preview(struct app *app);
int cmd_replay(struct app *app);
int cmd_feed_decode(struct app *app);
int cmd_bench(struct app *app);
int cmd_config_show(struct app *app);
int cmd_config_keys(struct app *app);
int cmd_config_schema(struct app *app);
int cmd_config_sample(struct app *app);
int cmd_version(struct app *app);
int cmd_help(struct app *app);

#endif
