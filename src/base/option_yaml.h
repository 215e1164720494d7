// SPDX-License-Identifier: Apache-2.0
// YAML from outside as a small tree: scalars, lists and maps, with the line each began on.
//
// What a configuration never needs is refused, so that a hostile document cannot cost more than its own size: anchors and aliases,
// tags, several documents, keys that are not plain text, a key twice, and whatever passes the limits below.
#ifndef FDP_BASE_OPTION_YAML_H
#define FDP_BASE_OPTION_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

enum {
    YAML_MAX_DEPTH = 16,    // lists and maps inside each other
    YAML_MAX_NODES = 65536, // values and keys of a document
    YAML_MAX_KEYS = 1000,   // of one map
};

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool plain;         // a scalar without quotes: may mean null
    uint32_t line;      // from 1
    uint32_t count;     // items of a list, entries of a map
    struct slice text;  // of a scalar; UTF-8 without NUL inside, a NUL follows it
    struct node *first; // of a list: its items; of a map: key, value, key, value ...
    struct node *next;  // in the list or map that it is in
};

// Parses `text`. `name` is for messages: "fdp.yaml". `*root` is NULL when there is nothing in it (comments only); it and all below it
// live in `arena`, with copies of all text.
enum status option_yaml_parse(struct arena *arena, struct slice text, const char *name, struct node **root, struct err *err) MUST_CHECK;

// True for a scalar that means "nothing": empty, ~ or null, without quotes.
bool option_yaml_null(const struct node *node);

enum { OPTION_SHOWN_BYTES = 80 };
// UTF-8 text from outside in quotes for a message: cut when it is long, control characters as question marks.
const char *option_yaml_shown(struct slice text, char out[OPTION_SHOWN_BYTES]);

// Appends `text` as a YAML scalar: as it is when every YAML reader takes it for just that text, else in double quotes.
void option_yaml_write(struct slice text, struct buf *out);

#endif
