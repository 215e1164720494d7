# SPDX-License-Identifier: Apache-2.0
"""More of what an operator does, each test with a pipeline of its own; see test_operating.py."""
import pytest
import requests

from conftest import wait_for
from operated import BACK_ENDS, TABLES, TICK, Pipeline, now, stop


@pytest.fixture(params=BACK_ENDS)
def pipe(request, fdp):
    """A pipeline of the test's own, in which nothing is yet."""
    real = request.param != "embedded"
    yield Pipeline(fdp, real, *map(request.getfixturevalue, ("kafka", "postgres") if real else ()))
    stop(fdp)


@pytest.mark.parametrize("pipe", BACK_ENDS[1:], indirect=True)  # the embedded log knows no members
def test_groups_describe_names_the_member_that_reads(pipe):
    pipe.up("1s")
    role = pipe.fdp.role("process")
    role.address("monitoring")
    wait_for(lambda: all(p["member"] for p in pipe.partitions()), "a member reads everything")
    (group,) = [g for g in pipe.json("groups", "list") if g["group"] == "processing"]
    assert group["state"] == "stable" and group["members"] == 1
    assert role.stop()[0] == 0


def test_reset_to_the_beginning_makes_everything_again_and_doubles_nothing(pipe):
    summary = pipe.up()
    before = pipe.all_rows()
    pipe("groups", "reset", "processing", "--to", "earliest", "--yes")
    assert all(not rows for rows in pipe.all_rows().values())
    assert pipe.sums() == {"stored": 0, "quarantined": 0, "filtered": 0, "skipped": 0}
    pipe.work()
    assert pipe.all_rows() == before
    assert pipe.sums()["stored"] == summary["stored"]


def test_reset_takes_each_count_back(pipe):
    only = "processing.routes=[{topic: tickers.stocks, table: stocks, select: \"SELECT * FROM tick WHERE id <> 'AAPL'\"}]"
    pipe.up("1s", "--set", "simulator.rate=1", "--set", only)
    pipe.produce("tickers.stocks", "A\trubbish", "A\tmore", raw=True)
    pipe.produce("tickers.stocks", *[TICK | {"id": name} for name in ("A", "A", "A", "AAPL", "AAPL", "AAPL", "AAPL")])
    pipe.work("--set", only)
    before = pipe.sums()
    assert before["quarantined"] == 2 and before["filtered"] >= 4 and before["stored"] >= 3
    entries = len(pipe.json("quarantine", "list"))
    pipe("groups", "reset", "processing", "--to", "earliest", "--topic", "tickers.stocks", "--yes", "--set", only)
    assert pipe.sums() == {"stored": 0, "quarantined": 0, "filtered": 0, "skipped": 0}
    assert pipe.json("quarantine", "list") == []
    pipe.work("--set", only)
    assert pipe.sums() == before and len(pipe.json("quarantine", "list")) == entries


def test_reset_under_a_running_worker(pipe):
    role = pipe.fdp.up("--set", "simulator.rate=200")
    role.address("monitoring")
    wait_for(lambda: pipe.fdp.data.exists() and pipe.run("sql", "SELECT 1 FROM stocks LIMIT 1").stdout.strip(), "rows")
    wait_for(lambda: all(pipe.fdp.count(table) > 20 for table in TABLES), "rows in all tables")
    if not pipe.real:
        done = pipe.run("groups", "reset", "processing", "--to", "earliest", "--yes")
        assert done.returncode == 6 and "stop it first" in done.stderr
    else:
        pipe("groups", "reset", "processing", "--to", "earliest", "--yes")
        pipe("groups", "reset", "processing", "--to", "latest", "--topic", "tickers.crypto", "--yes")
        # Few records wait in a partition from its very start, so that a small lag alone tells nothing.
        wait_for(lambda: pipe.sums()["stored"] > 60 and all(p["lag"] is not None and p["lag"] < 50 for p in pipe.partitions()),
                 "the worker has caught up")
    assert role.stop()[0] == 0, role.stderr()
    sums = pipe.sums()
    assert sums["stored"] > 60 and sums["quarantined"] == 0
    assert (sums["skipped"] > 0) == pipe.real or sums["skipped"] == 0


def test_reset_under_a_worker_that_has_nothing_to_do(pipe):
    pipe.up("1s")
    before = pipe.all_rows()
    url = [] if pipe.real else ["--set", f"streaming.registry.url={pipe.fdp.role('registry').address('registry')}"]
    role = pipe.fdp.role("process", *url)
    ready = role.address("monitoring") + "readyz"
    wait_for(lambda: requests.get(ready).status_code == 200, "it has all partitions")
    pipe("groups", "reset", "processing", "--to", "earliest", "--yes")
    if pipe.real:
        wait_for(lambda: pipe.all_rows() == before, "it begins anew")
        assert role.stop()[0] == 0
    else:
        assert role.process.wait(30) == 6 and "was moved" in role.stderr()
        pipe.work()
        assert pipe.all_rows() == before


def test_reset_afresh_wants_another_topic(pipe):
    pipe.up("1s")
    before = pipe.all_rows()
    done = pipe.run("groups", "reset", "processing", "--to", "earliest", "--fresh", "--yes")
    assert done.returncode == 5 and "it is the same topic still" in done.stderr and pipe.all_rows() == before


def test_reset_gives_up_positions_whose_partitions_are_gone(pipe):
    pipe.up("1s")
    before = pipe.all_rows()
    pipe("topics", "delete", "tickers.stocks", "--yes")
    pipe("topics", "delete", "tickers.crypto", "--yes")
    pipe("topics", "create", "tickers.stocks", "--partitions", "1")
    fewer = ["--set", "streaming.topics=[{name: tickers.stocks, partitions: 1}, {name: tickers.crypto, partitions: 3},"
             " {name: tickers.currency, partitions: 3}]"]
    found = pipe.run("check", *fewer)
    assert found.returncode == 1 and "--topic tickers.stocks --fresh gives it up" in found.stdout, found.stdout
    assert "ok       stream (without the topic tickers.crypto," in found.stdout
    to_earliest = ["groups", "reset", "processing", "--to", "earliest"]
    for where in ([], ["--topic", "tickers.stocks"], ["--topic", "tickers.crypto", "--partition", "2"]):
        done = pipe.run(*to_earliest, *where, "--yes")
        assert done.returncode == 5 and "--fresh keeps its rows" in done.stderr, done.stderr
    done = pipe.run(*to_earliest, "--fresh", "--yes")  # only of a topic that is named
    assert done.returncode == 5 and "--fresh keeps its rows" in done.stderr, done.stderr
    plan = pipe.json(*to_earliest, "--topic", "tickers.stocks", "--fresh")
    assert [(at["partition"], at["to"]) for at in plan] == [(0, 0), (1, None), (2, None)]
    for topic in ("tickers.stocks", "tickers.crypto"):
        pipe(*to_earliest, "--topic", topic, "--fresh", "--yes")
    assert pipe.all_rows() == before
    assert {(at["topic"], at["partition"]) for at in pipe.partitions() if at["topic"] in ("tickers.stocks", "tickers.crypto")} == {("tickers.stocks", 0)}

    pipe("topics", "create", "tickers.crypto")
    pipe.produce("tickers.stocks", TICK)
    pipe.work(*fewer)
    assert len(pipe.rows("stocks")) == len(before["stocks"]) + 1
    pipe("reconcile", "--deep")
    found = pipe.run("check", *fewer)
    assert found.returncode == 0, found.stdout
    pipe(*to_earliest, "--topic", "tickers.stocks", "--yes")


def test_check_says_that_the_schemas_are_gone(pipe):
    pipe.up("1s")
    stop(pipe.fdp)
    pipe.fdp.settings += ["--set", "streaming.registry.url="]  # the command starts one of its own
    pipe("check")
    pipe("topics", "delete", "_schemas", "--yes")
    found = pipe.run("check")
    assert found.returncode == 1 and "the topic _schemas is gone, and tickers." in found.stdout, found.stdout


def test_replay_of_a_topic_beside_tables_with_other_columns(pipe):
    pipe.up("1s")
    pipe.change_store("ALTER TABLE stocks ADD COLUMN mine TEXT")  # the first table, and none of this topic's
    for topic, table in (("tickers.currency", "currency"), ("tickers.stocks", "stocks")):
        assert pipe.json("replay", "--from", "2001-01-01", "--to", "2100-01-01", "--topic", topic, "--into", f"{table}_again", "--diff") == []
        assert pipe.fdp.count(f"{table}_again") == pipe.fdp.count(table) > 0


def routes(stocks):
    """The three topics, those of stocks to that table."""
    return ["--set", f"processing.routes=[{{topic: tickers.stocks, table: {stocks}}}, {{topic: tickers.crypto, table: crypto}},"
            " {topic: tickers.currency, table: currency}]"]


def test_reset_names_rows_that_earlier_routes_have_stored_elsewhere(pipe):
    pipe.up("1s")
    later, to_earliest = routes("later"), ["groups", "reset", "processing", "--to", "earliest"]
    first = len(pipe.rows("stocks"))
    pipe("replay", "--from", "2001-01-01", "--to", "2001-01-02", "--into", "later")  # a table that is made like the live one
    pipe.produce("tickers.stocks", *[TICK | {"id": name} for name in ("A", "B", "C")])
    pipe.work(*later)
    pipe("replay", "--from", "2001-01-01", "--to", "2100-01-01", "--into", "copies", "--topic", "tickers.stocks", *later)
    tables = ("stocks", "later", "copies", "crypto", "currency")
    before = {table: pipe.rows(table) for table in tables}
    assert [len(before[table]) for table in tables[:3]] == [first, 3, first + 3]

    # What does not add up is explained, and adds up once it is told.
    done = pipe.run("reconcile", "--deep", *later)
    assert done.returncode == 1 and f"copies ({first}), stocks ({first})" in done.stderr and "--also copies,stocks" in done.stderr
    pipe("reconcile", "--deep", "--also", "stocks", *later)
    assert "did you mean \"stocks\"" in pipe.run("reconcile", "--deep", "--also", "stoks", *later).stderr

    # The move is not made before somebody has said what those rows are.
    done = pipe.run(*to_earliest, *later)
    assert done.returncode == 1 and f"stocks ({first})" in done.stderr and "--leave-others" in done.stderr, done.stderr
    plan = [p for p in pipe.json(*to_earliest, *later, "--topic", "tickers.stocks", code=1)]
    assert sum(p["rows_removed"] for p in plan) == 3 and sum(p["rows_elsewhere"] for p in plan) == 2 * first
    done = pipe.run(*to_earliest, "--yes", *later)
    assert done.returncode == 6 and f"stocks ({first})" in done.stderr, done.stderr
    assert {table: pipe.rows(table) for table in tables} == before

    # They are removed with the others: nothing is there twice. What has its row among those that are removed is a copy, and left.
    plan = pipe.json(*to_earliest, "--topic", "tickers.stocks", "--also", "stocks", *later)
    assert sum(p["rows_removed"] for p in plan) == first + 3 and all(p["rows_elsewhere"] == 0 for p in plan)
    done = pipe.run(*to_earliest, "--also", "stocks", "--yes", *later)
    assert done.returncode == 0 and f"copies, to which no route leads now, has {first + 3} rows" in done.stderr, done.stderr
    assert all(not pipe.rows(table) for table in tables if table != "copies")
    pipe.work(*later)
    after = {table: pipe.rows(table) for table in tables}
    assert after == before | {"stocks": {}, "later": after["later"]} and len(after["later"]) == first + 3
    pipe("reconcile", "--deep", *later)

    # Or they stay, beside the new ones.
    done = pipe.run(*to_earliest, "--topic", "tickers.stocks", "--leave-others", "--yes")
    assert done.returncode == 0 and f"later, to which no route leads now, has {first + 3} rows" in done.stderr, done.stderr
    pipe.work()
    assert len(pipe.rows("stocks")) == len(pipe.rows("later")) == first + 3
    pipe.sums()


def test_reconcile_counts_the_rows_of_routed_topics(pipe):
    pipe.up("1s")
    only = ["--set", "processing.routes=[{topic: tickers.stocks, table: stocks}]"]
    done = pipe.run("reconcile", "--deep", *only)
    assert done.returncode == 0 and "of 6 partitions" in done.stderr, done.stderr
    pipe.change_store("DELETE FROM stocks WHERE _offset = 0")
    assert pipe.run("reconcile", "--deep", *only).returncode == 1


def test_reset_keeps_rows_that_the_stream_cannot_give_again(pipe):
    pipe.up("1s")
    before = pipe.rows("currency")
    pipe("topics", "delete", "tickers.currency", "--yes")
    wait_for(lambda: pipe.run("topics", "create", "tickers.currency", "--partitions", 3).returncode == 0, "the topic is made anew")
    pipe.produce("tickers.currency", *[TICK | {"id": name} for name in ("A", "B", "C", "D", "E", "F")])
    assert any(p["note"] for p in pipe.partitions() if p["topic"] == "tickers.currency")
    done = pipe.run("check")
    assert done.returncode == 1 and "groups reset" in done.stdout
    done = pipe.run("groups", "reset", "processing", "--to", "earliest", "--topic", "tickers.currency", "--yes")
    assert done.returncode == 5 and "--fresh" in done.stderr
    assert pipe.rows("currency") == before
    pipe("groups", "reset", "processing", "--to", "earliest", "--topic", "tickers.currency", "--fresh", "--yes")
    pipe.work()
    after = pipe.rows("currency")
    assert len(after) == len(before) + 6 and {key: after[key] for key in before} == before
    pipe.sums()
    over = [g for g in pipe.json("groups", "list") if g["state"] == "over"]
    assert len(over) == 3 and all(g["lag"] is None for g in over)


def test_redrive_after_a_fix_stores_each_record_once(pipe):
    broken = "processing.routes=[{topic: tickers.stocks, table: stocks, select: \"SELECT id, price, json_extract('[', '$') AS exchange, time FROM tick\"}]"
    pipe.up("1s", "--set", "simulator.rate=1", "--set", broken)
    pipe.produce("tickers.stocks", *[TICK | {"id": f"S{i}"} for i in range(7)])
    pipe.produce("tickers.stocks", "X\trubbish", raw=True)
    pipe.work("--set", broken)
    entries = {e["id"]: e for e in pipe.json("quarantine", "list")}
    before = pipe.sums()
    assert len(entries) == before["quarantined"] >= 8 and before["stored"] == 0

    would = {e["id"]: e for e in pipe.json("quarantine", "redrive", "--all", "--dry-run", code=1)}
    assert set(would) == set(entries) and pipe.sums() == before
    assert {e["id"]: e for e in pipe.json("quarantine", "redrive", "--all", "--dry-run", "--set", broken, code=1)}.keys() == would.keys()
    done = {e["id"]: e for e in pipe.json("quarantine", "redrive", "--all", code=1)}
    assert done == would
    (rubbish,) = [e for e in done.values() if e["outcome"] != "stored"]
    assert rubbish["outcome"] == "waiting" and rubbish["rule"] == "decode" and "magic" in rubbish["error"]
    assert all(e["table"] == "stocks" for e in done.values() if e["outcome"] == "stored")
    after = pipe.sums()
    assert after == before | {"stored": len(entries) - 1, "quarantined": 1}
    assert {e["id"]: e["state"] for e in pipe.json("quarantine", "list")} == {i: "waiting" if i == rubbish["id"] else "redriven" for i in entries}

    # Once is once: nobody can store it again, and what fails adds no entry.
    again = pipe.json("quarantine", "redrive", "--all", code=1)
    assert [e["id"] for e in again] == [rubbish["id"]]
    stored = next(i for i in entries if i != rubbish["id"])
    refused = pipe.run("quarantine", "redrive", stored, 999999)
    assert refused.returncode == 1 and f"entry {stored} is redriven already" in refused.stderr and "no entry 999999" in refused.stderr
    assert pipe.sums() == after

    pipe("quarantine", "drop", rubbish["id"])
    assert pipe.json("quarantine", "redrive", "--all") == [] and pipe.sums() == after
    pipe.json("quarantine", "show", rubbish["id"])


def test_redrive_leaves_out_what_no_route_takes_and_counts_it_as_filtered(pipe):
    broken = "processing.routes=[{topic: tickers.stocks, table: stocks, select: \"SELECT id, price, json_extract('[', '$') AS exchange, time FROM tick\"}]"
    fixed = "processing.routes=[{topic: tickers.stocks, table: stocks, select: \"SELECT * FROM tick WHERE id = 'S1'\"}]"
    pipe.up("1s", "--set", "simulator.rate=1", "--set", broken)
    pipe("groups", "reset", "processing", "--to", "latest", "--yes", "--set", broken)
    pipe.produce("tickers.stocks", *[TICK | {"id": f"S{i}"} for i in range(4)])
    pipe.work("--set", broken)
    before = pipe.sums()
    done = pipe.json("quarantine", "redrive", "--topic", "tickers.stocks", "--rule", "transform", "--set", fixed)
    outcomes = [e["outcome"] for e in done]
    assert outcomes.count("stored") == 1 and outcomes.count("filtered") == len(done) - 1 >= 3
    after = pipe.sums()
    assert after["filtered"] == before["filtered"] + len(done) - 1 and after["stored"] == before["stored"] + 1
    assert after["quarantined"] == before["quarantined"] - len(done)


def test_replay_rebuilds_what_is_there_and_finds_what_differs(pipe):
    began = now()
    pipe.up()
    between = ("--from", began, "--to", "2100-01-01")
    assert pipe.json("replay", *between, "--into", "again", "--diff") == []
    assert pipe.fdp.count("again") == pipe.fdp.count("finance_data_ingress")
    done = pipe.run("replay", *between, "--into", "again")
    assert done.returncode == 6 and "--yes" in done.stderr

    source, offset = max(pipe.rows("stocks"))
    pipe.change_store(f"UPDATE stocks SET price = 0.5 WHERE _source = {source} AND _offset = {offset}")
    pipe.change_store(f"DELETE FROM stocks WHERE _source = {source} AND _offset = {offset - 1}")
    pipe.change_store(f"INSERT INTO stocks (id, price, time, _source, _offset) SELECT id, price, time, _source, -1 FROM stocks"
                      f" WHERE _source = {source} AND _offset = {offset}")  # outside of what is compared
    found = {d["difference"]: d for d in pipe.json("replay", *between, "--into", "again", "--diff", "--yes", "--topic", "tickers.stocks", code=1)}
    assert set(found) == {"different", "extra"}
    assert found["different"]["column"] == "price" and found["different"]["live"] == 0.5 and found["different"]["offset"] == offset
    assert found["extra"]["offset"] == offset - 1 and found["extra"]["topic"] == "tickers.stocks"

    fewer = "processing.routes=[{topic: tickers.stocks, table: stocks, select: 'SELECT * FROM tick WHERE _offset > 0'}]"
    found = pipe.json("replay", *between, "--into", "again", "--diff", "--yes", "--set", fewer, code=1)
    assert {d["offset"] for d in found if d["difference"] == "missing"} == {0}
    assert pipe.json("replay", "--from", "2001-01-01", "--to", "2001-01-02", "--into", "nothing") == {"read": 0, "stored": 0, "filtered": 0, "refused": 0}
