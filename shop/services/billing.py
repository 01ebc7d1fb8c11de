"""What nobody asks for: the invoice when a device is handed over, and what is heard of money that went back."""

import json
from datetime import datetime

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.document import Document
from shop.models.event import Event
from shop.models.payment import Refund, RefundState
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import documents, endings, ledger, repairs
from shop.services.payments.settle import record_fact

REFUND_TOLD = "payment.refund_told"


def bill_handed_over(repair_id: int, *, version: int) -> Document | None:
    """The invoice of a repair that left the house with the move of this version; the caller commits.

    None where that was undone, where it was cancelled or merged since, and where it costs nothing. A second call gives
    back the first invoice.
    """
    repair = _lock(repair_id)
    if repair is None or repair.total <= 0 or repair.status == State.CANCELLED:
        return None
    if endings.find_merge(repair) or _is_undone(repair, version):
        return None
    return documents.issue_invoice(repair, actor=SYSTEM)


def credit_refund(refund_id: int, *, at: datetime) -> Document | None:
    """The credit note for money that left at this moment, if it had been billed before; the caller commits.

    Never for more than is owed since: what was paid too much, or was credited by hand before, is not billed any more.
    A second call gives back the first credit note.
    """
    refund = db.session.get(Refund, refund_id)
    repair = refund and _lock(refund.payment.repair_id)
    if refund is None or repair is None:
        return None
    if found := documents.find_credit_note(repair, key=_key(refund)):
        return found
    if refund.state == RefundState.FAILED:
        return None
    invoice = documents.find_invoice(repair)
    if invoice is None or invoice.issued_at > at:
        return None
    left = invoice.gross - documents.credited(invoice)
    amount = min(refund.amount, ledger.repair_balance(repair).owed, left)
    if amount <= 0:
        return None
    with force_locale(invoice.locale):
        # What staff wrote as the reason is theirs.
        reason = _("Refund")
    return documents.issue_credit_note(invoice, reason=reason, key=_key(refund), actor=SYSTEM, amount=amount)


def tell_of_refund(refund_id: int) -> bool:
    """Has the customer hear of money that has arrived back, where no credit note says so; the caller commits.

    True if a mail is owed by this call. It is owed once, however often this is called.
    """
    refund = db.session.get(Refund, refund_id)
    repair = refund and _lock(refund.payment.repair_id)
    if refund is None or repair is None or refund.state != RefundState.SETTLED:
        return False
    if documents.find_credit_note(repair, key=_key(refund)) or _is_told(repair, refund):
        return False
    record_fact(REFUND_TOLD, refund.payment, refund=refund.id, amount=refund.amount)
    return True


def _key(refund: Refund) -> str:
    return f"refund:{refund.id}"


def _is_told(repair: Repair, refund: Refund) -> bool:
    told = select(Event.body).where(Event.aggregate == f"repair:{repair.id}", Event.verb == REFUND_TOLD)
    return any(json.loads(body)["refund"] == refund.id for body in db.session.scalars(told))


def _lock(repair_id: int) -> Repair | None:
    number = db.session.scalar(select(Repair.number).where(Repair.id == repair_id))
    return repairs.lock_repair(number, merged=True) if number else None


def _is_undone(repair: Repair, version: int) -> bool:
    later = select(Event.body).where(
        Event.aggregate == f"repair:{repair.id}", Event.verb == "repair.move_undone", Event.version > version
    )
    return any(json.loads(body).get("undoes") == version for body in db.session.scalars(later))
