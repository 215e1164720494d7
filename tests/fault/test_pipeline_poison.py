# SPDX-License-Identifier: Apache-2.0
"""Records that cannot be stored: each is alone in the quarantine, under the rule that it breaks, and its neighbours are stored."""
import collections
import random
import time

import pytest

from conftest import wait_for
from pipeline import SEED, Pipeline, figure, times
from pipeline_load import record

TOPIC = "tickers.stocks"
# It does not become small by compression; what a broker takes is a little more.
HUGE = random.Random(SEED).randbytes(450_000).hex()

# What the tables do not want: at once, at the end of the transaction, in no time, and in an index.
UNWANTED = """
ALTER TABLE stocks ADD CONSTRAINT cheap CHECK (price <> 7777777);
CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'too late' USING ERRCODE = '23514'; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON stocks DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.price = 8888888) EXECUTE FUNCTION complain();
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(10); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON stocks FOR EACH ROW WHEN (NEW.price = 9999999) EXECUTE FUNCTION dawdle();
CREATE INDEX short ON stocks (price_hint);
"""


@pytest.fixture
def pipeline(fdp, kafka, postgres):
    return Pipeline(fdp, kafka, postgres)


def made(load, **changes):
    """Our record with other values: its bytes, and what the ledger expects of it."""
    load.number += 1
    content = record(load.seed, load.number, TOPIC, "v1") | changes
    return load._serialize(TOPIC, "v1", content), (content["event_id"], content["id"], content["price"])


# Kind -> its bytes, the rule of its entry, and what the entry's error speaks of.
POISON = {
    "wrong magic": (lambda load: b"\x01" + made(load)[0][1:], "decode", "magic byte 0x01"),
    "unknown schema id": (lambda load: b"\0\0\x0f\x42\x3f" + made(load)[0][5:], "schema", "schema id 999999"),
    "truncated": (lambda load: made(load)[0][:-4], "decode", "ingestion_ts"),
    "over-long": (lambda load: made(load)[0] + b"more", "decode", "4 bytes follow"),
    "NUL in text": (lambda load: made(load, exchange="N\0S")[0], "decode", "exchange"),
    "infinity": (lambda load: made(load, price=float("inf"))[0], "decode", "price"),
    "NaN": (lambda load: made(load, change=float("nan"))[0], "decode", "change"),
    "time out of range": (lambda load: made(load, time=1 << 60)[0], "decode", "time"),
    "null value": (lambda load: None, "decode", "tombstone"),
    "constraint breaker": (lambda load: made(load, price=7777777.0)[0], "constraint", "cheap"),
    "constraint breaker at the end": (lambda load: made(load, price=8888888.0)[0], "constraint", "too late"),
    "huge text": (lambda load: made(load, price_hint=HUGE)[0], "constraint", "index row"),
    "slow": (lambda load: made(load, price=9999999.0)[0], "timeout", "statement-timeout"),
}


def test_poison_is_alone_in_the_quarantine(pipeline):
    load, rounds = pipeline.load, times(2, 20)
    pipeline.worker("--set", "storage.statement-timeout=400ms")
    load.produce(300)
    pipeline.settled()
    pipeline.postgres.psql(UNWANTED)
    expected = collections.Counter()
    with load.running(300):
        for _ in range(rounds):
            for kind, (poison, rule, _) in POISON.items():
                # One key, therefore one partition: neighbours on both sides, most likely in the same batch.
                load.send(TOPIC, kind, *made(load))
                load.send(TOPIC, kind, poison(load))
                load.send(TOPIC, kind, *made(load))
                expected[kind, rule] += 1
    figure(f"{pipeline.finish(quarantined=rounds * len(POISON))}: {len(POISON)} kinds")
    entries = pipeline.postgres.psql("SELECT convert_from(key, 'UTF8'), rule, error FROM fdp_quarantine")
    assert collections.Counter((kind, rule) for kind, rule, _ in entries) == expected
    for kind, _, error in entries:
        assert POISON[kind][2] in error


def test_a_trigger_that_drops_rows_is_mentioned_once(pipeline):
    load = pipeline.load
    worker = pipeline.worker()
    load.produce(30)
    pipeline.settled()
    pipeline.postgres.psql("CREATE FUNCTION drop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
                           " CREATE TRIGGER dropping BEFORE INSERT ON stocks FOR EACH ROW EXECUTE FUNCTION drop()")
    for _ in range(3):
        load.produce(30)
        pipeline.settled()
    said = [line for line in worker.stderr().splitlines() if "a trigger drops rows" in line]
    assert len(said) == 1 and "stocks" in said[0]
    assert pipeline.postgres.psql("SELECT count(*) FROM stocks") == [(10,)]


def test_many_refused_rows_hold_nobody_up(pipeline):
    """Each of them is sent to the table a few times at most: what a refused COPY has stored before is garbage that the table grows by."""
    load, count = pipeline.load, times(4000, 40000)
    worker = pipeline.worker()
    load.produce(30)
    pipeline.settled()
    assert worker.stop()[0] == 0
    pipeline.workers.remove(worker)
    pipeline.postgres.psql(UNWANTED)
    for number in range(count):
        load.send(TOPIC, "many", *(made(load) if number % 2 else (made(load, price=7777777.0)[0],)))
    load.produce(300, topics=["tickers.crypto", "tickers.currency"])
    worker, began = pipeline.worker(), time.monotonic()
    pipeline.settled()
    seconds = time.monotonic() - began
    figure(f"{pipeline.finish(quarantined=count // 2)}: every second row refused, in {seconds:.1f} s")
    grown = pipeline.postgres.psql("SELECT pg_relation_size('stocks')")[0][0] / count
    assert grown < 4000, f"{grown} bytes per record"
    assert worker.stderr().count("the store refused") < 5


def test_a_null_is_stored_as_null_whatever_is_in_its_batch(pipeline):
    """A default is for the columns that no route gives: such as `made`, and not `change_percent` or what version 1 lacks."""
    load = pipeline.load
    first = pipeline.worker()
    load.produce(30)
    pipeline.settled()
    assert first.stop()[0] == 0
    pipeline.workers.remove(first)
    pipeline.postgres.psql("DELETE FROM stocks; ALTER TABLE stocks ALTER change_percent SET DEFAULT -1, ALTER currency SET DEFAULT 'X',"
                           " ADD made timestamptz NOT NULL DEFAULT now()")
    load.entries = {place: content for place, content in load.entries.items() if place[0] != TOPIC}
    pipeline.worker()
    for number in range(12):
        load.send(TOPIC, "alone", *made(load, change_percent=None))
        if number % 2:
            load.send(TOPIC, "alone", *made(load, change_percent=0.5))
        pipeline.settled()
    assert pipeline.postgres.psql("SELECT change_percent, currency, count(made) FROM stocks GROUP BY 1, 2 ORDER BY 1") \
        == [(0.5, None, 6), (None, None, 12)]


def test_records_that_wait_are_told_until_they_are_settled(pipeline):
    load = pipeline.load
    workers = [pipeline.worker(), pipeline.worker()]
    load.produce(300)
    for _ in range(5):
        load.send(TOPIC, "rubbish", b"not Avro")
    pipeline.settled()

    def waiting(count):
        return all(pipeline.values(worker, "fdp_quarantine_waiting_records") == [count] for worker in workers)

    wait_for(lambda: waiting(5), "the five in both")
    one = pipeline.postgres.psql("SELECT min(id) FROM fdp_quarantine")[0][0]
    pipeline.fdp("quarantine", "drop", one, "--yes", *pipeline.fdp.where())
    wait_for(lambda: waiting(4), "one less")
    pipeline.fdp("quarantine", "drop", "--all", "--yes", *pipeline.fdp.where())
    wait_for(lambda: waiting(0), "none")
    figure(f"{pipeline.finish(quarantined=5)}: five given up")


def test_huge_text_is_stored_where_nothing_forbids_it(pipeline):
    load = pipeline.load
    pipeline.worker()
    for _ in range(times(20, 200)):
        load.send(TOPIC, "huge", *made(load, price_hint=HUGE))
        load.produce(10)
    figure(f"{pipeline.finish()}: some rows of {len(HUGE)} bytes")
    assert pipeline.postgres.psql("SELECT DISTINCT length(price_hint), count(*) FROM stocks WHERE length(price_hint) > 1 GROUP BY 1") \
        == [(len(HUGE), times(20, 200))]
