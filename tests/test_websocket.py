"""Frames that are made once for all browsers."""

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from shop import websocket
from shop.extensions import socketio


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("letter", ["a", "é", "😀"])
def test_browser_reads_the_frame_as_the_text_it_was(letter, size):
    text = (letter * size)[: size // len(letter.encode())]
    browser = Connection(ConnectionType.CLIENT)

    browser.receive_data(websocket.text_frame(text))
    received = list(browser.events())

    assert all(isinstance(part, TextMessage) for part in received)
    assert "".join(part.data for part in received) == text
    assert received[-1].message_finished


def test_server_of_sockets_uses_the_shared_frames(app):
    assert socketio.server.eio._async["websocket"] is websocket.SharedFrames


def test_message_for_many_is_framed_once():
    websocket.text_frame.cache_clear()
    message = '42["changes",{"position":1}]'

    assert len({id(websocket.text_frame(message)) for _ in range(3)}) == 1
    assert websocket.text_frame.cache_info().misses == 1
