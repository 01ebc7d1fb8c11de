"""An authorisation that is taken later holds until a moment.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = depends_on = None

_INDEX = "ix_payments_holds_until"


def upgrade():
    op.add_column("payments", sa.Column("holds_until", sa.DateTime(timezone=True), nullable=True))
    held = sa.text("state IN ('authorised')")
    op.create_index(_INDEX, "payments", ["holds_until"], postgresql_where=held, sqlite_where=held)


def downgrade():
    op.drop_index(_INDEX, "payments")
    op.drop_column("payments", "holds_until")
