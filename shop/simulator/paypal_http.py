"""How PayPal's API is spoken: tokens, JSON, request ids, `Prefer`, error bodies, headers."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from shop.simulator import answers, faults, tasks
from shop.simulator.paypal_errors import ISSUES, PayPalError, error_body
from shop.simulator.runtime import origin, simulator
from shop.simulator.store import Origin, Transaction, new_code, shown
from shop.simulator.webhooks import timestamp

blueprint = Blueprint("paypal", __name__)
PATHS = ("/v2/", "/v1/oauth2/", "/v1/notifications/", "/v1/reporting/", "/v1/customer/")
ORDERS_KEPT, PAYMENTS_KEPT = 6 * 3600, 45 * 86_400


@dataclass(frozen=True)
class Call:
    """One request, read and admitted. `body` is what its JSON says, {} if it had none."""

    body: dict
    ids: dict[str, str]
    raw: bytes = b""


@dataclass(frozen=True)
class Reply:
    """`subject` is the object that the request made or changed: a repetition is answered from how it is then."""

    status: int
    body: dict | None
    subject: str = ""


Handler = Callable[[Transaction, Call], Reply]
Again = Callable[[Transaction, str], dict]


def endpoint(method: str, rule: str, *, again: Again | None = None, takes: type = dict) -> Callable[[Handler], Handler]:
    """Puts `handler(tx, call)` at an address. With `again(tx, id)` it honours PayPal-Request-Id."""

    def register(handler: Handler) -> Handler:
        def view(**ids: str) -> Response:
            return _serve(handler, again, takes, ids)

        blueprint.add_url_rule(rule, handler.__name__, view, methods=[method])
        return handler

    return register


@blueprint.post("/v1/oauth2/token")
def token() -> tuple[Response, int] | Response:
    settings, given = simulator().settings, request.authorization
    mine = f"{settings.paypal_client_id}:{settings.paypal_client_secret}"
    theirs = f"{given.username}:{given.password}" if given is not None and given.type == "basic" else ""
    if not hmac.compare_digest(mine.encode(), theirs.encode()):
        error = {"error": "invalid_client", "error_description": "Client Authentication failed"}
        return jsonify(error), 401
    if request.form.get("grant_type") != "client_credentials":
        error = {"error": "unsupported_grant_type", "error_description": "unsupported grant_type"}
        return jsonify(error), 400
    value = f"A21AA{secrets.token_urlsafe(60)}"
    with simulator().store.write() as tx:
        tx.add("paypal_token", {"id": _token_id(value), "expires": tx.clock + settings.token_seconds})
    return jsonify(
        scope="https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/applications/webhooks",
        access_token=value,
        token_type="Bearer",  # noqa: S106 - the kind of a token is no secret
        app_id="APP-80W284485P519543T",
        expires_in=settings.token_seconds,
        nonce=f"{timestamp(tx.clock)}{new_code(20)}",
    )


def wants_representation() -> bool:
    return "return=representation" in request.headers.get("Prefer", "")


def _serve(handler: Handler, again: Again | None, takes: type, ids: dict[str, str]) -> Response:
    where = origin(is_api=True)
    try:
        refusal = _refusal()
        if refusal is not None:
            return refusal
        call = _read_call(takes, ids)
        with faults.around("paypal", request.method != "GET"):
            reply = _run(handler, again, call, where)
    except PayPalError as error:
        reply = Reply(error.status, error.body)
    return _respond(reply)


def _refusal() -> Response | None:
    """The answer to a request that is not admitted."""
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        return _respond(Reply(401, error_body(401)))
    with simulator().store.read() as tx:
        found = tx.find(_token_id(given.token), "paypal_token")
        if found is None or found["expires"] <= tx.clock:
            problem = "Access Token not found in cache" if found is None else "Token has expired"
            return _respond(Reply(401, {"error": "invalid_token", "error_description": problem}))
    if request.method in ("POST", "PATCH") and request.mimetype != "application/json":
        return _respond(Reply(415, error_body(415)))
    return None


def _read_call(takes: type, ids: dict[str, str]) -> Call:
    raw = request.get_data()
    try:
        body = json.loads(raw) if raw.strip() else takes()
    except ValueError:
        raise PayPalError("MALFORMED_REQUEST_JSON") from None
    if not isinstance(body, takes):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field="/")
    _obey_mock()
    return Call(body, ids, raw)


def _obey_mock() -> None:
    """PayPal-Mock-Response names the issue that the caller wants to see."""
    header = request.headers.get("PayPal-Mock-Response")
    if not header:
        return
    try:
        issue = json.loads(header)["mock_application_codes"]
    except (ValueError, KeyError, TypeError):
        raise PayPalError("INVALID_PARAMETER_VALUE", field="PayPal-Mock-Response") from None
    if issue in ISSUES:
        raise PayPalError(issue)


def _run(handler: Handler, again: Again | None, call: Call, where: Origin) -> Reply:
    if request.method == "GET":
        return _look(handler, call, where)
    request_id = request.headers.get("PayPal-Request-Id", "")[:108]
    if again is None or not request_id:
        return _work(handler, call, where, None)
    key = f"{request.path} {request_id}"
    subject = _claim(key, where)
    if subject is not None:
        with simulator().store.read(where) as tx:
            return Reply(200, shown(again(tx, subject)))
    try:
        return _work(handler, call, where, key)
    except Exception:
        with simulator().store.write() as tx:
            answers.release(tx, "paypal", key)
        raise


def _claim(key: str, where: Origin) -> str | None:
    kept = ORDERS_KEPT if request.path.startswith("/v2/checkout") else PAYMENTS_KEPT
    try:
        with simulator().store.write(where) as tx:
            answer = answers.claim(tx, "paypal", key, "", kept_seconds=kept)
    except answers.KeyInUse:
        raise PayPalError("PREVIOUS_REQUEST_IN_PROGRESS") from None
    return answer.body["subject"] if answer is not None else None


def _work(handler: Handler, call: Call, where: Origin, key: str | None) -> Reply:
    faults.linger("paypal")
    with simulator().store.write(where) as tx:
        tasks.run_due(tx)
        reply = handler(tx, call)
        if key:
            answers.keep(tx, "paypal", key, answers.Answer(reply.status, {"subject": reply.subject}))
    return reply


def _look(handler: Handler, call: Call, where: Origin) -> Reply:
    with simulator().store.read(where) as tx:
        due = tasks.is_due(tx)
    if due:
        with simulator().store.write(where) as tx:
            tasks.run_due(tx)
    with simulator().store.read(where) as tx:
        return handler(tx, call)


def _respond(reply: Reply) -> Response:
    response = jsonify(shown(reply.body)) if reply.body is not None else Response(status=reply.status)
    response.status_code = reply.status
    debug_id = (reply.body or {}).get("debug_id") or new_code(13).lower()
    response.headers["Paypal-Debug-Id"] = debug_id
    response.headers["Cache-Control"] = "max-age=0, no-cache, no-store, must-revalidate"
    return response


def _token_id(value: str) -> str:
    return "token:" + hashlib.sha256(value.encode()).hexdigest()


def http_error(error: HTTPException) -> Response:
    return _respond(Reply(error.code or 500, error_body(error.code or 500)))
