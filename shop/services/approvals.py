"""Work beyond what was agreed: offered by staff, answered by the customer; a yes raises the price of the repair."""

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from shop.extensions import db
from shop.models.actor import CUSTOMER, Actor
from shop.models.approval import LONGEST_NAME, LONGEST_TEXT, Approval, ApprovalState, How
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound
from shop.models.repair import Repair, RepairLine
from shop.models.text import one_line
from shop.services import documents
from shop.services.events import record

OFFER, DECIDE = "work.offer", "work.decide"
# The price of a repair is a 32-bit number.
LARGEST_TOTAL = 2**31 - 1


def offer_work(repair: Repair, text: str, amount: int, *, actor: Actor) -> Approval:
    """Asks the customer of a locked repair about more work for `amount` minor units; the caller commits.

    Raises NotAllowed, and Invalid for a closed or invoiced repair, while another question is open, and for bad input.
    Not idempotent: a second call is refused.
    """
    actor.require(OFFER)
    text, faults = one_line(text.replace("\x00", "")), {}
    if not text:
        faults["text"] = _("Write what is to be done, in words that the customer understands.")
    elif len(text) > LONGEST_TEXT:
        faults["text"] = _("Keep it under %(most)s characters.", most=LONGEST_TEXT)
    if amount <= 0:
        faults["amount"] = _("Enter an amount, such as 20.00.")
    elif repair.total + amount > LARGEST_TOTAL:
        faults["amount"] = _("This amount is too large.")
    if faults:
        raise Invalid(faults)
    _require_unbilled(repair)
    if find_open(repair) is not None:
        raise Invalid({"offer": _("The customer has not answered the last offer yet.")})
    approval = Approval(
        repair_id=repair.id, text=text, amount=amount, currency=repair.currency, state=ApprovalState.OFFERED,
        offered_by=actor.reference,
    )  # fmt: skip
    db.session.add(approval)
    db.session.flush()
    record("repair.work_offered", repair, actor=actor, body=_facts(approval), detail={"work": text})
    return approval


def decide(
    repair: Repair, approval_id: int, *, approved: bool, name: str, how: How | str, actor: Actor
) -> Approval:  # fmt: skip
    """Writes down what the customer says of an offer for a locked repair; a yes raises the price. The caller commits.

    The same answer again is harmless. Raises NotFound, NotAllowed, and Invalid for another answer than before, without
    a name, and for a yes to work on a closed or invoiced repair.
    """
    if actor is not CUSTOMER:
        actor.require(DECIDE)
    approval, wanted = get_approval(repair, approval_id), _STATES[approved]
    if approval.state == wanted:
        return approval
    if approval.state == ApprovalState.RECALLED:
        raise Invalid({"offer": _("We have taken this offer back: nothing is to be answered.")})
    if approval.state != ApprovalState.OFFERED:
        raise Invalid({"offer": _("This offer was answered before.")})
    name = one_line(name.replace("\x00", ""))
    if not name or len(name) > LONGEST_NAME:
        raise Invalid({"name": _("Write the name of who answers, in at most %(most)s characters.", most=LONGEST_NAME)})
    if how not in (list(How) if actor is CUSTOMER else _BY_STAFF):
        raise Invalid({"how": _("Say how the customer answered: by phone or in the shop.")})
    if approved:
        _require_unbilled(repair)
        _add_line(repair, approval)
    approval.state, approval.decided_at, approval.decided_by = wanted, utc_now(), actor.reference
    approval.name, approval.how = name, How(how)
    body = {**_facts(approval), "how": approval.how, "total": repair.total}
    record(_VERBS[approved], repair, actor=actor, body=body, detail={"name": name})
    return approval


def withdraw(repair: Repair, approval_id: int, *, actor: Actor) -> Approval:
    """Takes an offer of a locked repair back before it is answered; the caller commits. A second call is harmless.

    Raises NotFound, NotAllowed, and Invalid once the customer has answered.
    """
    actor.require(OFFER)
    approval = get_approval(repair, approval_id)
    if approval.state == ApprovalState.RECALLED:
        return approval
    if approval.state != ApprovalState.OFFERED:
        raise Invalid({"offer": _("This offer was answered before.")})
    approval.state, approval.decided_at, approval.decided_by = ApprovalState.RECALLED, utc_now(), actor.reference
    record("repair.work_withdrawn", repair, actor=actor, body=_facts(approval))
    return approval


def find_open(repair: Repair) -> Approval | None:
    """The question that waits for an answer."""
    query = select(Approval).where(Approval.repair_id == repair.id, Approval.state == ApprovalState.OFFERED)
    return db.session.scalar(query)


def of_repair(repair: Repair) -> Sequence[Approval]:
    """All that was offered, in order, with what was charged for it. One statement."""
    query = select(Approval).where(Approval.repair_id == repair.id).order_by(Approval.id)
    return db.session.scalars(query.options(joinedload(Approval.payment))).all()


def get_approval(repair: Repair, approval_id: int) -> Approval:
    """Raises NotFound for another repair's offer too."""
    query = select(Approval).where(Approval.id == approval_id, Approval.repair_id == repair.id)
    approval = db.session.scalar(query.execution_options(populate_existing=True))
    if approval is None:
        raise NotFound(_("There is no such offer."))
    return approval


_STATES = {True: ApprovalState.APPROVED, False: ApprovalState.DECLINED}
_VERBS = {True: "repair.work_approved", False: "repair.work_declined"}
_BY_STAFF = (How.PHONE, How.IN_SHOP)


def _require_unbilled(repair: Repair) -> None:
    if not repair.is_open:
        raise Invalid({"repair": _("This repair is closed. Make a new ticket for more work.")})
    if documents.find_invoice(repair) is not None:
        raise Invalid({"repair": _("This repair is invoiced already. Make a new ticket for more work.")})


def _add_line(repair: Repair, approval: Approval) -> None:
    """The price stays the sum of its lines, also where it had none before."""
    if repair.total and not repair.lines:
        label = repair.work or repair.device.label
        repair.lines.append(RepairLine(position=0, label=label, amount=repair.total))
    repair.lines.append(RepairLine(position=len(repair.lines), label=approval.text, amount=approval.amount))
    repair.total += approval.amount
    repair.updated_at = utc_now()


def _facts(approval: Approval) -> dict:
    return {"approval": approval.id, "amount": approval.amount, "currency": approval.currency}
