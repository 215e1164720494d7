#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of the pipeline on a real Kafka and a real PostgreSQL, against PostgreSQL's own: scaled.py [BUILD] [--rows N] [--repeats N] [--json].

Work: records of version 1 in a topic of three partitions, decoded with the registry's schema, rejects on, into a table of their twelve
columns, _source and _offset, without an index; both servers with their defaults for durability. The ceiling is a bare libpq loop
(bench_copy.c) that sends the same rows, encoded beforehand, in transactions of 10,000. It is measured before and after the worker, on
the same server: machines change from one second to the next, so that only ratios within one run say something."""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import servers  # noqa: E402

ROOT = HERE.parent.parent
TOPICS = ["tickers.stocks", "tickers.crypto", "tickers.currency"]
TOPIC = TOPICS[0]
COLUMNS = ("id, price, time, change, change_percent, exchange, market_hours, price_hint, source_api, event_id, quote_type, ingestion_ts")
TABLE = """CREATE TABLE {} (id text NOT NULL, price double precision NOT NULL, time timestamptz NOT NULL, change double precision,
    change_percent double precision, exchange text, market_hours integer, price_hint text, source_api text, event_id text, quote_type integer,
    ingestion_ts timestamptz, _source integer NOT NULL, _offset bigint NOT NULL)"""
TICK = os.sysconf("SC_CLK_TCK")
LOOK_S = 0.02  # how often the worker is asked how far it is
WARM_S = 10  # of a load before its latency counts: a broker that has just been started compiles its code while it works


def fail(text):
    raise SystemExit(f"scaled.py: {text}")


def say(text):
    if sys.stderr.isatty():
        print(f"\r{text} ...\033[K", end="", file=sys.stderr, flush=True)


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def disk_floor(folder, seconds=3):
    """How long a record that comes at any moment would wait for the end of a sync that begins after it, p50 and p99 in ms: what the disk
    alone makes of the latency of a commit."""
    spans, end = [], time.monotonic() + seconds
    with open(folder / "floor", "wb", buffering=0) as file:
        while (began := time.monotonic()) < end:
            file.write(bytes(8192))
            os.fdatasync(file.fileno())
            spans.append((began, time.monotonic()))
    waits = []
    at, step = spans[0][0], 0.0005
    for (_, first_end), (_, second_end) in zip(spans, spans[1:]):
        while at < first_end:
            waits.append((second_end - at) * 1000)
            at += step
    waits.sort()
    return {"p50_ms": waits[len(waits) // 2], "p99_ms": waits[len(waits) * 99 // 100]}


def cpu_pressure():
    """Percent of the last minute in which something that could run had to wait for a core; None where the system does not say."""
    with contextlib.suppress(OSError):
        return float(re.search(r"avg60=([\d.]+)", pathlib.Path("/proc/pressure/cpu").read_text())[1])
    return None


class Role:
    """A role of the pipeline as a process."""

    def __init__(self, binary, *args):
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([binary, *args, "--log-level", "warn"], stdout=subprocess.PIPE, stderr=self.output, text=True)
        self.addresses = {}

    def address(self, name):
        while name not in self.addresses:
            line = self.process.stdout.readline()
            if not line:
                self.output.seek(0)
                fail(f"a role ended: {self.output.read()}")
            part, _, address = line.strip().partition(": listening on ")
            self.addresses[part] = address.rstrip("/")
        return self.addresses[name]

    def metric(self, pattern):
        """The values whose name and labels match."""
        page = fetch(self.address("monitoring") + "/metrics")
        return [float(line.rpartition(" ")[2]) for line in page.splitlines() if re.match(pattern, line)]

    def wait(self, what, true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end or self.process.poll() is not None:
                self.output.seek(0)
                fail(f"{what}: not within {seconds} s\n{self.output.read()}")
            time.sleep(LOOK_S)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory_mib(self, name):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+)", status, re.M)[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Worker(Role):
    STORED = r'fdp_processing_records_total\{outcome="stored"\}'

    def stored(self):
        return sum(self.metric(self.STORED))

    def committed(self):
        """How long records were on their way from the broker to a committed row: the counts of the histogram's buckets."""
        page = fetch(self.address("monitoring") + "/metrics")
        pattern = r'fdp_stage_seconds_bucket\{stage="published_to_committed",le="([^"]+)"\} (\d+)'
        return [(float(bound), int(count)) for bound, count in re.findall(pattern, page)]


def quantile_ms(before, after, q):
    """Of the observations between two readings of a histogram, by interpolation inside a bucket."""
    counts = [(bound, count - former) for (bound, count), (_, former) in zip(after, before)]
    rank, low, below = q * counts[-1][1], 0, 0
    for bound, count in counts:
        if count >= rank and count > below:
            return 1000 * (low + (bound - low) * (rank - below) / (count - below)) if bound != float("inf") else float("inf")
        low, below = bound, count
    return float("nan")


class Bench:
    def __init__(self, build, options, stack):
        self.binary = build / "fdp"
        self.programs = build / "tests/bench"
        self.options = options
        self.stack = stack
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fdp-bench-")))
        say("starting Kafka and PostgreSQL")
        self.kafka = stack.enter_context(servers.Kafka())
        self.postgres = stack.enter_context(servers.Postgres())
        self.runs = 0
        self.schemas()
        self.topics()

    def schemas(self):
        """Version 1 alone, for the producer: it writes the newest that it finds."""
        for topic in TOPICS:
            (self.folder / "v1" / topic).mkdir(parents=True)
            shutil.copy(ROOT / "schemas" / topic / "v1.avsc", self.folder / "v1" / topic)
        self.registry = self.role(Role, "registry", "--set", "streaming.registry.listen=127.0.0.1:0").address("registry")
        end = time.monotonic() + 60
        while not self.loaded():  # the registry has to become the writer first
            if time.monotonic() > end:
                fail("the registry does not take schemas")
            time.sleep(0.2)

    def topics(self):
        """Their records carry the broker's own time."""
        for topic in TOPICS:
            subprocess.run([ROOT / "tools/kafka.sh", "tool", "topics", "--bootstrap-server", self.kafka.bootstrap, "--create", "--topic",
                            topic, "--partitions", "3", "--config", "message.timestamp.type=LogAppendTime"], check=True,
                           stdout=subprocess.DEVNULL)

    def where(self):
        registry = ["--set", f"streaming.registry.url={self.registry}"] if hasattr(self, "registry") else []
        return ["--data", str(self.folder / "data"), "--set", f"streaming.url={self.kafka.url}", "--set", f"storage.url={self.postgres.url}",
                *registry]

    def loaded(self):
        return not subprocess.run([self.binary, "schemas", "load", *self.where()], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL).returncode

    def role(self, kind, name, *args):
        role = kind(self.binary, name, *self.where(), *args)
        self.stack.callback(role.process.kill)
        return role

    def psql(self, statement):
        done = subprocess.run(["psql", "-XqAt", "-d", self.postgres.url, "-c", statement], check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def ceiling(self):
        done = subprocess.run([self.programs / "bench_copy", self.postgres.url, str(self.options.rows), "bare"], check=True,
                              stdout=subprocess.PIPE, text=True)
        return float(re.search(r"^bare +(\d+) rows/s", done.stdout, re.M)[1])

    def produce(self, topic, rows, rate=0):
        route = f'[{{topic: {topic}, select: "SELECT {COLUMNS} FROM quote"}}]'
        settings = [f"streaming.url={self.kafka.url}", f"streaming.registry.url={self.registry}", f"streaming.schemas={self.folder}/v1",
                    f"ingestion.routes={route}"]
        return subprocess.Popen([self.programs / "bench_produce", str(rows), str(rate), *settings], stdout=subprocess.PIPE, text=True)

    def produced(self, *args):
        done = self.produce(*args)
        out = done.communicate()[0]
        if done.returncode:
            fail("bench_produce failed")
        return json.loads(out)

    def worker(self, topic, start="earliest"):
        """A worker of a group of its own, which stores into a table of its own."""
        self.runs += 1
        self.table = f"bench_{self.runs}"
        self.psql(TABLE.format(self.table))
        route = f'[{{topic: {topic}, table: {self.table}, select: "SELECT {COLUMNS} FROM tick"}}]'
        worker = self.role(Worker, "process", "--set", f"processing.routes={route}", "--set", f"processing.group={self.table}", "--set",
                           f"processing.start={start}", "--set", "monitoring.listen=127.0.0.1:0")
        worker.address("monitoring")
        return worker

    def throughput(self, topic):
        """Between the first and the last commit."""
        rows = self.options.rows
        worker = self.worker(topic)
        worker.wait("the first rows", lambda: worker.stored() > 0)
        cpu, began, first = worker.cpu_seconds(), time.monotonic(), worker.stored()
        worker.wait("all rows", lambda: worker.stored() >= rows, 300)
        seconds = time.monotonic() - began
        figures = {"rows_per_second": (rows - first) / seconds, "cpu_us": (worker.cpu_seconds() - cpu) * 1e6 / (rows - first),
                   "memory_mib": worker.memory_mib("VmHWM")}
        worker.stop()
        stored = int(self.psql(f"SELECT count(*) FROM {self.table}"))
        if stored != rows:
            fail(f"{stored} rows were stored, not {rows}")
        self.psql(f"DROP TABLE {self.table}")
        return figures

    def latency(self, rate, seconds):
        """Of records that come at a rate, from the broker's timestamp to the commit, after a while."""
        worker = self.worker(TOPIC, "latest")
        worker.wait("partitions", lambda: sum(worker.metric("fdp_processing_partitions")) >= 3)
        self.wait_claimed(worker)
        figures = {"idle_mib": worker.memory_mib("VmRSS")}
        self.produced(TOPIC, rate * WARM_S, rate)
        before = worker.committed()
        self.produced(TOPIC, rate * seconds, rate)
        worker.wait("all rows", lambda: worker.stored() >= rate * (WARM_S + seconds))
        after = worker.committed()
        worker.stop()
        figures.update({f"p{q}_ms": quantile_ms(before, after, q / 100) for q in (50, 99)})
        return figures

    def wait_claimed(self, worker):
        """Until all partitions are claimed, so that `latest` means before what is produced now."""
        count = f"SELECT count(*) FROM fdp_offsets WHERE consumer_group = '{self.table}'"
        worker.wait("claims", lambda: int(self.psql(count)) >= 4)
        worker.wait("readiness", lambda: "ready" in fetch(worker.address("monitoring") + "/readyz"))

    def measure(self):
        rows, results = self.options.rows, {}
        say("loading the topics")
        produced = [self.produced(topic, rows) for topic in TOPICS]
        results["produced"] = [{"per_second": p["rows"] / p["seconds"], "cpu_us": p["cpu_seconds"] * 1e6 / p["rows"]} for p in produced]
        results["worker"], results["ceiling"] = [], [self.ceiling()]
        for i in range(self.options.repeats):
            say(f"throughput, {i + 1} of {self.options.repeats}")
            figures = self.throughput(TOPICS[i % len(TOPICS)])
            results["ceiling"].append(self.ceiling())
            figures["ratio"] = figures["rows_per_second"] / statistics.mean(results["ceiling"][-2:])
            results["worker"].append(figures)
        results["disk"] = disk_floor(self.folder)
        say("latency at 10,000 a second")
        results["latency"] = self.latency(10000, self.options.seconds)
        say("latency at 1 a second")
        results["slow"] = self.latency(1, self.options.seconds)
        results["cpu_pressure"] = cpu_pressure()
        return results


def median(runs, name):
    return statistics.median(run[name] for run in runs)


def table(r):
    """Name, unit, value, goal."""
    return [
        ("producer: decoded batch to acknowledged", "ticks/s", median(r["produced"], "per_second"), ">= 500000"),
        ("producer: CPU per tick", "us", median(r["produced"], "cpu_us"), ""),
        ("ceiling: bare COPY", "rows/s", statistics.median(r["ceiling"]), ""),
        ("worker: Kafka to committed row", "rows/s", median(r["worker"], "rows_per_second"), ""),
        ("worker / ceiling", "ratio", median(r["worker"], "ratio"), ">= 0.80"),
        ("worker: CPU per row", "us", median(r["worker"], "cpu_us"), "<= 1.6"),
        ("worker: resident under load", "MiB", median(r["worker"], "memory_mib"), "<= 64"),
        ("worker: resident idle", "MiB", r["latency"]["idle_mib"], "<= 16"),
        ("broker to committed row, 10,000/s, p50", "ms", r["latency"]["p50_ms"], "< 5"),
        ("broker to committed row, 10,000/s, p99", "ms", r["latency"]["p99_ms"], "< 20"),
        ("broker to committed row, 1/s, p99", "ms", r["slow"]["p99_ms"], "< 10"),
        ("floor: the disk alone, p50", "ms", r["disk"]["p50_ms"], ""),
        ("floor: the disk alone, p99", "ms", r["disk"]["p99_ms"], ""),
        ("machine: time in which a core was waited for", "%", r["cpu_pressure"] or 0, ""),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default=ROOT / "build", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=2000000)
    parser.add_argument("--repeats", type=int, default=3, help="of the throughput; medians are printed")
    parser.add_argument("--seconds", type=int, default=20, help="of each measurement of latency")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        results = Bench(options.build.resolve(), options, stack).measure()
    say("")
    if options.json:
        figures = {name: {"value": value, "unit": unit, "goal": goal} for name, unit, value, goal in table(results)}
        print(json.dumps({"figures": figures, "runs": results}, indent=1))
        return
    for name, unit, value, goal in table(results):
        print(f"{name:<44} {value:14.{0 if value >= 1000 else 2}f} {unit:<10} {goal}")


if __name__ == "__main__":
    main()
