"""Pix as a customer meets it: what is owed as a code for a bank's app. What has arrived is taken at the counter."""

from dataclasses import dataclass

from flask import current_app

from shop.models.pix import CURRENCY, br_code, txid_of
from shop.models.repair import Repair
from shop.services.payments import keys


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whose bank account it is. `is_test`: its key is invented, and nobody is to pay."""

    key: str
    name: str
    city: str
    is_test: bool

    def code(self, repair: Repair, amount: int) -> str:
        """To be drawn, or to be copied and pasted. Raises ValueError for an amount that cannot be paid."""
        return br_code(self.key, name=self.name, city=self.city, amount=amount, txid=txid_of(repair.number))


def find_receiver(repair: Repair) -> Receiver | None:
    """Who gets the Pix for this repair; None where its price is in other money, or the shop has no key."""
    settings = current_app.config["SETTINGS"]
    if repair.currency != CURRENCY or not settings.PIX_KEY:
        return None
    return Receiver(settings.PIX_KEY, settings.PIX_NAME, settings.PIX_CITY, is_test=not settings.ENABLE_REAL_PAYMENTS)


def can_be_paid_from_afar(repair: Repair) -> bool:
    """Whether there is any way to pay without coming to the counter."""
    return bool(keys.in_use().online_providers) or find_receiver(repair) is not None
