"""The work of a change of many tickets: a few in each transaction, each in a savepoint of its own, each once.

Commits by itself as it goes: what was done to a ticket and that it was done commit together. So any number of
processes may be at the same run, one that dies leaves nothing half done, and the next goes on where it stopped. One
ticket that is refused, or fails, never stops the others.
"""

import json
import time
from collections.abc import Callable, Iterator

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import joinedload

from shop import database
from shop.extensions import db
from shop.models.actor import SYSTEM, Actor
from shop.models.base import utc_now
from shop.models.bulk import BulkItem, BulkRun, Outcome, RunState
from shop.models.errors import ShopError
from shop.models.permissions import Role
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.services import (
    bulk,
    deliveries,
    endings,
    holds,
    reversals,  # noqa: F401 - registers how each act is taken back
    undo,
)
from shop.services.bulk_acts import ACTS, Reason, value_of
from shop.services.deliveries import Owed, handles
from shop.services.events import dumps, hold, record
from shop.services.subscriptions import BULK
from shop.services.undo import MESSAGE, Step

log = structlog.get_logger(__name__)

# So many tickets share a transaction: a commit each would cost more than the change itself.
TOGETHER = 20
# Well below the longest time that a delivery may run.
LONGEST_STRETCH_SECONDS = 600.0


class _Refused(Exception):
    def __init__(self, reason: Reason, detail: str = ""):
        super().__init__(reason)
        self.reason, self.detail = reason, detail[:300]


@handles(BULK)
def go_on(delivery: Owed) -> None:
    """Does what is left of a run. It commits on its way: the items say what is done, so nothing is done twice."""
    begun = time.monotonic()

    def must_stop() -> bool:
        return deliveries.is_stopping() or time.monotonic() - begun > LONGEST_STRETCH_SECONDS

    if not work(int(delivery.event.aggregate.partition(":")[2]), is_stopping=must_stop):
        raise deliveries.GoOnLater


def work(run_id: int, *, is_stopping: Callable[[], bool] = lambda: False) -> bool:
    """Goes on with a run, or with taking it back, until nothing is left; False if it was stopped before."""
    with database.reading():
        state = db.session.scalar(select(BulkRun.state).where(BulkRun.id == run_id)) or ""
        db.session.rollback()
    acts: dict[str, Callable[[int, list[int]], bool]] = {RunState.RUNNING: _do, RunState.UNDOING: _take_back}
    do = acts.get(state)
    if do is None:
        return True
    for places in _turns(run_id, state):
        if is_stopping():
            return False
        if not do(run_id, places):
            break
    _finish(run_id, state)
    return True


def _turns(run_id: int, state: str) -> Iterator[list[int]]:
    """Places of the tickets whose turn has not come, a few at a time; taken back in the opposite order."""
    back, after = state == RunState.UNDOING, None
    while True:
        query = select(BulkItem.place).where(
            BulkItem.run_id == run_id, BulkItem.outcome == (Outcome.DONE if back else "")
        )
        if after is not None:
            query = query.where(BulkItem.place < after if back else BulkItem.place > after)
        with database.reading():
            places = list(
                db.session.scalars(query.order_by(BulkItem.place.desc() if back else BulkItem.place).limit(TOGETHER))
            )
            db.session.rollback()
        if not places:
            return
        yield places
        after = places[-1]


def _do(run_id: int, places: list[int]) -> bool:
    """A few tickets in one transaction; False if the run is to stop."""
    run, actor, items = _turn(run_id, places)
    if run.cancel_asked_at:
        _leave_the_rest(run_id)
        db.session.commit()
        return False
    waiting = [item for item in items if not item.outcome]
    repairs = _lock_repairs(waiting)
    for item in waiting:
        try:
            with db.session.begin_nested():
                step = _change(repairs.get(item.repair_id), item, run, actor)
            item.outcome = Outcome.DONE if step else Outcome.SAME
            item.reason, item.step = ("", dumps({"step": _as_json(step)})) if step else (Reason.SAME, "")
        except _Refused as refused:
            item.outcome, item.reason, item.detail = Outcome.REFUSED, refused.reason, refused.detail
    db.session.commit()
    return True


def _take_back(run_id: int, places: list[int]) -> bool:
    _run, actor, items = _turn(run_id, places)
    steps = [(item, Step(*json.loads(item.step)["step"])) for item in items if item.outcome == Outcome.DONE]
    holds.lock_events(step.facts[MESSAGE] for _, step in steps if MESSAGE in step.facts)
    _lock_repairs([item for item, _ in steps])
    for item, step in reversed(steps):
        try:
            with db.session.begin_nested():
                _reverse(step, actor)
            item.outcome, item.reason = Outcome.UNDONE, ""
        except _Refused as refused:
            item.outcome, item.reason, item.detail = Outcome.KEPT, refused.reason, refused.detail
    db.session.commit()
    return True


def _turn(run_id: int, places: list[int]) -> tuple[BulkRun, Actor | None, list[BulkItem]]:
    """The run, who began it with the rights of this moment, and these tickets' rows of it, locked, in their order."""
    query = select(BulkRun, Staff).join(Staff, Staff.id == BulkRun.staff_id).where(BulkRun.id == run_id)
    locked = select(BulkItem).where(BulkItem.run_id == run_id, BulkItem.place.in_(places)).order_by(BulkItem.place)
    items = db.session.scalars(locked.with_for_update().execution_options(populate_existing=True)).all()
    run, person = db.session.execute(query.execution_options(populate_existing=True)).one()
    actor = None if person.disabled_at else Actor("staff", person.id, person.name, Role(person.role))
    return run, actor, list(items)


def _lock_repairs(items: list[BulkItem]) -> dict[int, Repair]:
    """Those of these tickets that are there, locked in the order of their ids as everybody locks several."""
    query = select(Repair).where(Repair.id.in_([item.repair_id for item in items])).order_by(Repair.id)
    query = query.options(joinedload(Repair.customer)).with_for_update(of=Repair)
    found = db.session.scalars(query.execution_options(populate_existing=True)).all()
    for repair in found:
        hold(repair)
    return {repair.id: repair for repair in found}


def _change(repair: Repair | None, item: BulkItem, run: BulkRun, actor: Actor | None) -> Step | None:
    if repair is None:
        raise _Refused(Reason.GONE)
    if ending := endings.find_merge(repair):
        raise _Refused(Reason.REFUSED, ending.words)
    act = ACTS[run.act]
    if actor is None or not actor.may(bulk.PERMISSION):
        raise _Refused(Reason.NO_RIGHT)
    if act.is_same(repair, run.target):
        return None
    if act.field and value_of(run.act, repair) != item.before:
        raise _Refused(Reason.CHANGED, value_of(run.act, repair))
    return _said(lambda: act.do(repair, run.target, actor, bulk.send_of(run)), item)


def _reverse(step: Step, actor: Actor | None) -> None:
    if actor is None:
        raise _Refused(Reason.NO_RIGHT)
    _said(lambda: undo.reverse(step, actor=actor), step)


def _said(act: Callable, about):
    """What the service refuses is said in its words; what nobody foresaw is logged, and the others go on."""
    try:
        return act()
    except ShopError as error:
        reason = Reason.NO_RIGHT if error.code == "not_allowed" else Reason.REFUSED
        raise _Refused(reason, error.message) from None
    except OperationalError:
        # The database is away or asks to try again: no fault of this ticket.
        raise
    except Exception as error:
        log.warning("bulk_ticket_failed", about=repr(about), exc_info=True)
        raise _Refused(Reason.FAILED) from error


def _leave_the_rest(run_id: int) -> None:
    db.session.execute(
        update(BulkItem)
        .where(BulkItem.run_id == run_id, BulkItem.outcome == "")
        .values(outcome=Outcome.LEFT, reason=Reason.CANCELLED)
        .execution_options(synchronize_session=False)
    )


def _finish(run_id: int, state: str) -> None:
    """Ends the run once; a second worker finds it ended."""
    run = db.session.get(BulkRun, run_id, with_for_update=True, populate_existing=True)
    if run is None or run.state != state:
        db.session.rollback()
        return
    hold(run)
    counts = {outcome or "waiting": number for outcome, number in _counts(run_id)}
    if state == RunState.UNDOING:
        run.state = RunState.UNDONE
        record("bulk_run.undone", run, actor=SYSTEM, body=counts)
    else:
        run.state = RunState.CANCELLED if run.cancel_asked_at else RunState.DONE
        run.finished_at = utc_now()
        run.undo_until = run.finished_at + bulk.UNDO_SPAN
        record("bulk_run.finished", run, actor=SYSTEM, body=counts)
    db.session.commit()


def _counts(run_id: int) -> list[tuple[str, int]]:
    query = select(BulkItem.outcome, func.count()).where(BulkItem.run_id == run_id).group_by(BulkItem.outcome)
    return [(outcome, number) for outcome, number in db.session.execute(query)]


def _as_json(step: Step) -> list:
    return [step.kind, step.repair_id, step.facts]
