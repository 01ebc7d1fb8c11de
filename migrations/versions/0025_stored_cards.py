"""Cards that customers keep ready, and the work that they approve.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_READY, _PENDING, _OFFERED = (sa.text(f"state = '{state}'") for state in ("ready", "pending", "offered"))


def upgrade():
    op.create_table(
        "stored_cards",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("repair_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("customer_ref", sa.String(64), nullable=True),
        sa.Column("method_ref", sa.String(64), nullable=True),
        sa.Column("setup_ref", sa.String(64), nullable=True),
        sa.Column("brand", sa.String(20), nullable=False),
        sa.Column("last4", sa.String(4), nullable=False),
        sa.Column("expires_month", sa.Integer(), nullable=True),
        sa.Column("expires_year", sa.Integer(), nullable=True),
        sa.Column("mandate_version", sa.Integer(), nullable=False),
        sa.Column("agreed_at", _MOMENT, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("failure_code", sa.String(60), nullable=False),
        sa.Column("removed_at", _MOMENT, nullable=True),
        sa.Column("detached_at", _MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_stored_cards_repair_id_repairs")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_stored_cards_customer_id_customers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_cards")),
        sa.UniqueConstraint("key", name=op.f("uq_stored_cards_key")),
    )
    op.create_index("ix_stored_cards_repair_id", "stored_cards", ["repair_id", "id"])
    op.create_index("ix_stored_cards_customer_id", "stored_cards", ["customer_id"])
    op.create_index("ix_stored_cards_setup_ref", "stored_cards", ["setup_ref"], unique=True)
    _create_partial("ux_stored_cards_ready", "stored_cards", _READY)
    _create_partial("ux_stored_cards_pending", "stored_cards", _PENDING)
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("repair_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("offered_by", sa.String(40), nullable=False),
        sa.Column("offered_at", _MOMENT, nullable=False),
        sa.Column("decided_by", sa.String(40), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("how", sa.String(8), nullable=False),
        sa.Column("decided_at", _MOMENT, nullable=True),
        sa.Column("payment_id", _ID, nullable=True),
        sa.Column("card_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_approvals_amount")),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_approvals_repair_id_repairs")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_approvals_payment_id_payments")),
        sa.ForeignKeyConstraint(["card_id"], ["stored_cards.id"], name=op.f("fk_approvals_card_id_stored_cards")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index("ix_approvals_repair_id", "approvals", ["repair_id", "id"])
    op.create_index("ix_approvals_payment_id", "approvals", ["payment_id"])
    _create_partial("ux_approvals_open", "approvals", _OFFERED)


def downgrade():
    op.drop_table("approvals")
    op.drop_table("stored_cards")


def _create_partial(name: str, table: str, condition):
    op.create_index(name, table, ["repair_id"], unique=True, postgresql_where=condition, sqlite_where=condition)
