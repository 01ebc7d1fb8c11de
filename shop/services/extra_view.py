"""What people see of the work that was offered beyond the first price, and of the card that may pay for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from shop.models.approval import Approval, ApprovalState
from shop.models.repair import Repair
from shop.models.stored_card import StoredCard
from shop.services import approvals
from shop.services.payments import cards


@dataclass(frozen=True, slots=True)
class ExtraWork:
    """`offers` in order; `card` is the one that can be charged."""

    offers: Sequence[Approval]
    card: StoredCard | None

    @property
    def asked(self) -> Approval | None:
        """What waits for the customer's answer."""
        return next((offer for offer in self.offers if offer.state == ApprovalState.OFFERED), None)

    @property
    def is_asked(self) -> bool:
        return self.asked is not None


def of_repair(repair: Repair) -> ExtraWork:
    """Two statements."""
    return ExtraWork(approvals.of_repair(repair), cards.find_ready(repair))
