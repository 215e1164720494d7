# SPDX-License-Identifier: Apache-2.0
"""A far end that sends rubbish among good frames: what cannot be used is kept with its reason, the rest is stored."""
import base64
import json
import re
import struct
import threading

import pytest

from conftest import wait_for

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"  # RFC 3339
websockets = pytest.importorskip("websockets.sync.server")


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def quote(symbol, price=1.5, quote_type=8, time_ms=1786622589000):
    message = b"\x0a" + varint(len(symbol)) + symbol
    if price is not None:
        message += b"\x15" + struct.pack("<f", price)
    message += b"\x18" + varint(time_ms << 1)
    return message + b"\x30" + varint(quote_type)


def envelope(message):
    return json.dumps({"type": "pricing", "message": base64.b64encode(message).decode()})


GOOD = [envelope(quote(b"AAPL", 1 + i)) for i in range(5)] + [envelope(quote(b"BTC-USD", 9.25, 41)), base64.b64encode(quote(b"EURUSD=X", 1.15327, 14)).decode()]
BAD = {
    "this is no frame {": None,
    '{"type":"pricing","message":5}': None,
    '{"type":"pricing"}': None,
    '{"type":"pricing","message":"%%%%"}': "base64",
    envelope(b"\xff\xff\xff\xff\xff\xff"): None,
    envelope(quote(b"AAPL")[:-6]): None,
    envelope(quote(b"A\0PL")): "NUL",
    envelope(quote(b"\xff\xfe")): "UTF-8",
    envelope(quote(b"L" * 65)): "at most 64",
    envelope(quote(b"NAN", float("nan"))): None,
    envelope(quote(b"INF", float("inf"))): None,
    envelope(quote(b"NOPRICE", None)): "price",
    envelope(quote(b"")): "no id",
    envelope(quote(b"HEARTBEAT", 1, 7)): "no route",
}


@pytest.fixture
def market():
    """Sends everything once per connection, then stays open."""
    stop = threading.Event()

    def handler(connection):
        connection.recv()
        for frame in [GOOD[0], *BAD, *GOOD[1:], '{"type":"heartbeat"}']:
            connection.send(frame)
        stop.wait(60)

    server = websockets.serve(handler, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/?version=2"
    stop.set()
    server.shutdown()
    thread.join()


def test_rubbish_is_kept_and_its_neighbours_stored(fdp, market):
    role = fdp.up("--set", f"ingestion.source={market}", "--set", "ingestion.symbols=[AAPL]", "--for", "1h")
    role.address("monitoring")
    wait_for(lambda: fdp.count("finance_data_ingress") + fdp.count("fdp_quarantine") >= len(GOOD) + len(BAD), "all frames")
    code, out, err = role.stop()
    assert code == 0, err
    summary = json.loads(out.splitlines()[-1])
    assert summary["received"] == summary["published"] == len(GOOD) + len(BAD) and summary["lost"] == 0
    assert fdp.count("finance_data_ingress") == len(GOOD)
    entries = fdp.sql("SELECT id, CAST(value AS TEXT) AS frame, rule, error, topic FROM fdp_quarantine")
    assert {e["frame"] for e in entries} == set(BAD)
    for entry in entries:
        assert entry["rule"] == "ingestion" and entry["topic"] == "tickers.rejected" and entry["error"]
        assert (BAD[entry["frame"]] or "") in entry["error"], entry
    assert fdp.sql("SELECT price FROM currency") == [{"price": 1.15327}]
    fdp("reconcile", "--data", fdp.data, "--deep")

    listed = json.loads(fdp("quarantine", "list", "--data", fdp.data, "--json"))
    assert len(listed) == len(BAD) and listed[0]["state"] == "waiting"
    shown = fdp("quarantine", "show", str(listed[0]["id"]), "--data", fdp.data)
    assert "header reason" in shown and "header received" in shown
    for entry in listed[0], json.loads(fdp("quarantine", "show", str(listed[0]["id"]), "--data", fdp.data, "--json"))[0]:
        assert re.fullmatch(TIME, entry["quarantined_at"]), entry
    assert re.search(rf"^timestamp +{TIME}$", shown, re.M) and re.search(rf"^quarantined_at +{TIME}$", shown, re.M), shown
    assert re.search(TIME, fdp("quarantine", "list", "--data", fdp.data).splitlines()[1])
    assert fdp.run("quarantine", "show", "99999", "--data", fdp.data).returncode == 1
    assert fdp.run("quarantine", "show", "99999", "--data", fdp.data, "--json").returncode == 1
    assert len(fdp("topics", "tail", "tickers.rejected", "--data", fdp.data, "-n", "100").splitlines()) == len(BAD)
