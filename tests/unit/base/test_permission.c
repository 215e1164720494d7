// SPDX-License-Identifier: Apache-2.0
// Whose permission is missing, as a user without privileges meets it; and what opening a database says then.
#include "base/permission.h"

#include <sys/stat.h>

#include "../support.h"
#include "base/database.h"

enum { NOBODY = 65534 };

struct fixture {
    struct bed bed;
    char folder[80], path[96];
    char text[PERMISSION_TEXT_BYTES];
};

static void as_root(void)
{
    if (!getuid()) assert_int_equal(seteuid(0), 0);
}

// Root is refused nothing: takes another user's place, if it is that.
static void unprivileged(void)
{
    if (!getuid()) assert_int_equal(seteuid(NOBODY), 0);
}

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    bed_open(&f->bed);
    snprintf(f->folder, sizeof f->folder, "%s/data", f->bed.folder);
    snprintf(f->path, sizeof f->path, "%s/store.db", f->folder);
    assert_int_equal(chmod(f->bed.folder, 0755), 0);
    assert_int_equal(mkdir(f->folder, 0777), 0);
    assert_int_equal(chmod(f->folder, 0777), 0);
    struct database_params params = {f->path, DATABASE_STORE, false, DATABASE_SYNC_NORMAL, 1000, ERR_STORAGE};
    struct err err;
    sqlite3 *db;
    assert_ok(database_open(&db, &params, &err), &err);
    assert_ok(database_exec(db, "PRAGMA application_id = 1717858387; CREATE TABLE t (x)", "make it", ERR_STORAGE, &err), &err);
    database_close(db);
    assert_int_equal(chmod(f->path, 0666), 0);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    as_root();
    chmod(f->folder, 0777);
    bed_close(&f->bed);
    free(f);
    return 0;
}

static void assert_missing(struct fixture *f, const char *what, const char *mode)
{
    unprivileged();
    bool missing = permission_missing(f->path, true, f->text, sizeof f->text);
    struct err err;
    sqlite3 *db;
    struct database_params params = {f->path, DATABASE_STORE, true, DATABASE_SYNC_NORMAL, 1000, ERR_STORAGE};
    enum status status = database_open(&db, &params, &err);
    as_root();
    assert_true(missing);
    assert_contains(f->text, "the user ");
    assert_contains(f->text, what);
    assert_contains(f->text, mode);
    assert_int_equal(status, FATAL);
    assert_contains(err.text, f->text);
    assert_contains(err.text, "--data");
    assert_contains(err.text, "which is needed even to look; run as the owner");
}

static void test_missing_nothing(void **state)
{
    struct fixture *f = *state;
    unprivileged();
    assert_false(permission_missing(f->path, true, f->text, sizeof f->text));
    assert_false(permission_missing("/tmp/not/there", false, f->text, sizeof f->text));
    as_root();
}

static void test_missing_on_the_folder(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(f->folder, 0000), 0);
    assert_missing(f, "no permission to enter the folder", "mode 0000");
    assert_int_equal(chmod(f->folder, 0555), 0);
    assert_missing(f, "no permission to write to the folder", "mode 0555");
}

static void test_missing_on_the_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(f->path, 0000), 0);
    assert_missing(f, "no permission to read", "mode 0000");
}

static void test_missing_folder_on_the_way(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct err err;
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/stream.db", f->path);
    for (int read_only = 0; read_only < 2; read_only++) {
        unprivileged();
        enum status status =
            database_open(&db, &(struct database_params){path, DATABASE_LOG, read_only, DATABASE_SYNC_FULL, 1000, ERR_STREAM}, &err);
        as_root();
        assert_int_equal(status, FATAL);
        assert_contains(err.text, "store.db is not a folder; choose another with --data");
        assert_null(strstr(err.text, "no permission"));
    }
}

static void test_missing_while_writing_says_what_was_done(void **state)
{
    struct fixture *f = *state;
    struct err err;
    sqlite3 *db;
    struct database_params params = {f->path, DATABASE_STORE, false, DATABASE_SYNC_NORMAL, 1000, ERR_STORAGE};
    assert_ok(database_open(&db, &params, &err), &err);
    assert_ok(database_exec(db, "PRAGMA query_only = 1", "look", ERR_STORAGE, &err), &err);
    assert_status(database_exec(db, "INSERT INTO t VALUES (1)", "write the rows", ERR_STORAGE, &err), FATAL, &err,
                  "cannot write the rows: /");
    database_close(db);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_missing_nothing),
        CASE(test_missing_on_the_folder),
        CASE(test_missing_on_the_file),
        CASE(test_missing_folder_on_the_way),
        CASE(test_missing_while_writing_says_what_was_done),
    };
    return cmocka_run_group_tests_name("permission", tests, NULL, NULL);
}
