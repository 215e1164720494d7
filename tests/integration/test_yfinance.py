# SPDX-License-Identifier: Apache-2.0
"""Real clients of Yahoo's feed, pointed at the built-in market: what they hand to their users is what Yahoo would have given them."""
import asyncio
import base64
import contextlib
import json
import threading

import pytest
import websockets
import yfinance
from google.protobuf.json_format import MessageToDict
from websockets.sync.client import connect
from yfinance.pricing_pb2 import PricingData

from conftest import DEADLINE, FREE_PORTS

SYMBOLS = ["AAPL", "SPY", "^GSPC", "EURUSD=X", "JPY=X", "BTC-USD", "DOGE-USD"]
ALWAYS = {"id", "price", "time", "exchange", "quote_type", "market_hours", "price_hint"}


@pytest.fixture
def market(fdp):
    """The address of a market that ticks 200 times a second, in the regular session."""
    return fdp.start("simulate", *FREE_PORTS, "--set", "simulator.rate=200", "--set", "simulator.session=regular").address("simulator")


def assert_like_yahoo(quotes):
    """Quotes as yfinance gives them: 64-bit numbers as text, what is zero left out."""
    assert {quote["id"] for quote in quotes} == set(SYMBOLS)
    last = {}
    for quote in quotes:
        assert ALWAYS <= set(quote), quote
        assert quote["price"] > 0
        time = int(quote["time"])
        assert 1.7e12 < time < 1e13 and time > last.get(quote["id"], 0)
        last[quote["id"]] = time
        kind = quote["quote_type"]
        assert kind == {"AAPL": 8, "SPY": 20, "^GSPC": 9, "EURUSD=X": 14, "JPY=X": 14, "BTC-USD": 41, "DOGE-USD": 41}[quote["id"]]
        assert quote["exchange"] == {14: "CCY", 41: "CCC"}.get(kind, quote["exchange"])
        assert quote["market_hours"] == 1
        assert ("day_volume" in quote) == (kind != 14)
        if kind == 41:
            assert quote["currency"] == "USD" and quote["from_currency"] == quote["id"].split("-")[0]
            assert quote["day_volume"] == quote["vol_24hr"] == quote["vol_all_currencies"] == quote["last_size"]
            assert quote["circulating_supply"] > 0 and quote["market_cap"] > 0
        if "change" in quote and "change_percent" in quote:
            assert quote["change_percent"] == pytest.approx(100 * quote["change"] / (quote["price"] - quote["change"]), rel=1e-4, abs=1e-4)


def test_yfinance_receives_stocks_currencies_and_coins(market):
    quotes, enough = [], threading.Event()

    def keep(quote):
        quotes.append(quote)
        if len(quotes) >= 300:
            enough.set()

    client = yfinance.WebSocket(url=market, verbose=False)
    client.subscribe(SYMBOLS)
    # listen() returns when the connection ends, which close() brings about; on a thread, so that a deadline can be kept.
    listener = threading.Thread(target=client.listen, args=(keep,), daemon=True)
    listener.start()
    assert enough.wait(DEADLINE), f"only {len(quotes)} quotes"
    client.close()
    listener.join(DEADLINE)
    assert_like_yahoo(quotes)


def test_yfinance_can_unsubscribe(market):
    quotes, changed = [], threading.Event()
    client = yfinance.WebSocket(url=market, verbose=False)

    def keep(quote):
        quotes.append(quote["id"])
        if len(quotes) == 50:
            client.unsubscribe(["AAPL"])
        if len(quotes) == 250:
            changed.set()

    client.subscribe(["AAPL", "MSFT"])
    threading.Thread(target=client.listen, args=(keep,), daemon=True).start()
    assert changed.wait(DEADLINE), f"only {len(quotes)} quotes"
    client.close()
    assert "AAPL" in quotes[:50]
    assert set(quotes[150:]) == {"MSFT"}


def test_async_yfinance_receives_the_same(market):
    async def collect():
        quotes, enough = [], asyncio.Event()

        def keep(quote):
            quotes.append(quote)
            if len(quotes) >= 300:
                enough.set()

        client = yfinance.AsyncWebSocket(url=market, verbose=False)
        await client.subscribe(SYMBOLS)
        listening = asyncio.create_task(client.listen(keep))
        try:
            await asyncio.wait_for(enough.wait(), DEADLINE)
        finally:
            # Cancelled before it is closed: after a clean close its loop would spin.
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
            await client.close()
        return quotes

    assert_like_yahoo(asyncio.run(collect()))


def receive(url, message, count):
    with connect(url, open_timeout=DEADLINE) as socket:
        socket.send(message)
        return [socket.recv(timeout=DEADLINE) for _ in range(count)]


def decoded(text):
    return MessageToDict(PricingData.FromString(base64.b64decode(text, validate=True)), preserving_proto_field_name=True)


def test_version_1_is_bare_base64(market):
    quotes = [decoded(frame) for frame in receive(market.split("?")[0], json.dumps({"subscribe": SYMBOLS}), 300)]
    assert_like_yahoo(quotes)


def test_version_2_is_an_envelope(market):
    frames = receive(market, json.dumps({"subscribe": ["AAPL"]}, separators=(",", ":")), 20)
    for frame in frames:
        envelope = json.loads(frame)
        assert list(envelope) == ["type", "message"] and envelope["type"] == "pricing"
        assert decoded(envelope["message"])["id"] == "AAPL"
        assert frame == json.dumps(envelope, separators=(",", ":"))


def test_session_before_the_opening_leaves_a_zero_on_the_wire(fdp):
    role = fdp.start("simulate", *FREE_PORTS, "--set", "simulator.session=pre")
    (frame,) = receive(role.address("simulator").split("?")[0], '{"subscribe":["AAPL"]}', 1)
    assert b"\x38\x00" in base64.b64decode(frame)  # market_hours 0, which proto3 clients take for absent
    quote = decoded(frame)
    assert "market_hours" not in quote and "day_volume" not in quote and quote["id"] == "AAPL"


@pytest.mark.parametrize("message", ["hello world", '{"subscribe":"BTC-USD"}', '{"subscribe":[null]}', '{"bogus_action":["X"]}'])
def test_a_malformed_message_closes_without_a_code(market, message):
    with connect(market, open_timeout=DEADLINE) as socket:
        socket.send(message)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            socket.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code == 1005
