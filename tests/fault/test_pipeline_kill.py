# SPDX-License-Identifier: Apache-2.0
"""Workers, the database and the broker are killed under load, again and again: nothing lost, nothing doubled."""
import pytest

from conftest import wait_for
from pipeline import Pipeline, figure, nap, times

SESSION_MS = 1500  # a member that died is replaced after that long


@pytest.fixture
def pipeline(fdp, kafka, postgres):
    return Pipeline(fdp, kafka, postgres)


def test_kill_worker_at_random_moments(pipeline):
    kills, rng = times(5, 200), pipeline.rng
    for _ in range(kills):
        with pipeline.load.running(rng.choice([200, 2000, 10000])):
            worker = pipeline.worker(session_ms=SESSION_MS, ready=rng.random() < 0.9)  # else: in the middle of starting
            if rng.random() < 0.7 and hasattr(worker, "monitoring"):
                pipeline.progress()
            nap(rng.uniform(0, 0.7))
            pipeline.kill(worker)
    figure(f"{pipeline.finish()} after {kills} kills of the worker")


def test_kill_one_of_two_workers(pipeline):
    """The other takes over what the killed one had, and gives some back when a new one comes."""
    kills, rng = times(3, 50), pipeline.rng
    survivor = pipeline.worker(session_ms=SESSION_MS)
    with pipeline.load.running(2000):
        for _ in range(kills):
            other = pipeline.worker(session_ms=SESSION_MS)
            wait_for(lambda: 0 < pipeline.metric(other, "fdp_processing_partitions") < 10, "a share for the new one")
            wait_for(lambda: pipeline.metric(other, "fdp_processing_records_total") > 0, "records in the new one")
            nap(rng.uniform(0, 0.7))
            victim, survivor = (survivor, other) if rng.random() < 0.5 else (other, survivor)
            pipeline.kill(victim)
            wait_for(lambda: pipeline.metric(survivor, "fdp_processing_partitions") == 10, "all partitions for the one that is left")
            pipeline.progress(100)
    figure(f"{pipeline.finish()} after {kills} kills of one of two workers")


def test_kill_database(pipeline):
    kills, rng = times(3, 20), pipeline.rng
    worker = pipeline.worker()
    with pipeline.load.running(3000):
        for _ in range(kills):
            pipeline.progress()
            nap(rng.uniform(0, 0.5))
            pipeline.postgres.kill()
            nap(rng.uniform(0, 0.5))
            pipeline.postgres.start()
        pipeline.progress(100)
    wait_for(lambda: pipeline.ready(worker), "ready again")
    figure(f"{pipeline.finish()} after {kills} kills of PostgreSQL")


def test_kill_broker(pipeline):
    kills, rng = times(2, 10), pipeline.rng
    worker = pipeline.worker()
    with pipeline.load.running(2000):
        for _ in range(kills):
            pipeline.progress(100)
            nap(rng.uniform(0, 0.5))
            pipeline.kafka.kill()
            nap(rng.uniform(0, 1))
            pipeline.kafka.start()
        pipeline.progress(100)
    assert worker.process.poll() is None, worker.stderr()
    figure(f"{pipeline.finish()} after {kills} kills of the broker")
