// SPDX-License-Identifier: Apache-2.0
// The configuration in its layers: defaults, file, environment, command line, each stronger than the one before.
#ifndef FDP_CLI_CONFIGURATION_H
#define FDP_CLI_CONFIGURATION_H

#include "cli/command.h"

// The file of this run: of -c, of FDP_CONFIG, or /etc/fdp/fdp.yaml where it exists; NULL: none.
const char *configuration_file(const struct app *app);

// Loads all layers. A file with comments only is all defaults; one with nothing but white space is wrong, for it was rather emptied by
// mistake. ERR_CONFIG names what is wrong and where; then the values are good for nothing but option_values_fini.
enum status configuration_load(const struct app *app, struct option_values *values, struct err *err) MUST_CHECK;

#endif
