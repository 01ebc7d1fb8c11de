"""One's own account: sign-ins, two-step sign-in, password."""

import segno
from flask import flash, redirect, request, session, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import BooleanField, PasswordField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import EqualTo, InputRequired, Length

from shop.admin import sudo
from shop.admin.access import requires
from shop.admin.browsers import browser_words
from shop.admin.console import ConsoleView, show
from shop.admin.forms import show_faults
from shop.extensions import db, htmx, limiter
from shop.models.errors import Invalid
from shop.security import local_path
from shop.services import second_factor, staff_admin
from shop.services.preferences import save_preferences
from shop.services.staff import SignInFailed

PENDING = "pending_second_factor"
_CONSOLE = ("single_keys", "after_action")
_AFTER_ACTION = [SelectChoice("stay", _l("Stay on the ticket")), SelectChoice("next", _l("Go to the next in the view"))]
_PASSWORD_TRIES = limiter.limit("20/minute", methods=["POST"])


class PasswordForm(FlaskForm):
    old = PasswordField(_l("Present password"), [InputRequired(_l("Type your present password.")), Length(max=256)])
    new = PasswordField(
        _l("New password"),
        [InputRequired(_l("Type a new password.")), Length(max=256)],
        description=_l("10 characters or more. Four or five words that have nothing to do with each other are good."),
    )
    again = PasswordField(
        _l("New password again"), [EqualTo("new", _l("The two new passwords differ. Type the same one twice."))]
    )


class CodeForm(FlaskForm):
    code = StringField(_l("Code from the app"), [InputRequired(_l("Type the six digits.")), Length(max=12)])


class TurnOffForm(FlaskForm):
    password = PasswordField(_l("Your password"), [InputRequired(_l("Type your password.")), Length(max=256)])


class ConsoleForm(FlaskForm):
    single_keys = BooleanField(
        _l("Single keys"),
        description=_l(
            "j, k, s and others act at once. Switch them off if you speak to the computer, or press by mistake."
        ),
    )
    after_action = RadioField(
        _l("After a status, an assignment or a note"),
        choices=[
            SelectChoice("stay", _l("Stay on the ticket")),
            SelectChoice("next", _l("Go to the next in the view")),
        ],
    )


class AccountView(ConsoleView):
    @expose("/")
    @requires("account.self")
    def index(self):
        return _page()

    @expose("/console", methods=["POST"])
    @requires("account.self")
    def console(self):
        """How the console behaves for this person. A script sends single choices, the form sends all."""
        if htmx:
            return _choose()
        form = ConsoleForm()
        if not form.validate_on_submit():
            return _page(console_form=form, status=422)
        choices = {field.name: field.data for field in form if field.name in _CONSOLE}
        save_preferences(actor=current_user.actor, **choices)
        return _done(_("Saved"))

    @expose("/password", methods=["POST"])
    @requires("account.self")
    @_PASSWORD_TRIES
    def password(self):
        form = PasswordForm()
        if not form.validate_on_submit():
            return _page(password_form=form, status=422)
        try:
            staff_admin.change_own_password(
                old=form.old.data, new=form.new.data, keep=_this_sign_in(), actor=current_user.actor
            )
        except SignInFailed:
            _count_wrong(form.old)
            return _page(password_form=form, status=422)
        except Invalid as error:
            show_faults(form, error)
            return _page(password_form=form, status=422)
        return _done(_("Password changed. Every other browser is signed out."))

    @expose("/sign-ins/<row_id:sign_in_id>/end", methods=["POST"])
    @requires("account.self")
    def end(self, sign_in_id: int):
        staff_admin.end_own_sign_in(sign_in_id, actor=current_user.actor)
        return _done(_("That browser is signed out."))

    @expose("/sign-ins/end-others", methods=["POST"])
    @requires("account.self")
    def end_others(self):
        staff_admin.end_other_sign_ins(keep=_this_sign_in(), actor=current_user.actor)
        return _done(_("Every other browser is signed out."))

    @expose("/confirm", methods=["GET", "POST"])
    @requires("account.self")
    def confirm(self):
        """Where a person proves that it is they, and is sent on to what they were about to do."""
        target = local_path(request.args.get("next"), "/admin/")
        if request.method == "GET" and current_user.signed_in.has_sudo:
            return redirect(target, 303)
        form = sudo.confirm_form()
        if not sudo.is_proved(form):
            return sudo.show_form(form, status=200 if request.method == "GET" else 422)
        return redirect(target, 303)

    @expose("/two-step", methods=["GET", "POST"])
    @requires("account.self", sudo=True)
    @_PASSWORD_TRIES
    def two_step(self):
        form = CodeForm()
        if not form.validate_on_submit():
            return _two_step_page(form)
        try:
            staff_admin.turn_on_second_factor(secret=_pending_secret(), code=form.code.data, actor=current_user.actor)
        except Invalid as error:
            show_faults(form, error)
            return _two_step_page(form)
        session.pop(PENDING)
        return _done(_("Two-step sign-in is on. Keep the app: you need it at every sign-in."))

    @expose("/two-step/off", methods=["POST"])
    @requires("account.self")
    @_PASSWORD_TRIES
    def two_step_off(self):
        form = TurnOffForm()
        if not form.validate_on_submit():
            return _page(turn_off_form=form, status=422)
        try:
            staff_admin.turn_off_second_factor(password=form.password.data, actor=current_user.actor)
        except SignInFailed:
            _count_wrong(form.password)
            return _page(turn_off_form=form, status=422)
        return _done(_("Two-step sign-in is off. The password alone is enough now."))


def init_app(admin: Admin) -> None:
    admin.add_view(AccountView("Account", path="account"))


def _count_wrong(field) -> None:
    db.session.commit()
    field.errors = [_("This is not your present password, or the account is locked for a while.")]


def _choose():
    choices = {name: request.form[name] for name in ("after_action",) if name in request.form}
    try:
        save_preferences(actor=current_user.actor, **choices)
    except Invalid:
        return "", 422
    db.session.commit()
    return "", 204


def _page(*, password_form=None, turn_off_form=None, console_form=None, status: int = 200):
    return show(
        "admin/account/page.html",
        status=status,
        person=staff_admin.get_staff_row(current_user.id),
        sign_ins=staff_admin.sign_ins_of(current_user.id),
        this_sign_in=_this_sign_in(),
        browser_words=browser_words,
        console_form=console_form or _console_form(),
        password_form=password_form or PasswordForm(formdata=None),
        turn_off_form=turn_off_form or TurnOffForm(formdata=None),
    )


def _console_form() -> ConsoleForm:
    likes = current_user.preferences
    return ConsoleForm(
        formdata=None,
        single_keys=likes.single_keys,
        after_action=likes.after_action or "stay",
    )


def _two_step_page(form: CodeForm):
    if staff_admin.get_staff_row(current_user.id).has_second_factor:
        return redirect(url_for("account.index"), 303)
    secret = _pending_secret()
    uri = second_factor.provisioning_uri(current_user, secret)
    # Black on white in both themes: many apps cannot read it the other way round.
    code = segno.make(uri, error="m").svg_inline(
        dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    return show(
        "admin/account/two_step.html", status=422 if form.errors else 200,
        form=form, code=Markup(code), secret=secret,  # noqa: S704 - segno writes the SVG, from an escaped address
    )  # fmt: skip


def _pending_secret() -> str:
    """In the signed cookie until a code proves that the app has it, so that no form can bring another one."""
    return session.setdefault(PENDING, second_factor.new_secret())


def _this_sign_in() -> int:
    return current_user.signed_in.sign_in_id


def _done(message: str):
    db.session.commit()
    flash(message, "success")
    return redirect(url_for("account.index"), 303)
