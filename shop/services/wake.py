"""Tells the relay that there is work. A lost wake-up costs one second, never an event."""

import threading

import structlog

log = structlog.get_logger(__name__)
CHANNEL = "shop:wake"

_relay = threading.Event()
_publish = None


def use_threads() -> None:
    """From now on the relay is a thread of this process."""
    global _publish
    _publish = None


def use_redis(client) -> None:
    """From now on wakes go through Redis, to the workers on every machine."""
    global _publish
    _publish = lambda: client.publish(CHANNEL, "relay")  # noqa: E731


def relay() -> None:
    """Wakes the relay. Never raises: the relay looks by itself every second."""
    _relay.set()
    if _publish is None:
        return
    try:
        _publish()
    except Exception:
        log.warning("wake_failed", exc_info=True)


def wait(seconds: float) -> bool:
    """Sleeps until woken or until `seconds` have passed; True if woken."""
    woken = _relay.wait(seconds)
    _relay.clear()
    return woken
