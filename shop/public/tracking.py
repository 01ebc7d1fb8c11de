"""Follow a repair: by its private link, or by ticket number and e-mail."""

from flask import Response, abort, current_app, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from jinja2_fragments.flask import render_block
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from shop.extensions import db, htmx, limiter
from shop.models.actor import CUSTOMER
from shop.models.base import utc_now
from shop.models.text import one_line
from shop.models.workflow import State
from shop.public.blueprint import bp
from shop.public.calendar_file import appointment
from shop.services import (
    appointments,
    consent,
    documents,
    extra_view,
    payment_view,
    pix,
    promise_view,
    qr_codes,
    tracking,
)
from shop.services.payments import cards

LIMIT = "8 per minute; 60 per hour"


def line(text: str | None) -> str:
    return one_line((text or "").replace("\x00", ""))


class TrackForm(FlaskForm):
    class Meta:
        # CSRFProtect checks every POST of the product.
        csrf = False

    number = StringField(
        _l("Ticket number"),
        filters=[line],
        validators=[
            InputRequired(_l("Write the ticket number, such as RT-10497.")),
            Length(max=20, message=_l("A ticket number looks like RT-10497.")),
        ],
    )
    email = StringField(
        _l("E-mail"),
        filters=[line],
        validators=[
            InputRequired(_l("Write the e-mail that you booked with.")),
            Length(max=254, message=_l("This e-mail is too long.")),
        ],
    )


@bp.route("/track/", methods=["GET", "POST"])
@limiter.limit(LIMIT, methods=["POST"])
def track_form():
    form = TrackForm()
    if not form.is_submitted():
        return render_template("public/track_form.html", form=form)
    if not form.validate():
        return render_template("public/track_form.html", form=form), 422
    repair = tracking.find_by_number(form.number.data, email=form.email.data)
    if repair is None:
        news = gettext("No repair has this number and this e-mail. Both stand in the confirmation that we sent you.")
        return render_template("public/track_form.html", form=form, news=news), 422
    return redirect(url_for("public.track", token=repair.tracking_token), 303)


@bp.get("/track/<token>")
def track(token: str):
    repair = tracking.get_tracked(token)
    if repair.tracking_token != token:
        return redirect(url_for("public.track", token=repair.tracking_token), 303)
    entries, money = tracking.history(repair), payment_view.of_repair(repair)
    facts = {
        "repair": repair, "entries": entries, "steps": tracking.progress(repair, entries),
        "promise": promise_view.promise_of(repair),
        "papers": documents.papers_of(repair),
        "balance": money.balance,
        "held": money.held,
        "may_pay": pix.can_be_paid_from_afar(repair) and repair.status != State.CANCELLED,
        "extra": extra_view.of_repair(repair), "may_keep_card": cards.is_offered(repair),
        "booking": appointments.find_booking(repair), "location": repair.location, "seen_at": utc_now(),
    }  # fmt: skip
    if htmx:
        return render_block("public/track.html", "live", **facts)
    return render_template("public/track.html", **facts)


@bp.post("/track/<token>/mails")
def choose_mails(token: str):
    """Whoever has the private link says whether mails about the status are wanted: `wanted` is 1 or empty."""
    repair, wanted = tracking.lock_tracked(token), request.form.get("wanted") == "1"
    consent.set_status_mails(repair, wanted, actor=CUSTOMER)
    db.session.commit()
    return redirect(url_for("public.track", token=token, _anchor="mails"), 303)


@bp.get("/track/<token>/code.<any(svg, png):kind>")
def tracking_code(token: str, kind: str):
    """The private link as a QR code; PNG for mail."""
    repair = tracking.get_tracked(token)
    address = current_app.config["SETTINGS"].BASE_URL + url_for("public.track", token=repair.tracking_token)
    if kind == "svg":
        return Response(qr_codes.svg(address), mimetype="image/svg+xml")
    return Response(qr_codes.png(address), mimetype="image/png")


@bp.get("/track/<token>/calendar.ics")
def calendar(token: str):
    repair = tracking.get_tracked(token)
    booking = appointments.find_booking(repair)
    if booking is None or booking.slot is None:
        abort(404)
    address = current_app.config["SETTINGS"].BASE_URL + url_for("public.track", token=token)
    answer = Response(appointment(repair, booking, address=address), mimetype="text/calendar")
    answer.headers["Content-Disposition"] = f'attachment; filename="{repair.number}.ics"'
    return answer
