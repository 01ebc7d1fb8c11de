"""A process that issues invoices: `python -m tests.faults.issuer MODE CRASHES_AT ID …`. A line on its input begins it.

MODE is how numbers are taken: `product`; `naive` reads the counter, thinks, and writes it, without a lock; `apart`
takes the number in a transaction of its own, as a sequence does. Every fifth document is rolled back once before it is
issued, and at CRASHES_AT, if it is not negative, the process is killed with a document that it has not committed.
Prints what it did as JSON.
"""

import json
import os
import signal
import sys
import time

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from shop import create_app
from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.document import DocumentCounter
from shop.models.repair import Repair
from shop.services import documents

THINKING_SECONDS = 0.002
_COUNT = text("UPDATE document_counters SET last = :last WHERE series = :series AND year = :year")
_TAKE = text("UPDATE document_counters SET last = last + 1 WHERE series = :series AND year = :year RETURNING last")


def naive(series: str, year: int) -> int:
    key = {"series": series, "year": year}
    last = db.session.scalar(select(DocumentCounter.last).filter_by(**key)) or 0
    time.sleep(THINKING_SECONDS)
    db.session.execute(_COUNT, {**key, "last": last + 1})
    return last + 1


def apart(series: str, year: int) -> int:
    with db.engine.begin() as connection:
        return connection.scalar(_TAKE, {"series": series, "year": year})


def main(mode: str, crashes_at: int, ids: list[int]) -> dict:
    if mode != "product":
        documents.next_number = {"naive": naive, "apart": apart}[mode]
    done = {"issued": 0, "refused": 0}
    for place, key in enumerate(ids):
        if place == crashes_at:
            documents.issue_invoice(db.session.get(Repair, key), actor=SYSTEM, mailed=False)
            os.kill(os.getpid(), signal.SIGKILL)
        if place % 5 == 0:
            issue(key, done, then=db.session.rollback)
        while not issue(key, done, then=db.session.commit):
            pass
        done["issued"] += 1
    return done


def issue(key: int, done: dict, *, then) -> bool:
    """False if the database refused a number that another process had too."""
    try:
        documents.issue_invoice(db.session.get(Repair, key), actor=SYSTEM, mailed=False)
        then()
    except IntegrityError:
        db.session.rollback()
        done["refused"] += 1
        return False
    return True


if __name__ == "__main__":
    app = create_app()
    with app.app_context():
        db.session.execute(text("SELECT 1"))
        db.session.rollback()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]), [int(key) for key in sys.argv[3:]])))
