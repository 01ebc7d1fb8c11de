"""Who has paid for the repairs of the demo shop, how, and what the till and the books say of it.

Only for what has a full history. Nothing of it was ever real: attempts at providers are marked as tests, and their
names begin with `demo`.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from shop.extensions import db
from shop.models.booking import Booking
from shop.models.ledger import (
    Kind,
    Posting,
    dispute_posting,
    fee_posting,
    payment_posting,
    refund_posting,
)
from shop.models.location import Location
from shop.models.money import divide_rounded
from shop.models.payment import (
    INVENTED,
    Dispute,
    DisputeState,
    Fault,
    Payment,
    PaymentState,
    Provider,
    Purpose,
    Refund,
    new_key,
)
from shop.models.workflow import State
from shop.services import drawers
from shop.services.demo.books import Books
from shop.services.demo.papers import Papers
from shop.services.demo.rows import DisputeRow, PaymentRow, RefundRow, RepairRow
from shop.services.demo.story import Crew, Happening, Story
from shop.services.demo.tables import new_ids, write_rows
from shop.services.demo.till import Till

MOST_PAID = 5_000
# A provider's list of the last days is compared with the books at night: it knows nothing of these.
_ONLINE_BEFORE = timedelta(days=4)
_WAYS = {Provider.TERMINAL: 50, Provider.CASH: 22, Provider.STRIPE: 20, Provider.PAYPAL: 8}
_COUNTER = (Provider.CASH, Provider.TERMINAL)
_CARDS = ("visa 4242", "mastercard 4444", "visa 1881", "amex 0005")
_FEES = {Provider.STRIPE: (150, 20), Provider.PAYPAL: (290, 30)}
_HANDED_OVER = (State.COLLECTED, State.SHIPPED)
_REASONS = ("The part was cheaper than quoted", "Came back with the same fault", "A scratch on the frame", "Goodwill")
_REFUNDED, _DECLINED, _SHARE_OF_DEPOSIT = 0.025, 0.03, 25


@dataclass(slots=True)
class Sale:
    """One attempt to pay, with what became of it. Its row gets its id when all are written."""

    repair: RepairRow
    provider: Provider
    purpose: Purpose
    amount: int
    at: datetime
    actor: str
    state: PaymentState = PaymentState.PAID
    fault: str = ""
    refunded: int = 0
    reason: str = ""
    disputed: bool = False
    drawer_id: int | None = None
    key: str = field(default_factory=new_key)
    id: int = 0
    refund_id: int = 0
    bodies: list[dict] = field(default_factory=list)


class Money:
    """Sees every repair as it is made, and writes all that was paid at the end."""

    def __init__(self, location: Location, *, now: datetime, crew: Crew, rng: random.Random):
        self.location, self.now, self.crew, self.rng = location, now, crew, rng
        self.sales: list[Sale] = []
        self.papers = Papers(now=now)
        self.till = Till(location, now=now, crew=crew, rng=rng)
        # Who adds to a shop that has a till leaves it alone.
        self.has_till = not drawers.list_closed(location.id, limit=1) and not drawers.find_in_use(location.id)
        self._seen = {"disputed": False, "overpaid": False}

    def settle(self, repair: RepairRow, story: Story) -> RepairRow:
        """Has a repair that was handed over paid for just before; gives it back with its new version."""
        last = story.happenings[-1] if story.happenings else None
        if last is None or len(self.sales) >= MOST_PAID or not _is_sold(repair, last):
            return repair
        at = max(story.happenings[-2].moment, last.moment - timedelta(minutes=self.rng.uniform(1, 6)))
        sale = self._sell(repair, at)
        told = [self._told(sale, "payment.settled", at)]
        if self.rng.random() < _DECLINED and sale.provider == Provider.STRIPE:
            failed = self._add(repair, Provider.STRIPE, repair.total, at, state=PaymentState.FAILED)
            told.insert(0, self._told(failed, "payment.failed", at, reason="insufficient_funds"))
        story.happenings[-1:-1] = told
        self._trouble(sale, story)
        return repair._replace(version=len(story.happenings))

    def deposit(self, repair: RepairRow, story: Story) -> RepairRow:
        """Has an urgent booking confirmed by its deposit."""
        made = story.happenings[0].moment
        if repair.urgency == "standard" or not repair.total or made > self.now - _ONLINE_BEFORE + timedelta(days=1):
            return repair
        amount = max(divide_rounded(repair.total * _SHARE_OF_DEPOSIT, 100), 1)
        sale = self._add(repair, Provider.STRIPE, amount, made, purpose=Purpose.DEPOSIT)
        confirmed = Happening("repair.confirmed", "system", {"amount": amount, "currency": repair.currency}, at=made)
        story.happenings[1:1] = [self._told(sale, "payment.settled", made), confirmed]
        return repair._replace(version=len(story.happenings))

    def write(self) -> None:
        """Fills in the ids that the events name, so call it before they are sealed. Repairs are written by now."""
        books = Books(self.location.currency)
        # Lists show what was written last first.
        self.sales.sort(key=lambda sale: sale.at)
        if self.has_till:
            self.till.open_for([sale for sale in self.sales if sale.provider in _COUNTER], books)
        for sale, payment_id in zip(self.sales, new_ids(Payment.__table__, len(self.sales)), strict=True):
            sale.id = payment_id
            for body in sale.bodies:
                body["payment"] = payment_id
        backs = [sale for sale in self.sales if sale.refunded]
        for sale, refund_id in zip(backs, new_ids(Refund.__table__, len(backs)), strict=True):
            sale.refund_id = refund_id
            sale.bodies[-1]["refund"] = refund_id
        write_rows(Payment.__table__, [_payment(sale) for sale in self.sales])
        write_rows(Refund.__table__, [_refund(sale, self.crew) for sale in backs])
        write_rows(Dispute.__table__, [self._dispute(sale) for sale in self.sales if sale.disputed])
        for sale in self.sales:
            _post(sale, books)
        self._confirm()
        self.papers.write(self.sales, books)
        books.write()

    def _sell(self, repair: RepairRow, at: datetime) -> Sale:
        ways = dict(_WAYS)
        is_here = self.has_till and repair.location_id == self.location.id and repair.service_type == "in_store"
        if not is_here:
            ways = {way: weight for way, weight in ways.items() if way not in _COUNTER}
        elif at > self.now - _ONLINE_BEFORE:
            ways = {way: weight for way, weight in ways.items() if way in _COUNTER}
        provider = self.rng.choices(list(ways), weights=list(ways.values()))[0]
        return self._add(repair, provider, repair.total, at)

    def _add(
        self, repair: RepairRow, provider: Provider, amount: int, at: datetime, *, purpose: Purpose = Purpose.FULL,
        state: PaymentState = PaymentState.PAID, fault: str = "",
    ) -> Sale:  # fmt: skip
        actor = f"staff:{self.crew.counter}" if provider in _COUNTER else "customer"
        sale = Sale(repair, provider, purpose, amount, at, actor, state=state, fault=fault)
        self.sales.append(sale)
        return sale

    def _told(self, sale: Sale, verb: str, at: datetime, **facts) -> Happening:
        body = {
            "payment": 0, "provider": sale.provider, "purpose": sale.purpose, "amount": sale.amount,
            "currency": sale.repair.currency, **facts,
        }  # fmt: skip
        sale.bodies.append(body)
        return Happening(verb, sale.actor if sale.provider in _COUNTER else "system", body, at=at)

    def _trouble(self, sale: Sale, story: Story) -> None:
        """Some money goes back, a bank argues about one payment, and one repair was paid twice."""
        end = story.happenings[-1].moment
        if not self._seen["disputed"] and sale.provider == Provider.STRIPE and end > self.now - timedelta(days=30):
            self._seen["disputed"] = sale.disputed = True
            story.happenings.append(self._told(sale, "payment.disputed", end, reason="fraudulent"))
        elif not self._seen["overpaid"] and sale.provider == Provider.TERMINAL and end < self.now - _ONLINE_BEFORE:
            self._seen["overpaid"] = True
            again = self._add(sale.repair, Provider.PAYPAL, sale.amount, end, fault=Fault.OVERPAID)
            story.happenings.append(self._told(again, "payment.settled", end))
            story.happenings.append(self._told(again, "payment.overpaid", end, surplus=again.amount))
        elif self.rng.random() < _REFUNDED and self._may_go_back(sale, end):
            sale.refunded = max(divide_rounded(sale.amount * self.rng.choice((10, 20, 50)), 100), 1)
            sale.reason = self.rng.choice(_REASONS)
            back = self._told(sale, "payment.refunded", end, amount=sale.refunded)
            story.happenings.append(back)

    def _may_go_back(self, sale: Sale, end: datetime) -> bool:
        """Cash goes back out of the till that took it."""
        return sale.provider != Provider.CASH and sale.amount > 100 and end <= self.now

    def _dispute(self, sale: Sale) -> DisputeRow:
        opened = sale.at + timedelta(days=1)
        return DisputeRow(
            payment_id=sale.id, provider_ref=f"dp_demo{sale.key[:20]}", amount=sale.amount,
            currency=sale.repair.currency, reason="fraudulent", state=DisputeState.OPEN,
            due_by=self.now + timedelta(days=7), opened_at=min(opened, self.now),
        )  # fmt: skip

    def _confirm(self) -> None:
        for sale in self.sales:
            if sale.purpose == Purpose.DEPOSIT:
                values = {"due_now": sale.amount, "confirmed_at": sale.at}
                db.session.execute(update(Booking).where(Booking.repair_id == sale.repair.id).values(**values))


def fee_of(sale: Sale) -> int:
    if sale.provider not in _FEES or sale.state != PaymentState.PAID:
        return 0
    basis_points, fixed = _FEES[sale.provider]
    return divide_rounded(sale.amount * basis_points, 10_000) + fixed


def _is_sold(repair: RepairRow, last: Happening) -> bool:
    is_out = repair.status in _HANDED_OVER and last.verb == "repair.moved" and last.body.get("to") in _HANDED_OVER
    return is_out and repair.total > 0 and last.body["from"] != State.UNREPAIRABLE


def _payment(sale: Sale) -> PaymentRow:
    is_online, is_paid = sale.provider in _FEES, sale.state == PaymentState.PAID
    method = {Provider.PAYPAL: "paypal", Provider.CASH: ""}.get(sale.provider, _CARDS[int(sale.key[0], 16) % 4])
    return PaymentRow(
        id=sale.id, key=sale.key, repair_id=sale.repair.id, provider=sale.provider, purpose=sale.purpose,
        amount=sale.amount, currency=sale.repair.currency, state=sale.state,
        provider_ref=f"{INVENTED}{sale.key[:24]}" if is_online else None,
        charge_ref=f"{INVENTED}ch_{sale.key[:24]}" if is_online and is_paid else None, method=method,
        captured=sale.amount if is_paid else 0, refunded=sale.refunded, fee=fee_of(sale),
        tendered=-(-sale.amount // 1_000) * 1_000 if sale.provider == Provider.CASH else None,
        failure_code="" if is_paid else "insufficient_funds", fault=sale.fault, livemode=not is_online,
        drawer_id=sale.drawer_id, actor=sale.actor, created_at=sale.at, settled_at=sale.at,
        version=1 + bool(sale.refunded),
    )  # fmt: skip


def _refund(sale: Sale, crew: Crew) -> RefundRow:
    is_online = sale.provider in _FEES
    return RefundRow(
        id=sale.refund_id, key=new_key(), payment_id=sale.id, amount=sale.refunded, state="settled", reason=sale.reason,
        provider_ref=f"{INVENTED}re_{sale.key[:20]}" if is_online else None, failure_code="",
        actor=f"staff:{crew.manager}", created_at=sale.at, settled_at=sale.at,
    )  # fmt: skip


def _post(sale: Sale, books: Books) -> None:
    if sale.state != PaymentState.PAID:
        return
    facts: dict[str, Any] = {
        "at": sale.at, "repair_id": sale.repair.id, "payment_id": sale.id, "drawer_id": sale.drawer_id,
    }  # fmt: skip
    name, amount = f"{sale.provider}", sale.amount
    moves: list[tuple[str, Kind, Posting]] = [
        (f"{name}:payment:{sale.key}", Kind.PAYMENT, payment_posting(sale.provider, amount))
    ]
    if fee := fee_of(sale):
        moves.append((f"{name}:fee:{sale.key}", Kind.FEE, fee_posting(sale.provider, fee)))
    if sale.refunded:
        moves.append((f"{name}:refund:{sale.key}", Kind.REFUND, refund_posting(sale.provider, sale.refunded)))
    if sale.disputed:
        moves.append((f"{name}:dispute:{sale.key}", Kind.DISPUTE, dispute_posting(sale.provider, amount)))
    for key, kind, entries in moves:
        books.post(key, kind, entries, actor=sale.actor, **facts)
