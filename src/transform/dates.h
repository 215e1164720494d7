// SPDX-License-Identifier: Apache-2.0
// SQLite's date functions without the present and without the machine's time zone.
#ifndef FDP_TRANSFORM_DATES_H
#define FDP_TRANSFORM_DATES_H

#include <stdbool.h>

#include "transform/functions.h"

// In place of SQLite's on `db`. Returns SQLite's result code.
int dates_register(struct functions *functions, sqlite3 *db);
void dates_fini(struct functions *functions);

// True for the name of a date function.
bool dates_is_function(const char *name);
// True for a word whose meaning, in a date function, depends on when or where the program runs: 'now', 'localtime'.
bool dates_is_refused(const char *word);

#endif
