"""Payments: the list, one payment with its whole conversation, disputes, and the file for the accountant."""

import json
from collections.abc import Callable, Iterator

from flask import Response, flash, redirect, stream_with_context, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import to_user_timezone
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.cells import MARK, line
from shop.admin.console import ConsoleView, show
from shop.admin.forms import list_filters, place
from shop.admin.held import outcome
from shop.admin.money import WAYS
from shop.admin.refusal_words import ADVICE, REFUSAL_WORDS
from shop.extensions import db
from shop.locales import select_timezone
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid, ProviderDown, ProviderRefused
from shop.models.money import plain_money
from shop.models.payment import ONLINE, Payment
from shop.services import payment_list, staff, webhook_log
from shop.services.payment_list import STATES, Filters
from shop.services.payments import attempts, charges, held, webhooks

STATE_WORDS = {
    "created": _l("begun"),
    "action_needed": _l("waits for the customer"),
    "processing": _l("on its way"),
    "authorised": _l("authorised"),
    "ending": _l("held, ends within a day"),
    "paid": _l("paid"),
    "failed": _l("failed"),
    "cancelled": _l("given up"),
    "open": _l("undecided"),
    "refunded": _l("given back"),
    "disputed": _l("disputed"),
    "faulty": _l("to be looked at"),
}
FAULT_WORDS = {
    "mismatch": _l("The provider names another amount or currency than we asked for. It is not counted as paid."),
    "late": _l("It came after the booking was given up. Book again or give it back."),
    "overpaid": _l("More came than was owed. Give the rest back, or keep it for further work."),
}
EVENT_WORDS = {"waiting": _l("waits"), "done": _l("dealt with"), "unknown": _l("unknown"), "failed": _l("failed")}
_WEBHOOK_STATES = {**EVENT_WORDS, webhook_log.REFUSED: _l("refused")}
PURPOSES = {
    "deposit": _l("deposit"),
    "full": _l("all of it"),
    "balance": _l("part or rest"),
    "approved": _l("approved quote"),
    "hold": _l("held, to be taken later"),
}
_INVENTED = _l(
    "This payment was invented for the demo: no provider knows it. Book a repair and pay it to try this out."
)
_COLUMNS = (
    "payment", "time", "ticket", "way", "purpose", "state", "currency", "amount", "taken", "given back", "fee",
    "reference", "real money",
)  # fmt: skip


class PaymentsView(ConsoleView):
    @expose("/")
    @requires("payment.view")
    def index(self):
        filters, faults = _asked()
        before = place("before")
        page = payment_list.read_page(filters, zone=select_timezone(), actor=current_user.actor, before=before)
        return show(
            "admin/payments/list.html", status=422 if faults else 200, filters=filters, faults=faults, page=page,
            before=before, states=STATES, state_words=STATE_WORDS, ways=WAYS, purposes=PURPOSES,
            trouble=_trouble(),
        )  # fmt: skip

    @expose("/<row_id:payment_id>")
    @requires("payment.view")
    def payment(self, payment_id: int):
        found = payment_list.get_payment(payment_id, actor=current_user.actor)
        return show(
            "admin/payments/payment.html", found=found, payment=found.payment, ways=WAYS, state_words=STATE_WORDS,
            fault_words=FAULT_WORDS, purposes=PURPOSES, people=_people(found),
        )  # fmt: skip

    @expose("/<row_id:payment_id>/ask", methods=["POST"])
    @requires("payment.take")
    def ask(self, payment_id: int):
        """Asks the provider again what has become of it."""
        return _asked_of_provider(
            payment_id, charges.ask_again, lambda _payment: _("Asked again: this is how it stands.")
        )

    @expose("/<row_id:payment_id>/give-up", methods=["POST"])
    @requires("payment.take")
    def give_up(self, payment_id: int):
        """Before the provider is asked, it is on record who did."""

        def release(payment_id: int) -> Payment:
            held.request_release(payment_id, actor=current_user.actor)
            db.session.commit()
            return attempts.cancel_payment(payment_id)

        return _asked_of_provider(payment_id, release, outcome)

    @expose("/<row_id:payment_id>/capture", methods=["POST"])
    @requires("payment.take")
    def capture(self, payment_id: int):
        """All that was authorised; before the provider is asked, it is on record who did.

        Of what is held, as much is taken as is asked for on the ticket.
        """
        payment = payment_list.get_payment(payment_id, actor=current_user.actor).payment
        if payment.is_held:
            there = url_for("repairs.take_held", number=payment.repair.number, payment_id=payment_id)
            return redirect(there, 303)

        def take(payment_id: int) -> Payment:
            held.request_take(payment_id, actor=current_user.actor)
            db.session.commit()
            return attempts.capture_payment(payment_id)

        return _asked_of_provider(payment_id, take, outcome)

    @expose("/<row_id:payment_id>/seen", methods=["POST"])
    @requires("ledger.view")
    def seen(self, payment_id: int):
        """What was wrong with it has been seen to."""
        payment_list.clear_fault(payment_id, actor=current_user.actor)
        db.session.commit()
        flash(_("Noted."), "success")
        return redirect(url_for("payments.payment", payment_id=payment_id), 303)

    @expose("/webhooks")
    @requires("ledger.view")
    def webhooks(self):
        known = {"state": _WEBHOOK_STATES, "provider": ONLINE}
        found, faults = list_filters(webhook_log.Filters.__dataclass_fields__, known)
        filters, before = webhook_log.Filters(**found), place("before")
        return show(
            "admin/payments/webhooks.html", status=422 if faults else 200, filters=filters, faults=faults,
            page=webhook_log.read_page(filters, before=before), before=before, ways=WAYS, states=_WEBHOOK_STATES,
            refusals=REFUSAL_WORDS, advice=ADVICE, trouble=_trouble(),
        )  # fmt: skip

    @expose("/webhooks/<row_id:event_id>")
    @requires("ledger.view")
    def webhook(self, event_id: int):
        event = webhook_log.get_event(event_id)
        return show(
            "admin/payments/webhook.html", event=event, body=_pretty(event.body),
            headers=_pretty(event.headers.encode()), ways=WAYS, states=EVENT_WORDS,
        )  # fmt: skip

    @expose("/webhooks/<row_id:event_id>/replay", methods=["POST"])
    @requires("ledger.view")
    def replay(self, event_id: int):
        webhooks.replay(event_id, actor=current_user.actor)
        db.session.commit()
        flash(_("It is being worked on again."), "success")
        return redirect(url_for("payments.webhook", event_id=event_id), 303)

    @expose("/disputes")
    @requires("payment.view")
    def disputes(self):
        return show(
            "admin/payments/disputes.html", disputes=payment_list.open_disputes(), ways=WAYS, now=utc_now(),
            trouble=_trouble(),
        )  # fmt: skip

    @expose("/export")
    @requires("ledger.view")
    def export(self):
        """What the list selects as CSV, amounts as plain numbers, times by the shop's clock."""
        filters, _faults = _asked()
        body = stream_with_context(_file(filters, current_user.actor))
        name = f"payments-{to_user_timezone(utc_now()):%Y-%m-%d}.csv"
        headers = {"Content-Disposition": f"attachment; filename={name}"}
        return Response(body, mimetype="text/csv", headers=headers)


def _trouble() -> dict[str, int]:
    return {**payment_list.count_trouble(), "webhooks": webhook_log.count_trouble()}


def _asked_of_provider(payment_id: int, ask: Callable[[int], Payment], words: Callable[[Payment], str]):
    """Nothing is locked while the provider is asked; what it says is kept, and said in `words` of the payment."""
    db.session.rollback()
    try:
        payment = ask(payment_id)
        news, kind = (_INVENTED, "warning") if payment.is_invented else (words(payment), "success")
        db.session.commit()
        flash(news, kind)
    except (Invalid, ProviderDown, ProviderRefused) as error:
        db.session.rollback()
        flash(error.message, "error")
    return redirect(url_for("payments.payment", payment_id=payment_id), 303)


def _pretty(text: bytes) -> str:
    """JSON as people read it; anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text.decode("utf-8", "replace")


def _asked() -> tuple[Filters, dict[str, str]]:
    """What of the address can be used, and what is wrong with the rest, by field."""
    found, faults = list_filters(Filters.__dataclass_fields__, {"state": STATES, "provider": WAYS})
    return Filters(**found), faults


def _people(found: payment_list.Whole) -> dict[str, str]:
    """The names behind the references of whoever acted."""
    references = {found.payment.actor, *(refund.actor for refund in found.payment.refunds)}
    ids = {int(reference.partition(":")[2]) for reference in references if reference.startswith("staff:")}
    names = staff.names(ids)
    return {f"staff:{key}": name for key, name in names.items()} | {
        "customer": _("the customer"), "system": _("the system"),
    }  # fmt: skip


def _file(filters: Filters, actor: Actor) -> Iterator[str]:
    yield MARK + line(_COLUMNS)
    for row in payment_list.read_all(filters, zone=select_timezone(), actor=actor):
        amounts = (plain_money(value, row.currency) for value in (row.amount, row.captured, row.refunded, row.fee))
        yield line((
            row.id, f"{to_user_timezone(row.created_at):%Y-%m-%d %H:%M}", row.number, row.provider, row.purpose,
            row.state, row.currency, *amounts, row.provider_ref or "", "yes" if row.livemode else "no",
        ))  # fmt: skip


def init_app(admin: Admin) -> None:
    admin.add_view(PaymentsView("Payments", path="payments"))
