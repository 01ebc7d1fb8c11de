"""Nothing typed is lost: each form of the console in which one can write is kept as a draft, or says why not."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from sqlalchemy import select

from shop.admin.recover import find_place
from shop.extensions import db
from shop.models.staff import SignIn
from shop.models.workflow import State
from shop.once import UNREMEMBERED
from shop.services.staff_drafts import LONGEST_NAME, MOST_FIELDS, SECRET
from tests import factories
from tests.routes import make_world, routes

# As in static/js/draft_fields.js.
TEXT = {"text", "email", "tel", "url", "number", "search", "date", "time", "datetime-local"}
# Forms with a text that no draft keeps, by the route they are sent to, and why.
UNKEPT = {
    "devices.import_csv": "a file, which a browser does not give back",
}
HTMX = {"HX-Request": "true"}


@dataclass
class Form:
    """A form that is sent by POST: where to, and its text fields as (name, is it kept)."""

    action: str
    is_out: bool
    texts: list = field(default_factory=list)
    names: set = field(default_factory=set)


class Forms(HTMLParser):
    """Every POST form of a page; `data-no-draft` counts from the element that has it to its end."""

    VOID = {"input", "br", "hr", "img", "link", "meta", "wbr", "use", "path", "rect", "circle", "source", "col"}

    def __init__(self, address: str):
        super().__init__()
        self.address, self.found, self.open, self.out = address, [], None, []
        self.scripts: list[str] = []

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        if tag == "script":
            self.scripts.append(facts.get("src") or "")
        is_out = "data-no-draft" in facts or bool(self.out and self.out[-1][1])
        if tag not in self.VOID:
            self.out.append((tag, is_out))
        if tag == "form" and (facts.get("method") or "get").lower() == "post":
            self.open = Form(facts.get("action") or self.address, is_out)
            self.found.append(self.open)
        if self.open is None or not (name := facts.get("name")):
            return
        self.open.names.add(name)
        is_text = tag == "textarea" or (tag == "input" and (facts.get("type") or "text").lower() in TEXT)
        if is_text and "readonly" not in facts:
            is_secret = SECRET.search(name) or "one-time-code" in (facts.get("autocomplete") or "")
            self.open.texts.append((name, not is_out and not is_secret))

    def handle_endtag(self, tag):
        while self.out:
            name, _is_out = self.out.pop()
            if name == tag:
                break
        if tag == "form":
            self.open = None


@pytest.fixture
def world(app, owner):
    factories.signed_in_client(app, owner)
    newest = db.session.scalars(select(SignIn).order_by(SignIn.id.desc())).first()
    repair = factories.repair(State.DIAGNOSING)
    return make_world(repair, target=factories.staff("Tess Target"), sign_in=newest)


@pytest.fixture
def pages(app, world, browser_of, owner):
    """(address, page) of every page of the console that the owner can read, whole and as a dialog."""
    browser, found = browser_of(owner), []
    for rule in routes(app):
        if "GET" not in rule.methods or not rule.rule.startswith("/admin/") or rule.endpoint == "console.static":
            continue
        for headers in ({}, HTMX):
            with browser.get(world.path(rule), headers=headers) as answer:
                if answer.status_code == 200 and answer.mimetype == "text/html":
                    found.append((world.path(rule), answer.text))
    return found


def endpoint_of(app, path: str) -> str:
    return app.url_map.bind("").match(path.partition("?")[0], method="POST")[0]


def test_every_text_that_is_sent_by_post_has_a_draft_or_says_that_it_has_none(app, pages):
    kept, lost = set(), set()
    for address, page in pages:
        reader = Forms(address)
        reader.feed(page)
        if "<html" in page:
            assert any("js/console.js" in source for source in reader.scripts), address  # which loads drafts.js
        for form in reader.found:
            endpoint = endpoint_of(app, form.action)
            for name, is_kept in form.texts:
                if not is_kept or endpoint in UNREMEMBERED:
                    continue
                place = find_place(form.action)
                is_sound = place is not None and len(name) <= LONGEST_NAME and len(form.names) <= MOST_FIELDS
                (kept if is_sound else lost).add((endpoint, name))

    assert {one for one in lost if one[0] not in UNKEPT} == set()
    forms = {endpoint for endpoint, _name in kept}
    assert len(forms) >= 15, sorted(forms)
    assert {("repairs.note", "body"), ("repairs.move", "diagnosis"), ("repairs.edit", "now.problem")} <= kept


def test_what_a_form_keeps_has_one_place_for_each_form(app, pages):
    """Two forms of one page that are sent to the same address would share a draft."""
    for address, page in pages:
        reader = Forms(address)
        reader.feed(page)
        fields: dict = {}
        for form in reader.found:
            if (texts := {name for name, is_kept in form.texts if is_kept}) and (place := find_place(form.action)):
                key = (place.form, place.record)
                assert not fields.get(key, set()) & texts, (address, key)
                fields[key] = fields.get(key, set()) | texts


def test_branches_and_services_have_places_of_their_own(app):
    addresses = [f"/admin/opening/places?location={branch}&kind={kind}" for branch in "ab" for kind in "cd"]

    with app.test_request_context():
        places = [find_place(address) for address in addresses]

    assert len({place.record for place in places}) == 4
    assert [place.address for place in places] == addresses
