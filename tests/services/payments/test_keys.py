"""Keys that the console keeps: sealed, judged like those of the environment, used by all that speaks to one."""

import threading
import time

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from shop.config import load_settings
from shop.extensions import db
from shop.models.errors import Invalid, NotAllowed, ProviderDown, ProviderRefused, WebhookRefused
from shop.models.event import Event
from shop.models.provider_keys import ProviderKeys
from shop.services.payments import keys, signatures, webhooks
from shop.services.payments.gateway import gateway_of
from shop.simulator.signatures import stripe_signature

STRIPE = {
    "STRIPE_SECRET_KEY": "sk_test_of_the_console",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_of_the_console",
    "STRIPE_WEBHOOK_SECRET": "whsec_of_the_console",
}
PAYPAL = {"PAYPAL_CLIENT_ID": "A-console", "PAYPAL_CLIENT_SECRET": "E-console", "PAYPAL_WEBHOOK_ID": "WH-CONSOLE"}
BODY = b'{"id": "evt_1"}'


@pytest.fixture
def keep(owner):
    """`keep("stripe", STRIPE)`: as the console does it."""

    def do(provider: str, given: dict) -> None:
        keys.save(provider, given, actor=owner.actor)
        db.session.commit()
        keys.look_again()

    return do


def test_what_is_kept_is_in_use_and_sealed(keep, app):
    before = keys.in_use()
    keep("stripe", STRIPE)

    settings = keys.in_use()
    assert {name: getattr(settings, name) for name in STRIPE} == STRIPE
    assert "stripe" in before.simulated
    assert settings.simulated == frozenset({"paypal"})
    assert settings.STRIPE_API_BASE == "https://api.stripe.com"
    row = db.session.scalars(select(ProviderKeys)).one()
    assert b"console" not in row.sealed
    assert row.ending == "sole"
    assert app.config["SETTINGS"] is before


def test_the_log_says_that_and_never_what(keep, session):
    keep("paypal", PAYPAL)

    fact = session.scalars(select(Event).where(Event.verb == "provider_key.set")).one()
    assert fact.body == '{"provider":"paypal"}'
    assert "E-console" not in str(session.execute(text("SELECT * FROM events")).all())


def test_webhooks_are_judged_by_the_secret_that_is_kept(keep, app):
    old = app.config["SETTINGS"].STRIPE_WEBHOOK_SECRET
    keep("stripe", STRIPE)
    at = int(time.time())

    signatures.verify("stripe", {"Stripe-Signature": stripe_signature(STRIPE["STRIPE_WEBHOOK_SECRET"], BODY, at)}, BODY)
    with pytest.raises(WebhookRefused):
        signatures.verify("stripe", {"Stripe-Signature": stripe_signature(old, BODY, at)}, BODY)


def test_a_provider_is_asked_under_the_keys_that_are_kept(keep, simulator, app):
    known = {name: getattr(app.config["SETTINGS"], name) for name in STRIPE}
    gateway_of("stripe").check()

    keep("stripe", STRIPE | {"STRIPE_API_BASE": simulator.url})
    with pytest.raises(ProviderRefused):
        gateway_of("stripe").check()

    keep("stripe", known | {"STRIPE_API_BASE": simulator.url})
    gateway_of("stripe").check()


@pytest.mark.parametrize(("provider", "name"), [("stripe", "STRIPE_SECRET_KEY"), ("paypal", "PAYPAL_CLIENT_SECRET")])
def test_a_check_tells_wrong_keys_from_a_provider_that_is_away(keep, simulator, app, provider, name):
    own = {one: getattr(app.config["SETTINGS"], one) for one in (STRIPE if provider == "stripe" else PAYPAL)}
    base = f"{provider.upper()}_API_BASE"
    keep(provider, own | {base: simulator.url})
    gateway_of(provider).check()

    keep(provider, own | {base: simulator.url, name: own[name][:8] + "wrong"})
    with pytest.raises(ProviderRefused):
        gateway_of(provider).check()

    keep(provider, own | {base: "http://127.0.0.1:9"})
    with pytest.raises(ProviderDown):
        gateway_of(provider).check()


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_real"}, "STRIPE_SECRET_KEY", "live key"),
        ({"STRIPE_SECRET_KEY": "hello"}, "STRIPE_SECRET_KEY", "does not look like one"),
        ({"STRIPE_PUBLISHABLE_KEY": "sk_test_swapped"}, "STRIPE_PUBLISHABLE_KEY", "does not look like one"),
        ({"STRIPE_WEBHOOK_SECRET": " "}, "STRIPE_WEBHOOK_SECRET", "Copy it"),
    ],
)
def test_what_cannot_be_used_is_not_kept_and_the_fault_is_named(owner, changes, name, words):
    with pytest.raises(Invalid) as refused:
        keys.save("stripe", STRIPE | changes, actor=owner.actor)

    assert words in refused.value.fields[name]
    assert db.session.scalar(select(ProviderKeys)) is None


def test_test_keys_are_refused_where_money_is_real(owner, app, monkeypatch):
    company = {"COMPANY_NAME": "Real Ltd", "COMPANY_ADDRESS": "1 Real Street; London"}
    data = app.config["SETTINGS"].SHOP_DATA
    real = load_settings(SHOP_DATA=data, SECRET_KEY="tests" * 8, ENABLE_REAL_PAYMENTS=True, **company)
    assert real.online_providers == ()
    monkeypatch.setitem(app.config, "SETTINGS", real)

    with pytest.raises(Invalid, match="test key"):
        keys.save("stripe", STRIPE, actor=owner.actor)


def test_what_the_environment_says_wins(owner, app, monkeypatch):
    given = app.config["SETTINGS"].with_keys(STRIPE)
    monkeypatch.setitem(app.config, "SETTINGS", given)

    with pytest.raises(Invalid, match="environment"):
        keys.save("stripe", STRIPE | {"STRIPE_SECRET_KEY": "sk_test_other"}, actor=owner.actor)
    assert [one.source for one in keys.held()] == ["environment", "simulator"]


def test_keys_that_are_taken_away_leave_the_simulator(keep, owner):
    keep("paypal", PAYPAL)
    assert [one.source for one in keys.held()] == ["simulator", "console"]

    for _ in range(2):
        keys.remove("paypal", actor=owner.actor)
        db.session.commit()
    keys.look_again()

    assert [one.source for one in keys.held()] == ["simulator", "simulator"]
    verbs = db.session.scalars(select(Event.verb).where(Event.verb.startswith("provider_key")).order_by(Event.id)).all()
    assert verbs == ["provider_key.set", "provider_key.removed"]


def test_another_process_takes_a_change_up_after_a_while(owner, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(keys.time, "monotonic", lambda: now)
    keys.look_again()
    assert "stripe" in keys.in_use().simulated
    keys.save("stripe", STRIPE, actor=owner.actor)
    db.session.commit()
    assert "stripe" in keys.in_use().simulated

    now += keys.LOOK_EVERY_SECONDS

    assert STRIPE["STRIPE_SECRET_KEY"] == keys.in_use().STRIPE_SECRET_KEY


def test_a_webhook_under_a_secret_that_another_process_took_a_moment_ago_is_taken(owner, monkeypatch, app):
    now = time.monotonic()
    monkeypatch.setattr(keys.time, "monotonic", lambda: now)
    keys.look_again()
    old = keys.in_use().STRIPE_WEBHOOK_SECRET
    keys.save("stripe", STRIPE, actor=owner.actor)
    db.session.commit()
    at, body = int(time.time()), b'{"id": "evt_1", "type": "ping"}'

    def signed(secret: str) -> dict:
        return {"Stripe-Signature": stripe_signature(secret, body, at)}

    assert webhooks.take("stripe", signed(STRIPE["STRIPE_WEBHOOK_SECRET"]), body)
    db.session.commit()
    with pytest.raises(WebhookRefused):
        webhooks.take("stripe", signed(old), body)


def test_a_forged_webhook_costs_no_connection(keep, app):
    keep("stripe", STRIPE)
    gateway = gateway_of("stripe")

    with pytest.raises(WebhookRefused):
        webhooks.take("stripe", {"Stripe-Signature": stripe_signature("whsec_wrong", BODY, int(time.time()))}, BODY)

    assert gateway_of("stripe") is gateway


def test_threads_that_begin_together_all_see_what_is_kept(keep, app, monkeypatch):
    keep("stripe", STRIPE)
    app.extensions.pop("shop_provider_keys")
    honest, seen = keys._rows, []

    def slow():
        found = honest()
        time.sleep(0.2)
        return found

    def look() -> None:
        with app.app_context():
            seen.append(keys.in_use().STRIPE_SECRET_KEY)

    monkeypatch.setattr(keys, "_rows", slow)
    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [STRIPE["STRIPE_SECRET_KEY"]] * 4


def test_a_look_that_failed_is_made_again_at_once(keep, app, monkeypatch):
    keep("stripe", STRIPE)
    app.extensions.pop("shop_provider_keys")
    honest = keys._rows

    def away():
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(keys, "_rows", away)
    with pytest.raises(OperationalError):
        keys.in_use()
    monkeypatch.setattr(keys, "_rows", honest)

    assert STRIPE["STRIPE_SECRET_KEY"] == keys.in_use().STRIPE_SECRET_KEY


def test_keys_that_cannot_be_opened_are_named_and_stop_nothing(keep, app, monkeypatch):
    keep("stripe", STRIPE)
    monkeypatch.setitem(app.config, "SECRET_KEY", "another" * 8)
    keys.look_again()

    assert "stripe" in keys.in_use().simulated
    assert "SECRET_KEY" in keys.held()[0].trouble


def test_only_the_owner_sets_keys(manager, front_desk, technician, read_only):
    for person in (manager, front_desk, technician, read_only):
        with pytest.raises(NotAllowed):
            keys.save("stripe", STRIPE, actor=person.actor)
        with pytest.raises(NotAllowed):
            keys.remove("stripe", actor=person.actor)
