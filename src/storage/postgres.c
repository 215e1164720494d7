// SPDX-License-Identifier: Apache-2.0
// The PostgreSQL store: rows, rejects and positions in one transaction of COPY (docs/internals/postgres.md).
#include "storage/postgres.h"

#include <stdlib.h>

#include "base/memory.h"

static void postgres_close(struct sink *sink)
{
    struct postgres *self = postgres_of(sink);
    postgres_drop(self);
    postgres_plans_fini(self);
    arena_fini(&self->names);
    arena_fini(&self->scratch);
    buf_fini(&self->sql);
    free(self->partitions);
    free(self->piece);
    free(self->url);
    free(self->password_file);
    free(self);
}

// Who only looks is told plainly when there is nothing to look at.
static enum status check_made(struct postgres *self, struct err *err)
{
    int version;
    TRY(postgres_version(self, &version, err));
    return version ? OK
                   : err_set(err, FATAL, ERR_STORAGE,
                             "database %s has no tables of this program; name one with which a pipeline has run in storage.url",
                             PQdb(self->conn));
}

static enum status postgres_open(struct sink **out, const struct sink_params *params, struct err *err)
{
    *out = NULL;
    struct postgres *self = memory_new(1, sizeof *self);
    self->sink.ops = &sink_postgres;
    self->url = strdup(params->config->storage.url);
    self->password_file = strdup(params->config->storage.password_file);
    self->piece = memory_new(1, POSTGRES_PIECE_BYTES);
    if (!self->url || !self->password_file) abort();
    self->read_only = params->read_only;
    self->statement_timeout_ms = params->config->storage.statement_timeout_ms;
    self->connect_timeout_ms = params->config->storage.connect_timeout_ms;
    arena_init(&self->names, 1024);
    arena_init(&self->scratch, 4096);
    buf_init(&self->sql, BUF_MAX_WRITE);
    enum status status = postgres_ready(self, err);
    if (status == OK && self->read_only) status = check_made(self, err);
    if (status == OK)
        *out = &self->sink;
    else
        postgres_close(&self->sink);
    return status;
}

// One simple Query message is one transaction. How long it may take is for the statements to say.
static enum status postgres_exec(struct sink *sink, const char *sql, struct err *err)
{
    struct postgres *self = postgres_of(sink);
    TRY(postgres_ready(self, err));
    self->patient = true;
    return postgres_run(self, "change the store", sql, err);
}

const struct sink_ops sink_postgres = {
    .scheme = "postgresql",
    .open = postgres_open,
    .migrate = postgres_migrate,
    .claim = postgres_claim,
    .write = postgres_write,
    .table = postgres_table,
    .query = postgres_query,
    .exec = postgres_exec,
    .close = postgres_close,
};
