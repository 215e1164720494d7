# SPDX-License-Identifier: Apache-2.0
"""The whole pipeline in one process, as a newcomer runs it."""
import json
import re
import urllib.error
import urllib.request

from conftest import BINARY, FREE_PORTS, wait_for


def get(url, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=10) as reply:
            return reply.status, reply.read().decode(), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def assert_sums(summary):
    assert summary["received"] == summary["duplicates"] + summary["published"]
    assert summary["backlog"] + summary["published"] == summary["stored"] + summary["quarantined"] + summary["filtered"] + summary["lost"]
    assert summary["lost"] == 0


def test_up_stores_ticks_in_all_three_tables(fdp):
    summary = fdp.up_for("4s", "--set", "simulator.rate=500")
    assert_sums(summary)
    assert summary["stored"] > 500
    assert 0 < summary["p50_ms"] <= summary["p99_ms"]
    for table in ("stocks", "crypto", "currency"):
        assert fdp.count(table) > 0
    assert fdp.count("finance_data_ingress") == summary["stored"]
    fdp("reconcile", "--data", fdp.data)
    fdp("reconcile", "--data", fdp.data, "--deep")


def test_up_counts_what_no_route_reads_as_filtered(fdp):
    summary = fdp.up_for("2s", "--set", "simulator.rate=500", "--set",
                         "processing.routes=[{topic: tickers.stocks, table: stocks, select: SELECT * FROM tick}]")
    assert_sums(summary)
    assert summary["filtered"] > 0 and summary["stored"] == fdp.count("stocks") > 0


def test_up_again_goes_on_where_it_stopped(fdp):
    first = fdp.up_for("2s", "--set", "simulator.rate=500")
    second = fdp.up_for("2s", "--set", "simulator.rate=500")
    assert_sums(second)
    assert second["backlog"] == 0
    assert fdp.count("finance_data_ingress") == first["stored"] + second["stored"]
    assert fdp.sql("SELECT COUNT(*) AS n FROM (SELECT _source, _offset FROM stocks GROUP BY 1, 2 HAVING COUNT(*) > 1)")[0]["n"] == 0


def test_every_row_is_like_the_market_said(fdp):
    fdp.up_for("3s", "--set", "simulator.rate=300")
    rows = fdp.sql("SELECT * FROM finance_data_ingress")
    assert {row["asset"] for row in rows} == {"stocks", "crypto", "currency"}
    for row in rows:
        assert row["price"] > 0 and row["source_api"] == "simulator"
        assert re.fullmatch("[0-9a-f]{16}", row["event_id"])
        assert {"stocks": True, "crypto": row["quote_type"] == 41, "currency": row["quote_type"] == 14}[row["asset"]]
        assert 1.6e15 < row["time"] < 1e16 and 1.6e15 < row["ingestion_ts"] < 1e16
        # float32's shortest decimal, not its binary expansion
        assert len(repr(row["price"]).replace(".", "").replace("-", "").strip("0")) <= 9, row["price"]
    ids = [row["event_id"] for row in rows]
    assert len(ids) == len(set(ids))


def test_ctrl_c_drains_and_exits_cleanly(fdp):
    import signal

    role = fdp.up("--set", "simulator.rate=2000")
    base = role.address("monitoring")
    wait_for(lambda: 'outcome="stored"} 0\n' not in get(base + "metrics")[1] and 'outcome="stored"}' in get(base + "metrics")[1], "rows")
    code, _, _ = role.stop(signal.SIGINT)
    assert code == 0
    fdp("reconcile", "--data", fdp.data, "--deep")
    published = sum(t["written"] for t in json.loads(fdp("topics", "list", "--data", fdp.data, "--json")) if t["topic"].startswith("tickers."))
    assert fdp.count("finance_data_ingress") + fdp.count("fdp_quarantine") == published


def test_monitoring_pages(fdp):
    role = fdp.up("--set", "simulator.rate=200")
    base = role.address("monitoring")
    wait_for(lambda: get(base + "readyz")[0] == 200, "ready")
    assert get(base + "livez")[0] == 200
    wait_for(lambda: "AAPL" in get(base)[1] and "BTC-USD" in get(base)[1] and "EURUSD=X" in get(base)[1], "prices on the page")
    prices = json.loads(get(base + "api/v1/prices")[1])
    assert {p["table"] for p in prices} == {"stocks", "crypto", "currency"}
    wait_for(lambda: "fdp_processing_lag_seconds{" in get(base + "metrics")[1], "the lag, which is measured once a second")
    status, text, headers = get(base + "metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for name in ("fdp_ingestion_received_total", "fdp_processing_records_total", "fdp_end_to_end_seconds_bucket", "fdp_stage_seconds_bucket",
                 "fdp_symbol_newest_tick_timestamp_seconds", "fdp_queue_fill", "fdp_feed_reconnects_total",
                 'fdp_processing_lag_records{topic="tickers.stocks",partition="0"}',
                 'fdp_symbol_market_state{symbol="BTC-USD"} 1', "fdp_quarantine_waiting_records 0"):
        assert name in text, name
    status, text, headers = get(base + "metrics", {"Accept": "application/openmetrics-text; version=1.0.0"})
    assert headers["Content-Type"].startswith("application/openmetrics-text") and text.endswith("# EOF\n")
    assert get(base + "nowhere")[0] == 404


def test_duplicates_are_dropped_and_counted(fdp):
    """A second subscription of everything makes the market send its snapshots again."""
    market = fdp.start("simulate", *FREE_PORTS, "--set", "simulator.rate=1")
    url = market.address("simulator")
    summary = fdp.up_for("3s", "--set", f"ingestion.source={url}", "--set", "ingestion.symbols=[AAPL, BTC-USD, EURUSD=X]")
    assert_sums(summary)
    again = fdp.up_for("2s", "--set", f"ingestion.source={url}", "--set", "ingestion.symbols=[AAPL, BTC-USD, EURUSD=X]")
    assert_sums(again)


def test_roles_apart_make_the_same_pipeline(fdp):
    """simulate, registry, ingest and process as four processes on one folder."""
    common = ["--data", fdp.data]
    registry = fdp.start("registry", *common, "--set", "streaming.registry.listen=127.0.0.1:0").address("registry")
    market = fdp.start("simulate", *FREE_PORTS, "--set", "simulator.rate=500").address("simulator")
    at = ["--set", f"streaming.registry.url={registry}", "--set", "monitoring.listen=127.0.0.1:0"]
    assert "6 new versions" in fdp("schemas", "load", *common, "--set", f"streaming.registry.url={registry}")
    assert "0 new versions" in fdp("schemas", "load", *common, "--set", f"streaming.registry.url={registry}")
    worker = fdp.start("process", *common, *at)
    worker.address("monitoring")
    ingest = fdp.start("ingest", *common, *at, "--set", f"ingestion.source={market}", "--set", "ingestion.symbols=[AAPL, MSFT, BTC-USD, EURUSD=X]")
    ingest.address("monitoring")
    wait_for(lambda: fdp.count("finance_data_ingress") > 300, "rows")
    assert ingest.stop()[0] == 0
    assert worker.stop()[0] == 0
    fdp("reconcile", "--data", fdp.data, "--deep")
    written = sum(t["written"] for t in json.loads(fdp("topics", "list", *common, "--json")) if t["topic"].startswith("tickers."))
    assert fdp.count("finance_data_ingress") + fdp.count("fdp_quarantine") == written


def test_ingest_without_a_registry_waits_and_can_be_stopped(fdp):
    role = fdp.start("ingest", "--data", fdp.data, "--set", "streaming.registry.url=http://127.0.0.1:1", "--set", "monitoring.listen=127.0.0.1:0",
                     "--set", "ingestion.source=ws://127.0.0.1:1/")
    wait_for(lambda: "waiting for the registry" in role.stderr(), "a word about the registry")
    assert role.stop()[0] == 0


def test_replay_plays_recorded_prices(fdp, tmp_path):
    recorded = tmp_path / "recorded.csv"
    recorded.write_text("time,id,price\n" + "".join(f"2026-08-13T12:00:{s:02}Z,{i},{10 + s}.5\n" for s in range(10) for i in ("AAPL", "BTC-USD")))
    market = fdp.start("simulate", "--replay", recorded, "--speed", "5", *FREE_PORTS)
    role = fdp.up("--set", f"ingestion.source={market.address('simulator')}", "--set", "ingestion.symbols=[AAPL, BTC-USD]")
    role.address("monitoring")
    wait_for(lambda: {19.5} <= {row["price"] for row in fdp.sql("SELECT price FROM finance_data_ingress")}, "the last recorded price")
    assert role.stop()[0] == 0
    rows = fdp.sql("SELECT id, price, time FROM finance_data_ingress WHERE id = 'AAPL' ORDER BY time")
    assert [row["price"] for row in rows] == sorted(row["price"] for row in rows)


def test_replay_of_a_bad_file_names_the_line(fdp, tmp_path):
    recorded = tmp_path / "recorded.csv"
    recorded.write_text("time,id,price\n2026-08-13T12:00:00Z,AAPL,ten\n")
    done = fdp.run("simulate", "--replay", recorded, *FREE_PORTS, "--for", "1s")
    assert done.returncode == 4 and "recorded.csv" in done.stderr and "line 2" in done.stderr and "price" in done.stderr


def looking(fdp):
    """Everything that only looks."""
    for command in (["topics", "list"], ["topics", "describe", "tickers.crypto"], ["topics", "tail", "tickers.crypto", "-n", "1"], ["schemas", "list"],
                    ["sql", "SELECT COUNT(*) FROM stocks"], ["reconcile"], ["quarantine", "list"], ["check"], ["preview", "tickers.stocks"]):
        fdp(*command, "--data", fdp.data)


def test_looking_at_a_running_pipeline_takes_nothing_from_it(fdp):
    """The tools are processes of their own on the same files: they must leave the files' locks and logs to the pipeline."""
    import os
    import signal

    role = fdp.up("--set", "simulator.rate=2000")
    role.address("monitoring")
    wait_for(lambda: fdp.count("finance_data_ingress") > 0, "rows")
    looking(fdp)
    files = [os.readlink(f"/proc/{role.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{role.process.pid}/fd")]
    assert not [file for file in files if ".db" in file and file.endswith("(deleted)")], files
    before = json.loads(fdp("topics", "list", "--data", fdp.data, "--json"))
    wait_for(lambda: json.loads(fdp("topics", "list", "--data", fdp.data, "--json")) != before, "new records seen from outside")
    looking(fdp)
    role.stop(signal.SIGKILL)
    assert_sums(fdp.up_for("1s"))
    fdp("reconcile", "--data", fdp.data, "--deep")


def test_tail_follow_shows_new_records(fdp):
    role = fdp.up("--set", "simulator.rate=200")
    role.address("monitoring")
    wait_for(lambda: fdp.count("crypto") > 0, "rows")
    tail = fdp.start("topics", "tail", "tickers.crypto", "--from", "latest", "--follow", "--data", fdp.data)
    tail.read_until(rb'("_offset":\d+.*\n.*\n.*\n)')
    tail.process.kill()
    assert role.stop()[0] == 0


def test_second_up_on_the_same_folder_is_refused_and_harms_nothing(fdp):
    role = fdp.up("--set", "simulator.rate=500")
    role.address("monitoring")
    done = fdp.run("up", "--data", fdp.data, "--for", "5s", "--set", "monitoring.listen=127.0.0.1:0", "--set", "streaming.registry.listen=127.0.0.1:0",
                   "--set", "simulator.listen=127.0.0.1:0")
    assert done.returncode == 6 and str(role.process.pid) in done.stderr, done.stderr
    before = fdp.count("finance_data_ingress")
    wait_for(lambda: fdp.count("finance_data_ingress") > before, "the first goes on")
    assert role.stop()[0] == 0


def test_worker_that_cannot_start_fences_nobody(fdp):
    role = fdp.up("--set", "simulator.rate=500")
    registry, _ = role.address("registry"), role.address("monitoring")
    done = fdp.run("process", "--data", fdp.data, "--set", f"streaming.registry.url={registry}", "--set", "monitoring.listen=300.0.0.1:1")
    assert done.returncode == 3, done.stderr
    before = fdp.count("finance_data_ingress")
    wait_for(lambda: fdp.count("finance_data_ingress") > before, "the first goes on")
    assert role.stop()[0] == 0


def test_removed_data_folder_is_noticed(fdp):
    import shutil

    role = fdp.up("--set", "simulator.rate=100")
    role.address("monitoring")
    wait_for(lambda: fdp.count("finance_data_ingress") > 0, "rows")
    shutil.rmtree(fdp.data)
    role.process.wait(timeout=60)
    code, _, err = role.stop()
    assert code == 6 and "removed" in err, err


def test_market_with_clients_that_do_not_read_is_bounded(fdp):
    import base64
    import os
    import socket

    market = fdp.start("simulate", *FREE_PORTS, "--set", "simulator.rate=100000")
    port = int(re.search(r":(\d+)/", market.address("simulator")).group(1))
    message = b'{"subscribe":["AAPL"]}'
    clients = []
    for _ in range(200):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"GET /?version=2 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
        client.sendall(bytes([0x81, 0x80 | len(message)]) + bytes(4) + message)
        clients.append(client)
    wait_for(lambda: "too slowly" in market.stderr(), "a word about slow clients")
    resident = int(re.search(r"VmHWM:\s+(\d+) kB", (open(f"/proc/{market.process.pid}/status").read())).group(1))
    assert market.stderr().count("too slowly") == 1
    assert resident < 400 << 10 or "san" in BINARY.parent.name, f"{resident} kB"  # a sanitizer has memory of its own
    for client in clients:
        client.close()
    assert market.stop()[0] == 0
