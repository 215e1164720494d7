// SPDX-License-Identifier: Apache-2.0
// A route, compiled: which rows it takes, and where each column of its output comes from.
//
// SQLite decides which rows to take and computes what must be computed. Columns that the SELECT only names never pass through it:
// they are copied from column to column for all taken rows at once.
#ifndef FDP_TRANSFORM_PLAN_H
#define FDP_TRANSFORM_PLAN_H

#include "base/arena.h"
#include "transform/check.h"
#include "transform/transform.h"

// A column of the batch that goes as it is into a column of the output of the same type.
struct plan_copy {
    uint32_t from, to;
};

// A value that is made for each row: from a column of the statement, or by conversion from a column of the batch.
struct plan_made {
    bool computed;
    uint32_t from, to;
};

struct plan {
    const char *name;
    const struct row_type *output;
    sqlite3_stmt *statement; // gives a row for each row to take, with the computed columns; NULL: all rows are taken, none is computed
    uint32_t copy_count, required_count, made_count, absent_count;
    struct plan_copy *copies;
    struct plan_copy *required; // those of `copies` that may not be null
    struct plan_made *made;
    uint32_t *absent; // columns of the output that the SELECT does not give: null
};

// Arrays and texts go into `arena`. FATAL / ERR_CONFIG names the route. plan_fini also after a failure, before sandbox_close.
enum status plan_init(struct plan *plan, struct sandbox *sandbox, const struct transform_route *route, struct arena *arena,
                      struct err *err) MUST_CHECK;
void plan_fini(struct plan *plan);

#endif
