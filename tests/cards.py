"""A customer who keeps a card: what is typed into Stripe's form, and what the bank is told."""

from dataclasses import dataclass
from functools import cached_property

import requests

from shop.extensions import db
from shop.models.actor import CUSTOMER, Actor
from shop.models.approval import Approval, How
from shop.models.payment import Payment
from shop.models.permissions import Role
from shop.models.repair import Repair
from shop.models.stored_card import StoredCard
from shop.services import approvals, repairs, tracking
from shop.services.payments import cards, charges
from tests.payments import Till

THREE_D_SECURE, ASKS_EACH_TIME = "pm_card_authenticationRequiredOnSetup", "pm_card_authenticationRequired"


@dataclass
class Wallet:
    till: Till

    @cached_property
    def stripe(self):
        return self.till.simulator.stripe(self.till.simulator.key)

    def start(self, repair: Repair) -> StoredCard:
        card = cards.start_card(tracking.lock_tracked(repair.tracking_token))
        db.session.commit()
        return card

    def open(self, repair: Repair) -> cards.Opened:
        opened = cards.open_card(self.start(repair).id)
        db.session.commit()
        return opened

    def enter(self, opened: cards.Opened, method: str) -> None:
        params = {"payment_method": method, "return_url": "http://localhost/back"}
        self.stripe.v1.setup_intents.confirm(opened.card.setup_ref, params)

    def answer_bank(self, opened: cards.Opened, result: str = "complete") -> None:
        requests.post(
            f"{self.till.simulator.url}/challenge/{opened.card.setup_ref}",
            data={"client_secret": opened.client_secret, "result": result, "embedded": "1"}, timeout=30,
        ).raise_for_status()  # fmt: skip

    def settle(self, card: StoredCard) -> StoredCard:
        settled = cards.settle_card(card.id)
        db.session.commit()
        return settled

    def keep(self, repair: Repair, method: str = "pm_card_visa") -> StoredCard:
        """All the way; the bank agrees where it asks."""
        opened = self.open(repair)
        self.enter(opened, method)
        if self.stripe.v1.setup_intents.retrieve(opened.card.setup_ref).status == "requires_action":
            self.answer_bank(opened)
        return self.settle(opened.card)

    def there(self, kind: str) -> list[dict]:
        """All of this kind that Stripe has."""
        with self.till.simulator.app.extensions["simulator"].store.read() as tx:
            return tx.select(kind.removesuffix("s"))

    def is_attached(self, card: StoredCard) -> bool:
        return self.stripe.v1.payment_methods.retrieve(card.method_ref).customer is not None


def approve(repair: Repair, amount: int = 4_900, text: str = "New battery") -> Approval:
    """Offered by the owner of the shop, and approved by the link."""
    owner = Actor("staff", None, "Owner", Role.OWNER)
    offer = approvals.offer_work(repairs.lock_repair(repair.number), text, amount, actor=owner)
    db.session.commit()
    approvals.decide(
        repairs.lock_repair(repair.number), offer.id, approved=True, name="Hannah", how=How.LINK, actor=CUSTOMER
    )
    db.session.commit()
    return offer


def charge(repair: Repair, approval: Approval, *, after: int = 0) -> Payment:
    payment = charges.start_charge(
        repairs.lock_repair(repair.number), approvals.get_approval(repair, approval.id), after=after, actor=CUSTOMER
    )
    db.session.commit()
    charged = charges.charge_payment(payment.id)
    db.session.commit()
    return charged
