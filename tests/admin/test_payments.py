"""The list of payments, one payment with its conversation, and the file for the accountant."""

import csv
import io
from datetime import UTC, datetime

import pytest

from shop.extensions import db
from shop.models.payment import Dispute, Payment, ProviderCall, ProviderEvent, Refund
from tests import factories
from tests.statements import statements_of


def payment(repair, **values) -> Payment:
    values = {
        "provider": "stripe", "purpose": "full", "amount": 18_900, "currency": "GBP", "state": "paid",
        "captured": 18_900, "actor": "customer", "created_at": datetime(2026, 11, 24, 9, tzinfo=UTC), **values,
    }  # fmt: skip
    row = Payment(repair_id=repair.id, **values)
    db.session.add(row)
    db.session.commit()
    return row


@pytest.fixture
def two(cracked_iphone, session):
    """Hannah's paid card payment with a refund, and Ben's failed one by PayPal."""
    first = payment(cracked_iphone, provider_ref="pi_1", charge_ref="ch_1", refunded=2_000, fee=304)
    session.add(Refund(payment=first, amount=2_000, state="settled", reason="Scratched", actor="staff:1"))
    ben = factories.repair(customer=factories.customer("Ben Okoro", email="ben@example.com"))
    second = payment(
        ben, provider="paypal", state="failed", captured=0, amount=5_000, provider_ref="5O190127TN364715T",
        failure_code="INSTRUMENT_DECLINED", created_at=datetime(2026, 11, 25, 9, tzinfo=UTC),
    )  # fmt: skip
    session.commit()
    return first, second


@pytest.fixture
def boss(browser_of, manager):
    return browser_of(manager)


def listed(browser, **query) -> list[str]:
    """Tickets in the order in which they stand."""
    page = browser.get("/admin/payments/", query_string=query)
    assert page.status_code == 200
    return [part.partition("<")[0] for part in page.text.split("<td><b>")[1:]]


def test_newest_stands_first_with_its_way_state_and_amounts(boss, two):
    page = boss.get("/admin/payments/").text

    assert listed(boss) == [two[1].repair.number, two[0].repair.number]
    assert "INSTRUMENT DECLINED" in page
    assert "−£20.00" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "paid"}, [0]),
        ({"state": "failed"}, [1]),
        ({"state": "refunded"}, [0]),
        ({"state": "open"}, []),
        ({"state": "faulty"}, []),
        ({"state": "disputed"}, []),
        ({"provider": "paypal"}, [1]),
        ({"q": "pi_1"}, [0]),
        ({"q": "ch_1"}, [0]),
        ({"q": "5O190127TN364715T"}, [1]),
        ({"q": "okoro"}, [1]),
        ({"q": "hannah whit"}, [0]),
        ({"q": "nobody at all"}, []),
        ({"since": "2026-11-25"}, [1]),
        ({"until": "2026-11-24"}, [0]),
        ({"since": "2026-11-24", "until": "2026-11-25"}, [1, 0]),
    ],
)
def test_filters_and_search_select(boss, two, query, found):
    assert listed(boss, **query) == [two[place].repair.number for place in found]


def test_ticket_number_finds_its_payments(boss, two):
    assert listed(boss, q=two[0].repair.number) == [two[0].repair.number]


@pytest.mark.parametrize(
    "query", [{"since": "yesterday"}, {"until": "1066-10-14"}, {"state": "rich"}, {"provider": "gold"}]
)
def test_filter_that_cannot_be_read_is_named_and_left_out(boss, two, query):
    answer = boss.get("/admin/payments/", query_string=query)

    assert (answer.status_code, "This list has a filter that cannot be read." in answer.text) == (422, True)
    assert two[0].repair.number in answer.text


def test_pages_follow_each_other_without_gap_or_double(boss, cracked_iphone, session):
    rows = [payment(cracked_iphone, amount=100 + number) for number in range(53)]

    first = boss.get("/admin/payments/").text
    second = boss.get("/admin/payments/", query_string={"before": rows[3].id}).text

    assert (first.count("<td><b>"), second.count("<td><b>")) == (50, 3)
    assert f"before={rows[3].id}" in first


@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_the_same_statements_whatever_it_holds(boss, cracked_iphone, rows):
    for number in range(rows):
        payment(cracked_iphone, amount=100 + number)
    boss.get("/admin/payments/")

    sent = statements_of(lambda: boss.get("/admin/payments/"))

    assert len([one for one in sent if "payments" in one or "disputes" in one]) == 3


def test_page_shows_the_whole_conversation(boss, two, manager):
    first = two[0]
    db.session.add_all((
        ProviderCall(
            payment_id=first.id, provider="stripe", method="POST", path="/v1/payment_intents", status=200,
            request="amount=18900", response='{"id": "pi_1"}', request_id="req_42", milliseconds=12,
        ),
        ProviderEvent(
            provider="stripe", event_id="evt_1", kind="payment_intent.succeeded", payment_id=first.id, body=b"{}",
            state="done",
        ),
        Dispute(
            payment_id=first.id, provider_ref="dp_1", amount=18_900, currency="GBP", reason="fraudulent",
            due_by=datetime(2026, 12, 4, tzinfo=UTC),
        ),
    ))  # fmt: skip
    db.session.commit()

    page = boss.get(f"/admin/payments/{first.id}").text

    for words in ("/v1/payment_intents", "req_42", "payment_intent.succeeded", "evt_1", "dp_1", "fraudulent", "£3.04"):
        assert words in page
    assert "Scratched" in page


def test_disputes_stand_by_the_day_of_the_answer(boss, two):
    for day, ref in ((9, "dp_late"), (2, "dp_soon")):
        due_by = datetime(2026, 12, day, tzinfo=UTC)
        db.session.add(
            Dispute(
                payment_id=two[day == 9].id, provider_ref=ref, amount=1_00, currency="GBP", reason="fraudulent",
                due_by=due_by,
            )
        )  # fmt: skip
    db.session.commit()

    page = boss.get("/admin/payments/disputes").text

    assert page.index(two[0].repair.number) < page.index(two[1].repair.number)


def test_unknown_payment_is_absent(boss):
    assert boss.get("/admin/payments/4711").status_code == 404


def test_technician_sees_no_payments(browser_of, technician, two):
    browser = browser_of(technician)

    assert {browser.get(path).status_code for path in ("/admin/payments/", f"/admin/payments/{two[0].id}")} == {404}


def test_file_for_the_accountant_holds_every_row_in_plain_numbers(boss, two):
    answer = boss.get("/admin/payments/export")

    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [(row["ticket"], row["amount"], row["taken"], row["given back"], row["fee"]) for row in rows] == [
        (two[1].repair.number, "50.00", "0.00", "0.00", "0.00"),
        (two[0].repair.number, "189.00", "189.00", "20.00", "3.04"),
    ]


def test_file_holds_what_the_list_selects(boss, two):
    rows = boss.get("/admin/payments/export", query_string={"provider": "paypal"}).text.splitlines()

    assert len(rows) == 2
