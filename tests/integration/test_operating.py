# SPDX-License-Identifier: Apache-2.0
"""What an operator does with a pipeline: looks how far it is, moves it, mends what went wrong. On the embedded log and store, and on Kafka and
PostgreSQL. The tests share a pipeline; those that need one of their own are in test_operating_alone.py."""
import json
import pathlib
import time

import pytest

import servers
from conftest import FREE_PORTS, ROOT, Fdp, wait_for
from operated import BACK_ENDS, TABLES, TICK, Pipeline, now, stop


@pytest.fixture(scope="module", params=BACK_ENDS)
def shared(request, tmp_path_factory):
    fdp = Fdp(tmp_path_factory.mktemp("shared"))
    if request.param == "embedded":
        pipe = Pipeline(fdp, False)
    else:
        kafka = request.getfixturevalue("kafka_server")
        kafka.clean()
        pipe = Pipeline(fdp, True, kafka, servers.Database(request.getfixturevalue("postgres_server")))
    pipe.up()
    yield pipe
    stop(fdp)
    if pipe.real:
        pipe.postgres.drop()


@pytest.fixture
def filled(shared):
    """A pipeline with rows in all tables, in which nothing waits; tests before may have worked on it."""
    shared("quarantine", "drop", "--all", "--yes")
    if any(p["lag"] for p in shared.partitions()):
        shared.work()
    return shared


# --- Groups ---


def test_groups_tell_lag_in_records_and_seconds(filled):
    (group,) = [g for g in filled.json("groups", "list") if g["group"] == "processing"]
    assert group["lag"] == 0 and group["lag_seconds"] == 0 and group["partitions"] >= 10 and group["position"] == "stored"
    filled.produce("tickers.stocks", *[TICK | {"id": "AAPL"}] * 3, TICK | {"id": "MSFT"})
    produced = time.time()
    wait_for(lambda: time.time() - produced > 0.3, "the records grow old")
    (group,) = [g for g in filled.json("groups", "list") if g["group"] == "processing"]
    assert group["lag"] == 4 and 0.3 <= group["lag_seconds"] < 60
    partitions = filled.partitions()
    assert sum(p["lag"] for p in partitions) == 4
    for p in partitions:
        assert p["high"] - p["stored"] == p["lag"] and (p["lag_seconds"] > 0) == (p["lag"] > 0) and p["note"] is None
        assert p["hint"] is None or p["hint"] <= p["stored"]
    done = filled.run("groups", "describe", "reprocessing")
    assert done.returncode == 2 and "groups list" in done.stderr


# --- Moving positions ---


def test_reset_shows_first_and_changes_nothing(filled):
    before = filled.all_rows(), filled.json("reconcile")
    there = filled.sums()
    plan = filled.json("groups", "reset", "processing", "--to", "earliest")
    assert sum(p["rows_removed"] for p in plan) == there["stored"]
    assert all(p["to"] == 0 and p["again"] == p["from"] and p["skipped"] == 0 for p in plan)
    assert sum(p["entries_removed"] for p in plan) == there["quarantined"]
    assert "--yes" in filled("groups", "reset", "processing", "--to", "earliest")
    assert (filled.all_rows(), filled.json("reconcile")) == before


def test_reset_of_one_partition_to_an_offset(filled):
    partition = max((p for p in filled.partitions() if p["topic"] == "tickers.stocks"), key=lambda p: p["stored"])
    where = ("--topic", "tickers.stocks", "--partition", partition["partition"])
    before, there = filled.all_rows(), filled.sums()
    (plan,) = filled.json("groups", "reset", "processing", "--to", 10, *where, "--yes")
    assert plan["from"] == partition["stored"] and plan["to"] == 10 and plan["rows_removed"] == plan["again"] == plan["from"] - 10
    assert filled.sums()["stored"] == there["stored"] - plan["rows_removed"]
    filled.work()
    assert filled.all_rows() == before
    for bad in (partition["high"] + 1, -1, "soon"):
        done = filled.run("groups", "reset", "processing", f"--to={bad}", *where)
        assert done.returncode == 2 and "--to" in done.stderr, done.stderr
    assert filled.run("groups", "reset", "nobody", "--to", "earliest").returncode == 2
    assert filled.run("groups", "reset", "processing").returncode == 2


def test_reset_to_a_time_and_forward_counts_as_skipped(filled):
    before = filled.sums()
    middle = now()
    wait_for(lambda: now() > middle[:-4] + "999Z", "another millisecond: Kafka's times are of those")
    filled.produce("tickers.stocks", *[TICK] * 5)
    filled.work()
    after = filled.sums()
    assert after == before | {"stored": before["stored"] + 5}
    plan = filled.json("groups", "reset", "processing", "--to", middle, "--topic", "tickers.stocks", "--yes")
    assert sum(p["again"] for p in plan) == 5 == sum(p["rows_removed"] for p in plan)
    plan = filled.json("groups", "reset", "processing", "--to", "latest", "--topic", "tickers.stocks", "--yes")
    assert sum(p["skipped"] for p in plan) == 5
    assert filled.sums() == before | {"skipped": before["skipped"] + 5}
    # What was skipped can be taken back.
    filled("groups", "reset", "processing", "--to", middle, "--topic", "tickers.stocks", "--yes")
    filled.work()
    assert filled.sums() == after


def test_reset_mends_a_table_from_which_rows_were_removed(filled):
    before, there = filled.all_rows(), filled.sums()
    filled.change_store("DELETE FROM stocks WHERE _offset >= 3 AND _offset < 7")
    assert filled.run("reconcile", "--deep").returncode == 1
    filled("groups", "reset", "processing", "--to", "3", "--topic", "tickers.stocks", "--yes")
    filled.sums()
    filled.work()
    assert filled.all_rows() == before and filled.sums() == there


# --- The quarantine ---


def test_redrive_isolates_the_row_that_the_store_refuses(filled):
    before = filled.sums()
    filled.change_store("CREATE UNIQUE INDEX only_one ON crypto (short_name)")
    filled.produce("tickers.crypto", *[TICK | {"id": f"C{i}", "short_name": f"coin {i % 3}"} for i in range(9)])
    filled.work()
    assert filled.sums()["quarantined"] == before["quarantined"] + 6
    filled.change_store("UPDATE crypto SET short_name = NULL WHERE short_name = 'coin 1'")
    done = filled.json("quarantine", "redrive", "--rule", "constraint", "--limit", 5, code=1)
    assert len(done) == 5
    outcomes = {e["id"]: e["outcome"] for e in done}
    assert list(outcomes.values()).count("stored") == 1
    assert all(e["rule"] == "constraint" and e["error"] for e in done if e["outcome"] == "waiting")
    filled.change_store("DROP INDEX only_one")
    done = filled.json("quarantine", "redrive", "--all")
    assert len(done) == 5 and {e["outcome"] for e in done} == {"stored"}
    assert filled.fdp.sql("SELECT COUNT(*) AS n FROM crypto WHERE short_name IS NOT NULL")[0]["n"] == 8


def test_redrive_takes_frames_through_ingestion_again(filled):
    frames = [line.split("\t")[1] for line in (pathlib.Path(ROOT) / "tests/case/yahoo-frames.tsv").read_text().splitlines() if line[0] != "#"]
    filled.produce("tickers.rejected", *frames, "rubbish!", raw=True)
    filled.work()
    counts = {table: filled.fdp.count(table) for table in TABLES}
    done = filled.json("quarantine", "redrive", "--topic", "tickers.rejected", code=1)
    assert len(done) == len(frames) + 1
    stored = [e for e in done if e["outcome"] == "stored"]
    assert len(stored) > len(frames) / 2 and {e["table"] for e in stored} <= set(TABLES)
    for table in TABLES:
        assert filled.fdp.count(table) == counts[table] + sum(e["table"] == table for e in stored)
    (eur,) = filled.fdp.sql("SELECT id FROM currency WHERE price = 1.15327")
    assert eur["id"] == "EURUSD=X"
    assert "base64" in done[-1]["error"]
    filled.sums()


def test_drop_wants_to_be_sure(filled):
    filled.produce("tickers.stocks", "one", "two", "three", raw=True)
    filled.work()
    assert "--yes" in filled("quarantine", "drop", "--rule", "decode")
    before = filled.sums()
    assert filled.json("quarantine", "drop", "--rule", "transform", "--yes") == {"dropped": 0}
    assert filled.json("quarantine", "drop", "--all", "--limit", 2, "--yes") == {"dropped": 2}
    assert [e["state"] for e in filled.json("quarantine", "list", "-n", 3)] == ["waiting", "dropped", "dropped"]
    for bad in ([], ["1", "--all"], ["x"]):
        assert filled.run("quarantine", "drop", *bad).returncode == 2
        assert filled.run("quarantine", "redrive", *bad).returncode == 2
    assert filled.sums() == before


# --- Replay ---


def test_replay_refuses_what_could_harm(filled):
    between = ("--from", "2001-01-01", "--to", "2100-01-01")
    for table in ("stocks", "fdp_offsets", "pg_class", "Robert'); DROP TABLE stocks", ""):
        assert filled.run("replay", *between, "--into", table).returncode == 2, table
    assert filled.run("replay", "--from", "2002-01-01", "--to", "2001-01-01", "--into", "x").returncode == 2
    assert filled.run("replay", *between, "--into", "x", "--topic", "tickers.bonds").returncode == 2
    done = filled.run("replay", *between, "--into", "finance_data_ingress")
    assert done.returncode == 6 and "choose another name" in done.stderr, done.stderr
    filled.sums()


# --- Topics ---


def test_topics_are_made_filled_read_and_deleted(filled):
    assert filled.json("topics", "create", "mine", "--partitions", 2) == {"topic": "mine", "partitions": 2, "made": True}
    assert not filled.json("topics", "create", "mine", "--partitions", 2)["made"]
    assert filled.run("topics", "create", "mine", "--partitions", 5).returncode == 5
    filled.produce("mine", "k1\tv1", "k2\tv2", "alone", "k1\tv3", raw=True)
    lines = [json.loads(line) for line in filled("topics", "tail", "mine", "--from", "earliest").splitlines()]
    assert sorted((line["_key"] or "", line["_value"]) for line in lines) == [("", "alone"), ("k1", "v1"), ("k1", "v3"), ("k2", "v2")]
    assert [line["_value"] for line in lines if line["_key"] == "k1"] == ["v1", "v3"]
    partitions = filled.json("topics", "describe", "mine")
    assert [p["partition"] for p in partitions] == [0, 1] and sum(p["records"] for p in partitions) == 4
    assert partitions[0]["topic"] == "mine" and partitions[0]["compacted"] == 0
    assert "mine" in {t["topic"] for t in filled.json("topics", "list")}
    assert "--yes" in filled("topics", "delete", "mine")
    assert filled.json("topics", "delete", "mine", "--yes") == {"topic": "mine", "records": 4, "deleted": True}
    wait_for(lambda: "mine" not in {t["topic"] for t in filled.json("topics", "list")}, "it is gone")
    assert filled.run("topics", "delete", "mine", "--yes").returncode == 2


def test_topics_produce_takes_what_tail_prints(filled):
    printed = filled("topics", "tail", "tickers.crypto", "-n", "5")
    assert len(printed.splitlines()) == 5
    done = filled.fdp("topics", "produce", "tickers.stocks", "--schema", *filled.fdp.where(), stdin=printed)
    assert done == "5 records produced, 0 lines refused\n"
    copies = [json.loads(line) for line in filled("topics", "tail", "tickers.stocks", "-n", "5").splitlines()]
    own = ("_partition", "_offset", "_timestamp", "_schema_id")
    plain = [{k: v for k, v in line.items() if k not in own} for line in map(json.loads, printed.splitlines())]
    for copy in copies:
        assert {k: v for k, v in copy.items() if k not in own} in plain


def test_topics_produce_names_the_lines_that_are_no_records(filled):
    lines = [json.dumps(TICK), "{", json.dumps(TICK | {"price": "dear"}), json.dumps(TICK | {"prize": 1}), json.dumps({"id": "A"}), json.dumps(TICK)]
    done = filled.run("topics", "produce", "tickers.stocks", "--schema", stdin="\n".join(lines))
    assert done.returncode == 1 and "2 records produced, 4 lines refused" in done.stdout
    for line, word in ((2, "JSON"), (3, "price"), (4, "prize"), (5, "price")):
        assert any(said.startswith(f"fdp topics produce: line {line}:") and word in said for said in done.stderr.splitlines()), done.stderr
    assert filled.run("topics", "produce", "nowhere", stdin="x\n").returncode == 2


def test_topics_produce_reads_a_file(filled, tmp_path):
    (tmp_path / "lines").write_text(json.dumps(TICK | {"id": "FROM-FILE"}) + "\n")
    assert filled("topics", "produce", "tickers.stocks", tmp_path / "lines", "--schema") == "1 record produced, 0 lines refused\n"
    assert json.loads(filled("topics", "tail", "tickers.stocks", "-n", "1"))["id"] == "FROM-FILE"
    assert filled.run("topics", "produce", "tickers.stocks", tmp_path / "nothing").returncode == 2
    assert "cannot read" in filled.run("topics", "produce", "tickers.stocks", tmp_path).stderr


def test_topics_create_makes_those_of_the_configuration(filled):
    assert filled.json("topics", "create") == {"topics": 4}
    more = ["--set", "streaming.topics=[{name: tickers.stocks}, {name: tickers.crypto}, {name: tickers.currency},"
            " {name: tickers.bonds, partitions: 2}]"]
    assert "4 topics" in filled("topics", "create", "--wait", "1m", *more)
    assert len(filled.json("topics", "describe", "tickers.bonds")) == 2
    filled("topics", "delete", "tickers.bonds", "--yes")
    assert filled.run("topics", "create", "--partitions", "4").returncode == 2
    assert filled.run("topics", "create", "--wait", "soon").returncode == 2


# --- Check, preview ---


def test_check_names_what_stands_in_the_way_and_what_to_do(filled):
    assert "problem" not in filled("check")
    filled.change_store("DROP TABLE IF EXISTS narrow")
    filled.change_store("CREATE TABLE narrow (id text NOT NULL, price double precision NOT NULL, time TIMESTAMP NOT NULL, _source integer NOT NULL,"
                        " _offset bigint NOT NULL)")
    routes = ("[{topic: tickers.stocks, table: narrow, select: 'SELECT id, price, time, exchange, bid FROM tick'},"
              " {topic: tickers.crypto, table: nowhere}, {topic: tickers.currency, table: currency}]")
    file = filled.fdp.folder / "fdp.yaml"
    file.write_text(f"streaming:\n  topics:\n    - {{name: tickers.stocks, partitions: 7}}\nprocessing:\n  routes: {routes}\n")
    done = filled.run("check", "-c", file)
    problems = [line for line in done.stdout.splitlines() if line.startswith("problem")]
    assert done.returncode == 1
    (narrow,) = [p for p in problems if "processing.routes[0]" in p]
    assert f"{file}:5" in narrow and 'ALTER TABLE "narrow" ADD COLUMN "exchange"' in narrow and 'ADD COLUMN "bid"' in narrow
    assert any("processing.routes[1]" in p and "nowhere" in p for p in problems)
    assert any(f"{file}:3" in p and "partitions: 3" in p for p in problems)
    assert {r["result"] for r in json.loads(filled.run("check", "-c", file, "--json").stdout)} == {"ok", "problem"}
    for statement in narrow.partition("run: ")[2].split("; "):
        filled.change_store(statement)
    assert "processing.routes[0]" not in filled.run("check", "-c", file).stdout
    route = "processing.routes=[{topic: tickers.stocks, table: narrow, select: 'SELECT id, price, time, day_high FROM tick'}]"
    done = filled.run("process", *FREE_PORTS, "--for", "1s", "--set", route)
    assert done.returncode == 3 and 'ALTER TABLE "narrow" ADD COLUMN "day_high"' in done.stderr


def test_check_finds_servers_that_do_not_answer(filled):
    where = filled.fdp.where()
    done = filled.fdp.run("check", *where, "--set", "streaming.registry.url=http://127.0.0.1:1")
    assert done.returncode == 1 and "streaming.registry.url" in done.stdout
    if filled.real:
        done = filled.fdp.run("check", *where, "--set", "storage.url=postgresql://127.0.0.1:1/x", "--set", "storage.connect-timeout=1s")
        assert done.returncode == 1 and "storage.url" in done.stdout


def test_preview_of_the_last_records(filled):
    filled.produce("tickers.stocks", TICK | {"id": "LAST", "short_name": "the last"})
    before = filled.sums()
    (line,) = [json.loads(line) for line in filled("preview", "tickers.stocks", "-n", "1").splitlines()]
    assert line["outcome"] == "stored" and line["table"] == "stocks" and line["row"]["short_name"] == "the last"
    assert filled.sums() == before
