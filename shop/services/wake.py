"""Tells the relay that there is work. A lost wake-up costs one second, never an event."""

import threading
import time

import redis
import structlog

log = structlog.get_logger(__name__)

_woken = threading.Event()
_publisher: "_Publisher | None" = None


def use_threads() -> None:
    """From now on the relay is a thread of this process."""
    global _publisher
    _publisher = None


def use_redis(client: redis.Redis, *, channel: str) -> None:
    """From now on wakes go through Redis, to the workers on every machine that listen on `channel`."""
    global _publisher
    _publisher = _Publisher(client, channel)


def relay() -> None:
    """Wakes the relay. Never raises and never waits for Redis: the relay looks by itself every second."""
    if _publisher is None:
        _woken.set()
    else:
        _publisher.wake()


def wait(seconds: float, *, rest_until: float = 0.0) -> bool:
    """Sleeps until woken or until `seconds` have passed, and then until the monotonic clock shows `rest_until`.

    True if woken. Wakes during the rest are answered by this one.
    """
    woken = _woken.wait(seconds)
    time.sleep(max(0.0, rest_until - time.monotonic()))
    _woken.clear()
    return woken


class _Publisher:
    """Publishes from a thread of its own, many wakes as one: a slow Redis must not slow a commit."""

    def __init__(self, client: redis.Redis, channel: str):
        self._client, self._channel = client, channel
        self._wanted = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        self._wanted.set()
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        # Not before the first wake: a thread does not live through the fork of a server.
        with self._guard:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._publish, name="wake", daemon=True)
                self._thread.start()

    def _publish(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._client.publish(self._channel, "relay")
            except redis.RedisError:
                log.warning("wake_failed", exc_info=True)
