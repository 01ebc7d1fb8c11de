"""Money of one ticket: taken at the counter and given back. HTTP in, a dialog or the news out."""

from flask import flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.answers import dialog, done, refused
from shop.extensions import db, htmx
from shop.filters import money as in_words
from shop.models.cash import likely_tenders
from shop.models.errors import Invalid
from shop.models.money import plain_money, read_money
from shop.models.payment import ONLINE, Provider, Purpose
from shop.services import counter, drawers, payment_view, repairs
from shop.services.payments import attempts, refunds

WAYS = {
    Provider.CASH: _l("Cash"),
    Provider.TERMINAL: _l("Card terminal"),
    Provider.PIX: _l("Pix"),
    Provider.STRIPE: _l("Card online"),
    Provider.PAYPAL: _l("PayPal"),
}


class MoneyActs:
    """Part of the screen of repairs: what the counter does with money."""

    @expose("/<string:number>/pay", methods=["GET", "POST"])
    @requires("payment.take")
    def pay(self, number: str):
        if request.method == "GET":
            return _pay_form(repairs.get_workable(number))
        repair, form = repairs.lock_repair(number), request.form
        try:
            taken = counter.take(
                repair, read_amount("amount", repair.currency), provider=form.get("provider", ""),
                tendered=read_amount("tendered", repair.currency, needed=False), slip=form.get("slip", ""),
                end_to_end=form.get("end_to_end", ""), actor=current_user.actor,
            )  # fmt: skip
        except Invalid as error:
            return refused(_pay_form, number, faults=error.fields, status=422)
        db.session.commit()
        return _taken(repair, taken)

    @expose("/<string:number>/payments/<row_id:payment_id>/refund", methods=["GET", "POST"])
    @requires("payment.refund", sudo=True)
    def refund(self, number: str, payment_id: int):
        if request.method == "GET":
            return _refund_form(repairs.get_workable(number), payment_id=payment_id)
        repair = repairs.lock_repair(number)
        payment = payment_view.lock_payment_of(repair, payment_id)
        try:
            amount, reason = read_amount("amount", payment.currency), request.form.get("reason", "")
            words = _give_back(payment, amount, reason)
        except Invalid as error:
            return refused(_refund_form, number, payment_id=payment_id, faults=error.fields, status=422)
        db.session.commit()
        return done(number, words)


def _give_back(payment, amount: int, reason: str) -> str:
    """At the counter at once; online it is asked for, and the provider says when the money has moved."""
    words = in_words(amount, payment.currency)
    if payment.provider in ONLINE:
        refunds.request_refund(payment.id, amount, reason, actor=current_user.actor)
        return _("%(amount)s are on the way back", amount=words)
    counter.give_back(payment, amount, reason=reason, actor=current_user.actor)
    return _("%(amount)s given back", amount=words)


def _taken(repair, taken: counter.Taken):
    """The change stands there until somebody has counted it out; without a script it is on the ticket's page."""
    amount = in_words(taken.payment.amount, repair.currency)
    if not taken.change:
        return done(repair.number, _("%(amount)s taken", amount=amount))
    words = _("%(amount)s taken. Change: %(change)s", amount=amount, change=in_words(taken.change, repair.currency))
    if not htmx:
        flash(words, "success")
        return redirect(url_for("repairs.ticket", number=repair.number), 303)
    return dialog(
        "admin/money/change.html", "change", title=_("Change"), repair=repair, change=taken.change,
        tendered=taken.payment.tendered, taken=taken,
    )  # fmt: skip


def _pay_form(repair, *, faults=None):
    balance, elsewhere = payment_view.of_repair(repair).balance, payment_view.elsewhere(repair)
    typed, left = request.form, attempts.amount_due(repair, Purpose.BALANCE)
    # All of it may come another way: then an amount is typed by whoever knows better.
    amount = typed.get("amount") or (plain_money(left, repair.currency) if left or balance.owed <= 0 else "")
    return dialog(
        "admin/money/pay.html", "pay_form", title=_("Take a payment for %(number)s", number=repair.number),
        repair=repair, balance=balance, elsewhere=elsewhere, left=left, faults=faults or {}, amount=amount,
        tendered=typed.get("tendered", ""), slip=typed.get("slip", ""), provider=typed.get("provider", Provider.CASH),
        ways=WAYS, end_to_end=typed.get("end_to_end", ""), offered=counter.ways_to_take(repair),
        is_open=drawers.find_in_use(repair.location_id) is not None,
        tenders=[plain_money(sum_, repair.currency) for sum_ in likely_tenders(left, repair.currency)] if left else [],
    )  # fmt: skip


def _refund_form(repair, *, payment_id: int, faults=None):
    payment = payment_view.get_payment_of(repair, payment_id)
    left = refunds.refundable(payment)
    return dialog(
        "admin/money/refund.html", "refund_form", title=_("Give back on %(number)s", number=repair.number),
        repair=repair, payment=payment, left=left, ways=WAYS, faults=faults or {},
        amount=request.form.get("amount") or plain_money(left, payment.currency), reason=request.form.get("reason", ""),
    )  # fmt: skip


def read_amount(field: str, currency: str, *, needed: bool = True) -> int | None:
    """Minor units; 0 stands for what is no amount, which is refused with the field's own words."""
    typed = request.form.get(field, "").strip()
    if not typed and not needed:
        return None
    value = read_money(typed, currency)
    return 0 if value is None else value
