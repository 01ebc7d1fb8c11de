"""Pay what is asked for a repair, by its private link; and the way back from a provider."""

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from markupsafe import Markup

from shop import checkout, database
from shop.extensions import db, limiter
from shop.models.errors import Invalid
from shop.models.payment import PaymentState, Purpose
from shop.models.repair import Repair
from shop.public.blueprint import bp
from shop.services import booking_payments, drafts, pix, qr_codes, tracking
from shop.services.payments import attempts, held
from shop.services.payments.settle import settle

# All that is owed, where the shop asks only to hold something.
_ALL = {"pay": "all"}
_limit = limiter.limit("20 per minute; 120 per hour", methods=["POST"])


@bp.get("/track/<token>/pay")
def pay(token: str):
    """What is asked for; with `pay=all` all that is owed, where the shop asks only to hold something."""
    repair, choice = tracking.get_tracked(token), _choice()
    if repair.tracking_token != token:
        return redirect(url_for("public.pay", token=repair.tracking_token, **choice), 303)
    return checkout.page(
        repair, template="public/pay.html", back_url=url_for("public.track", token=token), holds=not choice,
        pay_url=lambda provider: url_for("public.begin_payment", token=token, provider=provider, **choice),
        pix=_pix_of(repair, holds=not choice),
    )  # fmt: skip


def _choice() -> dict[str, str]:
    return _ALL if request.args.get("pay") == "all" else {}


def _pix_of(repair: Repair, *, holds: bool) -> dict | None:
    """All that is owed as a code. Not for a place that is kept for minutes: people see a Pix when they look."""
    receiver, (_purpose, amount) = pix.find_receiver(repair), booking_payments.asked_now(repair, holds=holds)
    if receiver is None or not amount or booking_payments.is_held(repair.id):
        return None
    code = receiver.code(repair, amount)
    return {"receiver": receiver, "code": code, "drawing": Markup(qr_codes.payment_svg(code))}  # noqa: S704 - drawn here


@bp.post("/track/<token>/pay/<any(stripe, paypal):provider>")
@_limit
def begin_payment(token: str, provider: str):
    tracking.get_tracked(token)
    try:
        return checkout.begin(token, provider, holds=not _choice())
    except (Invalid, *checkout.TROUBLE) as error:
        db.session.rollback()
        flash(error.message, "error")
        return redirect(url_for("public.pay", token=token, **_choice()), 303)


@bp.get("/track/<token>/pay/return")
@limiter.limit("30 per minute; 300 per hour")
def payment_return(token: str):
    """Where a provider sends the customer back to: what has become of it is asked, never read from the address."""
    found = attempts.find_payment(token, request.args.get("payment", "")[:64])
    chose_all = found.purpose != Purpose.HOLD and held.find_open(found.repair) is not None
    payment_id, choice = found.id, _ALL if chose_all else {}
    db.session.rollback()
    try:
        # Providers send people back by GET. What is written is what the provider says, however often it is asked.
        with database.writing():
            payment = settle(payment_id)
            held_words = checkout.held_words(payment) if payment.is_held else ""
            is_paid, words = payment.state in (PaymentState.PAID, PaymentState.AUTHORISED), checkout.words_for(payment)
            db.session.commit()
    except checkout.TROUBLE:
        db.session.rollback()
        held_words, is_paid, words = (
            "",
            False,
            gettext("The payment company does not answer. Nothing is lost: look again in a moment."),
        )
    draft = drafts.find_booked(tracking.get_tracked(token).id)
    if not is_paid:
        flash(words, "warning")
        is_in_wizard = draft and booking_payments.is_held(draft.repair_id)
        back = (
            url_for("booking.pay", token=draft.token) if is_in_wizard else url_for("public.pay", token=token, **choice)
        )
        return redirect(back, 303)
    if draft and booking_payments.is_new(draft.repair_id):
        return redirect(url_for("booking.confirmed", token=draft.token), 303)
    flash(held_words or gettext("Thank you: the payment has arrived."), "success")
    return redirect(url_for("public.track", token=token), 303)
