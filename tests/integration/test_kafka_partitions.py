# SPDX-License-Identifier: Apache-2.0
"""The same key goes to the same partition, whoever writes it: Java's producer, ours, the embedded log, and another librdkafka."""
import os
import pathlib
import random
import shutil
import subprocess

import pytest
from confluent_kafka import Producer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCE = pathlib.Path(__file__).resolve().parent / "kafka_partitions"
HELPER = pathlib.Path(os.environ.get("FDP_BUILD", ROOT / "build")) / "tests/unit/streaming/kafka_partitions"
SEED = int(os.environ.get("FDP_PARTITIONS_SEED", "4"))
PARTITIONS = 7


def make_keys():
    """Symbols, and bytes of all lengths and values; the empty key too, which is not null."""
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    keys = [b"", b"AAPL", b"BTC-USD", b"EURUSD=X", b"^GSPC", "Ω株".encode(), b"\0", b"\xff" * 9]
    return keys + [dice.randbytes(dice.randrange(1, 41)) for _ in range(4000)]


def numbers(command, keys):
    done = subprocess.run([str(word) for word in command], input="".join(key.hex() + "\n" for key in keys), capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


def of_java(kafka, keys, folder):
    if not shutil.which("javac"):
        pytest.fail("javac is missing; tools/install.sh test installs it")
    jars = subprocess.run([ROOT / "tools/jars.sh", "kafka", ROOT / "tools/kafka/pom.xml"], stdout=subprocess.PIPE, text=True, check=True,
                          timeout=600).stdout.strip() + "/*"
    subprocess.run(["javac", "-d", folder, "-cp", jars, *SOURCE.glob("*.java")], check=True, timeout=300)
    kafka.create("of-java", PARTITIONS)
    command = ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{folder}:{jars}", "Partitions", kafka.bootstrap, "of-java"]
    return [row[0] for row in numbers(command, keys)]


def of_librdkafka(kafka, keys):
    kafka.create("of-librdkafka", PARTITIONS)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random", "linger.ms": 20})
    went = {}
    for i, key in enumerate(keys):
        producer.produce("of-librdkafka", value=b"1", key=key, on_delivery=lambda error, message, i=i: went.update({i: message.partition()}))
        producer.poll(0)
    assert producer.flush(60) == 0
    return [went[i] for i in range(len(keys))]


def test_everybody_chooses_the_same_partition(kafka, tmp_path):
    keys = make_keys()
    ours = numbers([HELPER, kafka.url, "of-us", PARTITIONS], keys)
    embedded = numbers([HELPER, f"embedded:{tmp_path}", "of-us", PARTITIONS], keys)
    java = of_java(kafka, keys, tmp_path)
    other = of_librdkafka(kafka, keys)
    assert len(ours) == len(embedded) == len(java) == len(other) == len(keys)
    differing = [(key, of_java, *of_us, *log, of_other) for key, of_java, of_us, log, of_other in zip(keys, java, ours, embedded, other)
                 if len({of_java, *of_us, *log, of_other}) != 1]
    assert not differing, differing[:5]
    # All the same would be no agreement either.
    assert min(java.count(partition) for partition in range(PARTITIONS)) > len(keys) / PARTITIONS / 2
