"""What runs beside the requests: the relay, the housekeeping, and the deliveries of a web process that works alone.

Embedded, all run on threads of the web process. With Redis, each worker runs a relay that hands
subscribers to RQ (`shop/jobs.py`), and the web processes only wake it.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime

import structlog
from flask import Flask

from shop import database
from shop.extensions import db
from shop.services import (
    bulk_work,  # noqa: F401 - registers the handler of long changes of many tickets
    deliveries,
    forecasts,
    housekeeping,
    live,
    mails,  # noqa: F401 - registers the handler of mail deliveries
    payment_work,  # noqa: F401 - registers the handlers of payments' deliveries
    redis_client,
    relay,
    wake,
)
from shop.services.payments import charges, keys, reconcile

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 1.0
# Each look that fails doubles the pause before the next one, up to this.
LONGEST_PAUSE_SECONDS = 10.0
# The first of many changes is told at once, those right after it together.
REST_SECONDS = 0.04
# Not at the very start, when there is most to do.
TIDY_FIRST_AFTER_SECONDS = 60.0
TIDY_EVERY_SECONDS = 3600.0
FORESEE_EVERY_SECONDS = 3.0


def init_app(app: Flask) -> None:
    """Chooses the way to wake. Threads start only when a server asks for them with `start_embedded`."""
    if app.config["SETTINGS"].is_embedded:
        wake.use_threads()
    else:
        with app.app_context():
            wake.use_redis(redis_client.client(), channel=redis_client.wake_channel())


def start_embedded(app: Flask) -> Callable[[], None]:
    """Starts relay, deliveries and housekeeping in this process; returns a function that stops them."""
    dispatcher = ThreadDispatcher(app)
    threads = Relay(app, dispatcher), Housekeeper(app), Foreseer(app)
    for thread in threads:
        thread.start()

    def stop() -> None:
        for thread in threads:
            thread.stop()
        dispatcher.stop()

    return stop


class Relay(threading.Thread):
    """Looks for new events when woken, and every second; hands subscribers with due deliveries to `dispatch`.

    Calls `passed` after each look that went well.
    """

    def __init__(self, app: Flask, dispatch: Callable[[str], None], *, passed: Callable[[], None] = lambda: None):
        super().__init__(name="relay", daemon=True)
        self.app, self.dispatch, self.passed = app, dispatch, passed
        self.stopping = threading.Event()
        self.failures = 0

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                with self.app.app_context():
                    self._seal()
                    self._dispatch()
                self.passed()
            except Exception as error:
                self._rest_after(error)
            else:
                self._note_success()
                wake.wait(LOOK_EVERY_SECONDS, rest_until=time.monotonic() + REST_SECONDS)

    def _rest_after(self, error: Exception) -> None:
        """Tells the first failure in full and the others in a line: a database can be away for hours."""
        self.failures += 1
        pause = min(LOOK_EVERY_SECONDS * 2 ** min(self.failures - 1, 10), LONGEST_PAUSE_SECONDS)
        if self.failures == 1:
            log.warning("relay_pass_failed", exc_info=error)
        else:
            log.warning("relay_still_fails", failures=self.failures, error=type(error).__name__, pause=pause)
        self.stopping.wait(pause)

    def _note_success(self) -> None:
        if self.failures:
            log.info("relay_works_again", failures=self.failures)
            self.failures = 0

    def stop(self) -> None:
        self.stopping.set()
        self.join(timeout=5)

    def _seal(self) -> None:
        while not self.stopping.is_set() and _reads(relay.has_work):
            sealed = relay.relay_batch()
            db.session.commit()
            if sealed:
                _reads(live.announce, sealed)
            if len(sealed) < relay.BATCH:
                break

    def _dispatch(self) -> None:
        for subscriber in _reads(deliveries.due_subscribers):
            self.dispatch(subscriber)


class Housekeeper(threading.Thread):
    """Forgets what is old, once an hour, and once a day compares payments. Any number of them may run at once."""

    def __init__(self, app: Flask):
        super().__init__(name="housekeeper", daemon=True)
        self.app = app
        self.stopping = threading.Event()

    def run(self) -> None:
        pause = TIDY_FIRST_AFTER_SECONDS
        while not self.stopping.wait(pause):
            pause = TIDY_EVERY_SECONDS
            try:
                with self.app.app_context():
                    self._tidy()
            except Exception:
                log.warning("housekeeping_failed", exc_info=True)

    def stop(self) -> None:
        self.stopping.set()
        self.join(timeout=5)

    def _tidy(self) -> None:
        forgotten = housekeeping.forget_old(is_stopping=self.stopping.is_set)
        if forgotten.total:
            log.info("housekeeping", **asdict(forgotten))
        providers = keys.in_use().online_providers
        charges.go_on_with_unanswered(is_stopping=self.stopping.is_set)
        reconcile.reconcile_due(providers, datetime.now(UTC).date(), is_stopping=self.stopping.is_set)


class Foreseer(threading.Thread):
    """Foresees along the log every few seconds, and once an hour those repairs anew whose date has passed."""

    def __init__(self, app: Flask):
        super().__init__(name="foreseer", daemon=True)
        self.app = app
        self.stopping = threading.Event()

    def run(self) -> None:
        refreshed = time.monotonic()
        while not self.stopping.wait(FORESEE_EVERY_SECONDS):
            is_due = time.monotonic() - refreshed > TIDY_EVERY_SECONDS
            try:
                with self.app.app_context():
                    if _reads(forecasts.has_work):
                        forecasts.follow(is_stopping=self.stopping.is_set)
                    if is_due:
                        forecasts.refresh(is_stopping=self.stopping.is_set)
            except Exception:
                log.warning("forecasts_failed", exc_info=True)
            refreshed = time.monotonic() if is_due else refreshed

    def stop(self) -> None:
        self.stopping.set()
        self.join(timeout=5)


class ThreadDispatcher:
    """Drains subscribers on a small pool, each on one thread at a time; one asked for meanwhile is drained again."""

    def __init__(self, app: Flask, *, threads: int = 4):
        self.app = app
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="deliveries")
        self.stopping = threading.Event()
        self.wanted: set[str] = set()
        self.busy: set[str] = set()
        self.guard = threading.Lock()

    def __call__(self, subscriber: str) -> None:
        with self.guard:
            self.wanted.add(subscriber)
            if subscriber in self.busy:
                return
            self.busy.add(subscriber)
        self.pool.submit(self._work, subscriber)

    def stop(self) -> None:
        self.stopping.set()
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _work(self, subscriber: str) -> None:
        while self._take(subscriber):
            try:
                with self.app.app_context():
                    deliveries.drain(subscriber, is_stopping=self.stopping.is_set)
            except Exception:
                log.warning("drain_failed", subscriber=subscriber, exc_info=True)

    def _take(self, subscriber: str) -> bool:
        with self.guard:
            if subscriber in self.wanted and not self.stopping.is_set():
                self.wanted.discard(subscriber)
                return True
            self.busy.discard(subscriber)
            return False


def _reads(function: Callable, *arguments):
    """The answer of a function that only reads, in a transaction of its own that takes no write lock."""
    with database.reading():
        try:
            return function(*arguments)
        finally:
            db.session.rollback()
