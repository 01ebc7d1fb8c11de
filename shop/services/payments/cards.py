"""Cards that customers keep ready for work that they approve: agreed to here, kept at Stripe, taken back at will."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import select

from shop import database
from shop.extensions import db
from shop.models.actor import CUSTOMER, SYSTEM, Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound, ProviderRefused
from shop.models.payment import Provider
from shop.models.repair import Repair
from shop.models.stored_card import CANCELLED, MANDATE_VERSION, CardState, StoredCard, card_key
from shop.models.workflow import State
from shop.services import ledger
from shop.services.events import hold, record
from shop.services.payments import keys
from shop.services.payments.gateway import CardSnapshot, vault_of
from shop.services.payments.settle import MOST_TRIES, Unfinished

PERMISSION = "card.remove"
# By then a customer is back from the bank's question, or will not come back.
ASK_AFTER = timedelta(minutes=30)
_UNFINISHED = (CardState.PENDING, CardState.FAILED)
_LOOK = select(
    StoredCard.id, StoredCard.key, StoredCard.setup_ref, StoredCard.state, StoredCard.version, Repair.number
).join(Repair, Repair.id == StoredCard.repair_id)


@dataclass(frozen=True, slots=True)
class Seen:
    """A card as it was read, without a lock: what Stripe is asked by."""

    id: int
    key: str
    setup_ref: str | None
    state: str
    version: int
    repair_number: str

    def idempotency_key(self, step: str) -> str:
        return card_key(self.key, step)


@dataclass(frozen=True, slots=True)
class Opened:
    """A place for a card. `client_secret` is the browser's, and nobody keeps it."""

    card: StoredCard
    client_secret: str


def is_offered(repair: Repair) -> bool:
    return repair.is_open and Provider.STRIPE in keys.in_use().online_providers


def can_be_charged(repair: Repair) -> bool:
    """For approved work that is still owed, also once the device has left the house."""
    return repair.status != State.CANCELLED and Provider.STRIPE in keys.in_use().online_providers


def start_card(repair: Repair) -> StoredCard:
    """Writes down that the customer agrees to have a card kept; the repair is locked, the caller commits.

    One that was begun is gone on with, so that two clicks are one card. Raises Invalid where none can be kept.
    """
    if not is_offered(repair):
        raise Invalid({"card": _("A card cannot be kept for this repair.")})
    now, card = utc_now(), _find_unfinished(repair)
    if card is None:
        card = StoredCard(repair_id=repair.id, customer_id=repair.customer_id, state=CardState.PENDING, version=0)
        db.session.add(card)
    card.agreed_at, card.mandate_version = now, MANDATE_VERSION
    card.version += 1
    db.session.flush()
    asks_at = (now + ASK_AFTER).isoformat(timespec="microseconds")
    body = {"card": card.id, "mandate": MANDATE_VERSION, "asks_at": asks_at}
    record("repair.card_agreed", repair, actor=CUSTOMER, body=body)
    return card


def open_card(card_id: int) -> Opened:
    """Has Stripe make the place for it, or looks at it again; the caller has committed, and commits after.

    Harmless when called again. Raises ProviderDown, ProviderRefused, and Invalid for a card that is decided. Where
    Stripe knows the place no more, that is committed here.
    """
    told: list[CardSnapshot] = []

    def ask(seen: Seen) -> CardSnapshot:
        if seen.state not in _UNFINISHED:
            raise Invalid({"card": _("This card is kept already, or was removed.")})
        told.append(vault_of().read_setup(seen.setup_ref) if seen.setup_ref else _opened(seen))
        return told[-1]

    try:
        card = _settle_by(card_id, ask)
    except ProviderRefused as error:
        if error.reason == "resource_missing":
            _give_up(card_id)
        raise
    return Opened(card, told[-1].client_secret)


def settle_card(card_id: int, *, ref: str = "") -> StoredCard:
    """Asks Stripe and writes what has become of the card. The caller has written nothing yet, and commits after.

    Harmless however often and in whatever order it is called. `ref` names the setup there, for one that we were cut
    off from before its name was written down. Raises NotFound, ProviderDown and ProviderRefused.
    """

    def ask(seen: Seen) -> CardSnapshot | None:
        name = seen.setup_ref or ref
        return vault_of().read_setup(name) if name else None

    return _settle_by(card_id, ask)


def remove_card(repair: Repair, card_id: int, *, actor: Actor) -> None:
    """From now on it is not charged; a job has Stripe let go of it. The repair is locked, the caller commits.

    Harmless when called again. Raises NotFound, and NotAllowed for staff without the right.
    """
    if actor is not CUSTOMER:
        actor.require(PERMISSION)
    card = db.session.scalar(select(StoredCard).where(StoredCard.id == card_id, StoredCard.repair_id == repair.id))
    if card is None:
        raise NotFound(_("There is no such card."))
    if card.state != CardState.REMOVED:
        _remove(card, repair, actor)


def forget_card(card_id: int) -> StoredCard:
    """Has Stripe let go of a card that was removed. Harmless when called again; the caller commits after."""

    def ask(seen: Seen) -> CardSnapshot | None:
        if seen.state != CardState.REMOVED:
            return None
        # Cut off while it was opened, it has a name there that only its key tells.
        ref = seen.setup_ref or _opened(seen).ref
        return vault_of().forget(
            ref, cancel_key=seen.idempotency_key("cancel"), detach_key=seen.idempotency_key("detach")
        )

    card = _settle_by(card_id, ask)
    if card.state == CardState.REMOVED and card.detached_at is None:
        card.detached_at = utc_now()
        card.version += 1
    return card


def find_ready(repair: Repair) -> StoredCard | None:
    """The card that can be charged for this repair."""
    query = select(StoredCard).where(StoredCard.repair_id == repair.id, StoredCard.state == CardState.READY)
    return db.session.scalar(query)


def find_card(repair: Repair, key: str) -> StoredCard:
    """Raises NotFound for another repair's card too."""
    query = select(StoredCard).where(StoredCard.repair_id == repair.id, StoredCard.key == key)
    card = None if "\x00" in key else db.session.scalar(query)
    if card is None:
        raise NotFound(_("There is no such card."))
    return card


def find_id(*, setup_ref: str = "", method_ref: str = "", key: str = "") -> int | None:
    """By any name that Stripe or we have given it."""
    pairs = ((StoredCard.setup_ref, setup_ref), (StoredCard.method_ref, method_ref), (StoredCard.key, key))
    for column, name in pairs:
        if name and (found := db.session.scalar(select(StoredCard.id).where(column == name).limit(1))):
            return found
    return None


def remove_needless(repair_id: int) -> None:
    """Lets go of the card of a repair that has ended and owes nothing; the caller commits. Twice is harmless."""
    repair = db.session.get(Repair, repair_id, with_for_update={"of": Repair}, populate_existing=True)
    card = repair and find_ready(repair)
    if not repair or not card:
        return
    if repair.status == State.CANCELLED or (not repair.is_open and ledger.repair_balance(repair).owed <= 0):
        hold(repair)
        _remove(card, repair, SYSTEM)


def _give_up(card_id: int) -> None:
    """Stripe does not know this place any more, such as after a change of keys: the next yes begins another."""
    db.session.rollback()
    card = _lock(card_id)
    if card.state in _UNFINISHED:
        card.state, card.failure_code = CardState.FAILED, CANCELLED
        card.version += 1
        db.session.commit()


def _find_unfinished(repair: Repair) -> StoredCard | None:
    query = select(StoredCard).where(
        StoredCard.repair_id == repair.id, StoredCard.state.in_(_UNFINISHED), StoredCard.failure_code != CANCELLED
    )
    return db.session.scalar(query.order_by(StoredCard.id.desc()).limit(1))


def _opened(seen: Seen) -> CardSnapshot:
    return vault_of().open_setup(
        card=seen.key, customer_key=seen.idempotency_key("customer"), setup_key=seen.idempotency_key("setup"),
        reference=seen.repair_number,
    )  # fmt: skip


def _settle_by(card_id: int, ask: Callable[[Seen], CardSnapshot | None]) -> StoredCard:
    """`ask` runs without a lock; what another has written meanwhile is looked at again."""
    for _try in range(MOST_TRIES):
        seen = _look(card_id)
        told = ask(seen)
        card = _lock(card_id)
        if card.version == seen.version:
            if told is not None and told.key == card.key:
                _bring_to(card, told)
            return card
        db.session.rollback()
    raise Unfinished(f"card {card_id} changed each time it was asked about")


def _look(card_id: int) -> Seen:
    session = db.session()
    if database.has_written(session):
        raise Unfinished("commit before a provider is asked")
    session.rollback()
    with database.reading():
        row = db.session.execute(_LOOK.where(StoredCard.id == card_id)).first()
        session.rollback()
    if row is None:
        raise NotFound(_("There is no such card."))
    return Seen(row.id, row.key, row.setup_ref, row.state, row.version, row.number)


def _lock(card_id: int) -> StoredCard:
    """Repair first, then card: everybody locks in this order."""
    repair_id = db.session.scalar(select(StoredCard.repair_id).where(StoredCard.id == card_id))
    repair = repair_id and db.session.get(Repair, repair_id, with_for_update={"of": Repair}, populate_existing=True)
    if not repair:
        raise NotFound(_("There is no such card."))
    hold(repair)
    return db.session.get_one(StoredCard, card_id, with_for_update={"of": StoredCard}, populate_existing=True)


def _bring_to(card: StoredCard, told: CardSnapshot) -> None:
    card.version += 1
    card.setup_ref, card.customer_ref = told.ref, told.customer_ref or card.customer_ref
    card.method_ref = told.method_ref or card.method_ref
    if card.state == CardState.REMOVED or (card.state, card.failure_code) == (told.state, told.failure_code):
        return
    if told.state == CardState.READY:
        _keep(card, told)
    elif told.state == CardState.REMOVED:
        card.detached_at = utc_now()
        _remove(card, card.repair, SYSTEM)
    elif card.state != CardState.READY:
        card.state, card.failure_code = told.state, told.failure_code
        if told.state == CardState.FAILED:
            body = {"card": card.id, "reason": told.failure_code}
            record("repair.card_failed", card.repair, actor=SYSTEM, body=body)


def _keep(card: StoredCard, told: CardSnapshot) -> None:
    """A repair has one card to charge: the new one takes the place of the old. A closed repair needs none."""
    if (before := find_ready(card.repair)) is not None:
        _remove(before, card.repair, SYSTEM)
        db.session.flush()
    card.state, card.failure_code = CardState.READY, ""
    card.brand, card.last4 = told.brand, told.last4
    card.expires_month, card.expires_year = told.expires_month, told.expires_year
    record("repair.card_kept", card.repair, actor=SYSTEM, body={"card": card.id, "mandate": card.mandate_version})
    if card.repair.status == State.CANCELLED:
        _remove(card, card.repair, SYSTEM)


def _remove(card: StoredCard, repair: Repair, actor: Actor) -> None:
    card.state, card.removed_at = CardState.REMOVED, utc_now()
    card.version += 1
    record("repair.card_removed", repair, actor=actor, body={"card": card.id})
