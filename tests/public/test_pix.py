"""What a customer in Brazil sees: the code of exactly what is owed, and that it is a test."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from shop.extensions import db
from shop.models.booking import Booking
from shop.models.pix import br_code, check_sum
from shop.models.repair import RepairLine
from shop.models.workflow import State
from shop.services import counter, repairs
from tests import factories

KEY = "123e4567-e12b-12d1-a456-426655440000"


@pytest.fixture
def brazilian(session):
    """A repair of 350.07 reais."""
    lines = [RepairLine(position=0, label="Tela", amount=35_007)]
    return factories.repair(currency="BRL", total=35_007, lines=lines)


def code_on(page: str) -> str | None:
    found = re.search(r'<textarea[^>]*id="pix-code"[^>]*>([^<]*)</textarea>', page)
    return html.unescape(found[1]) if found else None


def path(repair) -> str:
    return f"/track/{repair.tracking_token}/pay"


def test_code_of_exactly_what_is_owed(stranger, brazilian, front_desk):
    whole = stranger.get(path(brazilian)).text
    counter.take(
        repairs.lock_repair(brazilian.number), 10_000, provider="pix", actor=front_desk.actor,
        end_to_end="E12345678202601240959abcDEF12345",
    )  # fmt: skip
    db.session.commit()
    rest = stranger.get(path(brazilian)).text

    facts = {"name": "REVIVATECH TESTE", "city": "SAO PAULO", "txid": brazilian.number.replace("-", "")}
    assert code_on(whole) == br_code(KEY, amount=35_007, **facts)
    assert code_on(rest) == br_code(KEY, amount=25_007, **facts)
    assert check_sum(code_on(rest)[:-4]) == code_on(rest)[-4:]
    assert 'aria-label="Pix code of R$250.07"' in rest


def test_page_says_that_it_is_a_test(stranger, brazilian):
    page = stranger.get(path(brazilian)).text

    assert "This is a test: do not pay this code." in page


def test_real_key_stands_on_the_page_without_words_of_a_test(stranger, brazilian, app, monkeypatch):
    for name, value in (("ENABLE_REAL_PAYMENTS", True), ("PIX_KEY", "loja@example.com"), ("PIX_NAME", "Loja")):
        monkeypatch.setattr(app.config["SETTINGS"], name, value)

    page = stranger.get(path(brazilian)).text

    assert "loja@example.com" in code_on(page)
    assert "do not pay this code" not in page


def test_pounds_have_no_code(stranger, session):
    assert code_on(stranger.get(path(factories.repair(total=35_007))).text) is None


def test_without_a_key_there_is_no_code(stranger, brazilian, app, monkeypatch):
    monkeypatch.setattr(app.config["SETTINGS"], "PIX_KEY", "")

    assert code_on(stranger.get(path(brazilian)).text) is None


def test_nothing_owed_has_no_code(stranger, brazilian, owner):
    repairs.move(repairs.lock_repair(brazilian.number), State.CANCELLED, actor=owner.actor)
    db.session.commit()

    assert code_on(stranger.get(path(brazilian)).text) is None


def test_place_that_is_kept_for_minutes_is_not_paid_by_what_people_must_look_at(stranger, session):
    expected = factories.repair(State.EXPECTED, currency="BRL", total=35_007)
    booking = Booking(
        repair_id=expected.id, source="web", due_now=8_752, held_until=datetime.now(UTC) + timedelta(minutes=30)
    )
    session.add(booking)
    session.commit()

    held = stranger.get(path(expected)).text
    booking.held_until, booking.confirmed_at = None, datetime.now(UTC)
    session.commit()

    assert ("Pay R$87.52" in held, code_on(held)) == (True, None)
    assert "5406350.075802BR" in code_on(stranger.get(path(expected)).text)


def test_shop_with_pix_alone_can_be_paid_from_the_private_page(stranger, brazilian, app, monkeypatch):
    for name in ("STRIPE_SECRET_KEY", "PAYPAL_CLIENT_ID"):
        monkeypatch.setattr(app.config["SETTINGS"], name, "")

    assert f'href="{path(brazilian)}"' in stranger.get(f"/track/{brazilian.tracking_token}").text
    assert code_on(stranger.get(path(brazilian)).text)
    assert f"/track/{brazilian.tracking_token}/pay/stripe" not in stranger.get(path(brazilian)).text
