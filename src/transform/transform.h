// SPDX-License-Identifier: Apache-2.0
// SQL over a batch: routes, each a SELECT over the rows of one batch, run by SQLite without a copy.
//
// Routes are tried in order and the first that takes a row wins: one input, one outcome. A SELECT is row-wise: one output row has
// exactly one input row, so the provenance of an output row is that of its input. When an expression fails on a row, that row alone is
// rejected. Columns go into the output by name, converted by the rules of the contract ("Data"): number to text, text to number, text to
// timestamp. Only deterministic functions; no clock, no random, no files.
//
// Owner: one thread at a time.
#ifndef FDP_TRANSFORM_TRANSFORM_H
#define FDP_TRANSFORM_TRANSFORM_H

#include "base/err.h"
#include "model/batch.h"

struct transform;

struct transform_route {
    const char *name;              // for messages: "processing.routes[0]"
    const char *select;            // SELECT ... FROM <input->name> [WHERE ...]
    const struct row_type *output; // what its columns go into
};

// Compiles all routes. The types must outlive the transform; the texts of the routes need not. Errors are FATAL / ERR_CONFIG: they name
// the route, quote what is wrong and say what is allowed (unknown column: the nearest; ORDER BY and so on: why not; a required output
// column that the SELECT does not give).
enum status transform_new(const struct row_type *input, const struct transform_route *routes, uint32_t route_count, struct transform **out,
                          struct err *err) MUST_CHECK;
void transform_free(struct transform *transform);

// The columns of a route that its SELECT only names, one by one: `number` counts from 0. False behind the last of them.
bool transform_named(const struct transform *transform, uint32_t route, uint32_t number, uint32_t *from, uint32_t *to);

// True when the SELECT of a route gives that column of its output.
bool transform_gives(const struct transform *transform, uint32_t route, uint32_t column);

enum outcome {
    OUTCOME_NONE,   // no route took the row
    OUTCOME_TAKEN,  // it is in the output of a route
    OUTCOME_REJECT, // an expression failed, or a value does not fit its column
};

// What happened to one input row.
struct transform_outcome {
    enum outcome outcome;
    uint32_t route;     // that took or rejected it
    const char *reason; // of a reject; lives as long as the input batch
};

// Runs the routes over `input`. `outputs[i]` (of routes[i].output's type; several routes may share one batch) gets route i's rows
// appended; it must have room for input->rows more. Its texts point into the input batch or its own arena: keep the input as long as the
// outputs. `outcomes` has input->rows entries. Fails only with RETRY or FATAL (out of memory, a bug); bad rows are outcomes. After a
// failure the outputs may hold rows of the routes before it.
enum status transform_run(struct transform *transform, struct batch *input, struct batch *const *outputs,
                          struct transform_outcome *outcomes, struct err *err) MUST_CHECK;

#endif
