"""How Stripe's API is spoken: keys, forms, idempotency, expansion, error bodies, headers."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from shop.simulator import answers, faults, tasks
from shop.simulator.runtime import origin, simulator
from shop.simulator.store import Origin, Transaction, shown
from shop.simulator.stripe_errors import StripeError, error_body, invalid
from shop.simulator.stripe_forms import Params, parse_form, require_known
from shop.simulator.stripe_parameters import ALLOWED, NESTED, ONLY_EXPAND
from shop.simulator.stripe_payments import Declined
from shop.simulator.webhooks import STRIPE_VERSION
from shop.simulator.words import language, message

blueprint = Blueprint("stripe", __name__, url_prefix="/v1")
EXPANDABLE = frozenset(
    ("data", "latest_charge", "balance_transaction", "failure_balance_transaction", "customer", "payment_method",
     "payment_intent", "charge", "source", "setup_intent")
)  # fmt: skip
LONGEST_KEY, KEPT_SECONDS = 255, 86_400
# What a browser may see of an intent with the publishable key and the client secret.
_BROWSER = (
    "id object amount automatic_payment_methods canceled_at cancellation_reason capture_method client_secret "
    "confirmation_method created currency description last_payment_error last_setup_error livemode next_action "
    "payment_method payment_method_types processing receipt_email setup_future_usage shipping status usage"
)
BROWSER_FIELDS = frozenset(_BROWSER.split())


@dataclass(frozen=True)
class Call:
    """One request, read and admitted."""

    params: Params
    from_browser: bool
    ids: dict[str, str]


Handler = Callable[[Transaction, Call], dict]


def endpoint(method: str, rule: str, call: str = "", *, browser: bool = False) -> Callable[[Handler], Handler]:
    """Puts `handler(tx, call)` at an address. `call` names its parameters; `browser`: a publishable key suffices."""

    def register(handler: Handler) -> Handler:
        allowed = ALLOWED.get(call, ONLY_EXPAND) | ({"client_secret", "key", "locale"} if browser else set())

        def view(**ids: str) -> Response:
            return _serve(handler, allowed, browser, ids)

        name = f"{handler.__name__}_{method.lower()}"
        blueprint.add_url_rule(rule, name, view, methods=[method])
        return handler

    return register


def _serve(handler: Handler, allowed: frozenset[str], browser: bool, ids: dict[str, str]) -> Response:
    where = origin(is_api=not browser_may_call())
    try:
        source = request.form if request.method == "POST" else request.args
        params = Params(parse_form(source.items(multi=True)))
        call = Call(params, _admit(params, browser), ids)
        _require_known(params, allowed)
        with faults.around("stripe", request.method == "POST"):
            answer, replayed = _run(handler, call, where)
    except StripeError as error:
        answer, replayed = answers.Answer(error.status, error.body), False
    if browser_may_call() and answer.status == 402:
        answer = answers.Answer(402, {"error": _spoken(answer.body["error"])})
    return _respond(answer, where, replayed=replayed)


def _admit(params: Params, browser: bool) -> bool:
    """True if a browser asks. Raises 401 for a wrong key, and for a publishable one where it does not suffice."""
    settings = simulator().settings
    given = request.authorization
    key = (given.token or given.username) if given is not None else params.get("key")
    if not key or not isinstance(key, str):
        raise StripeError(401, "You did not provide an API key. Provide it in the Authorization header.", stored=False)
    if hmac.compare_digest(key.encode(), settings.stripe_secret_key.encode()):
        return False
    if not hmac.compare_digest(key.encode(), settings.stripe_publishable_key.encode()):
        raise StripeError(401, f"Invalid API Key provided: {_masked(key)}", stored=False)
    if not browser:
        refusal = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise StripeError(403, refusal, stored=False, code="secret_key_required")
    return True


def _masked(key: str) -> str:
    return f"{key[:8]}{'*' * max(0, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "*" * len(key)


def _require_known(params: Params, allowed: frozenset[str]) -> None:
    require_known(params, allowed)
    for name in NESTED.keys() & params.keys():
        if isinstance(params[name], dict):
            unknown = next((key for key in params[name] if key not in NESTED[name]), None)
            if unknown is not None:
                raise invalid(
                    f"Received unknown parameter: {name}[{unknown}]",
                    param=f"{name}[{unknown}]",
                    code="parameter_unknown",
                )


def _run(handler: Handler, call: Call, where: Origin) -> tuple[answers.Answer, bool]:
    if request.method == "GET":
        return _read(handler, call, where), False
    key = where.idempotency_key
    if not key:
        return _write(handler, call, where, None), False
    if len(key) > LONGEST_KEY:
        raise invalid(f"Idempotency keys have at most {LONGEST_KEY} characters.")
    kept = _claim(key, call, where)
    if kept is not None:
        return kept, True
    try:
        return _write(handler, call, where, key), False
    except StripeError as error:
        with simulator().store.write() as tx:
            if error.stored:
                answers.keep(tx, "stripe", key, answers.Answer(error.status, error.body))
            else:
                answers.release(tx, "stripe", key)
        raise
    except Exception:
        with simulator().store.write() as tx:
            answers.release(tx, "stripe", key)
        raise


def _claim(key: str, call: Call, where: Origin) -> answers.Answer | None:
    digest = answers.digest_of(request.method, request.path, call.params)
    try:
        with simulator().store.write(where) as tx:
            return answers.claim(tx, "stripe", key, digest, kept_seconds=KEPT_SECONDS)
    except answers.KeyMismatch:
        refusal = (
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
        raise StripeError(400, refusal, type="idempotency_error", stored=False) from None
    except answers.KeyInUse:
        refusal = f"There is currently another in-progress request using this Idempotent Key ({key})."
        raise StripeError(409, refusal, code="idempotency_key_in_use", stored=False) from None


def _write(handler: Handler, call: Call, where: Origin, key: str | None) -> answers.Answer:
    faults.linger("stripe")
    with simulator().store.write(where) as tx:
        tasks.run_due(tx)
        answer = _perform(handler, call, tx)
        if key:
            answers.keep(tx, "stripe", key, answer)
    return answer


def _read(handler: Handler, call: Call, where: Origin) -> answers.Answer:
    with simulator().store.read(where) as tx:
        due = tasks.is_due(tx)
    if due:
        with simulator().store.write(where) as tx:
            tasks.run_due(tx)
    with simulator().store.read(where) as tx:
        return _perform(handler, call, tx)


def _perform(handler: Handler, call: Call, tx: Transaction) -> answers.Answer:
    try:
        body = shown(handler(tx, call))
    except Declined as declined:
        return answers.Answer(402, declined.body)
    if call.from_browser:
        return answers.Answer(200, _for_browser(body))
    for path in call.params.items_of("expand"):
        _expand(tx, body, path.split("."), path)
    return answers.Answer(200, body)


def _for_browser(body: dict) -> dict:
    seen = {key: value for key, value in body.items() if key in BROWSER_FIELDS}
    for key in ("last_payment_error", "last_setup_error"):
        if seen.get(key):
            seen[key] = _spoken(seen[key])
    return seen


def _spoken(error: dict) -> dict:
    """Browsers show what we say, so we say it in their language."""
    return error | {"message": message(error, language())}


def _expand(tx: Transaction, body, path: list[str], whole: str) -> None:
    """Puts objects in the place of their ids, in every item of a list."""
    if isinstance(body, list):
        for item in body:
            _expand(tx, item, path, whole)
        return
    name, *rest = path
    if not isinstance(body, dict) or name not in body or name not in EXPANDABLE:
        raise invalid(f"This property cannot be expanded ({whole}).", param="expand")
    if isinstance(body[name], str):
        body[name] = shown(tx.get(body[name]))
    if rest and body[name] is not None:
        _expand(tx, body[name], rest, whole)


def _respond(answer: answers.Answer, where: Origin, *, replayed: bool = False) -> Response:
    response = jsonify(answer.body)
    response.status_code = answer.status
    response.headers["Request-Id"] = where.request_id or ""
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", STRIPE_VERSION)
    response.headers["Cache-Control"] = "no-cache, no-store"
    if where.idempotency_key:
        response.headers["Idempotency-Key"] = where.idempotency_key
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    if browser_may_call():
        response.headers["Access-Control-Allow-Origin"] = "*"
    if answer.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="Stripe"'
    return response


def browser_may_call() -> bool:
    """A publishable key opens only what a page may see, so pages of any origin may ask with it."""
    return request.values.get("key") == simulator().settings.stripe_publishable_key


def http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status in (404, 405):
        refusal = error_body(f"Unrecognized request URL ({request.method}: {request.path}).")
        return _respond(answers.Answer(404, refusal), origin())
    kind = "api_error" if status >= 500 else "invalid_request_error"
    return _respond(answers.Answer(status, error_body(error.description or error.name, type=kind)), origin())
