"""Open repairs of one status in order of due date, without a sort.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = depends_on = None

_OPEN = sa.text("is_open")
_BEFORE = ("ix_repairs_open_counts", ["status", "assignee_id", "due_at"])
_AFTER = ("ix_repairs_open_status", ["status", "due_at", "id", "assignee_id"])


def upgrade():
    _create(*_AFTER)
    op.drop_index(_BEFORE[0], "repairs")


def downgrade():
    _create(*_BEFORE)
    op.drop_index(_AFTER[0], "repairs")


def _create(name: str, columns: list[str]) -> None:
    op.create_index(name, "repairs", columns, postgresql_where=_OPEN, sqlite_where=_OPEN)
