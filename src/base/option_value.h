// SPDX-License-Identifier: Apache-2.0
// One value of an option: from the words of the file into a struct, and back. Used by option.c and option_write.c only.
#ifndef FDP_BASE_OPTION_VALUE_H
#define FDP_BASE_OPTION_VALUE_H

#include "base/option.h"
#include "base/text.h"

// The common shape of what OPTION_LIST, OPTION_MAP and OPTION_OBJECTS are stored in.
struct option_array {
    uint32_t count;
    void *items;
};

struct option_pair {
    const char *name, *value;
};

bool option_type_is_scalar(enum option_type type);
// "text", "word", "true or false", "integer", ...
const char *option_type_name(enum option_type type);

// Reads `text` (a NUL follows it) into the scalar at `at`; text is copied into `arena`. False when the row does not take it.
bool option_scalar_parse(const struct option_row *row, struct slice text, void *at, struct arena *arena);

// What the row takes, in words that follow "must be": "a whole number from 1 to 100".
void option_expects(const struct option_row *row, struct buf *out);

// A number of the row's type as people write it: 20s, 64KiB, 0.5.
void option_number_write(enum option_type type, double number, struct buf *out);

// The value at `at` in the words of the file, on one line; secrets as "********" unless `reveal`.
void option_value_write(const struct option_row *row, const void *at, bool reveal, struct buf *out);

// Whether the entry `name` of an OPTION_MAP is shown masked.
bool option_pair_is_secret(const struct option_row *row, const char *name);

#endif
