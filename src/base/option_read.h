// SPDX-License-Identifier: Apache-2.0
// Reading a tree of YAML values into the struct that an option table describes. Used by option.c only.
#ifndef FDP_BASE_OPTION_READ_H
#define FDP_BASE_OPTION_READ_H

#include "base/option.h"
#include "base/option_value.h"
#include "base/option_yaml.h"

// One loading: what its messages are about, and where its memory comes from.
struct option_loader {
    const char *source;    // "fdp.yaml", "FDP_STORAGE_URL", "--set"
    bool flat;             // not a file: the value is one text, without lines of its own
    struct arena *arena;   // of the values
    struct arena *scratch; // of this loading
    struct err *err;
};

// The struct that one map is read into.
struct option_target {
    const struct option_table *table;
    char *values;
    const char **origins; // one per row; NULL in an element of a list
    bool *given;          // per row: set by this loading
    const char *shown;    // in front of names in messages: "streaming.topics[2]."
};

// FATAL / ERR_CONFIG: "source:line: text", without the line in a flat loading.
#define option_fail(loader, line, ...) option_fail_at((loader), (line), ERR_ORIGIN, __VA_ARGS__)
enum status option_fail_at(struct option_loader *loader, uint32_t line, const char *origin, const char *format, ...) PRINTF_LIKE(4, 5);

// All entries of a map whose keys, behind `prefix` ("" or "ingestion."), are rows and sections of the target's table.
enum status option_read_map(struct option_loader *loader, struct option_target *target, const struct node *map,
                            const char *prefix) MUST_CHECK;
// One row from one text. With `file` the text is the path of the file that holds the secret.
enum status option_read_row(struct option_loader *loader, struct option_target *target, size_t row, bool file,
                            struct slice text) MUST_CHECK;
// One entry of an OPTION_MAP from one text: replaces it or adds it.
enum status option_read_entry(struct option_loader *loader, struct option_target *target, size_t row, const char *entry,
                              struct slice text) MUST_CHECK;
enum status option_read_defaults(struct option_loader *loader, const struct option_table *table, char *values) MUST_CHECK;

// The row of that name, or the secret row of which it is the -file variant (then `*file`); table->count when there is none.
size_t option_find(const struct option_table *table, const char *name, bool *file);
// True when rows begin with `name` and a dot.
bool option_is_section(const struct option_table *table, const char *name);
// Says that `key`, found behind `prefix`, is unknown, and what was probably meant.
enum status option_fail_unknown(struct option_loader *loader, const struct option_target *target, const char *prefix, struct slice key,
                                uint32_t line);

#endif
