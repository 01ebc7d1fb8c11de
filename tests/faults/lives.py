"""Customers, banks, staff and networks do what they do to one repair, in any order; processes die between two steps."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import requests
import stripe
from sqlalchemy import select, update

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.base import utc_now
from shop.models.booking import Booking
from shop.models.errors import Invalid, ProviderRefused, SlotFull
from shop.models.event import ATTEMPTS, Delivery, DeliveryState
from shop.models.payment import UNDECIDED, Payment, PaymentState, Purpose, Refund, RefundState
from shop.models.repair import Repair
from shop.services import booking_payments, bookings, deliveries, ledger, repairs, slots
from shop.services.payments import attempts, charges, held, refunds, webhooks
from shop.services.payments.reconcile import reconcile
from shop.services.subscriptions import MAIL
from tests import factories
from tests.bookings import request
from tests.cards import Wallet, approve
from tests.payments import Till

PRICE = 20_000
# So few that bookings take each other's places.
TIMES = 3


class Died(Exception):
    """The process is gone: what was not committed is lost."""


def book(dice) -> Repair:
    """An express repair that waits for its deposit; at one of a few times, or at none where that is taken."""
    now = utc_now()
    free = slots.list_slots(factories.location(), "in_store", start=now, end=now + timedelta(days=7))
    for start in (free[10 + dice.randrange(TIMES)].start, None):
        with suppress(SlotFull):
            repair = bookings.create_booking(
                request(slot_start=start, urgency="express"), actor=CUSTOMER, source="wizard", pay=None
            )
            db.session.commit()
            return repair
        db.session.rollback()
    raise AssertionError("a booking without a time always finds its place")


class Life:
    """`goes_on(steps)` with a repair that is new: booked and waiting for its deposit, or in the house already."""

    def __init__(self, till: Till, person, dice):
        self.till, self.person, self.dice, self.wallet = till, person, dice, Wallet(till)
        self.simulator = till.simulator
        self.heard = len(self.simulator.listener.received)
        is_booked = dice.random() < 0.5
        self.repair = book(dice) if is_booked else factories.repair(total=PRICE)
        self.acts = [
            self.begins, self.begins, self.pays, self.pays, self.asks_back, self.sends, self.disputes, self.closes,
            self.refunds_there, self.hears, self.hears, self.time_passes, self.works, self.gives_up,
            self.asks_to_hold, self.takes, self.lets_go, self.charges_card, self.place_ends,
        ]  # fmt: skip

    def goes_on(self, steps: int) -> None:
        for _ in range(steps):
            try:
                self.dice.choice(self.acts)()
                if self.dice.random() < 0.15:
                    raise Died
                db.session.commit()
            except Died:
                db.session.rollback()
        # What is still owed to us is heard, late and more than once, and the night compares.
        for _ in range(2):
            self.hears(everything=True)
            self.works()
        self.time_passes()
        for provider in ("stripe", "paypal"):
            reconcile(provider, datetime.now(UTC).date())
        self.works_on()

    def begins(self) -> None:
        provider = self.dice.choice(["stripe", "paypal"])
        asked, _amount = booking_payments.asked_now(self.repair)
        purpose = self.dice.choice([asked, "deposit", "full"])
        # Nothing is owed, or it was cancelled.
        with suppress(Invalid):
            self._open(provider, purpose)

    def pays(self) -> None:
        payment = self._one(Payment.provider_ref.is_not(None) & Payment.state.in_((*UNDECIDED, PaymentState.FAILED)))
        if payment is None or payment.state == PaymentState.AUTHORISED or payment.purpose == Purpose.APPROVED:
            return
        if payment.provider == "paypal":
            self.till.control("/approve", order=payment.provider_ref, funding=self.dice.choice(
                ["balance", "balance", "declined", "echeck", "echeck_bounces"]))  # fmt: skip
            return
        method = self.dice.choice(["visa", "visa", "visa_chargeDeclined", "pendingRefund", "refundFail"])
        payment_id = payment.id
        db.session.commit()
        # Given up there meanwhile, and we have not heard.
        with suppress(ProviderRefused):
            attempts.confirm_payment(payment_id, method=f"pm_card_{method}")

    def asks_to_hold(self) -> None:
        """Staff ask, and the customer begins to answer."""
        owed = ledger.repair_balance(self.repair).owed
        if owed > 0:
            # The booking waits for its own payment, or something is held already.
            with suppress(Invalid):
                repair = repairs.lock_repair(self.repair.number)
                held.ask_to_hold(repair, self.dice.randint(100, max(owed, 100)), actor=self.person.actor)
                db.session.commit()
                self._open("stripe", Purpose.HOLD)

    def takes(self) -> None:
        payment = self._one(Payment.state == PaymentState.AUTHORISED)
        most = held.takeable(payment) if payment else 0
        if not most:
            return
        payment_id, amount = payment.id, self.dice.choice([None, self.dice.randint(1, most)])
        if amount is None and most < payment.amount:
            return
        held.request_take(payment_id, amount, actor=self.person.actor)
        db.session.commit()
        # It was let go there meanwhile, and we have not heard.
        with suppress(ProviderRefused):
            attempts.capture_payment(payment_id, amount=amount)

    def lets_go(self) -> None:
        payment = self._one(Payment.state == PaymentState.AUTHORISED)
        if payment is not None:
            payment_id = payment.id
            held.request_release(payment_id, actor=self.person.actor)
            db.session.commit()
            attempts.cancel_payment(payment_id)

    def charges_card(self) -> None:
        """Kept with the first of them; work is approved, and paid while the customer is away."""
        repair_id = self.repair.id
        method = self.dice.choice(["pm_card_visa", "pm_card_chargeCustomerFail"])
        with suppress(Invalid):
            self.wallet.keep(self.repair, method)
            repair = repairs.lock_repair(db.session.get_one(Repair, repair_id).number)
            repair.total += 4_900
            approval = approve(repair)
            charge = charges.start_charge(
                repairs.lock_repair(repair.number), approval, after=0, actor=self.person.actor
            )  # fmt: skip
            charge_id = charge.id
            db.session.commit()
            charges.charge_payment(charge_id)

    def place_ends(self) -> None:
        """The booking's place was kept long enough."""
        waits = (Booking.repair_id == self.repair.id) & Booking.held_until.is_not(None)
        db.session.execute(update(Booking).where(waits).values(held_until=utc_now()))
        db.session.commit()
        booking_payments.give_up_unpaid(self.repair.id)

    def asks_back(self) -> None:
        payment = self._one(Payment.state == PaymentState.PAID)
        left = refunds.refundable(payment) if payment else 0
        if left:
            refunds.request_refund(payment.id, self.dice.randint(1, left), "Changed", actor=self.person.actor)

    def sends(self) -> None:
        refund = db.session.scalar(select(Refund).where(Refund.state == RefundState.REQUESTED).limit(1))
        if refund is not None:
            refund_id = refund.id
            db.session.commit()
            refunds.send_refund(refund_id)

    def disputes(self) -> None:
        payment = self._one((Payment.state == PaymentState.PAID) & (Payment.refunded == 0))
        if payment is not None and not payment.disputes and not payment.refunds:
            # It may be given back or disputed there already, and we have not heard.
            with suppress(requests.HTTPError):
                self.till.control("/dispute", payment=payment.charge_ref)

    def closes(self) -> None:
        payment = self._one(Payment.disputes.any())
        if payment is not None and payment.disputes[0].state == "open":
            # It may be closed there already, and we have not heard.
            with suppress(requests.HTTPError):
                won = self.dice.random() < 0.5
                self.till.control("/close-dispute", dispute=payment.disputes[0].provider_ref, won=won)

    def refunds_there(self) -> None:
        payment = self._one((Payment.state == PaymentState.PAID) & (Payment.provider == "stripe"))
        if payment is not None and not payment.disputes and refunds.refundable(payment) > 100:
            params = {"payment_intent": payment.provider_ref, "amount": self.dice.randint(1, 100)}
            # Refused, where it was disputed or given back meanwhile.
            with suppress(stripe.InvalidRequestError):
                self.simulator.stripe(self.simulator.key).v1.refunds.create(params)

    def hears(self, *, everything: bool = False) -> None:
        events = self.simulator.listener.received[self.heard :]
        self.dice.shuffle(events)
        db.session.rollback()
        for event in events if everything else events[: self.dice.randint(0, 4)]:
            provider = "paypal" if "paypal" in event.path else "stripe"
            webhooks.take(provider, event.headers, event.body)
            db.session.commit()

    def works(self) -> None:
        db.session.rollback()
        self.till.work()

    def works_on(self) -> None:
        """Until all that follows is done, and what follows from that; what failed is tried again, its pause over."""
        failed = (Delivery.state == DeliveryState.WAITING) & (Delivery.attempt > 0)
        for _ in range(ATTEMPTS):
            self.works()
            deliveries.drain(MAIL)
            db.session.execute(update(Delivery).where(failed).values(due_at=utc_now()))
            db.session.commit()

    def time_passes(self) -> None:
        db.session.rollback()
        self.till.control("/advance-time", seconds=10)

    def gives_up(self) -> None:
        payment = self._one(Payment.state.in_([PaymentState.CREATED, PaymentState.FAILED]))
        if payment is not None:
            payment_id = payment.id
            db.session.commit()
            attempts.cancel_payment(payment_id)

    def _open(self, provider: str, purpose: str) -> None:
        payment = attempts.start_payment(
            attempts.lock_by_token(self.repair.tracking_token), provider, purpose, actor=CUSTOMER
        )
        db.session.commit()
        # What is left to pay can be less than a provider takes.
        with suppress(ProviderRefused):
            attempts.open_payment(payment.id)

    def _one(self, condition) -> Payment | None:
        query = select(Payment).where(condition, Payment.repair_id == self.repair.id)
        found = db.session.scalars(query.order_by(Payment.id)).all()
        return self.dice.choice(found) if found else None
