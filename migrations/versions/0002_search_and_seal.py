"""Search by trigrams, and a log that the database itself keeps append-only.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = depends_on = None

_SEALED = ("id", "verb", "aggregate", "version", "actor", "at", "body", "detail_hash")

_POSTGRESQL_UP = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX ix_repairs_search_text ON repairs USING gin (search_text gin_trgm_ops)",
    f"""
    CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND OLD.position IS NULL
           AND ({", ".join(f"OLD.{name}" for name in _SEALED)}) IS NOT DISTINCT FROM
               ({", ".join(f"NEW.{name}" for name in _SEALED)})
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'the event log is append-only';
    END $$
    """,
    "CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events "
    "FOR EACH ROW EXECUTE FUNCTION events_are_append_only()",
    "CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events "
    "FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only()",
)
_POSTGRESQL_DOWN = (
    "DROP TRIGGER events_no_truncate ON events",
    "DROP TRIGGER events_append_only ON events",
    "DROP FUNCTION events_are_append_only()",
    "DROP INDEX ix_repairs_search_text",
)

_SQLITE_UP = (
    "CREATE VIRTUAL TABLE repair_search USING fts5(search_text, content='repairs', content_rowid='id', tokenize='trigram')",
    """
    CREATE TRIGGER repair_search_insert AFTER INSERT ON repairs BEGIN
        INSERT INTO repair_search(rowid, search_text) VALUES (new.id, new.search_text);
    END
    """,
    """
    CREATE TRIGGER repair_search_delete AFTER DELETE ON repairs BEGIN
        INSERT INTO repair_search(repair_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    END
    """,
    """
    CREATE TRIGGER repair_search_update AFTER UPDATE OF search_text ON repairs
    WHEN old.search_text <> new.search_text BEGIN
        INSERT INTO repair_search(repair_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
        INSERT INTO repair_search(rowid, search_text) VALUES (new.id, new.search_text);
    END
    """,
    f"""
    CREATE TRIGGER events_append_only BEFORE UPDATE ON events
    WHEN OLD.position IS NOT NULL OR {" OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _SEALED)} BEGIN
        SELECT RAISE(ABORT, 'the event log is append-only');
    END
    """,
    """
    CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN
        SELECT RAISE(ABORT, 'the event log is append-only');
    END
    """,
)
_SQLITE_DOWN = (
    "DROP TRIGGER events_no_delete",
    "DROP TRIGGER events_append_only",
    "DROP TRIGGER repair_search_update",
    "DROP TRIGGER repair_search_delete",
    "DROP TRIGGER repair_search_insert",
    "DROP TABLE repair_search",
)


def upgrade():
    _run(_POSTGRESQL_UP, _SQLITE_UP)


def downgrade():
    _run(_POSTGRESQL_DOWN, _SQLITE_DOWN)


def _run(postgresql, sqlite) -> None:
    for statement in postgresql if op.get_bind().dialect.name == "postgresql" else sqlite:
        op.execute(statement)
