"""A customer's account: sign in, set a password by a mailed link, see one's repairs. It is never needed."""

from flask import flash, redirect, render_template, session, url_for
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from shop import customer_session
from shop.extensions import db, limiter
from shop.models.errors import Invalid
from shop.public.blueprint import bp
from shop.public.tracking import line
from shop.services import accounts
from shop.services.passwords import LONGEST

LINK_LIMIT = "8 per minute; 60 per hour"
TRIES = limiter.limit("20/minute", methods=["POST"])
_LINK, _ASKED_FOR = "password_link", "link_asked_for"
_WRONG = _l("This address and password do not match, or the account is locked for a while. Check both and try again.")


class AccountForm(FlaskForm):
    class Meta:
        # CSRFProtect checks every POST of the product.
        csrf = False


class LinkForm(AccountForm):
    email = StringField(
        _l("E-mail"),
        filters=[line],
        validators=[
            InputRequired(_l("Type your e-mail address.")),
            Length(max=254, message=_l("This e-mail is too long.")),
        ],
    )


class SignInForm(LinkForm):
    password = PasswordField(_l("Password"), [InputRequired(_l("Type your password.")), Length(max=LONGEST)])


class PasswordForm(AccountForm):
    password = PasswordField(
        _l("New password"),
        [InputRequired(_l("Type a new password."))],
        description=_l("10 characters or more. Four or five words that have nothing to do with each other are good."),
    )


@bp.get("/account/")
def my_repairs():
    signed_in = customer_session.current()
    if signed_in is None:
        return redirect(url_for("public.account_sign_in"), 303)
    repairs = accounts.repairs_of(signed_in)
    return render_template("public/account/repairs.html", signed_in=signed_in, repairs=repairs)


@bp.route("/account/sign-in", methods=["GET", "POST"])
@TRIES
def account_sign_in():
    form = SignInForm()
    if not form.is_submitted():
        return redirect(url_for("public.my_repairs"), 303) if customer_session.current() else _sign_in_page(form)
    if not form.validate():
        return _sign_in_page(form)
    try:
        token = accounts.sign_in(email=form.email.data, password=form.password.data)
    except accounts.SignInFailed:
        db.session.commit()
        form.password.errors = [_WRONG]
        return _sign_in_page(form)
    return _enter(token)


@bp.post("/account/sign-out")
def account_sign_out():
    """Ends the sign-in; a second call is harmless."""
    customer_session.leave()
    db.session.commit()
    flash(_l("You are signed out."), "success")
    return redirect(url_for("public.account_sign_in"), 303)


@bp.route("/account/forgot", methods=["GET", "POST"])
@limiter.limit(LINK_LIMIT, methods=["POST"])
def ask_link():
    """Sends a link to whoever asks, a first one as well as a new one. The answer is the same for every address."""
    form = LinkForm()
    if not form.is_submitted():
        return render_template("public/account/forgot.html", form=form)
    if not form.validate():
        return render_template("public/account/forgot.html", form=form), 422
    try:
        session[_ASKED_FOR] = accounts.ask_link(form.email.data, locale=str(get_locale()))
    except Invalid as error:
        form.email.errors = [error.fields["email"]]
        return render_template("public/account/forgot.html", form=form), 422
    db.session.commit()
    return redirect(url_for("public.link_sent"), 303)


@bp.get("/account/link-sent")
def link_sent():
    if _ASKED_FOR not in session:
        return redirect(url_for("public.ask_link"), 303)
    return render_template("public/account/link_sent.html", email=session[_ASKED_FOR])


@bp.get("/account/set-password/<token>")
def open_link(token: str):
    """Takes the link out of the address before a page is shown, so that no history, log or referrer keeps it."""
    session[_LINK] = token[:64]
    answer = redirect(url_for("public.set_password"), 303)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@bp.route("/account/set-password", methods=["GET", "POST"])
@TRIES
def set_password():
    token = session.get(_LINK, "")
    email = accounts.find_link(token)
    if email is None:
        return _gone()
    form = PasswordForm()
    if not form.validate_on_submit():
        return _password_page(form, email)
    try:
        sign_in = accounts.set_password(token, form.password.data)
    except Invalid as error:
        form.password.errors = [error.fields["password"]]
        return _password_page(form, email)
    except accounts.LinkGone:
        return _gone()
    session.pop(_LINK)
    flash(_l("Your password is set, and you are signed in."), "success")
    return _enter(sign_in)


def _enter(token: str):
    db.session.commit()
    customer_session.enter(token)
    return redirect(url_for("public.my_repairs"), 303)


def _sign_in_page(form: SignInForm):
    return render_template("public/account/sign_in.html", form=form), 422 if form.errors else 200


def _password_page(form: PasswordForm, email: str):
    return render_template("public/account/set_password.html", form=form, email=email), 422 if form.errors else 200


def _gone():
    """The same page for a link that is used, too old or invented. It offers a new one."""
    session.pop(_LINK, None)
    return render_template("public/account/link_gone.html", form=LinkForm(formdata=None)), 410
