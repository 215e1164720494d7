// SPDX-License-Identifier: Apache-2.0
// The option table: one row per option, from which everything about options is made.
//
// From the rows come: loading YAML, --set, the environment, checking, `fdp config keys`, the sample file, the man page and the JSON
// Schema. A new option is one new row and one new member of the struct it is stored in; nothing else.
#ifndef FDP_BASE_OPTION_H
#define FDP_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum option_type {
    OPTION_TEXT,     // const char *, never NULL
    OPTION_WORD,     // const char *, one of `words`
    OPTION_BOOL,     // bool: true, false, yes, no, on, off
    OPTION_INT,      // int64_t within min..max
    OPTION_DOUBLE,   // double within min..max
    OPTION_DURATION, // int64_t milliseconds: 250ms, 10s, 5m, 2h, 7d
    OPTION_SIZE,     // int64_t bytes: 64KiB, 10MiB, 1GiB, or a bare number
    OPTION_LIST,     // struct { uint32_t count; const char **items; }
    OPTION_MAP,      // struct { uint32_t count; struct { const char *name, *value; } *items; }
    OPTION_OBJECTS,  // struct { uint32_t count; struct ELEMENT *items; }, each described by `element`
};

enum option_flags {
    OPTION_RELOADABLE = 1, // takes effect without a restart
    OPTION_SECRET = 2,     // of a text, or of the entries of a map: never shown; may be given as NAME-file, a file that holds it
    OPTION_REQUIRED = 4,   // of an element of OPTION_OBJECTS: must be there
    OPTION_URL = 8,        // of a text: a password inside is never shown
};

struct option_table;

struct option_row {
    const char *name; // "ingestion.source"; words joined by dashes: "ingestion.idle-timeout"
    enum option_type type;
    uint16_t flags;
    size_t at;                          // offsetof in the struct it is stored in
    const char *fallback;               // the default, in the words of the file; YAML flow for lists, maps and objects
    double min, max;                    // of numbers, durations (ms) and sizes (bytes); both 0: no limit
    const char *words;                  // of OPTION_WORD: "earliest latest"; of a secret map: what names of secret entries hold (NULL: all)
    const char *unit;                   // for people: "ticks per second"
    const struct option_table *element; // of OPTION_OBJECTS
    const char *help;                   // one or two sentences, plain text
};

// What a group of options is about: "ingestion", "streaming.registry".
struct option_section {
    const char *name, *help;
};

struct option_table {
    size_t struct_bytes; // size of the struct that the rows store into
    size_t count;
    const struct option_row *rows; // those of one section stand together
    size_t section_count;
    const struct option_section *sections;
};

// The outcome of loading: the filled struct, and where each value came from ("default", "/etc/fdp/fdp.yaml:12", "FDP_STORAGE_URL",
// "--set"), one per row of the table.
struct option_values {
    struct arena arena; // owns all values
    void *values;       // struct of table->struct_bytes
    const char **origins;
};

// Every call adds to what was loaded before and is stronger than it: defaults, file, environment, command line. After a failure the
// values are good for nothing but option_values_fini.

// Makes `out` and fills every row with its default.
enum status option_load_defaults(const struct option_table *table, struct option_values *out, struct err *err) MUST_CHECK;
void option_values_fini(struct option_values *values);

// Reads a YAML document (at most BUF_MAX_CONFIG_FILE). `name` is for messages: "fdp.yaml". Unknown keys, wrong types and values out of
// range are ERR_CONFIG errors that name file and line, and the nearest key. A list in the file replaces the default list whole.
enum status option_load_yaml(const struct option_table *table, struct option_values *out, const char *text, size_t size, const char *name,
                             struct err *err) MUST_CHECK;
// `assignment` is "section.key=value"; scalars are taken as they are, lists, maps and objects are YAML flow. A list may also be given as
// A,B,C, and one entry of a map as "section.map.entry=value".
enum status option_load_set(const struct option_table *table, struct option_values *out, const char *assignment, const char *origin,
                            struct err *err) MUST_CHECK;
// All FDP_SECTION_KEY of `environment` (NULL-terminated "NAME=value" array). Calls `unknown` (may be NULL) for FDP_* that no row has.
enum status option_load_environment(const struct option_table *table, struct option_values *out, char *const *environment,
                                    void (*unknown)(void *context, const char *name, const char *nearest), void *context,
                                    struct err *err) MUST_CHECK;

// The value of a row in the words of the file (secrets as "********", a password inside a URL as "***").
void option_value_text(const struct option_row *row, const void *values, struct buf *out);

// Whether the row has the same value in both structs, secrets and passwords included.
bool option_value_same(const struct option_row *row, const void *values, const void *others);

// What is made from the table.
enum option_document {
    OPTION_SAMPLE_FILE, // YAML with comments: config/fdp.yaml
    OPTION_KEYS,        // a line per option: name, type, default, range, help
    OPTION_JSON_SCHEMA, // draft 2020-12, closed objects
    OPTION_MAN,         // mdoc section 5: a list item per option
};
void option_write(const struct option_table *table, enum option_document document, struct buf *out);

#endif
