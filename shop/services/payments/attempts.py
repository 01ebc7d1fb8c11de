"""One attempt to pay: its amount is ours, its row is committed before the provider hears of it."""

from dataclasses import dataclass

from flask import current_app
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Declined, Invalid, NotFound
from shop.models.money import BASIS_POINTS, Money, divide_rounded, format_money
from shop.models.payment import ONLINE, OPEN, Payment, PaymentState, Provider, Purpose
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import appointments, ledger
from shop.services.events import hold, record
from shop.services.payments import held, keys, unanswered
from shop.services.payments.gateway import Order, Snapshot, gateway_of
from shop.services.payments.settle import Seen, captured, record_fact, settle_by


class AmountRefused(Invalid):
    """Somebody named another amount than ours. It is refused, and goes on record by `note_refused_amount`."""

    def __init__(self, *, named: int, ours: int, currency: str, provider: str):
        sentence = _("The amount to pay is %(amount)s. Leave it out.", amount=_words(ours, currency))
        super().__init__({"amount": sentence})
        self.body = {"named": named, "amount": ours, "currency": currency, "provider": str(provider)}


@dataclass(frozen=True, slots=True)
class Opened:
    """An attempt that the customer can go on with. `snapshot` holds what the browser needs and nobody keeps."""

    payment: Payment
    snapshot: Snapshot


def amount_due(repair: Repair, purpose: Purpose | str) -> int:
    """What this payment comes to by our own books, in minor units; 0 if there is nothing to pay."""
    if purpose == Purpose.HOLD:
        asked = held.find_open(repair)
        return asked.amount if asked is not None and held.is_offered(asked) else 0
    balance = ledger.repair_balance(repair)
    if purpose != Purpose.DEPOSIT:
        return max(balance.owed - held.amount_held(repair) - unanswered.amount_under_way(repair), 0)
    booking = appointments.find_booking(repair)
    if booking is not None and booking.due_now:
        # What was said at booking holds, whatever the rule has become.
        return max(min(booking.due_now - balance.paid, balance.owed), 0)
    percent = current_app.config["SETTINGS"].DEPOSIT_PERCENT
    deposit = divide_rounded(balance.due * percent * 100, BASIS_POINTS)
    return max(min(deposit - balance.paid, balance.owed), 0)


def start_payment(
    repair: Repair,
    provider: Provider | str,
    purpose: Purpose | str,
    *,
    actor: Actor,
    amount: int | None = None,
) -> Payment:
    """Writes the attempt; the caller has locked the repair, and commits before `open_payment`.

    An attempt of the same kind that is still open is gone on with, so that two clicks are one payment. Raises
    AmountRefused when `amount` is named and is not ours, and Invalid where nothing can be paid.
    """
    if provider not in keys.in_use().online_providers:
        raise Invalid({"provider": _("This way to pay is not offered.")})
    if repair.status == State.CANCELLED:
        raise Invalid({"booking": _("This booking was cancelled. Nothing is to be paid.")})
    ours = amount_due(repair, purpose)
    if amount is not None and amount != ours:
        raise AmountRefused(named=amount, ours=ours, currency=repair.currency, provider=provider)
    if not ours:
        raise Invalid({"booking": _("There is nothing to pay.")})
    if purpose == Purpose.HOLD and provider != Provider.STRIPE:
        raise Invalid({"provider": _("Only a card can hold an amount.")})
    return _find_open(repair, provider, purpose, ours) or write(repair, provider, purpose, ours, actor)


def open_payment(payment_id: int) -> Opened:
    """Lets the provider open the attempt, or looks at it again; the caller has committed, and commits after.

    Harmless when called again, also by many at once: they meet the same object there. Raises Invalid for one that was
    given up before the provider heard of it, and for one that it knows no more: that it is over is committed here.
    """
    told: list[Snapshot] = []

    def ask(payment: Seen) -> Snapshot:
        gateway = gateway_of(payment.provider)
        if payment.provider_ref:
            told.append(gateway.read(payment.provider_ref))
        elif payment.state not in OPEN:
            # Nobody pays what was given up: the provider never heard of it, and shall not now.
            raise Invalid({"payment": _("This payment was given up. Begin a new one.")})
        else:
            told.append(gateway.create(order_of(payment)))
        return told[-1]

    payment = settle_by(payment_id, ask)
    if not told:
        # Its provider knows it no more: that stays on record, and the way is free for another.
        db.session.commit()
        raise Invalid({"payment": _("This payment was not finished in time. Begin a new one.")})
    return Opened(payment, told[-1])


def confirm_payment(payment_id: int, *, method: str) -> Payment:
    """Pays with a method that the provider knows. A bank's no is an outcome: the payment is then failed."""

    def ask(payment: Seen) -> Snapshot:
        gateway, ref = gateway_of(payment.provider), _ref(payment)
        key, back = payment.idempotency_key(f"confirm-{method}"), return_url(payment.tracking_token, payment.key)
        try:
            return gateway.confirm(ref, idempotency_key=key, method=method, return_url=back)
        except Declined:
            # What it is now says why.
            return gateway.read(ref)

    return settle_by(payment_id, ask)


def capture_payment(payment_id: int, *, amount: int | None = None) -> Payment:
    """Takes what was authorised, or `amount` minor units of it; the rest is released. Taking it twice takes it once.

    Raises Invalid for more than was authorised. What came of it is in the payment: it may have ended before.
    """

    def ask(payment: Seen) -> Snapshot:
        if amount is not None and not 0 < amount <= payment.amount:
            raise Invalid({"amount": _("Take at least a penny, and at most what is held and owed.")})
        return captured(payment, _ref(payment), amount=amount)

    return settle_by(payment_id, ask)


def cancel_payment(payment_id: int) -> Payment:
    """Gives an attempt up. If the money has come meanwhile, the payment is paid and not cancelled.

    Raises ProviderDown and ProviderRefused while that is unknown.
    """

    def ask(payment: Seen) -> Snapshot | None:
        if payment.state not in OPEN:
            return None
        found = unanswered.find(payment)
        ref = found.ref if found else payment.provider_ref
        if ref is None:
            return None
        return gateway_of(payment.provider).cancel(ref, idempotency_key=payment.idempotency_key("cancel"))

    payment = settle_by(payment_id, ask)
    if payment.provider_ref is None and payment.state in OPEN:
        payment.state, payment.settled_at = PaymentState.CANCELLED, utc_now()
        payment.version += 1
        record_fact("payment.cancelled", payment)
    return payment


def note_refused_amount(token: str, error: AmountRefused, *, actor: Actor) -> None:
    """Puts on record that another amount was named; in a transaction of its own, since the request is refused."""
    record("payment.amount_refused", lock_by_token(token), actor=actor, body=error.body)


def find_payment(token: str, key: str) -> Payment:
    """The attempt with this key to pay for the repair behind a private link. Raises NotFound."""
    query = (
        select(Payment)
        .join(Repair, Repair.id == Payment.repair_id)
        .where(Repair.tracking_token == token, Payment.key == key, Payment.provider.in_(ONLINE))
    )
    # PostgreSQL takes no NUL, not even to look for it.
    payment = None if "\x00" in token + key else db.session.scalar(query)
    if payment is None:
        raise NotFound(no_such_payment())
    return payment


def no_such_payment() -> str:
    return _("There is no such payment.")


def other_currency(repair: Repair) -> str:
    return _("This is paid in %(currency)s.", currency=repair.currency)


def lock_by_token(token: str) -> Repair:
    """The repair behind a private link, locked. Raises NotFound."""
    repair = db.session.scalar(
        select(Repair)
        .where(Repair.tracking_token == token)
        .with_for_update(of=Repair)
        .execution_options(populate_existing=True)
    )
    if repair is None:
        raise NotFound(_("There is no booking under this link."))
    hold(repair)
    return repair


def return_url(tracking_token: str, payment_key: str) -> str:
    """Where the customer comes back to."""
    base = current_app.config["SETTINGS"].BASE_URL
    return f"{base}/track/{tracking_token}/pay/return?payment={payment_key}"


def order_of(payment: Seen, step: str = "create") -> Order:
    """Made of what never changes: asked again under the same key, it must be the same."""
    number, back = payment.repair_number, return_url(payment.tracking_token, payment.key)
    return Order(
        key=payment.key,
        idempotency_key=payment.idempotency_key(step),
        amount=payment.amount,
        currency=payment.currency,
        reference=number,
        description=f"RevivaTech {number}",
        return_url=back,
        cancel_url=back,
        captures_later=payment.purpose == Purpose.HOLD,
    )


def write(repair: Repair, provider, purpose, amount: int, actor: Actor) -> Payment:
    """The bare row of an attempt, for those who have made sure of its amount; the repair is locked."""
    payment = Payment(
        repair_id=repair.id,
        provider=Provider(provider),
        purpose=Purpose(purpose),
        amount=amount,
        currency=repair.currency,
        state=PaymentState.CREATED,
        livemode=current_app.config["SETTINGS"].ENABLE_REAL_PAYMENTS,
        actor=actor.reference,
    )
    db.session.add(payment)
    db.session.flush()
    return payment


def _find_open(repair: Repair, provider: Provider | str, purpose: Purpose | str, amount: int) -> Payment | None:
    query = (
        select(Payment)
        .where(
            Payment.repair_id == repair.id,
            Payment.provider == str(provider),
            Payment.purpose == str(purpose),
            Payment.amount == amount,
            Payment.currency == repair.currency,
            Payment.state.in_(OPEN),
        )
        .order_by(Payment.id.desc())
        .limit(1)
    )
    return db.session.scalar(query)


def _ref(payment: Seen) -> str:
    if payment.provider_ref is None:
        raise Invalid({"payment": _("This payment was not begun yet.")})
    return payment.provider_ref


def _words(amount: int, currency: str) -> str:
    return format_money(Money(amount, currency), str(get_locale() or "en"))
