"""Notes and coins: what a drawer can hold, and what coins can pay."""

from collections.abc import Mapping

from shop.models.money import Money

# What is in people's pockets, in minor units, largest first.
DENOMINATIONS: dict[str, tuple[int, ...]] = {
    "GBP": (5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "EUR": (20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "BRL": (20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 25, 10, 5),
    "USD": (10_000, 5_000, 2_000, 1_000, 500, 100, 25, 10, 5, 1),
    "JPY": (10_000, 5_000, 2_000, 1_000, 500, 100, 50, 10, 5, 1),
}


def denominations(currency: str) -> tuple[int, ...]:
    """Raises KeyError for a currency that no drawer of the shop holds."""
    return DENOMINATIONS[currency]


def payable(amount: int, currency: str) -> int:
    """The amount that coins can pay, rounded to the smallest of them: Brazil's drawers know no single centavos."""
    return Money(amount, currency).round_to(denominations(currency)[-1]).amount


def counted(counts: Mapping[int, int], currency: str) -> int:
    """What so many of each note and coin come to. Raises ValueError for an unknown coin or a negative count."""
    known = denominations(currency)
    if any(coin not in known or number < 0 for coin, number in counts.items()):
        raise ValueError("unknown coin or negative count")
    return sum(coin * number for coin, number in counts.items())


def likely_tenders(amount: int, currency: str, *, most: int = 4) -> list[int]:
    """What people hand over for an amount: just that, or the next round sum of each larger note."""
    exact, found = payable(amount, currency), []
    for note in reversed(denominations(currency)):
        rounded = -(-exact // note) * note
        if rounded not in found and rounded >= exact and note >= 100:
            found.append(rounded)
    return [exact, *[sum_ for sum_ in found if sum_ != exact]][:most]
