# SPDX-License-Identifier: Apache-2.0
"""What an operator does with a pipeline: looks how far it is, moves it, mends what went wrong, proves it. On the embedded log and store, and
on Kafka and PostgreSQL."""
import json
import pathlib
import sqlite3
import time
from datetime import datetime, timezone

import pytest

import servers
from conftest import FREE_PORTS, ROOT, Fdp, wait_for

TABLES = ("stocks", "crypto", "currency")
TICK = {"id": "AAPL", "price": 1.5, "time": "2026-08-13T12:03:09Z"}


class Pipeline:
    """One pipeline, whichever back ends it has."""

    def __init__(self, fdp, real, kafka=None, postgres=None):
        self.fdp, self.real, self.postgres = fdp, real, postgres
        if real:
            fdp.use(stream=kafka, store=postgres)
            registry = fdp.role("registry").address("registry")
            fdp.settings += ["--set", f"streaming.registry.url={registry}"]
            wait_for(lambda: fdp.run("schemas", "load", *fdp.where()).returncode == 0, "the registry has been elected")

    def __call__(self, *args, code=0, stdin=None):
        return self.fdp(*args, *self.fdp.where(), code=code, stdin=stdin)

    def run(self, *args, stdin=None):
        return self.fdp.run(*args, *self.fdp.where(), stdin=stdin)

    def json(self, *args, code=0):
        return json.loads(self(*args, "--json", code=code))

    def up(self, duration="2s", *args):
        """The market, ingestion and the worker for a while."""
        return self.fdp.up_for(duration, "--set", "simulator.rate=300", *args)

    def work(self, *args):
        """The worker alone, until it has done what waits."""
        registry = None if self.real else self.fdp.role("registry")
        url = ["--set", f"streaming.registry.url={registry.address('registry')}"] if registry else []
        role = self.fdp.role("process", *url, *args)
        role.address("monitoring")
        wait_for(lambda: all(p["lag"] == 0 for p in self.partitions()), "nothing waits")
        assert role.stop()[0] == 0, role.stderr()
        if registry:
            registry.stop()

    def produce(self, topic, *values, raw=False):
        """Records of topic: dictionaries as Avro, texts as they are."""
        lines = "".join((value if raw else json.dumps(value)) + "\n" for value in values)
        done = json.loads(self("topics", "produce", topic, *([] if raw else ["--schema"]), "--json", stdin=lines))
        assert done == {"produced": len(values), "refused": 0}

    def partitions(self, group="processing"):
        return self.json("groups", "describe", group)

    def change_store(self, statement):
        if self.real:
            self.postgres.psql(statement)
        else:
            with sqlite3.connect(self.fdp.data / "store.db", timeout=30) as store:
                store.execute(statement)

    def rows(self, table):
        """Everything in a table, by provenance."""
        return {(row["_source"], row["_offset"]): row for row in self.fdp.sql(f"SELECT * FROM {table} ORDER BY _source, _offset")}

    def all_rows(self):
        return {table: self.rows(table) for table in TABLES}

    def sums(self):
        """The counters of all partitions, after a proof that they are right."""
        self("reconcile", "--deep")
        partitions = self.json("reconcile")
        return {name: sum(p[name] for p in partitions) for name in ("stored", "quarantined", "filtered", "skipped")}


BACK_ENDS = ["embedded", "kafka and postgresql"]


def stop(fdp):
    """In order, so that no member of a group is left behind."""
    for role in reversed(fdp.running):
        role.stop()


@pytest.fixture(params=BACK_ENDS)
def pipe(request, fdp):
    """A pipeline of the test's own, in which nothing is yet."""
    real = request.param != "embedded"
    yield Pipeline(fdp, real, *map(request.getfixturevalue, ("kafka", "postgres") if real else ()))
    stop(fdp)


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


def now():
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


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
    done = filled.run("groups", "describe", "processsing")
    assert done.returncode == 2 and "groups list" in done.stderr


def test_groups_describe_names_the_member_that_reads(pipe):
    if not pipe.real:
        pytest.skip("the embedded log knows no members")
    pipe.up("1s")
    role = pipe.fdp.role("process")
    role.address("monitoring")
    wait_for(lambda: all(p["member"] for p in pipe.partitions()), "a member reads everything")
    (group,) = [g for g in pipe.json("groups", "list") if g["group"] == "processing"]
    assert group["state"] == "stable" and group["members"] == 1
    assert role.stop()[0] == 0


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
        wait_for(lambda: all(p["lag"] is not None and p["lag"] < 50 for p in pipe.partitions()), "the worker has caught up")
    assert role.stop()[0] == 0, role.stderr()
    sums = pipe.sums()
    assert sums["stored"] > 60 and sums["quarantined"] == 0
    assert (sums["skipped"] > 0) == pipe.real or sums["skipped"] == 0


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


# --- The quarantine ---


def test_redrive_isolates_the_row_that_the_store_refuses(filled):
    before = filled.sums()
    filled.change_store("CREATE UNIQUE INDEX only_one ON crypto (short_name)")
    filled.produce("tickers.crypto", *[TICK | {"id": f"C{i}", "short_name": f"coin {i % 3}"} for i in range(9)])
    filled.work()
    assert filled.sums()["quarantined"] == before["quarantined"] + 6
    filled.change_store("DELETE FROM crypto WHERE short_name = 'coin 1'")  # one of each comes in now
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


# --- Replay ---


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


def test_replay_refuses_what_could_harm(filled):
    between = ("--from", "2001-01-01", "--to", "2100-01-01")
    for table in ("stocks", "fdp_offsets", "Robert'); DROP TABLE stocks", ""):
        assert filled.run("replay", *between, "--into", table).returncode == 2, table
    assert filled.run("replay", "--from", "2002-01-01", "--to", "2001-01-01", "--into", "x").returncode == 2
    assert filled.run("replay", *between, "--into", "x", "--topic", "tickers.bonds").returncode == 2
    assert filled.run("replay", *between, "--into", "finance_data_ingress").returncode == 6
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
