import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.ledger import Kind, payment_posting
from shop.models.payment import Payment, PaymentState, Reconciliation
from shop.services import ledger, ledger_check
from shop.services.payments import attempts, refunds
from shop.services.payments.gateway import ProviderDown
from shop.services.payments.reconcile import reconcile, reconcile_due

PROVIDERS = pytest.mark.parametrize("provider", ["stripe", "paypal"])


def today():
    return datetime.now(UTC).date()


def differences(row: Reconciliation) -> list[str]:
    return json.loads(row.differences)


def confirm(simulator, payment) -> None:
    """The customer pays, and nobody tells us."""
    params = {"payment_method": "pm_card_visa", "return_url": "https://shop.example"}
    simulator.stripe(simulator.key).v1.payment_intents.confirm(payment.provider_ref, params)


@PROVIDERS
def test_a_day_on_which_all_was_heard_does_not_differ(till, iphone, manager, provider):
    payment = till.pay(iphone, provider)
    refund = refunds.request_refund(payment.id, 5_000, "Scratched", actor=manager.actor)
    db.session.commit()
    refunds.send_refund(refund.id)
    db.session.commit()
    made = till.control("/dispute", payment=payment.charge_ref)
    till.settle(payment, disputed=True)
    till.control("/close-dispute", dispute=made["id"], won=True)
    till.settle(payment)

    row = reconcile(provider, today())

    assert (row.compared, row.settled, differences(row)) == (4, 0, [])


@PROVIDERS
def test_what_the_demo_invented_is_looked_for_at_no_provider(iphone, simulator, session, provider):
    payment = Payment(
        repair_id=iphone.id, provider=provider, purpose="full", amount=700, captured=700, currency="GBP",
        state="paid", provider_ref="demo_0123", actor="customer",
    )  # fmt: skip
    session.add(payment)
    session.flush()
    ledger.post(
        f"{provider}:payment:{payment.key}", Kind.PAYMENT, payment_posting(provider, 700), currency="GBP",
        actor=SYSTEM, repair_id=iphone.id, payment_id=payment.id,
    )  # fmt: skip
    session.commit()

    row = reconcile(provider, today())

    assert (row.compared, differences(row)) == (0, [])


def test_what_nobody_told_us_of_is_mended(till, iphone, simulator, session):
    payment = till.start(iphone).payment
    confirm(simulator, payment)

    row = reconcile("stripe", today())

    assert (row.compared, row.settled, row.found) == (1, 1, 0)
    assert session.get(Payment, payment.id).state == PaymentState.PAID
    assert ledger_check.verify() == []


def test_a_refund_at_the_provider_and_one_that_came_back_are_mended(till, iphone, simulator):
    payment = till.pay(iphone, method="pm_card_refundFail")
    simulator.stripe(simulator.key).v1.refunds.create({"payment_intent": payment.provider_ref, "amount": 900})
    first = reconcile("stripe", today())
    till.control("/advance-time", seconds=10)

    second = reconcile("stripe", today())

    assert (first.settled, first.found, second.settled, second.found) == (1, 0, 1, 0)
    assert till.books("stripe") == till.balance("stripe")


@PROVIDERS
def test_a_lost_dispute_that_nobody_told_us_of_is_mended(till, iphone, provider):
    payment = till.pay(iphone, provider)
    made = till.control("/dispute", payment=payment.charge_ref)
    till.control("/close-dispute", dispute=made["id"], won=False)

    row = reconcile(provider, today())

    assert (row.settled, differences(row)) == (1, [])
    assert till.books(provider) == till.balance(provider)


def test_money_that_is_not_ours_to_know_is_named(till, simulator):
    client = simulator.stripe(simulator.key)
    params = {"amount": 700, "currency": "gbp", "payment_method": "pm_card_visa", "confirm": True,
              "return_url": "https://shop.example"}  # fmt: skip
    intent = client.v1.payment_intents.create(params)

    row = reconcile("stripe", today())

    assert differences(row) == [f"{intent.latest_charge}: payment of +700 GBP is not in our books."]


def test_what_only_our_books_know_is_named(till, iphone, session):
    payment = till.pay(iphone)
    posting = payment_posting("stripe", 500)
    facts = {"currency": "GBP", "actor": SYSTEM, "repair_id": iphone.id, "payment_id": payment.id}
    ledger.post("stripe:charge:ch_invented", Kind.PAYMENT, posting, **facts)
    session.commit()

    row = reconcile("stripe", today())

    assert differences(row) == [
        f"stripe:charge:ch_invented (payment {payment.id}): +500 GBP is not in stripe's list.",
    ]


def test_another_amount_in_our_books_is_named(till, iphone, session):
    payment = till.start(iphone).payment
    posting = payment_posting("stripe", 500)
    facts = {"currency": "GBP", "actor": SYSTEM, "repair_id": iphone.id, "payment_id": payment.id}
    till.pay(iphone, purpose="deposit")
    deposit = session.scalars(select(Payment).where(Payment.purpose == "deposit")).one()
    ledger.post(f"stripe:charge:{deposit.charge_ref}x", Kind.PAYMENT, posting, **facts)
    session.commit()

    assert len(differences(reconcile("stripe", today()))) == 1


def test_the_night_does_yesterday_once(till, iphone, simulator, session):
    tomorrow = today() + timedelta(days=1)
    till.pay(iphone)

    first = reconcile_due(("stripe", "paypal"), tomorrow)
    second = reconcile_due(("stripe", "paypal"), tomorrow)

    assert [(row.provider, row.day, row.compared) for row in first] == [("stripe", today(), 1), ("paypal", today(), 0)]
    assert second == []


def test_a_provider_that_is_away_is_left_for_the_next_hour(till, app, monkeypatch, session):
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
    app.extensions["shop_gateways"].clear()

    assert [row.provider for row in reconcile_due(("stripe", "paypal"), today())] == ["paypal"]
    with pytest.raises(ProviderDown):
        reconcile("stripe", today())
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Reconciliation)) == 1


def test_the_command_says_what_differs(till, iphone, app, simulator):
    till.pay(iphone)
    run = app.test_cli_runner()

    good = run.invoke(args=["payments", "reconcile", "--day", today().isoformat()])
    client = simulator.stripe(simulator.key)
    params = {"amount": 700, "currency": "gbp", "payment_method": "pm_card_visa", "confirm": True,
              "return_url": "https://shop.example"}  # fmt: skip
    client.v1.payment_intents.create(params)
    bad = run.invoke(args=["payments", "reconcile", "--provider", "stripe", "--day", today().isoformat()])

    assert good.exit_code == 0
    assert good.stdout.splitlines() == [
        f"stripe, {today()}: 1 compared, 0 mended, 0 differ.",
        f"paypal, {today()}: 0 compared, 0 mended, 0 differ.",
    ]
    assert bad.exit_code == 1
    assert "payment of +700 GBP is not in our books." in bad.stderr
    assert bad.stdout == f"stripe, {today()}: 2 compared, 0 mended, 1 differ.\n"


def test_a_refund_that_came_and_went_unheard_is_in_the_books_twice(till, iphone, simulator):
    payment = till.pay(iphone, method="pm_card_refundFail")
    simulator.stripe(simulator.key).v1.refunds.create({"payment_intent": payment.provider_ref, "amount": 900})
    till.control("/advance-time", seconds=10)

    row = reconcile("stripe", today())

    assert (row.settled, differences(row)) == (1, [])
    assert payment.refunded == 0
    assert ledger_check.verify() == []


def test_what_was_never_opened_is_given_up_after_a_day(till, iphone, session):
    payment = attempts.start_payment(attempts.lock_by_token(iphone.tracking_token), "stripe", "full", actor=SYSTEM)
    session.commit()
    reconcile("stripe", today())
    still = payment.state
    payment.created_at -= timedelta(days=2)
    session.commit()

    reconcile("stripe", today())

    assert (still, payment.state) == (PaymentState.CREATED, PaymentState.CANCELLED)
