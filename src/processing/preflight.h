// SPDX-License-Identifier: Apache-2.0
// Whether the routes of processing fit the schemas and the tables, before anything runs; and what to do where they do not.
#ifndef FDP_PROCESSING_PREFLIGHT_H
#define FDP_PROCESSING_PREFLIGHT_H

#include "model/config.h"
#include "storage/sink.h"
#include "transform/transform.h"

// Called for every route that cannot work, with a text for people.
typedef void preflight_fn(void *context, uint32_t route, const char *problem);
// Tries each route of processing.routes by itself against the reader schema of its topic and the columns of its table; returns how many
// cannot work.
uint32_t preflight_routes(const struct config *config, struct sink *sink, preflight_fn *problem, void *context);
// The same for the routes that lead to one table; stops at the first that cannot work. FATAL or REJECT: that one; else the store does not
// answer.
enum status preflight_table(const struct config *config, const char *table, struct sink *sink, struct err *err) MUST_CHECK;

// A column that a route only names and the table has by that name must be of the same type there if the store holds to types: what is
// not is FATAL, with the statement that puts it right. `route` has the number `number` in the transform.
enum status preflight_types(const struct row_type *input, const struct transform *transform, uint32_t number,
                            const struct transform_route *route, const struct sink *sink, struct err *err) MUST_CHECK;

// A route that cannot be compiled, with the reason in `err`: where it is that the table lacks columns which the input has, `err` names them
// and the statements that add them. `route->output` is the table's type. Returns err->status.
enum status preflight_explain(const struct row_type *input, const struct transform_route *route, const struct sink *sink, struct err *err);

#endif
