"""`/healthz` says that the process answers, `/readyz` that it can do its work."""

import pytest
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
    import redis

    def refused():
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(app.config["SETTINGS"], "REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(redis_client, "ping", refused)

    answer = stranger.get("/readyz")

    assert (answer.status_code, answer.json["checks"]["redis"]) == (503, "ConnectionError")


def test_readyz_recovers_after_a_failed_statement(stranger, session, monkeypatch):
    monkeypatch.setattr(health, "_relay", lambda: session.execute(text("SELECT nothing FROM nowhere")))
    failing = stranger.get("/readyz").status_code
    monkeypatch.undo()

    assert (failing, stranger.get("/readyz").status_code) == (503, 200)
