"""One change of many tickets: what was chosen, what it is to become, and how it went for each."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.repair import Repair
from shop.models.staff import Staff


class RunState(StrEnum):
    PREVIEWED = "previewed"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


AT_WORK = frozenset({RunState.RUNNING, RunState.UNDOING})
ENDED = frozenset({RunState.DONE, RunState.CANCELLED})


class Outcome(StrEnum):
    """How it went for one ticket; empty: its turn has not come."""

    DONE = "done"
    SAME = "same"
    REFUSED = "refused"
    LEFT = "left"
    UNDONE = "undone"
    KEPT = "kept"


class BulkRun(db.Model):
    """`target` is what the act makes of a ticket, as text: a status, a person's id, a priority, a branch's id, a tag.

    `told` is when customers hear of it: now, later (`send_at`) or none.
    """

    __tablename__ = "bulk_runs"
    __table_args__ = (Index("ix_bulk_runs_staff_id", "staff_id", "id"), Index("ix_bulk_runs_state", "state"))

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    act: Mapped[str] = mapped_column(String(12))
    target: Mapped[str] = mapped_column(String(60), default="")
    # The view's address as it was, or empty where the tickets were picked one by one.
    view: Mapped[str] = mapped_column(Text, default="")
    told: Mapped[str] = mapped_column(String(8), default="now")
    send_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(10), default=RunState.PREVIEWED)
    total: Mapped[int] = mapped_column(default=0)
    unknown: Mapped[int] = mapped_column(default=0)
    is_job: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undo_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0)
    staff: Mapped[Staff] = relationship()


class BulkItem(db.Model):
    """One ticket of a run.

    `before` is the value that was shown in the preview: where it is another one at its turn, the ticket is refused.
    `forecast` is what the preview said: empty for "will be done", else why not. `step` is how it is taken back.
    """

    __tablename__ = "bulk_items"
    __table_args__ = (Index("ix_bulk_items_outcome", "run_id", "outcome", "place"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("bulk_runs.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    before: Mapped[str] = mapped_column(String(60), default="")
    forecast: Mapped[str] = mapped_column(String(16), default="")
    outcome: Mapped[str] = mapped_column(String(8), default="")
    reason: Mapped[str] = mapped_column(String(16), default="")
    # What a service said in its own words, where the reason alone does not say enough.
    detail: Mapped[str] = mapped_column(String(300), default="")
    step: Mapped[str] = mapped_column(Text, default="")
    repair: Mapped[Repair] = relationship()
