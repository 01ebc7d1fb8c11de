"""Brazilian Portuguese is whole: every text that customers and staff read, and nothing left in English."""

import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages import extract
from babel.messages.catalog import Catalog
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from shop.extensions import db
from tests.booking.walk import Visitor

ROOT = Path(__file__).parents[1]
CATALOGUE = ROOT / "shop/translations/pt_BR/LC_MESSAGES/messages.po"
KEYWORDS = {**extract.DEFAULT_KEYWORDS, "_l": None, "N_": None}
# English words that no Portuguese page may hold; device names and addresses hold none of them.
ENGLISH = re.compile(
    r"\b(the|your|you|and|with|repair|price|choose|device|book|booked|continue|total due|ready|days|free|full|left"
    r"|screen|battery|warranty|change|details|review|step|next|held|until|includes|pay|time|day)\b",
    re.IGNORECASE,
)
NOT_WORDS = re.compile(
    r"<script.*?</script>|<style.*?</style>|<svg.*?</svg>|<[^>]+lang=\"en-GB\".*?</a>|<[^>]+>", re.DOTALL
)


@cache
def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="pt_BR")


def extracted() -> set:
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract.extract_from_dir(ROOT, methods, options, keywords=KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def visible(page: str) -> str:
    return NOT_WORDS.sub(" ", page.partition("<body")[2])


def test_every_text_of_the_source_is_translated():
    missing = {text for text in extracted() if text and (text not in catalogue() or not catalogue()[text].string)}

    assert missing == set()


def test_no_translation_is_fuzzy_or_breaks_a_placeholder():
    faults = [(message.id, str(error)) for message, errors in catalogue().check() for error in errors]

    assert faults == []
    assert [message.id for message in catalogue() if message.id and message.fuzzy] == []


def test_catalogue_holds_nothing_that_the_source_does_not_say():
    kept = {message.id if isinstance(message.id, str) else message.id[0] for message in catalogue() if message.id}

    assert kept - extracted() == set()


@pytest.fixture
def brazilian(app):
    client = app.test_client()
    client.set_cookie("locale", "pt_BR")
    with app.app_context():
        yield Visitor(client)
        db.session.rollback()


@pytest.mark.parametrize(
    "path", ["/", "/services", "/prices?q=iphone", "/how-it-works", "/track/", "/book/", "/book/?q=zzzzqq"]
)
def test_public_pages_in_portuguese_hold_no_english(brazilian, path):
    page = brazilian.client.get(path).text

    assert 'lang="pt-BR"' in page
    assert ENGLISH.findall(visible(page)) == []


@pytest.mark.parametrize(
    "path",
    ["repairs/", "repairs/{number}", "repairs/{number}/move", "staff/", "account/", "outbox/", "health/"],
)
def test_daily_screens_of_the_staff_in_portuguese_hold_no_english(cracked_iphone, owner, browser_of, path):
    cracked_iphone.problem = "Caiu na escada"
    db.session.commit()
    client = browser_of(owner)
    client.set_cookie("locale", "pt_BR")

    page = client.get("/admin/" + path.format(number=cracked_iphone.number))

    assert (page.status_code, 'lang="pt-BR"' in page.text) == (200, True)
    assert ENGLISH.findall(visible(page.text)) == []


def test_wizard_in_portuguese_holds_no_english(brazilian):
    brazilian.come_to("review", locale="pt_BR")
    steps = ("device", "fault", "service", "details", "review", "resume")
    pages = {step: brazilian.page(step).text for step in steps}
    brazilian.book()
    pages["confirmed"] = brazilian.page("confirmed").text

    found = {step: ENGLISH.findall(re.sub("It fell on the stairs", "", visible(page))) for step, page in pages.items()}

    assert found == {step: [] for step in pages}


def test_wizard_faults_in_portuguese_hold_no_english(brazilian):
    brazilian.come_to("service")
    answers = [
        brazilian.send("service", service_type="pickup", address="", postcode="x"),
        brazilian.send("fault", problem=""),
        brazilian.client.post("/book/", data={"label": "", "category": ""}),
        brazilian.client.post("/track/", data={"number": "1", "email": "a@example.com"}),
    ]

    assert [answer.status_code for answer in answers] == [422] * 4
    assert [ENGLISH.findall(visible(answer.text)) for answer in answers] == [[]] * 4


def test_money_and_dates_follow_the_language_and_keep_the_currency(brazilian):
    brazilian.come_to("review", locale="pt_BR")

    page = brazilian.page("review").text.replace("\xa0", " ")

    assert "£ 189,00" in page
    assert re.search(r"(seg|ter|qua|qui|sex|sáb)\., \d+ de \w+\.?, \d\d:\d\d", page)
