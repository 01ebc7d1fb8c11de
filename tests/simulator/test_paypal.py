"""Orders, captures and refunds through a plain HTTP client."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.simulators import PayPalClient

ORDERS = "/v2/checkout/orders"
WHOLE = {"Prefer": "return=representation"}


def order_of(value="12.50", currency="GBP", **unit):
    amount = {"currency_code": currency, "value": value}
    return {"intent": "CAPTURE", "purchase_units": [{"amount": amount, **unit}]}


def issue_of(answer):
    return answer.status_code, answer.json()["details"][0]["issue"]


@pytest.fixture
def approved(paypal, simulator):
    """`approved(funding)`: the id of an order that a payer has approved."""

    def make(funding="balance", **order):
        order_id = paypal.post(ORDERS, order_of(**order)).json()["id"]
        simulator.control("/approve", {"order": order_id, "funding": funding})
        return order_id

    return make


@pytest.fixture
def captured(paypal, approved):
    """A capture of 12.50 pounds."""
    answer = paypal.post(f"{ORDERS}/{approved()}/capture", **WHOLE)
    return answer.json()["purchase_units"][0]["payments"]["captures"][0]


def test_an_order_is_approved_then_captured(paypal, simulator, listener):
    made = paypal.post(ORDERS, order_of(custom_id="7", invoice_id="pay-7"))
    order_id = made.json()["id"]
    simulator.control("/approve", {"order": order_id})
    approved = paypal.get(f"{ORDERS}/{order_id}").json()
    done = paypal.post(f"{ORDERS}/{order_id}/capture", **WHOLE)

    capture = done.json()["purchase_units"][0]["payments"]["captures"][0]
    assert (made.status_code, made.json()["status"], approved["status"]) == (201, "CREATED", "APPROVED")
    assert (done.status_code, done.json()["status"], capture["status"]) == (201, "COMPLETED", "COMPLETED")
    assert (capture["amount"]["value"], capture["custom_id"], capture["invoice_id"]) == ("12.50", "7", "pay-7")
    assert capture["seller_receivable_breakdown"]["paypal_fee"] == {"currency_code": "GBP", "value": "0.66"}
    assert capture["supplementary_data"]["related_ids"]["order_id"] == order_id
    listener.wait_for(3)
    assert sorted(listener.kinds) == [
        "CHECKOUT.ORDER.APPROVED",
        "CHECKOUT.ORDER.COMPLETED",
        "PAYMENT.CAPTURE.COMPLETED",
    ]


def test_with_a_payment_source_the_payer_must_act(paypal):
    context = {"return_url": "https://shop.example/back", "cancel_url": "https://shop.example/no"}
    body = order_of() | {"payment_source": {"paypal": {"experience_context": context}}}

    order = paypal.post(ORDERS, body).json()

    assert order["status"] == "PAYER_ACTION_REQUIRED"
    assert next(link["href"] for link in order["links"] if link["rel"] == "payer-action").endswith(order["id"])


def test_the_answer_is_minimal_unless_asked_otherwise(paypal):
    assert set(paypal.post(ORDERS, order_of()).json()) == {"id", "status", "links"}
    assert "purchase_units" in paypal.post(ORDERS, order_of(), **WHOLE).json()


def test_an_order_that_nobody_approved_is_not_captured(paypal):
    order_id = paypal.post(ORDERS, order_of()).json()["id"]

    assert issue_of(paypal.post(f"{ORDERS}/{order_id}/capture")) == (422, "ORDER_NOT_APPROVED")


def test_an_order_is_captured_once(paypal, approved):
    order_id = approved()
    paypal.post(f"{ORDERS}/{order_id}/capture")

    assert issue_of(paypal.post(f"{ORDERS}/{order_id}/capture")) == (422, "ORDER_ALREADY_CAPTURED")


def test_a_declined_payer_can_choose_another_way_to_pay(paypal, approved, simulator):
    order_id = approved("declined")

    refused = paypal.post(f"{ORDERS}/{order_id}/capture", PayPal_Request_Id="capture-1")
    simulator.control("/approve", {"order": order_id, "funding": "balance"})
    paid = paypal.post(f"{ORDERS}/{order_id}/capture", PayPal_Request_Id="capture-1")

    assert issue_of(refused) == (422, "INSTRUMENT_DECLINED")
    assert paid.json()["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("funding", "status", "net"), [("echeck", "COMPLETED", 1184), ("echeck_bounces", "DECLINED", None)]
)
def test_an_echeck_is_pending_until_the_bank_has_answered(paypal, approved, simulator, listener, funding, status, net):
    answer = paypal.post(f"{ORDERS}/{approved(funding)}/capture").json()
    capture = answer["purchase_units"][0]["payments"]["captures"][0]

    refund = paypal.post(f"/v2/payments/captures/{capture['id']}/refund")
    simulator.advance(60)

    kind = "PAYMENT.CAPTURE.COMPLETED" if net else "PAYMENT.CAPTURE.DENIED"
    assert (answer["status"], capture["status"], capture["status_details"]["reason"]) == (
        "COMPLETED",
        "PENDING",
        "ECHECK",
    )
    assert issue_of(refund) == (422, "PENDING_CAPTURE")
    assert paypal.get(f"/v2/payments/captures/{capture['id']}").json()["status"] == status
    assert simulator.balance()["paypal"]["currencies"].get("GBP") == net
    assert listener.wait_for_kind(kind).event["resource"]["id"] == capture["id"]


@pytest.mark.parametrize(
    ("body", "status", "issue"),
    [
        ({"purchase_units": []}, 400, "MISSING_REQUIRED_PARAMETER"),
        (order_of() | {"intent": "STEAL"}, 400, "INVALID_PARAMETER_VALUE"),
        (order_of() | {"purchase_units": []}, 400, "INVALID_ARRAY_MIN_ITEMS"),
        (order_of("12.505"), 422, "DECIMAL_PRECISION"),
        (order_of("12.50", "JPY"), 422, "DECIMAL_PRECISION"),
        (order_of("0.00"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (order_of("-1.00"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (order_of("twelve"), 400, "INVALID_PARAMETER_SYNTAX"),
        (order_of(12.5), 400, "INVALID_PARAMETER_SYNTAX"),
        (order_of("12.50", "XYZ"), 422, "INVALID_CURRENCY_CODE"),
        (order_of(custom_id="x" * 128), 400, "INVALID_STRING_LENGTH"),
        (
            order_of(items=[{"name": "Screen", "quantity": "1",
                             "unit_amount": {"currency_code": "GBP", "value": "12.50"}}]),
            422, "ITEM_TOTAL_REQUIRED",
        ),
    ],
)  # fmt: skip
def test_what_paypal_refuses_is_refused(paypal, body, status, issue):
    assert issue_of(paypal.post(ORDERS, body)) == (status, issue)


def test_an_invoice_is_paid_once(paypal, approved):
    first, second = approved(invoice_id="pay-7"), approved(invoice_id="pay-7")
    paypal.post(f"{ORDERS}/{first}/capture")

    assert issue_of(paypal.post(f"{ORDERS}/{second}/capture")) == (422, "DUPLICATE_INVOICE_ID")


def test_the_amount_of_an_open_order_can_be_patched(paypal, approved):
    order_id = approved()
    amount = {"currency_code": "GBP", "value": "20.00"}
    path = "/purchase_units/@reference_id=='default'/amount"

    patched = paypal.call("PATCH", f"{ORDERS}/{order_id}", [{"op": "replace", "path": path, "value": amount}])

    order = paypal.get(f"{ORDERS}/{order_id}").json()
    assert (patched.status_code, order["purchase_units"][0]["amount"]) == (204, amount)


def test_a_capture_is_refunded_in_parts(paypal, captured, simulator, listener):
    url = f"/v2/payments/captures/{captured['id']}/refund"
    part = paypal.post(url, {"amount": {"currency_code": "GBP", "value": "2.50"}, "note_to_payer": "Sorry"}, **WHOLE)
    over = paypal.post(url, {"amount": {"currency_code": "GBP", "value": "10.01"}})
    between = paypal.get(f"/v2/payments/captures/{captured['id']}").json()["status"]
    rest = paypal.post(url)
    more = paypal.post(url)

    assert (part.status_code, part.json()["status"], part.json()["amount"]["value"]) == (201, "COMPLETED", "2.50")
    assert (issue_of(over), between) == ((422, "REFUND_AMOUNT_EXCEEDED"), "PARTIALLY_REFUNDED")
    assert paypal.get(f"/v2/payments/refunds/{rest.json()['id']}").json()["amount"]["value"] == "10.00"
    assert issue_of(more) == (422, "CAPTURE_FULLY_REFUNDED")
    assert simulator.balance()["paypal"]["currencies"] == {"GBP": -66}
    up = next(link["href"] for link in part.json()["links"] if link["rel"] == "up")
    assert up.endswith(f"/v2/payments/captures/{captured['id']}")
    told = {item.event["resource"]["id"] for item in listener.wait_for(5) if item.kind == "PAYMENT.CAPTURE.REFUNDED"}
    assert told == {part.json()["id"], rest.json()["id"]}


def test_a_refund_in_another_currency_is_refused(paypal, captured):
    answer = paypal.post(
        f"/v2/payments/captures/{captured['id']}/refund", {"amount": {"currency_code": "EUR", "value": "1.00"}}
    )

    assert issue_of(answer) == (422, "REFUND_CAPTURE_CURRENCY_MISMATCH")


def test_a_request_that_is_sent_again_is_answered_with_200_and_how_things_are_now(paypal, captured, approved):
    order_id = approved(value="20.00")
    capture = f"{ORDERS}/{order_id}/capture"
    first, again = (paypal.post(capture, PayPal_Request_Id="payment-1-capture") for _ in range(2))
    refund = f"/v2/payments/captures/{captured['id']}/refund"
    given = [paypal.post(refund, PayPal_Request_Id="refund-1") for _ in range(2)]

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["purchase_units"] == again.json()["purchase_units"]
    assert [answer.status_code for answer in given] == [201, 200]
    assert given[0].json()["id"] == given[1].json()["id"]


def test_fifty_captures_at_once_take_the_money_once(paypal, approved, simulator):
    url = f"{ORDERS}/{approved()}/capture"

    with ThreadPoolExecutor(50) as pool:
        tries = [pool.submit(paypal.post, url, PayPal_Request_Id="payment-1-capture") for _ in range(50)]
        statuses = [attempt.result().status_code for attempt in tries]

    assert set(statuses) <= {200, 201, 409}
    assert statuses.count(201) == 1
    assert simulator.balance()["paypal"]["currencies"] == {"GBP": 1184}


def test_an_authorisation_is_captured_in_parts_and_voided(paypal, simulator):
    order_id = paypal.post(ORDERS, order_of() | {"intent": "AUTHORIZE"}).json()["id"]
    simulator.control("/approve", {"order": order_id})
    order = paypal.post(f"{ORDERS}/{order_id}/authorize", **WHOLE).json()
    held = order["purchase_units"][0]["payments"]["authorizations"][0]
    url = f"/v2/payments/authorizations/{held['id']}"

    part = paypal.post(f"{url}/capture", {"amount": {"currency_code": "GBP", "value": "5.00"}}, **WHOLE)
    over = paypal.post(f"{url}/capture", {"amount": {"currency_code": "GBP", "value": "10.00"}})
    voided = paypal.post(f"{url}/void")

    assert (held["status"], part.status_code, part.json()["amount"]["value"]) == ("CREATED", 201, "5.00")
    assert issue_of(over) == (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    assert (voided.status_code, paypal.get(url).json()["status"]) == (204, "VOIDED")
    assert issue_of(paypal.post(f"{url}/capture")) == (422, "AUTHORIZATION_VOIDED")


def test_the_report_lists_every_movement(paypal, captured):
    paypal.post(f"/v2/payments/captures/{captured['id']}/refund")

    report = paypal.get(
        "/v1/reporting/transactions?start_date=2020-01-01T00:00:00Z&end_date=2020-01-30T00:00:00Z"
    ).json()
    today = captured["create_time"][:10]
    url = f"/v1/reporting/transactions?start_date={today}T00:00:00Z&end_date={today}T23:59:59Z&fields=all"
    payment, refund = [item["transaction_info"] for item in paypal.get(url).json()["transaction_details"]]

    assert report["transaction_details"] == []
    assert (payment["transaction_id"], payment["transaction_event_code"]) == (captured["id"], "T0006")
    assert (payment["transaction_amount"]["value"], payment["fee_amount"]["value"]) == ("12.50", "-0.66")
    assert (refund["transaction_event_code"], refund["transaction_amount"]["value"]) == ("T1107", "-12.50")
    assert refund["paypal_reference_id"] == captured["id"]


@pytest.mark.parametrize(("won", "left"), [(True, 1184), (False, -66)])
def test_a_dispute_holds_the_money(paypal, captured, simulator, listener, won, left):
    dispute = simulator.control("/dispute", {"payment": captured["id"]})
    held = simulator.balance()["paypal"]["currencies"]["GBP"]
    refund = paypal.post(f"/v2/payments/captures/{captured['id']}/refund")

    simulator.control("/close-dispute", {"dispute": dispute["dispute_id"], "won": won})

    assert (held, issue_of(refund)) == (-66, (422, "TRANSACTION_DISPUTED"))
    assert simulator.balance()["paypal"]["currencies"] == {"GBP": left}
    assert paypal.get(f"/v1/customer/disputes/{dispute['dispute_id']}").json()["status"] == "RESOLVED"
    listener.wait_for_kind("CUSTOMER.DISPUTE.RESOLVED")


def test_wrong_credentials_get_the_oauth_error(simulator):
    answer = PayPalClient(simulator, secret="wrong").token_answer

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_token_ends(paypal, simulator):
    simulator.advance(32_401)

    expired = paypal.get(f"{ORDERS}/NONE")

    assert (expired.status_code, expired.json()["error"]) == (401, "invalid_token")


def test_a_body_must_be_json(paypal):
    unlabelled = paypal.post(ORDERS, order_of(), Content_Type="text/plain")
    missing = paypal.get(f"{ORDERS}/NOSUCHORDER")

    assert (unlabelled.status_code, unlabelled.json()["name"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert issue_of(missing) == (404, "INVALID_RESOURCE_ID")
    assert missing.headers["Paypal-Debug-Id"] == missing.json()["debug_id"]


def test_a_caller_may_ask_for_an_error(paypal, approved):
    header = '{"mock_application_codes": "INSTRUMENT_DECLINED"}'

    answer = paypal.post(f"{ORDERS}/{approved()}/capture", PayPal_Mock_Response=header)

    assert issue_of(answer) == (422, "INSTRUMENT_DECLINED")


def test_an_approval_that_nobody_uses_lapses(paypal, approved, simulator, listener):
    order_id = approved()

    simulator.advance(3 * 3600 + 1)

    assert paypal.get(f"{ORDERS}/{order_id}").json()["status"] == "VOIDED"
    assert issue_of(paypal.post(f"{ORDERS}/{order_id}/capture")) == (422, "ORDER_NOT_APPROVED")
    assert listener.wait_for_kind("CHECKOUT.PAYMENT-APPROVAL.REVERSED").event["resource"]["id"] == order_id


def test_a_request_id_is_kept_for_six_hours(paypal, simulator):
    first, again = (paypal.post(ORDERS, order_of(), PayPal_Request_Id="payment-1") for _ in range(2))
    simulator.advance(6 * 3600 + 1)
    later = paypal.post(ORDERS, order_of(), PayPal_Request_Id="payment-1")

    assert (first.status_code, again.status_code, later.status_code) == (201, 200, 201)
    assert first.json()["id"] == again.json()["id"] != later.json()["id"]
