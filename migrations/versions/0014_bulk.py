"""Changes of many tickets at once.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade():
    op.create_table(
        "bulk_runs",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("staff_id", sa.Integer(), sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("act", sa.String(12), nullable=False),
        sa.Column("target", sa.String(60), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("told", sa.String(8), nullable=False),
        sa.Column("send_at", _MOMENT, nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.Column("is_job", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("undo_until", _MOMENT, nullable=True),
        sa.Column("cancel_asked_at", _MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bulk_runs_staff_id", "bulk_runs", ["staff_id", "id"])
    op.create_index("ix_bulk_runs_state", "bulk_runs", ["state"])
    op.create_table(
        "bulk_items",
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("bulk_runs.id"), primary_key=True),
        sa.Column("place", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("repair_id", sa.Integer(), sa.ForeignKey("repairs.id"), nullable=False),
        sa.Column("before", sa.String(60), nullable=False),
        sa.Column("forecast", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("detail", sa.String(300), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
    )
    op.create_index("ix_bulk_items_outcome", "bulk_items", ["run_id", "outcome", "place"])


def downgrade():
    op.drop_table("bulk_items")
    op.drop_table("bulk_runs")
