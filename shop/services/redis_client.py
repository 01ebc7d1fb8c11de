"""The one Redis connection pool of the process. Redis holds nothing that the database does not."""

from functools import lru_cache

import redis
from flask import current_app


def client() -> redis.Redis:
    return _client(current_app.config["SETTINGS"].REDIS_URL)


def ping() -> None:
    """Raises redis.RedisError when Redis does not answer within a second."""
    client().ping()


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=1, health_check_interval=30)
