"""`/healthz` says that the process answers, `/readyz` that it can do its work."""

import shutil
import subprocess
import time

import pytest
import redis
from sqlalchemy import text

from shop import health
from shop.services import redis_client, relay


def test_healthz_answers_without_the_database(stranger, monkeypatch):
    monkeypatch.setattr(health.db.session, "execute", lambda *_: pytest.fail("the database was asked"))

    answer = stranger.get("/healthz")

    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_readyz_names_every_check(stranger):
    answer = stranger.get("/readyz")

    assert answer.status_code == 200
    assert answer.json == {"status": "ok", "checks": {"database": "ok", "relay": "ok"}}


def test_readyz_fails_while_the_relay_is_behind(stranger, session, cracked_iphone, monkeypatch):
    monkeypatch.setattr(relay, "lag_seconds", lambda: health.LAG_LIMIT_SECONDS + 1)

    answer = stranger.get("/readyz")

    assert (answer.status_code, answer.json["checks"]["relay"]) == (503, "TimeoutError")


def test_readyz_fails_without_the_database_and_tells_no_secrets(stranger, monkeypatch):
    def broken():
        raise ConnectionError("password=hunter2")

    monkeypatch.setattr(health, "_database", broken)

    answer = stranger.get("/readyz")

    assert (answer.status_code, answer.json["checks"]["database"]) == (503, "ConnectionError")
    assert "hunter2" not in answer.text


def test_readyz_asks_redis_where_it_is_configured(app, stranger, monkeypatch):
    def refused():
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(app.config["SETTINGS"], "REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(redis_client, "ping", refused)

    answer = stranger.get("/readyz")

    assert (answer.status_code, answer.json["checks"]["redis"]) == (503, "ConnectionError")


@pytest.fixture
def redis_says(app, monkeypatch):
    """`redis_says(answer)`: a Redis that answers to a ping, and to INFO with these figures or this error."""

    class Client:
        def __init__(self, answer):
            self.answer = answer

        def ping(self):
            return True

        def info(self, _section):
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

    monkeypatch.setattr(app.config["SETTINGS"], "REDIS_URL", "redis://127.0.0.1:1/0")
    return lambda answer: monkeypatch.setattr(redis_client, "client", lambda: Client(answer))


def test_readyz_warns_of_a_redis_that_drops_jobs_and_does_not_fail(stranger, redis_says):
    redis_says({"maxmemory": 1_000_000, "maxmemory_policy": "allkeys-lru"})

    answer = stranger.get("/readyz")

    assert (answer.status_code, answer.json["status"], answer.json["checks"]["redis"]) == (200, "ok", "ok")
    assert answer.json["warnings"] == {
        "redis": "maxmemory-policy is allkeys-lru: when full, Redis drops jobs. Set it to noeviction."
    }


@pytest.mark.parametrize(
    "said",
    [
        {"maxmemory": 1_000_000, "maxmemory_policy": "noeviction"},
        {"maxmemory": 0, "maxmemory_policy": "allkeys-lru"},
        {},
        redis.exceptions.NoPermissionError("this user may not run 'info'"),
    ],
    ids=["refuses", "unbounded", "silent", "forbidden"],
)
def test_readyz_warns_of_no_other_redis(stranger, redis_says, said):
    redis_says(said)

    answer = stranger.get("/readyz")

    assert (answer.status_code, answer.json.get("warnings")) == (200, None)


@pytest.mark.redis
def test_evicting_policy_is_what_a_real_redis_says(app, monkeypatch, tmp_path):
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("no redis-server to start")
    socket = tmp_path / "redis.sock"
    policy = ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]
    process = subprocess.Popen(
        [server, "--port", "0", "--unixsocket", socket, *policy, "--save", "", "--dir", tmp_path]
    )
    client = redis.Redis(unix_socket_path=str(socket))
    monkeypatch.setattr(redis_client, "client", lambda: client)
    try:
        while not socket.exists() and process.poll() is None:
            time.sleep(0.02)

        evicting = redis_client.evicting_policy()
        client.config_set("maxmemory-policy", "noeviction")

        assert (evicting, redis_client.evicting_policy()) == ("allkeys-lru", None)
    finally:
        client.close()
        process.kill()
        process.wait()


def test_readyz_recovers_after_a_failed_statement(stranger, session, monkeypatch):
    monkeypatch.setattr(health, "_relay", lambda: session.execute(text("SELECT nothing FROM nowhere")))
    failing = stranger.get("/readyz").status_code
    monkeypatch.undo()

    assert (failing, stranger.get("/readyz").status_code) == (503, 200)
