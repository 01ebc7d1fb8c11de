"""More work on one ticket: offered, answered, charged to the kept card. HTTP in, a dialog or the news out."""

from flask import request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.answers import dialog, done, refused
from shop.admin.money import read_amount
from shop.extensions import db
from shop.filters import money as in_words
from shop.models.approval import How
from shop.models.errors import Invalid, ProviderDown, ProviderRefused
from shop.models.payment import PaymentState
from shop.services import approvals, repairs
from shop.services.payments import cards, charges

WAYS = {How.PHONE: _l("By phone"), How.IN_SHOP: _l("In the shop")}

_OFFERED_BY_LINK = _l("Offered: the customer sees it on the private page. There is no e-mail: send the link.")


class WorkActs:
    """Part of the screen of repairs: what the customer is asked beyond the first price."""

    @expose("/<string:number>/offers", methods=["GET", "POST"])
    @requires("work.offer")
    def offer_work(self, number: str):
        if request.method == "GET":
            return _offer_form(repairs.get_workable(number))
        repair = repairs.lock_repair(number)
        try:
            amount = read_amount("amount", repair.currency)
            approvals.offer_work(repair, request.form.get("text", ""), amount, actor=current_user.actor)
        except Invalid as error:
            return refused(_offer_form, number, faults=error.fields, status=422)
        has_email = bool(repair.customer.email)
        db.session.commit()
        return done(number, _("Offered: the customer gets an e-mail") if has_email else _OFFERED_BY_LINK)

    @expose("/<string:number>/offers/<row_id:approval_id>/answer", methods=["GET", "POST"])
    @requires("work.decide")
    def answer_offer(self, number: str, approval_id: int):
        if request.method == "GET":
            return _answer_form(repairs.get_workable(number), approval_id=approval_id)
        repair, form = repairs.lock_repair(number), request.form
        approved = form.get("answer") == "yes"
        try:
            approvals.decide(
                repair, approval_id, approved=approved, name=form.get("name", ""), how=form.get("how", ""),
                actor=current_user.actor,
            )  # fmt: skip
        except Invalid as error:
            return refused(_answer_form, number, approval_id=approval_id, faults=error.fields, status=422)
        db.session.commit()
        return done(number, _("Approved: the price is raised") if approved else _("Declined"))

    @expose("/<string:number>/offers/<row_id:approval_id>/withdraw", methods=["GET", "POST"])
    @requires("work.offer")
    def withdraw_offer(self, number: str, approval_id: int):
        if request.method == "GET":
            return _withdraw_form(repairs.get_workable(number), approval_id=approval_id)
        repair = repairs.lock_repair(number)
        try:
            approvals.withdraw(repair, approval_id, actor=current_user.actor)
        except Invalid as error:
            return refused(_withdraw_form, number, approval_id=approval_id, faults=error.fields, status=422)
        db.session.commit()
        return done(number, _("The offer is taken back"))

    @expose("/<string:number>/offers/<row_id:approval_id>/charge", methods=["GET", "POST"])
    @requires("card.charge")
    def charge_card(self, number: str, approval_id: int):
        if request.method == "GET":
            return _charge_form(repairs.get_workable(number), approval_id=approval_id)
        repair = repairs.lock_repair(number)
        approval = approvals.get_approval(repair, approval_id)
        try:
            after = request.form.get("after", 0, type=int)
            payment_id = charges.start_charge(repair, approval, after=after, actor=current_user.actor).id
        except Invalid as error:
            return refused(_charge_form, number, approval_id=approval_id, faults=error.fields, status=422)
        db.session.commit()
        return done(number, _charged(payment_id))

    @expose("/<string:number>/cards/<row_id:card_id>/remove", methods=["GET", "POST"])
    @requires("card.remove")
    def remove_card(self, number: str, card_id: int):
        if request.method == "GET":
            repair = repairs.get_workable(number)
            title = _("Remove the card of %(number)s", number=number)
            return dialog("admin/extra/remove.html", "remove_form", title=title, repair=repair, card_id=card_id)
        cards.remove_card(repairs.lock_repair(number), card_id, actor=current_user.actor)
        db.session.commit()
        return done(number, _("The card is removed"))


def _charged(payment_id: int) -> str:
    """A job goes on where Stripe does not answer now."""
    try:
        payment = charges.charge_payment(payment_id)
        words = charge_words(payment)
        db.session.commit()
    except (ProviderDown, ProviderRefused):
        db.session.rollback()
        words = _("Stripe does not answer. The charge is asked for again by itself: do not take the money another way.")
    return words


def charge_words(payment) -> str:
    amount = in_words(payment.amount, payment.currency)
    if payment.state == PaymentState.PAID:
        return _("%(amount)s taken from the card", amount=amount)
    if payment.failure_code == "authentication_required":
        if not payment.repair.customer.email:
            return _("The bank wants to ask the customer. There is no e-mail: send them the link to pay.")
        return _("The bank wants to ask the customer. They get an e-mail with a link to pay.")
    if payment.state == PaymentState.FAILED and payment.provider_ref is None:
        return _("The card could not be charged, nothing was taken: %(why)s", why=payment.failure_code)
    if payment.state == PaymentState.FAILED:
        return _("The bank refused the card: %(why)s", why=payment.failure_code)
    if payment.state == PaymentState.CANCELLED:
        return _("Given up: nothing was taken from the card")
    return _("The charge of %(amount)s is on its way", amount=amount)


def _offer_form(repair, *, faults=None):
    return dialog(
        "admin/extra/offer.html", "offer_form", title=_("Offer more work on %(number)s", number=repair.number),
        repair=repair, faults=faults or {}, text=request.form.get("text", ""), amount=request.form.get("amount", ""),
    )  # fmt: skip


def _answer_form(repair, *, approval_id: int, faults=None):
    typed = request.form
    return dialog(
        "admin/extra/answer.html", "answer_form", title=_("The customer's answer for %(number)s", number=repair.number),
        repair=repair, approval=approvals.get_approval(repair, approval_id), faults=faults or {}, ways=WAYS,
        name=typed.get("name", repair.customer.name), how=typed.get("how", How.PHONE),
    )  # fmt: skip


def _withdraw_form(repair, *, approval_id: int, faults=None):
    return dialog(
        "admin/extra/withdraw.html", "withdraw_form",
        title=_("Take an offer back from %(number)s", number=repair.number),
        repair=repair, approval=approvals.get_approval(repair, approval_id), faults=faults or {},
    )  # fmt: skip


def _charge_form(repair, *, approval_id: int, faults=None):
    approval = approvals.get_approval(repair, approval_id)
    return dialog(
        "admin/extra/charge.html", "charge_form", title=_("Charge the card of %(number)s", number=repair.number),
        repair=repair, approval=approval, faults=faults or {}, card=cards.find_ready(repair),
        amount=charges.amount_of(repair, approval), after=approval.payment_id or 0,
    )  # fmt: skip
