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
