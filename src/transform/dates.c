// SPDX-License-Identifier: Apache-2.0
// Date functions that look at their arguments, then let SQLite's own ones, on a connection of their own, do the work.
#include "transform/dates.h"

#include <stdio.h>
#include <string.h>

static const char *const names[FUNCTIONS_DATE_KINDS] = {"date", "datetime", "julianday", "strftime", "time", "unixepoch"};

// (Newer versions of SQLite take 'subsec' for now.)
static const char *const refused[] = {"now", "localtime", "utc", "subsec", "subsecond"};

bool dates_is_function(const char *name)
{
    for (size_t i = 0; i < FUNCTIONS_DATE_KINDS; i++)
        if (sqlite3_stricmp(name, names[i]) == 0) return true;
    return false;
}

// How many arguments stand before the time: strftime's format.
static int takes_format(const char *name)
{
    return strcmp(name, "strftime") == 0 ? 1 : 0;
}

static const char *refused_word(const char *word)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (sqlite3_stricmp(word, refused[i]) == 0) return refused[i];
    return NULL;
}

bool dates_is_refused(const char *word)
{
    return refused_word(word) != NULL;
}

static int call_prepare(struct date_function *self, int argc)
{
    char sql[64];
    int size = snprintf(sql, sizeof sql, "SELECT %s(?", self->name);
    for (int i = 1; i < argc; i++) size += snprintf(sql + size, sizeof sql - (size_t)size, ",?");
    snprintf(sql + size, sizeof sql - (size_t)size, ")");
    if (!*self->db) {
        int rc = sqlite3_open_v2(":memory:", self->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL);
        if (rc != SQLITE_OK) return rc;
        sqlite3_limit(*self->db, SQLITE_LIMIT_LENGTH, FUNCTIONS_VALUE_BYTES);
    }
    return sqlite3_prepare_v3(*self->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &self->calls[argc], NULL);
}

static void delegate(sqlite3_context *context, struct date_function *self, int argc, sqlite3_value **argv)
{
    int rc = self->calls[argc] ? SQLITE_OK : call_prepare(self, argc);
    sqlite3_stmt *call = self->calls[argc];
    for (int i = 0; i < argc && rc == SQLITE_OK; i++) rc = sqlite3_bind_value(call, i + 1, argv[i]);
    if (rc == SQLITE_OK) rc = sqlite3_step(call);
    if (rc == SQLITE_ROW)
        sqlite3_result_value(context, sqlite3_column_value(call, 0));
    else
        sqlite3_result_error_code(context, rc);
    sqlite3_reset(call);
    sqlite3_clear_bindings(call);
}

static void call_date(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    struct date_function *self = sqlite3_user_data(context);
    for (int i = takes_format(self->name); i < argc; i++) {
        int type = sqlite3_value_type(argv[i]);
        const char *text = type == SQLITE_TEXT || type == SQLITE_BLOB ? (const char *)sqlite3_value_text(argv[i]) : NULL;
        const char *word = text ? refused_word(text) : NULL;
        if (!word) continue;
        char message[160];
        snprintf(message, sizeof message, "%s: '%s' is not allowed, because a replay must give the same rows; use the row's own times",
                 self->name, word);
        return sqlite3_result_error(context, message, -1);
    }
    delegate(context, self, argc, argv);
}

int dates_register(struct functions *functions, sqlite3 *db)
{
    for (size_t i = 0; i < FUNCTIONS_DATE_KINDS; i++) {
        functions->dates[i] = (struct date_function){.name = names[i], .db = &functions->db};
        // Without a time they mean now; those stay SQLite's own, and the check of a route finds and refuses them.
        for (int argc = takes_format(names[i]) + 1; argc <= FUNCTIONS_DATE_ARGS; argc++) {
            int rc = sqlite3_create_function_v2(db, names[i], argc, SQLITE_UTF8 | SQLITE_DETERMINISTIC, &functions->dates[i], call_date,
                                                NULL, NULL, NULL);
            if (rc != SQLITE_OK) return rc;
        }
    }
    return SQLITE_OK;
}

void dates_fini(struct functions *functions)
{
    for (size_t i = 0; i < FUNCTIONS_DATE_KINDS; i++)
        for (size_t argc = 0; argc <= FUNCTIONS_DATE_ARGS; argc++) sqlite3_finalize(functions->dates[i].calls[argc]);
    sqlite3_close(functions->db);
}
