"""What people do with a payment by a provider, against the simulator; and the log of what providers told us."""

import re

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.event import Event
from shop.models.payment import EventState, Payment, ProviderCall, ProviderEvent, Refund
from shop.models.refused_webhook import Refusal
from shop.services import ledger
from shop.services.payments import webhooks
from shop.services.payments.gateway import gateway_of
from shop.services.payments.refusals import note_refused
from tests.payments import iphone, simulator, till  # noqa: F401
from tests.statements import statements_of


@pytest.fixture
def boss(browser_of, manager):
    return browser_of(manager)


def text_of(answer) -> str:
    return " ".join(re.sub("<[^>]+>", " ", answer.text).split())


def fresh(payment: Payment) -> Payment:
    db.session.rollback()
    return db.session.get(Payment, payment.id, populate_existing=True)


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_online_payment_is_given_back_by_the_provider(till, iphone, boss, provider):  # noqa: F811
    payment = till.pay(iphone, provider)
    path = f"/admin/repairs/{iphone.number}/payments/{payment.id}/refund"

    assert "It goes back the way it came." in boss.get(path).text
    over = boss.post(path, data={"amount": "200.01", "reason": "Wrong part"})
    asked = boss.post(path, data={"amount": "50", "reason": "Wrong part"})
    till.work()

    assert (over.status_code, asked.status_code) == (422, 303)
    refund = db.session.scalars(select(Refund)).one()
    assert (refund.amount, refund.state, refund.reason) == (5_000, "settled", "Wrong part")
    assert till.books(provider) == till.balance(provider)
    page = text_of(boss.get(f"/admin/payments/{payment.id}"))
    assert "Wrong part" in page
    assert "−£50.00" in page


def test_who_paid_elsewhere_is_found_by_asking_again(till, iphone, boss):  # noqa: F811
    opened = till.start(iphone)
    gateway_of("stripe").confirm(
        opened.snapshot.ref, idempotency_key="elsewhere", method="pm_card_visa", return_url="http://127.0.0.1/back"
    )
    db.session.rollback()

    answer = boss.post(f"/admin/payments/{opened.payment.id}/ask")

    assert answer.status_code == 303
    assert "Asked again: this is how it stands." in boss.get(answer.location).text
    assert fresh(opened.payment).state == "paid"
    assert ledger.repair_balance(db.session.get(type(iphone), iphone.id)).owed == 0


def test_payment_of_the_demo_is_named_as_invented_and_no_provider_is_asked(simulator, iphone, boss, session):  # noqa: F811
    payment = Payment(
        repair_id=iphone.id, provider="stripe", purpose="full", amount=20_000, captured=20_000, currency="GBP",
        state="paid", provider_ref="demo_0123", charge_ref="demo_ch_0123", actor="customer",
    )  # fmt: skip
    session.add(payment)
    session.commit()
    path = f"/admin/payments/{payment.id}"

    page, answer = boss.get(path).text, boss.post(f"{path}/ask")
    refund = boss.post(
        f"/admin/repairs/{iphone.number}/payments/{payment.id}/refund", data={"amount": "5", "reason": "Late"}
    )

    assert "This payment was invented for the demo" in page
    assert (f'action="{path}/ask"' in page, "/refund" in page) == (False, False)
    assert f"payments/{payment.id}/refund" not in boss.get(f"/admin/repairs/{iphone.number}").text
    assert "This payment was invented for the demo" in boss.get(answer.location).text
    assert (refund.status_code, "invented for the demo" in refund.text) == (422, True)
    assert session.scalars(select(ProviderCall)).all() == []


def test_provider_that_is_down_is_said_and_nothing_changes(till, iphone, boss):  # noqa: F811
    opened = till.start(iphone)
    till.control("", faults={"stripe": {"fail_after": 50}})

    answer = boss.post(f"/admin/payments/{opened.payment.id}/give-up")

    assert "Stripe does not answer." in boss.get(answer.location).text
    assert fresh(opened.payment).state == "created"


def test_attempt_is_given_up_there_too(till, iphone, boss):  # noqa: F811
    opened = till.start(iphone)

    boss.post(f"/admin/payments/{opened.payment.id}/give-up")

    assert fresh(opened.payment).state == "cancelled"
    db.session.rollback()
    assert gateway_of("stripe").read(opened.snapshot.ref).state == "cancelled"


def test_fault_stays_until_somebody_has_seen_to_it(till, iphone, boss):  # noqa: F811
    payment = till.pay(iphone)
    payment.fault = "overpaid"
    db.session.commit()
    listed = boss.get("/admin/payments/?state=faulty").text

    boss.post(f"/admin/payments/{payment.id}/seen")
    boss.post(f"/admin/payments/{payment.id}/seen")

    assert iphone.number in listed
    assert fresh(payment).fault == ""
    cleared = db.session.scalars(select(Event).where(Event.verb == "payment.fault_cleared")).all()
    assert [event.actor.partition(":")[0] for event in cleared] == ["staff"]


@pytest.fixture
def heard(till, iphone):  # noqa: F811
    """A webhook about a payment of ours, and one about nobody's."""
    opened = till.start(iphone)
    rows = [
        ProviderEvent(
            provider="stripe", event_id=f"evt_{name}", kind="payment_intent.succeeded", object_ref=ref, version=0,
            body=b'{"id": "evt_%s", "data": {"object": {"id": "%s", "object": "payment_intent"}}}' % (
                name.encode(), ref.encode()
            ),
            headers='{"Stripe-Signature": "t=1,v1=ab"}', state=state,
        )
        for name, ref, state in (("ours", opened.snapshot.ref, "waiting"), ("theirs", "pi_other", "unknown"))
    ]  # fmt: skip
    db.session.add_all(rows)
    db.session.commit()
    return rows


def test_log_shows_what_came_and_finds_it(heard, boss):
    page = boss.get("/admin/payments/webhooks").text
    found = boss.get("/admin/payments/webhooks?q=pi_other").text

    assert page.index(f"/webhooks/{heard[1].id}") < page.index(f"/webhooks/{heard[0].id}")
    assert (f"/webhooks/{heard[1].id}" in found, f"/webhooks/{heard[0].id}" in found) == (True, False)
    assert f"/webhooks/{heard[0].id}" in boss.get("/admin/payments/webhooks?state=waiting&provider=stripe").text
    assert "No message matches." in boss.get("/admin/payments/webhooks?q=evt_none").text


def test_message_is_shown_byte_for_byte_with_its_headers(heard, boss):
    page = text_of(boss.get(f"/admin/payments/webhooks/{heard[1].id}"))

    assert "&#34;id&#34;: &#34;pi_other&#34;" in page
    assert "t=1,v1=ab" in page


def test_message_is_worked_on_again(heard, till, boss):  # noqa: F811
    boss.post(f"/admin/payments/webhooks/{heard[0].id}/replay")
    till.work()

    db.session.rollback()
    row = db.session.get(ProviderEvent, heard[0].id, populate_existing=True)
    assert row.state == EventState.DONE
    assert row.payment_id is not None
    assert webhooks.handle(heard[1].id) == EventState.UNKNOWN


def test_messages_are_for_who_may_see_the_books(heard, browser_of, front_desk):
    browser = browser_of(front_desk)

    paths = ("/admin/payments/webhooks", f"/admin/payments/webhooks/{heard[0].id}")
    assert {browser.get(path).status_code for path in paths} == {404}
    assert browser.post(f"/admin/payments/webhooks/{heard[0].id}/replay").status_code == 404


def test_refused_messages_stand_in_the_log_with_what_to_do(boss):
    note_refused("stripe", Refusal.STALE, b'{"id": "evt_<b>", "type": "charge.refunded"}', source="203.0.113.77")
    note_refused("paypal", Refusal.FORGED, b"no event")

    page = text_of(boss.get("/admin/payments/webhooks?state=refused"))
    found = text_of(boss.get("/admin/payments/webhooks?state=refused&provider=stripe&q=evt_%3Cb%3E"))

    assert page.index("The signature is wrong") < page.index("The signature is too old, or from the future")
    assert "compare the signing secret (Stripe)" in page
    assert ("Set this server’s clock." in found, "The signature is wrong" in found) == (True, False)
    assert ("evt_&lt;b&gt;" in found, "203.0.113.0/24" in found, "evt_<b>" in found) == (True, True, False)
    assert "The signature is" not in text_of(boss.get("/admin/payments/webhooks"))


@pytest.mark.parametrize("query", ["state=rich", "provider=gold", "provider=cash", "state=refused&provider=x"])
def test_log_refuses_a_filter_that_there_is_not(boss, query):
    answer = boss.get(f"/admin/payments/webhooks?{query}")

    assert answer.status_code == 422
    assert "There is no such choice." in answer.text


def test_page_of_refused_messages_is_one_statement_whatever_their_number(boss):
    for _ in range(3):
        note_refused("stripe", Refusal.STALE, b"")
    boss.get("/admin/payments/webhooks?state=refused")
    sent = statements_of(lambda: boss.get("/admin/payments/webhooks?state=refused"))

    assert sum("FROM refused_webhooks" in each for each in sent) == 1
