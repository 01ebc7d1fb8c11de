"""Every argument that a page of the console reads, with values that no page of ours sends: used, named or refused,
and never a fault. Which arguments a page reads is seen while it reads them, so that a new one is not forgotten.
"""

import pytest
from werkzeug.datastructures import ImmutableMultiDict

from tests.routes import make_world, routes

pytestmark = pytest.mark.faults

ODD = ("\x00-1", "99999999999999999999999", "-99999999999999999999999", "0001-01-01T00:00+14:00", "9999-12-31", "٣")
# Read by every page in the same way.
EVERYWHERE = {"lang", "next"}


class _Noted(ImmutableMultiDict):
    """Notes which names are asked for."""

    asked: set[str] = set()

    def get(self, key, *args, **kwargs):
        self.asked.add(key)
        return super().get(key, *args, **kwargs)

    def getlist(self, key, *args, **kwargs):
        self.asked.add(key)
        return super().getlist(key, *args, **kwargs)

    def __getitem__(self, key):
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key):
        self.asked.add(key)
        return super().__contains__(key)


@pytest.fixture
def ask(app, owner, browser_of, monkeypatch):
    """`ask(path, arguments)`: the status, and the names that were read."""
    browser = browser_of(owner)
    monkeypatch.setattr(app.request_class, "parameter_storage_class", _Noted)

    def open_page(path: str, arguments: dict) -> tuple[int, set[str]]:
        _Noted.asked = set()
        with browser.get(path, query_string=arguments) as answer:
            answer.get_data()
            return answer.status_code, _Noted.asked - EVERYWHERE

    return open_page


def test_no_page_of_the_console_breaks_on_an_odd_argument(app, ask, cracked_iphone, technician):
    world = make_world(cracked_iphone, target=technician)
    pages = [rule for rule in routes(app) if "GET" in rule.methods and rule.rule.startswith("/admin")]
    faults, tried = [], 0
    for rule in pages:
        path = world.path(rule).partition("?")[0]
        left, done = ask(path, {})[1], set()
        while left - done:
            name = min(left - done)
            done.add(name)
            for odd in ODD:
                status, more = ask(path, {name: odd})
                left, tried = left | more, tried + 1
                if status >= 500:
                    faults.append(f"{status} {path}?{name}={odd!r}")

    assert faults == []
    assert tried > 500
