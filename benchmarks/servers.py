"""Servers of the benchmark: started on the loopback, measured by their processor time, ended by their own pid."""

import http.client
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from benchmarks.environment import BUILD, FIRST_PORT, HERE, PROJECT, Database, peers_python, shop_environment

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 120
THREADS = 8


class Server:
    """One process (and its children) on a port of its own."""

    _next_port = FIRST_PORT

    def __init__(self, name: str, command: list, *, environment: dict[str, str], folder: Path = PROJECT):
        self.name, self.port = name, Server.new_port()
        self._log = (BUILD / f"{name}.log").open("w")
        words = [str(word).format(port=self.port) for word in command]
        self._process = subprocess.Popen(
            words, env={**environment, "PORT": str(self.port)}, cwd=folder, stdout=self._log, stderr=self._log
        )

    @classmethod
    def new_port(cls) -> int:
        port = cls._next_port
        cls._next_port = FIRST_PORT + (port + 1 - FIRST_PORT) % 20
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> "Server":
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/login")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
            else:
                return self
            finally:
                connection.close()
        self.stop()
        raise SystemExit(f"{self.name} did not start: see {self._log.name}")

    def pids(self) -> list[int]:
        return [self._process.pid, *_children(self._process.pid)]

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pids())

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


@contextmanager
def running(*servers: Server):
    try:
        for server in servers:
            server.wait()
        yield servers
    finally:
        for server in servers:
            server.stop()


def shop(database: Database, *, threads: int = THREADS, url: str | None = None, module: str = "wsgi:app") -> Server:
    """The product as `make run` serves it: one process, jobs and relay inside."""
    environment = shop_environment(database, url=url, THREADS=threads)
    return Server(f"shop-{database.repairs}", [sys.executable, "-m", "gunicorn", module], environment=environment)


def shop_without_jobs(database: Database, *, url: str | None = None) -> Server:
    """Only the requests: for counting their statements while no relay speaks in between."""
    environment = shop_environment(database, url=url)
    return _gunicorn("shop-requests", sys.executable, "wsgi:app", database, url=url, environment=environment)


def limit(database: Database, *, url: str | None = None) -> Server:
    return _gunicorn("limit", sys.executable, "limit:application", database, url=url)


def flask_admin(database: Database, peer: str, *, url: str | None = None) -> Server:
    return _gunicorn(
        f"flask-admin-{peer}", sys.executable, "flask_admin_peer:application", database, url=url, peer=peer
    )


def django(database: Database, peer: str, *, url: str | None = None) -> Server:
    return _gunicorn(f"django-{peer}", peers_python(), "django_peer:application", database, url=url, peer=peer)


def cpu_seconds(pids: list[int]) -> float:
    """Processor time of these processes since they began; one that has ended counts nothing."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def backends(database: Database) -> list[int]:
    """Processes of PostgreSQL that serve this database; none if the server is on another machine."""
    with database.connect() as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return [row[0] for row in connection.execute(query)]


def _gunicorn(
    name: str,
    python: str,
    module: str,
    database: Database,
    *,
    url: str | None,
    peer: str = "",
    environment: dict[str, str] | None = None,
) -> Server:
    command = [
        python, "-m", "gunicorn", "--config", HERE / "apps" / "gunicorn.conf.py", "--workers", "1",
        "--worker-class", "gthread", "--threads", THREADS, "--bind", "127.0.0.1:{port}", module,
    ]  # fmt: skip
    if environment:
        return Server(name, command, environment=environment)
    environment = {**os.environ, "DATABASE_URL": url or database.url(), "PEER": peer}
    return Server(name, command, environment=environment, folder=HERE / "apps")


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
