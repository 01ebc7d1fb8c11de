"""Quiet hours of each branch.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = depends_on = None


def upgrade():
    op.add_column("locations", sa.Column("quiet", sa.String(11), nullable=False, server_default="20:00-08:00"))


def downgrade():
    with op.batch_alter_table("locations") as batch:
        batch.drop_column("quiet")
