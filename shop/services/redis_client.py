"""The one Redis connection pool of the process. Redis holds nothing that the database does not."""

from functools import lru_cache

import redis
from flask import current_app
from redis.backoff import NoBackoff
from redis.retry import Retry


def client() -> redis.Redis:
    """For short commands: gives up after a second, so that nobody waits for a Redis that hangs."""
    return _client(current_app.config["SETTINGS"].REDIS_URL)


def blocking_client() -> redis.Redis:
    """For those who wait on Redis: RQ's worker and listeners. A pool of its own, without a reading time-out."""
    return redis.Redis.from_url(
        current_app.config["SETTINGS"].REDIS_URL, socket_connect_timeout=1, health_check_interval=15
    )


def queue_name() -> str:
    """The shop's own name on a Redis that several shops may share; every other name there begins with it."""
    return current_app.config["SETTINGS"].REDIS_PREFIX


def wake_channel() -> str:
    return f"{queue_name()}:wake"


def ping() -> None:
    """Raises redis.RedisError when Redis does not answer within a second."""
    client().ping()


def evicting_policy() -> str | None:
    """The `maxmemory-policy` by which Redis would drop jobs when it is full; None if it drops none or will not say."""
    try:
        # CONFIG GET would say it too, but hosted servers forbid it.
        memory = client().info("memory")
    except redis.RedisError:
        return None
    policy = memory.get("maxmemory_policy", "noeviction")
    return policy if memory.get("maxmemory", 0) and policy != "noeviction" else None


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=1, socket_connect_timeout=1, health_check_interval=30, retry=Retry(NoBackoff(), 1)
    )
