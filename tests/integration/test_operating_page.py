# SPDX-License-Identifier: Apache-2.0
"""What docs/operating.md tells people to type is typed here, in its order."""
import os
import re
import subprocess

from conftest import BINARY, ROOT

PORTS = {"FDP_MONITORING_LISTEN": "127.0.0.1:0", "FDP_STREAMING_REGISTRY_LISTEN": "127.0.0.1:0", "FDP_SIMULATOR_LISTEN": "127.0.0.1:0"}


def commands():
    """Each with the exit code that its comment names, 0 without one."""
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "docs/operating.md").read_text(), re.S):
        for line in block.splitlines():
            command, _, comment = line.partition("  #" if "  #" in line else " # ")
            code = re.search(r"exit code (\d+)", comment)
            yield command.strip(), int(code[1]) if code else 0


def test_commands_of_the_page_do_what_it_says(fdp, tmp_path):
    fdp.data = tmp_path / "fdp-data"
    fdp.up_for("2s", "--set", "simulator.rate=300")
    env = {name: value for name, value in os.environ.items() if not name.startswith("FDP_")} | PORTS
    done = []
    for command, code in commands():
        ran = subprocess.run(["bash", "-o", "pipefail", "-c", command.replace("build/fdp", str(BINARY))], cwd=tmp_path, env=env,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert ran.returncode == code, f"{command}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}"
        assert ran.stdout.strip(), f"{command}: says nothing"
        done.append(command)
    assert len(done) > 20
    # Going back has read the record again that had been dropped.
    assert [row["state"] for row in fdp.sql("SELECT state FROM fdp_quarantine")] == ["waiting"]
    assert fdp.count("stocks_again") == fdp.count("stocks")
    fdp("reconcile", "--data", fdp.data, "--deep")
