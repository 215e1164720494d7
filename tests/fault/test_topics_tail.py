# SPDX-License-Identifier: Apache-2.0
"""`fdp topics tail` prints all that there is, or says that it could not."""
from confluent_kafka import Producer

RECORDS, SIZE = 50000, 200
# So that it holds little of what it has not printed yet.
SMALL_QUEUE = "streaming.kafka={queued.max.messages.kbytes: 64, fetch.message.max.bytes: 65536}"


def test_what_is_not_all_is_no_success(fdp, kafka):
    """Kafka falls silent while one waits for it, and another for whoever reads its output."""
    kafka.create("mine", 2)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 50, "queue.buffering.max.messages": RECORDS})
    for number in range(RECORDS):
        producer.produce("mine", f"{number:0{SIZE}}", partition=number % 2)
    producer.flush(60)
    fdp.use(stream=kafka)
    tail = ["topics", "tail", "mine", "--from", "earliest", *fdp.where(), "--set", SMALL_QUEUE]
    read_slowly, starved = fdp.start(*tail), fdp.start(*tail)
    for role in (read_slowly, starved):
        assert role.process.stdout.readline()
    with kafka.silent():
        assert 0 < len(starved.process.stdout.readlines()) < RECORDS - 1
        assert starved.process.wait(60) == 5, starved.stderr()
        assert "this is not all of it" in starved.stderr() and "mine" in starved.stderr()
        assert read_slowly.process.poll() is None
    assert len(set(read_slowly.process.stdout)) == RECORDS - 1
    assert read_slowly.process.wait(60) == 0, read_slowly.stderr()
