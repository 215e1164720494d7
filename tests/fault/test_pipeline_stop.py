# SPDX-License-Identifier: Apache-2.0
"""A worker that is stopped in the middle of something: by SIGSTOP in a write, when another takes over at once and the one that wakes up
writes nothing and works on; by SIGTERM while its group waits for a member that is dead."""
import os
import signal
import time

import pytest

from conftest import wait_for
from pipeline import Pipeline, figure, nap, times
from proxy import Proxy

PARTITIONS = 10
SESSION_MS = 1500
TAKE_OVER_S = 15  # the session, and a rebalance on a machine that is busy


@pytest.fixture
def pipeline(fdp, kafka, postgres):
    return Pipeline(fdp, kafka, postgres)


def owned(pipeline, worker):
    return pipeline.metric(worker, "fdp_processing_partitions")


def test_stop_in_the_middle_of_a_copy(pipeline):
    stops, rng, longest = times(2, 20), pipeline.rng, 0
    postgres = pipeline.postgres
    with Proxy("127.0.0.1", postgres.server.port) as proxy:
        through = postgres.url.replace(f":{postgres.server.port}/", f":{proxy.port}/")
        victim = pipeline.worker(store=through, session_ms=SESSION_MS)
        successor = pipeline.worker(session_ms=SESSION_MS)
        with pipeline.load.running(3000):
            for _ in range(stops):
                wait_for(lambda: 0 < owned(pipeline, victim) < PARTITIONS, "a share for the one that is to be stopped")
                pipeline.progress(500)
                proxy.stall(to_server=rng.randrange(500, 20000))  # the server waits for the rest of the message
                proxy.wait()
                os.kill(victim.process.pid, signal.SIGSTOP)
                began = time.monotonic()
                wait_for(lambda: owned(pipeline, successor) == PARTITIONS, "all partitions for the successor", TAKE_OVER_S)
                pipeline.progress(1000, TAKE_OVER_S)
                longest = max(longest, time.monotonic() - began)
                proxy.resume()
                nap(rng.choice([0, 0.2]))  # what the stopped one had sent arrives now, or only when it wakes up
                os.kill(victim.process.pid, signal.SIGCONT)
                wait_for(lambda: 0 < owned(pipeline, victim) < PARTITIONS, "a share for the one that woke up")
                before = pipeline.metric(victim, "fdp_processing_records_total")
                wait_for(lambda: pipeline.metric(victim, "fdp_processing_records_total") > before, "records in the one that woke up")
        figure(f"{pipeline.finish()} after {stops} stops, taken over in {longest:.1f} s at most")


def test_fenced_while_the_group_knows_nothing_of_it(pipeline):
    """Somebody else has claimed a partition that the group still gives to this worker: it leaves the group and joins anew."""
    takings = times(2, 20)
    worker = pipeline.worker()
    with pipeline.load.running(2000):
        for taken in range(1, takings + 1):
            pipeline.progress(500)
            pipeline.postgres.psql("UPDATE fdp_offsets SET owner_epoch = owner_epoch + 1 WHERE topic = 'tickers.crypto'")
            wait_for(lambda: pipeline.metric(worker, "fdp_fenced_total") == taken, "the worker to notice")
            pipeline.progress(500)
    assert worker.stderr().count("another worker has taken over") == takings
    figure(f"{pipeline.finish()} after {takings} times fenced")


def test_end_while_the_group_waits_for_a_dead_member(pipeline):
    """Nobody is let in until the dead one's session has timed out. All consumers of a process leave at the same time, not one by one."""
    slow = "streaming.kafka={session.timeout.ms: 25000, heartbeat.interval.ms: 300}"
    worker = pipeline.worker("--set", slow, "--set", "processing.workers=6")
    dead = pipeline.worker("--set", slow)
    with pipeline.load.running(1000):
        wait_for(lambda: owned(pipeline, dead) and owned(pipeline, dead) + owned(pipeline, worker) == PARTITIONS, "a share for both")
        pipeline.kill(dead)
        pipeline.worker("--set", slow, ready=False)  # it wants to join
        wait_for(lambda: pipeline.group_state() == "PREPARING_REBALANCING", "the group to wait")
        nap(pipeline.rng.uniform(0, 3))
        pipeline.workers.remove(worker)
        began = time.monotonic()
        code, _, err = worker.stop()
        took = time.monotonic() - began
        assert code == 0, err
        assert pipeline.group_state() == "PREPARING_REBALANCING", "the dead one's session has timed out"
    figure(f"{pipeline.finish()}, ended within {took:.1f} s")
    assert took < 15, took
