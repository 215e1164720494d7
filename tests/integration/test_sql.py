# SPDX-License-Identifier: Apache-2.0
"""Queries of a PostgreSQL store: what is printed of its values, and what becomes of queries that nobody waits for any more."""
import json
import signal

import pytest

from conftest import wait_for


@pytest.fixture
def store(fdp, postgres):
    """A store with tables."""
    fdp.use(store=postgres).up_for("1s")
    return fdp


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_query_ends_with_the_command_that_asked(store, postgres, sig):
    def running():
        return postgres.psql("SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'")

    command = store.start("sql", *store.where(), "SELECT pg_sleep(600) FROM stocks")
    wait_for(running, "the query runs")
    command.stop(sig)
    wait_for(lambda: not running(), "the query has ended", 20)


VALUES = {
    "18446744073709551613::numeric": "18446744073709551613",
    "SUM(i)::numeric": "5",
    "123456789.123456789012": "123456789.123456789012",
    "-0.10": "-0.10",
    "1e400::numeric": "1" + "0" * 400,
    "true": "t",
    "false": "f",
    "NULL::boolean": "",
    "0.1::float8": "0.1",
    "'NaN'::numeric": "NaN",
    "'-Infinity'::numeric": "-Infinity",
}


def test_values_are_printed_as_the_server_has_them(store):
    statement = f"SELECT {', '.join(VALUES)} FROM (VALUES (2), (3)) n (i)"
    _, row = store("sql", *store.where(), "--csv", statement).splitlines()
    assert row.split(",") == list(VALUES.values())
    _, row = store("sql", *store.where(), statement).splitlines()
    assert row.split() == [text[:100] for text in VALUES.values() if text]  # a table has no longer cells


def test_values_are_what_they_are_in_json(store):
    statement = f"SELECT {', '.join(f'{value} AS v{i}' for i, value in enumerate(VALUES))} FROM (VALUES (2), (3)) n (i)"
    (row,) = json.loads(store("sql", *store.where(), "--json", statement), parse_float=str, parse_int=str)
    words = {"true": True, "false": False, "NULL::boolean": None}
    assert list(row.values()) == [words.get(value, text) for value, text in VALUES.items()]
    assert '"NaN","v10":"-Infinity"' in store("sql", *store.where(), "--json", statement)  # no numbers of JSON
