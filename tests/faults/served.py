"""The shop as the kill test serves it: `gunicorn tests.faults.served:app`, or
`python -m tests.faults.served` for a worker, with `relay` after it for a relay alone.

The product as it is, with short leases, without CSRF tokens, and with a mail handler of the tests. With
GUARD=off it delivers directly after the commit, as shops without an outbox do.
"""

import os
import sys
import threading
import time

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from shop import background, create_app, jobs
from shop.extensions import db
from shop.services import leases
from tests import handlers

PROVIDER_SECONDS = 0.05

app = create_app()
app.config["WTF_CSRF_ENABLED"] = False
handlers.install()
leases.LEASE = 3.0


def deliver_directly() -> None:
    background.start_embedded = lambda _app: lambda: None

    @event.listens_for(Session, "before_commit")
    def remember(session):
        session.info["direct"] = list(session.info.get("events_recorded", ()))

    @event.listens_for(Session, "after_commit")
    def send(session):
        facts = session.info.pop("direct", [])
        threading.Thread(target=call_provider, args=(facts,), daemon=True).start()


def call_provider(facts: list[int]) -> None:
    time.sleep(PROVIDER_SECONDS)
    with app.app_context(), db.engine.begin() as connection:
        for key in facts:
            connection.execute(text("INSERT INTO direct_mails VALUES (:key)"), {"key": key})


if os.environ.get("GUARD") == "off":
    deliver_directly()

if __name__ == "__main__":
    if "relay" in sys.argv:
        background.Relay(app, lambda _subscriber: None).run()
    jobs.run_worker(app)
