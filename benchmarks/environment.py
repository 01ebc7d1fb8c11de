"""Where things are: databases filled by our own demo command, the peers' copies of them, the peers' environment."""

import hashlib
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

HERE = Path(__file__).parent
PROJECT = HERE.parent
BUILD = PROJECT / "build" / "bench"
_GIVEN = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://127.0.0.1:5432/postgres")
SERVER = _GIVEN.replace("postgresql+psycopg://", "postgresql://")
FIRST_PORT = int(os.environ.get("BENCH_PORT", "8140"))
PEERS = ("stock", "tuned")
VERB = "repair.noted"
_SECRET = "only for measuring on this machine, never for a shop"


@dataclass(frozen=True)
class Database:
    """One filled database; `name` carries the number of repairs, so that it is filled once and kept.

    `open`: how many of them are open, 0 for the demo command's own share.
    """

    repairs: int
    open: int = 0

    @property
    def name(self) -> str:
        return f"bench_{self.repairs}_{self.open}" if self.open else f"bench_{self.repairs}"

    def url(self, *, port: int | None = None) -> str:
        """For libpq; `port` is that of the statement counter in front of the server."""
        parts = urlsplit(SERVER)
        user = parts.netloc.rpartition("@")[0]
        place = parts.netloc if port is None else f"{user + '@' if user else ''}127.0.0.1:{port}"
        return urlunsplit(parts._replace(netloc=place, path=f"/{self.name}"))

    def connect(self, **options) -> psycopg.Connection:
        return psycopg.connect(self.url(), autocommit=True, **options)


def commit_events(connection: psycopg.Connection, count: int) -> None:
    """So many events, each of another repair, as `events.record` leaves them."""
    connection.execute(
        """
        WITH noted AS (
            UPDATE repairs SET version = version + 1
            WHERE id IN (SELECT id FROM repairs ORDER BY id DESC LIMIT %s) RETURNING id, version
        )
        INSERT INTO events (verb, aggregate, version, actor, at, body, detail_hash)
        SELECT %s, 'repair:' || id, version, 'system', to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00'), '{}', ''
        FROM noted
        """,
        [count, VERB],
    )


def shop_environment(database: Database, *, url: str | None = None, **extra) -> dict[str, str]:
    data = BUILD / "data"
    data.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ, "DATABASE_URL": url or database.url(), "SHOP_DATA": str(data), "SECRET_KEY": _SECRET,
        "RATE_LIMITS": "off", "LOG_LEVEL": "ERROR", "REDIS_URL": "", "PYTHONPATH": str(PROJECT),
        **{name: str(value) for name, value in extra.items()},
    }  # fmt: skip


def prepare(database: Database, *, with_peers: bool) -> None:
    """Creates and fills the database unless an earlier run did; the peers' tables likewise."""
    if not _exists(database):
        _fill(database)
    else:
        _flask(database, "db", "upgrade")
    if with_peers and not _has_peers(database):
        _copy_for_peers(database)


def drop(database: Database) -> None:
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")


def peers_python() -> str:
    """The interpreter of the peers' own environment, made or renewed when its list has changed."""
    home, wanted = BUILD / "venv", PROJECT / "requirements-bench.txt"
    stamp, digest = home / "installed", hashlib.sha256(wanted.read_bytes()).hexdigest()
    python = home / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != digest:
        print("Installing the peers (once)", flush=True)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", wanted], check=True)
        stamp.write_text(digest)
    return str(python)


def _exists(database: Database) -> bool:
    with psycopg.connect(SERVER, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database.name]).fetchone()
    if not found:
        return False
    with database.connect() as connection:
        filled = connection.execute("SELECT to_regclass('repairs') IS NOT NULL").fetchone()[0]
        filled = filled and connection.execute("SELECT EXISTS (SELECT FROM repairs)").fetchone()[0]
    if not filled:
        drop(database)
    return filled


def _fill(database: Database) -> None:
    print(f"Filling {database.name} with the demo command", flush=True)
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database.name}")
    opened = ["--open", str(database.open)] if database.open else []
    for command in (["db", "upgrade"], ["seed"], ["demo", "--repairs", str(database.repairs), *opened]):
        _flask(database, *command)
    with database.connect() as connection:
        connection.execute("VACUUM ANALYZE")


def _flask(database: Database, *command: str) -> None:
    flask = [sys.executable, "-m", "flask", "--app", "wsgi"]
    subprocess.run([*flask, *command], env=shop_environment(database), cwd=PROJECT, check=True)


def _has_peers(database: Database) -> bool:
    with database.connect() as connection:
        return all(
            connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{peer}.django_session"]).fetchone()[0]
            for peer in PEERS
        )


def _copy_for_peers(database: Database) -> None:
    print(f"Copying {database.name} into the peers' tables", flush=True)
    template = (HERE / "peers.sql").read_text()
    with database.connect() as connection:
        for peer in PEERS:
            connection.execute(template.replace(":schema", peer))
        connection.execute((HERE / "tuned.sql").read_text())
        connection.execute("VACUUM ANALYZE")
    for peer in PEERS:
        environment = {**os.environ, "DATABASE_URL": database.url(), "PEER": peer}
        subprocess.run([peers_python(), HERE / "apps" / "django_peer.py"], env=environment, check=True)
