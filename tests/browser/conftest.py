"""The whole product on a port of its own, and browsers that look at it.

Each server is real: gunicorn in a process, its own data folder, migrated and seeded, jobs embedded.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.translations import compile_catalogues

ROOT = Path(__file__).parents[2]
AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
START_SECONDS = 60


def pytest_collection_modifyitems(items):
    """Marks what lies in this folder; without a browser it is left out, and CI says so loudly."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))


@dataclass
class LiveServer:
    """A running shop. `run("…")` executes Python with the application's context on the same data."""

    url: str
    environment: dict[str, str] = field(repr=False)

    def run(self, code: str) -> str:
        lines = "\n    ".join(code.strip().splitlines())
        script = f"from shop import create_app\nwith create_app().app_context():\n    {lines}"
        done = subprocess.run(
            [sys.executable, "-c", script], env=self.environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


@pytest.fixture(scope="session")
def live_server(tmp_path_factory) -> Iterator[LiveServer]:
    compile_catalogues()
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    data = tmp_path_factory.mktemp("live")
    environment = _environment(data, port=port, url=url)
    server = LiveServer(url, environment)
    server.run("from tests.factories import migrate_and_seed\nmigrate_and_seed()")
    with (data / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn"], env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_it_answers(f"{url}/healthz", process, log=data / "server.log")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture
def new_context(chromium, live_server) -> Iterator:
    """`new_context(viewport=PHONE, locale="pt-BR", java_script_enabled=False, …)`: a fresh browser profile."""
    opened: list[BrowserContext] = []

    def make(**options) -> BrowserContext:
        context = chromium.new_context(**{"base_url": live_server.url, "locale": "en-GB", "viewport": DESKTOP, **options})
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def page(new_context) -> Page:
    """A desktop browser of somebody who has not signed in."""
    return watched(new_context().new_page())


@pytest.fixture
def phone(new_context) -> Page:
    return watched(new_context(viewport=PHONE, has_touch=True).new_page())


def watched(page: Page) -> Page:
    """Any script error or blocked resource of this page fails the test through `assert_quiet`."""
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda message: _note(page, message))
    return page


def assert_quiet(page: Page) -> None:
    assert page.troubles == []


def assert_accessible(page: Page) -> None:
    """axe finds nothing, and nothing scrolls sideways."""
    page.evaluate(AXE)
    violations = page.evaluate("axe.run()")["violations"]
    assert [(found["id"], [node["html"] for node in found["nodes"]]) for found in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def _note(page: Page, message) -> None:
    # A refused form is answered with 422 or 409, which browsers write to the console.
    if message.type == "error" and "status of 4" not in message.text:
        page.troubles.append(message.text)


def _environment(data: Path, *, port: int, url: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
    return {
        **kept,
        "SHOP_DATA": str(data),
        "PORT": str(port),
        "BASE_URL": url,
        "RATE_LIMITS": "off",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(ROOT),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_it_answers(url: str, process: subprocess.Popen, *, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.2)
    pytest.fail(f"The server did not start:\n{log.read_text()[-2000:]}")
