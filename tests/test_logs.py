"""One line for each request: enough to find it again, and nothing that is private."""

import json
import os
import subprocess
import sys

import pytest

from shop import logs

PROBE = """
from shop import create_app

create_app().test_client().get("/nothing/here?q=hannah@example.com")
"""


@pytest.fixture
def lines(monkeypatch):
    """What the log of requests was told."""
    found = []

    class Recorder:
        def info(self, event, **facts):
            found.append({"event": event, **facts})

    monkeypatch.setattr(logs, "log", Recorder())
    return found


def test_request_is_told_by_its_rule_so_that_no_private_link_is_written_down(app, cracked_iphone, lines):
    answer = app.test_client().get(f"/track/{cracked_iphone.tracking_token}?q=secret")

    assert answer.status_code == 200
    (line,) = lines
    assert {name: line[name] for name in ("event", "method", "rule", "status")} == {
        "event": "request", "method": "GET", "rule": "/track/<token>", "status": 200,
    }  # fmt: skip
    assert line["ms"] >= 0


def test_each_request_has_an_id_of_its_own(stranger):
    first, second = (stranger.get("/healthz").headers["X-Request-ID"] for _ in range(2))

    assert len(first) == len(second) == 16
    assert first != second


def test_probes_and_static_files_are_not_told(stranger, lines):
    for path in ("/healthz", "/readyz", "/static/css/tokens.css"):
        stranger.get(path).close()

    assert lines == []


def test_line_is_one_json_object_with_the_id_of_the_request(tmp_path):
    environment = {"PATH": os.environ["PATH"], "SHOP_DATA": str(tmp_path), "LOG_LEVEL": "INFO"}

    done = subprocess.run([sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, timeout=60)

    line = json.loads(done.stdout.splitlines()[-1])
    assert (line["event"], line["level"], line["status"], line["rule"]) == ("request", "info", 404, "unmatched")
    assert len(line["request_id"]) == 16
    assert line["timestamp"].endswith("Z")
    assert "hannah" not in done.stdout
