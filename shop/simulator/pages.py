"""What people see of the two companies: card form, bank's question, PayPal's window. No page needs scripts."""

import hmac
from decimal import Decimal
from urllib.parse import urlencode

from babel.numbers import format_currency
from flask import Blueprint, Response, abort, current_app, redirect, render_template, request
from werkzeug.datastructures import ImmutableMultiDict

from shop.simulator import paypal_orders, stripe_customers, stripe_payments, tasks
from shop.simulator.amounts import minor_of
from shop.simulator.cards import HINTED
from shop.simulator.challenges import answer_challenge
from shop.simulator.runtime import is_home, origin, simulator
from shop.simulator.store import Transaction
from shop.simulator.stripe_errors import StripeError
from shop.simulator.stripe_forms import Params
from shop.simulator.stripe_methods import method_from_form
from shop.simulator.stripe_payments import Declined
from shop.simulator.stripe_values import THREE_DECIMAL, ZERO_DECIMAL
from shop.simulator.words import WORDS, language, message

blueprint = Blueprint("pages", __name__)
FUNDINGS = ("balance", "declined", "echeck", "echeck_bounces")


@blueprint.get("/stripe.js")
@blueprint.get("/v3/", strict_slashes=False)
def stripe_script() -> Response:
    return current_app.send_static_file("stripe.js")


@blueprint.get("/sdk/js")
def paypal_script() -> Response:
    return current_app.send_static_file("paypal.js")


@blueprint.get("/elements/payment")
def element() -> str:
    """The card form that stripe.js puts into the shop's page."""
    secret, key = request.args.get("client_secret", ""), request.args.get("key", "")
    with simulator().store.read() as tx:
        intent = _intent(tx, secret.partition("_secret_")[0], secret)
    return _page("element.html", intent=intent, key=key, base=request.script_root, form=_empty_form(), cards=_cards())


@blueprint.get("/pay/<intent_id>")
def pay_form(intent_id: str) -> str:
    """A page of its own for those whose browser runs no scripts."""
    return_url = _checked_return_url()
    with simulator().store.read() as tx:
        intent = _intent(tx, intent_id, request.args.get("client_secret", ""))
    return (
        _pay_page(intent, return_url)
        if intent["status"] in stripe_payments.CONFIRMABLE
        else _closed(intent, return_url)
    )


@blueprint.post("/pay/<intent_id>")
def pay(intent_id: str):
    return_url = _checked_return_url()
    if "fill" in request.form:
        return _filled(intent_id, return_url)
    try:
        with simulator().store.write(origin()) as tx:
            intent = _intent(tx, intent_id, request.form.get("client_secret", ""))
            intent = _confirm(tx, intent, return_url)
    except StripeError as refusal:
        with simulator().store.read() as tx:
            intent = _intent(tx, intent_id, request.form.get("client_secret", ""))
        if intent["status"] not in stripe_payments.CONFIRMABLE:
            return _closed(intent, return_url), 409
        return _pay_page(intent, return_url, error=message(refusal.body["error"], language())), 422
    if (error := _error_of(intent)) is not None:
        return _pay_page(intent, return_url, error=message(error, language())), 422
    if intent["status"] == "requires_action":
        return redirect(f"{intent['next_action']['redirect_to_url']['url']}&locale={language()}", 303)
    return redirect(_returning(return_url, intent), 303)


@blueprint.get("/challenge/<intent_id>")
def challenge(intent_id: str) -> str | tuple[str, int]:
    """The bank's question."""
    with simulator().store.read() as tx:
        intent = _intent(tx, intent_id, request.args.get("client_secret", ""))
    if intent["status"] != "requires_action":
        return _closed(intent, ""), 409
    amount = _amount(intent["amount"], intent["currency"]) if "amount" in intent else ""
    return _page("challenge.html", intent=intent, amount=amount, embedded=request.args.get("embedded"))


@blueprint.post("/challenge/<intent_id>")
def answer(intent_id: str):
    with simulator().store.write(origin()) as tx:
        intent = _intent(tx, intent_id, request.form.get("client_secret", ""))
        return_url = intent.get("_return_url") or ""
        intent = answer_challenge(tx, intent, succeeded=request.form.get("result") == "complete")
    if request.form.get("embedded"):
        return _page("done.html", title=WORDS[language()]["done"], tells={"from": "stripe-challenge"})
    if return_url:
        return redirect(_returning(return_url, intent), 303)
    return _page("done.html", title=WORDS[language()]["done"], tells={})


@blueprint.get("/checkoutnow")
def approve_form() -> str | tuple[str, int]:
    """PayPal's window."""
    with simulator().store.read() as tx:
        order = tx.find(request.args.get("token", ""), "paypal_order") or abort(404)
    if order["status"] not in (*paypal_orders.OPEN, "APPROVED"):
        words = WORDS[language()]
        return _page(
            "done.html", title=words["paypal"], text=words["not_open"], tells={}, back=order["_return_url"]
        ), 409
    unit = order["purchase_units"][0]
    total = sum(minor_of(unit["amount"]) for unit in order["purchase_units"])
    amount = _amount(total, unit["amount"]["currency_code"])
    brand = order["_brand"] or "RevivaTech"
    popup = request.args.get("popup")
    return _page("approve.html", order=order, amount=amount, brand=brand, popup=popup, fundings=FUNDINGS)


@blueprint.post("/checkoutnow")
def decide():
    approved = request.form.get("decision") == "approve"
    funding = request.form.get("funding", "balance")
    with simulator().store.write(origin()) as tx:
        tasks.run_due(tx)
        order = tx.find(request.form.get("token", ""), "paypal_order") or abort(404)
        if approved:
            paypal_orders.approve(tx, order, funding=funding if funding in FUNDINGS else "balance")
    payer = paypal_orders.PAYER["payer_id"]
    words = WORDS[language()]
    title = words["approved" if approved else "cancelled"]
    if request.form.get("popup"):
        decision = "approve" if approved else "cancel"
        return _page(
            "done.html",
            title=title,
            tells={"from": "paypal", "decision": decision, "order": order["id"], "payer": payer},
        )
    url = order["_return_url"] if approved else order["_cancel_url"]
    if not url:
        return _page("done.html", title=title, tells={})
    return redirect(_with(url, token=order["id"], **({"PayerID": payer} if approved else {})), 303)


@blueprint.get("/receipts/<charge_id>")
def receipt(charge_id: str) -> str:
    with simulator().store.read() as tx:
        charge = tx.find(charge_id, "charge") or abort(404)
    words = WORDS[language()]
    text = f"{words['paid']}: {_amount(charge['amount_captured'], charge['currency'])}"
    return _page("done.html", title=words["receipt"], text=text, tells={})


def not_found() -> tuple[str, int]:
    words = WORDS[language()]
    return _page("done.html", title=words["not_found"], tells={}), 404


def _confirm(tx: Transaction, intent: dict, return_url: str) -> dict:
    """The intent as it is then: paid, declined, or asking the bank."""
    tasks.run_due(tx)
    if intent["object"] == "payment_intent":
        stripe_payments.require_status(intent, *stripe_payments.CONFIRMABLE, done="confirmed")
    month, _, year = request.form.get("expiry", "").replace(" ", "").partition("/")
    card = {
        "number": request.form.get("number", ""),
        "cvc": request.form.get("cvc", ""),
        "exp_month": month,
        "exp_year": year,
    }
    fields = Params({"type": "card", "card": card, "billing_details": {"name": request.form.get("holder", "")[:100]}})
    method = method_from_form(tx, fields, from_browser=True)
    try:
        if intent["object"] == "setup_intent":
            return stripe_customers.confirm(tx, intent, method=method, return_url=return_url)
        return stripe_payments.confirm(tx, intent, method=method, off_session=False, return_url=return_url)
    except Declined:
        return tx.get(intent["id"])


def _error_of(intent: dict) -> dict | None:
    return intent["last_setup_error" if intent["object"] == "setup_intent" else "last_payment_error"]


def _intent(tx: Transaction, intent_id: str, secret: str) -> dict:
    """404 for an unknown one and for a wrong secret alike."""
    intent = tx.find(intent_id, "payment_intent", "setup_intent")
    if intent is None or not hmac.compare_digest(intent["client_secret"].encode(), secret.encode()):
        abort(404)
    return intent


def _checked_return_url() -> str:
    url = request.values.get("return_url", "")
    return url if is_home(url) else abort(400)


def _returning(url: str, intent: dict) -> str:
    kind = intent["object"]
    paid = intent["status"] in ("succeeded", "requires_capture")
    state = "succeeded" if paid else "processing" if intent["status"] == "processing" else "failed"
    secret = {f"{kind}_client_secret": intent["client_secret"]}
    return _with(url, **{kind: intent["id"]}, **secret, redirect_status=state)


def _with(url: str, **arguments: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(arguments)}"


def _filled(intent_id: str, return_url: str) -> str:
    """The form with a test card in it, for browsers without scripts."""
    with simulator().store.read() as tx:
        intent = _intent(tx, intent_id, request.form.get("client_secret", ""))
    number = "".join(filter(str.isdigit, request.form["fill"]))[:19]
    card = {"number": number, "expiry": "12 / 34", "cvc": "123", "holder": request.form.get("holder", "")}
    return _pay_page(intent, return_url, form=ImmutableMultiDict(card))


def _pay_page(intent: dict, return_url: str, *, error: str = "", form: ImmutableMultiDict | None = None) -> str:
    form = form or (request.form if error else _empty_form())
    amount = _amount(intent["amount"], intent["currency"]) if "amount" in intent else ""
    return _page(
        "pay.html", intent=intent, return_url=return_url, error=error, form=form, cards=_cards(), amount=amount
    )


def _closed(intent: dict, return_url: str) -> str:
    words = WORDS[language()]
    back = _returning(return_url, intent) if return_url else ""
    return _page("done.html", title=words["not_open"], text=" ", tells={}, back=back)


def _page(template: str, **values) -> str:
    spoken = language()
    theme = request.args.get("theme", "")
    theme = theme if theme in ("light", "dark") else ""
    return render_template(template, w=WORDS[spoken], language=spoken, theme=theme, **values)


def _empty_form() -> ImmutableMultiDict:
    return ImmutableMultiDict({"number": "", "expiry": "", "cvc": "", "holder": ""})


def _cards() -> list[dict]:
    return [
        {
            "number": card.number,
            "hint": card.hint,
            "spaced": " ".join(card.number[at : at + 4] for at in range(0, 16, 4)),
        }
        for card in HINTED
    ]


def _amount(minor: int, currency: str) -> str:
    digits = 0 if currency.lower() in ZERO_DECIMAL else 3 if currency.lower() in THREE_DECIMAL else 2
    value = Decimal(minor).scaleb(-digits)
    return format_currency(value, currency.upper(), locale=language().replace("-", "_"))
