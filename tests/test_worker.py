"""A real worker process on a real Redis: it drains, it is fenced off from what others plant, it loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from sqlalchemy import func, select, text

from shop import database, jobs
from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.event import Delivery
from shop.services import relay, repairs
from shop.services.events import record

pytestmark = pytest.mark.redis
ROOT = Path(__file__).parent.parent
WORKER = (
    "from tests import handlers; handlers.install(); import runpy; runpy.run_path('worker.py', run_name='__main__')"
)


@pytest.fixture(autouse=True)
def _beside_postgresql(request):
    if "database" in request.fixturenames and request.getfixturevalue("database") == "sqlite":
        pytest.skip("workers stand beside PostgreSQL; on SQLite the web process works alone")


@pytest.fixture
def broker(redis_url):
    """An empty Redis."""
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def start_worker(app, redis_url):
    """`start_worker()`: a worker process on the database of the test, killed at its end."""
    processes = []

    def start(url: str = redis_url, **more) -> subprocess.Popen:
        settings = app.config["SETTINGS"]
        environment = {
            **os.environ,
            "DATABASE_URL": settings.DATABASE_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "SHOP_DATA": str(settings.SHOP_DATA),
            "REDIS_URL": url,
            "LOG_LEVEL": "ERROR",
            **more,
        }
        processes.append(subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=environment))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def append(repair, times: int) -> None:
    for _ in range(times):
        record("repair.moved", repairs.lock_repair(repair.number), actor=SYSTEM)
        db.session.commit()


def done() -> int:
    """Leaves no transaction open: on SQLite it would keep the worker waiting."""
    with database.reading():
        number = db.session.scalar(select(func.count()).where(Delivery.state == "done"))
        db.session.rollback()
    return number


def wait_for(condition, seconds: float = 90) -> bool:
    """Patient: a worker that others leave no processor needs half a minute to start."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_worker_seals_and_delivers_and_stops_when_told(cracked_iphone, broker, start_worker):
    worker = start_worker()
    append(cracked_iphone, 3)

    delivered = wait_for(lambda: done() == 4)
    worker.send_signal(signal.SIGTERM)

    assert delivered
    assert worker.wait(timeout=15) == 0


def test_wake_through_redis_reaches_the_worker(cracked_iphone, broker, start_worker):
    start_worker()
    wait_for(lambda: done() == 1)

    listening = wait_for(lambda: broker.publish("shop:wake", "relay") > 0)

    assert listening


def test_shop_with_a_name_of_its_own_hears_and_touches_nothing_of_another(cracked_iphone, broker, start_worker):
    broker.rpush("rq:queue:shop", "mail-1")
    start_worker(REDIS_PREFIX="north")

    listening = wait_for(lambda: broker.publish("north:wake", "relay") > 0)

    assert listening
    assert wait_for(lambda: done() == 1)
    assert broker.publish("shop:wake", "relay") == 0
    assert broker.lrange("rq:queue:shop", 0, -1) == [b"mail-1"]


def test_redis_emptied_again_and_again_loses_nothing(cracked_iphone, broker, start_worker):
    start_worker()
    for _ in range(10):
        append(cracked_iphone, 5)
        broker.flushdb()

    assert wait_for(lambda: done() == 51)


def test_worker_delivers_without_any_redis(cracked_iphone, start_worker):
    worker = start_worker("redis://127.0.0.1:1/0")

    delivered = wait_for(lambda: done() == 1)
    worker.send_signal(signal.SIGTERM)

    assert delivered
    assert worker.wait(timeout=15) == 0


def test_planted_jobs_run_nothing_of_theirs(cracked_iphone, broker, start_worker, tmp_path):
    canary = tmp_path / "planted"
    planted = {
        "created_at": "2026-11-24T10:00:00.000000Z", "origin": "shop", "status": "queued", "timeout": "-1",
        "data": json.dumps(["os.system", None, [f"touch {canary}"], {}]),
    }  # fmt: skip
    broker.hset("rq:job:planted-1", mapping=planted)
    broker.hset("rq:job:junk-2", mapping={**planted, "data": b"\x80\x04cposix\nsystem\n."})
    broker.rpush("rq:queue:shop", "planted-1", "junk-2", "absent-3")
    start_worker()

    assert wait_for(lambda: done() == 1)
    assert wait_for(lambda: broker.llen("rq:queue:shop") == 0)
    assert not canary.exists()


def test_junk_in_place_of_the_queue_stops_nothing(cracked_iphone, broker, start_worker):
    broker.set("rq:queue:shop", "not a list")
    start_worker()

    assert wait_for(lambda: done() == 1)


def test_worker_killed_in_the_middle_is_replaced_by_the_next(session, cracked_iphone, broker, start_worker):
    append(cracked_iphone, 5)
    relay.relay_batch()
    session.commit()
    session.execute(
        text("UPDATE deliveries SET state = 'running', attempt = 1 WHERE id = (SELECT min(id) FROM deliveries)")
    )
    session.commit()

    start_worker()

    assert wait_for(lambda: done() == 6)


def test_dispatcher_queues_a_subscriber_once(app, broker):
    asked = []
    dispatch = jobs.QueueDispatcher(broker, fallback=asked.append)

    for subscriber in ("mail", "mail", "crm", "mail"):
        dispatch(subscriber)

    queued = sorted(job_id.rpartition("-")[0] for job_id in dispatch.queue.get_job_ids())
    assert (queued, asked) == (["shop-crm", "shop-mail"], [])


def test_dispatcher_drains_by_itself_when_nobody_takes_the_job(app, broker, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE_SECONDS", -1)
    asked = []
    dispatch = jobs.QueueDispatcher(broker, fallback=asked.append)

    dispatch("mail")
    dispatch("mail")

    assert asked == ["mail"]


def test_worker_without_redis_settings_says_what_to_set(tmp_path):
    environment = {**os.environ, "REDIS_URL": "", "SHOP_DATA": str(tmp_path), "DATABASE_URL": ""}

    answer = subprocess.run(
        [sys.executable, "worker.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 1
    assert answer.stderr.strip() == (
        "Cannot start: REDIS_URL is missing. Without Redis the web process does this work itself."
    )
