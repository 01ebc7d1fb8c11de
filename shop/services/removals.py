"""A ticket that was made by mistake is deleted: its row goes, its facts stay in the sealed log."""

from flask_babel import gettext as _
from sqlalchemy import delete, func, select, update

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.approval import Approval
from shop.models.base import database_now
from shop.models.booking import Booking, BookingDraft
from shop.models.bulk import BulkItem, BulkRun, RunState
from shop.models.customer import Device
from shop.models.document import Document
from shop.models.ending import DeletedRepair
from shop.models.errors import Invalid
from shop.models.event import Delivery, DeliveryState
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment
from shop.models.promise import Forecast, Outlook
from shop.models.repair import Note, Presence, Repair
from shop.models.stored_card import StoredCard
from shop.models.tag import RepairTag
from shop.models.workflow import State
from shop.services import appointments, endings
from shop.services.events import record

PERMISSION = "repair.delete"
LONGEST_REASON = 300
CONFIRMATION = "booking_confirmation"
_GONE = "The ticket was deleted"
# What belongs to the ticket alone; a forecast is named by its outlook, so that goes first.
_PARTS = (Outlook, Forecast, Presence, RepairTag, BulkItem, BookingDraft, Booking)


def find_obstacle(repair: Repair) -> str:
    """Why this ticket is worth keeping, in a sentence; empty where nothing hangs on it."""
    if ending := endings.find_merge(repair):
        return ending.words
    if repair.status not in (State.EXPECTED, State.RECEIVED):
        return _("Work on it has begun, or it has ended.")
    if repair.diagnosis.strip() or _count(Note, Note.repair_id == repair.id):
        return _("Somebody has written a diagnosis or a note on it.")
    if _count(OutboxMessage, OutboxMessage.repair_id == repair.id, OutboxMessage.template != CONFIRMATION):
        return _("The customer was told more about it than that it is booked.")
    if _count(Payment, Payment.repair_id == repair.id) or _count(Document, Document.repair_id == repair.id):
        return _("Somebody has paid for it, or tried to.")
    if _count(StoredCard, StoredCard.repair_id == repair.id) or _count(Approval, Approval.repair_id == repair.id):
        return _("The customer keeps a card for it, or was asked about more work.")
    if endings.count_absorbed(repair):
        return _("Another ticket was merged into it.")
    begun = select(BulkRun.id).where(BulkRun.state != RunState.PREVIEWED)
    if _count(BulkItem, BulkItem.repair_id == repair.id, BulkItem.run_id.in_(begun)):
        return _("It was part of a change of many tickets, whose report names it.")
    return ""


def delete_repair(repair: Repair, reason: str, *, actor: Actor) -> None:
    """Deletes a locked repair for good. Its customer stays, and so do its events and the confirmation that was sent.

    Its appointment is given back, and nothing that still waits about it leaves. Raises Invalid without a reason, and
    where something hangs on it. There is no way back.
    """
    actor.require(PERMISSION)
    if obstacle := find_obstacle(repair):
        raise Invalid({"repair": _("%(why)s Cancel it instead.", why=obstacle)})
    reason = " ".join(reason.replace("\x00", "").split())
    if not reason:
        raise Invalid({"reason": _("Write why: it stands in the audit log.")})
    if len(reason) > LONGEST_REASON:
        raise Invalid({"reason": _("Keep the reason under %(most)s characters.", most=LONGEST_REASON)})
    appointments.give_back_slot(repair)
    record("repair.deleted", repair, actor=actor, body={"status": repair.status}, detail={"reason": reason})
    db.session.add(DeletedRepair(repair_id=repair.id, number=repair.number))
    _stop_messages(repair)
    _delete_rows(repair)


def _stop_messages(repair: Repair) -> None:
    waits = (Delivery.ordering_key == f"repair:{repair.id}", Delivery.state == DeliveryState.WAITING)
    values = {"state": DeliveryState.CANCELLED, "error": _GONE, "finished_at": database_now()}
    db.session.execute(update(Delivery).where(*waits).values(**values).execution_options(synchronize_session=False))
    sent = update(OutboxMessage).where(OutboxMessage.repair_id == repair.id).values(repair_id=None)
    db.session.execute(sent.execution_options(synchronize_session=False))


def _delete_rows(repair: Repair) -> None:
    db.session.flush()
    for part in _PARTS:
        its = delete(part).where(part.repair_id == repair.id)
        db.session.execute(its.execution_options(synchronize_session=False))
    device_id = repair.device_id
    db.session.delete(repair)
    db.session.flush()
    if not _count(Repair, Repair.device_id == device_id):
        db.session.execute(delete(Device).where(Device.id == device_id))


def _count(model, *conditions) -> int:
    return db.session.scalars(select(func.count()).select_from(model).where(*conditions)).one()
