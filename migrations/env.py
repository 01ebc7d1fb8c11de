"""Alembic's entry: the application's own engine and tables, on SQLite and PostgreSQL alike."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from shop.config import ConfigError
from shop.models.base import UtcDateTime

db = current_app.extensions["migrate"].db
SEARCH_TABLES = ("repair_search",)


def render_item(kind, item, _context):
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def include_object(_item, name, kind, reflected, _compare_to):
    """SQLite's full-text tables, and the trigram index that only PostgreSQL has, are made by hand."""
    return not (reflected and name and (name.startswith(SEARCH_TABLES) or name == "ix_repairs_search_text"))


def connected() -> Connection:
    try:
        return db.engine.connect()
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        raise ConfigError(f"Cannot start: set DATABASE_URL to a database that answers ({reason}).") from None


def run_migrations() -> None:
    with connected() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            render_item=render_item,
            include_object=include_object,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run_migrations()
