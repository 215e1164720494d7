# SPDX-License-Identifier: Apache-2.0
"""A full disk under the log and the store: everything waits, says why, and goes on by itself once there is room."""
import os
import subprocess

import pytest

from conftest import wait_for


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes; mounting it takes root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk_waits_and_goes_on(fdp, small_disk):
    fdp.data = small_disk / "data"
    role = fdp.up("--set", "simulator.rate=20000")
    role.address("monitoring")
    wait_for(lambda: "no space left" in role.stderr(), "a word about the full disk")
    assert role.process.poll() is None, "it must not end"
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    wait_for(lambda: "again" in role.stderr().split("no space left")[-1], "a word that it goes on")
    before = fdp.count("finance_data_ingress")
    wait_for(lambda: fdp.count("finance_data_ingress") > before + 1000, "rows again")
    assert role.stop()[0] == 0, role.stderr()
    fdp("reconcile", "--data", fdp.data, "--deep")
