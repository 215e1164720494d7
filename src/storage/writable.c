// SPDX-License-Identifier: Apache-2.0
// Asking PostgreSQL for what keeps rows out: a standby, a default, a privilege.
#include "storage/writable.h"

#include <stdio.h>
#include <string.h>

#include "storage/dialect.h"

// What the session began with counts: the transaction that asks is read-only itself.
static const char server_sql[] =
    "SELECT 'the server is a standby, which takes no rows; name the primary in storage.url, or all hosts with"
    " target_session_attrs=read-write' WHERE pg_is_in_recovery()"
    "\nUNION ALL SELECT 'transactions are read-only unless they say otherwise (default_transaction_read_only), which ours do not; ' ||"
    " CASE source"
    " WHEN 'database' THEN format('run: SET default_transaction_read_only = off; ALTER DATABASE %I RESET default_transaction_read_only',"
    " current_database())"
    " WHEN 'user' THEN format('run: SET default_transaction_read_only = off; ALTER ROLE %I RESET default_transaction_read_only',"
    " session_user)"
    " WHEN 'database user' THEN format('run: SET default_transaction_read_only = off; ALTER ROLE %I IN DATABASE %I RESET"
    " default_transaction_read_only', session_user, current_database())"
    " ELSE 'it is set by: ' || source END"
    " FROM pg_settings WHERE name = 'default_transaction_read_only' AND reset_val = 'on'";

// A privilege on some columns is taken for enough: which ones rows need, the routes say.
static const char tables_sql[] =
    "\nUNION ALL SELECT format('cannot write to table %s: %s lacks %s; run: GRANT %3$s ON %4$I TO %2$I', name, current_user, lacking, name)"
    " FROM (SELECT name, string_agg(privilege, ', ' ORDER BY number) AS lacking FROM fdp_needed"
    " WHERE NOT has_any_column_privilege(to_regclass(quote_ident(name)), privilege) GROUP BY name ORDER BY name) AS tables";

static void append_needed(struct buf *sql, const char *table, const char *const *privileges)
{
    static const char with[] = "WITH fdp_needed (name, number, privilege) AS (VALUES ";
    for (int i = 0; privileges[i]; i++) {
        buf_append_text(sql, sql->size ? ", " : with);
        buf_append_byte(sql, '(');
        dialect_append_text(sql, table);
        buf_printf(sql, ", %d, '%s')", i, privileges[i]);
    }
}

struct look {
    writable_fn *problem;
    void *context;
};

static bool take_problem(void *context, uint32_t count, const char *const *names, const struct sink_cell *cells)
{
    (void)count, (void)names;
    const struct look *look = context;
    char text[ERR_TEXT_BYTES];
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(cells[0].text));
    look->problem(look->context, text);
    return true;
}

enum status writable_look(struct sink *sink, const char *const *tables, uint32_t count, writable_fn *problem, void *context,
                          struct err *err)
{
    static const char *const rows[] = {"SELECT", "INSERT", NULL}, *const state[] = {"SELECT", "INSERT", "UPDATE", NULL};
    if (strcmp(sink->ops->scheme, "postgresql") != 0) return OK;
    struct look look = {problem, context};
    struct buf sql;
    buf_init(&sql, BUF_MAX_WRITE);
    append_needed(&sql, "fdp_offsets", state);
    append_needed(&sql, "fdp_quarantine", state);
    for (uint32_t i = 0; i < count; i++) append_needed(&sql, tables[i], rows);
    buf_append_text(&sql, ")\n");
    buf_append_text(&sql, server_sql);
    buf_append_text(&sql, tables_sql);
    buf_append_byte(&sql, '\0');
    enum status status = sql.full ? err_set(err, FATAL, ERR_STORAGE, "these are too many tables to ask for")
                                  : sink->ops->query(sink, sql.data, take_problem, &look, err);
    buf_fini(&sql);
    return status;
}
