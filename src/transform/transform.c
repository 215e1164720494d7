// SPDX-License-Identifier: Apache-2.0
// Runs routes over batches: the statement of each over the rows that no earlier one took, then whole columns at a time.
#include "transform/transform.h"

#include <stdlib.h>
#include <string.h>

#include "model/convert.h"
#include "transform/plan.h"
#include "transform/value.h"

struct transform {
    struct arena arena;
    struct sandbox sandbox;
    uint32_t route_count;
    struct plan *plans;
    uint32_t capacity; // of the two lists of row numbers
    uint32_t *open;    // rows that no route took yet
    uint32_t *taken;   // rows that the current route took
};

// One route over one batch.
struct run {
    struct transform *transform;
    const struct plan *plan;
    uint32_t route;
    struct batch *input, *output;
    struct transform_outcome *outcomes;
    uint32_t open_count, taken_count;
};

static void reject(struct run *run, uint32_t row, const char *reason)
{
    run->outcomes[row] = (struct transform_outcome){OUTCOME_REJECT, run->route, reason};
}

// Takes a row, or rejects it for a value that does not fit. What was made of a rejected row is overwritten by the next one.
static void take(struct run *run, uint32_t row)
{
    const struct plan *plan = run->plan;
    uint32_t to = run->output->rows + run->taken_count;
    for (uint32_t i = 0; i < plan->required_count; i++) {
        if (!batch_is_null(run->input, plan->required[i].from, row)) continue;
        const struct value null = {.type = SQLITE_NULL};
        return reject(run, row, value_refusal(&null, &plan->output->columns[plan->required[i].to], &run->input->arena));
    }
    for (uint32_t i = 0; i < plan->made_count; i++) {
        const struct plan_made *made = &plan->made[i];
        struct value value = made->computed ? value_of_result(plan->statement, made->from) : value_of_column(run->input, made->from, row);
        if (!value_store(&value, run->output, made->to, to))
            return reject(run, row, value_refusal(&value, &plan->output->columns[made->to], &run->input->arena));
    }
    run->transform->taken[run->taken_count++] = row;
    run->outcomes[row] = (struct transform_outcome){OUTCOME_TAKEN, run->route, NULL};
}

// What SQLite says of an expression that failed; it may quote a value, which may be anything.
static void reject_failed(struct run *run, uint32_t row, int rc)
{
    const char *text = sqlite3_errmsg(run->transform->sandbox.db);
    if (!convert_text_is_valid(slice_of(text))) text = sqlite3_errstr(rc);
    if (rc == SQLITE_TOOBIG)
        text = arena_printf(&run->input->arena, "an expression took or made a text or blob of more than %d bytes", FUNCTIONS_VALUE_BYTES);
    else
        text = arena_copy(&run->input->arena, text, strlen(text));
    reject(run, row, text);
}

static enum status step_err(const struct run *run, int rc, struct err *err)
{
    if (rc == SQLITE_NOMEM) return err_set(err, RETRY, ERR_INTERNAL, "%s: SQLite has no memory", run->plan->name);
    return err_set(err, FATAL, ERR_INTERNAL, "%s: SQLite cannot run the SELECT (result %d): %s", run->plan->name, rc,
                   sqlite3_errmsg(run->transform->sandbox.db));
}

// Steps through the statement. A failed expression ends it; it is begun again behind the row that failed.
static enum status take_selected(struct run *run, struct err *err)
{
    struct vtab *vtab = &run->transform->sandbox.vtab;
    vtab->batch = run->input;
    vtab->rows = run->transform->open;
    vtab->row_count = run->open_count;
    vtab->start = 0;
    vtab->at = UINT32_MAX; // on no row until the scan begins
    for (uint32_t next = 0; next < run->open_count; next = vtab->at + 1) {
        int rc = sqlite3_step(run->plan->statement);
        if (rc == SQLITE_DONE) break;
        // The proof at compile time says that this cannot be: a row, or a failure, that is not of a new row of the batch.
        if (rc == SQLITE_NOMEM || rc == SQLITE_MISUSE || vtab->at >= vtab->row_count || vtab->at < next) return step_err(run, rc, err);
        if (rc == SQLITE_ROW) {
            take(run, vtab->rows[vtab->at]);
        } else {
            reject_failed(run, vtab->rows[vtab->at], rc);
            sqlite3_reset(run->plan->statement);
            vtab->start = vtab->at + 1;
        }
    }
    return OK;
}

// Values of `size` bytes from some rows to consecutive ones; a constant size, once inlined, makes it a loop of plain moves.
static inline void gather(void *to, const void *from, size_t size, const uint32_t *rows, uint32_t count)
{
    const char *source = from;
    char *target = to;
    if (rows[count - 1] - rows[0] == count - 1) {
        memcpy(target, source + rows[0] * size, count * size);
        return;
    }
    for (uint32_t i = 0; i < count; i++) memcpy(target + i * size, source + rows[i] * size, size);
}

static void copy_column(const struct run *run, struct plan_copy copy)
{
    const uint32_t *rows = run->transform->taken, first = run->output->rows, count = run->taken_count;
    const struct column *from = &run->input->columns[copy.from];
    struct column *to = &run->output->columns[copy.to];
    gather(to->null + first, from->null, 1, rows, count);
    enum column_type type = run->plan->output->columns[copy.to].type;
    if (type == COLUMN_TEXT || type == COLUMN_BYTES)
        gather(to->text + first, from->text, sizeof *to->text, rows, count);
    else
        gather(to->int64 + first, from->int64, sizeof *to->int64, rows, count);
}

// The rest of the taken rows: columns that are only named, columns that are not given, provenance.
static void finish_rows(struct run *run)
{
    const struct plan *plan = run->plan;
    const uint32_t *rows = run->transform->taken, first = run->output->rows, count = run->taken_count;
    if (!count) return;
    for (uint32_t i = 0; i < plan->copy_count; i++) copy_column(run, plan->copies[i]);
    for (uint32_t i = 0; i < plan->absent_count; i++) memset(run->output->columns[plan->absent[i]].null + first, 1, count);
    gather(run->output->source + first, run->input->source, sizeof *run->input->source, rows, count);
    gather(run->output->offset + first, run->input->offset, sizeof *run->input->offset, rows, count);
    run->output->rows += count;
}

static enum status run_route(struct run *run, struct err *err)
{
    enum status status = OK;
    run->taken_count = 0;
    if (run->plan->statement) {
        status = take_selected(run, err);
        sqlite3_reset(run->plan->statement);
    } else {
        for (uint32_t i = 0; i < run->open_count; i++) take(run, run->transform->open[i]);
    }
    if (status != OK) return status;
    finish_rows(run);
    uint32_t *open = run->transform->open, left = 0;
    for (uint32_t i = 0; i < run->open_count; i++)
        if (run->outcomes[open[i]].outcome == OUTCOME_NONE) open[left++] = open[i];
    run->open_count = left;
    return OK;
}

static enum status check_batches(const struct transform *self, const struct batch *input, struct batch *const *outputs, struct err *err)
{
    if (input->type != self->sandbox.vtab.type)
        return err_set(err, FATAL, ERR_INTERNAL, "a transform of %s was given a batch of %s", self->sandbox.vtab.type->name,
                       input->type->name);
    for (uint32_t i = 0; i < self->route_count; i++) {
        const struct batch *output = outputs[i];
        if (output->type != self->plans[i].output)
            return err_set(err, FATAL, ERR_INTERNAL, "%s makes rows of %s, its batch is of %s", self->plans[i].name,
                           self->plans[i].output->name, output->type->name);
        if (output == input || output->capacity - output->rows < input->rows)
            return err_set(err, FATAL, ERR_INTERNAL, "%s: the output batch has room for %u rows, %u may come", self->plans[i].name,
                           output == input ? 0 : output->capacity - output->rows, input->rows);
    }
    return OK;
}

static void reserve_rows(struct transform *self, uint32_t rows)
{
    if (rows <= self->capacity) return;
    free(self->open);
    free(self->taken);
    self->open = calloc(rows, sizeof *self->open);
    self->taken = calloc(rows, sizeof *self->taken);
    if (!self->open || !self->taken) abort();
    self->capacity = rows;
}

enum status transform_run(struct transform *self, struct batch *input, struct batch *const *outputs, struct transform_outcome *outcomes,
                          struct err *err)
{
    TRY(check_batches(self, input, outputs, err));
    reserve_rows(self, input->capacity);
    for (uint32_t i = 0; i < input->rows; i++) {
        self->open[i] = i;
        outcomes[i] = (struct transform_outcome){OUTCOME_NONE, 0, NULL};
    }
    struct run run = {.transform = self, .input = input, .outcomes = outcomes, .open_count = input->rows};
    for (uint32_t i = 0; i < self->route_count && run.open_count; i++) {
        run.route = i;
        run.plan = &self->plans[i];
        run.output = outputs[i];
        TRY(run_route(&run, err));
    }
    return OK;
}

enum status transform_new(const struct row_type *input, const struct transform_route *routes, uint32_t route_count, struct transform **out,
                          struct err *err)
{
    struct transform *self = calloc(1, sizeof *self);
    if (!self) abort();
    arena_init(&self->arena, 4096);
    self->plans = arena_calloc(&self->arena, route_count, sizeof *self->plans);
    enum status status = sandbox_open(&self->sandbox, input, err);
    for (uint32_t i = 0; i < route_count && status == OK; i++) {
        self->route_count++;
        status = plan_init(&self->plans[i], &self->sandbox, &routes[i], &self->arena, err);
    }
    if (status != OK) {
        transform_free(self);
        return status;
    }
    *out = self;
    return OK;
}

bool transform_named(const struct transform *self, uint32_t route, uint32_t number, uint32_t *from, uint32_t *to)
{
    const struct plan *plan = &self->plans[route];
    if (number < plan->copy_count) {
        *from = plan->copies[number].from;
        *to = plan->copies[number].to;
        return true;
    }
    number -= plan->copy_count;
    for (uint32_t i = 0; i < plan->made_count; i++) {
        if (plan->made[i].computed || number--) continue;
        *from = plan->made[i].from;
        *to = plan->made[i].to;
        return true;
    }
    return false;
}

bool transform_gives(const struct transform *self, uint32_t route, uint32_t column)
{
    const struct plan *plan = &self->plans[route];
    for (uint32_t i = 0; i < plan->absent_count; i++)
        if (plan->absent[i] == column) return false;
    return true;
}

void transform_free(struct transform *self)
{
    if (!self) return;
    for (uint32_t i = 0; i < self->route_count; i++) plan_fini(&self->plans[i]);
    sandbox_close(&self->sandbox);
    arena_fini(&self->arena);
    free(self->open);
    free(self->taken);
    free(self);
}
