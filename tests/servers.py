# SPDX-License-Identifier: Apache-2.0
"""Real servers for tests, each in a folder and on a port of its own: a Kafka broker and a PostgreSQL server.

They are run by tools/kafka.sh and tools/postgres.sh, and end with the process that started them, whatever happens to it. Importing this
needs nothing but Python itself: tests/run.py does so too."""
import contextlib
import functools
import itertools
import logging
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Server:
    """start, stop and kill may be called at any time and in any order; the port and the data stay the same."""

    script = ""

    def __init__(self, *settings, port=0):
        # Not in a folder of pytest: PostgreSQL may run as another user, who must be able to enter.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"fdp-{self.script}-"))
        self.folder.chmod(0o755)
        self.settings = [word for setting in settings for word in ("--set", setting)]
        self.port = port
        self.url = ""
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def _run(self, command, *args):
        done = subprocess.run([ROOT / f"tools/{self.script}.sh", command, "--data", self.folder / "data", *args], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def start(self):
        """Starts it and waits until it answers."""
        address = self._run("start", "--port", str(self.port), "--owner", str(os.getpid()), *self.settings)
        self._started_at(address)

    def replace(self):
        """Starts it without data. On a machine that is very busy a server may give up while it starts: it has a second chance."""
        self._run("wipe")
        try:
            self.start()
        except RuntimeError as failure:
            print(f"\n{failure}", file=sys.stderr)
            self._run("wipe")
            self.start()

    def stop(self):
        """Stops it in order."""
        self._run("stop")

    def kill(self):
        """SIGKILL, to all its processes."""
        self._run("kill")

    def close(self):
        """Kills it and removes its data."""
        try:
            self._run("wipe")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Kafka(Server):
    script = "kafka"
    bootstrap = ""

    def _started_at(self, address):
        self.bootstrap = address
        self.port = int(address.rpartition(":")[2])
        self.url = f"kafka://{address}"

    @functools.cached_property
    def admin(self):
        from confluent_kafka.admin import AdminClient
        # It outlives kills of the broker, and has nothing to say about them.
        logger = logging.getLogger("kafka-admin")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        return AdminClient({"bootstrap.servers": self.bootstrap, "socket.timeout.ms": 10000, "reconnect.backoff.max.ms": 500,
                            "logger": logger})

    @contextlib.contextmanager
    def silent(self):
        """The broker is there and says nothing."""
        broker = int((self.folder / "data/broker.pid").read_text())
        os.kill(broker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(broker, signal.SIGCONT)

    def topics(self):
        """The topics that are not Kafka's own."""
        return sorted(name for name in self.admin.list_topics(timeout=10).topics if not name.startswith("__"))

    def create(self, topic, partitions=3, **config):
        """Creates a topic; its configuration with _ for dots, such as retention_ms=1000."""
        from confluent_kafka.admin import NewTopic
        config = {name.replace("_", "."): str(value) for name, value in config.items()}
        self.admin.create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result(30)

    def clean(self):
        """Makes it as good as new: running, without topics and groups. What cannot be cleaned (a member of a group that was killed stays
        until its session ends) is replaced."""
        self.start()
        if not self._emptied():
            # A client with questions to a broker that is no more may abort the whole process: it goes first.
            self.__dict__.pop("admin", None)
            self.replace()

    def _emptied(self, deadline=5):
        from confluent_kafka import KafkaException
        try:
            groups = [group.group_id for group in self.admin.list_consumer_groups().result().valid]
            deleted = list(self.admin.delete_consumer_groups(groups).values()) if groups else []
            if any([future.exception() for future in deleted]):  # all have been answered before anything else happens
                return False
            end = time.monotonic() + deadline
            while topics := self.topics():
                for future in self.admin.delete_topics(topics).values():
                    with contextlib.suppress(KafkaException):  # going already
                        future.result()
                if time.monotonic() > end:
                    return False
        except KafkaException:
            return False
        return True


class Postgres(Server):
    script = "postgres"

    def _started_at(self, address):
        self.url = address
        self.port = int(address.rpartition("/")[0].rpartition(":")[2])

    def database(self, name):
        """The URL of another database; it is made, empty, anew."""
        self.drop(name)
        self._psql(f"CREATE DATABASE {name}")
        return f"{self.url.rpartition('/')[0]}/{name}"

    def drop(self, name):
        """Also while clients are connected. FORCE is refused while the server itself vacuums a table there, which is soon over."""
        end = time.monotonic() + 60
        while True:
            try:
                return self._psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            except RuntimeError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)

    def _psql(self, statement):
        done = subprocess.run(["psql", "-X", "-q", "-d", self.url, "-c", statement], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"{statement}: {done.stderr}")


class Database:
    """A database of its own on a server, which can be stopped and killed through it."""

    numbers = itertools.count(1)

    def __init__(self, server, name=None):
        self.server = server
        server.start()
        self.name = name or f"test_{next(self.numbers)}"
        self.url = server.database(self.name)
        self.start, self.stop, self.kill = server.start, server.stop, server.kill

    def connect(self, **options):
        import psycopg
        return psycopg.connect(self.url, autocommit=True, **options)

    def psql(self, statement, *parameters):
        """Runs a statement; gives its rows as tuples, an empty list when it has none."""
        with self.connect() as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def drop(self):
        self.server.start()
        self.server.drop(self.name)
