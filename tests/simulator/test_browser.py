"""A shop's page under the product's own content policy, with the simulator mounted beside it, in a real browser."""

import threading

import pytest
import requests
from flask import Flask, jsonify, request
from playwright.sync_api import expect
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from shop.security import CONTENT_SECURITY_POLICY
from shop.simulator import create_simulator
from tests.browser.conftest import CHROMIUM, SMALL_TARGETS, assert_accessible
from tests.simulator.test_paypal import order_of
from tests.simulator.test_stripe_payments import GBP_50
from tests.simulators import KEYS, PayPalClient, QuietHandler, RunningSimulator

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
]
PAGE = """<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="/simulator/stripe.js" defer></script>
<script src="/simulator/sdk/js?client-id=x&currency=GBP" defer></script><script src="/shop.js" defer></script>
<body data-secret="{secret}" data-redirect="{redirect}">
<form id="pay"><div id="card"></div><button>Pay now</button></form>
<div id="paypal"></div><p id="result" role="status"></p></body></html>"""
SCRIPT = """
var result = document.getElementById("result");
if (document.body.dataset.secret) {
  var stripe = Stripe("pk_test_simulator");
  var elements = stripe.elements({ clientSecret: document.body.dataset.secret });
  elements.create("payment").mount("#card");
  document.getElementById("pay").addEventListener("submit", function (event) {
    event.preventDefault();
    elements.submit().then(function (checked) {
      if (checked.error) { return checked; }
      return stripe.confirmPayment({ elements: elements, redirect: document.body.dataset.redirect,
        confirmParams: { return_url: location.origin + "/return" } });
    }).then(function (answer) {
      result.textContent = answer.error ? answer.error.message : answer.paymentIntent.status;
    });
  });
} else {
  paypal.Buttons({
    createOrder: function () {
      return fetch("/order", { method: "POST" }).then(function (answer) { return answer.json(); })
        .then(function (order) { return order.id; });
    },
    onApprove: function (data) { result.textContent = "approved " + data.orderID; },
    onCancel: function (data) { result.textContent = "cancelled " + data.orderID; },
    onError: function (error) { result.textContent = "error " + error; }
  }).render("#paypal");
}
"""


@pytest.fixture
def simulator(tmp_path):
    """Mounted below /simulator of a small shop on the same port."""
    shop = Flask("shop")
    server = make_server("127.0.0.1", 0, None, threaded=True, request_handler=QuietHandler)
    server.daemon_threads = True
    url = f"http://127.0.0.1:{server.server_port}"
    app = create_simulator(tmp_path / "simulator.db", shop_url=url, retry_seconds=(), **KEYS)
    server.app = DispatcherMiddleware(shop, {"/simulator": app})
    running = RunningSimulator(f"{url}/simulator", app, None, requests.Session())
    _add_pages(shop, running)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield running
    app.extensions["simulator"].courier.stop()
    server.shutdown()
    thread.join()
    server.server_close()
    running.http.close()
    app.extensions["simulator"].store.close()


def _add_pages(shop, running):
    @shop.get("/<any(checkout, return):_name>")
    def page(_name):
        return PAGE.format_map({"secret": "", "redirect": "", "lang": "en"} | request.args.to_dict())

    @shop.get("/shop.js")
    def script():
        return SCRIPT, 200, {"Content-Type": "text/javascript"}

    @shop.post("/order")
    def order():
        amount = {"currency_code": "GBP", "value": "12.50"}
        made = PayPalClient(running).post(
            "/v2/checkout/orders", {"intent": "CAPTURE", "purchase_units": [{"amount": amount}]}
        )
        return jsonify(made.json())

    @shop.post("/api/v1/payments/<company>/webhooks")
    def webhook(company):
        return "", 200

    @shop.after_request
    def headers(response):
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response


@pytest.fixture
def page(chromium):
    """A telephone's window. Fails the test when a script or the content policy complains."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None)
    yield page
    context.close()
    assert complaints == []


def open_checkout(page, simulator, **arguments):
    intent = simulator.stripe().v1.payment_intents.create({"amount": 5000, "currency": "gbp"})
    options = {"redirect": "if_required"} | arguments
    query = "&".join(f"{name}={value}" for name, value in options.items())
    page.goto(f"{simulator.url.removesuffix('/simulator')}/checkout?secret={intent.client_secret}&{query}")
    return intent


def pay(page, number):
    card = page.frame_locator("#card iframe")
    card.get_by_label("Card number").fill(number)
    card.get_by_label("Expiry date").fill("12 / 34")
    card.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Pay now").click()


def status_of(simulator, intent):
    return simulator.stripe().v1.payment_intents.retrieve(intent.id).status


def test_a_card_is_declined_and_the_next_one_pays(page, simulator):
    intent = open_checkout(page, simulator)
    expect(page.frame_locator("#card iframe").get_by_text("Test payment — no money moves")).to_be_visible()

    pay(page, "4000 0000 0000 0002")
    expect(page.locator("#result")).to_have_text("Your card was declined.")
    pay(page, "4242 4242 4242 4242")

    expect(page.locator("#result")).to_have_text("succeeded")
    assert status_of(simulator, intent) == "succeeded"


def test_the_form_speaks_the_pages_language(page, simulator):
    open_checkout(page, simulator, lang="pt-BR")
    card = page.frame_locator("#card iframe")
    card.get_by_text("Cartões de teste").click()
    card.get_by_role("button", name="4000 0000 0000 9995").click()

    page.get_by_role("button", name="Pay now").click()

    expect(page.locator("#result")).to_have_text("Seu cartão não tem saldo suficiente.")
    expect(card.get_by_role("alert")).to_have_text("Seu cartão não tem saldo suficiente.")


def test_an_unfinished_form_is_not_sent(page, simulator):
    intent = open_checkout(page, simulator)

    pay(page, "4242")

    expect(page.locator("#result")).to_have_text("Card number")
    expect(page.frame_locator("#card iframe").get_by_label("Card number")).to_be_focused()
    assert status_of(simulator, intent) == "requires_payment_method"


def test_a_test_card_is_chosen_from_the_list(page, simulator):
    intent = open_checkout(page, simulator)
    card = page.frame_locator("#card iframe")
    card.get_by_text("Test cards", exact=True).click()
    card.get_by_role("button", name="4242 4242 4242 4242").click()

    page.get_by_role("button", name="Pay now").click()

    expect(page.locator("#result")).to_have_text("succeeded")
    assert status_of(simulator, intent) == "succeeded"


@pytest.mark.parametrize(("answer", "said"), [("Complete", "succeeded"), ("Fail", "failed authentication")])
def test_the_bank_asks_over_the_page(page, simulator, answer, said):
    open_checkout(page, simulator)
    pay(page, "4000 0027 6000 3184")

    page.frame_locator("dialog iframe").get_by_role("button", name=answer).click()

    expect(page.locator("#result")).to_contain_text(said)
    expect(page.locator("dialog")).to_have_count(0)


def test_closing_the_banks_question_is_a_no(page, simulator):
    intent = open_checkout(page, simulator)
    pay(page, "4000 0027 6000 3184")
    expect(page.frame_locator("dialog iframe").get_by_role("button", name="Complete")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.locator("#result")).to_contain_text("failed authentication")
    assert status_of(simulator, intent) == "requires_payment_method"


def test_without_if_required_the_browser_goes_back_to_the_shop(page, simulator):
    intent = open_checkout(page, simulator, redirect="always")

    pay(page, "4242 4242 4242 4242")

    page.wait_for_url("**/return?*")
    assert f"payment_intent={intent.id}" in page.url
    assert page.url.endswith("redirect_status=succeeded")


@pytest.mark.parametrize(("button", "said"), [("Approve", "approved"), ("Cancel", "cancelled")])
def test_paypal_asks_in_a_window_of_its_own(page, simulator, button, said):
    page.goto(f"{simulator.url.removesuffix('/simulator')}/checkout")

    with page.expect_popup() as opened:
        page.get_by_role("button", name="Pay with PayPal").click()
    expect(opened.value.get_by_text("Test payment — no money moves")).to_be_visible()
    with opened.value.expect_event("close"):
        opened.value.get_by_role("button", name=button).click()

    expect(page.locator("#result")).to_contain_text(said)


def test_closing_paypals_window_cancels(page, simulator):
    page.goto(f"{simulator.url.removesuffix('/simulator')}/checkout")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Pay with PayPal").click()
    expect(opened.value.get_by_role("button", name="Approve")).to_be_visible()

    opened.value.close()

    expect(page.locator("#result")).to_contain_text("cancelled")


def test_nothing_is_wider_than_a_telephone(page, simulator):
    intent = open_checkout(page, simulator, lang="pt-BR")
    hosted = (
        f"{simulator.url}/pay/{intent.id}?client_secret={intent.client_secret}&return_url={simulator.url}&locale=pt-BR"
    )
    page.frame_locator("#card iframe").get_by_text("Cartões de teste").click()
    element = next(frame for frame in page.frames if "/elements/" in frame.url)

    # The frame grows with what is in it: nobody scrolls inside a form.
    element.wait_for_function("document.documentElement.scrollHeight <= window.innerHeight")
    assert element.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.goto(hosted)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_every_page_is_accessible(page, simulator):
    client, paypal = simulator.stripe(), PayPalClient(simulator)
    home = simulator.url.removesuffix("/simulator")
    fields = {"amount": 5000, "currency": "gbp", "return_url": home}
    asked = fields | {"payment_method": "pm_card_authenticationRequired", "confirm": True}
    open_one, asking = client.v1.payment_intents.create(GBP_50), client.v1.payment_intents.create(asked)
    order = paypal.post("/v2/checkout/orders", order_of()).json()["id"]

    for path in (
        f"/elements/payment?key=pk&client_secret={open_one.client_secret}",
        f"/pay/{open_one.id}?client_secret={open_one.client_secret}&return_url={home}",
        f"/challenge/{asking.id}?client_secret={asking.client_secret}",
        f"/checkoutnow?token={order}",
        "/nowhere",
    ):
        page.goto(simulator.url + path)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        assert_accessible(page)
        assert page.evaluate(SMALL_TARGETS, 44) == []
