"""Settings that the console keeps: the keys under which payment providers know the shop."""

from flask import abort, current_app, flash, redirect, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.admin.forms import show_faults, typed_line
from shop.extensions import db, limiter
from shop.models.errors import Invalid, ProviderDown, ProviderRefused
from shop.models.payment import Provider
from shop.services import staff
from shop.services.payments import keys
from shop.services.payments.gateway import gateway_of

_NEEDED = InputRequired(_l("Copy it from the provider's page."))
_SHORT = Length(max=300)


class StripeForm(FlaskForm):
    secret_key = PasswordField(_l("Secret key"), [_NEEDED, _SHORT], description=_l("sk_test_… or sk_live_…"))
    publishable_key = StringField(
        _l("Publishable key"), [_NEEDED, _SHORT], filters=[typed_line], description=_l("pk_test_… or pk_live_…")
    )
    webhook_secret = PasswordField(_l("Signing secret of the webhook"), [_NEEDED, _SHORT], description=_l("whsec_…"))


class PayPalForm(FlaskForm):
    client_id = StringField(_l("Client id"), [_NEEDED, _SHORT], filters=[typed_line])
    client_secret = PasswordField(_l("Client secret"), [_NEEDED, _SHORT])
    webhook_id = StringField(_l("Id of the webhook"), [_NEEDED, _SHORT], filters=[typed_line])


NAMES = {Provider.STRIPE: "Stripe", Provider.PAYPAL: "PayPal"}
_FORMS = {Provider.STRIPE: StripeForm, Provider.PAYPAL: PayPalForm}


class SettingsView(ConsoleView):
    @expose("/")
    @requires(keys.RIGHT)
    def index(self):
        return _page()

    @expose("/payments/<any(stripe, paypal):provider>", methods=["GET", "POST"])
    @requires(keys.RIGHT, sudo=True)
    def provider(self, provider: str):
        form = _FORMS[Provider(provider)]()
        if not form.validate_on_submit():
            return _form(provider, form, status=422 if form.errors else 200)
        typed = {_setting(provider, field.name): field.data for field in form if field.name != "csrf_token"}
        try:
            keys.save(provider, typed, actor=current_user.actor)
            db.session.commit()
        except Invalid as error:
            faults = {name.removeprefix(f"{provider.upper()}_").lower(): text for name, text in error.fields.items()}
            show_faults(form, Invalid(faults))
            return _form(provider, form, status=422)
        keys.look_again()
        flash(_("Kept. Try them now: nothing is charged."), "success")
        return redirect(url_for("settings.index"), 303)

    @expose("/payments/<any(stripe, paypal):provider>/remove", methods=["POST"])
    @requires(keys.RIGHT, sudo=True)
    def remove(self, provider: str):
        keys.remove(provider, actor=current_user.actor)
        db.session.commit()
        keys.look_again()
        flash(_("Taken away."), "success")
        return redirect(url_for("settings.index"), 303)

    @expose("/payments/<any(stripe, paypal):provider>/try", methods=["POST"])
    @requires(keys.RIGHT)
    @limiter.limit("12 per minute")
    def try_keys(self, provider: str):
        db.session.rollback()
        try:
            gateway_of(provider).check()
            flash(_("%(provider)s knows these keys.", provider=NAMES[provider]), "success")
        except ProviderDown:
            flash(_("%(provider)s does not answer. Try again in a moment, and look at the network of the server.",
                    provider=NAMES[provider]), "warning")  # fmt: skip
        except ProviderRefused as error:
            flash(_("%(provider)s does not take these keys (%(why)s). Copy them once more.",
                    provider=NAMES[provider], why=error.reason), "error")  # fmt: skip
        return redirect(url_for("settings.index"), 303)


def init_app(admin: Admin) -> None:
    admin.add_view(SettingsView("Settings", path="settings"))


def _page():
    held = keys.held()
    return show(
        "admin/settings/payments.html", held=held, names=NAMES, webhooks=_webhooks(held),
        is_real=current_app.config["SETTINGS"].ENABLE_REAL_PAYMENTS,
        people=staff.names({one.changed_by for one in held if one.changed_by}),
    )  # fmt: skip


def _form(provider: str, form: FlaskForm, *, status: int):
    held = {one.provider: one for one in keys.held()}[Provider(provider)]
    if held.source == "environment":
        abort(404)
    return show(
        "admin/settings/provider.html", form=form, provider=provider, names=NAMES, webhook=_webhooks([held])[provider],
        is_real=current_app.config["SETTINGS"].ENABLE_REAL_PAYMENTS, status=status,
    )  # fmt: skip


def _webhooks(held) -> dict[str, str]:
    """Where each provider must send what it has to tell."""
    base = current_app.config["SETTINGS"].BASE_URL
    return {one.provider: f"{base}/api/v1/payments/{one.provider}/webhooks" for one in held}


def _setting(provider: str, field: str) -> str:
    return f"{provider}_{field}".upper()
