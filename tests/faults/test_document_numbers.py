"""Documents issued by many processes at once: their numbers have no gap and no double, whoever rolls back or is killed.

Twins: a counter that is read and written without a lock gives doubles, one with a transaction of its own gives gaps.
"""

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.document import Document, DocumentCounter
from shop.models.ledger import LedgerTransaction
from shop.models.repair import Repair
from shop.services import documents, ledger_check
from tests import factories
from tests.faults.processes import ROOT

# One process is killed half-way: 1,005 are left in the long form.
DOCUMENTS, PROCESSES = (1_072, 8) if os.environ.get("FAULTS") == "full" else (80, 4)
OF_TWIN = 40
SECONDS = 240


@pytest.fixture(autouse=True)
def _many_writers(database):
    if database == "sqlite":
        pytest.skip("SQLite has one writer at a time")


@pytest.fixture
def issue(app):
    """`issue(count, mode)`: so many repairs get their invoices from processes that begin together."""

    def run(count: int, mode: str = "product", *, crashing: bool = False) -> list[dict]:
        ids = [factories.repair(total=100 + number).id for number in range(count)]
        settings = app.config["SETTINGS"]
        environment = {
            **os.environ, "DATABASE_URL": settings.DATABASE_URL, "SECRET_KEY": settings.SECRET_KEY,
            "SHOP_DATA": str(settings.SHOP_DATA), "REDIS_URL": "", "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        db.session.remove()
        shares = [ids[start::PROCESSES] for start in range(PROCESSES)]
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.faults.issuer", mode,
                 str(len(share) // 2 if crashing and not place else -1), *map(str, share)],
                cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for place, share in enumerate(shares)
        ]  # fmt: skip
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate(timeout=SECONDS)[0] for process in processes]
        return [json.loads(text) for text in said if text]

    return run


def open_counter() -> None:
    year = time.localtime().tm_year
    db.session.add(DocumentCounter(series="INV", year=year, last=0))
    db.session.commit()


def numbers() -> list[int]:
    return list(db.session.scalars(select(Document.number).order_by(Document.number)))


def test_numbers_of_many_processes_have_no_gap_and_no_double(issue, figures):
    begun = time.monotonic()
    done = issue(DOCUMENTS, crashing=True)

    issued = numbers()
    assert len(done) == PROCESSES - 1
    assert sum(one["refused"] for one in done) == 0
    # The one that was killed had issued the first half of its share; the document in its hand is nobody's.
    assert len(issued) == sum(one["issued"] for one in done) + DOCUMENTS // PROCESSES // 2
    assert issued == list(range(1, len(issued) + 1))
    assert db.session.scalar(select(func.count()).select_from(LedgerTransaction)) == len(issued)
    assert ledger_check.verify() == []
    figures(documents=len(issued), processes=PROCESSES, gaps=0, doubles=0, seconds=round(time.monotonic() - begun, 1))


def test_without_the_lock_numbers_are_given_twice(issue, figures):
    open_counter()

    done = issue(OF_TWIN, "naive")

    refused = sum(one["refused"] for one in done)
    assert refused > 0
    figures(documents=OF_TWIN, processes=PROCESSES, doubles_refused=refused)


def test_with_a_transaction_of_its_own_the_counter_leaves_gaps(issue, figures):
    open_counter()

    issue(OF_TWIN, "apart")

    gaps = max(numbers()) - len(numbers())
    assert gaps > 0
    assert any("not without gap" in fault for fault in ledger_check.verify())
    figures(documents=OF_TWIN, processes=PROCESSES, gaps=gaps)


def test_one_ticket_gets_one_invoice_however_many_ask_at_once(app, cracked_iphone):
    cracked_iphone.total = 18_900
    db.session.commit()
    repair_id, start, given = cracked_iphone.id, threading.Barrier(16), []
    db.session.remove()

    def ask() -> None:
        with app.app_context():
            repair = db.session.get_one(Repair, repair_id)
            start.wait(timeout=30)
            given.append(documents.issue_invoice(repair, actor=SYSTEM).id)
            db.session.commit()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert (len(given), len(set(given))) == (16, 1)
    assert numbers() == [1]
    assert db.session.scalar(select(func.count()).select_from(LedgerTransaction)) == 1
