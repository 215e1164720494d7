# SPDX-License-Identifier: Apache-2.0
"""A whole pipeline on a real Kafka and PostgreSQL to break, and what every fault test ends with: the comparison of all that was produced
with all that is stored.

    FDP_SEED      the seed of the random moments; printed by every test
    FDP_KILLS=200 or FDP_SOAK=1: the full counts of faults; FDP_KILLS=N with N below 200 fewer in proportion; unset: a few"""
import contextlib
import os
import random
import re
import signal
import sys
import time
import urllib.error
import urllib.request

from conftest import wait_for
from pipeline_load import TABLES, Load

SEED = int(os.environ.get("FDP_SEED", str(random.SystemRandom().randrange(1 << 32))))
FULL_KILLS = 200
SOAK = "FDP_SOAK" in os.environ or "FDP_KILLS" in os.environ


def times(few, full):
    """How often a fault is made: a few times, or the full count."""
    if "FDP_KILLS" in os.environ:
        return max(few, full * int(os.environ["FDP_KILLS"]) // FULL_KILLS)
    return full if SOAK else few


def figure(text):
    """A line of result that people may quote."""
    print(f"\n{text} (FDP_SEED={SEED})", file=sys.stderr)


class Pipeline:
    """A registry, a load, and workers of one group, which tests start, stop and kill."""

    def __init__(self, fdp, kafka, postgres, group="faults"):
        self.fdp, self.kafka, self.postgres, self.group = fdp, kafka, postgres, group
        self.rng = random.Random(SEED)
        self.workers = []
        fdp.use(stream=kafka, store=postgres, group=group)
        self.registry = fdp.role("registry", "--log-level", "error")
        self.registry_url = self.registry.address("registry")
        for topic in TABLES:
            kafka.create(topic, 3)
        wait_for(self._registry_takes, "a registry that can be written to")
        self.load = Load(kafka.bootstrap, self.registry_url, SEED, log_level=0)

    def _registry_takes(self):
        with contextlib.suppress(OSError), urllib.request.urlopen(self.registry_url + "/readyz", timeout=5) as answer:
            return answer.status == 200

    # --- Workers ---

    def worker(self, *args, stream=None, store=None, session_ms=None, ready=True):
        """Starts one; with other URLs than the pipeline's when something is to stand in between."""
        settings = [f"streaming.registry.url={self.registry_url}"]
        settings += [f"streaming.url={stream}"] if stream else []
        settings += [f"storage.url={store}"] if store else []
        if session_ms:
            settings += [f"streaming.kafka={{session.timeout.ms: {session_ms}, heartbeat.interval.ms: {session_ms // 5}}}"]
        role = self.fdp.role("process", *(word for setting in settings for word in ("--set", setting)), *args)
        self.workers.append(role)
        if ready:
            role.monitoring = role.address("monitoring")
        return role

    def kill(self, worker):
        """SIGKILL; it must not have ended by itself before."""
        self.workers.remove(worker)
        code, _, err = worker.stop(signal.SIGKILL)
        assert code == -signal.SIGKILL, f"ended by itself with {code}: {err}"

    @staticmethod
    def values(worker, name):
        """A metric, of all its labels."""
        with urllib.request.urlopen(worker.monitoring + "metrics", timeout=30) as answer:
            return [float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", answer.read().decode(), re.M)]

    def metric(self, worker, name):
        """The sum over all labels of a metric."""
        return sum(self.values(worker, name))

    @staticmethod
    def answers(worker, probe):
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(worker.monitoring + probe, timeout=30) as answer:
            return answer.status == 200
        return False

    def ready(self, worker):
        return self.answers(worker, "readyz")

    # --- Looking ---

    def position(self):
        """How far the group is, over all partitions; None while the database does not answer."""
        import psycopg
        with contextlib.suppress(psycopg.OperationalError, psycopg.errors.UndefinedTable):
            return self.postgres.psql("SELECT COALESCE(SUM(next_offset), 0)::bigint FROM fdp_offsets WHERE consumer_group = %s",
                                      self.group)[0][0]
        return None

    def progress(self, records=1, deadline=60):
        """Waits until so many records more are processed."""
        before = wait_for(lambda: (at := self.position()) is not None and (at,), "a position", deadline)[0]
        wait_for(lambda: (self.position() or 0) >= before + records, f"{records} records more than {before}", deadline)

    def group_state(self):
        return self.kafka.admin.describe_consumer_groups([self.group])[self.group].result(30).state.name

    def settled(self):
        """Waits until what was produced before now is processed."""
        self.load.flush()
        self.load.wait_processed(self.postgres.url, self.group)

    # --- The end of every test ---

    def finish(self, quarantined=0, deadline=120):
        """All is processed, all workers end well, and every record is stored once, or in the quarantine once."""
        self.load.flush()
        if not self.workers:
            self.worker()
        self.load.wait_processed(self.postgres.url, self.group, deadline)
        for role in (*self.workers, self.registry):
            code, _, err = role.stop()
            assert code == 0, f"{code}: {err}"
        result = self.load.verify(self.postgres.url)
        assert result.quarantined == quarantined
        self.fdp("reconcile", *self.fdp.where(), "--deep", "--log-level", "error")
        return result


def nap(seconds):
    """A random moment is what is wanted, not a condition."""
    time.sleep(seconds)
