"""A worker for the lease test: `python -m tests.faults.sleeper LEASE`.

With GUARD=off its last write names no attempt.
"""

import os
import sys
import time

from sqlalchemy import update

from shop import create_app
from shop.models.event import Delivery
from shop.services import deliveries, leases


def doze(delivery) -> None:
    say(delivery.id)
    sys.stdin.readline()
    raise TimeoutError("the provider did not answer")


def by_id_alone(delivery_id: int, _attempt: int):
    return update(Delivery).where(Delivery.id == delivery_id).execution_options(synchronize_session=False)


def say(word) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    leases.LEASE = float(sys.argv[1])
    # Stopped inside a heartbeat it would keep SQLite's one write lock; stopped, it has none anyway.
    leases._Heartbeat._beat = lambda _self: None
    deliveries.HANDLERS["mail"] = doze
    if os.environ["GUARD"] == "off":
        deliveries.held = by_id_alone
    with create_app().app_context():
        say("ready")
        while True:
            if deliveries.drain("mail", limit=1):
                say("awake")
            time.sleep(0.02)
