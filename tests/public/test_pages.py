"""The shop window, language, and what search engines read."""

from xml.etree import ElementTree

import pytest

from shop.services import catalogue, pricing
from shop.words import opening_words
from tests import factories

PAGES = ["/", "/services", "/prices", "/how-it-works", "/privacy", "/terms", "/track/", "/book/"]


@pytest.mark.parametrize("path", PAGES)
def test_page_has_one_heading_a_description_and_its_addresses(stranger, path):
    page = stranger.get(path).text

    assert page.count("<h1") == 1
    assert 'rel="canonical"' in page or path == "/book/"
    assert "style=" not in page
    assert "onclick" not in page


def test_home_shows_prices_of_the_engine(stranger, app):
    with app.app_context():
        device = catalogue.search_devices("iPhone 14 Pro").items[0]
        glass = next(kind for kind in catalogue.list_repair_types() if kind.slug == "phone-glass")
        price = pricing.calculate(
            device_id=device.id, repair_type_ids=[glass.id], service_type="in_store", urgency="standard", currency="GBP"
        )

    page = stranger.get("/").text

    assert f"<dt>Glass only</dt><dd>£{price.total.amount // 100}</dd>" in page
    assert page.count('class="service-price">from £') == 8


def test_prices_of_a_device_list_every_repair_with_its_price(stranger, app):
    with app.app_context():
        device = catalogue.search_devices("PlayStation 5").items[0]
        names = [kind.name for kind in catalogue.repair_types_for(catalogue.get_device(device.id))]

    page = stranger.get(f"/prices?device={device.id}").text

    assert all(name in page for name in names)
    assert f'name="device_id" value="{device.id}"' in page


@pytest.mark.parametrize(
    "query", ["device=abc", "device=999999999", "q=<script>", "q=%00", "category=boat", "q=" + "x" * 3000]
)
def test_prices_survive_bad_input(stranger, query):
    answer = stranger.get(f"/prices?{query}")

    assert answer.status_code == 200
    assert "<script>" not in answer.text.split("<h1")[1].split("</main>")[0]


def test_search_that_matches_nothing_shows_nothing(stranger):
    page = stranger.get("/prices?q=zzzzqqqq").text

    assert "Nothing in our list is like" in page
    assert "device-option" not in page


def test_language_is_remembered_and_the_visitor_goes_back(stranger):
    answer = stranger.get("/language/pt_BR?next=/prices?q=ps5")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/prices?q=ps5")
    assert 'lang="pt-BR"' in stranger.get("/").text


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_language_never_leads_to_another_site(stranger, target):
    answer = stranger.get("/language/en", query_string={"next": target})

    assert answer.headers["Location"] == "/"


def test_unknown_language_is_not_found(stranger):
    assert stranger.get("/language/xx").status_code == 404


def test_robots_name_the_sitemap_and_close_private_places(stranger):
    text = stranger.get("/robots.txt").text

    assert "Sitemap: http://127.0.0.1:8000/sitemap.xml" in text
    assert "Disallow: /track/*" in text


def test_sitemap_lists_every_page_in_both_languages(stranger):
    tree = ElementTree.fromstring(stranger.get("/sitemap.xml").data)  # noqa: S314 - our own

    addresses = [element.text for element in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]

    assert len(addresses) == len(PAGES)
    assert len(list(tree.iter("{http://www.w3.org/1999/xhtml}link"))) == 2 * len(PAGES)


def test_opening_hours_are_grouped(app):
    with app.test_request_context():
        assert opening_words(factories.location()) == "Monday to Saturday, 09:00 to 18:30"
