# SPDX-License-Identifier: Apache-2.0
"""Topics that are not as one would expect: new, made anew, with more partitions, cut off by retention, with offsets that hold no record."""
import json
import signal

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, OffsetSpec, ResourceType

from conftest import wait_for
from pipeline import SEED, Pipeline, figure
from pipeline_load import TABLES, Ledger, Load

CRYPTO = "tickers.crypto"


@pytest.fixture
def pipeline(fdp, kafka, postgres):
    return Pipeline(fdp, kafka, postgres)


def offsets(pipeline, column, topic="tickers.%"):
    return pipeline.postgres.psql(f"SELECT COALESCE(SUM({column}), 0)::bigint FROM fdp_offsets WHERE topic LIKE '{topic}'")[0][0]


def remove_before(kafka, topic, offset):
    """What retention does."""
    places = [TopicPartition(topic, partition, offset) for partition in range(3)]
    for future in kafka.admin.delete_records(places).values():
        future.result(30)


def recreate(kafka, topic):
    kafka.admin.delete_topics([topic])[topic].result(30)
    wait_for(lambda: topic not in kafka.topics(), "the topic to be gone")
    kafka.create(topic, 3)


def end_of_all(kafka):
    """The sum of the high watermarks of all partitions that workers read."""
    places = {TopicPartition(topic, partition): OffsetSpec.latest() for topic in TABLES for partition in range(3)}
    places[TopicPartition("tickers.rejected", 0)] = OffsetSpec.latest()
    return sum(future.result(30).offset for future in kafka.admin.list_offsets(places).values())


def forget(load, topic):
    """The ledger says nothing any more about a topic."""
    gone = {place: content for place, content in load.entries.items() if place[0] == topic}
    load.entries = {place: content for place, content in load.entries.items() if place[0] != topic}
    return gone


# --- Where a group begins ---


def test_new_group_begins_at_the_oldest_record(pipeline):
    """Some of the records are gone already, and one topic is empty."""
    load = pipeline.load
    load.produce(600, topics=["tickers.stocks", CRYPTO])
    load.flush()
    remove_before(pipeline.kafka, CRYPTO, 20)
    load.entries = {place: content for place, content in load.entries.items() if place[0] != CRYPTO or place[2] >= 20}
    pipeline.worker()
    with load.running(500):
        pipeline.settled()
    figure(f"{pipeline.finish()} by a new group")
    assert offsets(pipeline, "first_offset", CRYPTO) == 60
    assert offsets(pipeline, "first_offset", "tickers.stocks") == 0
    assert offsets(pipeline, "skipped") == 0


def test_new_group_begins_at_the_latest_record_when_told_so(pipeline):
    load = pipeline.load
    load.produce(600)
    load.flush()
    before, load.entries = len(load.entries), {}
    pipeline.worker("--set", "processing.start=latest")
    wait_for(lambda: pipeline.position() == before, "all partitions to be claimed at their ends")
    load.produce(600)
    assert pipeline.finish().stored == 600


# --- A topic that is given more partitions than the configuration says ---


def add_partitions(pipeline, topic, count, seed):
    """Up to that number of partitions, and records in all of them."""
    pipeline.kafka.admin.create_partitions([NewPartitions(topic, count)])[topic].result(30)
    more = Load(pipeline.kafka.bootstrap, pipeline.registry_url, seed)
    more.produce(600, topics=[topic])
    more.flush()
    pipeline.load.entries |= more.entries


def test_added_partitions_are_taken_up(pipeline):
    pipeline.worker()
    pipeline.load.produce(300)
    pipeline.settled()
    assert pipeline.workers.pop().stop()[0] == 0
    add_partitions(pipeline, CRYPTO, 9, SEED + 1)

    def described():
        return json.loads(pipeline.fdp("groups", "describe", pipeline.group, "--json", *pipeline.fdp.where()))

    waiting = [at for at in described() if at["topic"] == CRYPTO and at["partition"] >= 3]
    assert [(at["stored"], at["note"]) for at in waiting] == [(None, "no worker has taken it up yet")] * 6
    assert sum(at["lag"] for at in described()) == 600
    assert next(group["lag"] for group in json.loads(pipeline.fdp("groups", "list", "--json", *pipeline.fdp.where()))
                if group["group"] == pipeline.group) == 600
    said = pipeline.fdp.run("check", *pipeline.fdp.where()).stdout
    assert "partitions" not in said, said

    pipeline.worker()  # the configuration says 3
    pipeline.settled()
    add_partitions(pipeline, CRYPTO, 12, SEED + 2)  # under its hands
    figure(f"{pipeline.finish()} with partitions that came later")


# --- A topic that is not the same any more ---


@pytest.mark.parametrize("later, under", [("shorter", "a stopped worker"), ("longer", "a stopped worker"), ("shorter", "a running worker")])
def test_recreated_topic_stops_and_is_taken_up_when_told(pipeline, later, under):
    """Its partitions stop and say why; the others go on. Then somebody says that it was on purpose."""
    load = pipeline.load
    worker = pipeline.worker()
    load.produce(900)
    pipeline.settled()
    if under == "a stopped worker":
        code, _, err = pipeline.workers.pop().stop()
        assert code == 0, err
    recreate(pipeline.kafka, CRYPTO)
    old = forget(load, CRYPTO)
    # A shorter log is seen by its end, a longer one by its records.
    load.produce(100 if later == "shorter" else 1500, topics=[CRYPTO])
    load.flush()
    new = forget(load, CRYPTO)
    if under == "a stopped worker":
        worker = pipeline.worker()
    with load.running(500):
        wait_for(lambda: worker.stderr().count("a partition has to wait") == 3, "a word about each partition")
        pipeline.progress(100)
        assert not pipeline.ready(worker)
    added = forget(load, CRYPTO)
    pipeline.settled()
    if under == "a stopped worker":  # one that runs may see that the topic is gone, before it is back
        assert ("the log is shorter" if later == "shorter" else "the topic is not the same") in worker.stderr()
    assert pipeline.postgres.psql("SELECT COUNT(*) FROM crypto") == [(len(old),)], "nothing of the new topic yet"
    pipeline.fdp("groups", "reset", pipeline.group, "--topic", CRYPTO, "--fresh", "--to", "earliest", "--yes", *pipeline.fdp.where())
    load.entries |= new | added
    load.wait_processed(pipeline.postgres.url, pipeline.group)
    wait_for(lambda: pipeline.ready(worker), "ready again")
    # The rows of the former topic are kept; here only those of this one are compared.
    assert pipeline.postgres.psql("SELECT COUNT(*) FROM crypto") == [(len(old) + len(new) + len(added),)]
    pipeline.fdp("reconcile", *pipeline.fdp.where(), "--deep", "--log-level", "error")
    pipeline.postgres.psql("DELETE FROM crypto USING fdp_offsets o WHERE o.id = _source AND o.consumer_group <> %s", pipeline.group)
    pipeline.postgres.psql("DELETE FROM fdp_offsets WHERE consumer_group <> %s", pipeline.group)
    figure(f"{pipeline.finish()} with a topic that was made anew under {under} and is {later}")


def test_topic_is_gone_while_records_of_others_wait_for_the_store(pipeline):
    """A batch stays open while the writer is at work. What is in it when the stream fails is stored all the same."""
    load, psql, kafka = pipeline.load, pipeline.postgres.psql, pipeline.kafka
    worker = pipeline.worker()
    load.produce(900)
    pipeline.settled()
    with pipeline.postgres.connect() as holder, holder.transaction():
        holder.execute("LOCK TABLE stocks IN SHARE MODE")
        load.produce(300)
        wait_for(lambda: psql("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")[0][0],
                 "the writer to wait")
        load.produce(300)
        load.flush()
        kafka.admin.delete_topics([CRYPTO])[CRYPTO].result(30)
        wait_for(lambda: pipeline.metric(worker, "fdp_queue_fill") == 1, "the batch to be closed because the topic is gone")
    forget(load, CRYPTO)
    pipeline.settled()
    wait_for(lambda: worker.stderr().count("a partition has to wait") == 3, "a word about each partition")
    psql("DELETE FROM crypto")
    psql("DELETE FROM fdp_offsets WHERE topic = %s", CRYPTO)
    figure(f"{pipeline.finish()} beside a topic that went while the store was busy")


@pytest.mark.parametrize("under", ["a stopped worker", "a running worker"])
def test_retention_passes_the_position(pipeline, under):
    """Its partitions stop and say why; the others go on. Then somebody says that what is gone is gone."""
    load, psql = pipeline.load, pipeline.postgres.psql
    worker = pipeline.worker()
    load.produce(900)
    pipeline.settled()
    if under == "a stopped worker":
        code, _, err = pipeline.workers.pop().stop()
        assert code == 0, err
    else:
        worker.process.send_signal(signal.SIGSTOP)
    load.produce(30, topics=[CRYPTO])
    load.flush()  # what a halted worker has asked for is answered with these
    low = psql("SELECT MAX(next_offset) FROM fdp_offsets WHERE topic = %s", CRYPTO)[0][0] + 100
    load.produce(10 * low, topics=[CRYPTO])
    load.flush()
    remove_before(pipeline.kafka, CRYPTO, low)
    if under == "a stopped worker":
        worker = pipeline.worker()
    else:
        worker.process.send_signal(signal.SIGCONT)
    with load.running(500):
        wait_for(lambda: worker.stderr().count("retention has") == 3, "a word about each partition")
        pipeline.progress(100)
        assert not pipeline.ready(worker)
        reached = dict(psql("SELECT partition, next_offset FROM fdp_offsets WHERE topic = %s", CRYPTO))
        pipeline.fdp("groups", "reset", pipeline.group, "--topic", CRYPTO, "--to", "earliest", "--yes", *pipeline.fdp.where())
        wait_for(lambda: pipeline.ready(worker), "ready again")
    load.entries = {(topic, partition, offset): content for (topic, partition, offset), content in load.entries.items()
                    if topic != CRYPTO or offset < reached[partition] or offset >= low}
    gone = 3 * low - sum(reached.values())
    figure(f"{pipeline.finish()} without {gone} records that retention had removed under {under}")
    assert offsets(pipeline, "skipped") == gone


# --- Offsets that hold no record ---


def test_transaction_markers_and_aborted_records_are_skipped(pipeline):
    """The last offsets of the partitions hold markers, which no consumer ever sees."""
    load = pipeline.load
    pipeline.worker()
    load.produce(300)
    load.flush()
    sender = Load(pipeline.kafka.bootstrap, pipeline.registry_url, pipeline.load.seed + 1, log_level=0, **{"transactional.id": "sender"})
    sender.producer.init_transactions(30)
    for number in range(6):
        kept = dict(sender.entries)
        sender.producer.begin_transaction()
        sender.produce(90)
        sender.flush()
        if number % 2:
            sender.producer.abort_transaction(30)
            sender.entries = kept
        else:
            sender.producer.commit_transaction(30)
    load.entries |= sender.entries
    ends = Ledger.of_topics(pipeline.kafka.bootstrap).entries
    assert len(ends) == len(load.entries)
    pipeline.settled()
    end = end_of_all(pipeline.kafka)
    wait_for(lambda: pipeline.position() == end, "markers and aborted records to be skipped")
    assert offsets(pipeline, "skipped") == end - len(load.entries) > 3 * 90
    for lag in ("fdp_stream_lag_records", "fdp_processing_lag_records"):
        wait_for(lambda: pipeline.metric(pipeline.workers[0], lag) == 0, f"{lag} of 0")
    figure(f"{pipeline.finish()} beside {offsets(pipeline, 'skipped')} offsets without a record")


def test_compacted_records_are_skipped(pipeline):
    load, kafka = pipeline.load, pipeline.kafka
    settings = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "1000", "min.compaction.lag.ms": "0"}
    resource = ConfigResource(ResourceType.TOPIC, CRYPTO, incremental_configs=[
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()])
    kafka.admin.incremental_alter_configs([resource])[resource].result(30)
    load.produce(900)
    load.flush()
    produced = len(load.entries)

    def compacted():
        load.produce(3, topics=[CRYPTO])  # a segment ends only when something comes after its time
        load.flush()
        return len(Ledger.of_topics(kafka.bootstrap).entries) < produced - 200

    wait_for(compacted, "records to be compacted")
    pipeline.worker()
    left = Ledger.of_topics(kafka.bootstrap).entries
    load.entries = {place: content for place, content in load.entries.items() if place in left}
    pipeline.settled()
    wait_for(lambda: pipeline.position() == end_of_all(kafka), "the ends of all partitions")
    for lag in ("fdp_stream_lag_records", "fdp_processing_lag_records"):
        wait_for(lambda: pipeline.metric(pipeline.workers[0], lag) == 0, f"{lag} of 0")
    skipped = offsets(pipeline, "skipped")
    assert skipped == end_of_all(kafka) - len(left) > 0
    figure(f"{pipeline.finish()} beside {skipped} compacted ones")
