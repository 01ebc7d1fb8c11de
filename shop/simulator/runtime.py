"""What a request needs of the simulator that it came to."""

from dataclasses import dataclass

from flask import current_app, request

from shop.simulator.courier import Courier
from shop.simulator.settings import SimulatorSettings
from shop.simulator.signatures import Signer
from shop.simulator.store import Origin, Store, new_id


@dataclass(frozen=True)
class Simulator:
    settings: SimulatorSettings
    store: Store
    signer: Signer
    courier: Courier


def simulator() -> Simulator:
    return current_app.extensions["simulator"]


def origin() -> Origin:
    """Links to the API go where this request came in, links for people where the settings say they reach us."""
    here = request.root_url.rstrip("/")
    return Origin(
        api_url=here,
        browser_url=simulator().settings.public_url.rstrip("/") or here,
        request_id=new_id("req", 14),
        idempotency_key=request.headers.get("Idempotency-Key"),
    )
