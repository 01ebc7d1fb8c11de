"""What the shop is told: signed, and late, twice, lost or in another order where that was asked for."""

import base64
import hmac
import json
import time
import zlib

import pytest
import stripe
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from shop.simulator.signatures import paypal_message, stripe_signature
from tests.simulator.test_paypal import ORDERS, order_of
from tests.simulator.test_stripe_payments import GBP_50, PAID
from tests.simulators import KEYS, PayPalClient, running_simulator


def approve_order(paypal, simulator):
    order_id = paypal.post(ORDERS, order_of()).json()["id"]
    simulator.control("/approve", {"order": order_id})
    return order_id


def test_the_signature_is_stripes_own_to_the_byte():
    body = b'{"id":"evt_1","object":"event"}'

    signature = stripe_signature("whsec_test_secret", body, 1_700_000_000)

    assert signature == "t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd"


def test_the_message_is_paypals_own_to_the_byte():
    body = b'{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}'

    message = paypal_message("69cd13f0-d67a-11e5-baa3-778b53f4ae55", "2016-02-18T20:01:35Z", "1JE4291016473214C", body)

    assert message == b"69cd13f0-d67a-11e5-baa3-778b53f4ae55|2016-02-18T20:01:35Z|1JE4291016473214C|2325436976"


def test_stripes_sdk_accepts_what_is_sent(client, simulator, listener):
    client.v1.payment_intents.create(GBP_50)
    sent = listener.wait_for(1)[0]

    event = simulator.stripe().construct_event(
        sent.body, sent.headers["Stripe-Signature"], KEYS["stripe_webhook_secret"]
    )

    assert (sent.path, event.type) == ("/api/v1/payments/stripe/webhooks", "payment_intent.created")
    with pytest.raises(stripe.SignatureVerificationError):
        simulator.stripe().construct_event(
            sent.body + b" ", sent.headers["Stripe-Signature"], KEYS["stripe_webhook_secret"]
        )


def test_paypals_signature_is_good_by_its_certificate_and_by_its_api(paypal, simulator, listener):
    approve_order(paypal, simulator)
    sent = listener.wait_for(1)[0]
    headers = {name.upper().removeprefix("PAYPAL-"): value for name, value in sent.headers.items()}
    certificate = x509.load_pem_x509_certificate(simulator.http.get(headers["CERT-URL"], timeout=10).content)
    fields = [
        headers["TRANSMISSION-ID"],
        headers["TRANSMISSION-TIME"],
        KEYS["paypal_webhook_id"],
        str(zlib.crc32(sent.body)),
    ]

    signature = base64.b64decode(headers["TRANSMISSION-SIG"])
    certificate.public_key().verify(signature, "|".join(fields).encode(), padding.PKCS1v15(), hashes.SHA256())

    assert sent.path == "/api/v1/payments/paypal/webhooks"
    assert verdict(simulator, paypal, headers, sent.body) == "SUCCESS"
    assert verdict(simulator, paypal, headers, sent.body.replace(b"12.50", b"99.50")) == "FAILURE"
    assert verdict(simulator, paypal, headers | {"TRANSMISSION-TIME": "2020-01-01T00:00:00Z"}, sent.body) == "FAILURE"


def test_a_shop_that_fails_is_told_again(client, listener):
    listener.answers += [500, 302]

    client.v1.payment_intents.create(GBP_50)

    first, second, third = listener.wait_for(3)
    assert first.body == second.body == third.body


def test_after_the_last_attempt_nobody_tries_again(client, simulator, listener):
    listener.answers += [500] * 20

    client.v1.payment_intents.create(GBP_50)
    listener.wait_for(4)
    simulator.advance(3600)

    assert simulator.deliveries() == {"failed": 1}
    simulator.control("/resend", {"provider": "stripe"})
    listener.wait_for(5)


def test_events_come_late_twice_or_not_at_all_on_request(client, simulator, listener):
    simulator.control("", {"stripe": {"delay": 3600, "duplicates": 2}})
    late = client.v1.payment_intents.create(GBP_50)
    simulator.control("", {"stripe": {"delay": 0, "duplicates": 0, "drop": 1}})
    client.v1.payment_intents.create(GBP_50)
    after = client.v1.payment_intents.create(GBP_50)

    first = listener.wait_for(1)[0]
    simulator.advance(3601)
    listener.wait_for(4)

    assert first.event["data"]["object"]["id"] == after.id
    assert [item.event["data"]["object"]["id"] for item in listener.received[1:]] == [late.id] * 3
    assert len({item.event["id"] for item in listener.received[1:]}) == 1
    assert simulator.deliveries() == {"done": 4, "dropped": 1}


def test_an_object_can_ask_for_it_in_its_metadata(client, listener):
    client.v1.payment_intents.create(GBP_50 | {"metadata": {"simulate_duplicates": "2"}})

    assert {item.kind for item in listener.wait_for(3)} == {"payment_intent.created"}


def test_events_wait_while_they_are_paused(client, simulator, listener):
    simulator.control("", {"stripe": {"paused": True}})
    client.v1.payment_intents.create(GBP_50)
    waiting = simulator.deliveries()

    simulator.control("", {"stripe": {"paused": False}})

    assert waiting == {"waiting": 1}
    listener.wait_for(1)


def test_events_of_a_window_come_in_another_order(client, simulator, listener):
    simulator.control("", {"stripe": {"reorder": 1000}})
    ids = [client.v1.payment_intents.create(GBP_50).id for _ in range(12)]

    simulator.advance(1001)

    seen = [item.event["data"]["object"]["id"] for item in listener.wait_for(12)]
    assert sorted(seen) == sorted(ids)
    assert seen != ids


def test_unknown_controls_are_refused_and_strangers_too(simulator):
    url = f"{simulator.url}/_control"
    key = {"Authorization": f"Bearer {KEYS['stripe_secret_key']}"}

    assert simulator.http.post(url, json={"stripe": {"shuffle": 1}}, headers=key, timeout=10).status_code == 400
    assert simulator.http.post(url, json={"stripe": {"delay": 1}}, timeout=10).status_code == 401


def test_other_endpoints_are_told_what_they_asked_for(client, listener):
    made = client.v1.webhook_endpoints.create(
        {"url": f"{listener.url}/other", "enabled_events": ["payment_intent.canceled"]}
    )
    intent = client.v1.payment_intents.create(GBP_50)
    client.v1.payment_intents.cancel(intent.id)

    listener.wait_for(3)

    sent = next(item for item in listener.received if item.path == "/other")
    stamp, signature = (part.partition("=")[2] for part in sent.headers["Stripe-Signature"].split(","))
    expected = hmac.new(made.secret.encode(), f"{stamp}.".encode() + sent.body, "sha256").hexdigest()
    assert (sent.kind, signature) == ("payment_intent.canceled", expected)
    assert "secret" not in client.v1.webhook_endpoints.retrieve(made.id).to_dict()


def test_events_can_be_read_again_later(client, paypal, simulator, listener):
    intent = client.v1.payment_intents.create(GBP_50)
    client.v1.payment_intents.cancel(intent.id)
    approve_order(paypal, simulator)
    listener.wait_for(3)

    newest, oldest = client.v1.events.list({"types": ["payment_intent.created", "payment_intent.canceled"]}).data
    event = paypal.get("/v1/notifications/webhooks-events").json()["events"][0]
    resent = paypal.post(f"/v1/notifications/webhooks-events/{event['id']}/resend")

    assert (newest.type, oldest.type) == ("payment_intent.canceled", "payment_intent.created")
    assert client.v1.events.retrieve(newest.id).data.object["id"] == intent.id
    assert (event["event_type"], resent.status_code) == ("CHECKOUT.ORDER.APPROVED", 202)
    listener.wait_for(4)


def test_paypals_webhooks_are_managed(paypal, listener):
    body = {"url": f"{listener.url}/other", "event_types": [{"name": "CHECKOUT.ORDER.APPROVED"}]}
    made = paypal.post("/v1/notifications/webhooks", body).json()

    listed = paypal.get("/v1/notifications/webhooks").json()["webhooks"]
    gone = paypal.call("DELETE", f"/v1/notifications/webhooks/{made['id']}")

    assert {hook["id"] for hook in listed} == {made["id"], KEYS["paypal_webhook_id"]}
    assert (gone.status_code, len(paypal.get("/v1/notifications/webhooks").json()["webhooks"])) == (204, 1)


def verdict(simulator, paypal, headers, body):
    fields = ["auth-algo", "cert-url", "transmission-id", "transmission-sig", "transmission-time"]
    known = {name.replace("-", "_"): headers[name.upper()] for name in fields} | {
        "webhook_id": KEYS["paypal_webhook_id"]
    }
    raw = json.dumps(known)[:-1].encode() + b', "webhook_event": ' + body + b"}"
    answer = simulator.http.post(
        f"{simulator.url}/v1/notifications/verify-webhook-signature",
        data=raw,
        headers={"Authorization": f"Bearer {paypal.token}", "Content-Type": "application/json"},
        timeout=10,
    )
    return answer.json()["verification_status"]


def test_links_lead_where_the_shop_asks_and_people_where_they_browse(client, paypal, simulator, listener):
    order_id = paypal.post(ORDERS, order_of()).json()["id"]
    form = {"token": order_id, "decision": "approve", "popup": "1"}

    simulator.http.post(f"{simulator.url}/checkoutnow", data=form, headers={"Host": "shop.example"}, timeout=10)

    sent = listener.wait_for_kind("CHECKOUT.ORDER.APPROVED")
    headers = {name.upper(): value for name, value in sent.headers.items()}
    assert headers["PAYPAL-CERT-URL"].startswith(f"{simulator.url}/v1/notifications/certs/")
    assert all(link["href"].startswith(simulator.url) for link in sent.event["links"])


def test_people_are_sent_to_the_public_address(tmp_path):
    with running_simulator(tmp_path, public_url="https://shop.example/simulator/") as simulator:
        asked = PAID | {"payment_method": "pm_card_authenticationRequired"}
        intent = simulator.stripe().v1.payment_intents.create(asked)
        links = PayPalClient(simulator).post(ORDERS, order_of()).json()["links"]

    page = intent.next_action.redirect_to_url.url
    assert page.startswith(f"https://shop.example/simulator/challenge/{intent.id}?")
    assert [
        link["href"].startswith("https://shop.example/simulator/checkoutnow?")
        for link in links
        if link["rel"] == "approve"
    ]
    assert all(link["href"].startswith(simulator.url) for link in links if link["rel"] == "self")


def test_an_event_whose_carrier_died_is_carried_by_another(client, simulator, listener):
    simulator.control("", {"stripe": {"delay": 3600}})
    client.v1.payment_intents.create(GBP_50)
    store = simulator.app.extensions["simulator"].store

    with store.write() as tx:
        tx.connection.execute("UPDATE deliveries SET state = 'sending', attempts = 1, lease = ?", (time.time() - 1,))
        tx.told = True

    assert listener.wait_for(1)[0].kind == "payment_intent.created"


def test_a_shop_that_is_not_there_is_tried_again(client, simulator, listener):
    made = client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    client.v1.payment_intents.create(GBP_50)
    listener.wait_for(1)

    client.v1.webhook_endpoints.update(made.id, {"url": f"{listener.url}/back"})

    listener.wait_for(2)
    assert listener.received[1].path == "/back"
