# SPDX-License-Identifier: Apache-2.0
"""The real servers that other tests stand on: they come back after a kill with their data, are new for each test, and leave nothing."""
import os
import pathlib
import socket
import subprocess
import sys

import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

import servers
from conftest import wait_for

TOOLS = servers.ROOT / "tools"


def produce(kafka, topic, *values):
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "acks": "all"})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(30) == 0


def consume(kafka, topic, count):
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = [message.value().decode() for message in consumer.consume(count, timeout=30)]
    consumer.close()
    return found


def create(kafka, topic):
    kafka.admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)


def tool(script, *args):
    return subprocess.run([TOOLS / script, *map(str, args)], capture_output=True, text=True, timeout=120)


def test_kafka_keeps_what_it_acknowledged_through_a_kill(kafka):
    bootstrap = kafka.bootstrap
    create(kafka, "kept")
    produce(kafka, "kept", "one", "two")
    kafka.kill()
    kafka.kill()
    kafka.start()
    kafka.start()
    assert kafka.bootstrap == bootstrap
    produce(kafka, "kept", "three")
    assert consume(kafka, "kept", 3) == ["one", "two", "three"]
    kafka.stop()
    kafka.stop()


@pytest.mark.parametrize("time", ["first", "second"])
def test_kafka_is_new_for_each_test(kafka, time):
    assert kafka.topics() == []
    create(kafka, "same")
    produce(kafka, "same", time)
    assert consume(kafka, "same", 1) == [time]


def test_kafka_is_new_although_a_member_of_a_group_was_killed(kafka):
    create(kafka, "left")
    produce(kafka, "left", "one")
    member = subprocess.Popen([sys.executable, "-c", f"""
from confluent_kafka import Consumer
consumer = Consumer({{"bootstrap.servers": "{kafka.bootstrap}", "group.id": "left", "auto.offset.reset": "earliest"}})
consumer.subscribe(["left"])
print(consumer.poll(60).value().decode(), flush=True)
consumer.poll(60)
"""], stdout=subprocess.PIPE, text=True)
    assert member.stdout.readline() == "one\n"
    member.kill()
    member.communicate()
    kafka.clean()
    assert kafka.topics() == []
    assert kafka.admin.list_consumer_groups().result().valid == []


def test_kafka_makes_no_topic_that_nobody_asked_for(kafka):
    kafka.admin.list_topics("nowhere", timeout=10)
    assert kafka.topics() == []


def test_postgres_keeps_what_it_committed_through_a_kill(postgres):
    postgres.psql("CREATE TABLE kept (n integer)")
    postgres.psql("INSERT INTO kept VALUES (%s)", 7)
    with postgres.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO kept VALUES (8)")
        postgres.kill()
        postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("COMMIT")
    with pytest.raises(psycopg.OperationalError):
        postgres.connect()
    postgres.start()
    postgres.start()
    assert postgres.psql("SELECT n FROM kept") == [(7,)]


@pytest.mark.parametrize("time", ["first", "second"])
def test_postgres_is_new_for_each_test(postgres, time):
    assert postgres.psql("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    postgres.psql("CREATE TABLE same (n integer)")
    assert postgres.psql("SELECT current_user, current_setting('fsync'), current_setting('synchronous_commit')") == [("benthos", "on", "on")]


def test_postgres_lets_nobody_in_but_benthos(postgres):
    with pytest.raises(psycopg.OperationalError, match="no pg_hba.conf entry"):
        psycopg.connect(postgres.url, user="postgres")
    assert postgres.psql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]


@pytest.mark.parametrize("kind", [servers.Kafka, servers.Postgres])
def test_server_ends_with_its_owner(kind, tmp_path):
    owner = subprocess.Popen(["sleep", "1000"])
    data = tmp_path / "data" if kind is servers.Kafka else pathlib.Path("/tmp") / f"fdp-owned-{os.getpid()}"
    try:
        started = tool(f"{kind.script}.sh", "start", "--data", data, "--owner", owner.pid)
        assert started.returncode == 0, started.stderr
        port = int((data / "port").read_text())
        socket.create_connection(("127.0.0.1", port)).close()
        owner.kill()
        owner.wait()
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)), "the server to end")
    finally:
        owner.kill()
        assert tool(f"{kind.script}.sh", "wipe", "--data", data).returncode == 0
    assert not data.exists()


@pytest.mark.parametrize("script", ["kafka.sh", "postgres.sh"])
def test_script_says_what_is_wrong(script, tmp_path):
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tool(script, "start", "--data", data, "--port", port)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"port {port} of 127.0.0.1 is taken" in done.stderr
    (data / "something").write_text("else")
    for command in ("start", "wipe"):
        done = tool(script, command, "--data", data)
        assert done.returncode == 1
        assert "it is not a data folder" in done.stderr or "holds something else" in done.stderr
    assert (data / "something").exists()
    for arguments in (["start"], ["start", "--data"], ["start", "--data", data, "--port", "x"], ["sing"], ["start", "--data", data, "x"]):
        done = tool(script, *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "--help explains" in done.stderr
    help_text = tool(script, "--help")
    assert help_text.returncode == 0 and "start --data DIR" in help_text.stdout


def test_script_shows_the_log_of_a_server_that_does_not_start(tmp_path):
    data = tmp_path / "data"
    done = tool("kafka.sh", "start", "--data", data, "--set", "num.io.threads=none")
    assert done.returncode == 1
    assert "num.io.threads" in done.stderr
    assert tool("kafka.sh", "wipe", "--data", data).returncode == 0
