"""When the person of a sign-in last proved to be who they are.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = depends_on = None


def upgrade():
    op.add_column("sign_ins", sa.Column("sudo_at", sa.DateTime(timezone=True), nullable=True))


def downgrade():
    op.drop_column("sign_ins", "sudo_at")
