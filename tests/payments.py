"""A shop that speaks to the simulator over HTTP, and what happens there."""

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.event import Event
from shop.models.payment import Payment
from shop.models.repair import Repair
from shop.services import deliveries, ledger, relay
from shop.services.payments import attempts, settle
from shop.services.subscriptions import PAYMENTS
from tests.simulators import RunningSimulator, running_simulator


@pytest.fixture
def simulator(app, tmp_path, monkeypatch):
    """Both companies, spoken to as the product does; what they tell is collected by `simulator.listener`."""
    settings = app.config["SETTINGS"]
    keys = ("stripe_secret_key", "stripe_publishable_key", "stripe_webhook_secret", "paypal_client_id",
            "paypal_client_secret", "paypal_webhook_id")  # fmt: skip
    with running_simulator(tmp_path, **{name: getattr(settings, name.upper()) for name in keys}) as running:
        for name in ("STRIPE_API_BASE", "PAYPAL_API_BASE", "SIMULATOR_URL"):
            monkeypatch.setattr(settings, name, running.url)
        monkeypatch.setitem(app.extensions, "shop_gateways", {})
        running.key = settings.STRIPE_SECRET_KEY
        yield running


@pytest.fixture
def iphone(cracked_iphone, session):
    """A repair that costs 200 pounds."""
    cracked_iphone.total = 20_000
    session.commit()
    return cracked_iphone


@dataclass
class Till:
    """A customer with a card and a PayPal account, and what the books say afterwards."""

    simulator: RunningSimulator

    def start(self, repair: Repair, provider: str = "stripe", purpose: str = "full", **facts) -> attempts.Opened:
        payment = attempts.start_payment(
            attempts.lock_by_token(repair.tracking_token), provider, purpose, actor=CUSTOMER, **facts
        )
        db.session.commit()
        opened = attempts.open_payment(payment.id)
        db.session.commit()
        return opened

    def pay(self, repair: Repair, provider: str = "stripe", purpose: str = "full", method="pm_card_visa") -> Payment:
        """All the way: opened, agreed to, settled."""
        opened = self.start(repair, provider, purpose)
        if provider == "paypal":
            self.control("/approve", order=opened.snapshot.ref)
        else:
            attempts.confirm_payment(opened.payment.id, method=method)
            db.session.commit()
        return self.settle(opened.payment)

    def hold(self, repair: Repair, browser, amount: str) -> Payment:
        """Staff ask for it by their `browser`, in pounds, and the customer's bank holds it."""
        assert browser.post(f"/admin/repairs/{repair.number}/hold", data={"amount": amount}).status_code == 303
        db.session.rollback()
        return self.pay(repair, purpose="hold")

    def settle(self, payment: Payment, **options) -> Payment:
        settled = settle.settle(payment.id, **options)
        db.session.commit()
        return settled

    def control(self, path: str, **body) -> dict:
        answer = self.simulator.http.post(
            f"{self.simulator.url}/_control{path}",
            json=body, headers={"Authorization": f"Bearer {self.simulator.key}"}, timeout=30,
        )  # fmt: skip
        answer.raise_for_status()
        return answer.json()

    def balance(self, provider: str) -> int:
        """What the provider holds for us, by its own account."""
        answer = self.simulator.http.get(
            f"{self.simulator.url}/_control/balance",
            headers={"Authorization": f"Bearer {self.simulator.key}"}, timeout=30,
        )  # fmt: skip
        currencies = answer.json()[provider]["currencies"]
        return sum(currencies.values())

    def books(self, provider: str) -> int:
        return ledger.balance(provider, currency="GBP")

    def work(self) -> None:
        """As the background does: seals what happened, and does what follows from it."""
        relay.relay_batch()
        db.session.commit()
        deliveries.drain(PAYMENTS)


@pytest.fixture
def till(simulator):
    return Till(simulator)


@pytest.fixture
def verbs(session):
    """`verbs()`: what the log says about payments, in order."""

    def read() -> list[str]:
        query = select(Event.verb).where(Event.verb.startswith("payment.")).order_by(Event.id)
        return list(db.session.scalars(query))

    return read
