#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests and counts them; the last line is "N passed, N failed".

  tests/run.py                   everything: unit tests and fuzz corpora, the same under sanitizers, then the Python tests, some of them
                                 under sanitizers too; those on a real Kubernetes if its parts are there (make cluster-test brings them)
  tests/run.py --fast            unit tests and fuzz corpora of the release build
  tests/run.py --variant asan    one sanitizer build (asan, ubsan, tsan)
  tests/run.py --pytest PATH...  only these Python tests
  --suite ROOM                   of the unit tests only those of one room
  --servers                      the contracts of streaming and storage on a real Kafka and PostgreSQL too; part of everything

A C program that holds many tests counts as that many; one that crashes counts as one failure. Exit code 1 when anything failed or
nothing ran."""
import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

import servers

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("FDP_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fdp")
VARIANTS = {
    "release": ("build", []),
    "asan": ("build-asan", ["-Db_sanitize=address,undefined", "-Db_lundef=false"]),
    "ubsan": ("build-ubsan", ["-Db_sanitize=undefined", "-Db_lundef=false"]),
    "tsan": ("build-tsan", ["-Db_sanitize=thread", "-Db_lundef=false"]),
}
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
    "CMOCKA_MESSAGE_OUTPUT": "stdout",
}
# What every back end of a seam promises: run on the embedded ones as unit tests, and with --servers on the real ones.
CONTRACT = re.compile(r"_contract$|^storage/postgres|^streaming/kafka$")


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, what, passed, failed, skipped, began):
        self.passed, self.failed, self.skipped = self.passed + passed, self.failed + failed, self.skipped + skipped
        extra = f", {skipped} skipped" if skipped else ""
        say(f"   {what}: {passed} passed, {failed} failed{extra} in {time.monotonic() - began:.0f} s")


def say(text):
    print(text, flush=True)


def run(command, **kwargs):
    return subprocess.run([str(part) for part in command], cwd=ROOT, stdin=subprocess.DEVNULL, **kwargs)


def configure(variant):
    folder, options = VARIANTS[variant]
    build = ROOT / folder
    if not (build / "build.ninja").exists():
        done = run(["meson", "setup", build, *options], capture_output=True, text=True)
        if done.returncode:
            say(done.stdout + done.stderr)
            return None
    return build


def compile_all(build):
    done = run(["ninja", "-C", build], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        # The errors, not the progress nor how the build was configured.
        said = [line for line in done.stdout.splitlines() if not re.match(r"\[\d+/\d+\] ", line)]
        first = next((i for i, line in enumerate(said) if line.startswith("FAILED") or "ERROR" in line), 0)
        say("\n".join(said[first:]))
    return done.returncode == 0


def cases(test):
    """(passed, failed, skipped) of one program by what cmocka printed; a program without such lines is one test."""
    text = test.get("stdout", "") + "\n" + test.get("stderr", "")
    found = [sum(int(n) for n in re.findall(rf"^\[  {word} *\] (\d+) test\(s\)", text, re.M)) for word in ("PASSED", "FAILED", "SKIPPED")]
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    if test["result"] == "SKIP":
        return 0, 0, 1
    if not any(found):
        return int(good), int(not good), 0
    passed, failed, skipped = found
    return passed, max(failed, int(not good)), skipped


def show(test):
    say(f"--- {test['name'].split(' / ')[-1]}: {test['result']}")
    text = test.get("stdout", "") + test.get("stderr", "")
    lines = [line for line in text.splitlines() if not re.match(r"\[ (RUN|      OK) ", line)]
    say("\n".join(lines[-200:]))


def meson_tests(count, what, variant, *selection, log="testlog", environment=None):
    """Runs tests that are built and counts them."""
    began = time.monotonic()
    build = ROOT / VARIANTS[variant][0]
    command = ["meson", "test", "-C", build, "--no-rebuild", "--quiet", "--logbase", log, *selection]
    if variant != "release":
        command += ["--timeout-multiplier", "4"]
    if wrapper(variant):
        command += ["--wrapper", " ".join(wrapper(variant))]
    logs = build / "meson-logs"
    for old in logs.glob(f"{log}*.json"):  # a wrapper becomes part of the name
        old.unlink()
    done = run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
               env=os.environ | ENVIRONMENT | (environment or {}))
    tests = [json.loads(line) for found in logs.glob(f"{log}*.json") for line in found.read_text().splitlines()]
    total = [0, 0, 0]
    for test in tests:
        counts = cases(test)
        total = [a + b for a, b in zip(total, counts)]
        if counts[1]:
            show(test)
    if not tests or (done.returncode and not total[1]):
        say(done.stdout)
        total[1] += 1
    count.add(f"{what} ({len(tests)} programs)", *total, began)


def unit_tests(count, variant, suite, real):
    began = time.monotonic()
    say(f"== {variant}: build, unit tests and fuzz corpora")
    build = configure(variant)
    if not build or not compile_all(build):
        count.add(f"{variant} build", 0, 1, 0, began)
        return
    say(f"   built in {time.monotonic() - began:.0f} s")
    meson_tests(count, variant, variant, *(["--suite", suite] if suite else []))
    if real:
        contract_tests(count, variant, build, real)


def contract_tests(count, variant, build, real):
    tests = json.loads(run(["meson", "introspect", "--tests", build], stdout=subprocess.PIPE, check=True).stdout)
    names = [test["name"] for test in tests if CONTRACT.search(test["name"])]
    began = time.monotonic()
    try:
        environment = real.environment(variant)
    except RuntimeError as error:
        say(f"the real servers: {error}")
        count.add(f"{variant} on Kafka and PostgreSQL", 0, 1, 0, began)
        return
    meson_tests(count, f"{variant} on Kafka and PostgreSQL", variant, *names, log="contracts", environment=environment)


class RealServers:
    """A Kafka broker and a PostgreSQL server for the contracts; they start while others build."""

    def __init__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor()
        self.kafka, self.postgres = self.pool.submit(servers.Kafka), self.pool.submit(servers.Postgres)

    def environment(self, variant):
        return {"FDP_TEST_STREAM": self.kafka.result().url, "FDP_TEST_SINK": self.postgres.result().database(f"contract_{variant}")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in (self.kafka, self.postgres):
            if not server.exception():
                server.result().close()
        self.pool.shutdown()


def wrapper(variant):
    """What programs of a variant are started with: the thread sanitizer of this compiler knows only the address layout of older kernels."""
    usable = variant == "tsan" and shutil.which("setarch") and run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode == 0
    return ["setarch", "-R"] if usable else []


def python_tests(count, paths, variant="release"):
    began = time.monotonic()
    python = CACHE / "venv" / "bin" / "python"
    build = ROOT / VARIANTS[variant][0]
    say(f"== {variant}: Python tests: {' '.join(paths)}")
    if not python.exists():
        say(f"{python} is missing: run tools/install.sh test")
        count.add("Python tests", 0, 1, 0, began)
        return
    report = build / "pytest.xml"
    report.unlink(missing_ok=True)
    command = [*wrapper(variant), python, "-m", "pytest", "-p", "no:cacheprovider", "--timeout=1800", "--rootdir", ROOT / "tests",
               f"--junitxml={report}", "-o", "junit_logging=no", "--durations=5", "-rs", "--color=no", *paths]
    done = run(command, env=os.environ | ENVIRONMENT | {"PYTHONDONTWRITEBYTECODE": "1", "FDP_BUILD": str(build)})
    passed = failed = skipped = 0
    if report.exists():
        for suite in xml.etree.ElementTree.parse(report).getroot().iter("testsuite"):
            bad = int(suite.get("failures")) + int(suite.get("errors"))
            failed += bad
            skipped += int(suite.get("skipped"))
            passed += int(suite.get("tests")) - bad - int(suite.get("skipped"))
    if done.returncode and not failed:
        failed = 1
    count.add(f"{variant} Python tests", passed, failed, skipped, began)


def cluster_tests(count):
    """What was left out, in words: building a Kubernetes is too much for somebody who only wants to run the tests."""
    if os.geteuid():
        return "THE TESTS ON A REAL KUBERNETES WERE LEFT OUT: they need root"
    if run([ROOT / "tests/cluster/install.sh", "--cached", "cluster"]).returncode:
        return "THE TESTS ON A REAL KUBERNETES WERE LEFT OUT: its parts are not built; `make cluster-test` builds them, once, and runs these tests"
    python_tests(count, ["tests/cluster"])
    return ""


def main():
    parser = argparse.ArgumentParser(description="Runs the tests and counts them.")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--variant", choices=[v for v in VARIANTS if v != "release"])
    parser.add_argument("--pytest", nargs="+", metavar="PATH")
    parser.add_argument("--suite", metavar="ROOM")
    parser.add_argument("--servers", action="store_true")
    options = parser.parse_args()
    count = Count()
    began = time.monotonic()
    everything = not (options.fast or options.variant or options.pytest)
    left_out = ""
    if options.pytest:
        python_tests(count, options.pytest)
    else:
        with RealServers() if everything or options.servers else contextlib.nullcontext() as real:
            for variant in ["release", "asan", "tsan"] if everything else [options.variant or "release"]:
                unit_tests(count, variant, options.suite, real)
    if everything:
        python_tests(count, ["tests", "--ignore=tests/cluster"])
        # The whole program once more, with somebody looking over its shoulder.
        python_tests(count, ["tests/integration"], "asan")
        python_tests(count, ["tests/integration/test_up.py"], "tsan")
        left_out = cluster_tests(count)
    say(f"{time.monotonic() - began:.0f} s in all{f', {count.skipped} skipped' if count.skipped else ''}")
    if left_out:
        say(f"== {left_out}")
    say(f"{count.passed} passed, {count.failed} failed")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
