"""Whatever happens in whatever order: the balance is what the objects say, and events are shaped like their objects."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shop.simulator import create_simulator
from tests.contract.providers import assert_object_valid
from tests.simulator.test_fuzz import SECRET
from tests.simulators import KEYS

CARDS = ["visa", "chargeDeclined", "authenticationRequired", "createDispute", "pendingRefund", "refundFail"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["confirm", "confirm", "answer", "capture", "refund", "refund", "dispute", "close", "cancel", "wait"]
        ),
        st.integers(0, 6000),
        st.sampled_from(CARDS),
    ),
    min_size=2,
    max_size=20,
)


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    app = create_simulator(tmp_path_factory.mktemp("balance") / "simulator.db", shop_url="", **KEYS)
    yield app.test_client()
    app.extensions["simulator"].courier.stop()
    app.extensions["simulator"].store.close()


class Payment:
    """One intent, and the steps that may befall it; what cannot be done now is refused and changes nothing."""

    def __init__(self, http, manual):
        self.http = http
        method = "manual" if manual else "automatic"
        fields = {"amount": 5000, "currency": "gbp", "capture_method": method}
        self.id = self.post("/v1/payment_intents", fields)["id"]

    def post(self, path, fields=None):
        return self.http.post(path, data=fields or {}, headers=SECRET).json

    def control(self, path, body):
        return self.http.post(f"/_control{path}", json=body, headers=SECRET).json

    def list(self, kind):
        return self.http.get(f"/v1/{kind}?payment_intent={self.id}&limit=100", headers=SECRET).json["data"]

    def step(self, name, amount, card):
        url = f"/v1/payment_intents/{self.id}"
        if name == "confirm":
            self.post(f"{url}/confirm", {"payment_method": f"pm_card_{card}", "return_url": "https://shop.example/"})
        elif name == "answer":
            self.control("/authenticate", {"intent": self.id, "succeeded": amount > 2000})
        elif name == "capture":
            self.post(f"{url}/capture", {"amount_to_capture": amount} if amount % 2 else {})
        elif name == "refund":
            self.post("/v1/refunds", {"payment_intent": self.id} | ({"amount": amount} if amount % 3 else {}))
        elif name == "dispute":
            for charge in self.list("charges"):
                if charge["captured"] and not charge["disputed"] and not charge["refunded"]:
                    self.control("/dispute", {"payment": charge["id"]})
        elif name == "close":
            for dispute in self.list("disputes"):
                self.control("/close-dispute", {"dispute": dispute["id"], "won": amount > 2000})
        elif name == "cancel":
            self.post(f"{url}/cancel")
        else:
            self.control("/advance-time", {"seconds": amount * 200})

    def expected(self):
        charges = sum(charge["amount_captured"] for charge in self.list("charges"))
        refunds = sum(item["amount"] for item in self.list("refunds") if item["status"] in ("succeeded", "pending"))
        disputes = self.list("disputes")
        lost = sum(item["amount"] for item in disputes if item["status"] != "won")
        fee = (charges * 150 + 5000) // 10_000 + 20 if charges else 0
        return charges - refunds - lost, fee + 2000 * len(disputes)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.booleans(), STEPS)
def test_the_balance_is_what_the_objects_say(http, manual, steps):
    payment = Payment(http, manual)
    for step in steps:
        payment.step(*step)

    gross, fee = payment.expected()
    held = http.get("/_control/balance", headers=SECRET).json["stripe"]["payments"].get(payment.id)

    given_back = sum(item["amount"] for item in payment.list("refunds") if item["status"] in ("succeeded", "pending"))
    assert held == ({"currency": "gbp", "gross": gross, "fee": fee, "net": gross - fee} if fee else None)
    assert given_back <= sum(charge["amount_captured"] for charge in payment.list("charges"))
    assert sum(charge["captured"] for charge in payment.list("charges")) <= 1


def test_events_hold_objects_as_described(http):
    """Looks at all that the other test has left behind, and at a little of PayPal's."""
    Payment(http, manual=True).step("confirm", 0, "visa")
    capture_and_refund(http)
    with http.application.extensions["simulator"].store.read() as tx:
        events, told = tx.select("event", limit=300), tx.select("paypal_event")

    for event in events:
        assert_object_valid("stripe", "event", event)
        assert_object_valid("stripe", event["data"]["object"]["object"], event["data"]["object"])
    for event in told:
        assert_object_valid("paypal-webhooks", "event", {key: event[key] for key in event if not key.startswith("_")})
        document = "paypal-orders" if event["resource_type"] == "checkout-order" else "paypal-payments"
        assert_object_valid(document, event["resource_type"].removeprefix("checkout-"), event["resource"])
    assert len({event["type"] for event in events}) > 2
    assert len(told) == 4


def capture_and_refund(http):
    credentials = (KEYS["paypal_client_id"], KEYS["paypal_client_secret"])
    token = http.post("/v1/oauth2/token", auth=credentials, data={"grant_type": "client_credentials"}).json[
        "access_token"
    ]
    headers = {"Authorization": f"Bearer {token}"}
    order = {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "GBP", "value": "12.50"}}]}
    order_id = http.post("/v2/checkout/orders", json=order, headers=headers).json["id"]
    http.post("/_control/approve", json={"order": order_id}, headers=SECRET)
    done = http.post(f"/v2/checkout/orders/{order_id}/capture", json={}, headers=headers).json
    capture = done["purchase_units"][0]["payments"]["captures"][0]
    http.post(f"/v2/payments/captures/{capture['id']}/refund", json={}, headers=headers)
