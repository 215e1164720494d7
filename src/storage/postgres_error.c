// SPDX-License-Identifier: Apache-2.0
// What an answer of PostgreSQL means for the caller, by SQLSTATE; never by its words, which are in the server's language.
#include <stdlib.h>

#include "storage/postgres.h"

static const char *field(const PGresult *result, int code)
{
    const char *text = PQresultErrorField(result, code);
    return text ? text : "";
}

enum postgres_trouble postgres_trouble(const PGresult *result)
{
    // The longest that fits is meant: in this order.
    static const struct {
        const char *prefix;
        enum postgres_trouble trouble;
    } known[] = {
        {"FD001", TROUBLE_FENCED},  {"57014", TROUBLE_CANCELED}, {"22P03", TROUBLE_ALTERED}, // not as long as this type is
        {"08P01", TROUBLE_ALTERED},                                                          // the same
        {"0A000", TROUBLE_ALTERED},                                                          // the type of a result has changed
        {"25006", TROUBLE_WAIT},                                                             // a standby: wait for the new primary
        {"55P03", TROUBLE_LOCKED},  {"08", TROUBLE_WAIT},        {"40", TROUBLE_WAIT},       {"53", TROUBLE_WAIT}, {"55", TROUBLE_WAIT},
        {"57", TROUBLE_WAIT},       {"58", TROUBLE_WAIT},        {"28", TROUBLE_ROLE},       {"22", TROUBLE_ROW},  {"23", TROUBLE_ROW},
        {"44", TROUBLE_ROW},        {"P0", TROUBLE_ROW},         {"54", TROUBLE_LIMIT},
    };
    const char *state = field(result, PG_DIAG_SQLSTATE);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(state, known[i].prefix, strlen(known[i].prefix))) return known[i].trouble;
    return TROUBLE_OTHER;
}

const char *postgres_text(const PGresult *result, struct arena *arena)
{
    const char *message = field(result, PG_DIAG_MESSAGE_PRIMARY), *detail = field(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = field(result, PG_DIAG_MESSAGE_HINT), *state = field(result, PG_DIAG_SQLSTATE);
    // What libpq itself has to say has no fields.
    if (!*message) message = PQresultErrorMessage(result);
    char *text = arena_printf(arena, "%s%s%s%s%s%s%s%s", message, *detail ? "; " : "", detail, *hint ? "; " : "", hint,
                              *state ? " (SQLSTATE " : "", state, *state ? ")" : "");
    for (char *c = text; *c; c++)
        if (*c == '\n' || *c == '\t') *c = ' ';
    return text;
}

int64_t postgres_line(const PGresult *result, const char *table)
{
    // The outermost context is the last line: "COPY stocks, line 4, column price", with other words around the name in other languages.
    const char *context = field(result, PG_DIAG_CONTEXT), *last = strrchr(context, '\n');
    const char *name = strstr(last ? last + 1 : context, table);
    if (!name) return 0;
    name += strlen(table);
    name += strcspn(name, "0123456789");
    return strtoll(name, NULL, 10);
}

enum status postgres_err(struct postgres *self, const PGresult *result, const char *doing, struct err *err)
{
    self->locked = false;
    if (!result) return err_set(err, RETRY, ERR_STORAGE, "cannot %s: the connection to PostgreSQL was lost: %s", doing, self->why);
    struct arena arena;
    arena_init(&arena, 0);
    const char *text = postgres_text(result, &arena);
    enum status status = FATAL;
    enum postgres_trouble trouble = postgres_trouble(result);
    self->locked = trouble == TROUBLE_LOCKED;
    switch (trouble) {
    case TROUBLE_CANCELED:
    case TROUBLE_LOCKED:
    case TROUBLE_WAIT: status = err_set(err, AGAIN, ERR_STORAGE, "cannot %s: %s", doing, text); break;
    case TROUBLE_ROLE:
        status =
            err_set(err, RETRY, ERR_STORAGE, "cannot %s: %s; the role is not ready: check user, password and pg_hba.conf", doing, text);
        break;
    case TROUBLE_ROW:
    case TROUBLE_FENCED:
    case TROUBLE_LIMIT:
    case TROUBLE_ALTERED:
    case TROUBLE_OTHER: status = err_set(err, FATAL, ERR_STORAGE, "cannot %s: %s", doing, text); break;
    }
    arena_fini(&arena);
    return status;
}

enum status postgres_err_locked(const char *table, const char *text, struct err *err)
{
    return err_set(
        err, REJECT, ERR_STORAGE,
        "table %s is locked by another session: %s; SELECT pid FROM pg_locks WHERE granted AND relation = '\"%s\"'::regclass tells"
        " by which; its topics go on by themselves once it has ended, or after SELECT pg_terminate_backend(pid)",
        table, text, table);
}
