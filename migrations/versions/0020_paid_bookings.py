"""A booking that waits for a payment keeps its time until a moment.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = depends_on = None

_INDEX = "ix_booking_drafts_repair_id"
_COLUMNS = ("due_now", "held_until", "confirmed_at")


def upgrade():
    moment = sa.DateTime(timezone=True)
    op.add_column("bookings", sa.Column("due_now", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("bookings", sa.Column("held_until", moment, nullable=True))
    op.add_column("bookings", sa.Column("confirmed_at", moment, nullable=True))
    booked = sa.text("repair_id IS NOT NULL")
    op.create_index(_INDEX, "booking_drafts", ["repair_id"], postgresql_where=booked, sqlite_where=booked)


def downgrade():
    op.drop_index(_INDEX, "booking_drafts")
    for name in reversed(_COLUMNS):
        op.drop_column("bookings", name)
