"""How each person of the staff likes the console.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = depends_on = None


def upgrade():
    op.add_column("staff", sa.Column("preferences", sa.Text(), nullable=False, server_default="{}"))


def downgrade():
    op.drop_column("staff", "preferences")
