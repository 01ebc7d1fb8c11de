"""The product with one more address, which announces to the staff's browsers and says when it did."""

import time

from shop import create_app
from shop.extensions import socketio
from shop.services.live import STAFF_ROOM

app = create_app()
_CHANGE = {"position": 1, "verb": "repair.moved", "number": "RT-10001", "actor": "staff:1"}


@app.get("/bench/announce")
def announce():
    message = {"changes": [_CHANGE], "position": 1, "t": time.perf_counter()}
    socketio.emit("changes", message, to=STAFF_ROOM)
    return "told"
