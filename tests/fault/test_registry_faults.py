# SPDX-License-Identifier: Apache-2.0
"""Two registries on a real Kafka while schemas are registered at both: the writer is killed, or stopped and woken; the broker is killed.
What was acknowledged is there, and no id was given twice."""
import signal
import time

import pytest

from conftest import wait_for
from pipeline import times
from registry_load import Registrars, Registries, is_writer, wait_writer


@pytest.fixture
def registry(fdp, kafka):
    with Registries(fdp, kafka) as start:
        yield start


def test_writer_killed_under_load_loses_nothing_and_gives_no_id_twice(registry):
    roles = [registry(), registry()]
    urls = [role.url for role in roles]
    with Registrars(urls) as load:
        for _ in range(times(2, 50)):
            load.wait_more(30)
            writer = wait_writer(roles)
            writer.stop(signal.SIGKILL)
            roles.remove(writer)
            load.wait_more(30)  # the other has taken over
            roles.append(registry.again(writer))
    load.verify(urls)


def test_writer_stopped_under_load_changes_nothing_when_it_wakes(registry):
    roles = [registry(), registry()]
    urls = [role.url for role in roles]
    with Registrars(urls) as load:
        for _ in range(times(1, 20)):
            load.wait_more(30)
            writer = wait_writer(roles)
            other = roles[1 - roles.index(writer)]
            writer.process.send_signal(signal.SIGSTOP)
            wait_writer([other])
            load.wait_more(30)
            writer.process.send_signal(signal.SIGCONT)
            wait_for(lambda: not is_writer(writer), "the one that woke up knows that it is not the writer")
            load.wait_more(30)
    load.verify(urls)
    # Whoever reads the topic from its beginning sees the same.
    load.verify([registry().url])


def test_broker_killed_under_load_loses_nothing(registry, kafka):
    roles = [registry(), registry()]
    urls = [role.url for role in roles]
    with Registrars(urls) as load:
        for _ in range(times(1, 10)):
            load.wait_more(30)
            kafka.kill()
            time.sleep(1)  # some requests are to fall into the gap
            kafka.start()
        load.wait_more(30)
    load.verify(urls)
    load.verify([registry().url])
