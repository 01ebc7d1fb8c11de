"""Stripe's error bodies, with their types, codes and HTTP answers."""

DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer that is not 200. `stored` is False for what Stripe refuses before it begins to work: the
    idempotency key is free again then."""

    def __init__(self, status: int, message: str, *, stored: bool = True, **fields):
        super().__init__(message)
        self.status = status
        self.stored = stored
        self.body = error_body(message, **fields)


def error_body(message: str, *, type: str = "invalid_request_error", **fields) -> dict:
    body = {"type": type, "message": message} | {key: value for key, value in fields.items() if value is not None}
    if "code" in body:
        body["doc_url"] = DOCS + body["code"].replace("_", "-")
    return {"error": body}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """A parameter that Stripe refuses before it works."""
    return StripeError(400, message, stored=False, param=param, code=code)


def missing(noun: str, object_id: str, param: str = "id") -> StripeError:
    return StripeError(
        404, f"No such {noun}: '{object_id}'", stored=False, code="resource_missing", param=param
    )  # fmt: skip


def refused(message: str, *, code: str | None = None, **fields) -> StripeError:
    """A thing that cannot be done now, though it was asked for properly."""
    return StripeError(400, message, code=code, **fields)
