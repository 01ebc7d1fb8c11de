"""Deliveries by RQ: Redis carries names of subscribers, never the work itself, and may be emptied at any moment.

A worker is a relay, a housekeeper, a listener for wakes, and an RQ worker in the main thread. While Redis does
not answer, or nobody takes a job from it, the worker drains by itself.
"""

import signal
import tempfile
import threading
import time
from pathlib import Path

import redis
import structlog
from flask import Flask, current_app
from rq import Queue
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from shop.background import Foreseer, Housekeeper, Relay, ThreadDispatcher
from shop.services import deliveries, redis_client, wake

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0
# A job that waits longer than this has no worker, or one that hangs.
PATIENCE_SECONDS = 20
# RQ waits for a job for 15 seconds less than this: so a worker that is told to stop notices within a second.
_WORKER_TTL = 16
# Touched at each look of the relay; the container's health check reads its age.
ALIVE = Path(tempfile.gettempdir()) / "shop-worker"
_stopping = threading.Event()


def run_subscriber(subscriber: str) -> int:
    """The one job: drains a subscriber's deliveries; returns how many ran. A second call is harmless."""
    with current_app._get_current_object().app_context():
        return deliveries.drain(subscriber, is_stopping=_stopping.is_set)


def run_worker(app: Flask) -> None:
    """Works until SIGTERM or SIGINT; what is running is finished first."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _stopping.set())
    wake.use_threads()
    with app.app_context():
        local = ThreadDispatcher(app)
        relay = Relay(app, QueueDispatcher(redis_client.client(), fallback=local), passed=ALIVE.touch)
        beside = Housekeeper(app), Foreseer(app)
        relay.start()
        for thread in beside:
            thread.start()
        WakeListener(redis_client.blocking_client(), redis_client.wake_channel()).start()
        _work_queue(redis_client.blocking_client())
        relay.stop()
        for thread in beside:
            thread.stop()
        local.stop()


class DrainJob(Job):
    """Runs our one function whatever the record says: who can write to Redis must not choose what runs here."""

    success_callback = failure_callback = stopped_callback = None

    @property
    def func(self):
        return run_subscriber


class QueueDispatcher:
    """Enqueues a job for a subscriber unless one waits already; drains through `fallback` when that is no use."""

    def __init__(self, client: redis.Redis, *, fallback):
        self.queue, self.fallback = _queue(client), fallback

    def __call__(self, subscriber: str) -> None:
        try:
            waited = self._waited(subscriber)
            if waited is None:
                self._enqueue(subscriber)
            elif waited > PATIENCE_SECONDS:
                log.warning("job_not_taken", subscriber=subscriber, seconds=waited)
                self.fallback(subscriber)
        except redis.RedisError as error:
            log.warning("redis_unreachable", error=str(error))
            self.fallback(subscriber)

    def _waited(self, subscriber: str) -> float | None:
        """Seconds since the oldest job of this subscriber was queued; None if there is none."""
        queued = (job_id.rpartition("-") for job_id in self.queue.get_job_ids())
        times = [int(at) for name, _, at in queued if name == self._name(subscriber) and at.isdigit()]
        return time.time() - min(times) / 1000 if times else None

    def _enqueue(self, subscriber: str) -> None:
        self.queue.enqueue_call(
            "shop.jobs.run_subscriber",
            args=(subscriber,),
            job_id=f"{self._name(subscriber)}-{int(time.time() * 1000)}",
            timeout=-1,  # RQ's time-out may strike inside a commit; leases bound a run instead
            result_ttl=0,
            failure_ttl=300,
        )

    def _name(self, subscriber: str) -> str:
        # RQ keeps the jobs of all its queues side by side.
        return f"{self.queue.name}-{subscriber}"


class WakeListener(threading.Thread):
    """Passes wakes from Redis on to the relay of this process. What it misses, the relay's own look finds."""

    def __init__(self, client: redis.Redis, channel: str):
        super().__init__(name="wake-listener", daemon=True)
        self.client, self.channel = client, channel

    def run(self) -> None:
        while not _stopping.is_set():
            try:
                self._listen()
            except redis.RedisError as error:
                log.warning("redis_unreachable", error=str(error))
                _stopping.wait(PAUSE_SECONDS)

    def _listen(self) -> None:
        with self.client.pubsub(ignore_subscribe_messages=True) as subscription:
            subscription.subscribe(self.channel)
            while not _stopping.is_set():
                if subscription.get_message(timeout=1.0):
                    wake.relay()


class _Worker(SimpleWorker):
    """Stops between jobs: an exception out of a signal handler could strike inside a commit."""

    def _install_signal_handlers(self) -> None:
        pass

    def heartbeat(self, *arguments, **options) -> None:
        if _stopping.is_set():
            raise StopRequested
        super().heartbeat(*arguments, **options)


def _queue(client: redis.Redis) -> Queue:
    return Queue(redis_client.queue_name(), connection=client, serializer=JSONSerializer, job_class=DrainJob)


def _work_queue(client: redis.Redis) -> None:
    while not _stopping.is_set():
        try:
            worker = _Worker(
                [_queue(client)],
                connection=client,
                serializer=JSONSerializer,
                job_class=DrainJob,
                worker_ttl=_WORKER_TTL,
            )
            worker.work(logging_level="ERROR")
        except (redis.RedisError, StopRequested) as error:
            log.warning("worker_paused", error=type(error).__name__)
        _stopping.wait(PAUSE_SECONDS)
