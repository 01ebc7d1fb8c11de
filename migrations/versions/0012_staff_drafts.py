"""What the staff has typed and not saved yet, and what a visitor has not sent yet.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = depends_on = None


def upgrade():
    op.create_table(
        "staff_drafts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("staff_id", sa.Integer(), sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("form", sa.String(60), nullable=False),
        sa.Column("record", sa.String(60), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("staff_id", "form", "record"),
    )
    op.create_index("ix_staff_drafts_updated_at", "staff_drafts", ["updated_at"])
    op.add_column("booking_drafts", sa.Column("typed", sa.Text(), nullable=False, server_default="{}"))


def downgrade():
    op.drop_column("booking_drafts", "typed")
    op.drop_table("staff_drafts")
