"""Whatever is sent, the answer is an answer: never a failure of the simulator, and never one that is not described."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shop.simulator import create_simulator
from shop.simulator.stripe_parameters import ALLOWED
from tests.contract.providers import assert_answer_valid, is_described
from tests.simulators import KEYS

SECRET = {"Authorization": f"Bearer {KEYS['stripe_secret_key']}"}
ODD_NAMES = {"foo", "metadata[a]", "card[number]", "created[gte]", "expand[]", "[", "]"}
NAMES = sorted(set().union(*ALLOWED.values()) | ODD_NAMES)
SUFFIXES = ["", "[]", "[0]", "[a]", "[a][b]", "[]][", "[enabled]"]
TEXTS = st.one_of(
    st.sampled_from(["", "5000", "-1", "gbp", "jpy", "true", "pm_card_visa", "https://shop.example/", "card", "manual",
                     "latest_charge.balance_transaction", "data.latest_charge", "99999999999999999999", "1e3"]),
    st.text(max_size=12),
)  # fmt: skip
FORMS = st.dictionaries(st.tuples(st.sampled_from(NAMES), st.sampled_from(SUFFIXES)).map("".join), TEXTS, max_size=6)
STRIPE_PATHS = [
    "/v1/payment_intents", "/v1/payment_intents/{pi}", "/v1/payment_intents/{pi}/confirm",
    "/v1/payment_intents/{pi}/capture", "/v1/payment_intents/{pi}/cancel", "/v1/refunds", "/v1/refunds/{re}",
    "/v1/charges/{ch}", "/v1/customers", "/v1/customers/{cus}", "/v1/setup_intents", "/v1/payment_methods",
    "/v1/payment_methods/pm_card_visa/attach", "/v1/events", "/v1/webhook_endpoints", "/v1/disputes",
    "/v1/disputes/{du}", "/v1/balance_transactions",
]  # fmt: skip
VALUES = ["1.00", "12.50", "0", "-1", "1.234", ".5", 7, "99999999999999999999.00"]
MONEY = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"currency_code": st.sampled_from(["GBP", "JPY", "XXX", 5]), "value": st.sampled_from(VALUES)}
    ),
    st.text(max_size=5),
)
KEYS_OF_BODIES = [
    "intent", "purchase_units", "amount", "breakdown", "item_total", "items", "unit_amount", "quantity", "op", "path",
    "value", "reference_id", "payment_source", "paypal", "experience_context", "return_url", "url", "event_types",
    "name", "invoice_id", "final_capture", "webhook_event", "auth_algo",
]  # fmt: skip
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5), MONEY),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(KEYS_OF_BODIES), inner, max_size=4)
    ),
    max_leaves=10,
)
UNIT = st.fixed_dictionaries({"amount": MONEY}, optional={
    "items": JUNK, "reference_id": JUNK, "invoice_id": JUNK, "custom_id": JUNK, "description": JUNK,
})  # fmt: skip
ORDER = st.fixed_dictionaries({"intent": st.sampled_from(["CAPTURE", "AUTHORIZE", 1])}, optional={
    "purchase_units": st.one_of(st.lists(st.one_of(UNIT, JUNK), max_size=2), JUNK), "payment_source": JUNK,
    "application_context": JUNK,
})  # fmt: skip
PAYPAL_PATHS = [
    ("POST", "/v2/checkout/orders"), ("PATCH", "/v2/checkout/orders/{order}"),
    ("POST", "/v2/checkout/orders/{order}/capture"), ("POST", "/v2/checkout/orders/{order}/authorize"),
    ("POST", "/v2/payments/captures/{capture}/refund"), ("POST", "/v2/payments/authorizations/{authorization}/capture"),
    ("POST", "/v1/notifications/webhooks"), ("POST", "/v1/notifications/verify-webhook-signature"),
    ("PATCH", "/v1/notifications/webhooks/{webhook}"),
]  # fmt: skip
QUICK = settings(
    max_examples=300, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    """A client without a network, on a simulator that tells nobody anything."""
    app = create_simulator(tmp_path_factory.mktemp("fuzz") / "simulator.db", shop_url="", **KEYS)
    yield app.test_client()
    app.extensions["simulator"].courier.stop()
    app.extensions["simulator"].store.close()


@pytest.fixture(scope="module")
def stripe_ids(http):
    paid = {"amount": 5000, "currency": "gbp", "payment_method": "pm_card_createDispute", "confirm": "true",
            "return_url": "https://shop.example/"}  # fmt: skip
    intent = http.post("/v1/payment_intents", data=paid, headers=SECRET).json
    other = http.post("/v1/payment_intents", data=paid | {"payment_method": "pm_card_visa"}, headers=SECRET).json
    refund = http.post("/v1/refunds", data={"payment_intent": other["id"], "amount": 1}, headers=SECRET).json
    dispute = http.get("/v1/disputes", headers=SECRET).json["data"][0]
    customer = http.post("/v1/customers", headers=SECRET).json
    ids = {"ch": intent["latest_charge"], "re": refund["id"], "du": dispute["id"], "cus": customer["id"]}
    return ids | {
        "pi": http.post("/v1/payment_intents", data={"amount": 50, "currency": "eur"}, headers=SECRET).json["id"]
    }


@pytest.fixture(scope="module")
def paypal_ids(http):
    credentials = (KEYS["paypal_client_id"], KEYS["paypal_client_secret"])
    token = http.post("/v1/oauth2/token", auth=credentials, data={"grant_type": "client_credentials"}).json[
        "access_token"
    ]
    headers = {"Authorization": f"Bearer {token}", "Prefer": "return=representation"}
    money = {"currency_code": "GBP", "value": "12.50"}

    def done(intent, verb):
        order = {"intent": intent, "purchase_units": [{"amount": money}]}
        order_id = http.post("/v2/checkout/orders", json=order, headers=headers).json["id"]
        http.post("/_control/approve", json={"order": order_id}, headers=SECRET)
        return http.post(f"/v2/checkout/orders/{order_id}/{verb}", json={}, headers=headers).json["purchase_units"][0][
            "payments"
        ]

    hook = {"url": "http://127.0.0.1:9/", "event_types": [{"name": "PAYMENT.CAPTURE.DENIED"}]}
    return {
        "headers": headers,
        "order": http.post("/v2/checkout/orders", json={"intent": "CAPTURE", "purchase_units": [{"amount": money}]},
                           headers=headers).json["id"],
        "capture": done("CAPTURE", "capture")["captures"][0]["id"],
        "authorization": done("AUTHORIZE", "authorize")["authorizations"][0]["id"],
        "webhook": http.post("/v1/notifications/webhooks", json=hook, headers=headers).json["id"],
    }  # fmt: skip


@QUICK
@given(st.sampled_from(["GET", "POST"]), st.sampled_from(STRIPE_PATHS), FORMS)
def test_stripe_answers_every_form(http, stripe_ids, method, template, form):
    path = template.format(**stripe_ids)
    sent = {"data": form} if method == "POST" else {"query_string": form}

    answer = http.open(path, method=method, headers=SECRET, **sent)

    assert answer.status_code in (200, 400, 402, 404)
    if is_described("stripe", method, path) and not any(name.startswith("expand") for name in form):
        assert_answer_valid("stripe", method, path, answer.status_code, answer.json)


@QUICK
@given(st.sampled_from(PAYPAL_PATHS), st.one_of(JUNK, ORDER, st.fixed_dictionaries({"amount": MONEY})))
def test_paypal_answers_every_body(http, paypal_ids, call, body):
    method, template = call
    path = template.format(**paypal_ids)

    answer = http.open(
        path, method=method, data=json.dumps(body), content_type="application/json", headers=paypal_ids["headers"]
    )

    assert answer.status_code in (200, 201, 204, 400, 404, 422)
    if answer.status_code != 204:
        assert_answer_valid("paypal", method, path, answer.status_code, answer.json)
