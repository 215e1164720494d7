#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records of known identity for the topics, and the proof that each of them is stored exactly once.

    load = Load(kafka.bootstrap, registry_url)
    load.produce(10000)                      # our record, version 1
    load.produce(500, schema="mission")      # the mission's schema
    with load.running(rate=2000):            # goes on while something is broken
        ...
    load.flush()
    load.wait_processed(postgres.url)
    load.verify(postgres.url)                # fails with the difference, else tells how many were stored and quarantined

Or by hand, the ledger being a file in between:

    tests/pipeline_load.py produce --kafka HOST:PORT --registry URL --ledger FILE [-n N] [--schema v1|mission] [--rate N]
    tests/pipeline_load.py verify --postgres URL --ledger FILE"""
import argparse
import collections
import contextlib
import dataclasses
import itertools
import json
import pathlib
import sys
import threading
import time

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent / "schemas"
TABLES = {"tickers.stocks": "stocks", "tickers.crypto": "crypto", "tickers.currency": "currency"}
SYMBOLS = {
    "tickers.stocks": ["AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "SPY", "^GSPC", "BRK-B", "7203.T", "SAP.DE"],
    "tickers.crypto": ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD", "DOGE-USD", "LTC-USD"],
    "tickers.currency": ["EURUSD=X", "USDJPY=X", "GBPUSD=X", "USDCHF=X", "AUDUSD=X"],
}
QUOTE_TYPES = {"tickers.stocks": 8, "tickers.crypto": 41, "tickers.currency": 14}
TIME_MS = 1786622589000  # of the first record; each is a millisecond later
SHOWN = 20  # lines of a difference, of each kind

# The mission's schema: null second, with a null default.
MISSION_FIELDS = {
    "change": "float", "change_percent": "float", "exchange": "string", "ingestion_ts": "string", "id": "string", "market_hours": "int",
    "price": "float", "price_hint": "string", "source_api": "string", "event_id": "string", "quote_type": "int", "time": "string",
}


def schema_text(topic, schema):
    if schema == "mission":
        fields = [{"name": name, "type": [kind, "null"], "default": None} for name, kind in MISSION_FIELDS.items()]
        return json.dumps({"type": "record", "name": topic, "namespace": topic, "fields": fields})
    return (SCHEMAS / topic / f"{schema}.avsc").read_text()


def record(seed, number, topic, schema):
    """The record of that number. Its prices are quarters, which a float holds exactly."""
    symbols = SYMBOLS[topic]
    time_ms = TIME_MS + number
    made = {
        "id": symbols[number // len(TABLES) % len(symbols)], "price": 100 + number % 4000 / 4, "time": time_ms, "change": number % 16 / 4,
        "change_percent": None if number % 5 == 0 else 0.25, "exchange": "NMS", "market_hours": number % 4, "price_hint": "2",
        "source_api": "load", "event_id": f"{seed & 0xffffffff:08x}{number:08x}", "quote_type": QUOTE_TYPES[topic],
        "ingestion_ts": time_ms * 1000,
    }
    if schema == "mission":  # times are texts: digits, or as people write them
        made["time"] = str(time_ms)
        made["ingestion_ts"] = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(time_ms // 1000))}.{time_ms % 1000:03}Z"
    return made


@dataclasses.dataclass
class Comparison:
    """What was produced against what is stored; places are (topic, partition, offset)."""

    produced: int
    stored: int = 0
    quarantined: int = 0
    missing: list = dataclasses.field(default_factory=list)
    doubled: list = dataclasses.field(default_factory=list)
    unknown: list = dataclasses.field(default_factory=list)
    changed: list = dataclasses.field(default_factory=list)  # (place, produced, stored)

    def good(self):
        return not (self.missing or self.doubled or self.unknown or self.changed)

    def __str__(self):
        lines = [f"{self.produced} produced, {self.stored} stored, {self.quarantined} quarantined"]
        for what, places in (("produced, but nowhere", self.missing), ("more than once", self.doubled), ("never produced", self.unknown)):
            if places:
                lines += [f"{len(places)} {what}:", *_ranges(places)]
        if self.changed:
            lines += [f"{len(self.changed)} stored otherwise than produced:"]
            lines += [f"  {_place(place)}: {here}, not {there}" for place, there, here in self.changed[:SHOWN]]
        return "\n".join(lines)


def _place(place):
    return f"{place[0]}[{place[1]}] offset {place[2]}"


def _ranges(places):
    """A line per run of offsets."""
    lines = []
    for (topic, partition), group in itertools.groupby(sorted(places, key=lambda place: tuple(map(str, place))), lambda place: place[:2]):
        offsets = sorted(place[2] for place in group)
        for _, run in itertools.groupby(enumerate(offsets), lambda pair: pair[1] - pair[0]):
            run = [offset for _, offset in run]
            lines.append(f"  {topic}[{partition}] offset {run[0]}" + (f" to {run[-1]}" if len(run) > 1 else ""))
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"  ... and {len(lines) - SHOWN} more such runs"]
    return lines


class Ledger:
    """What is in the topics: place -> (event_id, symbol, price), or None where only the place is known."""

    def __init__(self, entries=None):
        self.entries = dict(entries or {})

    @classmethod
    def of_topics(cls, bootstrap, topics=(*TABLES, "tickers.rejected")):
        """All records that are in the topics now, whoever produced them; their contents are not looked at."""
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "ledger", "enable.auto.commit": False,
                             "enable.partition.eof": True})
        try:
            there = consumer.list_topics(timeout=30).topics
            waiting = {(topic, partition) for topic in topics if topic in there for partition in there[topic].partitions}
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in waiting])
            ledger = cls()
            while waiting:
                for message in consumer.consume(10000, timeout=1):
                    if message.error():
                        waiting.discard((message.topic(), message.partition()))
                    else:
                        ledger.entries[message.topic(), message.partition(), message.offset()] = None
            return ledger
        finally:
            consumer.close()

    def save(self, path):
        with open(path, "w") as file:
            for place, content in self.entries.items():
                file.write(json.dumps([place, content]) + "\n")

    @classmethod
    def read(cls, path):
        with open(path) as file:
            return cls((tuple(place), tuple(content) if content else None) for place, content in map(json.loads, file))

    def wait_processed(self, url, group="processing", deadline=120):
        """Waits until the positions in the store are past all that is in the ledger."""
        wanted = {}
        for topic, partition, offset in self.entries:
            wanted[topic, partition] = max(offset + 1, wanted.get((topic, partition), 0))
        end = time.monotonic() + deadline
        while True:
            reached = self._positions(url, group)
            behind = [f"{topic}[{partition}] at {reached.get((topic, partition), 'no offset')}, not {offset}"
                      for (topic, partition), offset in wanted.items() if reached.get((topic, partition), -1) < offset]
            if not behind:
                return
            assert time.monotonic() < end, f"not processed within {deadline} s: {'; '.join(behind)}"
            time.sleep(0.05)

    @staticmethod
    def _positions(url, group):
        """(topic, partition) -> position; nothing while there is no database, or nothing in it yet."""
        import psycopg
        with contextlib.suppress(psycopg.OperationalError, psycopg.errors.UndefinedTable), psycopg.connect(url) as connection:
            rows = connection.execute("SELECT topic, partition, next_offset FROM fdp_offsets WHERE consumer_group = %s", [group])
            return {(topic, partition): offset for topic, partition, offset in rows}
        return {}

    def compare(self, url):
        import psycopg
        result = Comparison(len(self.entries))
        found = collections.Counter()
        with psycopg.connect(url) as connection:
            for content_of in (self._stored, self._quarantined):
                for place, content in content_of(connection, result):
                    found[place] += 1
                    produced = self.entries.get(place)
                    if content and produced and content != produced:
                        result.changed.append((place, produced, content))
        result.missing = [place for place in self.entries if place not in found]
        result.doubled = [place for place, count in found.items() if count > 1]
        result.unknown = [place for place in found if place not in self.entries]
        return result

    def verify(self, url):
        result = self.compare(url)
        assert result.good(), str(result)
        return result

    @staticmethod
    def _stored(connection, result):
        for table in TABLES.values():
            query = (f"COPY (SELECT o.topic, o.partition, t._offset, t.event_id, t.id, t.price FROM {table} t"
                     " LEFT JOIN fdp_offsets o ON o.id = t._source) TO STDOUT")
            with connection.cursor().copy(query) as copy:
                copy.set_types(["text", "int4", "int8", "text", "text", "float8"])
                for row in copy.rows():
                    result.stored += 1
                    yield row[:3], row[3:]

    @staticmethod
    def _quarantined(connection, result):
        # What was redriven is in a table now.
        query = "COPY (SELECT topic, partition, _offset FROM fdp_quarantine WHERE state <> 'redriven') TO STDOUT"
        with connection.cursor().copy(query) as copy:
            copy.set_types(["text", "int4", "int8"])
            for row in copy.rows():
                result.quarantined += 1
                yield row, None


class Load(Ledger):
    """Produces records as an ordinary client does, with Confluent's serializer, and keeps the ledger of what Kafka acknowledged."""

    def __init__(self, bootstrap, registry, seed=1, **properties):
        super().__init__()
        from confluent_kafka import Producer
        from confluent_kafka.schema_registry import SchemaRegistryClient
        self.seed, self.number, self.failed = seed, 0, []
        self.registry = SchemaRegistryClient({"url": registry})
        self.serializers = {}
        # Nothing is given up while the broker is away, and nothing is written twice.
        self.producer = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "message.timeout.ms": 0, "partitioner": "murmur2_random",
            "linger.ms": 5, "compression.type": "lz4", "reconnect.backoff.max.ms": 1000, **properties,
        })

    def produce(self, count, schema="v1", topics=tuple(TABLES)):
        """Hands records over to the producer, the topics in turn; flush waits until they are in Kafka."""
        for _ in range(count):
            topic = topics[self.number % len(topics)]
            made = record(self.seed, self.number, topic, schema)
            self.send(topic, made["id"], self._serialize(topic, schema, made), (made["event_id"], made["id"], made["price"]))
            self.number += 1

    def send(self, topic, key, value, content=None):
        """Sends any bytes, or None, as they are: what no worker can read is expected in the quarantine."""
        def delivered(error, message):
            if error:
                self.failed.append(error)
            else:
                self.entries[message.topic(), message.partition(), message.offset()] = content
        while True:
            try:
                self.producer.produce(topic, value, key, on_delivery=delivered)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)

    def flush(self, deadline=120):
        left = self.producer.flush(deadline)
        assert not left, f"{left} records are not acknowledged after {deadline} s"
        assert not self.failed, f"{len(self.failed)} records were refused: {self.failed[:3]}"

    @contextlib.contextmanager
    def running(self, rate, schema="v1"):
        """Produces at that many records a second, in the background, until the block ends; then all that was sent is flushed."""
        stopping = threading.Event()
        trouble = []

        def run():
            began, first = time.monotonic(), self.number
            try:
                while not stopping.wait(0.01):
                    due = int((time.monotonic() - began) * rate) - (self.number - first)
                    self.produce(max(due, 0), schema)
            except Exception as error:  # it must not end unnoticed
                trouble.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield self
        finally:
            stopping.set()
            thread.join()
        assert not trouble, trouble
        self.flush()

    def _serialize(self, topic, schema, made):
        from confluent_kafka.schema_registry.avro import AvroSerializer
        from confluent_kafka.serialization import MessageField, SerializationContext
        if (topic, schema) not in self.serializers:
            self.serializers[topic, schema] = AvroSerializer(self.registry, schema_text(topic, schema))
        return self.serializers[topic, schema](made, SerializationContext(topic, MessageField.VALUE))


def main():
    parser = argparse.ArgumentParser(description="Produces records of known identity, or verifies that each is stored exactly once.")
    commands = parser.add_subparsers(dest="command", required=True)
    produce, verify = commands.add_parser("produce"), commands.add_parser("verify")
    produce.add_argument("--kafka", required=True, metavar="HOST:PORT")
    produce.add_argument("--registry", required=True, metavar="URL")
    produce.add_argument("-n", type=int, default=10000)
    produce.add_argument("--schema", default="v1", choices=["v1", "mission"])
    produce.add_argument("--seed", type=int, default=int(time.time()))
    produce.add_argument("--rate", type=int, help="records a second; default: as fast as it can")
    verify.add_argument("--postgres", required=True, metavar="URL")
    for command in (produce, verify):
        command.add_argument("--ledger", required=True, metavar="FILE")
    options = parser.parse_args()
    if options.command == "produce":
        load = Load(options.kafka, options.registry, options.seed)
        began = time.monotonic()
        if options.rate:
            with load.running(options.rate, options.schema):
                time.sleep(options.n / options.rate)
        else:
            load.produce(options.n, options.schema)
            load.flush()
        load.save(options.ledger)
        print(f"{len(load.entries)} records in {time.monotonic() - began:.1f} s")
        return 0
    result = Ledger.read(options.ledger).compare(options.postgres)
    print(result)
    return 0 if result.good() else 1


if __name__ == "__main__":
    sys.exit(main())
