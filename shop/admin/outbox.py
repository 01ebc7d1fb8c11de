"""The outbox: mail as it was written, and what could not be delivered."""

from flask import current_app, flash, make_response, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.admin.forms import place
from shop.extensions import db
from shop.models.errors import CannotUndo
from shop.security import local_path
from shop.services import mails, outbox, told

WIDTHS = ("desktop", "phone")
LONGEST_QUERY = 254
# A mail is somebody's HTML: no script, no form, no origin of ours, no picture but the shop's own.
PREVIEW_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data: 'self' {base}; frame-ancestors 'self'"
)


class OutboxView(ConsoleView):
    @expose("/")
    @requires("outbox.view")
    def index(self):
        q = request.args.get("q", "")[:LONGEST_QUERY].replace("\0", "")
        page = outbox.list_messages(q, before=place("before"))
        return show(
            "admin/outbox/list.html",
            q=q,
            page=page,
            troubles=len(outbox.list_troubles()),
            waiting=len(told.list_waiting()),
        )

    @expose("/undelivered")
    @requires("outbox.view")
    def undelivered(self):
        return show("admin/outbox/undelivered.html", troubles=outbox.list_troubles(), waiting=len(told.list_waiting()))

    @expose("/<row_id:message_id>")
    @requires("outbox.view")
    def message(self, message_id: int):
        width = request.args.get("width", WIDTHS[0])
        message = outbox.get_message(message_id)
        return show(
            "admin/outbox/message.html",
            message=message, text=outbox.without_keys(message.text), attachments=mails.attachments(message),
            delivery=outbox.get_delivery(message.delivery_id),
            width=width if width in WIDTHS else WIDTHS[0],
        )  # fmt: skip

    @expose("/<row_id:message_id>/preview")
    @requires("outbox.view")
    def preview(self, message_id: int):
        response = make_response(outbox.without_keys(outbox.get_message(message_id).html))
        base = current_app.config["SETTINGS"].BASE_URL
        response.headers["Content-Security-Policy"] = PREVIEW_POLICY.format(base=base)
        return response

    @expose("/deliveries/<row_id:delivery_id>/resend", methods=["POST"])
    @requires("outbox.resend")
    def resend(self, delivery_id: int):
        outbox.resend(delivery_id, actor=current_user.actor)
        db.session.commit()
        flash(_("On its way again."), "success")
        return redirect(local_path(request.args.get("next"), url_for("outbox.undelivered")), 303)

    @expose("/waiting")
    @requires("outbox.view")
    def waiting(self):
        waiting = told.list_waiting()
        return show("admin/outbox/waiting.html", waiting=waiting, troubles=len(outbox.list_troubles()))

    @expose("/deliveries/<row_id:delivery_id>/send-now", methods=["POST"])
    @requires("message.decide")
    def send_now(self, delivery_id: int):
        return _decided(told.send_now, delivery_id, _("On its way."))

    @expose("/deliveries/<row_id:delivery_id>/stop", methods=["POST"])
    @requires("message.decide")
    def stop(self, delivery_id: int):
        return _decided(told.stop, delivery_id, _("It will not be sent."))


def _decided(decide, delivery_id: int, words: str):
    try:
        decide(delivery_id, actor=current_user.actor)
    except CannotUndo as error:
        db.session.rollback()
        flash(error.message, "error")
    else:
        db.session.commit()
        flash(words, "success")
    return redirect(local_path(request.args.get("next"), url_for("outbox.waiting")), 303)


def init_app(admin: Admin) -> None:
    admin.add_view(OutboxView("Outbox", path="outbox"))
