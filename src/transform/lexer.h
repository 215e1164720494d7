// SPDX-License-Identifier: Apache-2.0
// A look at the words of an SQL text before SQLite sees it.
//
// SQLite 3.40 cannot be stopped while it compiles, and views or common tables that use each other double its work with each line. All
// of that needs a second SELECT, so that one SELECT, no parameter and one statement are asked for first, with the same idea of words,
// quotes and comments as SQLite's own.
#ifndef FDP_TRANSFORM_LEXER_H
#define FDP_TRANSFORM_LEXER_H

#include "base/err.h"
#include "base/text.h"

// Checks that `sql` is one statement with one SELECT, in front. `statement` is it without what follows its end: a semicolon, spaces,
// comments. FATAL / ERR_CONFIG says what is wrong and quotes it.
enum status lexer_check(const char *sql, struct slice *statement, struct err *err) MUST_CHECK;

// Where a word stands, outside of quotes and comments; `sql` itself when it does not.
const char *lexer_find(const char *sql, const char *word);

enum { LEXER_QUOTE_BYTES = 60 };
// How many bytes of a text (UTF-8) to quote in a message: for "%.*s". Never part of a character.
int lexer_quote(const char *text);

#endif
