import threading

import pytest
from sqlalchemy import func, select, text

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.document import Document, DocumentCounter
from shop.models.ledger import (
    Account,
    Entry,
    Kind,
    LedgerEntry,
    LedgerTransaction,
    Unbalanced,
    credit_note_posting,
    fee_posting,
    invoice_posting,
    payment_posting,
    refund_posting,
)
from shop.models.payment import Payment, PaymentState
from shop.models.workflow import State
from shop.services import ledger, ledger_check
from shop.services.ledger import KeyReused, RepairBalance

FACTS = {"currency": "GBP", "actor": SYSTEM}


@pytest.fixture
def iphone(cracked_iphone, session):
    """A repair that costs 200 pounds."""
    cracked_iphone.total = 20_000
    session.commit()
    return cracked_iphone


@pytest.fixture
def run(app):
    return lambda *args: app.test_cli_runner().invoke(args=list(args))


def pay(repair, amount: int, *, key: str = "stripe:charge:ch_1", **facts) -> bool:
    return ledger.post(key, Kind.PAYMENT, payment_posting("stripe", amount), repair_id=repair.id, **FACTS, **facts)


def test_posting_writes_a_transaction_and_its_entries(iphone, session):
    assert pay(iphone, 5_000)
    session.commit()

    row = session.scalars(select(LedgerTransaction)).one()
    entries = {entry.account: (entry.amount, entry.currency, entry.repair_id) for entry in row.entries}
    assert (row.key, row.kind, row.currency, row.actor) == ("stripe:charge:ch_1", "payment", "GBP", "system")
    assert entries == {"stripe": (5_000, "GBP", iphone.id), "customer": (-5_000, "GBP", iphone.id)}


def test_posting_the_same_again_does_nothing(iphone, session):
    pay(iphone, 5_000)
    session.commit()

    assert pay(iphone, 5_000) is False
    session.commit()

    assert session.scalar(select(func.count()).select_from(LedgerEntry)) == 2


def test_a_key_that_stands_for_something_else_is_refused(iphone, session):
    pay(iphone, 5_000)
    session.commit()

    with pytest.raises(KeyReused):
        pay(iphone, 5_001)
    with pytest.raises(KeyReused):
        ledger.post("stripe:charge:ch_1", Kind.PAYMENT, payment_posting("stripe", 5_000), **FACTS)


def test_what_does_not_balance_is_never_written(iphone, session):
    with pytest.raises(Unbalanced):
        ledger.post("odd", Kind.CORRECTION, (Entry("cash", 5),), **FACTS)

    assert session.scalar(select(func.count()).select_from(LedgerTransaction)) == 0


def test_of_rivals_that_post_the_same_one_writes(iphone, app, session):
    repair_id, wrote, start = iphone.id, [], threading.Barrier(6)
    session.remove()

    def rival():
        with app.app_context():
            start.wait(timeout=10)
            new = ledger.post("k", Kind.PAYMENT, payment_posting("stripe", 7), repair_id=repair_id, **FACTS)
            db.session.commit()
            wrote.append(new)

    threads = [threading.Thread(target=rival) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(wrote) == [False] * 5 + [True]
    assert session.scalar(select(func.count()).select_from(LedgerEntry)) == 2


def test_balances_are_sums_and_come_to_nothing(iphone, session):
    pay(iphone, 5_000)
    ledger.post("f", Kind.FEE, fee_posting("stripe", 95), repair_id=iphone.id, **FACTS)

    assert ledger.balance(Account.STRIPE, currency="GBP") == 4_905
    assert ledger.balance(Account.STRIPE, currency="EUR") == 0
    assert ledger.balance(Account.CUSTOMER, currency="GBP", repair_id=iphone.id) == -5_000
    assert ledger.balances() == {("stripe", "GBP"): 4_905, ("customer", "GBP"): -5_000, ("fees", "GBP"): 95}


def test_repair_owes_its_price_less_what_was_paid_until_it_is_billed(iphone, session, statements_of):
    steps = []
    pay(iphone, 5_000)
    steps.append(ledger.repair_balance(iphone))
    ledger.post("invoice:1", Kind.INVOICE, invoice_posting(net=15_000, tax=3_000), repair_id=iphone.id, **FACTS)
    steps.append(ledger.repair_balance(iphone))
    pay(iphone, 13_000, key="stripe:charge:ch_2")
    steps.append(ledger.repair_balance(iphone))

    assert [(step.due, step.paid, step.owed, step.held) for step in steps] == [
        (20_000, 5_000, 15_000, 5_000),
        (18_000, 5_000, 13_000, 0),
        (18_000, 18_000, 0, 0),
    ]
    assert len(statements_of(lambda: ledger.repair_balance(iphone))) == 1


def test_whoever_paid_too_much_or_for_a_cancelled_repair_could_have_it_back(iphone, session):
    pay(iphone, 25_000)
    too_much = ledger.repair_balance(iphone)
    iphone.status = State.CANCELLED
    cancelled = ledger.repair_balance(iphone)
    ledger.post("r", Kind.REFUND, refund_posting("stripe", 25_000), repair_id=iphone.id, **FACTS)

    assert (too_much.owed, too_much.held) == (-5_000, 25_000)
    assert (cancelled.owed, cancelled.held) == (-25_000, 25_000)
    assert ledger.repair_balance(iphone) == RepairBalance("GBP", due=0, billed=0, paid=0)


def test_a_credit_note_takes_what_was_billed_back(iphone, session):
    ledger.post("invoice:1", Kind.INVOICE, invoice_posting(net=15_000, tax=3_000), repair_id=iphone.id, **FACTS)
    ledger.post("credit:1", Kind.CREDIT_NOTE, credit_note_posting(net=15_000, tax=3_000), repair_id=iphone.id, **FACTS)

    assert ledger.repair_balance(iphone).owed == 0


def paid(repair, amount: int = 5_000, **values) -> Payment:
    row = Payment(
        **{"repair_id": repair.id, "provider": "stripe", "purpose": "deposit", "amount": amount, "currency": "GBP",
           "actor": "system", "state": PaymentState.PAID, "captured": amount, **values}
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row


def document(number: int, **values) -> Document:
    row = Document(
        **{"key": f"d{number}", "kind": "invoice", "series": "INV", "year": 2026, "number": number,
           "currency": "GBP", "net": 0, "tax": 0, "gross": 0, **values}
    )  # fmt: skip
    db.session.add(row)
    return row


def test_good_books_verify_and_the_command_says_so(iphone, session, run):
    payment = paid(iphone)
    pay(iphone, 5_000, payment_id=payment.id)
    document(1)
    document(2)
    session.add(DocumentCounter(series="INV", year=2026, last=2))
    session.commit()

    result = run("ledger", "verify")

    assert (result.exit_code, result.output) == (0, "The books are good.\n")
    assert ledger_check.verify() == []
    assert session.scalar(select(func.count()).select_from(LedgerTransaction)) == 1


def test_books_of_a_new_shop_are_good(app):
    assert ledger_check.verify() == []


def test_verify_names_payments_that_the_books_do_not_know(iphone, session, run):
    payment = paid(iphone, fee=95)
    session.commit()

    result = run("ledger", "verify")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"Payment {payment.id} says captured 5000, the books say 0.",
        f"Payment {payment.id} says fee 95, the books say 0.",
    ]


def test_verify_names_what_payments_do_not_say(iphone, session):
    payment = paid(iphone, state=PaymentState.PROCESSING, captured=0)
    pay(iphone, 5_000, payment_id=payment.id)
    other = paid(iphone, 300, captured=300, state=PaymentState.FAILED)
    ledger.post("k", Kind.PAYMENT, payment_posting("stripe", 300), payment_id=other.id, **FACTS)
    session.commit()

    assert ledger_check.verify() == [
        f"Payment {payment.id} says captured 0, the books say 5000.",
        f"Payment {other.id} is failed, but captured 300.",
        f"Transaction k is for another repair than its payment {other.id}.",
    ]


def test_verify_names_other_currencies(iphone, session):
    ledger.post("k", Kind.CORRECTION, payment_posting("cash", 5), currency="EUR", actor=SYSTEM, repair_id=iphone.id)
    session.commit()

    assert ledger_check.verify() == ["Transaction k is in EUR, its repair in GBP."]


def test_verify_names_gaps_in_numbers_and_counters_that_are_off(app, session):
    for number in (1, 3, 4):
        document(number)
    document(1, series="CN", key="c")
    session.add(DocumentCounter(series="INV", year=2026, last=5))
    session.add(DocumentCounter(series="R", year=2026, last=1))
    session.commit()

    assert ledger_check.verify() == [
        "Series INV of 2026 is not without gap and double: missing 2.",
        "The counter of series INV of 2026 stands at 5, its last document is 4.",
        "The counter of series R of 2026 stands at 1, its last document is 0.",
        "Series CN of 2026 has documents and no counter.",
    ]


def test_verify_names_entries_that_were_bent_past_the_triggers(iphone, session, database):
    pay(iphone, 5_000)
    session.commit()
    with unguarded(database, "ledger_entries"):
        session.execute(text("UPDATE ledger_entries SET amount = 4000 WHERE account = 'stripe'"))
        session.execute(text("UPDATE ledger_entries SET currency = 'EUR' WHERE account = 'customer'"))
        session.commit()

    faults = ledger_check.verify()

    assert faults[0] == "Transaction stripe:charge:ch_1 does not balance: its entries sum to -1000."
    assert "has another currency or repair than its transaction stripe:charge:ch_1" in faults[1]


def test_verify_names_triggers_that_are_off(app, session, database):
    with unguarded(database, "ledger_entries"), unguarded(database, "documents"):
        faults = ledger_check.verify()

    words = [f"Rows of {table} can be {what}: its trigger is missing or turned off."
             for table in ("ledger_entries", "documents") for what in ("changed", "deleted")]  # fmt: skip
    assert faults[:4] == words
    assert len(faults) == 4
    assert ledger_check.verify() == []


class unguarded:
    """Inside, the triggers of a table are off: what an intruder with the owner's rights could do."""

    def __init__(self, database: str, table: str):
        self.database, self.table = database, table

    def __enter__(self):
        if self.database == "postgresql":
            self._run(f"ALTER TABLE {self.table} DISABLE TRIGGER USER")
            return
        query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")
        self.triggers = db.session.execute(query, {"table": self.table}).all()
        self._run(*(f"DROP TRIGGER {name}" for name, _ in self.triggers))

    def __exit__(self, *_):
        db.session.rollback()
        if self.database == "postgresql":
            self._run(f"ALTER TABLE {self.table} ENABLE TRIGGER USER")
        else:
            # Another connection of the pool may not have seen yet that they are gone.
            self._run("SELECT count(*) FROM sqlite_master", *(sql for _, sql in self.triggers))

    def _run(self, *statements: str) -> None:
        for statement in statements:
            db.session.execute(text(statement))
        db.session.commit()
