"""Rosters, absences and skills of the staff, and the planned minutes of a repair.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = depends_on = None

# Only open repairs: of the others nobody asks how long they will take.
_PLAN = """
UPDATE repairs SET work_minutes = (
  SELECT sum(repair_types.duration_minutes) FROM repair_lines
  JOIN repair_types ON repair_types.id = repair_lines.repair_type_id
  WHERE repair_lines.repair_id = repairs.id
) WHERE is_open
"""


def upgrade():
    op.create_table(
        "rosters",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("staff_id", sa.Integer(), sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("location_id", sa.Integer(), sa.ForeignKey("locations.id"), nullable=False),
        sa.Column("week", sa.Text(), nullable=False),
        sa.UniqueConstraint("staff_id", "location_id"),
    )
    op.create_table(
        "absences",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("staff_id", sa.Integer(), sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("whole_days", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_absences_staff_id", "absences", ["staff_id", "ends_at"])
    op.create_table(
        "skills",
        sa.Column("staff_id", sa.Integer(), sa.ForeignKey("staff.id"), primary_key=True),
        sa.Column("subject", sa.String(80), primary_key=True),
        sa.Column("level", sa.String(10), nullable=False),
    )
    op.add_column("repairs", sa.Column("work_minutes", sa.Integer(), nullable=True))
    op.execute(_PLAN)


def downgrade():
    op.drop_column("repairs", "work_minutes")
    op.drop_table("skills")
    op.drop_index("ix_absences_staff_id", "absences")
    op.drop_table("absences")
    op.drop_table("rosters")
