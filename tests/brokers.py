"""A Redis that no other test process writes to."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.ports import port

GIVEN = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/2")
START_SECONDS = 10


@contextmanager
def own_redis(data: Path) -> Iterator[str]:
    """The address of a server of our own, or of the given one where none can be started; "" if that is silent.

    Tests empty it and plant junk in it, and channels reach across the databases of one server: two runs at once
    would disturb each other.
    """
    program = shutil.which("redis-server")
    if program is None:
        yield GIVEN if _answers(GIVEN) else ""
        return
    url = f"redis://127.0.0.1:{port(9)}/0"
    command = [program, "--bind", "127.0.0.1", "--port", str(port(9)), "--save", "", "--dir", str(data)]
    process = subprocess.Popen([*command, "--logfile", str(data / "redis.log")])
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + START_SECONDS
    while not _answers(url) and time.monotonic() < end:
        time.sleep(0.02)
    # A server that ended found the port taken: what answers there is not ours.
    assert process.poll() is None, "the Redis of the tests did not start"


def _answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=2)
    try:
        return client.ping()
    except redis.ConnectionError:
        return False
    finally:
        client.close()
