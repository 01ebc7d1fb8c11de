"""Why this person, and why this ticket: what was weighed, in words."""

from collections.abc import Mapping

from flask import Flask
from flask_babel import gettext as _

from shop.admin.load_words import LEVELS, hours, short_moment
from shop.admin.skill_words import words_of
from shop.filters import due_words
from shop.models.assignment import Obstacle, Proposal, Task
from shop.models.next_ticket import Choice, Reason
from shop.models.skills import Level


def skill_words(proposal: Proposal, names: Mapping[str, str]) -> str:
    """phones: expert; no skill entered for Main board."""
    fit = proposal.candidate.fit
    subject = words_of(fit.subject, names) if fit.subject else ""
    subject = f"{subject[:1].upper()}{subject[1:]}"
    if fit.level is None:
        return _("no skill entered for %(work)s", work=subject) if subject else _("no skill entered")
    if fit.level == Level.NEVER:
        return _("does not do this: %(work)s", work=subject)
    return f"{subject}: {LEVELS[fit.level]}"


def time_words(proposal: Proposal, task: Task) -> str:
    """3 h free before Thu 15:00; not here before Thu 15:00; 2 h too much before Thu 15:00."""
    one, until = proposal.candidate, short_moment(task.deadline)
    if task.is_late:
        until = _("tonight, for it is late already")
    if one.hours <= 0:
        return _("not here before %(until)s", until=until)
    if one.free >= task.minutes:
        return _("%(free)s free before %(until)s", free=hours(one.free), until=until)
    return _("%(short)s too few before %(until)s", short=hours(task.minutes - one.free), until=until)


def reason_words(proposal: Proposal, task: Task, names: Mapping[str, str]) -> str:
    """The whole of why, as one line."""
    if proposal.obstacle in (Obstacle.ABSENT, Obstacle.FULL):
        return f"{time_words(proposal, task)}; {skill_words(proposal, names)}"
    return f"{skill_words(proposal, names)}; {time_words(proposal, task)}"


def choice_words(choice: Choice) -> str:
    """Overdue 3 h; urgent; you are the expert."""
    words = {
        Reason.LATE: lambda: due_words(choice.ticket.due_at),
        Reason.MUST_BEGIN: lambda: _("must begin now to be ready %(when)s", when=short_moment(choice.ticket.due_at)),
        Reason.DUE: lambda: _("due %(when)s", when=short_moment(choice.ticket.due_at)),
        Reason.AT_RISK: lambda: _("at risk (%(why)s)", why=choice.ticket.risk_words),
        Reason.STALLED: lambda: _("stands still (%(why)s)", why=choice.ticket.risk_words),
        Reason.PRIORITY: lambda: _("urgent"),
        Reason.EXPERT: lambda: _("you are an expert in this"),
        Reason.ABLE: lambda: _("you can do this"),
        Reason.LEARNING: lambda: _("you are learning this"),
        Reason.BEGUN: lambda: _("begun already"),
        Reason.RETURNED: lambda: _("came back under warranty"),
    }
    said = [words[reason]() for reason in choice.reasons]
    return "; ".join([said[0][:1].upper() + said[0][1:], *said[1:]]) if said else ""


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(choice_words=choice_words, reason_words=reason_words)
