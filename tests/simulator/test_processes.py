"""Several processes on one file, and the simulator run alone."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import stripe

from shop.simulator.serve import load_or_make_keys
from tests.ports import port
from tests.simulator.test_stripe_payments import PAID
from tests.simulators import listening

ROOT = Path(__file__).parents[2]
START_SECONDS = 30


@contextmanager
def served_alone(data, number, shop_url):
    command = [sys.executable, "-m", "shop.simulator", "--port", str(number), "--data", str(data), "--shop", shop_url]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    with (data / f"{number}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{number}/stripe.js", process)
        yield f"http://127.0.0.1:{number}"
    finally:
        process.terminate()
        process.wait()


def wait_for(url, process):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "the simulator ended"
        try:
            requests.get(url, timeout=1)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    pytest.fail("the simulator does not answer")


def test_two_processes_share_a_file_and_tell_everything_once(tmp_path):
    keys = load_or_make_keys(tmp_path)
    with (
        listening() as listener,
        served_alone(tmp_path, port(40), listener.url) as one,
        served_alone(tmp_path, port(41), listener.url) as other,
        ThreadPoolExecutor(20) as pool,
    ):
        clients = [stripe.StripeClient(keys["stripe_secret_key"], base_addresses={"api": url}) for url in (one, other)]

        def pay(number):
            try:
                options = {"idempotency_key": f"payment-{number // 4}", "max_network_retries": 0}
                return clients[number % 2].v1.payment_intents.create(PAID, options).id
            except stripe.APIError as refusal:
                return refusal.http_status

        made = Counter(pool.map(pay, range(40)))
        received = [item.event for item in listener.wait_for(30)]
        time.sleep(0.3)

        assert len(made.keys() - {409}) == 10
        assert len(clients[0].v1.payment_intents.list({"limit": 100}).data) == 10
        assert len({event["id"] for event in received}) == len(listener.received) == 30


def test_its_keys_stay_the_same(tmp_path):
    first, again = load_or_make_keys(tmp_path), load_or_make_keys(tmp_path)

    assert first == again
    assert re.fullmatch(r"sk_test_[0-9a-f]{32}", first["stripe_secret_key"])
    assert oct((tmp_path / "simulator-keys.json").stat().st_mode & 0o777) == "0o600"
