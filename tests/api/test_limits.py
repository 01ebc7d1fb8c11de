import json
import os
import subprocess
import sys

import pytest

# The limiter is one for the process, so each setting is tried in a process of its own.
PROBE = """
import json
from shop import create_app

client = create_app().test_client()
ask = [lambda path=path: client.get(path) for path in ["/api/v1/slots?from=soon", "/api/slots?from=soon"]]
book = [lambda path=path: client.post(path) for path in ["/api/v1/bookings", "/api/bookings"]]
reads = [ask[turn % 2]() for turn in range(122)]
writes = [book[turn % 2]() for turn in range(22)]
print(json.dumps({
    "reads": [answer.status_code for answer in reads],
    "writes": [answer.status_code for answer in writes],
    "type": reads[-1].content_type,
    "code": reads[-1].json["code"],
    "retry": reads[-1].headers.get("Retry-After"),
    "retry_while_allowed": reads[0].headers.get("Retry-After"),
    "left": reads[0].headers.get("X-RateLimit-Remaining"),
}))
"""


@pytest.fixture
def probe(tmp_path):
    def run(**settings) -> dict:
        environment = {"PATH": os.environ["PATH"], "SHOP_DATA": str(tmp_path), "LOG_LEVEL": "ERROR", **settings}
        done = subprocess.run(
            [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_limits_are_on_by_default_and_count_both_roots_together(probe):
    found = probe()

    assert found["reads"] == [422] * 120 + [429] * 2
    assert found["writes"] == [422] * 20 + [429] * 2
    assert (found["type"], found["code"]) == ("application/problem+json", "rate_limited")
    assert 0 < int(found["retry"]) <= 60
    assert (found["retry_while_allowed"], found["left"]) == (None, "119")


def test_limits_can_be_turned_off_for_load_tests(probe):
    found = probe(RATE_LIMITS="off")

    assert set(found["reads"]) == {422}
    assert set(found["writes"]) == {422}
