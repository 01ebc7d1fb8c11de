"""Counts what an application says to PostgreSQL: a proxy that reads the frontend protocol as it passes.

It needs no right and no extension on the server, and counts alike for every driver.
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import re
import socket
import struct
import threading
import time
from urllib.parse import urlsplit

from benchmarks.environment import SERVER
from benchmarks.servers import Server

_NO_WORK = re.compile(rb"\s*(begin|commit|rollback|set|show|savepoint|release|discard|deallocate|select 1\b|$)", re.I)
_SSL, _GSS = 80877103, 80877104


class Counter:
    """A server on a port of its own in front of PostgreSQL. `count` and `milliseconds` grow with each statement."""

    def __init__(self):
        self.port, self.count, self.milliseconds = Server.new_port(), 0, 0.0
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        self.count, self.milliseconds = 0, 0.0

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=_Session(self, client).run, daemon=True).start()


class _Session:
    """One connection of the application: messages forth and back, statements noted on the way."""

    def __init__(self, counter: Counter, client: socket.socket):
        place = urlsplit(SERVER)
        self.counter, self.client = counter, client
        self.server = socket.create_connection((place.hostname, place.port or 5432))
        # Small messages pass one by one: held back for each other's receipts, each would cost 40 ms.
        for side in (self.client, self.server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.prepared: dict[bytes, bytes] = {}
        self.portals: dict[bytes, bytes] = {}
        self.asked_at, self.is_work = 0.0, False

    def run(self) -> None:
        try:
            self._start()
            threading.Thread(target=self._answers, daemon=True).start()
            while True:
                kind, body = _message(self.client)
                self._note(kind, body)
                self.server.sendall(kind + struct.pack("!I", len(body) + 4) + body)
        except OSError:
            self.server.close()
            self.client.close()

    def _start(self) -> None:
        while True:
            (length,) = struct.unpack("!I", _exactly(self.client, 4))
            body = _exactly(self.client, length - 4)
            if struct.unpack("!I", body[:4])[0] not in (_SSL, _GSS):
                self.server.sendall(struct.pack("!I", length) + body)
                return
            self.client.sendall(b"N")

    def _note(self, kind: bytes, body: bytes) -> None:
        if not self.asked_at:
            self.asked_at = time.perf_counter()
        if kind == b"P":
            name, query = body.split(b"\0")[:2]
            self.prepared[name] = query
        elif kind == b"B":
            portal, name = body.split(b"\0")[:2]
            self.portals[portal] = self.prepared.get(name, b"?")
        elif kind in (b"E", b"Q"):
            query = self.portals.get(body.split(b"\0")[0], b"?") if kind == b"E" else body.rstrip(b"\0")
            if not _NO_WORK.match(query):
                self.counter.count += 1
                self.is_work = True

    def _answers(self) -> None:
        try:
            while True:
                kind, body = _message(self.server)
                self.client.sendall(kind + struct.pack("!I", len(body) + 4) + body)
                if kind == b"Z":
                    if self.is_work:
                        self.counter.milliseconds += (time.perf_counter() - self.asked_at) * 1000
                    self.asked_at, self.is_work = 0.0, False
        except OSError:
            self.client.close()


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    kind = _exactly(source, 1)
    (length,) = struct.unpack("!I", _exactly(source, 4))
    return kind, _exactly(source, length - 4)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = source.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data
