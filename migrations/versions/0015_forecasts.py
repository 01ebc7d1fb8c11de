"""Forecasts, the outlook of open repairs, and the levels at which promises hold.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = depends_on = None

_ENDED = sa.text("minutes IS NOT NULL AND turn = 0")
_DATED = sa.text("safe_at IS NOT NULL")
_MOMENT = sa.DateTime(timezone=True)
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade():
    op.create_table(
        "forecasts",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("repair_id", sa.Integer(), sa.ForeignKey("repairs.id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), sa.ForeignKey("locations.id"), nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("repair_type_id", sa.Integer(), sa.ForeignKey("repair_types.id")),
        sa.Column("family", sa.String(40), nullable=False),
        sa.Column("tier", sa.String(40), nullable=False),
        sa.Column("had_parts", sa.Boolean(), nullable=False),
        sa.Column("load", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(10), nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.Column("curve", sa.Text(), nullable=False),
        sa.Column("likely_at", _MOMENT),
        sa.Column("safe_at", _MOMENT),
        sa.Column("ready_at", _MOMENT),
        sa.Column("minutes", sa.Integer()),
        sa.Column("withdrawn_at", _MOMENT),
        sa.UniqueConstraint("repair_id", "version", "turn"),
    )
    ended = {"postgresql_where": _ENDED, "sqlite_where": _ENDED}
    op.create_index("ix_forecasts_kind", "forecasts", ["status", "repair_type_id", "id"], **ended)
    op.create_index("ix_forecasts_family", "forecasts", ["status", "family", "id"], **ended)
    op.create_index("ix_forecasts_status", "forecasts", ["status", "id"], **ended)
    due = ["safe_at", "location_id", "repair_type_id", "likely_at", "ready_at", "withdrawn_at"]
    op.create_index("ix_forecasts_due", "forecasts", due, postgresql_where=_DATED, sqlite_where=_DATED)
    op.create_index("ix_forecasts_ready_at", "forecasts", ["ready_at"])
    op.create_table(
        "outlooks",
        sa.Column("repair_id", sa.Integer(), sa.ForeignKey("repairs.id"), primary_key=True, autoincrement=False),
        sa.Column("forecast_id", _ID, sa.ForeignKey("forecasts.id"), nullable=False),
        sa.Column("location_id", sa.Integer(), sa.ForeignKey("locations.id"), nullable=False),
        sa.Column("likely_at", _MOMENT),
        sa.Column("safe_at", _MOMENT),
        sa.Column("told_at", _MOMENT),
        sa.Column("stalls_at", _MOMENT),
        sa.Column("seen_at", _MOMENT, nullable=False),
    )
    op.create_table(
        "promise_levels",
        sa.Column("location_id", sa.Integer(), sa.ForeignKey("locations.id"), primary_key=True, autoincrement=False),
        sa.Column("level50", sa.Float(), nullable=False),
        sa.Column("level90", sa.Float(), nullable=False),
        sa.Column("learned_at", _MOMENT, nullable=False),
    )
    op.create_table(
        "log_places",
        sa.Column("reader", sa.String(20), primary_key=True),
        sa.Column("position", _ID, nullable=False),
    )


def downgrade():
    op.drop_table("log_places")
    op.drop_table("promise_levels")
    op.drop_table("outlooks")
    op.drop_table("forecasts")
