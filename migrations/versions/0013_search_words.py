"""Words that a mistyped search could have meant, and customers found by a part of their name.

Revision ID: 0013
Revises: 0012
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = depends_on = None

_BATCH = 1_000
_POSTGRESQL_UP = ("CREATE INDEX ix_customers_name_search ON customers USING gin (lower(name) gin_trgm_ops)",)
_POSTGRESQL_DOWN = ("DROP INDEX ix_customers_name_search",)
_SQLITE_UP = (
    "CREATE VIRTUAL TABLE customer_search USING fts5(name, content='customers', content_rowid='id', tokenize='trigram')",
    "INSERT INTO customer_search(customer_search) VALUES ('rebuild')",
    """
    CREATE TRIGGER customer_search_insert AFTER INSERT ON customers BEGIN
        INSERT INTO customer_search(rowid, name) VALUES (new.id, new.name);
    END
    """,
    """
    CREATE TRIGGER customer_search_delete AFTER DELETE ON customers BEGIN
        INSERT INTO customer_search(customer_search, rowid, name) VALUES ('delete', old.id, old.name);
    END
    """,
    """
    CREATE TRIGGER customer_search_update AFTER UPDATE OF name ON customers WHEN old.name <> new.name BEGIN
        INSERT INTO customer_search(customer_search, rowid, name) VALUES ('delete', old.id, old.name);
        INSERT INTO customer_search(rowid, name) VALUES (new.id, new.name);
    END
    """,
)
_SQLITE_DOWN = (
    "DROP TRIGGER customer_search_update",
    "DROP TRIGGER customer_search_delete",
    "DROP TRIGGER customer_search_insert",
    "DROP TABLE customer_search",
)


def upgrade():
    words = op.create_table(
        "search_words",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("word", sa.String(40), nullable=False, unique=True),
        sa.Column("spelling", sa.String(40), nullable=False),
    )
    _run(_POSTGRESQL_UP, _SQLITE_UP)
    found = [{"word": word, "spelling": spelling} for word, spelling in sorted(_known_words().items())]
    for start in range(0, len(found), _BATCH):
        op.bulk_insert(words, found[start : start + _BATCH])


def downgrade():
    _run(_POSTGRESQL_DOWN, _SQLITE_DOWN)
    op.drop_table("search_words")


def _known_words() -> dict[str, str]:
    """As services/words.py reads them."""
    found: dict[str, str] = {}
    for query in ("SELECT DISTINCT name FROM customers", "SELECT DISTINCT label FROM devices"):
        for (text,) in op.get_bind().execute(sa.text(query)):
            for spelling in re.findall(r"[^\W_]+", text):
                if 3 <= len(spelling) <= 40:
                    found.setdefault(spelling.lower(), spelling)
    return found


def _run(postgresql, sqlite) -> None:
    for statement in postgresql if op.get_bind().dialect.name == "postgresql" else sqlite:
        op.execute(statement)
