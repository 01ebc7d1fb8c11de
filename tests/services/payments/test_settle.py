import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.errors import NotFound
from shop.models.event import Event
from shop.models.ledger import LedgerTransaction
from shop.models.payment import DisputeState, Fault, Payment, PaymentState, ProviderCall
from shop.models.workflow import State
from shop.services import counter, drawers, ledger, ledger_check, relay, repairs
from shop.services.locations import home_location
from shop.services.payments import attempts, settle, wire
from shop.services.payments.gateway import ProviderDown

PROVIDERS = pytest.mark.parametrize("provider", ["stripe", "paypal"])


@PROVIDERS
def test_what_the_provider_took_is_paid_and_in_the_books(till, iphone, verbs, provider):
    payment = till.pay(iphone, provider)

    assert (payment.state, payment.captured, payment.fault) == (PaymentState.PAID, 20_000, "")
    assert payment.charge_ref
    assert payment.fee > 0
    assert till.books(provider) == till.balance(provider) == 20_000 - payment.fee
    assert ledger.repair_balance(iphone).owed == 0
    assert verbs() == ["payment.settled"]
    assert ledger_check.verify() == []


@PROVIDERS
def test_settling_again_changes_nothing(till, iphone, verbs, session, provider):
    payment = till.pay(iphone, provider)
    version, posted = payment.version, session.scalar(select(func.count()).select_from(LedgerTransaction))

    for _ in range(3):
        till.settle(payment)

    assert payment.version == version
    assert session.scalar(select(func.count()).select_from(LedgerTransaction)) == posted
    assert verbs() == ["payment.settled"]


def test_a_declined_card_fails_and_another_pays_the_same_attempt(till, iphone, verbs):
    payment = till.pay(iphone, method="pm_card_visa_chargeDeclinedInsufficientFunds")
    failed = (payment.state, payment.failure_code, payment.captured)

    again = till.pay(iphone)

    assert failed == (PaymentState.FAILED, "insufficient_funds", 0)
    assert (again.id, again.state, again.failure_code) == (payment.id, PaymentState.PAID, "")
    assert verbs() == ["payment.failed", "payment.settled"]
    assert till.books("stripe") == till.balance("stripe")


def test_a_bank_that_asks_leaves_the_payment_open_until_it_is_answered(till, iphone):
    payment = till.pay(iphone, method="pm_card_authenticationRequired")
    asked = payment.state

    till.control("/authenticate", intent=payment.provider_ref)

    assert asked == PaymentState.ACTION_NEEDED
    assert till.settle(payment).state == PaymentState.PAID


def test_paypal_money_that_is_on_its_way_is_not_paid(till, iphone, simulator):
    opened = till.start(iphone, "paypal")
    till.control("/approve", order=opened.snapshot.ref, funding="echeck")

    waiting = till.settle(opened.payment).state
    till.control("/advance-time", seconds=10)

    assert waiting == PaymentState.PROCESSING
    assert till.settle(opened.payment).state == PaymentState.PAID
    assert till.books("paypal") == till.balance("paypal")


def test_paypal_wallet_that_declines_is_a_failed_payment(till, iphone):
    opened = till.start(iphone, "paypal")
    till.control("/approve", order=opened.snapshot.ref, funding="declined")

    payment = till.settle(opened.payment)

    assert (payment.state, payment.failure_code) == (PaymentState.FAILED, "INSTRUMENT_DECLINED")
    till.control("/approve", order=opened.snapshot.ref)
    assert till.settle(payment).state == PaymentState.PAID


def test_paypal_order_of_a_cancelled_repair_is_not_captured(till, iphone, manager):
    opened = till.start(iphone, "paypal")
    cancel(iphone, manager)
    till.control("/approve", order=opened.snapshot.ref)

    payment = till.settle(opened.payment)

    assert payment.state == PaymentState.AUTHORISED
    assert till.balance("paypal") == 0


@PROVIDERS
def test_another_amount_is_never_taken_as_paid(till, iphone, verbs, session, provider):
    opened = till.start(iphone, provider)
    session.execute(db.update(Payment).values(amount=30_000))
    session.commit()
    if provider == "paypal":
        till.control("/approve", order=opened.snapshot.ref)
    else:
        attempts.confirm_payment(opened.payment.id, method="pm_card_visa")
        session.commit()

    payment = till.settle(opened.payment)

    assert payment.fault == Fault.MISMATCH
    assert payment.state != PaymentState.PAID
    assert verbs() == ["payment.mismatched"]
    assert ledger.balances() == {}


def test_money_for_a_cancelled_repair_is_kept_and_said(till, iphone, manager, verbs):
    opened = till.start(iphone)
    cancel(iphone, manager)

    attempts.confirm_payment(opened.payment.id, method="pm_card_visa")
    db.session.commit()

    payment = db.session.get(Payment, opened.payment.id)
    assert (payment.state, payment.fault) == (PaymentState.PAID, Fault.LATE)
    assert verbs() == ["payment.settled", "payment.late"]
    assert ledger.repair_balance(iphone).held == 20_000


def test_mark_of_too_much_goes_with_the_refund_of_any_of_its_payments(till, iphone, manager, session):
    """More came than was owed by card; the cash of the counter goes back instead."""
    drawers.open_drawer(home_location(), currency="GBP", float_amount=0, minimum_float=0, actor=manager.actor)
    opened = till.start(iphone)
    cash = counter.take(repairs.lock_repair(iphone.number), 5_000, provider="cash", actor=manager.actor).payment
    session.commit()
    attempts.confirm_payment(opened.payment.id, method="pm_card_visa")
    session.commit()
    card = till.settle(opened.payment)
    assert card.fault == "overpaid"

    repairs.lock_repair(iphone.number)
    counter.give_back(cash, 4_000, reason="Paid twice", actor=manager.actor)
    session.commit()
    assert card.fault == "overpaid"
    repairs.lock_repair(iphone.number)
    counter.give_back(cash, 1_000, reason="Paid twice", actor=manager.actor)
    session.commit()

    assert (card.fault, ledger.repair_balance(iphone).owed) == ("", 0)


def test_who_pays_by_two_ways_has_overpaid_and_it_is_said_once(till, iphone, verbs):
    first, second = till.start(iphone), till.start(iphone, "paypal")
    till.control("/approve", order=second.snapshot.ref)
    till.settle(second.payment)
    attempts.confirm_payment(first.payment.id, method="pm_card_visa")
    db.session.commit()

    till.settle(first.payment)

    assert db.session.get(Payment, first.payment.id).fault == Fault.OVERPAID
    assert verbs() == ["payment.settled", "payment.superseded", "payment.settled", "payment.overpaid"]
    assert ledger.repair_balance(iphone).owed == -20_000


def test_a_dispute_takes_the_money_and_winning_brings_it_back(till, iphone, verbs):
    payment = till.pay(iphone)
    made = till.control("/dispute", payment=payment.charge_ref)
    till.settle(payment)
    open_ones = [(dispute.state, dispute.amount, dispute.due_by is not None) for dispute in payment.disputes]
    taken = till.books("stripe") == till.balance("stripe") < 0

    till.control("/close-dispute", dispute=made["id"], won=True)
    till.settle(payment)

    assert open_ones == [(DisputeState.OPEN, 20_000, True)]
    assert taken
    assert [dispute.state for dispute in payment.disputes] == [DisputeState.WON]
    assert till.books("stripe") == till.balance("stripe")
    assert ledger.balance("disputes", currency="GBP") == 0
    assert verbs() == ["payment.settled", "payment.disputed", "payment.dispute_closed"]
    assert ledger_check.verify() == []


@PROVIDERS
def test_a_lost_dispute_is_owed_again(till, iphone, provider):
    payment = till.pay(iphone, provider)
    made = till.control("/dispute", payment=payment.charge_ref)
    till.settle(payment, disputed=True)

    till.control("/close-dispute", dispute=made["id"], won=False)
    till.settle(payment)

    assert [dispute.state for dispute in payment.disputes] == [DisputeState.LOST]
    assert till.books(provider) == till.balance(provider)
    assert ledger.balance("disputes", currency="GBP") == 0
    assert ledger.repair_balance(iphone).owed == 20_000
    assert payment.state == PaymentState.PAID
    assert ledger_check.verify() == []


def test_refunds_made_at_the_provider_are_taken_over(till, iphone, simulator, verbs):
    payment = till.pay(iphone)
    simulator.stripe(simulator.key).v1.refunds.create({"payment_intent": payment.provider_ref, "amount": 5_000})

    till.settle(payment)

    assert [(refund.amount, refund.state, refund.actor) for refund in payment.refunds] == [
        (5_000, "settled", "provider")
    ]
    assert payment.refunded == 5_000
    assert till.books("stripe") == till.balance("stripe")
    assert verbs() == ["payment.settled", "payment.refunded"]
    assert ledger_check.verify() == []


def test_the_whole_conversation_is_on_record_without_secrets(till, iphone, session):
    payment = till.pay(iphone)

    calls = session.scalars(select(ProviderCall).order_by(ProviderCall.id)).all()
    create = calls[0]
    assert (create.method, create.path, create.status) == ("POST", "/v1/payment_intents", 200)
    assert create.idempotency_key == payment.idempotency_key("create")
    assert create.request_id.startswith("req_")
    assert {call.payment_id for call in calls} == {payment.id}
    text = "".join(call.request + call.response for call in calls)
    assert "_secret_" not in text
    assert payment.provider_ref in text


def test_paypal_token_is_never_on_record(till, iphone, session):
    till.pay(iphone, "paypal")

    texts = [call.response for call in session.scalars(select(ProviderCall)) if call.path == "/v1/oauth2/token"]
    assert len(texts) == 1
    assert '"access_token": "…"' in texts[0]


def test_nobody_is_called_while_a_transaction_is_open(till, iphone):
    payment = till.start(iphone).payment
    db.session.get(Payment, payment.id)

    with pytest.raises(wire.LockHeld):
        attempts.gateway_of("stripe").read(payment.provider_ref)


def test_a_provider_that_is_away_changes_nothing_and_is_said(till, iphone, monkeypatch, app):
    payment = till.start(iphone).payment
    version = payment.version
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
    app.extensions["shop_gateways"].clear()

    with pytest.raises(ProviderDown):
        till.settle(payment)

    db.session.rollback()
    assert db.session.get(Payment, payment.id).version == version


def test_settling_what_does_not_exist_is_not_found(till):
    with pytest.raises(NotFound):
        settle.settle(1)


def test_a_payment_that_was_decided_meanwhile_is_asked_about_again(till, iphone, verbs):
    """The slower of two who ask has an old answer: it must not write it."""
    opened = till.start(iphone)
    asked = []

    def slow(payment):
        snapshot = attempts.gateway_of("stripe").read(payment.provider_ref)
        if not asked:
            attempts.confirm_payment(payment.id, method="pm_card_visa")
            db.session.commit()
        asked.append(snapshot.state)
        return snapshot

    payment = settle.settle_by(opened.payment.id, slow)
    db.session.commit()

    assert asked == [PaymentState.CREATED, PaymentState.PAID]
    assert payment.state == PaymentState.PAID
    assert verbs() == ["payment.settled"]


def test_events_of_a_payment_are_sealed_in_the_life_of_its_repair(till, iphone, session):
    payment = till.pay(iphone)
    relay.relay_batch()
    session.commit()

    event = session.scalars(select(Event).where(Event.verb == "payment.settled")).one()
    assert event.aggregate == f"repair:{iphone.id}"
    assert event.actor == SYSTEM.reference
    assert f'"payment":{payment.id}' in event.body


def cancel(repair, person) -> None:
    repairs.move(repairs.lock_repair(repair.number), State.CANCELLED, actor=person.actor)
    db.session.commit()


def test_once_it_is_paid_what_else_was_begun_is_given_up(till, iphone, verbs):
    deposit, paypal = till.start(iphone, purpose="deposit").payment, till.start(iphone, "paypal").payment

    payment = till.pay(iphone)
    till.work()

    assert payment.state == PaymentState.PAID
    assert [deposit.state, paypal.state] == [PaymentState.CANCELLED, PaymentState.CANCELLED]
    assert verbs() == ["payment.settled", *["payment.superseded"] * 2, *["payment.cancelled"] * 2]


def test_after_a_deposit_an_attempt_at_the_rest_stays_open(till, iphone):
    till.pay(iphone, purpose="deposit")
    rest = till.start(iphone, "paypal", "balance").payment

    till.work()

    assert (rest.state, rest.amount) == (PaymentState.ACTION_NEEDED, 15_000)


def test_paypal_takes_nothing_for_what_is_paid_already(till, iphone):
    opened = till.start(iphone, "paypal")
    till.pay(iphone)
    till.control("/approve", order=opened.snapshot.ref)

    assert till.settle(opened.payment).state == PaymentState.AUTHORISED
    assert till.balance("paypal") == 0


def test_who_has_written_something_must_commit_before_a_provider_is_asked(till, iphone, session):
    payment = till.start(iphone).payment
    session.execute(db.update(Payment).values(method="x"))

    with pytest.raises(settle.Unfinished):
        settle.settle(payment.id)
    session.commit()

    settle.settle(payment.id)
