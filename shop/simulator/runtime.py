"""What a request needs of the simulator that it came to."""

from dataclasses import dataclass
from urllib.parse import urlsplit

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


def is_home(url: str) -> bool:
    """True for an address of the shop or of ours: browsers may be sent there at a stranger's wish."""
    parts, settings = urlsplit(url), simulator().settings
    if parts.scheme not in ("http", "https") or not url.isprintable() or "\\" in url:
        return False
    known = {urlsplit(address).netloc for address in (settings.shop_url, settings.public_url)} - {""}
    return not settings.shop_url or parts.netloc in {*known, request.host}


def origin(*, is_api: bool = False) -> Origin:
    """Links to the API go where this request came in, links for people where the settings say they reach us."""
    here = request.root_url.rstrip("/")
    return Origin(
        api_url=here,
        browser_url=simulator().settings.public_url.rstrip("/") or here,
        request_id=new_id("req", 14),
        idempotency_key=request.headers.get("Idempotency-Key"),
        is_api=is_api,
    )
