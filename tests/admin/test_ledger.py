"""The books in the console: what they show, the file, the check, and the comparison with the providers."""

import csv
import io
from datetime import UTC, datetime

import pytest

from shop.admin.ledger import KINDS
from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.ledger import Account, Entry, Kind
from shop.models.payment import Payment, Reconciliation
from shop.services import ledger
from tests.payments import iphone, simulator, till  # noqa: F401


@pytest.fixture
def boss(browser_of, manager):
    return browser_of(manager)


@pytest.fixture
def two(cracked_iphone, session):
    """A ticket's card payment late on Tuesday, and cash taken to the bank on Thursday."""
    ledger.post(
        "payment:1", Kind.PAYMENT, [Entry(Account.STRIPE, 18_900), Entry(Account.CUSTOMER, -18_900)], currency="GBP",
        actor=SYSTEM, repair_id=cracked_iphone.id, at=datetime(2026, 11, 24, 23, 30, tzinfo=UTC),
    )  # fmt: skip
    ledger.post(
        "drawer:1", Kind.DRAWER, [Entry(Account.BANK, 5_000), Entry(Account.CASH, -5_000)], currency="GBP",
        actor=SYSTEM, memo="To the bank", at=datetime(2026, 11, 26, 9, tzinfo=UTC),
    )  # fmt: skip
    session.commit()


def shown(browser, **query) -> list[str]:
    """Keys of the transactions in the order in which they stand."""
    page = browser.get("/admin/ledger/", query_string=query)
    assert page.status_code == 200
    return [part.partition("<")[0] for part in page.text.split('<small class="hash">')[1:]]


def test_newest_stands_first_under_what_each_account_comes_to(boss, two, cracked_iphone):
    page = boss.get("/admin/ledger/").text

    assert shown(boss) == ["drawer:1", "payment:1"]
    assert "<dt>Customers</dt><dd>-£189.00</dd>" in page
    assert "<dt>Bank</dt><dd>£50.00</dd>" in page
    assert cracked_iphone.number in page


def test_kinds_have_words_for_people(boss, two):
    page = boss.get("/admin/ledger/").text

    assert "<b>Till</b><small>To the bank</small>" in page
    assert set(KINDS) == set(Kind)
    assert all(f'<option value="{kind}">{words}</option>' in page for kind, words in KINDS.items())


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"account": "cash"}, ["drawer:1"]),
        ({"kind": "payment"}, ["payment:1"]),
        ({"ticket": "rt-0"}, []),
        ({"since": "2026-11-25"}, ["drawer:1"]),
        ({"until": "2026-11-24"}, ["payment:1"]),
        ({"since": "2026-11-24", "until": "2026-11-24", "account": "bank"}, []),
    ],
)
def test_choices_narrow_what_is_shown(boss, two, query, keys):
    assert shown(boss, **query) == keys


@pytest.mark.parametrize("query", [{"account": "no"}, {"kind": "gift"}, {"since": "soon"}, {"until": "0001-01-01"}])
def test_what_is_no_choice_is_named_and_left_out(boss, two, query):
    page = boss.get("/admin/ledger/", query_string=query)

    assert page.status_code == 422
    assert "This list has a filter that cannot be read." in page.text
    assert page.text.count('<small class="hash">') == 2


def test_a_ticket_finds_its_entries(boss, two, cracked_iphone):
    assert shown(boss, ticket=cracked_iphone.number.lower()) == ["payment:1"]


def test_older_transactions_are_on_the_next_page(boss, session):
    for number in range(60):
        entries = [Entry(Account.BANK, 100), Entry(Account.CASH, -100)]
        ledger.post(f"drawer:{number}", Kind.DRAWER, entries, currency="GBP", actor=SYSTEM)
    session.commit()

    first = boss.get("/admin/ledger/").text
    link = next(part.partition('"')[0] for part in first.split('href="')[1:] if "before=" in part)

    assert len(shown(boss)) == 50
    assert boss.get(link.replace("&amp;", "&")).text.count('<small class="hash">') == 10


def test_the_file_has_a_line_for_each_entry_with_debit_and_credit_apart(boss, two, cracked_iphone):
    answer = boss.get("/admin/ledger/export?kind=payment")
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))

    assert answer.mimetype == "text/csv"
    assert [row[1:8] for row in rows[1:]] == [
        ["payment:1", "payment", cracked_iphone.number, "stripe", "189.00", "", "GBP"],
        ["payment:1", "payment", cracked_iphone.number, "customer", "", "189.00", "GBP"],
    ]


def test_a_payment_without_its_entries_is_named(boss, cracked_iphone, session):
    lonely = Payment(
        repair_id=cracked_iphone.id, provider="stripe", purpose="full", amount=18_900, currency="GBP", state="paid",
        captured=18_900, actor="customer",
    )  # fmt: skip
    session.add(lonely)
    session.commit()

    page = boss.post("/admin/ledger/verify").text

    assert "The books are not right." in page
    assert f"payment {lonely.id}" in page.lower()


def test_books_of_a_real_payment_are_right(boss, till, iphone):  # noqa: F811
    till.pay(iphone)

    assert "The books are right." in boss.post("/admin/ledger/verify").text


def test_a_comparison_mends_what_nobody_told_us_and_says_so(boss, till, iphone, simulator):  # noqa: F811
    opened = till.start(iphone)
    params = {"payment_method": "pm_card_visa", "return_url": "https://shop.example"}
    simulator.stripe(simulator.key).v1.payment_intents.confirm(opened.payment.provider_ref, params)
    today = f"{datetime.now(UTC):%Y-%m-%d}"

    page = boss.post("/admin/ledger/reconciliation/run", data={"provider": "stripe", "day": today}).headers["Location"]

    assert "Compared: everything agrees." in boss.get(page).text
    assert db.session.query(Reconciliation.settled).scalar() == 1
    assert ledger.balance(Account.CUSTOMER, currency="GBP", repair_id=iphone.id) == -20_000


@pytest.mark.parametrize(
    "form", [{}, {"provider": "till", "day": "2026-11-24"}, {"provider": "stripe", "day": "2999-01-01"}]
)
def test_a_comparison_needs_a_provider_and_a_day_that_has_begun(boss, form):
    page = boss.post("/admin/ledger/reconciliation/run", data=form).headers["Location"]

    assert "Choose a provider, and a day that has begun." in boss.get(page).text
    assert db.session.query(Reconciliation).count() == 0


def test_a_provider_that_is_away_is_named_and_nothing_is_written(boss, simulator, app, monkeypatch):  # noqa: F811
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")

    form = {"provider": "stripe", "day": f"{datetime.now(UTC):%Y-%m-%d}"}
    page = boss.post("/admin/ledger/reconciliation/run", data=form).headers["Location"]

    assert "Nothing was compared yet." in boss.get(page).text
    assert db.session.query(Reconciliation).count() == 0


def test_the_front_desk_finds_no_books(browser_of, front_desk, two):
    browser = browser_of(front_desk)

    assert [browser.get(f"/admin/ledger/{page}").status_code for page in ("", "export", "reconciliation")] == [404] * 3
