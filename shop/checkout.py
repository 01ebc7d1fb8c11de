"""Paying online as pages, for the wizard and for whoever has a private link: scripts, headers, words."""

from urllib.parse import urlencode

from flask import make_response, redirect, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from shop.extensions import db
from shop.filters import money as in_words
from shop.models.actor import CUSTOMER
from shop.models.errors import Invalid, ProviderDown, ProviderRefused
from shop.models.payment import Payment, PaymentState, Provider, Purpose
from shop.models.repair import Repair
from shop.models.stored_card import CardState, StoredCard
from shop.security import CONTENT_SECURITY_POLICY
from shop.services import booking_payments
from shop.services.payments import attempts, breaker, cards, held, keys
from shop.services.payments.settle import BANK_ASKS

STRIPE_JS, PAYPAL_JS = "https://js.stripe.com/dahlia/stripe.js", "https://www.paypal.com/sdk/js"
# What each provider's own script needs, by its published guide; nothing of it where a provider is simulated.
_SOURCES = {
    Provider.STRIPE: {
        "script-src": "https://js.stripe.com https://*.js.stripe.com",
        "frame-src": "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
        "connect-src": "https://api.stripe.com",
        "img-src": "https://*.stripe.com",
    },
    Provider.PAYPAL: {
        "script-src": "https://*.paypal.com https://*.paypalobjects.com",
        "frame-src": "https://*.paypal.com",
        "connect-src": "https://*.paypal.com https://*.paypalobjects.com",
        "img-src": "https://*.paypal.com https://*.paypalobjects.com",
    },
}
_WHY = {
    "insufficient_funds": _l("The bank says that there is not enough money on the card. Use another one, or PayPal."),
    "expired_card": _l("The card has expired. Use another one."),
    "incorrect_cvc": _l("The security code was wrong. Type it again."),
    "authentication_required": _l("Your bank wants to ask you. Try again and answer its question."),
    "payment_intent_authentication_failure": _l(
        "Your bank could not make sure that it is you. Try again, or pay another way."
    ),
    "INSTRUMENT_DECLINED": _l("PayPal could not take the money. Choose another way to pay there."),
}
_WHY_CARD = {
    "setup_intent_authentication_failure": _l(
        "Your bank could not make sure that it is you. Try again, or use another card."
    ),
    "expired_card": _WHY["expired_card"],
    "incorrect_cvc": _WHY["incorrect_cvc"],
}


def page(repair: Repair, *, template: str, pay_url, back_url: str, holds: bool = True, **context):
    """The page on which a repair is paid online; `pay_url(provider)` is where a form without a script goes."""
    settings = keys.in_use()
    purpose, amount = booking_payments.asked_now(repair, holds=holds)
    providers = settings.online_providers if amount else ()
    asked = held.find_open(repair)
    if purpose == Purpose.HOLD:
        providers = tuple(one for one in providers if one == Provider.STRIPE)
    html = render_template(
        template, repair=repair, purpose=purpose, amount=amount, providers=providers, pay_url=pay_url,
        back_url=back_url, is_test=not settings.ENABLE_REAL_PAYMENTS, scripts=_scripts(providers, repair.currency),
        held=asked if asked is not None and asked.is_held else None,
        held_until=held.ends_at_latest(asked) if asked is not None else None,
        stripe_key=settings.STRIPE_PUBLISHABLE_KEY, needs_script=_needs_script(providers),
        silent=[one for one in providers if breaker.is_silent(one)], **context,
    )  # fmt: skip
    return _dressed(html, providers)


def card_page(repair: Repair, *, back_url: str):
    """The page on which a card is kept for work to be approved, and taken back."""
    settings = keys.in_use()
    providers = (Provider.STRIPE,) if cards.is_offered(repair) else ()
    html = render_template(
        "public/card.html", repair=repair, providers=providers, back_url=back_url, card=cards.find_ready(repair),
        is_test=not settings.ENABLE_REAL_PAYMENTS, scripts=_scripts(providers, repair.currency),
        stripe_key=settings.STRIPE_PUBLISHABLE_KEY, needs_script=_needs_script(providers),
    )  # fmt: skip
    return _dressed(html, providers)


def _dressed(html: str, providers):
    response = make_response(html)
    response.headers["Content-Security-Policy"] = _policy(providers)
    # PayPal's window must be able to speak to the page that opened it.
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def begin(token: str, provider: str, *, holds: bool = True):
    """Begins a payment without a script: to the provider's own page. Raises NotFound, and Invalid where it has none."""
    if _needs_script((provider,)):
        raise Invalid({"provider": _("Paying by card needs JavaScript.")})
    repair = attempts.lock_by_token(token)
    purpose, _amount = booking_payments.asked_now(repair, holds=holds)
    payment_id = attempts.start_payment(repair, provider, purpose, actor=CUSTOMER).id
    db.session.commit()
    opened = attempts.open_payment(payment_id)
    db.session.commit()
    return redirect(_hosted(opened), 303)


def held_words(payment: Payment) -> str:
    """What the customer is told of an amount that their bank holds for us."""
    amount = in_words(payment.amount, payment.currency)
    return _("Thank you: %(amount)s are held on your card. Nothing was taken yet.", amount=amount)


def card_steps(opened: cards.Opened) -> dict[str, str]:
    """How the customer goes on with a card that they agreed to keep; without `next_url` only by a script."""
    card, settings = opened.card, keys.in_use()
    back = f"{settings.BASE_URL}/track/{card.repair.tracking_token}/card/return?card={card.key}"
    if card.state == CardState.READY:
        return {"return_url": back, "next_url": back}
    steps = {"client_secret": opened.client_secret, "return_url": back}
    if not _needs_script((Provider.STRIPE,)):
        steps["next_url"] = f"{settings.BASE_URL}/simulator/pay/{card.setup_ref}?{urlencode(steps)}"
    return steps


def words_for_card(card: StoredCard) -> str:
    if card.state == CardState.READY:
        return _("Your card ending %(last4)s is kept. It is charged only for work that you approve.", last4=card.last4)
    if card.state == CardState.FAILED:
        return str(
            _WHY_CARD.get(card.failure_code) or _("Your bank refused this card. Nothing was taken: use another one.")
        )
    return _("The card was not kept. Nothing was taken.")


def words_for_charge(payment: Payment) -> tuple[str, str]:
    """What the customer is told of a charge of the kept card, and of which kind it is."""
    if payment.state == PaymentState.PAID:
        return _("Your card was charged %(amount)s.", amount=in_words(payment.captured, payment.currency)), "success"
    if payment.failure_code == BANK_ASKS:
        return _("Your bank wants to ask you. Choose Pay online, and answer it there."), "warning"
    if payment.state == PaymentState.FAILED:
        return _("Your card was declined. Nothing was taken: pay online with another one, or in the shop."), "warning"
    return words_for(payment), "warning"


def words_for(payment: Payment) -> str:
    """What the customer is told of an attempt that is not paid."""
    if payment.state == PaymentState.FAILED:
        return str(
            _WHY.get(payment.failure_code) or _("The payment was declined. Nothing was taken: use another card or way.")
        )
    if payment.state == PaymentState.PROCESSING:
        return _("The payment is on its way. We confirm by e-mail as soon as it has arrived; you need not pay again.")
    return _("The payment was not finished. Nothing was taken.")


TROUBLE = (ProviderDown, ProviderRefused)


def _hosted(opened: attempts.Opened) -> str:
    payment, settings = opened.payment, keys.in_use()
    if payment.provider == Provider.STRIPE:
        # Only the simulator has a card form of its own: the real one is a script's.
        back = attempts.return_url(payment.repair.tracking_token, payment.key)
        asked = urlencode({"client_secret": opened.snapshot.client_secret, "return_url": back})
        return f"{settings.BASE_URL}/simulator/pay/{opened.snapshot.ref}?{asked}"
    return opened.snapshot.next_url


def _needs_script(providers) -> frozenset[str]:
    """Providers that cannot be paid with without a script."""
    simulated = keys.in_use().simulated
    return frozenset(one for one in providers if one == Provider.STRIPE and one not in simulated)


def _scripts(providers, currency: str) -> list[str]:
    settings, found = keys.in_use(), []
    asked = f"?client-id={settings.PAYPAL_CLIENT_ID}&currency={currency}&intent=capture&components=buttons"
    for provider in providers:
        if provider == Provider.STRIPE:
            found.append("/simulator/stripe.js" if provider in settings.simulated else STRIPE_JS)
        else:
            found.append(("/simulator/sdk/js" if provider in settings.simulated else PAYPAL_JS) + asked)
    return found


def _policy(providers) -> str:
    """The policy of all pages, and beside it what the scripts of real providers need."""
    real = [one for one in providers if one not in keys.in_use().simulated]
    directives = []
    for directive in CONTENT_SECURITY_POLICY.split("; "):
        name = directive.split(" ", 1)[0]
        directives.append(" ".join([directive, *(_SOURCES[one][name] for one in real if name in _SOURCES[one])]))
    return "; ".join(directives)
