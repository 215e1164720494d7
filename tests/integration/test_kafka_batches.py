# SPDX-License-Identifier: Apache-2.0
"""A batch that is small on the wire and larger than the client may decompress: it stops its partition, which says so, and nothing else."""
import json

import pytest
from confluent_kafka import Producer

from conftest import wait_for
from operated import TICK, Pipeline, stop

RECORDS = 200
# Ours would be hundreds of megabytes.
SMALL = ["--set", "streaming.kafka={receive.message.max.bytes: 100000, fetch.max.bytes: 90000, message.max.bytes: 90000}"]
GROUP = ["groups", "describe", "processing"]


@pytest.fixture
def pipe(fdp, kafka, postgres):
    """Of tickers.crypto every partition has records that are stored, and some that are not."""
    pipe = Pipeline(fdp, True, kafka, postgres)
    pipe.kafka = kafka
    fdp("topics", "create", *fdp.where())
    pipe.produce("tickers.crypto", *[TICK | {"id": f"{i}-USD"} for i in range(30)])
    pipe.work()
    pipe.produce("tickers.crypto", *[TICK | {"id": f"{i}-USD"} for i in range(30)])
    yield pipe
    stop(fdp)


def produce_bomb(pipe):
    """One batch; its partition and first offset."""
    producer = Producer({"bootstrap.servers": pipe.kafka.bootstrap, "compression.type": "zstd", "linger.ms": 2000, "batch.size": 1000000})
    went = []
    for _ in range(RECORDS):
        producer.produce("tickers.crypto", b"x" * 2000, partition=1,
                         on_delivery=lambda error, message: went.append((error, message.offset())))
    assert producer.flush(60) == 0 and len(went) == RECORDS and not any(error for error, _ in went)
    return 1, min(offset for _, offset in went)


def test_groups_tell_of_other_partitions_when_one_cannot_be_read(pipe):
    number, offset = produce_bomb(pipe)
    # The bad batch is the next to be read there.
    where = ("--topic", "tickers.crypto", "--partition", number, "--to", offset)
    pipe("groups", "reset", "processing", *where, "--yes")
    (group,) = [g for g in json.loads(pipe("groups", "list", "--json", *SMALL)) if g["group"] == "processing"]
    assert group["lag"] > RECORDS and group["lag_seconds"] is None
    partitions = {p["partition"]: p for p in json.loads(pipe(*GROUP, "--json", *SMALL)) if p["topic"] == "tickers.crypto"}
    bad = partitions.pop(number)
    assert bad["lag"] == RECORDS and bad["lag_seconds"] is None and f"offset {offset}" in bad["note"]
    for p in partitions.values():
        assert p["lag"] > 0 and p["lag_seconds"] > 0 and p["note"] is None
    assert f"offset {offset}" in pipe(*GROUP, *SMALL)


def work_as_far_as_possible(pipe, number, offset):
    """A worker that does not get beyond that batch; gives what it says."""
    worker = pipe.fdp.role("process", *SMALL)
    worker.address("monitoring")
    wait_for(lambda: "a partition cannot be read" in worker.stderr(), "the worker complains")
    wait_for(lambda: [(p["partition"], p["stored"], p["lag"]) for p in pipe.partitions() if p["lag"]] == [(number, offset, RECORDS)],
             "all else has been stored")
    assert worker.stop()[0] == 0, worker.stderr()
    return worker.stderr()


def test_a_batch_that_is_too_large_says_what_to_raise_and_is_read_then(pipe):
    number, offset = produce_bomb(pipe)
    before = pipe.sums()
    said = work_as_far_as_possible(pipe, number, offset)
    (said,) = [line for line in said.splitlines() if "a partition cannot be read" in line]
    for hint in f"offset {offset}:", "receive.message.max.bytes", "streaming.kafka", f"--topic tickers.crypto --partition {number} --to":
        assert hint in said
    pipe.work()
    assert pipe.sums()["quarantined"] == before["quarantined"] + RECORDS


def test_a_batch_that_cannot_be_read_is_passed_by_a_reset(pipe):
    number, offset = produce_bomb(pipe)
    work_as_far_as_possible(pipe, number, offset)
    before = pipe.sums()
    where = ("--topic", "tickers.crypto", "--partition", number, "--to", offset + RECORDS)
    (plan,) = pipe.json("groups", "reset", "processing", *where, "--yes", *SMALL)
    assert plan["skipped"] == RECORDS and plan["rows_removed"] == 0
    pipe.produce("tickers.crypto", *[TICK | {"id": f"{i}-USD"} for i in range(30)])
    pipe.work(*SMALL)
    after = pipe.sums()
    assert after["skipped"] == before["skipped"] + RECORDS and after["stored"] == before["stored"] + 30
