"""Answers that go wrong on request: late, 500 before or after the work, or no answer at all."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import request
from werkzeug.exceptions import InternalServerError

from shop.simulator.runtime import simulator

FAULTS = {"slow": 0.0, "fail_before": 0, "fail_after": 0, "hang_up_after": 0}


def linger(provider: str) -> None:
    """Between taking the idempotency key and working: long enough for a twin to meet a running request."""
    with simulator().store.read() as tx:
        seconds = tx.meta(f"faults:{provider}", {}).get("slow", 0)
    if seconds:
        time.sleep(seconds)


@contextmanager
def around(provider: str, changes: bool) -> Iterator[None]:
    """Counts down what was ordered for requests that change something."""
    if changes and _takes(provider, "fail_before"):
        raise InternalServerError("ordered to fail before the work")
    yield
    if changes and _takes(provider, "fail_after"):
        raise InternalServerError("ordered to fail after the work")
    if changes and _takes(provider, "hang_up_after"):
        _hang_up()


def set_faults(tx, provider: str, changes: dict) -> dict:
    """Raises ValueError for a fault that there is not."""
    for name, value in changes.items():
        if name not in FAULTS or isinstance(value, str) or value is None or value < 0:
            raise ValueError(name)
    faults = FAULTS | tx.meta(f"faults:{provider}", {}) | changes
    tx.set_meta(f"faults:{provider}", faults)
    return faults


def _takes(provider: str, name: str) -> bool:
    store = simulator().store
    with store.read() as tx:
        if not tx.meta(f"faults:{provider}", {}).get(name):
            return False
    with store.write() as tx:
        faults = tx.meta(f"faults:{provider}", {})
        if not faults.get(name):
            return False
        tx.set_meta(f"faults:{provider}", faults | {name: faults[name] - 1})
    return True


def _hang_up() -> None:
    """Closes the connection under the answer where the server lets us; elsewhere it is a 500."""
    socket = request.environ.get("werkzeug.socket") or request.environ.get("gunicorn.socket")
    if socket is None:
        raise InternalServerError("ordered to hang up after the work")
    socket.shutdown(2)
