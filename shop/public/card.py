"""Keep a card ready for work to be approved, by a repair's private link; the way back from the bank; take it back."""

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import gettext

from shop import checkout, database, once
from shop.extensions import db, limiter
from shop.models.actor import CUSTOMER
from shop.models.approval import How
from shop.models.errors import Invalid
from shop.models.stored_card import CardState
from shop.public.blueprint import bp
from shop.services import approvals, tracking
from shop.services.payments import cards, charges

_limit = limiter.limit("20 per minute; 120 per hour", methods=["POST"])


@bp.get("/track/<token>/card")
def card(token: str):
    repair = tracking.get_tracked(token)
    if repair.tracking_token != token:
        return redirect(url_for("public.card", token=repair.tracking_token), 303)
    return checkout.card_page(repair, back_url=url_for("public.track", token=token))


@bp.post("/track/<token>/card")
@_limit
def keep_card(token: str):
    """The customer agrees; the page's script is told how to go on, a plain form is led to the provider's own page."""
    wants_json = request.accept_mimetypes.best == "application/json"
    # The answer holds what nobody keeps; asked again, Stripe shows the same place for the card.
    once.let_repeat()
    try:
        repair = tracking.lock_tracked(token)
        card_id = cards.start_card(repair).id
        db.session.commit()
        opened = cards.open_card(card_id)
        db.session.commit()
        go_on = checkout.card_steps(opened)
    except (Invalid, *checkout.TROUBLE) as error:
        db.session.rollback()
        if wants_json:
            return jsonify(detail=error.message), 422
        flash(error.message, "error")
        return redirect(url_for("public.card", token=token), 303)
    if wants_json:
        return jsonify(go_on)
    if "next_url" not in go_on:
        flash(gettext("Keeping a card needs JavaScript."), "error")
    return redirect(go_on.get("next_url") or url_for("public.card", token=token), 303)


@bp.get("/track/<token>/card/return")
@limiter.limit("30 per minute; 300 per hour")
def card_return(token: str):
    """Where the bank's question ends: what has become of the card is asked, never read from the address."""
    repair = tracking.get_tracked(token)
    token, card_id = repair.tracking_token, cards.find_card(repair, request.args.get("card", "")[:64]).id
    db.session.rollback()
    try:
        # People are sent back by GET. What is written is what Stripe says, however often it is asked.
        with database.writing():
            kept = cards.settle_card(card_id)
            is_kept, words = kept.state == CardState.READY, checkout.words_for_card(kept)
            db.session.commit()
    except checkout.TROUBLE as error:
        db.session.rollback()
        is_kept, words = False, error.message
    flash(words, "success" if is_kept else "warning")
    return redirect(url_for("public.track" if is_kept else "public.card", token=token), 303)


@bp.post("/track/<token>/card/<key>/remove")
@_limit
def remove_card(token: str, key: str):
    repair = tracking.lock_tracked(token)
    cards.remove_card(repair, cards.find_card(repair, key).id, actor=CUSTOMER)
    db.session.commit()
    flash(gettext("The card is removed: it is not charged any more."), "success")
    return redirect(url_for("public.card", token=repair.tracking_token), 303)


@bp.post("/track/<token>/offers/<row_id:approval_id>")
@_limit
def answer_offer(token: str, approval_id: int):
    """Yes or no to more work, and with a yes, if it is wished, its money from the kept card."""
    repair, form, payment_id = tracking.lock_tracked(token), request.form, None
    back = redirect(url_for("public.track", token=repair.tracking_token), 303)
    approved = form.get("answer") == "approve"
    try:
        approval = approvals.decide(
            repair, approval_id, approved=approved, name=form.get("name", ""), how=How.LINK, actor=CUSTOMER
        )
    except Invalid as error:
        db.session.rollback()
        flash(error.message, "error")
        return back
    if approved and form.get("charge") == "1":
        payment_id = _begun(repair, approval)
    db.session.commit()
    thanks = gettext("Thank you: we do it.") if approved else gettext("Thank you: we leave it as it is.")
    flash(thanks, "success")
    if payment_id is not None:
        flash(*_charged(payment_id))
    return back


def _begun(repair, approval) -> int | None:
    """The yes counts also where the card is gone meanwhile, or nothing is owed."""
    try:
        return charges.start_charge(repair, approval, after=0, actor=CUSTOMER).id
    except Invalid as error:
        flash(error.message, "warning")
        return None


def _charged(payment_id: int) -> tuple[str, str]:
    """Words and their kind. A job goes on where Stripe does not answer now."""
    try:
        payment = charges.charge_payment(payment_id)
        told = checkout.words_for_charge(payment)
        db.session.commit()
    except checkout.TROUBLE:
        db.session.rollback()
        return gettext("The payment company does not answer. We ask again: you need do nothing."), "warning"
    return told
