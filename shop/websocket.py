"""The WebSocket of each browser, cheap when one message goes to many.

simple-websocket frames and compresses a message anew for every socket. An announcement is the same for all: here it
is framed once and sent as it is. RFC 7692 lets any message go uncompressed, also where compression was agreed on.
"""

import struct
from functools import lru_cache

from engineio.async_drivers import _websocket_wsgi
from flask_socketio import SocketIO

_TEXT = 0x81  # the only and last frame of a text


class SharedFrames(_websocket_wsgi.SimpleWebSocketWSGI):
    """Raises OSError when the browser is gone, as its base does."""

    def send(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            super().send(message)
        elif self.ws.connected:
            self.ws.sock.sendall(text_frame(message))
        else:
            raise OSError("The browser is gone.")


@lru_cache(maxsize=8)
def text_frame(message: str) -> bytes:
    """An unmasked text frame (RFC 6455, section 5.2), as servers send them."""
    data = message.encode()
    if len(data) < 126:
        return struct.pack("!BB", _TEXT, len(data)) + data
    if len(data) < 1 << 16:
        return struct.pack("!BBH", _TEXT, 126, len(data)) + data
    return struct.pack("!BBQ", _TEXT, 127, len(data)) + data


def install(socketio: SocketIO) -> None:
    """Call after `init_app`. Engine.IO has no setting for it, so its table of parts is changed."""
    socketio.server.eio._async["websocket"] = SharedFrames
