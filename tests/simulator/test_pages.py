"""The pages as a browser without scripts sees them."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.simulator.test_paypal import ORDERS, order_of
from tests.simulator.test_stripe_payments import GBP_50, PAID

INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=[\"']|javascript:|<script(?![^>]*\ssrc=)")
GOOD = {"number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123", "holder": "Ana"}


@pytest.fixture
def visit(simulator):
    """`visit(path)` and `visit(path, form)`: one page, and where it leads without following it."""

    def ask(url, form=None, **headers):
        url = url if url.startswith("http") else simulator.url + url
        method = "GET" if form is None else "POST"
        return requests.request(method, url, data=form, headers=headers, allow_redirects=False, timeout=10)

    return ask


@pytest.fixture
def back(listener):
    """Where the shop wants its customer back."""
    return f"{listener.url}/payment/return"


def pay_page(intent, back, locale=""):
    return f"/pay/{intent.id}?client_secret={intent.client_secret}&return_url={back}&locale={locale}"


def arguments(answer):
    parts = urlsplit(answer.headers["Location"])
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


def test_a_card_is_paid_without_scripts(client, visit, back):
    intent = client.v1.payment_intents.create(GBP_50)
    page = visit(pay_page(intent, back))

    answer = visit(f"/pay/{intent.id}", GOOD | {"client_secret": intent.client_secret, "return_url": back})

    assert "Test payment — no money moves" in page.text
    assert "Pay £50.00" in page.text
    assert answer.status_code == 303
    assert arguments(answer) == (
        "/payment/return",
        {
            "payment_intent": intent.id,
            "payment_intent_client_secret": intent.client_secret,
            "redirect_status": "succeeded",
        },
    )
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    assert visit(pay_page(intent, back)).text.count("<form") == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": "4000 0000 0000 9995"}, "Your card has insufficient funds."),
        ({"number": "4242 4242 4242 4241"}, "Your card number is incorrect."),
        ({"expiry": "13/34"}, "Your card&#39;s expiration month is invalid."),
        ({"cvc": "1"}, "Your card&#39;s security code is invalid."),
    ],
)
def test_a_card_that_fails_may_be_tried_again_on_the_same_page(client, visit, back, change, said):
    intent = client.v1.payment_intents.create(GBP_50)
    form = GOOD | {"client_secret": intent.client_secret, "return_url": back}

    refused = visit(f"/pay/{intent.id}", form | change)
    paid = visit(f"/pay/{intent.id}", form)

    assert (refused.status_code, paid.status_code) == (422, 303)
    assert said in refused.text


@pytest.mark.parametrize(("result", "status"), [("complete", "succeeded"), ("fail", "failed")])
def test_the_bank_asks_on_a_page_of_its_own(client, visit, back, result, status):
    intent = client.v1.payment_intents.create(GBP_50)
    form = GOOD | {"number": "4000002760003184", "client_secret": intent.client_secret, "return_url": back}
    asked = visit(f"/pay/{intent.id}", form)
    question = visit(asked.headers["Location"])

    answer = visit(f"/challenge/{intent.id}", {"client_secret": intent.client_secret, "result": result})

    assert "3-D Secure" in question.text
    assert (answer.status_code, arguments(answer)[1]["redirect_status"]) == (303, status)
    assert visit(asked.headers["Location"]).status_code == 409


def test_pages_speak_portuguese(client, visit, back):
    intent = client.v1.payment_intents.create(GBP_50)

    asked_for = visit(pay_page(intent, back, "pt-BR")).text
    preferred = visit(pay_page(intent, back), None, **{"Accept-Language": "pt-BR,pt;q=0.9,en;q=0.5"}).text
    declined = visit(
        f"/pay/{intent.id}",
        GOOD
        | {"number": "4000000000000002", "client_secret": intent.client_secret, "return_url": back, "locale": "pt-BR"},
    ).text

    assert 'lang="pt-BR"' in asked_for
    assert "Pagamento de teste — nenhum dinheiro é movimentado" in asked_for
    assert "Número do cartão" in preferred
    assert "Seu cartão foi recusado." in declined


def test_a_stranger_sees_no_payment(client, visit, back):
    intent = client.v1.payment_intents.create(GBP_50)

    assert visit(f"/pay/{intent.id}?client_secret=guess&return_url={back}").status_code == 404
    assert visit(f"/challenge/{intent.id}?client_secret=guess").status_code == 404
    assert visit(f"/elements/payment?client_secret={intent.id}_secret_guess&key=pk").status_code == 404


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "javascript:alert(1)", "//evil.example", "http:\\\\evil.example", ""]
)
def test_nobody_is_sent_to_a_strangers_page(client, visit, url):
    intent = client.v1.payment_intents.create(GBP_50)

    answer = visit(f"/pay/{intent.id}", GOOD | {"client_secret": intent.client_secret, "return_url": url})

    assert answer.status_code == 400
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


@pytest.mark.parametrize(
    ("decision", "path", "given"),
    [("approve", "/back", {"token", "PayerID"}), ("cancel", "/no", {"token"})],
)
def test_the_payer_decides_in_paypals_window(paypal, visit, listener, decision, path, given):
    context = {"return_url": f"{listener.url}/back", "cancel_url": f"{listener.url}/no", "brand_name": "RevivaTech"}
    order = paypal.post(ORDERS, order_of() | {"payment_source": {"paypal": {"experience_context": context}}}).json()
    link = next(link["href"] for link in order["links"] if link["rel"] == "payer-action")
    page = visit(link)

    answer = visit("/checkoutnow", {"token": order["id"], "decision": decision, "funding": "balance"})

    where, told = arguments(answer)
    assert "RevivaTech asks for £12.50." in page.text
    assert "Test payment — no money moves" in page.text
    assert (answer.status_code, where, set(told), told["token"]) == (303, path, given, order["id"])
    expected = "APPROVED" if decision == "approve" else "PAYER_ACTION_REQUIRED"
    assert paypal.get(f"{ORDERS}/{order['id']}").json()["status"] == expected


def test_the_payer_of_a_finished_order_is_told_so(paypal, simulator, visit):
    order_id = paypal.post(ORDERS, order_of()).json()["id"]
    simulator.control("/approve", {"order": order_id})
    paypal.post(f"{ORDERS}/{order_id}/capture")

    assert visit(f"/checkoutnow?token={order_id}").status_code == 409
    assert visit("/checkoutnow?token=NOSUCHORDER").status_code == 404


def test_a_receipt_says_what_was_paid(client, visit):
    charge = client.v1.charges.retrieve(client.v1.payment_intents.create(PAID).latest_charge)

    assert "Paid: £50.00" in visit(charge.receipt_url).text


def test_pages_hold_no_inline_script_or_style(client, visit, back, simulator, listener):
    intent = client.v1.payment_intents.create(PAID | {"payment_method": "pm_card_authenticationRequired"})
    pages = [
        visit(pay_page(intent, back)),
        visit(f"/elements/payment?key=pk&client_secret={intent.client_secret}"),
        visit(intent.next_action.redirect_to_url.url),
        visit("/nowhere"),
    ]

    for page in pages:
        assert not INLINE.search(page.text)
        policy = page.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert f"frame-ancestors 'self' {listener.url}" in policy


@pytest.mark.parametrize(
    ("path", "name"), [("/stripe.js", "window.Stripe"), ("/v3/", "window.Stripe"), ("/sdk/js", "window.paypal")]
)
def test_the_scripts_are_served(visit, path, name):
    answer = visit(path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert name in answer.text


def test_unknown_addresses_answer_in_the_form_of_their_company(visit, simulator):
    stripe, paypal = visit("/v1/nonsense"), visit("/v2/nonsense")

    assert (stripe.status_code, stripe.json()["error"]["type"]) == (404, "invalid_request_error")
    assert (paypal.status_code, paypal.json()["name"]) == (404, "RESOURCE_NOT_FOUND")


def test_a_test_card_is_filled_in_without_scripts(client, visit, back):
    intent = client.v1.payment_intents.create(GBP_50)
    form = {"client_secret": intent.client_secret, "return_url": back, "fill": "4000000000009995"}

    page = visit(f"/pay/{intent.id}", form)

    assert (page.status_code, 'value="4000000000009995"' in page.text) == (200, True)
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"
