"""Tags, and lists by branch and by priority.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = depends_on = None

_RAISED = sa.text("priority < 3")


def upgrade():
    op.create_table(
        "tags",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("slug", sa.String(40), nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "repair_tags",
        sa.Column("repair_id", sa.Integer(), sa.ForeignKey("repairs.id"), primary_key=True),
        sa.Column("tag_id", sa.Integer(), sa.ForeignKey("tags.id"), primary_key=True),
    )
    op.create_index("ix_repair_tags_tag_id", "repair_tags", ["tag_id", "repair_id"])
    op.add_column("repairs", sa.Column("tags", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_repairs_location_id", "repairs", ["location_id", "id"])
    op.create_index(
        "ix_repairs_priority", "repairs", ["priority", "id"], postgresql_where=_RAISED, sqlite_where=_RAISED
    )


def downgrade():
    op.drop_index("ix_repairs_priority", "repairs")
    op.drop_index("ix_repairs_location_id", "repairs")
    op.drop_column("repairs", "tags")
    op.drop_table("repair_tags")
    op.drop_table("tags")
