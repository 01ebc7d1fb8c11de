"""What runs beside the requests: the relay and the deliveries.

Embedded, both run on threads of the web process. With Redis, the relay of each worker hands subscribers'
names to RQ and the web process only wakes it.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import structlog
from flask import Flask

from shop.extensions import db
from shop.services import deliveries, live, redis_client, relay, wake

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 1.0


def init_app(app: Flask) -> None:
    """Chooses the way to wake. Threads start only when a server asks for them with `start`."""
    settings = app.config["SETTINGS"]
    if settings.is_embedded:
        wake.use_threads()
    else:
        with app.app_context():
            wake.use_redis(redis_client.client())


class Relay(threading.Thread):
    """Looks for new events when woken, and every second; hands due deliveries to `dispatch`."""

    def __init__(self, app: Flask, dispatch):
        super().__init__(name="relay", daemon=True)
        self.app, self.dispatch = app, dispatch
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                with self.app.app_context():
                    self._pass()
            except Exception:
                log.warning("relay_pass_failed", exc_info=True)
                self.stopping.wait(LOOK_EVERY_SECONDS)
            wake.wait(LOOK_EVERY_SECONDS)

    def stop(self) -> None:
        self.stopping.set()
        wake.relay()
        self.join(timeout=5)

    def _pass(self) -> None:
        while sealed := relay.relay_batch():
            db.session.commit()
            live.announce(sealed)
            db.session.rollback()
        db.session.rollback()
        due = deliveries.due_subscribers()
        db.session.rollback()
        for subscriber in due:
            self.dispatch(subscriber)


class ThreadDispatcher:
    """Embedded: one thread drains one subscriber at a time; a second request while it drains is dropped."""

    def __init__(self, app: Flask, *, threads: int = 4):
        self.app = app
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="deliveries")
        self.busy: set[str] = set()
        self.guard = threading.Lock()

    def __call__(self, subscriber: str) -> None:
        with self.guard:
            if subscriber in self.busy:
                return
            self.busy.add(subscriber)
        self.pool.submit(self._drain, subscriber)

    def stop(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _drain(self, subscriber: str) -> None:
        try:
            with self.app.app_context():
                deliveries.drain(subscriber)
        except Exception:
            log.warning("drain_failed", subscriber=subscriber, exc_info=True)
        finally:
            with self.guard:
                self.busy.discard(subscriber)


def start_embedded(app: Flask):
    """Starts relay and deliveries in this process; returns a function that stops them."""
    dispatcher = ThreadDispatcher(app)
    thread = Relay(app, dispatcher)
    thread.start()

    def stop() -> None:
        thread.stop()
        dispatcher.stop()

    return stop
