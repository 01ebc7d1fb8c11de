"""Bookings with a life of their own, block-outs, and slots that a branch cuts as it likes.

Revision ID: 0007
Revises: 0006
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_repairs = sa.table("repairs", sa.column("id"), sa.column("status"), sa.column("waiting_on"))
_bookings = sa.table("bookings", sa.column("repair_id"), sa.column("slot_id"))
_slots = sa.table("slots", sa.column("id"), sa.column("starts_at", _MOMENT))


def upgrade():
    op.add_column("locations", sa.Column("grids", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("locations", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("bookings", sa.Column("arrived_at", _MOMENT, nullable=True))
    op.add_column("bookings", sa.Column("missed_at", _MOMENT, nullable=True))
    op.add_column("bookings", sa.Column("misses", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("bookings", sa.Column("moves", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_bookings_slot_id", "bookings", ["slot_id"])
    op.create_index("ix_slots_location_starts", "slots", ["location_id", "starts_at"])
    op.create_table(
        "blocks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("starts_at", _MOMENT, nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=False),
        sa.Column("places", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(120), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_blocks_location_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_blocks_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocks")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_blocks_location_ends", "blocks", ["location_id", "ends_at"])
    _expect_those_ahead()


def _expect_those_ahead():
    """A booking whose time lies ahead is not here yet, and was only called received."""
    ahead = (
        sa.select(_bookings.c.repair_id)
        .join(_slots, _slots.c.id == _bookings.c.slot_id)
        .where(_slots.c.starts_at > datetime.now(UTC))
    )
    op.execute(
        sa.update(_repairs)
        .where(_repairs.c.status == "received", _repairs.c.id.in_(ahead))
        .values(status="expected", waiting_on="customer")
    )


def downgrade():
    op.execute(sa.update(_repairs).where(_repairs.c.status == "expected").values(status="received", waiting_on="us"))
    op.drop_table("blocks")
    op.drop_index("ix_slots_location_starts", "slots")
    op.drop_index("ix_bookings_slot_id", "bookings")
    for name in ("moves", "misses", "missed_at", "arrived_at"):
        op.drop_column("bookings", name)
    op.drop_column("locations", "version")
    op.drop_column("locations", "grids")
