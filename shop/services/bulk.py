"""Changing many tickets at once: chosen, previewed, begun, stopped, taken back. The work itself is in bulk_work.py.

Which tickets are meant is settled when the preview is made: their ids are kept, with the value that the act would
change. What is run is what was previewed, however the view fills meanwhile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, case, insert, select, update

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.bulk import AT_WORK, ENDED, BulkItem, BulkRun, Outcome, RunState
from shop.models.errors import CannotUndo, Invalid, NotFound
from shop.models.repair import Repair
from shop.models.undo import GRACE_SECONDS
from shop.services import messages, queue
from shop.services.bulk_acts import ACTS, Reason, forecast, value_of
from shop.services.events import hold, record
from shop.services.filters import Filters

PERMISSION = "repair.bulk"
# As many as one request does while the person waits; more are a job.
AT_ONCE = 100
MOST = 10_000
UNDO_SECONDS = 30
UNDO_SPAN = timedelta(seconds=UNDO_SECONDS)
# A run takes at most about that long for a ticket: its messages are held until the whole of it can be undone.
_SECONDS_A_TICKET = 0.05
_CHUNK = 1_000
# A preview that nobody ran is forgotten, and a run that is only looked back at.
PREVIEW_KEPT, RUN_KEPT = timedelta(days=1), timedelta(days=90)
_READ = (
    Repair.id,
    Repair.status,
    Repair.assignee_id,
    Repair.priority,
    Repair.location_id,
    Repair.tags,
    case((Repair.diagnosis != "", True), else_=False).label("has_diagnosis"),
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Tickets by number, or everything that `filters` select; `view` is the address that they came from."""

    numbers: tuple[str, ...] = ()
    filters: Filters | None = None
    view: str = ""


def count(filters: Filters, *, me: int, day_ends: datetime) -> int:
    """How many tickets the filters select, at most one more than can be changed at once."""
    return len(queue.ids(filters, me=me, day_ends=day_ends, most=MOST + 1))


def preview(selection: Selection, act: str, target: str, *, day_ends: datetime, actor: Actor) -> BulkRun:
    """Keeps which tickets are meant and what would become of each; nothing of them changes.

    Raises Invalid for an act or target that is none, and for no tickets or too many.
    """
    actor.require(PERMISSION)
    if act not in ACTS:
        raise Invalid({"act": _("Choose what is to be done.")})
    actor.require(ACTS[act].permission)
    target = ACTS[act].check(target)
    ids, unknown = _chosen(selection, day_ends=day_ends, actor=actor)
    if not ids:
        raise Invalid({"selection": _("Select at least one ticket.")})
    if len(ids) > MOST:
        raise Invalid({"selection": _("At most %(most)s tickets at once. Narrow the view first.", most=f"{MOST:,}")})
    run = BulkRun(
        staff_id=actor.id, act=act, target=target, view=selection.view[:2_000], total=len(ids), unknown=unknown,
        is_job=len(ids) > AT_ONCE, version=0,
    )  # fmt: skip
    db.session.add(run)
    # The items name it.
    db.session.flush()
    for items in _foreseen(run, ids, actor):
        db.session.execute(insert(BulkItem), items)
    return run


def start(run_id: int, *, told: str = messages.When.NOW, send_at: datetime | None = None, actor: Actor) -> BulkRun:
    """Begins a previewed run; a second call changes nothing. Raises NotFound for a run that is not the actor's.

    `told` is when customers hear of it, `send_at` when later.
    """
    run = _lock_own(run_id, actor)
    if run.state != RunState.PREVIEWED:
        return run
    actor.require(ACTS[run.act].permission)
    if told not in list(messages.When):
        raise Invalid({"told": _("Choose when customers are told.")})
    if told == messages.When.LATER:
        messages.later(send_at or utc_now())
    run.told, run.send_at = told, send_at if told == messages.When.LATER else None
    run.state, run.started_at = RunState.RUNNING, utc_now()
    _settle_foreseen(run)
    detail = {"act": run.act, "target": run.target, "told": run.told}
    record("bulk_run.started", run, actor=actor, body={"tickets": run.total, "job": run.is_job}, detail=detail)
    return run


def cancel(run_id: int, *, actor: Actor) -> BulkRun:
    """Asks a run that is at work to stop: what is done stays done, and can be undone. A second call changes nothing."""
    run = _lock(run_id)
    if run.staff_id != actor.id and not actor.may("audit.view"):
        raise NotFound(_("There is no such change."))
    if run.state == RunState.RUNNING and not run.cancel_asked_at:
        run.cancel_asked_at = utc_now()
        record("bulk_run.cancel_asked", run, actor=actor)
    return run


def start_undo(run_id: int, *, actor: Actor) -> BulkRun:
    """Begins to take a run back, ticket by ticket; while that is at work a second call changes nothing.

    Raises CannotUndo when it is too late, NotFound for a run that is not the actor's.
    """
    run = _lock_own(run_id, actor)
    if run.state == RunState.UNDOING:
        return run
    if run.state not in ENDED:
        raise CannotUndo(_("There is nothing to undo here."))
    if run.undo_until is None or run.undo_until + timedelta(seconds=GRACE_SECONDS) < utc_now():
        raise CannotUndo(_("The time to undo is over. Change the tickets back by hand."))
    run.state = RunState.UNDOING
    record("bulk_run.undo_started", run, actor=actor, body={"job": run.is_job})
    return run


def send_of(run: BulkRun) -> messages.Send:
    """When the message about one ticket leaves: held until the whole run can no longer be taken back."""
    held = UNDO_SECONDS + GRACE_SECONDS + int(run.total * _SECONDS_A_TICKET)
    if run.started_at is not None:
        held -= int((utc_now() - run.started_at).total_seconds())
    held = max(held, UNDO_SECONDS + GRACE_SECONDS)
    if run.told == messages.When.NONE:
        return messages.NEVER
    if run.told == messages.When.LATER and run.send_at:
        return messages.Send(messages.When.LATER, run.send_at, held=held)
    return messages.Send(held=held)


def find_run(run_id: int) -> BulkRun:
    """Raises NotFound."""
    run = db.session.get(BulkRun, run_id)
    if run is None:
        raise NotFound(_("There is no such change."))
    return run


def is_at_work(run: BulkRun) -> bool:
    return run.state in AT_WORK


def is_old(now: datetime) -> ColumnElement[bool]:
    """Runs that housekeeping may forget: the log keeps what they did."""
    unused = (BulkRun.state == RunState.PREVIEWED) & (BulkRun.created_at < now - PREVIEW_KEPT)
    return unused | (BulkRun.finished_at < now - RUN_KEPT)


def _chosen(selection: Selection, *, day_ends: datetime, actor: Actor) -> tuple[Sequence[int], int]:
    """Ids in the order of the list, and how many numbers were no ticket's."""
    if selection.filters is not None:
        return queue.ids(selection.filters, me=actor.id or 0, day_ends=day_ends, most=MOST + 1), 0
    numbers = list(dict.fromkeys(number.upper() for number in selection.numbers))[: MOST + 1]
    found: dict[str, int] = {}
    for start_at in range(0, len(numbers), _CHUNK):
        query = select(Repair.number, Repair.id).where(Repair.number.in_(numbers[start_at : start_at + _CHUNK]))
        found |= {row.number: row.id for row in db.session.execute(query)}
    ids = [found[number] for number in numbers if number in found]
    return ids, len(numbers) - len(ids)


def _foreseen(run: BulkRun, ids: Sequence[int], actor: Actor) -> Iterator[list[dict]]:
    for start_at in range(0, len(ids), _CHUNK):
        part = ids[start_at : start_at + _CHUNK]
        rows = {row.id: row for row in db.session.execute(select(*_READ).where(Repair.id.in_(part)))}
        yield [
            {
                "run_id": run.id, "place": start_at + place, "repair_id": repair_id,
                "before": value_of(run.act, rows[repair_id]),
                "forecast": forecast(run.act, rows[repair_id], run.target, actor),
            }
            for place, repair_id in enumerate(part)
        ]  # fmt: skip


def _settle_foreseen(run: BulkRun) -> None:
    """What the preview said is refused stays refused, also where it could be done by now: run is what was shown."""
    outcome = case((BulkItem.forecast == Reason.SAME, Outcome.SAME), else_=Outcome.REFUSED)
    db.session.execute(
        update(BulkItem)
        .where(BulkItem.run_id == run.id, BulkItem.forecast != "")
        .values(outcome=outcome, reason=BulkItem.forecast)
        .execution_options(synchronize_session=False)
    )


def _lock(run_id: int) -> BulkRun:
    run = db.session.get(BulkRun, run_id, with_for_update=True, populate_existing=True)
    if run is None:
        raise NotFound(_("There is no such change."))
    hold(run)
    return run


def _lock_own(run_id: int, actor: Actor) -> BulkRun:
    run = _lock(run_id)
    if run.staff_id != actor.id:
        raise NotFound(_("There is no such change."))
    return run
