"""A circuit breaker for each provider: one that does not answer is not asked for a while, so that nobody waits for it.

Closed, every call goes out. MISSES calls without an answer in a row open it: for PAUSE seconds none does. Then it is
half-open: one call at a time tries, and its answer closes it. It knows answers and silence only: what an unanswered
call has done stays unknown, and whoever is turned away has sent nothing.

Shared through Redis where there is one; each process knows its own else, or while Redis does not answer.
"""

import threading
import time
from typing import Any, Protocol

import requests
from flask import current_app
from redis import RedisError

from shop.services import redis_client
from shop.services.payments import keys

MISSES = 5
PAUSE = 30.0
# Misses that lie further apart are not of one outage.
_REMEMBERED = 600.0
# Longer than a call takes; a process that dies in its probe blocks no other for longer.
_PROBE = 40.0


class CircuitOpen(requests.RequestException):
    """Nothing was sent: the provider has not answered for a while."""


class Store(Protocol):
    """The commands of Redis that a breaker needs."""

    def exists(self, name: str, /) -> Any: ...

    def get(self, name: str, /) -> Any: ...

    def incr(self, name: str, /) -> Any: ...

    def pexpire(self, name: str, milliseconds: int, /) -> Any: ...

    def set(self, name: str, value: int, /, *, px: int, nx: bool = False) -> Any: ...

    def delete(self, *names: str) -> Any: ...


class Memory:
    """They, within one process."""

    def __init__(self, clock=time.monotonic):
        self._clock, self._lock = clock, threading.RLock()
        self._values: dict[str, tuple[int, float]] = {}

    def exists(self, name: str, /) -> bool:
        return self.get(name) is not None

    def get(self, name: str, /) -> int | None:
        with self._lock:
            value, ends = self._values.get(name, (None, 0.0))
            return value if self._clock() < ends else None

    def incr(self, name: str, /) -> int:
        with self._lock:
            value = (self.get(name) or 0) + 1
            self._values[name] = value, float("inf")
            return value

    def pexpire(self, name: str, milliseconds: int, /) -> None:
        with self._lock:
            if (value := self.get(name)) is not None:
                self._values[name] = value, self._clock() + milliseconds / 1000

    def set(self, name: str, value: int, /, *, px: int, nx: bool = False) -> bool:
        with self._lock:
            if nx and self.exists(name):
                return False
            self._values[name] = value, self._clock() + px / 1000
            return True

    def delete(self, *names: str) -> None:
        with self._lock:
            for name in names:
                self._values.pop(name, None)


def enter(provider: str) -> None:
    """Before each call. Raises CircuitOpen while the provider is not asked."""
    if not _ask(_may_call, provider):
        raise CircuitOpen(f"{provider} has not answered for a while")


def note_answer(provider: str) -> None:
    """It has answered, whatever it said: it is asked by all again."""
    _ask(_close, provider)


def note_silence(provider: str) -> None:
    """A call has got no answer."""
    _ask(_miss, provider)


def is_silent(provider: str) -> bool:
    """True while it is not asked at all."""
    return _ask(_is_open, provider)


def silent_providers() -> tuple[str, ...]:
    """Of those that the shop offers."""
    return tuple(one for one in keys.in_use().online_providers if is_silent(one))


def _ask(step, provider: str):
    """On the shared store, on our own where there is none."""
    settings = current_app.config["SETTINGS"]
    if not settings.is_embedded:
        try:
            return step(redis_client.client(), f"{redis_client.queue_name()}:breaker:{provider}")
        except RedisError:
            pass
    return step(current_app.extensions.setdefault("shop_breakers", Memory()), provider)


def _may_call(store: Store, name: str) -> bool:
    if int(store.get(f"{name}:misses") or 0) < MISSES:
        return True
    return not _is_open(store, name) and bool(store.set(f"{name}:probe", 1, px=_milliseconds(_PROBE), nx=True))


def _is_open(store: Store, name: str) -> bool:
    return bool(store.exists(f"{name}:open"))


def _close(store: Store, name: str) -> None:
    if store.exists(f"{name}:misses"):
        store.delete(f"{name}:misses", f"{name}:open", f"{name}:probe")


def _miss(store: Store, name: str) -> None:
    misses = int(store.incr(f"{name}:misses"))
    store.pexpire(f"{name}:misses", _milliseconds(_REMEMBERED))
    if misses >= MISSES:
        store.set(f"{name}:open", 1, px=_milliseconds(PAUSE))
        store.delete(f"{name}:probe")


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
