"""The page of the keys of payment providers: who may, what it shows, and what it never shows."""

import pytest

from shop.extensions import db
from shop.models.errors import ProviderDown
from shop.models.provider_keys import ProviderKeys
from shop.services.payments import keys
from tests import factories
from tests.payments import simulator  # noqa: F401

PAGE = "/admin/settings/"
STRIPE = {"secret_key": "sk_test_abcd1234", "publishable_key": "pk_test_abcd1234", "webhook_secret": "whsec_abcd"}
PAYPAL = {"client_id": "A-client", "client_secret": "E-wxyz", "webhook_id": "WH-1"}


@pytest.mark.parametrize(("provider", "typed"), [("stripe", STRIPE), ("paypal", PAYPAL)])
def test_keys_are_entered_and_never_shown_again(owner, browser_of, provider, typed):
    browser = browser_of(owner)
    assert "Played by the simulator" in browser.get(PAGE).text

    answer = browser.post(f"{PAGE}payments/{provider}", data=typed, follow_redirects=True)

    assert answer.status_code == 200
    secret = typed["secret_key" if provider == "stripe" else "client_secret"]
    assert f"Kept here, ending in {secret[-4:]}" in answer.text
    assert "Entered by Ellie Frost" in answer.text
    assert not any(value in answer.text for value in typed.values())
    form = browser.get(f"{PAGE}payments/{provider}").text
    assert not any(value in form for value in typed.values())
    assert provider not in keys.in_use().simulated


def test_what_cannot_be_used_is_said_under_its_field_and_the_secret_is_not_sent_back(owner, browser_of):
    answer = browser_of(owner).post(f"{PAGE}payments/stripe", data=STRIPE | {"secret_key": "sk_live_abcd"})

    assert answer.status_code == 422
    assert "is a live key" in answer.text
    assert "sk_live_abcd" not in answer.text
    assert "pk_test_abcd1234" in answer.text
    assert db.session.query(ProviderKeys).count() == 0


def test_keys_are_taken_away(owner, browser_of):
    browser = browser_of(owner)
    browser.post(f"{PAGE}payments/paypal", data=PAYPAL)

    answer = browser.post(f"{PAGE}payments/paypal/remove", follow_redirects=True)

    assert "Taken away." in answer.text
    assert "paypal" in keys.in_use().simulated


def test_a_secret_does_not_travel_through_the_page_that_asks_for_the_password(app, owner):
    browser = factories.signed_in_client(app, owner, sudo=False)

    answer = browser.post(f"{PAGE}payments/stripe", data=STRIPE)

    assert answer.status_code == 403
    assert "pk_test_abcd1234" in answer.text
    assert "sk_test_abcd1234" not in answer.text
    assert "whsec_abcd" not in answer.text


def test_trying_says_what_the_provider_says(owner, browser_of, simulator, monkeypatch):  # noqa: F811
    browser = browser_of(owner)
    assert "Stripe knows these keys." in browser.post(f"{PAGE}payments/stripe/try", follow_redirects=True).text

    keys.save("stripe", {f"STRIPE_{name.upper()}": value for name, value in STRIPE.items()}
              | {"STRIPE_API_BASE": simulator.url}, actor=owner.actor)  # fmt: skip
    db.session.commit()
    keys.look_again()
    assert "does not take these keys" in browser.post(f"{PAGE}payments/stripe/try", follow_redirects=True).text

    def silent(_gateway):
        raise ProviderDown("no answer")

    monkeypatch.setattr("shop.services.payments.stripe_gateway.StripeGateway.check", silent)
    assert "does not answer" in browser.post(f"{PAGE}payments/stripe/try", follow_redirects=True).text


def test_what_the_server_sets_is_not_changed_here(app, owner, browser_of, monkeypatch):
    named = {f"STRIPE_{name.upper()}": value for name, value in STRIPE.items()}
    monkeypatch.setitem(app.config, "SETTINGS", app.config["SETTINGS"].with_keys(named))
    browser = browser_of(owner)

    page = browser.get(PAGE).text

    assert "Set by the server, ending in 1234" in page
    assert "sk_test_abcd1234" not in page
    assert browser.get(f"{PAGE}payments/stripe").status_code == 404
    assert browser.post(f"{PAGE}payments/stripe", data=STRIPE).status_code == 404


def test_only_the_owner_finds_the_page(manager, browser_of):
    assert browser_of(manager).get(PAGE).status_code == 404
    assert "Payment keys" not in browser_of(manager).get("/admin/").text
