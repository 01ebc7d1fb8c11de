"""Which parameters each call takes: Stripe refuses all others by name.

The names are those of Stripe's published description (API 2023-08-16) and the ones added up to 2026-06-24.
"""

PAGED = "created ending_before expand limit starting_after"
_INTENT = (
    "amount application_fee_amount capture_method currency customer description expand metadata payment_method "
    "payment_method_data payment_method_options payment_method_types receipt_email setup_future_usage shipping "
    "statement_descriptor statement_descriptor_suffix transfer_data transfer_group "
    "amount_details customer_account excluded_payment_method_types hooks payment_details payment_method_configuration"
)
_CUSTOMER = (
    "address balance cash_balance coupon description email expand invoice_prefix invoice_settings metadata name "
    "next_invoice_sequence phone preferred_locales promotion_code shipping source tax tax_exempt"
)
_NAMES = {
    "payment_intents.create": f"{_INTENT} automatic_payment_methods confirm confirmation_method "
    "error_on_requires_action mandate mandate_data off_session on_behalf_of radar_options return_url use_stripe_sdk "
    "confirmation_token",
    "payment_intents.list": f"{PAGED} customer",
    "payment_intents.retrieve": "client_secret expand",
    "payment_intents.update": _INTENT,
    "payment_intents.confirm": "capture_method client_secret error_on_requires_action expand mandate mandate_data "
    "off_session payment_method payment_method_data payment_method_options payment_method_types radar_options "
    "receipt_email return_url setup_future_usage shipping use_stripe_sdk amount_details confirmation_token "
    "excluded_payment_method_types hooks payment_details",
    "payment_intents.capture": "amount_to_capture application_fee_amount expand metadata statement_descriptor "
    "statement_descriptor_suffix transfer_data amount_details hooks payment_details",
    "payment_intents.cancel": "cancellation_reason expand",
    "refunds.create": "amount charge currency customer expand instructions_email metadata origin payment_intent reason "
    "refund_application_fee reverse_transfer",
    "refunds.list": f"{PAGED} charge payment_intent",
    "refunds.update": "expand metadata",
    "charges.list": f"{PAGED} customer payment_intent transfer_group",
    "charges.update": "customer description expand fraud_details metadata receipt_email shipping transfer_group",
    "customers.create": f"{_CUSTOMER} payment_method tax_id_data test_clock",
    "customers.update": f"{_CUSTOMER} bank_account card default_alipay_account default_bank_account default_card "
    "default_source",
    "customers.list": f"{PAGED} email test_clock",
    "customers.payment_methods": "ending_before expand limit starting_after type",
    "disputes.list": f"{PAGED} charge payment_intent",
    "disputes.update": "evidence expand metadata submit",
    "events.list": f"{PAGED} delivery_success type types",
    "webhook_endpoints.create": "api_version connect description enabled_events expand metadata url",
    "webhook_endpoints.update": "description disabled enabled_events expand metadata url",
    "webhook_endpoints.list": "ending_before expand limit starting_after",
    "balance_transactions.list": f"{PAGED} currency payout source type",
    "payment_methods.create": "allow_redisplay billing_details card customer expand metadata type",
    "payment_methods.list": "allow_redisplay customer ending_before expand limit starting_after type",
    "payment_methods.attach": "customer customer_account expand",
    "setup_intents.create": "attach_to_self automatic_payment_methods confirm customer description expand "
    "flow_directions mandate_data metadata on_behalf_of payment_method payment_method_configuration "
    "payment_method_data payment_method_options payment_method_types return_url single_use usage use_stripe_sdk "
    "confirmation_token customer_account excluded_payment_method_types",
    "setup_intents.confirm": "client_secret confirmation_token expand mandate_data payment_method "
    "payment_method_data payment_method_options return_url use_stripe_sdk",
    "setup_intents.retrieve": "client_secret expand",
    "setup_intents.cancel": "cancellation_reason expand",
}
ALLOWED = {call: frozenset(names.split()) for call, names in _NAMES.items()}
ONLY_EXPAND = frozenset({"expand"})
NESTED = {
    "automatic_payment_methods": frozenset({"enabled", "allow_redirects"}),
    "shipping": frozenset({"address", "carrier", "name", "phone", "tracking_number"}),
    "address": frozenset({"city", "country", "line1", "line2", "postal_code", "state"}),
    "created": frozenset({"gt", "gte", "lt", "lte"}),
}
