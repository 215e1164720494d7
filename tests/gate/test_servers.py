# SPDX-License-Identifier: Apache-2.0
"""The real servers that other tests stand on: they come back after a kill with their data, are new for each test, and leave nothing."""
import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import psycopg
import pytest
import yaml
from confluent_kafka import Consumer, Producer, TopicPartition

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


def tool(script, *args):
    return subprocess.run([TOOLS / script, *map(str, args)], capture_output=True, text=True, timeout=120)


def test_kafka_keeps_what_it_acknowledged_through_a_kill(kafka):
    bootstrap = kafka.bootstrap
    kafka.create("kept")
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


def test_port_belongs_to_a_data_folder_until_that_is_removed(tmp_path):
    """Servers that start at the same time, or are stopped for a while, do not take each other's."""
    def hold(folder):
        script = f"source {TOOLS}/server.sh; data=$1; mkdir -p $data; touch $data/port; hold_port 20000"
        return subprocess.run(["bash", "-c", script, "hold", tmp_path / folder], env=os.environ | {"TMPDIR": str(tmp_path)}).returncode == 0

    def remove(folder):
        script = f"source {TOOLS}/server.sh; data=$1 given=$1; remove_data"
        subprocess.run(["bash", "-c", script, "remove", tmp_path / folder], env=os.environ | {"TMPDIR": str(tmp_path)}, check=True)
    assert hold("one") and not hold("two")
    remove("two")
    assert not hold("three")
    remove("one")
    assert hold("two") and not hold("one")
    shutil.rmtree(tmp_path / "two")
    assert hold("one")


def test_process_whose_threads_end_is_still_there(tmp_path):
    """A broker that stops ends its threads one after the other, and has ended only after the last."""
    busy = subprocess.Popen([sys.executable, "-c", """
import threading
while True:
    threads = [threading.Thread(target=lambda: None) for _ in range(20)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""], cwd=tmp_path)
    try:
        script = f"source {TOOLS}/server.sh; for _ in {{1..200}}; do works_in $1 $2 || exit; done; echo always"
        asked = subprocess.run(["bash", "-c", script, "ask", str(busy.pid), tmp_path], capture_output=True, text=True, timeout=120)
    finally:
        busy.kill()
        busy.wait()
    assert asked.stdout == "always\n", asked


@pytest.mark.parametrize("time", ["first", "second"])
def test_kafka_is_new_for_each_test(kafka, time):
    assert kafka.topics() == []
    kafka.create("same")
    produce(kafka, "same", time)
    assert consume(kafka, "same", 1) == [time]


def test_kafka_is_new_although_a_member_of_a_group_was_killed(kafka):
    kafka.create("left")
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


def test_kafka_deletes_by_age_only_where_a_topic_says_so(kafka):
    kafka.create("kept", 1)
    kafka.create("deleted", 1, retention_ms=1000)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for topic in ("kept", "deleted"):
        producer.produce(topic, "old", partition=0, timestamp=1)
    assert producer.flush(30) == 0
    reader = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "reader"})
    wait_for(lambda: reader.get_watermark_offsets(TopicPartition("deleted", 0), timeout=30) == (1, 1), "its only record to be deleted")
    assert reader.get_watermark_offsets(TopicPartition("kept", 0), timeout=30) == (0, 1)
    reader.close()


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
    durable = "SELECT current_user, current_setting('fsync'), current_setting('synchronous_commit')"
    assert postgres.psql(durable) == [("benthos", "on", "on")]


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
    assert tool(script, "wipe", "--data", data).returncode == 0
    assert not data.exists()
    data.mkdir()
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


def test_run_kafka_starts_all_and_stops_the_pipeline_first(tmp_path):
    program = tmp_path / "fdp"
    program.write_text("""#!/usr/bin/env bash
ask() { psql -X "$url" -Atc "SELECT 'asked as ' || current_user"; }
echo "$@"
url=${7#storage.url=}
trap 'ask; echo drained; exit 7' TERM
ask
while :; do sleep 0.1; done
""")
    program.chmod(0o755)
    data = pathlib.Path(tempfile.mkdtemp(prefix="fdp-run-"))
    data.chmod(0o755)
    try:
        script = subprocess.Popen([TOOLS / "run-kafka.sh", program, "--set", "a=b"], stdout=subprocess.PIPE, text=True,
                                  env=os.environ | {"DATA": str(data)})
        said = list(itertools.takewhile(lambda line: line != "asked as benthos\n", script.stdout))
        assert re.fullmatch(rf"up --data {data} --set streaming.url=kafka://127.0.0.1:\d+ --set "
                            r"storage.url=postgresql://benthos@127.0.0.1:\d+/tickers --set a=b\n", said[-1]), said
        assert any("-U benthos -d tickers -c 'SELECT COUNT(*) FROM finance_data_ingress'" in line for line in said)
        hinted = next(line.split() for line in said if "groups describe" in line)
        assert hinted[:3] == [str(program), "groups", "describe"]
        written = yaml.safe_load(pathlib.Path(hinted[-1]).read_text())
        assert [written["streaming"]["url"], written["storage"]["url"]] == re.findall(r"\.url=(\S+)", said[-1])
        script.send_signal(signal.SIGINT)
        rest, _ = script.communicate(timeout=60)
        assert rest.startswith("asked as benthos\ndrained\nStopping Kafka and PostgreSQL")
        assert script.returncode == 7
        for kind in ("kafka", "postgres"):
            port = int((data / kind / "port").read_text())
            assert socket.socket().connect_ex(("127.0.0.1", port)), "still there"
    finally:
        script.kill()
        for kind in ("kafka", "postgres"):
            assert tool(f"{kind}.sh", "wipe", "--data", data / kind).returncode == 0
        shutil.rmtree(data)


def test_script_shows_the_log_of_a_server_that_does_not_start(tmp_path):
    data = tmp_path / "data"
    done = tool("kafka.sh", "start", "--data", data, "--set", "num.io.threads=none")
    assert done.returncode == 1
    assert "num.io.threads" in done.stderr
    assert tool("kafka.sh", "wipe", "--data", data).returncode == 0
