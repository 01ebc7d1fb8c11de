"""Money moves once: whoever dies where, in whatever order and however often we hear of it.

The judge is the provider's own account, never our memory of what we did.
"""

import json
import os
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.errors import ProviderDown
from shop.models.payment import EventState, Payment, ProviderEvent, Refund, RefundState
from shop.services import ledger, ledger_check, repairs
from shop.services.payments import attempts, held, refunds
from shop.services.payments import settle as settling
from shop.services.payments.reconcile import reconcile
from shop.services.payments.settle import settle
from shop.services.payments.stripe_gateway import StripeGateway
from shop.simulator.signatures import stripe_signature
from tests.faults.lives import Died

PRICE, BACK = 20_000, 5_000
IS_FULL = os.environ.get("FAULTS") == "full"
PROVIDERS = pytest.mark.parametrize("provider", ["stripe", "paypal"])
POINTS = pytest.mark.parametrize(
    "point", ["before_call", "after_call_before_answer", "after_answer_before_commit", "after_commit", "after_all"]
)


@dataclass
class Mortal:
    """Does one step of money, dies at `point` of it, comes back, and does it again as its job would."""

    till: object
    point: str
    provider: str

    def does(self, step) -> None:
        try:
            self._once(step)
        except (Died, ProviderDown):
            db.session.rollback()
        self._faults(fail_after=0)
        step()
        db.session.commit()

    def _once(self, step) -> None:
        if self.point == "before_call":
            raise Died
        if self.point == "after_call_before_answer":
            # More often than we ask again by ourselves.
            self._faults(fail_after=50)
        step()
        if self.point == "after_answer_before_commit":
            raise Died
        db.session.commit()
        if self.point == "after_commit":
            raise Died

    def _faults(self, **rules) -> None:
        self.till.control("", faults={self.provider: rules})


@pytest.mark.parametrize("turn", range(20 if IS_FULL else 1))
@PROVIDERS
@POINTS
def test_who_dies_around_a_call_moves_money_once(till, iphone, manager, provider, point, turn, monkeypatch):
    monkeypatch.setattr("shop.services.payments.paypal_gateway.time.sleep", lambda seconds: None)
    mortal = Mortal(till, point, provider)
    payment = attempts.start_payment(
        attempts.lock_by_token(iphone.tracking_token), provider, "full", actor=manager.actor
    )
    db.session.commit()
    payment_id = payment.id

    mortal.does(lambda: attempts.open_payment(payment_id))
    if provider == "paypal":
        till.control("/approve", order=db.session.get(Payment, payment_id).provider_ref)
        mortal.does(lambda: settle(payment_id))
    else:
        mortal.does(lambda: attempts.confirm_payment(payment_id, method="pm_card_visa"))
    refund_id = refunds.request_refund(payment_id, BACK, "Scratched", actor=manager.actor).id
    db.session.commit()
    mortal.does(lambda: refunds.send_refund(refund_id))

    assert moved(till, provider) == (PRICE, BACK)
    assert_settled(till, provider)
    assert db.session.get(Refund, refund_id).state == RefundState.SETTLED


@POINTS
def test_who_dies_while_taking_what_is_held_takes_it_once(till, iphone, manager, point):
    mortal = Mortal(till, point, "stripe")
    payment = held.ask_to_hold(repairs.lock_repair(iphone.number), PRICE, actor=manager.actor)
    db.session.commit()
    payment_id = payment.id
    mortal.does(lambda: attempts.open_payment(payment_id))
    mortal.does(lambda: attempts.confirm_payment(payment_id, method="pm_card_visa"))
    held.request_take(payment_id, BACK, actor=manager.actor)
    db.session.commit()

    mortal.does(lambda: attempts.capture_payment(payment_id, amount=BACK))

    assert moved(till, "stripe") == (BACK, 0)
    assert_settled(till, "stripe")
    assert db.session.get(Payment, payment_id).captured == BACK


def test_the_twin_that_takes_a_new_key_for_each_try_gives_back_twice(till, iphone, manager, monkeypatch):
    honest = StripeGateway.refund

    def forgetful(self, ref, charge, *, amount, currency, key):
        return honest(self, ref, charge, amount=amount, currency=currency, key=secrets.token_hex(8))

    monkeypatch.setattr(StripeGateway, "refund", forgetful)
    payment = till.pay(iphone)
    refund_id = refunds.request_refund(payment.id, BACK, "Scratched", actor=manager.actor).id
    db.session.commit()

    Mortal(till, "after_answer_before_commit", "stripe").does(lambda: refunds.send_refund(refund_id))

    assert moved(till, "stripe") == (PRICE, 2 * BACK)


@PROVIDERS
def test_a_storm_of_webhooks_ends_where_the_provider_is(
    app, till, iphone, manager, simulator, dice, is_full, provider
):  # fmt: skip
    happened = events_of(till, iphone, manager, simulator, provider)
    wanted = 5_000 if is_full else 120
    storm = [event for event in happened for _ in range(dice.randint(1, 5))]
    storm += [dice.choice(happened) for _ in range(wanted - len(storm))]
    dice.shuffle(storm)
    good = [(event.headers, event.body, 200) for event in storm]
    secret = app.config["SETTINGS"].STRIPE_WEBHOOK_SECRET
    bad = [(*forged(event, dice, secret), 400) for event in storm[: wanted // 10]]
    posts = good + bad
    dice.shuffle(posts)
    db.session.remove()

    answers = in_parallel(8, posts, lambda post: post_webhook(app, provider, *post))

    assert [answer for answer in answers if answer] == []
    kept = db.session.scalar(select(func.count()).select_from(ProviderEvent))
    assert kept == len({event.body for event in happened})
    till.work()
    assert set(db.session.scalars(select(ProviderEvent.state))) == {EventState.DONE}
    assert_settled(till, provider)


def test_the_twin_that_books_whatever_it_is_told_again_ends_elsewhere(
    app, till, iphone, manager, simulator, monkeypatch
):
    happened = events_of(till, iphone, manager, simulator, "stripe")
    monkeypatch.setattr(
        settling, "_post_once",
        lambda payment, key, kind, posting, **facts: ledger.post(
            f"{key}:{secrets.token_hex(8)}", kind, posting, currency=payment.currency, actor=SYSTEM,
            repair_id=payment.repair_id, payment_id=payment.id,
        ),
    )  # fmt: skip
    for event in happened:
        assert post_webhook(app, "stripe", event.headers, event.body, 200) == ""
    till.work()

    assert ledger.balance("stripe", currency="GBP") != till.balance("stripe")


def events_of(till, repair, person, simulator, provider: str) -> list:
    """All that a provider tells of a payment that was refunded in part, disputed and won."""
    payment = till.pay(repair, provider)
    refund = refunds.request_refund(payment.id, BACK, "Scratched", actor=person.actor)
    db.session.commit()
    refunds.send_refund(refund.id)
    db.session.commit()
    made = till.control("/dispute", payment=payment.charge_ref)
    till.control("/close-dispute", dispute=made.get("dispute_id") or made["id"], won=True)
    last = {"stripe": "charge.dispute.closed", "paypal": "CUSTOMER.DISPUTE.RESOLVED"}[provider]
    simulator.listener.wait_for_kind(last)
    return [event for event in simulator.listener.received if provider in event.path]


def forged(event, dice, secret: str) -> tuple[dict, bytes]:
    """Caught and changed, signed by another, or sent again when its time is over or has not come."""
    at = int(time.time())
    flipped = bytearray(event.body)
    flipped[dice.randrange(len(flipped))] ^= 1
    ways = [
        (event.headers, json.dumps(json.loads(event.body)).encode()),
        (event.headers, bytes(flipped)),
        ({name: value for name, value in event.headers.items() if "sig" not in name.lower()}, event.body),
    ]
    if "stripe" in event.path:
        signed = [(secret, at - 6 * 60), (secret, at - 3 * 86_400), (secret, at + 6 * 60), ("whsec_of_another", at)]
        ways += [({"Stripe-Signature": stripe_signature(key, event.body, when)}, event.body) for key, when in signed]
    else:
        headers = {name.title(): value for name, value in event.headers.items()}
        address = headers["Paypal-Cert-Url"]
        host = urlsplit(address).netloc
        changes = [{"Paypal-Transmission-Time": f"{datetime.fromtimestamp(at + days * 86_400, UTC):%FT%TZ}"}
                   for days in (-4, -1, 1)]  # fmt: skip
        changes += [{"Paypal-Cert-Url": address.replace(host, other)}
                    for other in ("paypal.com.evil.example", f"{host}@evil.example")]  # fmt: skip
        changes += [{"Paypal-Auth-Algo": "none"}]
        ways += [(headers | change, event.body) for change in changes]
    return dice.choice(ways)


def post_webhook(app, provider: str, headers: dict, body: bytes, wanted: int) -> str:
    """What went wrong, if anything."""
    headers = {name: value for name, value in headers.items() if name.lower() != "host"}
    answer = app.test_client().post(f"/api/v1/payments/{provider}/webhooks", data=body, headers=headers)
    return "" if answer.status_code == wanted else f"{answer.status_code} instead of {wanted}: {answer.text}"


def in_parallel(count: int, items: list, work) -> list:
    answers, lock, left = [], threading.Lock(), list(items)

    def worker():
        while True:
            with lock:
                if not left:
                    return
                item = left.pop()
            answers.append(work(item))

    threads = [threading.Thread(target=worker) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    return answers


def moved(till, provider: str) -> tuple[int, int]:
    """What was charged and what was given back in all, by the provider's own list."""
    gateway = attempts.gateway_of(provider)
    db.session.rollback()
    lines = list(gateway.list_day(datetime.now(UTC).date()))
    charged = sum(line.amount for line in lines if line.kind == "payment")
    return charged, -sum(line.amount for line in lines if line.kind == "refund")


def assert_settled(till, provider: str) -> None:
    theirs, ours = till.balance(provider), ledger.balance(provider, currency="GBP")
    row = reconcile(provider, datetime.now(UTC).date())
    assert (ours, json.loads(row.differences), row.settled) == (theirs, [], 0)
    assert ledger_check.verify() == []
