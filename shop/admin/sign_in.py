"""Signing in and out of the console."""

import time

from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from shop.admin.forms import typed_line
from shop.extensions import db, limiter
from shop.security import local_path
from shop.services import staff

CODE_WITHIN_SECONDS = 300
_WRONG = _l("This address and password do not match, or the account is locked for a while. Check both and try again.")
_WRONG_CODE = _l("This code does not match. Wait for the next one and type it again.")

blueprint = Blueprint("sign_in", __name__)


class SignInForm(FlaskForm):
    email = EmailField(
        _l("E-mail"), [InputRequired(_l("Type your e-mail address.")), Length(max=254)], filters=[typed_line]
    )
    password = PasswordField(_l("Password"), [InputRequired(_l("Type your password.")), Length(max=256)])


class CodeForm(FlaskForm):
    code = StringField(_l("Code"), [InputRequired(_l("Type the six digits.")), Length(max=12)])


@blueprint.route("/login", methods=["GET", "POST"])
@limiter.limit("20/minute", methods=["POST"])
def login():
    if current_user.is_authenticated and request.method == "GET":
        return redirect(_target())
    form = SignInForm()
    if not form.validate_on_submit():
        return render_template("admin/sign_in/login.html", form=form), 422 if form.errors else 200
    try:
        token = staff.sign_in(email=form.email.data, password=form.password.data, **_origin())
    except staff.CodeNeeded as needed:
        db.session.commit()
        session["code_for"] = [needed.staff_id, int(time.time())]
        return redirect(url_for("sign_in.code", next=_target()), 303)
    except staff.SignInFailed:
        db.session.commit()
        form.password.errors = [_WRONG]
        return render_template("admin/sign_in/login.html", form=form), 422
    return _enter(token)


@blueprint.route("/login/code", methods=["GET", "POST"])
@limiter.limit("20/minute", methods=["POST"])
def code():
    staff_id = _waiting_for_code()
    if staff_id is None:
        return redirect(url_for("sign_in.login", next=_target()), 303)
    form = CodeForm()
    if not form.validate_on_submit():
        return render_template("admin/sign_in/code.html", form=form), 422 if form.errors else 200
    try:
        token = staff.sign_in_with_code(staff_id, form.code.data, **_origin())
    except staff.SignInFailed:
        db.session.commit()
        form.code.errors = [_WRONG_CODE]
        return render_template("admin/sign_in/code.html", form=form), 422
    return _enter(token)


@blueprint.post("/logout")
def logout():
    """Ends the sign-in; a second call is harmless."""
    if current_user.is_authenticated:
        staff.sign_out(current_user.signed_in.sign_in_id, actor=current_user.actor)
        db.session.commit()
    session.clear()
    flash(_l("You are signed out."), "success")
    return redirect(url_for("sign_in.login"), 303)


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)


def _enter(token: str):
    """A fresh cookie: nothing that was in it before the sign-in stays."""
    db.session.commit()
    session.clear()
    session["_user_id"], session["_fresh"] = token, True
    return redirect(_target(), 303)


def _target() -> str:
    return local_path(request.args.get("next"), "/admin/")


def _origin() -> dict:
    return {"address": request.remote_addr or "", "browser": request.user_agent.string}


def _waiting_for_code() -> int | None:
    staff_id, since = session.get("code_for", (None, 0))
    return staff_id if time.time() - since < CODE_WITHIN_SECONDS else None
