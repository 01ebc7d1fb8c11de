"""Currencies and amounts as Stripe takes them."""

from shop.simulator.stripe_errors import StripeError, invalid

_WHOLE = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
ZERO_DECIMAL = frozenset(_WHOLE.split())
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Two decimals are sent, and both must be zero.
WHOLE_ONLY = frozenset({"isk", "ugx"})
MINIMUM = {
    "usd": 50, "eur": 50, "gbp": 30, "chf": 50, "brl": 50, "aud": 50, "cad": 50, "nzd": 50, "jpy": 50, "sgd": 50,
    "inr": 50, "dkk": 250, "nok": 300, "sek": 300, "pln": 200, "hkd": 400, "mxn": 1000, "czk": 1500, "huf": 17500,
    "aed": 200, "ron": 200, "myr": 200, "thb": 1000, "bgn": 100, "zar": 100, "ils": 100, "try": 100, "krw": 100,
}  # fmt: skip
CURRENCIES = ZERO_DECIMAL | THREE_DECIMAL | WHOLE_ONLY | frozenset(MINIMUM)
MAXIMUM = 99_999_999


def checked_currency(currency: str) -> str:
    """In lower case, as Stripe keeps it."""
    if currency.lower() not in CURRENCIES:
        raise invalid(f"Invalid currency: {currency.lower()}.", param="currency")
    return currency.lower()


def checked_amount(amount: int, currency: str) -> int:
    if amount < 1:
        raise invalid(
            "This value must be greater than or equal to 1.", param="amount", code="parameter_invalid_integer"
        )
    if amount > MAXIMUM:
        raise _of_amount(f"Amount must be no more than {MAXIMUM} in {currency}", "amount_too_large")
    if amount < MINIMUM.get(currency, 50):
        raise _of_amount(f"Amount must be at least {MINIMUM.get(currency, 50)} in {currency}", "amount_too_small")
    step = 10 if currency in THREE_DECIMAL else 100 if currency in WHOLE_ONLY else 1
    if amount % step:
        raise _of_amount(f"Amounts in {currency} must be multiples of {step}", "parameter_invalid_integer")
    return amount


def _of_amount(message: str, code: str) -> StripeError:
    return invalid(message, param="amount", code=code)
