# SPDX-License-Identifier: Apache-2.0
"""Tables that are altered or locked in PostgreSQL under running workers: the topic that leads to the table waits, the others go on, everybody
who is asked says what to run, and once that was run each record is stored once."""
import itertools
import re
import urllib.error
import urllib.request

import pytest

from conftest import FREE_PORTS, wait_for
from pipeline import Pipeline, figure, times

# To what: as text, as a number with another meaning, as one that cannot be written, as one of the same kind that holds less.
CHANGES = [
    ("price", "TYPE text"),
    ("quote_type", "TYPE double precision"),
    ("change_percent", "TYPE numeric"),
    ("market_hours", "TYPE boolean USING market_hours = 1"),
    ("time", "TYPE text"),
    ("id", "TYPE bytea USING id::bytea"),
]


@pytest.fixture
def pipeline(fdp, kafka, postgres):
    return Pipeline(fdp, kafka, postgres)


def alter(pipeline, change):
    # As somebody has to do who changes a column of the view.
    pipeline.postgres.psql("DROP VIEW IF EXISTS finance_data_ingress")
    pipeline.postgres.psql(f"ALTER TABLE stocks {change}")


def reasons(pipeline):
    """What the workers say on /readyz, those of them that are not ready."""
    told = []
    for worker in pipeline.workers:
        try:
            with urllib.request.urlopen(worker.monitoring + "readyz", timeout=30):
                pass
        except urllib.error.HTTPError as answer:
            told += answer.read().decode().splitlines()
    return told


def waiting(pipeline, column):
    """Those of them that name this column; a write that was under way may have found the table altered, and is tried again first."""
    return [line for line in reasons(pipeline) if f"column {column} of table stocks is of type" in line]


def position(pipeline, topic):
    return pipeline.postgres.psql("SELECT COALESCE(SUM(next_offset), 0)::bigint FROM fdp_offsets WHERE topic = %s", topic)[0][0]


def goes_on(pipeline, topic):
    before = position(pipeline, topic)
    wait_for(lambda: position(pipeline, topic) > before, f"{topic} goes on")


def to_run(text):
    return re.search(r"run: (ALTER TABLE [^;]*)", text)[1]


def test_columns_of_another_type_under_a_steady_load(pipeline):
    workers = [pipeline.worker(), pipeline.worker()]
    changes = CHANGES * times(1, 8)
    wait_for(lambda: all(pipeline.metric(worker, "fdp_processing_partitions") == 5 for worker in workers), "the group has settled")
    with pipeline.load.running(200):
        pipeline.progress()
        for column, change in changes:
            goes_on(pipeline, "tickers.stocks")
            alter(pipeline, f"ALTER {column} {change}")
            told = wait_for(lambda: waiting(pipeline, column), f"not ready after {column} {change}")
            assert all(re.match(r"processing: partitions? [\d, ]+ of tickers.stocks waits?: ", line) for line in told), told
            said = pipeline.fdp.run("check", *pipeline.fdp.where(), "--set", f"streaming.registry.url={pipeline.registry_url}").stdout
            (problem,) = [line for line in said.splitlines() if "processing.routes" in line]
            assert f"column {column} of table stocks is of type" in problem and to_run(problem) == to_run(told[0])
            for topic in ("tickers.crypto", "tickers.currency"):
                goes_on(pipeline, topic)
            pipeline.postgres.psql(to_run(told[0]))
            wait_for(lambda: not reasons(pipeline), f"ready after {to_run(told[0])}")
    shared = sum(pipeline.metric(worker, "fdp_stream_rebalances_total") for worker in workers)
    figure(f"{pipeline.finish()} over {len(changes)} changed types")
    # Each was said when it happened, or when a partition was given to another worker meanwhile, and not with every try.
    assert 0 < sum(worker.stderr().count("a partition has to wait") for worker in workers) <= 3 * (len(changes) + shared)


def routes(price, mark):
    select = f"SELECT id, {price}, time, '{mark}' AS exchange, event_id FROM tick"
    return ("processing:\n  routes:\n"
            f'    - {{topic: tickers.stocks, table: stocks, select: "{select}"}}\n'
            '    - {topic: tickers.crypto, table: crypto}\n    - {topic: tickers.currency, table: currency}\n')


def test_the_route_follows_the_column_and_back(pipeline):
    """Whoever wants the new type says so in the SELECT; what a SELECT computes goes into a column of any type that its values convert to."""
    file = pipeline.fdp.folder / "fdp.yaml"
    marks = itertools.count()

    def in_force(price):
        """Changes the route, and waits for a row of it."""
        mark = f"mark {next(marks)}"
        file.write_text(routes(price, mark))
        if pipeline.workers:
            wait_for(lambda: pipeline.postgres.psql("SELECT 1 FROM stocks WHERE exchange = %s LIMIT 1", mark), f"a row with {price}")

    in_force("price")
    worker = pipeline.worker("--config", file)
    with pipeline.load.running(200):
        pipeline.progress()
        for _ in range(times(2, 20)):
            goes_on(pipeline, "tickers.stocks")
            alter(pipeline, "ALTER price TYPE text")
            told = wait_for(lambda: waiting(pipeline, "price"), "not ready")[0]
            # A worker that is started now is told the same.
            done = pipeline.fdp.run("process", *pipeline.fdp.where(), *FREE_PORTS, "--for", "1s", "--config", file,
                                    "--set", f"streaming.registry.url={pipeline.registry_url}")
            assert done.returncode == 3 and to_run(told) in done.stderr, done.stderr
            in_force(re.search(r"give (\S.* AS price) in the SELECT", told)[1])
            wait_for(lambda: not reasons(pipeline), "ready with the other route")
            # That route fits both types: the worker notices which it is.
            alter(pipeline, "ALTER price TYPE double precision USING price::double precision")
            goes_on(pipeline, "tickers.stocks")
            wait_for(lambda: not reasons(pipeline), "ready")
            in_force("price")
    assert "a table was altered" in worker.stderr()
    figure(str(pipeline.finish()))


def test_a_locked_table_holds_up_its_own_topic_alone(pipeline):
    workers = [pipeline.worker()]
    with pipeline.load.running(200), pipeline.postgres.connect() as other:
        pipeline.progress()
        for _ in range(times(1, 10)):
            with other.transaction():
                other.execute("LOCK TABLE currency IN ACCESS EXCLUSIVE MODE")
                told = wait_for(lambda: [line for line in reasons(pipeline) if "table currency is locked" in line], "not ready")
                assert all(re.match(r"processing: partitions? [\d, ]+ of tickers.currency waits?: ", line) for line in told), told
                # One that is started meanwhile has no plan for the table yet.
                workers.append(pipeline.worker(ready=False))
                for _ in range(3):
                    for topic in ("tickers.stocks", "tickers.crypto"):
                        goes_on(pipeline, topic)
                found = pipeline.postgres.psql(re.search(r"SELECT pid FROM .*?::regclass", told[0])[0])
                assert (other.info.backend_pid,) in found
            workers[-1].monitoring = workers[-1].address("monitoring")
            goes_on(pipeline, "tickers.currency")
            wait_for(lambda: not reasons(pipeline), "ready")
    figure(str(pipeline.finish()))


def test_who_asks_is_told_why_the_store_takes_no_rows(pipeline):
    pipeline.worker()
    with pipeline.load.running(200), pipeline.postgres.connect() as other:
        pipeline.progress()
        with other.transaction():
            other.execute("LOCK TABLE fdp_offsets IN ACCESS EXCLUSIVE MODE")
            wait_for(lambda: any(re.match(r"processing: the store does not take rows: .*lock timeout", line) for line in reasons(pipeline)),
                     "the reason")
        wait_for(lambda: not reasons(pipeline), "ready")
    figure(str(pipeline.finish()))
