# SPDX-License-Identifier: Apache-2.0
"""The proxy that breaks connections does it at the very byte."""
import contextlib
import socket
import threading

import psycopg
import pytest

from conftest import wait_for
from proxy import Proxy


class Echo:
    """A server that remembers what it gets, and sends it back unless it is silent."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got = []  # one per connection: its bytes, or the error that ended it
        self.ended = 0
        self.silent = False
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.got.append(bytearray())
            threading.Thread(target=self.serve, args=[peer, self.got[-1]], daemon=True).start()

    def serve(self, peer, got):
        try:
            while data := peer.recv(1000):
                got += data
                if not self.silent:
                    peer.sendall(data)
        except OSError:
            pass
        peer.close()
        self.ended += 1


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo):
    with Proxy("127.0.0.1", echo.port) as proxy:
        yield proxy


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=30)


def receive(peer, count=1 << 30):
    """Up to so many bytes, fewer when the stream ends."""
    data = b""
    while len(data) < count and (part := peer.recv(min(count - len(data), 65536))):
        data += part
    return data


def test_everything_passes_and_is_counted(proxy, echo):
    data = bytes(range(256)) * 4000
    with connect(proxy) as peer, connect(proxy) as other:
        threading.Thread(target=peer.sendall, args=[data], daemon=True).start()
        assert receive(peer, len(data)) == data
        other.sendall(b"abc")
        assert receive(other, 3) == b"abc"
        assert (proxy.accepted, proxy.to_server, proxy.to_client) == (2, len(data) + 3, len(data) + 3)
        peer.shutdown(socket.SHUT_WR)
        assert receive(peer) == b""
    wait_for(lambda: not proxy.connections and echo.ended == 2, "both to be closed")


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("count", [1, 2, 999, 1000, 1001, 70000])
def test_cut_passes_exactly_that_many_bytes_to_the_server(proxy, echo, count, reset):
    echo.silent = True  # one that answers would not read on after a reset
    with connect(proxy) as peer:
        peer.sendall(b"hello")
        wait_for(lambda: proxy.to_server == 5, "what came before")
        proxy.cut(to_server=count, reset=reset)
        with contextlib.suppress(OSError):  # which of these fails first is the kernel's business
            for _ in range(100):
                peer.sendall(bytes(10000))
            assert receive(peer) == b""
        proxy.wait()
    wait_for(lambda: echo.ended == 1, "the server to see the end")
    assert len(echo.got[0]) == 5 + count
    assert proxy.to_server == 5 + count
    echo.silent = False
    with connect(proxy) as peer:
        peer.sendall(b"again")
        assert receive(peer, 5) == b"again", "a cut happens once"


@pytest.mark.parametrize("count", [1, 2, 999, 1000, 1001, 70000])
def test_cut_passes_exactly_that_many_bytes_to_the_client(proxy, count):
    with connect(proxy) as peer:
        proxy.cut(to_client=count)
        sender = threading.Thread(target=lambda: peer.sendall(bytes(100000)), daemon=True)
        sender.start()
        assert len(receive(peer)) == count
        proxy.wait()
        assert proxy.to_client == count
        sender.join()


def test_cut_resets_when_asked(proxy):
    with connect(proxy) as peer:
        peer.sendall(b"abc")
        assert receive(peer, 3) == b"abc"
        proxy.cut(reset=True)
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_cut_without_a_number_ends_all_now(proxy):
    with connect(proxy) as one, connect(proxy) as two:
        for peer in (one, two):
            peer.sendall(b"x")
            assert receive(peer, 1) == b"x"
        proxy.cut()
        assert receive(one) == receive(two) == b""


def test_cut_ends_only_the_connection_that_carries_the_byte(proxy):
    with connect(proxy) as one, connect(proxy) as two:
        proxy.cut(to_server=5)
        one.sendall(b"abc")
        assert receive(one, 3) == b"abc"
        two.sendall(b"defgh")
        proxy.wait()
        assert len(receive(two)) <= 2
        one.sendall(b"more")
        assert receive(one, 4) == b"more"


def test_stall_holds_back_and_resume_gives_all(proxy, echo):
    with connect(proxy) as peer:
        proxy.stall(to_server=3)
        peer.sendall(b"abcdef")
        proxy.wait()
        wait_for(lambda: echo.got and bytes(echo.got[0]) == b"abc", "the first three bytes")
        peer.settimeout(0.2)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        assert (bytes(echo.got[0]), proxy.to_server) == (b"abc", 3)
        proxy.resume()
        peer.settimeout(30)
        assert receive(peer, 6) == b"abcdef"


def test_refuse_and_admit(proxy):
    with connect(proxy) as peer:
        wait_for(lambda: proxy.accepted == 1, "the first one")
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        peer.sendall(b"x")
        assert receive(peer, 1) == b"x", "those that are there stay"
        proxy.admit()
        with connect(proxy) as other:
            other.sendall(b"y")
            assert receive(other, 1) == b"y"


def test_a_target_that_is_down_is_a_reset(proxy, echo):
    echo.close()
    with pytest.raises(ConnectionResetError), connect(proxy) as peer:
        peer.recv(1)


def test_a_transaction_cut_before_its_last_byte_never_happened(postgres):
    """At every byte of the message, and of the answer: a row is there exactly if PostgreSQL got all of the message."""
    postgres.psql("CREATE TABLE t (n integer)")
    statement = "INSERT INTO t VALUES (%d)"
    with Proxy("127.0.0.1", postgres.server.port) as proxy:
        url = postgres.url.replace(str(postgres.server.port), str(proxy.port))

        def insert(number, **cut):
            with psycopg.connect(url, autocommit=True) as connection:
                before = proxy.to_server, proxy.to_client
                if cut:
                    proxy.cut(**cut)
                connection.pgconn.exec_(b"INSERT INTO t VALUES (%d)" % number)
                if cut:
                    proxy.wait()
                return proxy.to_server - before[0], proxy.to_client - before[1]

        asked, answered = insert(1000)
        assert asked == len(statement % 1000) + 6, "Q, length, text, NUL"
        for count in range(1, asked + 1):
            insert(1000 + count, to_server=count)
        for count in range(1, answered + 1):
            insert(2000 + count, to_client=count)
        others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        wait_for(lambda: postgres.psql(others) == [(0,)], "all backends to end")
        present = {n for n, in postgres.psql("SELECT n FROM t")}
        assert present == {1000, 1000 + asked, *range(2001, 2001 + answered)}
