"""Acts that can be taken back, and who wants no mail about the status.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = depends_on = None


def upgrade():
    op.create_table(
        "undoable_acts",
        sa.Column("token", sa.String(32), primary_key=True),
        sa.Column("staff_id", sa.Integer(), sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_undoable_acts_staff_id", "undoable_acts", ["staff_id", "created_at"])
    op.create_index("ix_undoable_acts_expires_at", "undoable_acts", ["expires_at"])
    op.add_column("customers", sa.Column("may_email", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("customers", sa.Column("may_email_source", sa.String(20), nullable=False, server_default=""))
    op.add_column("customers", sa.Column("may_email_since", sa.DateTime(timezone=True)))


def downgrade():
    op.drop_column("customers", "may_email_since")
    op.drop_column("customers", "may_email_source")
    op.drop_column("customers", "may_email")
    op.drop_table("undoable_acts")
