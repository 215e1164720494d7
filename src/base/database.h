// SPDX-License-Identifier: Apache-2.0
// What the embedded log and the embedded store share about SQLite: opening, statements, error classes, migrations.
//
// A connection is one thread's. Both files are in WAL mode, so that readers in other processes never wait for a writer.
#ifndef FDP_BASE_DATABASE_H
#define FDP_BASE_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/err.h"

enum database_sync {
    DATABASE_SYNC_NORMAL, // a commit may be lost by a power cut, never torn
    DATABASE_SYNC_FULL,   // a commit that answered is on the disk
};

// What a file says of itself (SQLite's application_id; set by its first migration), so that no file is taken for another.
enum database_kind {
    DATABASE_LOG = 0x6664704c,   // "fdpL"
    DATABASE_STORE = 0x66647053, // "fdpS"
};

struct database_params {
    const char *path;
    enum database_kind kind;
    bool read_only; // the file must exist; nothing is created or changed
    enum database_sync sync;
    int busy_ms;        // how long to wait for another writer before AGAIN
    enum err_code code; // whose errors these are: ERR_STREAM, ERR_STORAGE
};

// Opens, or creates with its folder. FATAL with what to do: unwritable folder, not a database, one of another kind or program (it is
// left as it is), missing (read_only).
enum status database_open(sqlite3 **out, const struct database_params *params, struct err *err) MUST_CHECK;
void database_close(sqlite3 *db);
// Makes the folders on the way to the file `path`, where they are missing.
enum status database_make_folders(const char *path, enum err_code code, struct err *err) MUST_CHECK;

// Turns the connection's last result into an error: busy, locked and full are AGAIN (nothing is wrong that time cannot mend),
// a broken constraint is REJECT, all else FATAL. `doing` completes "cannot ...".
enum status database_err(sqlite3 *db, const char *doing, enum err_code code, struct err *err);

enum status database_exec(sqlite3 *db, const char *sql, const char *doing, enum err_code code, struct err *err) MUST_CHECK;
enum status database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, enum err_code code, struct err *err) MUST_CHECK;
// Runs a prepared statement that gives no rows, and resets it.
enum status database_step(sqlite3 *db, sqlite3_stmt *statement, const char *doing, enum err_code code, struct err *err) MUST_CHECK;

// Applies the embedded files PREFIX/NNN_name.sql whose number is above the database's user_version, each in its own transaction; safe
// when several processes start at once. FATAL when the database is newer than this program.
enum status database_migrate(sqlite3 *db, const char *prefix, enum err_code code, struct err *err) MUST_CHECK;

#endif
