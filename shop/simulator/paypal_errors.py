"""PayPal's error bodies. Names, issues and their descriptions are those of its published documents."""

from shop.simulator.store import new_code

NAMES = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    401: ("AUTHENTICATION_FAILURE",
          "Authentication failed due to missing authorization header, or invalid authentication credentials."),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."),
    422: ("UNPROCESSABLE_ENTITY",
          "The requested action could not be performed, semantically incorrect, or failed business validation."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error has occurred."),
}  # fmt: skip
_CURRENCIES = (
    "Please refer https://developer.paypal.com/api/rest/reference/currency-codes/ for list of supported currency codes."
)
_INVOICE = (
    "Duplicate Invoice ID detected. To avoid a potential duplicate transaction your account setting requires that "
    "Invoice Id be unique for each transaction."
)
_APPROVE = (
    "Payer has not yet approved the Order for payment. Please redirect the payer to the 'rel':'approve' url returned "
    "as part of the HATEOAS links within the Create Order call"
)
_INTENT = (
    "Order was created with an intent to 'CAPTURE'. Please use v2/checkout/orders/order_id/capture to complete the "
    "transaction or alternately Create an order with an intent of 'AUTHORIZE'."
)
_OVER = (
    "Capture amount exceeds allowable limit. Please contact customer service or your account manager to request the "
    "change to your overage limit. The default overage limit is 115%, which allows the sum of all captures to be up "
    "to 115% of the order amount. The ability to over capture is subjected to regulatory approvals."
)
_PENDING = (
    "Cannot initiate a refund as the capture is pending. Capture is typically pending when the payer has funded the "
    "transaction using e-check/bank funded."
)
_BUSY = (
    "A previous request on this resource is currently in progress. Please wait for sometime and try again. It is best "
    "to space out the initial and the subsequent request(s) to avoid receiving this error."
)
_DECIMALS = (
    "Currency does not support decimals. Please refer to https://developer.paypal.com/docs/api/reference/"
    "currency-codes/ for more information."
)
_ITEMS = (
    "If item details are specified (items.unit_amount and items.quantity) corresponding amount.breakdown.item_total is "
    "required."
)
_DISPUTED = (
    "Partial refunds cannot be offered at this time because there is an open case on this transaction. Visit the "
    "PayPal Resolution Center to review this case."
)
_WRONG_REFERENCE = "Filter expression value is incorrect. Please check the value of the reference_id and try again."
_POINTER = (
    "Path should be a valid JSON Pointer https://tools.ietf.org/html/rfc6901 that references a location within the "
    "request where the operation is performed."
)
_TWO_DECIMALS = "If the currency supports decimals, only two decimal place precision is supported."
ISSUES: dict[str, tuple[int, str]] = {
    "INVALID_ARRAY_MAX_ITEMS": (400, "The number of items in an array parameter is too large."),
    "INVALID_ARRAY_MIN_ITEMS": (400, "The number of items in an array parameter is too small."),
    "INVALID_PARAMETER_SYNTAX": (400, "The value of a field does not conform to the expected format."),
    "INVALID_PARAMETER_VALUE": (400, "A parameter value is not valid."),
    "INVALID_STRING_LENGTH": (400, "The value of a field is either too short or too long"),
    "MISSING_REQUIRED_PARAMETER": (400, "A required parameter is missing."),
    "MALFORMED_REQUEST_JSON": (400, "The request JSON is not well formed."),
    "FIELD_NOT_PATCHABLE": (400, "Field cannot be patched."),
    "INVALID_RESOURCE_ID": (404, "Specified resource ID does not exist. Please check the resource ID and try again."),
    "PREVIOUS_REQUEST_IN_PROGRESS": (409, _BUSY),
    "AMOUNT_MISMATCH": (
        422, "Should equal item_total + tax_total + shipping + handling + insurance - shipping_discount - discount."
    ),
    "CANNOT_BE_NEGATIVE": (422, f"Must be greater than or equal to 0. {_TWO_DECIMALS}"),
    "CANNOT_BE_ZERO_OR_NEGATIVE": (422, f"Must be greater than zero. {_TWO_DECIMALS}"),
    "DECIMAL_PRECISION": (422, _TWO_DECIMALS),
    "DECIMALS_NOT_SUPPORTED": (422, _DECIMALS),
    "MAX_VALUE_EXCEEDED": (422, "Should be less than or equal to 999999999999999.99."),
    "INVALID_CURRENCY_CODE": (422, f"Currency code is invalid or is not currently supported. {_CURRENCIES}"),
    "ITEM_TOTAL_MISMATCH": (
        422, "Should equal sum of (unit_amount * quantity) across all items for a given purchase_unit."
    ),
    "ITEM_TOTAL_REQUIRED": (422, _ITEMS),
    "REFERENCE_ID_REQUIRED": (
        422, "'reference_id' is required for each 'purchase_unit' if multiple 'purchase_unit' are provided."
    ),
    "DUPLICATE_REFERENCE_ID": (422, "`reference_id` must be unique if multiple `purchase_unit` are provided."),
    "DUPLICATE_INVOICE_ID": (422, _INVOICE),
    "INVALID_JSON_POINTER_FORMAT": (422, _POINTER),
    "REFERENCE_ID_NOT_FOUND": (422, _WRONG_REFERENCE),
    "ORDER_ALREADY_COMPLETED": (422, "The order cannot be patched after it is completed."),
    "ORDER_NOT_APPROVED": (422, f"{_APPROVE} or provide a valid `payment_source` in the request."),
    "ORDER_ALREADY_CAPTURED": (
        422, "Order already captured.If 'intent=CAPTURE' only one capture per order is allowed."
    ),
    "ORDER_ALREADY_AUTHORIZED": (
        422, "Order already authorized.If 'intent=AUTHORIZE' only one authorization per order is allowed."
    ),
    "ACTION_DOES_NOT_MATCH_INTENT": (422, _INTENT),
    "INSTRUMENT_DECLINED": (
        422,
        "The instrument presented  was either declined by the processor or bank, or it can't be used for this payment.",
    ),
    "AUTHORIZATION_VOIDED": (422, "A voided authorization cannot be captured or reauthorized. "),
    "AUTHORIZATION_ALREADY_CAPTURED": (422, "Authorization has previously been captured."),
    "AUTHORIZATION_EXPIRED": (422, "An expired authorization cannot be captured."),
    "AUTH_CAPTURE_CURRENCY_MISMATCH": (
        422, "Currency of capture must be the same as currency of authorization."
    ),
    "MAX_CAPTURE_AMOUNT_EXCEEDED": (422, _OVER),
    "PREVIOUSLY_CAPTURED": (422, "Authorization has been previously captured and hence cannot be voided."),
    "PREVIOUSLY_VOIDED": (422, "Authorization has been previously voided and hence cannot be voided again."),
    "CAPTURE_FULLY_REFUNDED": (422, "The capture has already been fully refunded"),
    "PENDING_CAPTURE": (422, _PENDING),
    "REFUND_AMOUNT_EXCEEDED": (
        422, "The refund amount must be less than or equal to the capture amount that has not yet been refunded."
    ),
    "REFUND_CAPTURE_CURRENCY_MISMATCH": (422, "Refund must be in the same currency as the capture"),
    "REFUND_NOT_ALLOWED": (422, "Capture cannot be refunded."),
    "TRANSACTION_DISPUTED": (422, _DISPUTED),
    # What only PayPal-Mock-Response brings about.
    "PAYER_ACTION_REQUIRED": (
        422, "Transaction cannot complete successfully, instruct the buyer to return to PayPal."
    ),
    "PAYER_CANNOT_PAY": (
        422, "Combination of payer and payee settings mean that this buyer cannot pay this seller."
    ),
    "TRANSACTION_REFUSED": (422, "The request was refused."),
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": (422, "You have exceeded the maximum number of payment attempts."),
    "COMPLIANCE_VIOLATION": (422, "Transaction is declined due to compliance violation."),
    "REFUND_FAILED_INSUFFICIENT_FUNDS": (
        422,
        "Capture could not be refunded due to insufficient funds. Please check to see if you have sufficient funds in "
        "your PayPal account or if the bank account linked to your PayPal account is verified and has sufficient "
        "funds.",
    ),
    "REFUND_TIME_LIMIT_EXCEEDED": (422, "You are over the time limit to perform a refund on this capture"),
    "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": (
        422,
        "Refunds are not allowed on this capture due to a chargeback on the card or bank. Please contact the payee to "
        "resolve the chargeback.",
    ),
    "PERMISSION_DENIED": (403, "You do not have permission to access or perform operations on this resource."),
    "INTERNAL_SERVER_ERROR": (500, "An internal server error has occurred."),
}  # fmt: skip


class PayPalError(Exception):
    """An answer that is an error, with one issue."""

    def __init__(self, issue: str, *, field: str | None = None, value: str | None = None):
        super().__init__(issue)
        self.status, description = ISSUES[issue]
        detail = {"issue": issue, "description": description}
        if field is not None:
            detail |= {"field": field, "location": "body"} | ({"value": value} if value is not None else {})
        self.body = error_body(self.status, [detail])


def error_body(status: int, details: list[dict] | None = None) -> dict:
    name, message = NAMES.get(status, NAMES[500])
    link = {
        "href": f"https://developer.paypal.com/api/rest/responses/#{name}",
        "rel": "information_link",
        "method": "GET",
    }
    body: dict = {"name": name, "message": message, "debug_id": new_code(13).lower()}
    return body | ({"details": details} if details else {}) | {"links": [link]}
