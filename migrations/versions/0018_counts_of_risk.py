"""What is at risk or stands still is counted with all the rest, from the index alone.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = depends_on = None

_NAME, _OPEN = "ix_repairs_open_status", sa.text("is_open")
_BEFORE = ["status", "due_at", "id", "assignee_id", "status_since"]


def upgrade():
    _replace([*_BEFORE, "updated_at"])


def downgrade():
    _replace(_BEFORE)


def _replace(columns: list[str]) -> None:
    op.drop_index(_NAME, "repairs")
    op.create_index(_NAME, "repairs", columns, postgresql_where=_OPEN, sqlite_where=_OPEN)
