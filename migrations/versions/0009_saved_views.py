"""Views that people save, each role's first one, and an index for every order of open work.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = depends_on = None

_OPEN = sa.text("is_open")
_COUNTS = ("ix_repairs_open_status", ["status", "due_at", "id", "assignee_id", "status_since"])
_COUNTS_BEFORE = ("ix_repairs_open_status", ["status", "due_at", "id", "assignee_id"])
_ORDERS = {
    "ix_repairs_open_since": ["status_since", "id"],
    "ix_repairs_open_updated": ["updated_at", "id"],
    "ix_repairs_open_priority": ["priority", "due_at", "id"],
    "ix_repairs_open_id": ["id"],
}


def upgrade():
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(60), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"], name=op.f("fk_saved_views_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("slug", name=op.f("uq_saved_views_slug")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_saved_views_owner_id", "saved_views", ["owner_id"])
    op.create_table(
        "role_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("slug", sa.String(60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_views")),
        sa.UniqueConstraint("role", name=op.f("uq_role_views_role")),
        sqlite_autoincrement=True,
    )
    op.drop_index(_COUNTS[0], "repairs")
    _create(*_COUNTS)
    for name, columns in _ORDERS.items():
        _create(name, columns)


def downgrade():
    for name in _ORDERS:
        op.drop_index(name, "repairs")
    op.drop_index(_COUNTS[0], "repairs")
    _create(*_COUNTS_BEFORE)
    op.drop_table("role_views")
    op.drop_table("saved_views")


def _create(name: str, columns: list[str]) -> None:
    op.create_index(name, "repairs", columns, postgresql_where=_OPEN, sqlite_where=_OPEN)
