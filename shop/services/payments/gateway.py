"""What the shop asks of a payment provider, in the shop's own words. Nothing beyond this package knows another.

Every call may raise ProviderDown (no usable answer: whether it acted is unknown, ask again under the same key),
ProviderRefused, and where a customer's money is asked for, Declined.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, cast

from flask import current_app

from shop.config import Settings
from shop.models.errors import Declined, ProviderDown, ProviderForgot, ProviderRefused
from shop.models.ledger import Kind
from shop.models.payment import DisputeState, PaymentState, Provider, RefundState
from shop.models.stored_card import CardState
from shop.services.payments.keys import in_use

__all__ = [
    "Declined",
    "Gateway",
    "Order",
    "ProviderDown",
    "ProviderForgot",
    "ProviderRefused",
    "Snapshot",
    "gateway_of",
    "vault_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be paid. `key` is our name of the attempt; the amount is in minor units of `currency`."""

    key: str
    idempotency_key: str
    amount: int
    currency: str
    reference: str
    description: str
    return_url: str
    cancel_url: str
    locale: str = "en"
    email: str = ""
    captures_later: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What the provider kept of one movement; negative where it gave some back. `ref` names the movement."""

    ref: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSnapshot:
    """`key` is our name of it, empty for one that was made at the provider's own site.

    `has_moved` says whether money has left what the provider holds for us, also if it has come back since.
    """

    ref: str
    amount: int
    state: RefundState
    has_moved: bool
    key: str = ""
    failure_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money that a dispute took from us (negative) or gave back. `ref` names it for ever."""

    ref: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeSnapshot:
    ref: str
    amount: int
    currency: str
    reason: str
    state: DisputeState
    due_by: datetime | None
    opened_at: datetime
    movements: tuple[Movement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a provider knows of one attempt, at one moment. Amounts in minor units of `currency`."""

    ref: str
    key: str
    state: PaymentState
    amount: int
    currency: str
    captured: int = 0
    charge_ref: str = ""
    method: str = ""
    failure_code: str = ""
    livemode: bool = False
    # Until when an authorisation can be taken; None where there is none.
    holds_until: datetime | None = None
    fees: tuple[Fee, ...] = ()
    refunds: tuple[RefundSnapshot, ...] = ()
    disputes: tuple[DisputeSnapshot, ...] = ()
    # For the browser alone, never stored: the secret of Stripe's element, or where the customer goes on.
    client_secret: str = ""
    next_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One movement in a provider's own list. `amount` is what it holds more for us, before `fee`.

    `posted_as` is the end of its key in our ledger, empty where the list does not tell it; `kind` is None for a
    movement that we do not book. The names of attempt and charge, and our own, are empty where it tells none.
    """

    ref: str
    kind: Kind | None
    posted_as: str
    amount: int
    fee: int
    fee_ref: str
    currency: str
    at: datetime
    attempt_ref: str = ""
    charge_ref: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSnapshot:
    """All that a provider knows of a card that a customer keeps ready. `key` is our name of it.

    A card that the provider has let go of is removed, whoever did it.
    """

    ref: str
    key: str
    state: CardState
    customer_ref: str
    method_ref: str = ""
    brand: str = ""
    last4: str = ""
    expires_month: int | None = None
    expires_year: int | None = None
    failure_code: str = ""
    # For the browser alone, never stored.
    client_secret: str = ""


class Gateway(Protocol):
    provider: Provider

    def check(self) -> None:
        """Asks something that changes nothing, to see whether it knows us."""
        ...

    def create(self, order: Order) -> Snapshot:
        """Opens the attempt there, once for each `order.idempotency_key`."""
        ...

    def read(self, ref: str, *, disputed: bool = False) -> Snapshot:
        """`disputed`: look for disputes too, where the attempt itself does not tell that there are any."""
        ...

    def confirm(self, ref: str, *, idempotency_key: str, method: str, return_url: str) -> Snapshot:
        """Pays with a method that the provider knows. Raises Declined."""
        ...

    def capture(self, ref: str, *, idempotency_key: str, amount: int | None = None) -> Snapshot:
        """Takes what the customer agreed to; all of it if `amount` is None. Taking it twice takes it once."""
        ...

    def cancel(self, ref: str, *, idempotency_key: str) -> Snapshot:
        """Gives the attempt up. One that is decided already comes back as it is."""
        ...

    def refund(self, snapshot_ref: str, charge_ref: str, *, amount: int, currency: str, key: str) -> RefundSnapshot:
        """Gives back; `key` is our name of the refund, and asking twice under it gives back once."""
        ...

    def list_day(self, day: date) -> Iterator[Line]:
        """Every movement of that day, in UTC, by the provider's own books."""
        ...


class CardVault(Protocol):
    """What a provider does with cards that are kept for later."""

    def open_setup(self, *, card: str, customer_key: str, setup_key: str, reference: str) -> CardSnapshot:
        """Opens a place for one card, once for each pair of idempotency keys. `card` is our name of it."""
        ...

    def read_setup(self, ref: str) -> CardSnapshot: ...

    def forget(self, ref: str, *, cancel_key: str, detach_key: str) -> CardSnapshot:
        """Gives up the place, or lets go of the card that is in it. Harmless when called again."""
        ...

    def charge(self, order: Order, *, customer_ref: str, method_ref: str) -> Snapshot:
        """Takes the money of a kept card while its owner is away. What the bank refuses is a failed attempt."""
        ...

    def find_charge(self, key: str, *, customer_ref: str) -> Snapshot | None:
        """What became of a charge that we were cut off from, by our name of it; None if it was never made."""
        ...


def vault_of() -> CardVault:
    """Where cards are kept. Raises ProviderRefused where that is not offered."""
    return cast(CardVault, gateway_of(Provider.STRIPE))


def gateway_of(provider: Provider | str) -> Gateway:
    """The one for this provider, with the keys of this shop. Raises ProviderRefused for one that is not offered."""
    settings = in_use()
    made: dict[str, tuple[Settings, Gateway]] = current_app.extensions.setdefault("shop_gateways", {})
    known, gateway = made.get(provider, (None, None))
    if known is not settings or gateway is None:
        gateway = _make(Provider(provider), settings)
        made[provider] = settings, gateway
    return gateway


def _make(provider: Provider, settings: Settings) -> Gateway:
    from shop.services.payments.paypal_gateway import PayPalGateway
    from shop.services.payments.stripe_gateway import StripeGateway

    if provider not in settings.online_providers:
        raise ProviderRefused(f"{provider} is not set up.", reason="not_configured")
    if provider == Provider.STRIPE:
        return StripeGateway(secret_key=settings.STRIPE_SECRET_KEY, base=settings.STRIPE_API_BASE)
    return PayPalGateway(
        client_id=settings.PAYPAL_CLIENT_ID,
        client_secret=settings.PAYPAL_CLIENT_SECRET,
        base=settings.PAYPAL_API_BASE,
        livemode=settings.ENABLE_REAL_PAYMENTS,
    )
