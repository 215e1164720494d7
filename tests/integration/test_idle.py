# SPDX-License-Identifier: Apache-2.0
"""What a worker on Kafka and PostgreSQL takes of the machine while there is nothing to read."""
import pathlib
import re
import urllib.error
import urllib.request

import pytest

from conftest import BINARY, figure, wait_for

IDLE_MIB = 16  # docs/internals/performance.md


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as answer:
        return f"{answer.code}: {answer.read().decode()}"


def of(role, name):
    return pathlib.Path(f"/proc/{role.process.pid}/{name}").read_text()


def plugins(role):
    return "/sasl2/" in of(role, "maps")


@pytest.mark.skipif("san" in BINARY.parent.name, reason="sanitizers take memory of their own")
def test_worker_with_nothing_to_read_is_small(fdp, kafka, postgres):
    fdp.use(stream=kafka, store=postgres)
    role = fdp.role("process", "--set", f"streaming.registry.url={fdp.role('registry').address('registry')}")
    url = role.address("monitoring")
    wait_for(lambda: "fdp_processing_partitions 10" in fetch(url + "metrics"), "all partitions")
    wait_for(lambda: postgres.psql("SELECT count(*) FROM fdp_offsets") == [(10,)], "all are claimed")
    wait_for(lambda: fetch(url + "readyz") == "processing: ready\n", "ready")
    resident = int(re.search(r"^VmRSS:\s+(\d+)", of(role, "status"), re.M)[1]) / 1024
    figure(f"a worker with nothing to read: {resident:.1f} MiB resident")
    assert resident <= IDLE_MIB
    assert not plugins(role)
    assert role.stop()[0] == 0


def test_plugins_of_sasl_are_there_for_kerberos(fdp, kafka, postgres):
    fdp.use(stream=kafka, store=postgres)
    role = fdp.role("process", "--set", "streaming.kafka={security.protocol: sasl_plaintext, sasl.kerberos.kinit.cmd: 'true'}")
    wait_for(lambda: plugins(role), "plugins")
