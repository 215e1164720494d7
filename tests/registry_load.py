# SPDX-License-Identifier: Apache-2.0
"""Registries on a Kafka, and schemas registered there while something is broken, of which each acknowledgement is remembered."""
import contextlib
import itertools
import json
import signal
import threading
import time

import requests

from conftest import wait_for

V1 = "application/vnd.schemaregistry.v1+json"
# The time in which a writer that is gone is replaced.
QUICK = ["--set", "streaming.kafka={session.timeout.ms: 6000, heartbeat.interval.ms: 1000}"]


def fixed(size):
    return json.dumps({"type": "fixed", "name": "f", "size": size})


def post(url, subject, text, timeout=30):
    return requests.post(f"{url}/subjects/{subject}/versions", json={"schema": text}, headers={"Content-Type": V1}, timeout=timeout)


def get(url, path, timeout=30):
    return requests.get(url + path, timeout=timeout)


def register(url, subject, text):
    """Registers, trying again as clients do while there is no writer."""
    return wait_for(lambda: post(url, subject, text).json().get("id"), "a writer")


def is_writer(role):
    return "\nfdp_registry_writer 1\n" in get(role.url, "/metrics").text


def wait_writer(roles):
    return wait_for(lambda: next((role for role in roles if is_writer(role)), None), "a writer")


class Registries:
    """Starts registries; each is a role with its url. They end in order, so that the group has no members then, and without complaint."""

    def __init__(self, fdp, kafka):
        self.fdp = fdp.use(stream=kafka)

    def __call__(self, *args):
        role = self.fdp.role("registry", *QUICK, *args)
        role.url = role.address("registry")
        return role

    def again(self, role):
        """Another one at the address of one that has ended."""
        return self("--set", f"streaming.registry.listen={role.url.removeprefix('http://')}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for role in self.fdp.running:
            code, _, said = role.stop()
            assert code in (0, -signal.SIGKILL), said


class Registrars:
    """Threads that register schemas at all registries in turn until they are acknowledged; each schema twice, under two subjects."""

    def __init__(self, urls, threads=4):
        self.urls = urls
        self.acknowledged = {}  # size of the fixed type: id
        self.wrong = []
        self.stopping = threading.Event()
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _run(self, seat):
        turn = seat
        while not self.stopping.is_set():
            with self.lock:
                size = next(self.numbers)
            for subject in (f"s{seat}", "all"):
                while True:
                    turn += 1
                    with contextlib.suppress(requests.RequestException):
                        answer = post(self.urls[turn % len(self.urls)], subject, fixed(size), timeout=1)
                        if answer.status_code == 200:
                            break
                        if answer.status_code < 500:
                            self.wrong.append(answer.text)
                    if self.stopping.is_set():
                        return
                    time.sleep(0.01)
                with self.lock:
                    known = self.acknowledged.setdefault(size, answer.json()["id"])
                    if known != answer.json()["id"]:
                        self.wrong.append(f"{size}: {known} and {answer.json()}")

    def wait_more(self, count):
        """Until so many more were acknowledged than now."""
        target = len(self.acknowledged) + count
        wait_for(lambda: len(self.acknowledged) >= target, f"{count} more registrations", 120)

    def verify(self, urls):
        assert not self.wrong
        assert len(set(self.acknowledged.values())) == len(self.acknowledged), "an id twice"
        for url in urls:
            for size, number in self.acknowledged.items():
                answer = get(url, f"/schemas/ids/{number}")
                assert answer.status_code == 200 and json.loads(answer.json()["schema"])["size"] == size, (size, number, answer.text)
            versions = get(url, "/subjects/all/versions").json()
            assert versions == list(range(1, len(versions) + 1)) and len(versions) >= len(self.acknowledged) - len(self.threads)
