"""What providers tell us: kept as it came, and taken as a hint to ask them."""

import json
from collections.abc import Mapping
from typing import Any

import structlog
from flask import current_app
from sqlalchemy import select, update

from shop import database
from shop.extensions import db
from shop.models.actor import SYSTEM, Actor
from shop.models.base import utc_now
from shop.models.errors import NotFound, WebhookRefused
from shop.models.payment import EventState, Payment, Provider, ProviderEvent
from shop.models.refused_webhook import Refusal
from shop.services.events import hold, record
from shop.services.payments import cards, keys, signatures
from shop.services.payments.refusals import note_refused
from shop.services.payments.settle import settle
from shop.services.statements import insert_if_absent

log = structlog.get_logger(__name__)

LONGEST_ERROR = 500
_KEPT_HEADERS = ("stripe-signature", "paypal-", "content-type", "user-agent")


def take(provider: Provider | str, headers: Mapping[str, str], body: bytes, *, source: str | None = None) -> bool:
    """Keeps a webhook as it came; True if it is new. The caller commits before it answers 200, and a job goes on.

    Raises WebhookRefused for one that the provider did not sign, or not now: then only that it came from `source` is
    on record.
    """
    headers = {name.title(): value for name, value in headers.items()}
    try:
        _verify(provider, headers, body)
        event = _read(body)
        event_id, kind = _identity(Provider(provider), event)
    except WebhookRefused as error:
        log.warning("webhook_refused", provider=str(provider), reason=error.message, bytes=len(body))
        note_refused(provider, error.reason, body, source=source)
        raise
    values = {
        "provider": str(provider),
        "event_id": event_id,
        "kind": kind,
        "object_ref": _object_ref(Provider(provider), event)[:120],
        "headers": json.dumps(_kept(headers)),
        "body": body,
        "state": EventState.WAITING,
        "error": "",
        "received_at": utc_now(),
        "version": 0,
    }
    statement = insert_if_absent(ProviderEvent, unique=["provider", "event_id"], values=values)
    row_id = db.session.scalar(statement.returning(ProviderEvent.id))
    if row_id is None:
        return False
    row = db.session.get_one(ProviderEvent, row_id)
    hold(row)
    record("provider_event.received", row, actor=SYSTEM, body={"provider": str(provider), "kind": kind})
    return True


def _verify(provider: Provider | str, headers: Mapping[str, str], body: bytes) -> None:
    """By the keys as this process knows them, and where they have changed a moment ago, by those."""
    known = keys.in_use()
    try:
        signatures.verify(provider, headers, body)
    except WebhookRefused:
        if keys.look_now() == known:
            raise
        signatures.verify(provider, headers, body)


def handle(event_id: int) -> str:
    """Finds out what a webhook is about and settles that; returns what became of it. The caller commits.

    Harmless when called again. What fails is noted on the row, and raised so that it is tried again.
    """
    with database.reading():
        row = db.session.get(ProviderEvent, event_id, populate_existing=True)
        if row is None:
            raise NotFound("This webhook does not exist.")
        provider, event = Provider(row.provider), _read(row.body)
        payment_id, ref = _find_payment(provider, event)
        card_id, setup_ref = (None, "") if payment_id is not None else _find_card(provider, event)
        db.session.rollback()
    try:
        if card_id is not None:
            cards.settle_card(card_id, ref=setup_ref)
        if payment_id is not None:
            settle(payment_id, ref=ref, disputed="dispute" in _kind(provider, event).lower())
    except Exception as error:
        db.session.rollback()
        _note_failure(event_id, f"{type(error).__name__}: {error}"[:LONGEST_ERROR])
        raise
    state = EventState.UNKNOWN if payment_id is None and card_id is None else EventState.DONE
    db.session.execute(
        update(ProviderEvent)
        .where(ProviderEvent.id == event_id)
        .values(state=state, payment_id=payment_id, error="", handled_at=utc_now())
        .execution_options(synchronize_session=False)
    )
    return state


def replay(event_id: int, *, actor: Actor) -> None:
    """Has a webhook worked on again, whatever became of it. Raises NotFound and NotAllowed; the caller commits."""
    actor.require("payment.view")
    row = db.session.get(ProviderEvent, event_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("This webhook does not exist.")
    hold(row)
    row.state = EventState.WAITING
    record("provider_event.replayed", row, actor=actor, body={"provider": row.provider, "kind": row.kind})


def _note_failure(event_id: int, error: str) -> None:
    """At once and by itself: the transaction of the work is gone."""
    with database.alone(db.engine) as connection:
        connection.execute(
            update(ProviderEvent)
            .where(ProviderEvent.id == event_id, ProviderEvent.state != EventState.DONE)
            .values(state=EventState.FAILED, error=error, handled_at=utc_now())
        )


def _read(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise WebhookRefused("The body is not a JSON object.", reason=Refusal.UNREADABLE)
    return event


def _identity(provider: Provider, event: dict) -> tuple[str, str]:
    event_id, kind = event.get("id"), _kind(provider, event)
    if not isinstance(event_id, str) or not 0 < len(event_id) <= 120 or not kind:
        raise WebhookRefused("The body is not an event.", reason=Refusal.UNREADABLE)
    is_live = bool(current_app.config["SETTINGS"].ENABLE_REAL_PAYMENTS)
    if provider == Provider.STRIPE and bool(event.get("livemode")) != is_live:
        raise WebhookRefused("The event is of the other mode: test and live do not mix.", reason=Refusal.OTHER_MODE)
    return event_id, kind[:80]


def _kind(provider: Provider, event: dict) -> str:
    kind = event.get("type" if provider == Provider.STRIPE else "event_type")
    return kind if isinstance(kind, str) else ""


def _subject(provider: Provider, event: dict) -> dict:
    """What it is about, as it was when it was told: only its names are used."""
    data = event.get("data") if provider == Provider.STRIPE else event
    subject = (
        (data or {}).get("object" if provider == Provider.STRIPE else "resource") if isinstance(data, dict) else {}
    )
    return subject if isinstance(subject, dict) else {}


def _object_ref(provider: Provider, event: dict) -> str:
    subject = _subject(provider, event)
    return str(subject.get("id") or subject.get("dispute_id") or "")


def _find_payment(provider: Provider, event: dict) -> tuple[int | None, str]:
    """Our payment, and the name of the attempt there where the event tells it."""
    if provider == Provider.STRIPE and event.get("account"):
        # Another account's, that is connected to ours.
        return None, ""
    find = _stripe_names if provider == Provider.STRIPE else _paypal_names
    refs, charges, keys = find(_subject(provider, event))
    for column, names in ((Payment.provider_ref, refs), (Payment.charge_ref, charges), (Payment.key, keys)):
        wanted = [name for name in names if isinstance(name, str) and name]
        if not wanted:
            continue
        query = select(Payment.id).where(Payment.provider == provider, column.in_(wanted)).limit(1)
        if payment_id := db.session.scalar(query):
            return payment_id, next((name for name in refs if isinstance(name, str) and name), "")
    return None, ""


def _find_card(provider: Provider, event: dict) -> tuple[int | None, str]:
    """Our kept card, and the name of its setup there where the event tells it."""
    if provider != Provider.STRIPE or event.get("account"):
        return None, ""
    subject = _subject(provider, event)
    kind, name, own = subject.get("object"), subject.get("id"), subject.get("metadata")
    if not isinstance(name, str) or kind not in ("setup_intent", "payment_method"):
        return None, ""
    if kind == "payment_method":
        return cards.find_id(method_ref=name), ""
    key = own.get("card") if isinstance(own, dict) else None
    return cards.find_id(setup_ref=name, key=key if isinstance(key, str) else ""), name


def _stripe_names(subject: dict) -> tuple[list, list, list]:
    """Names of the intent, of the charge, and our own."""
    own = subject.get("metadata") or {}
    kind, name = subject.get("object"), subject.get("id")
    intent = name if kind == "payment_intent" else subject.get("payment_intent")
    charge = name if kind == "charge" else subject.get("charge")
    return [intent], [charge], [own.get("payment") if isinstance(own, dict) else None]


def _paypal_names(resource: dict) -> tuple[list, list, list]:
    related = (resource.get("supplementary_data") or {}).get("related_ids") or {}
    links = [link for link in resource.get("links") or [] if isinstance(link, dict)]
    above = [str(link.get("href", "")).rpartition("/")[2] for link in links if link.get("rel") == "up"]
    disputed = [each.get("seller_transaction_id") for each in resource.get("disputed_transactions") or []]
    units = [unit.get("custom_id") for unit in resource.get("purchase_units") or []]
    is_order = "purchase_units" in resource or "intent" in resource
    orders = [resource.get("id") if is_order else related.get("order_id")]
    return orders, [resource.get("id"), *above, *disputed], [resource.get("custom_id"), *units]


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower().startswith(_KEPT_HEADERS)}
