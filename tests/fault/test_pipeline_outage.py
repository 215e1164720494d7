# SPDX-License-Identifier: Apache-2.0
"""What the workers need is away for a while: they wait, say so, and go on by themselves."""
import signal
import socket
import time

import pytest

import servers
from conftest import wait_for
from pipeline import SOAK, Pipeline, figure, nap, times
from proxy import Proxy

SESSION_MS = 1500
PARTITIONS = 10
UNREACHABLE_S = 60 if SOAK else 10


@pytest.fixture
def pipeline(fdp, kafka, postgres):
    return Pipeline(fdp, kafka, postgres)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_database_down_while_partitions_are_assigned(pipeline):
    rounds, rng = times(1, 20), pipeline.rng
    survivor = pipeline.worker(session_ms=SESSION_MS)
    with pipeline.load.running(1000):
        for _ in range(rounds):
            other = pipeline.worker(session_ms=SESSION_MS)
            wait_for(lambda: 0 < pipeline.metric(survivor, "fdp_processing_partitions") < PARTITIONS, "a share for each")
            pipeline.progress(100)
            pipeline.postgres.kill()
            victim, survivor = (survivor, other) if rng.random() < 0.5 else (other, survivor)
            pipeline.kill(victim)
            wait_for(lambda: pipeline.metric(survivor, "fdp_processing_partitions") == PARTITIONS, "all partitions for the survivor")
            wait_for(lambda: not pipeline.ready(survivor), "the claim of the new partitions waits for the database")
            nap(rng.uniform(0, 1))
            pipeline.postgres.start()
            pipeline.progress(500)
            wait_for(lambda: pipeline.ready(survivor), "ready again")
    figure(f"{pipeline.finish()} after {rounds} assignments without a database")


def test_database_down_is_told_as_lag(pipeline):
    """Of what is not stored: also of what the worker has read, and of what is behind a full queue, where the client of Kafka sleeps."""
    load, lag = pipeline.load, "fdp_processing_lag_records"
    worker = pipeline.worker("--set", "streaming.kafka={queued.min.messages: 1000}")
    load.produce(300)
    pipeline.settled()
    wait_for(lambda: pipeline.values(worker, lag) == [0] * PARTITIONS, "a lag of 0 in every partition")
    wait_for(lambda: pipeline.values(worker, "fdp_quarantine_waiting_records") == [0], "nothing in the quarantine")
    pipeline.postgres.stop()
    began = time.time()
    load.produce(30000)
    load.flush()
    wait_for(lambda: pipeline.metric(worker, lag) == 30000, "a lag of all that was produced")
    assert pipeline.metric(worker, "fdp_stream_lag_records") < 30000, "some of them are read"
    longest = wait_for(lambda: (most := max(pipeline.values(worker, "fdp_processing_lag_seconds"))) > 5 and most, "records of five seconds")
    assert longest <= time.time() - began
    load.produce(3000)
    load.flush()
    wait_for(lambda: pipeline.metric(worker, lag) == 33000, "a lag also of what nobody fetches")
    wait_for(lambda: pipeline.values(worker, "fdp_quarantine_waiting_records") == [], "nothing said about the quarantine")
    pipeline.postgres.start()
    pipeline.settled()
    for name in (lag, "fdp_processing_lag_seconds"):
        wait_for(lambda: pipeline.values(worker, name) == [0] * PARTITIONS, f"{name} of 0")
    wait_for(lambda: pipeline.values(worker, "fdp_quarantine_waiting_records") == [0], "nothing in the quarantine again")
    figure(f"{pipeline.finish()} after a lag of 33000 records and {longest:.1f} s")


def test_password_changed_under_load(fdp, kafka, postgres_server, tmp_path, monkeypatch):
    """The connection that is open goes on; the next one takes the password that is in the file by then."""
    def change_password(password):
        postgres_server._psql(f"ALTER ROLE benthos PASSWORD '{password}'")
        monkeypatch.setenv("PGPASSWORD", password)  # for the test itself: the file is stronger

    change_password("hush-one")
    file = tmp_path / "password"
    file.write_text("hush-one\n")
    pipeline = Pipeline(fdp, kafka, servers.Database(postgres_server, "guarded"))
    worker = pipeline.worker("--set", f"storage.password-file={file}")
    with pipeline.load.running(1000):
        pipeline.progress(1000)
        change_password("hush-two")
        pipeline.progress(1000)
        assert pipeline.ready(worker)
        pipeline.postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fdp'")
        wait_for(lambda: "does not let us in" in worker.stderr(), "a word about the password")
        assert not pipeline.ready(worker)
        file.write_text("hush-two\n")
        pipeline.progress(1000)
        wait_for(lambda: pipeline.ready(worker), "ready again")
    assert "hush" not in worker.stderr()
    figure(f"{pipeline.finish()} while the password was changed")


def test_database_down_at_the_start(pipeline):
    monitoring = f"127.0.0.1:{free_port()}"
    pipeline.postgres.stop()
    worker = pipeline.worker("--set", f"monitoring.listen={monitoring}", ready=False)
    worker.monitoring = f"http://{monitoring}/"
    with pipeline.load.running(1000):
        wait_for(lambda: "cannot reach PostgreSQL" in worker.stderr(), "a word about it")
        assert pipeline.answers(worker, "livez")
        assert not pipeline.ready(worker)
        pipeline.postgres.start()
        wait_for(lambda: pipeline.ready(worker), "ready")
        pipeline.progress(1000)
    figure(f"{pipeline.finish()} by a worker that was there before the database")


@pytest.mark.parametrize("how", ["silent", "refusing"])
def test_broker_unreachable(fdp, postgres, how):
    """Nobody reaches the broker: its packets get lost, or its port is closed."""
    port = free_port()
    with Proxy("127.0.0.1", port) as proxy, \
            servers.Kafka(f"advertised.listeners=PLAINTEXT://127.0.0.1:{proxy.port}", port=port) as kafka:
        pipeline = Pipeline(fdp, kafka, postgres)
        worker = pipeline.worker()
        with pipeline.load.running(1000):
            pipeline.progress(1000)
            if how == "silent":
                proxy.stall()
            else:
                proxy.refuse()
                proxy.cut()
            nap(UNREACHABLE_S)
            assert worker.process.poll() is None, worker.stderr()
            proxy.resume()
            proxy.admit()
            pipeline.progress(1000)
        wait_for(lambda: pipeline.ready(worker), "ready again")
        figure(f"{pipeline.finish()} with {UNREACHABLE_S} s without the broker, {how}")


def test_registry_down(pipeline):
    """Schemas that are known go on; records with one that is not wait for the registry, without those of other partitions."""
    load, port = pipeline.load, int(pipeline.registry_url.rpartition(":")[2])
    worker = pipeline.worker()
    load.produce(300)
    load._serialize("tickers.stocks", "mission", {"id": "AAPL"})  # registers it; the worker has not seen it
    pipeline.settled()
    pipeline.registry.stop(signal.SIGKILL)
    load.produce(300)
    pipeline.settled()
    load.produce(30, schema="mission", topics=["tickers.stocks"])
    load.flush()
    with load.running(500):
        wait_for(lambda: "schema" in worker.stderr(), "a word about the schema")
        before = count(pipeline, "crypto")
        wait_for(lambda: count(pipeline, "crypto") > before + 300, "those of other partitions to go on")
        assert pipeline.postgres.psql("SELECT COUNT(*) FROM fdp_quarantine") == [(0,)]
        pipeline.registry = pipeline.fdp.role("registry", "--set", f"streaming.registry.listen=127.0.0.1:{port}")
    figure(f"{pipeline.finish()} with the registry down for a while")


def count(pipeline, table):
    return pipeline.postgres.psql(f"SELECT COUNT(*) FROM {table}")[0][0]
