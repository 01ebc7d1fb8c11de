"""Tickets that were merged into another one, and the numbers of those that were deleted.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = depends_on = None


def upgrade():
    op.create_table(
        "merged_repairs",
        sa.Column("repair_id", sa.Integer(), sa.ForeignKey("repairs.id"), primary_key=True, autoincrement=False),
        sa.Column("into_id", sa.Integer(), sa.ForeignKey("repairs.id"), nullable=False),
    )
    op.create_index("ix_merged_repairs_into_id", "merged_repairs", ["into_id"])
    op.create_table(
        "deleted_repairs",
        sa.Column("repair_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.String(16), nullable=False, unique=True),
    )


def downgrade():
    op.drop_table("deleted_repairs")
    op.drop_table("merged_repairs")
