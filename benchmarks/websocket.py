"""The least of a WebSocket client (RFC 6455) and of Socket.IO on it: enough for hundreds in one thread."""

import base64
import json
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterator

_TEXT = 0x81
_MASKED = 0x80
_PING, _PONG = "2", "3"


class WebSocket:
    def __init__(self, port: int, path: str, *, headers: dict[str, str] | None = None):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._data = b""
        lines = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        while b"\r\n\r\n" not in self._data:
            self._data += self.socket.recv(4096)
        answer, self._data = self._data.split(b"\r\n\r\n", 1)
        if b" 101 " not in answer.split(b"\r\n")[0]:
            raise SystemExit(f"No WebSocket at {path}: {answer[:100]!r}")

    def send(self, text: str) -> None:
        data, no_mask = text.encode(), b"\0\0\0\0"
        size = (
            struct.pack("!B", _MASKED | len(data)) if len(data) < 126 else struct.pack("!BH", _MASKED | 126, len(data))
        )
        self.socket.sendall(bytes([_TEXT]) + size + no_mask + data)

    def receive(self) -> Iterator[str]:
        """Reads what has come, and yields the whole text messages in it."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("The server hung up.")
        self._data += data
        yield from self.messages()

    def messages(self) -> Iterator[str]:
        while len(self._data) >= 2:
            size, start = self._data[1] & 127, 2
            if size == 126:
                if len(self._data) < 4:
                    return
                size, start = struct.unpack("!H", self._data[2:4])[0], 4
            if len(self._data) < start + size:
                return
            kind, text = self._data[0], self._data[start : start + size]
            self._data = self._data[start + size :]
            if kind == _TEXT:
                yield text.decode()

    def close(self) -> None:
        self.socket.close()


def join_shop(port: int, cookies: dict[str, str]) -> WebSocket:
    """A staff browser's socket, greeted by the server."""
    client = WebSocket(port, "/socket.io/?EIO=4&transport=websocket", headers=cookies)
    _await(client, "0")
    client.send("40")
    _await(client, "40", "42")
    return client


def _await(client: WebSocket, *starts: str) -> None:
    """Until a message of each kind has come, in whatever order."""
    missing = set(starts)
    while missing:
        for message in list(client.messages()) or list(client.receive()):
            if message.startswith("44"):
                raise SystemExit(f"The socket was refused: {message}")
            missing = {start for start in missing if not message.startswith(start)}


class Crowd:
    """Many sockets read by one thread."""

    def __init__(self, clients: list[WebSocket]):
        self.clients, self._selector = clients, selectors.DefaultSelector()
        for client in clients:
            self._selector.register(client.socket, selectors.EVENT_READ, client)

    def arrivals(self, *, seconds: float) -> Iterator[tuple[float, WebSocket, str]]:
        """(when, who, what) of each message until the time is over; pings are answered by the way."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            for key, _ in self._selector.select(0.05):
                at, client = time.perf_counter(), key.data
                for message in client.receive():
                    if message == _PING:
                        client.send(_PONG)
                    else:
                        yield at, client, message

    def close(self) -> None:
        self._selector.close()
        for client in self.clients:
            client.close()


def event_of(message: str) -> tuple[str, dict]:
    """Name and value of a Socket.IO event, or of a plain JSON pair."""
    name, value = json.loads(message.removeprefix("42"))
    return name, value
