"""Once a day: the provider's own list against our books, movement by movement. What can be mended by asking is."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta

import structlog
from sqlalchemy import and_, func, or_, select

from shop import database
from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.base import utc_now
from shop.models.ledger import Account, Kind, LedgerEntry, LedgerTransaction, payout_posting
from shop.models.payment import INVENTED, UNDECIDED, Payment, PaymentState, Provider, Purpose, Reconciliation
from shop.services import ledger
from shop.services.payments import attempts
from shop.services.payments.gateway import Line, ProviderRefused, gateway_of
from shop.services.payments.settle import settle

log = structlog.get_logger(__name__)

# Whoever pays may take so long; then what became of it is asked.
PATIENCE = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=1)
HELD_OPEN_FOR = timedelta(days=7)
_AT_ONCE = 500
_NOT_AGREED = (PaymentState.CREATED, PaymentState.ACTION_NEEDED, PaymentState.FAILED)
_BOOKED = (Kind.PAYMENT, Kind.REFUND, Kind.REFUND_FAILED, Kind.DISPUTE, Kind.DISPUTE_WON)
# The list names the payment but not what we call the movement.
_BY_PAYMENT = (Kind.DISPUTE, Kind.DISPUTE_WON)


def reconcile(provider: Provider | str, day: date) -> Reconciliation:
    """Compares one day, in UTC, asks about all that differs, compares again, and names what is left.

    Commits by itself, once per payment that it asks about and once at the end. Harmless when called again. Raises
    ProviderDown and ProviderRefused when the list cannot be had: then nothing is written.
    """
    provider = Provider(provider)
    lines = _list(provider, day)
    lonely = _not_listed(provider, day, lines)
    asked = dict.fromkeys((*(payment_id for _, payment_id in lonely), *_forgotten(provider, day)), "")
    asked |= _differing(provider, lines)
    settled, refused = 0, []
    for payment_id, ref in sorted(asked.items()):
        try:
            settled += _ask(payment_id, ref=ref)
        except ProviderRefused as error:
            # Nobody's fault but this one's: the others are compared all the same.
            db.session.rollback()
            refused.append(f"Payment {payment_id}: {provider} does not tell what became of it ({error.reason}).")
    _give_up_old(provider)
    _book_payouts(provider, lines)
    with database.reading():
        differences = [*_differences(provider, lines), *(words for words, _ in lonely), *refused]
        db.session.rollback()
    row = Reconciliation(
        provider=provider, day=day, at=utc_now(), compared=len(lines), settled=settled, found=len(differences),
        differences=json.dumps(differences),
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    if differences:
        log.warning("reconciliation_differs", provider=str(provider), day=day.isoformat(), found=len(differences))
    return row


def reconcile_due(
    providers: tuple[str, ...], today: date, *, is_stopping: Callable[[], bool] = lambda: False
) -> list[Reconciliation]:
    """Yesterday, for each provider for which that was not done yet. Commits by itself, and leaves out who is away."""
    yesterday, done = today - timedelta(days=1), []
    for provider in providers:
        if is_stopping() or _is_done(provider, yesterday):
            continue
        try:
            done.append(reconcile(provider, yesterday))
        except Exception:
            # The other provider's day is compared all the same.
            db.session.rollback()
            log.warning("reconciliation_failed", provider=provider, exc_info=True)
    return done


def _is_done(provider: str, day: date) -> bool:
    with database.reading():
        query = select(Reconciliation.id).where(Reconciliation.provider == provider, Reconciliation.day == day).limit(1)
        found = db.session.scalar(query)
        db.session.rollback()
    return found is not None


def _list(provider: Provider, day: date) -> list[Line]:
    db.session.rollback()
    return list(gateway_of(provider).list_day(day))


def _ask(payment_id: int, *, ref: str) -> bool:
    """True if asking changed something. `ref` names the attempt there, where it is known and we may not know it."""
    before = _version(payment_id)
    payment = settle(payment_id, ref=ref, disputed=True)
    changed = payment.version != before
    db.session.commit()
    return changed


def _version(payment_id: int) -> int | None:
    with database.reading():
        version = db.session.scalar(select(Payment.version).where(Payment.id == payment_id))
        db.session.rollback()
    return version


def _differing(provider: Provider, lines: list[Line]) -> dict[int, str]:
    """The payments of lines that are not in our books as they are there, with the provider's name of each attempt."""
    with database.reading():
        payments = _payments_of(provider, lines)
        compared = _compared(provider, lines)
        differing = {payments[line.ref]: line.attempt_ref for line, _ in compared if line.ref in payments}
        db.session.rollback()
    return differing


def _differences(provider: Provider, lines: list[Line]) -> Iterator[str]:
    payments = _payments_of(provider, lines)
    for line, reason in _compared(provider, lines):
        ours = f" (payment {payments[line.ref]})" if line.ref in payments else ""
        what = (line.kind or "a movement that we do not book").replace("_", " ")
        yield f"{line.ref}{ours}: {what} of {line.amount:+} {line.currency} {reason}."


def _compared(provider: Provider, lines: list[Line]) -> Iterator[tuple[Line, str]]:
    """Those lines that differ from our books, and how."""
    keys = [f"{provider}:{line.posted_as}" for line in lines if line.posted_as]
    keys += [f"{provider}:fee:{line.fee_ref}" for line in lines if line.fee]
    posted = _posted(provider, keys)
    by_payment = _posted_by_payment(provider, lines)
    payments = _payments_of(provider, lines)
    for line in lines:
        if line.kind in _BY_PAYMENT and not line.posted_as:
            found = by_payment.get((payments.get(line.ref), str(line.kind), line.currency), [])
            amount = line.amount if line.amount in found else None
        else:
            amount = posted.get((f"{provider}:{line.posted_as}", line.currency))
        fee = posted.get((f"{provider}:fee:{line.fee_ref}", line.currency)) if line.fee else None
        if amount is None:
            yield line, "is not in our books"
        elif amount != line.amount:
            yield line, f"is {amount:+} in our books"
        elif line.fee and fee != -line.fee:
            yield line, f"has a fee of {line.fee}, in our books {-(fee or 0)}"


def _posted(provider: Provider, keys: list[str]) -> dict[tuple[str, str], int]:
    """What each key moved in the provider's account, by (key, currency)."""
    found: dict[tuple[str, str], int] = {}
    for start in range(0, len(keys), _AT_ONCE):
        query = (
            select(LedgerTransaction.key, LedgerEntry.currency, func.sum(LedgerEntry.amount))
            .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
            .where(LedgerTransaction.key.in_(keys[start : start + _AT_ONCE]), LedgerEntry.account == Account(provider))
            .group_by(LedgerTransaction.key, LedgerEntry.currency)
        )
        found |= {(key, currency): int(total) for key, currency, total in db.session.execute(query)}
    return found


def _posted_by_payment(provider: Provider, lines: list[Line]) -> dict[tuple[int | None, str, str], list[int]]:
    payments = _payments_of(provider, [line for line in lines if line.kind in _BY_PAYMENT and not line.posted_as])
    query = (
        select(LedgerTransaction.payment_id, LedgerTransaction.kind, LedgerEntry.currency, LedgerEntry.amount)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .where(
            LedgerTransaction.payment_id.in_(set(payments.values())),
            LedgerTransaction.kind.in_(_BY_PAYMENT),
            LedgerEntry.account == Account(provider),
        )
    )
    found: dict[tuple[int | None, str, str], list[int]] = {}
    for payment_id, kind, currency, amount in db.session.execute(query):
        found.setdefault((payment_id, kind, currency), []).append(amount)
    return found


def _payments_of(provider: Provider, lines: list[Line]) -> dict[str, int]:
    """Our payment of each line that names one, by the line's name."""
    found: dict[str, int] = {}
    for start in range(0, len(lines), _AT_ONCE):
        part = lines[start : start + _AT_ONCE]
        query = select(Payment.id, Payment.provider_ref, Payment.charge_ref, Payment.key).where(
            Payment.provider == provider,
            or_(
                Payment.provider_ref.in_({line.attempt_ref for line in part if line.attempt_ref}),
                Payment.charge_ref.in_({line.charge_ref for line in part if line.charge_ref}),
                Payment.key.in_({line.key for line in part if line.key}),
            ),
        )
        names = {name: row.id for row in db.session.execute(query) for name in row[1:] if name}
        for line in part:
            known = [names[name] for name in (line.attempt_ref, line.charge_ref, line.key) if name in names]
            if known:
                found[line.ref] = known[0]
    return found


def _not_listed(provider: Provider, day: date, lines: list[Line]) -> list[tuple[str, int]]:
    """What our books say of that day and the provider's list does not, also not the day before or after."""
    begins = datetime.combine(day, time(), UTC)
    with database.reading():
        query = (
            select(LedgerTransaction.key, LedgerTransaction.payment_id, LedgerEntry.amount, LedgerEntry.currency)
            .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
            .outerjoin(Payment, Payment.id == LedgerTransaction.payment_id)
            .where(
                # No provider has heard of what the demo invented.
                ~func.coalesce(Payment.provider_ref, "").startswith(INVENTED, autoescape=True),
                LedgerTransaction.at >= begins,
                LedgerTransaction.at < begins + timedelta(days=1),
                LedgerTransaction.kind.in_([kind for kind in _BOOKED if provider != Provider.PAYPAL
                                            or kind not in _BY_PAYMENT]),
                LedgerTransaction.key.startswith(f"{provider}:"),
                LedgerEntry.account == Account(provider),
            )
        )  # fmt: skip
        rows = db.session.execute(query.order_by(LedgerTransaction.id)).all()
        db.session.rollback()
    listed = {f"{provider}:{line.posted_as}" for line in lines}
    lonely = [row for row in rows if row.key not in listed]
    if lonely:
        near = [line for offset in (-1, 1) for line in _list(provider, day + timedelta(days=offset))]
        listed = {f"{provider}:{line.posted_as}" for line in near}
    return [
        (f"{row.key} (payment {row.payment_id}): {row.amount:+} {row.currency} is not in {provider}'s list.",
         row.payment_id)
        for row in lonely if row.key not in listed
    ]  # fmt: skip


def _forgotten(provider: Provider, day: date) -> list[int]:
    """Attempts of that day or before that nobody has told us the end of."""
    ends = datetime.combine(day, time(), UTC) + timedelta(days=1)
    with database.reading():
        query = select(Payment.id).where(
            Payment.provider == provider,
            Payment.state.in_(UNDECIDED),
            Payment.provider_ref.is_not(None),
            Payment.created_at < min(ends, utc_now() - PATIENCE),
            or_(Payment.created_at >= ends - timedelta(days=8), Payment.state == PaymentState.AUTHORISED),
        )
        found = list(db.session.scalars(query))
        db.session.rollback()
    return found


def _give_up_old(provider: Provider) -> None:
    """Attempts that the provider never opened, or whose answer never came: nobody holds what it takes to pay them.

    And what was to be held, and nobody agreed to.
    """
    with database.reading():
        query = select(Payment.id).where(
            Payment.provider == provider,
            or_(
                and_(
                    Payment.state.in_(UNDECIDED), Payment.provider_ref.is_(None), Payment.purpose != Purpose.HOLD,
                    Payment.created_at < utc_now() - GIVEN_UP_AFTER,
                ),
                # Waits for its customer to come by the link.
                and_(
                    Payment.state.in_(_NOT_AGREED), Payment.purpose == Purpose.HOLD,
                    Payment.created_at < utc_now() - HELD_OPEN_FOR,
                ),
            ),
        )  # fmt: skip
        found = list(db.session.scalars(query))
        db.session.rollback()
    for payment_id in found:
        try:
            attempts.cancel_payment(payment_id)
            db.session.commit()
        except ProviderRefused:
            db.session.rollback()
            log.warning("payment_not_given_up", payment=payment_id, exc_info=True)


def _book_payouts(provider: Provider, lines: list[Line]) -> None:
    for line in lines:
        if line.kind == Kind.PAYOUT:
            ledger.post(
                f"{provider}:{line.posted_as}", Kind.PAYOUT, payout_posting(provider, -line.amount),
                currency=line.currency, actor=SYSTEM, at=line.at,
            )  # fmt: skip
    db.session.commit()
