# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL store as tools meet it: what is printed of its values, what becomes of a query that nobody waits for any more, and what
`fdp check` says of a store that cannot be written to."""
import json
import signal

import pytest

import servers
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


def problems(fdp):
    """What check says of the store, and whether that is all it says."""
    done = fdp.run("check", *fdp.where())
    said = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("problem  storage.url")]
    assert done.returncode == (1 if said else 0), done.stdout
    return said


def test_check_names_the_privileges_that_a_worker_lacks(store, postgres):
    assert problems(store) == []
    postgres.psql("REVOKE INSERT ON crypto FROM benthos")
    postgres.psql("REVOKE INSERT, UPDATE ON fdp_offsets, fdp_quarantine FROM benthos")
    said = problems(store)
    assert said == [
        "cannot write to table crypto: benthos lacks INSERT; run: GRANT INSERT ON crypto TO benthos",
        "cannot write to table fdp_offsets: benthos lacks INSERT, UPDATE; run: GRANT INSERT, UPDATE ON fdp_offsets TO benthos",
        "cannot write to table fdp_quarantine: benthos lacks INSERT, UPDATE; run: GRANT INSERT, UPDATE ON fdp_quarantine TO benthos",
    ]
    for problem in said:
        postgres.psql(problem.partition("run: ")[2])
    assert problems(store) == []
    store.up_for("500ms")


@pytest.mark.parametrize("whose", ["DATABASE {0}", "ROLE benthos IN DATABASE {0}"])
def test_check_says_that_transactions_are_read_only(store, postgres, whose):
    postgres.psql(f"ALTER {whose.format(postgres.name)} SET default_transaction_read_only = on")
    (problem,) = problems(store)
    assert "read-only" in problem
    with postgres.connect() as connection:
        for statement in problem.partition("run: ")[2].split("; "):
            connection.execute(statement)
    assert problems(store) == []


def test_check_says_that_the_server_is_a_standby(fdp):
    with servers.Postgres() as server:
        database = servers.Database(server)
        fdp.use(store=database).up_for("500ms")
        server.stop()
        signal_file = server.folder / "data/data/standby.signal"
        signal_file.touch()
        signal_file.chmod(0o666)
        server.start()
        (problem,) = problems(fdp)
        assert "standby" in problem and "target_session_attrs=read-write" in problem
