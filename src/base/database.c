// SPDX-License-Identifier: Apache-2.0
// SQLite connections: opening, error classes, migrations.
#include "base/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/asset.h"
#include "base/clock.h"
#include "base/permission.h"

enum {
    OPEN_RETRY_MS = 5000,
    MADE_LIMIT_MS = 2000, // how long somebody may take to make a new database
};

// What cannot be done, and where.
struct failure {
    const char *doing, *path;
    bool read_only;
    enum err_code code;
};

// `why` is what the system said, or 0.
static enum status cannot_open(const struct failure *failure, int why, struct err *err)
{
    const char *doing = failure->doing, *path = failure->path;
    char missing[PERMISSION_TEXT_BYTES];
    if (permission_missing(path, failure->read_only, missing, sizeof missing))
        return err_set(err, FATAL, failure->code, "cannot %s: %.100s: %s", doing, path, missing);
    if (why == EMFILE || why == ENFILE)
        return err_set(err, FATAL, failure->code, "cannot %s: %s: %s; raise the limit (ulimit -n)", doing, path, strerror(why));
    return err_set(err, FATAL, failure->code, "cannot %s: %s: %s; choose a writable folder with --data", doing, path,
                   why ? strerror(why) : "its folder cannot be written");
}

static int read_int(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int value = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static enum status no_space(const struct failure *failure, struct err *err)
{
    return err_set(err, AGAIN, failure->code,
                   "cannot %s: no space left on the disk of %s; free some; what could not be written is tried again as long as the program "
                   "runs",
                   failure->doing, failure->path);
}

enum status database_err(sqlite3 *db, const char *doing, enum err_code code, struct err *err)
{
    // SQLite 3.40 often reports 0 as the system's error; then errno still holds it.
    int system = sqlite3_system_errno(db) ? sqlite3_system_errno(db) : errno;
    int rc = sqlite3_extended_errcode(db);
    const char *path = sqlite3_db_filename(db, "main"), *text = sqlite3_errmsg(db);
    if (!path) path = "the database";
    struct failure failure = {.doing = doing, .path = path, .code = code};
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, AGAIN, code, "cannot %s: %s is locked by another process; if this goes on, see which one has it open", doing,
                       path);
    case SQLITE_FULL: return no_space(&failure, err);
    case SQLITE_IOERR:
        if (system == ENOSPC || system == EDQUOT || system == EFBIG) return no_space(&failure, err);
        return err_set(err, FATAL, code, "cannot %s: reading or writing %s failed (%s, errno %d: %s); check the disk", doing, path, text,
                       system, strerror(system));
    case SQLITE_CONSTRAINT: return err_set(err, REJECT, code, "cannot %s: %s", doing, text);
    case SQLITE_NOTADB:
        return err_set(err, FATAL, code, "cannot %s: %s is not an SQLite database; move it away, or choose another folder with --data",
                       doing, path);
    case SQLITE_CORRUPT:
        return err_set(err, FATAL, code, "cannot %s: %s is damaged (%s); restore it from a copy, or move it away to start anew", doing,
                       path, text);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        failure.read_only = read_int(db, "PRAGMA query_only") == 1;
        return cannot_open(&failure, (rc & 0xff) == SQLITE_CANTOPEN ? system : 0, err);
    default: return err_set(err, FATAL, code, "cannot %s: %s", doing, text);
    }
}

static enum status cannot_make(const char *folder, enum err_code code, struct err *err)
{
    int why = errno;
    char missing[PERMISSION_TEXT_BYTES];
    if (permission_missing(folder, false, missing, sizeof missing))
        return err_set(err, FATAL, code, "cannot make the folder %.100s: %s", folder, missing);
    return err_set(err, FATAL, code, "cannot make the folder %s: %s; choose a writable one with --data", folder, strerror(why));
}

enum status database_make_folders(const char *path, enum err_code code, struct err *err)
{
    char folder[4096];
    if (strlen(path) >= sizeof folder) return err_set(err, FATAL, code, "the path of the data folder is too long: %.100s...", path);
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) && errno != EEXIST) return cannot_make(folder, code, err);
        *slash = '/';
    }
    return OK;
}

// No function here may open the file by itself: closing it would drop all the locks that this process has on it through SQLite (POSIX
// locks belong to the process), and another process would then take the WAL for its own.

static enum status why_not_open(sqlite3 *db, const struct database_params *params, struct err *err)
{
    int why = sqlite3_system_errno(db);
    if (params->read_only && access(params->path, F_OK) && errno == ENOENT)
        return err_set(err, FATAL, params->code, "there is no %s; name the folder of a pipeline that has run with --data", params->path);
    return cannot_open(&(struct failure){"open the database", params->path, params->read_only, params->code}, why, err);
}

static enum status another_kind(const struct database_params *params, struct err *err)
{
    return err_set(err, FATAL, params->code, "%s is not a %s of this program; move it away, or choose another folder with --data",
                   params->path, params->kind == DATABASE_LOG ? "log" : "store");
}

static int user_version(sqlite3 *db)
{
    return read_int(db, "PRAGMA user_version");
}

// Before it is turned into a WAL database. In one transaction: another process may be making it right now.
static enum status look_at_kind(sqlite3 *db, const struct database_params *params, int *id, bool *empty, struct err *err)
{
    TRY(database_exec(db, "BEGIN; SELECT count(*) FROM sqlite_schema", "open the database", params->code, err));
    *id = read_int(db, "PRAGMA application_id");
    *empty = !*id && !read_int(db, "SELECT count(*) FROM sqlite_schema") && !user_version(db);
    return database_exec(db, "COMMIT", "open the database", params->code, err);
}

// Who only looks waits for a moment until whoever makes it has done so.
static enum status check_kind(sqlite3 *db, const struct database_params *params, struct err *err)
{
    int id;
    bool empty;
    int64_t deadline_ns = clock_deadline_ms(MADE_LIMIT_MS);
    TRY(look_at_kind(db, params, &id, &empty, err));
    while (empty && params->read_only && clock_mono_ns() < deadline_ns) {
        clock_sleep_until(clock_deadline_ms(5));
        TRY(look_at_kind(db, params, &id, &empty, err));
    }
    return id == (int)params->kind || (empty && !params->read_only) ? OK : another_kind(params, err);
}

static enum status set_up(sqlite3 *db, const struct database_params *params, struct err *err)
{
    sqlite3_busy_timeout(db, params->busy_ms);
    sqlite3_extended_result_codes(db, 1);
    if (params->read_only) TRY(database_exec(db, "PRAGMA query_only = 1", "open the database", params->code, err));
    TRY(check_kind(db, params, err));
    if (params->read_only) return OK;
    TRY(database_exec(db, "PRAGMA journal_mode = WAL", "open the database", params->code, err));
    return database_exec(db, params->sync == DATABASE_SYNC_FULL ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                         "open the database", params->code, err);
}

static enum status try_open(sqlite3 **out, const struct database_params *params, struct err *err)
{
    sqlite3 *db;
    // A reader of a WAL database needs to write its shared memory: read-only is kept by query_only, not by the way it is opened.
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (params->read_only ? 0 : SQLITE_OPEN_CREATE);
    int rc = sqlite3_open_v2(params->path, &db, flags, NULL);
    if (!db) abort();
    enum status status = rc != SQLITE_OK ? why_not_open(db, params, err) : set_up(db, params, err);
    if (status != OK)
        sqlite3_close(db);
    else
        *out = db;
    return status;
}

enum status database_open(sqlite3 **out, const struct database_params *params, struct err *err)
{
    *out = NULL;
    if (!params->read_only) TRY(database_make_folders(params->path, params->code, err));
    // Several processes may make a new file at once, and SQLite answers "locked" to all but one without waiting when it is turned into a
    // WAL database: tries for a while.
    enum status status;
    for (int64_t deadline_ns = clock_deadline_ms(OPEN_RETRY_MS);
         (status = try_open(out, params, err)) == AGAIN && clock_mono_ns() < deadline_ns;)
        clock_sleep_until(clock_deadline_ms(3));
    return status;
}

void database_close(sqlite3 *db)
{
    sqlite3_close(db);
}

enum status database_exec(sqlite3 *db, const char *sql, const char *doing, enum err_code code, struct err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : database_err(db, doing, code, err);
}

enum status database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, enum err_code code, struct err *err)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK) return OK;
    return database_err(db, "prepare a statement", code, err);
}

enum status database_step(sqlite3 *db, sqlite3_stmt *statement, const char *doing, enum err_code code, struct err *err)
{
    int rc;
    do {
        rc = sqlite3_step(statement);
    } while (rc == SQLITE_ROW);
    enum status status = rc == SQLITE_DONE ? OK : database_err(db, doing, code, err);
    sqlite3_reset(statement);
    return status;
}

// Inside the write lock: another process may have been here first.
static enum status apply(sqlite3 *db, const struct asset *file, int number, enum err_code code, struct err *err)
{
    TRY(database_exec(db, "BEGIN IMMEDIATE", "migrate", code, err));
    enum status status = OK;
    if (user_version(db) < number) {
        char *sql = sqlite3_mprintf("%.*s;PRAGMA user_version = %d", (int)file->content.size, file->content.data, number);
        status = database_exec(db, sql, file->name, code, err);
        sqlite3_free(sql);
    }
    if (status == OK) status = database_exec(db, "COMMIT", "migrate", code, err);
    if (status != OK) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum status database_migrate(sqlite3 *db, const char *prefix, enum err_code code, struct err *err)
{
    size_t length = strlen(prefix);
    int newest = 0;
    for (size_t i = 0; i < asset_count; i++) {
        if (strncmp(assets[i].name, prefix, length) || assets[i].name[length] != '/') continue;
        newest = (int)strtol(assets[i].name + length + 1, NULL, 10);
        if (user_version(db) < newest) TRY(apply(db, &assets[i], newest, code, err));
    }
    if (user_version(db) > newest)
        return err_set(err, FATAL, code, "%s was made by a newer version of this program (%d, this one knows %d); use that version",
                       sqlite3_db_filename(db, "main"), user_version(db), newest);
    return OK;
}
