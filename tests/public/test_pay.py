"""Paying by the private link, and the way back from a provider."""

import re

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.payment import Payment, PaymentState
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import bookings, merges, repairs
from shop.services.payments import attempts, breaker, held
from tests import factories
from tests.booking.walk import Visitor
from tests.bookings import request

REAL = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1", "PAYPAL_CLIENT_ID": "real"}


def path(repair, rest: str = "") -> str:
    return f"/track/{repair.tracking_token}/pay{rest}"


def policy(answer) -> dict[str, list[str]]:
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: sources.split() for name, _, sources in (part.partition(" ") for part in parts)}


@pytest.fixture
def opened(till, iphone):
    return till.start(iphone)


def come_back(client, repair, key: str):
    return client.get(path(repair, f"/return?payment={key}"))


def test_the_page_asks_for_all_that_is_owed(stranger, iphone):
    answer = stranger.get(path(iphone))

    assert answer.status_code == 200
    assert "Pay £200.00" in answer.text
    assert f'action="{path(iphone)}/stripe"' in answer.text
    assert f'action="{path(iphone)}/paypal"' in answer.text
    assert "This is a test: no money moves." in answer.text


def test_the_page_says_which_way_does_not_answer(stranger, iphone):
    before = stranger.get(path(iphone)).text
    for _ in range(breaker.MISSES):
        breaker.note_silence("paypal")
    page = stranger.get(path(iphone)).text

    words = "This way to pay does not answer at the moment. Nothing is lost"
    assert (before.count(words), page.count(words)) == (0, 1)
    assert page.index("data-paypal ") < page.index(words) < page.index("data-paypal-form")


def test_after_a_part_the_rest_is_asked_for(stranger, iphone, till):
    till.pay(iphone, purpose="deposit")

    assert "Pay £150.00" in stranger.get(path(iphone)).text


def test_where_nothing_is_owed_there_is_no_form(stranger, iphone, till):
    till.pay(iphone)

    page = stranger.get(path(iphone)).text

    assert "There is nothing to pay." in page
    assert "data-checkout" not in page


def test_a_cancelled_repair_asks_for_nothing(stranger, iphone, owner):
    repairs.move(repairs.lock_repair(iphone.number), State.CANCELLED, actor=owner.actor)
    db.session.commit()

    assert "There is nothing to pay." in stranger.get(path(iphone)).text


@pytest.mark.parametrize("rest", ["", "/return?payment=x"])
def test_a_link_that_nobody_has_leads_nowhere(stranger, app, rest):
    assert stranger.get(f"/track/{'A' * 22}/pay{rest}").status_code == 404
    assert stranger.post(f"/track/{'A' * 22}/pay/stripe").status_code == 404


def test_cash_is_not_paid_by_link(stranger, iphone):
    assert stranger.post(path(iphone, "/cash")).status_code in (404, 405)


def test_a_merged_ticket_leads_to_the_one_that_stays(stranger, iphone, manager):
    stays = factories.repair(customer=iphone.customer)
    merges.merge(*repairs.lock_pair(iphone.number, stays.number), actor=manager.actor)
    db.session.commit()

    assert stranger.get(path(iphone)).headers["Location"] == path(stays)


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_the_way_without_a_script_writes_one_attempt(stranger, iphone, till, provider):
    answers = [stranger.post(path(iphone, f"/{provider}")) for _ in range(2)]

    db.session.rollback()
    payment = db.session.scalars(select(Payment)).one()
    assert {answer.status_code for answer in answers} == {303}
    assert (payment.provider, payment.purpose, payment.amount) == (provider, "balance", 20_000)


def test_a_real_card_is_not_paid_without_a_script(stranger, iphone, till, app, monkeypatch):
    monkeypatch.setitem(app.config["SETTINGS"].__pydantic_private__, "_simulated", frozenset())

    answer = stranger.post(f"/track/{iphone.tracking_token}/pay/stripe", follow_redirects=True)

    assert answer.request.path == f"/track/{iphone.tracking_token}/pay"
    assert "Paying by card needs JavaScript." in answer.text
    assert db.session.scalars(select(Payment)).all() == []


def test_what_is_not_owed_cannot_be_begun(stranger, iphone, till):
    till.pay(iphone)

    answer = stranger.post(path(iphone, "/stripe"), follow_redirects=True)

    assert "There is nothing to pay." in answer.text
    assert len(db.session.scalars(select(Payment)).all()) == 1


@pytest.mark.parametrize("key", ["", "0" * 32, "x" * 500, "%00", "' OR 1=1 --"])
def test_the_way_back_with_a_key_that_is_not_ours_is_not_found(stranger, iphone, key):
    assert come_back(stranger, iphone, key).status_code == 404


def test_the_key_of_another_customers_payment_is_not_found(stranger, opened):
    other = factories.repair(customer=factories.customer("Ana Lima", email="ana@example.com"))

    assert come_back(stranger, other, opened.payment.key).status_code == 404


def test_coming_back_paid_thanks_however_often(stranger, iphone, till, opened, verbs):
    till.simulator.stripe(till.simulator.key).v1.payment_intents.confirm(
        opened.snapshot.ref, {"payment_method": "pm_card_visa", "return_url": "http://127.0.0.1:8000/"}
    )

    answers = [come_back(stranger, iphone, opened.payment.key) for _ in range(3)]

    db.session.rollback()
    assert {answer.headers["Location"] for answer in answers} == {f"/track/{iphone.tracking_token}"}
    assert verbs() == ["payment.settled"]
    assert till.books("stripe") == till.balance("stripe")
    assert "Thank you: the payment has arrived." in stranger.get(f"/track/{iphone.tracking_token}").text


def test_coming_back_from_paypal_takes_what_was_agreed_to(stranger, iphone, till):
    opened = till.start(iphone, "paypal")
    till.control("/approve", order=opened.snapshot.ref)

    come_back(stranger, iphone, opened.payment.key)
    come_back(stranger, iphone, opened.payment.key)

    db.session.rollback()
    assert db.session.scalars(select(Payment.state)).all() == [PaymentState.PAID]
    assert till.books("paypal") == till.balance("paypal")


def test_coming_back_unpaid_leads_to_the_page_with_words(stranger, iphone, opened):
    answer = come_back(stranger, iphone, opened.payment.key)

    assert answer.headers["Location"] == path(iphone)
    assert "The payment was not finished. Nothing was taken." in stranger.get(path(iphone)).text


def test_a_declined_card_is_said_in_words(stranger, iphone, till):
    payment = till.pay(iphone, method="pm_card_chargeDeclinedInsufficientFunds")

    come_back(stranger, iphone, payment.key)

    assert "there is not enough money on the card" in stranger.get(path(iphone)).text


def test_a_provider_that_is_down_loses_nothing(stranger, iphone, opened, app, monkeypatch):
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setitem(app.extensions, "shop_gateways", {})

    answer = come_back(stranger, iphone, opened.payment.key)

    db.session.rollback()
    assert (answer.status_code, answer.headers["Location"]) == (303, path(iphone))
    assert "The payment company does not answer." in stranger.get(path(iphone)).text
    assert db.session.get(Payment, opened.payment.id).state == PaymentState.CREATED


def test_a_declined_payment_of_the_rest_does_not_lead_into_the_wizard(stranger, app, till):
    visitor = Visitor(stranger).come_to("confirmed")
    repair = db.session.scalars(select(Repair)).one()
    db.session.rollback()
    payment = till.pay(repair, purpose="balance", method="pm_card_chargeDeclined")

    assert visitor.token
    assert come_back(stranger, repair, payment.key).headers["Location"] == path(repair)


def test_a_deposit_that_is_declined_leads_back_into_the_wizard(stranger, app, till):
    visitor = Visitor(stranger).come_to("service")
    visitor.choose_service(place=10, urgency="express")
    visitor.give_details()
    visitor.book()
    db.session.rollback()
    repair = db.session.scalars(select(Repair)).one()
    payment = till.pay(repair, purpose="deposit", method="pm_card_chargeDeclined")

    assert come_back(stranger, repair, payment.key).headers["Location"] == f"/book/{visitor.token}/pay"


def test_a_deposit_that_arrived_leads_to_the_confirmation_without_a_draft_to_the_repair(stranger, app, till):
    repair = bookings.create_booking(request(urgency="express"), actor=CUSTOMER, source="api")
    db.session.commit()
    payment = till.pay(repair, purpose="deposit")

    assert come_back(stranger, repair, payment.key).headers["Location"] == f"/track/{repair.tracking_token}"


def test_pages_with_simulated_providers_load_nothing_from_elsewhere(stranger, iphone):
    answer = stranger.get(path(iphone))

    rules = policy(answer)
    assert rules == policy(stranger.get("/"))
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
    assert answer.headers["Referrer-Policy"] == "strict-origin"
    assert stranger.get("/").headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert [source for source in re.findall(r'<script[^>]* src="([^"]+)"', answer.text) if "//" in source] == []


@pytest.mark.parametrize(
    ("simulated", "hosts", "not_hosts"),
    [(set(), ("stripe.com", "paypal.com"), ()), ({"paypal"}, ("stripe.com",), ("paypal.com", "paypalobjects.com")),
     ({"stripe"}, ("paypal.com",), ("stripe.com",))],
)  # fmt: skip
def test_real_providers_are_let_in_and_nobody_else(stranger, iphone, app, monkeypatch, simulated, hosts, not_hosts):
    settings = app.config["SETTINGS"]
    monkeypatch.setitem(settings.__pydantic_private__, "_simulated", frozenset(simulated))
    for name, value in REAL.items():
        monkeypatch.setattr(settings, name, value)

    answer = stranger.get(path(iphone))

    rules = policy(answer)
    header = answer.headers["Content-Security-Policy"]
    foreign = {source for sources in rules.values() for source in sources if "." in source}
    own = policy(stranger.get("/"))
    assert "unsafe-" not in header
    assert [word for word in header.replace(";", " ").split() if word in ("*", "https:", "http:")] == []
    assert all(source.startswith("https://") for source in foreign)
    assert all(source.endswith((".stripe.com", ".paypal.com", ".paypalobjects.com")) for source in foreign)
    assert all(any(source.endswith(host) for source in foreign) for host in hosts)
    assert not any(source.endswith(host) for source in foreign for host in not_hosts)
    changed = {name for name in rules if rules[name] != own[name]}
    assert changed == {"script-src", "frame-src", "connect-src", "img-src"}
    assert all(rules[name][: len(own[name])] == own[name] for name in own)
    for source in re.findall(r'<script[^>]* src="(https://[^"]+)"', answer.text):
        assert re.match(r"https://(js\.stripe\.com|www\.paypal\.com)/", source)


@pytest.fixture
def asked_to_hold(till, iphone, front_desk):
    payment = held.ask_to_hold(repairs.lock_repair(iphone.number), 15_000, actor=front_desk.actor)
    db.session.commit()
    return payment


def test_the_page_offers_exactly_the_hold_that_staff_ask_for(stranger, iphone, asked_to_hold):
    page = stranger.get(path(iphone)).text

    assert "We hold £150.00 on your card now." in page
    assert "at most £150.00" in page
    assert 'data-purpose="hold"' in page
    assert "data-stripe-form" in page
    assert "data-paypal-form" not in page


def test_who_would_rather_pay_than_have_it_held_is_let(stranger, iphone, till, asked_to_hold):
    all_of_it = path(iphone, "?pay=all")
    offered = stranger.get(path(iphone)).text
    page = stranger.get(all_of_it).text

    begun = stranger.post(path(iphone, "/paypal?pay=all"))

    payment = db.session.scalars(select(Payment).order_by(Payment.id.desc())).first()
    assert f'href="{all_of_it}"' in offered
    assert "Pay £200.00" in page
    assert 'data-purpose="balance"' in page
    assert f'action="{path(iphone)}/paypal?pay=all"' in page
    assert "Rather pay now?" not in page
    assert (begun.status_code, payment.purpose, payment.amount) == (303, "balance", 20_000)

    returned = come_back(stranger, iphone, payment.key)
    assert returned.location == all_of_it
    till.control("/approve", order=payment.provider_ref)
    till.settle(payment)
    till.work()

    assert db.session.get(Payment, asked_to_hold.id).state == PaymentState.CANCELLED
    assert "There is nothing to pay." in stranger.get(path(iphone)).text


def test_a_choice_that_there_is_not_is_passed_over(stranger, iphone, asked_to_hold):
    assert 'data-purpose="hold"' in stranger.get(path(iphone, "?pay=nothing")).text
    assert stranger.post(path(iphone, "/paypal")).location == path(iphone)


def test_what_is_held_is_said_and_not_called_paid(stranger, iphone, till, asked_to_hold):
    stranger.post(path(iphone, "/stripe"))
    db.session.rollback()
    attempts.confirm_payment(asked_to_hold.id, method="pm_card_visa")
    db.session.commit()

    answer = come_back(stranger, iphone, asked_to_hold.key)

    db.session.rollback()
    assert len(db.session.scalars(select(Payment)).all()) == 1
    tracked = stranger.get(answer.headers["Location"]).text
    assert "Thank you: £150.00 are held on your card. Nothing was taken yet." in tracked
    assert "£150.00 are held on your card, not taken." in tracked
    page = stranger.get(path(iphone)).text
    assert "Pay £50.00" in page
    assert "£150.00 are held on your card, not taken." in page


def test_who_has_all_of_it_held_is_not_asked_to_pay(stranger, iphone, till, front_desk):
    track = f"/track/{iphone.tracking_token}"
    assert "Pay online" in stranger.get(track).text
    held.ask_to_hold(attempts.lock_by_token(iphone.tracking_token), iphone.total, actor=front_desk.actor)
    db.session.commit()
    till.pay(iphone, purpose="hold")

    assert "Pay online" not in stranger.get(track).text
