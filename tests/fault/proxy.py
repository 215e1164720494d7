# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that breaks connections on purpose: between the program and PostgreSQL or Kafka, or any other pair.

    with Proxy("127.0.0.1", 5432) as proxy:
        connect to proxy.port instead
        before = proxy.to_server                   # bytes passed on so far, of all connections
        proxy.cut(to_server=1000)                  # ends the connection that carries the 1000th byte from now, right after it
        proxy.wait()                               # until that has happened
        proxy.stall(); proxy.resume()              # nothing passes, connections stay
        proxy.refuse(); proxy.admit()              # new connections are refused; those there are stay

Kafka tells its clients where it is: through a proxy it must tell them the proxy's address (--set advertised.listeners=PLAINTEXT://...)."""
import contextlib
import socket
import struct
import threading

CHUNK = 65536
TO_SERVER, TO_CLIENT = "to_server", "to_client"


class Connection:
    """A client, the server, and the bytes that passed on between them in each direction."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.to_server = self.to_client = 0
        self.cut = False  # nothing passes any more
        self.pumps = 2

    def end(self, reset):
        """Both sides see the end of the stream, or a reset."""
        self.cut = True
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                if reset:
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    side.shutdown(socket.SHUT_RD)  # wakes who reads from it; the reset is sent when it is closed
                else:
                    side.shutdown(socket.SHUT_WR)


class Trap:
    """What is to happen after so many bytes more in one direction: a cut, or a stall."""

    def __init__(self, direction, remaining, stall=False, reset=False):
        self.direction, self.remaining, self.stall, self.reset = direction, remaining, stall, reset
        self.sprung = False


class Proxy:
    def __init__(self, host, port):
        self.target = (host, port)
        self.changed = threading.Condition()
        self.connections = []  # those that are open; guarded by changed, as all below
        self.to_server = self.to_client = self.accepted = 0
        self.stalled = self.closed = False
        self.trap = None
        self.port = 0
        self.listener = None
        self.admit()

    # --- What a test does ---

    def cut(self, to_server=None, to_client=None, reset=False):
        """Ends the connection that carries the N-th byte from now in that direction, right after that byte; without a number all
        connections, now. Nothing passes after it, in either direction. With `reset` both sides see a reset instead of the end of the
        stream."""
        if to_server is None and to_client is None:
            with self.changed:
                for connection in self.connections:
                    connection.end(reset)
                self.changed.notify_all()
        else:
            self._set(to_server, to_client, reset=reset)

    def stall(self, to_server=None, to_client=None):
        """Lets nothing pass, from now on or after the N-th byte, until resume()."""
        if to_server is None and to_client is None:
            with self.changed:
                self.stalled = True
        else:
            self._set(to_server, to_client, stall=True)

    def resume(self):
        with self.changed:
            self.stalled = False
            self.changed.notify_all()

    def wait(self, deadline=60):
        """Waits until what cut or stall asked for has happened."""
        with self.changed:
            trap = self.trap
            assert self.changed.wait_for(lambda: trap.sprung, deadline), f"{trap.remaining} bytes {trap.direction} short after {deadline} s"

    def sprung(self):
        """Whether it has happened."""
        with self.changed:
            return self.trap is not None and self.trap.sprung

    def refuse(self):
        """New connections are refused, as if no server were there."""
        with self.changed:
            listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
            listener.close()

    def admit(self):
        """New connections are accepted (again), on the same port."""
        with self.changed:
            if self.listener or self.closed:
                return
            self.listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    def close(self):
        self.refuse()
        with self.changed:
            self.closed = True
            for connection in self.connections:
                connection.end(reset=True)
            self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- How it is done ---

    def _set(self, to_server, to_client, **what):
        assert (to_server is None) != (to_client is None), "one direction at a time"
        trap = Trap(TO_SERVER, to_server, **what) if to_client is None else Trap(TO_CLIENT, to_client, **what)
        assert trap.remaining > 0, "at least one byte must pass; without a number it happens now"
        with self.changed:
            self.trap = trap

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, timeout=10)
                server.settimeout(None)
            except OSError:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                continue
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(client, server)
            with self.changed:
                self.accepted += 1
                self.connections.append(connection)
            for pump in ((connection, client, server, TO_SERVER), (connection, server, client, TO_CLIENT)):
                threading.Thread(target=self._pump, args=pump, daemon=True).start()

    def _pump(self, connection, source, target, direction):
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                while data and not connection.cut:
                    data = data[self._pass(connection, target, direction, data):]
            if not connection.cut:
                target.shutdown(socket.SHUT_WR)
        with self.changed:
            connection.pumps -= 1
            if connection.pumps == 0:
                self.connections.remove(connection)
                source.close()
                target.close()

    def _pass(self, connection, target, direction, data):
        """Passes on as much as may pass; gives how many bytes that was."""
        with self.changed:
            self.changed.wait_for(lambda: connection.cut or not self.stalled)
            if connection.cut:
                return 0
            trap = self.trap if self.trap and self.trap.direction == direction and self.trap.remaining else None
            part = data[:trap.remaining] if trap else data
            for counted in (self, connection):
                setattr(counted, direction, getattr(counted, direction) + len(part))
            if trap:
                trap.remaining -= len(part)
                if trap.remaining == 0:  # from here on nothing else passes, not even an answer to these bytes
                    self.stalled |= trap.stall
                    connection.cut |= not trap.stall
        target.sendall(part)
        if trap and trap.remaining == 0:
            with self.changed:
                if connection.cut:
                    connection.end(trap.reset)
                trap.sprung = True
                self.changed.notify_all()
        return len(part)
