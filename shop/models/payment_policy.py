"""When and how much is paid before a booking holds: the rule of the deposit."""

from collections.abc import Collection
from enum import StrEnum

from shop.models.money import divide_rounded


class PayChoice(StrEnum):
    LATER = "later"
    DEPOSIT = "deposit"
    FULL = "full"


def choices(
    *, total: int, urgency: str, percent: int, deposit_for: Collection[str], online: bool
) -> tuple[PayChoice, ...]:
    """How a booking of so many minor units may be paid, the first one proposed.

    For the urgencies of `deposit_for` a deposit of `percent` is the least; where nothing can be paid online, or the
    price is not known yet, everybody pays later.
    """
    if total <= 0 or not online:
        return (PayChoice.LATER,)
    if urgency not in deposit_for or not percent:
        return (PayChoice.LATER, PayChoice.FULL)
    return (PayChoice.FULL,) if percent >= 100 else (PayChoice.DEPOSIT, PayChoice.FULL)


def due_now(choice: PayChoice, *, total: int, percent: int) -> int:
    """What must be paid for the booking to hold, in minor units: at least one where anything is due."""
    if choice == PayChoice.LATER:
        return 0
    return total if choice == PayChoice.FULL else max(divide_rounded(total * percent, 100), 1)
