// SPDX-License-Identifier: Apache-2.0
// Brings the tables of a PostgreSQL database up to this program: sql/postgres/NNN_name.sql, in order, all in one transaction.
#include <stdio.h>
#include <stdlib.h>

#include "base/asset.h"
#include "storage/postgres.h"

static const char folder[] = "sql/postgres/";

static int number_of(const struct asset *file)
{
    size_t length = sizeof folder - 1;
    return strncmp(file->name, folder, length) ? 0 : (int)strtol(file->name + length, NULL, 10);
}

static int newest_number(void)
{
    int newest = 0;
    for (size_t i = 0; i < asset_count; i++)
        if (number_of(&assets[i]) > newest) newest = number_of(&assets[i]);
    return newest;
}

enum status postgres_version(struct postgres *self, int *version, struct err *err)
{
    static const char doing[] = "read the version of the tables";
    PGresult *rows;
    *version = 0;
    TRY(postgres_ask(self, doing, "SELECT to_regclass('fdp_schema_version') IS NOT NULL", 0, NULL, &rows, err));
    bool made = *PQgetvalue(rows, 0, 0) == 't';
    PQclear(rows);
    if (!made) return OK;
    TRY(postgres_ask(self, doing, "SELECT coalesce(max(version), 0) FROM fdp_schema_version", 0, NULL, &rows, err));
    *version = (int)strtol(PQgetvalue(rows, 0, 0), NULL, 10);
    PQclear(rows);
    return OK;
}

static enum status apply(struct postgres *self, const struct asset *file, struct err *err)
{
    char number[16], doing[128];
    snprintf(number, sizeof number, "%d", number_of(file));
    snprintf(doing, sizeof doing, "run %s", file->name);
    const char *values[] = {number, file->name};
    // Assets end with a NUL.
    TRY(postgres_run(self, doing, file->content.data, err));
    PGresult *none;
    TRY(postgres_ask(self, doing, "INSERT INTO fdp_schema_version (version, name) VALUES ($1, $2)", 2, values, &none, err));
    PQclear(none);
    return OK;
}

// Several processes may start at once: one does it, the others wait for it and find it done. A table is waited for as well: rows may be
// going into it, from a program of an older version.
static const char begin_sql[] =
    "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '30s'; SELECT pg_advisory_xact_lock(7378697629483820646);"
    "CREATE TABLE IF NOT EXISTS fdp_schema_version (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL"
    " DEFAULT now())";

static enum status upgrade(struct postgres *self, struct err *err)
{
    int version;
    TRY(postgres_run(self, "make the tables", begin_sql, err));
    TRY(postgres_version(self, &version, err));
    for (size_t i = 0; i < asset_count; i++)
        if (number_of(&assets[i]) > version) TRY(apply(self, &assets[i], err));
    return postgres_run(self, "make the tables", "COMMIT", err);
}

enum status postgres_migrate(struct sink *sink, struct err *err)
{
    struct postgres *self = postgres_of(sink);
    int version, newest = newest_number();
    TRY(postgres_ready(self, err));
    TRY(postgres_version(self, &version, err));
    if (version > newest)
        return err_set(err, FATAL, ERR_STORAGE,
                       "the tables in PostgreSQL were made by a newer version of this program (%d, this one knows %d); use that version",
                       version, newest);
    if (version == newest) return OK;
    self->patient = true;
    enum status status = upgrade(self, err);
    struct err ignored;
    if (status != OK && self->conn && postgres_run(self, "roll back", "ROLLBACK", &ignored) != OK) postgres_drop(self);
    if (status == FATAL)
        err_context(err, "the tables cannot be made (the role that connects must own them, or: GRANT CREATE ON SCHEMA public TO it)");
    return status;
}
