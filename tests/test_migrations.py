"""Every revision goes up and down on both databases, and the models say no more than the migrations."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from shop import create_app
from shop.config import load_settings
from shop.extensions import db
from tests.conftest import create_postgresql


@pytest.fixture
def empty_app(database, tmp_path):
    url = create_postgresql("migrations") if database == "postgresql" else ""
    app = create_app(
        load_settings(
            SHOP_DATA=tmp_path, DATABASE_URL=url, SECRET_KEY="tests" * 8, LOG_LEVEL="ERROR", RATE_LIMITS="off"
        )
    )
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def test_migrations_go_up_and_down_again(empty_app):
    upgrade()
    tables = set(inspect(db.engine).get_table_names())
    downgrade(revision="base")
    left = set(inspect(db.engine).get_table_names())
    upgrade()

    assert set(db.metadata.tables) <= tables
    assert left == {"alembic_version"}
    assert set(inspect(db.engine).get_table_names()) == tables


def test_migrations_make_what_the_models_say(empty_app):
    upgrade()

    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _is_modelled})
        differences = compare_metadata(context, db.metadata)

    assert differences == []


_HAND_MADE = {"ix_repairs_search_text", "ix_customers_name_search"}


def _is_modelled(_item, name, _kind, reflected, _compare_to):
    made_by_hand = name and (name.startswith(("repair_search", "customer_search")) or name in _HAND_MADE)
    return not (reflected and made_by_hand)
