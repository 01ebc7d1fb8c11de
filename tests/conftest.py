"""The shop on both databases, and people with meaning."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from shop import create_app
from shop.config import load_settings
from shop.extensions import db
from shop.models.permissions import Role
from tests import factories
from tests.brokers import own_redis
from tests.browsers import Browser
from tests.translations import compile_catalogues

POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql+psycopg://127.0.0.1:5432/postgres")
REFERENCE = ("device_models", "service_categories", "repair_types", "rule_sets", "price_rules", "locations", "closures")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
APPEND_ONLY = ("events", "ledger_transactions", "ledger_entries", "documents")
# No test pulls the machine's plug, so none needs to wait for its disk.
UNHURRIED_DISK = "PRAGMA synchronous=OFF"
# Most tests fill few of the tables: one statement looks at all, and touches those.
EMPTY_FILLED = """
DO $$
DECLARE
    name text;
    is_filled boolean;
BEGIN
    FOREACH name IN ARRAY ARRAY[{tables}] LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
        CONTINUE WHEN NOT is_filled;
        IF name IN ({append_only}) THEN
            EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', name);
        END IF;
        EXECUTE format('DELETE FROM %I', name);
        IF name IN ({append_only}) THEN
            EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', name);
        END IF;
    END LOOP;
END $$
"""
GROUPS = {
    "tests/browser/": "browser",
    "tests/simulator/test_browser": "browser",
    "tests/simulator/test_processes": "processes",
    "tests/test_worker.py": "processes",
    "tests/test_server.py": "processes",
    "tests/test_background.py": "processes",
    "tests/faults/test_kill": "processes",
    "tests/faults/test_relay": "processes",
    "tests/faults/test_lease": "processes",
}
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def pytest_generate_tests(metafunc):
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", _databases(), scope="session")


def group_of(nodeid: str) -> str:
    """Tests of one group run on one test process, one after the other: they share a browser, or start servers."""
    return next((group for part, group in GROUPS.items() if part in nodeid), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deals the groups out. The marks of xdist 3.8 for this say nothing to pytest 9.2, whose ids cannot be changed."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log)


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)
            # A browser that gets no processor for seconds misses its own time-outs: its tests may try once more.
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def chromium():
    """One browser a process: Playwright can be started only once in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shop_app(database, tmp_path_factory):
    """One application a database and process, migrated and seeded once."""
    data = tmp_path_factory.mktemp("shop")
    url = create_postgresql() if database == "postgresql" else ""
    settings = load_settings(
        SHOP_DATA=data, DATABASE_URL=url, SECRET_KEY="tests" * 8, RATE_LIMITS="off", LOG_LEVEL="ERROR", REDIS_URL=""
    )
    compile_catalogues()
    app = create_app(settings)
    app.test_client_class = Browser
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=False, SERVER_NAME=None)
    with app.app_context():
        if database == "sqlite":
            event.listen(db.engine, "connect", lambda connection, _: connection.execute(UNHURRIED_DISK))
        factories.migrate_and_seed()
        db.session.remove()
        db.engine.dispose()
    if database == "sqlite":
        shutil.copy(data / "shop.db", data / "template.db")
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(shop_app, database):
    """The application on a database that holds the reference data and nothing else."""
    yield shop_app
    with shop_app.app_context():
        db.session.remove()
        _clean(shop_app, database)
    # The next test's log begins where this one's began: what was kept for it would be taken for the other's.
    shop_app.extensions.pop("shop_memory", None)
    shop_app.extensions.pop("shop_words", None)
    shop_app.extensions.pop("shop_provider_keys", None)
    shop_app.extensions.pop("shop_breakers", None)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """A Redis for this test process alone."""
    with own_redis(tmp_path_factory.mktemp("redis")) as url:
        if not url and os.environ.get("CI"):
            pytest.fail("Redis does not answer, and CI runs every suite")
        if not url:
            pytest.skip("Redis does not answer")
        yield url


@pytest.fixture
def session(app):
    return db.session


@pytest.fixture
def stranger(app):
    """A browser that nobody has signed in with."""
    return app.test_client()


@pytest.fixture
def owner(app):
    return factories.staff("Ellie Frost", Role.OWNER)


@pytest.fixture
def manager(app):
    return factories.staff("Maya Lind", Role.MANAGER)


@pytest.fixture
def technician(app):
    return factories.staff("Priya Nair", Role.TECHNICIAN)


@pytest.fixture
def front_desk(app):
    return factories.staff("Marta Kowal", Role.FRONT_DESK)


@pytest.fixture
def read_only(app):
    return factories.staff("Olu Bello", Role.READ_ONLY)


@pytest.fixture
def browser_of(app):
    """`browser_of(person)`: a test client in which that person is signed in."""
    return lambda person: factories.signed_in_client(app, person)


@pytest.fixture
def cracked_iphone(app):
    """A received repair of an iPhone 14 Pro with a cracked screen, of Hannah Whitcombe."""
    return factories.repair()


@pytest.fixture
def frozen(monkeypatch):
    """Tuesday 24 November 2026, 10:00 in London."""
    import time_machine

    with time_machine.travel(NOW, tick=False):
        yield NOW


def _databases() -> list[str]:
    wanted = os.environ.get("TEST_DATABASES", "sqlite,postgresql").split(",")
    if "postgresql" in wanted and not _postgresql_answers():
        if os.environ.get("CI"):
            pytest.exit("PostgreSQL does not answer, and CI runs every suite", returncode=1)
        wanted.remove("postgresql")
    return wanted


def _postgresql_answers() -> bool:
    engine = create_engine(POSTGRESQL)
    try:
        engine.connect().close()
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True


def create_postgresql(suffix: str = "") -> str:
    name = f"shop_test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}{suffix}"
    engine = create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    engine.dispose()
    return make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False)


def _clean(app, database: str) -> None:
    if database == "sqlite":
        data = app.config["SETTINGS"].SHOP_DATA
        with (
            closing(sqlite3.connect(data / "template.db")) as clean,
            closing(sqlite3.connect(data / "shop.db")) as used,
        ):
            used.execute(UNHURRIED_DISK)
            clean.backup(used)
        return
    tables = [table.name for table in reversed(db.metadata.sorted_tables) if table.name not in REFERENCE]
    with db.engine.begin() as connection:
        connection.execute(text(EMPTY_FILLED.format(tables=_names(tables), append_only=_names(APPEND_ONLY))))
        # The reference data have one branch; a test may have opened others.
        for table, column in (("closures", "location_id"), ("locations", "id")):
            connection.execute(text(f"DELETE FROM {table} WHERE {column} > (SELECT min(id) FROM locations)"))


def _names(tables) -> str:
    return ", ".join(f"'{table}'" for table in tables)
