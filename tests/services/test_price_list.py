"""Prices for the shop window."""

from shop.services import price_list, pricing
from tests import factories


class Forgetful(dict):
    """What the memory looks like to one thread while another clears it."""

    def __setitem__(self, key, value):
        pass


def test_window_price_is_never_above_what_a_repair_costs(app, frozen):
    lowest = price_list.from_prices(factories.location())

    price = pricing.calculate(
        device_id=32, repair_type_ids=[1], service_type="in_store", urgency="standard", currency="GBP"
    )

    assert 0 < lowest["phone-display-original"].amount <= price.total.amount
    assert lowest["phone-display-original"].currency == "GBP"


def test_window_price_is_answered_although_it_is_forgotten_meanwhile(app, frozen, monkeypatch):
    kept = price_list.from_prices(factories.location())
    monkeypatch.setattr(price_list, "_kept", Forgetful())

    assert price_list.from_prices(factories.location()) == kept
