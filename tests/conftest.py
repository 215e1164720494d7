# SPDX-License-Identifier: Apache-2.0
"""What the Python tests share: the program, run as a user would, in folders and on ports of their own."""
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile
import time

import pytest

import servers

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("FDP_BUILD", ROOT / "build")).resolve() / "fdp"
FREE_PORTS = [
    "--set", "monitoring.listen=127.0.0.1:0",
    "--set", "streaming.registry.listen=127.0.0.1:0",
    "--set", "simulator.listen=127.0.0.1:0",
]
DEADLINE = 60  # seconds; generous, because machines are shared

# What a shell starts in the background ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

FIGURES = []


def figure(text):
    """A line that is worth reading also when the test passes: a seed, a count."""
    FIGURES.append(text)


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("figures")
    for text in FIGURES:
        terminalreporter.write_line(text)


def wait_for(condition, what, deadline=DEADLINE):
    """Waits until condition() is true and returns what it gave."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {deadline} s: {what}"
        time.sleep(0.02)


class Running:
    """A role that runs; its addresses are read from what it prints."""

    def __init__(self, *args, env=None, files=None):
        self.errors = tempfile.TemporaryFile()
        limit = ["prlimit", f"--nofile={files}"] if files else []
        self.process = subprocess.Popen([*limit, BINARY, *args], stdout=subprocess.PIPE, stderr=self.errors, env=env)
        self.out = b""

    def stderr(self):
        """All that it has said on stderr so far."""
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode()

    def read_until(self, pattern):
        end = time.monotonic() + DEADLINE
        while not (found := re.search(pattern, self.out)):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not chunk:
                self.process.kill()
                raise AssertionError(f"never printed {pattern!r}: {self.out!r} {self.stderr()}")
            self.out += chunk
        return found.group(1).decode()

    def address(self, role):
        return self.read_until(rf"{role}: listening on (\S+)\n".encode())

    def stop(self, sig=signal.SIGTERM):
        """Ends it; gives (exit code, everything on stdout, stderr)."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            out, _ = self.process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, (self.out + out).decode(), self.stderr()


class Fdp:
    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        self.settings = []
        self.running = []

    def use(self, *, stream=None, store=None, group=None):
        """From now on roles and queries work with this Kafka and this database instead of the embedded log and store."""
        chosen = {"streaming.url": stream and stream.url, "storage.url": store and store.url, "processing.group": group}
        self.settings = [word for key, value in chosen.items() if value for word in ("--set", f"{key}={value}")]
        return self

    def where(self):
        """What tells a command which pipeline is meant."""
        return ["--data", self.data, *self.settings]

    def __call__(self, *args, code=0, stdin=None, env=None):
        """Runs a command to its end; gives its stdout."""
        done = self.run(*args, stdin=stdin, env=env)
        assert done.returncode == code, f"{args}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, *args, stdin=None, env=None, stdout=subprocess.PIPE):
        full = {k: v for k, v in os.environ.items() if not k.startswith("FDP_")} | (env or {})
        return subprocess.run([BINARY, *map(str, args)], input=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=300, env=full)

    def start(self, *args, files=None):
        """Starts a role that runs until it is stopped; `files` is how many it may have open."""
        role = Running(*map(str, args), files=files)
        self.running.append(role)
        return role

    def role(self, name, *args, files=None):
        """Starts one role on free ports: up, ingest, process, registry."""
        return self.start(name, *self.where(), *FREE_PORTS, *args, files=files)

    def up(self, *args, files=None):
        return self.role("up", *args, files=files)

    def up_for(self, duration, *args, code=0):
        """The whole pipeline for a while; gives its summary."""
        out = self("up", *self.where(), "--for", duration, *FREE_PORTS, *args, code=code)
        return json.loads(out.strip().splitlines()[-1])

    def sql(self, statement):
        return json.loads(self("sql", *self.where(), "--json", statement))

    def count(self, table):
        return self.sql(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]

    def kill_all(self):
        for role in self.running:
            if role.process.poll() is None:
                role.process.kill()
                role.process.communicate()


@pytest.fixture
def fdp(tmp_path):
    program = Fdp(tmp_path)
    yield program
    program.kill_all()


@pytest.fixture(scope="session")
def kafka_server():
    with servers.Kafka() as server:
        yield server


@pytest.fixture
def kafka(kafka_server):
    """A Kafka broker without topics and groups: url, bootstrap, kill(), start(), stop(), create(topic), topics(), admin."""
    kafka_server.clean()
    yield kafka_server


@pytest.fixture(scope="session")
def postgres_server():
    with servers.Postgres() as server:
        yield server


@pytest.fixture
def postgres(postgres_server):
    """An empty database on a PostgreSQL server: url, psql(sql), connect(), kill(), start(), stop()."""
    database = servers.Database(postgres_server)
    yield database
    database.drop()
