"""A wake-up is a hint: many are one, a broken Redis costs nothing."""

import time

import pytest
import redis

from shop.services import wake


class Client:
    """A Redis client that counts, and may fail."""

    def __init__(self, failing: bool = False, seconds: float = 0):
        self.failing, self.seconds, self.published = failing, seconds, 0

    def publish(self, _channel, _message):
        time.sleep(self.seconds)
        self.published += 1
        if self.failing:
            raise redis.ConnectionError("refused")


@pytest.fixture(autouse=True)
def _threads_again():
    yield
    wake.use_threads()


def wait_for(condition, seconds: float = 3) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_wait_returns_at_once_when_woken_before():
    wake.relay()

    assert wake.wait(5) is True
    assert wake.wait(0) is False


def test_wake_through_a_slow_redis_does_not_wait_for_it():
    client = Client(seconds=0.3)
    wake.use_redis(client, channel="shop:wake")

    began = time.monotonic()
    for _ in range(100):
        wake.relay()
    took = time.monotonic() - began

    assert took < 0.1
    assert wait_for(lambda: client.published == 2)


def test_wake_through_a_broken_redis_raises_nothing_and_goes_on():
    client = Client(failing=True)
    wake.use_redis(client, channel="shop:wake")

    wake.relay()
    first = wait_for(lambda: client.published == 1)
    wake.relay()

    assert first
    assert wait_for(lambda: client.published == 2)
