"""The published test cards, and what each of them does."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Card:
    """`decline` is (code, decline_code); `authenticate` says when the bank asks: always, until_set_up, never."""

    number: str
    brand: str = "visa"
    funding: str = "credit"
    decline: tuple[str, str] | None = None
    authenticate: str = "never"
    dispute: str = ""
    refund: str = ""
    attaches: bool = True
    hint: str = ""

    @property
    def last4(self) -> str:
        return self.number[-4:]


MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "incorrect_number": "Your card number is incorrect.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}


def _declines(number: str, reason: str, *, code: str = "card_declined", **more) -> Card:
    return Card(number, decline=(code, reason), **more)


_CARDS = {
    "visa": Card("4242424242424242", hint="succeeds"),
    "visa_debit": Card("4000056655665556", funding="debit"),
    "mastercard": Card("5555555555554444", brand="mastercard"),
    "amex": Card("378282246310005", brand="amex"),
    "chargeDeclined": _declines("4000000000000002", "generic_decline", attaches=False, hint="declined_card"),
    "chargeDeclinedInsufficientFunds": _declines(
        "4000000000009995", "insufficient_funds", attaches=False, hint="insufficient_funds"
    ),
    "chargeDeclinedLostCard": _declines("4000000000009987", "lost_card", attaches=False),
    "chargeDeclinedStolenCard": _declines("4000000000009979", "stolen_card", attaches=False),
    "chargeDeclinedExpiredCard": _declines(
        "4000000000000069", "expired_card", code="expired_card", attaches=False, hint="expired"
    ),
    "chargeDeclinedIncorrectCvc": _declines(
        "4000000000000127", "incorrect_cvc", code="incorrect_cvc", attaches=False, hint="incorrect_cvc"
    ),
    "chargeDeclinedProcessingError": _declines(
        "4000000000000119", "processing_error", code="processing_error", attaches=False, hint="processing_error"
    ),
    "chargeCustomerFail": _declines("4000000000000341", "generic_decline"),
    "authenticationRequired": Card("4000002760003184", authenticate="always", hint="authenticate"),
    "authenticationRequiredOnSetup": Card("4000002500003155", authenticate="until_set_up", hint="authenticate_once"),
    "threeDSecure2Required": Card("4000000000003220", authenticate="always"),
    "threeDSecureRequiredChargeDeclined": _declines("4000008400001629", "generic_decline", authenticate="always"),
    "createDispute": Card("4000000000000259", dispute="fraudulent", hint="disputed"),
    "createDisputeProductNotReceived": Card("4000000000002685", dispute="product_not_received"),
    "pendingRefund": Card("4000000000007726", refund="pending", hint="refund_pending"),
    "refundFail": Card("4000000000005126", refund="fails", hint="refund_fails"),
}
_ALIASES = {
    "visa_chargeDeclined": "chargeDeclined",
    "authenticationRequiredSetupForOffSession": "authenticationRequiredOnSetup",
    "debit": "visa_debit",
} | {f"visa_{name}": name for name in _CARDS if name.startswith("chargeDeclined")}
HINTED = tuple(card for card in _CARDS.values() if card.hint)


def card_of_token(token: str) -> Card | None:
    """`pm_card_visa` and its like."""
    name = token.removeprefix("pm_card_")
    return _CARDS.get(_ALIASES.get(name, name)) if token.startswith("pm_card_") else None


def card_of_number(number: str) -> Card | None:
    """The test card; for another number of right length and check digit, a card that succeeds."""
    digits = "".join(filter(str.isdigit, number))
    known = next((card for card in _CARDS.values() if card.number == digits), None)
    if known is not None or not is_plausible(digits):
        return known
    return replace(_CARDS["visa"], number=digits, brand=_brand(digits))


def is_plausible(digits: str) -> bool:
    """Length and Luhn's check digit."""
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def message_of(decline_code: str) -> str:
    return MESSAGES.get(decline_code, MESSAGES["generic_decline"])


def _brand(digits: str) -> str:
    return {"3": "amex", "4": "visa", "5": "mastercard", "6": "discover"}.get(digits[0], "unknown")
