"""Sudo: before a dangerous act a person proves anew, by password and code, that it is they."""

from flask import flash, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from shop import once
from shop.admin.access import path_of_page
from shop.extensions import db, htmx, limiter
from shop.security import local_path
from shop.services import staff

_WRONG = _l("This does not match, or the account is locked for a while. Check it and try again.")
_NOT_YET = _l("Nothing was changed yet. Confirm that it is you, then press again.")


class ConfirmForm(FlaskForm):
    """Its names differ from those of any other form, whose fields may travel with it."""

    sudo_password = PasswordField(_l("Your password"), [InputRequired(_l("Type your password.")), Length(max=256)])
    sudo_code = StringField(_l("Code from the app"), [InputRequired(_l("Type the six digits.")), Length(max=12)])
    sudo_back = HiddenField()


def ask_first():
    """None if the person has sudo or proves it with this very request; else the answer that asks for it.

    What was sent comes along as hidden fields: who confirms has done the act, and typed nothing twice.
    """
    if current_user.signed_in.has_sudo:
        return None
    if htmx:
        if request.method != "GET":
            flash(_NOT_YET, "info")
        return "", 403, {"HX-Redirect": url_for("account.confirm", next=_page_before())}
    if request.method != "POST":
        return redirect(url_for("account.confirm", next=request.full_path.rstrip("?")), 303)
    form = confirm_form()
    return None if is_proved(form) else show_form(form, status=422 if form.errors else 403)


def confirm_form() -> ConfirmForm:
    """Filled in if it was sent with this request. Asks for a code only from who has a second factor."""
    form = ConfirmForm() if _is_sent() else ConfirmForm(formdata=None, sudo_back=_page_before())
    if not staff.has_second_factor(current_user.id):
        del form.sudo_code
    return form


def is_proved(form: ConfirmForm) -> bool:
    """Checks what was sent, and commits: the sudo that it opens, or the failure that is counted."""
    return _is_sent() and form.validate() and _confirm(form)


def show_form(form: ConfirmForm, *, status: int):
    back = local_path(form.sudo_back.data, "/admin/")
    return render_template("admin/sign_in/confirm.html", form=form, sent=_other_fields(), back=back), status


@limiter.limit("20/minute")
def _confirm(form: ConfirmForm) -> bool:
    code = form.sudo_code.data if form.sudo_code else ""
    try:
        staff.confirm(
            current_user.signed_in.sign_in_id, password=form.sudo_password.data, code=code, actor=current_user.actor
        )
    except staff.SignInFailed:
        form.sudo_password.errors = [_WRONG]
    with once.not_yet():
        db.session.commit()
    return not form.errors


def _is_sent() -> bool:
    return "sudo_password" in request.form


def _other_fields() -> list[tuple[str, str]]:
    own = {"csrf_token", once.FIELD, "sudo_password", "sudo_code", "sudo_back"}
    # A provider's secret is never written into a page: it is pasted once more.
    return [(name, value) for name, value in request.form.items(multi=True) if name not in own and "secret" not in name]


def _page_before() -> str:
    return local_path(path_of_page(), "/admin/")
