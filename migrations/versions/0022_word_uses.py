"""The newest customers and repairs of each word: found by a word at once, however long the shop's past.

Revision ID: 0022
Revises: 0021
"""

import re
from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = depends_on = None

_BATCH, _KEPT = 5_000, 64
_TEXTS = (
    (1, "SELECT id, name FROM customers ORDER BY id DESC"),
    (
        2,
        "SELECT repairs.id, customers.name || ' ' || devices.label FROM repairs"
        " JOIN customers ON customers.id = repairs.customer_id JOIN devices ON devices.id = repairs.device_id"
        " ORDER BY repairs.id DESC",
    ),
)


def upgrade():
    uses = op.create_table(
        "word_uses",
        sa.Column("kind", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("word_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("row_id", sa.Integer(), primary_key=True, autoincrement=False),
    )
    found = list(_newest())
    for start in range(0, len(found), _BATCH):
        op.bulk_insert(uses, found[start : start + _BATCH])
    op.create_index("ix_bookings_missed", "bookings", ["repair_id"], **_where("misses > 0"))


def downgrade():
    op.drop_index("ix_bookings_missed", "bookings")
    op.drop_table("word_uses")


def _newest():
    """As services/word_uses.py gathers them."""
    bind = op.get_bind()
    ids = {word: id_ for id_, word in bind.execute(sa.text("SELECT id, word FROM search_words"))}
    for kind, query in _TEXTS:
        used = Counter()
        for row_id, text in bind.execute(sa.text(query)):
            for word in {found.lower() for found in re.findall(r"[^\W_]+", text)} & ids.keys():
                if used[word] < _KEPT:
                    used[word] += 1
                    yield {"kind": kind, "word_id": ids[word], "row_id": row_id}


def _where(condition: str) -> dict:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}
