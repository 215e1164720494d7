# SPDX-License-Identifier: Apache-2.0
"""A full disk under PostgreSQL: the workers wait, and go on by themselves once there is room."""
import contextlib
import os
import subprocess
import tempfile

import pytest

import servers
from conftest import wait_for
from pipeline import Pipeline, figure, times


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own; mounting it takes root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def postgres_on_it(small_disk, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(small_disk))
        for folder in (small_disk, *small_disk.parents[:3]):  # the server's user must be able to enter
            folder.chmod(folder.stat().st_mode | 0o011)
        server = servers.Postgres()
    with server:
        yield servers.Database(server)


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65536))


def test_full_disk_waits_and_goes_on(fdp, kafka, postgres_on_it, small_disk):
    pipeline = Pipeline(fdp, kafka, postgres_on_it)
    worker = pipeline.worker()
    with pipeline.load.running(4000):
        for _ in range(times(1, 5)):
            pipeline.progress(1000)
            fill(small_disk)
            # A full table is refused; a full log of transactions ends the server.
            wait_for(lambda: not pipeline.ready(worker), "a store that does not take rows")
            os.remove(small_disk / "filler")
            postgres_on_it.start()
            pipeline.progress(1000)
            wait_for(lambda: pipeline.ready(worker), "ready again")
    figure(f"{pipeline.finish()} after {times(1, 5)} full disks")
    assert worker.process.returncode == 0
