"""“This will send …”: what a change of status tells the customer is shown before it is done, word for word."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from flask import render_template, request, url_for
from flask_babel import gettext as _

from shop import filters
from shop.admin.answers import dialog
from shop.extensions import db
from shop.models.errors import Invalid
from shop.models.location import Location
from shop.models.repair import Repair
from shop.models.undo import UNDO_SECONDS
from shop.models.workflow import State
from shop.services import mails, messages, repairs
from shop.services.messages import HELD, NEVER, Obstacle, Send, When
from shop.services.repairs import Moved
from shop.services.subscriptions import TOLD_BY_MAIL


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person chose in the dialog. `when` is None while nothing was chosen: then nothing is sent unseen."""

    when: When | None
    send: Send
    faults: dict[str, str]

    @classmethod
    def read(cls, repair: Repair) -> "Choice":
        chosen = request.form.get("send", "")
        if chosen not in list(When):
            return cls(None, HELD, {})
        if chosen == When.NONE:
            return cls(When.NONE, NEVER, {})
        if chosen == When.NOW:
            return cls(When.NOW, HELD, {})
        try:
            return cls(When.LATER, messages.later_at(request.form.get("send_at", ""), repair.location), {})
        except Invalid as error:
            return cls(When.LATER, HELD, error.fields)


@dataclass(frozen=True, slots=True)
class Sending:
    """What the dialog offers, and what of it is chosen. `quiet` are the quiet hours, while they last."""

    when: When
    proposed: datetime
    typed: str
    is_wrong: bool
    quiet: tuple[time, time] | None
    held: int = UNDO_SECONDS

    @classmethod
    def of(cls, location: Location, choice: Choice) -> "Sending":
        proposed = messages.propose_later(location).astimezone(ZoneInfo(location.zone))
        return cls(
            when=choice.when or When.NOW, proposed=proposed, is_wrong="send_at" in choice.faults,
            typed=request.form.get("send_at") or _as_typed(proposed),
            quiet=location.quiet_hours if messages.is_quiet(location) else None,
        )  # fmt: skip


def was_read(message: mails.Message) -> bool:
    """True if this is the message that the dialog has shown."""
    return request.form.get("shown") == message.fingerprint


def ask(repair: Repair, moved: Moved, choice: Choice):
    """The dialog, with the move undone, while nothing was chosen or what was seen is not what would be sent; else None.

    Called between the move and its commit: the text is made by what sends it, of the repair as it will be.
    """
    target = moved.transition.target
    if not messages.is_told(repair, target) or (choice.when == When.NONE):
        return None
    message = mails.compose(repair, target)
    was_changed = choice.when is not None and not was_read(message)
    if choice.when is not None and not was_changed and not choice.faults:
        return None
    db.session.rollback()
    return _dialog(
        repairs.get_repair(repair.number), target, message, choice,
        was_changed=was_changed and not choice.faults, status=422 if choice.faults else 200,
    )  # fmt: skip


def said(repair: Repair, moved: Moved, choice: Choice) -> tuple[str, str]:
    """What the toast says of the message, and what its countdown says."""
    first, target = repair.customer.name.split()[0], moved.transition.target
    if target not in TOLD_BY_MAIL:
        return "", ""
    obstacle = messages.find_obstacle(repair.customer)
    if obstacle == Obstacle.NO_ADDRESS:
        return _("%(name)s has no e-mail address: nothing is sent", name=first), ""
    if obstacle == Obstacle.OPTED_OUT:
        return _("%(name)s wants no e-mails: nothing is sent", name=first), ""
    if choice.when == When.NONE:
        return _("Nothing is sent"), ""
    if choice.when == When.LATER:
        return leaves(choice), ""
    return "", _("E-mail to %(name)s leaves in %(n)s s", name=first, n="{n}")


def leaves(choice: Choice) -> str:
    return _("The e-mail leaves %(time)s", time=filters.local_datetime(choice.send.at))


def _dialog(repair: Repair, target: State, message: mails.Message, choice: Choice, *, was_changed: bool, status: int):
    status_words = render_template("admin/repairs/_status_words.html", status=target).strip()
    return dialog(
        "admin/repairs/send.html", "send_form", status=status, is_wide=True,
        title=_("Move %(number)s to %(status)s?", number=repair.number, status=status_words),
        repair=repair, target=target, message=message, faults=choice.faults, was_changed=was_changed,
        sending=Sending.of(repair.location, choice), way=url_for("repairs.move", number=repair.number),
        seen=request.form.get("seen", repair.status), diagnosis=request.form.get("diagnosis", ""),
    )  # fmt: skip


def _as_typed(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M")
