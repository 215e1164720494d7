# SPDX-License-Identifier: Apache-2.0
"""What the documentation tells people to type is typed here."""
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

import pytest

from conftest import BINARY, ROOT, wait_for

PORTS = {"FDP_MONITORING_LISTEN": "127.0.0.1:0", "FDP_STREAMING_REGISTRY_LISTEN": "127.0.0.1:0", "FDP_SIMULATOR_LISTEN": "127.0.0.1:0"}


SERVERS = "fdp-data/servers.yaml"  # of make run-kafka


def shell_lines(name):
    text = (ROOT / name).read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        for line in block.splitlines():
            line = line.split("  #")[0].strip()
            if line:
                yield line


def test_readme_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for name in ("README.md", "docs/CONTRIBUTING.md"):
        for line in shell_lines(name):
            if line.startswith("make"):
                for word in line.split()[1:]:
                    assert "=" in word or word in targets, f"{name}: {line}"


def test_readme_commands_work_on_a_running_pipeline(fdp, tmp_path):
    env = os.environ | PORTS
    role = fdp.start("up", "--data", tmp_path / "fdp-data", "--set", "monitoring.listen=127.0.0.1:0", "--set", "streaming.registry.listen=127.0.0.1:0",
                     "--set", "simulator.listen=127.0.0.1:0", "--set", "simulator.rate=500")
    role.address("monitoring")
    fdp.data = tmp_path / "fdp-data"
    wait_for(lambda: all(fdp.count(table) > 5 for table in ("stocks", "crypto", "currency")), "rows in all tables")
    commands = [line for line in shell_lines("README.md") if line.startswith("build/fdp") and SERVERS not in line]
    assert len(commands) >= 3
    for command in commands:
        words = shlex.split(command)
        done = subprocess.run([BINARY, *words[1:]], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout.strip(), f"{command}: {done.stdout}{done.stderr}"


def test_readme_commands_work_on_kafka_and_postgresql():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fdp-run-"))  # one that the user of PostgreSQL may enter
    folder.chmod(0o755)
    servers = folder / SERVERS

    def do(command, **env):
        words = shlex.split(command.replace("build/fdp", str(BINARY)))
        return subprocess.run(words, cwd=folder, env=os.environ | env, capture_output=True, text=True, timeout=60)

    # A shell cannot trap what was ignored when it began.
    script = subprocess.Popen([ROOT / "tools/run-kafka.sh", BINARY], env=os.environ | PORTS | {"DATA": str(servers.parent)},
                              stdout=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        psql, *others = [line for line in shell_lines("README.md") if line.startswith("psql") or SERVERS in line]
        store = wait_for(lambda: servers.exists() and re.search(r'"postgresql:.*:(\d+)/.*"\n', servers.read_text()), "the servers")

        def rows():
            done = do(psql + " -At", PGHOST="127.0.0.1", PGPORT=store[1])
            return int(done.stdout) if not done.returncode else 0

        first = wait_for(rows, "rows")
        wait_for(lambda: rows() > first, "more rows")
        assert others
        for command in others:
            done = do(command)
            assert done.returncode == 0 and "tickers.stocks" in done.stdout, f"{command}: {done.stdout}{done.stderr}"
        script.send_signal(signal.SIGINT)
        assert script.wait(60) == 0
    finally:
        script.kill()
        for kind in ("kafka", "postgres"):
            subprocess.run([ROOT / f"tools/{kind}.sh", "wipe", "--data", servers.parent / kind], check=True)
        shutil.rmtree(folder)


def test_roles_work_side_by_side_as_documented(fdp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in PORTS.items():
        monkeypatch.setenv(name, value)
    addresses, looks = {}, []
    for line in shell_lines("docs/roles.md"):
        for documented, address in addresses.items():
            line = line.replace(documented, address)
        role, *words = shlex.split(line.removeprefix("build/fdp "))
        if role in ("registry", "simulate", "ingest", "process", "console"):
            running = fdp.start(role, *words)
            if role == "registry":
                addresses["http://127.0.0.1:8081"] = running.address("registry")
                monkeypatch.setenv("FDP_STREAMING_REGISTRY_URL", addresses["http://127.0.0.1:8081"])
            if role == "simulate":
                addresses["ws://127.0.0.1:8082/?version=2"] = running.address("simulator")
        elif role == "schemas":
            fdp(role, *words, env=PORTS)
        else:
            looks.append([role, *words])
    fdp.data = tmp_path / "roles"
    wait_for(lambda: (fdp.data / "store.db").exists() and fdp.count("finance_data_ingress") > 20, "rows")
    for words in looks:
        assert fdp(*words).strip()
    assert len(fdp.running) == 5 and looks
    assert all(role.stop()[0] == 0 for role in reversed(fdp.running))


@pytest.mark.parametrize("path", sorted(p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*.md") if "build" not in p.parts[len(ROOT.parts)]))
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / path).read_text()):
        if not re.match(r"[a-z]+:", target):
            assert ((ROOT / path).parent / target).exists(), f"{path}: {target}"
