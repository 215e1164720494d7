// SPDX-License-Identifier: Apache-2.0
// Words, quotes and comments of an SQL text.
#include "transform/lexer.h"

#include <strings.h>

#include "base/buf.h"

enum token {
    TOKEN_END,
    TOKEN_SPACE, // or a comment
    TOKEN_WORD,
    TOKEN_QUOTED,
    TOKEN_SEMICOLON,
    TOKEN_PARAMETER,
    TOKEN_OTHER,
    TOKEN_UNTERMINATED, // a quote or comment without its end
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

// A doubled quote is part of the text; of brackets, the first closing one is the end.
static enum token quoted(const char *sql, char end, size_t *size)
{
    size_t i = 1;
    while (sql[i] && (sql[i] != end || (end != ']' && sql[i + 1] == end))) i += sql[i] == end ? 2 : 1;
    if (!sql[i]) return TOKEN_UNTERMINATED;
    *size = i + 1;
    return TOKEN_QUOTED;
}

// Bytes above 127 count as other characters, although SQLite lets them be part of names: so no word can hide behind one.
static enum token next_token(const char *sql, size_t *size)
{
    *size = 1;
    switch (sql[0]) {
    case '\0': return TOKEN_END;
    case ' ':
    case '\t':
    case '\n':
    case '\f':
    case '\r': return TOKEN_SPACE;
    case ';': return TOKEN_SEMICOLON;
    case '?':
    case '@':
    case '#':
    case ':':
    case '$': return TOKEN_PARAMETER;
    case '\'':
    case '"':
    case '`': return quoted(sql, sql[0], size);
    case '[': return quoted(sql, ']', size);
    case '-':
        if (sql[1] != '-') return TOKEN_OTHER;
        *size = strcspn(sql, "\n");
        return TOKEN_SPACE;
    case '/':
        if (sql[1] != '*') return TOKEN_OTHER;
        if (!strstr(sql + 2, "*/")) return TOKEN_UNTERMINATED;
        *size = (size_t)(strstr(sql + 2, "*/") - sql) + 2;
        return TOKEN_SPACE;
    default: break;
    }
    if (!is_word(sql[0])) return TOKEN_OTHER;
    while (is_word(sql[*size])) ++*size;
    return TOKEN_WORD;
}

int lexer_quote(const char *text)
{
    size_t size = strnlen(text, LEXER_QUOTE_BYTES + 1);
    if (size > LEXER_QUOTE_BYTES)
        for (size = LEXER_QUOTE_BYTES; size && (text[size] & 0xc0) == 0x80;) size--;
    return (int)size;
}

static bool is_the_word(const char *at, size_t size, const char *word)
{
    return size == strlen(word) && strncasecmp(at, word, size) == 0;
}

const char *lexer_find(const char *sql, const char *word)
{
    size_t size;
    for (const char *at = sql;; at += size) {
        enum token token = next_token(at, &size);
        if (token == TOKEN_END || token == TOKEN_UNTERMINATED) return sql;
        if (token == TOKEN_WORD && is_the_word(at, size, word)) return at;
    }
}

static enum status refuse_second_select(const char *at, struct err *err)
{
    return err_set(
        err, FATAL, ERR_CONFIG,
        "a route has one SELECT: subqueries, WITH and UNION bring rows together that are separate inputs; found a second one at \"%.*s\"",
        lexer_quote(at), at);
}

// What comes after the statement may only be space.
static enum status check_rest(const char *rest, struct err *err)
{
    for (size_t size; *rest; rest += size) {
        enum token token = next_token(rest, &size);
        if (token != TOKEN_SPACE && token != TOKEN_SEMICOLON)
            return err_set(err, FATAL, ERR_CONFIG, "a route is one statement; take out what follows the first: \"%.*s\"", lexer_quote(rest),
                           rest);
    }
    return OK;
}

enum status lexer_check(const char *sql, struct slice *statement, struct err *err)
{
    if (strnlen(sql, BUF_MAX_SQL + 1) > BUF_MAX_SQL)
        return err_set(err, FATAL, ERR_CONFIG, "a route has at most %d bytes of SQL", BUF_MAX_SQL);
    if (!text_is_utf8(sql, strlen(sql))) return err_set(err, FATAL, ERR_CONFIG, "SQL is UTF-8; this is not");
    uint32_t selects = 0;
    const char *at = sql;
    for (size_t size;; at += size) {
        enum token token = next_token(at, &size);
        if (token == TOKEN_SPACE) continue;
        if (token == TOKEN_END || token == TOKEN_SEMICOLON) break;
        if (token == TOKEN_UNTERMINATED)
            return err_set(err, FATAL, ERR_CONFIG, "a quote or comment has no end: \"%.*s\"", lexer_quote(at), at);
        if (token == TOKEN_PARAMETER)
            return err_set(err, FATAL, ERR_CONFIG, "a route has no parameters; write the value in place of \"%.*s\"", lexer_quote(at), at);
        bool select = token == TOKEN_WORD && is_the_word(at, size, "SELECT");
        if (!select && !selects)
            return err_set(err, FATAL, ERR_CONFIG, "a route is SELECT columns FROM the batch [WHERE condition]; this begins with \"%.*s\"",
                           lexer_quote(at), at);
        if (select && selects++) return refuse_second_select(at, err);
    }
    if (!selects) return err_set(err, FATAL, ERR_CONFIG, "the SQL is empty; a route is SELECT columns FROM the batch [WHERE condition]");
    *statement = (struct slice){sql, (size_t)(at - sql)};
    return check_rest(at, err);
}
