"""An amount held on a customer's card: asked for, and taken, from a ticket. HTTP in, a dialog or the news out."""

from flask import request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.answers import dialog, done, refused
from shop.admin.money import read_amount
from shop.extensions import db
from shop.filters import money as in_words
from shop.models.errors import Invalid, ProviderDown, ProviderRefused
from shop.models.money import plain_money
from shop.models.payment import Payment, PaymentState, Purpose
from shop.services import payment_view, repairs
from shop.services.payments import attempts, held


class HeldActs:
    """Part of the screen of repairs: what is held for us at a customer's bank."""

    @expose("/<string:number>/hold", methods=["GET", "POST"])
    @requires("payment.take")
    def hold_amount(self, number: str):
        if request.method == "GET":
            return _hold_form(repairs.get_workable(number))
        repair = repairs.lock_repair(number)
        try:
            payment = held.ask_to_hold(repair, read_amount("amount", repair.currency), actor=current_user.actor)
        except Invalid as error:
            return refused(_hold_form, number, faults=error.fields, status=422)
        amount, has_email = in_words(payment.amount, payment.currency), bool(repair.customer.email)
        db.session.commit()
        if has_email:
            return done(number, _("The customer is asked by e-mail to let %(amount)s be held", amount=amount))
        return done(number, _("The customer can let %(amount)s be held: send them the link", amount=amount))

    @expose("/<string:number>/payments/<row_id:payment_id>/take", methods=["GET", "POST"])
    @requires("payment.take")
    def take_held(self, number: str, payment_id: int):
        repair = repairs.get_workable(number)
        payment = payment_view.get_payment_of(repair, payment_id)
        if request.method == "GET":
            return _take_form(repair, payment_id=payment_id)
        amount = read_amount("amount", payment.currency)
        db.session.rollback()
        try:
            held.request_take(payment_id, amount, actor=current_user.actor)
            db.session.commit()
            payment = attempts.capture_payment(payment_id, amount=amount)
            words = outcome(payment)
            db.session.commit()
        except Invalid as error:
            return refused(_take_form, number, payment_id=payment_id, faults=error.fields, status=422)
        except (ProviderDown, ProviderRefused) as error:
            faults = {"payment": error.message}
            return refused(_take_form, number, payment_id=payment_id, faults=faults, status=422)
        return done(number, words)


def outcome(payment: Payment) -> str:
    """What came of taking or letting go."""
    if payment.state == PaymentState.PAID:
        return _("%(amount)s taken", amount=in_words(payment.captured, payment.currency))
    if payment.state == PaymentState.CANCELLED and payment.failure_code == "expired":
        return _("Nothing was taken: the bank has let go of the amount. Ask the customer again.")
    if payment.state == PaymentState.CANCELLED:
        return _("Let go: nothing was taken.")
    return _("Nothing was taken yet: look at the payment.")


def pay_link(repair) -> str:
    """Where the customer agrees."""
    return url_for("public.pay", token=repair.tracking_token, _external=True)


def _hold_form(repair, *, faults=None):
    most = attempts.amount_due(repair, Purpose.BALANCE)
    amount = request.form.get("amount") or plain_money(most, repair.currency)
    return dialog(
        "admin/money/hold.html", "hold_form", title=_("Hold an amount for %(number)s", number=repair.number),
        repair=repair, most=most, faults=faults or {}, amount=amount,
    )  # fmt: skip


def _take_form(repair, *, payment_id: int, faults=None):
    payment = payment_view.get_payment_of(repair, payment_id)
    most = held.takeable(payment)
    return dialog(
        "admin/money/take.html", "take_form", title=_("Take what is held for %(number)s", number=repair.number),
        repair=repair, payment=payment, most=most, faults=faults or {},
        amount=request.form.get("amount") or plain_money(most, payment.currency),
    )  # fmt: skip
