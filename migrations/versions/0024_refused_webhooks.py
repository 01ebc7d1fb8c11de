"""Webhooks that were refused, in bounded number.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = depends_on = None

_TABLE = "refused_webhooks"


def upgrade():
    moment = sa.DateTime(timezone=True)
    op.create_table(
        _TABLE,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.String(10), nullable=False),
        sa.Column("hour", moment, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(12), nullable=False),
        sa.Column("received_at", moment, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("claimed_id", sa.String(120), nullable=False),
        sa.Column("claimed_kind", sa.String(80), nullable=False),
        sa.Column("source", sa.String(45), nullable=False),
        sa.CheckConstraint("place BETWEEN 1 AND 20", name=op.f("ck_refused_webhooks_place")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_webhooks")),
        sa.UniqueConstraint("provider", "hour", "place", name=op.f("uq_refused_webhooks_provider_hour_place")),
    )
    op.create_index("ix_refused_webhooks_received_at", _TABLE, ["received_at"])


def downgrade():
    op.drop_table(_TABLE)
