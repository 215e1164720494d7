# SPDX-License-Identifier: Apache-2.0
"""What the roles serve beside their work: probes and metrics, help for who comes to the wrong door, and all of it under pressure."""
import json
import os
import re
import resource
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from conftest import BINARY, FREE_PORTS, figure, wait_for


def get(url, timeout=10):
    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:
            return reply.status, reply.read().decode(), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def metric(base, name):
    line = next(line for line in get(base + "metrics")[1].splitlines() if line.startswith(name + " "))
    return float(line.split()[1])


def test_simulate_serves_probes_and_metrics(fdp):
    market = fdp.start("simulate", *FREE_PORTS, "--set", "simulator.rate=300")
    url, base = market.address("simulator"), market.address("monitoring")
    assert get(base + "livez")[0] == 200
    assert get(base + "readyz")[:2] == (200, "simulator: ready\n")
    assert metric(base, "fdp_simulator_target_ticks_per_second") == 300
    assert metric(base, "fdp_simulator_connections") == metric(base, "fdp_simulator_ticks_total") == 0
    role = fdp.up("--set", f"ingestion.source={url}", "--set", "ingestion.symbols=[AAPL, BTC-USD]")
    wait_for(lambda: metric(base, "fdp_simulator_frames_total") > 10, "frames")
    assert metric(base, "fdp_simulator_connections") == 1
    assert metric(base, "fdp_simulator_subscriptions") == 2
    assert metric(base, "fdp_simulator_ticks_total") > 0
    assert role.stop()[0] == 0
    wait_for(lambda: metric(base, "fdp_simulator_connections") == 0, "the client has left")
    assert market.stop()[0] == 0


def test_every_role_tells_of_itself(fdp):
    registry, market = fdp.role("registry"), fdp.start("simulate", *FREE_PORTS)
    where = ["--set", f"streaming.registry.url={registry.address('registry')}", "--set", f"ingestion.source={market.address('simulator')}"]
    fdp("schemas", "load", *where)
    bases = {registry: registry.address("registry") + "/", market: market.address("monitoring")}
    for name in ("process", "ingest", "console"):
        role = fdp.role(name, *where)
        bases[role] = role.address("monitoring")
    version = fdp("version").split()[1]
    for role, base in bases.items():
        process = f"/proc/{role.process.pid}"
        wait_for(lambda: metric(base, "fdp_ready") == 1, "ready")
        assert get(base + "readyz")[0] == 200
        assert metric(base, f'fdp_build_info{{version="{version}"}}') == 1
        assert abs(metric(base, "process_start_time_seconds") - os.stat(process).st_ctime) < 10
        assert abs(metric(base, "process_open_fds") - len(os.listdir(f"{process}/fd"))) < 5  # connections come and go
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", open(f"{process}/status").read())[1]) * 1024
        assert metric(base, "process_resident_memory_bytes") == pytest.approx(resident, rel=0.1)
        used = metric(base, "process_cpu_seconds_total")
        wait_for(lambda: metric(base, "process_cpu_seconds_total") > used > 0, "a little more work")
    assert metric(bases[fdp.running[3]], "fdp_feed_symbols") == 50
    assert all(role.stop()[0] == 0 for role in reversed(fdp.running))


def test_up_says_of_each_part_whether_it_is_ready(fdp):
    role = fdp.up("--set", "simulator.rate=200")
    base = role.address("monitoring")
    wait_for(lambda: get(base + "readyz")[0] == 200, "ready")
    assert {line.split(":")[0] for line in get(base + "readyz")[1].splitlines()} == {"registry", "simulator", "ingestion", "processing"}
    assert role.stop()[0] == 0


def address_of_this_machine():
    """One that is not loopback; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return probe.getsockname()[0]


@pytest.mark.parametrize("token", ["", "open-sesame"])
def test_page_is_for_this_machine_or_for_who_has_the_token(fdp, token):
    role = fdp.up("--set", "monitoring.listen=*:0", "--set", f"monitoring.token={token}")
    local = role.address("monitoring")
    remote = local.replace("127.0.0.1", address_of_this_machine())
    for page in ("", "api/v1/prices", "api/nothing"):
        if token:
            assert get(local + page)[0] == 401
        assert get(f"{local}{page}?token={token}")[0] == (404 if "nothing" in page else 200)
        code, text, _ = get(remote + page)
        assert code == (401 if token else 403) and "monitoring.token" in text
        assert get(f"{remote}{page}?token=")[0] == get(f"{remote}{page}?token=wrong")[0] == code
        if token:
            assert get(f"{remote}{page}?token={token}")[0] == get(f"{local}{page}?token={token}")[0]
            for given, allowed in ((token, True), (token + "x", False), (token[:-1], False)):
                request = urllib.request.Request(remote + page, headers={"Authorization": f"Bearer {given}"})
                assert (get(request)[0] == 401) != allowed
    for page in ("metrics", "livez", "readyz"):
        assert get(remote + page)[0] == get(local + page)[0]
    if token:
        assert token not in fdp("config", "show", "--set", f"monitoring.token={token}")
    assert role.stop()[0] == 0


def test_console_shows_what_comes_on_the_topics(fdp):
    up = fdp.up("--set", "simulator.rate=200")
    console = fdp.role("console", "--set", f"streaming.registry.url={up.address('registry')}")
    base = console.address("monitoring")
    wait_for(lambda: get(base + "readyz")[:2] == (200, "console: ready\n"), "ready")
    prices = wait_for(lambda: len(found := json.loads(get(base + "api/v1/prices")[1])) > 30 and found, "prices")
    assert {price["table"] for price in prices} == {"tickers.stocks", "tickers.crypto", "tickers.currency"}
    assert "AAPL" in get(base)[1]
    seen = metric(base, "fdp_console_records_total")
    wait_for(lambda: metric(base, "fdp_console_records_total") > seen, "more")
    assert metric(base, "fdp_console_bad_records_total") == 0
    assert up.stop()[0] == 0
    assert console.stop()[0] == 0


def test_schemas_load_waits_for_the_registry(fdp):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    load = subprocess.Popen([BINARY, "schemas", "load", "--wait", "1m", "--set", f"streaming.registry.url=http://{address}"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not load.stderr.readline().startswith("not yet: "):  # what comes before are warnings of the configuration
        assert load.poll() is None
    role = fdp.role("registry", "--set", f"streaming.registry.listen={address}")
    assert load.communicate(timeout=60)[0] == "6 new versions loaded\n"
    assert load.returncode == 0 and role.stop()[0] == 0


def test_ingest_names_a_wrong_source_before_it_waits_for_the_registry(fdp):
    done = fdp.run("ingest", "--data", fdp.data, "--set", "monitoring.listen=127.0.0.1:0", "--set", "streaming.registry.url=http://127.0.0.1:1")
    assert done.returncode == 3 and "ws://127.0.0.1:8082" in done.stderr and "waiting" not in done.stderr


def test_ingest_says_what_it_waits_for(fdp):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    role = fdp.start("ingest", "--data", fdp.data, "--set", f"monitoring.listen={address}", "--set",
                     "streaming.registry.url=http://127.0.0.1:1", "--set", "ingestion.source=ws://127.0.0.1:1/")
    wait_for(lambda: "waiting for the registry" in role.stderr(), "a word about the registry")
    assert get(f"http://{address}/readyz")[:2] == (503, "starting\ningestion: waits for the schema registry and its schemas\n")
    assert metric(f"http://{address}/", "fdp_ready") == 0
    assert role.stop()[0] == 0


def test_wrong_page_names_the_right_ones(fdp):
    role = fdp.up()
    status, text, _ = get(role.address("monitoring") + "health")
    assert status == 404
    for page in (" /,", "/metrics", "/livez", "/readyz", "/api/v1/prices"):
        assert page in text
    assert role.stop()[0] == 0


def test_market_tells_a_browser_how_to_connect(fdp):
    market = fdp.start("simulate", *FREE_PORTS)
    url, base = market.address("simulator"), market.address("monitoring")
    status, text, headers = get(url.replace("ws:", "http:"))
    assert (status, text) == (426, f"this is a WebSocket port: connect with {url}\n")
    assert headers["Content-Type"].startswith("text/plain")
    wait_for(lambda: metric(base, "fdp_simulator_refused_connections_total") == 1, "the refusal is counted")
    assert market.stop()[0] == 0


def test_market_whose_port_is_taken_says_how_to_choose_another(fdp):
    market = fdp.start("simulate", *FREE_PORTS)
    address = market.address("simulator").split("/")[2]
    done = fdp.run("simulate", "--set", f"simulator.listen={address}", "--set", "monitoring.listen=127.0.0.1:0")
    assert done.returncode == 4
    for part in (address, "in use", "--set simulator.listen=", "port 0"):
        assert part in done.stderr
    assert market.stop()[0] == 0


@pytest.fixture
def descriptors():
    """Many for this process; the usual 1024 for what starts before they are asked for."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
    yield lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_few_descriptors_are_shared_out(fdp, descriptors):
    """A flood of half-sent requests to every port of a process that may have 256 files open."""
    role = fdp.up("--set", "simulator.rate=200", files=256)
    addresses = [role.address(part).split("/")[2].split(":") for part in ("simulator", "registry", "monitoring")]
    base = role.address("monitoring")
    assert "at-most=256" in role.stderr()
    wait_for(lambda: get(base + "readyz")[0] == 200, "ready")
    descriptors()
    silent = []
    for host, port in addresses:
        for _ in range(300):
            silent.append(socket.create_connection((host, port), timeout=60))
            silent[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Header: ")
    for _ in range(5):
        begin = time.monotonic()
        assert get(base + "readyz", timeout=60)[0] == 200
        assert time.monotonic() - begin < 2
    figure(f"open files at most: {len(os.listdir(f'/proc/{role.process.pid}/fd'))} of 256")
    before = fdp.count("finance_data_ingress")
    wait_for(lambda: fdp.count("finance_data_ingress") > before, "rows")
    for client in silent:
        client.close()
    assert role.stop()[0] == 0
    assert "Too many open files" not in role.stderr()


def test_half_sent_requests_shut_nobody_out(fdp, descriptors):
    """750 to each port, more than the connections that are allowed, and more than the descriptors a process begins with."""
    role = fdp.up("--set", "simulator.rate=200")
    bases = [role.address("registry") + "/", role.address("monitoring")]
    wait_for(lambda: get(bases[1] + "readyz")[0] == 200, "ready")
    descriptors()
    silent = []
    for base in bases:
        host, port = base.split("/")[2].split(":")
        for _ in range(750):
            silent.append(socket.create_connection((host, port), timeout=60))
            silent[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Header: ")
    for base in bases:
        for page in ("livez", "metrics"):
            begin = time.monotonic()
            assert get(base + page, timeout=60)[0] == 200
            assert time.monotonic() - begin < 2
    # The pipeline goes on, and can open what it needs.
    before = fdp.count("finance_data_ingress")
    wait_for(lambda: fdp.count("finance_data_ingress") > before, "rows")
    assert get(bases[1] + "readyz")[0] == 200
    for client in silent:
        client.close()
    assert role.stop()[0] == 0
