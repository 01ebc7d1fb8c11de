"""The whole product on a port of its own, and browsers that look at it.

Each server is real: gunicorn in a process, its own data folder, migrated and seeded, jobs embedded.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from shop.services.demo import PASSWORD as DEMO_PASSWORD
from tests.browser.beside import Beside
from tests.browser.console import SERVERS
from tests.conftest import CHROMIUM
from tests.translations import compile_catalogues

ROOT = Path(__file__).parents[2]
AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
# What axe passed is ten times as long, and nobody reads it.
VIOLATIONS = "axe.run({ resultTypes: ['violations'] }).then((found) => found.violations)"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
NARROWEST = {"width": 360, "height": 740}
START_SECONDS = 60

# Measured by what can be pressed: a label for its box, a row of the queue for its link. Links in running text are free.
SMALL_TARGETS = """(least) => {
  const controls = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary");
  const inText = (node) => node.matches("a") && getComputedStyle(node).display === "inline";
  return [...controls].filter((node) => node.checkVisibility() && !inText(node)).map((node) => {
    const area = node.closest("label, [data-repair]:has(a)") ?? node;
    const box = area.getBoundingClientRect();
    return { html: node.outerHTML.slice(0, 120), width: box.width, height: box.height };
  }).filter(({ width, height }) => width > 1 && height > 1 && (width < least || height < least));
}"""


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
    data: Path
    environment: dict[str, str] = field(repr=False)
    process: subprocess.Popen | None = field(default=None, repr=False)
    beside: Beside | None = field(default=None, repr=False)

    def run(self, code: str) -> str:
        if self.beside is None:
            with (self.data / "beside.log").open("a") as log:
                self.beside = Beside(self.environment, log)
        return self.beside.run(code.strip())

    def python(self, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn"]
        with (self.data / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
        _wait_until_it_answers(f"{self.url}/healthz", self.process, log=self.data / "server.log")

    def stop(self) -> None:
        if self.beside:
            self.beside.stop()
            self.beside = None
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=30)


def _server_at(data: Path) -> LiveServer:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    SERVERS[url] = data
    return LiveServer(url, data, _environment(data, port=port, url=url))


def _new_server(data: Path) -> LiveServer:
    compile_catalogues()
    server = _server_at(data)
    server.run("from tests.factories import migrate_and_seed\nmigrate_and_seed()")
    return server


@pytest.fixture(scope="session")
def live_server(tmp_path_factory) -> Iterator[LiveServer]:
    server = _new_server(tmp_path_factory.mktemp("live"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def filled_shop(tmp_path_factory) -> Path:
    """The data of a shop with the demo's staff and repairs, made once; no server has them open."""
    server = _new_server(tmp_path_factory.mktemp("filled"))
    server.python("-m", "flask", "--app", "wsgi", "demo", "--repairs", "80", "--open", "32")
    # Whoever opens the queue here means all of it.
    server.run(
        "from shop.extensions import db\nfrom shop.models.saved_view import RoleView\n"
        "db.session.query(RoleView).delete()\ndb.session.commit()"
    )
    server.stop()
    return server.data


@pytest.fixture(scope="module")
def busy_shop(filled_shop, tmp_path_factory) -> Iterator[LiveServer]:
    """A shop with the demo's staff and repairs, one for each file of tests: none sees what another file's did.

    All that is open fits on one page of the queue, with room for what the tests of one file add.
    """
    server = _server_at(shutil.copytree(filled_shop, tmp_path_factory.mktemp("busy"), dirs_exist_ok=True))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def open_context(chromium) -> Iterator:
    opened: list[BrowserContext] = []

    def make(base_url: str, **options) -> BrowserContext:
        context = chromium.new_context(**{"base_url": base_url, "locale": "en-GB", "viewport": DESKTOP, **options})
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def new_context(open_context, live_server):
    """`new_context(viewport=PHONE, locale="pt-BR", java_script_enabled=False, …)`: a fresh browser profile."""
    return lambda **options: open_context(live_server.url, **options)


@pytest.fixture
def stranger_at(open_context, busy_shop):
    """`stranger_at(viewport=PHONE, …)`: a page of the busy shop that nobody has signed in to."""
    return lambda **options: watched(open_context(busy_shop.url, **options).new_page())


@pytest.fixture(scope="module")
def cookies(chromium, busy_shop):
    """`cookies("priya")`: a browser's storage after that colleague signed in; one sign-in for all tests of a file.

    Where a test has ended it, as by taking rights away, the next one signs in anew.
    """
    kept = {}

    def of(name: str) -> dict:
        if name not in kept or not _opens(busy_shop, kept[name]):
            kept[name] = _sign_in(chromium, busy_shop, name)
        return kept[name]

    return of


def _opens(server: LiveServer, state: dict) -> bool:
    header = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in state["cookies"])
    request = urllib.request.Request(f"{server.url}/admin/live/since?position=0", headers={"Cookie": header})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


@pytest.fixture
def signed_in(stranger_at, chromium, busy_shop, cookies):
    """`signed_in("priya", viewport=PHONE, …)`: a page of the busy shop with that colleague signed in.

    `alone=True` is a sign-in that no other test uses.
    """

    def make(name: str, *, alone: bool = False, **options) -> Page:
        state = _sign_in(chromium, busy_shop, name) if alone else cookies(name)
        return stranger_at(storage_state=state, **options)

    return make


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
    """axe finds nothing, by day and by night, and nothing scrolls sideways. Afterwards the page is as it was."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert [(found["id"], [node["html"] for node in found["nodes"]]) for found in _violations(page)] == [], scheme
    page.emulate_media(color_scheme="null", reduced_motion="no-preference")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def _violations(page: Page) -> list[dict]:
    """Looked for again where something was found: halfway through a fade no colour is the one that is read.

    What stands still and is wrong is found each time.
    """
    for _look in range(3):
        violations = page.evaluate(VIOLATIONS)
        if not violations:
            break
        page.wait_for_timeout(400)
    return violations


def assert_sound(page: Page) -> None:
    """At both widths axe is content, and at the narrowest nothing is cut off or too small to press."""
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        assert_accessible(page)
        assert small_targets(page, least=24) == []
    page.set_viewport_size(NARROWEST)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert_quiet(page)


def small_targets(page: Page, *, least: int) -> list[dict]:
    """What can be pressed and is narrower or lower than so many pixels; half a pixel is rounding."""
    return page.evaluate(SMALL_TARGETS, least - 0.5)


def _note(page: Page, message) -> None:
    # A refused form is answered with 422 or 409, which browsers write to the console.
    if message.type == "error" and "status of 4" not in message.text:
        page.troubles.append(message.text)


def _sign_in(chromium: Browser, server: LiveServer, name: str) -> dict:
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("E-mail").fill(f"{name}@revivatech.example")
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/**")
    state = context.storage_state()
    context.close()
    return state


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
