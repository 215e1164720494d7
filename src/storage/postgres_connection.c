// SPDX-License-Identifier: Apache-2.0
// The connection of the PostgreSQL store: making it, waiting on it, noticing that it is gone.
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "storage/postgres.h"

enum {
    OLDEST_SERVER = 120000,
    WATCHES_CLIENTS = 140000,
    SILENCE_GRACE_MS = 5000, // the server gives a statement up by itself before we give the server up
    LOCK_TIMEOUT_MS = 2000,
    PASSWORD_BYTES = 4096,
    LEAST_USER_TIMEOUT_MS = 10000,
    QUICK_FAILURE_MS = 1000,
};

// libpq's texts have several lines.
static void keep_why(struct postgres *self, const char *text)
{
    size_t size = 0;
    for (; *text && size + 2 < sizeof self->why; text++) {
        bool space = *text == '\n' || *text == '\t' || *text == ' ';
        if (!space)
            self->why[size++] = *text;
        else if (size && self->why[size - 1] != ' ')
            self->why[size++] = ' ';
    }
    while (size && self->why[size - 1] == ' ') size--;
    self->why[size] = '\0';
}

void postgres_drop(struct postgres *self)
{
    if (self->conn) PQfinish(self->conn);
    self->conn = NULL;
    for (uint32_t i = 0; i < self->plan_count; i++) self->plans[i].shape = 0; // was the connection's
}

void postgres_lose(struct postgres *self)
{
    keep_why(self, PQerrorMessage(self->conn));
    if (!*self->why) keep_why(self, "the server closed the connection");
    postgres_drop(self);
}

// --- Waiting ---

// TLS may have taken more from the socket than was asked for: then there is something to read and nothing to wait for.
static bool is_read_already(PGconn *conn)
{
    SSL *tls = PQsslStruct(conn, "OpenSSL");
    return tls && SSL_pending(tls) > 0;
}

// Waits until the socket can be read or, with `out`, written. False when the server was silent for too long, or the connection is gone.
static bool wait_for(struct postgres *self, bool out)
{
    if (is_read_already(self->conn) && PQconsumeInput(self->conn)) return true;
    struct pollfd socket = {.fd = PQsocket(self->conn), .events = (short)(out ? POLLIN | POLLOUT : POLLIN)};
    int64_t deadline_ns = clock_deadline_ms(self->patient ? INT64_MAX : self->statement_timeout_ms + SILENCE_GRACE_MS);
    int ready;
    do {
        ready = poll(&socket, 1, clock_left_ms(deadline_ns));
    } while ((ready < 0 && errno == EINTR) || (ready == 0 && clock_mono_ns() < deadline_ns));
    if (ready > 0 && (!(socket.revents & (POLLIN | POLLERR | POLLHUP)) || PQconsumeInput(self->conn))) return true;
    if (ready > 0) {
        postgres_lose(self);
    } else {
        keep_why(self, "the server did not answer in time");
        postgres_drop(self);
    }
    return false;
}

bool postgres_flush(struct postgres *self)
{
    while (self->conn) {
        int left = PQflush(self->conn);
        if (left == 0) return true;
        if (left > 0)
            (void)wait_for(self, true); // a failure shows in self->conn
        else
            postgres_lose(self);
    }
    return false;
}

PGresult *postgres_next(struct postgres *self)
{
    if (!postgres_flush(self)) return NULL;
    while (PQisBusy(self->conn))
        // What came before the end of the connection still counts: libpq hands it out, then its own error.
        if (!wait_for(self, false)) return NULL;
    PGresult *result = PQgetResult(self->conn);
    if (PQstatus(self->conn) == CONNECTION_OK) return result;
    PQclear(result);
    postgres_lose(self);
    return NULL;
}

void postgres_drain(struct postgres *self)
{
    PGresult *result;
    while (self->conn && (result = postgres_next(self))) {
        ExecStatusType kind = PQresultStatus(result);
        PQclear(result);
        if (kind == PGRES_COPY_IN && PQputCopyEnd(self->conn, "given up") < 0) postgres_lose(self);
        // What a COPY TO would send is not wanted by anyone: a new connection is quicker than reading it all.
        if (self->conn && (kind == PGRES_COPY_OUT || kind == PGRES_COPY_BOTH)) postgres_drop(self);
    }
}

// --- Connecting ---

static void ignore_notice(void *context, const char *message)
{
    (void)context, (void)message;
}

// An @ or / in a password that is not written as %40 or %2F makes libpq take the rest of the password for a host, which it then names.
static enum status check_url(const char *url, struct err *err)
{
    const char *at = strchr(url, ':') + 1;
    at += strspn(at, "/");
    const char *end = at + strcspn(at, "?"), *first = memchr(at, '@', (size_t)(end - at)), *slash = memchr(at, '/', (size_t)(end - at));
    const char *from = first && (!slash || first < slash) ? first + 1 : slash;
    if (from && memchr(from, '@', (size_t)(end - from)))
        return err_set(err, FATAL, ERR_CONFIG,
                       "storage.url has an @ too many; in a name or a password, write @ as %%40, / as %%2F, : as %%3A and %% as %%25");
    char *text = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &text);
    if (!options) {
        // libpq quotes what it does not understand, which may be a password.
        int length = text ? (int)strcspn(text, "\"\n") : 0;
        while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == ':')) length--;
        err_set(err, FATAL, ERR_CONFIG, "storage.url is not understood: %.*s; it is postgresql://USER@HOST:PORT/DATABASE?OPTION=VALUE",
                length, text ? text : "");
        PQfreemem(text);
        return FATAL;
    }
    // It would try to connect, and quote what it takes for a port.
    bool port = true;
    for (const PQconninfoOption *option = options; option->keyword; option++)
        if (!strcmp(option->keyword, "port") && option->val) port = !option->val[strspn(option->val, "0123456789,")];
    PQconninfoFree(options);
    return port ? OK : err_set(err, FATAL, ERR_CONFIG, "the port of storage.url is not a number");
}

// Why there is no connection. PQping tells, without regard to the server's language, whether the server was there at all.
static enum status why_not(struct postgres *self, bool quick, const char *const *names, const char *const *values, struct err *err)
{
    switch (quick ? PQpingParams(names, values, 1) : PQPING_NO_RESPONSE) {
    case PQPING_NO_ATTEMPT: {
        int length = (int)strcspn(self->why, "\"");
        while (length > 0 && (self->why[length - 1] == ' ' || self->why[length - 1] == ':')) length--;
        return err_set(err, FATAL, ERR_CONFIG, "storage.url cannot be used: %.*s; check its options", length, self->why);
    }
    case PQPING_OK:
        return err_set(err, RETRY, ERR_STORAGE,
                       "PostgreSQL does not let us in: %s; check user, password and database of storage.url, and pg_hba.conf of the server",
                       self->why);
    case PQPING_REJECT: return err_set(err, RETRY, ERR_STORAGE, "PostgreSQL is starting or stopping: %s; this passes by itself", self->why);
    case PQPING_NO_RESPONSE: break;
    }
    return err_set(err, RETRY, ERR_STORAGE, "cannot reach PostgreSQL: %s; check that it runs, and host and port of storage.url", self->why);
}

static enum status set_up(struct postgres *self, struct err *err)
{
    int version = PQserverVersion(self->conn);
    if (version < OLDEST_SERVER)
        return err_set(err, FATAL, ERR_STORAGE, "the server is PostgreSQL %d; %d or newer is needed", version / 10000,
                       OLDEST_SERVER / 10000);
    int64_t lock_timeout_ms = self->statement_timeout_ms / 2 < LOCK_TIMEOUT_MS ? self->statement_timeout_ms / 2 : LOCK_TIMEOUT_MS;
    char sql[1024];
    // Who waits for a lock is not slow: writing less would not help, so this ends before the statement timeout does.
    // The keepalives are the server's: a worker whose machine is gone does not keep its locks on the tables.
    snprintf(
        sql, sizeof sql,
        "SET statement_timeout = %lld; SET lock_timeout = %lld; SET idle_in_transaction_session_timeout = %lld;"
        "SET default_transaction_isolation = 'read committed'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';"
        "SET bytea_output = 'hex'; SET extra_float_digits = 1; SET client_min_messages = 'error';"
        "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3%s",
        (long long)(self->read_only ? 0 : self->statement_timeout_ms), (long long)lock_timeout_ms, (long long)self->statement_timeout_ms,
        self->read_only ? "; SET default_transaction_read_only = on" : "");
    TRY(postgres_run(self, "set up the connection to PostgreSQL", sql, err));
    // A statement ends when its client has, as with Ctrl-C: nothing goes on for nobody, and keeps its locks. A server on Windows cannot.
    bool watched =
        version < WATCHES_CLIENTS || postgres_run(self, "set up the connection", "SET client_connection_check_interval = '1s'", err) == OK;
    return watched || self->conn ? OK : err->status;
}

// The first line of the file. It may change, and be away for a moment while it does.
static enum status read_password(const struct postgres *self, struct buf *out, struct err *err)
{
    const char *why = *self->password_file ? file_read(self->password_file, out) : NULL;
    bool zero = memchr(out->data ? out->data : "", '\0', out->size);
    buf_append_byte(out, '\0');
    if (out->full)
        why = "it is too long";
    else
        out->data[strcspn(out->data, "\r\n")] = '\0';
    if (!why && zero) why = "it holds a zero byte";
    if (!why && *self->password_file && !*out->data) why = "its first line is empty";
    if (why) return err_set(err, RETRY, ERR_CONFIG, "there is no password in storage.password-file %s: %s", self->password_file, why);
    return OK;
}

static enum status connect_with(struct postgres *self, const char *password, struct err *err)
{
    char timeout[24], user_timeout[24];
    snprintf(timeout, sizeof timeout, "%lld", (long long)(self->connect_timeout_ms + 999) / 1000);
    int64_t unanswered_ms = self->statement_timeout_ms > LEAST_USER_TIMEOUT_MS ? self->statement_timeout_ms : LEAST_USER_TIMEOUT_MS;
    snprintf(user_timeout, sizeof user_timeout, "%lld", (long long)unanswered_ms);
    // Looking for a Kerberos ticket costs memory and time at every start, and hardly anybody has one: it has to be asked for.
    const char *gss = getenv("PGGSSENCMODE") ? NULL : "disable";
    // What stands before dbname is overruled by the URL, what stands after it is not. NULL and "" are not set at all.
    const char *const names[] = {"connect_timeout",
                                 "keepalives_idle",
                                 "keepalives_interval",
                                 "keepalives_count",
                                 "tcp_user_timeout",
                                 "gssencmode",
                                 "fallback_application_name",
                                 "dbname",
                                 "password",
                                 "client_encoding",
                                 NULL};
    const char *const values[] = {timeout, "10", "5", "3", user_timeout, gss, "fdp", self->url, password, "UTF8", NULL};
    int64_t began_ns = clock_mono_ns();
    self->conn = PQconnectdbParams(names, values, 1);
    if (!self->conn) abort();
    if (PQstatus(self->conn) != CONNECTION_OK) {
        postgres_lose(self);
        return why_not(self, clock_mono_ns() - began_ns < QUICK_FAILURE_MS * MS_NS, names, values, err);
    }
    PQsetNoticeProcessor(self->conn, ignore_notice, NULL);
    enum status status = PQsetnonblocking(self->conn, 1) == 0 ? set_up(self, err) : postgres_err(self, NULL, "connect", err);
    if (status != OK) postgres_drop(self);
    return status;
}

static enum status connect(struct postgres *self, struct err *err)
{
    struct buf password;
    TRY(check_url(self->url, err));
    buf_init(&password, PASSWORD_BYTES);
    enum status status = read_password(self, &password, err);
    if (status == OK) status = connect_with(self, password.data, err);
    if (password.data) explicit_bzero(password.data, password.capacity);
    buf_fini(&password);
    return status;
}

enum status postgres_ready(struct postgres *self, struct err *err)
{
    // A server that was restarted in the meantime has said so, and then closed: better to know before anything is sent.
    struct pollfd socket = {.fd = self->conn ? PQsocket(self->conn) : -1, .events = POLLIN};
    while (self->conn && poll(&socket, 1, 0) > 0)
        if (!PQconsumeInput(self->conn)) postgres_lose(self);
    self->patient = self->read_only; // who only looks may ask for what takes long
    return self->conn ? OK : connect(self, err);
}

// --- Asking ---

static bool is_good(const PGresult *result)
{
    ExecStatusType kind = PQresultStatus(result);
    return kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK || kind == PGRES_EMPTY_QUERY;
}

// Ends an exchange that failed with `result`, NULL when the connection was lost.
static enum status fail(struct postgres *self, const PGresult *result, const char *doing, struct err *err)
{
    enum status status = postgres_err(self, result, doing, err);
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    postgres_drain(self);
    // A standby: the URL may name several hosts, and a new connection finds the one that takes rows.
    if (state && !strcmp(state, "25006")) postgres_drop(self);
    return status;
}

enum status postgres_run(struct postgres *self, const char *doing, const char *sql, struct err *err)
{
    if (!PQsendQuery(self->conn, sql)) postgres_lose(self);
    PGresult *result = NULL;
    while (self->conn && (result = postgres_next(self))) {
        enum status status = is_good(result) ? OK : fail(self, result, doing, err);
        PQclear(result);
        if (status != OK) return status;
    }
    return self->conn ? OK : postgres_err(self, NULL, doing, err);
}

enum status postgres_ask(struct postgres *self, const char *doing, const char *sql, int count, const char *const *values, PGresult **out,
                         struct err *err)
{
    if (!PQsendQueryParams(self->conn, sql, count, NULL, values, NULL, NULL, 0)) postgres_lose(self);
    PGresult *result = self->conn ? postgres_next(self) : NULL, *more = NULL;
    // It commits after it has given its result: only the end of the exchange says that it did.
    bool good = result && is_good(result) && !(more = postgres_next(self)) && self->conn;
    if (good) {
        *out = result;
        return OK;
    }
    enum status status = fail(self, self->conn ? (more ? more : result) : NULL, doing, err);
    PQclear(result);
    PQclear(more);
    return status;
}
