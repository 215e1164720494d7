# SPDX-License-Identifier: Apache-2.0
"""A pipeline as an operator works on it, on the embedded back ends or on real ones; for the tests of those commands."""
import json
import sqlite3
from datetime import datetime, timezone

from conftest import wait_for

TABLES = ("stocks", "crypto", "currency")
TICK = {"id": "AAPL", "price": 1.5, "time": "2026-08-13T12:03:09Z"}


class Pipeline:
    """One pipeline, whichever back ends it has."""

    def __init__(self, fdp, real, kafka=None, postgres=None):
        self.fdp, self.real, self.postgres = fdp, real, postgres
        if real:
            fdp.use(stream=kafka, store=postgres)
            registry = fdp.role("registry").address("registry")
            fdp.settings += ["--set", f"streaming.registry.url={registry}"]
            wait_for(lambda: fdp.run("schemas", "load", *fdp.where()).returncode == 0, "the registry has been elected")

    def __call__(self, *args, code=0, stdin=None):
        return self.fdp(*args, *self.fdp.where(), code=code, stdin=stdin)

    def run(self, *args, stdin=None):
        return self.fdp.run(*args, *self.fdp.where(), stdin=stdin)

    def json(self, *args, code=0):
        return json.loads(self(*args, "--json", code=code))

    def up(self, duration="2s", *args):
        """The market, ingestion and the worker for a while."""
        return self.fdp.up_for(duration, "--set", "simulator.rate=300", *args)

    def work(self, *args):
        """The worker alone, until it has done what waits."""
        registry = None if self.real else self.fdp.role("registry")
        url = ["--set", f"streaming.registry.url={registry.address('registry')}"] if registry else []
        role = self.fdp.role("process", *url, *args)
        role.address("monitoring")
        wait_for(lambda: all(p["lag"] == 0 for p in self.partitions()), "nothing waits")
        assert role.stop()[0] == 0, role.stderr()
        if registry:
            registry.stop()

    def produce(self, topic, *values, raw=False):
        """Records of topic: dictionaries as Avro, texts as they are."""
        lines = "".join((value if raw else json.dumps(value)) + "\n" for value in values)
        done = json.loads(self("topics", "produce", topic, *([] if raw else ["--schema"]), "--json", stdin=lines))
        assert done == {"produced": len(values), "refused": 0}

    def partitions(self, group="processing"):
        return self.json("groups", "describe", group)

    def change_store(self, statement):
        if self.real:
            self.postgres.psql(statement)
        else:
            with sqlite3.connect(self.fdp.data / "store.db", timeout=30) as store:
                store.execute(statement)

    def rows(self, table):
        """Everything in a table, by provenance."""
        return {(row["_source"], row["_offset"]): row for row in self.fdp.sql(f"SELECT * FROM {table} ORDER BY _source, _offset")}

    def all_rows(self):
        return {table: self.rows(table) for table in TABLES}

    def sums(self):
        """The counters of all partitions, after a proof that they are right."""
        self("reconcile", "--deep")
        partitions = self.json("reconcile")
        return {name: sum(p[name] for p in partitions) for name in ("stored", "quarantined", "filtered", "skipped")}


BACK_ENDS = ["embedded", "kafka and postgresql"]


def stop(fdp):
    """In order, so that no member of a group is left behind."""
    for role in reversed(fdp.running):
        role.stop()


def now():
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
