// SPDX-License-Identifier: Apache-2.0
// Which statements are routes: shapes that are row-wise, shapes that are not, and attacks, each with what becomes of it.
#include "fixture.h"

#include "base/buf.h"

// A hundred characters, and sixty thousand of them.
#define HUNDRED "replace('0000000000', '0', '0000000000')"
#define LONG "replace(replace(replace(" HUNDRED ", '0', '0000000000'), '0', '0000000000'), '0', '000000')"

// Compiled for a table with a column of each type, none required (n, d, t, b, ts), and run over a share, a coin and a currency.
static const struct {
    const char *select, *outcomes;
} routes[] = {
    // row-wise shapes
    {"SELECT id AS t FROM tick", "TTT"},
    {"SELECT price AS d, time AS ts, quote_type AS n, exchange AS t FROM tick", "TTT"},
    {"SELECT price * 2 AS d FROM tick", "TTT"},
    {"SELECT id AS t FROM tick WHERE quote_type = 41", "-T-"},
    {"SELECT id AS t FROM tick WHERE price > 100 AND NOT quote_type = 41", "T--"},
    {"SELECT id AS t FROM tick WHERE quote_type IN (8, 14)", "T-T"},
    {"SELECT id AS t FROM tick WHERE quote_type NOT IN (0, 5, 7, 14, 41)", "T--"},
    {"SELECT id AS t FROM tick WHERE quote_type IN (price, 8)", "T--"},
    {"SELECT id AS t FROM tick WHERE id LIKE '%usd%'", "-TT"},
    {"SELECT id AS t FROM tick WHERE id GLOB 'A*'", "T--"},
    {"SELECT id AS t FROM tick WHERE exchange IS NULL", "--T"},
    {"SELECT id AS t FROM tick WHERE (id, quote_type) = ('AAPL', 8)", "T--"},
    {"SELECT id AS t FROM tick WHERE price BETWEEN 1 AND 2 OR exchange = 'CCC'", "-TT"},
    {"SELECT CASE WHEN price > 100 THEN 'high' ELSE 'low' END AS t FROM tick", "TTT"},
    {"SELECT coalesce(exchange, '?') AS t, max(price, 100) AS d FROM tick", "TTT"},
    {"SELECT CAST(price AS INTEGER) AS n FROM tick", "TTT"},
    {"SELECT tick.id AS t FROM tick", "TTT"},
    {"SELECT k.id AS t FROM tick AS k WHERE k.price > 2", "TT-"},
    {"SELECT \"id\" AS t, [price] AS \"d\", `time` AS ts FROM \"tick\"", "TTT"},
    {"SELECT ID AS T FROM TICK WHERE Quote_Type = 8", "T--"},
    {"SELECT _topic AS t, _partition AS n FROM tick", "TTT"},
    {"SELECT id COLLATE NOCASE AS t FROM tick WHERE id = 'aapl' COLLATE NOCASE", "T--"},
    {"SELECT 'constant' AS t, NULL AS d, x'00' AS b FROM tick", "TTT"},
    {"SELECT id AS t FROM tick WHERE 1", "TTT"},
    {"SELECT id AS t FROM tick WHERE 0", "---"},
    {"SELECT id AS t FROM tick WHERE NULL", "---"},
    {"SELECT id AS t FROM main.tick", "TTT"},
    {"SELECT id AS t FROM tick('tickers.stocks')", "TTT"}, // a condition on a hidden column
    {"SELECT iso8601(time) AS t, timestamp('2026-01-01') AS ts FROM tick", "TTT"},
    {"SELECT strftime('%Y', time / 1000000, 'unixepoch') AS n FROM tick", "TTT"},
    {"SELECT json_extract('{\"a\":5}', '$.a') AS n, '[1]' -> 0 AS t FROM tick", "TTT"},
    // spelling
    {"SELECT id AS t FROM tick;", "TTT"},
    {"  SELECT id AS t FROM tick ; ; -- the end", "TTT"},
    {"-- what it does\nSELECT id AS t /* the symbol; */ FROM tick -- all; of them", "TTT"},
    {"/**/SELECT/*;*/id AS t FROM tick", "TTT"},
    {"SELECT ';' AS t FROM tick", "TTT"},
    {"SELECT 'it''s SELECT, UNION, --, /*' AS t FROM tick", "TTT"},
    {"sElEcT id aS t fRoM tick", "TTT"},
    // rows that fail
    {"SELECT price * 1e308 * 10 AS d FROM tick", "RRR"},
    {"SELECT 9223372036854775807 + quote_type AS n FROM tick", "RRR"}, // turns into a number beyond int64
    {"SELECT 9223372036854775807 + quote_type AS d FROM tick", "TTT"},
    {"SELECT price / 0 AS d, quote_type % 0 AS n FROM tick", "TTT"}, // SQL: null
    {"SELECT abs(-9223372036854775807 - (quote_type = 8)) AS n FROM tick", "RTT"},
    {"SELECT id AS n FROM tick", "RRR"},
    {"SELECT price AS n FROM tick", "RRR"},
    {"SELECT price AS b FROM tick", "RRR"},
    {"SELECT x'ff' AS t FROM tick", "RRR"},
    {"SELECT CAST(x'ff' AS TEXT) AS t FROM tick", "RRR"},
    {"SELECT char(65, 0, 66) AS t FROM tick", "RRR"},
    {"SELECT json_extract(id, '$.a') AS t FROM tick", "RRR"},
    {"SELECT timestamp(id) AS ts FROM tick", "RRR"},
    {"SELECT datetime('n' || 'ow') AS t FROM tick", "RRR"},
    {"SELECT datetime(price, 'local' || 'time') AS t FROM tick", "RRR"},
    // too much
    {"SELECT hex(" LONG " || id) AS t FROM tick", "RRR"},
    {"SELECT replace(" LONG ", '0', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') AS t FROM tick", "RRR"},
    {"SELECT replace(replace(replace(replace('          ', ' ', id||id||id||id||id||id||id||id||id||id), 'A', '----------'), '-', '----------'), '-', id) AS "
     "t FROM tick",
     "RTT"},
    {"SELECT " LONG " || id || " LONG " AS t FROM tick", "RRR"},
    {"SELECT id LIKE '%' || " HUNDRED " || " HUNDRED " || " HUNDRED " AS n FROM tick", "RRR"},
    {"SELECT trim(id, " HUNDRED ") AS t FROM tick", "RRR"},
};

static const struct {
    const char *select, *error;
} refused[] = {
    {"SELECT printf('%*d', 500000000, quote_type) AS t FROM tick", "the function printf() is not allowed: a width"},
    {"SELECT format('%.2f', price) AS t FROM tick", "use round(), || and substr()"},
    // not row-wise
    {"SELECT id AS t FROM tick ORDER BY id", "ORDER BY cannot be in a route"},
    {"SELECT id AS t FROM tick ORDER BY 1 + 1", "ORDER BY cannot be in a route"},
    {"SELECT id AS t FROM tick GROUP BY id", "GROUP BY cannot be in a route"},
    {"SELECT id AS t FROM tick GROUP BY 1 + 1 HAVING id > 1", "GROUP BY cannot be in a route"},
    {"SELECT id AS t FROM tick HAVING id > 1", "HAVING"},
    {"SELECT DISTINCT id AS t FROM tick", "DISTINCT cannot be in a route"},
    {"SELECT DISTINCT 1 AS n FROM tick", "DISTINCT cannot be in a route"},
    {"SELECT id AS t FROM tick LIMIT 1", "LIMIT cannot be in a route"},
    {"SELECT id AS t FROM tick LIMIT 0", "LIMIT cannot be in a route"},
    {"SELECT id AS t FROM tick LIMIT -1", "LIMIT cannot be in a route"},
    {"SELECT id AS t FROM tick LIMIT 1 + 1 OFFSET 2", "LIMIT cannot be in a route"},
    {"SELECT count(*) AS n FROM tick", "count() is not allowed"},
    {"SELECT sum(price) AS d FROM tick GROUP BY id", "sum() is not allowed"},
    {"SELECT max(price) AS d FROM tick", "an aggregate or window function cannot be in a route"},
    {"SELECT id AS t, min(price) AS d FROM tick", "an aggregate or window function cannot be in a route"},
    {"SELECT max(price) FILTER (WHERE id > 'a') AS d FROM tick", "an aggregate or window function cannot be in a route"},
    {"SELECT group_concat(id) AS t FROM tick", "group_concat() is not allowed"},
    {"SELECT json_group_array(id) AS t FROM tick", "json_group_array() is not allowed"},
    {"SELECT row_number() OVER () AS n FROM tick", "row_number() is not allowed"},
    {"SELECT max(price) OVER () AS d FROM tick", "cannot be in a route"},
    {"SELECT max(price) OVER (PARTITION BY id ORDER BY time) AS d FROM tick", "cannot be in a route"},
    {"SELECT lag(price) OVER (ORDER BY time) AS d FROM tick", "lag() is not allowed"},
    {"SELECT a.id AS t FROM tick a JOIN tick b ON a.id = b.id", "a join cannot be in a route"},
    {"SELECT a.id AS t FROM tick a, tick b", "a join cannot be in a route"},
    {"SELECT a.id AS t FROM tick a LEFT JOIN tick b USING (id)", "a join cannot be in a route"},
    {"SELECT t FROM (tick) NATURAL JOIN tick AS b", "no such column: t"},
    {"SELECT id AS t FROM tick UNION SELECT id FROM tick", "one SELECT"},
    {"SELECT id AS t FROM tick UNION ALL SELECT id FROM tick", "one SELECT"},
    {"SELECT id AS t FROM tick EXCEPT SELECT id FROM tick", "one SELECT"},
    {"SELECT (SELECT 1) AS n FROM tick", "one SELECT"},
    {"SELECT id AS t FROM tick WHERE EXISTS (SELECT 1 FROM tick)", "one SELECT"},
    {"SELECT id AS t FROM tick WHERE id IN (SELECT id FROM tick)", "one SELECT"},
    {"SELECT id AS t FROM (SELECT * FROM tick)", "one SELECT"},
    {"SELECT id AS t FROM tick WHERE id IN (VALUES ('AAPL'), ('MSFT'))", "cannot be in a route"},
    {"SELECT id AS t FROM tick UNION VALUES (1)", "cannot be in a route"},
    {"SELECT id AS t FROM tick WHERE id IN tick", "sub-select returns"},
    {"SELECT 1 AS n", "FROM is missing"},
    {"SELECT 1 AS n WHERE 0", "FROM is missing"},
    {"WITH a AS (SELECT * FROM tick) SELECT id AS t FROM a", "begins with \"WITH a AS"},
    {"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS n FROM c", "begins with \"WITH"},
    {"WITH a AS (VALUES (1)) SELECT id AS t FROM tick", "begins with \"WITH"},
    {"VALUES (1)", "begins with \"VALUES"},
    // not a SELECT, or more than one
    {"", "the SQL is empty"},
    {" -- nothing\n ; ", "the SQL is empty"},
    {"INSERT INTO tick VALUES (1)", "begins with \"INSERT"},
    {"UPDATE tick SET id = 1", "begins with \"UPDATE"},
    {"DELETE FROM tick", "begins with \"DELETE"},
    {"DELETE FROM sqlite_master", "begins with \"DELETE"},
    {"CREATE TABLE x(y)", "begins with \"CREATE"},
    {"ATTACH 'ÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜ' AS x", "begins with \"ATTACH"},
    {"PRAGMA journal_mode = WAL", "begins with \"PRAGMA"},
    {"VACUUM INTO '/tmp/x'", "begins with \"VACUUM"},
    {"BEGIN", "begins with \"BEGIN"},
    {"EXPLAIN SELECT id AS t FROM tick", "begins with \"EXPLAIN"},
    {"SELECT id AS t FROM tick; SELECT id AS t FROM tick", "one statement"},
    {"SELECT id AS t FROM tick; ATTACH '/tmp/x' AS x", "one statement"},
    {"SELECT id AS t FROM tick; x", "one statement"},
    {"SELECT id AS t FROM tick /* and so on", "has no end"},
    {"SELECT id AS t FROM tick WHERE id = 'AAPL", "has no end"},
    {"SELECT id AS t FROM tick WHERE id = ?", "no parameters"},
    {"SELECT :a AS t FROM tick", "no parameters"},
    {"SELECT $a(')SELECT 1 AS n') AS t FROM tick", "no parameters"}, // one word to SQLite
    {"\xEF\xBB\xBFSELECT id AS t FROM tick", "this begins with"},
    {"SELECT 1 AS n FROM tick UNION \xEF\xBB\xBFSELECT 2", "one SELECT"}, // a byte order mark is a space to SQLite
    {"SELECT id AS t FROM tick \xff", "UTF-8"},
    // other tables
    {"SELECT id AS t FROM ticks", "a route reads FROM tick"},
    {"SELECT name AS t FROM sqlite_master", "a route reads FROM tick"},
    {"SELECT name AS t FROM temp.sqlite_schema", "a route reads FROM tick"},
    {"SELECT value AS t FROM json_each('[1,2]')", "a route only reads the batch"},
    {"SELECT id AS t FROM tick, json_each('[1,2]')", "a route only reads the batch"},
    {"SELECT id AS t FROM tick, json_tree(tick.id)", "a route only reads the batch"},
    {"SELECT value AS n FROM generate_series(1, 5)", "a route reads FROM tick"},
    {"SELECT name AS t FROM pragma_database_list", "a route only reads the batch"},
    {"SELECT name AS t FROM pragma_function_list()", "a route only reads the batch"},
    {"SELECT sql AS t FROM sqlite_stmt", "a route only reads the batch"},
    {"SELECT name AS t FROM dbstat", "a route only reads the batch"},
    // names
    {"SELECT prise AS d FROM tick", "no such column: prise (did you mean price?)"},
    {"SELECT tick.prise AS d FROM tick", "(did you mean price?)"},
    {"SELECT \"prise\" AS d FROM tick", "no such column"}, // not a text
    {"SELECT id AS t FROM tick LIMIT price", "no such column: price, at"},
    {"SELECT rowid AS n FROM tick", "has no rowid"},
    {"SELECT id AS t FROM tick WHERE oid = 1", "has no rowid"},
    {"SELECT DISTINCT _rowid_ AS n FROM tick", "has no rowid"},
    {"SELECT lowr(id) AS t FROM tick", "no such function: lowr (did you mean lower?)"},
    {"SELECT * FROM tick", "loose has no column \"id\""},
    {"SELECT price FROM tick", "loose has no column \"price\": name it with AS, or take it out; there are n, d, t, b, ts"},
    {"SELECT price * 2 FROM tick", "loose has no column \"price * 2\""},
    {"SELECT id AS tt FROM tick", "loose has no column \"tt\" (did you mean t?)"},
    {"SELECT price AS d, change AS D FROM tick", "gives the column d twice"},
    // functions
    {"SELECT random() AS n FROM tick", "random() is not allowed"},
    {"SELECT randomblob(500000000) AS b FROM tick", "randomblob() is not allowed"},
    {"SELECT zeroblob(500000000) AS b FROM tick", "zeroblob() is not allowed"},
    {"SELECT load_extension('/tmp/x.so') AS t FROM tick", "load_extension() is not allowed"},
    {"SELECT fts3_tokenizer('x', x'00') AS t FROM tick", "fts3_tokenizer() is not allowed"},
    {"SELECT sqlite_version() AS t FROM tick", "sqlite_version() is not allowed"},
    {"SELECT changes() AS n FROM tick", "changes() is not allowed"},
    {"SELECT raise(ABORT, 'x') AS t FROM tick", "RAISE()"},
    {"SELECT id AS t FROM tick WHERE id MATCH 'x'", "match() is not allowed"},
    {"SELECT id AS t FROM tick WHERE id REGEXP 'x'", "no such function: REGEXP"},
    {"SELECT CURRENT_TIMESTAMP AS t FROM tick", "current_timestamp() is not allowed"},
    {"SELECT CURRENT_DATE AS t FROM tick", "current_date() is not allowed"},
    {"SELECT datetime('now') AS t FROM tick", "'now'"},
    {"SELECT id AS t FROM tick WHERE unixepoch('NOW') > 5", "'now'"},
    {"SELECT date() AS t FROM tick", "takes a time"},
    {"SELECT strftime('%s') AS n FROM tick", "takes a time"},
    {"SELECT julianday('now', '-1 day') AS d FROM tick", "'now'"},
    {"SELECT datetime(price, 'localtime') AS t FROM tick", "'localtime'"},
    {"SELECT datetime(price, 'unixepoch', 'UTC') AS t FROM tick", "'utc'"},
    {"SELECT date(1, 2, 3, 4, 5, 6, 7, 8) AS t FROM tick", "at most 7 arguments"},
    // too much
    {"SELECT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT "
     "NOT "
     "NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT "
     "NOT "
     "NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT "
     "NOT "
     "id AS n FROM tick",
     "overflow"},
    {"SELECT FROM tick", "syntax error"},
    {"SELECT", "incomplete input"},
};

static void test_transform_new_takes_row_wise_statements(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct transform *transform = compile(&tick_type, routes[i].select, &loose_type);
        struct batch *input = three_ticks(), *output = batch_new(&loose_type, 3);
        struct told told;
        run_route(transform, input, output, &told);
        if (strcmp(told.text, routes[i].outcomes) != 0) fail_msg("%s\ngives %s, not %s", routes[i].select, told.text, routes[i].outcomes);
        batch_free(input);
        batch_free(output);
        transform_free(transform);
    }
}

static void test_transform_new_refuses_all_others_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct err err;
        compile_refused(refused[i].select, &loose_type, &err);
        assert_contains(err.text, refused[i].error);
    }
}

static void test_transform_new_quotes_the_part_that_is_wrong(void **state)
{
    (void)state;
    struct err err;
    compile_refused("SELECT id AS t, lowr(id) AS b FROM tick WHERE price > 0", &loose_type, &err);
    assert_contains(err.text, "at \"lowr(id) AS b FROM tick WHERE price > 0\"");
    compile_refused("SELECT id AS t /* ORDER */ FROM tick WHERE id <> 'ORDER BY' ORDER BY id", &loose_type, &err);
    assert_contains(err.text, "at \"ORDER BY id\"");
    // Cut between characters, not within one.
    compile_refused("SELECT x + 'ÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜ' AS t FROM tick", &loose_type, &err);
    assert_true(text_is_utf8(err.text, strlen(err.text)));
}

static void test_transform_new_says_which_required_column_is_not_given(void **state)
{
    (void)state;
    struct err err;
    compile_refused("SELECT id, price FROM tick", &stocks_type, &err);
    assert_contains(err.text, "the SELECT does not give time, which stocks must have");
}

static char *repeated(const char *before, const char *part, size_t count, const char *after)
{
    struct buf buf;
    buf_init(&buf, 8 << 20);
    buf_append_text(&buf, before);
    for (size_t i = 0; i < count; i++) buf_append_text(&buf, part);
    buf_append_text(&buf, after);
    buf_append_byte(&buf, '\0');
    assert_false(buf.full);
    return buf.data;
}

static void refuse_repeated(const char *before, const char *part, size_t count, const char *after, const char *error)
{
    struct err err;
    char *sql = repeated(before, part, count, after);
    compile_refused(sql, &loose_type, &err);
    assert_contains(err.text, error);
    free(sql);
}

static void test_transform_new_refuses_what_is_too_long_or_too_deep(void **state)
{
    (void)state;
    refuse_repeated("SELECT id AS t FROM tick --", "x", BUF_MAX_SQL, "", "at most 65536 bytes of SQL");
    refuse_repeated("SELECT ", "*,", 20000, "id AS t FROM tick", "too many columns");
    refuse_repeated("SELECT id AS t FROM tick WHERE id = ''", " AND id = ''", 1000, "", "too large");
    refuse_repeated("SELECT ", "(", 500, "id", "overflow");
    refuse_repeated("SELECT id IN (''", ", lower(id)", 300, ") AS n FROM tick", "at most 256 are allowed");
    refuse_repeated("SELECT 1 AS n FROM tick", ", tick", 63, "", "a join");
    refuse_repeated("SELECT 1 AS n FROM tick", ", tick", 64, "", "at most 64 tables");
}

static void test_transform_new_takes_what_is_long(void **state)
{
    (void)state;
    char *sql = repeated("SELECT id AS t FROM tick WHERE id IN ('AAPL'", ", 'ABCDEF'", 6000, ")");
    struct transform *transform = compile(&tick_type, sql, &loose_type);
    struct batch *input = three_ticks(), *output = batch_new(&loose_type, 3);
    struct told told;
    run_route(transform, input, output, &told);
    assert_string_equal(told.text, "T--");
    batch_free(input);
    batch_free(output);
    transform_free(transform);
    free(sql);
}

// Names of a row type may be anything; two that SQL takes for one cannot be told apart.
static void test_transform_new_declares_strange_columns_and_refuses_double_ones(void **state)
{
    (void)state;
    static const struct row_column strange_columns[] = {{.name = "a \"quoted\" name", .type = COLUMN_TEXT},
                                                        {.name = "select", .type = COLUMN_TEXT}};
    static const struct row_type strange = {"order", 2, strange_columns};
    transform_free(compile(&strange, "SELECT \"a \"\"quoted\"\" name\" AS t, \"select\" AS b FROM \"order\"", &loose_type));

    static const struct row_column double_columns[] = {{.name = "price", .type = COLUMN_TEXT}, {.name = "Price", .type = COLUMN_TEXT}};
    static const struct row_type doubled = {"tick", 2, double_columns};
    struct transform_route route = {"processing.routes[0]", "SELECT price AS t FROM tick", &loose_type};
    struct transform *transform;
    struct err err;
    assert_int_equal(transform_new(&doubled, &route, 1, &transform, &err), FATAL);
    assert_contains(err.text, "duplicate column name: Price");
}

static void test_transform_new_names_the_route_that_is_wrong(void **state)
{
    (void)state;
    struct transform_route two[] = {
        {"ingestion.routes[0]", "SELECT id AS t FROM tick", &loose_type},
        {"ingestion.routes[1]", "SELECT id AS x FROM tick", &loose_type},
    };
    struct transform *transform;
    struct err err;
    assert_int_equal(transform_new(&tick_type, two, 2, &transform, &err), FATAL);
    assert_contains(err.text, "ingestion.routes[1]: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transform_new_takes_row_wise_statements),
        cmocka_unit_test(test_transform_new_refuses_all_others_with_a_reason),
        cmocka_unit_test(test_transform_new_quotes_the_part_that_is_wrong),
        cmocka_unit_test(test_transform_new_says_which_required_column_is_not_given),
        cmocka_unit_test(test_transform_new_refuses_what_is_too_long_or_too_deep),
        cmocka_unit_test(test_transform_new_takes_what_is_long),
        cmocka_unit_test(test_transform_new_declares_strange_columns_and_refuses_double_ones),
        cmocka_unit_test(test_transform_new_names_the_route_that_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
