"""Another company: what Stripe and PayPal are to the shop, where there is no account with them.

An application of its own, with a file of its own. The shop speaks to it over HTTP with the adapters that speak to the
real ones; nothing in the shop imports it but the line that mounts it. docs/simulator.md says what it can do.
"""

from pathlib import Path

from shop.simulator.app import create_simulator as _create
from shop.simulator.settings import SimulatorSettings

__all__ = ["SimulatorSettings", "create_simulator"]


def create_simulator(path: Path, *, shop_url: str, **settings):
    """The simulator as a WSGI application that keeps its data in the SQLite file `path`.

    `settings` are the other fields of SimulatorSettings. Nothing is opened, written or started before the first
    request; after it, threads of this process deliver webhooks until `app.extensions["simulator"].courier.stop()`.
    """
    return _create(SimulatorSettings(path=Path(path), shop_url=shop_url, **settings))
