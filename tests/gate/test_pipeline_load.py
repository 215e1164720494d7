# SPDX-License-Identifier: Apache-2.0
"""The ledger that the tests of exactly-once trust: it knows what Kafka acknowledged, and sees every way in which a store can be wrong."""
import re
import subprocess
import sys

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

import servers
from conftest import wait_for
from pipeline_load import TABLES, Ledger, Load

MIGRATION = servers.ROOT / "sql/postgres/001_tables.sql"


@pytest.fixture
def store(postgres):
    """The tables of the store, which a test fills by itself."""
    postgres.psql(MIGRATION.read_text())
    return postgres


@pytest.fixture
def registry(fdp):
    return fdp.start("registry", "--data", fdp.data, "--set", "streaming.registry.listen=127.0.0.1:0").address("registry")


@pytest.fixture
def topics(kafka):
    for topic in TABLES:
        kafka.create(topic)
    return kafka


def entry(number):
    return ("tickers.stocks", 0, number), (f"{number:016x}", "AAPL", 100.25)


def ledger(count=10):
    return Ledger(entry(number) for number in range(count))


def fill(store, count=10, topic="tickers.stocks"):
    """What a perfect worker would have made of that ledger."""
    store.psql("INSERT INTO fdp_offsets (id, consumer_group, topic, partition, owner_epoch, first_offset, next_offset)"
               " VALUES (7, 'processing', %s, 0, 1, 0, %s)", topic, count)
    for number in range(count):
        insert(store, number)


def insert(store, number, price=100.25, source=7):
    store.psql("INSERT INTO stocks (id, price, time, event_id, _source, _offset) VALUES ('AAPL', %s, now(), %s, %s, %s)",
               price, f"{number:016x}", source, number)


def quarantine(store, number, state="waiting"):
    store.psql("INSERT INTO fdp_quarantine (topic, partition, _source, _offset, rule, error, state)"
               " VALUES ('tickers.stocks', 0, 7, %s, 'decode', 'bad', %s)", number, state)


def delete(store, number):
    store.psql("DELETE FROM stocks WHERE _offset = %s", number)


def test_a_perfect_store_is_good(store):
    fill(store)
    result = ledger().verify(store.url)
    assert (result.produced, result.stored, result.quarantined) == (10, 10, 0)


def test_quarantined_counts_once_and_redriven_as_stored(store):
    fill(store)
    delete(store, 3)
    quarantine(store, 3)
    quarantine(store, 4, "redriven")
    result = ledger().verify(store.url)
    assert (result.stored, result.quarantined) == (9, 1)


@pytest.mark.parametrize("wrong, said", [
    (lambda store: [delete(store, n) for n in (2, 3, 4, 8)],
     "4 produced, but nowhere:\n  tickers.stocks[0] offset 2 to 4\n  tickers.stocks[0] offset 8"),
    (lambda store: insert(store, 5), "1 more than once:\n  tickers.stocks[0] offset 5"),
    (lambda store: quarantine(store, 5), "1 more than once:\n  tickers.stocks[0] offset 5"),
    (lambda store: insert(store, 10), "1 never produced:\n  tickers.stocks[0] offset 10"),
    (lambda store: insert(store, 11, source=8), "1 never produced:\n  None[None] offset 11"),
    (lambda store: (delete(store, 5), insert(store, 5, price=1)),
     "1 stored otherwise than produced:\n"
     "  tickers.stocks[0] offset 5: ('0000000000000005', 'AAPL', 1.0), not ('0000000000000005', 'AAPL', 100.25)"),
])
def test_each_fault_is_seen_and_named(store, wrong, said):
    fill(store)
    wrong(store)
    with pytest.raises(AssertionError, match=re.escape(said)):
        ledger().verify(store.url)


def test_a_difference_stays_short(store):
    fill(store)
    text = str(ledger(100000).compare(store.url))
    assert "99990 produced, but nowhere:\n  tickers.stocks[0] offset 10 to 99999" in text
    odd = Ledger(entry(number) for number in range(0, 100000, 2))
    assert len(str(odd.compare(store.url)).splitlines()) < 60


def test_wait_processed_waits_for_the_positions(store):
    with pytest.raises(AssertionError, match=re.escape("not processed within 0 s: tickers.stocks[0] at no offset, not 10")):
        ledger().wait_processed(store.url, deadline=0)
    fill(store, 9)
    with pytest.raises(AssertionError, match=re.escape("tickers.stocks[0] at 9, not 10")):
        ledger().wait_processed(store.url, deadline=0)
    store.psql("UPDATE fdp_offsets SET next_offset = 10")
    ledger().wait_processed(store.url, deadline=0)


def test_load_knows_where_each_record_is(topics, registry, tmp_path):
    load = Load(topics.bootstrap, registry, seed=0xabc)
    load.produce(300)
    load.produce(30, schema="mission")
    load.send("tickers.stocks", "BAD", b"\x01rubbish")
    load.send("tickers.stocks", "NULL", None)
    load.flush()
    assert len(load.entries) == 332
    assert sum(content is None for content in load.entries.values()) == 2
    # All that is there is known, and as it was said to be.
    there = Ledger.of_topics(topics.bootstrap)
    assert there.entries.keys() == load.entries.keys()
    consumer = Consumer({"bootstrap.servers": topics.bootstrap, "group.id": "check", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for topic in TABLES for partition in range(3)])
    decode = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    seen = {}
    while len(seen) < 332:
        message = consumer.poll(30)
        assert message is not None and not message.error()
        content = load.entries[message.topic(), message.partition(), message.offset()]
        seen[message.topic(), message.partition(), message.offset()] = content
        if content:
            got = decode(message.value(), SerializationContext(message.topic(), MessageField.VALUE))
            assert (got["event_id"], got["id"], got["price"]) == content
            assert message.key().decode() == got["id"]
    consumer.close()
    load.save(tmp_path / "ledger")
    assert Ledger.read(tmp_path / "ledger").entries == load.entries


def test_load_loses_nothing_while_the_broker_is_killed(topics, registry):
    load = Load(topics.bootstrap, registry)
    with load.running(rate=1000):
        wait_for(lambda: len(load.entries) > 200, "records before the kill")
        topics.kill()
        topics.start()
        after = len(load.entries)
        wait_for(lambda: len(load.entries) > after + 200, "records after it")
    assert len(load.entries) == load.number
    assert Ledger.of_topics(topics.bootstrap).entries.keys() == load.entries.keys()


def test_by_hand(topics, store, registry, tmp_path):
    def run(*args):
        return subprocess.run([sys.executable, servers.ROOT / "tests/pipeline_load.py", *args, "--ledger", tmp_path / "ledger"],
                              capture_output=True, text=True, timeout=120)

    produced = run("produce", "--kafka", topics.bootstrap, "--registry", registry, "-n", "90")
    assert produced.returncode == 0 and produced.stdout.startswith("90 records in "), produced
    verified = run("verify", "--postgres", store.url)
    assert verified.returncode == 1 and "90 produced, 0 stored, 0 quarantined\n90 produced, but nowhere:" in verified.stdout, verified
